"""Writes the synthetic stars beside it: `python3 generate.py`. Needs numpy alone; the seeds are fixed.

The planted law is the joint form (3) of the SoViT paper on a star, sizes u in units of the centre and compute t in
units of the least: f = sum_k (alpha_k u_k^-a_k + beta_k u_k^b_k T) + xi T + eps, T = t^-c, other sizes at 1.
"""

from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
S = np.array([0.22, 0.45, 0.60])
CAPACITY = np.array([0.05, 0.06, 0.08])
MIDDLE_U, MIDDLE_T, FAR_T = 0.2, 10.0, 1000.0
EPS, XI = 0.12, 0.1
TRUTHS = {"c35": 0.35, "c65": 0.65}

u = 0.05 * 16 ** (np.arange(6) / 5)
t = 100 ** (np.arange(8) / 7)
arm, size, compute = (axis.ravel() for axis in np.meshgrid(np.arange(3), u, t, indexing="ij"))
with open(HERE / "design.csv", "w") as file:
    file.write("arm,u,t\n")
    for row in zip(arm, size, compute):
        file.write("%d,%.17g,%.17g\n" % row)

with open(HERE / "truths.csv", "w") as truths:
    truths.write("truth,s_width,s_depth,s_mlp,ln_x_width,ln_x_depth,ln_x_mlp,ln_loss\n")
    for number, (name, c) in enumerate(TRUTHS.items()):
        a, b = 0.4 * c / S, 0.6 * c / S
        alpha = CAPACITY * MIDDLE_U**a
        beta = a / b * CAPACITY * MIDDLE_U**-b * MIDDLE_T**c
        p, q = EPS + alpha.sum(), XI + beta.sum()
        power = compute**-c
        loss = p + q * power + alpha[arm] * (size ** -a[arm] - 1) + beta[arm] * (size ** b[arm] - 1) * power
        ln_x = np.log(alpha * a * FAR_T**c / (beta * b)) / (a + b)
        answers = [*S, *ln_x, np.log(p + q * FAR_T**-c)]
        truths.write(name + "," + ",".join("%.12g" % answer for answer in answers) + "\n")
        for level in ["0.3", "1", "3"]:
            random = np.random.default_rng([2305, 13035, number, round(10 * float(level))])
            with open(HERE / f"{name}-{level}.csv", "w") as file:
                for _ in range(60):
                    noisy = loss * (1 + float(level) / 100 * random.standard_normal(len(loss)))
                    file.write(",".join("%.6g" % y for y in noisy) + "\n")
