"""Row blocks of a design, dense or sparse, seen through a change of columns Z = (X - center) / scale.

A dense block is centred and scaled in a buffer that fits the cache, so that no n x p temporary exists and columns
with a large mean lose no digits. A sparse design is scaled once and never centred: centring would fill it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg.blas import dsyrk

__all__ = ["Array", "DenseBlocks", "Matrix", "RowBlocks", "SparseBlocks", "row_blocks"]

Array = NDArray[np.float64]
Matrix = Array | sp.csr_array

_CACHED_VALUES = 320_000  # 2.5 MB of float64: measured best between 4 096 and 16 384 rows of 20 columns
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
        if block.start == 0 and block.stop >= self.X.shape[0]:
            return self.X
        return self.X[block]


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


def weighted_gram(Z: Matrix, root_weights: Array, overwrite: bool = False) -> Array:
    """Z' diag(w) Z as a full symmetric array, from the square roots of the weights; may use Z as its workspace."""
    if sp.issparse(Z):
        scaled = sp.csr_array(Z.multiply(root_weights[:, None]))
        return np.asarray((scaled.T @ scaled).todense())
    scaled_rows = np.multiply(Z, root_weights[:, None], out=Z if overwrite else None)
    upper = dsyrk(1.0, scaled_rows.T)  # half the work of a general product; the transpose is Fortran-ordered
    return np.asarray(np.triu(upper) + np.triu(upper, 1).T)


def quadratic_rows(Z: Matrix, C: Array) -> Array:
    """z_i' C z_i for every row."""
    if sp.issparse(Z):
        return np.asarray(Z.multiply(Z @ C).sum(axis=1), dtype=np.float64).ravel()
    mapped = Z @ C
    mapped *= Z
    return np.asarray(mapped.sum(axis=1))
