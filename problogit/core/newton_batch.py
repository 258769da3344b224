"""Many logistic fits of the same rows, counted differently each time, in one run of Newton's method.

What hundreds of bootstrap refits need: the information of every fit is one matrix product, its working weights times
the products of pairs of columns. Steps are full ones, from a point near all the optima. A fit that does not get there
(its information is singular, its steps grow) is left as NaN: the objective is concave, so that one that converged is
the maximum, and one that did not is for the careful road to settle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from problogit.core.blocks import Array
from problogit.execution import blocks_of, one_blas_thread

__all__ = ["BatchResult", "Counted", "QuadraticPenalty", "maximise_batch"]

_BLOCK_VALUES = 400_000  # numbers of one block of rows: 3 MB
_MOST_STEPS = 25
_CLOSE = 1e-5  # standard errors; quadratic convergence: the step from here ends within 1e-10


@dataclass(frozen=True, eq=False)
class Counted:
    """Rows of a design with K sets of counts.

    Attributes
    ----------
    Z : ndarray, shape (n, p)
        The design in the solver's coordinates.
    events, total : ndarray, shape (n, K)
        Weighted events and trials of each row, in each fit.
    offset : ndarray, shape (n,)
    """

    Z: Array
    events: Array
    total: Array
    offset: Array


@dataclass(frozen=True, eq=False)
class QuadraticPenalty:
    """A concave parabola added to the log-likelihood: its gradient is ``slope - curvature @ gamma``.

    Attributes
    ----------
    slope : ndarray, shape (p,)
    curvature : ndarray, shape (p, p)
    """

    slope: Array
    curvature: Array

    @classmethod
    def none(cls, p: int) -> QuadraticPenalty:
        """No penalty on p columns."""
        return cls(np.zeros(p), np.zeros((p, p)))


@dataclass(frozen=True, eq=False)
class BatchResult:
    """Where K fits ended.

    Attributes
    ----------
    gamma : ndarray, shape (K, p)
        NaN where a fit did not converge.
    decrement, largest_norm : ndarray, shape (K,)
        sqrt(g' H^-1 g) and max_i sqrt(z_i' H^-1 z_i) over the rows that count, both one step before `gamma`: what the
        certificate of existence needs. The decrement there is at most 1e-5.
    """

    gamma: Array
    decrement: Array
    largest_norm: Array


def maximise_batch(rows: Counted, start: Array, penalty: QuadraticPenalty) -> BatchResult:
    """Maximise K penalized log-likelihoods.

    Parameters
    ----------
    rows : Counted
    start : ndarray, shape (p,)
        Near all the optima: that of the full data.
    penalty : QuadraticPenalty

    Returns
    -------
    BatchResult
    """
    k = rows.total.shape[1]
    gamma = np.tile(start, (k, 1))
    decrement, norm = np.full(k, np.inf), np.full(k, np.nan)
    active = np.arange(k)
    with one_blas_thread():
        for _ in range(_MOST_STEPS):
            gradient, information = _derivatives(rows, active, gamma[active], penalty)
            inverse = _inverses(information)
            step = np.einsum("kij,kj->ki", inverse, gradient)
            away = np.sqrt(np.maximum(np.einsum("ki,ki->k", step, gradient), 0.0))
            good = np.isfinite(step).all(axis=1) & np.isfinite(away) & (np.abs(step).max(axis=1) < 1e3)
            decrement[active[~good]] = np.inf
            gamma[active[good]] += step[good]
            close = good & (away <= _CLOSE)
            done = active[close]
            decrement[done] = away[close]
            norm[done] = _largest_norms(rows, done, inverse[close])
            active = active[good & ~close]
            if active.size == 0:
                break
    gamma[~np.isfinite(norm)] = np.nan
    return BatchResult(gamma, decrement, norm)


def _derivatives(
    rows: Counted, which: np.ndarray, gamma: Array, penalty: QuadraticPenalty
) -> tuple[Array, Array]:
    """Gradients (k, p) and informations (k, p, p) of some of the fits."""
    k, p = gamma.shape
    first, second = np.tril_indices(p)
    lower, gradient = np.zeros((k, first.size)), np.zeros((k, p))
    every = which.size == rows.total.shape[1]
    for block in _blocks(rows, first.size + 3 * k):
        Z = rows.Z[block]
        events, total = rows.events[block], rows.total[block]
        if not every:
            events, total = events[:, which], total[:, which]
        prob = np.asarray(expit(Z @ gamma.T + rows.offset[block, None]))
        gradient += (events - total * prob).T @ Z
        lower += (total * prob * (1.0 - prob)).T @ (Z[:, first] * Z[:, second])
    information = np.empty((k, p, p))
    information[:, first, second] = lower
    information[:, second, first] = lower
    return gradient + penalty.slope - gamma @ penalty.curvature, information + penalty.curvature


def _blocks(rows: Counted, values_per_row: int) -> list[slice]:
    return blocks_of(rows.Z.shape[0], max(16, _BLOCK_VALUES // values_per_row))


def _inverses(information: Array) -> Array:
    """Inverses after equilibration; NaN where a matrix is not positive definite."""
    root = np.sqrt(np.maximum(np.einsum("kii->ki", information), np.finfo(float).tiny))
    scale = root[:, :, None] * root[:, None, :]
    scaled = information / scale
    definite = np.isfinite(scaled).all(axis=(1, 2))
    definite[definite] = np.linalg.eigvalsh(scaled[definite])[:, 0] > 1e-12
    out = np.full_like(information, np.nan)
    out[definite] = np.linalg.inv(scaled[definite]) / scale[definite]
    return out


def _largest_norms(rows: Counted, which: np.ndarray, inverse: Array) -> Array:
    """max_i sqrt(z_i' C z_i) over the rows that count, for each inverse C."""
    p = rows.Z.shape[1]
    first, second = np.tril_indices(p)
    packed = np.where(first == second, 1.0, 2.0)[:, None] * inverse[:, first, second].T
    largest = np.zeros(which.size)
    for block in _blocks(rows, first.size + which.size):
        Z = rows.Z[block]
        squares = (Z[:, first] * Z[:, second]) @ packed
        squares[rows.total[block][:, which] <= 0] = 0.0
        largest = np.maximum(largest, squares.max(axis=0, initial=0.0))
    return np.sqrt(largest)
