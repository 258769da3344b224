"""Binned residuals as drawn: the frame is `binned_residuals`, the drawing is the frame."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from influence_cases import fit_of
from matplotlib import pyplot as plt
from matplotlib.collections import PathCollection

import problogit as plg
from problogit.errors import InputError


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


def drawn(axes: plt.Axes) -> np.ndarray:
    """Where the dots are, from left to right."""
    dots = np.vstack([found.get_offsets() for found in axes.collections if isinstance(found, PathCollection)])
    return dots[np.argsort(dots[:, 0])]


@pytest.mark.parametrize("by", [None, "age"])
def test_the_dots_are_the_frame(by: str | None) -> None:
    fit = fit_of("clinic")
    axes = plg.plots.residuals(fit, by, bins=12)
    frame = fit.binned_residuals(by, bins=12)
    dots = drawn(axes)
    np.testing.assert_allclose(dots, frame[["mean", "residual"]])
    assert axes.get_xlabel() == (by or "fitted probability")
    assert "relapse" in axes.get_title(loc="left")


def test_dots_outside_the_band_are_counted_in_the_legend() -> None:
    fit = fit_of("clinic")
    axes = plg.plots.residuals(fit, bins=20, prob=0.5)
    frame = fit.binned_residuals(bins=20, prob=0.5)
    outside = int(((frame["residual"] < frame["lower"]) | (frame["residual"] > frame["upper"])).sum())
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert f"outside ({outside} bins)" in labels
    assert "50% band if right" in labels


def test_the_legend_stands_above_the_data() -> None:
    axes = plg.plots.residuals(fit_of("clinic"))
    axes.figure.draw_without_rendering()
    assert axes.get_legend().get_window_extent().y0 >= axes.get_window_extent().y1


def test_it_draws_where_it_is_told_and_one_bin_too() -> None:
    axes = plt.figure().subplots()
    assert plg.plots.residuals(fit_of("clinic"), ax=axes, bins=1) is axes


def test_what_is_no_fit_is_refused() -> None:
    with pytest.raises(InputError, match="fit must be a fit"):
        plg.plots.residuals("clinic")
