"""Steps on orthants against proximal Newton with a Hessian, and on its own where columns are many."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.special import expit

from problogit.core.likelihood import BinomialLikelihood
from problogit.core.priors.laplace import Laplace
from problogit.core.priors.normal import Normal
from problogit.core.priors.resolved import ResolvedPrior
from problogit.core.proximal import maximise_l1
from problogit.core.proximal_orthant import maximise_on_orthants
from problogit.core.proximal_quadratic import violation
from problogit.estimators.penalized_optimum import PenalizedLikelihood


def problem(n: int, p: int, seed: int, scale: float, *, onehot: bool = False) -> PenalizedLikelihood:
    rng = np.random.default_rng(seed)
    if onehot:
        level = rng.integers(0, p, n)
        effect = rng.normal(size=p)
        X = sp.csr_array((np.ones(n), (np.arange(n), level)), shape=(n, p))
        X, eta = sp.csr_array(sp.hstack([np.ones((n, 1)), X])), effect[level]
    else:
        X = np.column_stack([np.ones(n), rng.normal(size=(n, p))])
        eta = X[:, 1] - X[:, 2]
    y = (rng.random(n) < expit(eta)).astype(float)
    ones = np.ones(n)
    blocks = ((np.arange(1, p + 1), Laplace(np.full(p, scale), np.zeros(p))),)
    prior = ResolvedPrior(blocks, tuple(map(str, range(p + 1))), 0, None, ("",) * (p + 1))
    return PenalizedLikelihood(BinomialLikelihood(X, y, ones, ones, np.zeros(n)), prior)


@pytest.mark.parametrize("scale", [0.02, 0.1, 1.0, 20.0])
def test_the_optimum_of_proximal_newton(scale: float) -> None:
    objective = problem(150, 40, 0, scale)
    start = np.zeros(41)
    found = maximise_on_orthants(objective, objective.penalty, start, 1e-9, 200)
    reference = maximise_l1(objective, objective.penalty, start)
    assert found.converged
    assert found.value == pytest.approx(reference.value, rel=1e-12)
    np.testing.assert_array_equal(found.x == 0, reference.x == 0)
    np.testing.assert_allclose(found.x, reference.x, atol=1e-6)


def test_more_columns_than_a_hessian_is_formed_for() -> None:
    objective = problem(9000, 4000, 1, 3.0, onehot=True)
    found = maximise_l1(objective, objective.penalty, np.zeros(4001))
    assert found.converged
    assert found.working > 2000
    assert 2000 < np.count_nonzero(found.x) < 4000
    _, gradient = objective.gradient(found.x)
    assert violation(gradient, found.x, objective.penalty).max() < 1e-8


def test_a_smooth_penalty_is_left_to_newton() -> None:
    objective = problem(100, 5, 2, 1.0)
    blocks = ((np.arange(1, 6), Normal(np.full(5, 0.5), np.zeros(5))),)
    smooth = PenalizedLikelihood(
        objective.likelihood, ResolvedPrior(blocks, objective.prior.terms, 0, None, objective.prior.given)
    )
    found = maximise_on_orthants(smooth, smooth.penalty, np.zeros(6), 1e-9, 100)
    assert found.converged
    np.testing.assert_allclose(smooth.gradient(found.x)[1], 0, atol=1e-8)
