"""A table that can be read by column name, wherever it is kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from problogit.data.columns import Column
from problogit.data.conversion import as_column
from problogit.errors import DataError, explain
from problogit.validation import nearest

__all__ = ["Source", "Table", "show_rows", "unknown_column"]


@dataclass(frozen=True, eq=False)
class Table:
    """Some columns of the user's table.

    Attributes
    ----------
    columns : mapping of str to Column
    n_rows : int
    index : object
        Labels of the rows: a pandas Index, or positions.
    origin : str
        What the table is called in messages.
    """

    columns: Mapping[str, Column]
    n_rows: int
    index: Any
    origin: str

    def take(self, rows: Any, names: Iterable[str] | None = None) -> dict[str, Column]:
        """Columns at these positions (in order, each at most once); all columns by default."""
        wanted = self.columns if names is None else {name: self.columns[name] for name in names}
        if len(rows) == self.n_rows:  # all of them: nothing to copy
            return dict(wanted)
        return {name: column.take(rows) for name, column in wanted.items()}


class Source(ABC):
    """A table that can be read by column name."""

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Names of all columns, in order."""

    @property
    @abstractmethod
    def origin(self) -> str:
        """What the table is called in messages."""

    @abstractmethod
    def load(self, wanted: Sequence[str]) -> tuple[dict[str, Any], int, Any]:
        """The raw columns of these names, the number of rows, and the labels of the rows (None: positions)."""

    def snapshot(self) -> Source:
        """A table that keeps its columns when the user adds, drops or replaces some later; by default itself."""
        return self

    def read(self, wanted: Iterable[str]) -> Table:
        """Read these columns.

        Raises
        ------
        DataError
            A column is not there (the message suggests the nearest name), or the table is ragged.
        """
        wanted = tuple(dict.fromkeys(wanted))
        present = set(self.names)
        for name in wanted:
            if name not in present:
                raise unknown_column(name, self.names, self.origin)
        raw, n_rows, index = self.load(wanted)
        columns = {name: as_column(name, values) for name, values in raw.items()}
        for name, column in columns.items():
            if len(column) != n_rows:
                raise DataError(
                    explain(f"column {name!r}", f"must have {n_rows} rows as the others", len(column))
                )
        return Table(columns, n_rows, np.arange(n_rows) if index is None else index, self.origin)


def unknown_column(name: str, names: Sequence[str], origin: str, taken: Sequence[str] = ()) -> DataError:
    """The error for a column that is not in the table; it suggests the nearest name that is not `taken` by another."""
    close = nearest(name, [other for other in names if other not in taken])
    listed = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    hint = f"did you mean {close!r}?" if close else f"it has {listed or 'no columns'}."
    return DataError(f"column {name!r} is not in {origin}; {hint}")


def show_rows(index: Any, positions: Any, limit: int = 5) -> str:
    """Row labels for a message, e.g. ``rows 3, 8 and 12 more``."""
    positions = np.flatnonzero(positions) if np.asarray(positions).dtype == bool else np.asarray(positions)
    shown = ", ".join(str(index[int(position)]) for position in positions[:limit])
    more = len(positions) - limit
    return f"row{'s' if len(positions) != 1 else ''} {shown}" + (f" and {more} more" if more > 0 else "")
