"""Linear programs over cones given by many rows, and exact null spaces: the tools of `problogit.core.separation`.

A cone is {z : a_i'z >= 0 for all i}. Only few of many rows shape it, so each program is solved on a working set of
rows that grows by the rows its solution violates. Programs are written with one equality per column (the dual of the
textbook form): with many more rows than columns that is several times faster, and the primal solution is read from
the multipliers. Nothing a solver returns is believed before its signs were recomputed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import qr, solve_triangular
from scipy.optimize import linprog

from problogit.core.blocks import Array, Matrix
from problogit.errors import EstimationError

__all__ = [
    "RANK_TOLERANCE",
    "SIGN_TOLERANCE",
    "NullSpace",
    "cleaned_product",
    "dense",
    "divide_rows",
    "largest_support",
    "least_value",
    "magnitudes",
    "null_space",
    "row_scale",
]

SIGN_TOLERANCE = 1e-9
"""A sum of products below this share of the sum of their absolute values counts as zero."""

RANK_TOLERANCE = 1e-10
"""A unit column with a residual below this length depends on the others."""

_BLOCK_VALUES = 4_000_000
_ATTEMPTS: tuple[tuple[Any, bool], ...] = (("highs-ds", False), ("highs-ds", True), ("highs-ipm", True))


def dense(X: Matrix) -> Array:
    """The matrix as an ndarray."""
    return np.asarray(X.todense() if sp.issparse(X) else X, dtype=np.float64)


def magnitudes(X: Matrix, Z: Array) -> Array:
    """|X| |Z|: what the rounding of X @ Z is measured against; in blocks, so that |X| is never held at once."""
    if sp.issparse(X):
        return np.asarray(abs(X) @ np.abs(Z))
    size = np.abs(Z)
    step = max(1, _BLOCK_VALUES // max(1, X.shape[1]))
    parts = [np.abs(X[i : i + step]) @ size for i in range(0, X.shape[0], step)]
    return np.concatenate(parts) if parts else np.zeros((0, *Z.shape[1:]))


def cleaned_product(X: Matrix, Z: Array) -> tuple[Array, Array]:
    """X @ Z with entries that are rounding noise (small beside |X| |Z|) set to zero, and |X| |Z|."""
    values, size = np.asarray(X @ Z), magnitudes(X, Z)
    return np.where(np.abs(values) <= SIGN_TOLERANCE * size, 0.0, values), size


def row_scale(X: Matrix) -> Array:
    """A power of two near each row's largest absolute value (1 for zero rows), so that dividing by it is exact."""
    if X.shape[0] == 0 or X.shape[1] == 0:
        return np.ones(X.shape[0])
    if sp.issparse(X):
        top = abs(X).max(axis=1).toarray().ravel()
    else:
        top = np.maximum(X.max(axis=1), -X.min(axis=1))
    return np.asarray(np.exp2(np.round(np.log2(np.where(top > 0, top, 1.0)))))


def divide_rows(X: Matrix, scale: Array) -> Matrix:
    """Each row divided by its own number."""
    if sp.issparse(X):
        return sp.csr_array(sp.diags_array(1.0 / scale) @ X)
    return np.asarray(X / scale[:, None])


@dataclass(frozen=True, eq=False)
class NullSpace:
    """The null space of a matrix, in coordinates that are some of its columns.

    Attributes
    ----------
    basis : ndarray, shape (p, q)
        Columns that span {d : A d = 0}; ``basis[free]`` is the identity.
    free : ndarray of int, shape (q,)
        Columns of A that depend on the others; the others are linearly independent.
    """

    basis: Array
    free: NDArray[np.intp]

    def project(self, d: Array) -> Array:
        """Coordinates of the vector of the null space that agrees with `d` in the free columns."""
        return d[self.free]


def null_space(A: Matrix, first: int | None = None) -> NullSpace:
    """Null space of A by pivoted QR on columns of unit length.

    Parameters
    ----------
    A : ndarray or csr_array, shape (n, p)
    first : int, optional
        A column that is kept among the independent ones unless it is zero (the intercept).
    """
    p = int(A.shape[1])
    triangle = _triangle(A)
    length = np.sqrt(np.einsum("ij,ij->j", triangle, triangle))
    unit = triangle / np.where(length > 0, length, 1.0)
    head = np.array([], dtype=np.intp)
    rest = np.arange(p)
    remaining = unit
    if first is not None and length[first] > 0:
        head, rest = np.array([first]), np.delete(rest, first)
        remaining = unit[:, rest] - np.outer(unit[:, first], unit[:, first] @ unit[:, rest])
    order, rank = _pivots(remaining)
    kept, free = np.r_[head, rest[order[:rank]]], np.sort(rest[order[rank:]])
    basis = np.zeros((p, free.size))
    basis[free, np.arange(free.size)] = 1.0
    if free.size and kept.size:
        Q, R = qr(unit[:, kept], mode="economic")
        solved = solve_triangular(R, Q.T @ unit[:, free])
        solved[np.abs(solved) < RANK_TOLERANCE] = 0.0
        basis[kept] = -solved * (length[free] / length[kept][:, None])
    return NullSpace(basis, free)


