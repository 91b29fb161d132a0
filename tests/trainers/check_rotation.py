"""Compares the rotary table that the kernels read with that of the emitted DINOv3 model of transformers.

    python check_rotation.py < cases.json

A case: {"path": ..., "image": ..., "table": cosines and sines by patch}. Prints one line of JSON a case: the largest
difference, and how many numbers were compared.
"""

import json
import sys

import torch
import transformers


def main():
    for case in json.load(sys.stdin):
        config = transformers.AutoConfig.from_pretrained(case["path"])
        # In training the coordinates are shifted and scaled at random.
        model = getattr(transformers, config.architectures[0])(config).eval()
        cosines, sines = model.rope_embeddings(torch.zeros(1, config.num_channels, case["image"], case["image"]))
        half = cosines.shape[-1] // 2
        # Both halves of a head turn by the same angles.
        assert torch.equal(cosines[:, :half], cosines[:, half:]) and torch.equal(sines[:, :half], sines[:, half:])
        want = torch.cat([cosines[:, :half], sines[:, :half]], 1).double().flatten()
        got = torch.tensor(case["table"], dtype=torch.float64)
        print(json.dumps({"difference": (got - want).abs().max().item(), "count": want.numel()}))


main()
