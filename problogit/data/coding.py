"""Factors to columns: levels, contrasts, bases, and which factor is coded at full or at reduced rank.

A factor is learned once, on the training rows, and then codes any rows with the same levels, contrasts and names.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from problogit.data.columns import Bools, Labels, plain
from problogit.data.rows import Array
from problogit.data.state import pack, unpack
from problogit.data.table import show_rows
from problogit.data.values import Basis, Marked
from problogit.errors import DataError, UnseenLevelError

__all__ = ["UNSEEN", "Categorical", "Coding", "Factor", "Numeric", "Values", "as_labels", "factor_from_state"]

Codes = NDArray[np.int64]
Values = Array | Codes
UNSEEN = -1


@dataclass(frozen=True, eq=False)
class Coding:
    """The columns that a factor gives at one rank.

    Attributes
    ----------
    names : tuple of str
        Names of the columns, without interactions.
    table : csr_array or None, shape (n_levels, k)
        Row of each level, for a categorical factor.
    picks : tuple of int or None
        Columns of the basis, for a numeric factor.
    """

    names: tuple[str, ...]
    table: sp.csr_array | None = None
    picks: tuple[int, ...] = ()

    def levels_table(self) -> sp.csr_array:
        """The rows of the levels; an error for a numeric factor, which has none."""
        if self.table is None:
            raise DataError("a numeric factor has no levels.")
        return self.table


class Factor(ABC):
    """A learned factor. `full` spans the intercept where `spans_intercept`; `reduced` does not."""

    name: str
    spans_intercept: bool
    full: Coding
    reduced: Coding

    def coding(self, *, reduced: bool) -> Coding:
        """The coding at this rank."""
        return self.reduced if reduced else self.full

    @abstractmethod
    def encode(self, value: Any, rows: Callable[[Any], str]) -> Values:
        """Values of new rows as this factor holds them; raises where they are of another kind."""

    @abstractmethod
    def coder(self, *, reduced: bool) -> Callable[[Values], Array]:
        """The function from values of some rows to their columns, shape (rows, k)."""

    @abstractmethod
    def sparse(self, values: Values, *, reduced: bool) -> sp.csr_array:
        """Columns of these values as a sparse matrix."""

    @property
    @abstractmethod
    def filled(self) -> int:
        """Entries of a row that are not zero, at most."""

    @abstractmethod
    def to_state(self) -> dict[str, Any]:
        """What was learned, as plain JSON-able values."""


@dataclass(frozen=True, eq=False)
class Numeric(Factor):
    """Numbers: one column, or the several of a basis."""

    name: str
    full: Coding
    reduced: Coding
    spans_intercept: bool = False

    @property
    def filled(self) -> int:
        """Every column of a basis may be filled."""
        return len(self.full.names)

    def encode(self, value: Any, rows: Callable[[Any], str]) -> Values:
        """The matrix of the basis, shape (n, k)."""
        if isinstance(value, Basis):
            matrix = value.matrix
        elif isinstance(value, np.ndarray):
            matrix = value.astype(np.float64, copy=False)[:, None]
        else:
            raise DataError(f"{self.name!r} was numeric when the model was fitted and holds labels now.")
        if matrix.shape[1] != len(self.full.picks):
            raise DataError(
                f"{self.name!r} gave {len(self.full.picks)} columns when fitted and {matrix.shape[1]} now."
            )
        return matrix

    def coder(self, *, reduced: bool) -> Callable[[Values], Array]:
        """Picks the columns of the basis."""
        picks = list(self.coding(reduced=reduced).picks)
        return lambda values: np.asarray(
            values if len(picks) == values.shape[1] else values[:, picks], dtype=np.float64
        )

    def sparse(self, values: Values, *, reduced: bool) -> sp.csr_array:
        """Columns of these values."""
        return sp.csr_array(self.coder(reduced=reduced)(values))

    def to_state(self) -> dict[str, Any]:
        """Names of the columns, and which of them stay at reduced rank."""
        return {
            "kind": "numeric",
            "names": list(self.full.names),
            "reduced": list(self.reduced.picks),
            "spans_intercept": self.spans_intercept,
        }


@dataclass(frozen=True, eq=False)
class Categorical(Factor):
    """Labels, coded by contrasts.

    Attributes
    ----------
    name : str
        As in the formula.
    column : str
        What messages call it: the column, where the factor is one column.
    levels : tuple
        Levels with rows, in order.
    shares : ndarray, shape (n_levels,)
        Share of the training trials in each level; an unseen level can be coded as their average.
    """

    name: str
    column: str
    levels: tuple[Any, ...]
    shares: Array
    full: Coding
    reduced: Coding
    spans_intercept: bool = True

    @property
    def filled(self) -> int:
        """Indicator codings fill one column a row."""
        table = self.full.table
        return 1 if table is None or table.nnz == 0 else int(np.diff(table.indptr).max())

    def encode(self, value: Any, rows: Callable[[Any], str]) -> Values:
        """Positions in `levels`; `UNSEEN` where the level has no rows in the training data."""
        labels = as_labels(value.values if isinstance(value, Marked) else value)
        if labels is None:
            raise DataError(
                f"{self.name!r} was a factor when the model was fitted and holds several numbers now."
            )
        place = {level: i for i, level in enumerate(self.levels)}
        lookup = np.array([place.get(level, UNSEEN) for level in labels.levels], dtype=np.int64)
        if not lookup.size:
            return np.full(len(labels), UNSEEN, dtype=np.int64)
        return np.asarray(lookup[labels.codes], dtype=np.int64)

    def unseen(self, value: Any, where: Bools, index: Any) -> UnseenLevelError:
        """The error for rows whose code is `UNSEEN`."""
        labels = as_labels(value.values if isinstance(value, Marked) else value)
        rows = np.flatnonzero(where)
        found = (
            tuple(dict.fromkeys(labels.levels[code] for code in labels.codes[rows]))
            if labels is not None
            else ()
        )
        labelled = tuple(index[int(row)] for row in rows)
        levels = ", ".join(repr(level) for level in found[:8]) + (", ..." if len(found) > 8 else "")
        known = ", ".join(repr(level) for level in self.levels[:8]) + (
            ", ..." if len(self.levels) > 8 else ""
        )
        message = (
            f"column {self.column!r} holds {'a level' if len(found) == 1 else 'levels'} that the training data did not "
            f"have: {levels} ({show_rows(index, rows)}); known are {known}. Leave these rows out, or ask predict() or "
            "classify() for unseen='nan' (no prediction there) or unseen='average' (the average of the known levels)."
        )
        return UnseenLevelError(message, self.column, found, labelled)

    def _table(self, *, reduced: bool) -> sp.csr_array:
        """Rows of the levels; the last row, at position -1, is their average, for `UNSEEN`."""
        table = self.coding(reduced=reduced).levels_table()
        average = sp.csr_array(np.atleast_2d(self.shares @ table))
        return sp.csr_array(sp.vstack([table, average], format="csr"))

    def coder(self, *, reduced: bool) -> Callable[[Values], Array]:
        """Looks the codes up in the contrasts."""
        table = np.asarray(self._table(reduced=reduced).toarray(), dtype=np.float64)
        return lambda codes: table[codes]

    def sparse(self, values: Values, *, reduced: bool) -> sp.csr_array:
        """Columns of these codes."""
        table = self._table(reduced=reduced)
        positions = np.where(np.asarray(values) < 0, table.shape[0] - 1, values)
        return sp.csr_array(table[positions])

    def to_state(self) -> dict[str, Any]:
        """Levels, shares and contrasts."""
        return {
            "kind": "categorical",
            "column": self.column,
            "levels": [pack(level) for level in self.levels],
            "shares": self.shares.tolist(),
            "spans_intercept": self.spans_intercept,
            "full": _pack_coding(self.full),
            "reduced": _pack_coding(self.reduced),
        }


def _pack_coding(coding: Coding) -> dict[str, Any]:
    table = sp.coo_array(coding.levels_table())
    return {
        "names": list(coding.names),
        "rows": table.row.tolist(),
        "columns": table.col.tolist(),
        "values": table.data.tolist(),
    }


def _unpack_coding(state: Mapping[str, Any], n_levels: int) -> Coding:
    names = tuple(str(name) for name in state["names"])
    rows, columns = (np.asarray(state[key], dtype=np.int64) for key in ("rows", "columns"))
    values = np.asarray(state["values"], dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError("contrasts must be finite")
    return Coding(names, table=sp.csr_array((values, (rows, columns)), shape=(n_levels, len(names))))


def factor_from_state(name: str, state: Mapping[str, Any]) -> Factor:
    """The factor that `Factor.to_state` wrote; raises ValueError, TypeError or KeyError for anything else."""
    spans = bool(state["spans_intercept"])
    if state["kind"] == "numeric":
        names = tuple(str(label) for label in state["names"])
        picks = tuple(int(i) for i in state["reduced"])
        if not all(0 <= i < len(names) for i in picks):
            raise ValueError("a factor has columns that do not exist")
        full = Coding(names, picks=tuple(range(len(names))))
        return Numeric(name, full, Coding(tuple(names[i] for i in picks), picks=picks), spans)
    if state["kind"] != "categorical":
        raise ValueError("a factor is of an unknown kind")
    levels = tuple(plain(unpack(level)) for level in state["levels"])
    shares = np.asarray(state["shares"], dtype=np.float64)
    if shares.shape != (len(levels),) or not np.isfinite(shares).all():
        raise ValueError("a factor's shares do not fit its levels")
    codings = {key: _unpack_coding(state[key], len(levels)) for key in ("full", "reduced")}
    return Categorical(name, str(state["column"]), levels, shares, codings["full"], codings["reduced"], spans)


def as_labels(value: Any) -> Labels | None:
    """Any one value a row as labels; numbers become their sorted distinct values, as R and pandas do."""
    if isinstance(value, Labels):
        return value
    if isinstance(value, np.ndarray) and value.ndim == 1:
        levels, codes = np.unique(value, return_inverse=True)
        return Labels(codes.astype(np.int64).reshape(-1), tuple(plain(level) for level in levels))
    return None
