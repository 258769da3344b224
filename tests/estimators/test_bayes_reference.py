"""Posterior moments against long runs of another sampler, and sampling on a raw, badly scaled design.

tests/reference/posteriors/posteriors.json: NumPyro's NUTS, 200 000 draws a case, checked by importance sampling.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from arviz_stats.base import array_stats
from posterior_cases import error_of_sd
from scipy.stats import norm

import problogit as plg

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
CASES = {
    case["name"]: case
    for case in json.loads((REFERENCE / "posteriors" / "posteriors.json").read_text())["cases"]
}
COMPARISONS = 2 * sum(len(case["terms"]) for case in CASES.values())
BOUND = norm.isf(0.01 / 2 / COMPARISONS)  # Bonferroni at 1% over all means and sds of the file


def table(source: str) -> pd.DataFrame:
    library, _, name = source.partition(":")
    if name:
        from statsmodels import datasets

        return getattr(datasets, name).load_pandas().data
    return pd.read_csv(REFERENCE / "data" / f"{library}.csv")


def largest_z(case: dict, draws: int, sampler: str = "nuts") -> float:
    """Largest |difference| of means and sds in units of both Monte Carlo errors."""
    prior = getattr(plg, case["prior"]["family"])(case["prior"]["scale"])
    model = plg.LogitModel(case["formula"], table(case["data"]), trials=case["trials"])
    assert model.terms == case["terms"]
    assert model.nobs == case["nobs"]
    method = plg.Bayes(prior, sampler=sampler, draws=draws, tune=500, rng=case["seed"])
    fit = model.fit(method, progress=False)
    assert fit.converged
    chains, expected = fit.estimate.coefficients.chains, case["beta"]
    largest = 0.0
    for name in ("mean", "sd"):
        mean_error = array_stats.mcse(chains, chain_axis=0, draw_axis=1, method="mean")
        error = np.hypot(mean_error if name == "mean" else error_of_sd(chains), expected[f"{name}_mcse"])
        ours = fit.coef if name == "mean" else fit.summary()["std_error"]
        largest = max(largest, float(np.max(np.abs(np.asarray(ours) - expected[name]) / error)))
    return largest


LONG = (
    "german_credit_laplace",
    "german_credit_normal",
    "wells_laplace",
)  # many columns, many rows, long paths


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in LONG)) for name in CASES]
)
def test_means_and_sds_against_a_long_run(name):
    case = CASES[name]
    if largest_z(case, 1000) < BOUND:
        return
    # A failure is looked at again with four times the draws: chance shrinks, an error does not.
    assert largest_z(case, 4000) < BOUND


@pytest.mark.parametrize("name", list(CASES))
def test_weighted_draws_against_a_long_run(name):
    """The Laplace sampler; copies of a draw stand side by side, so that ArviZ's errors count them once."""
    case = CASES[name]
    if largest_z(case, 2000, "laplace") < BOUND:
        return
    assert largest_z(case, 8000, "laplace") < BOUND


def raw_design(n: int = 3000, p: int = 10):
    """Correlated columns of scales from 0.01 to 100, one of them with mean 20; outcome in 0/1."""
    rng = np.random.default_rng(0)
    lag = np.abs(np.subtract.outer(np.arange(p - 1), np.arange(p - 1)))
    scales = 10.0 ** rng.uniform(-2, 2, p - 1)
    scales[0] = 1.0
    Z = rng.normal(size=(n, p - 1)) @ np.linalg.cholesky(0.8**lag).T
    X = Z * scales
    X[:, 0] += 20
    eta = Z @ rng.normal(size=p - 1) * 0.4 - 0.5
    return X, (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(int)


@pytest.mark.parametrize(
    "prior", [plg.Normal(2.5, autoscale=True), plg.Laplace(1.0, autoscale=True)], ids=repr
)
def test_raw_correlated_design_mixes_without_divergence(prior):
    X, y = raw_design()
    fit = plg.LogitModel.from_arrays(X, y).fit(plg.Bayes(prior, draws=1000, tune=400, rng=1), progress=False)
    details = fit.estimate.details
    assert fit.converged
    assert not details.statistics["diverging"].any()
    assert details.r_hat.max() < 1.01
    assert details.ess_bulk.min() > 1000
    # Whitened, a path is a few steps; in the raw columns it is dozens.
    assert details.statistics["n_steps"].mean() < 12
