"""Is a linear function negative somewhere on a cone? A certificate or a witness for each function."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cholesky, solve_triangular
from scipy.optimize import nnls

from problogit.core.blocks import Array, Matrix
from problogit.core.separation_lp import SIGN_TOLERANCE, dense, divide_rows, least_value

__all__ = ["PolarTest"]

Mask = NDArray[np.bool_]
Rows = NDArray[np.intp]

_NNLS_COLUMNS = 150  # above this many columns the sparse simplex method is faster
_SHARED_DEPTH = 1e-6  # relative depth at which a witness of one function convicts another


@dataclass(frozen=True, eq=False)
class PolarTest:
    """Tests linear functions l on the cone {z : B z >= 0}.

    By Farkas' lemma either l = B'y with y >= 0, so that l'z >= 0 on the cone, or some z in the cone has l'z < 0. One
    non-negative least squares problem, min |B'y - l|, gives whichever it is: a zero residual, or the residual as z.
    It is solved in the coordinates in which the Hessian of the barrier -sum log b_i'z at the interior point is the
    identity (they do not depend on the units of the columns), on a working set of rows that grows by the rows a z
    violates. Where that is not clear-cut, or for very many columns, a linear program decides.

    Attributes
    ----------
    rows : ndarray or csr_array, shape (r, q)
        B.
    interior : ndarray, shape (q,)
        A point with B z > 0.
    """

    rows: Matrix
    interior: Array

    def negative_somewhere(self, functions: Array) -> Mask:
        """True where l'z < 0 for some z of the cone; `functions` has one l a row, shape (k, q)."""
        result = np.zeros(functions.shape[0], dtype=bool)
        waiting = np.arange(functions.shape[0])
        work = self._tightest
        while waiting.size:
            point, work = self._witness(functions[waiting[0]], work)
            if point is None:
                waiting = waiting[1:]
                continue
            values = functions[waiting] @ point
            size = np.linalg.norm(functions[waiting], axis=1) * np.linalg.norm(point)
            below = np.asarray(values < -_SHARED_DEPTH * size)
            below[0] = True
            result[waiting[below]] = True
            waiting = waiting[~below]
        return result

    @cached_property
    def _tightest(self) -> Rows:
        """Rows nearest to the interior point in the barrier's metric: the working set to begin with."""
        count = min(self.rows.shape[0], 4 * self.interior.size + 50)
        if self._whitened is None or count == self.rows.shape[0]:
            return np.arange(count)
        norm = np.einsum("ij,ij->j", self._whitened[1], self._whitened[1])
        return np.sort(np.argpartition(-norm, count - 1)[:count])

    @cached_property
    def _whitened(self) -> tuple[Array, Array] | None:
        """R and (R^-T b_i / b_i'z) as columns, R'R the barrier's Hessian; None where it is singular or too large."""
        if self.interior.size > _NNLS_COLUMNS:
            return None
        scaled = dense(divide_rows(self.rows, np.asarray(self.rows @ self.interior)))
        try:
            factor = cholesky(scaled.T @ scaled)
        except LinAlgError:
            return None
        return factor, solve_triangular(factor, scaled.T, trans="T")

    @cached_property
    def _norms(self) -> Array:
        squares = self.rows.multiply(self.rows) if sp.issparse(self.rows) else self.rows**2
        return np.asarray(np.sqrt(np.asarray(squares.sum(axis=1)).ravel()))

    def _witness(self, function: Array, work: Rows) -> tuple[Array | None, Rows]:
        """A point of the cone where the function is negative, or None; and the rows that showed it."""
        while True:
            point = self._project(function, work)
            if point is None:
                return None, work
            depth = np.asarray(self.rows @ point) / (self._norms * np.linalg.norm(point))
            depth[work] = 0.0
            wrong = np.flatnonzero(depth < -SIGN_TOLERANCE)
            if not wrong.size:
                return point, work
            worst = wrong[np.argsort(depth[wrong], kind="stable")]
            work = np.r_[work, worst[: max(20, work.size // 4)]]

    def _project(self, function: Array, work: Rows) -> Array | None:
        """As `_witness`, for the cone of the working set alone."""
        if self._whitened is None:
            return least_value(self.rows[work], function)
        factor, columns = self._whitened
        target = solve_triangular(factor, function, trans="T")
        target /= np.linalg.norm(target)
        part = columns[:, work]
        try:
            weights, _ = nnls(part, target)
        except RuntimeError:  # more iterations than allowed
            return least_value(self.rows[work], function)
        residual = part @ weights - target
        length = np.linalg.norm(residual)
        if length <= SIGN_TOLERANCE:
            return None
        slack = part.T @ (residual / length)
        if length < np.sqrt(SIGN_TOLERANCE) or slack.min() < -SIGN_TOLERANCE:
            return least_value(self.rows[work], function)
        return np.asarray(solve_triangular(factor, residual / length))
