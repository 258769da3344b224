"""Profile bounds at the level of arrays: against constrained optimisation by scipy, and along the separated roads."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq, minimize
from scipy.special import expit, ndtri
from scipy.stats import chi2

import problogit.core.profile_end as profile_module
from problogit.core.likelihood import BinomialLikelihood
from problogit.core.maximum import find_maximum
from problogit.core.profile import profile_bounds
from problogit.core.scaling import column_stats
from problogit.execution import Serial

DROP = chi2.ppf(0.95, 1) / 2


def likelihood_of(X, y, trials=None, offset=None):
    n = len(y)
    trials = np.ones(n) if trials is None else trials
    offset = np.zeros(n) if offset is None else offset
    return BinomialLikelihood(
        np.ascontiguousarray(X, float), np.asarray(y, float), trials, np.ones(n), offset
    )


def bounds_of(likelihood, L, drop=DROP):
    stats = column_stats(likelihood.X, likelihood.weights * likelihood.trials, Serial())
    terms = tuple(f"t{j}" for j in range(likelihood.n_terms))
    maximum = find_maximum(likelihood, stats, 0, terms)
    dense = isinstance(likelihood.X, np.ndarray)
    found = profile_bounds(likelihood, maximum, stats.scaling(0, centre=dense), np.atleast_2d(L), drop)
    return found, maximum


def restricted(likelihood, c, t):
    """max of the log-likelihood subject to c'b = t, by BFGS over the other coefficients: nothing of ours but f."""
    k = int(np.argmax(np.abs(c)))
    rest = np.delete(np.arange(c.size), k)

    def full(u):
        beta = np.zeros(c.size)
        beta[rest] = u
        beta[k] = (t - c[rest] @ u) / c[k]
        return beta

    def negative(u):
        value, gradient = likelihood.gradient(full(u))
        return -value, -(gradient[rest] - gradient[k] * c[rest] / c[k])

    found = minimize(
        negative, np.zeros(rest.size), jac=True, method="BFGS", options={"gtol": 1e-10, "maxiter": 5000}
    )
    return -found.fun


def data(n=150, p=4, seed=0, beta=(-0.5, 1.0, -0.7, 0.3)):
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(n), rng.normal(size=(n, p - 1))])
    return X, (rng.random(n) < expit(X @ np.asarray(beta))).astype(float)


def rare(n=200, seed=1):
    rng = np.random.default_rng(seed)
    level = np.r_[np.ones(2), np.zeros(n - 2)]
    X = np.column_stack([np.ones(n), level, rng.normal(size=(n, 2))])
    y = (rng.random(n) < expit(X[:, 2] - 0.5)).astype(float)
    y[:2] = 1
    return X, y


COMBINATIONS = np.array([[0, 1, 0, 0], [1, 0, 0, 0], [0, 1, -1, 0], [1, 0.5, 2, -3]], float)


@pytest.mark.parametrize("c", COMBINATIONS, ids=str)
def test_ends_match_brentq_over_a_restricted_bfgs_fit(c):
    likelihood = likelihood_of(*data())
    found, maximum = bounds_of(likelihood, c)
    centre = c @ maximum.beta
    sd = np.sqrt(c @ maximum.inverse @ c)

    def excess(t):
        return maximum.kernel - restricted(likelihood, c, t) - DROP

    low = brentq(excess, centre - 6 * sd, centre - sd, xtol=1e-12)
    high = brentq(excess, centre + sd, centre + 6 * sd, xtol=1e-12)
    np.testing.assert_allclose([found.lower[0], found.upper[0]], [low, high], atol=1e-8 * sd)


def test_the_bracketing_road_gives_the_same_ends_as_venzon_moolgavkar(monkeypatch):
    likelihood = likelihood_of(*data(n=40))
    direct, _ = bounds_of(likelihood, COMBINATIONS)
    monkeypatch.setattr(profile_module, "_venzon_moolgavkar", lambda *args: None)
    bracketed, _ = bounds_of(likelihood, COMBINATIONS)
    np.testing.assert_allclose(bracketed.lower, direct.lower, rtol=1e-9)
    np.testing.assert_allclose(bracketed.upper, direct.upper, rtol=1e-9)


