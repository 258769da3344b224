"""The line of logistic recalibration: logit P(event) = a + b (predicted log-odds), with its log-likelihood.

b is the calibration slope; (a, b) = (0, 1) is perfect weak calibration (Cox 1958; Van Calster et al. 2016).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from problogit.core.likelihood import BinomialLikelihood
from problogit.core.newton import NewtonResult, maximise
from problogit.data.rows import Array

__all__ = ["NOTHING_FINITE", "Line", "recalibration_line"]

EQUAL = "All predictions are equal: they have no slope."
SEPARATED = (
    "The predictions separate the outcomes, or all outcomes are equal: the slope has no finite estimate."
)
STUCK = "The fit of the slope did not converge."
NOTHING_FINITE = "Every prediction is exactly 0 or 1."


@dataclass(frozen=True, eq=False)
class Line:
    """Intercept and slope of outcomes on predicted log-odds.

    Attributes
    ----------
    intercept, slope : float
        +-Inf for the slope where predictions separate the outcomes; NaN where there is none.
    loglik : float
        Weighted log-likelihood kernel at the line; 0, its supremum, under separation.
    note : str
        Why there is no finite slope.
    fit : NewtonResult or None
        In the coordinates ``(1, (log_odds - centre) / scale)``.
    likelihood : BinomialLikelihood or None
        In the same.
    scale : float
    """

    intercept: float
    slope: float
    loglik: float
    note: str = ""
    fit: NewtonResult | None = None
    likelihood: BinomialLikelihood | None = None
    centre: float = 0.0
    scale: float = 1.0


def recalibration_line(log_odds: Array, successes: Array, trials: Array, weights: Array) -> Line:
    """Fit the line by maximum likelihood.

    Parameters
    ----------
    log_odds : ndarray, shape (n_rows,)
        Finite.
    successes, trials, weights : ndarray, shape (n_rows,)
    """
    if log_odds.size == 0:
        return Line(np.nan, np.nan, np.nan, NOTHING_FINITE)
    if float(np.ptp(log_odds)) <= 1e-10 * max(1.0, float(np.abs(log_odds).max())):
        return Line(np.nan, np.nan, np.nan, EQUAL)
    separated = _separation(log_odds, successes > 0, successes < trials)
    if separated != 0:
        return Line(np.nan, separated, 0.0, SEPARATED)
    centre, scale = float(log_odds.mean()), float(log_odds.std())
    columns = np.column_stack([np.ones(log_odds.size), (log_odds - centre) / scale])
    like = BinomialLikelihood(columns, successes, trials, weights, np.zeros(log_odds.size))
    found = maximise(like, np.array([centre, scale]))  # a = 0, b = 1
    if not found.converged:
        found = maximise(like, np.zeros(2))
    if not found.converged:
        return Line(np.nan, np.nan, np.nan, STUCK)
    slope = float(found.x[1]) / scale
    return Line(float(found.x[0]) - slope * centre, slope, found.value, "", found, like, centre, scale)


def _separation(line: Array, event: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """+-Inf where the log-odds (quasi-)separate events from non-events, NaN for one outcome only, else 0."""
    if not event.any() or not other.any():
        return np.nan
    if line[event].min() >= line[other].max():
        return np.inf
    return -np.inf if line[event].max() <= line[other].min() else 0.0