def _pivots(unit: Array) -> tuple[NDArray[np.intp], int]:
    """Column order of a pivoted QR and the numerical rank."""
    if not unit.size:
        return np.arange(unit.shape[1]), 0
    R, order = qr(unit, mode="r", pivoting=True)
    rank = int(np.sum(np.abs(np.diagonal(R)) > RANK_TOLERANCE))
    return np.asarray(order, dtype=np.intp), rank


def _triangle(A: Matrix) -> Array:
    """R of a QR factorisation, block by block; it stops as soon as the rows seen have full rank."""
    n, p = A.shape
    step = max(4 * p, 1024)
    triangle: Array = np.zeros((0, p))
    for start in range(0, n, step):
        block: Array = np.vstack([triangle, dense(A[start : start + step])])
        triangle = np.asarray(qr(block, mode="r")[0][:p]) if block.shape[0] > p else block
        length = np.sqrt(np.einsum("ij,ij->j", triangle, triangle))
        more = start + step < n and triangle.shape[0] == p and length.min() > 0
        if more and _pivots(triangle / length)[1] == p:
            break
    return triangle


def _solve(cost: Array, A: Matrix, rhs: Array, bounds: Any) -> tuple[Array, float]:
    """Minimise cost'y subject to A y = rhs and bounds; returns multipliers of A and the value."""
    coefficients: Any = A
    if sp.issparse(A) or np.count_nonzero(np.asarray(A)) < 0.3 * A.shape[0] * A.shape[1]:
        coefficients = sp.csc_array(A)
    message = ""
    for method, presolve in _ATTEMPTS:
        options: Any = {"primal_feasibility_tolerance": 1e-9, "dual_feasibility_tolerance": 1e-9}
        options["presolve"] = presolve
        result: Any = linprog(
            cost, A_eq=coefficients, b_eq=rhs, bounds=bounds, method=method, options=options
        )
        if result.status == 0:
            return np.asarray(result.eqlin.marginals), float(result.fun)
        message = str(result.message)
    raise EstimationError(
        f"The linear program that looks for separation failed ({message.strip()}) with {A.shape[1]} rows and "
        f"{A.shape[0]} columns. Rescale or drop columns of extreme size, or fit with a prior: Penalized(Normal(2.5))."
    )


def largest_support(A: Matrix) -> tuple[Array, NDArray[np.bool_]]:
    """A point of {z : A z >= 0} with as many positive A z as possible, and which these are.

    Solves max sum t_i subject to t_i <= a_i'z, 0 <= t_i <= 1: because the cone can be scaled up, each t_i is 0 or 1
    at the optimum. Written as its dual, min sum v_i subject to A'y = 0, y_i + v_i >= 1, y >= 0, v >= 0.
    """
    w = int(A.shape[0])
    stacked = sp.hstack([A.T, A.T], format="csc") if sp.issparse(A) else np.hstack([A.T, A.T])
    cost = np.r_[-np.ones(w), np.zeros(w)]
    bounds = np.column_stack([np.zeros(2 * w), np.r_[np.ones(w), np.full(w, np.inf)]])
    multipliers, _ = _solve(cost, stacked, np.zeros(A.shape[1]), bounds)
    z = -multipliers
    return z, np.asarray(A @ z > 0.5)


def least_value(A: Matrix, target: Array) -> Array | None:
    """A point z with A z >= 0 and target'z = -1, or None where target'z >= 0 on the whole cone.

    Solves min target'z subject to A z >= 0 and target'z >= -1, whose value is 0 or -1, as its dual:
    min u subject to A'y + u target = target, y >= 0, u >= 0.
    """
    w = int(A.shape[0])
    column = target[:, None]
    stacked = (
        sp.hstack([A.T, sp.csc_array(column)], format="csc") if sp.issparse(A) else np.hstack([A.T, column])
    )
    bounds = np.column_stack([np.zeros(w + 1), np.full(w + 1, np.inf)])
    multipliers, value = _solve(np.r_[np.zeros(w), 1.0], stacked, target, bounds)
    return -multipliers if value > 0.5 else None
