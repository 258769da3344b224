"""Exact collapse of rows that share their covariates: n Bernoulli rows become k binomial ones.

The log-likelihood kernel ``sum w (s log p + (m - s) log(1 - p))`` depends on equal rows of (X, offset) only through
the sums of w s and w m, so that the collapsed kernel is the same function of the coefficients, not an approximation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from problogit.data.rows import Array, Matrix

__all__ = ["Patterns", "collapse"]

_SAMPLE = 4096
_SMALL = 8192
_WORTH = 0.75
_WORTH_LARGE = 0.5
_GUESS = 0.25
_BLOCK = 8192
_CELLS = 1 << 15
_SEED = 20240229


@dataclass(frozen=True, eq=False)
class Patterns:
    """The likelihood's rows after collapse.

    Attributes
    ----------
    X : ndarray or csr_array, shape (n_patterns, n_terms)
    successes, trials : ndarray, shape (n_patterns,)
        Weighted sums over the rows of the pattern where collapsed.
    weights : ndarray, shape (n_patterns,)
        Ones where collapsed; the rows' own weights otherwise.
    offset : ndarray, shape (n_patterns,)
    index : ndarray of int, shape (n_rows,)
        Pattern of each row.
    collapsed : bool
        False where collapsing would not have paid; then the rows are handed on as they came.
    """

    X: Matrix
    successes: Array
    trials: Array
    weights: Array
    offset: Array
    index: NDArray[np.int64]
    collapsed: bool


def collapse(X: Matrix, successes: Array, trials: Array, weights: Array, offset: Array) -> Patterns:
    """Merge rows with equal covariates and offset, where that makes the likelihood much shorter.

    Parameters
    ----------
    X : ndarray or csr_array, shape (n_rows, n_terms)
    successes, trials, weights, offset : ndarray, shape (n_rows,)

    Notes
    -----
    A sample of rows says whether enough rows repeat (Chao's lower bound on the number of distinct rows), so that a
    table of continuous columns costs next to nothing. Equal hashes are confirmed by comparing the rows.
    """
    n_rows = int(successes.shape[0])
    everything = Patterns(X, successes, trials, weights, offset, np.arange(n_rows), collapsed=False)
    if n_rows < 2 or (n_rows > _SMALL and _guess_distinct(X, offset) > _GUESS * n_rows):
        return everything
    first, index = _group(X, offset)
    if len(first) > (_WORTH if n_rows <= _SMALL else _WORTH_LARGE) * n_rows:
        return everything
    return Patterns(
        X=_rows(X, first),
        successes=_sums(index, weights * successes, len(first)),
        trials=_sums(index, weights * trials, len(first)),
        weights=np.ones(len(first)),
        offset=offset[first],
        index=index,
        collapsed=True,
    )


def _sums(index: NDArray[np.int64], values: Array, n_patterns: int) -> Array:
    return np.asarray(np.bincount(index, weights=values, minlength=n_patterns), dtype=np.float64)


def _rows(X: Matrix, positions: NDArray[np.int64]) -> Matrix:
    if isinstance(X, np.ndarray):
        return np.ascontiguousarray(X[positions])
    return sp.csr_array(X[positions])


def _guess_distinct(X: Matrix, offset: Array) -> float:
    """Chao's estimate of the number of distinct rows, from a sample."""
    sample = np.sort(np.random.default_rng(_SEED).choice(X.shape[0], _SAMPLE, replace=False))
    counts = np.unique(_hash(_rows(X, sample), offset[sample]), return_counts=True)[1]
    once, twice = int((counts == 1).sum()), int((counts == 2).sum())
    return len(counts) + once * (once - 1) / (2 * (twice + 1))


def _group(X: Matrix, offset: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First row of each pattern, in the order of the rows, and the pattern of each row."""
    import pandas as pd  # its hash table is ten times faster than a sort

    index, distinct = pd.factorize(_hash(X, offset))
    first = np.empty(len(distinct), dtype=np.int64)
    first[index[::-1]] = np.arange(len(index))[::-1]
    if not _confirmed(X, offset, first[index]):
        # two different rows met in one hash of 64 bits: sort the rows themselves, once in many lifetimes
        return _group_by_sorting(X, offset)
    return first, index.astype(np.int64)


def _group_by_sorting(X: Matrix, offset: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """`_group` without hashes."""
    dense = X if isinstance(X, np.ndarray) else X.toarray()
    rows = np.column_stack([dense, offset]) + 0.0
    _, first, index = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    place = np.empty(len(first), dtype=np.int64)
    place[order] = np.arange(len(first))
    return first[order].astype(np.int64), place[index.reshape(-1)]


def _mix(bits: NDArray[np.uint64], salt: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread the bits of each value (the finaliser of SplitMix64), differently under each salt."""
    bits = bits ^ salt
    bits ^= bits >> np.uint64(30)
    bits *= np.uint64(0xBF58476D1CE4E5B9)
    bits ^= bits >> np.uint64(27)
    bits *= np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    return bits


def _salts(positions: NDArray[np.int64]) -> NDArray[np.uint64]:
    """One salt for each column."""
    golden = np.array([0x9E3779B97F4A7C15], dtype=np.uint64)
    return _mix((positions.astype(np.uint64) + np.uint64(1)) * golden, golden)


def _bits(values: Array) -> NDArray[np.uint64]:
    return np.ascontiguousarray(values + 0.0).view(np.uint64)  # + 0.0 makes -0.0 and 0.0 one value


def _hash(X: Matrix, offset: Array) -> NDArray[np.uint64]:
    """A 64-bit hash of each row of (X, offset)."""
    n_rows, n_columns = X.shape
    out = _mix(_bits(offset), _salts(np.array([n_columns])))
    if isinstance(X, np.ndarray):
        salts = _salts(np.arange(n_columns))
        size = max(1, _CELLS // max(n_columns, 1))
        for start in range(0, n_rows, size):
            block = slice(start, start + size)
            out[block] += _mix(_bits(X[block]), salts).sum(axis=1, dtype=np.uint64)
        return out
    stored = X.data != 0  # an explicit zero is the same row as an absent one
    parts = np.where(stored, _mix(_bits(X.data), _salts(X.indices.astype(np.int64))), np.uint64(0))
    totals = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(parts, dtype=np.uint64)])
    return np.asarray(out + (totals[X.indptr[1:]] - totals[X.indptr[:-1]]), dtype=np.uint64)


def _confirmed(X: Matrix, offset: Array, twin: NDArray[np.int64]) -> bool:
    """Whether each row equals the first row of its pattern."""
    if not np.array_equal(offset, offset[twin]):
        return False
    if isinstance(X, np.ndarray):
        blocks = range(0, X.shape[0], _BLOCK)
        return all(
            np.array_equal(X[start : start + _BLOCK], X[twin[start : start + _BLOCK]]) for start in blocks
        )
    differing: Any = X - X[twin]
    return not np.any(differing.data)