def test_with_much_data_the_profile_is_the_wald_interval():
    likelihood = likelihood_of(*data(n=40_000))
    found, maximum = bounds_of(likelihood, np.eye(4))
    sd = np.sqrt(np.diag(maximum.inverse))
    np.testing.assert_allclose(found.upper, maximum.beta + ndtri(0.975) * sd, atol=0.02 * sd.max())


@pytest.mark.parametrize("scales", [(1e-8, 1e8, 1.0), (1e7, 1e-4, 1e3)])
def test_rescaled_columns_give_the_exactly_rescaled_ends(scales):
    X, y = data()
    plain, _ = bounds_of(likelihood_of(X, y), np.eye(4))
    factors = np.r_[1.0, scales]
    scaled, _ = bounds_of(likelihood_of(X * factors, y), np.eye(4))
    np.testing.assert_allclose(scaled.lower * factors, plain.lower, rtol=1e-8)
    np.testing.assert_allclose(scaled.upper * factors, plain.upper, rtol=1e-8)


def test_a_sparse_design_gives_the_ends_of_the_dense_one():
    import scipy.sparse as sp

    X, y = data()
    X[:, 1:][np.abs(X[:, 1:]) < 0.5] = 0
    dense, _ = bounds_of(likelihood_of(X, y), np.eye(4))
    likelihood = BinomialLikelihood(sp.csr_array(X), y, np.ones(150), np.ones(150), np.zeros(150))
    sparse, _ = bounds_of(likelihood, np.eye(4))
    np.testing.assert_allclose(sparse.lower, dense.lower, rtol=1e-9)
    np.testing.assert_allclose(sparse.upper, dense.upper, rtol=1e-9)


def test_one_coefficient_alone_solves_the_binomial_equation():
    # log-likelihood of an intercept: 7 log p + 13 log(1 - p)
    likelihood = likelihood_of(np.ones((20, 1)), np.r_[np.ones(7), np.zeros(13)])
    found, _ = bounds_of(likelihood, np.ones((1, 1)))

    def excess(t):
        top = 7 * np.log(7 / 20) + 13 * np.log(13 / 20)
        return top - (7 * np.log(expit(t)) + 13 * np.log(expit(-t))) - DROP

    centre = np.log(7 / 13)
    np.testing.assert_allclose(found.lower[0], brentq(excess, centre - 5, centre, xtol=1e-13), rtol=1e-10)
    np.testing.assert_allclose(found.upper[0], brentq(excess, centre, centre + 5, xtol=1e-13), rtol=1e-10)


# -- separation ----------------------------------------------------------------------------------------------------


def test_a_rare_level_of_events_only_has_a_one_sided_interval_at_the_right_height():
    X, y = rare()
    likelihood = likelihood_of(X, y)
    found, maximum = bounds_of(likelihood, np.eye(4))
    assert found.upper[1] == np.inf
    at_end = restricted(likelihood, np.eye(4)[1], found.lower[1])
    assert maximum.kernel - at_end == pytest.approx(DROP, abs=1e-9)


def test_finite_coefficients_beside_a_separated_one_have_the_profile_of_the_other_rows():
    X, y = rare()
    found, _ = bounds_of(likelihood_of(X, y), np.eye(4)[[0, 2, 3]])
    without, _ = bounds_of(likelihood_of(X[2:, [0, 2, 3]], y[2:]), np.eye(3))
    np.testing.assert_allclose(found.lower, without.lower, rtol=1e-9)
    np.testing.assert_allclose(found.upper, without.upper, rtol=1e-9)


def test_swapping_outcomes_mirrors_the_one_sided_interval():
    X, y = rare()
    found, _ = bounds_of(likelihood_of(X, y), np.eye(4))
    mirrored, _ = bounds_of(likelihood_of(X, 1 - y), np.eye(4))
    assert mirrored.lower[1] == -np.inf
    np.testing.assert_allclose(mirrored.upper, -found.lower, rtol=1e-9)


