"""Find every row that some direction separates: the program of maximal support on a growing set of rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from problogit.core.blocks import Array, Matrix
from problogit.core.separation_lp import (
    cleaned_product,
    divide_rows,
    largest_support,
    null_space,
    row_scale,
)

__all__ = ["SignedRows", "Support", "find_support", "signed_rows"]

Mask = NDArray[np.bool_]
_START_ROWS = 1000
_CLEAR = 1e-6  # a_i'd of a row outside the working set, where the program makes it 1 inside


@dataclass(frozen=True, eq=False)
class SignedRows:
    """Rows a_i = +x_i (events only) or -x_i (non-events only), seen through d = basis z.

    Attributes
    ----------
    A : ndarray or csr_array, shape (n, p)
        Signed rows, each divided by a power of two.
    basis : ndarray of shape (p, q), or None
        The directions left by the rows that have both outcomes; None stands for the identity.
    first : int or None
        Column of ones in z, kept among the independent columns.
    """

    A: Matrix
    basis: Array | None
    first: int | None

    @property
    def dimension(self) -> int:
        """q."""
        return int(self.A.shape[1] if self.basis is None else self.basis.shape[1])

    def direction(self, z: Array) -> Array:
        """basis @ z, without rounding noise."""
        return z if self.basis is None else cleaned_product(self.basis, z)[0]

    def take(self, rows: NDArray[np.intp]) -> Matrix:
        """These rows as functions of z, divided by powers of two; rounding noise is set to zero."""
        part = self.A[rows]
        if self.basis is None:
            return part
        values, _ = cleaned_product(part, self.basis)
        return divide_rows(values, row_scale(values))


@dataclass(frozen=True, eq=False)
class Support:
    """The largest set of rows that directions separate.

    Attributes
    ----------
    positive : ndarray of bool, shape (n,)
    direction : ndarray, shape (p,)
        d with a_i'd > 0 for exactly the rows in `positive` and 0 for the others.
    basis : ndarray, shape (p, q)
        Null space of the other rows.
    free : ndarray of int, shape (q,)
        ``basis[free]`` is the identity.
    """

    positive: Mask
    direction: Array
    basis: Array
    free: NDArray[np.intp]


def find_support(rows: SignedRows, free: NDArray[np.intp]) -> Support:
    """Solve the program of maximal support exactly, on as few rows as settle it.

    The cone of a working set contains the cone of all rows. A solution on the working set therefore solves the whole
    problem once every other row either is clearly separated by it or vanishes on the whole null space of the
    unseparated rows of the working set. Rows that do neither join the working set.

    Parameters
    ----------
    rows : SignedRows
    free : ndarray of int, shape (q,)
        Columns of X that z stands for: ``basis[free]`` is the identity.
    """
    n, q = int(rows.A.shape[0]), rows.dimension
    if n == 0 or q == 0:
        z = np.zeros(q)
        return Support(np.zeros(n, dtype=bool), rows.direction(z), rows.direction(np.eye(q)), free)
    work = _first_rows(n, q)
    while True:
        part = rows.take(work)
        z, positive = largest_support(part)
        z, positive, null, null_free = _repair(part, z, positive, rows.first)
        basis = rows.direction(null)
        direction = rows.direction(z)
        values = np.asarray(rows.A @ direction)
        values[work] = 1.0
        unclear = np.flatnonzero(values < _CLEAR) if basis.shape[1] else work[:0]
        unclear = unclear[cleaned_product(rows.A[unclear], basis)[0].any(axis=1)]
        if not unclear.size:
            separated = values >= _CLEAR
            separated[work] = positive
            return Support(separated, direction, basis, free[null_free])
        worst = unclear[np.argsort(values[unclear], kind="stable")]
        work = np.r_[work, worst[: max(work.size, _START_ROWS)]]


def _first_rows(n: int, q: int) -> NDArray[np.intp]:
    """All rows of a small problem, a fixed random sample of a large one."""
    size = max(_START_ROWS, 10 * q)
    if n <= 2 * size:
        return np.arange(n)
    return np.sort(np.random.default_rng(0).choice(n, size, replace=False)).astype(np.intp)


def _repair(
    part: Matrix, z: Array, positive: Mask, first: int | None
) -> tuple[Array, Mask, Array, NDArray[np.intp]]:
    """Move z onto the exact null space of the unseparated rows, and keep the rows that are then still separated."""
    while True:
        null = null_space(part[np.flatnonzero(~positive)], first)
        moved = np.asarray(null.basis @ null.project(z))
        values, _ = cleaned_product(part, moved)
        lost = positive & (values <= 0)
        if not lost.any():
            return moved, positive, null.basis, null.free
        positive = positive & ~lost


def signed_rows(X: Matrix, sign: Array) -> Matrix:
    """Rows times their sign, each divided by a power of two; a dense X is overwritten."""
    divisor = sign * row_scale(X)
    if sp.issparse(X):
        return divide_rows(X, divisor)
    X /= divisor[:, None]
    return X
