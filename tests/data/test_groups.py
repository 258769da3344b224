"""Columns of groups: read when asked for, aligned with the rows in use, refused in words."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

import problogit as plg
from problogit.data.groups import group_names
from problogit.errors import InputError

FRAME = pd.DataFrame(
    {
        "y": [0, 1, 0, 1, 1, 0, 1, 0],
        "x": [1.0, 2.0, np.nan, 4.0, 2.0, 1.0, 3.0, 2.5],
        "school": ["b", "b", "a", "a", "c", "c", "b", "a"],
        "year": [2020, 2021, 2020, 2021, 2020, 2021, 2020, 2021],
    }
)
CODES = [0, 0, 1, 2, 2, 0, 1]  # row 2 is dropped; in order of first appearance


def test_codes_follow_the_rows_in_use() -> None:
    problem = plg.LogitModel("y ~ x", FRAME).problem
    np.testing.assert_array_equal(problem.group_codes("school"), CODES)
    np.testing.assert_array_equal(problem.subset(np.array([3, 0, 0, 6])).group_codes("school"), [0, 1, 1, 2])
    np.testing.assert_array_equal(
        problem.reweighted(np.array([0, 1, 1, 0, 2, 0, 1.0])).group_codes("school"), [0, 1, 2, 1]
    )


@pytest.mark.parametrize(
    "data",
    [FRAME.to_dict("list"), pl.DataFrame(FRAME.to_dict("list"), nan_to_null=True)],
    ids=["dict", "polars"],
)
def test_every_kind_of_table_has_its_groups(data) -> None:
    np.testing.assert_array_equal(plg.LogitModel("y ~ x", data).problem.group_codes("school"), CODES)


def test_files_are_read_again_and_must_not_have_changed(tmp_path) -> None:
    path = tmp_path / "data.csv"
    FRAME.to_csv(path, index=False)
    problem = plg.LogitModel("y ~ x", path).problem
    np.testing.assert_array_equal(problem.group_codes("school"), CODES)
    FRAME.iloc[:5].to_csv(path, index=False)
    with pytest.raises(InputError, match="had 8 rows when the model was made and has 5 now"):
        problem.group_codes("school")


def test_columns_that_change_later_do_not_reach_the_model() -> None:
    frame, mapping = FRAME.copy(), dict(FRAME.to_dict("list"))
    models = [plg.LogitModel("y ~ x", data) for data in (frame, mapping)]
    frame["school"] = "all"
    mapping["school"] = ["all"] * 8
    for model in models:
        np.testing.assert_array_equal(model.problem.group_codes("school"), CODES)


def test_numbers_categories_and_dates_are_ids() -> None:
    days = pd.to_datetime(FRAME["year"].astype(str))
    frame = FRAME.assign(kind=FRAME["school"].astype("category"), day=days)
    problem = plg.LogitModel("y ~ x", frame).problem
    np.testing.assert_array_equal(problem.group_codes("kind"), CODES)
    for name in ("year", "day"):
        np.testing.assert_array_equal(problem.group_codes(name), [0, 1, 1, 0, 1, 0, 1])


def test_groups_of_the_model_are_left_out_of_the_dot() -> None:
    assert plg.LogitModel("y ~ .", FRAME, groups="school").terms == ["Intercept", "x", "year"]
    assert plg.LogitModel("y ~ .", FRAME, groups=("school", "year")).terms == ["Intercept", "x"]
    assert plg.LogitModel("y ~ x", FRAME, groups="school").problem.default_groups == ("school",)


def test_groups_of_the_method_are_left_out_of_the_dot_on_the_short_road() -> None:
    frame = pd.concat([FRAME.drop(columns="year")] * 4, ignore_index=True)
    fit = plg.fit("y ~ .", frame, plg.MLE("cluster", groups="school"))
    assert fit.terms == ("Intercept", "x")


def test_arrays_bring_their_groups() -> None:
    X, y, ids = FRAME[["x"]], FRAME["y"], FRAME["school"]
    made = plg.LogitModel.from_arrays(X, y, groups=ids).problem
    assert made.default_groups == ("school",)
    np.testing.assert_array_equal(made.group_codes("school"), CODES)
    plain = plg.LogitModel.from_arrays(X, y, groups=ids.to_numpy()).problem
    np.testing.assert_array_equal(plain.group_codes("groups"), CODES)
    two = plg.LogitModel.from_arrays(X, y, groups=FRAME[["school", "year"]]).problem
    assert two.default_groups == ("school", "year")
    beside = plg.LogitModel("y ~ x", FRAME[["x", "y"]], groups={"school": ids}).problem
    np.testing.assert_array_equal(beside.group_codes("school"), CODES)


def test_an_unknown_column_names_the_nearest() -> None:
    with pytest.raises(InputError, match=r"groups must name a column.*'scool'\. Did you mean 'school'\?"):
        plg.LogitModel("y ~ x", FRAME).problem.group_codes("scool")
    with pytest.raises(InputError, match="Did you mean 'school'"):
        plg.LogitModel("y ~ x", FRAME, groups="scool")
    with pytest.raises(InputError, match=r"from_arrays\(X, y, groups=ids\)"):
        plg.LogitModel.from_arrays(FRAME[["x"]], FRAME["y"]).problem.group_codes("school")


def test_missing_groups_are_counted_among_the_rows_in_use() -> None:
    frame = FRAME.assign(school=["b", None, None, "a", "c", None, "b", "a"])
    with pytest.raises(InputError, match=r"'school' is missing in 2 of the 7 rows in use \(rows 1, 5\)"):
        plg.LogitModel("y ~ x", frame).problem.group_codes("school")


def test_arrays_of_another_length_or_order_are_refused() -> None:
    with pytest.raises(InputError, match="one id for each of the 8 rows; received '3 values'"):
        plg.LogitModel.from_arrays(FRAME[["x"]], FRAME["y"], groups=[1, 2, 3])
    with pytest.raises(InputError, match="other row labels"):
        plg.LogitModel.from_arrays(FRAME[["x"]], FRAME["y"], groups=FRAME["school"].iloc[::-1])
    with pytest.raises(InputError, match="array of ids"):
        plg.LogitModel.from_arrays(FRAME[["x"]], FRAME["y"], groups="school")


@pytest.mark.parametrize("groups", [(), ("a", "b", "c"), ("a", "a"), 3, ["a", 1], {"a": 1}])
def test_what_is_no_name_is_refused(groups) -> None:
    with pytest.raises(InputError, match="groups must be a column name, or a sequence of one or two"):
        group_names(groups)
