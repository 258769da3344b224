"""When recalibration helps and when it hurts, by simulation.

    python benchmarks/recalibration_simulation.py [--study same|new] [--sizes 100 200] [--replicates 60] [--seed 0]

Eight normal predictors with correlation 0.3^|j - k|; slopes 0.8, -0.6, 0.4, 0.2 and zeros; about 40% events. The loss
is the mean log score in 5 000 new rows, taken over their true probabilities, less that of the fit as it is: negative is
better. `same` recalibrates by the rows that made the fit (n of them): shrinkage, and maps of left-out predictions; a
ridge whose strength the marginal likelihood chose stands beside them. `new` fits 1 000 rows of one population and
recalibrates in n rows of another: the same one, one with log-odds 0.7 higher, one with slopes 0.6 times as large and
log-odds 0.4 higher, and one with other slopes. `refit` is a new model of those n rows alone.

Isotonic probabilities are held within 1/(2n) and 1 - 1/(2n): a recalibrated probability of 0 has an infinite loss as
soon as the event happens. Replicates in which a fit is separated are left out and counted. Behind each mean stands its
Monte Carlo standard error.
"""

from __future__ import annotations

import argparse
import warnings
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

import problogit as plg
from problogit.errors import NotAvailableError
from problogit.estimate import Status

SLOPES = np.array([0.8, -0.6, 0.4, 0.2, 0.0, 0.0, 0.0, 0.0])
OTHER = np.array([0.4, -0.6, 0.0, 0.2, 0.5, 0.0, 0.0, 0.0])
ROOT = np.linalg.cholesky(0.3 ** np.abs(np.subtract.outer(np.arange(8), np.arange(8))))
TESTED, OLD, RESAMPLES = 5_000, 1_000, 100
MAPS = ("intercept", "logistic", "beta", "isotonic")


@dataclass(frozen=True)
class Population:
    """Where rows come from: log-odds -0.5 + level + spread x'slopes."""

    level: float = 0.0
    spread: float = 1.0
    slopes: tuple[float, ...] = tuple(SLOPES)

    def rows(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Predictors and probabilities."""
        X = rng.normal(size=(n, 8)) @ ROOT.T
        return X, expit(-0.5 + self.level + self.spread * (X @ np.array(self.slopes)))


HOME = Population()
AWAY = {
    "the same": HOME,
    "level": Population(level=0.7),
    "level and slope": Population(level=0.4, spread=0.6),
    "other slopes": Population(slopes=tuple(OTHER)),
}


def outcomes(p: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return (rng.random(p.size) < p).astype(int)


def loss(p: np.ndarray, q: np.ndarray) -> float:
    with np.errstate(divide="ignore"):
        return float(-np.mean(p * np.log(q) + (1 - p) * np.log1p(-q)))


def within(q: np.ndarray, n: int) -> np.ndarray:
    return np.clip(q, 0.5 / n, 1 - 0.5 / n)


def same(n: int, rng: np.random.Generator) -> dict[str, float] | None:
    X, p = HOME.rows(n, rng)
    test, truth = HOME.rows(TESTED, rng)
    model = plg.LogitModel.from_arrays(X, outcomes(p, rng))
    fit = model.fit()
    if fit.status is Status.SEPARATED:
        return None
    before = loss(truth, fit.predict_proba(test))
    made = {"shrink": fit.recalibrate(resamples=RESAMPLES, rng=rng).predict_proba(test)}
    for method in MAPS:
        found = fit.recalibrate(method, resample="loo", rng=rng).predict_proba(test)
        made[method] = within(found, n) if method == "isotonic" else found
    made["ridge"] = model.fit(plg.Penalized(plg.Normal(1.0), select="evidence")).predict_proba(test)
    return {name: loss(truth, q) - before for name, q in made.items()}


def new(n: int, rng: np.random.Generator) -> dict[str, float] | None:
    X, p = HOME.rows(OLD, rng)
    fit = plg.LogitModel.from_arrays(X, outcomes(p, rng)).fit()
    out = {}
    for name, population in AWAY.items():
        rows, chance = population.rows(n, rng)
        y = outcomes(chance, rng)
        test, truth = population.rows(TESTED, rng)
        before = loss(truth, fit.predict_proba(test))
        for method in (*MAPS, "auto"):
            try:
                q = fit.recalibrate(method, (rows, y), rng=rng).predict_proba(test)
            except NotAvailableError:
                return None
            out[f"{name}: {method}"] = loss(truth, within(q, n) if method == "isotonic" else q) - before
        refit = plg.LogitModel.from_arrays(rows, y).fit()
        if refit.status is Status.SEPARATED:
            return None
        out[f"{name}: refit"] = loss(truth, refit.predict_proba(test)) - before
    return out


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--study", choices=("same", "new"), default="same")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 200, 500, 2000])
    parser.add_argument("--replicates", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    study = {"same": same, "new": new}[given.study]
    warnings.simplefilter("ignore")
    for n in given.sizes:
        changes, lost = defaultdict(list), 0
        for rng in np.random.default_rng([given.seed, n]).spawn(given.replicates):
            found = study(n, rng)
            lost += found is None
            for name, change in (found or {}).items():
                changes[name].append(change)
        print(f"n = {n}, {given.replicates} replicates, {lost} of them left out")
        for name, values in changes.items():
            error = np.std(values, ddof=1) / np.sqrt(len(values))
            print(
                f"  {name:28s} {np.mean(values):+.4f} ({error:.4f}), worse in {np.mean(np.array(values) > 0):.0%}"
            )


if __name__ == "__main__":
    main()
