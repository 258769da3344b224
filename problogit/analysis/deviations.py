"""Logistic regressions of outcomes on functions of the prediction: how far the truth deviates from the diagonal.

With l = logit p the model is logit P(event) = l + x(l)'g: at g = 0 the predictions are right. A constant x makes
calibration in the large, (1, l) the calibration line, a spline the smooth curve. Many sets of outcomes of the same
predictions are fitted at once.

A parabola far below the information (1e-10 of the trials) is taken off the log-likelihood, so that the maximum exists
where a function of the prediction separates the outcomes: the fit is then that close to the supremum, instead of none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from problogit.core.likelihood import BinomialLikelihood, kernel
from problogit.core.newton import maximise
from problogit.core.newton_batch import Counted, QuadraticPenalty, maximise_batch
from problogit.data.rows import Array

__all__ = ["Deviations", "deviations"]

_TRACE = 1e-10


@dataclass(frozen=True, eq=False)
class Deviations:
    """Fits of S sets of outcomes.

    Attributes
    ----------
    gamma : ndarray, shape (S, k)
    gain : ndarray, shape (S,)
        Twice the log-likelihood above that of g = 0: the likelihood-ratio statistic of right predictions, k df.
    """

    gamma: Array
    gain: Array


@dataclass(frozen=True, eq=False)
class _Bounded:
    """A log-likelihood less a faint parabola."""

    likelihood: BinomialLikelihood
    strength: float

    def value(self, beta: Array) -> float:
        """The function."""
        return self.likelihood.value(beta) - 0.5 * self.strength * float(beta @ beta)

    def information(self, beta: Array) -> tuple[float, Array, Array]:
        """Value, gradient and minus the Hessian."""
        value, gradient, information = self.likelihood.information(beta)
        return (
            value - 0.5 * self.strength * float(beta @ beta),
            gradient - self.strength * beta,
            information + self.strength * np.eye(beta.size),
        )


def deviations(X: Array, log_odds: Array, events: Array, total: Array) -> Deviations:
    """Fit them.

    Parameters
    ----------
    X : ndarray, shape (n, k)
        Functions of the prediction, of a size near 1.
    log_odds : ndarray, shape (n,)
        Finite predictions.
    events : ndarray, shape (S, n)
    total : ndarray, shape (n,)
        Weighted trials.
    """
    k = X.shape[1]
    origin = np.zeros(k)
    strength = _TRACE * float(total.sum())
    if events.shape[0] == 1:
        gamma = np.full((1, k), np.nan)
    else:
        counted = Counted(X, events.T, np.broadcast_to(total[:, None], events.shape[::-1]), log_odds)
        gamma = maximise_batch(counted, origin, QuadraticPenalty(np.zeros(k), strength * np.eye(k))).gamma
    ones = np.ones(total.size)
    for i in np.flatnonzero(np.isnan(gamma).any(axis=1)):
        like = BinomialLikelihood(X, events[i], total, ones, log_odds)
        gamma[i] = maximise(_Bounded(like, strength), origin).x
    eta = log_odds + gamma @ X.T
    gain = kernel(eta, events, total).sum(axis=1) - kernel(log_odds, events, total).sum(axis=1)
    return Deviations(gamma, 2.0 * np.maximum(gain, 0.0))
