"""Maps of predicted log-odds to recalibrated ones, with the uncertainty of their own parameters.

    intercept, logistic, shrink     eta -> a + b eta
    beta                            eta -> c + a log p - b log(1 - p),   p = expit(eta), a and b not negative

(Cox 1958, Biometrika 45:562; Platt 1999; Kull, Silva Filho & Flach 2017, Electron. J. Statist. 11:5052); the isotonic
one is in `recalibration_isotonic`. A map takes log-odds of any shape, +-Inf among them; NaN stays NaN.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.special import expit

from problogit.core.blocks import quadratic_rows
from problogit.data.rows import Array

__all__ = ["BetaMap", "DrawnMap", "LineMap", "RecalibrationMap", "normal_draws"]

DrawnMap = Callable[[Array], Array]


class RecalibrationMap(ABC):
    """A map of log-odds, estimated or known."""

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""

    @property
    @abstractmethod
    def values(self) -> Array:
        """The parameters, shape (k,)."""

    @property
    @abstractmethod
    def errors(self) -> Array:
        """Their standard errors, shape (k,): 0 for one that is known, NaN for one that has none."""

    @property
    def estimated(self) -> bool:
        """False where nothing about the map is uncertain."""
        return True

    @property
    def smooth(self) -> bool:
        """True where `error` holds: the map has a derivative in its parameters."""
        return True

    @abstractmethod
    def __call__(self, log_odds: Array) -> Array:
        """Recalibrated log-odds."""

    @abstractmethod
    def steepness(self, log_odds: Array) -> Array:
        """Derivative in the log-odds, shape (n_rows,)."""

    @abstractmethod
    def gradient(self, log_odds: Array) -> Array:
        """Derivative in the parameters, shape (n_rows, k); zero in rows that are infinite: certainty is not moved."""

    @property
    @abstractmethod
    def cov(self) -> Array:
        """Covariance of the parameters, shape (k, k); zero for those that are known or held."""

    def error(self, log_odds: Array) -> Array:
        """Standard error of recalibrated log-odds that the map's parameters bring, by the delta method."""
        return np.sqrt(np.maximum(quadratic_rows(self.gradient(log_odds), self.cov), 0.0))

    @abstractmethod
    def drawn(self, n: int, rng: np.random.Generator) -> DrawnMap:
        """n maps drawn from the parameters' distribution: takes and gives log-odds of shape (n, n_rows)."""


@dataclass(frozen=True, eq=False)
class LineMap(RecalibrationMap):
    """a + b eta.

    Parameters
    ----------
    intercept, slope : float
    covariance : ndarray, shape (2, 2)
        Of both; zero where they are known.
    limits : tuple of float
        Between which the slope lies; draws are moved to the nearer end.
    """

    intercept: float
    slope: float
    covariance: Array = field(default_factory=lambda: np.zeros((2, 2)))
    limits: tuple[float, float] = (-np.inf, np.inf)

    @property
    def names(self) -> tuple[str, ...]:
        """``intercept, slope``."""
        return ("intercept", "slope")

    @property
    def values(self) -> Array:
        """Intercept and slope."""
        return np.array([self.intercept, self.slope])

    @property
    def errors(self) -> Array:
        """Roots of the covariance's diagonal."""
        return np.sqrt(np.maximum(np.diag(self.cov), 0.0))

    @property
    def estimated(self) -> bool:
        """False for a shift that is known."""
        return bool(np.any(self.cov != 0))

    def __call__(self, log_odds: Array) -> Array:
        """a + b eta; a where b is 0, whatever eta."""
        return np.asarray(self.intercept + _times(self.slope, log_odds))

    @property
    def cov(self) -> Array:
        """As constructed."""
        return self.covariance

    def steepness(self, log_odds: Array) -> Array:
        """b."""
        return np.full(log_odds.size, self.slope)

    def gradient(self, log_odds: Array) -> Array:
        """(1, eta)."""
        return _finite_rows(np.column_stack([np.ones(log_odds.size), log_odds]))

    def drawn(self, n: int, rng: np.random.Generator) -> DrawnMap:
        """Normal draws of both, the intercept moved along with a slope that was moved to its limit."""
        drawn = normal_draws(self.values, self.cov, n, rng)
        within = np.clip(drawn[:, 1], *self.limits)
        variance = self.cov[1, 1]
        along = self.cov[0, 1] / variance if variance > 0 else 0.0
        intercept = (drawn[:, 0] + along * (within - drawn[:, 1]))[:, None]
        return lambda log_odds: np.asarray(intercept + _times(within[:, None], log_odds))


