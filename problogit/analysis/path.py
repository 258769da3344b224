"""Penalty paths as tidy frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from problogit.analysis.trajectory import step_coefficient_frame, step_value_frame
from problogit.core.path_record import PathRecord
from problogit.errors import NotAvailableError
from problogit.estimate import Estimate

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["coefficient_frame", "path", "path_values", "value_frame"]


def path(estimate: Estimate) -> pd.DataFrame:
    """Coefficients along the path on which the strength of a fit was chosen, or along steps that were stopped early.

    Raises
    ------
    NotAvailableError
        The fit has no path.
    """
    steps = estimate.method.trajectory(estimate)
    if steps is not None:
        return step_coefficient_frame(steps, estimate.terms)
    return coefficient_frame(estimate.method.path(estimate), estimate.terms)


def path_values(estimate: Estimate) -> pd.DataFrame:
    """What was computed at every strength of the path of a fit, or at every step of early stopping.

    Raises
    ------
    NotAvailableError
        The fit has no path.
    """
    steps = estimate.method.trajectory(estimate)
    return value_frame(estimate.method.path(estimate)) if steps is None else step_value_frame(steps)


def coefficient_frame(record: PathRecord, terms: Sequence[str]) -> pd.DataFrame:
    """One row for each strength and term, the strongest penalty first.

    Returns
    -------
    DataFrame
        ``factor, term, estimate``. Terms whose coefficient is zero at every strength are left out; `attrs` says how
        many, and what was chosen.

    Raises
    ------
    NotAvailableError
        The coefficients were too many to be kept.
    """
    import pandas as pd

    if record.coefficients is None:
        raise NotAvailableError(
            "The coefficients of this path were too many to be kept; read `path_values` for scores and fit, and `coef` "
            "for the strength that was chosen."
        )
    held = record.coefficients.tocsc()
    shown = np.flatnonzero(np.diff(held.indptr))
    values = held[:, shown].toarray()
    names = pd.Index([terms[int(j)] for j in shown])
    codes = list(range(shown.size)) * record.n_values
    frame = pd.DataFrame(
        {
            "factor": np.repeat(record.factors, shown.size),
            "term": pd.Categorical.from_codes(codes, names),
            "estimate": values.ravel(),
        }
    )
    frame.attrs.update(_choice(record))
    frame.attrs["n_terms_always_zero"] = len(terms) - int(shown.size)
    return frame


def value_frame(record: PathRecord) -> pd.DataFrame:
    """One row for each strength, the strongest first.

    Returns
    -------
    DataFrame
        ``factor, l1_strength, l2_strength, df, n_nonzero, loglik, deviance, deviance_explained``; where a strength was
        chosen also ``score, std_error, chosen``. A strength is NaN where terms have different ones.
    """
    import pandas as pd

    frame = pd.DataFrame(
        {
            "factor": record.factors,
            "l1_strength": record.l1,
            "l2_strength": record.l2,
            "df": record.df,
            "n_nonzero": record.n_nonzero,
            "loglik": record.loglik,
            "deviance": record.deviance,
            "deviance_explained": record.explained,
        }
    )
    selection = record.selection
    if selection is not None:
        frame["score"] = selection.score
        frame["std_error"] = selection.std_error
        frame["chosen"] = np.arange(record.n_values) == selection.chosen
    frame.attrs.update(_choice(record))
    return frame


def _choice(record: PathRecord) -> dict[str, Any]:
    attrs: dict[str, Any] = {"ended": record.ended}
    selection = record.selection
    if selection is not None:
        best = selection.chosen
        attrs |= {
            "criterion": selection.criterion,
            "rule": selection.rule,
            "factor": float(record.factors[best]),
            "l1_strength": float(record.l1[best]),
            "l2_strength": float(record.l2[best]),
            "score": float(selection.score[best]),
            "std_error": float(selection.std_error[best]),
            "n_folds": selection.n_folds,
            "choice": selection.text,
        }
    return attrs
