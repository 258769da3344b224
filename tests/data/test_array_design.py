"""Models of ready-made columns: arrays, tables of numbers, sparse matrices."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp

from problogit.data.array_design import ArrayDesign, build_from_arrays
from problogit.data.design import build_from_formula, design_from_state
from problogit.errors import DataError, InputError

RNG = np.random.default_rng(5)
X = RNG.normal(size=(30, 3))
Y = RNG.integers(0, 2, 30)
SPARSE = sp.csr_array(np.where(RNG.uniform(size=(30, 6)) < 0.3, RNG.normal(size=(30, 6)), 0.0))


def test_dense_arrays_get_an_intercept_first() -> None:
    built = build_from_arrays(X, Y)
    assert built.design.terms == ("Intercept", "x0", "x1", "x2")
    assert built.design.intercept == 0
    np.testing.assert_array_equal(built.rows.X, np.column_stack([np.ones(30), X]))
    assert isinstance(built.rows.X, np.ndarray)
    assert built.rows.X.flags.c_contiguous
    np.testing.assert_array_equal(built.rows.successes, Y)
    assert built.response.name == "y"


def test_python_numbers_with_none_are_numbers_with_gaps() -> None:
    built = build_from_arrays([[1, 2.5], [None, 1.0], [3, 1.0]], [0, 1, 1])
    np.testing.assert_array_equal(built.rows.X, [[1.0, 1.0, 2.5], [1.0, 3.0, 1.0]])
    assert built.report.dropped_by == {"missing x0": 1}
    masked = np.ma.masked_array([[1.0, 2.5], [9.0, 1.0], [3.0, 1.0]], mask=[[0, 0], [1, 0], [0, 0]])
    np.testing.assert_array_equal(build_from_arrays(masked, [0, 1, 1]).rows.X, built.rows.X)


def test_without_intercept_the_users_array_is_neither_copied_nor_writable_through_us() -> None:
    built = build_from_arrays(X, Y, intercept=False, names=["a", "b", "c"])
    assert built.design.terms == ("a", "b", "c")
    assert built.design.intercept is None
    assert isinstance(built.rows.X, np.ndarray)
    assert np.shares_memory(built.rows.X, X)
    assert not built.rows.X.flags.writeable
    assert X.flags.writeable


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow", "dict"])
def test_tables_of_numbers_bring_their_names(kind: str) -> None:
    columns = {name: X[:, i] for i, name in enumerate("abc")}
    table: Any = {
        "pandas": pd.DataFrame(columns, index=[f"r{i}" for i in range(30)]),
        "polars": pl.DataFrame(columns),
        "pyarrow": pa.table(columns),
        "dict": columns,
    }[kind]
    built = build_from_arrays(table, Y)
    assert built.design.terms == ("Intercept", "a", "b", "c")
    np.testing.assert_array_equal(built.rows.X[:, 1:], X)
    assert str(built.rows.index[0]) == ("r0" if kind == "pandas" else "0")


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "lil", "bsr", "dok", "dia"])
@pytest.mark.parametrize("make", [sp.csr_array, sp.csr_matrix])
def test_sparse_of_any_format_stays_sparse(form: str, make: Any) -> None:
    built = build_from_arrays(make(SPARSE).asformat(form), Y)
    assert isinstance(built.rows.X, sp.csr_array)
    np.testing.assert_array_equal(built.rows.X.toarray()[:, 1:], SPARSE.toarray())
    np.testing.assert_array_equal(built.rows.X.toarray()[:, 0], 1.0)
    replayed = built.design.replay(SPARSE[:5])
    assert isinstance(replayed.X, sp.csr_array)
    np.testing.assert_array_equal(replayed.X.toarray(), built.rows.X[:5].toarray())


def test_repeated_sparse_entries_are_summed_and_the_users_matrix_is_left_alone() -> None:
    twice = sp.csr_array((np.array([1.0, 2.0, 3.0]), np.array([0, 0, 1]), np.array([0, 3, 3])), shape=(2, 2))
    built = build_from_arrays(twice, [0, 1], intercept=False)
    np.testing.assert_array_equal(built.rows.X.toarray(), [[3.0, 3.0], [0.0, 0.0]])
    assert twice.nnz == 3


@pytest.mark.parametrize("sparse", [False, True])
def test_missing_entries_drop_rows_by_column(sparse: bool) -> None:
    holed = X.copy()
    holed[3, 1] = holed[7, 1] = holed[7, 2] = np.nan
    built = build_from_arrays(sp.csr_array(holed) if sparse else holed, Y, names=["a", "b", "c"])
    assert built.report.n_dropped == 2
    assert built.report.dropped_by == {"missing b": 2, "missing c": 1}
    assert 3 not in built.rows.kept
    replayed = built.design.replay(sp.csr_array(holed[:5]) if sparse else holed[:5])
    np.testing.assert_array_equal(replayed.complete, [True, True, True, False, True])
    kept = replayed.X.toarray() if isinstance(replayed.X, sp.csr_array) else replayed.X
    np.testing.assert_array_equal(kept[3, 1:], 0.0)
    np.testing.assert_array_equal(kept[4, 1:], X[4])
    assert replayed.notes == ("Missing values in b (1).",)
    with pytest.raises(DataError, match=r"missing values in b \(2\), c \(1\)"):
        build_from_arrays(holed, Y, names=["a", "b", "c"], missing="error")


def test_tables_are_matched_by_name_and_arrays_by_position() -> None:
    named = build_from_arrays(pd.DataFrame(X, columns=list("abc")), Y)
    shuffled = pd.DataFrame(X[:4, [2, 0, 1]], columns=list("cab")).assign(extra="text")
    np.testing.assert_array_equal(named.design.replay(shuffled).X, named.rows.X[:4])
    np.testing.assert_array_equal(named.design.replay(X[:4]).X, named.rows.X[:4])
    with pytest.raises(DataError, match="column 'b' is not in the new data"):
        named.design.replay(shuffled.drop(columns="b"))
    unnamed = build_from_arrays(X, Y)
    np.testing.assert_array_equal(
        unnamed.design.replay(pd.DataFrame(X[:4], columns=list("abc"))).X, named.rows.X[:4]
    )
    with pytest.raises(DataError, match="new data must have 3 columns; received '2 columns'"):
        unnamed.design.replay(X[:4, :2])


def test_keywords_are_those_of_the_formula() -> None:
    weights, trials, offset = RNG.integers(1, 3, 30), np.full(30, 2), RNG.normal(size=30)
    arrays = build_from_arrays(X, Y, names=list("abc"), weights=weights, trials=trials, offset=offset)
    table = {"y": Y, **{name: X[:, i] for i, name in enumerate("abc")}}
    formula = build_from_formula("y ~ a + b + c", table, weights=weights, trials=trials, offset=offset)
    for field in ("X", "successes", "trials", "weights", "offset", "kept"):
        np.testing.assert_array_equal(getattr(arrays.rows, field), getattr(formula.rows, field))
    assert arrays.design.terms == formula.design.terms


def test_observe_takes_a_pair() -> None:
    built = build_from_arrays(X, np.where(Y == 1, "yes", "no"))
    seen = built.design.observe((X[:6], np.where(Y[:6] == 1, "yes", "no")))
    np.testing.assert_array_equal(seen.X, built.rows.X[:6])
    np.testing.assert_array_equal(seen.successes, Y[:6])
    with pytest.raises(InputError, match=r"must be a pair \(X, y\)"):
        built.design.observe(X)
    weighted = build_from_arrays(X, Y, weights=np.ones(30))
    with pytest.raises(DataError, match="weights came as arrays"):
        weighted.design.observe((X, Y))


def test_an_offset_array_cannot_be_replayed() -> None:
    with pytest.raises(DataError, match="offset was given as an array"):
        build_from_arrays(X, Y, offset=np.ones(30)).design.replay(X)


@pytest.mark.parametrize("matrix", [X, SPARSE], ids=["dense", "sparse"])
def test_state_survives_json(matrix: Any) -> None:
    built = build_from_arrays(matrix, np.where(Y == 1, "yes", "no"), weights=np.ones(30))
    text = json.dumps(built.design.to_state(), allow_nan=False)
    again = design_from_state(json.loads(text))
    assert isinstance(again, ArrayDesign)
    assert again == built.design or json.dumps(again.to_state()) == text
    one, two = built.design.replay(matrix[:5]).X, again.replay(matrix[:5]).X
    assert type(one) is type(two)
    np.testing.assert_array_equal(sp.csr_array(one).toarray(), sp.csr_array(two).toarray())


def test_the_response_takes_its_series_name() -> None:
    built = build_from_arrays(X, pd.Series(Y, name="passed"))
    assert built.response.describe() == "P(passed = 1)"


BAD: list[tuple[Any, Any, dict[str, Any], str]] = [
    (X[:, 0], Y, {}, "must have two dimensions.*reshape"),
    (X[None], Y, {}, "must have two dimensions"),
    (np.array([["1.5"]] * 30), Y, {}, "X must hold real numbers.*Use a formula"),
    (np.array([["1.5"]] * 30, dtype=object), Y, {}, "column 'x0' must hold numbers; received 'labels'"),
    (np.full((30, 1), np.datetime64("2024-01-01")), Y, {}, "X must hold real numbers"),
    (X * 1j, Y, {}, "X must hold real numbers"),
    (SPARSE * 1j, Y, {}, "must hold real numbers"),
    (
        pd.DataFrame({"a": ["p"] * 30}),
        Y,
        {},
        "column 'a' must hold numbers; received 'labels'. Use a formula",
    ),
    (np.where(X > 10, X, np.inf), Y, {}, "term 'x0' is infinite at rows 0, 1, 2, 3, 4 and 25 more"),
    (sp.csr_array(np.where(X > 10, X, np.inf)), Y, {}, "term 'x0' is infinite"),
    (X, Y[:5], {}, "y must have one value for each of the 30 rows of X; received '5 values'"),
    (X, np.ones((30, 2)), {}, "must be one-dimensional"),
    (X, Y + 1, {}, "it has 1 and 2. Say event=2"),
    (X, Y / 2, {}, "proportions"),
    (X, Y, {"names": ["a", "b"]}, "must name each of the 3 columns; received '2 names'"),
    (X, Y, {"names": ["a", "a", "b"]}, "names must be unique; received 'a'"),
    (X, Y, {"names": "abc"}, "names must be a sequence"),
    (X, Y, {"names": ["Intercept", "a", "b"]}, "must not hold 'Intercept'"),
    (X, Y, {"weights": "w"}, "weights must be an array where the model is made from arrays"),
    (np.empty((30, 0)), Y, {"intercept": False}, "at least one column"),
    (pd.DataFrame(X), pd.Series(Y, index=range(29, -1, -1)), {}, "y is a Series with other row labels"),
]


@pytest.mark.parametrize(("matrix", "y", "keywords", "words"), BAD, ids=range(len(BAD)))
def test_bad_arrays_are_one_clear_line(matrix: Any, y: Any, keywords: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        build_from_arrays(matrix, y, **keywords)
    assert "\n" not in str(caught.value)


def test_infinite_new_data_are_refused() -> None:
    for kind in (np.asarray, sp.csr_array):
        design = build_from_arrays(kind(X), Y).design
        with pytest.raises(DataError, match="column 'x1' at row 0 must be finite"):
            design.replay(kind(np.array([[1.0, np.inf, 0.0]])))


def test_an_intercept_only_model_of_arrays() -> None:
    assert build_from_arrays(np.empty((30, 0)), Y).design.terms == ("Intercept",)
