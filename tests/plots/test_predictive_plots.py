"""Figures of replicated outcomes show the numbers of their frames."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

import problogit as plg
from problogit.analysis.separation_plot import separation_frame
from problogit.errors import InputError


@pytest.fixture(scope="module")
def fit():
    random = np.random.default_rng(0)
    x = random.normal(size=120)
    return plg.fit("y ~ x", pd.DataFrame({"x": x, "y": (random.random(120) < expit(x)).astype(int)}))


@pytest.fixture
def axes():
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def test_bins_are_drawn_where_they_were_computed(fit, axes):
    check = fit.predictive_check(rng=1)
    assert check.plot(ax=axes) is axes
    points = np.concatenate([c.get_offsets() for c in axes.collections[1:]])
    for x, y in check.bins[["mean", "observed"]].to_numpy():
        assert np.isclose(points, [x, y]).all(axis=1).any()
    assert "replications from the sampling distribution" in axes.get_title(loc="left").replace("\n", " ")
    assert plg.plots.predictive_check(check, axes) is axes


def test_the_curve_is_drawn_over_its_band(fit, axes):
    check = fit.predictive_check(rng=1)
    check.plot("calibration", axes)
    line = axes.lines[1]
    np.testing.assert_allclose(line.get_ydata()[::2], check.result.curve["y"])
    with pytest.raises(InputError, match="kind must be one of 'binned', 'calibration'"):
        check.plot("bin", axes)


def test_a_fit_is_asked_for_its_check(fit, axes):
    assert plg.plots.predictive_check(fit, axes) is axes


def test_the_separation_plot_counts_rows_events_and_expected_events(fit, axes):
    frame = separation_frame(fit.estimate)
    assert len(frame) == 120
    assert (np.diff(frame["probability"]) >= 0).all()
    assert frame.attrs["events"] == fit.estimate.problem.rows.successes.sum()
    assert frame.attrs["expected_events"] == pytest.approx(frame.attrs["events"])  # maximum likelihood
    few = separation_frame(fit.estimate, stripes=10)
    assert len(few) == 10
    assert few["observed"] @ (few["end"] - few["start"]) == pytest.approx(frame.attrs["events"])
    plg.plots.separation_plot(fit, axes)
    assert len(axes.patches) == 120
    assert axes.lines[1].get_xdata()[0] == pytest.approx(120 - frame.attrs["expected_events"])


def test_the_prior_predictive_has_both_distributions(fit, axes):
    frame = pd.DataFrame({"y": [0, 1] * 20, "x": np.arange(40.0)})
    model = plg.LogitModel("y ~ x", frame)
    prior = plg.Priors(plg.Normal(2.5, autoscale=True), intercept=plg.Normal(2.5), intercept_at="mean")
    found = model.prior_predictive(prior, draws=200, rng=0)
    assert found.plot(axes) is axes
    heights = np.array([bar.get_height() * bar.get_width() for bar in axes.patches[:40]])
    np.testing.assert_allclose(heights, found.result.density["share"])
    assert "event rate of a data set" in [text.get_text() for text in axes.get_legend().get_texts()]
    assert found.event_rate.shape == (200,)
    assert list(found.frame.index) == ["event rate", "probability"]
    assert found.verdict in str(found)
