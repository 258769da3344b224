"""Check glm.json without R: problogit's term names by formulaic, every figure again in extended precision.

    python check_glm.py          (needs numpy with 80-bit long doubles, pandas, formulaic, statsmodels)

Newton's method, the profile ends, the sandwich covariances and the score statistics are recomputed in 80-bit
arithmetic on centred and scaled columns, from nothing but the CSV files. The largest relative differences are printed
per case.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from formulaic import model_matrix
from scipy.special import gammaln

HERE = Path(__file__).resolve().parent
LD = np.longdouble
CHI2 = LD("3.841458820694124032")


def load(case: dict[str, Any]) -> pd.DataFrame:
    source, _, name = case["data"].partition(":")
    if not name:
        return pd.read_csv(HERE.parent / "data" / f"{source}.csv")
    from statsmodels import datasets

    return getattr(datasets, name).load_pandas().data


def arrays(case: dict[str, Any]) -> tuple[np.ndarray, ...]:
    frame = load(case)
    check = case["data_check"]
    assert len(frame) == check["rows"]
    for column, total in check["sums"].items():
        assert np.isclose(frame[column].sum(), total, rtol=1e-12), column
    left, right = case["formula"].split("~", 1)
    matrix = model_matrix(right, frame)
    assert list(matrix.columns) == case["terms"], list(matrix.columns)
    comparison = re.fullmatch(r"I\((\w+) > 0\)", left.strip())
    y = frame[left.strip()] if comparison is None else frame[comparison[1]] > 0
    y = (y == case["event"]) if case["event"] is not None else y
    n = len(frame)
    m = frame[case["trials"]] if case["trials"] else np.ones(n)
    w = frame[case["weights"]] if case["weights"] else np.ones(n)
    offset = frame[case["offset"]] if case["offset"] else np.zeros(n)
    out = [np.asarray(v, dtype=LD) for v in (matrix, y, m, w, offset)]
    rows = np.arange(n)
    if case["weights_type"] == "frequency":
        rows = np.repeat(rows, np.asarray(w, dtype=int))
        out = [v[rows] for v in out]
        out[3] = np.ones_like(out[3])
    return (*out, rows)


def inverse(A: np.ndarray) -> np.ndarray:
    """Inverse of a positive definite matrix by Gauss-Jordan, in its own precision."""
    d = 1 / np.sqrt(np.diag(A))
    M = np.hstack([A * d[:, None] * d, np.eye(len(A), dtype=A.dtype)])
    for j in range(len(A)):
        M[j] /= M[j, j]
        for i in range(len(A)):
            if i != j:
                M[i] -= M[i, j] * M[j]
    return M[:, len(A) :] * d[:, None] * d


def log_p(eta: np.ndarray) -> np.ndarray:
    return -(np.maximum(0, -eta) + np.log1p(np.exp(-np.abs(eta))))


def kernel(y, m, w, eta):  # type: ignore[no-untyped-def]
    return np.sum(w * (y * log_p(eta) + (m - y) * log_p(-eta)))


def newton(X, y, m, w, offset):  # type: ignore[no-untyped-def]
    """The maximum and the inverse information, damped Newton."""
    size = np.sqrt(np.sum(X**2, axis=0))
    # Start where X b + offset is small.
    b = np.linalg.lstsq((X / size).astype(float), -offset.astype(float))[0] / size
    for _ in range(200):
        eta = X @ b + offset
        p = np.exp(log_p(eta))
        C = inverse((X * (w * m * p * np.exp(log_p(-eta)))[:, None]).T @ X)
        gradient = X.T @ (w * (y - m * p))
        step = C @ gradient
        value = kernel(y, m, w, eta)
        if gradient @ step < LD("1e-30"):
            return b, C, eta
        t = LD(1)
        while kernel(y, m, w, X @ (b + t * step) + offset) < value and t > 1e-6:
            t /= 2
        b = b + t * step
    return b, C, eta


def profile_end(X, y, m, w, offset, j, b, se, top, side):  # type: ignore[no-untyped-def]
    """Newton on the constrained log-likelihood; its derivative is the score of the held coefficient."""
    rest = np.delete(X, j, axis=1)
    t = b[j] + side * np.sqrt(CHI2) * se[j]
    for _ in range(60):
        _, _, eta = newton(rest, y, m, w, offset + X[:, j] * t)
        excess = 2 * (top - kernel(y, m, w, eta)) - CHI2
        slope = -2 * X[:, j] @ (w * (y - m * np.exp(log_p(eta))))
        step = excess / slope
        t = t - step
        if abs(step) < LD("1e-15") * se[j]:
            break
    return t


def sandwich(X, y, m, w, eta, C):  # type: ignore[no-untyped-def]
    p = np.exp(log_p(eta))
    residual = w * (y - m * p)
    h = w * m * p * (1 - p) * np.einsum("ij,jk,ik->i", X, C, X)
    n, k = X.shape
    factors = {"HC0": 1, "HC1": LD(n) / (n - k), "HC2": 1 / (1 - h), "HC3": 1 / (1 - h) ** 2}
    return {name: C @ ((X * (residual**2 * f)[:, None]).T @ X) @ C for name, f in factors.items()}, h


def relative(got: Any, want: Any) -> float:
    got, want = np.asarray(got, dtype=LD), np.asarray(want, dtype=LD)
    return float(np.max(np.abs(got - want) / np.maximum(np.abs(want), LD("1e-300"))))


def scaled(got: Any, want: Any) -> float:
    """Difference of covariances in units of the standard errors."""
    d = np.sqrt(np.diag(np.asarray(want)))
    return float(np.max(np.abs(np.asarray(got, dtype=LD) - want) / np.outer(d, d)))


def check(case: dict[str, Any]) -> dict[str, float]:
    X, y, m, w, offset, rows = arrays(case)
    scale = np.maximum(np.std(X, axis=0), np.where(np.std(X, axis=0) == 0, np.abs(X[0]), 0))
    Z = X / scale
    if case["terms"][0] == "Intercept":  # centring keeps the profile fits well conditioned
        Z = np.hstack([Z[:, :1], Z[:, 1:] - Z[:, 1:].mean(axis=0)])
    A = np.zeros((X.shape[1],) * 2, dtype=LD)  # beta = A gamma
    A[np.diag_indices(len(A))] = 1 / scale
    if case["terms"][0] == "Intercept":
        A[0, 1:] = -X[:, 1:].mean(axis=0) / scale[1:]
    gamma, C, eta = newton(Z, y, m, w, offset)
    b, V = A @ gamma, A @ C @ A.T
    se = np.sqrt(np.diag(V))
    top = kernel(y, m, w, eta)
    hc, h = sandwich(X, y, m, w, eta, V)
    ends = []
    for j in range(X.shape[1]):
        ends.append([profile_end(X, y, m, w, offset, j, b, se, top, side) for side in (-1, 1)])
    scores, lr = [], []
    for j in range(X.shape[1]):
        rest = np.delete(X, j, axis=1)
        _, D, eta0 = newton(rest, y, m, w, offset)
        p0 = np.exp(log_p(eta0))
        q = w * m * p0 * (1 - p0)
        c = rest.T @ (q * X[:, j])
        scores.append((X[:, j] @ (w * (y - m * p0))) ** 2 / (q @ X[:, j] ** 2 - c @ D @ c))
        lr.append(2 * (top - kernel(y, m, w, eta0)))
    head = case["rows"]
    at = [int(np.flatnonzero(rows == r)[0]) for r in head["position"]]
    constant = np.sum(w * (gammaln(np.asarray(m + 1, float)) - gammaln(np.asarray(y + 1, float))
                           - gammaln(np.asarray(m - y + 1, float))))  # fmt: skip
    return {
        "coef": relative(case["coef"], b),
        "se": relative(case["se"], se),
        "vcov": scaled(case["vcov"], V),
        "loglik": relative(case["loglik"], top + constant),
        "profile/se": float(np.max(np.abs(np.asarray(case["profile"], LD) - np.asarray(ends)) / se[:, None])),
        "lr": relative(case["lr_statistic"], lr),
        "score": relative(case["score_statistic"], scores),
        "hc": max(scaled(case["hc"][k], hc[k]) for k in hc),
        "leverage": relative(head["leverage"], h[at]),
        "eta": float(np.max(np.abs(np.asarray(head["eta"], LD) - eta[at]))),
        "eta_se": relative(head["eta_se"], np.sqrt(np.einsum("ij,jk,ik->i", X[at], V, X[at]))),
    }


def main() -> None:
    for case in json.loads((HERE / "glm.json").read_text())["cases"]:
        found = check(case)
        print(f"{case['name']:20s}", "  ".join(f"{k} {v:.0e}" for k, v in found.items()), flush=True)


if __name__ == "__main__":
    main()
