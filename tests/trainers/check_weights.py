"""Builds emitted models and looks for the weights that the kernels are packed from.

    python check_weights.py < cases.json

A case: {"library": ..., "path": ..., "weights": [{"name": ..., "shape": ...}]}, names with `*` for a block and NumPy's
slice of rows behind them. Prints one line of JSON a case: the names that are not there or have another shape, and the
parameters that no name speaks of.
"""

import json
import os
import re
import sys


def transformers(path):
    import transformers as library

    config = library.AutoConfig.from_pretrained(path)
    return getattr(library, config.architectures[0])(config)


def timm(path):
    import timm as library

    return library.create_model(f"local-dir:{path}")


def open_clip(path):
    import open_clip as library

    name = next(name[:-5] for name in os.listdir(path) if name.endswith(".json"))
    library.add_model_config(path)
    return library.create_model(name).visual


def main():
    for case in json.load(sys.stdin):
        model = globals()[case["library"]](case["path"])
        parameters = {name: list(parameter.shape) for name, parameter in model.named_parameters()}
        wrong, spoken = [], set()
        for weight in case["weights"]:
            name, rows = re.fullmatch(r"([^\[]*)(?:\[(\d+:\d+)\])?", weight["name"].replace("*", "0")).groups()
            shape = parameters.get(name, [])
            if rows and shape:
                first, last = map(int, rows.split(":"))
                shape = [last - first if last <= shape[0] else 0, *shape[1:]]
            while len(shape) > len(weight["shape"]) and shape[0] == 1:
                shape = shape[1:]
            if shape != weight["shape"]:
                wrong.append([weight["name"], weight["shape"], shape])
            spoken.add(name)
        blocks = re.compile(r"(blocks|layers?|resblocks)\.0\.")
        rest = [name for name in parameters
                if name not in spoken and (blocks.search(name) or not re.search(r"\.[1-9]\d*\.", name))]
        print(json.dumps({"wrong": wrong, "rest": rest}))


main()
