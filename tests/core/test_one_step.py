"""Leverage and one-step deletions against the n x n hat matrix and against Newton steps made by hand."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.special import expit

from problogit.core.likelihood import BinomialLikelihood
from problogit.core.one_step import Linearised
from problogit.execution import Serial, Threads


def likelihood(sparse: bool = False, block_rows: int | None = None, executor=None) -> BinomialLikelihood:
    rng = np.random.default_rng(4)
    n = 60
    X = np.column_stack([np.ones(n), rng.normal(size=n), rng.integers(0, 2, n)])
    m = rng.integers(1, 6, n).astype(float)
    s = rng.binomial(m.astype(int), 0.4).astype(float)
    w, offset = rng.integers(1, 4, n).astype(float), rng.normal(size=n)
    design = sp.csr_array(X) if sparse else X
    return BinomialLikelihood(design, s, m, w, offset, executor=executor or Serial(), block_rows=block_rows)


def linearised(like: BinomialLikelihood, penalty: float = 0.0) -> Linearised:
    """At the optimum of log-likelihood - penalty / 2 |b|^2, found by plain Newton steps."""
    point, P = np.zeros(3), penalty * np.eye(3)
    for _ in range(50):
        _, gradient, information = like.information(point)
        point = point + np.linalg.solve(information + P, gradient - P @ point)
    bread = np.linalg.inv(like.information(point)[2] + P)
    return Linearised(like, point, bread, np.eye(3), np.arange(3))


@pytest.mark.parametrize("penalty", [0.0, 2.0])
def test_leverage_is_the_diagonal_of_the_hat_matrix(penalty):
    fit = linearised(likelihood(), penalty)
    like = fit.likelihood
    p = expit(like.X @ fit.point + like.offset)
    root = np.sqrt(like.weights * like.trials * p * (1 - p))[:, None] * like.X
    hat = root @ np.linalg.inv(root.T @ root + penalty * np.eye(3)) @ root.T
    np.testing.assert_allclose(fit.one_step(np.ones(60)).leverage, np.diag(hat), rtol=1e-12)
    if penalty == 0:
        assert np.trace(hat) == pytest.approx(3)


@pytest.mark.parametrize("penalty", [0.0, 2.0])
@pytest.mark.parametrize("copies", [False, True])
def test_a_shift_is_one_newton_step_without_a_unit(penalty, copies):
    like = likelihood()
    fit = linearised(like, penalty)
    units = like.weights if copies else np.ones(60)
    found = fit.one_step(units, np.arange(3))
    for i in (0, 7, 31):
        weights = like.weights.copy()
        weights[i] -= weights[i] / units[i]
        rest = BinomialLikelihood(like.X, like.successes, like.trials, weights, like.offset)
        _, gradient, information = rest.information(fit.point)
        total = information + penalty * np.eye(3)
        step = np.linalg.solve(total, gradient - penalty * fit.point)
        np.testing.assert_allclose(found.shifts[i], -step, rtol=1e-9)
        assert found.distance[i] == pytest.approx(step @ np.linalg.inv(fit.bread) @ step, rel=1e-9)


def test_no_shift_exceeds_the_root_of_the_distance():
    found = linearised(likelihood()).one_step(np.ones(60), np.arange(3))
    fit = linearised(likelihood())
    assert (np.abs(found.shifts / fit.std_error) <= np.sqrt(found.distance)[:, None] * (1 + 1e-12)).all()


@pytest.mark.parametrize(
    "other",
    [likelihood(sparse=True), likelihood(block_rows=7), likelihood(block_rows=5, executor=Threads(2))],
)
def test_sparse_designs_blocks_and_threads_give_the_same(other):
    fit = linearised(likelihood())
    one, two = (
        Linearised(like, fit.point, fit.bread, fit.back, fit.columns).one_step(np.ones(60), np.array([2, 0]))
        for like in (likelihood(), other)
    )
    for name in ("leverage", "distance", "shifts"):
        np.testing.assert_allclose(getattr(one, name), getattr(two, name), rtol=1e-12)


def test_rows_taken_are_the_same_rows():
    fit = linearised(likelihood())
    some = np.array([3, 40])
    np.testing.assert_allclose(
        fit.take(some).one_step(np.ones(2)).leverage, fit.one_step(np.ones(60)).leverage[some]
    )


def test_a_row_with_a_coefficient_to_itself_cannot_be_left_out():
    X = np.column_stack([np.ones(5), np.eye(5)[:, 0]])
    like = BinomialLikelihood(X, np.array([2.0, 1, 3, 2, 1]), np.full(5, 4.0), np.ones(5), np.zeros(5))
    p = np.array([2 / 4, 7 / 16])
    b = np.log(p[1] / (1 - p[1]))
    point = np.array([b, np.log(p[0] / (1 - p[0])) - b])
    bread = np.linalg.inv(like.information(point)[2])
    found = Linearised(like, point, bread, np.eye(2), np.arange(2)).one_step(np.ones(5), np.arange(2))
    assert found.leverage[0] == pytest.approx(1)
    assert np.isnan(found.shifts[0]).all()
    assert np.isfinite(found.shifts[1:]).all()
