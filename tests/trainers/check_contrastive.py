"""Counts what two towers and their loss are, compute and keep.

    python check_contrastive.py < cases.json

A case has a "kind":
  "model": {"library": "open_clip", "name": ...} or {"library": "transformers", "family": "siglip" or "clip",
    "config": {...}}: parameters of all, of the text tower and of the image's projection, and FLOPs of one text and one
    image;
  "loss": {"loss": "softmax" or "sigmoid", "world": N, "batch": N, "width": N, "format": ...}: FLOPs of the logits on one
    device, and bytes that autograd keeps of the loss, from normalising the features on;
  "text": {"library": ..., "family": ..., sizes, "batch": N, "format": ..., "checkpointed": bool}: bytes that autograd
    keeps of a text tower.
Prints one line of JSON a case.
"""

import datetime
import json
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"

import open_clip
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F
import transformers
from open_clip.loss import ClipLoss, SigLipLoss
from open_clip.transformer import TextTransformer
from torch.utils.flop_counter import FlopCounterMode

torch.manual_seed(1)
# Forked processes must not wait for threads that they do not have.
torch.set_num_threads(1)


def count(parameters):
    return sum(parameter.numel() for parameter in parameters)


def flops(call):
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops()


def saved(own, call):
    """Bytes of all storages that autograd keeps of `call()`, those of `own` tensors and scalars left out."""
    own = {tensor.untyped_storage().data_ptr() for tensor in own}
    storages = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own and tensor.dim() > 0:
            # The storage is kept, so that no other takes its address.
            storages[storage.data_ptr()] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = call()
    assert result is not None
    return sum(storage.nbytes() for storage in storages.values())


def model(case):
    if case["library"] == "open_clip":
        with torch.device("meta"):
            built = open_clip.create_model(case["name"], pretrained=None, load_weights=False, device="meta")
        built.requires_grad_(False)
        size = built.visual.image_size
        size = size[0] if isinstance(size, tuple) else size
        context = built.context_length
        own = hasattr(built, "text")
        text = count(built.text.parameters()) if own else count(
            parameter for name, parameter in built.named_parameters()
            if not name.startswith("visual.") and name != "logit_scale")
        projection = count([built.visual.proj]) if hasattr(built.visual, "proj") else 0
        read = built.encode_text
        see = built.encode_image
    else:
        kinds = {"siglip": ("SiglipConfig", "SiglipModel"), "clip": ("CLIPConfig", "CLIPModel")}
        config, class_ = (getattr(transformers, name) for name in kinds[case["family"]])
        with torch.device("meta"):
            built = class_(config(**case["config"]))
        built.eval().requires_grad_(False)
        size = built.config.vision_config.image_size
        context = built.config.text_config.max_position_embeddings
        text = count(built.text_model.parameters())
        projection = 0
        if case["family"] == "clip":
            text += count(built.text_projection.parameters())
            projection = count(built.visual_projection.parameters())
        read = built.get_text_features
        see = built.get_image_features
    ids = torch.zeros(1, context, dtype=torch.long, device="meta")
    image = torch.zeros(1, 3, size, size, device="meta")
    return {
        "params": count(built.parameters()),
        "text": text,
        "image_projection": projection,
        "text_flops": flops(lambda: read(ids)),
        "image_flops": flops(lambda: see(image)),
    }


class Scale(torch.nn.Module):

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(2.0))
        self.bias = torch.nn.Parameter(torch.tensor(-10.0))


def loss_on(rank, case, results):
    world = case["world"]
    if world > 1:
        dist.init_process_group("gloo", init_method=f"file://{case['store']}", rank=rank, world_size=world,
                                timeout=datetime.timedelta(seconds=60))
    torch.manual_seed(rank)
    format_ = getattr(torch, case["format"])
    scale = Scale().to(format_)
    images, texts = (torch.randn(case["batch"], case["width"], dtype=format_, requires_grad=True) for _ in range(2))
    ranks = {"rank": rank, "world_size": world}
    if case["loss"] == "softmax":
        compare = ClipLoss(local_loss=True, gather_with_grad=True, **ranks)
        bias = ()
    else:
        compare = SigLipLoss(**ranks)
        bias = (scale.bias,)

    def call():
        return compare(F.normalize(images, dim=-1), F.normalize(texts, dim=-1), scale.scale.exp(), *bias)

    found = {"saved": saved(scale.parameters(), call), "flops": flops(call)}
    if rank == 0:
        results.put(found)
    if world > 1:
        dist.barrier()
        dist.destroy_process_group()


def loss(case):
    results = mp.get_context("fork").SimpleQueue()
    if case["world"] == 1:
        loss_on(0, case, results)
    else:
        mp.start_processes(loss_on, args=(case, results), nprocs=case["world"], start_method="fork")
    return results.get()


def text(case):
    family, width, format_ = case["family"], case["width"], getattr(torch, case["format"])
    shared, end = case["shared"], case["vocabulary"] - 1
    if case["library"] == "open_clip":
        how = {"no_causal_mask": True, "pool_type": "last", "proj_bias": True} if family == "siglip" else {}
        tower = TextTransformer(
            context_length=case["context"], vocab_size=case["vocabulary"], width=width, heads=case["heads"],
            layers=case["depth"], mlp_ratio=(case["mlp"] + 0.5) / width, output_dim=shared, **how)
        tower.set_grad_checkpointing(case["checkpointed"])
    else:
        sizes = {
            "vocab_size": case["vocabulary"], "max_position_embeddings": case["context"], "hidden_size": width,
            "intermediate_size": case["mlp"], "num_hidden_layers": case["depth"],
            "num_attention_heads": case["heads"], "bos_token_id": None, "eos_token_id": end, "pad_token_id": None,
        }
        if family == "siglip":
            tower = transformers.SiglipTextModel(transformers.SiglipTextConfig(projection_size=shared, **sizes))
        else:
            config = transformers.CLIPTextConfig(projection_dim=shared, **sizes)
            tower = transformers.CLIPTextModelWithProjection(config)
        if case["checkpointed"]:
            tower.gradient_checkpointing_enable()
    tower = tower.to(format_)
    tower.train()
    ids = torch.randint(0, end, (case["batch"], case["context"]))
    ids[:, -1] = end
    return {"saved": saved(tower.parameters(), lambda: tower(ids))}


for case in json.load(sys.stdin):
    describe = {"model": model, "loss": loss, "text": text}[case["kind"]]
    print(json.dumps(describe(case)), flush=True)
