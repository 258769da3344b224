"""Probabilities to be drawn: as one variable moves, and as they spread by outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from problogit.analysis.averaged import average_probabilities
from problogit.analysis.predict import predict, probabilities
from problogit.core.coefficients import as_dense
from problogit.data.rows import Array, Rows, VariableSummary
from problogit.errors import InputError, explain
from problogit.estimate import Estimate
from problogit.validation import nearest

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ProbabilityCurve", "probability_curve", "probability_distribution", "variable_summaries"]

_POINTS = 101
_POINTS_AVERAGED = 51
_BINS = 12
_LABELS = 50  # more are not told apart beside a curve


@dataclass(frozen=True, eq=False)
class ProbabilityCurve:
    """A curve over one variable, or one probability for each of few values.

    Attributes
    ----------
    variable : str
    curve : DataFrame
        ``value, probability, lower, upper, interval``.
    held : mapping of str to object
        The other variables and where they stand, where they are held: means of numbers, the most common label.
    averaged : tuple of str
        The other variables (and the offset), where the curve is an average over the rows as they are.
    shares : DataFrame
        What happened: ``value, share, expected, n``, rows in groups of like value; `expected` is the mean fitted
        probability of the same rows. Empty where the values are not known.
    line : tuple of float or None
        Intercept and slope of the least-squares line through the outcomes, where the values are known.
    modelled : str
    prob : float
    """

    variable: str
    curve: pd.DataFrame
    held: Mapping[str, Any]
    averaged: tuple[str, ...]
    shares: pd.DataFrame
    line: tuple[float, float] | None
    modelled: str
    prob: float

    @property
    def is_number(self) -> bool:
        """True for a curve, False for one probability a label or for a number that takes two values."""
        values = self.curve["value"].to_numpy()
        return bool(np.issubdtype(values.dtype, np.number)) and len(values) > 2

    @property
    def comparable(self) -> bool:
        """Whether curve and shares are of the same rows: no other variable is held where most rows are not."""
        return not self.held


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
        Where the other variables stand; those not named at their mean or most common label, so that ``{}`` is the
        typical row. Without it the curve is averaged over the rows, each with its own other variables. (Where there
        are no rows, or the variable interacts with others, it stands at the typical row then too.)
    data : table, optional
        Rows with outcomes to average over and to show beside the curve; the training rows without it.
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
    problem = estimate.problem
    held = {name: summary.typical for name, summary in summaries.items() if name != variable} | dict(at or {})
    rows = problem.data if data is None else problem.design.observe(data)
    others = _to_average(estimate, variable, held, rows) if at is None else ()
    values = _values(estimate, summaries[variable], _POINTS_AVERAGED if others else _POINTS)
    grid = pd.DataFrame(
        {variable: values}
        | {name: [value] * len(values) for name, value in held.items()}
        | _other_columns(estimate, len(values))
    )
    frame = (
        _averaged(estimate, variable, rows, grid, prob) if others and rows else predict(estimate, grid, prob)
    )
    frame.insert(0, "value", values)
    x, y, weight, expected = _outcomes(estimate, variable, values, grid, rows)
    return ProbabilityCurve(
        variable=variable,
        curve=frame.reset_index(drop=True),
        held={} if others else held,
        averaged=others,
        shares=_shares(x, y, weight, expected),
        line=_line(x, y, weight) if x.dtype != object else None,
        modelled=problem.response.describe(),
        prob=prob,
    )


def _values(estimate: Estimate, own: VariableSummary, points: int) -> Any:
    """Labels, the two values of a number that takes two, or points over the range of a number."""
    if own.levels:
        return list(own.levels)
    terms = estimate.terms
    if own.name in terms and estimate.problem.column_stats.two_valued[terms.index(own.name)]:
        return [own.low, own.high]
    return np.linspace(own.low, own.high, points)


def _to_average(
    estimate: Estimate, variable: str, held: Mapping[str, Any], rows: Rows | None
) -> tuple[str, ...]:
    """What the curve can be averaged over: nothing where there is nothing else, or it stands in interactions."""
    if rows is None or any(len(behind) > 1 for behind in _behind(estimate) if variable in behind):
        return ()
    return (*held, *(["the offset"] if np.ptp(rows.offset) > 0 else []))


def _behind(estimate: Estimate) -> tuple[frozenset[str], ...]:
    return estimate.problem.design.column_variables


def _own_columns(estimate: Estimate, variable: str) -> NDArray[np.int64]:
    """Columns of the design that are made of this variable alone."""
    return np.flatnonzero([behind == {variable} for behind in _behind(estimate)])


def _averaged(estimate: Estimate, variable: str, rows: Rows, grid: pd.DataFrame, prob: float) -> pd.DataFrame:
    import pandas as pd

    own, coded = _own_columns(estimate, variable), estimate.problem.design.replay(grid).X
    found = average_probabilities(estimate.predictor, rows, own, coded, prob)
    kinds = np.where(np.isfinite(found.lower) | np.isfinite(found.upper), found.kind, "none")
    frame = pd.DataFrame({"probability": found.probability, "lower": found.lower, "upper": found.upper})
    return frame.assign(interval=kinds)


def _other_columns(estimate: Estimate, n: int) -> dict[str, Any]:
    """An offset column stands at its mean in the training rows, or at 0 where they are gone."""
    column = estimate.problem.design.offset_column
    if column is None:
        return {}
    data = estimate.problem.data
    return {column: [0.0 if data is None else float(data.offset.mean())] * n}


def _outcomes(
    estimate: Estimate, variable: str, values: Any, grid: pd.DataFrame, rows: Rows | None
) -> tuple[NDArray[Any], Array, Array, Array]:
    """Values of the variable, event shares, weights and fitted probabilities of the rows that can be shown."""
    nothing = np.empty(0)
    if rows is None:
        return nothing, nothing, nothing, nothing
    terms = estimate.terms
    x: NDArray[Any] | None
    if variable in terms:
        x = as_dense(rows.X[:, [terms.index(variable)]]).ravel()
    else:
        x = _labels(estimate, variable, values, grid, rows)
    if x is None:
        return nothing, nothing, nothing, nothing
    expected = probabilities(estimate, rows.X, rows.offset)
    return x, rows.successes / rows.trials, rows.weights * rows.trials, expected


def _labels(
    estimate: Estimate, variable: str, values: Any, grid: pd.DataFrame, rows: Rows
) -> NDArray[Any] | None:
    """The label of each row, told by the columns that are coded from it; None where they do not tell."""
    own = _own_columns(estimate, variable)
    if not isinstance(values, list) or not own.size or len(values) > _LABELS:
        return None
    coded = as_dense(estimate.problem.design.replay(grid).X[:, own])
    if len(np.unique(coded, axis=0)) < len(values):
        return None
    here = as_dense(rows.X[:, own])
    code = np.full(rows.n_obs, -1)
    for k, row in enumerate(coded):
        code[np.isclose(here, row, rtol=1e-9, atol=1e-12).all(axis=1)] = k
    if (code < 0).any():
        return None
    labels: NDArray[Any] = np.empty(len(values), dtype=object)
    labels[:] = values
    return np.asarray(labels[code])


def _shares(x: NDArray[Any], y: Array, weight: Array, expected: Array) -> pd.DataFrame:
    """Event shares in groups: one for each value where there are few, else groups of equal weight."""
    import pandas as pd

    if x.size == 0:
        return pd.DataFrame({"value": [], "share": [], "expected": [], "n": []}, dtype=float)
    if x.dtype == object:
        codes, levels = pd.factorize(x)
        group = np.asarray(codes)
    else:
        levels, group = np.unique(x, return_inverse=True)
        if levels.size > _BINS:
            order = np.argsort(x, kind="stable")
            filled = np.empty(x.size)
            filled[order] = np.cumsum(weight[order]) - weight[order] / 2
            group = np.minimum((filled / weight.sum() * _BINS).astype(int), _BINS - 1)
    n = np.bincount(group, weights=weight)
    used = n > 0

    def mean(values: Array) -> Array:
        return np.asarray(np.bincount(group, weights=weight * values)[used] / n[used])

    value = levels if x.dtype == object else mean(x)
    return pd.DataFrame({"value": value, "share": mean(y), "expected": mean(expected), "n": n[used]})


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
