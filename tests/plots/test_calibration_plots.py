"""Reliability curve and distribution of predictions, against the frames behind them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from reader_cases import counted, exam_model

import problogit as plg
from problogit.analysis.curves import probability_distribution
from problogit.errors import InputError


@pytest.fixture(scope="module")
def judged() -> plg.Calibration:
    return exam_model().fit(plg.MLE()).calibration(resamples=0)


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


def test_the_reliability_curve_is_drawn_block_by_block(judged: plg.Calibration) -> None:
    axes = plg.plots.calibration(judged)
    curve = next(line for line in axes.lines if str(line.get_label()).startswith("observed"))
    np.testing.assert_array_equal(curve.get_xdata(), judged.curve[["x_min", "x_max"]].to_numpy().ravel())
    np.testing.assert_array_equal(curve.get_ydata(), np.repeat(judged.curve["y"], 2))


def test_a_fit_will_do_and_what_is_neither_is_said() -> None:
    fit = exam_model().fit(plg.Penalized(plg.Laplace(0.2)))  # judged by folds, and so without a bootstrap
    by_fit, by_result = plg.plots.calibration(fit), plg.plots.calibration(fit.calibration())
    one, other = ([line.get_ydata() for line in axes.lines] for axes in (by_fit, by_result))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)
    assert plg.plots.probability_distribution(fit).get_xlabel()
    with pytest.raises(InputError, match="calibration must be a fit"):
        plg.plots.calibration("fit")


def test_every_level_has_a_band_of_its_own(judged: plg.Calibration) -> None:
    axes = plg.plots.calibration(judged)
    levels = sorted(set(judged.result.band["level"]), reverse=True)
    bands = [judged.result.band[judged.result.band["level"] == level] for level in levels]
    bands.append(judged.result.band_of("smooth", "confidence"))
    assert len(axes.collections) == len(bands)
    for drawn, band in zip(axes.collections, bands, strict=True):
        corners = set(map(tuple, drawn.get_paths()[0].vertices))
        assert set(zip(band["x"], band["upper"], strict=True)) <= corners
        assert set(zip(band["x"], band["lower"], strict=True)) <= corners


def test_the_smooth_curve_and_the_counts_by_outcome_are_drawn(judged: plg.Calibration) -> None:
    axes = plg.plots.calibration(judged)
    smooth = next(line for line in axes.lines if str(line.get_label()).startswith("smooth"))
    np.testing.assert_array_equal(smooth.get_xdata(), judged.smooth["x"])
    np.testing.assert_array_equal(smooth.get_ydata(), judged.smooth["y"])
    events, others = (np.array([bar.get_height() for bar in part]) for part in axes.containers)
    counts = np.array([events.sum(), -others.sum()]) / events.sum() * judged.result.n_events
    assert counts == pytest.approx([judged.result.n_events, judged.result.n - judged.result.n_events])
    assert axes.get_title(loc="left").replace("\n", " ").endswith(f"of {judged.result.n}")


def test_the_method_on_the_result_draws_the_same(judged: plg.Calibration) -> None:
    _, axes = plt.subplots()
    assert judged.plot(ax=axes) is axes
    assert axes.get_ylabel() == "observed share"


def test_predictions_are_spread_by_outcome_with_every_row_counted(judged: plg.Calibration) -> None:
    frame = probability_distribution(judged.result.predictions, bins=4)
    used = judged.result.predictions.dropna(subset=["probability"])
    assert frame["events"].sum() == pytest.approx(1)
    assert frame["others"].sum() == pytest.approx(1)
    low = used[used["probability"] < 0.25]
    assert frame.loc[0, "events"] == pytest.approx(low["observed"].sum() / used["observed"].sum())


def test_trials_and_weights_count_in_the_distribution() -> None:
    predictions = pd.DataFrame(
        {
            "probability": [0.1, 0.9, np.nan, 0.5],
            "observed": [0.25, 1.0, 1.0, np.nan],
            "trials": [4.0, 1.0, 1.0, np.nan],
            "weight": [2.0, 2.0, 1.0, 0.0],
        }
    )
    frame = probability_distribution(predictions, bins=2)
    assert frame["events"].tolist() == [0.5, 0.5]
    assert frame["others"].tolist() == [1.0, 0.0]


def test_events_are_drawn_upwards_and_the_others_downwards(judged: plg.Calibration) -> None:
    axes = plg.plots.probability_distribution(judged)
    frame = probability_distribution(judged.result.predictions)
    up, down = axes.containers
    assert [bar.get_height() for bar in up] == frame["events"].tolist()
    assert [bar.get_height() for bar in down] == [-value for value in frame["others"]]


def test_counts_of_events_can_be_drawn() -> None:
    calibration = counted().calibration(resamples=0)
    for draw in (plg.plots.calibration, plg.plots.probability_distribution):
        assert "P(event), died counted in trials" in draw(calibration).get_xlabel().replace("\n", " ")
