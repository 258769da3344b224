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

from problogit.data.columns import Labels, plain
from problogit.data.nodes import Basis, Marked
from problogit.data.rows import Array
from problogit.data.state import pack, unpack
from problogit.errors import DataError, FormulaError, UnseenLevelError
from problogit.validation import nearest

__all__ = ["Categorical", "Coding", "Factor", "Numeric", "Values", "factor_from_state", "learn_factor"]

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

    def encode(self, value: Any, rows: Callable[[Any], str]) -> Values:  # noqa: ARG002
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

    def encode(self, value: Any, rows: Callable[[Any], str]) -> Values:  # noqa: ARG002
        """Positions in `levels`; `UNSEEN` where the level has no rows in the training data."""
        labels = _labels(value.values if isinstance(value, Marked) else value)
        if labels is None:
            raise DataError(
                f"{self.name!r} was a factor when the model was fitted and holds several numbers now."
            )
        place = {level: i for i, level in enumerate(self.levels)}
        lookup = np.array([place.get(level, UNSEEN) for level in labels.levels], dtype=np.int64)
        if not lookup.size:
            return np.full(len(labels), UNSEEN, dtype=np.int64)
        return np.asarray(lookup[labels.codes], dtype=np.int64)

    def unseen(self, value: Any, codes: Codes, index: Any) -> UnseenLevelError:
        """The error for rows whose code is `UNSEEN`."""
        labels = _labels(value.values if isinstance(value, Marked) else value)
        rows = np.flatnonzero(codes == UNSEEN)
        found = (
            tuple(dict.fromkeys(labels.levels[code] for code in labels.codes[rows]))
            if labels is not None
            else ()
        )
        labelled = tuple(index[int(row)] for row in rows)
        shown = ", ".join(str(label) for label in labelled[:5]) + (
            f" and {len(labelled) - 5} more" if len(labelled) > 5 else ""
        )
        known = ", ".join(repr(level) for level in self.levels[:8]) + (
            ", ..." if len(self.levels) > 8 else ""
        )
        message = (
            f"column {self.column!r} holds {'a level' if len(found) == 1 else 'levels'} that the training data did not "
            f"have: {', '.join(repr(level) for level in found[:8])}{', ...' if len(found) > 8 else ''} (row"
            f"{'s' if len(labelled) != 1 else ''} {shown}); known are {known}. Ask for unseen='nan' (no prediction there) "
            "or unseen='average' (the average of the known levels)."
        )
        return UnseenLevelError(message, self.column, found, labelled)

    def _table(self, *, reduced: bool) -> sp.csr_array:
        """Rows of the levels; the last row, at position -1, is their average, for `UNSEEN`."""
        table = self.coding(reduced=reduced).table
        if table is None:
            raise DataError(f"factor {self.name!r} has no coding.")
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
    table = sp.coo_array(coding.table)
    rows, columns = table.coords
    return {
        "names": list(coding.names),
        "rows": rows.tolist(),
        "columns": columns.tolist(),
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


def _labels(value: Any) -> Labels | None:
    """Any one value a row as labels; numbers become their sorted distinct values, as R and pandas do."""
    if isinstance(value, Labels):
        return value
    if isinstance(value, np.ndarray) and value.ndim == 1:
        levels, codes = np.unique(value, return_inverse=True)
        return Labels(codes.astype(np.int64).reshape(-1), tuple(plain(level) for level in levels))
    return None


def learn_factor(name: str, column: str, value: Any, mass: Array) -> tuple[Factor, Values, tuple[str, ...]]:
    """Learn a factor from its training values.

    Parameters
    ----------
    name : str
        The factor as the formula writes it.
    column : str
        What messages call it.
    value : array, Labels, Marked or Basis
        Values of the training rows, nothing missing.
    mass : ndarray, shape (n,)
        Trials x weight of each row, for the average level.

    Returns
    -------
    factor, values, notes
        The factor, the training values as it holds them, and what the user should know.
    """
    if isinstance(value, Labels):
        value = Marked(value)
    if isinstance(value, Marked):
        return _learn_categorical(name, column, value, mass)
    if isinstance(value, Basis):
        width = value.matrix.shape[1]
        names = tuple(f"{name}[{label}]" for label in value.fields)
        kept = tuple(i for i in range(width) if i != value.drop)
        full = Coding(names, picks=tuple(range(width)))
        reduced = Coding(tuple(names[i] for i in kept), picks=kept)
        factor = Numeric(name, full, reduced, spans_intercept=value.drop is not None)
        return factor, value.matrix, ()
    if isinstance(value, np.ndarray):
        coding = Coding((name,), picks=(0,))
        return Numeric(name, coding, coding), value.astype(np.float64, copy=False)[:, None], ()
    raise FormulaError(f"{name!r} in the formula gives neither numbers nor a factor.")


def _learn_categorical(
    name: str, column: str, marked: Marked, mass: Array
) -> tuple[Factor, Values, tuple[str, ...]]:
    labels = _labels(marked.values)
    if labels is None:
        raise FormulaError(f"{name!r} in the formula must give one value a row.")
    labels = _declared(name, labels, marked)
    counts = np.bincount(labels.codes, minlength=len(labels.levels))
    contrast, custom = _contrast(marked.contrasts)
    notes: list[str] = []
    empty = [level for level, count in zip(labels.levels, counts, strict=True) if not count]
    if empty and not custom:
        labels = _drop_levels(labels, counts)
        if labels.declared or marked.levels is not None:
            notes.append(_note_on_empty(column, empty))
    shares = np.bincount(labels.codes, weights=mass, minlength=len(labels.levels))
    factor = Categorical(
        name=name,
        column=column,
        levels=labels.levels,
        shares=shares / max(float(shares.sum()), np.finfo(np.float64).tiny),
        full=_coding(name, contrast, labels.levels, reduced=False),
        reduced=_coding(name, contrast, labels.levels, reduced=True),
        spans_intercept=marked.spans_intercept,
    )
    return factor, labels.codes, tuple(notes)


def _note_on_empty(column: str, empty: list[Any]) -> str:
    shown = ", ".join(repr(level) for level in empty[:8]) + (
        f" and {len(empty) - 8} more" if len(empty) > 8 else ""
    )
    plural = len(empty) > 1
    return (
        f"The level{'s' if plural else ''} {shown} of {column!r} {'have' if plural else 'has'} no rows and "
        f"{'were' if plural else 'was'} left out."
    )


def _declared(name: str, labels: Labels, marked: Marked) -> Labels:
    """The labels under the levels that ``C(x, levels=[...])`` names."""
    if marked.levels is None:
        return labels
    if len(set(marked.levels)) != len(marked.levels):
        raise FormulaError(f"{name}: levels= must name each level once.")
    place = {level: i for i, level in enumerate(marked.levels)}
    used = {labels.levels[code] for code in np.unique(labels.codes)}
    stray = sorted((level for level in used if level not in place), key=str)
    if stray:
        raise DataError(
            f"{name}: the data hold {', '.join(map(repr, stray[:8]))}, which levels= does not name."
        )
    lookup = np.array([place.get(level, UNSEEN) for level in labels.levels], dtype=np.int64)
    return Labels(lookup[labels.codes], marked.levels, declared=True)


def _drop_levels(labels: Labels, counts: NDArray[Any]) -> Labels:
    kept = np.flatnonzero(counts)
    place = np.full(len(labels.levels), UNSEEN, dtype=np.int64)
    place[kept] = np.arange(len(kept))
    return Labels(place[labels.codes], tuple(labels.levels[i] for i in kept), labels.declared)


def _contrast(given: Any) -> tuple[Any, bool]:
    """Formulaic's contrast object, and whether its matrix is tied to the levels that were named."""
    from formulaic.transforms import ContrastsRegistry
    from formulaic.transforms.contrasts import Contrasts

    if given is None:
        return ContrastsRegistry.treatment(), False
    if isinstance(given, type) and issubclass(given, Contrasts):
        given = given()
    if isinstance(given, Contrasts):
        tied = isinstance(given, ContrastsRegistry.custom) or (
            isinstance(given, ContrastsRegistry.poly) and given.scores is not None
        )
        return given, tied
    if isinstance(given, (dict, list, tuple)):
        return ContrastsRegistry.custom(given), True
    raise FormulaError(
        "the second argument of C() must be a contrast such as contr.sum, or numbers for each level."
    )


def _coding(name: str, contrast: Any, levels: tuple[Any, ...], *, reduced: bool) -> Coding:
    listed = list(levels)
    if len(listed) == 1 and reduced:
        return Coding((), table=sp.csr_array((1, 0), dtype=np.float64))
    base = getattr(contrast, "base", None)
    if isinstance(base, (str, int, float)) and plain(base) not in levels:
        close = nearest(base, levels)
        hint = f"did you mean {close!r}?" if close else f"levels are {', '.join(map(repr, levels[:8]))}."
        raise DataError(f"{name}: the reference level {base!r} has no rows; {hint}")
    try:
        table = sp.csr_array(
            contrast.get_coding_matrix(listed, reduced_rank=reduced, sparse=True), dtype=np.float64
        )
        fields = contrast.get_coding_column_names(listed, reduced_rank=reduced)
        form = contrast.get_factor_format(listed, reduced_rank=reduced)
    except (ValueError, TypeError, IndexError) as error:
        raise FormulaError(f"{name}: the contrasts do not fit the levels: {error}") from error
    if table.shape[0] != len(listed):
        raise FormulaError(f"{name}: the contrasts have {table.shape[0]} rows for {len(listed)} levels.")
    table.eliminate_zeros()
    return Coding(tuple(form.format(name=name, field=label) for label in fields), table=table)
