"""Binned residuals: how far the event rate is from what was predicted, all along a variable.

Rows are put in order of the fitted probability, or of a column, and cut into bins of about equal numbers; rows of equal
values stay together. Within a bin the mean residual is (events - expected) / trials. Where the probabilities are right
its standard error is sqrt(sum w^2 m p (1 - p)) / sum w m, known without the outcomes, so that a bin without any event
has a band as well. (Gelman & Hill 2007, Data Analysis Using Regression, 5.6, estimate it from the residuals' spread.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtri

from problogit.analysis.fitted import FittedRows, fitted_rows
from problogit.data.rows import Array
from problogit.errors import InputError, explain
from problogit.estimate import Estimate
from problogit.validation import check_integer, check_probability, nearest

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["binned_residuals"]

_FITTED = "fitted probability"


def binned_residuals(
    estimate: Estimate, by: Any = None, bins: int | None = None, prob: float = 0.95
) -> pd.DataFrame:
    """Mean residuals in bins, with the band in which they lie if the model is right.

    Parameters
    ----------
    estimate : Estimate
    by : str or array, optional
        A column of the design, or numbers for the rows in use (one each, or as a Series with their labels); the fitted
        probability without it.
    bins : int, optional
        Number of bins; the root of the number of units without it, at least 10 and at most 100.
    prob : float
        Of the band, point by point.

    Returns
    -------
    DataFrame
        One row a bin: ``low, high, mean`` of the variable, ``n`` (units), ``observed`` and ``expected`` share of
        events, ``residual`` (their difference), ``std_error``, and the band ``lower, upper`` about 0. In ``attrs``:
        ``by``, ``level``, ``modelled``.

    Raises
    ------
    InputError
        `by` is no column of the design, or has another length than the rows in use.
    """
    import pandas as pd

    check_probability("prob", prob)
    fitted = fitted_rows(estimate)
    x, name = _variable(estimate, by, fitted)
    n_bins = default_bins(fitted) if bins is None else check_integer("bins", bins, 1)
    weight = fitted.prior_weights * fitted.copies
    usable = np.isfinite(x) & ~np.isnan(fitted.log_odds)
    order = np.flatnonzero(usable)[np.argsort(x[usable], kind="stable")]
    starts = bin_starts(x[order], fitted.copies[order], n_bins)

    def total(values: Array) -> Array:
        return np.asarray(np.add.reduceat(values[order], starts)) if order.size else np.empty(0)

    p, m = expit(fitted.log_odds), fitted.trials
    mass = total(weight * m)
    spread = total(fitted.copies * fitted.prior_weights**2 * m * p * expit(-fitted.log_odds))
    error = np.sqrt(spread) / mass
    reach = float(ndtri((1 + prob) / 2)) * error
    ends = np.append(starts[1:], order.size) - 1
    table = {
        "low": x[order][starts],
        "high": x[order][ends],
        "mean": total(weight * m * x) / mass,
        "n": np.round(total(fitted.copies)).astype(np.int64),
        "observed": total(weight * fitted.successes) / mass,
        "expected": total(weight * m * p) / mass,
        "residual": total(weight * fitted.raw) / mass,
        "std_error": error,
        "lower": -reach,
        "upper": reach,
    }
    frame = pd.DataFrame(table)
    frame.attrs.update(by=name, level=prob, modelled=estimate.problem.response.describe())
    return frame


def default_bins(fitted: FittedRows) -> int:
    """The root of the number of units, from 10 to 100; half the units where there are fewer than 20."""
    n = round(float(fitted.copies.sum()))
    return max(1, min(n // 2, max(10, min(100, int(np.sqrt(n))))))


def bin_starts(x: Array, copies: Array, n_bins: int) -> NDArray[np.int64]:
    """Where bins start in sorted values: near equal numbers of units, equal values together."""
    if x.size == 0:
        return np.empty(0, dtype=np.int64)
    first = np.flatnonzero(np.r_[True, x[1:] > x[:-1]])  # of each run of equal values
    before = np.r_[0.0, np.cumsum(copies)][first]
    after = np.r_[before[1:], copies.sum()]
    group = np.floor((before + after) / 2 / copies.sum() * n_bins)
    return np.asarray(first[np.r_[True, group[1:] > group[:-1]]], dtype=np.int64)


def _variable(estimate: Estimate, by: Any, fitted: FittedRows) -> tuple[Array, str]:
    """The values along which bins are made, and their name."""
    import pandas as pd

    if by is None:
        return expit(fitted.log_odds), _FITTED
    rows, terms = estimate.problem.rows, estimate.terms
    if isinstance(by, str):
        if by not in terms:
            close = nearest(by, terms)
            remedy = f"Did you mean {close!r}?" if close else f"There are {', '.join(terms)}."
            remedy += " For another variable pass its values for the rows in use."
            raise InputError(explain("by", "must be a column of the design", by, remedy))
        column = rows.X[:, [terms.index(by)]]
        return np.asarray(column if isinstance(column, np.ndarray) else column.todense()).ravel(), by
    if isinstance(by, pd.Series):
        values = by if len(by) == rows.n_obs else by.iloc[rows.kept] if len(by) == len(rows.index) else by
        by, name = values.to_numpy(), str(by.name)
    else:
        name = "values"
    if isinstance(by, (Sequence, np.ndarray)) and np.shape(by) == (rows.n_obs,):
        array = np.asarray(by)
        if array.dtype.kind in "iufb":
            return array.astype(np.float64), name
    rule = f"must be a column's name or {rows.n_obs} numbers, one for each row in use"
    raise InputError(explain("by", rule, by))
