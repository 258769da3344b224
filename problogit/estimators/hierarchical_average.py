"""The normal distribution nearest to the posterior at given scales: where separated data leave the mode behind.

The Gaussian variational approximation (Opper & Archambeau 2009, Neural Computation 21:786): mean m and precision H of
the normal q that maximises E_q[log p(y, gamma)] + entropy. Both are averages over q of gradient and curvature, which
for a logistic regression are one-dimensional integrals, one a row. Where the likelihood is a parabola it is the mode
and the curvature there. On separated data under a wide prior the mass lies far beyond the mode.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from problogit.core.blocks import Array, quadratic_rows
from problogit.core.coefficients import as_dense
from problogit.estimators.hierarchical_view import View

__all__ = ["Average", "average_from"]

_NODES, _MASS = np.polynomial.hermite_e.hermegauss(15)
_MOST_ROWS = 20_000  # above, the data of so many rows leave little beside a parabola
_STEPS = 40
_STILL = 0.01  # of the bound
_DAMPING = 0.5  # of the precision, whose undamped fixed point may swing


@dataclass(frozen=True, eq=False)
class Average:
    """A normal approximation at one value of the scales.

    Attributes
    ----------
    mean : ndarray, shape (p,)
    information : ndarray, shape (p, p)
        Average curvature of the likelihood; the precision less that of the prior.
    log_evidence : float
        The bound, or Laplace's approximation where it is the mode; up to a constant.
    """

    mean: Array
    information: Array
    log_evidence: float


def average_from(view: View, before: Average | None) -> Average | None:
    """Settle mean and precision, from those at the scales before (or the mode).

    Parameters
    ----------
    view : View
    before : Average, optional
        At neighbouring scales.

    Returns
    -------
    Average or None
        None where it does not settle: the log-odds of separated rows spread too far for the nodes of the integrals.
    """
    like, tame = view.likelihood, view.tame
    value, _, information = like.information(view.mode)
    bend = tame.hessian(view.mode)
    _, log_determinant = np.linalg.slogdet(information + bend)
    at_mode = Average(view.mode, information, value + tame.value(view.mode) - 0.5 * float(log_determinant))
    if like.n_rows > _MOST_ROWS:
        return at_mode
    now = at_mode if before is None else before
    X = as_dense(like.local(slice(0, like.n_rows)))
    last = -np.inf
    for _ in range(_STEPS):
        try:
            now = _step(view, X, now.mean, now.information, bend)
        except np.linalg.LinAlgError:  # no curvature is left where the data are separated by far
            return None
        if abs(now.log_evidence - last) < _STILL:
            return now
        last = now.log_evidence
    return None


def _step(view: View, X: Array, mean: Array, information: Array, bend: Array) -> Average:
    """Averages over the normal as it is, one Newton step of its mean, half a step of its precision."""
    like, tame = view.likelihood, view.tame
    covariance: Array = np.linalg.inv(information + bend).astype(np.float64)
    width = np.sqrt(np.maximum(quadratic_rows(X, covariance), 0.0))
    eta = (X @ mean + like.offset)[:, None] + width[:, None] * _NODES
    mass = _MASS / _MASS.sum()
    events, total = like.weights * like.successes, like.weights * like.trials
    p = expit(eta)
    found = X.T @ (X * (total * ((p * expit(-eta)) @ mass))[:, None])
    gradient = X.T @ (events - total * (p @ mass)) + tame.gradient(mean)
    bound = events @ (eta @ mass) - total @ (np.logaddexp(0.0, eta) @ mass) + tame.value(mean)
    bound += 0.5 * (np.linalg.slogdet(covariance)[1] - np.sum(bend * covariance))
    return Average(
        mean + np.linalg.solve(found + bend, gradient),
        _DAMPING * found + (1.0 - _DAMPING) * information,
        float(bound),
    )
