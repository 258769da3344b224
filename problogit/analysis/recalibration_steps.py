"""One recalibration: its map, what it was made from, and the share of events that its predictions stand for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
from scipy.special import expit, ndtri

from problogit.analysis.recalibration_maps import RecalibrationMap, normal_draws
from problogit.core.coefficients import as_dense
from problogit.data.rows import Array, Matrix, Rows
from problogit.optimism import INTERVAL, Optimism

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Step", "coupled", "coupling", "followed", "moved", "noise", "parameter_frame"]

_WIDE = 500  # columns of a design whose rows may be filled


@dataclass(frozen=True, eq=False)
class Step:
    """One recalibration.

    Attributes
    ----------
    map : RecalibrationMap
    method : str
        ``"shrink"``, ``"intercept"``, ``"logistic"``, ``"beta"``, ``"isotonic"``, ``"none"`` or ``"prevalence"``.
    how : str
        What it was made from, in words.
    n, n_events : int
        Units and events behind it; 0 where nothing was estimated.
    prevalence : float
        Share of events in the population that the recalibrated predictions stand for.
    notes : tuple of str
    rows : Rows or None
        New data that it was estimated from.
    optimism : Optimism or None
        The bootstrap behind the slope of ``"shrink"``.
    choice : DataFrame or None
        The tests that chose the method of ``"auto"``.
    coupling : ndarray of shape (k, n_terms), or None
        How the map's parameters follow the coefficients of the fit, see `coupling`; None where that is not known and
        both count as independent.
    """

    map: RecalibrationMap
    method: str
    how: str
    n: int
    n_events: int
    prevalence: float
    notes: tuple[str, ...] = ()
    rows: Rows | None = None
    optimism: Optimism | None = field(default=None)
    choice: pd.DataFrame | None = None
    coupling: Array | None = None


def moved(steps: Sequence[Step], log_odds: Array) -> Array:
    """Log-odds after all steps."""
    for step in steps:
        log_odds = step.map(log_odds)
    return log_odds


def followed(steps: Sequence[Step], X: Matrix, log_odds: Array) -> tuple[Matrix, Array, Array]:
    """How recalibrated log-odds follow the coefficients: their derivative, value, and the maps' own standard error.

    Parameters
    ----------
    steps : sequence of Step
        With smooth maps.
    X : ndarray or csr_array, shape (n_rows, n_terms)
        The derivative before.
    log_odds : ndarray, shape (n_rows,)

    Returns
    -------
    rows : ndarray or csr_array, shape (n_rows, n_terms)
        g'(eta) x + J'q for every step, J its coupling and q the derivative of its map in the parameters.
    log_odds, error : ndarray, shape (n_rows,)
    """
    rows, error = X, np.zeros(log_odds.size)
    for step in steps:
        steep = step.map.steepness(log_odds)
        rows = (
            rows * steep[:, None]
            if isinstance(rows, np.ndarray)
            else sp.csr_array(sp.diags_array(steep) @ rows)
        )
        if step.coupling is not None:
            rows = as_dense(rows) + step.map.gradient(log_odds) @ step.coupling
        error = np.hypot(steep * error, step.map.error(log_odds))
        log_odds = step.map(log_odds)
    return rows, log_odds, error


def noise(steps: Sequence[Step], log_odds: Array, n: int, seed: int) -> Array:
    """What the maps' own parameters add to recalibrated log-odds in each of n draws, to first order, (n, n_rows).

    Parameters
    ----------
    steps : sequence of Step
        With smooth maps.
    log_odds : ndarray, shape (n_rows,)
        Before recalibration.
    n, seed : int
        The same seed draws the same parameters, whatever the rows.
    """
    rng, out = np.random.default_rng(seed), np.zeros((n, log_odds.size))
    for step in steps:
        drawn = normal_draws(np.zeros(step.map.values.size), step.map.cov, n, rng)
        out = out * step.map.steepness(log_odds) + drawn @ step.map.gradient(log_odds).T
        log_odds = step.map(log_odds)
    return out


def coupled(steps: Sequence[Step]) -> bool:
    """Whether some map follows the coefficients, and all have derivatives."""
    return any(step.coupling is not None for step in steps) and all(step.map.smooth for step in steps)


def coupling(one: RecalibrationMap, before: Sequence[Step], rows: Rows, log_odds: Array) -> Array | None:
    """How a map estimated from new data follows the coefficients: the derivative of its parameters, J.

    Had the coefficients come out otherwise, the map would have made up for what it can, such as a wrong level. With
    weights v = w m p (1 - p) and q the derivatives of the map in its parameters, the score equations give

        J = -(sum v q q')^-1 sum v g' q x'

    Parameters
    ----------
    one : RecalibrationMap
    before : sequence of Step
    rows : Rows
        The new data.
    log_odds : ndarray, shape (n_rows,)
        Predicted for them by the fit itself.

    Returns
    -------
    ndarray of shape (k, n_terms), or None
        None for isotonic maps, and for designs so wide that J would fill them.
    """
    every = (*(step.map for step in before), one)
    if not all(each.smooth for each in every) or rows.X.shape[1] > _WIDE:
        return None
    known = np.isfinite(log_odds)
    follow, before_odds, _ = followed(before, rows.X[known], log_odds[known])
    p = expit(one(before_odds))
    weights = (rows.weights * rows.trials)[known] * p * (1 - p)
    free = np.flatnonzero(np.diag(one.cov) > 0)
    out = np.zeros((one.values.size, rows.X.shape[1]))
    if free.size:
        q = one.gradient(before_odds)[:, free]
        pulled = (follow.T @ (q * (weights * one.steepness(before_odds))[:, None])).T
        out[free] = -np.linalg.lstsq((q * weights[:, None]).T @ q, pulled)[0]
    return out


def parameter_frame(steps: tuple[Step, ...], prob: float) -> pd.DataFrame:
    """Parameters of all steps: ``method, estimate, std_error, lower, upper, interval``."""
    import pandas as pd

    table = pd.concat([_frame(step, prob) for step in steps])
    table.attrs.update(prob=prob)
    return table


def _frame(step: Step, prob: float) -> pd.DataFrame:
    import pandas as pd

    values, errors = step.map.values, step.map.errors
    half = float(ndtri((1 + prob) / 2)) * errors
    lower, upper = values - half, values + half
    kinds = np.where(errors > 0, "confidence-wald", "none").astype(object)
    if step.optimism is not None:
        lower[1], upper[1] = _slope_limits(step.optimism, prob)
        kinds[1] = INTERVAL
    unknown = (kinds == "none") | ~np.isfinite(lower)
    kinds[unknown] = "none"
    return pd.DataFrame(
        {
            "method": step.method,
            "estimate": values,
            "std_error": errors,
            "lower": np.where(unknown, np.nan, lower),
            "upper": np.where(unknown, np.nan, upper),
            "interval": kinds,
        },
        index=pd.Index(step.map.names, name="parameter"),
    )


def _slope_limits(found: Optimism, prob: float) -> tuple[float, float]:
    ends: list[Array] = [np.clip(end, 0.0, 1.0) for end in found.limits(prob)]
    return float(ends[0][0]), float(ends[1][0])
