"""Firth's penalized likelihood: derivatives, the search, its profiles, and data with more than one maximum."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.optimize import brentq, minimize
from scipy.special import chdtri, expit

from problogit.core import firth_fit
from problogit.core.firth import FirthLikelihood
from problogit.core.firth_fit import find_firth
from problogit.core.firth_newton import maximise_firth, null_space
from problogit.core.likelihood import BinomialLikelihood
from problogit.core.scaling import column_stats
from problogit.execution import Serial

DROP = float(chdtri(1, 0.05)) / 2


def binomial(X, successes, trials=None, weights=None, offset=None, **options) -> BinomialLikelihood:
    n = X.shape[0]
    ones = np.ones(n)
    return BinomialLikelihood(
        X,
        np.asarray(successes, dtype=float),
        ones if trials is None else np.asarray(trials, dtype=float),
        ones if weights is None else np.asarray(weights, dtype=float),
        np.zeros(n) if offset is None else offset,
        **options,
    )


def simulated(n=60, k=3, seed=0, strength=1.0):
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(n), rng.normal(size=(n, k))])
    y = (rng.random(n) < expit(X @ np.r_[-0.3, strength * rng.normal(size=k)])).astype(float)
    return X, y


def penalized_by_definition(like: BinomialLikelihood, beta) -> float:
    """ell + 0.5 log det X'WX, written out over rows."""
    X = like.X.toarray() if sp.issparse(like.X) else like.X
    eta = X @ beta + like.offset
    p = expit(eta)
    kernel = like.successes * -np.logaddexp(0, -eta) + (like.trials - like.successes) * -np.logaddexp(0, eta)
    information = X.T @ ((like.weights * like.trials * p * (1 - p))[:, None] * X)
    return float(like.weights @ kernel + 0.5 * np.linalg.slogdet(information)[1])


def found(like: BinomialLikelihood, near=None):
    stats = column_stats(like.X, like.weights * like.trials, Serial())
    return find_firth(like, stats.scaling(0, centre=not sp.issparse(like.X)), near)


def differences(function, beta, h=1e-6):
    return np.array([(function(beta + h * e) - function(beta - h * e)) / (2 * h) for e in np.eye(beta.size)])


SHAPES = ("plain", "trials and weights", "blocks", "sparse", "sparse blocks")


def shaped(shape: str) -> BinomialLikelihood:
    X, y = simulated()
    rng = np.random.default_rng(1)
    trials = rng.integers(1, 6, y.size) if shape != "plain" else None
    successes = y if trials is None else rng.binomial(trials, 0.4)
    weights = None if shape == "plain" else rng.uniform(0.5, 2.0, y.size)
    design = sp.csr_array(X) if shape.startswith("sparse") else X
    rows = 7 if "blocks" in shape else None
    return binomial(design, successes, trials, weights, 0.3 * rng.normal(size=y.size), block_rows=rows)


@pytest.mark.parametrize("shape", SHAPES)
def test_value_gradient_and_hessian_match_the_definition_and_finite_differences(shape):
    like = shaped(shape)
    objective, beta = FirthLikelihood(like), np.array([0.2, -0.4, 0.6, 0.1])
    point = objective.point(beta)
    assert point.value == pytest.approx(penalized_by_definition(like, beta), abs=1e-11)
    assert objective.value(beta) == pytest.approx(point.value, abs=1e-12)
    np.testing.assert_allclose(
        point.gradient, differences(lambda b: penalized_by_definition(like, b), beta), atol=2e-7
    )
    hessian = differences(lambda b: objective.point(b).gradient, beta)
    np.testing.assert_allclose(
        point.information + objective.penalty_curvature(point), -hessian, atol=2e-7, rtol=1e-7
    )


def test_leverages_add_up_in_the_gradient_of_an_intercept():
    like = binomial(np.ones((5, 1)), [1, 1, 0, 0, 0])
    fit = maximise_firth(FirthLikelihood(like), np.zeros(1))
    assert fit.point.x[0] == pytest.approx(
        np.log(2.5 / 3.5), abs=1e-12
    )  # Haldane: one half added to each count
    assert fit.point.leverage == pytest.approx(0.2)


