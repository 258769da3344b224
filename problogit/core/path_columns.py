"""Columns of a design in centred and scaled coordinates, by position: what a path needs beside a likelihood.

A path touches few columns often and all columns seldom. The few are copied, centred and scaled, into one array that
grows (a sparse design keeps sparse columns and is never centred); products with all columns run over the design as it
lies, the centring done on the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg.blas import dsyrk

from problogit.core.blocks import Array, ColumnChange, column_change
from problogit.core.likelihood import BinomialLikelihood
from problogit.execution import Sums, blocks_of

__all__ = [
    "Block",
    "ScaledColumns",
    "WorkingColumns",
    "dense",
    "divided",
    "row_products",
    "weighted_squares",
]

Block = Array | sp.csc_array
Positions = NDArray[np.intp]

_PASS, _PRODUCT = 4_000_000, 100_000_000  # values and products above which threads share the rows


@dataclass(frozen=True, eq=False)
class ScaledColumns:
    """The columns of (X - center) / scale."""

    likelihood: BinomialLikelihood

    @property
    def center(self) -> Array:
        """Centres, shape (n_terms,)."""
        like = self.likelihood
        return np.zeros(like.n_terms) if like.center is None else like.center

    @property
    def scale(self) -> Array:
        """Scales, shape (n_terms,)."""
        like = self.likelihood
        return np.ones(like.n_terms) if like.scale is None else like.scale

    def cross(self, left: Block, weights: Array, right: Block) -> Array:
        """left' diag(weights) right, both some of the columns, as a dense array."""
        n_rows, k = left.shape
        if not isinstance(left, np.ndarray) or not isinstance(right, np.ndarray):
            weighted = sp.csc_array(sp.csc_array(right).multiply(weights[:, None]))
            return np.asarray((sp.csc_array(left).T @ weighted).todense())
        if n_rows * k * right.shape[1] <= _PRODUCT:
            return np.asarray(left.T @ (right * weights[:, None]))

        def block_sum(block: slice) -> Sums:
            return (np.asarray(left[block].T @ (right[block] * weights[block, None])),)

        (total,) = self.likelihood.executor.total(block_sum, _quarters(n_rows))
        return total

    @cached_property
    def _change(self) -> ColumnChange:
        return column_change(self.likelihood.X, self.likelihood.center, self.likelihood.scale)

    @cached_property
    def _by_column(self) -> sp.csc_array:
        columns = sp.csc_array(self.likelihood.X)
        owner = np.repeat(np.arange(columns.shape[1]), np.diff(columns.indptr))
        data = columns.data / self.scale[owner]
        return sp.csc_array((data, columns.indices, columns.indptr), shape=columns.shape)

    def take(self, positions: Positions) -> Block:
        """Some columns: a dense array, or sparse columns of a sparse design; shape (n_rows, k)."""
        X = self.likelihood.X
        if not isinstance(X, np.ndarray):
            return sp.csc_array(self._by_column[:, positions])
        taken = X.T[positions]  # each column in one piece
        taken -= self.center[positions][:, None]
        taken /= self.scale[positions][:, None]
        return np.asarray(taken.T)

    def products(self, values: Array) -> Array:
        """Z'v for all columns, shape (n_terms,)."""
        like = self.likelihood
        if not isinstance(like.X, np.ndarray):
            return np.asarray(self._by_column.T @ values)
        change, total = self._change, np.atleast_1d(values.sum())
        over_itself = change.shift is not None or not np.any(self.center)  # the sums are over X itself
        if over_itself and like.X.size <= _PASS:
            return change.product(np.asarray(like.X.T @ values), total)

        def block_sum(block: slice) -> Sums:
            return (np.asarray(change.columns.local(block).T @ values[block]),)

        blocks = _quarters(like.n_rows) if over_itself else like.blocks()
        (moments,) = like.executor.total(block_sum, blocks)
        return change.product(moments, total)


class WorkingColumns:
    """Some columns side by side, more of which may be appended; a dense array grows by doubling."""

    def __init__(self, first: Block) -> None:
        self._sparse = first if not isinstance(first, np.ndarray) else None
        self._buffer = np.asfortranarray(first) if isinstance(first, np.ndarray) else np.empty((0, 0))
        self._used = first.shape[1]

    @property
    def matrix(self) -> Block:
        """All columns, shape (n_rows, k)."""
        return self._buffer[:, : self._used] if self._sparse is None else self._sparse

    def append(self, block: Block) -> None:
        """Put columns at the end."""
        total = self._used + block.shape[1]
        if self._sparse is not None:
            self._sparse = sp.csc_array(sp.hstack([self._sparse, sp.csc_array(block)]))
        else:
            if total > self._buffer.shape[1]:
                grown = np.empty((self._buffer.shape[0], max(total, 2 * self._used)), order="F")
                grown[:, : self._used] = self._buffer[:, : self._used]
                self._buffer = grown
            self._buffer[:, self._used : total] = np.asarray(block)
        self._used = total

    def keep(self, positions: Positions) -> None:
        """Drop all columns but some, given in rising order."""
        if positions.size == self._used:
            return
        if self._sparse is not None:
            self._sparse = sp.csc_array(self._sparse[:, positions])
        else:
            for to, origin in enumerate(positions):
                if to != origin:
                    self._buffer[:, to] = self._buffer[:, origin]
        self._used = int(positions.size)


def _quarters(n_rows: int) -> list[slice]:
    return blocks_of(n_rows, -(-n_rows // 4))


def weighted_squares(block: Block, weights: Array) -> Array:
    """block' diag(weights) block as a full symmetric array."""
    if not isinstance(block, np.ndarray):
        weighted = sp.csc_array(block.multiply(weights[:, None]))
        return np.asarray((block.T @ weighted).todense())
    if block.shape[1] == 0:
        return np.empty((0, 0))
    upper = dsyrk(1.0, np.asfortranarray(block) * np.sqrt(weights)[:, None], trans=1)
    return np.asarray(np.triu(upper) + np.triu(upper, 1).T)


def divided(block: Block, by: Array) -> Block:
    """The columns divided by numbers, shape (k,)."""
    if isinstance(block, np.ndarray):
        return np.asarray(block / by)
    return sp.csc_array(block.multiply(1.0 / by[None, :]))


def row_products(block: Block) -> Array:
    """block block' as a dense array, shape (n_rows, n_rows)."""
    return (
        dense(sp.csc_array(block @ block.T))
        if not isinstance(block, np.ndarray)
        else np.asarray(block @ block.T)
    )


def dense(block: Block) -> Array:
    """A dense array of the same values."""
    return block if isinstance(block, np.ndarray) else np.asarray(block.todense())
