"""Writes the fixtures of MLflow: a database, a file store and the table of `mlflow experiments csv`."""
import os, shutil, sys, time
os.environ["MLFLOW_ENABLE_ASYNC_LOGGING"] = "false"
import mlflow
out = os.path.abspath(sys.argv[1])
shutil.rmtree(out, ignore_errors=True); os.makedirs(out); os.chdir(out)

def runs():
    mlflow.set_experiment("sweep")
    for width, last, error in [(64, 200, 0.5), (96, 300, 0.35)]:
        with mlflow.start_run(run_name=f"w{width}"):
            mlflow.log_params({"width": width, "depth": 2, "mlp": {64: 239, 96: 358}[width], "steps": last, "lr": 1e-3, "bf16": True})
            for step in range(0, last + 1, 50):
                mlflow.log_metric("train_loss", 0.7 - step / 1000, step=step)
            # Not in the order of their steps, and one step twice.
            mlflow.log_metric("val/top1", 1 - error - 0.1, step=last)
            time.sleep(0.01)
            mlflow.log_metric("val/top1", 1 - error, step=last)
            mlflow.log_metric("val/top1", 0.1, step=100)
            mlflow.set_tag("note", "a long text, " * 900 if width == 64 else "short")
    with mlflow.start_run(run_name="diverged"):
        mlflow.log_params({"width": 64, "depth": 2, "mlp": 239})
        mlflow.log_metric("train_loss", float("nan"), step=50)
        mlflow.log_metric("val/top1", float("inf"), step=50)
    try:
        with mlflow.start_run(run_name="failed"):
            mlflow.log_params({"width": 64})
            mlflow.log_metric("val/top1", 0.2, step=50)
            raise RuntimeError("out of memory")
    except RuntimeError:
        pass
    with mlflow.start_run(run_name="deleted") as run:
        mlflow.log_params({"width": 64, "depth": 2, "mlp": 239})
        mlflow.log_metric("val/top1", 0.2, step=50)
    mlflow.delete_run(run.info.run_id)

if sys.argv[2] == "db":
    mlflow.set_tracking_uri(f"sqlite:///{out}/mlflow.db")
    runs()
    mlflow.search_runs(experiment_names=["sweep"]).to_csv("runs.csv", index=False)
else:
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    mlflow.set_tracking_uri(f"file://{out}/mlruns")
    runs()
