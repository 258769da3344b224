"""Decision curves: net benefit of acting on fits, on everybody and on nobody, over thresholds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

import numpy as np

from problogit.analysis.decision_curve import DecisionCurveResult
from problogit.analysis.decision_curve import decision_curve as judge
from problogit.analysis.decision_frames import ALL, NONE
from problogit.analysis.fits import estimate_of
from problogit.plots.axes import COLOURS, GREY, clean, folded, new_axes, plain
from problogit.tables.numbers import count, percent
from problogit.validation import check_choice

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from problogit.estimate import HasEstimate

__all__ = ["QUANTITIES", "HasCurve", "decision_curve", "draw_decision_curve"]

QUANTITIES = {
    "net_benefit": "net benefit",
    "standardized": "net benefit as a share of the best possible",
    "avoided": "net interventions avoided per 100",
}


class HasCurve(Protocol):
    """What `fit.decision_curve()` returns."""

    @property
    def result(self) -> DecisionCurveResult:
        """The figures."""


def decision_curve(
    curve: HasCurve | HasEstimate, ax: Axes | None = None, quantity: str = "net_benefit"
) -> Axes:
    """Draw decision curves.

    Parameters
    ----------
    curve : DecisionCurve or Fit
        From ``fit.decision_curve()`` or ``plg.decision_curves(fits)``; of a fit its own is made.
    ax : Axes, optional
    quantity : str
        ``"net_benefit"``, ``"standardized"`` (over the prevalence) or ``"avoided"`` (interventions, against treating
        all).

    Returns
    -------
    Axes
        One line a fit with its band, the grey line of treating all and the black one of treating none. A fit is worth
        using where its line is the highest.
    """
    carried = getattr(curve, "result", None)
    if not isinstance(carried, DecisionCurveResult):
        estimate_of(curve, "curve")  # or an error that says what was expected
        carried = judge(cast("HasEstimate", curve))
    return draw_decision_curve(carried, ax, quantity)


def draw_decision_curve(
    result: DecisionCurveResult, ax: Axes | None = None, quantity: str = "net_benefit", title: str = ""
) -> Axes:
    """Draw the figures themselves, under `title` or under how they were judged."""
    check_choice("quantity", quantity, tuple(QUANTITIES))
    axes = new_axes(ax)
    for k, label in enumerate(result.labels):
        own, colour = result.of(label), COLOURS[k % len(COLOURS)]
        if quantity == "net_benefit":
            axes.fill_between(
                own["threshold"], own["lower"], own["upper"], color=colour, alpha=0.15, linewidth=0
            )
        # Fits often agree: the lines below stay visible.
        width = 1.6 + 1.2 * (len(result.labels) - 1 - k)
        axes.plot(own["threshold"], own[quantity], color=colour, linewidth=width, label=plain(label))
    for strategy, colour in ((ALL, GREY), (NONE, "black")):
        own = result.of(strategy)
        axes.plot(own["threshold"], own[quantity], color=colour, linewidth=1.0, label=strategy)
    axes.set_ylim(*_limits(result, quantity))
    low, high = float(result.best["threshold"].min()), float(result.best["threshold"].max())
    if low == high:  # a single threshold: points
        low, high = max(0.0, low - 0.05), min(1.0, high + 0.05)
        for line in axes.lines:
            line.set_marker("o")
    axes.set_xlim(low, high)
    axes.set_xlabel("threshold probability")
    axes.set_ylabel(QUANTITIES[quantity])
    heading = (
        f"{result.modelled}: {count(result.n_events)} events of {count(result.n_trials)}; {result.method}"
    )
    if quantity == "net_benefit":
        heading += f"; bands {percent(result.prob)}"
    axes.set_title(folded(title or heading, 70), fontsize="medium", loc="left")
    axes.legend(frameon=False, fontsize="small")
    clean(axes)
    return axes


def _limits(result: DecisionCurveResult, quantity: str) -> tuple[float, float]:
    """Where the fits lie: treating all or none soon falls far below them, which needs no room."""
    shown = result.frame[result.frame["strategy"].isin(result.labels)]
    top = float(np.nanmax(shown["upper" if quantity == "net_benefit" else quantity]))
    if quantity == "avoided":
        low = float(np.nanmin(shown[quantity]))
        return max(low, -100.0) - 5, max(top, 0.0) + 5
    height = max(top, 1.0 if quantity == "standardized" else result.prevalence, 0.0)
    return -0.1 * height, 1.05 * height
