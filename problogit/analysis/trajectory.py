"""Gradient steps that were stopped early, as tidy frames of the shape of a penalty path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from problogit.core.early_stopping_record import Trajectory
from problogit.errors import NotAvailableError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["step_coefficient_frame", "step_value_frame"]


def step_coefficient_frame(record: Trajectory, terms: Sequence[str]) -> pd.DataFrame:
    """One row for each kept step and term, from the null model to the fit.

    Returns
    -------
    DataFrame
        ``step, term, estimate``; the steps on all rows. `attrs` says what was chosen.

    Raises
    ------
    NotAvailableError
        The coefficients were too many to be kept.
    """
    import pandas as pd

    if record.coefficients is None:
        raise NotAvailableError(
            "The coefficients of these steps were too many to be kept; read `path_values` for deviances and degrees of "
            "freedom, and `coef` for the step that was chosen."
        )
    codes = list(range(len(terms))) * record.kept.size
    frame = pd.DataFrame(
        {
            "step": np.repeat(record.kept, len(terms)),
            "term": pd.Categorical.from_codes(codes, pd.Index(list(terms))),
            "estimate": record.coefficients.ravel(),
        }
    )
    frame.attrs.update(_choice(record))
    return frame


def step_value_frame(record: Trajectory) -> pd.DataFrame:
    """One row for each step.

    Returns
    -------
    DataFrame
        ``step, train_deviance, heldout_deviance, loglik, df, l2_strength, chosen``. The deviances are means over units
        of the run that chose where to stop (all rows, and NaN, where the number of steps was given); ``loglik``, ``df``
        and ``l2_strength`` are those of all rows, NaN at steps that were not kept. ``l2_strength`` is that of the ridge
        with the same effective degrees of freedom, on the scaled columns.
    """
    import pandas as pd

    steps = np.arange(record.n_steps + 1)
    columns: dict[str, Any] = {
        "step": steps,
        "train_deviance": record.train_deviance,
        "heldout_deviance": record.heldout_deviance,
    }
    for name, values in (("loglik", record.loglik), ("df", record.df), ("l2_strength", record.l2)):
        column = np.full(steps.size, np.nan)
        column[record.kept] = values
        columns[name] = column
    frame = pd.DataFrame(columns | {"chosen": steps == record.chosen})
    frame.attrs.update(_choice(record))
    return frame


def _choice(record: Trajectory) -> dict[str, Any]:
    return {
        "step": record.chosen,
        "ended": record.reason,
        "df": float(record.df[-1]),
        "l2_strength": float(record.l2[-1]),
    }
