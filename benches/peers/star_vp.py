"""The per-dimension star by variable projection in scipy: what `benches/star.rs` is measured against.

usage: star_vp.py DATA.csv DRAWS.csv

DATA has columns arm,size,flops,examples,loss. DRAWS has one row of losses a bootstrap draw. Each draw is fitted by
scipy.optimize.least_squares (TRF, finite differences) over the seven log exponents, with scipy.optimize.nnls inside,
started at the fit of DATA. Prints `SECONDS_A_DRAW cost_of_data`.
"""

import sys
import time

import numpy as np
from scipy.optimize import least_squares, nnls

LOW, HIGH = np.log(1e-3), np.log(4.0)


def design(path):
    table = np.genfromtxt(path, delimiter=",", names=True)
    arm = table["arm"].astype(int)
    ln_x = np.log(table["size"])
    ln_t = np.log(table["flops"]) + np.log(table["examples"])
    for k in range(3):
        ln_x[arm == k] -= ln_x[arm == k].mean()
    ln_t -= ln_t.mean()
    return [(ln_x[arm == k], ln_t[arm == k], arm == k) for k in range(3)], table["loss"]


def residuals(z, arms, loss):
    exponents = np.exp(z)
    parts = []
    for k, (ln_x, ln_t, rows) in enumerate(arms):
        a, b, c = exponents[2 * k], exponents[2 * k + 1], exponents[6]
        t = np.exp(-c * ln_t)
        columns = np.column_stack([np.exp(-a * ln_x), np.exp(b * ln_x) * t, t, np.ones_like(t)]) / loss[rows][:, None]
        w, _ = nnls(columns, np.ones(len(t)))
        parts.append(columns @ w - 1)
    return np.concatenate(parts)


def fit(start, arms, loss):
    return least_squares(residuals, start, bounds=(LOW, HIGH), args=(arms, loss), method="trf")


def main():
    arms, loss = design(sys.argv[1])
    starts = np.random.default_rng(1).uniform(np.log(0.1), np.log(2.5), (8, 7))
    best = min((fit(start, arms, loss) for start in starts), key=lambda end: end.cost)
    draws = np.atleast_2d(np.loadtxt(sys.argv[2], delimiter=","))
    began = time.perf_counter()
    for draw in draws:
        fit(best.x, arms, draw)
    seconds = (time.perf_counter() - began) / len(draws)
    print(seconds, 2 * best.cost)


main()
