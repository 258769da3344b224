"""Newton's method with step-halving for a smooth concave objective, stopped by the Newton decrement.

The decrement sqrt(g' H^-1 g) measures the distance to the optimum in standard errors and does not depend on the
units of the columns. Steps solve with a Cholesky factor; where the information is numerically singular (as it
becomes under separation) a small multiple of its diagonal is added until a factor exists.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from problogit.core.blocks import Array

__all__ = ["NewtonResult", "Objective", "maximise", "newton_step"]

_HALVINGS = 40
_CLOSE = 1e-6
_LAST_STEP = 1e-9  # in all columns together: rows within one sd move by no more in log-odds


class Objective(Protocol):
    """A concave function with its derivatives; it is maximised."""

    def value(self, beta: Array) -> float:
        """The function."""

    def information(self, beta: Array) -> tuple[float, Array, Array]:
        """Value, gradient and minus the Hessian."""


@dataclass(frozen=True, eq=False)
class NewtonResult:
    """Where Newton's method stopped.

    Attributes
    ----------
    x : ndarray, shape (p,)
    value : float
    gradient : ndarray, shape (p,)
    information : ndarray, shape (p, p)
        Minus the Hessian at `x`.
    decrement : float
        sqrt(g' H^-1 g) at `x`: distance to the optimum in standard errors.
    iterations, evaluations : int
    converged : bool
    """

    x: Array
    value: float
    gradient: Array
    information: Array
    decrement: float
    iterations: int
    evaluations: int
    converged: bool


def newton_step(information: Array, gradient: Array) -> tuple[Array, float]:
    """Solve H step = g; returns the step and the decrement sqrt(g' step)."""
    # Under separation the diagonal shrinks towards zero at different rates: equilibrate before factoring.
    diagonal = np.diag(information)
    root = np.sqrt(np.maximum(diagonal, np.finfo(float).tiny))
    scaled = information / np.outer(root, root)
    target = gradient / root
    ridge = 0.0
    while True:
        try:
            factor = cho_factor(scaled + ridge * np.eye(len(root)), lower=True)
            step = cho_solve(factor, target)
            break
        except LinAlgError:
            ridge = max(1e-14, ridge * 100)
            if ridge > 1e6 or not np.isfinite(scaled).all():
                return np.zeros_like(gradient), math.inf
    return step / root, math.sqrt(max(float(target @ step), 0.0))


def _search(
    objective: Objective, x: Array, step: Array, target: float
) -> tuple[tuple[float, Array, Array], float, int]:
    """Halve the step until the objective reaches `target`: what is there, the fraction taken, the evaluations."""
    trial = objective.information(x + step)
    evaluations, length = 1, 1.0
    while not trial[0] >= target and length > 2.0**-_HALVINGS:
        length /= 2
        if objective.value(x + length * step) >= target:
            trial = objective.information(x + length * step)
        evaluations += 1
    return trial, length, evaluations


def maximise(
    objective: Objective,
    start: Array,
    *,
    tolerance: float = 1e-9,
    max_iterations: int = 100,
    largest_step: float = 50.0,
) -> NewtonResult:
    """Maximise a concave objective.

    Parameters
    ----------
    objective : Objective
    start : ndarray, shape (p,)
    tolerance : float
        Stop when the decrement falls below it: the estimate is then within `tolerance` standard errors.
    max_iterations : int
    largest_step : float
        Bound on the largest component of one step, on the scaled problem; only separated data ever reach it.

    Returns
    -------
    NewtonResult
    """
    x = np.array(start, dtype=np.float64)
    value, gradient, information = objective.information(x)
    evaluations = 1
    converged = False
    decrement = math.inf
    iteration = 0
    for iteration in range(max_iterations + 1):
        step, decrement = newton_step(information, gradient)
        if decrement <= tolerance:
            converged = True
            break
        if decrement <= _CLOSE and float(np.abs(step).sum()) <= _LAST_STEP:
            # Quadratic convergence: the error after this step is below decrement^2, and the information, which changes
            # as the log-odds do, is that of the optimum to 9 digits. Saves a pass over the rows.
            x, value = x + step, value + 0.5 * decrement**2
            gradient, decrement = gradient - information @ step, decrement**2
            converged = True
            break
        if iteration == max_iterations or not math.isfinite(decrement):
            break
        size = float(np.max(np.abs(step), initial=0.0))
        if size > largest_step:
            step = step * (largest_step / size)
        # Rounding in a sum of n terms hides gains below this; there the full step is taken on trust.
        noise = 64 * np.finfo(float).eps * max(1.0, abs(value))
        trial, length, tried = _search(objective, x, step, value - noise)
        evaluations += tried
        if not trial[0] >= value - noise:
            break
        if decrement < 1e-6 and float(np.max(np.abs(length * step))) < 1e-15 * max(
            1.0, float(np.max(np.abs(x)))
        ):
            converged = True
            break
        x = x + length * step
        gained = trial[0] - value
        value, gradient, information = trial
        if decrement < 1e-5 and gained <= noise and length == 1.0:
            # Quadratic convergence: after a full step from 1e-5 the error is far below any tolerance in reach.
            _, decrement = newton_step(information, gradient)
            converged = decrement < 1e-5
            if decrement <= tolerance or converged:
                break
    return NewtonResult(x, value, gradient, information, decrement, iteration, evaluations, converged)
