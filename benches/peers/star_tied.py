"""The tied star by variable projection in scipy (method C), over the data sets of `tests/data/stars/`.

usage: star_tied.py tests/data/stars > tests/data/stars/scipy.tsv

Inside, scipy.optimize.lsq_linear finds the eight coefficients P, Q, alpha_k, beta_k: with eps_k = P - alpha_k the
constraints 0 <= alpha_k <= P couple them, so a data set whose unconstrained coefficients break a constraint is solved
again by SLSQP from there. Outside, scipy.optimize.least_squares (TRF, finite differences) searches the seven log
exponents from eight starts. Prints RMSE of s, of log x* and of log loss at ten times the largest compute.
"""

import sys
from datetime import date
from pathlib import Path

import numpy as np
import scipy
from scipy.optimize import least_squares, minimize

LOW, HIGH = np.log(1e-3), np.log(4.0)
LIMITS = np.zeros((12, 8))
for k in range(3):
    LIMITS[4 * k, 2 + 2 * k] = 1
    LIMITS[4 * k + 1, 3 + 2 * k] = 1
    LIMITS[4 * k + 2, [0, 2 + 2 * k]] = 1, -1
    LIMITS[4 * k + 3, [1, 3 + 2 * k]] = 1, -1


def columns(z, arm, ln_u, ln_t):
    e = np.exp(z)
    t = np.exp(-e[6] * ln_t)
    table = np.zeros((len(arm), 8))
    table[:, 0] = 1
    table[:, 1] = t
    for k in range(3):
        rows = arm == k
        table[rows, 2 + 2 * k] = np.expm1(-e[2 * k] * ln_u[rows])
        table[rows, 3 + 2 * k] = np.expm1(e[2 * k + 1] * ln_u[rows]) * t[rows]
    return table


def inner(a):
    scale = 1 / np.linalg.norm(a, axis=0)
    w = np.linalg.lstsq(a * scale, np.ones(len(a)), rcond=None)[0] * scale
    if (LIMITS @ w >= -1e-12).all():
        return w
    gram, rhs = a.T @ a, a.sum(axis=0)
    start = np.maximum(w, 0)
    start[0] = max(start[0], *start[2::2])
    start[1] = max(start[1], *start[3::2])
    end = minimize(
        lambda v: v @ gram @ v / 2 - rhs @ v,
        start,
        jac=lambda v: gram @ v - rhs,
        constraints={"type": "ineq", "fun": lambda v: LIMITS @ v, "jac": lambda v: LIMITS},
        method="SLSQP",
        options={"maxiter": 200, "ftol": 1e-14},
    )
    return end.x


def fit(start, arm, ln_u, ln_t, loss):
    def residuals(z):
        a = columns(z, arm, ln_u, ln_t) / loss[:, None]
        return a @ inner(a) - 1

    return least_squares(residuals, start, bounds=(LOW, HIGH), method="trf")


def answers(z, w, ln_t10):
    """s, log x* in units of the centre and log loss at the centre, at log compute ln_t10."""
    e = np.exp(z)
    s, x = np.zeros(3), np.zeros(3)
    for k in range(3):
        a, b, alpha, beta = e[2 * k], e[2 * k + 1], w[2 + 2 * k], w[3 + 2 * k]
        s[k] = e[6] / (a + b)
        x[k] = (np.log(alpha * a) - np.log(beta * b) + e[6] * ln_t10) / (a + b) if alpha > 0 and beta > 0 else np.nan
    loss = w[0] + w[1] * np.exp(-e[6] * ln_t10)
    return [*s, *x, np.log(loss)]


def main():
    folder = Path(sys.argv[1])
    design = np.genfromtxt(folder / "design.csv", delimiter=",", names=True)
    arm = design["arm"].astype(int)
    ln_u, ln_t = np.log(design["u"]), np.log(design["t"])
    ln_t10 = ln_t.max() + np.log(10)
    truths = {}
    for line in (folder / "truths.csv").read_text().splitlines()[1:]:
        cells = line.split(",")
        truths[cells[0]] = np.array(cells[1:], float)
    starts = np.random.default_rng(1).uniform(np.log(0.1), np.log(2.5), (8, 7))
    print(f"# {date.today()} numpy {np.__version__} scipy {scipy.__version__}, 60 data sets a row")
    print("truth\tnoise\ts_width\ts_depth\ts_mlp\tx_width\tx_depth\tx_mlp\tloss\tcost")
    for truth in truths:
        for noise in ["0.3", "1", "3"]:
            errors, costs = [], []
            for loss in np.loadtxt(folder / f"{truth}-{noise}.csv", delimiter=","):
                end = min((fit(start, arm, ln_u, ln_t, loss) for start in starts), key=lambda end: end.cost)
                w = inner(columns(end.x, arm, ln_u, ln_t) / loss[:, None])
                errors.append(np.array(answers(end.x, w, ln_t10)) - truths[truth])
                costs.append(2 * end.cost)
            rmse = np.sqrt(np.mean(np.square(errors), axis=0))
            print(truth, noise, *(f"{r:.6g}" for r in rmse), f"{np.mean(costs):.8g}", sep="\t", flush=True)


main()
