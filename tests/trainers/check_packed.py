"""Counts what models that take images of several sizes compute of them, padded to one length.

    python check_packed.py < cases.json

A case: {"library": "transformers" or "timm", "width", "depth", "mlp", "heads", "patch", "base": patches of one side of
the grid of positions, "shapes": [[rows, columns], ...] of images in patches, "length": patches of every sequence}.
Prints one line of JSON a case: parameters and FLOPs.
"""

import json
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
import transformers
from timm.models.naflexvit import NaFlexVit, NaFlexVitCfg
from torch.utils.flop_counter import FlopCounterMode

torch.manual_seed(1)


def of_transformers(case):
    config = transformers.Siglip2VisionConfig(
        hidden_size=case["width"], num_hidden_layers=case["depth"], intermediate_size=case["mlp"],
        num_attention_heads=case["heads"], patch_size=case["patch"], num_patches=case["base"] ** 2)
    model = transformers.Siglip2VisionModel(config)
    shapes = torch.tensor(case["shapes"])
    mask = (torch.arange(case["length"]) < shapes.prod(dim=1, keepdim=True)).long()
    pixels = torch.randn(len(shapes), case["length"], 3 * case["patch"] ** 2)
    return model, lambda: model(pixel_values=pixels, pixel_attention_mask=mask, spatial_shapes=shapes)


def of_timm(case):
    config = NaFlexVitCfg(
        patch_size=case["patch"], embed_dim=case["width"], depth=case["depth"], num_heads=case["heads"],
        mlp_ratio=(case["mlp"] + 0.5) / case["width"], pos_embed_grid_size=(case["base"], case["base"]),
        global_pool="map", class_token=False, reg_tokens=0, act_layer="gelu_tanh")
    model = NaFlexVit(config, num_classes=0)
    shapes = torch.tensor(case["shapes"])
    valid = torch.arange(case["length"]) < shapes.prod(dim=1, keepdim=True)
    coordinates = torch.zeros(len(shapes), case["length"], 2, dtype=torch.long)
    for image, (rows, columns) in enumerate(case["shapes"]):
        grid = torch.cartesian_prod(torch.arange(rows), torch.arange(columns))
        coordinates[image, :rows * columns] = grid
    pixels = torch.randn(len(shapes), case["length"], 3 * case["patch"] ** 2)
    return model, lambda: model(pixels, patch_coord=coordinates, patch_valid=valid)


for case in json.load(sys.stdin):
    model, call = {"transformers": of_transformers, "timm": of_timm}[case["library"]](case)
    model.eval().requires_grad_(False)
    with FlopCounterMode(display=False) as counter:
        call()
    print(json.dumps({
        "params": sum(parameter.numel() for parameter in model.parameters()),
        "flops": counter.get_total_flops(),
    }))
