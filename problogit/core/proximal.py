"""Proximal Newton for a smooth concave function minus a weighted L1 norm: exact zeros, one optimum.

F(x) = f(x) - sum_j l1_j |x_j - loc_j| is maximised. Each step maximises the quadratic model of f minus the same L1 norm
(`maximise_quadratic`); a working set of columns grows from the largest violations of the optimality (KKT) conditions,
so that only those columns' Hessian is ever formed, and none where they are too many (`core.proximal_orthant`). The
conditions, with g the gradient of f:
g_j = l1_j sign(x_j - loc_j) where x_j is not at its kink, |g_j| <= l1_j where it is.

Reference: Lee, Sun and Saunders (2014), SIAM J. Optim. 24:1420.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from problogit.core.blocks import Array
from problogit.core.newton import Objective
from problogit.core.newton_cg import ProductObjective
from problogit.core.proximal_orthant import maximise_on_orthants
from problogit.core.proximal_quadratic import Penalty, ProximalResult, maximise_quadratic, violation

__all__ = ["PartObjective", "SparseObjective", "maximise_l1"]

_ALL_AT_ONCE = 100  # with so few columns, choosing some costs more than it saves
_FIRST_COLUMNS = 50
_HALVINGS = 40
_HESSIAN_UP_TO = 500  # working columns of a sparse design: above, products cost less than a matrix
_HESSIAN_AT_MOST = 4000  # above, it is not formed even where products have failed
_NEAR = 1e-4  # a violation from which one full step leads to the optimum
_LOOSELY = 0.03  # part of the largest violation to which a working set that will still grow is solved


class PartObjective(Objective, ProductObjective, Protocol):
    """A function of a few coordinates with its Hessian, as a matrix and as products."""

    @property
    def cheap_products(self) -> bool:
        """Whether a product with the Hessian costs little: the design is sparse."""


class SparseObjective(Protocol):
    """The smooth part f, as a whole and as a function of a few coordinates."""

    def gradient(self, beta: Array) -> tuple[float, Array]:
        """Value and gradient of f."""

    def restricted(self, columns: NDArray[np.intp], beta: Array) -> PartObjective:
        """Function of the coordinates `columns` alone, the others held as in `beta`."""


def maximise_l1(
    objective: SparseObjective,
    penalty: Penalty,
    start: Array,
    *,
    tolerance: float = 1e-9,
    max_iterations: int = 200,
) -> ProximalResult:
    """Maximise f(x) minus the penalty.

    Parameters
    ----------
    objective : SparseObjective
        Smooth, concave f.
    penalty : Penalty
    start : ndarray, shape (p,)
    tolerance : float
        Bound on the largest `violation` of the optimality conditions.
    max_iterations : int
        Newton steps, of all working sets together.
    """
    x = np.array(start, dtype=np.float64)
    working = np.empty(0, dtype=np.intp)
    iterations, evaluations = 0, 1
    value, gradient = objective.gradient(x)
    broken = violation(gradient, x, penalty)
    exact = False
    while float(broken.max(initial=0.0)) > tolerance and iterations < max_iterations:
        larger = _grown(working, broken, x, penalty, tolerance)
        complete = larger.size == working.size
        if complete and exact:
            break  # what is left is rounding in the gradient
        exact = complete or larger.size == x.size
        working, target = larger, tolerance if exact else max(tolerance, _LOOSELY * float(broken.max()))
        part = objective.restricted(working, x)
        inner = _maximise_part(part, penalty.take(working), x[working], target, max_iterations - iterations)
        x[working] = inner.x
        iterations += inner.iterations
        evaluations += inner.evaluations + 1
        value, gradient = objective.gradient(x)
        broken = violation(gradient, x, penalty)
    worst = float(broken.max(initial=0.0))
    return ProximalResult(
        x,
        value - penalty.value(x),
        gradient,
        worst,
        iterations,
        evaluations,
        int(working.size),
        worst <= max(tolerance, _rounding(value)),
    )


def _maximise_part(
    part: PartObjective, penalty: Penalty, start: Array, tolerance: float, max_iterations: int
) -> ProximalResult:
    """With the Hessian's matrix; by products where columns are too many for it, or products are cheap."""
    k = start.size
    if k > _HESSIAN_AT_MOST or (k > _HESSIAN_UP_TO and part.cheap_products):
        found = maximise_on_orthants(part, penalty, start, tolerance, max_iterations)
        if found.converged or k > _HESSIAN_AT_MOST:
            return found
        start = found.x
    return _proximal_newton(part, penalty, start, tolerance, max_iterations)


