"""Which value is the event, and what each bad response says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from problogit.data.design import build_from_formula
from problogit.errors import DataError, FormulaError, InputError

X = [1.0, 2.0, 3.0, 4.0]
EVENTS = [0.0, 1.0, 1.0, 0.0]

ACCEPTED: dict[str, tuple[Any, Any, Any, Any]] = {  # values, event=, event found, non-event found
    "0/1": ([0, 1, 1, 0], None, 1, 0),
    "0.0/1.0": ([0.0, 1.0, 1.0, 0.0], None, 1, 0),
    "bool": ([False, True, True, False], None, True, False),
    "text, alphabetical as R": (["no", "yes", "yes", "no"], None, "yes", "no"),
    "categories, later one": (pd.Categorical(["z", "a", "a", "z"], categories=["z", "a"]), None, "a", "z"),
    "ordered, last one": (
        pd.Categorical(["lo", "hi", "hi", "lo"], ["lo", "hi"], ordered=True),
        None,
        "hi",
        "lo",
    ),
    "two used of three categories": (pd.Categorical(["a", "c", "c", "a"], ["a", "b", "c"]), None, "c", "a"),
    "polars enum": (pl.Series(["z", "a", "a", "z"], dtype=pl.Enum(["z", "a"])), None, "a", "z"),
    "1/2 with event": ([1, 2, 2, 1], 2, 2, 1),
    "0/1, other event": ([1, 0, 0, 1], 0, 0, 1),
    "bool, other event": ([True, False, False, True], False, False, True),
    "bool, event as number": ([False, True, True, False], 1, True, False),
    "text, other event": (["yes", "no", "no", "yes"], "no", "no", "yes"),
    "-1/1 with event": ([-1, 1, 1, -1], 1, 1, -1),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_event(case: str) -> None:
    values, event, found, other = ACCEPTED[case]
    built = build_from_formula("y ~ x", {"y": values, "x": X}, event=event)
    np.testing.assert_array_equal(built.rows.successes, EVENTS)
    assert (built.response.event, built.response.non_event) == (found, other)
    assert built.response.describe() == f"P(y = {found!r})"
    again = built.design.observe({"y": values, "x": X})
    np.testing.assert_array_equal(again.successes, EVENTS)


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        ("affairs > 0", [0, 1, 1, 0]),
        ("I(affairs > 0)", [0, 1, 1, 0]),
        ("I((affairs > 0) & (affairs < 3))", [0, 1, 0, 0]),
        ("kind == 'b'", [0, 1, 1, 0]),
        ("C(kind)", [0, 1, 1, 0]),
        ("`my y`", [0, 1, 1, 0]),
        ("np.minimum(affairs, 1)", [0, 1, 1, 0]),
        ("f(affairs)", [0, 1, 1, 0]),
    ],
)
def test_left_side_expressions(left: str, expected: list[float]) -> None:
    data = {"affairs": [0, 1, 5, 0], "kind": list("abba"), "my y": [0, 1, 1, 0], "x": X}
    context = {"f": lambda s: s > 0}
    built = build_from_formula(f"{left} ~ x", data, context=context)
    np.testing.assert_array_equal(built.rows.successes, expected)
    np.testing.assert_array_equal(built.design.observe(data).successes, expected)


def test_missing_responses_are_dropped_also_under_an_expression() -> None:
    data = {"affairs": [0, 1, None, 2], "x": X}
    for left in ("affairs > 0", "I(affairs > 0)"):
        built = build_from_formula(f"{left} ~ x", data)
        np.testing.assert_array_equal(built.rows.kept, [0, 1, 3])
        assert built.report.dropped_by == {f"missing {left}": 1}


@pytest.mark.parametrize(
    "values", [[1, 1, 1, 1], [0, 0, 0, 0], [True] * 4, pd.Categorical(["a"] * 4, ["a", "b"])]
)
def test_a_constant_response_is_left_to_the_estimators(values: Any) -> None:
    built = build_from_formula("y ~ x", {"y": values, "x": X})
    assert len(set(built.rows.successes)) == 1
    assert built.response.non_event is not None


def test_a_single_text_needs_its_event_named() -> None:
    with pytest.raises(DataError, match="has the one value 'yes'.*event='yes'"):
        build_from_formula("y ~ x", {"y": ["yes"] * 4, "x": X})
    built = build_from_formula("y ~ x", {"y": ["yes"] * 4, "x": X}, event="yes")
    assert built.response.non_event is None
    np.testing.assert_array_equal(built.rows.successes, 1.0)


@pytest.mark.parametrize(
    ("values", "event", "words"),
    [
        ([1, 2, 2, 1], None, "it has 1 and 2. Say event=2"),
        ([1, 2, 3, 1], None, "must have two values; it has 3: 1, 2, 3. If it counts events, give trials="),
        ([-1.5, 2, 3, 1], None, "must have two values; it has 4.*I.y > -1.5."),
        ([0.1, 0.5, 0.5, 0.1], None, "proportions such as 0.1. Give the number of events.*trials="),
        ([0.0, 0.5, 1.0, 0.1], None, "proportions such as 0.1"),
        ([0.0, 0.5, 0.5, 0.0], None, "proportions such as 0.5"),
        (["a", "b", "c", "a"], None, "must have two values; it has 3: 'a', 'b', 'c'.*I.y == 'c'."),
        (["a", "b", "c", "a"], "a", "must have two values; it has 3"),
        ([5, 5, 5, 5], None, "it has 5. Say event=5"),
        ([0, 1, np.inf, 0], None, "must be finite"),
        ([None, None, None, None], None, "has no value that is not missing"),
        (
            ["no", "yes", "yes", "no"],
            "Yes",
            "event must be a value of the response 'y', 'no' or 'yes'.*Did you mean 'yes'",
        ),
        ([0, 1, 1, 0], "1", "event must be a value of the response 'y', 0 or 1"),
        ([0, 1, 1, 0], 2, "event must be a value of the response 'y', 0 or 1; received 2"),
        (pd.date_range("2024", periods=4), None, "must hold numbers, truth values or text"),
    ],
)
def test_responses_that_cannot_be_used(values: Any, event: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        build_from_formula("y ~ x", {"y": values, "x": X}, event=event)


def test_several_columns_are_no_response() -> None:
    with pytest.raises(FormulaError, match="must give one value a row"):
        build_from_formula("poly(x, 2) ~ z", {"x": X, "z": X})


def test_new_data_with_a_third_value() -> None:
    design = build_from_formula("y ~ x", {"y": ["no", "yes", "yes", "no"], "x": X}).design
    with pytest.raises(DataError, match="must hold 'yes' or 'no'; it holds 'maybe' at row 1"):
        design.observe({"y": ["no", "maybe"], "x": [1.0, 2.0]})
    with pytest.raises(DataError, match="it holds 1 at rows 0, 1"):
        design.observe({"y": [1, 0], "x": [1.0, 2.0]})


def test_new_data_of_a_boolean_response_may_be_numbers() -> None:
    design = build_from_formula("y ~ x", {"y": [False, True, True, False], "x": X}).design
    np.testing.assert_array_equal(design.observe({"y": [0, 1], "x": [1.0, 2.0]}).successes, [0.0, 1.0])