def test_far_from_the_data_nothing_overflows():
    X, y = simulated()
    objective = FirthLikelihood(binomial(X, y))
    for size in (50.0, 800.0):
        point = objective.point(np.array([0.0, size, -size, size]))
        assert point.value < -100 or point.value == -np.inf


@pytest.mark.parametrize("shape", SHAPES)
def test_the_maximum_has_no_gradient_by_definition(shape):
    like = shaped(shape)
    fit = found(like)
    assert fit.maximum.converged
    np.testing.assert_allclose(
        differences(lambda b: penalized_by_definition(like, b), fit.beta, 1e-5), 0, atol=1e-6
    )
    value = fit.maximum.point.kernel + fit.log_penalty
    assert value == pytest.approx(penalized_by_definition(like, fit.beta), abs=1e-10)


def test_blocks_scaled_columns_and_dense_copies_find_the_same_maximum(monkeypatch):
    like = shaped("trials and weights")
    reference = found(like).beta
    monkeypatch.setattr(firth_fit, "_ORTHONORMAL_UP_TO", 0)
    for other in (like, replace(like, block_rows=9), replace(like, X=sp.csr_array(like.X))):
        fit = found(other)
        assert fit.maximum.converged
        np.testing.assert_allclose(fit.beta, reference, atol=1e-9)


def test_learning_the_hessian_does_not_change_where_the_search_ends():
    X, y = simulated(400, 24, seed=3, strength=0.3)
    objective = FirthLikelihood(binomial(X, y))
    assert not objective.cheap_curvature
    fit = maximise_firth(objective, np.zeros(25))
    exact = objective.penalty_curvature(fit.point)
    again = maximise_firth(objective, np.zeros(25), correction=exact)
    assert fit.converged
    assert again.converged
    assert again.iterations <= fit.iterations <= 15
    np.testing.assert_allclose(fit.point.x, again.point.x, atol=1e-10)


def test_a_plane_is_not_left():
    X, y = simulated()
    objective, c = FirthLikelihood(binomial(X, y)), np.array([0.0, 1.0, 2.0, 0.0])
    start = np.array([0.0, 0.5, 0.25, 0.0])
    fit = maximise_firth(objective, start, basis=null_space(c[:, None]))
    assert fit.converged
    assert c @ fit.point.x == pytest.approx(1.0, abs=1e-12)
    outside = fit.point.gradient - c * (c @ fit.point.gradient) / (c @ c)
    np.testing.assert_allclose(outside, 0, atol=1e-8)


# -- profiles --------------------------------------------------------------------------------------------------------


def independent_end(objective, fit, c, side):
    """By Brent on maxima of planes, each searched for from the last."""
    top = fit.maximum.point
    state = {"x": top.x}
    basis = null_space(c[:, None])

    def above(t):
        x = state["x"] + c * ((t - c @ state["x"]) / (c @ c))
        plane = maximise_firth(objective, x, basis=basis, tolerance=1e-11)
        state["x"] = plane.point.x
        return plane.point.value - top.value + DROP

    centre, unit = float(c @ top.x), np.sqrt(c @ np.linalg.solve(top.information, c))
    far = 1.0
    while above(centre + side * far * unit) > 0:
        far += 0.5
    low = 0.0 if far == 1.0 else far - 0.5
    return centre + side * unit * brentq(lambda s: above(centre + side * s * unit), low, far, xtol=1e-12)


@pytest.mark.parametrize("strength", [0.4, 2.0])
def test_ends_match_an_independent_root_finder(strength):
    X, y = simulated(50, 3, seed=5, strength=strength)
    fit = found(binomial(X, y))
    rows = np.vstack([np.eye(4), [0, 1, -1, 0]])
    C = fit.rows(rows)
    lower, upper = fit.profile.bounds(C, DROP)
    for j, c in enumerate(C):
        width = upper[j] - lower[j]
        assert lower[j] == pytest.approx(independent_end(fit.objective, fit, c, -1), abs=1e-7 * width)
        assert upper[j] == pytest.approx(independent_end(fit.objective, fit, c, 1), abs=1e-7 * width)


