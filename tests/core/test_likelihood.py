"""The likelihood: derivatives against finite differences, stability, and sums that do not depend on the blocks."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from problogit.core.likelihood import BinomialLikelihood, kernel, log_binomial_constant
from problogit.execution import Serial, Threads


def make(n=57, p=4, seed=0, sparse=False, **options):
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(n), rng.normal(size=(n, p - 1))])
    if sparse:
        X[rng.random(X.shape) < 0.5] = 0.0
    trials = rng.integers(1, 6, n).astype(float)
    successes = rng.binomial(trials.astype(int), 0.4).astype(float)
    weights = rng.uniform(0.5, 3, n)
    offset = rng.normal(size=n) * 0.3
    matrix = sp.csr_array(X) if sparse else X
    return BinomialLikelihood(matrix, successes, trials, weights, offset, **options)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("scaled", [False, True])
def test_gradient_and_information_match_finite_differences(sparse, scaled):
    like = make(sparse=sparse)
    if scaled:
        center = None if sparse else np.array([0.0, 0.4, -0.2, 3.0])
        like = like.in_coordinates(center, np.array([1.0, 2.0, 0.5, 3.0]))
    beta = np.array([0.2, -0.4, 0.3, 0.1])
    value, gradient, information = like.information(beta)
    step = 1e-5
    eye = np.eye(4) * step
    numeric = np.array([(like.value(beta + e) - like.value(beta - e)) / (2 * step) for e in eye])
    columns = [(like.gradient(beta + e)[1] - like.gradient(beta - e)[1]) / (2 * step) for e in eye]
    assert value == pytest.approx(like.value(beta), rel=1e-13)
    np.testing.assert_allclose(gradient, numeric, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(like.gradient(beta)[1], gradient, rtol=1e-12)
    np.testing.assert_allclose(information, -np.array(columns), rtol=1e-7, atol=1e-7)


def test_log_likelihood_with_constant_is_scipys_binomial():
    like = make()
    beta = np.array([0.2, -0.4, 0.3, 0.1])
    p = 1 / (1 + np.exp(-like.eta(beta)))
    expected = binom.logpmf(like.successes, like.trials, p)
    constant = log_binomial_constant(like.successes, like.trials)
    np.testing.assert_allclose(like.rows(beta) + constant, expected, rtol=1e-11)
    assert like.value(beta) == pytest.approx(float(like.weights @ like.rows(beta)), rel=1e-13)


@pytest.mark.parametrize("eta", [-800.0, -40.0, 0.0, 40.0, 800.0])
def test_kernel_is_exact_at_extreme_log_odds(eta):
    assert kernel(np.array(eta), np.array(1.0), np.array(1.0)) == -np.logaddexp(0, -eta)
    assert kernel(np.array(eta), np.array(0.0), np.array(1.0)) == -np.logaddexp(0, eta)


def test_everything_is_finite_at_plus_minus_800():
    X = np.array([[800.0], [-800.0], [800.0], [-800.0]])
    one = np.ones(4)
    like = BinomialLikelihood(X, np.array([1.0, 0.0, 0.0, 1.0]), one, one, np.zeros(4))
    value, gradient, information = like.information(np.ones(1))
    assert value == -1600.0
    assert gradient[0] == -1600.0
    assert information[0, 0] == 0.0
    assert np.isfinite(like.batch(np.array([[1.0], [-1.0]]))).all()


@given(st.floats(-700, 700))
def test_kernel_agrees_with_logaddexp(eta):
    assert math.isclose(
        float(kernel(np.array(eta), np.array(2.0), np.array(5.0))),
        -2 * np.logaddexp(0, -eta) - 3 * np.logaddexp(0, eta),
        rel_tol=1e-13,
    )


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("block_rows", [1, 7, 1000])
@pytest.mark.parametrize("executor", [Serial(), Threads(3)])
def test_sums_do_not_depend_on_blocks_or_executor(sparse, block_rows, executor):
    whole = make(sparse=sparse)
    parts = make(sparse=sparse, block_rows=block_rows, executor=executor)
    beta = np.array([0.1, 0.2, -0.3, 0.4])
    for one, other in zip(whole.information(beta), parts.information(beta), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-12, atol=1e-12)
    betas = np.random.default_rng(1).normal(size=(6, 4))
    expected = [whole.value(b) for b in betas]
    np.testing.assert_allclose(parts.batch(betas), expected, rtol=1e-12)
    C = np.eye(4) * 0.1
    np.testing.assert_allclose(parts.leverages(beta, C), whole.leverages(beta, C), rtol=1e-12)
    assert parts.largest_norm(C) == pytest.approx(whole.largest_norm(C), rel=1e-14)
    rows = np.concatenate([parts.rows_batch(betas, block) for block in parts.blocks()], axis=1)
    np.testing.assert_allclose(rows[2], whole.rows(betas[2]), rtol=1e-12)


@pytest.mark.parametrize("sparse", [False, True])
def test_information_vector_and_diagonal_match_the_matrix(sparse):
    like = make(sparse=sparse)
    beta, v = np.array([0.1, 0.2, -0.3, 0.4]), np.array([1.0, -2.0, 0.5, 3.0])
    information = like.information(beta)[2]
    np.testing.assert_allclose(like.information_vector(beta)(v), information @ v, rtol=1e-12)
    np.testing.assert_allclose(like.information_diagonal(beta), np.diag(information), rtol=1e-12)


def test_scores_of_rows_sum_to_the_gradient():
    like = make()
    beta = np.array([0.1, 0.2, -0.3, 0.4])
    np.testing.assert_allclose(like.X.T @ like.residuals(beta), like.gradient(beta)[1], rtol=1e-12)


def test_a_column_with_a_huge_mean_loses_no_digits():
    rng = np.random.default_rng(3)
    small = rng.normal(size=200)
    one, y = np.ones(200), (rng.random(200) < 0.5).astype(float)
    plain = BinomialLikelihood(np.column_stack([one, small]), y, one, one, np.zeros(200))
    shifted = np.column_stack([one, np.round(small, 6) + 1e6])
    moved = BinomialLikelihood(shifted, y, one, one, np.zeros(200)).in_coordinates(
        np.array([0.0, 1e6]), np.array([1.0, 1.0])
    )
    beta = np.array([0.3, 0.8])
    np.testing.assert_allclose(moved.information(beta)[2], plain.information(beta)[2], rtol=1e-5)


def test_sparse_designs_refuse_centring():
    with pytest.raises(ValueError, match="cannot be centred"):
        make(sparse=True).in_coordinates(np.ones(4), np.ones(4)).value(np.zeros(4))
