"""Curves over one variable: the frame is `predict`, the drawing is the frame."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from reader_cases import counted, exam, fits, separated

import problogit as plg
from problogit.analysis import averaged
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
    found = probability_curve(fit.estimate, "hours", at={})
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
    crosses = axes.collections[2].get_offsets()
    np.testing.assert_array_equal(crosses, found.shares[["value", "expected"]])
    assert "averaged over the rows' own age, school" in axes.get_xlabel().replace(" and ", ", ")


@pytest.mark.parametrize("label", ["MLE", "L2", "L1"])
def test_without_a_profile_the_curve_is_the_mean_prediction_of_all_rows_set_alike(
    three: dict[str, plg.Fit], label: str
) -> None:
    fit, used = three[label], exam().dropna()
    found = probability_curve(fit.estimate, "hours")
    for k in (0, 20, 50):
        alike = used.assign(hours=found.curve["value"][k])
        assert found.curve["probability"][k] == pytest.approx(fit.predict_proba(alike).mean(), rel=1e-9)
    schools = probability_curve(fit.estimate, "school")
    expected = [fit.predict_proba(used.assign(school=name)).mean() for name in ("east", "north", "west")]
    np.testing.assert_allclose(schools.curve["probability"], expected, rtol=1e-9)


def test_the_band_of_the_average_matches_draws_of_the_coefficients(three: dict[str, plg.Fit]) -> None:
    fit, used = three["MLE"], exam().dropna()
    found = probability_curve(fit.estimate, "hours").curve.iloc[40]
    X = fit.estimate.problem.rows.X.copy()
    X[:, fit.estimate.terms.index("hours")] = found["value"]
    averages = 1 / (1 + np.exp(-fit.draws(40_000, rng=1) @ X.T))
    lower, upper = np.quantile(averages.mean(axis=1), [0.025, 0.975])
    assert len(used) == X.shape[0]
    np.testing.assert_allclose([found["lower"], found["upper"]], [lower, upper], atol=0.015)


def test_draws_average_over_rows_too() -> None:
    fit = plg.fit("passed ~ hours + age", exam(), plg.MLE("bootstrap", resamples=200, rng=1), event="yes")
    found = probability_curve(fit.estimate, "hours").curve.iloc[30]
    rows = fit.estimate.problem.rows.X.copy()
    rows[:, 1] = found["value"]
    averages = (1 / (1 + np.exp(-fit.draws() @ rows.T))).mean(axis=1)
    np.testing.assert_allclose(
        [found["lower"], found["upper"]], np.quantile(averages, [0.025, 0.975]), rtol=1e-9
    )


def test_some_of_many_rows_stand_for_all(monkeypatch: pytest.MonkeyPatch, three: dict[str, plg.Fit]) -> None:
    every = probability_curve(three["MLE"].estimate, "hours").curve["probability"]
    monkeypatch.setattr(averaged, "_ROWS", (20, 40))
    some = probability_curve(three["MLE"].estimate, "hours").curve["probability"]
    np.testing.assert_allclose(some, every, atol=0.01)


def test_circles_are_drawn_only_where_they_are_of_the_same_rows(three: dict[str, plg.Fit]) -> None:
    axes = plg.plots.probability_curve(three["MLE"], "hours", at={})
    assert len(axes.collections) == 1  # the band
    both = plg.fit("passed ~ hours * age", exam(), plg.MLE(), event="yes")
    found = probability_curve(both.estimate, "hours")
    assert (found.averaged, found.comparable) == ((), False)


def test_fits_that_treat_the_others_differently_say_so(three: dict[str, plg.Fit]) -> None:
    both = plg.fit("passed ~ hours * age + school", exam(), plg.MLE(), event="yes")
    axes = plg.plots.probability_curve({"one": three["MLE"], "both": both}, "hours")
    assert axes.get_legend().get_texts()[1].get_text().endswith("at a typical row")


def test_observed_shares_stand_beside_points(three: dict[str, plg.Fit]) -> None:
    circles = plg.plots.probability_curve(three["MLE"], "school").collections[1].get_offsets()
    np.testing.assert_allclose(np.sort(circles[:, 0]), [0.12, 1.12, 2.12])


def test_crosses_are_the_mean_prediction_of_the_circle_s_rows(three: dict[str, plg.Fit]) -> None:
    used = exam().dropna()
    used = used.assign(p=three["MLE"].predict_proba(used), y=used["passed"] == "yes")
    by_school = used.groupby("school")[["y", "p"]].mean()
    shares = probability_curve(three["MLE"].estimate, "school").shares.set_index("value").sort_index()
    np.testing.assert_allclose(shares[["share", "expected"]], by_school, rtol=1e-9)
    np.testing.assert_allclose(
        shares["share"], shares["expected"], rtol=1e-6
    )  # a maximum-likelihood identity


def test_a_number_of_two_values_is_two_points_with_intervals() -> None:
    data = exam().dropna()
    data["late"] = (data["school"] == "west").astype(int)
    fit = plg.fit("passed ~ hours + late", data, plg.MLE(), event="yes")
    found = probability_curve(fit.estimate, "late")
    assert found.curve["value"].tolist() == [0, 1]
    axes = plg.plots.probability_curve(fit, "late")
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0", "1"]
    (points,) = [line for line in axes.lines if line.get_marker() == "o"]
    np.testing.assert_array_equal(points.get_ydata(), found.curve["probability"])
    assert np.isfinite(found.curve["lower"]).all()


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
    assert len(axes.collections) == 2  # the circles and the crosses
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
