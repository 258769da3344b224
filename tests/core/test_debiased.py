"""Debiased estimates as a distribution, and the approximate inverse of a singular information."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.special import expit, ndtri

from problogit.core.debiased import DebiasedCoefficients
from problogit.core.debiased_nodes import approximate_inverse
from problogit.core.proximal_quadratic import maximise_quadratic
from problogit.errors import NotAvailableError

RNG = np.random.default_rng(4)
ROOT = RNG.normal(size=(3, 5))
COV = ROOT.T @ ROOT / 10 + np.eye(5) / 20
ESTIMATE, CENTRE = RNG.normal(size=5), RNG.normal(size=5)
WHOLE = DebiasedCoefficients(ESTIMATE, CENTRE, COV)
PARTIAL = DebiasedCoefficients(ESTIMATE, np.r_[np.nan, CENTRE[1:]], COV, sparse_only=True)


def test_the_estimate_is_the_penalized_one_and_the_interval_stands_about_the_other() -> None:
    L = RNG.normal(size=(3, 5))
    found = WHOLE.marginals(L)
    np.testing.assert_allclose(found.location, L @ ESTIMATE)
    np.testing.assert_allclose(found.sd, np.sqrt(np.diag(L @ COV @ L.T)))
    np.testing.assert_allclose(found.point(expit), expit(L @ ESTIMATE))
    ends = found.interval(0.9, transform=np.exp)
    assert ends.kind == "debiased"
    np.testing.assert_allclose(ends.upper, np.exp(L @ CENTRE + ndtri(0.95) * found.sd))
    np.testing.assert_allclose(ends.lower, np.exp(L @ CENTRE - ndtri(0.95) * found.sd))


def test_linear_maps_compose() -> None:
    A, B = RNG.normal(size=(4, 5)), RNG.normal(size=(2, 4))
    one, other = WHOLE.linear(A).linear(B), WHOLE.linear(B @ A)
    for name in ("estimate", "centre", "covariance"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-10)
    np.testing.assert_allclose(WHOLE.linear(A).std_error, WHOLE.marginals(A).sd)


def test_draws_scatter_about_the_debiased_estimate() -> None:
    draws = WHOLE.draws(40_000, np.random.default_rng(0))
    np.testing.assert_allclose(draws.mean(axis=0), CENTRE, atol=4 * np.sqrt(np.diag(COV) / 40_000).max())
    np.testing.assert_allclose(np.cov(draws.T), COV, atol=0.02)


@pytest.mark.parametrize("make", [np.asarray, sp.csr_array])
def test_only_few_known_coefficients_combine_where_rows_are_few(make) -> None:
    rows = np.zeros((4, 5))
    rows[0, 1], rows[1, 1:3], rows[2, 0], rows[3, 1:] = 1.0, (1.0, -1.0), 1.0, 0.0
    rows[3, 0], rows[3, 2] = 0.5, 0.5
    found = PARTIAL.marginals(make(rows))
    np.testing.assert_array_equal(np.isfinite(found.sd), [True, True, False, False])
    ends = found.interval(0.95)
    np.testing.assert_array_equal(np.isnan(ends.lower), [False, False, True, True])
    np.testing.assert_allclose(found.location, rows @ ESTIMATE)
    assert np.isnan(PARTIAL.cov[0]).all()
    np.testing.assert_array_equal(PARTIAL.cov[1:, 1:], COV[1:, 1:])
    with pytest.raises(NotAvailableError, match="no joint one.*inference='bootstrap'"):
        PARTIAL.draws(5, np.random.default_rng(0))


def test_combinations_of_many_have_no_interval_where_rows_are_few() -> None:
    wide = DebiasedCoefficients(np.zeros(12), np.zeros(12), np.eye(12), sparse_only=True)
    rows = np.tril(np.ones((12, 12)))
    np.testing.assert_array_equal(np.isfinite(wide.marginals(rows).sd), np.arange(1, 13) <= 10)
    assert np.isfinite(DebiasedCoefficients(np.zeros(12), np.zeros(12), np.eye(12)).marginals(rows).sd).all()


def gram(n: int, p: int) -> np.ndarray:
    C = 0.4 ** np.abs(np.subtract.outer(range(p), range(p)))
    X = np.random.default_rng(n + p).normal(size=(n, p)) @ np.linalg.cholesky(C).T
    return (
        (X - X.mean(axis=0)).T
        @ (X - X.mean(axis=0))
        * np.outer(np.geomspace(0.1, 10, p), np.geomspace(0.1, 10, p))
    )


@pytest.mark.parametrize(("n", "p"), [(80, 30), (40, 60)])
def test_the_approximate_inverse_keeps_the_optimality_conditions_of_its_lassos(n: int, p: int) -> None:
    G, strength = gram(n, p), 0.5 * np.sqrt(np.log(p) / n)
    found = approximate_inverse(G, strength)
    product = found @ G
    np.testing.assert_allclose(np.diag(product), 1.0, rtol=1e-10)
    root = np.sqrt(np.diag(G))
    R = G / np.outer(root, root)
    rows = found * np.outer(root, root)
    remaining = 1 / np.diag(rows)
    g = np.eye(p) - rows * remaining[:, None]
    noise = np.sqrt(np.einsum("ij,jk,ik->i", np.eye(p) - g, R, np.eye(p) - g))
    pull = (R - g @ R) - np.diag(np.diag(R - g @ R))
    bound = strength * noise[:, None]
    assert np.all(np.abs(pull) <= bound * 1.02 + 2e-3)
    on = (g != 0) & ~np.eye(p, dtype=bool)
    np.testing.assert_allclose(pull[on], (np.sign(g) * bound)[on], atol=5e-3)


def test_the_approximate_inverse_matches_one_lasso_at_a_time() -> None:
    G, n, p = gram(60, 25), 60, 25
    strength = 0.5 * np.sqrt(np.log(p) / n)
    root = np.sqrt(np.diag(G))
    R = G / np.outer(root, root)
    expected = np.zeros((p, p))
    for j in range(p):
        others = np.delete(np.arange(p), j)
        noise, g = 1.0, np.zeros(p - 1)
        for _ in range(200):
            g = maximise_quadratic(
                R[np.ix_(others, others)], R[others, j], np.full(p - 1, strength * noise), g, 1e-10
            )
            noise = np.sqrt(1 - 2 * R[others, j] @ g + g @ R[np.ix_(others, others)] @ g)
        remaining = 1 - R[others, j] @ g
        expected[j, j], expected[j, others] = 1 / remaining, -g / remaining
    found = approximate_inverse(G, strength) * np.outer(root, root)
    np.testing.assert_allclose(found, expected, atol=0.01 * np.abs(expected).max())


def test_without_strength_it_is_the_inverse() -> None:
    G = gram(200, 6)
    np.testing.assert_allclose(approximate_inverse(G, 1e-9) @ G, np.eye(6), atol=0.02)


def test_repeated_columns_do_no_harm() -> None:
    G = gram(50, 8)
    twice = np.block([[G, G], [G, G]])
    assert np.isfinite(approximate_inverse(twice, 0.2)).all()
