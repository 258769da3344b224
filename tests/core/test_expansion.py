"""The expansion of the likelihood against the likelihood, within the error that it states."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from problogit.core.expansion import TOLERANCE, expand
from problogit.core.importance import far_share, multivariate_t
from problogit.core.likelihood import BinomialLikelihood


def likelihood(n: int, p: int, intercept: float, weighted: bool = False) -> BinomialLikelihood:
    rng = np.random.default_rng(n + p)
    X = np.column_stack([np.ones(n), rng.standard_t(5, size=(n, p - 1)) * 3 + 1])
    trials = rng.integers(1, 4, n).astype(float) if weighted else np.ones(n)
    beta = np.r_[intercept, np.full(p - 1, 0.1)]
    successes = rng.binomial(trials.astype(int), expit(X @ beta)).astype(float)
    weights = rng.uniform(0.5, 2, n) if weighted else np.ones(n)
    return BinomialLikelihood(X, successes, trials, weights, np.full(n, 0.2 * weighted), block_rows=700)


def shape(like: BinomialLikelihood, intercept: float) -> tuple[np.ndarray, np.ndarray]:
    center = np.r_[intercept, np.full(like.n_terms - 1, 0.1)]
    return center, np.linalg.inv(np.linalg.cholesky(like.information(center)[2])).T


@pytest.mark.parametrize(
    ("n", "p", "intercept", "weighted"),
    [(20_000, 2, -1.0, False), (20_000, 5, 0.0, True), (30_000, 4, -5.0, False), (3000, 3, 0.0, False)],
)
def test_values_are_within_the_stated_error(n, p, intercept, weighted):
    like = likelihood(n, p, intercept, weighted)
    center, root = shape(like, intercept)
    found = expand(like, center, root)
    directions = np.random.default_rng(1).standard_normal((60, p))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    for fraction in (0.25, 0.5, 1.0):
        z = fraction * found.radius * directions
        assert found.near(z * (1 - 1e-12)).all()
        error = np.abs(found.values(z) - like.batch(center + z @ root.T))
        assert error.max() <= TOLERANCE * fraction**5 + 1e-9 * n
    assert not found.near(1.001 * found.radius * directions).any()


def test_the_bound_is_not_idle():
    """One column: all rows lie along z, and the error is a good part of its bound."""
    rng = np.random.default_rng(4)
    X, n = np.full((500, 1), 1.0), 500
    like = BinomialLikelihood(X, (rng.random(n) < 0.8).astype(float), np.ones(n), np.ones(n), np.zeros(n))
    center = np.array([np.log(4.0)])
    found = expand(like, center, np.array([[1 / np.sqrt(n * 0.16)]]))
    z = np.array([[found.radius], [-found.radius]])
    error = np.abs(found.values(z) - like.batch(center + z @ np.array([[1 / np.sqrt(n * 0.16)]])))
    assert 0.05 * TOLERANCE < error.max() <= TOLERANCE


@pytest.mark.parametrize("size", [1, 6, 20])
def test_the_share_of_far_draws_is_that_of_draws(size):
    z, _ = multivariate_t(40_000, size, np.random.default_rng(size))
    for radius in (np.sqrt(size), 2 * np.sqrt(size)):
        share = (np.linalg.norm(z, axis=1) > radius).mean()
        assert abs(share - far_share(radius, size)) < 4 * np.sqrt(share * (1 - share) / 40_000)
