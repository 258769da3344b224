"""Posteriors under heavy-tailed and hierarchical priors, and with p > n, against long runs of another sampler.

tests/reference/posteriors/hierarchical.json: NumPyro's NUTS, at least 32 000 draws a case, the models written out in
its own language. Where the data leave moments to the tails of the prior, quantiles are compared only.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from arviz_stats.base import array_stats
from scipy.stats import norm

import problogit as plg
from problogit.errors import ConvergenceWarning

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
CASES = {
    case["name"]: case
    for case in json.loads((REFERENCE / "posteriors" / "hierarchical.json").read_text())["cases"]
}
COMPARISONS = sum(4 * (len(case["terms"]) + ("scale" in case)) for case in CASES.values())
BOUND = norm.isf(0.01 / 2 / COMPARISONS)  # Bonferroni at 1% over every comparison of the file


def table(source: str) -> pd.DataFrame:
    library, _, name = source.partition(":")
    if name:
        from statsmodels import datasets

        return getattr(datasets, name).load_pandas().data
    return pd.read_csv(REFERENCE / "data" / f"{library}.csv")


def prior_of(case: dict):
    given = case["prior"]
    if given["family"] == "Horseshoe":
        slopes = plg.Horseshoe(expected=given["expected"], autoscale=False)
    else:
        scale = plg.HalfNormal(given["hyper"]) if "hyper" in given else given["scale"]
        family = getattr(plg, given["family"])
        slopes = family(given["df"], scale) if "df" in given else family(scale)
    if given["intercept"] == "flat":
        return slopes
    return plg.Priors(slopes, intercept=plg.Normal(given["intercept"]))


def error_of_sd(chains: np.ndarray) -> np.ndarray:
    """Monte Carlo error of the sd by the delta method on the mean of squared deviations."""
    squares = (chains - chains.mean(axis=(0, 1))) ** 2
    error = array_stats.mcse(squares, chain_axis=0, draw_axis=1, method="mean")
    return error / (2 * np.sqrt(squares.mean(axis=(0, 1))))


def distances(chains: np.ndarray, expected: dict, *, moments: bool) -> dict[str, float]:
    """Largest |difference| in units of both Monte Carlo errors, for each figure; chains (chain, draw, quantity)."""
    axes = {"chain_axis": 0, "draw_axis": 1}
    found = {}
    if moments:
        found["mean"] = chains.mean(axis=(0, 1)), array_stats.mcse(chains, method="mean", **axes)
        found["sd"] = chains.std(axis=(0, 1), ddof=1), error_of_sd(chains)
    for name, prob in ({"q5": 0.05, "q95": 0.95} | ({} if moments else {"q50": 0.5})).items():
        error = array_stats.mcse(chains, method="quantile", prob=prob, **axes)
        found[name] = np.quantile(chains, prob, axis=(0, 1)), error
    return {
        name: float(np.max(np.abs(value - expected[name]) / np.hypot(error, expected[f"{name}_mcse"])))
        for name, (value, error) in found.items()
    }


def largest_z(case: dict, draws: int) -> float:
    model = plg.LogitModel(case["formula"], table(case["data"]), trials=case["trials"])
    assert model.terms == case["terms"]
    assert model.nobs == case["nobs"]
    with warnings.catch_warnings():
        # In tails that the data do not bound, 1 000 draws a chain can have a tail effective size below 400.
        if not case["moments"]:
            warnings.simplefilter("ignore", ConvergenceWarning)
        fit = model.fit(
            plg.Bayes(prior_of(case), draws=draws, rng=case["seed"]),
            progress=False,
        )
    details = fit.estimate.details
    assert fit.converged or not case["moments"]
    assert not details.statistics["diverging"].any()
    assert details.r_hat.max() < 1.01
    z = distances(fit.estimate.coefficients.chains, case["beta"], moments=case["moments"])
    worst = max(z.values())
    if "scale" in case:
        (scale,) = (draws for name, draws in details.extra.items() if name.endswith("scale"))
        worst = max(
            worst, *distances(scale.reshape(*scale.shape[:2], -1), case["scale"], moments=True).values()
        )
    return worst


@pytest.mark.slow
@pytest.mark.parametrize("name", list(CASES))
def test_every_posterior_against_a_long_run(name):
    case = CASES[name]
    if largest_z(case, 1000) < BOUND:
        return
    # A failure is looked at again with four times the draws: chance shrinks, an error does not.
    assert largest_z(case, 4000) < BOUND
