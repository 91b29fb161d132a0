"""Builds an emitted folder with transformers on the meta device and prints what came out as JSON.

    python check_transformers.py FOLDER

Needs torch; no weight is allocated.
"""

import json
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import torch
import transformers

config = transformers.AutoConfig.from_pretrained(sys.argv[1])
with torch.device("meta"):
    model = transformers.AutoModel.from_config(config)
shapes = {name: list(parameter.shape) for name, parameter in model.named_parameters()}
position = next(shape for name, shape in shapes.items() if "position_embedding" in name)
print(json.dumps({
    "params": sum(parameter.numel() for parameter in model.parameters()),
    "positions": position,
    "heads": config.num_attention_heads,
    "layers": len({name.split("layers.")[1].split(".")[0] for name in shapes if "layers." in name}),
    "mlp_dim": next(shape[0] for name, shape in shapes.items() if name.endswith("mlp.fc1.weight")),
}))
