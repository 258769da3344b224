"""L2 on a dense design, side by side with scikit-learn's solvers and glum in one process.

    python benchmarks/ridge_speed.py [--rows 1000000] [--terms 20] [--strength 10] [--repeats 3] [--seed 0]

The penalty is strength/2 times the squared slopes, the intercept is free. Printed: median seconds, the ratio to
problogit, and the excess of the objective over the best of all engines, relative to it. Solvers run at a tight and at
their default tolerance, so that they can be compared at an equal objective; problogit computes standard errors too.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np
from mle_speed import make_data

import problogit as plg

Engine = Callable[[np.ndarray, np.ndarray, float], np.ndarray]  # X, y, strength: intercept and slopes


def ours(X: np.ndarray, y: np.ndarray, strength: float) -> np.ndarray:
    fit = plg.LogitModel.from_arrays(X, y).fit(plg.Penalized(plg.Normal.from_l2(strength)))
    fit.summary()
    return fit.coef.to_numpy()


def sklearn(solver: str, tol: float) -> Engine:
    def run(X: np.ndarray, y: np.ndarray, strength: float) -> np.ndarray:
        from sklearn.linear_model import LogisticRegression

        found = LogisticRegression(C=1 / strength, solver=solver, tol=tol, max_iter=2000).fit(X, y)
        return np.append(found.intercept_, found.coef_.ravel())

    return run


def glum(tol: float | None) -> Engine:
    def run(X: np.ndarray, y: np.ndarray, strength: float) -> np.ndarray:
        from glum import GeneralizedLinearRegressor

        found = GeneralizedLinearRegressor(
            family="binomial", alpha=strength / y.size, l1_ratio=0, gradient_tol=tol
        )
        found.fit(X, y)
        return np.append(found.intercept_, found.coef_)

    return run


ENGINES: dict[str, Engine] = {
    "problogit (with SE)": ours,
    "scikit-learn newton-cholesky, 1e-4": sklearn("newton-cholesky", 1e-4),
    "scikit-learn newton-cholesky, 1e-8": sklearn("newton-cholesky", 1e-8),
    "scikit-learn lbfgs, 1e-4": sklearn("lbfgs", 1e-4),
    "scikit-learn lbfgs, 1e-8": sklearn("lbfgs", 1e-8),
    "glum, default": glum(None),
    "glum, 1e-8": glum(1e-8),
}


def objective(X: np.ndarray, y: np.ndarray, strength: float, beta: np.ndarray) -> float:
    """Penalty less log-likelihood."""
    eta = beta[0] + X @ beta[1:]
    return float(np.logaddexp(0.0, eta).sum() - y @ eta + 0.5 * strength * beta[1:] @ beta[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--terms", type=int, default=20)
    parser.add_argument("--strength", type=float, default=10.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    X, y = make_data(chosen.rows, chosen.terms, chosen.seed)
    small, small_y = make_data(2000, chosen.terms, chosen.seed)
    for engine in ENGINES.values():
        engine(small, small_y, chosen.strength)  # imports and first-call costs are not part of the race
    times: dict[str, list[float]] = {name: [] for name in ENGINES}
    values: dict[str, float] = {}
    for _ in range(chosen.repeats):
        for name, engine in ENGINES.items():
            started = time.perf_counter()
            beta = engine(X, y, chosen.strength)
            times[name].append(time.perf_counter() - started)
            values[name] = objective(X, y, chosen.strength, beta)
    best = min(values.values())
    reference = statistics.median(times["problogit (with SE)"])
    print(f"{chosen.rows:,} rows x {chosen.terms} columns, strength {chosen.strength:g}, seed {chosen.seed}")
    print(f"{'engine':38}{'seconds':>10}{'ratio':>8}{'excess':>10}")
    for name in ENGINES:
        median = statistics.median(times[name])
        print(f"{name:38}{median:10.3f}{median / reference:8.1f}{(values[name] - best) / best:10.0e}")


if __name__ == "__main__":
    main()
