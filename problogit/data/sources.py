"""Rows from anywhere: open a table, say which columns it has, read only those that are needed."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from problogit.data.files import open_files
from problogit.data.table import Source, show_rows
from problogit.errors import DataError, explain

__all__ = ["Source", "is_frame", "open_source", "show_rows"]

_ACCEPTED = (
    "a pandas or polars DataFrame, a pyarrow Table, a dict of arrays, or a path to CSV or Parquet "
    "(a file, a folder or a glob)"
)


@dataclass(frozen=True, eq=False)
class PandasSource(Source):
    """A pandas DataFrame; its index is kept."""

    frame: Any
    columns: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, as text."""
        return self.columns

    @property
    def origin(self) -> str:
        """What the table is called in messages."""
        return "the data"

    def load(self, wanted: Sequence[str]) -> tuple[dict[str, Any], int, Any]:
        """The columns as Series."""
        place = {name: i for i, name in enumerate(self.columns)}
        return {name: self.frame.iloc[:, place[name]] for name in wanted}, len(self.frame), self.frame.index

    def snapshot(self) -> PandasSource:
        """The same columns in a frame of its own; nothing is copied."""
        return PandasSource(self.frame.copy(deep=False), self.columns)


@dataclass(frozen=True, eq=False)
class ColumnarSource(Source):
    """A polars DataFrame or a pyarrow Table: both give a column by name and know their length."""

    frame: Any
    columns: tuple[str, ...]
    n_rows: int

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return self.columns

    @property
    def origin(self) -> str:
        """What the table is called in messages."""
        return "the data"

    def load(self, wanted: Sequence[str]) -> tuple[dict[str, Any], int, Any]:
        """The columns as the library's own arrays."""
        return {name: self.frame[name] for name in wanted}, self.n_rows, None


@dataclass(frozen=True, eq=False)
class DictSource(Source):
    """A mapping of names to arrays; single values are repeated, all single values make one row."""

    data: Mapping[str, Any]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(str(name) for name in self.data)

    @property
    def origin(self) -> str:
        """What the table is called in messages."""
        return "the data"

    def load(self, wanted: Sequence[str]) -> tuple[dict[str, Any], int, Any]:
        """The columns as given, checked for one common length."""
        columns = {str(name): values for name, values in self.data.items() if not _is_single(values)}
        lengths = {name: len(values) for name, values in columns.items()}
        if len(set(lengths.values())) > 1:
            shown = ", ".join(f"{name}: {length}" for name, length in list(lengths.items())[:8])
            raise DataError(explain("data", "must have columns of one length", shown))
        n_rows = next(iter(lengths.values())) if lengths else 1
        singles = {str(name): [value] * n_rows for name, value in self.data.items() if _is_single(value)}
        return {name: (columns | singles)[name] for name in wanted}, n_rows, None

    def snapshot(self) -> DictSource:
        """The same arrays in a mapping of its own."""
        return DictSource(dict(self.data))


def _is_single(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim == 0
    return isinstance(value, (str, bytes)) or not isinstance(value, Sized)


def is_frame(data: Any) -> bool:
    """True for a table with named columns that is already in memory."""
    pandas, polars, arrow = (sys.modules.get(name) for name in ("pandas", "polars", "pyarrow"))
    return bool(
        (pandas is not None and isinstance(data, pandas.DataFrame))
        or (polars is not None and isinstance(data, (polars.DataFrame, polars.LazyFrame)))
        or (arrow is not None and isinstance(data, arrow.Table))
    )


def open_source(data: Any) -> Source:
    """Open the user's table.

    Parameters
    ----------
    data : DataFrame, pyarrow.Table, mapping of str to array, numpy record array, str or path
        A path may be a CSV or Parquet file, a folder of them, or a glob such as ``"data/*.parquet"``.

    Raises
    ------
    DataError
        Not a table, a missing file, an unknown suffix, names that are not unique.
    """
    source = _open(data)
    twice = sorted(name for name, count in Counter(source.names).items() if count > 1)
    if twice:
        raise DataError(
            explain("data", "must have unique column names", ", ".join(twice), "Rename the columns.")
        )
    return source


def _open(data: Any) -> Source:
    if isinstance(data, Source):
        return data
    if isinstance(data, (str, os.PathLike)):
        return open_files(Path(os.fspath(data)))
    if is_frame(data):
        return _open_frame(data)
    if isinstance(data, np.ndarray) and data.dtype.names:
        return DictSource({name: data[name] for name in data.dtype.names})
    if isinstance(data, Mapping):
        return DictSource(data)
    raise DataError(explain("data", f"must be {_ACCEPTED}", type(data).__name__))


def _open_frame(data: Any) -> Source:
    pandas, polars = (sys.modules.get(name) for name in ("pandas", "polars"))
    if pandas is not None and isinstance(data, pandas.DataFrame):
        if data.columns.nlevels > 1:
            raise DataError(
                explain("data", "must have one row of column names", f"{data.columns.nlevels} levels")
            )
        return PandasSource(data, tuple(str(name) for name in data.columns))
    if polars is not None and isinstance(data, polars.LazyFrame):
        data = data.collect()
    if polars is not None and isinstance(data, polars.DataFrame):
        return ColumnarSource(data, tuple(data.columns), data.height)
    return ColumnarSource(data, tuple(data.column_names), data.num_rows)
