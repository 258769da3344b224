"""A quadratic minus a weighted L1 norm, maximised exactly with the inverse Hessian at hand.

Every coordinate is either zero or has a sign. For given signs the optimum is one product with the inverse; coordinates
that come out on the wrong side of zero, and zeros whose gradient exceeds their strength, change places all at once
(block principal pivoting), so that a step of a warm-started path needs a handful of products.

Reference: Kim and Park (2010), AISTATS 13, "Fast active-set-type algorithms for L1-regularized linear regression".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from problogit.core.blocks import Array

__all__ = ["QuadraticOptimum", "maximise_by_pivots"]

_PIVOTS = 100
_PATIENCE = 3  # block exchanges that may fail to reduce the number of wrong coordinates
_SLACK = 1e-9


@dataclass(frozen=True, eq=False)
class QuadraticOptimum:
    """Where the quadratic minus the norm is largest.

    Attributes
    ----------
    u : ndarray, shape (k,)
    signs : ndarray, shape (k,)
        -1, 0 or 1 for coordinates with a strength; 0 for the others, which are free.
    exact : bool
        False where the exchanges did not settle; `u` is then not to be used.
    """

    u: Array
    signs: Array
    exact: bool


def maximise_by_pivots(inverse: Array, target: Array, strength: Array, signs: Array) -> QuadraticOptimum:
    """Maximise target'u - u'H u / 2 - sum_j strength_j |u_j|.

    Parameters
    ----------
    inverse : ndarray, shape (k, k)
        H^-1, symmetric and positive definite.
    target, strength : ndarray, shape (k,)
        Strength 0: a free coordinate.
    signs : ndarray, shape (k,)
        Guess of the signs.
    """
    kinked = strength > 0
    signs = np.where(kinked, signs, 0.0)
    fewest, patience = target.size + 1, _PATIENCE
    for _ in range(_PIVOTS):
        zero = np.flatnonzero(kinked & (signs == 0))
        found = _for_signs(inverse, target - strength * signs, zero)
        if found is None:
            break
        u, pull = found
        pull = target[zero] - pull
        flipped = np.flatnonzero((signs != 0) & (np.sign(u) != signs))
        pulled = np.abs(pull) > strength[zero] * (1.0 + _SLACK)
        wrong = flipped.size + int(np.count_nonzero(pulled))
        if wrong == 0:
            return QuadraticOptimum(u, signs, exact=True)
        if wrong < fewest:
            fewest, patience = wrong, _PATIENCE
        else:
            patience -= 1
        if patience < 0:  # one exchange at a time, of the last wrong coordinate, cannot cycle
            last = max(int(flipped.max(initial=-1)), int(zero[pulled].max(initial=-1)))
            flipped, pulled = flipped[flipped == last], pulled & (zero == last)
        signs = signs.copy()
        signs[flipped] = 0.0
        signs[zero[pulled]] = np.sign(pull[pulled])
    return QuadraticOptimum(np.zeros_like(target), signs, exact=False)


def _for_signs(inverse: Array, target: Array, zero: NDArray[np.intp]) -> tuple[Array, Array] | None:
    """u with (H u)_j = target_j off `zero` and u_j = 0 on it, and (H u)_j on it; None where the inverse is useless."""
    if zero.size == 0:
        return inverse @ target, np.empty(0)
    right = np.array(target)
    right[zero] = 0.0
    u = inverse @ right
    try:
        factor = cho_factor(inverse[np.ix_(zero, zero)], lower=True)
    except LinAlgError:
        return None
    held = -cho_solve(factor, u[zero])
    u = u + inverse[:, zero] @ held
    u[zero] = 0.0
    return u, held
