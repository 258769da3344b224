"""Singular values of weighted designs against NumPy's of the whole matrix."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from problogit.core.condition import spectrum
from problogit.core.likelihood import BinomialLikelihood


def design(noise: float, n: int = 300) -> np.ndarray:
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=n), rng.normal(size=n)
    return np.column_stack([np.ones(n), x, z, x + noise * rng.normal(size=n)])


def likelihood(X: np.ndarray) -> BinomialLikelihood:
    rng = np.random.default_rng(1)
    n = X.shape[0]
    return BinomialLikelihood(
        X, rng.integers(0, 2, n).astype(float), np.ones(n), rng.uniform(0.5, 2, n), np.zeros(n)
    )


POINT = np.array([0.3, 0.5, -0.4, 0.2])


def unit_columns(X: np.ndarray, like: BinomialLikelihood, intercept: bool) -> np.ndarray:
    p = expit(X @ POINT)
    root = np.sqrt(like.weights * p * (1 - p))
    W = root[:, None] * X
    if intercept:
        rest = W[:, 1:] - np.outer(root, root @ W[:, 1:] / (root @ root))
        W = rest
    return W / np.linalg.norm(W, axis=0)


@pytest.mark.parametrize("intercept", [None, 0])
@pytest.mark.parametrize("noise", [1.0, 1e-2, 1e-7])
def test_singular_values_are_those_of_the_weighted_rows(noise, intercept):
    X = design(noise)
    like = likelihood(X)
    found = spectrum(like, POINT, intercept)
    d = np.linalg.svd(unit_columns(X, like, intercept == 0), compute_uv=False)
    np.testing.assert_allclose(found.singular, d, rtol=1e-6 if noise < 1e-5 else 1e-10)
    assert found.indices[-1] == pytest.approx(d[0] / d[-1], rel=1e-6)
    np.testing.assert_allclose(found.shares.sum(axis=0), 1)


def test_exact_repeats_have_an_infinite_index_and_all_the_variance():
    X = design(0.0)
    found = spectrum(likelihood(X), POINT, 0)
    assert np.isinf(found.indices[-1])
    np.testing.assert_allclose(found.exact, [0.5, 0, 0.5], atol=1e-12)
    np.testing.assert_allclose(found.shares[-1], [1, 0, 1], atol=1e-12)
