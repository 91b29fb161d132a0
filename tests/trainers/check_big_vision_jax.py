"""Counts emitted big_vision configs by JAX, from their shapes alone: no weight is allocated.

    python check_big_vision_jax.py < cases.json

A case: {"path": a config, "image": pixels, "channels": N, "library": "big_vision"}. The encoder is written here in flax,
and its parameters have the names and shapes of a checkpoint of big_vision. Prints one line of JSON a case: what is
counted, and `tree`, the shape of every parameter outside the blocks and in the first one. Where `BIG_VISION` names a
clone of big_vision, its own encoder is built too; `same` says whether the two have the same tree, and, where one is
small, whether they compute the same.
"""

import json
import os
import sys
import types
from math import prod

from emitted import load

import flax.linen as nn
import flax.traverse_util
import jax
import jax.numpy as jnp

SMALL = 1_000_000


class Mlp(nn.Module):
    hidden: int
    dtype: str

    @nn.compact
    def __call__(self, x):
        hidden = nn.Dense(self.hidden, dtype=self.dtype, name="Dense_0")(x)
        return nn.Dense(x.shape[-1], dtype=self.dtype, name="Dense_1")(nn.gelu(hidden, approximate=True))


class Block(nn.Module):
    heads: int
    hidden: int
    dtype: str

    @nn.compact
    def __call__(self, x):
        attention = nn.MultiHeadDotProductAttention(self.heads, dtype=self.dtype, name="MultiHeadDotProductAttention_0")
        normed = nn.LayerNorm(name="LayerNorm_0")(x)
        x = x + attention(normed, normed)
        return x + Mlp(self.hidden, self.dtype, name="MlpBlock_0")(nn.LayerNorm(name="LayerNorm_1")(x))


class Blocks(nn.Module):
    depth: int
    heads: int
    hidden: int
    dtype: str

    @nn.compact
    def __call__(self, x):
        for i in range(self.depth):
            x = Block(self.heads, self.hidden, self.dtype, name=f"encoderblock_{i}")(x)
        return nn.LayerNorm(name="encoder_norm")(x)


class Probe(nn.Module):
    heads: int
    hidden: int

    @nn.compact
    def __call__(self, x):
        probe = self.param("probe", nn.initializers.lecun_normal(), (1, 1, x.shape[-1]))
        probe = jnp.broadcast_to(probe, (len(x), 1, x.shape[-1]))
        y = nn.MultiHeadDotProductAttention(self.heads, name="MultiHeadDotProductAttention_0")(probe, x)
        y = y + Mlp(self.hidden, "float32", name="MlpBlock_0")(nn.LayerNorm(name="LayerNorm_0")(y))
        return y[:, 0]


