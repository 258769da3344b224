"""Certify glmnet.json without R: every case solved again on its support, and the optimality conditions checked.

    python check_glmnet.py          (needs numpy with 80-bit long doubles)

On the support with its signs the objective is smooth: Newton's method in 80-bit arithmetic gives the optimum, and the
gradient condition |x_j'(y - p)| <= l1 off the support proves that it is the optimum of the whole problem. Printed:
glmnet's excess objective, its largest coefficient error, and how far the nearest column is from entering or leaving
(margin: min of 1 - |x_j'(y - p)| / l1 off the support; smallest |b_j| on it).
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
LD = np.longdouble


def load(name: str) -> tuple[np.ndarray, np.ndarray]:
    with (HERE.parent / "data" / f"{name}.csv").open() as file:
        rows = list(csv.reader(file))[1:]
    values = np.array([[LD(v) for v in row] for row in rows])
    return values[:, 1:], values[:, 0]


def solve(A: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Solve with a positive definite matrix by Gauss-Jordan, in its own precision."""
    M = np.hstack([A, b[:, None]])
    for j in range(len(A)):
        M[j] /= M[j, j]
        others = np.arange(len(A)) != j
        M[others] -= M[others, j : j + 1] * M[j]
    return M[:, -1]


def log_p(eta: np.ndarray) -> np.ndarray:
    return -(np.maximum(0, -eta) + np.log1p(np.exp(-np.abs(eta))))


def check(case: dict[str, Any]) -> dict[str, float]:
    X, y = load(case["data"])
    l1, l2 = LD(case["l1"]), LD(case["l2"])
    found = np.array(case["coef"], dtype=LD)
    on = found[1:] != 0
    Z = np.hstack([np.ones((len(y), 1), LD), X[:, on]])
    sign = np.concatenate([[0], np.sign(found[1:][on])])
    ridge = np.concatenate([[LD(0)], np.full(int(on.sum()), l2)])
    b = np.concatenate([found[:1], found[1:][on]])

    def objective(b: np.ndarray) -> Any:
        eta = Z @ b
        return -np.sum(log_p(np.where(y == 1, eta, -eta))) + l1 * sign @ b + ridge @ b**2 / 2

    start = objective(b)
    for _ in range(100):
        p = np.exp(log_p(Z @ b))
        gradient = Z.T @ (y - p) - l1 * sign - ridge * b
        step = solve((Z * (p * (1 - p))[:, None]).T @ Z + np.diag(ridge), gradient)
        b = b + step
        if gradient @ step < LD("1e-32"):
            break
    assert np.all(sign[1:] * b[1:] > 0), "a coefficient on the support changed sign"
    p = np.exp(log_p(Z @ b))
    off = X[:, ~on].T @ (y - p)
    slack = 1 - np.max(np.abs(off)) / l1 if len(off) else LD(1)
    assert slack > 0, "a column off the support wants in"
    exact = np.concatenate([found[:1], b[1:]])
    exact[0] = b[0]
    return {
        "support": int(on.sum()),
        "excess": float(start - objective(b)),
        "stored-exact": float(case["objective"] - objective(b)),
        "coef error": float(np.max(np.abs(exact - np.concatenate([found[:1], found[1:][on]])))),
        "margin off": float(slack),
        "smallest on": float(np.min(np.abs(b[1:]))) if on.any() else float("nan"),
    }


def main() -> None:
    for case in json.loads((HERE / "glmnet.json").read_text())["cases"]:
        found = check(case)
        print(f"{case['name']:22s}", "  ".join(f"{k} {v:.1e}" for k, v in found.items()), flush=True)


if __name__ == "__main__":
    main()
