"""Separation: does the maximum-likelihood estimate exist, and if not, what is infinite and what is still known.

A direction d separates when x_i'd >= 0 in every row with events only, x_i'd <= 0 in every row with non-events only,
x_i'd = 0 in every row with both, and x_i'd is not 0 everywhere. Along it the likelihood rises for ever (Albert &
Anderson 1984). `certificate` proves from one Newton decrement that there is none. Where it cannot, `find_separation`
finds by linear programs all rows that any direction separates, and the cone of all such directions: each coefficient
and each linear predictor goes to +Inf, to -Inf, to either, or stays finite. The finite part is the ordinary fit to the
rows that no direction separates (Konis 2007; Correia, Guimaraes & Zylkin 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from problogit.core.blocks import Array, Matrix
from problogit.core.scaling import Scaling, column_stats
from problogit.core.separation_cone import RecessionCone, distinct_rows
from problogit.core.separation_lp import cleaned_product, divide_rows, null_space, row_scale
from problogit.core.separation_result import Separation
from problogit.core.separation_search import SignedRows, Support, find_support, signed_rows
from problogit.execution import Serial

__all__ = ["Separation", "certificate", "find_separation"]

_ROUNDING = 1e4 * np.finfo(float).eps
_NO_FAILURES = 1e-12  # share of non-events below which summed weights differ by rounding only


def certificate(decrement: float, max_leverage_norm: float, total_trials: float = 1e6) -> bool:
    """True proves that the maximum-likelihood estimate exists; False proves nothing.

    Parameters
    ----------
    decrement : float
        sqrt(g' H^-1 g) at any coefficients b: g the gradient and H = X'WX minus the Hessian of the log-likelihood,
        W = diag(w_i) with w_i = m_i p_i (1 - p_i). X must have full column rank.
    max_leverage_norm : float
        M = max_i sqrt(x_i' H^-1 x_i) over all rows, at the same b, in the same coordinates. No weight enters it.
    total_trials : float
        Sum of the m_i, weights multiplied in. It bounds the rounding error of g and H; a larger number is safe.

    Notes
    -----
    Proof. The score of a row with m_i events only is r_i = m_i (1 - p_i) >= w_i, with non-events only r_i = -m_i p_i
    <= -w_i. For a separating d therefore r_i x_i'd >= w_i |x_i'd| in every row (0 on both sides where the row has
    both outcomes), so g'd >= sum_i w_i |x_i'd|. By Cauchy-Schwarz |x_i'd| <= M ||d||_H, hence
    ||d||_H^2 = sum_i w_i (x_i'd)^2 <= M ||d||_H sum_i w_i |x_i'd|, that is sum_i w_i |x_i'd| >= ||d||_H / M. And
    g'd <= decrement ||d||_H. Together: decrement x M >= 1 whenever a separating direction exists.

    Near +-infinity g is a difference of equal numbers: with an error of at most e per trial, the bound becomes
    (decrement + e T M) M >= 1 with T the number of trials (the error adds e sum_i m_i |x_i'd| <= e T M ||d||_H to
    g'd). The certificate uses e = 1e4 machine epsilons, and 1/2 in place of 1; at the optimum of data that are not
    separated, the left side is smaller by orders of magnitude.
    """
    # A norm of 0 cannot be: it is what an indefinite (numerically singular) H leaves behind.
    if not (np.isfinite(decrement) and np.isfinite(max_leverage_norm) and max_leverage_norm > 0):
        return False
    return bool((decrement + _ROUNDING * total_trials * max_leverage_norm) * max_leverage_norm < 0.5)


def find_separation(X: Matrix, successes: Array, trials: Array, terms: Sequence[str]) -> Separation:
    """Find all separated rows and where every coefficient goes.

    Solves the program of maximal support, max sum t_i subject to t_i <= s_i x_i'd, 0 <= t_i <= 1, d free, and
    x_i'd = 0 in rows with both outcomes; then, over the cone of its feasible directions, the signs of each d_j.

    Parameters
    ----------
    X : ndarray or csr_array, shape (n_rows, n_terms)
        Of full column rank. Covariate patterns may be collapsed. Offsets do not matter.
    successes, trials : ndarray, shape (n_rows,)
        Events s_i of m_i > 0 trials, weights multiplied in.
    terms : sequence of str
        Names of the columns.

    Returns
    -------
    Separation

    Raises
    ------
    EstimationError
        If the linear program cannot be solved.
    """
    events = successes > 0
    failures = trials - successes > _NO_FAILURES * trials
    pure, both = np.flatnonzero(events != failures), np.flatnonzero(events & failures)
    scaling = _working_scaling(X)
    mixed = null_space(_working(X, both, scaling), scaling.intercept)
    basis = None if both.size == 0 else mixed.basis
    first = scaling.intercept if both.size == 0 else None
    sign = np.where(events[pure], 1.0, -1.0)
    rows = SignedRows(signed_rows(_working(X, pure, scaling), sign), basis, first)
    support = find_support(rows, mixed.free)
    separated = np.zeros(int(X.shape[0]), dtype=bool)
    separated[pure] = support.positive
    cone = _cone(rows.A[np.flatnonzero(support.positive)], support, scaling)
    cone = _normalised(cone, X[np.flatnonzero(separated)])
    return Separation(
        terms=tuple(terms),
        separated_rows=separated,
        direction=cone.direction,
        cone=cone,
        free=support.free,
    )


def _cone(separated: Matrix, support: Support, scaling: Scaling) -> RecessionCone:
    """The cone of the directions z of the null space that separate no row the wrong way."""
    if support.free.size == support.basis.shape[0]:
        constraints = separated
    else:
        values, _ = cleaned_product(separated, support.basis)
        constraints = divide_rows(values, row_scale(values))
    return RecessionCone(scaling, support.basis, distinct_rows(constraints), support.direction[support.free])


def _normalised(cone: RecessionCone, separated: Matrix) -> RecessionCone:
    """The interior point scaled so that |x_i'd| is 1 in the nearest separated row."""
    if separated.shape[0] == 0:
        return cone
    predictor = np.abs(cone.coordinates(separated) @ cone.interior)
    return replace(cone, interior=cone.interior / predictor.min())


def _working_scaling(X: Matrix) -> Scaling:
    """Columns of comparable size for the solver: powers of two, so that 0/1 columns stay exact.

    Only dense columns far from zero are centred (a year, a time stamp), and only where there is a column of ones.
    """
    stats = column_stats(X, np.ones(X.shape[0]), Serial())
    ones = np.flatnonzero((stats.minimum == 1.0) & (stats.maximum == 1.0))
    intercept = int(ones[0]) if ones.size else None
    far = (
        (np.abs(stats.mean) > 3 * stats.sd) & ~stats.constant & (not sp.issparse(X)) & (intercept is not None)
    )
    center = np.where(far, stats.mean, 0.0)
    used = np.bincount(X.indices, minlength=X.shape[1]) if sp.issparse(X) else np.count_nonzero(X, axis=0)
    square = (stats.sd**2 + (stats.mean - center) ** 2) * (X.shape[0] / np.maximum(used, 1))
    scale = np.exp2(np.round(np.log2(np.sqrt(np.where(square > 0, square, 1.0)))))
    return Scaling(center, scale, intercept)


def _working(X: Matrix, rows: NDArray[np.intp], scaling: Scaling) -> Matrix:
    """(X[rows] - center) / scale, a copy."""
    if sp.issparse(X):
        return sp.csr_array(X[rows] @ sp.diags_array(1.0 / scaling.scale))
    part = np.asarray(X[rows], dtype=np.float64)
    if scaling.centred:
        part -= scaling.center
    part /= scaling.scale
    return part
