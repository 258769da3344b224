"""Every fit is a distribution over the coefficients, and everything reported is a map of it.

A `CoefficientDistribution` is closed under linear maps: `linear(L)` is the joint distribution of L beta, and
`marginals(L)` the one-dimensional distributions of its rows, which is all that tables and predictions need and
costs no k x k array. Intervals, points and draws are asked of those. What an interval *means* travels with it as
its `kind`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp
from scipy.special import ndtri

from problogit.core.blocks import Array, Matrix, quadratic_rows
from problogit.errors import InputError, NotAvailableError, explain

__all__ = [
    "CoefficientDistribution",
    "DrawnCoefficients",
    "Interval",
    "Marginals",
    "NormalCoefficients",
    "PointCoefficients",
    "equal_tailed",
    "highest_density",
]

Transform = Callable[[Array], Array]


def _same(values: Array) -> Array:
    return values


@dataclass(frozen=True, eq=False)
class Interval:
    """Bounds and what they mean.

    Attributes
    ----------
    lower, upper : ndarray, shape (k,)
    kind : str
        ``confidence-wald``, ``credible-eti``, ... as in the column `interval` of every table.
    """

    lower: Array
    upper: Array
    kind: str


def equal_tailed(draws: Array, prob: float) -> tuple[Array, Array]:
    """Quantiles (1 - prob)/2 and (1 + prob)/2 over the first axis, linear between order statistics.

    Between two infinite ones the quantile is infinite.
    """
    ends = [(1 - prob) / 2, (1 + prob) / 2]
    with np.errstate(invalid="ignore"):
        lower, upper = np.quantile(draws, ends, axis=0)
    if np.isnan(lower).any() or np.isnan(upper).any():
        lower, upper = np.quantile(draws, ends, axis=0, method="nearest")
    return lower, upper


def highest_density(draws: Array, prob: float) -> tuple[Array, Array]:
    """The shortest interval that spans floor(prob * n) steps of the ordered draws, over the first axis."""
    ordered = np.sort(draws, axis=0)
    span = int(np.floor(prob * ordered.shape[0]))
    widths = ordered[span:] - ordered[: ordered.shape[0] - span]
    first = np.argmin(widths, axis=0)[None]
    lower = np.take_along_axis(ordered, first, axis=0)[0]
    upper = np.take_along_axis(ordered, first + span, axis=0)[0]
    return lower, upper


class Marginals(ABC):
    """One-dimensional distributions of k linear combinations of the coefficients."""

    @property
    @abstractmethod
    def location(self) -> Array:
        """Estimate of each combination: log-odds scale, shape (k,)."""

    @property
    @abstractmethod
    def sd(self) -> Array:
        """Standard error or posterior sd, shape (k,)."""

    @abstractmethod
    def point(self, transform: Transform = _same, statistic: str = "mean") -> Array:
        """Point estimate of a transformed combination.

        For a sampling distribution transform(location); for draws the `statistic` (``"mean"`` or ``"median"``) of
        the transformed draws.
        """

    @abstractmethod
    def interval(self, prob: float, kind: str | None = None, transform: Transform = _same) -> Interval:
        """Central interval of probability `prob` of a monotone (increasing) transform of the combination."""


class CoefficientDistribution(ABC):
    """Distribution over p coefficients on the log-odds scale, original units of the predictors."""

    @property
    @abstractmethod
    def location(self) -> Array:
        """Reported estimate, shape (p,)."""

    @property
    @abstractmethod
    def cov(self) -> Array:
        """Covariance, shape (p, p); NaN where there is none."""

    @property
    @abstractmethod
    def kinds(self) -> tuple[str, ...]:
        """Kinds of interval that this distribution gives; the first is its default."""

    @abstractmethod
    def linear(self, L: Array) -> CoefficientDistribution:
        """Joint distribution of L beta for L of shape (k, p)."""

    @abstractmethod
    def marginals(self, L: Matrix | None = None) -> Marginals:
        """Distributions of the rows of L beta; of the coefficients themselves without L."""

    @abstractmethod
    def draws(self, n: int | None, rng: np.random.Generator) -> Array:
        """Draws of the coefficients, shape (n, p)."""

    @property
    def size(self) -> int:
        """Number of coefficients p."""
        return int(self.location.shape[0])

    @property
    def std_error(self) -> Array:
        """Standard errors or posterior sds of the coefficients, shape (p,)."""
        return self.marginals().sd


def check_kind(kind: str | None, kinds: tuple[str, ...]) -> str:
    """The kind asked for, or the default; an error naming what there is. `wald`, `eti` and `hdi` will do."""
    if kind is None:
        return kinds[0]
    for known in kinds:
        if kind == known or kind == known.rpartition("-")[2]:
            return known
    raise InputError(
        explain("interval", "must be one of " + ", ".join(map(repr, kinds)) + " for this fit", kind)
    )


@dataclass(frozen=True, eq=False)
class NormalMarginals(Marginals):
    """Normal distributions with these means and standard deviations."""

    means: Array
    sds: Array
    kinds: tuple[str, ...]

    @property
    def location(self) -> Array:
        """Means."""
        return self.means

    @property
    def sd(self) -> Array:
        """Standard deviations."""
        return self.sds

    def point(self, transform: Transform = _same, statistic: str = "mean") -> Array:
        """transform(location): the estimate is equivariant."""
        return transform(self.means)

    def interval(self, prob: float, kind: str | None = None, transform: Transform = _same) -> Interval:
        """transform(location -+ z sd)."""
        chosen = check_kind(kind, self.kinds)
        half = ndtri((1 + prob) / 2) * self.sds
        return Interval(transform(self.means - half), transform(self.means + half), chosen)


@dataclass(frozen=True, eq=False)
class NormalCoefficients(CoefficientDistribution):
    """A normal distribution: the sampling distribution of an estimate, or its curvature approximation.

    Parameters
    ----------
    mean : ndarray, shape (p,)
    covariance : ndarray, shape (p, p)
    interval_kinds : tuple of str
        What its intervals are called, e.g. ``("confidence-wald",)``.
    """

    mean: Array
    covariance: Array
    interval_kinds: tuple[str, ...] = ("confidence-wald",)

    @property
    def location(self) -> Array:
        """The mean."""
        return self.mean

    @property
    def cov(self) -> Array:
        """The covariance."""
        return self.covariance

    @property
    def kinds(self) -> tuple[str, ...]:
        """As constructed."""
        return self.interval_kinds

    def linear(self, L: Array) -> NormalCoefficients:
        """Normal with mean L m and covariance L C L'."""
        return NormalCoefficients(L @ self.mean, L @ self.covariance @ L.T, self.interval_kinds)

    def marginals(self, L: Matrix | None = None) -> NormalMarginals:
        """Normal marginals, without forming L C L'."""
        if L is None:
            return NormalMarginals(self.mean, np.sqrt(np.diag(self.covariance)), self.interval_kinds)
        variance = quadratic_rows(L, self.covariance)
        return NormalMarginals(
            np.asarray(L @ self.mean), np.sqrt(np.maximum(variance, 0.0)), self.interval_kinds
        )

    def draws(self, n: int | None, rng: np.random.Generator) -> Array:
        """Normal draws (1000 unless told) by the covariance's symmetric root, so that singular ones work."""
        values, vectors = np.linalg.eigh(self.covariance)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        return np.asarray(
            self.mean + rng.standard_normal((1000 if n is None else n, self.mean.size)) @ root.T
        )


