"""Centring and scaling: exact ways back, moments against NumPy, rank and aliases."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from problogit.core.likelihood import BinomialLikelihood
from problogit.core.rank import find_aliases
from problogit.core.scaling import column_stats
from problogit.execution import Serial, Threads


@pytest.fixture
def table():
    rng = np.random.default_rng(5)
    n = 400
    return np.column_stack(
        [
            np.ones(n),
            rng.normal(2000, 3, n),
            rng.integers(0, 2, n),
            rng.choice([-1.0, 4.0], n),
            rng.poisson(1, n),
        ]
    ).astype(float)


@pytest.mark.parametrize("executor", [Serial(), Threads(2)])
def test_moments_match_numpy_with_weights(table, executor):
    w = np.random.default_rng(0).uniform(0.1, 3, len(table))
    stats = column_stats(table, w, executor)
    mean = np.average(table, axis=0, weights=w)
    np.testing.assert_allclose(stats.mean, mean, rtol=1e-13)
    variance = np.average((table - mean) ** 2, axis=0, weights=w)
    np.testing.assert_allclose(stats.sd, np.sqrt(variance), rtol=1e-11, atol=1e-13)
    np.testing.assert_array_equal(stats.two_valued, [False, False, True, True, False])
    np.testing.assert_array_equal(stats.constant, [True, False, False, False, False])


def test_sparse_moments_equal_dense_ones(table):
    w = np.ones(len(table))
    dense, sparse = column_stats(table, w, Serial()), column_stats(sp.csr_array(table), w, Serial())
    for name in ("mean", "sd", "minimum", "maximum", "two_valued"):
        np.testing.assert_allclose(getattr(sparse, name), getattr(dense, name), rtol=1e-9, atol=1e-12)


def test_scaled_coefficients_give_the_same_log_odds_and_come_back(table):
    stats = column_stats(table, np.ones(len(table)), Serial())
    scaling = stats.scaling(0)
    beta = np.array([0.3, 0.002, -1.0, 0.5, 0.2])
    gamma = scaling.to_scaled(beta)
    Z = (table - scaling.center) / scaling.scale
    np.testing.assert_allclose(Z @ gamma, table @ beta, rtol=1e-10)
    np.testing.assert_allclose(scaling.to_original(gamma), beta, rtol=1e-10)
    np.testing.assert_allclose(scaling.matrix() @ gamma, beta, rtol=1e-10)
    C = np.cov(np.random.default_rng(1).normal(size=(5, 50)))
    A = scaling.matrix()
    np.testing.assert_allclose(scaling.covariance_to_original(C), A @ C @ A.T, rtol=1e-8)


def test_nothing_is_centred_without_an_intercept(table):
    stats = column_stats(table, np.ones(len(table)), Serial())
    assert not stats.scaling(None).centred


def aliases_of(X, intercept=0):
    n = len(X)
    stats = column_stats(X, np.ones(n), Serial())
    scaling = stats.scaling(intercept)
    like = BinomialLikelihood(X, np.zeros(n), np.ones(n), np.ones(n), np.zeros(n))
    return find_aliases(like.in_coordinates(scaling.center, scaling.scale), scaling)


def test_full_rank_drops_nothing(table):
    assert aliases_of(table).dropped.size == 0


def test_later_columns_are_aliased_and_their_equation_is_right(table):
    X = np.column_stack([table, table[:, 1] * 2 - table[:, 4] + 7, np.full(len(table), 3.0)])
    found = aliases_of(X)
    np.testing.assert_array_equal(found.dropped, [5, 6])
    np.testing.assert_allclose(X[:, found.kept] @ found.relation, X[:, found.dropped], atol=1e-8)
    named = found.describe(("Intercept", "year", "a", "b", "c", "copy", "three"))
    assert named == ("copy = 7 Intercept + 2 year + -1 c", "three = 3 Intercept")


def test_alias_detection_does_not_depend_on_units(table):
    X = np.column_stack([table, table[:, 1] - table[:, 2]])
    scales = np.array([1, 1e7, 1e-7, 1e3, 1e-4, 1e8])
    np.testing.assert_array_equal(aliases_of(X * scales).dropped, [5])


def test_a_near_copy_is_kept(table):
    noise = np.random.default_rng(2).normal(size=len(table))
    assert aliases_of(np.column_stack([table, table[:, 4] + 1e-7 * noise])).dropped.size == 0


def test_rows_outside_the_alias_relation_are_named(table):
    X = np.column_stack([table, table[:, 1] * 2])
    found = aliases_of(X)
    inside, outside = np.append(table[0], table[0, 1] * 2), np.append(table[0], 1.0)
    np.testing.assert_array_equal(found.outside(np.vstack([inside, outside])), [False, True])


def test_a_large_design_is_settled_by_a_sample_of_its_rows():
    rng = np.random.default_rng(0)
    X = np.column_stack([np.ones(100_000), rng.normal(size=(100_000, 2))])
    assert aliases_of(X).rank == 3
    X = np.column_stack([X, X[:, 1]])
    np.testing.assert_array_equal(aliases_of(X).dropped, [3])
