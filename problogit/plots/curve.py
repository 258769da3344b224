"""The fitted S-curve over one variable, with its band and the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from problogit.analysis import curves
from problogit.plots.axes import COLOURS, GREY, new_axes
from problogit.tables.numbers import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from problogit.estimate import HasEstimate

__all__ = ["draw_curve", "probability_curve"]


def probability_curve(
    fit: HasEstimate,
    variable: str,
    ax: Axes | None = None,
    *,
    at: Mapping[str, Any] | None = None,
    data: Any = None,
    straight_line: bool = False,
    prob: float = 0.95,
) -> Axes:
    """Draw P(event) as one variable moves and the others stand still.

    Parameters
    ----------
    fit : Fit
    variable : str
        A column of your table.
    ax : Axes, optional
    at : mapping, optional
        Where the other variables stand; at their mean or most common label without it.
    data : table, optional
        Rows whose outcomes are shown; the training rows without it, where the design holds the variable itself.
    straight_line : bool
        Also the least-squares line through the outcomes: it leaves [0, 1], which is why the fit is logistic.
    prob : float
        Probability of the band.
    """
    return draw_curve(curves.probability_curve(fit.estimate, variable, at, data, prob), ax, straight_line)


def draw_curve(found: curves.ProbabilityCurve, ax: Axes | None = None, straight_line: bool = False) -> Axes:
    """Draw a `ProbabilityCurve` that was computed before."""
    axes = new_axes(ax)
    (_draw_line if found.is_number else _draw_labels)(axes, found)
    if len(found.shares):
        size = 12 + 90 * found.shares["n"] / found.shares["n"].max()
        axes.scatter(
            found.shares["value"],
            found.shares["share"],
            s=size,
            facecolors="none",
            edgecolors=GREY,
            label="observed share (area: rows)",
        )
    if straight_line and found.line is not None and found.is_number:
        ends = np.array([found.curve["value"].min(), found.curve["value"].max()])
        label = "least-squares line"
        axes.plot(ends, found.line[0] + found.line[1] * ends, "--", color=COLOURS[1], label=label)
    axes.axhline(0, color=GREY, linewidth=0.5)
    axes.axhline(1, color=GREY, linewidth=0.5)
    axes.set_xlabel(found.variable + _held(found.held))
    axes.set_ylabel(found.modelled)
    axes.legend(loc="best", frameon=False, fontsize="small")
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def _kind(found: curves.ProbabilityCurve) -> str:
    kinds = [kind for kind in dict.fromkeys(found.curve["interval"]) if kind != "none"]
    return f" with {percent(found.prob)} band ({', '.join(kinds)})" if kinds else ""


def _draw_line(axes: Axes, found: curves.ProbabilityCurve) -> None:
    x = found.curve["value"].to_numpy(dtype=float)
    lower, upper = (found.curve[name].to_numpy(dtype=float) for name in ("lower", "upper"))
    if not np.isnan(lower).all():
        axes.fill_between(x, lower, upper, color=COLOURS[0], alpha=0.2, linewidth=0)
    axes.plot(x, found.curve["probability"], color=COLOURS[0], linewidth=1.8, label=f"fit{_kind(found)}")


def _draw_labels(axes: Axes, found: curves.ProbabilityCurve) -> None:
    position = np.arange(len(found.curve))
    p, lower, upper = (found.curve[name].to_numpy(dtype=float) for name in ("probability", "lower", "upper"))
    axes.vlines(position, lower, upper, color=COLOURS[0], linewidth=1.6)
    axes.plot(position, p, "o", color=COLOURS[0], label=f"fit{_kind(found)}")
    axes.set_xticks(position, [str(value) for value in found.curve["value"]])


def _held(held: Mapping[str, Any]) -> str:
    if not held:
        return ""
    shown = [
        f"{name} = {value:.4g}" if isinstance(value, float) else f"{name} = {value}"
        for name, value in held.items()
    ]
    listed = ", ".join(shown[:5]) + (f" and {len(shown) - 5} more" if len(shown) > 5 else "")
    return f"\n({listed})"
