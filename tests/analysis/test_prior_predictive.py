"""The prior predictive distribution against exact normal and beta-binomial distributions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from scipy.stats import norm

import problogit as plg
from problogit.analysis import prior_predictive as module
from problogit.analysis.prior_predictive import prior_predictive
from problogit.core.priors.half_normal import HalfNormal
from problogit.errors import InputError


def model(n=200, seed=0, **options):
    random = np.random.default_rng(seed)
    X = random.normal([0.0, 20.0], [1.0, 3.0], size=(n, 2))
    return plg.LogitModel.from_arrays(X, random.integers(0, 2, n), **options)


def proper(scale=1.0, **options):
    return plg.Priors(plg.Normal(scale), intercept=plg.Normal(1.5), **options)


def test_probabilities_of_rows_are_those_of_normal_log_odds():
    problem = model().problem
    found = prior_predictive(problem, proper(0.1), draws=4000, rng=1)
    sd = np.sqrt(1.5**2 + 0.01 * (problem.rows.X[:, 1:] ** 2).sum(axis=1))
    exact = norm.cdf(logit(0.01) / sd).mean()
    # Rows share their draws: the error is that of 4000 independent ones at most.
    assert found.below == pytest.approx(exact, abs=4 * np.sqrt(exact / 4000))
    assert found.above == pytest.approx(exact, abs=4 * np.sqrt(exact / 4000))
    assert found.frame.loc["probability", "q50"] == pytest.approx(0.5, abs=0.03)
    upper = np.mean(norm.cdf(logit(found.frame.loc["probability", "q97.5"]) / sd))
    assert upper == pytest.approx(0.975, abs=4 * np.sqrt(0.025 / 4000))
    assert found.density["share"].sum() == pytest.approx(1.0)


def test_event_rates_have_the_mean_and_variance_of_the_model():
    """Without predictors: rate = p plus binomial noise, p = expit of a normal."""
    problem = plg.LogitModel("y ~ 1", pd.DataFrame({"y": [0, 1] * 20})).problem
    found = prior_predictive(
        problem, plg.Priors(plg.Normal(1), intercept=plg.Normal(0.8, loc=-1)), 8000, rng=2
    )
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    p, weights = expit(-1 + 0.8 * nodes), weights / weights.sum()
    mean = weights @ p
    variance = weights @ (p - mean) ** 2 + weights @ (p * (1 - p)) / 40
    assert found.event_rate.mean() == pytest.approx(mean, abs=4 * np.sqrt(variance / 8000))
    assert found.event_rate.var() == pytest.approx(variance, rel=0.08)
    assert found.frame.loc["event rate", "mean"] == pytest.approx(found.event_rate.mean())


def test_outcomes_are_not_used():
    X = np.random.default_rng(3).normal(size=(50, 1))
    one = plg.LogitModel.from_arrays(X, (X[:, 0] > 0).astype(int))
    other = plg.LogitModel.from_arrays(X, 1 - (X[:, 0] > 1).astype(int))
    rates = [prior_predictive(m.problem, proper(), 50, rng=4).event_rate for m in (one, other)]
    np.testing.assert_array_equal(*rates)


def test_a_wide_prior_is_named_and_a_narrow_one_is_not():
    wide = prior_predictive(model().problem, proper(5.0), rng=5)
    assert wide.below + wide.above > 0.8
    assert "all but certain before it is seen" in wide.verdict
    narrow = prior_predictive(model().problem, proper(0.02), rng=5)
    assert "all but certain" not in narrow.verdict
    assert "Event rate: 95% between" in str(narrow)


def test_flat_and_joint_priors_are_refused_with_the_remedy():
    problem = model().problem
    with pytest.raises(
        InputError, match=r"flat for Intercept.*Priors\(Normal\(2.5, autoscale=True\), intercept="
    ):
        prior_predictive(problem, plg.Normal(2.5))
    with pytest.raises(InputError, match="flat for x0"):
        prior_predictive(problem, proper(terms={"x0": plg.Flat()}))
    with pytest.raises(InputError, match="must be a prior of single coefficients"):
        prior_predictive(problem, plg.Jeffreys())
    with pytest.raises(InputError, match="prior must be a prior"):
        prior_predictive(problem, 2.5)
    with pytest.raises(InputError, match="draws must be an integer of at least 2"):
        prior_predictive(problem, proper(), draws=1)


def test_weight_two_is_the_row_twice():
    X, y = np.random.default_rng(6).normal(size=(30, 1)), np.arange(30) % 2
    weighted = plg.LogitModel.from_arrays(X, y, weights=np.full(30, 2))
    twice = plg.LogitModel.from_arrays(np.tile(X, (2, 1)), np.tile(y, 2))
    one, other = (prior_predictive(m.problem, proper(), 2000, rng=7) for m in (weighted, twice))
    assert one.below == pytest.approx(other.below)
    np.testing.assert_allclose(one.mass, other.mass)
    assert one.event_rate.std() == pytest.approx(other.event_rate.std(), rel=0.05)


def test_many_rows_are_represented_by_some_and_blocks_change_nothing(monkeypatch):
    problem = model(n=300).problem
    whole = prior_predictive(problem, proper(0.1), 200, rng=8)
    monkeypatch.setattr(module, "_MOST_ROWS", 100)
    some = prior_predictive(problem, proper(0.1), 200, rng=8)
    assert some.notes == ("100 rows chosen at random stand for all 300.",)
    assert some.below == pytest.approx(whole.below, abs=0.03)


def test_trials_are_counted():
    X, m = np.random.default_rng(9).normal(size=(20, 1)), np.full(20, 50)
    problem = plg.LogitModel.from_arrays(X, np.arange(20), trials=m).problem
    found = prior_predictive(problem, plg.Priors(plg.Normal(0.01), intercept=plg.Normal(0.01)), 4000, rng=10)
    assert found.event_rate.std() == pytest.approx(np.sqrt(0.25 / 1000), rel=0.06)


def test_hierarchical_priors_are_drawn_from():
    prior = plg.Priors(plg.Normal(scale=HalfNormal(0.2)), intercept=plg.Normal(1.0))
    found = prior_predictive(model().problem, prior, 500, rng=11)
    assert 0 < found.event_rate.std() < 0.5
