"""A quadratic model of the penalized log-likelihood on few columns that is carried along a path.

The Hessian X'WX is formed once, at weights W that soon are those of an earlier point; new columns are appended at the
same weights, and every step corrects the model by what the gradient did (BFGS: the model then has the curvature that
was met along the step, which is the direction in which a path goes on). The inverse is kept beside it, so that neither
a step nor a new column needs a factorisation. When steps stop gaining the model is made anew at the current weights.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import lapack
from scipy.linalg.blas import dger

from problogit.core.blocks import Array
from problogit.core.path_columns import (
    Block,
    Positions,
    ScaledColumns,
    WorkingColumns,
    cross_products,
    weighted_squares,
)

__all__ = ["QuadraticModel", "inverse_of"]

_RIDGE = 1e-7  # of the diagonal: collinear columns then share a coefficient, and later steps undo the bias


def inverse_of(matrix: Array) -> Array:
    """Inverse of a symmetric positive definite matrix after equilibration; NaN where there is none."""
    root = np.sqrt(np.maximum(np.diag(matrix), np.finfo(float).tiny))
    factor, failed = lapack.dpotrf(matrix / np.outer(root, root), lower=1)
    if failed:
        return np.full_like(matrix, np.nan)
    lower, failed = lapack.dpotri(factor, lower=1, overwrite_c=1)
    inverse = np.tril(lower) + np.tril(lower, -1).T
    return np.asarray(inverse / np.outer(root, root))


class QuadraticModel:
    """Working columns with a model of minus the Hessian of f, and its inverse.

    f is the log-likelihood minus the smooth part of the penalty, whose curvatures `bend` are added to the diagonal.

    Parameters
    ----------
    columns : ScaledColumns
    positions : ndarray of int, shape (k,)
        The first working columns.
    weights : ndarray, shape (n_rows,)
        W of the log-likelihood at the start.
    bend : ndarray, shape (k,)
        Curvatures of the smooth penalty.
    """

    def __init__(self, columns: ScaledColumns, positions: Positions, weights: Array, bend: Array) -> None:
        self._columns = columns
        self.positions = np.asarray(positions, dtype=np.intp)
        self._working = WorkingColumns(columns.take(self.positions))
        self._bend = bend
        self._weights = weights
        self._data = np.empty((0, 0))
        self.inverse = np.empty((0, 0))
        self.usable = False  # the Hessian has an inverse
        self._make()

    @property
    def matrix(self) -> Block:
        """The working columns, shape (n_rows, k)."""
        return self._working.matrix

    @property
    def size(self) -> int:
        """Number of working columns."""
        return int(self.positions.size)

    def _make(self) -> None:
        self._data = weighted_squares(self.matrix, self._weights)
        self._data[np.diag_indices(self.size)] *= 1.0 + _RIDGE
        self._invert()

    def _invert(self) -> None:
        self.inverse = inverse_of(self.hessian)
        self.usable = bool(np.isfinite(self.inverse).all())

    @property
    def hessian(self) -> Array:
        """H, shape (k, k)."""
        total = self._data.copy()
        total[np.diag_indices(self.size)] += self._bend
        return total

    def apply(self, v: Array) -> Array:
        """H v."""
        return np.asarray(self._data @ v + self._bend * v)

    def restart(self, keep: Positions, weights: Array) -> None:
        """Keep some of the columns, and form the Hessian again at other weights."""
        self._working.keep(keep)
        self.positions, self._bend = self.positions[keep], self._bend[keep]
        self._weights = weights
        self._make()

    def set_bend(self, bend: Array) -> None:
        """Other curvatures of the smooth penalty."""
        if not np.array_equal(bend, self._bend):
            self._bend = np.array(bend)
            self._invert()

    def append(self, positions: Positions, bend: Array) -> None:
        """More working columns, at the weights of the model."""
        block = self._columns.take(positions)
        side = cross_products(self.matrix, self._weights, block)
        corner = weighted_squares(block, self._weights)
        corner[np.diag_indices(positions.size)] *= 1.0 + _RIDGE
        self._data = _bordered(self._data, side, corner)
        self._working.append(block)
        self.positions = np.concatenate([self.positions, positions])
        self._bend = np.concatenate([self._bend, bend])
        mapped = self.inverse @ side
        corner[np.diag_indices(positions.size)] += bend
        schur = inverse_of(corner - side.T @ mapped)
        if not np.isfinite(schur).all():
            self._invert()
            return
        half = mapped @ schur
        self.inverse = _bordered(self.inverse + half @ mapped.T, -half, schur)

    def correct(self, step: Array, drop: Array) -> None:
        """Learn that the gradient of the log-likelihood fell by `drop` over `step`.

        BFGS on the log-likelihood's part: H + dd'/(d's) - Hs s'H/(s'Hs). The inverse of the sum with the penalty
        follows by two updates of rank one.
        """
        image = self._data @ step
        gained, expected = float(drop @ step), float(step @ image)
        if not (gained > 1e-10 * expected > 0.0):
            return
        added, removed = drop / np.sqrt(gained), image / np.sqrt(expected)
        first = self.inverse @ added
        inner = 1.0 + float(added @ first)
        second = self.inverse @ removed - first * (float(first @ removed) / inner)
        outer = 1.0 - float(removed @ second)
        if not outer > 1e-8:
            return
        self._data = _rank_one(_rank_one(self._data, 1.0, added), -1.0, removed)
        self.inverse = _rank_one(_rank_one(self.inverse, -1.0 / inner, first), 1.0 / outer, second)


def _rank_one(matrix: Array, factor: float, v: Array) -> Array:
    """Matrix + factor v v', in place: of a symmetric array the transpose is the same array in Fortran's order."""
    return np.asarray(dger(factor, v, v, a=matrix.T, overwrite_a=1).T)


def _bordered(matrix: Array, side: Array, corner: Array) -> Array:
    k, more = side.shape
    out = np.empty((k + more, k + more))
    out[:k, :k], out[:k, k:], out[k:, :k], out[k:, k:] = matrix, side, side.T, corner
    return out
