"""Proximal Newton against exhaustive search, the optimality conditions, and a bound-constrained smooth solver."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit

from problogit.core.proximal import maximise_l1
from problogit.core.proximal_quadratic import Penalty, maximise_quadratic, violation


def quadratic_value(H: np.ndarray, b: np.ndarray, strength: np.ndarray, u: np.ndarray) -> float:
    return float(b @ u - u @ H @ u / 2 - strength @ np.abs(u))


def best_of_all_signs(H: np.ndarray, b: np.ndarray, strength: np.ndarray) -> float:
    """The optimum by solving the linear equations of every pattern of signs."""
    best = 0.0
    for signs in product((-1, 0, 1), repeat=b.size):
        on = np.flatnonzero(signs)
        if on.size == 0:
            continue
        s = np.array(signs)[on]
        u = np.zeros(b.size)
        u[on] = np.linalg.solve(H[np.ix_(on, on)], b[on] - strength[on] * s)
        best = max(best, quadratic_value(H, b, strength, u))
    return best


@given(seed=st.integers(0, 10_000), spread=st.floats(0.0, 6.0))
def test_quadratic_step_against_every_pattern_of_signs(seed: int, spread: float) -> None:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(9, 5)) * 10 ** rng.uniform(-spread / 2, spread / 2, 5)
    H = root.T @ root
    b, strength = root.T @ rng.normal(size=9) * 3, rng.uniform(0, 3, 5) * (rng.random(5) < 0.8)
    u = maximise_quadratic(H, b, strength, rng.normal(size=5), 1e-10)
    assert violation(b - H @ u, u, Penalty(strength, np.zeros(5))).max() <= 1e-9 * max(1.0, np.abs(b).max())
    best = best_of_all_signs(H, b, strength)
    assert quadratic_value(H, b, strength, u) == pytest.approx(best, rel=1e-8, abs=1e-10)


@given(seed=st.integers(0, 10_000))
def test_quadratic_step_with_more_columns_than_rank(seed: int) -> None:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(8, 30))
    root[:, 5] = root[:, 4]
    H, b = root.T @ root, root.T @ rng.normal(size=8)
    strength = np.full(30, 0.3)
    u = maximise_quadratic(H, b, strength, np.zeros(30), 1e-9)
    assert violation(b - H @ u, u, Penalty(strength, np.zeros(30))).max() <= 1e-9


class Logistic:
    """A plain logistic log-likelihood as the smooth part; remembers how many columns it was restricted to."""

    def __init__(self, X: np.ndarray, y: np.ndarray, offset: np.ndarray | float = 0.0) -> None:
        self.X, self.y, self.offset = X, y, offset
        self.widest = 0

    def value(self, beta: np.ndarray) -> float:
        eta = self.X @ beta + self.offset
        return float(np.sum(self.y * eta - np.logaddexp(0, eta)))

    def gradient(self, beta: np.ndarray) -> tuple[float, np.ndarray]:
        return self.value(beta), self.X.T @ (self.y - expit(self.X @ beta + self.offset))

    def information(self, beta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        p = expit(self.X @ beta + self.offset)
        value, gradient = self.gradient(beta)
        return value, gradient, (self.X * (p * (1 - p))[:, None]).T @ self.X

    def restricted(self, columns: np.ndarray, beta: np.ndarray) -> Logistic:
        self.widest = max(self.widest, columns.size)
        held = beta.copy()
        held[columns] = 0
        return Logistic(self.X[:, columns], self.y, self.offset + self.X @ held)


def split_optimum(objective: Logistic, penalty: Penalty) -> float:
    """The same optimum by L-BFGS-B over positive and negative parts, which is smooth with bounds."""
    p = penalty.loc.size

    def loss(parts: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = objective.gradient(penalty.loc + parts[:p] - parts[p:])
        return (
            penalty.strength @ (parts[:p] + parts[p:]) - value,
            np.concatenate([penalty.strength - gradient, penalty.strength + gradient]),
        )

    options = {"ftol": 1e-15, "gtol": 1e-10, "maxiter": 50_000, "maxfun": 100_000, "maxcor": 40}
    found = minimize(
        loss, np.zeros(2 * p), jac=True, method="L-BFGS-B", bounds=[(0, None)] * (2 * p), options=options
    )
    return -float(found.fun)


@pytest.mark.parametrize(
    ("n", "p", "strength"), [(80, 6, 3.0), (150, 40, 1.0), (120, 400, 4.0), (60, 300, 0.5)]
)
@pytest.mark.parametrize("located", [False, True])
def test_optimum_against_lbfgs_on_split_coordinates(n: int, p: int, strength: float, located: bool) -> None:
    rng = np.random.default_rng(n + p)
    X = rng.normal(size=(n, p)) + 0.7 * rng.normal(size=(n, 1))
    X[:, 0] = 1.0
    y = (rng.random(n) < expit(X[:, 1:4] @ [2.0, -1.5, 1.0] - 0.5)).astype(float)
    strengths = np.full(p, strength)
    strengths[0] = 0.0
    loc = rng.normal(size=p) * 0.1 if located else np.zeros(p)
    penalty, objective = Penalty(strengths, loc), Logistic(X, y)
    found = maximise_l1(objective, penalty, np.where(strengths > 0, loc, 0.0))
    assert found.converged
    assert violation(objective.gradient(found.x)[1], found.x, penalty).max() <= 1e-8
    assert found.value >= split_optimum(objective, penalty) - 1e-8
    assert found.value == pytest.approx(objective.value(found.x) - penalty.value(found.x), rel=1e-14)
    assert np.any(found.x == loc)
    if p > 100:
        assert objective.widest < p


def test_everything_stays_at_its_location_under_a_strong_penalty() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(50, 120)), rng.integers(0, 2, 50).astype(float)
    found = maximise_l1(Logistic(X, y), Penalty(np.full(120, 1e3), np.zeros(120)), np.zeros(120))
    assert found.converged
    assert found.iterations == 0
    assert not found.x.any()


def test_without_an_l1_part_it_is_newton_s_method() -> None:
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(200, 5)), rng.integers(0, 2, 200).astype(float)
    found = maximise_l1(Logistic(X, y), Penalty(np.zeros(5), np.zeros(5)), np.zeros(5))
    assert found.converged
    assert np.abs(Logistic(X, y).gradient(found.x)[1]).max() < 1e-9


def test_a_budget_of_steps_that_is_too_small_is_said() -> None:
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(200, 5)), rng.integers(0, 2, 200).astype(float)
    found = maximise_l1(
        Logistic(X, y), Penalty(np.full(5, 0.1), np.zeros(5)), np.full(5, 3.0), max_iterations=1
    )
    assert not found.converged
    assert found.violation > 1e-6
