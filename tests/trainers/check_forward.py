"""Runs emitted models on one image with the same weights, beside a plain reference, both in double precision.

    python check_forward.py < cases.json

A case: {"library": ..., "path": ..., "vit": what `sovitc` says of the encoder}. Prints one line of JSON a case: the largest
difference from the reference, and the largest value of that.
"""

import json
import math
import re
import sys

from check_models import IN_BLOCK, apart, part
from emitted import load

import torch
from torch.nn import functional

torch.manual_seed(7)


class Weights(dict):
    """Random weights by name, made when first asked for."""

    def of(self, name, *shape):
        if name not in self:
            scale = 0.3 if len(shape) < 2 else 1.5 / shape[-1] ** 0.5
            offset = 1.0 if name.endswith("norm.weight") else 0.0
            self[name] = offset + scale * torch.randn(*shape, dtype=torch.float64)
        return self[name]

    def linear(self, name, out, size, bias=True):
        return self.of(f"{name}.weight", out, size), self.of(f"{name}.bias", out) if bias else None

    def norm(self, name, x, size, epsilon, kind):
        if kind == "rms":
            return functional.rms_norm(x, (size,), self.of(f"{name}norm.weight", size), epsilon)
        return functional.layer_norm(x, (size,), self.of(f"{name}norm.weight", size), self.of(f"{name}norm.bias", size),
                                     epsilon)


def activate(kind, x):
    if kind == "quick_gelu":
        return x * torch.sigmoid(1.702 * x)
    return functional.gelu(x, approximate="tanh" if kind == "gelu_tanh" else "none")


def grid(vit):
    """Row and column of every patch, from 0, and how many there are of each."""
    side = vit["architecture"]["image"] // vit["architecture"]["patch"]
    at = torch.arange(side, dtype=torch.float64)
    return at.repeat_interleave(side), at.repeat(side), side


def sines(vit):
    """MAE's fixed positions: a quarter of the width for each of sine and cosine of column and row."""
    row, column, _ = grid(vit)
    quarter = vit["shape"]["width"] // 4
    frequency = 10_000.0 ** (-torch.arange(quarter, dtype=torch.float64) / quarter)
    column, row = (at[:, None] * frequency for at in (column, row))
    return torch.cat([column.sin(), column.cos(), row.sin(), row.cos()], 1)


def turn(x, vit):
    """DINOv3's rotary positions: patches turn by where their centre lies in the image, what stands before them stays."""
    row, column, side = grid(vit)
    quarter = x.shape[-1] // 4
    frequency = 2 * math.pi * 100.0 ** (-torch.arange(quarter, dtype=torch.float64) / quarter)
    angle = torch.cat([((2 * at + 1) / side - 1)[:, None] * frequency for at in (row, column)], 1)
    still, x = x[..., :-len(row), :], x[..., -len(row):, :]
    a, b = x.chunk(2, -1)
    turned = torch.cat([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], -1)
    return torch.cat([still, turned], -2)


# Queries, keys and values that have a bias.
BIASED = {"all": "qkv", "no_key": "qv", "none": ""}