@dataclass(frozen=True, eq=False)
class DrawnMarginals(Marginals):
    """Distributions given by draws, shape (n_draws, k)."""

    values: Array
    kinds: tuple[str, ...]
    estimate: Array | None = None

    @property
    def location(self) -> Array:
        """The estimate behind the draws where there is one (bootstrap), else their mean."""
        return self.values.mean(axis=0) if self.estimate is None else self.estimate

    @property
    def sd(self) -> Array:
        """Standard deviation of the draws."""
        return np.asarray(self.values.std(axis=0, ddof=1))

    def point(self, transform: Transform = _same, statistic: str = "mean") -> Array:
        """Mean or median of the transformed draws; transform(estimate) for a bootstrap."""
        if self.estimate is not None:
            return transform(self.estimate)
        moved = transform(self.values)
        return np.asarray(np.median(moved, axis=0) if statistic == "median" else moved.mean(axis=0))

    def interval(self, prob: float, kind: str | None = None, transform: Transform = _same) -> Interval:
        """Equal-tailed or highest-density interval of the transformed draws."""
        chosen = check_kind(kind, self.kinds)
        bounds = highest_density if chosen.endswith("hdi") else equal_tailed
        lower, upper = bounds(transform(self.values), prob)
        return Interval(lower, upper, chosen)


