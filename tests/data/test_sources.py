"""Tables from anywhere give the same columns, and say clearly what is wrong with them."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from problogit.data.columns import Labels, Numbers
from problogit.data.sources import open_source
from problogit.errors import DataError

LISTS = {"y": [0, 1, 1], "x": [1.5, None, 2.5], "name": ["b", "a", None]}
FRAME = pd.DataFrame(LISTS, index=["r1", "r2", "r3"])


def write(folder: Path) -> dict[str, Any]:
    FRAME.to_csv(folder / "one.csv", index=False)
    FRAME.to_csv(folder / "one.tsv", index=False, sep="\t")
    with gzip.open(folder / "one.csv.gz", "wt") as stream:
        stream.write(FRAME.to_csv(index=False))
    FRAME.to_parquet(folder / "one.parquet", index=False)
    for kind in ("csv", "parquet"):
        (folder / f"many_{kind}").mkdir()
    FRAME[:1].to_csv(folder / "many_csv" / "a.csv", index=False)
    FRAME[1:].to_csv(folder / "many_csv" / "b.csv", index=False)
    FRAME[:1].to_parquet(folder / "many_parquet" / "a.parquet", index=False)
    FRAME[1:].to_parquet(folder / "many_parquet" / "b.parquet", index=False)
    return {
        "pandas": FRAME,
        "polars": pl.DataFrame(LISTS),
        "polars lazy": pl.LazyFrame(LISTS),
        "pyarrow": pa.Table.from_pandas(FRAME, preserve_index=False),
        "dict of arrays": {name: FRAME[name].to_numpy() for name in FRAME},
        "dict of lists": LISTS,
        "csv": folder / "one.csv",
        "csv as text": str(folder / "one.csv"),
        "tsv": folder / "one.tsv",
        "compressed csv": folder / "one.csv.gz",
        "parquet": folder / "one.parquet",
        "folder of csv": folder / "many_csv",
        "folder of parquet": folder / "many_parquet",
        "glob of csv": str(folder / "many_csv" / "*.csv"),
        "glob of parquet": str(folder / "many_parquet" / "*.parquet"),
    }


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return write(tmp_path_factory.mktemp("tables"))


KINDS = [
    *(
        "pandas",
        "polars",
        "polars lazy",
        "pyarrow",
        "dict of arrays",
        "dict of lists",
        "csv",
        "csv as text",
        "tsv",
    ),
    *("compressed csv", "parquet", "folder of csv", "folder of parquet", "glob of csv", "glob of parquet"),
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_table_reads_the_same(kind: str, tables: dict[str, Any]) -> None:
    source = open_source(tables[kind])
    assert set(source.names) == {"y", "x", "name"}
    table = source.read(["name", "x"])
    assert table.n_rows == 3
    assert list(table.columns) == ["name", "x"]
    x, name = table.columns["x"], table.columns["name"]
    assert isinstance(x, Numbers)
    assert isinstance(name, Labels)
    np.testing.assert_array_equal(x.floats(), [1.5, np.nan, 2.5])
    assert name.text().tolist() == ["b", "a", None]
    assert source.read([]).n_rows == 3


def test_pandas_keeps_its_index() -> None:
    assert open_source(FRAME).read(["x"]).index is FRAME.index
    np.testing.assert_array_equal(open_source(pl.DataFrame(LISTS)).read(["x"]).index, [0, 1, 2])


def test_single_values_are_one_row_or_repeated() -> None:
    assert open_source({"x": 1.0, "name": "a"}).read(["x", "name"]).n_rows == 1
    repeated = open_source({"x": [1.0, 2.0], "name": "a"}).read(["name"])
    assert isinstance(repeated.columns["name"], Labels)
    assert repeated.columns["name"].text().tolist() == ["a", "a"]


def test_record_arrays_are_tables() -> None:
    records = np.array([(1, 2.0), (3, 4.0)], dtype=[("a", int), ("b", float)])
    assert open_source(records).read(["b"]).n_rows == 2


def test_hive_folders_become_columns(tmp_path: Path) -> None:
    for year in (2023, 2024):
        (tmp_path / f"year={year}").mkdir()
        FRAME.to_parquet(tmp_path / f"year={year}" / "part.parquet", index=False)
    column = open_source(tmp_path).read(["year"]).columns["year"]
    assert isinstance(column, Numbers)
    np.testing.assert_array_equal(column.floats(), [2023.0] * 3 + [2024.0] * 3)


def test_only_the_columns_that_are_needed_are_read() -> None:
    data = {"x": [1.0, 2.0], "odd": [1, "a"]}
    assert open_source(data).read(["x"]).n_rows == 2  # "odd" mixes kinds, and nobody asked for it


def test_unknown_column_suggests_the_nearest() -> None:
    with pytest.raises(DataError, match="column 'Nmae' is not in the data; did you mean 'name'"):
        open_source(FRAME).read(["Nmae"])
    with pytest.raises(DataError, match="column 'zzz' is not in the data; it has y, x, name"):
        open_source(FRAME).read(["zzz"])


def bad_files(folder: Path) -> dict[str, tuple[Any, str]]:
    (folder / "notes.txt").write_text("x")
    (folder / "empty").mkdir()
    (folder / "mixed").mkdir()
    FRAME.to_csv(folder / "mixed" / "a.csv", index=False)
    FRAME.to_parquet(folder / "mixed" / "a.parquet", index=False)
    (folder / "differ").mkdir()
    FRAME.to_csv(folder / "differ" / "a.csv", index=False)
    FRAME[["y"]].to_csv(folder / "differ" / "b.csv", index=False)
    (folder / "twice.csv").write_text("x,x\n1,2\n")
    (folder / "blank.csv").write_text("")
    (folder / "foreign.csv").write_bytes(b"\xff\xfe\x00\x81\n\xff")
    (folder / "foreign.parquet").write_text("not parquet")
    (folder / "cut.parquet").write_bytes((folder / "mixed" / "a.parquet").read_bytes()[:60])
    return {
        "missing file": (folder / "none.csv", "must be a file or folder that exists"),
        "unknown suffix": (folder / "notes.txt", "must be a file that ends in .csv"),
        "empty folder": (folder / "empty", "must hold at least one file"),
        "glob without a match": (str(folder / "*.pq"), "must hold at least one file"),
        "mixed folder": (folder / "mixed", "must hold files of one kind"),
        "other columns": (folder / "differ", "must hold files with the same columns.*name, x"),
        "repeated name": (folder / "twice.csv", "must have unique column names; received 'x'"),
        "blank file": (folder / "blank.csv", "must be readable CSV text"),
        "not text": (folder / "foreign.csv", "must be readable CSV text"),
        "not parquet": (folder / "foreign.parquet", "must be readable Parquet"),
        "truncated parquet": (folder / "cut.parquet", "must be readable Parquet"),
    }


@pytest.mark.parametrize(
    "case",
    [
        *(
            "missing file",
            "unknown suffix",
            "empty folder",
            "glob without a match",
            "mixed folder",
            "other columns",
        ),
        *("repeated name", "blank file", "not text", "not parquet", "truncated parquet"),
    ],
)
def test_files_that_cannot_be_used(case: str, tmp_path: Path) -> None:
    data, words = bad_files(tmp_path)[case]
    with pytest.raises(DataError, match=words) as caught:
        open_source(data).read([])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (5, "data must be a pandas or polars DataFrame.*received 'int'"),
        ([{"x": 1}], "data must be.*received 'list'"),
        ({"x": [1, 2], "y": [1]}, "must have columns of one length; received 'x: 2, y: 1'"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "unique column names; received 'a'"),
        (
            pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "b"), ("a", "c")])),
            "one row of column names",
        ),
    ],
)
def test_tables_that_cannot_be_used(data: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        open_source(data).read([])


def test_parquet_reads_only_the_wanted_columns(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [1.0], "nested": [[1, 2]]}), tmp_path / "a.parquet")
    assert open_source(tmp_path / "a.parquet").read(["x"]).n_rows == 1
