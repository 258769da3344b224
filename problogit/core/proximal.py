"""Proximal Newton for a smooth concave function minus a weighted L1 norm: exact zeros, one optimum.

F(x) = f(x) - sum_j l1_j |x_j - loc_j| is maximised. Each step maximises the quadratic model of f minus the same L1 norm
(`maximise_quadratic`); a working set of columns grows from the largest violations of the optimality (KKT) conditions,
so that only those columns' Hessian is ever formed. The conditions, with g the gradient of f:
g_j = l1_j sign(x_j - loc_j) where x_j is not at its kink, |g_j| <= l1_j where it is.

References: Lee, Sun and Saunders (2014), SIAM J. Optim. 24:1420 (proximal Newton); Friedman, Hastie and Tibshirani
(2010), J. Stat. Softw. 33(1) (coordinate descent on the Gram matrix); Lee et al. (2007), NIPS 19 (sign search).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from problogit.core.blocks import Array
from problogit.core.newton import Objective, newton_step

__all__ = ["Penalty", "ProximalResult", "SparseObjective", "maximise_l1", "maximise_quadratic", "violation"]

_ALL_AT_ONCE = 100  # with so few columns, choosing some costs more than it saves
_FIRST_COLUMNS = 50
_HALVINGS = 40
_ROUNDS = 500
_SWEEPS = 5  # a Newton step costs about as much as so many sweeps
_LOOSELY = 0.03  # part of the largest violation to which a working set that will still grow is solved


@dataclass(frozen=True, eq=False)
class Penalty:
    """sum_j strength_j |x_j - loc_j|, both of shape (p,)."""

    strength: Array
    loc: Array

    def value(self, x: Array) -> float:
        """The weighted norm."""
        return float(self.strength @ np.abs(x - self.loc))

    def take(self, columns: NDArray[np.intp]) -> Penalty:
        """The part of some coordinates."""
        return Penalty(self.strength[columns], self.loc[columns])


class SparseObjective(Protocol):
    """The smooth part f, as a whole and as a function of a few coordinates."""

    def gradient(self, beta: Array) -> tuple[float, Array]:
        """Value and gradient of f."""

    def restricted(self, columns: NDArray[np.intp], beta: Array) -> Objective:
        """Function of the coordinates `columns` alone, the others held as in `beta`."""


@dataclass(frozen=True, eq=False)
class ProximalResult:
    """Where the proximal Newton method stopped.

    Attributes
    ----------
    x : ndarray, shape (p,)
    value : float
        F(x), the penalty taken off.
    gradient : ndarray, shape (p,)
        Of the smooth part.
    violation : float
        Largest `violation` of the optimality conditions.
    iterations, evaluations : int
        Newton steps; evaluations of f.
    working : int
        Columns whose Hessian was formed.
    converged : bool
    """

    x: Array
    value: float
    gradient: Array
    violation: float
    iterations: int
    evaluations: int
    working: int
    converged: bool


def violation(gradient: Array, x: Array, penalty: Penalty) -> Array:
    """By how much each coordinate breaks the optimality conditions, shape (p,); 0 at the optimum.

    In units of the gradient, or of the coordinate's strength where that is larger than 1.
    """
    away = x - penalty.loc
    off_kink = np.abs(gradient - penalty.strength * np.sign(away))
    broken = np.where(away != 0, off_kink, np.maximum(np.abs(gradient) - penalty.strength, 0.0))
    return np.asarray(broken / np.maximum(penalty.strength, 1.0))


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
        inner = _proximal_newton(part, penalty.take(working), x[working], target, max_iterations - iterations)
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
        proposed = maximise_quadratic(information, target, strength, u, max(0.1 * tolerance, 0.01 * worst))
        noise = 64 * np.finfo(float).eps * max(1.0, abs(smooth))
        length, u_next = _halved(objective, penalty, u, proposed, value - noise)
        evaluations += 1 + round(-math.log2(length)) if length else _HALVINGS
        if not length or np.array_equal(u_next, u):
            break
        smooth, gradient, information = objective.information(loc + u_next)
        risen = smooth - penalty.value(loc + u_next)
        # Near the optimum gains drown in rounding: one more full step is quadratically good, a second one is idle.
        stalled = bool(risen - value <= noise and length == 1.0 and worst <= 1e-4)
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


def maximise_quadratic(H: Array, b: Array, strength: Array, start: Array, tolerance: float) -> Array:
    """Maximise b'u - u'H u/2 - sum_j strength_j |u_j| for a positive semidefinite H.

    Coordinate descent finds the signs; a Newton step on the coordinates that are not zero, shortened to the best
    change of sign, then goes to the optimum for these signs at once.

    Parameters
    ----------
    H : ndarray, shape (k, k)
    b, strength, start : ndarray, shape (k,)
    tolerance : float
        Bound on the largest `violation` of the optimality conditions.
    """
    u = np.array(start, dtype=np.float64)
    penalty = Penalty(strength, np.zeros_like(u))
    residual = b - H @ u
    for round_number in range(1, _ROUNDS + 1):
        broken = violation(residual, u, penalty)
        if float(broken.max(initial=0.0)) <= tolerance:
            break
        signs = np.sign(u)
        _sweep(H, strength, u, residual, np.flatnonzero((broken > tolerance) | (u != 0) | (strength == 0)))
        if round_number % _SWEEPS == 0 or np.array_equal(np.sign(u), signs):
            _sign_step(H, strength, u, residual)
        residual = b - H @ u  # updates in place gather rounding
    return u


def _sweep(H: Array, strength: Array, u: Array, residual: Array, columns: NDArray[np.intp]) -> None:
    """One pass of coordinate descent over `columns`, changing `u` and `residual` = b - H u."""
    diagonal = np.diag(H)
    for j in columns:
        bend = float(diagonal[j])
        if bend <= 0:
            continue
        old = float(u[j])
        pull = float(residual[j]) + bend * old
        new = math.copysign(max(abs(pull) - float(strength[j]), 0.0), pull) / bend
        if new != old:
            u[j] = new
            residual -= (new - old) * H[j]


def _sign_step(H: Array, strength: Array, u: Array, residual: Array) -> None:
    """A Newton step on the coordinates that are not zero, as far as `_best_length` says; changes `u`."""
    active = np.flatnonzero((u != 0) | (strength == 0))
    if active.size == 0:
        return
    part, kink, moved = H[np.ix_(active, active)], strength[active], u[active]
    step, size = newton_step(part, residual[active] - kink * np.sign(moved))
    if math.isfinite(size):
        length, crossing = _best_length(part, residual[active], kink, moved, step)
        u[active] = np.where(crossing, 0.0, moved + length * step)


def _best_length(
    H: Array, residual: Array, strength: Array, u: Array, step: Array
) -> tuple[float, NDArray[np.bool_]]:
    """How far to go along `step`: 1, or to the best of the changes of sign on the way; and who becomes zero there."""
    with np.errstate(divide="ignore", invalid="ignore"):
        times = np.where((strength > 0) & (step != 0), -u / step, np.inf)
    times = np.where((times > 0) & (times < 1), times, np.inf)
    lengths = np.append(np.unique(times[np.isfinite(times)]), 1.0)
    if lengths.size == 1:
        return 1.0, np.zeros(u.size, dtype=np.bool_)
    slope, bend = float(residual @ step), float(step @ H @ step)
    norms = np.array([strength @ np.abs(u + t * step) for t in lengths])
    best = int(np.argmax(lengths * slope - lengths**2 * bend / 2 - norms))
    return float(lengths[best]), times == lengths[best]
