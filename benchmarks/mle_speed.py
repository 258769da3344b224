"""Maximum likelihood with standard errors, side by side with peers in one process.

    python benchmarks/mle_speed.py [--rows 100000 1000000] [--terms 20] [--repeats 3] [--seed 0]

Every engine gets the same arrays and is timed in turn, round after round; the median of each and its ratio to
problogit are printed. scikit-learn and glum are run without a penalty and give no standard errors of this model, so
that they do less work than problogit and statsmodels. The largest difference to problogit's coefficients is printed
beside the time: a fast wrong answer is no answer.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np

import problogit as plg


def make_data(rows: int, terms: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A regular design: standard normal columns, one of them around 20, moderate effects."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, terms))
    beta = rng.normal(size=terms) * 0.3
    eta = X @ beta - 0.5
    X[:, 1] += 20.0
    return X, (rng.random(rows) < 1 / (1 + np.exp(-eta))).astype(float)


def ours(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    fit = plg.LogitModel.from_arrays(X, y).fit()
    fit.summary()
    return fit.coef.to_numpy()


def statsmodels_logit(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    import statsmodels.api as sm

    result = sm.Logit(y, sm.add_constant(X)).fit(disp=False)
    assert np.isfinite(result.bse).all()
    return result.params


def sklearn_fit(solver: str) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    def run(X: np.ndarray, y: np.ndarray) -> np.ndarray:
        from sklearn.linear_model import LogisticRegression

        found = LogisticRegression(C=np.inf, solver=solver, tol=1e-8, max_iter=2000).fit(X, y)
        return np.append(found.intercept_, found.coef_.ravel())

    return run


def glum_fit(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    from glum import GeneralizedLinearRegressor

    found = GeneralizedLinearRegressor(family="binomial", alpha=0, gradient_tol=1e-8).fit(X, y)
    return np.append(found.intercept_, found.coef_)


ENGINES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "problogit (with SE)": ours,
    "statsmodels Logit (with SE)": statsmodels_logit,
    "scikit-learn lbfgs": sklearn_fit("lbfgs"),
    "scikit-learn newton-cholesky": sklearn_fit("newton-cholesky"),
    "glum": glum_fit,
}


def race(rows: int, terms: int, repeats: int, seed: int) -> None:
    """Time all engines in turn and print medians and ratios."""
    X, y = make_data(rows, terms, seed)
    small, small_y = make_data(2000, terms, seed)
    engines = {}
    for name, engine in ENGINES.items():
        try:
            engine(small, small_y)  # imports and first-call costs are not part of the race
            engines[name] = engine
        except ImportError as error:
            print(f"{name}: not run ({error})")
    times: dict[str, list[float]] = {name: [] for name in engines}
    found: dict[str, np.ndarray] = {}
    for _ in range(repeats):
        for name, engine in engines.items():
            started = time.perf_counter()
            found[name] = engine(X, y)
            times[name].append(time.perf_counter() - started)
    reference = statistics.median(times["problogit (with SE)"])
    print(f"\n{rows:,} rows x {terms} columns, seed {seed}, median of {repeats}")
    print(f"{'engine':32}{'seconds':>10}{'ratio':>8}{'largest difference':>22}")
    for name in engines:
        median = statistics.median(times[name])
        away = np.abs(found[name] - found["problogit (with SE)"]).max()
        print(f"{name:32}{median:10.3f}{median / reference:8.1f}{away:22.1e}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--terms", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    for rows in chosen.rows:
        race(rows, chosen.terms, chosen.repeats, chosen.seed)


if __name__ == "__main__":
    main()
