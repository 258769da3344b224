"""Curves over one variable: the frame is `predict`, the drawing is the frame."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from reader_cases import counted, exam, fits, separated

import problogit as plg
from problogit.analysis.curves import probability_curve
from problogit.errors import InputError


@pytest.fixture(scope="module")
def three() -> dict[str, plg.Fit]:
    return fits()


@pytest.fixture(scope="module")
def simple() -> plg.Fit:
    return plg.fit("passed ~ hours", exam(), plg.MLE(), event="yes")


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


def test_the_curve_is_predict_with_the_others_held(three: dict[str, plg.Fit]) -> None:
    fit = three["MLE"]
    found = probability_curve(fit.estimate, "hours")
    used = exam().dropna()
    assert found.held == {"age": pytest.approx(used["age"].mean()), "school": used["school"].mode()[0]}
    x = found.curve["value"]
    assert (x.min(), x.max()) == (used["hours"].min(), used["hours"].max())
    expected = fit.predict(pd.DataFrame({"hours": x} | {k: [v] * len(x) for k, v in found.held.items()}))
    pd.testing.assert_frame_equal(found.curve.drop(columns="value"), expected, check_names=False)


def test_a_factor_has_one_probability_a_label(three: dict[str, plg.Fit]) -> None:
    found = probability_curve(three["MLE"].estimate, "school", at={"hours": 1.0, "age": 20.0})
    assert not found.is_number
    assert found.curve["value"].tolist() == ["east", "north", "west"]
    new = pd.DataFrame({"school": ["east", "north", "west"], "hours": 1.0, "age": 20.0})
    np.testing.assert_array_equal(found.curve["probability"], three["MLE"].predict_proba(new))


def test_what_is_drawn_is_the_frame(three: dict[str, plg.Fit]) -> None:
    axes = plg.plots.probability_curve(three["MLE"], "hours")
    found = probability_curve(three["MLE"].estimate, "hours")
    line = axes.lines[0]
    np.testing.assert_array_equal(line.get_xdata(), found.curve["value"])
    np.testing.assert_array_equal(line.get_ydata(), found.curve["probability"])
    band = axes.collections[0].get_paths()[0].vertices
    assert {found.curve["lower"].min(), found.curve["upper"].max()} <= set(band[:, 1])
    circles = axes.collections[1].get_offsets()
    np.testing.assert_array_equal(circles, found.shares[["value", "share"]])


def test_labels_are_drawn_side_by_side_and_hollow_without_an_interval(three: dict[str, plg.Fit]) -> None:
    axes = plg.plots.probability_curve(three, "school")
    points = [line for line in axes.lines if line.get_marker() in ("o", "s", "D")]
    for line, fit in zip(points, three.values(), strict=True):
        np.testing.assert_array_equal(
            line.get_ydata(), probability_curve(fit.estimate, "school").curve["probability"]
        )
    assert [line.get_markerfacecolor() == "none" for line in points] == [False, False, True]
    assert len({float(line.get_xdata()[0]) for line in points}) == 3
    assert [text.get_text() for text in axes.get_xticklabels()] == ["east", "north", "west"]


def test_shares_count_every_row_once() -> None:
    found = probability_curve(counted().estimate, "dose")
    rows = counted().estimate.problem.rows
    assert found.shares["n"].sum() == (rows.weights * rows.trials).sum()
    assert (found.shares["share"] * found.shares["n"]).sum() == pytest.approx(rows.weights @ rows.successes)


def test_the_straight_line_is_least_squares_and_leaves_the_unit_interval(simple: plg.Fit) -> None:
    axes = plg.plots.probability_curve(simple, "hours", straight_line=True)
    line = next(line for line in axes.lines if line.get_label() == "least-squares line")
    used = exam().dropna(subset=["hours"])
    slope, intercept = np.polyfit(used["hours"], used["passed"] == "yes", 1)
    np.testing.assert_allclose(line.get_ydata(), intercept + slope * np.asarray(line.get_xdata()), rtol=1e-9)
    ends = np.asarray(line.get_ydata())
    assert ends.min() < 0 or ends.max() > 1
    curve = np.asarray(axes.lines[0].get_ydata())
    assert 0 < curve.min() < curve.max() < 1


def test_an_l1_fit_has_a_curve_and_no_band(three: dict[str, plg.Fit]) -> None:
    axes = plg.plots.probability_curve(three["L1"], "hours")
    assert len(axes.collections) == 1  # the circles
    assert axes.get_legend().get_texts()[0].get_text() == "fit, no interval"


def test_of_many_fits_two_have_a_band(three: dict[str, plg.Fit]) -> None:
    axes = plg.plots.probability_curve({**three, "again": three["MLE"]}, "hours")
    labels = [text.get_text() for text in axes.get_legend().get_texts()][:4]
    assert labels == ["MLE, 95% confidence-wald", "L2", "L1, no interval", "again, 95% confidence-wald"]


def test_a_separated_fit_has_a_curve() -> None:
    axes = plg.plots.probability_curve(separated(), "hours", at={"school": "north"})
    assert set(np.asarray(axes.lines[0].get_ydata())) == {1.0}


def test_new_data_bring_the_outcomes_that_are_shown(simple: plg.Fit) -> None:
    found = probability_curve(simple.estimate, "hours", data=exam().iloc[:20])
    assert found.shares["n"].sum() == 20


def test_an_unknown_variable_is_named_with_the_nearest(simple: plg.Fit) -> None:
    with pytest.raises(InputError, match="Did you mean 'hours'"):
        plg.plots.probability_curve(simple, "hour")
