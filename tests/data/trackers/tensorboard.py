"""Writes the fixtures of TensorBoard: PyTorch's SummaryWriter, and TensorBoard's own writer for the rest."""
import sys, time
from torch.utils.tensorboard import SummaryWriter
out = sys.argv[1]

def steps(writer, first, last, every=50, width=64):
    for step in range(first, last + 1, every):
        writer.add_scalar("train/loss", 0.7 - step / 1000, step)
        if step % 100 == 0:
            writer.add_scalar("val/top1", 0.3 + step / 1000, step)

# a: one run with hyperparameters by add_hparams, which go to a folder of their own.
with SummaryWriter(f"{out}/a") as writer:
    steps(writer, 0, 200)
    writer.add_hparams({"width": 64, "depth": 2, "mlp": 239, "lr": 1e-3, "optimizer": "adamw", "bf16": True},
                       {"hparam/top1": 0.5}, run_name="hparams")
# b: stopped after step 150 and begun anew at 100, in a second file; tensors instead of plain numbers.
with SummaryWriter(f"{out}/b") as writer:
    steps(writer, 0, 150)
    writer.add_scalar("val/top1", 0.9, 150)
time.sleep(1.1)
with SummaryWriter(f"{out}/b", purge_step=100) as writer:
    for step in range(100, 301, 50):
        writer.add_scalar("train/loss", 0.6 - step / 1000, step, new_style=True)
        if step % 100 == 0:
            writer.add_scalar("val/top1", 0.35 + step / 1000, step, new_style=True, double_precision=True)
    writer.add_text("model_config", '{"model_type": "siglip_vision_model", "hidden_size": 96, "num_hidden_layers": 2, "image_size": 32, "intermediate_size": 358, "num_attention_heads": 4, "patch_size": 8}')
