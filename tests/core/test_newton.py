"""Newton's method against a second optimiser and against invariants."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from problogit.core.likelihood import BinomialLikelihood
from problogit.core.newton import maximise, newton_step
from problogit.core.null import null_intercept, null_value


def logistic(n, p, seed, spread=1.0):
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(n), rng.normal(size=(n, p - 1))]) * spread
    y = (rng.random(n) < 1 / (1 + np.exp(-X @ rng.normal(size=p) * 0.5))).astype(float)
    one = np.ones(n)
    return BinomialLikelihood(X, y, one, one, np.zeros(n))


@pytest.mark.parametrize("seed", range(4))
def test_optimum_agrees_with_scipys_trust_region(seed):
    like = logistic(150, 5, seed)
    ours = maximise(like, np.zeros(5))
    theirs = minimize(
        lambda b: -like.value(b),
        np.zeros(5),
        jac=lambda b: -like.gradient(b)[1],
        hess=lambda b: like.information(b)[2],
        method="trust-exact",
        options={"gtol": 1e-10},
    )
    assert ours.converged
    assert np.abs(ours.gradient).max() < 1e-9
    np.testing.assert_allclose(ours.x, theirs.x, atol=1e-9)


def test_a_far_start_still_converges():
    like = logistic(150, 5, 7)
    near = maximise(like, np.zeros(5))
    far = maximise(like, np.array([30.0, -40.0, 25.0, 60.0, -10.0]))
    assert far.converged
    np.testing.assert_allclose(far.x, near.x, atol=1e-8)


def test_the_value_never_falls_along_the_way():
    like = logistic(80, 3, 1)
    values = [maximise(like, np.array([5.0, -5.0, 5.0]), max_iterations=k).value for k in range(8)]
    assert np.all(np.diff(values) >= -1e-10)


def test_a_stopped_run_says_that_it_did_not_converge():
    result = maximise(logistic(150, 5, 0), np.full(5, 3.0), max_iterations=1)
    assert not result.converged


def test_the_step_of_a_singular_system_is_finite():
    H = np.array([[1.0, 1.0], [1.0, 1.0]])
    step, decrement = newton_step(H, np.array([1.0, 1.0]))
    assert np.isfinite(step).all()
    assert np.isfinite(decrement)
    np.testing.assert_allclose(H @ step, [1.0, 1.0], rtol=1e-6)


@pytest.mark.parametrize("offset", [0.0, 50.0, -800.0])
def test_null_intercept_is_closed_form_under_a_constant_offset(offset):
    events, trials = np.array([3.0, 1.0]), np.array([10.0, 6.0])
    found = null_intercept(events, trials, np.full(2, offset))
    assert found + offset == pytest.approx(np.log(4 / 12), rel=1e-12)


def test_null_intercept_solves_the_score_equation_given_offsets():
    rng = np.random.default_rng(0)
    trials = rng.integers(1, 5, 40).astype(float)
    events = np.floor(trials * rng.random(40))
    offset = rng.normal(size=40) * 30 + 50
    b = null_intercept(events, trials, offset)
    p = 1 / (1 + np.exp(-np.clip(b + offset, -700, 700)))
    assert trials @ p == pytest.approx(events.sum(), rel=1e-10)


def test_null_value_of_a_constant_response_is_zero():
    assert null_value(np.array([1.0, 1.0]), np.ones(2), np.zeros(2), has_intercept=True) == 0.0
