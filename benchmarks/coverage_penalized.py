"""Coverage of intervals after a penalty, by simulation: how often a 95% interval holds the truth.

    python benchmarks/coverage_penalized.py [--studies lasso ...] [--replicates 200] [--seed 0] [--first 0]

Normal predictors with correlation 0.3^|j - k|; slopes 1, -0.7, 0.5, 0.25 and zeros; intercept -0.5 (about 40% events).

- `lasso`: 200 rows, 10 predictors, L1 strength 5, which was fixed beforehand. Percentiles of 200 bootstrap refits, and
  debiased intervals.
- `strengths`: the same data, debiased after L1 strengths from 1 to 20 and after an L2 strength of 5, with Wald
  intervals of maximum likelihood beside them.
- `columns`: 200 rows, 40 and 100 predictors; debiased after a weak penalty and after one such as cross-validation
  chooses.
- `wide`: 200 rows, 300 predictors; debiased by a lasso of each column on the others.
- `selected`: 200 rows, 10 predictors; the strength is chosen by BIC, and again in each of 100 bootstrap refits.
  Debiased intervals after the same choice, and after one by cross-validation.
- `stopped`: 200 rows, 10 predictors; early stopping, whose split and step are chosen again in each of 50 refits.

The Monte Carlo standard error of a coverage c from R replicates is sqrt(c (1 - c) / R): 1.5 points at 95% and R = 200.
`--first` begins at a later replicate, so that a long study can be run in pieces: replicate i always has the same data.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit

import problogit as plg

SLOPES = (1.0, -0.7, 0.5, 0.25)


@dataclass(frozen=True)
class Count:
    """One interval of one coefficient in one replicate."""

    replicate: int
    method: str
    slope: str
    covered: bool
    width: float


@dataclass(frozen=True)
class Replicates:
    """Which replicates to make, of which seed."""

    number: int
    seed: int = 0
    first: int = 0

    def __iter__(self) -> Iterator[tuple[int, np.random.Generator]]:
        """Number and random numbers of each."""
        generators = np.random.default_rng(self.seed).spawn(self.first + self.number)
        return iter(list(enumerate(generators))[self.first :])


Study = Callable[[Replicates], list[Count]]


@dataclass(frozen=True)
class Sample:
    """A model and its true slopes."""

    replicate: int
    model: plg.LogitModel
    beta: np.ndarray


def simulate(number: int, rng: np.random.Generator, n: int, p: int) -> Sample:
    """Rows of correlated predictors with known slopes."""
    correlation = 0.3 ** np.abs(np.subtract.outer(np.arange(p), np.arange(p)))
    X = rng.normal(size=(n, p)) @ np.linalg.cholesky(correlation).T
    beta = np.zeros(p)
    beta[: len(SLOPES)] = SLOPES
    y = (rng.random(n) < expit(X @ beta - 0.5)).astype(int)
    return Sample(number, plg.LogitModel.from_arrays(X, y), beta)


def counts(name: str, sample: Sample, method: plg.MLE | plg.Penalized) -> Iterator[Count]:
    """Which intervals of a fit hold the truth."""
    table = sample.model.fit(method, progress=False).summary().iloc[1:]
    for value, low, high in zip(sample.beta, table["lower"], table["upper"], strict=True):
        slope = f"{value:g}" if value else "zeros"
        yield Count(sample.replicate, name, slope, bool(low <= value <= high), float(high - low))


def debiased(prior: plg.Laplace | plg.Normal, **options: object) -> plg.Penalized:
    return plg.Penalized(prior, inference="debiased", **options)  # type: ignore[arg-type]


def lasso(replicates: Replicates, resamples: int = 200) -> list[Count]:
    """Bootstrap and debiased intervals after L1 at a fixed strength."""
    found: list[Count] = []
    prior = plg.Laplace.from_l1(5.0)
    for number, rng in replicates:
        sample = simulate(number, rng, 200, 10)
        resampled = plg.Penalized(prior, inference="bootstrap", resamples=resamples, rng=rng)
        found += counts("bootstrap", sample, resampled)
        found += counts("debiased", sample, debiased(prior))
    return found


def strengths(replicates: Replicates) -> list[Count]:
    """Debiased intervals after weak and strong penalties."""
    found: list[Count] = []
    for number, rng in replicates:
        sample = simulate(number, rng, 200, 10)
        for strength in (1.0, 2.5, 5.0, 10.0, 20.0):
            found += counts(f"debiased, L1 {strength:g}", sample, debiased(plg.Laplace.from_l1(strength)))
        found += counts("debiased, L2 5", sample, debiased(plg.Normal.from_l2(5.0)))
        found += counts("maximum likelihood, Wald", sample, plg.MLE())
    return found


def columns(replicates: Replicates) -> list[Count]:
    """Debiased intervals with few rows for each column."""
    found: list[Count] = []
    for number, rng in replicates:
        for p, several in ((40, (2.0, 6.0)), (100, (4.0, 10.0))):
            sample = simulate(number, rng, 200, p)
            for strength in several:
                name = f"debiased, {p} predictors, L1 {strength:g}"
                found += counts(name, sample, debiased(plg.Laplace.from_l1(strength)))
    return found


def wide(replicates: Replicates) -> list[Count]:
    """Debiased intervals with more columns than rows."""
    found: list[Count] = []
    for number, rng in replicates:
        sample = simulate(number, rng, 200, 300)
        found += counts("debiased, 300 predictors, L1 10", sample, debiased(plg.Laplace.from_l1(10.0)))
    return found


def selected(replicates: Replicates, resamples: int = 100) -> list[Count]:
    """Intervals after a strength that was chosen from the same data."""
    found: list[Count] = []
    prior = plg.Laplace(1.0)
    grid = plg.InformationCriterion("bic", n_values=20)
    for number, rng in replicates:
        sample = simulate(number, rng, 200, 10)
        again = plg.Penalized(prior, select=grid, inference="bootstrap", resamples=resamples, rng=rng)
        found += counts("bootstrap, BIC again in each refit", sample, again)
        found += counts("debiased after BIC", sample, debiased(prior, select=grid))
        folds = plg.CrossValidation(folds=5, n_values=20)
        found += counts("debiased after cross-validation", sample, debiased(prior, select=folds, rng=0))
    return found


def stopped(replicates: Replicates, resamples: int = 50) -> list[Count]:
    """The bootstrap of early stopping."""
    found: list[Count] = []
    for number, rng in replicates:
        sample = simulate(number, rng, 200, 10)
        method = plg.Penalized(
            early_stopping=plg.EarlyStopping(), inference="bootstrap", resamples=resamples, rng=rng
        )
        found += counts("bootstrap, early stopping", sample, method)
    return found


def tabulate(found: list[Count]) -> pd.DataFrame:
    """Coverage by method and slope, with its Monte Carlo standard error (over replicates) and the mean width."""
    table = pd.DataFrame(found)
    each = table.groupby(["method", "slope", "replicate"], sort=False)[["covered", "width"]].mean()
    over = each.groupby(["method", "slope"], sort=False)
    coverage, replicates = over["covered"].mean(), over["covered"].size()
    error = over["covered"].std() / np.sqrt(replicates)
    return pd.DataFrame(
        {"coverage": coverage, "mc_error": error, "replicates": replicates, "width": over["width"].mean()}
    )


STUDIES: dict[str, Study] = {
    "lasso": lasso,
    "strengths": strengths,
    "columns": columns,
    "wide": wide,
    "selected": selected,
    "stopped": stopped,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--studies", nargs="+", choices=STUDIES, default=list(STUDIES))
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    for name in chosen.studies:
        print(f"\n{name}, {chosen.replicates} replicates from {chosen.first}, seed {chosen.seed}", flush=True)
        table = tabulate(STUDIES[name](Replicates(chosen.replicates, chosen.seed, chosen.first)))
        print(table.round(3).to_string(), flush=True)


if __name__ == "__main__":
    main()
