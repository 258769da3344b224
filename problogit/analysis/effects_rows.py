"""The rows that effects are averaged over, and their design where variables of the user's table are changed.

A change is made to the table and coded again, so that interactions, splines, transforms and factors follow it; only the
columns of the design that depend on the changed variables are made, block by block.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from problogit.core.coefficients import as_dense
from problogit.data.columns import Column, Labels, Numbers
from problogit.data.formula_design import FormulaDesign
from problogit.data.partial import is_linear, part_of
from problogit.data.rows import Array, Matrix
from problogit.data.table import Table
from problogit.errors import DataError, InputError

__all__ = ["EffectRows", "FormulaRows", "MatrixRows", "Moved", "Place", "Set", "Shift", "Step"]

_VALUES = 2_000_000
_REMEDY = (
    "Two values within the data can be compared: variables={'x': (low, high)}; kind='slope' stays within too."
)


@dataclass(frozen=True)
class Set:
    """The variable is the same in every row."""

    name: str
    value: Any

    def apply(self, column: Column) -> Column:
        """The column with this value throughout, of the kind that it was."""
        if isinstance(column, Labels):
            return Labels(np.zeros(len(column), dtype=np.int64), (self.value,))
        if column.values.dtype == np.bool_:
            return Numbers(np.full(len(column), bool(self.value)))
        return Numbers(np.full(len(column), float(self.value)))


@dataclass(frozen=True)
class Shift:
    """The variable is larger by this amount in every row."""

    name: str
    amount: float

    def apply(self, column: Column) -> Column:
        """The column, moved."""
        return Numbers(_floats(self.name, column) + self.amount)


@dataclass(frozen=True, eq=False)
class Place:
    """The variable has a value of its own in each row: shape (n_rows of the block,)."""

    name: str
    values: Array

    def apply(self, column: Column) -> Column:
        """The values."""
        return Numbers(self.values)


Step = Set | Shift | Place


def _floats(name: str, column: Column) -> Array:
    if isinstance(column, Numbers):
        return column.floats()
    raise InputError(f"variables: {name!r} is no number, so that nothing can be added to it.")


@dataclass(frozen=True, eq=False)
class Moved:
    """How far a block of the design moves.

    Attributes
    ----------
    columns : ndarray of int, shape (k,)
        The columns that may move.
    step : ndarray or csr_array, shape (n_block, k)
        By how much.
    """

    columns: NDArray[np.int64]
    step: Matrix

    def onto(self, X: Matrix) -> Matrix:
        """The whole block after the move."""
        if not sp.issparse(X):
            out = np.array(X)
            out[:, self.columns] += as_dense(self.step)
            return out
        return sp.csr_array(X + self.wide(X.shape[1]))

    def wide(self, n_terms: int) -> Matrix:
        """The move in all columns, shape (n_block, n_terms), sparse."""
        step = sp.coo_array(self.step)
        place = (step.coords[0], self.columns[step.coords[1]])
        return sp.csr_array((step.data, place), shape=(step.shape[0], n_terms))


@dataclass(frozen=True, eq=False)
class EffectRows(ABC):
    """Coded rows with their weights.

    Attributes
    ----------
    X : ndarray or csr_array, shape (n_rows, n_terms)
    offset : ndarray, shape (n_rows,)
    mass : ndarray, shape (n_rows,)
        Weight x trials: what a row counts in an average.
    copies : ndarray, shape (n_rows,)
        Units that it stands for.
    index : object
        Labels of the rows.
    kept : ndarray of int, shape (n_rows,)
        Their positions in the table.
    n_missing : int
        Rows of the table that are left out.
    """

    X: Matrix
    offset: Array
    mass: Array
    copies: Array
    index: Any
    kept: NDArray[np.int64]
    n_missing: int

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self.offset.size)

    @abstractmethod
    def column(self, name: str) -> Column:
        """The values of a variable."""

    @abstractmethod
    def touched(self, names: Sequence[str]) -> int:
        """How many columns of the design depend on these variables."""

    @abstractmethod
    def linear(self, name: str) -> bool:
        """Whether every column of the design is linear in this variable."""

    @abstractmethod
    def coded(self, block: slice, names: frozenset[str], steps: Sequence[Step]) -> Moved:
        """The columns that depend on `names`, after these steps, as they are (not their change)."""

    @abstractmethod
    def one(self, values: Mapping[str, Any]) -> EffectRows:
        """A single row with these values, and the mean offset."""

    def moved(self, block: slice, steps: Sequence[Step]) -> Moved:
        """The change of the design by these steps."""
        names = frozenset(step.name for step in steps)
        if not names:
            return Moved(np.empty(0, dtype=np.int64), np.zeros((len(range(*block.indices(self.n_rows))), 0)))
        after = self.coded(block, names, steps)
        return self.between(block, after)

    def between(self, block: slice, after: Moved) -> Moved:
        """From the rows as they are to `after`."""
        before = self.X[block][:, after.columns]
        if sp.issparse(after.step):
            return Moved(after.columns, sp.csr_array(after.step - before))
        return Moved(after.columns, np.asarray(after.step - as_dense(before)))

    def blocks(self, width: int) -> list[slice]:
        """Slices of so few rows that `width` values a row fit the memory."""
        rows = int(np.clip(_VALUES // max(1, width), 64, 32_768))
        return [slice(start, min(start + rows, self.n_rows)) for start in range(0, self.n_rows, rows)]

    @property
    def mean_offset(self) -> Array:
        """The weighted mean of the offset, shape (1,)."""
        return np.array([float(self.mass @ self.offset / self.mass.sum())])


@dataclass(frozen=True, eq=False)
class FormulaRows(EffectRows):
    """Rows of a formula's design.

    Attributes
    ----------
    design : FormulaDesign
    columns : mapping of str to Column
        The variables of the formula, at these rows.
    """

    design: FormulaDesign
    columns: Mapping[str, Column]

    def column(self, name: str) -> Column:
        """The values of a variable."""
        return self.columns[name]

    def touched(self, names: Sequence[str]) -> int:
        """How many columns of the design depend on these variables."""
        return sum(bool(behind & set(names)) for behind in self.design.column_variables)

    def linear(self, name: str) -> bool:
        """Whether the formula uses the variable only as it is."""
        return is_linear(self.design, name)

    def coded(self, block: slice, names: frozenset[str], steps: Sequence[Step]) -> Moved:
        """Code the columns that depend on `names`, after these steps."""
        part, positions = part_of(self.design, names)
        columns = {name: self.columns[name].take(block) for name in part.variables}
        for step in steps:
            if step.name in columns:
                columns[step.name] = step.apply(columns[step.name])
        index = self.index[block]
        shown = f"With {', '.join(f'{step.name} {_shown(step)}' for step in steps)} some rows have no probability:"
        try:
            X, complete, notes = part.code(Table(columns, len(index), index, "the rows with changed values"))
        except DataError as error:
            raise DataError(f"{shown} {error} {_REMEDY}") from error
        if not complete.all():
            raise DataError(f"{shown} {' '.join(notes)} {_REMEDY}")
        return Moved(positions, X)

    def one(self, values: Mapping[str, Any]) -> FormulaRows:
        """A single row."""
        columns = {
            name: Set(name, values[name]).apply(column.take(np.arange(1)))
            for name, column in self.columns.items()
        }
        X, complete, notes = self.design.code(Table(columns, 1, np.arange(1), "the typical row"))
        if not complete.all():
            raise DataError(f"at: this row has no probability. {' '.join(notes)}")
        ones = np.ones(1)
        here = np.arange(1)
        return FormulaRows(X, self.mean_offset, ones, ones, here, here, 0, self.design, columns)


def _shown(step: Step) -> str:
    if isinstance(step, Set):
        return f"= {step.value!r}"
    if isinstance(step, Shift):
        return f"{'-' if step.amount < 0 else '+'} {abs(step.amount):g}"
    return "moved a little"


@dataclass(frozen=True, eq=False)
class MatrixRows(EffectRows):
    """Rows of ready-made columns.

    Attributes
    ----------
    terms : tuple of str
    """

    terms: tuple[str, ...]

    def column(self, name: str) -> Column:
        """The values of a column."""
        return Numbers(as_dense(self.X[:, [self.terms.index(name)]]).ravel())

    def touched(self, names: Sequence[str]) -> int:
        """Each column is its own variable."""
        return len(names)

    def linear(self, name: str) -> bool:
        """Always."""
        return True

    def coded(self, block: slice, names: frozenset[str], steps: Sequence[Step]) -> Moved:
        """The columns of `names` after these steps."""
        listed = [name for name in self.terms if name in names]
        positions = np.array([self.terms.index(name) for name in listed], dtype=np.int64)
        before = as_dense(self.X[block][:, positions])
        columns: dict[str, Column] = {name: Numbers(before[:, k]) for k, name in enumerate(listed)}
        for step in steps:
            if step.name in columns:
                columns[step.name] = step.apply(columns[step.name])
        return Moved(positions, np.column_stack([_floats(name, columns[name]) for name in listed]))

    def one(self, values: Mapping[str, Any]) -> MatrixRows:
        """A single row."""
        X = np.array([[values.get(term, 1.0) for term in self.terms]], dtype=np.float64)
        ones, here = np.ones(1), np.arange(1)
        return MatrixRows(X, self.mean_offset, ones, ones, here, here, 0, self.terms)
