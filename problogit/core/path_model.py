"""A quadratic model of the penalized log-likelihood on few columns that is carried along a path.

The Gram matrix X'WX is formed once, at weights W that soon are those of an earlier point, and multiplied by what the
weights have changed by on the whole; new columns are appended at the same weights, so that it stays a Gram matrix. The
inverse is kept beside it: neither a step nor a new column needs a factorisation. When steps gain too little the model
is made anew at the current weights.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import lapack

from problogit.core.blocks import Array
from problogit.core.path_columns import (
    Block,
    Positions,
    ScaledColumns,
    WorkingColumns,
    weighted_squares,
)

__all__ = ["QuadraticModel", "inverse_of"]

_RIDGE = 1e-7  # of the diagonal: collinear columns then share a coefficient, and later steps undo the bias


def inverse_of(matrix: Array) -> Array:
    """Inverse of a symmetric positive definite matrix after equilibration; NaN where there is none."""
    diagonal = np.diag(matrix)
    if diagonal.size == 0:
        return np.empty((0, 0))
    if not np.all(diagonal > 0):
        return np.full_like(matrix, np.nan)
    root = np.sqrt(diagonal)
    factor, failed = lapack.dpotrf(matrix / np.outer(root, root), lower=1)
    if failed:
        return np.full_like(matrix, np.nan)
    lower, failed = lapack.dpotri(factor, lower=1, overwrite_c=1)
    inverse = np.tril(lower) + np.tril(lower, -1).T
    return np.asarray(inverse / np.outer(root, root))


class QuadraticModel:
    """Working columns with a model H = c X'WX + diag(bend) of minus the Hessian of f, and its inverse.

    f is the log-likelihood minus the smooth part of the penalty, whose curvatures are `bend`.

    Parameters
    ----------
    columns : ScaledColumns
    positions : ndarray of int, shape (k,)
        The first working columns.
    weights : ndarray, shape (n_rows,)
        W of the log-likelihood at the start.
    bend : ndarray, shape (k,)
    """

    def __init__(self, columns: ScaledColumns, positions: Positions, weights: Array, bend: Array) -> None:
        self._columns = columns
        self.positions = np.asarray(positions, dtype=np.intp)
        self._working = WorkingColumns(columns.take(self.positions))
        self._bend = bend
        self._weights, self._level = weights, 1.0
        self._gram = self._inner = np.empty((0, 0))  # _inner: the inverse of X'WX + diag(bend) / c
        self.usable = False  # the inverse exists
        self._make()

    @property
    def matrix(self) -> Block:
        """The working columns, shape (n_rows, k)."""
        return self._working.matrix

    @property
    def size(self) -> int:
        """Number of working columns."""
        return int(self.positions.size)

    @property
    def hessian(self) -> Array:
        """H, shape (k, k)."""
        total = self._level * self._gram
        total[np.diag_indices(self.size)] += self._bend
        return np.asarray(total)

    def inverse(self) -> Array:
        """H^-1, shape (k, k)."""
        return self._inner if self._level == 1.0 else self._inner / self._level

    def apply(self, v: Array) -> Array:
        """H v."""
        return np.asarray(self._level * (self._gram @ v) + self._bend * v)

    def _make(self) -> None:
        self._level = 1.0
        self._gram = weighted_squares(self.matrix, self._weights)
        self._gram[np.diag_indices(self.size)] *= 1.0 + _RIDGE
        self._invert()

    def _invert(self) -> None:
        total = self._gram.copy()
        total[np.diag_indices(self.size)] += self._bend / self._level
        self._inner = inverse_of(total)
        self.usable = bool(np.isfinite(self._inner).all())

    def restart(self, keep: Positions, weights: Array) -> None:
        """Keep some of the columns, and form the Gram matrix again at other weights."""
        self._working.keep(keep)
        self.positions, self._bend = self.positions[keep], self._bend[keep]
        self._weights = weights
        self._make()

    def follow(self, weights: Array, bend: Array) -> None:
        """Other weights, in so far as they are larger or smaller on the whole, and other curvatures of the penalty."""
        level = float(weights.sum()) / float(self._weights.sum())
        bent = bool(bend.any() or self._bend.any())
        if bent and np.array_equal(bend, self._bend):
            return  # a slightly better model is not worth a new inverse
        self._level, self._bend = level, np.array(bend)
        if bent:
            self._invert()

    def append(self, positions: Positions, bend: Array) -> None:
        """More working columns, at the weights of the model."""
        block = self._columns.take(positions)
        side = self._columns.cross(self.matrix, self._weights, block)
        corner = weighted_squares(block, self._weights)
        corner[np.diag_indices(positions.size)] *= 1.0 + _RIDGE
        self._gram = _bordered(self._gram, side, corner)
        self._working.append(block)
        self.positions = np.concatenate([self.positions, positions])
        self._bend = np.concatenate([self._bend, bend])
        mapped = self._inner @ side
        corner[np.diag_indices(positions.size)] += bend / self._level
        schur = inverse_of(corner - side.T @ mapped)
        if not np.isfinite(schur).all():
            self._invert()
            return
        half = mapped @ schur
        self._inner = _bordered(self._inner + half @ mapped.T, -half, schur)


def _bordered(matrix: Array, side: Array, corner: Array) -> Array:
    k, more = side.shape
    out = np.empty((k + more, k + more))
    out[:k, :k], out[:k, k:], out[k:, :k], out[k:, k:] = matrix, side, side.T, corner
    return out
