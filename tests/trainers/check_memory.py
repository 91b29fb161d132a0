"""Counts what timm models keep for the backward pass, and what optimizers keep of them.

    python check_memory.py < cases.json

A case: {"arguments": {...} of timm's VisionTransformer, its class of blocks by name, "batch": N, "format": "float32" or
"bfloat16", "fused": bool, "checkpointed": bool}. Prints one line of JSON a case: bytes of the storages saved by the blocks
and by the whole model, each once, parameters left out, and bytes of the states of AdamW and Adafactor after one step.
"""

import json
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"

import timm
import torch
from timm.models import vision_transformer
from timm.models.vision_transformer import VisionTransformer

torch.manual_seed(1)


class RootMeanSquare(torch.autograd.Function):
    """What PyTorch's kernel on a GPU keeps of a root-mean-square norm: its input and one statistic a row, in fp32."""

    @staticmethod
    def forward(context, x, weight, epsilon):
        scale = (x.float().square().mean(-1, keepdim=True) + epsilon).rsqrt()
        context.save_for_backward(x, scale, weight)
        return (x * scale).to(x.dtype) * weight


timm.layers.norm.rms_norm = lambda x, _, weight, epsilon: RootMeanSquare.apply(x, weight, epsilon)


class PostBlock(vision_transformer.Block):
    """A block with its norms behind the residual sums, of which timm has none."""

    def forward(self, x, attn_mask=None, is_causal=False):
        x = self.norm1(x + self.ls1(self.attn(x)))
        return self.norm2(x + self.ls2(self.mlp(x)))


BLOCKS = {"PostBlock": PostBlock, **vars(vision_transformer)}


def saved(model, call):
    """Bytes of all storages that autograd keeps of `call()`, and its result."""
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    storages = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            # The storage is kept, so that no other takes its address.
            storages[storage.data_ptr()] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = call()
    return sum(storage.nbytes() for storage in storages.values()), result


def states(optimizer_of, arguments):
    model = VisionTransformer(**arguments)
    optimizer = optimizer_of(model.parameters())
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    return sum(value.untyped_storage().nbytes() for state in optimizer.state.values() for value in state.values()
               if torch.is_tensor(value) and value.dim() > 0)


def describe(case):
    arguments, format_ = dict(case["arguments"]), getattr(torch, case["format"])
    if "block_fn" in arguments:
        arguments["block_fn"] = BLOCKS[arguments["block_fn"]]
    model = VisionTransformer(**arguments).to(format_)
    model.train()
    for block in model.blocks:
        # A parallel block is its own attention.
        getattr(block, "attn", block).fused_attn = case["fused"]
    if model.attn_pool is not None:
        model.attn_pool.fused_attn = case["fused"]
    model.set_grad_checkpointing(case["checkpointed"])
    size = arguments["img_size"]
    images = torch.randn(case["batch"], 3, size, size, dtype=format_)
    tokens = model._pos_embed(model.patch_embed(images)).detach().requires_grad_()

    def blocks():
        if not case["checkpointed"]:
            return model.blocks(tokens)
        return timm.models._manipulate.checkpoint_seq(model.blocks, tokens)

    return {
        "version": timm.__version__,
        "tokens": tokens.shape[1],
        "blocks": saved(model, blocks)[0],
        "model": saved(model, lambda: model(images))[0],
        "adamw": states(torch.optim.AdamW, arguments),
        "adafactor": states(torch.optim.Adafactor, arguments),
    }


for case in json.load(sys.stdin):
    print(json.dumps(describe(case)))
