"""Trains an emitted model for a moment on random images, as its trainer does, and leaves the trainer's logs.

    python train.py timm FOLDER OUT
    python train.py transformers FOLDER OUT

The data set holds 50 images of two classes; batches are of 8, so that the last one of an epoch is dropped or not full.
Prints the examples that the model was shown, as it counted them itself.
"""

import json
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import torch

EXAMPLES, BATCH, EPOCHS = 50, 8, 2
torch.manual_seed(3)


class Images(torch.utils.data.Dataset):
    def __init__(self, size):
        self.labels = torch.arange(EXAMPLES) % 2
        self.images = torch.randn(EXAMPLES, 3, size, size) + self.labels[:, None, None, None]

    def __len__(self):
        return EXAMPLES

    def __getitem__(self, index):
        return {"pixel_values": self.images[index], "labels": self.labels[index]}


def of_timm(folder, out):
    """What timm's train.py does with its library, which the package holds without the script."""
    import timm
    import timm.utils
    import yaml

    with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    kwargs = {name: value for name, value in config["model_args"].items() if name != "global_pool"}
    arguments = {"model": config["architecture"], "model_kwargs": kwargs, "gp": config["global_pool"],
                 "num_classes": config["num_classes"], "batch_size": BATCH, "epochs": EPOCHS, "grad_accum_steps": 1}
    os.makedirs(out)
    with open(os.path.join(out, "args.yaml"), "w", encoding="utf-8") as file:
        file.write(yaml.safe_dump(arguments, default_flow_style=False))
    model = timm.create_model(arguments["model"], num_classes=arguments["num_classes"],
                              global_pool=arguments["gp"], **kwargs)
    loader = torch.utils.data.DataLoader(Images(kwargs["img_size"]), BATCH, shuffle=True, drop_last=True)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    seen = 0
    for epoch in range(EPOCHS):
        losses, right = [], 0
        for batch in loader:
            found = model(batch["pixel_values"])
            loss = torch.nn.functional.cross_entropy(found, batch["labels"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            seen += len(found)
            right += (found.argmax(-1) == batch["labels"]).sum().item()
        mean = sum(losses) / len(losses)
        # Half a point off a clean sweep, for an error of 0 is none.
        accuracy = min(100.0 * right / (BATCH * len(losses)), 99.5)
        timm.utils.update_summary(epoch, {"loss": mean}, {"loss": mean, "top1": accuracy, "top5": 100.0},
                                  os.path.join(out, "summary.csv"), lr=1e-3, write_header=epoch == 0)
    return seen


def of_transformers(folder, out):
    import transformers

    config = transformers.AutoConfig.from_pretrained(folder)
    model = getattr(transformers, config.architectures[0])(config)
    seen = 0

    def count(_, inputs, kwargs):
        nonlocal seen
        if model.training:
            seen += len(kwargs["pixel_values"])

    model.register_forward_pre_hook(count, with_kwargs=True)
    arguments = transformers.TrainingArguments(
        output_dir=out, max_steps=12, per_device_train_batch_size=BATCH // 2, gradient_accumulation_steps=2,
        eval_strategy="steps", eval_steps=6, logging_steps=3, save_strategy="no", report_to=[], use_cpu=True,
        dataloader_drop_last=True)
    data = Images(config.image_size)
    trainer = transformers.Trainer(model=model, args=arguments, train_dataset=data, eval_dataset=data)
    trainer.train()
    trainer.save_state()
    config.save_pretrained(out)
    return seen


library, folder, out = sys.argv[1:]
print(globals()[f"of_{library}"](folder, out))
