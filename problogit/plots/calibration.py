"""The reliability curve with its consistency band, over a histogram of the predictions."""

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


class HasResult(Protocol):
    """What `fit.calibration()` returns."""

    @property
    def result(self) -> CalibrationResult:
        """The figures."""


def calibration(calibration: HasResult | HasEstimate, ax: Axes | None = None) -> Axes:
    """Draw the CORP reliability curve.

    Parameters
    ----------
    calibration : Calibration or Fit
        From ``fit.calibration()``, which a fit is asked for.
    ax : Axes, optional

    Returns
    -------
    Axes
        Observed against predicted probability. The band is where the curve lies if every prediction is right; the
        bars below count the predictions.
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
    axes = new_axes(ax, 5.0, 5.0)
    levels = sorted(set(result.band["level"]), reverse=True)
    for level in levels:
        band = result.band[result.band["level"] == level]
        shown = f"{' and '.join(map(percent, sorted(levels)))} bands if right" if level == levels[0] else None
        axes.fill_between(
            band["x"], band["lower"], band["upper"], color=GREY, alpha=0.2, linewidth=0, label=shown
        )
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
    x = np.ravel(result.curve[["x_min", "x_max"]].to_numpy(dtype=float))
    y = np.repeat(result.curve["y"].to_numpy(dtype=float), 2)
    axes.plot(x, y, color=COLOURS[0], linewidth=1.8, label="observed (CORP curve)")
    _histogram(axes, result.predictions["probability"].to_numpy(dtype=float))
    axes.set(xlim=(0, 1), ylim=(0, 1), ylabel="observed share")
    axes.set_xlabel(folded(f"predicted {result.modelled}", 44))
    heading = f"{result.method}; {count(result.n_events)} events of {count(result.n_trials)}"
    axes.set_title(folded(title or heading, 40), fontsize="medium", loc="left")
    axes.set_aspect("equal")
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 0.86), frameon=False, fontsize="small", borderpad=0.2)
    clean(axes)
    return axes


def _histogram(axes: Axes, probability: np.ndarray) -> None:
    """Bars of at most a tenth of the height along the lower edge."""
    counts, edges = np.histogram(probability[np.isfinite(probability)], bins=40, range=(0.0, 1.0))
    height = 0.1 * counts / max(1, counts.max())
    axes.bar(
        edges[:-1], height, width=np.diff(edges), align="edge", color=COLOURS[0], alpha=0.35, linewidth=0
    )
