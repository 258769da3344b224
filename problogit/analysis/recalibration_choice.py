"""How much of a fit to revise in new data: nothing, the intercept, intercept and slope, or everything.

The closed testing procedure of Vergouwe et al. (2017, Stat Med 36:4529): the model refitted to the new data is set
against the fit as it is; where that is not significantly worse it stays. Otherwise the refit is set against the fit
with a new intercept, then with new intercept and slope, and the first that is not significantly worse is chosen. All
tests are likelihood ratios at the same level, which is then the chance of revising a fit that needs no revision.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import chdtrc

from problogit.analysis.predictions import Judged
from problogit.analysis.recalibration_line import recalibration_line
from problogit.core.likelihood import kernel
from problogit.core.null import null_intercept
from problogit.core.scaling import column_stats
from problogit.data.rows import Array, Rows
from problogit.errors import NotAvailableError
from problogit.problem import Problem, sample_size

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["closed_test"]

LEVEL = 0.05


def closed_test(problem: Problem, rows: Rows, judged: Judged) -> pd.DataFrame:
    """Test the revisions of a fit in new data.

    Parameters
    ----------
    problem : Problem
        Of the fit, for the coding of the refit.
    rows : Rows
        The new data.
    judged : Judged
        What is predicted for them.

    Returns
    -------
    DataFrame
        Rows ``none, intercept, logistic, refit``: ``loglik, df`` (parameters estimated), ``statistic, df_test,
        p_value`` (refit against this one), ``chosen``.

    Raises
    ------
    NotAvailableError
        Sampling weights, or predictions of exactly 0 or 1: there is no likelihood ratio.
    """
    import pandas as pd

    if problem.weights_type == "sampling" or not np.isfinite(judged.log_odds).all():
        raise NotAvailableError(
            "method='auto' compares likelihoods, which sampling weights do not give, nor predictions of exactly 0 or "
            "1. Choose 'intercept' or 'logistic' yourself."
        )
    stats = column_stats(rows.X, rows.weights * rows.trials, problem.executor)
    fresh = replace(
        problem, data=rows, column_stats=stats, sample=sample_size(rows, problem.weights_type)
    ).maximum
    rank = int(fresh.aliases.kept.size)
    logliks = [*_logliks(judged), fresh.kernel]
    degrees = [0, 1, 2, rank]
    statistics = np.maximum(2 * (fresh.kernel - np.array(logliks)), 0.0)
    tested = [max(rank - used, 0) for used in degrees]
    p_values = [
        float(chdtrc(df, statistic)) if df else 1.0 for df, statistic in zip(tested, statistics, strict=True)
    ]
    chosen = next(place for place, p in enumerate(p_values) if p > LEVEL)
    return pd.DataFrame(
        {
            "loglik": logliks,
            "df": degrees,
            "statistic": statistics,
            "df_test": tested,
            "p_value": p_values,
            "chosen": np.arange(4) == chosen,
        },
        index=pd.Index(["none", "intercept", "logistic", "refit"], name="revision"),
    )


def _logliks(judged: Judged) -> tuple[float, float, float]:
    """Log-likelihood kernels of the predictions as they are, shifted, and on a line."""
    eta, events, total = judged.log_odds, judged.weights * judged.successes, judged.weights * judged.trials

    def at(log_odds: Array) -> float:
        return float(kernel(log_odds, events, total).sum())

    shifted = at(eta + null_intercept(events, total, eta, near=0.0))
    line = recalibration_line(eta, judged.successes, judged.trials, judged.weights)
    return at(eta), shifted, shifted if np.isnan(line.loglik) else line.loglik
