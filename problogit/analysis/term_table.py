"""One line for each term of the formula: the estimate where it has one coefficient, and the test of all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from problogit.analysis.coefficients import summary
from problogit.analysis.tests import test
from problogit.errors import DataNotSavedError, InputError, NotAvailableError
from problogit.estimate import Estimate

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["term_table"]

_ESTIMATE = ("estimate", "std_error", "lower", "upper", "interval")


def term_table(estimate: Estimate, prob: float = 0.95, interval: str | None = None) -> pd.DataFrame:
    """The summary by term of the formula.

    Parameters
    ----------
    estimate : Estimate
        A maximum-likelihood fit.
    prob, interval
        As in `summary`.

    Returns
    -------
    DataFrame
        Index `term`; columns ``estimate, std_error, lower, upper, interval`` (NaN for a term of several coefficients)
        and ``test, statistic, df, p_value``: the likelihood-ratio test of the whole term under the classical
        covariance, the Wald test with the fit's own covariance otherwise. ``test`` is ``none`` where there is none: a
        term whose columns repeat others, or a Wald test of infinite coefficients.

    Raises
    ------
    NotAvailableError
        The method has no tests.
    """
    import pandas as pd

    kind = _kind(estimate)
    coefficients = summary(estimate, prob, interval)
    lines: dict[str, dict[str, Any]] = {}
    for term, columns in estimate.problem.design.factors:
        line: dict[str, Any] = dict.fromkeys(_ESTIMATE, np.nan) | {"interval": "none"}
        if len(columns) == 1:
            row = coefficients.iloc[columns[0]]
            line = {name: row[name] for name in _ESTIMATE}
        lines[term] = line | _tested(estimate, term, kind)
    table = pd.DataFrame.from_dict(
        lines, orient="index", columns=[*_ESTIMATE, "test", "statistic", "df", "p_value"]
    )
    table.index.name = "term"
    table.attrs.update(coefficients.attrs)
    return table.astype({"df": "int64"})


def _kind(estimate: Estimate) -> str:
    """LR while the model is taken as true, Wald with the fit's covariance where it is not."""
    refusal = estimate.method.refusal("lr", estimate.problem)
    if not refusal and not estimate.method.refusal("profile", estimate.problem):
        return "lr"
    refusal = estimate.method.refusal("wald", estimate.problem)
    if refusal:
        raise NotAvailableError(refusal)
    return "wald"


def _tested(estimate: Estimate, term: str, kind: str) -> dict[str, Any]:
    try:
        found = test(estimate, term, "lr" if kind == "lr" else "wald")
    except DataNotSavedError:
        raise
    except (InputError, NotAvailableError):
        return {"test": "none", "statistic": np.nan, "df": 0, "p_value": np.nan}
    return {"test": kind, "statistic": found.statistic, "df": found.df, "p_value": found.p_value}
