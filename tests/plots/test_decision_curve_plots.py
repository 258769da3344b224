"""Drawn decision curves against the frame behind them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from matplotlib import pyplot as plt
from reader_cases import exam_model

import problogit as plg
from problogit.errors import InputError


@pytest.fixture(scope="module")
def curves() -> plg.DecisionCurve:
    model = exam_model()
    return plg.decision_curves(
        {"_MLE $1": model.fit(), "L2": model.fit(plg.Penalized(plg.Normal(0.5)))}, resample="loo"
    )


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.mark.parametrize("quantity", ["net_benefit", "standardized", "avoided"])
def test_every_strategy_is_a_line_of_the_frame(curves: plg.DecisionCurve, quantity: str) -> None:
    axes = curves.plot(quantity=quantity)
    drawn = {line.get_label().strip(): line for line in axes.lines}
    strategies = [*curves.result.labels, "treat all", "treat none"]
    assert list(drawn) == [label.replace("$", r"\$") for label in strategies]
    for label, line in zip(strategies, drawn.values(), strict=True):
        np.testing.assert_array_equal(line.get_ydata(), curves.result.of(label)[quantity])
    low, high = axes.get_ylim()
    fits = curves.frame[curves.frame["strategy"].isin(curves.result.labels)][quantity]
    assert low < fits.max() < high
    assert axes.get_xlim() == (0.01, 0.99)


def test_bands_are_those_of_the_frame(curves: plg.DecisionCurve) -> None:
    axes = curves.plot()
    assert len(axes.collections) == 2
    corners = set(map(tuple, axes.collections[0].get_paths()[0].vertices))
    own = curves.result.of("_MLE $1")
    assert set(zip(own["threshold"], own["upper"], strict=True)) <= corners
    assert not curves.plot(quantity="avoided").collections
    assert "bands 95%" in axes.get_title(loc="left")


def test_a_single_threshold_is_a_point() -> None:
    axes = exam_model().fit().decision_curve(0.3, resample="apparent").plot()
    assert {line.get_marker() for line in axes.lines} == {"o"}
    assert axes.get_xlim() == pytest.approx((0.25, 0.35))


def test_a_fit_will_do_and_what_is_neither_is_said(curves: plg.DecisionCurve) -> None:
    _, axes = plt.subplots()
    assert plg.plots.decision_curve(curves, ax=axes) is axes
    drawn = plg.plots.decision_curve(exam_model().fit())
    assert [line.get_label() for line in drawn.lines] == ["MLE", "treat all", "treat none"]
    with pytest.raises(InputError, match="curve must be a fit"):
        plg.plots.decision_curve("fit")
    with pytest.raises(InputError, match="quantity must be one of"):
        curves.plot(quantity="profit")
