"""Expected totals: the sum of a value over the events among many rows, with an interval.

A probability used as it is: 5% of nights is about 18 a year. The interval is a prediction interval: it holds what the
coefficients leave open and the scatter of the outcomes themselves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from problogit.analysis.predict import Coded, coded_rows, probabilities
from problogit.analysis.total_draws import Total, WeightedRows, total_distribution
from problogit.core.blocks import Array
from problogit.core.coefficients import CoefficientDistribution, PointCoefficients
from problogit.core.debiased import DebiasedCoefficients
from problogit.data.columns import Numbers
from problogit.data.sources import open_source
from problogit.errors import InputError, explain
from problogit.estimate import Estimate
from problogit.validation import check_number, check_probability

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ExpectedTotal", "expected_total", "no_interval", "total_of", "totalled_rows"]


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
        Interval that the total falls in with probability `prob`, at least that where totals are counts.
    prob : float
    interval : str
        ``"prediction"``: parameters and outcomes both; ``"none"`` without a distribution of the coefficients.
    parameters : str
        Kind of uncertainty of the coefficients behind it, e.g. ``"confidence-wald"``.
    n_rows, n_missing : int
        Rows that are summed; rows left out because of missing values, or among the training rows without weight.
    parameter_sd, bernoulli_sd : float
        The two parts: of the expected total over the coefficients; of the outcomes, the root of their mean variance
        over the coefficients.
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
        missing = f" ({self.n_missing} more left out: missing values or no weight)" if self.n_missing else ""
        start = f"Expected total over {rows}{missing}: {self.mean:.4g}"
        if self.interval == "none":
            return f"{start}; no interval: {self.reason}"
        return f"{start}, {100 * self.prob:g}% prediction interval {self.lower:.4g} to {self.upper:.4g}"


def expected_total(
    estimate: Estimate, data: Any = None, value: Any = 1.0, prob: float = 0.95, trials: Any = None
) -> ExpectedTotal:
    """Expected sum of `value` over the events among the rows, with an interval.

    mean = sum v m p, with p of `predict`. The interval is that of outcomes still to be seen: quantiles of sum v K with
    K ~ Binomial(m, expit(x'beta + offset)) and beta drawn from the coefficient distribution, so that what the
    coefficients leave open is carried through the log-odds as in `predict`. Posterior and bootstrap draws are taken
    as they are; normal distributions are drawn from (200 to 2000 times) with a fixed seed, so that the same call gives
    the same interval. Given beta the number of events is Poisson-binomial: exact up to 200 trials, then off by less
    than 0.001; totals of differing values are simulated, or beyond 500 rows normal with a correction for skewness.
    Where events have one value, or rows are few, both ends are totals that can occur.

    With rare events the coefficients' uncertainty is skew on the scale of probabilities: for a sampling distribution
    the mean, which takes the estimate for true, may then lie near the lower end.

    Parameters
    ----------
    estimate : Estimate
    data : table, optional
        New rows; the training rows without it (each counted by its trials and its frequency weight).
    value : float, str or array
        What an event is worth: a number, a column of `data`, or one number for each row of the table.
    prob : float
    trials : float, str or array, optional
        Trials of each new row. Without it 1, or, where the response counts events in trials, what they were when the
        model was fitted: the column of that name, or that one number.

    Returns
    -------
    ExpectedTotal
    """
    prob = check_probability("prob", prob)
    coded, rows = totalled_rows(estimate, data, value, trials)
    return total_of(estimate, rows, prob, coded.n_table - rows.value.size)


def totalled_rows(estimate: Estimate, data: Any, value: Any, trials: Any) -> tuple[Coded, WeightedRows]:
    """The rows that can be predicted, with value and trials of each."""
    coded = coded_rows(estimate, data)
    rows = WeightedRows(
        coded.X,
        coded.offset,
        _per_row("value", value, data, coded),
        _trials(estimate, data, trials, coded),
    )
    return coded, rows


def total_of(estimate: Estimate, rows: WeightedRows, prob: float, n_missing: int) -> ExpectedTotal:
    """The total of these rows."""
    p = probabilities(estimate, rows.X, rows.offset)
    mean = float(np.sum(rows.value * rows.trials * p))
    spread, reason = _spread(estimate, rows, p, prob)
    low, high = rows.possible()
    known = not reason
    return ExpectedTotal(
        mean=mean,
        sd=math.hypot(spread.parameter_sd, spread.outcome_sd),
        lower=max(spread.lower, low) if known else math.nan,
        upper=min(spread.upper, high) if known else math.nan,
        prob=prob,
        interval="prediction" if known else "none",
        parameters=estimate.coefficients.kinds[0] if known else "none",
        n_rows=int(rows.value.size),
        n_missing=n_missing,
        parameter_sd=spread.parameter_sd,
        bernoulli_sd=spread.outcome_sd,
        reason=reason,
    )


_NO_SPREAD = (
    "some bootstrap resamples have infinite or unknown coefficients, and the total then has no standard error; use "
    "another covariance or a proper prior."
)


def _spread(estimate: Estimate, rows: WeightedRows, p: Array, prob: float) -> tuple[Total, str]:
    """The distribution of the total, and why there is none where there is none."""
    coefficients = estimate.predictor
    reason = no_interval(coefficients, p)
    if not reason:
        if _known_spread(coefficients, rows, p):
            found = total_distribution(coefficients, rows, prob)
            if not math.isnan(found.lower):
                return found, ""
        reason = _NO_SPREAD
    outcomes = math.sqrt(float(np.sum(rows.value**2 * rows.trials * p * (1 - p))))
    return Total(math.nan, outcomes, math.nan, math.nan), reason


def no_interval(coefficients: CoefficientDistribution, p: Array) -> str:
    """Why a total over rows of these probabilities has no interval; empty where it may have one."""
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


def _known_spread(coefficients: CoefficientDistribution, rows: WeightedRows, p: Array) -> bool:
    """Whether the direction in which the total moves has a standard error."""
    gradient = np.asarray(rows.X.T @ (rows.value * rows.trials * p * (1 - p))).ravel()
    size = float(np.abs(gradient).max(initial=0.0))
    return size == 0 or not math.isnan(coefficients.marginals((gradient / size)[None]).sd[0])


def _trials(estimate: Estimate, data: Any, trials: Any, coded: Coded) -> Array:
    response = estimate.problem.response
    if data is not None:
        if trials is None and response.counts:
            trials = _fitted_trials(estimate, data)
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


def _fitted_trials(estimate: Estimate, data: Any) -> Any:
    """The column of the new table, or the number, that the trials were when the model was fitted."""
    design = estimate.problem.design
    if design.fixed_trials is not None:
        return design.fixed_trials
    column = design.trials_column
    if column is not None and column in open_source(data).names:
        return column
    rule = f"must be given for new rows, because {estimate.problem.response.name} counts events in trials"
    where = f"The data have no column {column!r}, which held them; name" if column is not None else "Name"
    raise InputError(explain("trials", rule, None, f"{where} a column, or write trials=1."))


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
