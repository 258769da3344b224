"""Variances of priors against quadrature, and their random numbers against their own distribution functions."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import integrate, stats

import problogit as plg
from problogit.core.priors.flat import Flat
from problogit.errors import InputError

PRIORS = [
    plg.Normal(1.5, loc=0.3),
    plg.Laplace(0.7, loc=-1.0),
    plg.ElasticNet(1.0, 2.0),
    plg.ElasticNet(3.0, 0.0),
    plg.ElasticNet(0.0, 2.0, loc=1.0),
    plg.ElasticNet(250.0, 1.0),
    plg.ElasticNet(400.0, 1.0),
    plg.StudentT(5.0, 1.5),
]


def on_one_column(prior):
    return prior.on_columns(np.ones(1))


@pytest.mark.parametrize("prior", PRIORS, ids=lambda prior: prior.describe())
def test_variance_matches_quadrature(prior):
    own = on_one_column(prior)
    centre, width = float(np.ravel(own.location)[0]), float(np.sqrt(np.ravel(own.variance)[0]))

    def moment(x):
        return x * x * np.exp(float(np.ravel(own.log_density(np.array([centre + x])))[0]))

    half = integrate.quad(moment, 0, 20 * width, epsabs=0, epsrel=1e-10)[0]
    half += integrate.quad(moment, 20 * width, np.inf)[0]
    assert float(np.ravel(own.variance)[0]) == pytest.approx(2 * half, rel=1e-6)


def test_variances_that_do_not_exist_are_not_numbers():
    assert np.isinf(on_one_column(plg.StudentT(1.5, 1.0)).variance).all()
    assert np.isnan(on_one_column(plg.StudentT(1.0, 1.0)).variance).all()
    assert np.isnan(on_one_column(plg.Cauchy(1.0)).variance)
    assert np.isinf(Flat().variance)


@pytest.mark.parametrize("prior", [*PRIORS, plg.Cauchy(2.0)], ids=lambda prior: prior.describe())
def test_draws_follow_the_density(prior):
    own = on_one_column(prior)
    drawn = own.draw(np.random.default_rng(3), 4000)[:, 0]
    centre = float(np.ravel(own.location)[0])
    reach = np.sort(np.abs(drawn - centre))
    points = reach[[400, 2000, 3600]]
    density = lambda x: np.exp(float(np.ravel(own.log_density(np.array([centre + x])))[0]))  # noqa: E731
    inside = [2 * integrate.quad(density, 0, point)[0] for point in points]
    np.testing.assert_allclose(inside, [0.1, 0.5, 0.9], atol=4 * np.sqrt(0.25 / 4000))
    assert abs(np.mean(drawn > centre) - 0.5) < 4 * np.sqrt(0.25 / 4000)


def problem_of(X):
    y = (X[:, 0] > 0).astype(int)
    y[:2] = 1 - y[:2]
    return plg.LogitModel.from_arrays(X, y).problem


def test_an_intercept_at_the_means_is_drawn_there():
    problem = problem_of(np.random.default_rng(0).normal(50, 3, size=(40, 2)))
    prior = plg.Priors(plg.Normal(1.0), intercept=plg.Normal(0.5), intercept_at="mean").resolve(problem)
    drawn = prior.draw(np.random.default_rng(1), 4000)
    at_mean = drawn[:, 0] + drawn[:, 1:] @ problem.column_stats.mean[1:]
    assert stats.kstest(at_mean, stats.norm(0, 0.5).cdf).pvalue > 0.001
    assert np.std(drawn[:, 0]) > 50
    np.testing.assert_allclose(prior.own_points(drawn)[:, 0], at_mean)
    assert prior.variance.tolist() == [0.25, 1.0, 1.0]


def test_a_flat_column_is_not_drawn():
    problem = problem_of(np.random.default_rng(0).normal(size=(20, 1)))
    with pytest.raises(InputError, match="flat for Intercept"):
        plg.Normal(1.0).resolve(problem).draw(np.random.default_rng(0), 3)
    with pytest.raises(InputError, match="must be proper to be drawn from"):
        Flat().draw(np.random.default_rng(0), 3)


def test_the_same_seed_draws_the_same():
    own = plg.ElasticNet(1.0, 2.0).on_columns(np.array([1.0, 2.0]))
    first, again = (own.draw(np.random.default_rng(7), 5) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.shape == (5, 2)


def test_columns_are_looked_up_by_the_prior_that_they_have():
    columns = SimpleNamespace(
        terms=("Intercept", "a", "b"),
        intercept=0,
        column_stats=problem_of(np.random.default_rng(2).normal(size=(20, 2))).column_stats,
    )
    prior = plg.Priors(plg.Normal(1.0), terms={"b": plg.Laplace(2.0)}).resolve(columns)
    assert prior.variance.tolist() == [np.inf, 1.0, 8.0]
