"""Coefficients and odds ratios with their uncertainty, as tables by term."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from problogit.analysis.intervals import Bounds, bounds, unit_rows
from problogit.data.rows import Array
from problogit.errors import InputError, explain
from problogit.estimate import Estimate
from problogit.validation import check_integer, check_number, nearest, seed_sequence

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["coef", "cov", "draws", "exponential", "odds_ratios", "summary", "terms_without_moments"]


def coef(estimate: Estimate) -> pd.Series[float]:
    """Estimates by term, on the log-odds scale and in original units."""
    import pandas as pd

    return pd.Series(estimate.coefficients.location, index=_terms(estimate), name="coef")


def cov(estimate: Estimate) -> pd.DataFrame:
    """Covariance of the estimates, terms x terms; NaN where there is none."""
    import pandas as pd

    index = _terms(estimate)
    return pd.DataFrame(estimate.coefficients.cov, index=index, columns=list(estimate.terms))


def draws(estimate: Estimate, n: int | None = None, rng: int | np.random.Generator | None = None) -> Array:
    """Draws from the coefficient distribution, shape (n, n_terms).

    Parameters
    ----------
    n : int, optional
        How many; for a posterior all of them in order, for a sampling distribution 1000 without it.
    rng : int or Generator, optional

    Raises
    ------
    NotAvailableError
        The fit is an estimate without a distribution; the message names the remedy.
    """
    count = None if n is None else check_integer("n", n, 1)
    return estimate.coefficients.draws(count, np.random.default_rng(seed_sequence(rng)))


def summary(estimate: Estimate, prob: float = 0.95, interval: str | None = None) -> pd.DataFrame:
    """Estimates with their uncertainty, by term.

    Parameters
    ----------
    estimate : Estimate
    prob : float
        Probability of the intervals.
    interval : str, optional
        ``wald`` or ``profile`` for maximum likelihood, ``eti`` or ``hdi`` for a posterior; the fit's default without.

    Returns
    -------
    DataFrame
        Index `term`; columns ``estimate, std_error, lower, upper, interval``, then the method's own. Coefficients that
        are infinite under separation have no standard error and a one-sided profile interval; those whose posterior
        mean or sd need not exist (finding ``moments``) show their median and no standard error. The level is in
        ``attrs["prob"]``. For maximum likelihood `statistic` and `p_value` are Wald's whatever the interval; the
        likelihood-ratio p-value that goes with a profile interval is that of `test(term)`.
    """
    import pandas as pd

    found = bounds(estimate, None, prob, interval)
    heavy = np.isin(estimate.terms, terms_without_moments(estimate))
    location, std_error = estimate.coefficients.location, estimate.coefficients.std_error
    if heavy.any():
        median = estimate.coefficients.marginals().point(statistic="median")
        location, std_error = np.where(heavy, median, location), np.where(heavy, np.nan, std_error)
    table = pd.DataFrame(
        {
            "estimate": location,
            "std_error": std_error,
            **_bound_columns(found),
            **estimate.method.summary_columns(estimate),
        },
        index=_terms(estimate),
    )
    table.attrs.update(_attributes(estimate, prob))
    return table


def terms_without_moments(estimate: Estimate) -> tuple[str, ...]:
    """Terms whose posterior mean or standard deviation need not exist: draws have medians all the same."""
    return tuple(term for finding in estimate.findings if finding.code == "moments" for term in finding.terms)


def odds_ratios(
    estimate: Estimate,
    prob: float = 0.95,
    interval: str | None = None,
    units: Mapping[str, float] | None = None,
    intercept: bool = False,
) -> pd.DataFrame:
    """Odds ratios with intervals, by term.

    The odds ratio is exp(estimate); for a posterior the median of exp(beta), whose intervals are those of the draws
    of exp(beta).

    Parameters
    ----------
    estimate : Estimate
    prob, interval
        As in `summary`.
    units : mapping of str to float, optional
        Odds ratio for a change of that many units, ``{"age": 10}``; 1 where a term is not named.
    intercept : bool
        Also the intercept, whose row is the odds at predictors = 0.

    Returns
    -------
    DataFrame
        Index `term`; columns ``odds_ratio, lower, upper, interval``; ``attrs["units"]`` keeps the units.
    """
    import pandas as pd

    steps = _units(estimate, units)
    left_out = None if intercept else estimate.problem.intercept
    rows = None if units is None else unit_rows(estimate, steps)
    found = bounds(estimate, rows, prob, interval, exponential)
    ratio = estimate.coefficients.marginals(rows).point(exponential, statistic="median")
    table = pd.DataFrame({"odds_ratio": ratio, **_bound_columns(found)}, index=_terms(estimate))
    if left_out is not None:
        table = table.drop(index=estimate.terms[left_out])
    table.attrs.update(_attributes(estimate, prob) | {"units": dict(units or {})})
    return table


def exponential(values: Array) -> Array:
    """exp, with Inf where it overflows."""
    with np.errstate(over="ignore"):
        return np.exp(values)


def _units(estimate: Estimate, units: Mapping[str, float] | None) -> Array:
    if units is not None and not isinstance(units, Mapping):
        example = f"Write units={{{estimate.terms[-1]!r}: 10}}."
        raise InputError(explain("units", "must be a mapping of term to number", units, example))
    steps = np.ones(len(estimate.terms))
    for term, step in (units or {}).items():
        if term not in estimate.terms:
            close = nearest(term, estimate.terms)
            remedy = f"Did you mean {close!r}?" if close else f"The terms are {', '.join(estimate.terms)}."
            raise InputError(explain("units", "must name terms of this fit", term, remedy))
        number = check_number(f"units[{term!r}]", step)
        if number == 0:
            raise InputError(explain(f"units[{term!r}]", "must not be zero", step))
        steps[estimate.terms.index(term)] = number
    return steps


def _terms(estimate: Estimate) -> pd.Index[Any]:
    import pandas as pd

    return pd.Index(list(estimate.terms), name="term")


def _bound_columns(found: Bounds) -> dict[str, Any]:
    return {"lower": found.lower, "upper": found.upper, "interval": found.kinds}


def _attributes(estimate: Estimate, prob: float) -> dict[str, Any]:
    return {
        "prob": float(prob),
        "event": estimate.problem.response.describe(),
        "method": estimate.method.describe_fit(estimate),
    }
