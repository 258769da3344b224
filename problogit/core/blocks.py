"""Row blocks of a design, dense or sparse, seen through a change of columns Z = (X - center) / scale.

Sums over rows are taken over the blocks as they are, and the change of columns is applied to the sums: a product of
small matrices instead of a copy of the design. Only where a column lies so far from zero that digits would be lost are
its blocks centred first, in a buffer that fits the cache. A sparse design is scaled once and never centred: centring
would fill it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

__all__ = [
    "Array",
    "ColumnChange",
    "DenseBlocks",
    "Matrix",
    "RowBlocks",
    "SparseBlocks",
    "column_change",
    "quadratic_rows",
    "row_blocks",
    "weighted_gram",
]

Array = NDArray[np.float64]
Matrix = Array | sp.csr_array

_CACHED_VALUES = 172_000  # 1.4 MB of float64: measured best on two threads, 8 192 rows of 20 columns
_FAR = 100.0  # standard deviations between a mean and zero: the square of it is lost of 16 digits
_SPARSE_ROWS = 65_536


class RowBlocks(Protocol):
    """What the likelihood needs to know of a design."""

    @property
    def shape(self) -> tuple[int, int]:
        """(n_rows, n_terms)."""

    @property
    def block_rows(self) -> int:
        """Rows of a block of suitable size."""

    def local(self, block: slice) -> Matrix:
        """The block's rows in the transformed columns."""


@dataclass(frozen=True, eq=False)
class DenseBlocks:
    """Blocks of a C-ordered array."""

    X: Array
    center: Array | None = None
    scale: Array | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """(n_rows, n_terms)."""
        return int(self.X.shape[0]), int(self.X.shape[1])

    @property
    def block_rows(self) -> int:
        """Rows that fit the cache."""
        return max(256, _CACHED_VALUES // max(1, self.shape[1]))

    def local(self, block: slice) -> Array:
        """(X - center) / scale for the block; a view where nothing changes."""
        rows = self.X[block]
        if self.center is not None:
            rows = rows - self.center
            if self.scale is not None:
                rows /= self.scale
        elif self.scale is not None:
            rows = rows / self.scale
        return rows


@dataclass(frozen=True, eq=False)
class SparseBlocks:
    """Blocks of a CSR matrix whose columns were scaled beforehand."""

    X: sp.csr_array

    @property
    def shape(self) -> tuple[int, int]:
        """(n_rows, n_terms)."""
        return int(self.X.shape[0]), int(self.X.shape[1])

    @property
    def block_rows(self) -> int:
        """A fixed number of rows."""
        return _SPARSE_ROWS

    def local(self, block: slice) -> Matrix:
        """The block's rows."""
        X = self.X
        if block.start == 0 and block.stop >= X.shape[0]:
            return X
        key = (block.start, block.stop)
        if key not in self._views:
            ends = X.indptr[block.start : block.stop + 1]
            part = slice(ends[0], ends[-1])  # a view: slicing the matrix would copy its entries at every pass
            shape = (ends.size - 1, X.shape[1])
            self._views[key] = sp.csr_array((X.data[part], X.indices[part], ends - ends[0]), shape=shape)
        return self._views[key]

    @cached_property
    def _views(self) -> dict[tuple[int, int], sp.csr_array]:
        return {}


def row_blocks(X: Matrix, center: Array | None, scale: Array | None) -> RowBlocks:
    """Wrap a dense or sparse matrix; a sparse one may be scaled but not centred."""
    if not sp.issparse(X):
        return DenseBlocks(np.asarray(X), center, scale)
    if center is not None and np.any(center != 0):
        raise ValueError("a sparse design cannot be centred; use scaling.without_centring()")
    csr = sp.csr_array(X)
    if scale is not None:
        data = csr.data / scale[csr.indices]
        csr = sp.csr_array((data, csr.indices, csr.indptr), shape=csr.shape)
    return SparseBlocks(csr)


@dataclass(frozen=True, eq=False)
class ColumnChange:
    """Sums over Z = (B - shift) / scale from sums over the blocks' own columns B.

    Attributes
    ----------
    columns : RowBlocks
        B, row block by row block.
    shift : ndarray of shape (n_terms,), or None
        What remains to be taken off the columns of B.
    scale : ndarray of shape (n_terms,), or None
        What remains to divide them by.
    """

    columns: RowBlocks
    shift: Array | None
    scale: Array | None

    def coefficients(self, gamma: Array) -> tuple[Array, float]:
        """b and c with Z gamma = B b + c."""
        b = gamma if self.scale is None else gamma / self.scale
        return b, 0.0 if self.shift is None else -float(self.shift @ b)

    def product(self, moments: Array, total: Array) -> Array:
        """Z'r from B'r and the sum of r."""
        out = moments if self.shift is None else moments - self.shift * total
        return np.asarray(out if self.scale is None else out / self.scale)

    def gram(self, gram: Array, moments: Array, total: Array) -> Array:
        """Z'WZ from B'WB, B'w and the sum of w."""
        out = gram
        if self.shift is not None:
            cross = np.outer(self.shift, moments - 0.5 * total * self.shift)
            out = gram - cross - cross.T
        if self.scale is not None:
            out = out / np.outer(self.scale, self.scale)
        return np.asarray((out + out.T) / 2)


def column_change(X: Matrix, center: Array | None, scale: Array | None) -> ColumnChange:
    """How sums over (X - center) / scale are made: from X itself, unless a column is far from zero."""
    if sp.issparse(X):
        return ColumnChange(row_blocks(X, center, scale), None, None)
    if center is None or not np.any(center):
        return ColumnChange(row_blocks(X, None, None), None, scale)
    spread = np.ones(center.size) if scale is None else scale
    if np.all(np.abs(center) <= _FAR * spread):
        return ColumnChange(row_blocks(X, None, None), center, scale)
    return ColumnChange(row_blocks(X, center, None), None, scale)


def weighted_gram(Z: Matrix, weights: Array) -> Array:
    """Z' diag(w) Z as a full array."""
    if sp.issparse(Z):
        scaled = sp.csr_array(Z.multiply(weights[:, None]))
        return np.asarray((Z.T @ scaled).todense())
    # A general product: NumPy holds the interpreter's lock while it makes a symmetric one, and threads would wait.
    return np.asarray(np.dot(Z.T, Z * weights[:, None]))


def quadratic_rows(Z: Matrix, C: Array) -> Array:
    """z_i' C z_i for every row."""
    if sp.issparse(Z):
        return np.asarray(Z.multiply(Z @ C).sum(axis=1), dtype=np.float64).ravel()
    mapped = Z @ C
    mapped *= Z
    return np.asarray(mapped.sum(axis=1))