def sincos(side, width):
    """Sines and cosines of columns, then of rows, at a quarter of the width of frequencies."""
    frequency = 10_000.0 ** -jnp.linspace(0, 1, width // 4)
    row, column = (jnp.outer(at.ravel(), frequency) for at in jnp.mgrid[:side, :side])
    return jnp.concatenate([jnp.sin(column), jnp.cos(column), jnp.sin(row), jnp.cos(row)], -1)[None]


class Encoder(nn.Module):
    """The encoder of `config.model`, with its fields."""

    width: int
    depth: int
    mlp_dim: int
    num_heads: int
    patch_size: tuple
    posemb: str
    pool_type: str
    rep_size: bool
    num_classes: int
    dtype_mm: str = "float32"

    @nn.compact
    def __call__(self, image):
        assert not self.rep_size
        patches = nn.Conv(self.width, self.patch_size, self.patch_size, "VALID", dtype=self.dtype_mm, name="embedding")
        x = patches(image)
        side = x.shape[1]
        x = x.reshape(len(x), -1, self.width)
        if self.posemb == "learn":
            x = x + self.param("pos_embedding", nn.initializers.normal(self.width**-0.5), (1, *x.shape[1:]))
        else:
            x = x + {"sincos2d": sincos}[self.posemb](side, self.width)
        if self.pool_type == "tok":
            token = self.param("cls", nn.initializers.zeros, (1, 1, self.width))
            x = jnp.concatenate([jnp.broadcast_to(token, (len(x), 1, self.width)), x], 1)
        x = Blocks(self.depth, self.num_heads, self.mlp_dim, self.dtype_mm, name="Transformer")(x)
        x = {
            "map": lambda x: Probe(self.num_heads, self.mlp_dim, name="MAPHead_0")(x),
            "gap": lambda x: x.mean(1),
            "tok": lambda x: x[:, 0],
        }[self.pool_type](x)
        return nn.Dense(self.num_classes, name="head")(x) if self.num_classes else x


# By the names of `config.model_name`.
MODELS = {"vit": Encoder}


def theirs(name):
    """The encoder of a clone of big_vision."""
    sys.path.insert(0, os.environ["BIG_VISION"])
    try:
        import big_vision.utils  # noqa: F401
    except ImportError:
        # It reads checkpoints, by TensorFlow; no encoder needs it to be built.
        sys.modules["big_vision.utils"] = types.ModuleType("big_vision.utils")
    return __import__(f"big_vision.models.{name}", fromlist=["Model"]).Model


def traced(model, image):
    """Shapes by name: of the parameters, and of what the first block gives."""
    shape = lambda tree: {name: leaf.shape for name, leaf in flax.traverse_util.flatten_dict(tree, sep="/").items()}
    init = lambda key, image: model.init_with_output(key, image, capture_intermediates=True, mutable=True)
    _, found = jax.eval_shape(init, jax.random.key(0), image)
    blocks = found["intermediates"]["Transformer"]
    first = blocks["encoderblock_0"]["__call__"][0]
    # Theirs also tells what is inside.
    return shape(found["params"]), (first[0] if isinstance(first, tuple) else first).shape


def agrees(ours, other, tree, image):
    """Whether both have this tree and, where they are small, compute the same from the same weights."""
    if traced(other, image)[0] != tree:
        return False
    if sum(map(prod, tree.values())) > SMALL:
        return True
    image = jax.random.normal(jax.random.key(1), image.shape)
    noise = lambda leaf: leaf + 0.1 * jax.random.normal(jax.random.key(leaf.size), leaf.shape)
    variables = jax.tree.map(noise, ours.init(jax.random.key(2), image))
    return bool(jnp.allclose(ours.apply(variables, image), other.apply(variables, image)[0], atol=1e-5))


OUTSIDE = {"embedding": "patch_embedding", "pos_embedding": "position_embedding", "cls": "class_token",
           "MAPHead_0": "pooling", "head": "classifier"}
INSIDE = {"LayerNorm_0": "block_norms", "LayerNorm_1": "block_norms", "MultiHeadDotProductAttention_0": "attention",
          "MlpBlock_0": "mlp"}


def part(name):
    """The part of the encoder that a parameter belongs to."""
    first, *rest = name.split("/")
    if first != "Transformer":
        return OUTSIDE[first]
    return "final_norm" if rest[0] == "encoder_norm" else INSIDE[rest[1]]


def big_vision(case):
    config = load(case["path"]).get_config()
    config.lock()
    build = lambda model: model(num_classes=config.num_classes, **config.model)
    ours = build(MODELS[config.model_name])
    image = jax.ShapeDtypeStruct((1, case["image"], case["image"], case["channels"]), jnp.float32)
    tree, (_, tokens, width) = traced(ours, image)
    parts = {}
    for name, shape in tree.items():
        parts[part(name)] = parts.get(part(name), 0) + prod(shape)
    query = tree["Transformer/encoderblock_0/MultiHeadDotProductAttention_0/query/kernel"]
    later = [f"Transformer/encoderblock_{i}/" for i in range(1, config.model.depth)]
    told = {
        "parts": parts,
        "params": sum(parts.values()),
        "width": width,
        "depth": len({name.split("/")[1] for name in tree if "/encoderblock_" in name}),
        "mlp_dim": tree["Transformer/encoderblock_0/MlpBlock_0/Dense_0/kernel"][1],
        "heads": query[1],
        "head_dim": query[2],
        "tokens": tokens,
        "position": tree.get("pos_embedding"),
        "norm_epsilon": nn.LayerNorm.epsilon,
        "activation": "gelu_tanh",
        "tree": {name: shape for name, shape in tree.items() if not name.startswith(tuple(later))},
    }
    if "BIG_VISION" in os.environ:
        told["same"] = agrees(ours, build(theirs(config.model_name)), tree, image)
    return told


for case in json.load(sys.stdin):
    print(json.dumps(globals()[case["library"]](case)))