def _rounding(value: float) -> float:
    """What rounding alone may leave of a gradient: the sum of as many terms as `value` is one of."""
    return 1e-12 * max(1.0, abs(value))


def _grown(
    working: NDArray[np.intp], broken: Array, x: Array, penalty: Penalty, tolerance: float
) -> NDArray[np.intp]:
    """The working set with the worst violators, at most doubled; free and non-zero coordinates always belong."""
    p = broken.size
    if p <= _ALL_AT_ONCE:
        return np.arange(p)
    inside = (penalty.strength == 0) | (x != penalty.loc)
    inside[working] = True
    outside = np.where(inside, 0.0, broken)
    room = max(_FIRST_COLUMNS, int(np.count_nonzero(inside)))
    worst = np.argsort(outside)[::-1][:room]
    inside[worst[outside[worst] > tolerance]] = True
    return np.flatnonzero(inside)


def _proximal_newton(
    objective: Objective, penalty: Penalty, start: Array, tolerance: float, max_iterations: int
) -> ProximalResult:
    """Newton steps on all given coordinates, each the optimum of the quadratic model, with step-halving."""
    u = start - penalty.loc
    strength, loc = penalty.strength, penalty.loc
    smooth, gradient, information = objective.information(start)
    value = smooth - penalty.value(start)
    evaluations, iteration, stalled = 1, 0, False
    for iteration in range(max_iterations + 1):
        worst = float(violation(gradient, loc + u, penalty).max(initial=0.0))
        if worst <= tolerance or stalled or iteration == max_iterations:
            break
        target = gradient + information @ u
        # A step near the optimum may be the last: it is solved to the end.
        loosely = 0.01 * worst if worst > _NEAR else 0.0
        proposed = maximise_quadratic(information, target, strength, u, max(0.1 * tolerance, loosely))
        noise = 64 * np.finfo(float).eps * max(1.0, abs(smooth))
        length, u_next = _halved(objective, penalty, u, proposed, value - noise)
        evaluations += 1 + round(-math.log2(length)) if length else _HALVINGS
        if not length or np.array_equal(u_next, u):
            break
        smooth, gradient, information = objective.information(loc + u_next)
        risen = smooth - penalty.value(loc + u_next)
        # Near the optimum gains drown in rounding: one more full step is quadratically good, a second one is idle.
        stalled = bool(risen - value <= noise and length == 1.0 and worst <= _NEAR)
        u, value = u_next, risen
    x = loc + u
    worst = float(violation(gradient, x, penalty).max(initial=0.0))
    return ProximalResult(x, value, gradient, worst, iteration, evaluations, x.size, worst <= tolerance)


def _halved(
    objective: Objective, penalty: Penalty, u: Array, proposed: Array, floor: float
) -> tuple[float, Array]:
    """The longest of the steps 1, 1/2, 1/4, ... after which F is not below `floor`; length 0 where there is none."""
    length = 1.0
    while length > 2.0**-_HALVINGS:
        trial = proposed if length == 1.0 else u + length * (proposed - u)
        x = penalty.loc + trial
        if objective.value(x) - penalty.value(x) >= floor:
            return length, trial
        length /= 2
    return 0.0, u