def test_ends_where_the_hessian_is_dear_match_an_independent_root_finder():
    X, y = simulated(300, 24, seed=4, strength=0.3)
    fit = found(binomial(X, y))
    assert not fit.objective.cheap_curvature
    C = fit.rows(np.eye(25))[[0, 3, 17]]
    lower, upper = fit.profile.bounds(C, DROP)
    for j, c in enumerate(C):
        width = upper[j] - lower[j]
        assert lower[j] == pytest.approx(independent_end(fit.objective, fit, c, -1), abs=1e-7 * width)
        assert upper[j] == pytest.approx(independent_end(fit.objective, fit, c, 1), abs=1e-7 * width)


@pytest.mark.parametrize("shape", ["blocks", "sparse blocks"])
def test_profiles_in_blocks_are_those_of_orthonormal_columns(shape, monkeypatch):
    X, y = simulated(90, 3, seed=6)
    reference = found(binomial(X, y))
    expected = reference.profile.bounds(reference.rows(np.eye(4)), DROP)
    values = reference.profile.values_without_each(reference.rows(np.eye(4)))
    monkeypatch.setattr(firth_fit, "_ORTHONORMAL_UP_TO", 0)
    fit = found(binomial(sp.csr_array(X) if shape.startswith("sparse") else X, y, block_rows=17))
    np.testing.assert_allclose(fit.profile.bounds(fit.rows(np.eye(4)), DROP), expected, atol=1e-7)
    shift = fit.maximum.point.value - reference.maximum.point.value
    np.testing.assert_allclose(
        fit.profile.values_without_each(fit.rows(np.eye(4))) - shift, values, atol=1e-8
    )


def test_the_value_without_columns_is_that_of_the_smaller_space_under_the_same_penalty():
    X, y = simulated()
    like = binomial(X, y)
    fit = found(like)

    def held(u):  # x1 and x3 at zero
        return penalized_by_definition(like, np.array([u[0], 0, u[1], 0]))

    best = -minimize(lambda u: -held(u), np.zeros(2), method="BFGS", options={"gtol": 1e-9}).fun
    value = fit.profile.value_without(fit.rows(np.eye(4)[[1, 3]]))
    shift = fit.log_penalty - (fit.maximum.point.value - fit.maximum.point.kernel)
    assert value + shift == pytest.approx(best, abs=1e-9)
    everything = fit.profile.value_without(fit.rows(np.eye(4)))
    assert everything + shift == pytest.approx(penalized_by_definition(like, np.zeros(4)), abs=1e-10)


# -- more than one maximum -------------------------------------------------------------------------------------------


def one_row_far_out():
    """Thirty-nine ordinary rows, and one at x = 20 that fits the slope of 1.5 which the others show."""
    rng = np.random.default_rng(36)
    x = np.r_[rng.normal(size=39), 20.0]
    y = (rng.random(40) < expit(1.2 * x)).astype(float)
    y[-1] = 1.0
    return np.column_stack([np.ones(40), x]), y


def test_of_two_maxima_the_higher_is_taken_against_a_grid():
    X, y = one_row_far_out()
    like = binomial(X, y)
    fit = found(like)
    from_nothing = maximise_firth(fit.objective, np.zeros(2))
    assert from_nothing.converged
    assert (fit.matrix @ from_nothing.point.x)[1] == pytest.approx(0.125, abs=0.001)  # where others stop
    assert fit.beta[1] == pytest.approx(1.54, abs=0.01)
    assert len(fit.modes) == 2
    assert fit.modes[0] - fit.modes[1] == pytest.approx(2.883, abs=0.001)
    slopes = np.linspace(-0.5, 4, 91)
    best = max(
        penalized_by_definition(like, np.array([a, b])) for b in slopes for a in np.linspace(-1, 2, 31)
    )
    highest = fit.maximum.point.kernel + fit.log_penalty
    assert best <= highest <= best + 0.01


def test_a_search_from_the_known_maximum_ends_there():
    X, y = simulated()
    fit = found(binomial(X, y))
    again = found(binomial(X, y), near=fit.beta)
    assert again.maximum.iterations <= 1
    np.testing.assert_allclose(again.beta, fit.beta, atol=1e-11)


def test_aliased_columns_are_left_to_the_first():
    X, y = simulated()
    wide = np.column_stack([X, 2 * X[:, 1] - X[:, 2]])
    fit = found(binomial(wide, y))
    assert fit.aliases.dropped.tolist() == [4]
    np.testing.assert_allclose(fit.beta, found(binomial(X, y)).beta, atol=1e-10)
