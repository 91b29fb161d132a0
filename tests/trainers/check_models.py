"""Builds emitted models on the meta device and prints what came out, one line of JSON a case.

    python check_models.py < cases.json

A case: {"library": "transformers", "timm", "open_clip" or "torchvision", "path": a folder or a file, "image": pixels,
"channels": N}. What the library counts is told by part, as `sovitc cost` names them; a projection behind the encoder,
which is no part of it, is told apart. No weight is allocated.
"""

import json
import os
import re
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import torch
from emitted import load

IN_BLOCK = re.compile(r"(?:layers?|blocks|resblocks)\.(?:encoder_layer_)?(\d+)\.(.*)")
OF_BLOCK = [
    (r"q_norm|k_norm|ln_q|ln_k", "qk_norm"),
    (r"layer_?scale|^ls_?\d?\.|gamma_\d|lambda", "layer_scale"),
    (r"^(norm|in_norm|layer_?norm|ln_)", "block_norms"),
    (r"attn|attention", "attention"),
    (r"mlp|linear\d", "mlp"),
]
OUTSIDE = [
    (r"pos(?!t)", "position_embedding"),
    (r"mask_token", "mask_token"),
    (r"reg(ister)?_token", "registers"),
    (r"cls_token|class_token|class_embedding", "class_token"),
    (r"patch_embed|conv1|conv_proj", "patch_embedding"),
    (r"pre_layrnorm|ln_pre|norm_pre", "pre_norm"),
    (r"attn_pool|head\.(probe|attention|layernorm|mlp)", "pooling"),
    (r"proj", "projection"),
    (r"classifier|^head\.(weight|bias)|heads\.head", "classifier"),
    (r"norm|ln", "final_norm"),
]


def part(name):
    """The part of the encoder that a parameter belongs to."""
    name = re.sub(r"^(trunk|vision_model|visual)\.", "", name)
    block = IN_BLOCK.search(name)
    text, rules = (block[2], OF_BLOCK) if block else (name, OUTSIDE)
    for pattern, found in rules:
        if re.search(pattern, text):
            return found
    raise SystemExit(f"no part has the parameter {name}")


def apart(model):
    """Every parameter that is trained, by name; those of a product for attention and the MLP as two."""
    for name, parameter in model.named_parameters():
        if re.search(r"blocks\.\d+\.in_proj\.", name):
            hidden = len(parameter) - 3 * model.embed_dim
            yield name.replace("in_proj", "mlp_in"), parameter[:hidden]
            yield name.replace("in_proj", "attn_in"), parameter[hidden:]
        elif parameter.requires_grad:
            yield name, parameter


def described(model, extra):
    parts, blocks, mlp = {}, set(), None
    for name, parameter in apart(model):
        found = part(name)
        parts[found] = parts.get(found, 0) + parameter.numel()
        block = IN_BLOCK.search(re.sub(r"^(trunk|vision_model|visual)\.", "", name))
        if block:
            blocks.add(block[1])
        if block and mlp is None and found == "mlp":
            # Gate and value may stand in one matrix.
            mlp = parameter.shape[0] // (2 if "weights_in" in name else 1)
    projection = parts.pop("projection", 0)
    positions = [list(parameter.shape[-2:]) for name, parameter in apart(model) if part(name) == "position_embedding"]
    # No registers are a parameter without numbers.
    parts = {name: count for name, count in parts.items() if count}
    return {"parts": parts, "positions": positions, "params": sum(parts.values()), "projection": projection,
            "depth": len(blocks), "mlp_dim": mlp, **extra}


def head_dim(block):
    """The size of a head, as the block itself has it."""
    sizes = {getattr(module, name) for module in block.modules() for name in ("head_dim", "attention_head_size")
             if isinstance(getattr(module, name, None), int)}
    return sizes.pop() if len(sizes) == 1 else sorted(sizes)


def tokens_of(model, block, case):
    """How many tokens the first block sees of one image, and how wide they are."""
    seen = []
    hook = block.register_forward_pre_hook(lambda _, inputs, kwargs: seen.append(
        (inputs[0] if inputs else kwargs["hidden_states"]).shape), with_kwargs=True)
    image = torch.empty(1, case["channels"], case["image"], case["image"], device="meta")
    model.eval()
    try:
        model(image)
    except Exception:
        # What comes behind the blocks may not run without data; the first block has been reached.
        if not seen:
            raise
    hook.remove()
    batch, tokens, width = seen[0]
    # Some towers put the tokens first.
    return {"tokens": max(batch, tokens), "width": width}


def transformers(case):
    import transformers as library

    config = library.AutoConfig.from_pretrained(case["path"])
    with torch.device("meta"):
        model = getattr(library, config.architectures[0])(config)
    if hasattr(config, "vision_config"):
        model, config = model.vision_model, config.vision_config
    block = next(module for name, module in model.named_modules() if re.search(r"layers?\.0$", name))
    extra = {"version": library.__version__, "class": type(model).__name__, "heads": config.num_attention_heads,
             "head_dim": head_dim(block),
             "norm_epsilon": config.layer_norm_eps, "activation": config.hidden_act}
    if "siglip2" in config.model_type:
        extra |= {"tokens": config.num_patches, "width": config.hidden_size}
    else:
        extra |= tokens_of(model, block, case)
    return described(model, extra)


def of_blocks(model, block, attention, case, version, activation, norm):
    extra = {"version": version, "class": type(model).__name__, "heads": attention.num_heads,
             "head_dim": head_dim(block),
             "norm_epsilon": norm.eps, "activation": activation}
    return described(model, extra | tokens_of(model, block, case))


def named(activation):
    kind = type(activation).__name__
    if kind == "GELU":
        return "gelu_tanh" if getattr(activation, "approximate", "none") == "tanh" else "gelu"
    return {"GELUTanh": "gelu_tanh", "QuickGELU": "quick_gelu"}[kind]


def of_timm(model, case, version):
    block = model.blocks[0]
    if hasattr(block, "in_norm"):
        attention, activation, norm = block, block.mlp_act, block.in_norm
    else:
        attention, activation, norm = block.attn, block.mlp.act, block.norm1
    return of_blocks(model, block, attention, case, version, named(activation), norm) | {
        "classes": model.num_classes,
        "global_pool": model.global_pool,
        "pools_prefix": bool(model.pool_include_prefix),
    }


def timm(case):
    import timm as library

    return of_timm(library.create_model(f"local-dir:{case['path']}", device="meta"), case, library.__version__)


def open_clip(case):
    import open_clip as library

    name = next(name[:-5] for name in os.listdir(case["path"]) if name.endswith(".json"))
    register = os.path.join(case["path"], "register.py")
    if os.path.exists(register):
        load(register)
    library.add_model_config(case["path"])
    with torch.device("meta"):
        visual = library.create_model(name, device="meta").visual
    if hasattr(visual, "trunk"):
        found = of_timm(visual.trunk, case, library.__version__)
        return found | {"projection": sum(parameter.numel() for parameter in visual.head.parameters())}
    block = visual.transformer.resblocks[0]
    return of_blocks(visual, block, block.attn, case, library.__version__, named(block.mlp.gelu), block.ln_1)


def torchvision(case):
    import torchvision as library

    with torch.device("meta"):
        model = load(case["path"]).get_model()
    block = model.encoder.layers[0]
    return of_blocks(model, block, block.self_attention, case, library.__version__, named(block.mlp[1]), block.ln_1)


if __name__ == "__main__":
    for case in json.load(sys.stdin):
        print(json.dumps(globals()[case["library"]](case)))
