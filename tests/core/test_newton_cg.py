"""Newton by conjugate gradients against the Newton core, on objectives with and without a definite Hessian."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import expit

from problogit.core.newton import maximise
from problogit.core.newton_cg import maximise_by_products
from problogit.core.priors import Cauchy, Normal, Prior


class Posterior:
    """A logistic log-likelihood plus a prior, with every derivative written out."""

    def __init__(self, X: np.ndarray, y: np.ndarray, prior: Prior) -> None:
        self.X, self.y, self.prior = X, y, prior
        self.products = 0

    def value(self, beta: np.ndarray) -> float:
        eta = self.X @ beta
        return float(np.sum(self.y * eta - np.logaddexp(0, eta)) + self.prior.log_density(beta).sum())

    def gradient(self, beta: np.ndarray) -> tuple[float, np.ndarray]:
        return self.value(beta), self.X.T @ (self.y - expit(self.X @ beta)) + self.prior.gradient(beta)

    def hessian(self, beta: np.ndarray, majorant: bool) -> np.ndarray:
        p = expit(self.X @ beta)
        bend = self.prior.majorant(beta) if majorant else self.prior.curvature(beta)
        return (self.X * (p * (1 - p))[:, None]).T @ self.X + np.diag(bend)

    def information(self, beta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        return *self.gradient(beta), self.hessian(beta, majorant=False)

    def product(self, beta: np.ndarray, majorant: bool = False) -> Callable[[np.ndarray], np.ndarray]:
        matrix = self.hessian(beta, majorant)
        return lambda v: matrix @ v

    def diagonal(self, beta: np.ndarray) -> np.ndarray:
        return np.diag(self.hessian(beta, majorant=True))


def data(n: int, p: int, spread: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n + p)
    X = rng.normal(size=(n, p)) * 10 ** rng.uniform(-spread, spread, p) + 0.5
    return X, (rng.random(n) < expit(X[:, 0] / np.abs(X[:, 0]).max())).astype(float)


@pytest.mark.parametrize(("n", "p"), [(200, 5), (50, 120)])
@pytest.mark.parametrize("spread", [0.0, 3.0])
def test_optimum_against_newton(n: int, p: int, spread: float) -> None:
    objective = Posterior(*data(n, p, spread), Normal(1.0))
    found, newton = maximise_by_products(objective, np.zeros(p)), maximise(objective, np.zeros(p))
    assert found.converged
    assert found.decrement <= 1e-9
    assert found.value == pytest.approx(newton.value, rel=1e-12)
    np.testing.assert_allclose(found.x, newton.x, atol=1e-8)


def test_an_indefinite_hessian_falls_back_to_the_majorant() -> None:
    X, y = data(30, 8, 0.0)
    objective = Posterior(X, y, Cauchy(0.05))
    far = np.full(8, 3.0)
    assert np.linalg.eigvalsh(objective.hessian(far, majorant=False)).min() < 0
    found = maximise_by_products(objective, far)
    assert found.converged
    assert np.abs(objective.gradient(found.x)[1]).max() < 1e-6
    assert found.value > objective.value(far)


def test_a_budget_that_is_too_small_is_said() -> None:
    objective = Posterior(*data(200, 5, 0.0), Normal(1.0))
    assert not maximise_by_products(objective, np.full(5, 4.0), max_iterations=1).converged


def test_rounding_in_a_large_sum_does_not_keep_it_from_converging() -> None:
    X, y = data(400, 4, 0.0)
    objective = Posterior(np.tile(X, (50, 1)), np.tile(y, 50), Normal(1.0))
    plain = objective.value
    objective.value = lambda beta: plain(beta) + 1e7  # type: ignore[method-assign]
    assert maximise_by_products(objective, np.zeros(4)).converged
