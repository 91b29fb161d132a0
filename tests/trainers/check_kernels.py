"""Runs emitted models of timm on images, with weights by the names that the kernels are packed from, in double precision.

    python check_kernels.py < cases.json

A case: {"path": ..., "weights": [{"name": ..., "values": ...}], "images": ...}, names with NumPy's slice of rows behind
them. Every parameter must be given. Prints one line of JSON a case: the vectors of all images and their classes.
"""

import json
import re
import sys

import timm
import torch


def fill(model, weights):
    given = {name: torch.zeros(parameter.shape, dtype=torch.bool) for name, parameter in model.named_parameters()}
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for weight in weights:
            name, first, last = re.fullmatch(r"([^\[]*)(?:\[(\d+):(\d+)\])?", weight["name"]).groups()
            rows = slice(int(first), int(last)) if first else slice(None)
            part = parameters[name][rows]
            part.copy_(torch.tensor(weight["values"], dtype=torch.float64).reshape(part.shape))
            given[name][rows] = True
    missing = [name for name, seen in given.items() if not seen.all()]
    assert not missing, missing
    return model


def main():
    for case in json.load(sys.stdin):
        model = fill(timm.create_model(f"local-dir:{case['path']}").double().eval(), case["weights"])
        side = model.patch_embed.img_size[0]
        images = torch.tensor(case["images"], dtype=torch.float64).reshape(-1, 3, side, side)
        with torch.no_grad():
            vectors = model.forward_head(model.forward_features(images), pre_logits=True)
            classes = model(images) if model.num_classes else torch.zeros(0)
        print(json.dumps({"vectors": vectors.flatten().tolist(), "classes": classes.flatten().tolist()}))


main()
