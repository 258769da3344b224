"""Comparisons and frames as text, against the frames they show."""

from __future__ import annotations

import io
import json

import numpy as np
import pandas as pd
import pytest
from reader_cases import fits, separated

import problogit as plg
from problogit.tables.numbers import interval_text, significant
from problogit.tables.render import frame_text


@pytest.fixture(scope="module")
def compared() -> plg.Comparison:
    return plg.compare(fits())


def test_json_is_strict_and_keeps_infinities() -> None:
    frame = separated().summary()
    text = frame_text(frame, "json")
    rows = {row["term"]: row for row in json.loads(text, parse_constant=pytest.fail)}
    north = rows["school[T.north]"]
    assert (north["estimate"], north["upper"], north["std_error"]) == ("Infinity", "Infinity", None)
    assert north["lower"] == frame.loc["school[T.north]", "lower"]
    assert rows["hours"]["estimate"] == frame.loc["hours", "estimate"]
    assert rows["hours"]["interval"] == "confidence-wald"


def test_json_takes_any_plain_cell() -> None:
    frame = pd.DataFrame({"a": [np.int64(3)], "b": [-np.inf], "c": [True], "d": ["<é>"], "e": [None]})
    assert json.loads(frame_text(frame, "json")) == [
        {"index": 0, "a": 3, "b": "-Infinity", "c": True, "d": "<é>", "e": None}
    ]


def test_csv_gives_back_the_frame_in_full_precision() -> None:
    frame = separated().summary()
    again = pd.read_csv(io.StringIO(frame_text(frame, "csv")), index_col="term")
    pd.testing.assert_frame_equal(again, frame.rename_axis("term"), check_exact=True)


@pytest.mark.parametrize("shape", ["to_markdown", "to_latex", "to_html", "to_text"])
def test_every_form_of_a_comparison_holds_labels_kinds_and_terms(
    compared: plg.Comparison, shape: str
) -> None:
    text = getattr(compared, shape)()
    for word in (
        "MLE",
        "L2",
        "L1",
        "confidence-wald",
        "curvature",
        "none",
        "Intercept",
        "hours",
        "school[T.west]",
    ):
        assert word in text
    assert "95" in text


@pytest.mark.parametrize("shape", ["to_markdown", "to_latex", "to_html", "to_text"])
def test_odds_ratios_are_shown_on_request_without_the_intercept(compared: plg.Comparison, shape: str) -> None:
    text = getattr(compared, shape)(odds_ratios=True)
    assert "Intercept" not in text
    line = compared.coefficients.set_index(["label", "term"]).loc[("MLE", "hours")]
    bounds = interval_text(significant(line["or_lower"]), significant(line["or_upper"]))
    assert f"{significant(line['odds_ratio'])} {bounds}" in text


def test_a_notebook_shows_the_table_in_html(compared: plg.Comparison) -> None:
    assert compared._repr_html_() == compared.to_html()
    assert "<table>" in compared.to_html()


def test_printed_comparisons_keep_to_a_hundred_columns(compared: plg.Comparison) -> None:
    wide = {f"{label} {k}": fit for k in range(2) for label, fit in fits().items()}
    assert max(map(len, str(plg.compare(wide)).splitlines())) <= 100
    assert str(compared) == compared.to_text()


def test_terms_that_a_fit_lacks_leave_an_empty_cell() -> None:
    from reader_cases import exam

    small = plg.fit("passed ~ hours", exam().dropna(), plg.MLE(), event="yes")
    large = plg.fit("passed ~ hours + age", exam().dropna(), plg.MLE(), event="yes")
    line = next(
        row
        for row in plg.compare({"small": small, "large": large}).to_markdown().splitlines()
        if "age" in row
    )
    assert line.split("|")[2].strip() == ""


def test_sampling_weights_promise_sandwich_errors_only_where_there_are_some() -> None:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"x": rng.normal(size=80), "w": rng.random(80) + 0.5})
    frame["y"] = (frame["x"] + rng.normal(size=80) > 0).astype(int)
    model = plg.LogitModel("y ~ x", frame, weights="w", weights_type="sampling")
    line = "sampling weights, sandwich standard errors"
    assert line in str(model.fit())
    assert line in str(model.fit(plg.Penalized(plg.Laplace(0.2), inference="debiased")))
    assert line not in str(model.fit(plg.Penalized(plg.Laplace(0.2))))
    assert line not in str(model.fit(plg.MLE("bootstrap", resamples=20, rng=0)))
