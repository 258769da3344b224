"""The forest plot draws the numbers of the long frame, and says what has no end or no interval."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from reader_cases import fits, separated

import problogit as plg
from problogit.analysis.compare import long_frame
from problogit.errors import InputError, SeparationWarning
from problogit.plots.forest import log_ticks


@pytest.fixture(scope="module")
def three() -> dict[str, plg.Fit]:
    return fits()


@pytest.fixture(scope="module")
def infinite() -> plg.Fit:
    return separated()


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


def segments(axes: Axes) -> list[np.ndarray]:
    """Ends of all horizontal lines, (2, 2) each, fit after fit."""
    return [
        part
        for lines in axes.collections
        if isinstance(lines, LineCollection)
        for part in lines.get_segments()
    ]


def markers(axes: Axes, shape: str) -> list[tuple[float, bool]]:
    """Place on the axis and fullness of all markers of a shape."""
    return [
        (float(x), line.get_markerfacecolor() != "none")
        for line in axes.lines
        if line.get_marker() == shape
        for x in np.atleast_1d(line.get_xdata())
    ]


@pytest.mark.parametrize(
    ("odds_ratios", "names"),
    [(True, ("odds_ratio", "or_lower", "or_upper")), (False, ("estimate", "lower", "upper"))],
)
def test_what_is_drawn_is_the_long_frame(
    three: dict[str, plg.Fit], odds_ratios: bool, names: tuple[str, str, str]
) -> None:
    axes = plg.plots.forest(three, odds_ratios=odds_ratios)
    frame = long_frame(three)
    if odds_ratios:
        frame = frame[frame["term"] != "Intercept"]
    for label, shape in (("MLE", "o"), ("L2", "s"), ("L1", "D")):
        part = frame[frame["label"] == label]
        assert [x for x, _ in markers(axes, shape)] == part[names[0]].tolist()
    bounded = frame[frame["lower"].notna()]
    drawn = np.array([[part[0, 0], part[1, 0]] for part in segments(axes)])
    np.testing.assert_array_equal(drawn, bounded[list(names[1:])].to_numpy())


def test_odds_ratios_stand_on_a_log_axis_around_one(three: dict[str, plg.Fit]) -> None:
    axes = plg.plots.forest(three["MLE"])
    assert axes.get_xscale() == "log"
    low, high = axes.get_xlim()
    assert low < 1 < high
    assert "Intercept" not in [text.get_text() for text in axes.get_yticklabels()]
    assert plg.plots.forest(three["MLE"], odds_ratios=False).get_xscale() == "linear"


def test_an_estimate_without_an_interval_is_hollow(three: dict[str, plg.Fit]) -> None:
    axes = plg.plots.forest(three)
    assert {full for _, full in markers(axes, "D")} == {False}
    assert {full for _, full in markers(axes, "o")} == {True}
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend == ["MLE (confidence-wald)", "L2 (curvature)", "L1 (no interval)"]


def test_an_infinite_odds_ratio_is_an_arrow_from_its_bound(infinite: plg.Fit) -> None:
    axes = plg.plots.forest(infinite)
    ratios = infinite.odds_ratios()
    low, high = axes.get_xlim()
    assert ratios.loc["school[T.north]", "odds_ratio"] == np.inf
    assert markers(axes, ">") == [(high, True)]
    drawn = segments(axes)[list(ratios.index).index("school[T.north]")]
    np.testing.assert_array_equal(drawn[:, 0], [ratios.loc["school[T.north]", "lower"], high])
    finite = ratios["odds_ratio"][np.isfinite(ratios["odds_ratio"])]
    assert [x for x, _ in markers(axes, "o")] == finite.tolist()
    assert all(low < x < high for x in finite)


def test_where_every_coefficient_is_infinite_the_legend_shows_the_arrow() -> None:
    data = pd.DataFrame({"x": [0, 0, 0, 0, 1, 1, 1, 1], "y": [0, 0, 1, 0, 1, 1, 1, 1]})
    with pytest.warns(SeparationWarning):
        fit = plg.fit("y ~ x", data, plg.MLE())
    axes = plg.plots.forest(fit)
    (handle,) = axes.get_legend().legend_handles
    assert handle.get_marker() == ">"
    assert markers(axes, "o") == []


def test_an_infinite_estimate_without_a_bound_is_a_hollow_arrow() -> None:
    frame = pd.DataFrame(
        {
            "label": "a",
            "term": ["up", "down", "x"],
            "odds_ratio": [np.inf, 0.0, 2.0],
            "or_lower": [np.nan, np.nan, 1.5],
            "or_upper": [np.nan, np.nan, 2.5],
            "interval": ["none", "none", "confidence-wald"],
            "level": 0.95,
        }
    )
    axes = plg.plots.forest_frame(frame)
    low, high = axes.get_xlim()
    assert markers(axes, ">") == [(high, False)]
    assert markers(axes, "<") == [(low, False)]


def test_an_exact_zero_is_a_marker_on_the_log_odds_axis() -> None:
    frame = pd.DataFrame(
        {
            "label": "L1",
            "term": ["x"],
            "estimate": [0.0],
            "lower": [np.nan],
            "upper": [np.nan],
            "interval": ["none"],
            "level": 0.95,
        }
    )
    axes = plg.plots.forest_frame(frame, odds_ratios=False)
    assert markers(axes, "o") == [(0.0, False)]
    assert markers(axes, "<") == []


def test_terms_are_chosen_and_ordered_and_checked(three: dict[str, plg.Fit]) -> None:
    axes = plg.plots.forest(three, terms=["school[T.west]", "hours"])
    assert [text.get_text() for text in axes.get_yticklabels()] == ["school[T.west]", "hours"]
    with pytest.raises(InputError, match=r"terms must name terms of these fits; received \['hour'\]"):
        plg.plots.forest(three, terms=["hour"])


def test_it_draws_on_the_axes_given_and_opens_no_figure(three: dict[str, plg.Fit]) -> None:
    _, given = plt.subplots()
    assert plg.plots.forest(three, ax=given) is given
    assert plg.compare(three).plot(ax=given) is given
    assert len(plt.get_fignums()) == 1


def test_names_are_text_not_formulas() -> None:
    frame = pd.DataFrame(
        {
            "label": "_a $x$",
            "term": ["$\\bad{", "a very long name of a term that has many words in it"],
            "odds_ratio": [1.5, 2.0],
            "or_lower": [1.0, 1.0],
            "or_upper": [2.0, 3.0],
            "interval": "confidence-wald",
            "level": 0.95,
        }
    )
    axes = plg.plots.forest_frame(frame)
    axes.figure.canvas.draw()
    assert len(axes.get_legend().get_texts()) == 1
    assert "\n" in axes.get_yticklabels()[1].get_text()


@pytest.mark.parametrize(("low", "high"), [(0.5, 3.0), (1e-3, 1e3), (0.9, 1.1), (1e-13, 1e13)])
def test_ticks_are_round_few_and_inside(low: float, high: float) -> None:
    ticks = log_ticks(low, high)
    assert 1 <= len(ticks) <= 9
    assert all(low <= tick <= high for tick in ticks)


def test_an_intercept_alone_is_drawn_as_its_odds() -> None:
    data = pd.DataFrame({"y": [0, 0, 0, 1] * 10})
    fit = plg.fit("y ~ 1", data, plg.MLE())
    axes = plg.plots.forest(fit)
    assert [x for x, _ in markers(axes, "o")] == [pytest.approx(1 / 3)]
    assert axes.get_xlabel() == "Odds with 95% interval"
    assert [text.get_text() for text in axes.get_yticklabels()] == ["Intercept"]
