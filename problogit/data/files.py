"""CSV and Parquet on disk: one file, a folder of files, or a glob."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from problogit.data.table import Source
from problogit.errors import DataError, MissingDependencyError, explain

__all__ = ["CsvSource", "ParquetSource", "open_files"]

_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_PARQUET = {".parquet", ".pq"}
_COMPRESSED = {".gz", ".bz2", ".xz", ".zst", ".zip"}
_SUFFIXES = ".csv, .tsv (also .csv.gz and the like), .parquet or .pq"


def open_files(path: Path) -> Source:
    """Open a CSV or Parquet file, all files of a folder, or all files that match a glob.

    Raises
    ------
    DataError
        Nothing there, an unknown suffix, or CSV and Parquet mixed.
    """
    path = path.expanduser()
    files = _find(path)
    kinds = {_kind(file) for file in files}
    if len(kinds) > 1:
        raise DataError(
            explain("data", "must hold files of one kind", str(path), "Name one kind, e.g. '*.parquet'.")
        )
    if kinds == {".parquet"}:
        return _open_parquet(files, path)
    return _open_csv(files, path, _SEPARATORS[str(kinds.pop())])


def _kind(file: Path) -> str | None:
    suffixes = [suffix.lower() for suffix in file.suffixes]
    if suffixes and suffixes[-1] in _PARQUET:
        return ".parquet"
    if suffixes and suffixes[-1] in _COMPRESSED:
        suffixes.pop()
    return suffixes[-1] if suffixes and suffixes[-1] in _SEPARATORS else None


def _find(path: Path) -> tuple[Path, ...]:
    if path.is_file():
        if _kind(path) is None:
            raise DataError(explain("data", f"must be a file that ends in {_SUFFIXES}", str(path)))
        return (path,)
    if path.is_dir():
        found = [file for file in path.rglob("*") if file.is_file() and not file.name.startswith((".", "_"))]
    elif glob.has_magic(str(path)):
        found = [Path(name) for name in glob.glob(str(path), recursive=True) if Path(name).is_file()]  # noqa: PTH207
    else:
        raise DataError(explain("data", "must be a file or folder that exists", str(path)))
    known = tuple(sorted(file for file in found if _kind(file) is not None))
    if not known:
        raise DataError(explain("data", f"must hold at least one file that ends in {_SUFFIXES}", str(path)))
    return known


@dataclass(frozen=True, eq=False)
class CsvSource(Source):
    """Text files with a header line each, read one after the other."""

    files: tuple[Path, ...]
    columns: tuple[str, ...]
    separator: str
    path: Path

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return self.columns

    @property
    def origin(self) -> str:
        """The path."""
        return str(self.path)

    def load(self, wanted: Sequence[str]) -> tuple[dict[str, Any], int, Any]:
        """The columns as Series."""
        import pandas as pd

        parts = [
            _read_csv(file, self.separator, usecols=list(wanted) or [self.columns[0]]) for file in self.files
        ]
        frame = parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)
        return {name: frame[name] for name in wanted}, len(frame), None


def _open_csv(files: tuple[Path, ...], path: Path, separator: str) -> CsvSource:
    headers = [_header(file, separator) for file in files]
    for file, header in zip(files, headers, strict=True):
        if set(header) != set(headers[0]):
            odd = ", ".join(sorted(set(header) ^ set(headers[0])))
            raise DataError(explain("data", f"must hold files with the same columns; {file} differs", odd))
    return CsvSource(files, headers[0], separator, path)


def _header(file: Path, separator: str) -> tuple[str, ...]:
    """The names in the first line, repeated ones included (pandas would rename them without a word)."""
    names = _read_csv(file, separator, header=None, nrows=1, dtype=str, keep_default_na=False).iloc[0]
    if separator == "," and len(names) == 1 and ";" in str(names[0]):
        remedy = (
            "It looks separated by semicolons: give data=pandas.read_csv(path, sep=';') instead of the path."
        )
        raise DataError(explain("data", "must be separated by commas", f"the header {names[0]!r}", remedy))
    return tuple(name or f"Unnamed: {i}" for i, name in enumerate(names))


def _read_csv(file: Path, separator: str, **options: Any) -> Any:
    import pandas as pd

    try:
        return pd.read_csv(file, sep=separator, low_memory=False, **options)
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError, OSError, EOFError) as error:
        raise DataError(explain("data", "must be readable CSV text", str(file), _sentence(error))) from error


@dataclass(frozen=True, eq=False)
class ParquetSource(Source):
    """Parquet files; Hive folders such as ``year=2024`` become columns."""

    dataset: Any
    columns: tuple[str, ...]
    path: Path

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return self.columns

    @property
    def origin(self) -> str:
        """The path."""
        return str(self.path)

    def load(self, wanted: Sequence[str]) -> tuple[dict[str, Any], int, Any]:
        """The columns as pyarrow arrays."""
        try:
            table = self.dataset.to_table(columns=list(wanted))
            n_rows = table.num_rows if wanted else self.dataset.count_rows()
        except (OSError, ValueError, TypeError) as error:  # pyarrow's own errors derive from these
            raise DataError(
                explain("data", "must be readable Parquet", self.origin, _sentence(error))
            ) from error
        return {name: table[name] for name in wanted}, n_rows, None


def _open_parquet(files: tuple[Path, ...], path: Path) -> ParquetSource:
    try:
        from pyarrow import dataset as arrow_dataset
    except ImportError as error:
        raise MissingDependencyError(
            "reading Parquet needs pyarrow: run `pip install 'problogit[parquet]'`"
        ) from error
    base = path if path.is_dir() else None
    try:
        partitioning = arrow_dataset.partitioning(flavor="hive") if base is None else "hive"
        opened = arrow_dataset.dataset(
            [str(file) for file in files], format="parquet", partitioning=partitioning
        )
    except (OSError, ValueError, TypeError) as error:
        raise DataError(explain("data", "must be readable Parquet", str(path), _sentence(error))) from error
    return ParquetSource(opened, tuple(opened.schema.names), path)


def _sentence(error: Exception) -> str:
    """The first line of another library's message."""
    return str(error).strip().split("\n", maxsplit=1)[0]
