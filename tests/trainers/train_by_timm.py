"""Trains by timm's own `train.py` from an emitted `train.yaml`, on images that are made here.

    python train_by_timm.py TRAIN_PY CONFIG FOLDER

Of each of two classes 24 images are for training and 24 for validation. `train.py` leaves its run in FOLDER/runs/first.
"""

import subprocess
import sys
from pathlib import Path

import torch
from PIL import Image

script, config, folder = sys.argv[1:]
torch.manual_seed(3)
data = Path(folder) / "data"
for split in ("train", "validation"):
    for label in (0, 1):
        into = data / split / str(label)
        into.mkdir(parents=True)
        for i in range(24):
            noise = torch.randint(0, 128, (32, 32, 3), dtype=torch.uint8) + 127 * label
            Image.fromarray(noise.numpy()).save(into / f"{i}.png")
told = ["--config", config, "--data-dir", data, "--output", Path(folder) / "runs", "--experiment", "first"]
here = ["--device", "cpu", "--workers", "1"]
done = subprocess.run([sys.executable, script, *map(str, told), *here], capture_output=True, text=True)
if done.returncode:
    sys.exit(done.stdout + done.stderr)
