"""Trials, weights and offset: columns by name, or arrays beside the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from problogit.data.columns import Column, Labels, Numbers, Opaque
from problogit.data.conversion import as_column
from problogit.data.table import Table
from problogit.errors import DataError, InputError, explain
from problogit.validation import check_integer

__all__ = ["Roles", "RowParts", "check_index", "read_roles"]

_ROLES = ("trials", "weights", "offset")


@dataclass(frozen=True)
class Roles:
    """Where trials, weights and offset come from.

    Attributes
    ----------
    columns : mapping of str to str
        Role to column name, for those given by name.
    arrays : tuple of str
        Roles that were given as arrays; new data cannot supply these.
    weights_type : str
    constants : mapping of str to float
        Trials that were given as one number: every row of any table has as many.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    arrays: tuple[str, ...] = ()
    weights_type: str = "frequency"
    constants: Mapping[str, float] = field(default_factory=dict)

    @property
    def given(self) -> tuple[str, ...]:
        """Roles that are in use."""
        return (*self.columns, *self.arrays, *self.constants)

    def to_state(self) -> dict[str, Any]:
        """The roles as plain JSON-able values."""
        return {
            "columns": dict(self.columns),
            "arrays": list(self.arrays),
            "weights_type": self.weights_type,
            "constants": dict(self.constants),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Roles:
        """The roles that `to_state` wrote."""
        columns = {str(role): str(name) for role, name in state["columns"].items()}
        arrays = tuple(str(role) for role in state["arrays"])
        constants = {str(role): float(value) for role, value in state.get("constants", {}).items()}
        if not {*columns, *arrays, *constants} <= set(_ROLES):
            raise ValueError("a role is unknown")
        return cls(columns, arrays, str(state["weights_type"]), constants)

    def for_new_data(self, table: Table, wanted: tuple[str, ...]) -> RowParts:
        """The wanted roles of a new table.

        Raises
        ------
        DataError
            A role was an array when the model was fitted.
        """
        for role in wanted:
            if role in self.arrays:
                raise DataError(
                    f"{role} was given as an array when the model was fitted, so that new data cannot supply it; "
                    f"put it into the table and fit by formula with {role}='its column'."
                )
        found = {
            role: _numbers(role, table.columns[self.columns[role]]) for role in wanted if role in self.columns
        }
        found |= {role: _repeated(self.constants[role], table) for role in wanted if role in self.constants}
        return RowParts(table.n_rows, table.index, **found)


@dataclass(frozen=True, eq=False)
class RowParts:
    """Trials, weights and offset of all rows of a table, as given."""

    n_rows: int
    index: Any
    trials: Numbers | None = None
    weights: Numbers | None = None
    offset: Numbers | None = None


def _numbers(role: str, column: Column) -> Numbers:
    if isinstance(column, Numbers):
        return column
    what = (
        column.what
        if isinstance(column, Opaque)
        else "text or categories"
        if isinstance(column, Labels)
        else ""
    )
    raise DataError(explain(role, "must hold numbers", what))


def read_roles(
    given: Mapping[str, Any], weights_type: str, table: Table, *, named: bool
) -> tuple[Roles, RowParts]:
    """Find trials, weights and offset: a string names a column of the table, a number is the trials of every row.

    Anything else is an array.

    Parameters
    ----------
    given : mapping
        ``trials``, ``weights`` and ``offset`` as the user gave them.
    weights_type : str
    table : Table
        Holds the columns that were named.
    named : bool
        Whether there is a table with names; if not (arrays), a name is an error.
    """
    columns: dict[str, str] = {}
    arrays: list[str] = []
    constants: dict[str, float] = {}
    found: dict[str, Numbers] = {}
    for role in _ROLES:
        value = given.get(role)
        if value is None:
            continue
        if isinstance(value, str):
            if not named:
                raise InputError(explain(role, "must be an array where the model is made from arrays", value))
            columns[role] = value
            found[role] = _numbers(role, table.columns[value])
        elif role == "trials" and np.ndim(value) == 0:
            constants[role] = float(check_integer(role, value, 1))
            found[role] = _repeated(constants[role], table)
        else:
            arrays.append(role)
            found[role] = _array(role, value, table)
    roles = Roles(columns, tuple(arrays), weights_type, constants)
    return roles, RowParts(table.n_rows, table.index, **found)


def _repeated(value: float, table: Table) -> Numbers:
    return Numbers(np.full(table.n_rows, value))


def _array(role: str, value: Any, table: Table) -> Numbers:
    if np.ndim(value) == 0:
        raise InputError(explain(role, "must be a column name or an array", value))
    column = _numbers(role, as_column(role, value))
    if len(column) != table.n_rows:
        raise InputError(
            explain(role, f"must have one value for each of the {table.n_rows} rows", f"{len(column)} values")
        )
    check_index(role, value, table)
    return column


def check_index(role: str, value: Any, table: Table) -> None:
    """A Series in another row order than the table would be paired wrongly; say so."""
    import pandas as pd

    if (
        isinstance(value, pd.Series)
        and isinstance(table.index, pd.Index)
        and not value.index.equals(table.index)
    ):
        raise InputError(
            f"{role} is a Series with other row labels than the data; reindex it, or pass {role}.to_numpy() to pair "
            "by position."
        )
