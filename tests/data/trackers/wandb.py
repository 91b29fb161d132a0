"""Writes the fixtures of Weights & Biases: histories of offline runs, and the table of the runs as the project's page exports it.

The histories hold what `wandb` itself wrote, a line a call of `wandb.log`, as `scan_history` returns them.
"""
import csv, json, os, shutil, sys
import wandb
from wandb.proto import wandb_internal_pb2 as pb

def records(path):
    """The records of a `.wandb` file: LevelDB's log format behind a header of 7 bytes."""
    data, at, whole = open(path, "rb").read(), 7, b""
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
        length, kind = int.from_bytes(data[at + 4:at + 6], "little"), data[at + 6]
        whole += data[at + 7:at + 7 + length]
        at += 7 + length
        if kind in (1, 4):
            yield whole
            whole = b""

out = os.path.abspath(sys.argv[1])
shutil.rmtree(out, ignore_errors=True); os.makedirs(out)
os.environ.update(WANDB_MODE="offline", WANDB_SILENT="true", WANDB_DIR=out, WANDB_DISABLE_GIT="true", WANDB_X_DISABLE_META="true")
table = []
for name, width, mlp, last, top1, state in [("w64", 64, 239, 200, 0.5, "finished"), ("w96", 96, 358, 300, 0.65, "finished"),
                                            ("stopped", 96, 358, 100, 0.2, "crashed"), ("diverged", 64, 239, 200, float("nan"), "finished")]:
    config = {"width": width, "depth": 2, "mlp": mlp, "optimizer": {"name": "adamw", "lr": 1e-3}, "betas": [0.9, 0.999]}
    run = wandb.init(project="sweep", name=name, config=config)
    folder = run.dir
    for step in range(50, last + 1, 50):
        run.log({"train/loss": 0.7 - step / 1000, "train/global_step": step})
        if step % 100 == 0:
            run.log({"val/top1": top1 if step == last else 0.1, "train/global_step": step})
    run.finish()
    (log,) = [file for file in os.listdir(os.path.dirname(folder)) if file.endswith(".wandb")]
    rows, summary = [], {}
    for data in records(os.path.join(os.path.dirname(folder), log)):
        record = pb.Record(); record.ParseFromString(data)
        if record.HasField("history"):
            rows.append({item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in record.history.item})
            summary.update(rows[-1])
    if state == "finished":
        with open(f"{out}/{name}.jsonl", "w") as file:
            # The service returns what is no number of JSON as text.
            file.writelines(json.dumps({k: "NaN" if v != v else v for k, v in row.items() if k != "_wandb"}) + "\n" for row in rows)
    flat = {"width": width, "depth": 2, "mlp": mlp, "optimizer.name": "adamw", "optimizer.lr": 1e-3, "betas": "[0.9,0.999]"}
    table.append({"Name": name, "State": state, "Notes": "-", "User": "user", "Tags": "", "Created": "2026-11-28T18:36:04.000Z",
                  "Runtime": "3", "Sweep": "", **flat, **{k: "NaN" if v != v else v for k, v in summary.items()}})
with open(f"{out}/runs.csv", "w", newline="") as file:
    writer = csv.DictWriter(file, list(table[0]), quoting=csv.QUOTE_ALL, restval="")
    writer.writeheader(); writer.writerows(table)
shutil.rmtree(f"{out}/wandb")
