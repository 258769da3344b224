"""Coverage of likelihood intervals by simulation: how often a 95% interval holds the truth.

    python benchmarks/coverage_likelihood.py [--replicates 1000] [--seed 0]

Three studies, each with its own data and truth:

- `moderate`: 100 rows, a normal and a binary predictor. Wald and profile intervals of maximum likelihood.
- `small`: 40 rows, a rarer event and a binary predictor with 8 ones. The same, and Firth's penalized likelihood.
  Separated samples stay in, with the one-sided intervals that profile likelihood gives.
- `clusters`: 30 clusters of 12 rows. The outcomes within a cluster depend on one another through a Gaussian copula,
  which leaves each row's probability exactly logistic. Classical, HC1, CR1, CR2 and CR3 standard errors.

The Monte Carlo standard error of a coverage c from R replicates is sqrt(c (1 - c) / R): 0.7 points at 95% and R = 1000.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit, ndtr

import problogit as plg

Study = Callable[[int, int], pd.DataFrame]


@dataclass(frozen=True)
class Count:
    """One interval of one coefficient in one replicate."""

    method: str
    term: str
    covered: bool
    finite: bool


def moderate_data(rng: np.random.Generator) -> tuple[pd.DataFrame, dict[str, float]]:
    """100 rows, about 36 events."""
    truth = {"Intercept": -1.0, "x": 0.8, "z": 0.6}
    data = pd.DataFrame({"x": rng.normal(size=100), "z": (rng.random(100) < 0.5).astype(float)})
    p = expit(truth["Intercept"] + truth["x"] * data["x"] + truth["z"] * data["z"])
    data["y"] = (rng.random(100) < p).astype(int)
    return data, truth


def small_data(rng: np.random.Generator) -> tuple[pd.DataFrame, dict[str, float]]:
    """40 rows, 8 of them with z = 1, about 12 events."""
    truth = {"Intercept": -1.2, "x": 0.7, "z": 1.0}
    data = pd.DataFrame({"x": rng.normal(size=40), "z": (np.arange(40) < 8).astype(float)})
    p = expit(truth["Intercept"] + truth["x"] * data["x"] + truth["z"] * data["z"])
    data["y"] = (rng.random(40) < p).astype(int)
    return data, truth


def clustered_data(rng: np.random.Generator) -> tuple[pd.DataFrame, dict[str, float]]:
    """30 clusters of 12 rows; `w` varies between clusters only, `x` within them too; latent correlation 0.3."""
    truth = {"Intercept": -0.5, "x": 0.5, "w": 0.7}
    cluster = np.repeat(np.arange(30), 12)
    shared = rng.normal(size=30)[cluster]
    latent = np.sqrt(0.3) * shared + np.sqrt(0.7) * rng.normal(size=cluster.size)
    data = pd.DataFrame({"x": rng.normal(size=cluster.size), "w": rng.normal(size=30)[cluster], "g": cluster})
    p = expit(truth["Intercept"] + truth["x"] * data["x"] + truth["w"] * data["w"])
    data["y"] = (ndtr(latent) < p).astype(int)
    return data, truth


def counts(method: str, table: pd.DataFrame, truth: dict[str, float]) -> Iterator[Count]:
    """Which intervals of a summary hold the truth."""
    for term, value in truth.items():
        low, high = table.loc[term, "lower"], table.loc[term, "upper"]
        yield Count(method, term, bool(low <= value <= high), bool(np.isfinite(low) and np.isfinite(high)))


def moderate(replicates: int, seed: int) -> pd.DataFrame:
    """Maximum likelihood in a sample of ordinary size."""
    found: list[Count] = []
    for rng in np.random.default_rng(seed).spawn(replicates):
        data, truth = moderate_data(rng)
        fit = plg.fit("y ~ x + z", data)
        found += counts("MLE, Wald", fit.summary(), truth)
        found += counts("MLE, profile", fit.summary(interval="profile"), truth)
    return tabulate(found)


def small(replicates: int, seed: int) -> pd.DataFrame:
    """Maximum and Firth's penalized likelihood in a small sample."""
    found: list[Count] = []
    for rng in np.random.default_rng(seed).spawn(replicates):
        data, truth = small_data(rng)
        model = plg.LogitModel("y ~ x + z", data)
        if not 0 < model.n_events < model.nobs:
            continue
        mle, firth = model.fit(), model.fit(plg.Penalized(plg.Jeffreys()))
        found += counts("MLE, Wald", mle.summary(), truth)
        found += counts("MLE, profile", mle.summary(interval="profile"), truth)
        found += counts("Firth, Wald", firth.summary(interval="wald"), truth)
        found += counts("Firth, profile", firth.summary(interval="profile"), truth)
    return tabulate(found)


def clusters(replicates: int, seed: int) -> pd.DataFrame:
    """Cluster-robust standard errors where outcomes depend on one another."""
    found: list[Count] = []
    for rng in np.random.default_rng(seed).spawn(replicates):
        data, truth = clustered_data(rng)
        model = plg.LogitModel("y ~ x + w", data)
        for covariance in ("classical", "HC1", "CR1", "CR2", "CR3"):
            groups = "g" if covariance.startswith("CR") else None
            fit = model.fit(plg.MLE(covariance=covariance, groups=groups))
            found += counts(covariance, fit.summary(), truth)
    return tabulate(found)


def tabulate(found: list[Count]) -> pd.DataFrame:
    """Coverage by method and term, with its Monte Carlo standard error."""
    table = pd.DataFrame(found).groupby(["method", "term"], sort=False)
    coverage, n = table["covered"].mean(), table["covered"].size()
    error = np.sqrt(coverage * (1 - coverage) / n)
    return pd.DataFrame(
        {"coverage": coverage, "mc_error": error, "replicates": n, "one_sided": 1 - table["finite"].mean()}
    )


STUDIES: dict[str, Study] = {"moderate": moderate, "small": small, "clusters": clusters}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--studies", nargs="+", choices=STUDIES, default=list(STUDIES))
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    for name in chosen.studies:
        print(f"\n{name}, {chosen.replicates} replicates, seed {chosen.seed}")
        print(STUDIES[name](chosen.replicates, chosen.seed).round(3).to_string())


if __name__ == "__main__":
    main()
