"""Gradient ascent on the likelihood from the null model, and the ridge that a stopped one resembles.

The intercept is never shrunk: after every step it is solved exactly, so that what ascends is the likelihood profiled
over the intercept. Its curvature in the slopes is K = Z'WZ - Z'w w'Z / sum(w) with w the diagonal of W: the intercept
takes up any shift of a column, so that centred and uncentred columns give the same trajectory, and a sparse design
needs no centring. W is at most weights * trials / 4, and with L the largest eigenvalue of K at that bound every rate
up to 1/L raises the likelihood at each step.

On a quadratic with eigenvalues lambda_j, t steps of rate eta leave the fraction (1 - eta lambda_j)^t of the way to
the maximum undone, where ridge of strength s leaves s / (lambda_j + s): early stopping shrinks the same directions, and
1 / (eta t) plays the part of the strength (Yao, Rosasco and Caponnetto 2007, Constr. Approx. 26:289; Ali, Kolter and
Tibshirani 2019, AISTATS, PMLR 89:1370).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.sparse.linalg import LinearOperator, eigsh
from scipy.special import expit

from problogit.core.blocks import Array
from problogit.core.likelihood import BinomialLikelihood, kernel
from problogit.core.null import null_intercept
from problogit.core.path_columns import ScaledColumns, row_products

__all__ = ["State", "ascend", "largest_curvature", "ridge_strength", "spectrum", "stopped_df"]

_MATRIX_UP_TO = 500  # columns: above, the largest eigenvalue comes from products
_SPECTRUM_UP_TO = 2000  # columns or rows, whichever are fewer
_LANCZOS = 1e-4  # relative error of the largest eigenvalue; a rate is stable up to 2 / L


@dataclass(frozen=True, eq=False)
class State:
    """Where the ascent is after `step` steps.

    Attributes
    ----------
    step : int
        0 is the null model.
    gamma : ndarray, shape (n_terms,)
        Coefficients in the coordinates of the likelihood.
    eta : ndarray, shape (n_rows,)
        Log-odds.
    kernel : float
        Log-likelihood there, without its constant.
    """

    step: int
    gamma: Array
    eta: Array
    kernel: float


def ascend(
    likelihood: BinomialLikelihood,
    intercept: int | None,
    rate: float,
    columns: ScaledColumns | None = None,
) -> Iterator[State]:
    """Gradient steps from the null model, without end.

    gamma <- gamma + rate * Z'(w (s - m p)) over the slopes; the intercept then solves its score equation.

    Parameters
    ----------
    likelihood : BinomialLikelihood
        In scaled coordinates.
    intercept : int or None
        Its column; without one the ascent begins at p = expit(offset).
    rate : float
        Of the gradient of the summed log-likelihood.
    columns : ScaledColumns, optional
        Of a likelihood with the same design, so that several ascents share what is made of it.
    """
    columns = ScaledColumns(likelihood) if columns is None else columns
    trials = likelihood.weights * likelihood.trials
    events = likelihood.weights * likelihood.successes
    gamma = np.zeros(likelihood.n_terms)
    level: float | None = None
    for step in count():
        eta = likelihood.eta(gamma)
        if intercept is not None:
            level = null_intercept(events, trials, eta, near=level)
            eta += level
        here = gamma.copy()
        if intercept is not None and level is not None:
            here[intercept] = level
        yield State(step, here, eta, float(kernel(eta, events, trials).sum()))
        gamma = gamma + rate * columns.products(events - trials * expit(eta))
        if intercept is not None:
            gamma[intercept] = 0.0


def largest_curvature(likelihood: BinomialLikelihood, intercept: int | None) -> float:
    """L: no direction of the slopes ever curves more than this; 0 where no column varies."""
    slopes = _slopes(likelihood, intercept)
    if slopes.size == 0:
        return 0.0
    flat = replace(likelihood, offset=np.zeros(likelihood.n_rows))  # p = 1/2 everywhere: W at its bound
    at = np.zeros(likelihood.n_terms)
    if slopes.size <= _MATRIX_UP_TO:
        return max(float(np.linalg.eigvalsh(_profiled(flat.information(at)[2], intercept))[-1]), 0.0)
    product = flat.information_vector(at)
    unit = np.zeros(likelihood.n_terms)
    cross, total = unit, 1.0
    if intercept is not None:
        unit[intercept] = 1.0
        cross = product(unit)
        total = float(cross[intercept])

    def profiled(vector: Array) -> Array:
        full = np.zeros(likelihood.n_terms)
        full[slopes] = vector.ravel()
        return np.asarray((product(full) - cross * (float(cross @ full) / total))[slopes])

    size = slopes.size
    operator = LinearOperator((size, size), matvec=profiled, dtype=np.float64)
    start = np.random.default_rng(0).standard_normal(size)  # the same at every call
    return max(
        float(eigsh(operator, k=1, which="LA", v0=start, tol=_LANCZOS, return_eigenvectors=False)[0]), 0.0
    )


def _slopes(likelihood: BinomialLikelihood, intercept: int | None) -> NDArray[np.intp]:
    return np.flatnonzero(np.arange(likelihood.n_terms) != (-1 if intercept is None else intercept))


def _profiled(information: Array, intercept: int | None) -> Array:
    """The information on the slopes once the intercept has been solved for."""
    if intercept is None:
        return information
    keep = np.arange(information.shape[0]) != intercept
    cross = information[keep, intercept]
    return np.asarray(
        information[np.ix_(keep, keep)] - np.outer(cross, cross) / information[intercept, intercept]
    )


def spectrum(likelihood: BinomialLikelihood, intercept: int | None, gamma: Array) -> Array | None:
    """Eigenvalues of the profiled information of the slopes at `gamma`, those that are not zero.

    Returns
    -------
    ndarray of shape (at most min(n_rows, n_slopes),), or None
        None where both rows and columns are too many for a square matrix.
    """
    slopes = _slopes(likelihood, intercept)
    n = likelihood.n_rows
    if min(n, slopes.size) > _SPECTRUM_UP_TO:
        return None
    if slopes.size <= n:
        values = np.linalg.eigvalsh(_profiled(likelihood.information(gamma)[2], intercept))
        return np.asarray(np.maximum(values, 0.0))
    eta = likelihood.eta(gamma)
    working = likelihood.weights * likelihood.trials * expit(eta) * expit(-eta)
    products = np.asarray(row_products(ScaledColumns(likelihood).take(slopes)))
    if intercept is not None:  # Z - 1 m' with m the weighted means of the columns
        mean = products @ (working / working.sum())
        products = products - mean[:, None] - mean[None, :] + float(working @ mean) / float(working.sum())
    root = np.sqrt(working)
    return np.asarray(np.maximum(np.linalg.eigvalsh(products * np.outer(root, root)), 0.0))


def stopped_df(eigenvalues: Array, rate: float, steps: int) -> float:
    """sum_j 1 - (1 - rate lambda_j)^steps: what the slopes are worth after that many steps."""
    left = 1.0 - rate * eigenvalues
    near = left > 0
    done = np.where(near, -np.expm1(steps * np.log(np.where(near, left, 1.0))), 1.0 - left**steps)
    return float(done.sum())


def ridge_strength(eigenvalues: Array, rate: float, steps: int) -> float:
    """The L2 strength s with sum_j lambda_j / (lambda_j + s) equal to `stopped_df`; Inf after no step at all."""
    if steps == 0:
        return float("inf")
    target = stopped_df(eigenvalues, rate, steps)
    values = eigenvalues[eigenvalues > 0]
    about = 1.0 / (rate * steps)

    def excess(log_strength: float) -> float:
        return float((values / (values + np.exp(log_strength))).sum()) - target

    low, high = np.log(about) - 30.0, np.log(about) + 30.0
    if values.size == 0 or excess(low) <= 0:
        return 0.0  # as good as the maximum
    return float(np.exp(brentq(excess, low, high, xtol=1e-12)))
