"""A whole L1 path, side by side with peers: the same strengths, time and objective of each.

    python benchmarks/path_speed.py [--rows 10000] [--terms 1000] [--repeats 3] [--seed 0] [--budget 120]

The strengths are those of problogit's own path (100 values from the smallest that leaves all coefficients zero down by
1e-4, ended where nothing more is explained); every engine is given them and returns intercept and coefficients at each.
Printed: median seconds, the ratio to problogit, and by how much the worst value of the objective exceeds the best of
all engines at that strength, relatively: a fast rough answer is no equal of a slow exact one. glmnet runs in R where
Rscript and the package are there, timed inside R; skglm needs its package. An engine that is over its budget stops and
is given with the number of strengths that it reached. (celer has no intercept and is left out.)
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

import problogit as plg

GLMNET = """
suppressPackageStartupMessages(library(glmnet))
arguments <- commandArgs(TRUE)
folder <- arguments[1]; n <- as.integer(arguments[2]); p <- as.integer(arguments[3]); thresh <- as.numeric(arguments[4])
read <- function(name, size) readBin(file.path(folder, name), "double", size)
X <- matrix(read("X", n * p), n, p); y <- read("y", n); lambda <- read("lambda", 1000)
seconds <- system.time(fit <- glmnet(X, y, family = "binomial", lambda = lambda, standardize = FALSE, thresh = thresh))
out <- file(file.path(folder, "out"), "wb")
writeBin(c(seconds[["elapsed"]], rbind(fit$a0, as.matrix(fit$beta))), out)
close(out)
"""

Run = tuple[
    float, np.ndarray
]  # seconds; intercept and coefficients, a row for each strength that was reached
Engine = Callable[[np.ndarray, np.ndarray, np.ndarray, float], Run]


def make_data(rows: int, terms: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Neighbouring columns correlate with 0.5; one column in twenty has an effect."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, terms))
    for j in range(1, terms):
        X[:, j] = 0.5 * X[:, j - 1] + np.sqrt(0.75) * X[:, j]
    beta = np.zeros(terms)
    beta[rng.choice(terms, max(1, terms // 20), replace=False)] = 0.3 * rng.normal(size=max(1, terms // 20))
    y = (rng.random(rows) < 1 / (1 + np.exp(-(X @ beta - 0.5)))).astype(float)
    return X, y


def ours(X: np.ndarray, y: np.ndarray, strengths: np.ndarray, _budget: float) -> Run:
    started = time.perf_counter()
    record = plg.LogitModel.from_arrays(X, y).path(plg.Laplace(1.0), values=strengths).record
    return time.perf_counter() - started, record.coefficients.toarray()


def glmnet(thresh: float) -> Engine:
    def run(X: np.ndarray, y: np.ndarray, strengths: np.ndarray, _budget: float) -> Run:
        if shutil.which("Rscript") is None:
            raise ImportError("no Rscript")
        with tempfile.TemporaryDirectory() as folder:
            for name, values in (("X", X.T), ("y", y), ("lambda", strengths / len(y))):
                np.ascontiguousarray(values).tofile(Path(folder) / name)
            script = Path(folder) / "run.R"
            script.write_text(GLMNET)
            command = ["Rscript", str(script), folder, *map(str, X.shape), str(thresh)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise ImportError(done.stderr.strip().splitlines()[-1])
            found = np.fromfile(Path(folder) / "out")
        return float(found[0]), found[1:].reshape(-1, X.shape[1] + 1)

    return run


def one_by_one(fit: Callable[[float], np.ndarray], strengths: np.ndarray, budget: float) -> Run:
    """Strength after strength, until the budget is spent."""
    started, found = time.perf_counter(), []
    for strength in strengths:
        found.append(fit(strength))
        if time.perf_counter() - started > budget:
            break
    return time.perf_counter() - started, np.array(found)


def skglm(X: np.ndarray, y: np.ndarray, strengths: np.ndarray, budget: float) -> Run:
    from skglm import SparseLogisticRegression

    X = np.asfortranarray(X)
    model = SparseLogisticRegression(warm_start=True, tol=1e-5, fit_intercept=True)

    def fit(strength: float) -> np.ndarray:
        model.alpha = strength / len(y)
        model.fit(X, y)
        return np.append(model.intercept_, model.coef_.ravel())

    return one_by_one(fit, strengths, budget)


def sklearn(solver: str, tol: float) -> Engine:
    def run(X: np.ndarray, y: np.ndarray, strengths: np.ndarray, budget: float) -> Run:
        from sklearn.linear_model import LogisticRegression

        options = {"intercept_scaling": 1e4} if solver == "liblinear" else {}  # it penalizes its intercept
        model = LogisticRegression(
            l1_ratio=1.0, solver=solver, tol=tol, max_iter=10_000, warm_start=True, **options
        )

        def fit(strength: float) -> np.ndarray:
            model.C = 1 / strength
            model.fit(X, y)
            return np.append(model.intercept_, model.coef_.ravel())

        return one_by_one(fit, strengths, budget)

    return run


ENGINES: dict[str, Engine] = {
    "problogit": ours,
    "glmnet (default threshold)": glmnet(1e-7),
    "glmnet (threshold 1e-9)": glmnet(1e-9),
    "skglm": skglm,
    "scikit-learn saga": sklearn("saga", 1e-4),
    "scikit-learn liblinear": sklearn("liblinear", 1e-4),
}


def objectives(X: np.ndarray, y: np.ndarray, strengths: np.ndarray, found: np.ndarray) -> np.ndarray:
    """-loglik + strength |b|_1 at each strength that was reached; NaN for the others."""
    eta = found[:, :1] + found[:, 1:] @ X.T
    values = np.logaddexp(0, eta).sum(axis=1) - eta @ y
    values += strengths[: len(found)] * np.abs(found[:, 1:]).sum(axis=1)
    return np.append(values, np.full(len(strengths) - len(found), np.nan))


def race(rows: int, terms: int, repeats: int, seed: int, budget: float) -> None:
    X, y = make_data(rows, terms, seed)
    path = plg.LogitModel.from_arrays(X, y).path(plg.Laplace(1.0)).record
    strengths = path.factors
    small = make_data(200, 10, seed)
    engines = {}
    for name, engine in ENGINES.items():
        try:
            engine(*small, np.array([10.0, 5.0]), budget)  # imports and compilation are not part of the race
            engines[name] = engine
        except ImportError as error:
            print(f"{name}: not run ({error})")
    times: dict[str, list[float]] = {name: [] for name in engines}
    found: dict[str, np.ndarray] = {}
    for _ in range(repeats):
        for name in list(engines):
            if times[name] and times[name][-1] > budget / 2:
                continue  # once is enough
            seconds, coefficients = engines[name](X, y, strengths, budget)
            times[name].append(seconds)
            found[name] = objectives(X, y, strengths, coefficients)
    best = np.nanmin(np.array(list(found.values())), axis=0)
    size = f"{rows:,} rows x {terms} columns, seed {seed}, {len(strengths)} strengths"
    print(f"\n{size}, {path.n_nonzero[-1]} coefficients at the end")
    print(f"{'engine':30}{'seconds':>10}{'ratio':>8}{'strengths':>11}{'worst excess':>15}")
    reference = statistics.median(times["problogit"])
    for name in engines:
        median, reached = statistics.median(times[name]), int(np.isfinite(found[name]).sum())
        excess = np.nanmax((found[name] - best) / best)
        print(f"{name:30}{median:10.2f}{median / reference:8.2f}{reached:11d}{excess:15.1e}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--terms", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--budget", type=float, default=120.0, help="seconds for one engine")
    parser.add_argument("--blas-threads", type=int, default=None, help="by default as many as BLAS likes")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    with threadpool_limits(chosen.blas_threads):
        race(chosen.rows, chosen.terms, chosen.repeats, chosen.seed, chosen.budget)


if __name__ == "__main__":
    main()
