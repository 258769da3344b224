"""Coded factors to the design matrix: dense in cache-sized row blocks, or sparse without ever being dense."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from problogit.data.coding import Factor, Values
from problogit.data.rows import Array, Matrix
from problogit.data.structure import Product
from problogit.errors import DataError

__all__ = ["Layout", "assemble", "wants_sparse"]

_BLOCK = 4096
_WIDE = 1_000
_MANY_CELLS = 100_000_000
_FEW_CELLS = 1_000_000
_SPARSE_SHARE = 0.1
_MOST_COLUMNS = 10_000_000


@dataclass(frozen=True, eq=False)
class Layout:
    """What stands in which column.

    Attributes
    ----------
    labels : tuple of str
        One per term of the formula that has columns.
    products : tuple of tuple of Product
        The products of factors of each term; the empty product is the intercept.
    names : tuple of tuple of str
        Names of the columns of each term.
    """

    labels: tuple[str, ...]
    products: tuple[tuple[Product, ...], ...]
    names: tuple[tuple[str, ...], ...]

    @classmethod
    def make(
        cls, labels: Sequence[str], plans: Sequence[tuple[Product, ...]], factors: Sequence[Factor]
    ) -> Layout:
        """Name the columns of a plan; terms without columns (one-level factors) are left out."""
        n_columns = sum(_width(product, factors) for plan in plans for product in plan)
        if n_columns > _MOST_COLUMNS:
            widest = max(
                zip(labels, plans, strict=True), key=lambda pair: sum(_width(p, factors) for p in pair[1])
            )[0]
            raise DataError(
                f"the formula makes {n_columns:,} columns, most of them for {widest!r}; at most {_MOST_COLUMNS:,} are "
                "possible. Group rare levels or leave the interaction out."
            )
        rows = []
        for label, plan in zip(labels, plans, strict=True):
            filled = tuple(product for product in plan if _width(product, factors))
            names = tuple(name for product in filled for name in _names(product, factors))
            if names:
                rows.append((label, filled, names))
        return cls(
            tuple(row[0] for row in rows), tuple(row[1] for row in rows), tuple(row[2] for row in rows)
        )

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of all columns."""
        return tuple(itertools.chain(*self.names))

    @property
    def flat(self) -> tuple[Product, ...]:
        """All products, in the order of their columns."""
        return tuple(itertools.chain(*self.products))

    @property
    def intercept(self) -> int | None:
        """The column of the empty product."""
        place = 0
        for products, names in zip(self.products, self.names, strict=True):
            if products == ((),):
                return place
            place += len(names)
        return None

    def columns(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """Terms with the positions of their columns."""
        ends = list(itertools.accumulate(len(names) for names in self.names))
        starts = [0, *ends[:-1]]
        return tuple(
            (label, tuple(range(a, b))) for label, a, b in zip(self.labels, starts, ends, strict=True)
        )


def _width(product: Product, factors: Sequence[Factor]) -> int:
    return math.prod(len(factors[i].coding(reduced=reduced).names) for i, reduced in product)


def _names(product: Product, factors: Sequence[Factor]) -> list[str]:
    """The names of a product's columns; the first factor varies fastest, as in R."""
    if not product:
        return ["Intercept"]
    parts = [factors[i].coding(reduced=reduced).names for i, reduced in product]
    return [":".join(reversed(combination)) for combination in itertools.product(*reversed(parts))]


def wants_sparse(layout: Layout, factors: Sequence[Factor], n_rows: int) -> bool:
    """Whether the matrix is large and mostly zeros."""
    n_columns = len(layout.terms)
    cells = n_rows * n_columns
    if not (cells > _MANY_CELLS or (n_columns > _WIDE and cells > _FEW_CELLS)):
        return False
    filled = sum(
        math.prod(
            min(factors[i].filled, len(factors[i].coding(reduced=reduced).names)) for i, reduced in product
        )
        for product in layout.flat
    )
    return filled < _SPARSE_SHARE * n_columns


def assemble(
    layout: Layout, factors: Sequence[Factor], values: Sequence[Values], n_rows: int, *, sparse: bool
) -> Matrix:
    """The design matrix, shape (n_rows, n_terms).

    Parameters
    ----------
    layout : Layout
    factors, values : sequence
        The factors and the values of the rows, as `Factor.encode` gives them.
    n_rows : int
    sparse : bool
        A csr_array instead of a C-ordered ndarray.
    """
    with np.errstate(
        invalid="ignore", over="ignore"
    ):  # what is not finite in the end is told by term and row
        return _sparse(layout, factors, values, n_rows) if sparse else _dense(layout, factors, values, n_rows)


def _dense(layout: Layout, factors: Sequence[Factor], values: Sequence[Values], n_rows: int) -> Array:
    out = np.empty((n_rows, len(layout.terms)))
    products = [(product, _width(product, factors)) for product in layout.flat]
    coders = {key: factors[key[0]].coder(reduced=key[1]) for product, _ in products for key in product}
    for start in range(0, n_rows, _BLOCK):
        block = slice(start, min(start + _BLOCK, n_rows))
        coded = {key: coder(values[key[0]][block]) for key, coder in coders.items()}
        place = 0
        for product, width in products:
            target = out[block, place : place + width]
            if product:
                target[...] = reduce(_cross, (coded[key] for key in product))
            else:
                target[...] = 1.0
            place += width
    return out


def _cross(left: Array, right: Array) -> Array:
    """Products of all pairs of columns, row by row; the left factor varies fastest."""
    if left.shape[1] == 1 or right.shape[1] == 1:
        return left * right
    return np.asarray((right[:, :, None] * left[:, None, :]).reshape(left.shape[0], -1))


def _sparse(layout: Layout, factors: Sequence[Factor], values: Sequence[Values], n_rows: int) -> sp.csr_array:
    keys = {key for product in layout.flat for key in product}
    coded = {key: factors[key[0]].sparse(values[key[0]], reduced=key[1]) for key in keys}
    parts = [
        reduce(_cross_sparse, (coded[key] for key in product))
        if product
        else sp.csr_array(np.ones((n_rows, 1)))
        for product in layout.flat
    ]
    whole = sp.csr_array(sp.hstack(parts, format="csr", dtype=np.float64))
    whole.sort_indices()
    return whole


def _cross_sparse(left: sp.csr_array, right: sp.csr_array) -> sp.csr_array:
    """`_cross` for sparse factors: every stored entry of a row meets every one of the other factor's row."""
    width = left.shape[1] * right.shape[1]
    left_counts, right_counts = np.diff(left.indptr).astype(np.int64), np.diff(right.indptr).astype(np.int64)
    counts = left_counts * right_counts
    indptr = np.concatenate([[0], np.cumsum(counts)])
    within = np.arange(int(indptr[-1])) - np.repeat(indptr[:-1], counts)
    repeats = np.repeat(left_counts, counts)
    from_left = np.repeat(left.indptr[:-1].astype(np.int64), counts) + within % np.maximum(repeats, 1)
    from_right = np.repeat(right.indptr[:-1].astype(np.int64), counts) + within // np.maximum(repeats, 1)
    columns: NDArray[np.int64] = (
        right.indices[from_right].astype(np.int64) * left.shape[1] + left.indices[from_left]
    )
    data = left.data[from_left] * right.data[from_right]
    kind = np.int32 if max(width, int(indptr[-1])) < np.iinfo(np.int32).max else np.int64
    return sp.csr_array((data, columns.astype(kind), indptr.astype(kind)), shape=(left.shape[0], width))
