"""Newton's method without a Hessian: each step by conjugate gradients on products, for problems with many columns.

The same safeguards as `core.newton`: step-halving that knows how much of a gain rounding may hide, and the Newton
decrement as the distance to the optimum in standard errors.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from problogit.core.blocks import Array

__all__ = ["ConjugateResult", "ProductObjective", "conjugate_gradients", "maximise_by_products"]

_HALVINGS = 40
_NEAR = 1e-6  # standard errors
_PRODUCTS = 2000  # in one step


class ProductObjective(Protocol):
    """A function with the products of minus its Hessian; it is maximised."""

    def value(self, beta: Array) -> float:
        """The function."""

    def gradient(self, beta: Array) -> tuple[float, Array]:
        """Value and gradient."""

    def product(self, beta: Array, majorant: bool = False) -> Callable[[Array], Array]:
        """The map v -> (minus the Hessian) v; with `majorant`, of a matrix that is positive definite."""

    def diagonal(self, beta: Array) -> Array:
        """Positive numbers near the diagonal of minus the Hessian, shape (p,)."""


@dataclass(frozen=True, eq=False)
class ConjugateResult:
    """Where the method stopped.

    Attributes
    ----------
    x : ndarray, shape (p,)
    value : float
    gradient : ndarray, shape (p,)
    decrement : float
        sqrt(g' H^-1 g) at `x`.
    iterations, products : int
        Newton steps; products with the Hessian.
    converged : bool
    """

    x: Array
    value: float
    gradient: Array
    decrement: float
    iterations: int
    products: int
    converged: bool


def maximise_by_products(
    objective: ProductObjective, start: Array, *, tolerance: float = 1e-9, max_iterations: int = 200
) -> ConjugateResult:
    """Maximise a smooth function.

    Parameters
    ----------
    objective : ProductObjective
    start : ndarray, shape (p,)
    tolerance : float
        Stop when the decrement falls below it.
    max_iterations : int
    """
    x = np.array(start, dtype=np.float64)
    value, gradient = objective.gradient(x)
    iteration, products, decrement, converged = 0, 0, math.inf, False
    for iteration in range(max_iterations + 1):
        before = decrement
        step, used = _newton_step(objective, x, gradient, decrement)
        products += used
        decrement = math.sqrt(max(float(gradient @ step), 0.0))
        noise = 64 * np.finfo(float).eps * max(1.0, abs(value))
        # What no longer shrinks from so near is rounding in the gradient.
        converged = decrement <= tolerance or (decrement < _NEAR and decrement > before / 2)
        if converged or iteration == max_iterations or not np.all(np.isfinite(step)):
            break
        length = _halved(objective, x, step, value - noise)
        if length == 0.0:
            break
        x = x + length * step
        value, gradient = objective.gradient(x)
    return ConjugateResult(x, value, gradient, decrement, iteration, products, converged)


def _halved(objective: ProductObjective, x: Array, step: Array, floor: float) -> float:
    """The longest of the steps 1, 1/2, 1/4, ... after which the function is not below `floor`; 0 where none is."""
    length = 1.0
    while length > 2.0**-_HALVINGS:
        if objective.value(x + length * step) >= floor:
            return length
        length /= 2
    return 0.0


def _newton_step(
    objective: ProductObjective, x: Array, gradient: Array, decrement: float
) -> tuple[Array, int]:
    """Solve H step = g, the more accurately the nearer the optimum is; by the majorant where H is indefinite."""
    accuracy = min(0.1, max(decrement, 1e-6)) if math.isfinite(decrement) else 0.1
    diagonal = objective.diagonal(x)
    step, used, definite = conjugate_gradients(objective.product(x), gradient, diagonal, accuracy)
    if definite:
        return step, used
    step, more, _ = conjugate_gradients(objective.product(x, majorant=True), gradient, diagonal, accuracy)
    return step, used + more


def conjugate_gradients(
    product: Callable[[Array], Array], target: Array, diagonal: Array, accuracy: float
) -> tuple[Array, int, bool]:
    """Solve H x = target by conjugate gradients preconditioned with `diagonal`; False where H is not definite."""
    x = np.zeros_like(target)
    residual = target.copy()
    size = residual / diagonal
    direction, energy = size, float(residual @ size)
    goal = accuracy**2 * energy
    for used in range(_PRODUCTS):
        if energy <= goal:
            return x, used, True
        image = product(direction)
        bend = float(direction @ image)
        if bend <= 0:
            return x, used + 1, False
        length = energy / bend
        x = x + length * direction
        residual = residual - length * image
        size = residual / diagonal
        before, energy = energy, float(residual @ size)
        direction = size + (energy / before) * direction
    return x, _PRODUCTS, True
