"""Which rows enter: missing values, trials, weights, offset. Each broken rule is one clear line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from problogit.data.array_design import build_from_arrays
from problogit.data.design import build_from_formula
from problogit.errors import DataError, InputError

BASE: dict[str, Any] = {
    "y": [0, 1, 1, 0, 1],
    "x": [1.0, 2.0, 3.0, 4.0, 5.0],
    "a": ["p", "q", "p", "q", "p"],
    "w": [1.0, 2.0, 3.0, 1.0, 1.0],
    "m": [1, 2, 3, 4, 5],
    "o": [0.1, 0.2, 0.3, 0.4, 0.5],
}


def build(formula: str = "y ~ x", /, *, change: dict[str, Any] | None = None, **keywords: Any) -> Any:
    return build_from_formula(formula, BASE | (change or {}), **keywords)


def test_missing_rows_are_dropped_counted_and_keep_their_labels() -> None:
    frame = pd.DataFrame(
        BASE | {"x": [1.0, None, 3.0, 4.0, 5.0], "a": ["p", None, "p", None, "p"]}, index=list("vwxyz")
    )
    built = build_from_formula("y ~ x + a", frame)
    np.testing.assert_array_equal(built.rows.kept, [0, 2, 4])
    assert list(built.rows.index) == list("vwxyz")
    assert built.report.n_input == 5
    assert built.report.n_dropped == 2
    assert built.report.dropped_by == {"missing x": 1, "missing a": 2}


def test_missing_error_names_columns_and_rows() -> None:
    with pytest.raises(DataError, match=r"missing values in x \(1\), first at row 1"):
        build(change={"x": [1.0, None, 3.0, 4.0, 5.0]}, missing="error")
    with pytest.raises(InputError, match="missing must be one of 'drop', 'error'"):
        build(missing="ignore")
    # a missing value in a row without weight is not there
    build(change={"x": [1.0, None, 3.0, 4.0, 5.0]}, missing="error", weights=[1, 0, 1, 1, 1])


def test_columns_that_are_not_used_may_be_missing() -> None:
    assert build(change={"a": [None] * 5}).report.n_dropped == 0


def test_trials_count_and_zero_trials_are_dropped() -> None:
    built = build(trials="m", change={"m": [0, 2, 3, 4, None], "y": [0, 1, 3, 0, 1]})
    np.testing.assert_array_equal(built.rows.kept, [1, 2, 3])
    np.testing.assert_array_equal(built.rows.successes, [1, 3, 0])
    np.testing.assert_array_equal(built.rows.trials, [2, 3, 4])
    assert built.report.dropped_by == {"missing trials": 1, "zero trials": 1}
    assert built.response.counts


def test_roles_by_name_and_as_arrays_are_equal() -> None:
    named = build(trials="m", weights="w", offset="o")
    given_arrays = build(trials=np.array(BASE["m"]), weights=BASE["w"], offset=pd.Series(BASE["o"]))
    for field in ("successes", "trials", "weights", "offset", "kept"):
        np.testing.assert_array_equal(getattr(named.rows, field), getattr(given_arrays.rows, field))


def test_missing_offset_is_a_missing_row() -> None:
    built = build(offset="o", change={"o": [0.1, None, 0.3, 0.4, 0.5]})
    assert built.report.dropped_by == {"missing offset": 1}
    np.testing.assert_array_equal(built.rows.offset, [0.1, 0.3, 0.4, 0.5])


def test_a_role_leaves_the_dot() -> None:
    built = build("y ~ .", trials="m", weights="w", offset="o")
    assert built.design.terms == ("Intercept", "x", "a[T.q]")


@given(st.lists(st.integers(0, 3), min_size=8, max_size=8))
def test_weight_zero_is_row_absent(weights: list[int]) -> None:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "y": [0, 1] * 4,
            "x": rng.normal(size=8),
            "a": list("ppqqrrss"),
            "z": rng.uniform(size=8),
            "w": weights,
        }
    )
    present = frame[frame["w"] > 0]
    if present["y"].nunique() < 2:
        return
    formula = "y ~ a + poly(x, 2, raw=True) + scale(z)" if len(present) > 1 else "y ~ a"
    with_zero = build_from_formula(formula, frame, weights="w")
    without = build_from_formula(formula, present, weights="w")
    assert with_zero.design.terms == without.design.terms
    np.testing.assert_array_equal(with_zero.rows.X, without.rows.X)
    np.testing.assert_array_equal(with_zero.rows.kept, np.flatnonzero(np.array(weights) > 0))


BAD: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"weights": "w"}, {"w": [1, -1, 1, 1, 1]}, "weights at row 1 must not be negative; received -1"),
    ({"weights": "w"}, {"w": [1, None, 1, 1, 1]}, "weights at row 1 must not be missing"),
    ({"weights": "w"}, {"w": [1, np.inf, 1, 1, 1]}, "weights at row 1 must be finite"),
    ({"weights": "w"}, {"w": [0, 0, 0, 0, 0]}, "weights must not all be zero"),
    ({"weights": "w"}, {"w": [1, 0.5, 1, 1, 1]}, "whole numbers.*frequency.*Say weights_type='importance'"),
    ({"weights": "w"}, {"w": ["a"] * 5}, "weights must hold numbers"),
    ({"weights": "w"}, {"w": [1, 0, 0, 1, 0]}, "weights leave no event.*every row with one .3. has weight 0"),
    ({"weights": "w"}, {"w": [0, 1, 1, 0, 1]}, "weights leave no non-event"),
    ({"weights": "ww"}, {}, "column 'ww' is not in the data; did you mean 'w'"),
    ({"weights": [1, 2]}, {}, "weights must have one value for each of the 5 rows; received '2 values'"),
    ({"weights": 2.0}, {}, "weights must be a column name or an array; received 2.0"),
    ({"trials": "m"}, {"m": [1, 2, -3, 4, 5]}, "trials at row 2 must be whole numbers"),
    ({"trials": "m"}, {"m": [1, 2.5, 3, 4, 5]}, "trials at row 1 must be whole numbers"),
    ({"trials": "m"}, {"m": [1, np.inf, 3, 4, 5]}, "trials at row 1 must be whole numbers"),
    (
        {"trials": "m"},
        {"y": [0, 3, 1, 0, 1]},
        "must not exceed the trials; it has 3 events in 2 trials at row 1",
    ),
    (
        {"trials": "m"},
        {"y": [0, 0.5, 1, 0, 1]},
        "at row 1 must be a whole number of events >= 0; received 0.5. Multiply",
    ),
    ({"trials": "m"}, {"y": [0, -1, 1, 0, 1]}, "at row 1 must be a whole number of events"),
    ({"trials": "m"}, {"y": list("ababa")}, "must count events where trials= is given"),
    ({"trials": "m", "event": 1}, {}, "event has no meaning with trials="),
    ({"offset": "o"}, {"o": [0, np.inf, 0, 0, 0]}, "offset at row 1 must be finite"),
    ({"offset": "o"}, {"o": list("ababa")}, "offset must hold numbers"),
    ({"offset": np.zeros((5, 2))}, {}, "must be one-dimensional"),
    ({}, {"x": [1, np.inf, 3, 4, 5]}, "column 'x' at row 1 must be finite; received inf"),
    ({}, {"x": [None] * 5}, "no row is left of 5: missing x .5."),
    ({"weights": "w"}, {"x": [1, None, None, None, None], "w": [0, 1, 1, 1, 1]}, "no row is left of 5"),
    ({"context": 5}, {}, "context must be a mapping of names to functions"),
    ({"context": {"f": 5}}, {}, "context must map names to functions"),
]


@pytest.mark.parametrize(("keywords", "change", "words"), BAD, ids=range(len(BAD)))
def test_bad_input_is_one_clear_line(keywords: dict[str, Any], change: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        build(change=change, **keywords)
    assert "\n" not in str(caught.value)


def test_fractions_are_fine_as_importance_or_sampling_weights() -> None:
    for kind in ("importance", "sampling"):
        built = build(weights="w", weights_type=kind, change={"w": [0.5, 0.25, 1, 1, 1]})
        np.testing.assert_array_equal(built.rows.weights, [0.5, 0.25, 1, 1, 1])


def test_a_class_that_misses_by_missing_values_is_no_weights_error() -> None:
    built = build(change={"x": [1.0, None, None, 4.0, None]}, weights="w")
    np.testing.assert_array_equal(built.rows.successes, [0.0, 0.0])


def test_empty_data() -> None:
    with pytest.raises(DataError, match="has no rows|have no rows"):
        build_from_formula("y ~ x", {"y": [], "x": []})
    with pytest.raises(DataError, match="X has no rows"):
        build_from_arrays(np.empty((0, 2)), [])


def test_a_transform_that_gives_no_number_is_named_with_its_rows() -> None:
    with pytest.raises(DataError, match=r"term 'log\(x\)' is not a number at rows 0, 1"):
        build("y ~ log(x)", change={"x": [-1.0, -2.0, 3.0, 4.0, 5.0]})
    with pytest.raises(DataError, match=r"term 'log\(x\)' is infinite at row 0"):
        build("y ~ log(x)", change={"x": [0.0, 2.0, 3.0, 4.0, 5.0]})


def test_a_series_in_another_order_is_not_paired_by_position() -> None:
    frame = pd.DataFrame(BASE)
    shuffled = pd.Series(BASE["w"], index=[4, 3, 2, 1, 0])
    with pytest.raises(InputError, match="weights is a Series with other row labels.*to_numpy"):
        build_from_formula("y ~ x", frame, weights=shuffled)


def test_file_data_take_arrays_by_length(tmp_path: Any) -> None:
    pd.DataFrame(BASE).to_csv(tmp_path / "d.csv", index=False)
    built = build_from_formula("y ~ x", tmp_path / "d.csv", weights=[1, 0, 1, 1, 1])
    np.testing.assert_array_equal(built.rows.kept, [0, 2, 3, 4])
