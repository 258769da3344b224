"""What single rows do to a fit: leverage, Cook's distance, DFBETAS.

The unit is the row that the user gave; a row with frequency weight f is f units, and what is left out is one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from problogit.analysis.fitted import FittedRows, fitted_rows, row_labels
from problogit.analysis.tests import term_columns
from problogit.core.one_step import Linearised
from problogit.data.rows import Array
from problogit.errors import listed
from problogit.estimate import Estimate
from problogit.validation import check_choice

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["influence", "leverages", "n_effective", "on_all_rows", "remaining", "units_of"]


def influence(
    estimate: Estimate,
    terms: str | Sequence[str] | None = None,
    dfbetas: Literal["one-step", "r"] = "one-step",
) -> pd.DataFrame:
    """Leverage, Cook's distance and DFBETAS of the rows in use.

    Parameters
    ----------
    estimate : Estimate
        A fit with an optimum: maximum or penalized likelihood.
    terms : str or sequence of str, optional
        Whose DFBETAS: terms of the formula or columns; all without it, none for ``()``.
    dfbetas : str
        ``one-step``: (b - b_(i)) / standard error with b_(i) one Newton step from the fit without the row (Pregibon
        1981). ``r``: what `stats::dfbetas` gives for a glm, which puts the deviance residual in the place of the
        Pearson residual and divides by a leave-one-out dispersion too.

    Returns
    -------
    DataFrame
        Indexed by the user's labels of the rows in use: ``leverage`` W_i x_i'B x_i (`stats::hatvalues`);
        ``cooks_distance`` (b - b_(i))' B^-1 (b - b_(i)) / p (`stats::cooks.distance`); ``std_residual``, the
        standardised deviance residual (`stats::rstandard`); and wide, one column for each term,
        ``dfbetas[<term>]``. B is the inverse information, under a penalty (X'WX + L)^-1, and p the number of
        coefficients, there sum of the leverages. Separated rows, and coefficients that are not finite, hold NaN.
        ``attrs["notes"]`` says what is left out or held fixed.

    Raises
    ------
    NotAvailableError
        The fit is no optimum.

    References
    ----------
    Pregibon (1981), Logistic regression diagnostics, Ann. Statist. 9:705. Cook & Weisberg (1982), Residuals and
    influence in regression. Walker & Birch (1988), Influence measures in ridge regression, Technometrics 30:221.
    """
    import pandas as pd

    check_choice("dfbetas", dfbetas, ("one-step", "r"))
    fit, n = estimate.method.linearised(estimate), estimate.problem.rows.n_obs
    wanted = _wanted(estimate, terms)
    present = np.flatnonzero(np.isin(fit.columns, wanted))
    found = fit.one_step(units_of(estimate, fit), present)
    fitted = fitted_rows(estimate)
    leverage = on_all_rows(fit, found.leverage, n)
    shifts = found.shifts / fit.std_error[present]
    if dfbetas == "r":
        shifts *= _r_scale(fitted, fit, leverage)[:, None]
    columns = {
        "leverage": leverage,
        "cooks_distance": on_all_rows(fit, found.distance / n_effective(estimate, fit, found.leverage), n),
        "std_residual": fitted.deviance / np.sqrt(remaining(leverage)),
    }
    place = {int(fit.columns[k]): shifts[:, i] for i, k in enumerate(present)}
    nothing = np.full(fit.likelihood.n_rows, np.nan)
    for j in wanted:
        columns[f"dfbetas[{estimate.terms[j]}]"] = on_all_rows(fit, place.get(int(j), nothing), n)
    frame = pd.DataFrame(columns, index=row_labels(estimate))
    frame.attrs["notes"] = (*fit.notes, *_notes(estimate, fit, frame.index, leverage))
    return frame


def leverages(estimate: Estimate) -> Array:
    """Leverage of one unit of each row in use, shape (n_rows,); NaN for separated rows."""
    fit = estimate.method.linearised(estimate)
    return on_all_rows(fit, fit.one_step(units_of(estimate, fit)).leverage, estimate.problem.rows.n_obs)


def units_of(estimate: Estimate, fit: Linearised) -> Array:
    """Identical units behind each row that takes part: its frequency weight; 1 where weights are no counts."""
    weights = fit.likelihood.weights
    return weights if estimate.problem.weights_type == "frequency" else np.ones_like(weights)


def n_effective(estimate: Estimate, fit: Linearised, leverage: Array) -> float:
    """Number of coefficients; under a penalty the effective number, trace of (X'WX + L)^-1 X'WX."""
    return float(units_of(estimate, fit) @ leverage)


def remaining(leverage: Array) -> Array:
    """1 - leverage, NaN where nothing remains."""
    return np.where(leverage < 1.0 - 1e-9, 1.0 - leverage, np.nan)


def on_all_rows(fit: Linearised, values: Array, n_rows: int) -> Array:
    """Values of the rows that take part, NaN for the others, shape (n_rows,)."""
    if fit.rows is None:
        return values
    out = np.full(n_rows, np.nan)
    out[fit.rows] = values
    return out


def _wanted(estimate: Estimate, terms: str | Sequence[str] | None) -> NDArray[np.int64]:
    if terms is None:
        return np.arange(estimate.problem.n_terms)
    if not isinstance(terms, str) and isinstance(terms, Sequence) and len(terms) == 0:
        return np.empty(0, dtype=np.int64)
    return term_columns(estimate.problem, terms)


def _r_scale(fitted: FittedRows, fit: Linearised, leverage: Array) -> Array:
    """What turns a one-step DFBETAS into R's: deviance over Pearson residual, over the leave-one-out dispersion."""
    part = slice(None) if fit.rows is None else fit.rows
    deviance, pearson, copies = fitted.deviance[part], fitted.pearson[part], fitted.copies[part]
    ratio = np.divide(deviance, pearson, out=np.ones_like(deviance), where=pearson != 0)
    left_out = copies @ deviance**2 - deviance**2 / remaining(leverage[part])
    return np.asarray(ratio / np.sqrt(left_out / (copies.sum() - fit.point.size - 1)))


def _notes(estimate: Estimate, fit: Linearised, labels: pd.Index, leverage: Array) -> tuple[str, ...]:
    notes = []
    if fit.rows is not None:
        named = listed([str(label) for label in labels.delete(fit.rows)])
        notes.append(
            f"{len(labels) - fit.rows.size} rows are predicted perfectly (separated) and have no leverage: {named}."
        )
    alone = np.flatnonzero(leverage >= 1.0 - 1e-9)
    if alone.size:
        named = listed([str(label) for label in labels[alone]])
        notes.append(f"Leverage 1: a coefficient belongs to this row alone, and is lost without it: {named}.")
    if estimate.problem.weights_type == "frequency" and bool((estimate.problem.rows.weights != 1).any()):
        notes.append(
            "A row with a frequency weight stands for that many units; what is left out is one of them."
        )
    return tuple(notes)
