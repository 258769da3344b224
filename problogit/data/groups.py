"""Which rows belong together: columns of clusters, read from the user's table when a method asks for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from problogit.data.columns import Column, Labels
from problogit.data.conversion import as_column
from problogit.data.roles import check_index
from problogit.data.table import Source, Table, show_rows
from problogit.errors import DataError, InputError, explain
from problogit.validation import nearest

__all__ = ["GroupColumns", "group_names", "read_groups"]

Codes = NDArray[np.int64]


def group_names(groups: Any) -> tuple[str, ...]:
    """Column names as a tuple: of one name, or of a sequence of one or two.

    Raises
    ------
    InputError
        Something else, more than two, or one name twice.
    """
    names = (groups,) if isinstance(groups, str) else groups
    if (
        not isinstance(names, Sequence)
        or not 1 <= len(names) <= 2
        or not all(isinstance(name, str) for name in names)
        or len(set(names)) < len(names)
    ):
        rule = "must be a column name, or a sequence of one or two different names"
        raise InputError(explain("groups", rule, groups, "As in groups='school' or groups=('firm', 'year')."))
    return tuple(names)


@dataclass(frozen=True, eq=False)
class GroupColumns:
    """Where the columns of groups are: in the user's table, or beside it.

    Attributes
    ----------
    n_rows : int
        Rows of the user's table.
    index : object
        Their labels.
    source : Source or None
        The table; None where the model was made from arrays.
    given : mapping of str to Column
        Columns that came as arrays.
    default : tuple of str
        The names that a method takes where it names none.
    """

    n_rows: int
    index: Any
    source: Source | None = None
    given: Mapping[str, Column] = field(default_factory=dict)
    default: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every column that there is."""
        return (*self.given, *(() if self.source is None else self.source.names))

    def column(self, name: str, kept: Codes) -> Column:
        """A column at the rows in use; raises as `codes` does where there is none."""
        return self._column(name).take(kept)

    def codes(self, name: str, kept: Codes, *, complete: bool = True) -> Codes:
        """The group of each row in use, 0 to G - 1 in order of first appearance, shape (n_obs,).

        Parameters
        ----------
        name : str
        kept : ndarray of int, shape (n_obs,)
            Positions of the rows in the table.
        complete : bool
            Insist on a group for every row; without it, -1 where it is missing.

        Raises
        ------
        InputError
            There is no such column, it is missing in rows in use, or the table is no longer the one that was fitted.
        """
        column = self.column(name, kept)
        gaps = np.flatnonzero(column.is_missing())
        if gaps.size and complete:
            where = show_rows(self.index, kept[gaps])
            raise DataError(
                f"groups: column {name!r} is missing in {gaps.size} of the {kept.size} rows in use ({where}). Every "
                "row must belong to a group: fill these values, or take the rows out of the data and make the model "
                "again."
            )
        import pandas as pd  # its hash table, as for patterns

        labels = column.codes if isinstance(column, Labels) else column.values
        codes = np.asarray(pd.factorize(labels)[0], dtype=np.int64)
        if gaps.size:
            codes[gaps] = -1
        return codes

    def _column(self, name: str) -> Column:
        if name in self.given:
            return self.given[name]
        if self.source is None or name not in self.source.names:
            raise _unknown(name, self.names)
        table = self.source.read((name,))
        if table.n_rows != self.n_rows:
            raise DataError(
                f"groups: {self.source.origin} had {self.n_rows} rows when the model was made and has {table.n_rows} "
                "now, so that groups can no longer be matched to rows. Make the model again."
            )
        return table.columns[name]


def _unknown(name: str, names: Sequence[str]) -> DataError:
    if not names:
        remedy = "This model was made from arrays: LogitModel.from_arrays(X, y, groups=ids) gives it groups."
        return DataError(explain("groups", "must name a column of the data", name, remedy))
    close = nearest(name, names)
    listed = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    remedy = f"Did you mean {close!r}?" if close else f"There are {listed}."
    return DataError(explain("groups", "must name a column of the data", name, remedy))


def read_groups(groups: Any, table: Table, source: Source | None) -> GroupColumns:
    """The groups of a model: names of columns of the table, an array of ids, or a mapping of names to arrays.

    Parameters
    ----------
    groups : str, sequence of str, array, mapping or None
    table : Table
        Says how many rows there are, and their labels.
    source : Source or None
        Where columns are read from by name.
    """
    if source is not None:
        source = source.snapshot()
    if groups is None:
        return GroupColumns(table.n_rows, table.index, source)
    if source is not None and _are_names(groups):
        names = group_names(groups)
        for name in names:
            if name not in source.names:
                raise _unknown(name, source.names)
        return GroupColumns(table.n_rows, table.index, source, {}, names)
    arrays = _arrays(groups)
    group_names(tuple(arrays))
    given = {name: _ids(name, values, table) for name, values in arrays.items()}
    return GroupColumns(table.n_rows, table.index, source, given, tuple(given))


def _are_names(groups: Any) -> bool:
    """Names rather than ids: a string, or a short sequence of them."""
    return isinstance(groups, str) or (
        isinstance(groups, (tuple, list)) and len(groups) <= 2 and all(isinstance(g, str) for g in groups)
    )


def _arrays(groups: Any) -> dict[str, Any]:
    import pandas as pd

    if isinstance(groups, pd.DataFrame):
        return {str(name): groups[name] for name in groups.columns}
    if isinstance(groups, Mapping):
        return {str(name): values for name, values in groups.items()}
    if isinstance(groups, str) or np.ndim(groups) == 0:
        rule = "must be an array of ids where the model is made from arrays"
        raise InputError(explain("groups", rule, groups))
    return {str(getattr(groups, "name", None) or "groups"): groups}


def _ids(name: str, values: Any, table: Table) -> Column:
    if isinstance(values, str) or np.ndim(values) != 1 or len(values) != table.n_rows:
        rule = f"must have one id for each of the {table.n_rows} rows"
        received = f"{len(values)} values" if np.ndim(values) == 1 else values
        raise InputError(explain(f"groups {name!r}", rule, received))
    check_index("groups", values, table)
    return as_column(name, values)
