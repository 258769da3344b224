"""Many fits of the same rows at once: against one fit after the other."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from problogit.core.likelihood import BinomialLikelihood
from problogit.core.newton import maximise
from problogit.core.newton_batch import Counted, QuadraticPenalty, maximise_batch


def rows(n=300, k=7, seed=0, offset=True):
    rng = np.random.default_rng(seed)
    Z = np.column_stack([np.ones(n), rng.normal(size=(n, 3))])
    shift = rng.normal(size=n) * 0.3 if offset else np.zeros(n)
    y = (rng.random(n) < expit(Z @ [-0.5, 1.0, 0.5, 0.0] + shift)).astype(float)
    counts = rng.multinomial(n, np.full(n, 1 / n), k).astype(float).T
    return Counted(Z, counts * y[:, None], counts, shift), y


def one_by_one(counted: Counted) -> np.ndarray:
    found = []
    for events, total in zip(counted.events.T, counted.total.T, strict=True):
        keep = total > 0
        like = BinomialLikelihood(
            counted.Z[keep], events[keep], total[keep], np.ones(keep.sum()), counted.offset[keep]
        )
        found.append(maximise(like, np.zeros(counted.Z.shape[1])).x)
    return np.array(found)


def test_batch_matches_single_fits() -> None:
    counted, _ = rows()
    found = maximise_batch(counted, np.zeros(4), QuadraticPenalty.none(4))
    np.testing.assert_allclose(found.gamma, one_by_one(counted), atol=1e-9)
    assert (found.decrement <= 1e-5).all()


def test_batch_norm_is_the_largest_leverage_norm_by_its_definition() -> None:
    counted, _ = rows(k=2)
    found = maximise_batch(counted, np.zeros(4), QuadraticPenalty.none(4))
    for gamma, total, norm in zip(found.gamma, counted.total.T, found.largest_norm, strict=True):
        p = expit(counted.Z @ gamma + counted.offset)
        inverse = np.linalg.inv((counted.Z * (total * p * (1 - p))[:, None]).T @ counted.Z)
        squares = np.einsum("ij,jk,ik->i", counted.Z, inverse, counted.Z)[total > 0]
        np.testing.assert_allclose(norm, np.sqrt(squares.max()), rtol=1e-5)


def test_batch_under_a_parabola_has_no_gradient_left() -> None:
    counted, _ = rows(seed=2)
    penalty = QuadraticPenalty(np.array([0.0, 0.5, 0.0, -0.2]), np.diag([0.0, 4.0, 1.0, 0.5]))
    found = maximise_batch(counted, np.zeros(4), penalty)
    p = expit(counted.Z @ found.gamma.T + counted.offset[:, None])
    gradient = counted.Z.T @ (counted.events - counted.total * p)
    np.testing.assert_allclose(gradient.T + penalty.slope - found.gamma @ penalty.curvature, 0.0, atol=1e-7)


def test_batch_leaves_singular_and_separated_fits_and_finishes_the_others() -> None:
    counted, y = rows(seed=3)
    total = counted.total.copy()
    total[:, 1] = 0.0
    total[:3, 1] = 1.0  # three rows for four coefficients
    found = maximise_batch(
        Counted(counted.Z, total * y[:, None], total, counted.offset), np.zeros(4), QuadraticPenalty.none(4)
    )
    assert np.isnan(found.gamma[1]).all()
    others = [0, 2, 3, 4, 5, 6]
    np.testing.assert_allclose(found.gamma[others], one_by_one(counted)[others], atol=1e-9)


def test_batch_does_not_depend_on_the_company_of_a_fit() -> None:
    counted, _ = rows(seed=4)
    alone = Counted(counted.Z, counted.events[:, 2:3], counted.total[:, 2:3], counted.offset)
    together = maximise_batch(counted, np.zeros(4), QuadraticPenalty.none(4)).gamma[2]
    np.testing.assert_allclose(
        maximise_batch(alone, np.zeros(4), QuadraticPenalty.none(4)).gamma[0], together, atol=1e-12
    )