@dataclass(frozen=True, eq=False)
class DrawnCoefficients(CoefficientDistribution):
    """Draws, kept by chain: a posterior, or bootstrap estimates (one chain).

    Parameters
    ----------
    chains : ndarray, shape (n_chains, n_draws, p)
    interval_kinds : tuple of str
    estimate : ndarray of shape (p,), optional
        The estimate that bootstrap draws scatter about; None for a posterior, whose estimate is its mean.
    """

    chains: Array
    interval_kinds: tuple[str, ...] = ("credible-eti", "credible-hdi")
    estimate: Array | None = field(default=None)

    @property
    def flat(self) -> Array:
        """All draws, chain after chain, shape (n_chains * n_draws, p)."""
        return self.chains.reshape(-1, self.chains.shape[-1])

    @property
    def location(self) -> Array:
        """Posterior mean, or the bootstrapped estimate."""
        return self.flat.mean(axis=0) if self.estimate is None else self.estimate

    @property
    def cov(self) -> Array:
        """Covariance of the draws."""
        return np.atleast_2d(np.cov(self.flat, rowvar=False))

    @property
    def kinds(self) -> tuple[str, ...]:
        """As constructed."""
        return self.interval_kinds

    def linear(self, L: Array) -> DrawnCoefficients:
        """The draws, mapped."""
        estimate = None if self.estimate is None else L @ self.estimate
        return DrawnCoefficients(self.chains @ L.T, self.interval_kinds, estimate)

    def marginals(self, L: Matrix | None = None) -> DrawnMarginals:
        """Draws of each combination; memory n_draws x k, so ask for long L in blocks."""
        if L is None:
            return DrawnMarginals(self.flat, self.interval_kinds, self.estimate)
        values = np.asarray((L @ self.flat.T).T)
        estimate = None if self.estimate is None else np.asarray(L @ self.estimate)
        return DrawnMarginals(values, self.interval_kinds, estimate)

    def draws(self, n: int | None, rng: np.random.Generator) -> Array:
        """All draws in order, or n of them: without replacement while there are enough, else with."""
        everything = self.flat
        if n is None:
            return everything
        return np.asarray(everything[rng.choice(everything.shape[0], n, replace=n > everything.shape[0])])


@dataclass(frozen=True, eq=False)
class PointMarginals(Marginals):
    """Points without a distribution."""

    points: Array
    kinds: tuple[str, ...] = ("none",)

    @property
    def location(self) -> Array:
        """The points."""
        return self.points

    @property
    def sd(self) -> Array:
        """NaN: unknown, not zero."""
        return np.full(self.points.shape, np.nan)

    def point(self, transform: Transform = _same, statistic: str = "mean") -> Array:
        """transform(location)."""
        return transform(self.points)

    def interval(self, prob: float, kind: str | None = None, transform: Transform = _same) -> Interval:
        """NaN bounds of kind ``none``."""
        chosen = check_kind(kind, self.kinds)
        nothing = np.full(self.points.shape, np.nan)
        return Interval(nothing, nothing.copy(), chosen)


@dataclass(frozen=True, eq=False)
class PointCoefficients(CoefficientDistribution):
    """An estimate whose sampling distribution is not known; `reason` says why and names the remedy."""

    estimate: Array
    reason: str

    @property
    def location(self) -> Array:
        """The estimate."""
        return self.estimate

    @property
    def cov(self) -> Array:
        """NaN."""
        return np.full((self.estimate.size, self.estimate.size), np.nan)

    @property
    def kinds(self) -> tuple[str, ...]:
        """No interval."""
        return ("none",)

    def linear(self, L: Array) -> PointCoefficients:
        """The mapped estimate."""
        return PointCoefficients(L @ self.estimate, self.reason)

    def marginals(self, L: Matrix | None = None) -> PointMarginals:
        """Points without bounds."""
        return PointMarginals(self.estimate if L is None else np.asarray(L @ self.estimate))

    def draws(self, n: int | None, rng: np.random.Generator) -> Array:
        """Refused with the reason."""
        raise NotAvailableError(self.reason)


def as_dense(L: Matrix) -> Array:
    """A dense copy of a sparse matrix, or the array itself."""
    return np.asarray(L.todense()) if sp.issparse(L) else np.asarray(L)
