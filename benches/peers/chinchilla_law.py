"""Seconds that other tools take for the Chinchilla law on 240 runs, one `name seconds` a line; a tool that does not
import is named on stderr and left out."""

import csv
import importlib.util
import os
import sys
import tempfile
import time


def runs(path):
    with open(path) as file:
        rows = [(float(r["Model Size"]), float(r["Training FLOP"]), float(r["loss"])) for r in csv.DictReader(file)]
    rows.sort(key=lambda row: row[2])
    return [(n, c / (6 * n), c, loss) for n, c, loss in rows[:240]]


def simple_scaling_laws(rows):
    import polars
    from simple_scaling_laws import fit

    table = polars.DataFrame(
        {
            "training_run_id": [str(i) for i in range(len(rows))],
            "model_size__n": [row[0] for row in rows],
            "dataset_size__d": [row[1] for row in rows],
            "test_loss__loss": [row[3] for row in rows],
        }
    )
    start = time.perf_counter()
    fit(table, law="separable-power", n_draws=1000, seed=0)
    return "simple-scaling-laws 0.2, squares, 1000 draws", time.perf_counter() - start


def chinchilla(rows):
    from chinchilla import Chinchilla

    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "df.csv"), "w") as file:
            file.write("C,N,D,loss\n")
            file.writelines(f"{c},{n},{d},{loss}\n" for n, d, c, loss in rows)
        grid = {"E": [0.5, 1.5], "A": [5, 7], "B": [6, 8], "alpha": [0.3, 0.5], "beta": [0.3, 0.5]}
        tool = Chinchilla(folder, param_grid=grid, seed_ranges={"C": (1e18, 1e22), "N_to_D": (5, 50)}, log_level=50)
        start = time.perf_counter()
        tool.fit()
        return "chinchilla 0.2.0, its floor loss, 32 starts, no draws", time.perf_counter() - start


def vpnls(rows):
    import numpy
    import vpnls

    n, d, loss = (numpy.array([row[i] for row in rows]) for i in (0, 1, 3))
    start = time.perf_counter()
    vpnls.fit_vpnls(n, d, loss)
    return "vpnls 0.1, squares, no draws", time.perf_counter() - start


if __name__ == "__main__":
    data = runs(sys.argv[1])
    for module, tool in [("simple_scaling_laws", simple_scaling_laws), ("chinchilla", chinchilla), ("vpnls", vpnls)]:
        if importlib.util.find_spec(module) is None:
            print(f"SKIPPED {module}: not installed", file=sys.stderr)
            continue
        stdout, sys.stdout = sys.stdout, sys.stderr
        try:
            name, seconds = tool(data)
        except Exception as why:
            print(f"SKIPPED {module}: {why!r}", file=sys.stderr)
            continue
        finally:
            sys.stdout = stdout
        print(name, seconds)
