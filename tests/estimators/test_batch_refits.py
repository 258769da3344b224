"""Batches of refits: against one refit after the other, for every kind of row."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.special import expit

import problogit as plg
from problogit.errors import ProblogitError, ProblogitWarning
from problogit.resampled_predictions import draw_resamples

METHODS = {
    "mle": plg.MLE(),
    "robust": plg.MLE(covariance="HC3"),
    "ridge": plg.Penalized(plg.Normal(1.0)),
    "default": plg.Penalized(),
    "located": plg.Penalized(
        plg.Priors(plg.Normal(1.0, loc=0.3), intercept=plg.Normal(2.0), intercept_at="mean")
    ),
    "flat": plg.Penalized(plg.Flat()),
}


def data(n=120, seed=0, discrete=False):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 3, size=(n, 2)) if discrete else rng.normal(size=(n, 2)) * [1, 20] + [0, 300]
    y = (rng.random(n) < expit((X - X.mean(axis=0)) / X.std(axis=0) @ [0.8, -0.5])).astype(int)
    return X.astype(float), y, rng


def problems():
    X, y, rng = data()
    yield "rows", plg.LogitModel.from_arrays(X, y)
    yield "no intercept", plg.LogitModel.from_arrays(X / 300, y, intercept=False)
    yield "frequency", plg.LogitModel.from_arrays(X, y, weights=rng.integers(1, 4, y.size))
    yield (
        "importance",
        plg.LogitModel.from_arrays(X, y, weights=rng.uniform(0.5, 2, y.size), weights_type="importance"),
    )
    yield "offset", plg.LogitModel.from_arrays(X, y, offset=rng.normal(size=y.size))
    trials = rng.integers(1, 6, y.size)
    yield "trials", plg.LogitModel.from_arrays(X, rng.binomial(trials, 0.4), trials=trials)
    X, y, _ = data(discrete=True)
    yield "patterns", plg.LogitModel.from_arrays(X, y)


PROBLEMS = {name: model.problem for name, model in problems()}


def resamples(problem, method, k=4):
    draw = draw_resamples(problem, method)
    return np.array([draw(np.random.default_rng(i)) for i in range(k)])


PAIRS = [(name, sort) for sort in PROBLEMS for name in METHODS if (name, sort) != ("located", "no intercept")]


@pytest.mark.parametrize(("name", "sort"), PAIRS)
def test_batch_matches_single_refits(name, sort):
    method, problem = METHODS[name], PROBLEMS[sort]
    counts = resamples(problem, method)
    found = method.refit_batch(problem, counts)
    single = [method.refit(problem, one, np.random.default_rng(0)).predictor.location for one in counts]
    np.testing.assert_allclose(found, single, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize(
    "method",
    [
        plg.Penalized(plg.Laplace(1.0)),
        plg.Penalized(plg.Jeffreys()),
        plg.Penalized(select="evidence"),
        plg.Penalized(early_stopping=plg.EarlyStopping()),
        plg.Penalized(plg.Priors(plg.Normal(1.0), terms={"x1": plg.Flat()})),
        plg.Bayes(sampler="laplace"),
    ],
)
def test_other_methods_have_no_batch(method):
    problem = PROBLEMS["rows"]
    assert method.refit_batch(problem, np.ones((2, 120))) is None


def test_resamples_that_need_care_are_left_to_the_careful_road():
    rng = np.random.default_rng(1)
    X = np.column_stack([rng.normal(size=60), np.r_[np.ones(3), np.zeros(57)]])  # a rare level
    y = np.r_[1, 0, 1, (rng.random(57) < 0.5)].astype(int)
    problem = plg.LogitModel.from_arrays(X, y).problem
    counts = np.ones((4, 60))
    counts[1, :3] = 0  # the level is gone: rank deficient
    counts[2, 1] = 0  # the level has events only: separated
    counts[3, y == 0] = 0  # constant
    found = plg.MLE().refit_batch(problem, counts)
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1:]).all()
    ridge = plg.Penalized(plg.Normal(1.0)).refit_batch(problem, counts)
    assert np.isfinite(ridge[:3]).all()
    assert np.isnan(ridge[3]).all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ProblogitWarning)
        statuses = [plg.MLE().refit(problem, counts[i], rng).status.name for i in (1, 2)]
        with pytest.raises(ProblogitError, match="constant"):
            plg.MLE().refit(problem, counts[3], rng)
    assert statuses == ["CONVERGED", "SEPARATED"]


def test_separated_and_aliased_data_have_no_batch():
    X, y, _ = data()
    for bad in (np.column_stack([X, y]), np.column_stack([X, X[:, 0]])):
        assert plg.MLE().refit_batch(plg.LogitModel.from_arrays(bad, y).problem, np.ones((2, y.size))) is None


def test_choices_of_a_refit_keep_copies_together_and_take_the_numbers_given():
    X, y, rng = data(n=80)
    problem = plg.LogitModel.from_arrays(X, y).problem
    counts = rng.multinomial(80, np.full(80, 1 / 80)).astype(float)
    method = plg.Penalized(plg.Normal(1.0), select="aic")
    first, second = (
        method.refit(problem, counts, np.random.default_rng(5)).coefficients.location for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)
