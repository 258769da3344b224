"""Coefficient distributions: closed under linear maps, draws against quantiles, intervals against ArviZ's rules."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from problogit.core.coefficients import (
    DrawnCoefficients,
    NormalCoefficients,
    PointCoefficients,
    equal_tailed,
    highest_density,
)
from problogit.errors import InputError, NotAvailableError

MEAN = np.array([0.5, -1.0, 2.0])
COV = np.array([[1.0, 0.3, 0.1], [0.3, 0.5, -0.2], [0.1, -0.2, 2.0]])


def distributions():
    rng = np.random.default_rng(0)
    chains = rng.multivariate_normal(MEAN, COV, size=(4, 500))
    return {
        "normal": NormalCoefficients(MEAN, COV),
        "drawn": DrawnCoefficients(chains),
        "bootstrap": DrawnCoefficients(chains[:1], ("bootstrap",), MEAN),
        "point": PointCoefficients(MEAN, "Use bootstrap or debiased."),
    }


@pytest.mark.parametrize("kind", ["normal", "drawn", "bootstrap", "point"])
def test_linear_of_linear_is_linear_of_the_product(kind):
    d = distributions()[kind]
    A, B = np.arange(6.0).reshape(2, 3), np.array([[1.0, -1.0]])
    twice, once = d.linear(A).linear(B), d.linear(B @ A)
    np.testing.assert_allclose(twice.location, once.location, rtol=1e-12)
    np.testing.assert_allclose(twice.cov, once.cov, rtol=1e-9)
    margins = d.marginals(B @ A)
    np.testing.assert_allclose(margins.location, once.location, rtol=1e-12)
    np.testing.assert_allclose(margins.sd, np.sqrt(np.diag(once.cov)), rtol=1e-9)


def test_normal_draws_agree_with_normal_quantiles():
    d = NormalCoefficients(MEAN, COV)
    draws = d.draws(200_000, np.random.default_rng(1))
    inside = d.marginals().interval(0.9)
    share = ((draws > inside.lower) & (draws < inside.upper)).mean(axis=0)
    np.testing.assert_allclose(share, 0.9, atol=4 * np.sqrt(0.09 / 200_000))
    np.testing.assert_allclose(np.cov(draws.T), COV, atol=0.03)


def test_normal_interval_is_estimate_plus_minus_z_se_and_commutes_with_exp():
    d = NormalCoefficients(MEAN, COV)
    plain, odds = d.marginals().interval(0.95), d.marginals().interval(0.95, transform=np.exp)
    np.testing.assert_allclose(plain.upper, MEAN + norm.ppf(0.975) * np.sqrt(np.diag(COV)), rtol=1e-12)
    np.testing.assert_allclose(odds.lower, np.exp(plain.lower), rtol=1e-14)
    assert plain.kind == "confidence-wald"


@given(st.integers(0, 50), st.floats(0.05, 0.95))
def test_highest_density_is_the_shortest_interval_with_enough_draws(seed, prob):
    x = np.random.default_rng(seed).gamma(2.0, size=(60, 1))
    lower, upper = highest_density(x, prob)
    ordered = np.sort(x[:, 0])
    span = int(np.floor(prob * 60))
    widths = [ordered[i + span] - ordered[i] for i in range(60 - span)]
    assert upper[0] - lower[0] == pytest.approx(min(widths))


def test_intervals_of_draws_equal_arviz_stats():
    arviz_stats = pytest.importorskip("arviz_stats.base").array_stats
    x = np.random.default_rng(3).gamma(2.0, size=2000)
    np.testing.assert_allclose(
        np.ravel(equal_tailed(x[:, None], 0.9)), arviz_stats.eti(x, prob=0.9), rtol=1e-12
    )
    np.testing.assert_allclose(
        np.ravel(highest_density(x[:, None], 0.9)), arviz_stats.hdi(x, prob=0.9), rtol=1e-12
    )


def test_hdi_of_odds_ratios_is_not_exp_of_the_hdi():
    d = distributions()["drawn"]
    direct = d.marginals().interval(0.9, "hdi", np.exp)
    ends = d.marginals().interval(0.9, "hdi")
    assert direct.kind == "credible-hdi"
    assert np.all(direct.upper < np.exp(ends.upper))


def test_points_have_no_distribution_and_say_what_to_do():
    d = distributions()["point"]
    assert np.isnan(d.cov).all()
    assert d.marginals().interval(0.95).kind == "none"
    with pytest.raises(NotAvailableError, match="bootstrap or debiased"):
        d.draws(10, np.random.default_rng(0))


def test_an_interval_that_a_fit_does_not_have_is_refused_by_name():
    with pytest.raises(InputError, match="'confidence-wald'.*received 'hdi'"):
        NormalCoefficients(MEAN, COV).marginals().interval(0.95, "hdi")


def test_draws_are_subsampled_without_replacement_while_there_are_enough():
    d = distributions()["drawn"]
    assert d.draws(None, np.random.default_rng(0)).shape == (2000, 3)
    some = d.draws(2000, np.random.default_rng(0))
    assert len(np.unique(some[:, 0])) == 2000
    assert d.draws(5000, np.random.default_rng(0)).shape == (5000, 3)
