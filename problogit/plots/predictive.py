"""Outcomes that a model would produce: before the data, and beside those that were observed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from problogit.analysis.fits import estimate_of
from problogit.analysis.predictive_check import predictive_check as check_of
from problogit.analysis.separation_plot import separation_frame
from problogit.plots.axes import COLOURS, GREY, clean, folded, new_axes
from problogit.tables.numbers import percent

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from problogit.analysis.predictive_check import PredictiveCheckResult
    from problogit.analysis.prior_predictive import PriorPredictiveResult
    from problogit.estimate import HasEstimate

__all__ = [
    "HasCheck",
    "draw_binned_check",
    "draw_calibration_check",
    "draw_prior_predictive",
    "draw_separation",
    "predictive_check",
    "separation_plot",
]


class HasCheck(Protocol):
    """What `fit.predictive_check()` returns."""

    @property
    def result(self) -> PredictiveCheckResult:
        """The figures."""


def predictive_check(check: HasCheck | HasEstimate, ax: Axes | None = None) -> Axes:
    """Draw observed shares of events in bins of the fitted probability, and the range of replicated ones.

    Parameters
    ----------
    check : PredictiveCheck or Fit
        From ``fit.predictive_check()``, which a fit is asked for.
    ax : Axes, optional

    Returns
    -------
    Axes
        A dot a bin; filled dots lie outside the range in which the fit itself would put them.
    """
    carried = getattr(check, "result", None)
    result = check_of(estimate_of(check, "check"), rng=0) if carried is None else carried
    return draw_binned_check(result, ax)


def separation_plot(fit: HasEstimate, ax: Axes | None = None) -> Axes:
    """Draw the outcomes in order of their fitted probability (Greenhill, Ward & Sacks 2011, AJPS 55:991).

    Parameters
    ----------
    fit : Fit
    ax : Axes, optional

    Returns
    -------
    Axes
        A stripe a row, dark where the event happened (with many rows, by the share of events among neighbours), and
        the fitted probability as a line. The better the fit tells events from the others, the more of the dark is on
        the right. The mark on the axis leaves the expected number of events to its right.
    """
    return draw_separation(separation_frame(estimate_of(fit, "fit")), ax)


def draw_binned_check(result: PredictiveCheckResult, ax: Axes | None = None, title: str = "") -> Axes:
    """Draw `result.bins`."""
    axes = new_axes(ax, 5.0, 4.6)
    columns = ("mean", "observed", "expected", "lower", "upper")
    x, y, expected, lower, upper = (result.bins[name].to_numpy(dtype=float) for name in columns)
    level = percent(result.prob)
    axes.vlines(x, lower, upper, color=GREY, alpha=0.5, linewidth=5, label=f"{level} of replications")
    axes.scatter(x, expected, marker="_", color=GREY, s=60, zorder=2)
    outside = (y < lower) | (y > upper)
    for chosen, face, label in ((~outside, "white", "observed"), (outside, COLOURS[1], "observed, outside")):
        if chosen.any():
            edge = COLOURS[0] if face == "white" else face
            axes.scatter(x[chosen], y[chosen], s=28, facecolors=face, edgecolors=edge, label=label, zorder=3)
    axes.set(xlim=(0, 1), ylim=(-0.02, 1.02), ylabel="share of events in the bin")
    axes.set_xlabel(folded(f"fitted {result.modelled}", 44))
    axes.set_title(folded(title or _heading(result), 44), fontsize="medium", loc="left")
    axes.legend(loc="upper left", frameon=False, fontsize="small")
    clean(axes)
    return axes


def draw_calibration_check(result: PredictiveCheckResult, ax: Axes | None = None, title: str = "") -> Axes:
    """Draw `result.curve` and the range of the replicated curves."""
    axes = new_axes(ax, 5.0, 5.0)
    band = result.band
    named = f"{percent(result.prob)} of replications"
    axes.fill_between(
        band["x"], band["lower"], band["upper"], color=GREY, alpha=0.3, linewidth=0, label=named
    )
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
    x = np.ravel(result.curve[["x_min", "x_max"]].to_numpy(dtype=float))
    y = np.repeat(result.curve["y"].to_numpy(dtype=float), 2)
    axes.plot(x, y, color=COLOURS[0], linewidth=1.8, label="observed (isotonic)")
    axes.set(xlim=(0, 1), ylim=(0, 1), ylabel="share of events")
    axes.set_xlabel(folded(f"fitted {result.modelled}", 44))
    axes.set_title(folded(title or _heading(result), 44), fontsize="medium", loc="left")
    axes.legend(loc="upper left", frameon=False, fontsize="small")
    clean(axes)
    return axes


def _heading(result: PredictiveCheckResult) -> str:
    return f"{result.n_replications} replications from the {result.distribution}"


def draw_prior_predictive(result: PriorPredictiveResult, ax: Axes | None = None) -> Axes:
    """Draw the prior distribution of the probabilities of rows, and of the event rate."""
    axes = new_axes(ax, 5.6, 3.6)
    frame = result.density
    left = frame["lower"].to_numpy(dtype=float)
    width = frame["upper"].to_numpy(dtype=float) - left
    share = frame["share"].to_numpy(dtype=float) / width
    axes.bar(
        left,
        share,
        width,
        align="edge",
        color=COLOURS[0],
        alpha=0.35,
        linewidth=0,
        label="probability of a row",
    )
    counts, edges = np.histogram(result.event_rate, bins=40, range=(0.0, 1.0), density=True)
    axes.stairs(counts, edges, color=COLOURS[1], linewidth=1.5, label="event rate of a data set")
    axes.set(xlim=(0, 1), ylabel="prior density")
    axes.set_xlabel(folded(result.modelled, 44))
    axes.set_title(folded(f"Before the data: {result.prior}", 60), fontsize="medium", loc="left")
    axes.legend(loc="best", frameon=False, fontsize="small")
    clean(axes)
    return axes


def draw_separation(frame: pd.DataFrame, ax: Axes | None = None, title: str = "") -> Axes:
    """Draw a frame of `problogit.analysis.separation_plot.separation_frame`."""
    axes = new_axes(ax, 7.0, 2.2)
    left, right = (frame[name].to_numpy(dtype=float) for name in ("start", "end"))
    share = frame["observed"].to_numpy(dtype=float)
    axes.bar(left, 1.0, right - left, align="edge", color=[(*_DARK, alpha) for alpha in share], linewidth=0)
    p = frame["probability"].to_numpy(dtype=float)
    axes.plot((left + right) / 2, p, color="#000000", linewidth=1.2, label="fitted probability")
    n = float(frame.attrs["n"])
    axes.plot(n - float(frame.attrs["expected_events"]), -0.04, marker="^", color="#000000", clip_on=False)
    axes.set(xlim=(0, n), ylim=(0, 1), ylabel="probability")
    axes.set_xlabel(folded(f"rows in order of {frame.attrs['modelled']}", 60))
    axes.tick_params(axis="x", pad=8)
    heading = title or f"{frame.attrs['events']:g} events, {frame.attrs['expected_events']:.1f} expected"
    axes.set_title(folded(heading, 60), fontsize="medium", loc="left")
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize="small")
    clean(axes)
    return axes


_DARK = (0.835, 0.369, 0.0)  # vermillion of the palette
