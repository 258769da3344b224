"""Firth's penalized likelihood with profile intervals and likelihood-ratio tests, side by side with firthmodels.

    pip install "problogit[bench]"
    OMP_NUM_THREADS=1 python benchmarks/firth_speed.py [--rows 1000] [--terms 50] [--repeats 5] [--seed 0] [--numba]

Every engine fits the same arrays, profiles every coefficient at 95% and tests every coefficient by the penalized
likelihood ratio over the full design; they are timed in turn, round after round, and the median of each is printed with
its ratio to problogit. firthmodels is run at its own tolerance (1e-4) and at 1e-8, at which its answers are as exact as
those of problogit; ``--numba`` adds its compiled backend, whose compilation (tens of seconds) is not timed. Largest
differences to problogit stand beside the times: of profile ends in widths of the interval, of p-values relative.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import problogit as plg


@dataclass(frozen=True)
class Answer:
    """What an engine finds; the intercept comes first."""

    coef: np.ndarray
    ends: np.ndarray
    p_value: np.ndarray
    seconds: tuple[float, float]


def make_data(rows: int, terms: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Standard normal columns with moderate effects, 40% events."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, terms))
    eta = X @ (rng.normal(size=terms) * 0.3) - 0.5
    return X, (rng.random(rows) < 1 / (1 + np.exp(-eta))).astype(int)


def ours(X: np.ndarray, y: np.ndarray) -> Answer:
    started = time.perf_counter()
    fit = plg.LogitModel.from_arrays(X, y).fit(plg.Penalized(plg.Jeffreys()))
    fitted = time.perf_counter()
    table = fit.summary()
    done = time.perf_counter()
    ends = table[["lower", "upper"]].to_numpy()
    return Answer(fit.coef.to_numpy(), ends, table["p_value"].to_numpy(), (fitted - started, done - fitted))


def firthmodels(backend: str, tolerance: float) -> Callable[[np.ndarray, np.ndarray], Answer]:
    def run(X: np.ndarray, y: np.ndarray) -> Answer:
        from firthmodels import FirthLogisticRegression

        started = time.perf_counter()
        model = FirthLogisticRegression(backend=backend, gtol=tolerance, xtol=tolerance, max_iter=100).fit(
            X, y
        )
        fitted = time.perf_counter()
        model.lrt()
        ends = model.conf_int(method="pl", tol=tolerance, max_iter=100)
        done = time.perf_counter()
        coef = np.r_[model.intercept_, model.coef_.ravel()]
        order = np.r_[-1, np.arange(X.shape[1])]
        return Answer(coef, ends[order], model.lrt_pvalues_[order], (fitted - started, done - fitted))

    return run


def race(rows: int, terms: int, repeats: int, seed: int, *, numba: bool) -> None:
    """Time all engines in turn and print medians, ratios and differences."""
    engines: dict[str, Callable[[np.ndarray, np.ndarray], Answer]] = {
        "problogit": ours,
        "firthmodels, NumPy, 1e-4": firthmodels("numpy", 1e-4),
        "firthmodels, NumPy, 1e-8": firthmodels("numpy", 1e-8),
    }
    if numba:
        engines["firthmodels, numba, 1e-4"] = firthmodels("numba", 1e-4)
        engines["firthmodels, numba, 1e-8"] = firthmodels("numba", 1e-8)
    X, y = make_data(rows, terms, seed)
    for name, engine in list(engines.items()):
        try:
            engine(*make_data(200, 3, seed))  # imports, compilation and first calls are not part of the race
        except ImportError as error:
            print(f"{name}: not run ({error})")
            del engines[name]
    found: dict[str, list[Answer]] = {name: [] for name in engines}
    for _ in range(repeats):
        for name, engine in engines.items():
            found[name].append(engine(X, y))
    reference = found["problogit"][-1]
    total = statistics.median(sum(one.seconds) for one in found["problogit"])
    width = np.ptp(reference.ends, axis=1)[:, None]
    print(
        f"\n{rows:,} rows x {terms} columns, seed {seed}, median of {repeats}: fit, then {terms + 1} profiles and tests"
    )
    print(f"{'engine':28}{'fit s':>9}{'rest s':>9}{'ratio':>8}{'coef':>10}{'ends':>10}{'p':>10}")
    for name, answers in found.items():
        fit, rest = (statistics.median(one.seconds[k] for one in answers) for k in (0, 1))
        last = answers[-1]
        print(
            f"{name:28}{fit:9.4f}{rest:9.4f}{statistics.median(sum(one.seconds) for one in answers) / total:8.2f}"
            f"{np.abs(last.coef - reference.coef).max():10.0e}"
            f"{np.nanmax(np.abs(last.ends - reference.ends) / width):10.0e}"
            f"{np.nanmax(np.abs(last.p_value / reference.p_value - 1)):10.0e}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1000])
    parser.add_argument("--terms", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--numba", action="store_true")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    for rows in chosen.rows:
        race(rows, chosen.terms, chosen.repeats, chosen.seed, numba=chosen.numba)


if __name__ == "__main__":
    main()
