"""Builds emitted folders with timm on the meta device and prints what came out, one line of JSON a folder.

    python check_timm.py FOLDER...

Any torch that timm imports will do; no weight is allocated.
"""

import json
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"

import timm


def describe(folder):
    model = timm.create_model(f"local-dir:{folder}", device="meta")
    block = model.blocks[0]
    pool = model.attn_pool
    return {
        "version": timm.__version__,
        "params": sum(parameter.numel() for parameter in model.parameters()),
        "width": model.embed_dim,
        "depth": len(model.blocks),
        "mlp_dim": block.mlp.fc1.out_features,
        "pool_mlp_dim": pool.mlp.fc1.out_features if pool is not None else None,
        "heads": block.attn.num_heads,
        "position_rows": model.pos_embed.shape[1],
        "activation": type(block.mlp.act).__name__,
        "norm_epsilon": block.norm1.eps,
        "classes": model.num_classes,
        "global_pool": model.global_pool,
        "pools_class_token": model.pool_include_prefix,
        "registers": model.num_reg_tokens,
        "query_norm": type(block.attn.q_norm).__name__,
    }


for folder in sys.argv[1:]:
    print(json.dumps(describe(folder)))
