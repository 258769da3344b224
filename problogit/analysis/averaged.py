"""Probabilities averaged over the rows: everyone's own other predictors, one variable set to the same value for all.

p(v) = sum w expit(x(v)'beta + offset) / sum w, with w = trials x weight: marginal standardisation (Lane and Nelder
1982, Biometrics 38:613), also called partial dependence. It is of the same rows as the observed shares are; a curve at
one profile of the other predictors is not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtri

from problogit.core.blocks import Array, Matrix
from problogit.core.coefficients import (
    CoefficientDistribution,
    DrawnCoefficients,
    as_dense,
    equal_tailed,
)
from problogit.core.debiased import DebiasedCoefficients
from problogit.core.resampled import ResampledCoefficients
from problogit.data.rows import Rows

__all__ = ["Averages", "average_probabilities"]

_CELLS = 20_000_000  # values x rows x draws
_ROWS = (50, 2000)
_ROWS_INFINITE = 100  # each row costs a look at the separating directions


@dataclass(frozen=True, eq=False)
class Averages:
    """One entry for each value, shape (n_values,) each; NaN bounds where there are none.

    Attributes
    ----------
    probability, lower, upper : ndarray
    kind : str
        Of the interval.
    """

    probability: Array
    lower: Array
    upper: Array
    kind: str


def average_probabilities(
    coefficients: CoefficientDistribution, rows: Rows, columns: NDArray[np.int64], coded: Matrix, prob: float
) -> Averages:
    """Average P(event) over the rows with some columns set alike in all of them.

    Parameters
    ----------
    coefficients : CoefficientDistribution
    rows : Rows
        Of more than 2000 (fewer with draws: some 20 million probabilities in all) as many are taken, evenly spaced by
        weight in the order of their log-odds without these columns.
    columns : ndarray of int, shape (k,)
        Columns that are set.
    coded : ndarray or csr_array, shape (n_values, n_terms)
        Rows of a design that hold what they are set to.
    prob : float
        Of the interval: quantiles over draws; else logit p(v) -+ z sqrt(h' C h), h the gradient of logit p(v).
    """
    weight = rows.weights * rows.trials
    values = as_dense(coded[:, columns])
    chosen, weight = _some(coefficients, rows, weight, columns, values.shape[0])
    X, offset = as_dense(rows.X[chosen]).copy(), rows.offset[chosen]
    found = np.empty((3, values.shape[0]))
    for k, value in enumerate(values):
        X[:, columns] = value
        if isinstance(coefficients, (DrawnCoefficients, ResampledCoefficients)):
            found[:, k] = _over_draws(coefficients, X, offset, weight, prob)
        else:
            found[:, k] = _linearised(coefficients, X, offset, weight, prob)
    known = bool(np.isfinite(found[1:]).any())
    return Averages(found[0], found[1], found[2], coefficients.kinds[0] if known else "none")


def _some(
    coefficients: CoefficientDistribution,
    rows: Rows,
    weight: Array,
    columns: NDArray[np.int64],
    n_values: int,
) -> tuple[NDArray[np.int64], Array]:
    """Positions of the rows that stand for all, and their shares of the weight."""
    most = _ROWS[1]
    if isinstance(coefficients, (DrawnCoefficients, ResampledCoefficients)):
        drawn = coefficients.flat if isinstance(coefficients, DrawnCoefficients) else coefficients.regular
        most = int(np.clip(_CELLS // (n_values * max(1, drawn.shape[0])), *_ROWS))
    elif not np.isfinite(coefficients.location).all():
        most = _ROWS_INFINITE
    if rows.n_obs <= most:
        return np.arange(rows.n_obs), weight / weight.sum()
    location = np.nan_to_num(coefficients.location, posinf=0.0, neginf=0.0)
    location[columns] = 0.0
    order = np.argsort(np.asarray(rows.X @ location) + rows.offset, kind="stable")
    reached = np.cumsum(weight[order]) / weight.sum()
    places = np.searchsorted(reached, (np.arange(most) + 0.5) / most)
    return order[np.minimum(places, rows.n_obs - 1)], np.full(most, 1 / most)


def _over_draws(
    coefficients: DrawnCoefficients | ResampledCoefficients,
    X: Array,
    offset: Array,
    weight: Array,
    prob: float,
) -> tuple[float, float, float]:
    drawn = coefficients.marginals(X)
    averages = expit(drawn.values + offset) @ weight
    lower, upper = equal_tailed(averages, prob)
    if coefficients.estimate is None:  # a posterior
        return float(averages.mean()), float(lower), float(upper)
    return float(expit(drawn.location + offset) @ weight), float(lower), float(upper)


def _linearised(
    coefficients: CoefficientDistribution, X: Array, offset: Array, weight: Array, prob: float
) -> tuple[float, float, float]:
    p = np.asarray(expit(coefficients.marginals(X).location + offset))
    average = float(p @ weight)
    if isinstance(coefficients, DebiasedCoefficients):  # the interval has a centre of its own
        p = np.asarray(expit(X @ coefficients.centre + offset))
    middle = float(p @ weight)
    if not 0 < middle < 1:
        return average, np.nan, np.nan
    gradient = X.T @ (weight * p * (1 - p)) / (middle * (1 - middle))
    half = float(ndtri((1 + prob) / 2) * coefficients.marginals(gradient[None]).sd[0])
    return average, float(expit(logit(middle) - half)), float(expit(logit(middle) + half))
