"""The line of logistic recalibration: logit P(event) = a + b (predicted log-odds), with its log-likelihood.

b is the calibration slope; (a, b) = (0, 1) is perfect weak calibration (Cox 1958; Van Calster et al. 2016).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from problogit.core.likelihood import BinomialLikelihood, kernel
from problogit.core.newton import maximise
from problogit.data.rows import Array

__all__ = ["NOTHING_FINITE", "Line", "recalibration_line"]

EQUAL = "All predictions are equal: they have no slope."
SEPARATED = (
    "The predictions separate the outcomes, or all outcomes are equal: the slope has no finite estimate."
)
STUCK = "The fit of the slope did not converge."
NOTHING_FINITE = "Every prediction is exactly 0 or 1."
_MOST_STEPS = 30
_TOLERANCE = 1e-9  # standard errors, as in core.newton


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
    point : ndarray, shape (2,), or None
        The same in the coordinates ``(1, (log_odds - centre) / scale)``.
    centre, scale : float
    """

    intercept: float
    slope: float
    loglik: float
    note: str = ""
    point: Array | None = None
    centre: float = 0.0
    scale: float = 1.0

    def columns(self, log_odds: Array) -> Array:
        """The design in those coordinates, shape (n_rows, 2)."""
        return np.column_stack([np.ones(log_odds.size), (log_odds - self.centre) / self.scale])


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
    found = _maximise((log_odds - centre) / scale, weights * successes, weights * trials, centre, scale)
    if found is None:
        return Line(np.nan, np.nan, np.nan, STUCK)
    point, value = found
    slope = float(point[1]) / scale
    return Line(float(point[0]) - slope * centre, slope, value, "", point, centre, scale)


def _maximise(
    z: Array, events: Array, total: Array, centre: float, scale: float
) -> tuple[Array, float] | None:
    """Newton's method for two coefficients, from a = 0 and b = 1; this is run hundreds of times in a row.

    A full step that does not rise is halved; where that does not help, the general method starts from 0.
    """
    point = np.array([centre, scale])
    value = float(kernel(point[0] + point[1] * z, events, total).sum())
    for _ in range(_MOST_STEPS):
        p = expit(point[0] + point[1] * z)
        residual, working = events - total * p, total * p * (1.0 - p)
        g0, g1 = float(residual.sum()), float(residual @ z)
        pulled = working * z
        h00, h01, h11 = float(working.sum()), float(pulled.sum()), float(pulled @ z)
        size = h00 * h11 - h01 * h01
        if not size > 1e-12 * h00 * h11:
            break
        step = np.array([h11 * g0 - h01 * g1, h00 * g1 - h01 * g0]) / size
        if step @ (g0, g1) <= _TOLERANCE**2:
            return point + step, value
        for length in (1.0, 0.5, 0.25, 0.125):
            trial = point + length * step
            there = float(kernel(trial[0] + trial[1] * z, events, total).sum())
            if there >= value - 1e-12 * abs(value):
                break
        else:
            break
        point, value = trial, there
    columns = np.column_stack([np.ones(z.size), z])
    found = maximise(
        BinomialLikelihood(columns, events, total, np.ones(z.size), np.zeros(z.size)), np.zeros(2)
    )
    return (found.x, found.value) if found.converged else None


def _separation(line: Array, event: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """+-Inf where the log-odds (quasi-)separate events from non-events, NaN for one outcome only, else 0."""
    if not event.any() or not other.any():
        return np.nan
    if line[event].min() >= line[other].max():
        return np.inf
    return -np.inf if line[event].max() <= line[other].min() else 0.0
