"""Probabilities to be drawn: as one variable moves and the others stand still, and as they spread by outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from problogit.analysis.predict import predict
from problogit.data.rows import Array, VariableSummary
from problogit.errors import InputError, explain
from problogit.estimate import Estimate
from problogit.validation import nearest

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ProbabilityCurve", "probability_curve", "probability_distribution", "variable_summaries"]

_POINTS = 101
_BINS = 12


@dataclass(frozen=True, eq=False)
class ProbabilityCurve:
    """A curve over one variable.

    Attributes
    ----------
    variable : str
    curve : DataFrame
        ``value, probability, lower, upper, interval``.
    held : mapping of str to object
        The other variables and where they stand: means of numbers, the most common label.
    shares : DataFrame
        What happened: ``value, share, n``, rows in groups of like value; empty where the values are not known.
    line : tuple of float or None
        Intercept and slope of the least-squares line through the outcomes, where the values are known.
    modelled : str
    prob : float
    """

    variable: str
    curve: pd.DataFrame
    held: Mapping[str, Any]
    shares: pd.DataFrame
    line: tuple[float, float] | None
    modelled: str
    prob: float

    @property
    def is_number(self) -> bool:
        """True for a curve, False for one probability a label."""
        values = self.curve["value"].to_numpy()
        return bool(np.issubdtype(values.dtype, np.number))


def variable_summaries(estimate: Estimate) -> tuple[VariableSummary, ...]:
    """Summaries of the variables behind the design: of the table's columns, or of ready-made ones."""
    problem = estimate.problem
    if problem.report.variables or problem.design.formula:
        return problem.report.variables
    stats = problem.column_stats
    return tuple(
        VariableSummary(term, float(stats.mean[j]), float(stats.minimum[j]), float(stats.maximum[j]))
        for j, term in enumerate(problem.terms)
        if j != problem.intercept
    )


def probability_curve(
    estimate: Estimate,
    variable: str,
    at: Mapping[str, Any] | None = None,
    data: Any = None,
    prob: float = 0.95,
) -> ProbabilityCurve:
    """Predict over the range of one variable.

    Parameters
    ----------
    estimate : Estimate
    variable : str
        A column of the user's table (not a coded term).
    at : mapping, optional
        Where the other variables stand; their mean or most common label without it.
    data : table, optional
        Rows with outcomes to show beside the curve. Without it the training rows serve, where the variable is itself
        a column of the design.
    prob : float

    Raises
    ------
    InputError
        The variable, or one in `at`, is not in the model.
    """
    import pandas as pd

    summaries = {summary.name: summary for summary in variable_summaries(estimate)}
    for name in (variable, *(at or {})):
        if name not in summaries:
            close = nearest(name, summaries)
            remedy = f"Did you mean {close!r}?" if close else f"The variables are {', '.join(summaries)}."
            raise InputError(explain("variable", "must be a predictor of this model", name, remedy))
    held = {name: summary.typical for name, summary in summaries.items() if name != variable} | dict(at or {})
    own = summaries[variable]
    values: Any = list(own.levels) if own.levels else np.linspace(own.low, own.high, _POINTS)
    grid = {variable: values} | {name: [value] * len(values) for name, value in held.items()}
    grid |= _other_columns(estimate, len(values))
    frame = predict(estimate, pd.DataFrame(grid), prob)
    frame.insert(0, "value", values)
    x, y, weight = _outcomes(estimate, variable, data)
    return ProbabilityCurve(
        variable=variable,
        curve=frame.reset_index(drop=True),
        held=held,
        shares=_shares(x, y, weight),
        line=_line(x, y, weight),
        modelled=estimate.problem.response.describe(),
        prob=prob,
    )


def _other_columns(estimate: Estimate, n: int) -> dict[str, Any]:
    """An offset column stands at its mean in the training rows, or at 0 where they are gone."""
    column = estimate.problem.design.offset_column
    if column is None:
        return {}
    data = estimate.problem.data
    return {column: [0.0 if data is None else float(data.offset.mean())] * n}


def _outcomes(estimate: Estimate, variable: str, data: Any) -> tuple[Array, Array, Array]:
    """Values of the variable, event shares and weights of the rows that can be shown."""
    problem = estimate.problem
    nothing = np.empty(0)
    rows = problem.data if data is None else problem.design.observe(data)
    if rows is None or variable not in problem.terms:
        return nothing, nothing, nothing
    column = rows.X[:, [problem.terms.index(variable)]]
    x = np.asarray(column if isinstance(column, np.ndarray) else column.todense()).ravel()
    return x, rows.successes / rows.trials, rows.weights * rows.trials


def _shares(x: Array, y: Array, weight: Array) -> pd.DataFrame:
    """Event shares in groups: one for each value where there are few, else groups of equal weight."""
    import pandas as pd

    if x.size == 0:
        return pd.DataFrame({"value": [], "share": [], "n": []}, dtype=float)
    levels, group = np.unique(x, return_inverse=True)
    if levels.size > _BINS:
        order = np.argsort(x, kind="stable")
        filled = np.empty(x.size)
        filled[order] = np.cumsum(weight[order]) - weight[order] / 2
        group = np.minimum((filled / weight.sum() * _BINS).astype(int), _BINS - 1)
    n = np.bincount(group, weights=weight)
    used = n > 0
    mean = np.bincount(group, weights=weight * x)[used] / n[used]
    share = np.bincount(group, weights=weight * y)[used] / n[used]
    return pd.DataFrame({"value": mean, "share": share, "n": n[used]})


def _line(x: Array, y: Array, weight: Array) -> tuple[float, float] | None:
    if x.size == 0 or np.ptp(x) == 0:
        return None
    mean_x, mean_y = np.average(x, weights=weight), np.average(y, weights=weight)
    slope = float((weight * (x - mean_x)) @ (y - mean_y) / ((weight * (x - mean_x)) @ (x - mean_x)))
    return float(mean_y - slope * mean_x), slope


def probability_distribution(predictions: pd.DataFrame, bins: int = 20) -> pd.DataFrame:
    """How predicted probabilities are spread among events and among the others.

    Parameters
    ----------
    predictions : DataFrame
        ``probability, observed, trials, weight``, as `CalibrationResult.predictions`; rows without a prediction are
        left out.
    bins : int
        Number of bins of equal width.

    Returns
    -------
    DataFrame
        One row a bin: ``lower, upper, events, others``, the shares of either outcome (each sums to 1), trials and
        weights counted.
    """
    import pandas as pd

    used = predictions[predictions["probability"].notna() & (predictions["weight"] > 0)]
    p, share = used["probability"].to_numpy(dtype=float), used["observed"].to_numpy(dtype=float)
    mass = used["weight"].to_numpy(dtype=float) * used["trials"].to_numpy(dtype=float)
    edges = np.linspace(0.0, 1.0, bins + 1)
    columns = {"lower": edges[:-1], "upper": edges[1:]}
    for name, part in (("events", mass * share), ("others", mass * (1 - share))):
        counts, _ = np.histogram(p, bins=edges, weights=part)
        columns[name] = counts / counts.sum() if counts.sum() > 0 else counts
    return pd.DataFrame(columns)
