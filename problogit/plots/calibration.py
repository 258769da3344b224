"""Calibration curves with their bands, over histograms of the predictions by outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from problogit.analysis.fits import estimate_of
from problogit.plots.axes import COLOURS, GREY, clean, folded, new_axes
from problogit.tables.numbers import count, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from problogit.analysis.calibration import CalibrationResult
    from problogit.estimate import HasEstimate

__all__ = ["HasResult", "calibration", "draw_calibration", "judged"]

_STRIP = 0.09  # half the height of the strip of histograms below the curves
_POINTS = 400  # of the smooth curve that are drawn


class HasResult(Protocol):
    """What `fit.calibration()` returns."""

    @property
    def result(self) -> CalibrationResult:
        """The figures."""


def calibration(calibration: HasResult | HasEstimate, ax: Axes | None = None) -> Axes:
    """Draw the CORP reliability curve and the smooth curve.

    Parameters
    ----------
    calibration : Calibration or Fit
        From ``fit.calibration()``, which a fit is asked for.
    ax : Axes, optional

    Returns
    -------
    Axes
        Observed against predicted probability. The grey bands are where the CORP curve lies if every prediction is
        right (consistency); the coloured one is where the true curve may lie (confidence, about the smooth curve). The
        bars below count the predictions, events upwards and the others downwards.
    """
    return draw_calibration(judged(calibration), ax)


def judged(given: HasResult | HasEstimate) -> CalibrationResult:
    """The figures of a calibration, or of the fit's own."""
    from problogit.analysis.calibration import CalibrationResult
    from problogit.analysis.calibration import calibration as judge

    carried = getattr(given, "result", given)
    return carried if isinstance(carried, CalibrationResult) else judge(estimate_of(given, "calibration"))


def draw_calibration(result: CalibrationResult, ax: Axes | None = None, title: str = "") -> Axes:
    """Draw the figures themselves, under `title` or under how they were judged."""
    axes = new_axes(ax, 5.0, 5.4)
    _consistency(axes, result)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
    _smooth(axes, result)
    x = np.ravel(result.curve[["x_min", "x_max"]].to_numpy(dtype=float))
    y = np.repeat(result.curve["y"].to_numpy(dtype=float), 2)
    axes.plot(x, y, color=COLOURS[0], linewidth=1.6, label="observed (CORP curve)")
    _outcomes(axes, result)
    axes.set(xlim=(0, 1), ylim=(-2 * _STRIP, 1), ylabel="observed share")
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.set_xlabel(folded(f"predicted {result.modelled}", 44))
    heading = f"{result.method}; {count(result.n_events)} events of {count(result.n_trials)}"
    axes.set_title(folded(title or heading, 40), fontsize="medium", loc="left")
    axes.set_aspect("equal")
    axes.legend(loc="upper left", frameon=False, fontsize="small", borderpad=0.1, labelspacing=0.3)
    clean(axes)
    return axes


def _consistency(axes: Axes, result: CalibrationResult) -> None:
    """Where the CORP curve lies if every prediction is right."""
    band = result.band_of("corp", "consistency")
    levels = sorted(set(band["level"]), reverse=True)
    for level in levels:
        part = band[band["level"] == level]
        shown = f"{' and '.join(map(percent, sorted(levels)))} bands if right" if level == levels[0] else None
        axes.fill_between(
            part["x"], part["lower"], part["upper"], color=GREY, alpha=0.2, linewidth=0, label=shown
        )


def _smooth(axes: Axes, result: CalibrationResult) -> None:
    """The smooth curve with its confidence band."""
    band = result.band_of("smooth", "confidence")
    if band.empty:
        return
    axes.fill_between(band["x"], band["lower"], band["upper"], color=COLOURS[1], alpha=0.18, linewidth=0)
    known = result.smooth.dropna(subset=["y"])
    shown = known.iloc[np.unique(np.linspace(0, len(known) - 1, _POINTS).round().astype(int))]
    label = f"smooth curve, {percent(result.prob)} confidence"
    axes.plot(shown["x"], shown["y"], color=COLOURS[1], linewidth=1.6, label=label)


def _outcomes(axes: Axes, result: CalibrationResult) -> None:
    """Histograms of the predictions in a strip below the curves: events upwards, the others downwards."""
    rows = result.predictions.dropna(subset=["probability", "observed"])
    p, total = rows["probability"].to_numpy(dtype=float), rows["weight"] * rows["trials"]
    events = (total * rows["observed"]).to_numpy(dtype=float)
    sides = [np.histogram(p, bins=40, range=(0.0, 1.0), weights=side)[0] for side in (events, total - events)]
    tallest = max(float(np.max(side, initial=0.0)) for side in sides) or 1.0
    left = np.linspace(0.0, 1.0, 41)[:-1]
    for side, sign, colour, word in zip(
        sides, (1.0, -1.0), (COLOURS[1], COLOURS[0]), ("events", "others"), strict=True
    ):
        height = sign * 0.9 * _STRIP * side / tallest
        axes.bar(left, height, 1 / 40, -_STRIP, align="edge", color=colour, alpha=0.6, linewidth=0)
        axes.text(1.01, -_STRIP + sign * 0.5 * _STRIP, word, fontsize="x-small", va="center", color=colour)
    axes.axhline(-_STRIP, color=GREY, linewidth=0.5)
