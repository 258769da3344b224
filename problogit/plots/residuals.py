"""Binned residuals with the band in which they lie if the model is right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from problogit.analysis.binned import binned_residuals
from problogit.analysis.fits import estimate_of
from problogit.plots.axes import COLOURS, GREY, clean, folded, new_axes
from problogit.tables.numbers import percent

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from problogit.estimate import HasEstimate

__all__ = ["draw_residuals", "residuals"]


def residuals(
    fit: HasEstimate,
    by: Any = None,
    ax: Axes | None = None,
    *,
    bins: int | None = None,
    prob: float = 0.95,
) -> Axes:
    """Draw mean residuals in bins of the fitted probability, or of a variable.

    Parameters
    ----------
    fit : Fit
    by : str or array, optional
        A column of the design, or numbers for the rows in use; the fitted probability without it.
    ax : Axes, optional
    bins : int, optional
    prob : float
        Of the band, point by point.

    Returns
    -------
    Axes
        A dot a bin, observed minus expected share of events, and the band about 0 in which it lies with that
        probability if the fitted probabilities are right. Dots outside are filled; one in twenty is by chance.
    """
    return draw_residuals(binned_residuals(estimate_of(fit, "fit"), by, bins, prob), ax)


def draw_residuals(frame: pd.DataFrame, ax: Axes | None = None, title: str = "") -> Axes:
    """Draw a frame of `problogit.analysis.binned.binned_residuals`."""
    axes = new_axes(ax)
    columns = ("mean", "residual", "lower", "upper")
    x, y, lower, upper = (frame[name].to_numpy(dtype=float) for name in columns)
    level = percent(float(frame.attrs["level"]))
    if x.size > 1:
        named = f"{level} band if right"
        axes.fill_between(x, lower, upper, step="mid", color=GREY, alpha=0.2, linewidth=0, label=named)
    else:
        axes.vlines(x, lower, upper, color=GREY, alpha=0.4, linewidth=6, label=f"{level} band if right")
    axes.axhline(0, color=GREY, linewidth=0.8)
    outside = (y < lower) | (y > upper)
    for chosen, face, label in ((~outside, "none", "inside"), (outside, COLOURS[1], "outside")):
        if chosen.any():
            edge = COLOURS[0] if face == "none" else face
            count = int(np.count_nonzero(chosen))
            named = f"{label} ({count} bin{'' if count == 1 else 's'})"
            axes.scatter(x[chosen], y[chosen], s=24, facecolors=face, edgecolors=edge, label=named, zorder=3)
    axes.set_xlabel(folded(str(frame.attrs["by"]), 60))
    axes.set_ylabel("observed − expected share")
    axes.set_title(
        folded(title or f"Binned residuals, {frame.attrs['modelled']}", 60),
        fontsize="medium",
        loc="left",
        pad=24,
    )
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3, frameon=False, fontsize="small")
    clean(axes)
    return axes