def test_combinations_of_two_separated_levels():
    X, y = rare()
    second = np.zeros(200)
    second[2:6] = 1
    y[2:6] = 0
    likelihood = likelihood_of(np.column_stack([X, second]), y)
    # first - second runs to +Inf, their sum is undetermined, first + x runs to +Inf
    L = np.array([[0, 1, 0, 0, -1], [0, 1, 0, 0, 1], [0, 1, 1, 0, 0]], float)
    found, maximum = bounds_of(likelihood, L)
    assert np.isinf(found.upper[[0, 2]]).all()
    assert np.isnan([found.lower[1], found.upper[1]]).all()
    for j in (0, 2):
        assert maximum.kernel - restricted(likelihood, L[j], found.lower[j]) == pytest.approx(DROP, abs=1e-7)


def test_a_completely_separated_slope_has_a_lower_end():
    x = np.array([-2.0, -1.0, -0.4, 0.3, 1.1, 2.0])
    likelihood = likelihood_of(np.column_stack([np.ones(6), x]), x > 0)
    found, maximum = bounds_of(likelihood, np.eye(2))
    assert maximum.kernel == 0
    assert found.upper[1] == np.inf
    assert -restricted(likelihood, np.array([0.0, 1.0]), found.lower[1]) == pytest.approx(DROP, abs=1e-9)


def test_an_offset_of_fifty_moves_only_the_intercept():
    X, y = rare()
    plain, _ = bounds_of(likelihood_of(X, y), np.eye(4))
    moved, _ = bounds_of(likelihood_of(X, y, offset=np.full(200, 50.0)), np.eye(4))
    np.testing.assert_allclose(moved.lower + np.array([50, 0, 0, 0]), plain.lower, rtol=1e-9)


def test_repeated_columns_leave_the_combinations_that_are_estimable():
    X, y = data()
    plain, _ = bounds_of(likelihood_of(X, y), np.eye(4))
    doubled = np.column_stack([X, X[:, 1]])
    L = np.array([[0, 0, 1, 0, 0], [0, 1, 0, 0, 1], [0, 1, 0, 0, 0]], float)
    found, _ = bounds_of(likelihood_of(doubled, y), L)
    np.testing.assert_allclose(found.lower[:2], plain.lower[[2, 1]], rtol=1e-9)
    assert np.isnan(found.lower[2])
    assert np.isnan(found.upper[2])


def test_a_row_that_is_zero_within_the_plane_is_not_taken_for_separated():
    # The row (1, 0, 0, 0) vanishes where the intercept is held at 0; rounding must not make it look separated there.
    X = np.array(
        [
            [1, -1, 0, 1], [1, 0, 1, 0], [1, -1, 1, 1], [1, 0, -1, 1], [1, -1, 1, 1],
            [1, 0, 0, 0], [1, 1, -1, 0], [1, 1, 1, 1], [1, 0, 0, 1],
        ]
    )  # fmt: skip
    likelihood = likelihood_of(X, np.array([0, 1, 0, 0, 1, 0, 0, 1, 0]))
    found, maximum = bounds_of(likelihood, np.eye(4)[0])
    assert found.lower[0] == -np.inf
    assert maximum.kernel - restricted(likelihood, np.eye(4)[0], found.upper[0]) == pytest.approx(
        DROP, abs=1e-6
    )


@pytest.mark.parametrize("seed", range(12))
def test_every_finite_end_of_small_random_data_has_the_right_height(seed):
    rng = np.random.default_rng(seed)
    n, p = int(rng.integers(6, 18)), int(rng.integers(2, 5))
    X = np.column_stack([np.ones(n), rng.integers(-1, 2, (n, p - 1))])
    y = (rng.random(n) < 0.4).astype(float)
    y[0] = 1 - y[1]
    L = np.vstack([np.eye(p), rng.normal(size=(1, p))])
    likelihood = likelihood_of(X, y)
    found, maximum = bounds_of(likelihood, L)
    checked = 0
    for c, ends in zip(L, np.column_stack([found.lower, found.upper]), strict=True):
        for end in ends[np.isfinite(ends)]:
            assert maximum.kernel - restricted(likelihood, c, end) == pytest.approx(DROP, abs=1e-5)
            checked += 1
    assert checked or np.isnan(found.lower).any()
