"""Builds emitted KerasHub configs on JAX and prints what came out, one line of JSON a case.

    python check_keras_hub.py < cases.json

Needs `KERAS_BACKEND=jax`. A case: {"library": "keras_hub", "path": a file}. What the backbone counts is told by part, as `sovitc cost` names them.
"""

import json
import re
import sys
from math import prod

from emitted import load

import keras

PARTS = [
    (r"/class_token", "class_token"),
    (r"/patch_embedding/", "patch_embedding"),
    (r"/position_embedding/", "position_embedding"),
    (r"/ln_\d/", "block_norms"),
    (r"/mha/", "attention"),
    (r"/mlp/", "mlp"),
    (r"vit_encoder/ln/", "final_norm"),
]


def part(name):
    """The part of the encoder that a parameter belongs to."""
    return next(found for pattern, found in PARTS if re.search(pattern, name))


def keras_hub(case):
    # No variable is made in such a scope: what it would be is known all the same.
    with keras.StatelessScope():
        model = load(case["path"]).get_model()
        weights = {weight.path: weight for weight in model.trainable_weights}
    parts = {}
    for name, weight in weights.items():
        parts[part(name)] = parts.get(part(name), 0) + prod(weight.shape)
    block = model.get_layer("vit_encoder").encoder_layers[0]
    _, tokens, width = model.output.shape
    activation = block.mlp.dense_1.activation
    probe = keras.ops.convert_to_tensor([1.0])
    exact = keras.activations.gelu(probe, approximate=False)
    return {
        "parts": parts,
        "params": sum(parts.values()),
        "width": width,
        "depth": len({found[1] for name in weights if (found := re.search(r"transformer_block_(\d+)", name))}),
        "mlp_dim": block.mlp.dense_1.units,
        "heads": block.mha.num_heads,
        "head_dim": block.mha.key_dim,
        "tokens": tokens,
        "position": next(weight.shape for name, weight in weights.items() if "position_embedding" in name),
        "norm_epsilon": block.layer_norm_1.epsilon,
        "activation": "gelu" if float(activation(probe)[0]) == float(exact[0]) else "gelu_tanh",
    }


for case in json.load(sys.stdin):
    print(json.dumps(globals()[case["library"]](case)))
