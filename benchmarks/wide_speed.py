"""L2 on a wide sparse one-hot design, side by side with scikit-learn's solvers.

    python benchmarks/wide_speed.py [--rows 1000000] [--terms 100000] [--repeats 1] [--seed 0] [--budget 120]

Five factors share the columns (half of them belong to the first), a row has one level of each; strength 1 on every
level, a free intercept. Printed: median seconds, the ratio to problogit, and the excess of the objective over the best
of all engines, relatively. Every scikit-learn solver that takes a sparse design and L2 is run at two tolerances, so
that one can be compared at the same accuracy; one that is over its budget is not run at the finer one.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np
import scipy.sparse as sp

import problogit as plg

SHARES = (0.5, 0.3, 0.15, 0.045, 0.005)

Engine = Callable[[sp.csr_array, np.ndarray], np.ndarray]  # intercept and coefficients


def make_data(rows: int, terms: int, seed: int) -> tuple[sp.csr_array, np.ndarray]:
    """One-hot columns of five factors whose levels differ in frequency."""
    rng = np.random.default_rng(seed)
    sizes = [max(2, round(share * terms)) for share in SHARES]
    starts = np.cumsum([0, *sizes])
    levels = [
        start + (size * rng.random(rows) ** 1.5).astype(np.int32)
        for start, size in zip(starts, sizes, strict=False)
    ]
    columns = np.column_stack(levels)
    X = sp.csr_array(
        (
            np.ones(columns.size),
            columns.ravel().astype(np.int32),
            np.arange(0, columns.size + 1, len(sizes), dtype=np.int32),
        ),
        shape=(rows, int(starts[-1])),
    )
    eta = X @ (0.5 * rng.normal(size=X.shape[1])) - 1.0
    return X, (rng.random(rows) < 1 / (1 + np.exp(-eta))).astype(float)


def ours(X: sp.csr_array, y: np.ndarray) -> np.ndarray:
    fit = plg.LogitModel.from_arrays(X, y).fit(plg.Penalized(plg.Normal(1.0), inference="none"))
    return np.asarray(fit.coef)


def sklearn(solver: str, tol: float) -> Engine:
    def run(X: sp.csr_array, y: np.ndarray) -> np.ndarray:
        from sklearn.linear_model import LogisticRegression

        found = LogisticRegression(C=1.0, solver=solver, tol=tol, max_iter=10_000).fit(sp.csr_matrix(X), y)
        return np.append(found.intercept_, found.coef_.ravel())

    return run


ENGINES: dict[str, list[tuple[float, Engine]]] = {
    "problogit": [(0.0, ours)],
    **{
        f"scikit-learn {solver}": [(tol, sklearn(solver, tol)) for tol in (1e-4, 1e-7)]
        for solver in ("lbfgs", "newton-cg", "sag")
    },
}


def objective(X: sp.csr_array, y: np.ndarray, beta: np.ndarray) -> float:
    """-loglik + |b|^2 / 2."""
    eta = X @ beta[1:] + beta[0]
    return float(np.logaddexp(0, eta).sum() - y @ eta + beta[1:] @ beta[1:] / 2)


def race(rows: int, terms: int, repeats: int, seed: int, budget: float) -> None:
    X, y = make_data(rows, terms, seed)
    small = make_data(2000, 100, seed)
    times: dict[str, list[float]] = {}
    found: dict[str, float] = {}
    for name, runs in ENGINES.items():
        for tol, engine in runs:
            label = f"{name}, tol {tol:g}" if tol else name
            try:
                engine(*small)  # imports are not part of the race
            except ImportError as error:
                print(f"{label}: not run ({error})")
                continue
            times[label] = []
            for _ in range(repeats):
                started = time.perf_counter()
                beta = engine(X, y)
                times[label].append(time.perf_counter() - started)
                if times[label][-1] > budget / 2:
                    break
            found[label] = objective(X, y, beta)
            if times[label][-1] > budget:
                break
    best, reference = min(found.values()), statistics.median(times["problogit"])
    print(f"\n{rows:,} rows x {X.shape[1]:,} columns, {X.nnz:,} entries, seed {seed}")
    print(f"{'engine':34}{'seconds':>10}{'ratio':>8}{'excess':>12}")
    for label, value in found.items():
        median = statistics.median(times[label])
        print(f"{label:34}{median:10.2f}{median / reference:8.2f}{(value - best) / best:12.1e}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--terms", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--budget", type=float, default=120.0, help="seconds for one run")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    race(chosen.rows, chosen.terms, chosen.repeats, chosen.seed, chosen.budget)


if __name__ == "__main__":
    main()
