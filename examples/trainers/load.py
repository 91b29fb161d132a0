"""Loads every emitted config with its library and compares the parameters with those that sovitc predicts.

    sovitc examples/trainers/plan.sov
    python examples/trainers/load.py sovit-out/trainers

Models are built on the meta device: no weight is allocated. candle, a library of Rust, builds by the program that
`cargo build --manifest-path tests/trainers/candle/Cargo.toml` makes and SOVIT_CANDLE names. A library that is not there
is said to be missing. Ends with 1 where a model has other parameters.
"""

import importlib.util
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"


def load(path):
    spec = importlib.util.spec_from_file_location(re.sub(r"\W", "_", str(path)), path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def trainable(model):
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def of_transformers(path):
    import torch
    import transformers

    config = transformers.AutoConfig.from_pretrained(path.parent)
    with torch.device("meta"):
        model = getattr(transformers, config.architectures[0])(config)
    # Of two towers the vision one.
    return transformers, trainable(model.vision_model if hasattr(config, "vision_config") else model)


def of_training_arguments(path):
    import transformers

    # What the file says of precision needs a GPU only to run.
    fields = json.loads(path.read_text()) | {"use_cpu": True, "output_dir": os.devnull}
    transformers.HfArgumentParser(transformers.TrainingArguments).parse_dict(fields)
    return transformers, None


def of_timm(path):
    import timm

    return timm, trainable(timm.create_model(f"local-dir:{path.parent}", device="meta"))


def of_open_clip(path):
    import open_clip
    import torch

    if (path.parent / "register.py").exists():
        load(path.parent / "register.py")
    open_clip.add_model_config(path.parent)
    with torch.device("meta"):
        visual = open_clip.create_model(path.stem, device="meta").visual
    # The projection into the space of the texts is no part of the encoder.
    return open_clip, trainable(visual.trunk) if hasattr(visual, "trunk") else trainable(visual) - visual.proj.numel()


def of_torchvision(path):
    import torch
    import torchvision

    with torch.device("meta"):
        return torchvision, trainable(load(path).get_model())


def of_keras_hub(path):
    import keras
    import keras_hub

    # No variable is made in such a scope: what it would be is known all the same.
    with keras.StatelessScope():
        weights = load(path).get_model().trainable_weights
    return keras_hub, sum(math.prod(weight.shape) for weight in weights)


def of_candle(path):
    program = os.environ.get("SOVIT_CANDLE")
    if not program:
        raise ImportError("SOVIT_CANDLE names no program")
    cases = json.dumps([{"path": str(path.parent)}])
    model = json.loads(subprocess.run([program], input=cases, stdout=subprocess.PIPE, text=True, check=True).stdout)
    return SimpleNamespace(__version__=model["version"]), model["params"]


def of_big_vision(path):
    import ml_collections

    load(path).get_config().lock()
    return ml_collections, None


def loader(path):
    """What loads a file; nothing where no library here does."""
    if path.name == "torchvision.py":
        return of_torchvision
    if path.name == "keras_hub.py":
        return of_keras_hub
    if path.name == "big_vision.py":
        return of_big_vision
    if path.name == "training_args.json":
        return of_training_arguments
    if path.suffix != ".json":
        return None
    config = json.loads(path.read_text())
    if "model_type" in config:
        return of_transformers
    if "model_args" in config:
        return of_timm
    if "vision_cfg" in config:
        return of_open_clip
    return of_candle if "hidden_act" in config else None


def main():
    out = Path(sys.argv[1])
    summary = json.loads((out / "summary.json").read_text())
    predicted = {search["name"]: search["cost"]["params"] for search in summary["searches"]}
    wrong = False
    for file in summary["files"]:
        path = out / file["path"]
        find = loader(path)
        if find is None:
            continue
        name = find.__name__.removeprefix("of_").replace("training_arguments", "transformers")
        try:
            library, params = find(path)
        except ImportError as error:
            print(f"{name:13} missing: {error}")
            continue
        want = predicted[file["path"].split("/")[0]]
        verdict = "loads" if params is None else "equal" if params == want else f"WRONG, predicted {want}"
        wrong |= params not in (None, want)
        version = getattr(library, "__version__", "")
        print(f"{name:13} {version:14} {file['path']:32} {'' if params is None else params:>12} {verdict}")
    sys.exit(wrong)


main()
