"""One column from every library gives the same Numbers or Labels."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from problogit.data.columns import Labels, Numbers, Opaque
from problogit.data.conversion import as_column
from problogit.errors import DataError

INTEGERS_WITH_GAP = {
    "pandas Int64": pd.Series([3, None, 1], dtype="Int64"),
    "pandas UInt8": pd.Series([3, None, 1], dtype="UInt8"),
    "pandas arrow": pd.Series([3, None, 1], dtype=pd.ArrowDtype(pa.int64())),
    "pandas float": pd.Series([3, None, 1]),
    "pandas object": pd.Series([3, None, 1], dtype=object),
    "pandas decimal": pd.Series([Decimal(3), None, Decimal(1)]),
    "polars": pl.Series([3, None, 1]),
    "polars decimal": pl.Series([Decimal(3), None, Decimal(1)]),
    "pyarrow": pa.chunked_array([[3], [None, 1]]),
    "numpy": np.array([3.0, np.nan, 1.0], dtype=np.float32),
    "numpy masked": np.ma.masked_array([3, 7, 1], mask=[False, True, False]),
    "list": [3, None, 1],
}
TEXT_WITH_GAP = {
    "pandas str": pd.Series(["b", None, "a"]),
    "pandas string": pd.Series(["b", None, "a"], dtype="string"),
    "pandas object": pd.Series(["b", np.nan, "a"], dtype=object),
    "pandas arrow": pd.Series(["b", None, "a"], dtype=pd.ArrowDtype(pa.string())),
    "polars": pl.Series(["b", None, "a"]),
    "polars categorical": pl.Series(["b", None, "a"], dtype=pl.Categorical),
    "pyarrow": pa.chunked_array([["b"], [None, "a"]]),
    "pyarrow large": pa.array(["b", None, "a"], type=pa.large_string()),
    "list": ["b", None, "a"],
}
TRUTH_WITH_GAP = {
    "pandas boolean": pd.Series([True, None, False], dtype="boolean"),
    "pandas object": pd.Series([True, None, False], dtype=object),
    "pandas arrow": pd.Series([True, None, False], dtype=pd.ArrowDtype(pa.bool_())),
    "polars": pl.Series([True, None, False]),
    "pyarrow": pa.array([True, None, False]),
    "list": [True, None, False],
}


@pytest.mark.parametrize("kind", INTEGERS_WITH_GAP)
def test_numbers_with_a_gap(kind: str) -> None:
    column = as_column("x", INTEGERS_WITH_GAP[kind])
    assert isinstance(column, Numbers)
    np.testing.assert_array_equal(column.is_missing(), [False, True, False])
    np.testing.assert_array_equal(column.floats(), [3.0, np.nan, 1.0])


@pytest.mark.parametrize("kind", TEXT_WITH_GAP)
def test_text_with_a_gap_has_sorted_levels(kind: str) -> None:
    column = as_column("x", TEXT_WITH_GAP[kind])
    assert isinstance(column, Labels)
    assert column.levels == ("a", "b")
    assert not column.declared
    np.testing.assert_array_equal(column.codes, [1, -1, 0])
    assert column.text().tolist() == ["b", None, "a"]


@pytest.mark.parametrize("kind", TRUTH_WITH_GAP)
def test_truth_values_with_a_gap(kind: str) -> None:
    column = as_column("x", TRUTH_WITH_GAP[kind])
    assert isinstance(column, Numbers)
    assert column.values.dtype == bool
    np.testing.assert_array_equal(column.is_missing(), [False, True, False])
    assert column.values[0]
    assert not column.values[2]


@pytest.mark.parametrize(
    "values",
    [
        pd.Categorical(["b", "a", "b", None], categories=["b", "a", "z"]),
        pl.Series(["b", "a", "b", None], dtype=pl.Enum(["b", "a", "z"])),
        pa.DictionaryArray.from_arrays(pa.array([0, 1, 0, None]), pa.array(["b", "a", "z"])),
    ],
    ids=["pandas", "polars", "pyarrow"],
)
def test_declared_categories_keep_their_order_and_empty_levels(values: object) -> None:
    column = as_column("x", values)
    assert isinstance(column, Labels)
    assert column.levels == ("b", "a", "z")
    assert column.declared
    np.testing.assert_array_equal(column.codes, [0, 1, 0, -1])


def test_dictionary_chunks_with_other_dictionaries_are_unified() -> None:
    chunks = [pa.array(["b", "a"]).dictionary_encode(), pa.array(["c", "a"]).dictionary_encode()]
    column = as_column("x", pa.chunked_array(chunks))
    assert isinstance(column, Labels)
    assert column.text().tolist() == ["b", "a", "c", "a"]


def test_intervals_become_text_levels_in_order() -> None:
    column = as_column("x", pd.cut(pd.Series([1.0, 5.0, 9.0]), [0, 3, 6, 10]))
    assert isinstance(column, Labels)
    assert column.levels == ("(0, 3]", "(3, 6]", "(6, 10]")


@pytest.mark.parametrize(
    "values",
    [[dt.date(2020, 1, 1), None], pd.date_range("2020", periods=2), pl.Series([dt.date(2020, 1, 1), None])],
)
def test_dates_are_kept_opaque(values: object) -> None:
    column = as_column("x", values)
    assert isinstance(column, Opaque)
    assert column.what == "dates"
    assert len(column.take(np.array([1]))) == 1


def test_all_missing_counts_as_numbers() -> None:
    for values in ([None, None], pl.Series([None, None]), pa.nulls(2)):
        column = as_column("x", values)
        assert isinstance(column, Numbers)
        assert column.is_missing().all()


def test_numpy_floats_are_not_copied() -> None:
    values = np.array([1.0, 2.0])
    column = as_column("x", values)
    assert isinstance(column, Numbers)
    assert column.floats() is values


def test_huge_unsigned_integers_become_floats() -> None:
    column = as_column("x", np.array([2**64 - 1], dtype=np.uint64))
    assert isinstance(column, Numbers)
    assert column.values.dtype == np.float64


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1, "a"], "one kind of value.*int, str"),
        ([1j], "must be real"),
        (np.zeros((2, 2)), "one-dimensional"),
        (pl.Series([[1], [2]]), "must hold numbers, truth values or text"),
        (pa.array([[1]]), "must hold numbers, truth values or text"),
    ],
)
def test_columns_that_cannot_be_used_are_named(values: object, words: str) -> None:
    with pytest.raises(DataError, match=f"column 'age'.*{words}"):
        as_column("age", values)
