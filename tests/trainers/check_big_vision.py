"""Loads an emitted big_vision config as `--config FILE` does and prints it as JSON; needs ml_collections only."""

import importlib.util
import json
import sys

spec = importlib.util.spec_from_file_location("config", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
config = module.get_config()
config.lock()
print(json.dumps(config.to_dict()))
