"""A smooth concave function minus a weighted L1 norm, for so many columns that their Hessian is not formed.

With the signs of the coordinates held the norm is linear: a Newton step on those that are not at their kink, or want to
leave it, comes from conjugate gradients on products with the Hessian. A coordinate that would change its sign stops at
the kink (projection onto the orthant of the signs), and the step is halved until the function rises.

References: Andrew and Gao (2007), ICML 24:33 (orthants); Schmidt (2010), PhD thesis, University of British Columbia,
section 2.4 (projected scaled subgradients).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from problogit.core.blocks import Array
from problogit.core.newton_cg import ProductObjective, conjugate_gradients
from problogit.core.proximal_quadratic import Penalty, ProximalResult, violation

__all__ = ["maximise_on_orthants"]

_HALVINGS = 40
_ENOUGH = 1e-4  # part of the rise that the slope promises


@dataclass(frozen=True, eq=False)
class _Ascent:
    """Where the function rises from u: signs that coordinates have or would take, and its slope for these signs."""

    u: Array
    signs: Array
    slope: Array

    @staticmethod
    def at(u: Array, gradient: Array, strength: Array) -> _Ascent:
        leaving = np.where(np.abs(gradient) > strength, np.sign(gradient), 0.0)
        signs = np.where(strength > 0, np.where(u != 0, np.sign(u), leaving), 0.0)
        return _Ascent(u, signs, np.where((strength == 0) | (signs != 0), gradient - strength * signs, 0.0))


def maximise_on_orthants(
    objective: ProductObjective, penalty: Penalty, start: Array, tolerance: float, max_iterations: int
) -> ProximalResult:
    """Maximise f(x) minus the penalty.

    Parameters
    ----------
    objective : ProductObjective
        Smooth, concave f.
    penalty : Penalty
    start : ndarray, shape (k,)
    tolerance : float
        Bound on the largest `violation` of the optimality conditions.
    max_iterations : int
    """
    loc, strength = penalty.loc, penalty.strength
    u = start - loc
    smooth, gradient = objective.gradient(start)
    worst = float(violation(gradient, start, penalty).max(initial=0.0))
    evaluations, iteration, first = 1, 0, max(worst, tolerance)
    for iteration in range(max_iterations + 1):
        if worst <= tolerance or iteration == max_iterations:
            break
        ascent = _Ascent.at(u, gradient, strength)
        accuracy = min(0.1, max(worst / first, 1e-6))
        floor = smooth - float(strength @ np.abs(u)) - 64 * np.finfo(float).eps * max(1.0, abs(smooth))
        step = _newton_step(objective, loc + u, ascent, accuracy)
        trial, used = _along(objective, penalty, ascent, step, floor)
        if trial is None:
            step = ascent.slope / objective.diagonal(loc + u)
            trial, more = _along(objective, penalty, ascent, step, floor)
            used += more
        evaluations += used
        if trial is None or np.array_equal(trial, u):
            break
        u = trial
        smooth, gradient = objective.gradient(loc + u)
        worst = float(violation(gradient, loc + u, penalty).max(initial=0.0))
    x = loc + u
    value = smooth - penalty.value(x)
    return ProximalResult(x, value, gradient, worst, iteration, evaluations, x.size, worst <= tolerance)


def _newton_step(objective: ProductObjective, x: Array, ascent: _Ascent, accuracy: float) -> Array:
    """Newton's step for these signs; a coordinate at its kink that it would push to the other side stays."""
    moving = (ascent.slope != 0) | (ascent.u != 0)
    product, diagonal = objective.product(x), objective.diagonal(x)
    step, _, definite = conjugate_gradients(
        lambda v: np.where(moving, product(np.where(moving, v, 0.0)), 0.0), ascent.slope, diagonal, accuracy
    )
    if not definite:
        return ascent.slope / diagonal
    return np.where((ascent.u == 0) & (step * ascent.signs < 0), 0.0, step)


def _along(
    objective: ProductObjective, penalty: Penalty, ascent: _Ascent, step: Array, floor: float
) -> tuple[Array | None, int]:
    """The first of the steps 1, 1/2, ..., projected, that rises enough; None where none does."""
    u, signs = ascent.u, ascent.signs
    length = 1.0
    for tried in range(1, _HALVINGS + 1):
        trial = u + length * step
        trial = np.where((signs != 0) & (trial * signs <= 0), 0.0, trial)
        risen = objective.value(penalty.loc + trial) - float(penalty.strength @ np.abs(trial))
        if risen >= floor + _ENOUGH * max(float(ascent.slope @ (trial - u)), 0.0):
            return trial, tried
        length /= 2
    return None, _HALVINGS
