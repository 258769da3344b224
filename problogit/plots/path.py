"""Penalty paths: coefficients against the strength, and the score by which one was chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from problogit.analysis import path as paths
from problogit.errors import InputError, NotAvailableError, explain
from problogit.plots.axes import COLOURS, GREY, clean, folded, new_axes, plain

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from problogit.estimate import HasEstimate

__all__ = ["draw_path", "draw_scores", "path", "path_scores"]

_NAMED = 7  # lines with a colour and a name of their own
_LONG = 20  # steps; more are shown by their logarithm
_SCORES = {
    "cv": "Log score of held-out units",
    "aic": "AIC",
    "bic": "BIC",
    "evidence": "Log marginal likelihood",
}


def path(fit: HasEstimate, ax: Axes | None = None, terms: Sequence[str] | None = None) -> Axes:
    """Draw coefficients against the strength of the penalty, weaker to the right, the intercept left out.

    Of a fit that was stopped early, against the number of gradient steps.

    Parameters
    ----------
    fit : Fit
        With a path: ``Penalized(select=...)`` or ``Penalized(early_stopping=...)``.
    ax : Axes, optional
    terms : sequence of str, optional
        Which terms have a colour and a name; by default those that are largest at the end.

    Raises
    ------
    NotAvailableError
        The fit has no path.
    InputError
        A term in `terms` is not on the path.
    """
    return draw_path(paths.path(fit.estimate), ax, terms)


def path_scores(fit: HasEstimate, ax: Axes | None = None) -> Axes:
    """Draw the score by which a strength was chosen, with its standard error where it has one.

    Of a fit that was stopped early, the deviance of the rows that it learned from and of those held out, at each step.

    Parameters
    ----------
    fit : Fit
        With a path: ``Penalized(select=...)`` or ``Penalized(early_stopping=...)``.
    ax : Axes, optional
    """
    return draw_scores(paths.path_values(fit.estimate), ax)


def draw_path(frame: pd.DataFrame, ax: Axes | None = None, terms: Sequence[str] | None = None) -> Axes:
    """Draw a frame such as `Fit.path`."""
    axes = new_axes(ax)
    along = "step" if "step" in frame else "factor"
    table = frame.pivot_table(index=along, columns="term", values="estimate", observed=True, sort=False)
    table = table.drop(columns="Intercept", errors="ignore")
    if terms is None:
        last = table.iloc[-1].abs().sort_values(ascending=False)
        terms = [str(term) for term in last.index[:_NAMED]] if len(last) else []
    unknown = [term for term in terms if term not in table.columns]
    if unknown:
        remedy = "A term that is zero at every strength is not on it."
        raise InputError(explain("terms", "must name terms of the path", unknown, remedy))
    strength = table.index.to_numpy(dtype=float)
    others = [term for term in table.columns if term not in set(terms)]
    if others:
        axes.plot(strength, table[others].to_numpy(), color=GREY, linewidth=0.6, alpha=0.6)
    for k, term in enumerate(terms):
        colour = COLOURS[k % len(COLOURS)]
        axes.plot(strength, table[term].to_numpy(), color=colour, linewidth=1.4, label=plain(term))
    axes.axhline(0, color=GREY, linewidth=0.5)
    (_step_axis if along == "step" else _strength_axis)(axes, frame)
    axes.set_ylabel("Coefficient (log-odds)")
    if terms:
        axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=4, frameon=False, fontsize="small")
    return axes


def draw_scores(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw a frame such as `Fit.path_values`.

    Raises
    ------
    NotAvailableError
        It has no scores.
    """
    if "train_deviance" in frame:
        return _draw_deviances(frame, ax)
    if "score" not in frame:
        raise NotAvailableError(
            "This path has no scores: no strength was chosen. Fit Penalized(prior, select='cv')."
        )
    axes = new_axes(ax)
    strength, score = frame["factor"].to_numpy(), frame["score"].to_numpy()
    error = frame["std_error"].to_numpy()
    if np.isfinite(error).any():
        axes.fill_between(strength, score - error, score + error, color=COLOURS[0], alpha=0.2, linewidth=0)
    axes.plot(strength, score, color=COLOURS[0], linewidth=1.4)
    _strength_axis(axes, frame)
    axes.set_ylabel(folded(_SCORES[str(frame.attrs["criterion"])], 30))
    return axes


def _draw_deviances(frame: pd.DataFrame, ax: Axes | None) -> Axes:
    axes = new_axes(ax)
    for k, (column, label) in enumerate(
        (("train_deviance", "learned from"), ("heldout_deviance", "held out"))
    ):
        if frame[column].notna().any():
            axes.plot(frame["step"], frame[column], color=COLOURS[k], linewidth=1.4, label=f"Rows {label}")
    _step_axis(axes, frame)
    axes.set_ylabel("Mean deviance of a row")
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, frameon=False, fontsize="small")
    return axes


def _step_axis(axes: Axes, frame: pd.DataFrame) -> None:
    if int(frame["step"].max()) > _LONG:
        axes.set_xscale("symlog", linthresh=1)
        axes.set_xlim(left=0)
    axes.set_xlabel("Gradient steps")
    axes.axvline(frame.attrs["step"], color=GREY, linewidth=1.0, linestyle="--")
    clean(axes)


def _strength_axis(axes: Axes, frame: pd.DataFrame) -> None:
    axes.set_xscale("log")
    axes.invert_xaxis()
    axes.set_xlabel("Factor of the penalty as given (weaker to the right)")
    if "factor" in frame.attrs:
        axes.axvline(frame.attrs["factor"], color=COLOURS[1], linewidth=1.0, linestyle="--")
        choice = str(frame.attrs["choice"]).partition(" from ")[0]
        axes.set_xlabel(f"{axes.get_xlabel()}\n{folded(f'dashed: {choice}', 70)}")
    clean(axes)
