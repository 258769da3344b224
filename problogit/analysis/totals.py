"""Expected totals: the sum of a value over the events among many rows, with an interval.

A probability used as it is: 5% of nights is about 18 a year. The interval is a prediction interval: it holds what the
coefficients leave open and the scatter of the outcomes themselves.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit, ndtri

from problogit.analysis.predict import Coded, coded_rows, probabilities, row_blocks
from problogit.core.blocks import Array, Matrix
from problogit.core.coefficients import CoefficientDistribution, DrawnCoefficients, PointCoefficients
from problogit.core.debiased import DebiasedCoefficients
from problogit.data.columns import Numbers
from problogit.data.sources import open_source
from problogit.errors import InputError, explain
from problogit.estimate import Estimate
from problogit.validation import check_number, check_probability

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ExpectedTotal", "expected_total"]

_GRID = 200


@dataclass(frozen=True)
class ExpectedTotal:
    """The sum of a value over events.

    Attributes
    ----------
    mean : float
        Sum of value x trials x P(event).
    sd : float
        Of the total that will be seen: both parts together.
    lower, upper : float
        Interval that the total falls in with probability `prob`.
    prob : float
    interval : str
        ``"prediction"``: parameters and outcomes both; ``"none"`` without a distribution of the coefficients.
    parameters : str
        Kind of uncertainty of the coefficients behind it, e.g. ``"confidence-wald"``.
    n_rows, n_missing : int
        Rows that are summed; rows left out because a predictor is missing.
    parameter_sd, bernoulli_sd : float
        The two parts: what the coefficients leave open, and the scatter of outcomes at known probabilities.
    reason : str
        Why there is no interval, where there is none.
    """

    mean: float
    sd: float
    lower: float
    upper: float
    prob: float
    interval: str
    parameters: str
    n_rows: int
    n_missing: int
    parameter_sd: float
    bernoulli_sd: float
    reason: str = ""

    @property
    def frame(self) -> pd.DataFrame:
        """One row with every figure."""
        import pandas as pd

        names = ("mean", "sd", "lower", "upper", "interval", "n_rows", "parameter_sd", "bernoulli_sd")
        frame = pd.DataFrame([{name: getattr(self, name) for name in names}])
        frame.attrs.update(prob=self.prob)
        return frame

    def __str__(self) -> str:
        """One sentence."""
        rows = f"{self.n_rows} row" + ("s" if self.n_rows != 1 else "")
        missing = f" ({self.n_missing} more have missing predictors)" if self.n_missing else ""
        start = f"Expected total over {rows}{missing}: {self.mean:.4g}"
        if self.interval == "none":
            return f"{start}; no interval: {self.reason}"
        return f"{start}, {100 * self.prob:g}% prediction interval {self.lower:.4g} to {self.upper:.4g}"


@dataclass(frozen=True, eq=False)
class _Weighted:
    """Rows with the value and the trials of each."""

    X: Matrix
    offset: Array
    value: Array
    trials: Array

    def take(self, block: slice) -> _Weighted:
        return _Weighted(self.X[block], self.offset[block], self.value[block], self.trials[block])

    def possible(self) -> tuple[float, float]:
        """The smallest and the largest total that these rows can give."""
        full = self.value * self.trials
        return float(np.minimum(full, 0).sum()), float(np.maximum(full, 0).sum())


def expected_total(
    estimate: Estimate, data: Any = None, value: Any = 1.0, prob: float = 0.95, trials: Any = None
) -> ExpectedTotal:
    """Expected sum of `value` over the events among the rows, with an interval.

    mean = sum v m p; variance = sum v^2 m p (1 - p) + the variance of the mean over the coefficient distribution,
    g' C g with g = sum v m p (1 - p) x where that is normal. The normal interval is corrected for the skewness of
    the outcomes and kept within what the rows can give.

    Parameters
    ----------
    estimate : Estimate
    data : table, optional
        New rows; the training rows without it (each counted by its trials and its frequency weight).
    value : float, str or array
        What an event is worth: a number, a column of `data`, or one number for each row of the table.
    prob : float
    trials : float, str or array, optional
        Trials of each new row; 1 without it where the response is not a count.

    Returns
    -------
    ExpectedTotal
    """
    prob = check_probability("prob", prob)
    coded = coded_rows(estimate, data)
    rows = _Weighted(
        coded.X,
        coded.offset,
        _per_row("value", value, data, coded),
        _trials(estimate, data, trials, coded),
    )
    p = probabilities(estimate, rows.X, rows.offset)
    mean = float(np.sum(rows.value * rows.trials * p))
    spread = _spread(estimate, rows, p, mean, prob)
    low, high = rows.possible()
    known = not spread.reason
    return ExpectedTotal(
        mean=mean,
        sd=math.hypot(spread.parameter, spread.outcomes),
        lower=max(spread.lower, low) if known else math.nan,
        upper=min(spread.upper, high) if known else math.nan,
        prob=prob,
        interval="prediction" if known else "none",
        parameters=estimate.coefficients.kinds[0] if known else "none",
        n_rows=int(coded.position.size),
        n_missing=int(coded.n_table - coded.position.size),
        parameter_sd=spread.parameter,
        bernoulli_sd=spread.outcomes,
        reason=spread.reason,
    )


_NO_SPREAD = (
    "some bootstrap resamples have infinite or unknown coefficients, and the total then has no standard error; use "
    "another covariance or a proper prior."
)


@dataclass(frozen=True)
class _Spread:
    """The two parts of the uncertainty of a total, and where it falls."""

    parameter: float
    outcomes: float
    lower: float
    upper: float
    reason: str = ""


def _spread(estimate: Estimate, rows: _Weighted, p: Array, mean: float, prob: float) -> _Spread:
    coefficients = estimate.predictor
    outcomes = math.sqrt(float(np.sum(rows.value**2 * rows.trials * p * (1 - p))))
    reason = _no_interval(coefficients, p)
    if reason:
        return _Spread(math.nan, outcomes, math.nan, math.nan, reason)
    if isinstance(coefficients, DrawnCoefficients):
        return _drawn(estimate, coefficients, rows, mean, prob)
    if isinstance(
        coefficients, DebiasedCoefficients
    ):  # the interval is about the total that its centre gives
        p = expit(np.asarray(rows.X @ coefficients.centre) + rows.offset)
        mean = float(np.sum(rows.value * rows.trials * p))
    parameter = _delta(coefficients, rows, p)
    if math.isnan(parameter):
        return _Spread(math.nan, outcomes, math.nan, math.nan, _NO_SPREAD)
    lower, upper = _normal(rows, p, mean, math.hypot(parameter, outcomes), prob)
    return _Spread(parameter, outcomes, lower, upper)


def _no_interval(coefficients: CoefficientDistribution, p: Array) -> str:
    if isinstance(coefficients, PointCoefficients):
        return coefficients.reason
    if isinstance(coefficients, DebiasedCoefficients) and coefficients.sparse_only:
        return (
            "with about as many columns as rows, debiased intervals are for single coefficients; use "
            "inference='bootstrap'."
        )
    if np.isnan(p).any():
        return (
            f"{int(np.isnan(p).sum())} row(s) have no probability, because the data leave the sign of an infinite "
            "coefficient undetermined or do not identify the combination; fit a proper prior."
        )
    if not np.isfinite(coefficients.location).all() and ((p == 0) | (p == 1)).any():
        return "the data are separated, and probabilities of exactly 0 or 1 have no sampling distribution."
    return ""


def _delta(coefficients: CoefficientDistribution, rows: _Weighted, p: Array) -> float:
    """sqrt(g' C g): the total is differentiated, so that one combination of coefficients carries its variance."""
    slope = rows.value * rows.trials * p * (1 - p)
    gradient = np.asarray(rows.X.T @ slope).ravel()
    size = float(np.abs(gradient).max(initial=0.0))
    if size == 0:
        return 0.0
    return size * float(coefficients.marginals((gradient / size)[None]).sd[0])


def _normal(rows: _Weighted, p: Array, mean: float, sd: float, prob: float) -> tuple[float, float]:
    third = float(np.sum(rows.value**3 * rows.trials * p * (1 - p) * (1 - 2 * p)))
    z = float(ndtri((1 + prob) / 2))
    shift = third / sd**2 * (z**2 - 1) / 6 if sd > 0 else 0.0
    return mean - z * sd + shift, mean + z * sd + shift


def _drawn(
    estimate: Estimate, coefficients: DrawnCoefficients, rows: _Weighted, mean: float, prob: float
) -> _Spread:
    """Posterior predictive: a mixture over the draws of (skewness-corrected) normal totals, on a grid of quantiles."""
    moments = np.zeros((3, coefficients.flat.shape[0]))
    for part in _blocks(estimate, rows):
        p = expit(np.asarray(part.X @ coefficients.flat.T).T + part.offset)
        moments[0] += p @ (part.value * part.trials)
        spread = p * (1 - p)
        moments[1] += spread @ (part.value**2 * part.trials)
        moments[2] += (spread * (1 - 2 * p)) @ (part.value**3 * part.trials)
    totals, variance, third = moments
    sd = np.sqrt(variance)
    skew = np.divide(third, variance * sd, out=np.zeros_like(sd), where=sd > 0)
    z = ndtri((np.arange(_GRID) + 0.5) / _GRID)
    if coefficients.estimate is not None:  # bootstrap draws scatter about the estimate
        totals = totals + (mean - totals.mean())
    mixture = totals[:, None] + sd[:, None] * (z + skew[:, None] * (z**2 - 1) / 6)
    lower, upper = np.quantile(mixture, [(1 - prob) / 2, (1 + prob) / 2])
    return _Spread(float(totals.std(ddof=1)), float(np.sqrt(variance.mean())), float(lower), float(upper))


def _blocks(estimate: Estimate, rows: _Weighted) -> Iterator[_Weighted]:
    for block in row_blocks(estimate, rows.offset.size):
        yield rows.take(block)


def _trials(estimate: Estimate, data: Any, trials: Any, coded: Coded) -> Array:
    response = estimate.problem.response
    if data is not None:
        if trials is None and response.counts:
            rule = f"must be given for new rows, because {response.name} counts events in trials"
            raise InputError(explain("trials", rule, trials, "Name a column, or write trials=1."))
        counts = _per_row("trials", 1.0 if trials is None else trials, data, coded)
        if (counts < 0).any():
            raise InputError(explain("trials", "must not be negative", float(np.min(counts))))
        return counts
    if trials is not None:
        raise InputError(
            explain("trials", "goes with new data only", trials, "The training rows have their own.")
        )
    rows = estimate.problem.rows
    return rows.trials * rows.weights if estimate.problem.weights_type == "frequency" else rows.trials


def _per_row(name: str, given: Any, data: Any, coded: Coded) -> Array:
    """One number for each coded row: a constant, a column of the data, or an array over the rows of the table."""
    if isinstance(given, str):
        if data is None:
            raise InputError(
                explain(
                    name, "may name a column only where data are given", given, "Pass the table as data=."
                )
            )
        column = open_source(data).read([given]).columns[given]
        if not isinstance(column, Numbers):
            raise InputError(explain(name, "must be a column of numbers", given))
        numbers = column.floats()
    elif np.isscalar(given) or given is None:
        return np.full(coded.position.size, check_number(name, given))
    else:
        numbers = _floats(name, given)
        if numbers.shape != (coded.n_table,):
            raise InputError(
                explain(
                    name,
                    f"must have one number for each of the {coded.n_table} rows of the table",
                    numbers.shape,
                )
            )
    chosen = numbers[coded.position]
    if not np.isfinite(chosen).all():
        count = int((~np.isfinite(chosen)).sum())
        raise InputError(
            explain(name, "must be finite in every row that can be predicted", f"{count} that are not")
        )
    return chosen


def _floats(name: str, given: Any) -> Array:
    try:
        return np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        rule = "must be a number, the name of a column, or one number for each row of the table"
        raise InputError(explain(name, rule, given)) from None
