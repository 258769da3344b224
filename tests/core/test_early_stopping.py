"""Gradient steps with the intercept solved for, and the ridge that a stopped ascent resembles."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from penalized_cases import problem, simulated
from scipy.optimize import brentq
from scipy.special import expit

from problogit.core import early_stopping
from problogit.core.early_stopping import ascend, largest_curvature, ridge_strength, spectrum, stopped_df
from problogit.core.likelihood import BinomialLikelihood
from problogit.core.null import null_intercept

X, Y = simulated(120, 5, seed=4, shift=1.5)
OFFSET = np.random.default_rng(0).normal(scale=0.4, size=120)
WEIGHTS = np.random.default_rng(1).integers(1, 4, 120).astype(float)


def likelihood(X: Any, offset: np.ndarray = OFFSET, weights: np.ndarray = WEIGHTS) -> BinomialLikelihood:
    return problem(X, Y, offset=offset, weights=weights).likelihood


def plain_ascent(X: np.ndarray, rate: float, steps: int) -> list[np.ndarray]:
    """The definition, with the intercept by root finding."""

    def level(b: np.ndarray) -> float:
        def score(a: float) -> float:
            return float(WEIGHTS @ (Y - expit(a + X @ b + OFFSET)))

        return float(brentq(score, -50, 50, xtol=1e-14, rtol=1e-14))

    b = np.zeros(X.shape[1])
    out = [np.r_[level(b), b]]
    for _ in range(steps):
        p = expit(out[-1][0] + X @ b + OFFSET)
        b = b + rate * X.T @ (WEIGHTS * (Y - p))
        out.append(np.r_[level(b), b])
    return out


def test_steps_match_their_definition() -> None:
    like = likelihood(X)
    states = list(islice(ascend(like, 0, 1e-3), 12))
    expected = plain_ascent(X, 1e-3, 11)
    np.testing.assert_allclose([state.gamma for state in states], expected, rtol=1e-9, atol=1e-11)
    assert [state.step for state in states] == list(range(12))
    np.testing.assert_allclose(
        [state.kernel for state in states], [like.value(beta) for beta in expected], rtol=1e-12
    )


def test_centring_changes_nothing_but_the_intercept() -> None:
    raw = likelihood(X)
    centre = np.r_[0.0, X.mean(axis=0)]
    centred = raw.in_coordinates(centre, np.ones(6))
    for one, other in zip(
        islice(ascend(raw, 0, 1e-3), 30), islice(ascend(centred, 0, 1e-3), 30), strict=True
    ):
        np.testing.assert_allclose(one.gamma[1:], other.gamma[1:], rtol=1e-9, atol=1e-11)
        assert one.kernel == pytest.approx(other.kernel, rel=1e-12)


def test_a_sparse_design_takes_the_same_steps() -> None:
    thin = np.where(np.random.default_rng(5).random(X.shape) < 0.6, 0.0, X)
    dense, sparse = likelihood(thin), likelihood(sp.csr_array(thin))
    assert sp.issparse(sparse.X)
    one, other = (next(islice(ascend(like, 0, 1e-3), 25, None)) for like in (dense, sparse))
    np.testing.assert_allclose(one.gamma, other.gamma, rtol=1e-10)
    assert largest_curvature(dense, 0) == pytest.approx(largest_curvature(sparse, 0), rel=1e-10)
    np.testing.assert_allclose(
        spectrum(dense, 0, one.gamma), spectrum(sparse, 0, other.gamma), rtol=1e-8, atol=1e-9
    )


def test_the_largest_curvature_is_that_of_the_centred_columns() -> None:
    like = likelihood(X)
    centred = X - (WEIGHTS @ X) / WEIGHTS.sum()
    expected = np.linalg.eigvalsh(centred.T @ (centred * WEIGHTS[:, None]))[-1] / 4
    assert largest_curvature(like, 0) == pytest.approx(expected, rel=1e-10)
    alone = problem(X, Y, intercept=False).likelihood
    assert largest_curvature(alone, None) == pytest.approx(np.linalg.eigvalsh(X.T @ X)[-1] / 4, rel=1e-10)


@pytest.mark.parametrize("make", [np.asarray, sp.csr_array])
def test_the_largest_curvature_by_products_is_the_same(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    like = likelihood(make(X))
    usual = largest_curvature(like, 0)
    monkeypatch.setattr(early_stopping, "_MATRIX_UP_TO", 0)
    assert largest_curvature(like, 0) == pytest.approx(usual, rel=1e-4)


def test_every_step_of_the_automatic_rate_climbs_to_the_maximum() -> None:
    like = likelihood((X - X.mean(axis=0)) / X.std(axis=0))
    states = list(islice(ascend(like, 0, 1 / largest_curvature(like, 0)), 6001))
    assert np.all(np.diff([state.kernel for state in states[:200]]) > 0)
    _, gradient = like.gradient(states[-1].gamma)
    assert np.abs(gradient).max() < 1e-6


def test_a_design_of_nothing_but_an_intercept_stays_at_the_null_model() -> None:
    like = problem(np.empty((120, 0)), Y, offset=OFFSET, weights=WEIGHTS).likelihood
    assert largest_curvature(like, 0) == 0.0
    state = next(islice(ascend(like, 0, 1.0), 3, None))
    level = null_intercept(WEIGHTS * Y, WEIGHTS, OFFSET)
    np.testing.assert_allclose(state.gamma, [level], rtol=1e-12)


def test_a_guess_does_not_change_the_null_intercept() -> None:
    exact = null_intercept(WEIGHTS * Y, WEIGHTS, OFFSET)
    for near in (None, exact, exact + 0.3, -80.0, 1e9):
        assert null_intercept(WEIGHTS * Y, WEIGHTS, OFFSET, near=near) == pytest.approx(exact, rel=1e-12)


def test_degrees_of_freedom_are_the_trace_of_the_filter() -> None:
    rng = np.random.default_rng(3)
    root = rng.normal(size=(6, 4))
    H = root.T @ root
    rate = 0.9 / np.linalg.eigvalsh(H)[-1]
    left = np.linalg.matrix_power(np.eye(4) - rate * H, 17)
    values = np.linalg.eigvalsh(H)
    assert stopped_df(values, rate, 17) == pytest.approx(4 - np.trace(left), rel=1e-12)
    assert stopped_df(values, rate, 0) == 0.0
    beyond = 1.9 / values[-1]  # overshooting, still stable: the sign of what is left changes at every step
    left = np.linalg.matrix_power(np.eye(4) - beyond * H, 3)
    assert stopped_df(values, beyond, 3) == pytest.approx(4 - np.trace(left), rel=1e-12)


@pytest.mark.parametrize("steps", [1, 5, 80, 1000])
def test_the_ridge_strength_has_the_same_degrees_of_freedom(steps: int) -> None:
    values = np.array([0.0, 0.02, 0.5, 3.0, 9.0])
    strength = ridge_strength(values, 0.1, steps)
    assert (values / (values + strength)).sum() == pytest.approx(stopped_df(values, 0.1, steps), rel=1e-9)
    assert 0 < strength <= 1 / (0.1 * steps)  # 1 - (1 - x)^t is at least t x / (1 + t x)


def test_the_ridge_strength_has_its_limits() -> None:
    values = np.array([1.0, 2.0])
    assert ridge_strength(values, 0.1, 0) == np.inf
    assert ridge_strength(values, 0.5, 10_000) < 1e-10
    assert ridge_strength(np.zeros(3), 0.1, 5) == 0.0


def test_with_more_columns_than_rows_the_eigenvalues_come_from_the_rows() -> None:
    wide = np.random.default_rng(8).normal(size=(30, 70)) + 2.0
    like = problem(wide, Y[:30], weights=WEIGHTS[:30]).likelihood
    gamma = np.r_[0.3, np.random.default_rng(9).normal(scale=0.1, size=70)]
    found = spectrum(like, 0, gamma)
    working = WEIGHTS[:30] * expit(like.eta(gamma)) * expit(-like.eta(gamma))
    Z = np.column_stack([np.ones(30), wide])
    H = Z.T @ (Z * working[:, None])
    profiled = H[1:, 1:] - np.outer(H[1:, 0], H[0, 1:]) / H[0, 0]
    expected = np.sort(np.linalg.eigvalsh(profiled))[-30:]
    assert found is not None
    np.testing.assert_allclose(np.sort(found), np.maximum(expected, 0.0), rtol=1e-8, atol=1e-8)
    thin = spectrum(replace(like, X=sp.csr_array(like.X)), 0, gamma)
    np.testing.assert_allclose(thin, found, rtol=1e-9, atol=1e-9)


def test_too_large_a_problem_has_no_eigenvalues(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(early_stopping, "_SPECTRUM_UP_TO", 4)
    assert spectrum(likelihood(X), 0, np.zeros(6)) is None


def exact_df(X: np.ndarray, y: np.ndarray, rate: float, steps: int) -> float:
    """trace of d(fitted probabilities) / dy by central differences of the whole ascent."""
    total, h = 0.0, 1e-4
    for i in range(y.size):
        ends = []
        for change in (h, -h):
            moved = y.astype(float)
            moved[i] += change
            like = BinomialLikelihood(X, moved, np.ones(y.size), np.ones(y.size), np.zeros(y.size))
            ends.append(expit(like.eta(next(islice(ascend(like, 0, rate), steps, None)).gamma)[i]))
        total += (ends[0] - ends[1]) / (2 * h)
    return total


@pytest.mark.parametrize("steps", [2, 15, 120])
def test_degrees_of_freedom_are_near_the_sensitivity_of_the_fit_by_finite_differences(steps: int) -> None:
    small = (X[:60] - X[:60].mean(axis=0)) / X[:60].std(axis=0)
    Z = np.column_stack([np.ones(60), small])
    like = BinomialLikelihood(Z, Y[:60].astype(float), np.ones(60), np.ones(60), np.zeros(60))
    rate = 1 / largest_curvature(like, 0)
    end = next(islice(ascend(like, 0, rate), steps, None))
    values = spectrum(like, 0, end.gamma)
    assert values is not None
    # The filter takes the curvature at the end for that of the whole course, and errs by a few per cent.
    assert 1 + stopped_df(values, rate, steps) == pytest.approx(exact_df(Z, Y[:60], rate, steps), rel=0.1)
