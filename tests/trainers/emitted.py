"""Loads an emitted Python file as a module."""

import importlib.util
import sys


def load(path):
    spec = importlib.util.spec_from_file_location("emitted_file", path)
    module = importlib.util.module_from_spec(spec)
    # timm asks the module of a model for its names.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
