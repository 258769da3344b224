"""Forest plot: estimates and intervals of one or many fits, term by term."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from problogit.analysis.compare import long_frame
from problogit.errors import InputError, explain
from problogit.plots.axes import COLOURS, GREY, MARKERS, clean, folded, new_axes, number, plain
from problogit.tables.numbers import percent

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from problogit.estimate import HasEstimate

__all__ = ["forest", "forest_frame"]

_SPREAD = 0.6  # of a term's height, shared by its fits


def forest(
    fits: HasEstimate | Mapping[str, HasEstimate] | Sequence[HasEstimate],
    ax: Axes | None = None,
    odds_ratios: bool = True,
    prob: float = 0.95,
    terms: Sequence[str] | None = None,
) -> Axes:
    """Draw coefficients with their intervals, the fits beside one another.

    Parameters
    ----------
    fits : Fit, mapping of label to Fit, or sequence of Fit
    ax : Axes, optional
    odds_ratios : bool
        Odds ratios on a log axis, without the intercept (its odds where there is no other term); else log-odds.
    prob : float
        Probability of the intervals.
    terms : sequence of str, optional
        Which terms, in this order.

    Raises
    ------
    InputError
        A term in `terms` is in none of the fits.
    """
    frame = long_frame(fits, prob)
    if terms is not None:
        unknown = [term for term in terms if term not in set(frame["term"])]
        if unknown:
            known = ", ".join(dict.fromkeys(frame["term"]))
            raise InputError(
                explain("terms", "must name terms of these fits", unknown, f"The terms are {known}.")
            )
        order = {term: position for position, term in enumerate(terms)}
        frame = frame[frame["term"].isin(order)].sort_values(
            "term", key=lambda t: t.map(order), kind="stable"
        )
    return forest_frame(frame, ax, odds_ratios)


def forest_frame(frame: pd.DataFrame, ax: Axes | None = None, odds_ratios: bool = True) -> Axes:
    """Draw a long tidy frame such as `Comparison.coefficients`.

    An interval that has no end is an arrow; an estimate without an interval is a hollow marker; an infinite estimate
    has no marker, only the bound it is known to lie beyond. Where the intercept is the only term its odds are drawn.
    """
    names = ("odds_ratio", "or_lower", "or_upper") if odds_ratios else ("estimate", "lower", "upper")
    alone = odds_ratios and bool((frame["term"] == "Intercept").all())
    if odds_ratios and not alone:
        frame = frame[frame["term"] != "Intercept"]
    terms = list(dict.fromkeys(frame["term"]))
    labels = list(dict.fromkeys(frame["label"]))
    axes = new_axes(ax, 6.8, max(2.2, 0.9 + len(terms) * (0.22 + 0.16 * len(labels))))
    low, high = _window(frame[list(names)].to_numpy(dtype=float), odds_ratios)
    offsets = np.linspace(-_SPREAD / 2, _SPREAD / 2, len(labels)) if len(labels) > 1 else np.zeros(1)
    for k, label in enumerate(labels):
        part = frame[frame["label"] == label].set_index("term").reindex(terms)
        y = np.arange(len(terms)) + offsets[k]
        values = [part[name].to_numpy(dtype=float) for name in names]
        kinds = ", ".join(dict.fromkeys(kind for kind in part["interval"] if isinstance(kind, str)))
        _draw_fit(
            axes,
            y,
            values,
            (low, high),
            COLOURS[k % len(COLOURS)],
            MARKERS[k % len(MARKERS)],
            plain(f"{label} ({'no interval' if kinds == 'none' else kinds})"),
        )
    axes.axvline(1.0 if odds_ratios else 0.0, color=GREY, linewidth=0.8, zorder=0)
    axes.set_yticks(range(len(terms)), [folded(term, 36) for term in terms])
    axes.set_ylim(len(terms) - 0.5, -0.5)
    if odds_ratios:
        _log_axis(axes, low, high)
    axes.set_xlim(low, high)
    level = float(frame["level"].iloc[0]) if len(frame) else 0.95
    what = "Odds" if alone else "Odds ratio" if odds_ratios else "Log-odds"
    axes.set_xlabel(f"{what} with {percent(level)} interval")
    # From the right edge leftwards: the space over long names of terms is free.
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, frameon=False, fontsize="small")
    clean(axes)
    return axes


def _window(values: np.ndarray, odds_ratios: bool) -> tuple[float, float]:
    """Limits that hold every finite number, the reference line, and a margin for arrows."""
    finite = values[np.isfinite(values) & (values > 0 if odds_ratios else True)]
    reference = 1.0 if odds_ratios else 0.0
    ends = np.array([*finite, reference])
    if odds_ratios:
        span = np.log(ends)
        margin = max(0.1, 0.08 * np.ptp(span))
        return float(np.exp(max(span.min() - margin, -30))), float(np.exp(min(span.max() + margin, 30)))
    margin = max(0.1, 0.08 * float(np.ptp(ends)))
    return float(ends.min() - margin), float(ends.max() + margin)


def _draw_fit(  # noqa: PLR0917 - what is drawn, where, and how it looks
    axes: Axes,
    y: np.ndarray,
    values: Sequence[np.ndarray],
    window: tuple[float, float],
    colour: str,
    marker: str,
    label: str,
) -> None:
    point, lower, upper = values
    low, high = window
    bounded = ~np.isnan(lower) & ~np.isnan(upper)
    axes.hlines(
        y[bounded],
        np.maximum(lower[bounded], low),
        np.minimum(upper[bounded], high),
        colors=colour,
        linewidth=1.6,
    )
    seen = (point >= low) & (point <= high)
    own: str | None = (
        None if seen.any() else label
    )  # one entry a fit in the legend, of a marker that is drawn
    # Filled: the interval has no end. Hollow: the estimate is infinite and no bound of it is known.
    for where, edge, head, face in (
        (bounded & (upper > high), high, ">", colour),
        (bounded & (lower < low), low, "<", colour),
        (~bounded & (point > high), high, ">", "none"),
        (~bounded & (point < low), low, "<", "none"),
    ):
        if where.any():
            ends = np.full(where.sum(), edge)
            axes.plot(
                ends,
                y[where],
                head,
                color=colour,
                markerfacecolor=face,
                markersize=6,
                clip_on=False,
                label=own,
            )
            own = None
    hollow = seen & ~bounded
    full = seen & bounded
    if own is not None:
        axes.plot([], [], "none", color=colour, label=label)
    if full.any():
        axes.plot(point[full], y[full], marker, color=colour, markersize=5, label=label)
    if hollow.any():
        own = None if full.any() else label
        axes.plot(
            point[hollow], y[hollow], marker, color=colour, markerfacecolor="none", markersize=5, label=own
        )


def _log_axis(axes: Axes, low: float, high: float) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(log_ticks(low, high)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    axes.xaxis.set_minor_locator(NullLocator())


def log_ticks(low: float, high: float) -> list[float]:
    """At most about eight round numbers between the limits: 1, 2, 5 where they fit, else powers of 10 or more."""
    decades = np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    fine = [m * 10.0**d for d in decades for m in (1, 2, 5)]
    inside = [tick for tick in fine if low <= tick <= high]
    if len(inside) <= 8:
        return inside
    step = max(1, int(np.ceil(len(decades) / 8)))
    return [10.0**d for d in decades if d % step == 0 and low <= 10.0**d <= high]
