"""Figures that R cannot give: rows whose probability of what happened is 1e-22 to 1e-304.

R's binomial family clamps p to [2e-16, 1 - 2e-16], so its log-likelihood stops at -36 per row. Here Newton's method
runs in 50 decimal digits (mpmath) on `../data/extreme.csv`.

    python make_extreme.py       writes extreme.json beside this script; same keys as glm.json
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import mpmath as mp

HERE = Path(__file__).resolve().parent
mp.mp.dps = 50


def log_p(eta: mp.mpf) -> mp.mpf:
    return -mp.log1p(mp.exp(-eta))


def main() -> None:
    with (HERE.parent / "data" / "extreme.csv").open() as file:
        rows = list(csv.DictReader(file))
    y = [int(r["y"]) for r in rows]
    X = mp.matrix([[1, mp.mpf(r["x"])] for r in rows])
    offset = mp.matrix([mp.mpf(r["offset"]) for r in rows])
    b = mp.matrix([0, 0])
    for _ in range(30):
        eta = X * b + offset
        p = [1 / (1 + mp.exp(-e)) for e in eta]
        q = [1 / (1 + mp.exp(e)) for e in eta]
        residual = mp.matrix([q[i] if y[i] else -p[i] for i in range(len(y))])
        information = X.T * mp.diag([p[i] * q[i] for i in range(len(y))]) * X
        step = mp.lu_solve(information, X.T * residual)
        b += step
    assert mp.norm(step) < mp.mpf("1e-40")
    cov = information**-1
    loglik = mp.fsum(log_p(e) if y[i] else log_p(-e) for i, e in enumerate(eta))
    case = {
        "name": "extreme_offsets",
        "data": "extreme",
        "formula": "y ~ x",
        "event": None,
        "trials": None,
        "weights": None,
        "weights_type": None,
        "offset": "offset",
        "note": "eight rows contradict offsets of +-50 and +-700",
        "terms": ["Intercept", "x"],
        "nobs": len(y),
        "coef": [float(v) for v in b],
        "se": [float(mp.sqrt(cov[i, i])) for i in range(2)],
        "vcov": [[float(cov[i, j]) for j in range(2)] for i in range(2)],
        "loglik": float(loglik),
        "deviance": float(-2 * loglik),
        "rows": {
            "position": list(range(10)),
            "eta": [float(e) for e in eta[:10]],
            "probability": [float(v) for v in p[:10]],
            "complement": [float(v) for v in q[:10]],
            "row_loglik": [float(log_p(e) if y[i] else log_p(-e)) for i, e in enumerate(eta[:10])],
        },
    }
    made_with = {"mpmath": mp.__version__, "digits": 50}
    text = json.dumps({"made_with": made_with, "cases": [case]}, indent=1)
    (HERE / "extreme.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