def attend(w, name, queries, keys, vit, biased="qkv"):
    width, heads = vit["shape"]["width"], vit["architecture"]["heads"]
    q, k, v = (functional.linear(x, *w.linear(f"{name}.{part}", width, width, part in biased))
               for x, part in ((queries, "q"), (keys, "k"), (keys, "v")))
    split = lambda x: x.unflatten(-1, (heads, -1)).transpose(1, 2)
    q, k, v = split(q), split(k), split(v)
    kind = vit["architecture"].get("qk_norm", "none")
    if kind != "none" and name != "map.attention":
        q, k = (w.norm(f"{name}.{part}_", x, width // heads, vit["architecture"]["norm_epsilon"], kind)
                for x, part in ((q, "q"), (k, "k")))
    if vit["architecture"].get("position") == "rope" and name != "map.attention":
        q, k = turn(q, vit), turn(k, vit)
    scores = q @ k.transpose(-1, -2) / (width // heads) ** 0.5
    mixed = (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)
    return functional.linear(mixed, *w.linear(f"{name}.o", width, width))


def mlp(w, name, x, vit, activation):
    width, hidden = vit["shape"]["width"], vit["shape"]["mlp_dim"]
    if activation == "swiglu":
        gate = functional.silu(functional.linear(x, *w.linear(f"{name}.gate", hidden, width)))
        x = gate * functional.linear(x, *w.linear(f"{name}.1", hidden, width))
    else:
        x = activate(activation, functional.linear(x, *w.linear(f"{name}.1", hidden, width)))
    return functional.linear(x, *w.linear(f"{name}.2", width, hidden))


def normed(w, vit, name, x):
    a = vit["architecture"]
    return w.norm(name, x, vit["shape"]["width"], a["norm_epsilon"], a.get("norm", "layer"))


def blocks(w, vit, x):
    """The blocks as sovitc describes them."""
    a, width = vit["architecture"], vit["shape"]["width"]
    form = a.get("block", "pre")
    for i in range(vit["shape"]["depth"]):
        name = f"blocks.{i}"
        attention = lambda x: attend(w, f"{name}.attention", x, x, vit, BIASED[a.get("qkv_bias", "all")])
        hidden = lambda x: mlp(w, f"{name}.mlp", x, vit, a["activation"])
        branches = [lambda x: attention(x) + hidden(x)] if form == "parallel" else [attention, hidden]
        for number, branch in enumerate(branches, 1):
            norm = lambda x: normed(w, vit, f"{name}.{number}", x)
            y = branch(norm(x) if form in ("pre", "parallel") else x)
            y = norm(y) if form == "res_post" else y
            x = x + (y * w.of(f"{name}.scale.{number}", width) if a.get("layer_scale") is not None else y)
            x = norm(x) if form == "post" else x
    return x if form == "post" else normed(w, vit, "final_", x)


def reference(w, vit, image, blocks=blocks):
    """The encoder as sovitc describes it."""
    a, width = vit["architecture"], vit["shape"]["width"]
    patch = a["patch"]
    kernel = w.of("patch.weight", width, a["channels"], patch, patch)
    x = functional.conv2d(image, kernel, w.of("patch.bias", width) if a.get("patch_bias", True) else None, patch)
    x = x.flatten(2).transpose(1, 2)
    registers = w.of("registers", a["registers"], width)[None] if a.get("registers") else None
    class_token = w.of("class", width)[None, None] if a["class_token"] else None
    prefix = [token.expand(len(x), -1, -1) for token in (class_token, registers) if token is not None]
    rows = a.get("position_rows", "class")
    early = prefix if rows == "all" else [] if rows == "patches" or class_token is None else prefix[:1]
    late = [token for token in prefix if not any(token is other for other in early)]
    x = torch.cat([*early, x], 1)
    position = a.get("position", "learned")
    if position == "learned":
        x = x + w.of("position", x.shape[1], width)
    elif position == "sincos2d":
        # The class token's row is zero.
        x = x + functional.pad(sines(vit), (0, 0, x.shape[1] - len(sines(vit)), 0))
    if a.get("masked"):
        # The patches of least noise are seen; their order says nothing, for each has its position.
        w.noise = torch.rand(len(x), len(sines(vit)), dtype=torch.float64)
        seen = w.noise.argsort(1)[:, :int(w.noise.shape[1] * (1 - a["masked"]))] + x.shape[1] - w.noise.shape[1]
        seen = torch.cat([torch.arange(x.shape[1] - w.noise.shape[1]).expand(len(x), -1), seen], 1)
        x = x.gather(1, seen[..., None].expand(-1, -1, width))
    # What has no position stands where it would stand with one: class token first, then registers.
    at = sum(token.shape[1] for token in early)
    x = torch.cat([x[:, :at], *late, x[:, at:]], 1)
    if a.get("pre_norm"):
        x = normed(w, vit, "pre_", x)
    x = blocks(w, vit, x)
    if a["pooling"] == "class":
        x = x[:, 0]
    elif a["pooling"] == "average":
        x = x[:, sum(token.shape[1] for token in prefix):].mean(1)
    else:
        x = attend(w, "map.attention", w.of("map.probe", width).expand(len(x), 1, -1), x, vit)
        gelu = "gelu_tanh" if a["activation"] == "swiglu" else a["activation"]
        x = (x + mlp(w, "map.mlp", normed(w, vit, "map.", x), vit, gelu))[:, 0]
    if a["classes"]:
        x = functional.linear(x, *w.linear("classifier", a["classes"], width))
    return x


ATTENTION = [(r"q_proj|(^|\.)q\.", "q"), (r"k_proj", "k"), (r"v_proj", "v"), (r"qkv|in_proj|attn_in", "qkv"), (r"\.kv\.", "kv"),
             (r"o_proj|out_proj|proj", "o")]
MLP = [(r"gate_proj", "gate"), (r"weights_in", "gate+1"), (r"fc1|c_fc|up_proj|mlp\.0\.|mlp_bias|mlp_in|linear1", "1"),
       (r"fc2|c_proj|down_proj|mlp\.3\.|weights_out|mlp_out|linear2", "2")]


def first(rules, text):
    return next(found for pattern, found in rules if re.search(pattern, text))


def cat(w, base, parts, kind):
    return torch.cat([w[f"{base}.{part}.{kind}"] for part in parts])


def weight(w, name):
    """The reference's weight that a library calls so."""
    name = re.sub(r"^(trunk|vision_model|visual)\.", "", name)
    found, kind = part(name), "bias" if name.endswith("bias") else "weight"
    block = IN_BLOCK.search(name)
    base, text = (f"blocks.{block[1]}", block[2]) if block else ("map", name)
    if found == "qk_norm":
        return w[f"{base}.attention.{text.split('_norm')[0][-1]}_norm.{kind}"]
    if found == "layer_scale":
        return w[f"{base}.scale.{'2' if '2' in text.replace('lambda1', '') else '1'}"]
    if found == "block_norms":
        return w[f"{base}.{'1' if re.search('1|before|in_norm', text) else '2'}norm.{kind}"]
    if found == "attention" or found == "pooling" and re.search(r"attention|attn_pool\.(q|kv|proj)\.", text):
        which = first(ATTENTION, text)
        return cat(w, f"{base}.attention", {"qkv": "qkv", "kv": "kv"}.get(which, which), kind)
    if found == "mlp" or found == "pooling" and "mlp" in text:
        return cat(w, f"{base}.mlp", first(MLP, text).split("+"), kind)
    if found == "pooling":
        return w[f"map.norm.{kind}"] if "norm" in text else w["map.probe"]
    names = {"position_embedding": "position", "class_token": "class", "registers": "registers",
             "patch_embedding": f"patch.{kind}", "pre_norm": f"pre_norm.{kind}", "final_norm": f"final_norm.{kind}",
             "classifier": f"classifier.{kind}"}
    return w[names[found]]


def fill(model, w):
    model = model.double()
    with torch.no_grad():
        for name, parameter in apart(model):
            # A mask token is for training; what is not trained is the library's own.
            if part(re.sub(r"^(trunk|vision_model|visual)\.", "", name)) != "mask_token":
                parameter.copy_(weight(w, name).reshape(parameter.shape))
    return model.eval()


def transformers(case, w, image):
    import transformers as library

    config = library.AutoConfig.from_pretrained(case["path"])
    model = fill(getattr(library, config.architectures[0])(config), w)
    if config.model_type == "vit_mae":
        # Built from a config alone, its fixed positions are zero: its patch embedding counts as initialised before.
        model.embeddings.patch_embeddings.projection._is_hf_initialized = False
        model.embeddings.initialize_weights()
        fill(model, w)
        return model(pixel_values=image, noise=w.noise).last_hidden_state[:, 0]
    found = model(pixel_values=image)
    return found.logits if hasattr(found, "logits") else found.pooler_output


def timm(case, w, image):
    import timm as library

    return fill(library.create_model(f"local-dir:{case['path']}"), w)(image)


def open_clip(case, w, image):
    import os

    import open_clip as library

    name = next(name[:-5] for name in os.listdir(case["path"]) if name.endswith(".json"))
    register = os.path.join(case["path"], "register.py")
    if os.path.exists(register):
        load(register)
    library.add_model_config(case["path"])
    visual = library.create_model(name).visual
    if hasattr(visual, "trunk"):
        return fill(visual.trunk, w)(image)
    # The projection into the space of the texts is no part of the encoder.
    visual.proj = None
    return fill(visual, w)(image)


def torchvision(case, w, image):
    return fill(load(case["path"]).get_model(), w)(image)


def torch_encoder(case, w, image):
    """PyTorch's own layers in the place of the blocks."""
    def blocks(w, vit, x):
        a, shape = vit["architecture"], vit["shape"]
        layer = torch.nn.TransformerEncoderLayer(
            shape["width"], a["heads"], shape["mlp_dim"], dropout=0.0, activation=lambda x: activate(a["activation"], x),
            layer_norm_eps=a["norm_epsilon"], batch_first=True, norm_first=False)
        return fill(torch.nn.TransformerEncoder(layer, shape["depth"], enable_nested_tensor=False), w)(x)

    return reference(w, case["vit"], image, blocks)


def main():
    made = {}
    for case in json.load(sys.stdin):
        vit = case["vit"]
        key = json.dumps(vit, sort_keys=True)
        if key not in made:
            w, size = Weights(), vit["architecture"]["image"]
            image = torch.randn(2, vit["architecture"]["channels"], size, size, dtype=torch.float64)
            made[key] = w, image, reference(w, vit, image)
        w, image, want = made[key]
        with torch.no_grad():
            got = globals()[case["library"]](case, w, image)
        print(json.dumps({"difference": (got - want).abs().max().item(), "largest": want.abs().max().item()}))


main()
