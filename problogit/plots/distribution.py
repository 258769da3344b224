"""The predicted probabilities of those who had the event, and of those who had not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from problogit.analysis.curves import probability_distribution as distribution_frame
from problogit.plots.axes import COLOURS, GREY, clean, folded, new_axes
from problogit.plots.calibration import HasResult, judged

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from problogit.estimate import HasEstimate

__all__ = ["draw_distribution", "probability_distribution"]


def probability_distribution(calibration: HasResult | HasEstimate, ax: Axes | None = None) -> Axes:
    """Draw how the predicted probabilities are spread, by what happened.

    Parameters
    ----------
    calibration : Calibration or Fit
        From ``fit.calibration()``, which a fit is asked for. Predictions are out of sample unless it was asked
        otherwise.
    ax : Axes, optional

    Returns
    -------
    Axes
        Shares of the events upwards, shares of the others downwards; the less they overlap, the better the
        probabilities tell them apart.
    """
    result = judged(calibration)
    return draw_distribution(distribution_frame(result.predictions), ax, result.modelled)


def draw_distribution(
    frame: pd.DataFrame, ax: Axes | None = None, modelled: str = "probability", title: str = ""
) -> Axes:
    """Draw a frame of `problogit.analysis.curves.probability_distribution`."""
    axes = new_axes(ax, 5.0, 3.4)
    left = frame["lower"].to_numpy(dtype=float)
    width = frame["upper"].to_numpy(dtype=float) - left
    for column, sign, colour in (("events", 1.0, COLOURS[1]), ("others", -1.0, COLOURS[0])):
        label = "event" if sign > 0 else "no event"
        share = sign * frame[column].to_numpy(dtype=float)
        axes.bar(left, share, width, align="edge", color=colour, alpha=0.75, linewidth=0, label=label)
    axes.axhline(0, color=GREY, linewidth=0.8)
    tallest = float(np.nanmax(frame[["events", "others"]].to_numpy(dtype=float), initial=0.0))
    axes.set(xlim=(0, 1), ylabel="share of each outcome")
    axes.set_ylim(-1.1 * tallest or -1.0, 1.25 * tallest or 1.0)
    axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):.0%}")
    axes.set_xlabel(folded(f"predicted {modelled}", 44))
    if title:
        axes.set_title(folded(title, 40), fontsize="medium", loc="left")
    axes.legend(loc="upper right", ncols=2, frameon=False, fontsize="small")
    clean(axes)
    return axes
