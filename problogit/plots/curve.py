"""The fitted S-curve over one variable, with its band and the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from problogit.analysis import curves
from problogit.analysis.compare import label_estimates
from problogit.data.rows import Array
from problogit.errors import listed
from problogit.plots.axes import COLOURS, GREY, MARKERS, clean, folded, new_axes, plain
from problogit.tables.numbers import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from problogit.estimate import HasEstimate

__all__ = ["draw_curve", "probability_curve"]

_ASIDE = 0.12  # of observed shares from the last of the fits' points, where values are few
_DASHES = ("-", "--", "-.", ":")


def probability_curve(
    fits: HasEstimate | Mapping[str, HasEstimate] | Sequence[HasEstimate],
    variable: str,
    ax: Axes | None = None,
    *,
    at: Mapping[str, Any] | None = None,
    data: Any = None,
    straight_line: bool = False,
    prob: float = 0.95,
) -> Axes:
    """Draw P(event) as one variable moves.

    The curve is the average over the rows, each with its own other variables; beside it stand the shares of events that
    were observed in rows of like value (circles), and what the fit expects of those same rows (crosses), which is what
    a circle should be near. A curve at one profile (`at`) is of other people than the rows, and has no circles. Labels,
    and numbers that take two values, have a point and an interval each.

    Parameters
    ----------
    fits : Fit, mapping of label to Fit, or sequence of Fit
        The observed shares are those of the first.
    variable : str
        A column of your table.
    ax : Axes, optional
    at : mapping, optional
        Where the other variables stand; those not named at their mean or most common label, so that ``{}`` is the
        typical row. Without it the curve is averaged over the rows; of a variable that interacts with others, and of a
        fit without its rows, it is drawn at the typical row.
    data : table, optional
        Rows to average over, whose outcomes are shown; the training rows without it.
    straight_line : bool
        Also the least-squares line through the outcomes: it leaves [0, 1], which is why the fit is logistic.
    prob : float
        Probability of the band.
    """
    found = {
        label: curves.probability_curve(estimate, variable, at, data, prob)
        for label, estimate in label_estimates(fits).items()
    }
    return draw_curve(found, ax, straight_line)


def draw_curve(
    found: Mapping[str, curves.ProbabilityCurve], ax: Axes | None = None, straight_line: bool = False
) -> Axes:
    """Draw curves of one variable, by label, that were computed before; of many fits two have their band."""
    axes = new_axes(ax)
    first = next(iter(found.values()))
    banded = _banded(found)
    for k, (label, curve) in enumerate(found.items()):
        hidden = first.is_number and label not in banded and not np.isnan(curve.curve["lower"]).all()
        shown = "" if hidden else _kind(curve)
        name = plain(f"{label if len(found) > 1 else 'fit'}{shown}{_otherwise(curve, first)}")
        if first.is_number:
            _draw_line(axes, curve, k, name, label in banded)
        else:
            _draw_labels(axes, curve, k, (k - (len(found) - 1) / 2) * min(0.15, 0.6 / len(found)), name)
    if first.comparable:
        _draw_shares(axes, first, _ASIDE + (len(found) - 1) / 2 * min(0.15, 0.6 / len(found)))
    if straight_line and first.line is not None and first.is_number:
        ends = np.array([first.curve["value"].min(), first.curve["value"].max()])
        line = first.line[0] + first.line[1] * ends
        axes.plot(ends, line, linestyle=(0, (5, 3)), color=GREY, label="least-squares line")
    axes.axhline(0, color=GREY, linewidth=0.5)
    axes.axhline(1, color=GREY, linewidth=0.5)
    axes.set_xlabel(f"{plain(first.variable)}{_others(first)}")
    axes.set_ylabel(folded(first.modelled, 30))
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, frameon=False, fontsize="small")
    clean(axes)
    return axes


def _banded(found: Mapping[str, curves.ProbabilityCurve]) -> list[str]:
    """Whose bands are drawn: more than two hide one another, so then the first and the last that there are."""
    known = [label for label, curve in found.items() if not np.isnan(curve.curve["lower"]).all()]
    return known if len(known) <= 2 else [known[0], known[-1]]


def _kind(found: curves.ProbabilityCurve) -> str:
    kinds = [kind for kind in dict.fromkeys(found.curve["interval"]) if kind != "none"]
    return f", {percent(found.prob)} {', '.join(kinds)}" if kinds else ", no interval"


def _numbers(found: curves.ProbabilityCurve) -> list[Array]:
    return [found.curve[name].to_numpy(dtype=float) for name in ("probability", "lower", "upper")]


def _draw_line(axes: Axes, found: curves.ProbabilityCurve, k: int, label: str, band: bool) -> None:
    x = found.curve["value"].to_numpy(dtype=float)
    p, lower, upper = _numbers(found)
    colour = COLOURS[k % len(COLOURS)]
    if band:
        axes.fill_between(x, lower, upper, color=colour, alpha=0.15, linewidth=0)
    axes.plot(x, p, color=colour, linewidth=1.8, linestyle=_DASHES[k % len(_DASHES)], label=label)


def _draw_labels(axes: Axes, found: curves.ProbabilityCurve, k: int, aside: float, label: str) -> None:
    position = np.arange(len(found.curve))
    p, lower, upper = _numbers(found)
    colour = COLOURS[k % len(COLOURS)]
    axes.vlines(position + aside, lower, upper, color=colour, linewidth=1.6)
    marker = MARKERS[k % len(MARKERS)]
    inside = (
        colour if np.isfinite(lower).any() else "none"
    )  # hollow without an interval, as in the forest plot
    axes.plot(position + aside, p, marker, color=colour, markerfacecolor=inside, markersize=5, label=label)
    names = [f"{value:g}" if isinstance(value, float) else str(value) for value in found.curve["value"]]
    crowded = sum(map(len, names)) > 60
    axes.set_xticks(
        position,
        [folded(name, 18) for name in names],
        rotation=30 if crowded else 0,
        ha="right" if crowded else "center",
    )
    axes.set_xlim(-0.5, len(position) - 0.5)


def _draw_shares(axes: Axes, found: curves.ProbabilityCurve, aside: float) -> None:
    shares = found.shares
    if len(shares) == 0:
        return
    places = list(shares["value"])
    if not found.is_number:
        order = list(found.curve["value"])
        places = [order.index(value) + aside for value in shares["value"]]
    size = 12 + 90 * shares["n"] / shares["n"].max()
    label = "observed share (area: rows)"
    axes.scatter(places, shares["share"], s=size, facecolors="none", edgecolors=GREY, zorder=3, label=label)
    if found.averaged:
        label = "expected of the same rows"
        axes.scatter(places, shares["expected"], s=24, marker="x", color=GREY, linewidths=1, label=label)


def _otherwise(found: curves.ProbabilityCurve, first: curves.ProbabilityCurve) -> str:
    """Where fits of different formulas treat the other variables differently from the first, whose label is drawn."""
    if bool(found.averaged) == bool(first.averaged) or not (found.averaged or found.held):
        return ""
    return ", averaged over rows" if found.averaged else ", at a typical row"


def _others(found: curves.ProbabilityCurve) -> str:
    """What became of the other variables, under the name of this one."""
    if found.averaged:
        return "\n" + folded(f"(averaged over the rows' own {listed(list(found.averaged), 5)})", 70)
    if not found.held:
        return ""
    shown = [
        f"{name} = {value:.4g}" if isinstance(value, float) else f"{name} = {value}"
        for name, value in found.held.items()
    ]
    return "\n" + folded(f"(at {listed(shown, 5)})", 70)