@dataclass(frozen=True, eq=False)
class BetaMap(RecalibrationMap):
    """c + a log p - b log(1 - p), with a and b not negative; a = b = 1, c = 0 changes nothing.

    Parameters
    ----------
    theta : ndarray, shape (3,)
        c, a, b.
    covariance : ndarray, shape (3, 3)
        Zero for one that is held at its limit 0.
    """

    theta: Array
    covariance: Array

    @property
    def names(self) -> tuple[str, ...]:
        """``c, a, b`` in the notation of the paper."""
        return ("c", "a", "b")

    @property
    def values(self) -> Array:
        """c, a, b."""
        return self.theta

    @property
    def errors(self) -> Array:
        """NaN for one that is held at 0: it has no normal distribution there."""
        held = np.diag(self.cov) == 0
        return np.where(held, np.nan, np.sqrt(np.maximum(np.diag(self.cov), 0.0)))

    def __call__(self, log_odds: Array) -> Array:
        """log p = -log(1 + exp(-eta)), log(1 - p) = -log(1 + exp(eta))."""
        c, a, b = self.theta
        return np.asarray(c + _times(a, low_tail(log_odds)) + _times(b, high_tail(log_odds)))

    @property
    def cov(self) -> Array:
        """As constructed."""
        return self.covariance

    def steepness(self, log_odds: Array) -> Array:
        """a (1 - p) + b p."""
        return np.asarray(self.theta[1] * expit(-log_odds) + self.theta[2] * expit(log_odds))

    def gradient(self, log_odds: Array) -> Array:
        """(1, log p, -log(1 - p))."""
        columns = [np.ones(log_odds.size), low_tail(log_odds), high_tail(log_odds)]
        return _finite_rows(np.column_stack(columns))

    def drawn(self, n: int, rng: np.random.Generator) -> DrawnMap:
        """Normal draws; a and b below 0 count as 0."""
        drawn = normal_draws(self.theta, self.cov, n, rng)
        c, a, b = drawn.T[:, :, None]
        a, b = np.maximum(a, 0.0), np.maximum(b, 0.0)
        return lambda log_odds: np.asarray(c + _times(a, low_tail(log_odds)) + _times(b, high_tail(log_odds)))


def low_tail(log_odds: Array) -> Array:
    """log p."""
    return np.asarray(-np.logaddexp(0.0, -log_odds))


def high_tail(log_odds: Array) -> Array:
    """-log(1 - p)."""
    return np.asarray(np.logaddexp(0.0, log_odds))


def _times(slope: Array | float, values: Array) -> Array:
    """The product, 0 where the slope is 0 even if the value is infinite; NaN stays NaN."""
    with np.errstate(invalid="ignore"):
        product = slope * values
    return np.asarray(np.where((np.asarray(slope) == 0) & np.isinf(values), 0.0, product))


def _finite_rows(columns: Array) -> Array:
    """The rows, 0 where one is infinite or unknown."""
    finite = np.asarray(np.isfinite(columns).all(axis=1))
    return np.asarray(np.where(finite[:, None], columns, 0.0))


def normal_draws(mean: Array, cov: Array, n: int, rng: np.random.Generator) -> Array:
    """Draws by the covariance's symmetric root, so that singular ones work, shape (n, k); NaN where it is unknown."""
    if not np.isfinite(cov).all():
        return np.full((n, mean.size), np.nan)
    values, vectors = np.linalg.eigh(cov)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return np.asarray(mean + rng.standard_normal((n, mean.size)) @ root.T)
