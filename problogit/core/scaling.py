"""Columns of comparable size for the solver, and the exact way back.

The solver works on Z = (X - center) / scale. With an intercept the centres move into it, so that
beta_j = gamma_j / scale_j and beta_0 = gamma_0 - sum_j center_j gamma_j / scale_j.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from problogit.core.blocks import Array, Matrix, row_blocks
from problogit.execution import Executor, Sums, blocks_of

__all__ = ["ColumnStats", "Scaling", "column_stats"]


@dataclass(frozen=True, eq=False)
class ColumnStats:
    """Weighted moments of the design's columns: every trial counts, divisor n.

    Attributes
    ----------
    mean, sd, minimum, maximum : ndarray, shape (n_terms,)
    two_valued : ndarray of bool, shape (n_terms,)
        True where a column takes exactly two values.
    """

    mean: Array
    sd: Array
    minimum: Array
    maximum: Array
    two_valued: NDArray[np.bool_]

    @property
    def constant(self) -> NDArray[np.bool_]:
        """True where a column takes one value only."""
        return np.asarray(self.minimum == self.maximum)

    def columns(self, keep: NDArray[np.int64]) -> ColumnStats:
        """The moments of these columns alone."""
        return ColumnStats(
            self.mean[keep], self.sd[keep], self.minimum[keep], self.maximum[keep], self.two_valued[keep]
        )

    def scaling(self, intercept: int | None, centre: bool = True) -> Scaling:
        """The change of columns that the solvers use; columns without spread are left as they are."""
        usable = np.isfinite(self.sd) & (self.sd > 0) & ~self.constant
        scale = np.where(usable, self.sd, np.where(self.maximum != 0, np.abs(self.maximum), 1.0))
        center = np.where(usable & centre & (intercept is not None), self.mean, 0.0)
        if intercept is not None:
            scale[intercept], center[intercept] = 1.0, 0.0
        return Scaling(center, scale, intercept)


@dataclass(frozen=True, eq=False)
class Scaling:
    """Z = (X - center) / scale and back.

    Attributes
    ----------
    center, scale : ndarray, shape (n_terms,)
    intercept : int or None
        Column that takes up the centres; without one nothing is centred.
    """

    center: Array
    scale: Array
    intercept: int | None

    @property
    def centred(self) -> bool:
        """True where some column is centred."""
        return bool(np.any(self.center != 0))

    def to_original(self, gamma: Array) -> Array:
        """Coefficients of X from those of Z, shape (..., n_terms)."""
        beta = np.asarray(gamma) / self.scale
        if self.intercept is not None and self.centred:
            beta = beta.copy()
            beta[..., self.intercept] -= beta @ self.center
        return np.asarray(beta)

    def to_scaled(self, beta: Array) -> Array:
        """Coefficients of Z from those of X, shape (..., n_terms)."""
        gamma = np.array(beta, dtype=np.float64)
        if self.intercept is not None and self.centred:
            gamma[..., self.intercept] += np.asarray(beta) @ self.center
        return np.asarray(gamma * self.scale)

    def matrix(self) -> Array:
        """A with beta = A gamma, shape (n_terms, n_terms)."""
        return self.to_original(np.eye(self.scale.size)).T

    def covariance_to_original(self, covariance: Array) -> Array:
        """A C A'."""
        half = self.to_original(covariance)
        full = self.to_original(half.T)
        return np.asarray((full + full.T) / 2)

    def columns(self, keep: NDArray[np.int64]) -> Scaling:
        """The scaling of these columns alone; the intercept must be among them where columns are centred."""
        place = np.flatnonzero(keep == self.intercept)
        return Scaling(self.center[keep], self.scale[keep], int(place[0]) if place.size else None)

    def without_centring(self) -> Scaling:
        """The same scales with no centres."""
        return replace(self, center=np.zeros_like(self.center))


def column_stats(X: Matrix, weights: Array, executor: Executor) -> ColumnStats:
    """Moments of the columns in one pass over row blocks.

    The variance is taken about a point near the mean (the mean of the first rows), so that a column such as
    `year` loses no digits.
    """
    if sp.issparse(X):
        return _sparse_stats(sp.csc_array(X), weights)
    dense = np.asarray(X)
    blocks = blocks_of(dense.shape[0], row_blocks(dense, None, None).block_rows)
    head = dense[: min(1000, dense.shape[0])]
    shift = head.mean(axis=0)
    lowest, highest = np.empty((len(blocks), dense.shape[1])), np.empty((len(blocks), dense.shape[1]))
    number = {block.start: i for i, block in enumerate(blocks)}

    def moments(block: slice) -> Sums:
        rows = dense[block]
        lowest[number[block.start]], highest[number[block.start]] = rows.min(axis=0), rows.max(axis=0)
        moved = rows - shift
        first = weights[block] @ moved
        moved *= moved
        return first, weights[block] @ moved

    first, second = executor.total(moments, blocks)
    total = weights.sum()
    away = first / total
    sd = np.sqrt(np.maximum(second / total - away**2, 0.0))
    minimum, maximum = lowest.min(axis=0), highest.max(axis=0)
    return ColumnStats(shift + away, sd, minimum, maximum, _two_valued(dense, head, minimum, maximum))


def _two_valued(X: Array, head: Array, minimum: Array, maximum: Array) -> NDArray[np.bool_]:
    """Columns that take only their minimum and maximum; the first rows rule most others out."""
    candidates = ((head == minimum) | (head == maximum)).all(axis=0) & (minimum < maximum)
    for j in np.flatnonzero(candidates):
        candidates[j] = bool(((X[:, j] == minimum[j]) | (X[:, j] == maximum[j])).all())
    return np.asarray(candidates)


def _sparse_stats(X: sp.csc_array, weights: Array) -> ColumnStats:
    total = weights.sum()
    mean = np.asarray(weights @ X) / total
    squares = np.asarray(weights @ X.multiply(X).tocsc()) / total
    sd = np.sqrt(np.maximum(squares - mean**2, 0.0))
    minimum = np.asarray(X.min(axis=0).todense()).ravel()
    maximum = np.asarray(X.max(axis=0).todense()).ravel()
    owner = np.repeat(np.arange(X.shape[1]), np.diff(X.indptr))
    between = (X.data != minimum[owner]) & (X.data != maximum[owner])
    two_valued = (np.bincount(owner[between], minlength=X.shape[1]) == 0) & (minimum < maximum)
    # An implicit zero strictly between the extremes is a third value.
    has_zero = np.diff(X.indptr) < X.shape[0]
    two_valued &= ~(has_zero & (minimum < 0) & (maximum > 0))
    return ColumnStats(mean, sd, minimum, maximum, two_valued)
