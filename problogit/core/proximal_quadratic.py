"""The step of the proximal Newton method: a quadratic minus a weighted L1 norm, maximised.

References: Friedman, Hastie and Tibshirani (2010), J. Stat. Softw. 33(1) (coordinate descent on the Gram matrix); Lee
et al. (2007), NIPS 19 (search over signs).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from problogit.core.blocks import Array

__all__ = ["Penalty", "ProximalResult", "maximise_quadratic", "violation"]

_ROUNDS = 500
_SMALLEST_PIVOT = 1e-5  # of a Cholesky factor of a matrix with a unit diagonal: condition 1e10
_SWEEPS = 5  # a Newton step costs about as much as so many sweeps


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
        residual = b - H @ u  # updates in place gather rounding
        if round_number % _SWEEPS == 0 or np.array_equal(np.sign(u), signs):
            while _sign_step(H, strength, u, residual):
                residual = b - H @ u
            residual = b - H @ u
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


def _sign_step(H: Array, strength: Array, u: Array, residual: Array) -> bool:
    """A Newton step on the coordinates that are not zero, as far as `_best_length` says; changes `u`.

    Returns True where the Hessian of these coordinates is singular and one of them was set to zero: more of them may
    have to be before there is a step to the optimum for the signs.
    """
    active = np.flatnonzero((u != 0) | (strength == 0))
    part, kink, moved = H[np.ix_(active, active)], strength[active], u[active]
    if active.size == 0 or not np.all(np.diag(part) > 0):
        return False
    step, singular = _solved(part, residual[active] - kink * np.sign(moved))
    with np.errstate(divide="ignore", invalid="ignore"):
        times = np.where((kink > 0) & (step != 0), -moved / step, np.inf)
    times = np.where((times > 0) & (times < 1), times, np.inf)
    first = float(times.min())
    if singular:
        # A long step along a direction without curvature; only its first change of sign is safe from rounding.
        length = first
    else:
        length = 1.0 if math.isinf(first) else _best_length(part, residual[active], kink, moved, step, times)
    if math.isfinite(length):
        u[active] = np.where(times == length, 0.0, moved + length * step)
    return singular and math.isfinite(length)


def _solved(H: Array, target: Array) -> tuple[Array, bool]:
    """H^-1 target, and whether H is so near to singular that a ridge was added to it."""
    root = np.sqrt(np.diag(H))
    scaled = H / np.outer(root, root)
    try:
        factor, lower = cho_factor(scaled, lower=True)
        singular = bool(np.diag(factor).min() < _SMALLEST_PIVOT)
    except LinAlgError:
        singular = True
    if singular:
        scaled[np.diag_indices_from(scaled)] += _SMALLEST_PIVOT**2
        factor, lower = cho_factor(scaled, lower=True)
    return np.asarray(cho_solve((factor, lower), target / root) / root), singular


def _best_length(H: Array, residual: Array, strength: Array, u: Array, step: Array, times: Array) -> float:
    """How far to go along `step`: 1, or to the best of the changes of sign on the way."""
    lengths = np.append(np.unique(times[np.isfinite(times)]), 1.0)
    slope, bend = float(residual @ step), float(step @ H @ step)
    norms = np.array([strength @ np.abs(u + t * step) for t in lengths])
    return float(lengths[int(np.argmax(lengths * slope - lengths**2 * bend / 2 - norms))])
