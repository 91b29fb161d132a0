"""Whether trainers follow the emitted recipes: reads each file as its trainer does, builds the optimizer and the schedule
with the trainer's own code, and compares learning rates with those that sovitc says.

Standard input holds a JSON object a line: `folder`, that of a search with `timm/`, `hf/` or `open_clip/` in it; `recipe`, as
in the summary, with the model's `params` and with `factors`: pairs of a step and what the learning rate is multiplied by
there. Prints a line for each that is followed.
"""

import argparse
import json
import runpy
import sys
from pathlib import Path

import torch

TOLERANCE = 1e-6


def compare(trainer, recipe, rate_at, first=0):
    """Rates of a trainer at steps of its own, from `first`, beside the recipe's."""
    for step, factor in recipe["factors"]:
        want, got = factor * recipe["learning_rate"], rate_at(step + first)
        if abs(got - want) > TOLERANCE * recipe["learning_rate"]:
            sys.exit(f"{trainer}: at step {step} the rate is {got}, not {want}")


def weights():
    model = torch.nn.Linear(64, 64)
    return model, torch.optim.AdamW(model.parameters(), lr=1.0)


def check_timm(folder, recipe):
    import timm
    import yaml
    from timm.optim import create_optimizer_v2, optimizer_kwargs
    from timm.scheduler import create_scheduler_v2, scheduler_kwargs

    text = (folder / "train.yaml").read_text()
    config = yaml.safe_load(text)
    numbers = [config[name] for name in ("lr", "weight_decay", "warmup_lr", "min_lr")] + config.get("opt_betas", [0.9])
    assert all(isinstance(number, float) for number in numbers), numbers
    for name in ("batch_size", "grad_accum_steps", "epochs", "warmup_epochs", "num_classes", "img_size", "seed"):
        assert isinstance(config[name], int), name
    # As train.py builds the model.
    model = timm.create_model(
        config["model"], in_chans=config["in_chans"], num_classes=config["num_classes"], global_pool=config["gp"],
        device="meta", **config["model_kwargs"],
    )
    parameters = sum(parameter.numel() for parameter in model.parameters())
    assert parameters == recipe["params"], (parameters, recipe["params"])
    arguments = argparse.Namespace(**{"momentum": 0.9, "layer_decay": None, "opt_eps": None, "opt_betas": None, "opt_kwargs": {}} | config)
    small = torch.nn.Linear(64, 64)
    optimizer = create_optimizer_v2(small, **optimizer_kwargs(cfg=arguments), **arguments.opt_kwargs)
    group = optimizer.param_groups[0]
    if recipe["optimizer"] == "adamw":
        assert tuple(group["betas"]) == (recipe["beta1"], recipe["beta2"]) and group["eps"] == recipe["epsilon"]
    else:
        assert type(optimizer).__name__ == "AdafactorBigVision" and group["min_dim_size_to_factor"] == 32
    assert {group["weight_decay"] for group in optimizer.param_groups} == {0.0, recipe["weight_decay"]}
    # One step, so that options of the optimizer that do not fit are found.
    small(torch.ones(1, 64)).sum().backward()
    optimizer.step()
    batches = -(-recipe["dataset"] // recipe["processes"]) // config["batch_size"]
    updates = -(-batches // config["grad_accum_steps"])
    scheduler, epochs = create_scheduler_v2(optimizer, **scheduler_kwargs(arguments), updates_per_epoch=updates)
    list(range(epochs))
    assert epochs * updates == recipe["steps"], (epochs, updates)

    def rate_at(step):
        # train.py steps it after an update; before the first, the rate is what the optimizer was given.
        if step > 0:
            scheduler.step_update(step)
        return optimizer.param_groups[0]["lr"]

    compare("timm", recipe, rate_at)
    assert config["batch_size"] * config["grad_accum_steps"] * recipe["processes"] == recipe["batch"]
    assert config["clip_grad"] == recipe.get("clip")
    return timm.__version__


def check_transformers(folder, recipe):
    import transformers

    fields = json.loads((folder / "training_args.json").read_text())
    parser = transformers.HfArgumentParser(transformers.TrainingArguments)
    # No GPU here; what the file says of precision is read all the same.
    arguments = parser.parse_dict(fields | {"use_cpu": True, "output_dir": str(folder / "out")})[0]
    assert arguments.bf16 == (recipe["precision"] == "bf16") and arguments.max_steps == recipe["steps"]
    batch = arguments.per_device_train_batch_size * arguments.gradient_accumulation_steps
    assert batch * recipe["processes"] == recipe["batch"]
    assert arguments.max_grad_norm == recipe.get("clip", 0.0)
    _, optimizer = weights()
    schedule = transformers.get_scheduler(
        arguments.lr_scheduler_type, optimizer, num_warmup_steps=arguments.get_warmup_steps(arguments.max_steps),
        num_training_steps=arguments.max_steps, scheduler_specific_kwargs=arguments.lr_scheduler_kwargs,
    )
    compare("transformers", recipe, lambda step: arguments.learning_rate * schedule.lr_lambdas[0](step))
    # The optimizer that the Trainer makes of them.
    model, _ = weights()
    made = transformers.Trainer(model=model, args=arguments).create_optimizer()
    group = made.param_groups[0]
    assert group["betas"] == (recipe["beta1"], recipe["beta2"]) and group["weight_decay"] == recipe["weight_decay"]
    return transformers.__version__


def check_open_clip(folder, recipe):
    import open_clip
    from open_clip_train import scheduler
    from open_clip_train.params import parse_args

    arguments = parse_args(runpy.run_path(str(folder / "train.py"), run_name="emitted")["ARGUMENTS"])
    open_clip.add_model_config(folder)
    if (folder / "register.py").exists():
        runpy.run_path(str(folder / "register.py"))
    assert arguments.model in open_clip.list_models()
    # The batches of an epoch as its WebDataset counts them.
    whole = arguments.batch_size * recipe["processes"]
    batches = -(-arguments.train_num_samples // whole)
    batches = -(-batches // arguments.workers) * arguments.workers
    assert batches * whole == arguments.train_num_samples
    per_epoch = batches // arguments.accum_freq
    steps = per_epoch * arguments.epochs
    assert steps == recipe["steps"], (steps, recipe["steps"])
    _, optimizer = weights()
    make = {"cosine": scheduler.cosine_lr, "const": scheduler.const_lr, "const-cooldown": scheduler.const_lr_cooldown}
    more = [per_epoch * arguments.epochs_cooldown] if arguments.epochs_cooldown else []
    rate_at = make[arguments.lr_scheduler](optimizer, arguments.lr, arguments.warmup, steps, *more)
    warmup = recipe["warmup_steps"]
    # Its warm-up is one step ahead.
    rising = recipe | {"factors": [[step, factor] for step, factor in recipe["factors"] if 0 < step < warmup]}
    compare("open_clip", rising, rate_at, first=-1)
    compare("open_clip", recipe | {"factors": [pair for pair in recipe["factors"] if pair[0] >= warmup]}, rate_at)
    assert arguments.batch_size * arguments.accum_freq * recipe["processes"] == recipe["batch"]
    assert (arguments.beta1, arguments.beta2, arguments.wd) == (recipe["beta1"], recipe["beta2"], recipe["weight_decay"])
    assert arguments.grad_clip_norm == recipe.get("clip")
    return open_clip.__version__


def main():
    checks = {"timm": check_timm, "hf": check_transformers, "open_clip": check_open_clip}
    for line in sys.stdin:
        case = json.loads(line)
        folder, recipe = Path(case["folder"]), case["recipe"]
        for name, check in checks.items():
            if (folder / name).is_dir():
                version = check(folder / name, recipe)
                print(f"{name} {version}: {len(recipe['factors'])} rates ok")


if __name__ == "__main__":
    main()
