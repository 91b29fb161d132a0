"""Reads a table and averages its seeds with one of the table readers of the field; prints `seconds mebibytes`."""

import os
import resource
import sys
import time

peer, path = sys.argv[1:]
points = ["width", "depth", "mlp", "seen"]
if peer == "polars-one-thread":
    os.environ["POLARS_MAX_THREADS"] = "1"
if peer == "pandas":
    import pandas

    start = time.perf_counter()
    table = pandas.read_csv(path)
    table = table[table["task"] == "inet"]
    rows = (1 - table.set_index(points)["accuracy"]).groupby(level=points).agg(["mean", "count"])
else:
    import polars

    start = time.perf_counter()
    table = polars.scan_csv(path).filter(polars.col("task") == "inet")
    rows = table.group_by(points).agg((1 - polars.col("accuracy")).mean(), polars.len()).collect(engine="streaming")
seconds = time.perf_counter() - start
assert len(rows) == 96, rows
print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
