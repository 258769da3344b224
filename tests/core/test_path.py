"""Every point of a path against the optimality conditions, and against the solver of single strengths."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.special import expit

from problogit.core.likelihood import BinomialLikelihood
from problogit.core.path import ElasticPenalty, follow_path
from problogit.core.path_reduce import reduce_ridge


def design(n: int = 200, p: int = 30, seed: int = 0, *, sparse: bool = False) -> BinomialLikelihood:
    """An intercept and p columns; trials, weights and an offset that are not trivial."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) + 0.5 * rng.normal(size=(n, 1))
    if sparse:
        X = np.where(rng.random((n, p)) < 0.2, X, 0.0)
    beta = np.where(rng.random(p) < 0.3, rng.normal(size=p), 0.0)
    trials = rng.integers(1, 4, n).astype(float)
    offset = rng.normal(size=n) * 0.3
    successes = rng.binomial(trials.astype(int), expit(X @ beta + offset)).astype(float)
    Z = np.column_stack([np.ones(n), X])
    weights = rng.integers(1, 3, n).astype(float)
    return BinomialLikelihood(sp.csr_array(Z) if sparse else Z, successes, trials, weights, offset)


def penalty(p: int, l1: float = 1.0, l2: float = 0.0, loc: float = 0.0) -> ElasticPenalty:
    """Flat on the intercept."""
    ones = np.concatenate([[0.0], np.ones(p)])
    return ElasticPenalty(l1 * ones, l2 * ones, loc * ones)


def broken(like: BinomialLikelihood, given: ElasticPenalty, factor: float, gamma: np.ndarray) -> float:
    """The largest violation of the optimality conditions, in units of the gradient."""
    _, gradient = like.gradient(gamma)
    u = gamma - given.loc
    slope, l1 = gradient - factor * given.l2 * u, factor * given.l1
    return float(np.where(u != 0, np.abs(slope - l1 * np.sign(u)), np.maximum(np.abs(slope) - l1, 0.0)).max())


def null(like: BinomialLikelihood, given: ElasticPenalty) -> tuple[float, np.ndarray]:
    """The factor at which all is zero, and the fit of the flat columns there, by scipy."""
    from scipy.optimize import minimize

    free = np.flatnonzero((given.l1 == 0) & (given.l2 == 0))

    def loss(b: np.ndarray) -> float:
        gamma = given.loc.copy()
        gamma[free] = b
        return -like.value(gamma)

    gamma = given.loc.copy()
    gamma[free] = minimize(loss, np.zeros(free.size), tol=1e-14, method="BFGS").x
    slope = np.abs(like.gradient(gamma)[1])
    return float((slope / np.where(given.l1 > 0, given.l1, np.inf)).max()), gamma


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize(
    ("l1", "l2", "loc"), [(1.0, 0.0, 0.0), (1.0, 0.5, 0.0), (2.0, 0.0, 0.3), (0.0, 1.0, 0.2)]
)
def test_every_point_keeps_the_optimality_conditions(sparse: bool, l1: float, l2: float, loc: float) -> None:
    like, given = design(sparse=sparse), penalty(30, l1, l2, loc)
    top, start = (1e4, penalty(30).loc) if l1 == 0 else null(like, given)
    factors = top * np.geomspace(1.0, 1e-3, 25)
    points = list(follow_path(like, given, factors, start, tolerance=1e-14))
    assert len(points) == 25
    assert all(point.converged for point in points)
    for point, factor in zip(points, factors, strict=True):
        assert broken(like, given, factor, point.gamma) < 2e-4
        assert point.value == pytest.approx(like.value(point.gamma), rel=1e-12)
    if l1 > 0:
        assert np.all(points[0].gamma[1:] == loc)
        assert 0 < np.count_nonzero(points[8].gamma[1:] != loc) < 30


def test_screened_columns_are_checked_at_the_end() -> None:
    # Coarse factors: the strong rule (which looks one step ahead) discards columns that do come in.
    like, given = design(n=80, p=400, seed=3), penalty(400)
    top, start = null(like, given)
    factors = top * np.array([1.0, 0.9, 0.3, 0.28, 0.1, 0.09])
    for point, factor in zip(follow_path(like, given, factors, start, tolerance=1e-12), factors, strict=True):
        assert point.converged
        assert broken(like, given, factor, point.gamma) < 1e-3 * factor


def test_different_strengths_and_free_columns() -> None:
    like = design()
    given = ElasticPenalty(
        np.concatenate([[0.0, 0.0], np.linspace(0.5, 2.0, 29)]),
        np.zeros(31),
        np.concatenate([[0.0], np.zeros(30)]),
    )
    top, start = null(like, given)
    for point, factor in zip(follow_path(like, given, [top, top / 5], start), [top, top / 5], strict=True):
        assert broken(like, given, factor, point.gamma) < 1e-2
        assert point.gamma[1] != 0


def test_repeated_and_collinear_columns_do_not_stop_the_path() -> None:
    like = design(n=100, p=6)
    Z = np.column_stack([like.X, like.X[:, 1], like.X[:, 2] + like.X[:, 3], 2 * like.X[:, 4]])
    like = BinomialLikelihood(Z, like.successes, like.trials, like.weights, like.offset)
    given = penalty(9)
    top, start = null(like, given)
    factors = top * np.geomspace(1.0, 1e-3, 20)
    points = list(follow_path(like, given, factors, start))
    assert all(point.converged for point in points)
    for point, factor in zip(points, factors, strict=True):
        assert broken(like, given, factor, point.gamma) < 0.02


def test_the_path_ends_where_the_model_would_outgrow_the_memory() -> None:
    like, given = design(), penalty(30)
    top, start = null(like, given)
    factors = top * np.geomspace(1.0, 1e-3, 25)
    points = list(follow_path(like, given, factors, start, largest=8))
    assert 1 < len(points) < 25
    assert np.count_nonzero(points[-1].gamma) <= 8
    assert list(follow_path(like, given, factors, start, largest=0)) == []


@pytest.mark.parametrize("sparse", [False, True])
def test_ridge_in_the_space_of_the_rows_is_ridge(sparse: bool) -> None:
    like = design(n=40, p=120, seed=5, sparse=sparse)
    given = ElasticPenalty(
        np.zeros(121), np.concatenate([[0.0], np.linspace(0.5, 2.0, 120)]), np.full(121, 0.1)
    )
    given.loc[0] = 0.0
    small = reduce_ridge(like, given)
    assert small.likelihood.n_terms <= 41
    factors = [100.0, 3.0, 0.1]
    points = follow_path(
        small.likelihood, small.penalty, factors, small.start(np.zeros(121)), tolerance=1e-13
    )
    for point, factor in zip(points, factors, strict=True):
        gamma = small.expand(point.gamma)
        assert broken(like, given, factor, gamma) < 1e-3
        assert point.value == pytest.approx(like.value(gamma), rel=1e-9)
