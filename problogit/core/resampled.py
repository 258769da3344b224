"""Bootstrap estimates of which some are infinite or do not exist.

A resample may be separated, or lose the rows that identify a column. Such an estimate is kept for what it is: a linear
combination of it is finite, +Inf, -Inf, or not determined. An infinite value stands at its end of the order statistics
that a percentile interval is read from; one that is not determined stands at both, so that it can only make the
interval wider. Nothing is dropped: an interval over the resamples that happened to have an estimate would be too short.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from problogit.core.blocks import Array, Matrix
from problogit.core.coefficients import (
    CoefficientDistribution,
    Interval,
    Marginals,
    Transform,
    _same,
    as_dense,
    check_kind,
)
from problogit.errors import NotAvailableError

__all__ = ["ResampledCoefficients", "extended_quantile"]


def extended_quantile(values: Array, prob: float, towards: float) -> Array:
    """The quantile over the first axis of values that may be infinite, linear between order statistics.

    Parameters
    ----------
    values : ndarray, shape (n, k)
    prob : float
    towards : float
        -1 for a lower end, 1 for an upper one: which way to go between an infinite order statistic and another.
    """
    ordered = np.sort(values, axis=0)
    place = prob * (ordered.shape[0] - 1)
    below, above = ordered[math.floor(place)], ordered[math.ceil(place)]
    finite = np.isfinite(below) & np.isfinite(above)
    between = np.where(finite, below, 0.0) + (place - math.floor(place)) * (
        np.where(finite, above, 0.0) - np.where(finite, below, 0.0)
    )
    return np.asarray(np.where(finite, between, below if towards < 0 else above))


@dataclass(frozen=True, eq=False)
class ResampledMarginals(Marginals):
    """Bootstrap distributions of k combinations; values of shape (n_draws, k), NaN where not determined."""

    estimate: Array
    values: Array
    kinds: tuple[str, ...]

    @property
    def location(self) -> Array:
        """The estimate that the resamples scatter about."""
        return self.estimate

    @property
    def sd(self) -> Array:
        """Standard deviation of the draws; NaN where some are infinite or not determined."""
        finite = np.isfinite(self.values).all(axis=0)
        spread = np.where(finite, self.values, 0.0).std(axis=0, ddof=1)
        return np.asarray(np.where(finite, spread, np.nan))

    def point(self, transform: Transform = _same, statistic: str = "mean") -> Array:
        """transform(estimate)."""
        return transform(self.estimate)

    def interval(self, prob: float, kind: str | None = None, transform: Transform = _same) -> Interval:
        """Percentile interval; NaN where there is no estimate."""
        chosen = check_kind(kind, self.kinds)
        unknown, tail = np.isnan(self.values), (1 - prob) / 2
        lower = extended_quantile(transform(np.where(unknown, -np.inf, self.values)), tail, -1.0)
        upper = extended_quantile(transform(np.where(unknown, np.inf, self.values)), 1 - tail, 1.0)
        known = np.isfinite(self.estimate)
        return Interval(np.where(known, lower, np.nan), np.where(known, upper, np.nan), chosen)


@dataclass(frozen=True, eq=False)
class ResampledCoefficients(CoefficientDistribution):
    """Bootstrap estimates of p coefficients, some of them not ordinary points.

    Parameters
    ----------
    estimate : ndarray, shape (p,)
        What they scatter about.
    regular : ndarray, shape (n_regular, p)
        Estimates that exist.
    irregular : tuple of CoefficientDistribution
        Estimates with infinite or unidentified parts; their `location` is what counts.
    n_unknown : int
        Resamples that gave nothing.
    interval_kinds : tuple of str
    """

    estimate: Array
    regular: Array
    irregular: tuple[CoefficientDistribution, ...]
    n_unknown: int = 0
    interval_kinds: tuple[str, ...] = ("bootstrap",)

    @property
    def location(self) -> Array:
        """The estimate."""
        return self.estimate

    @property
    def cov(self) -> Array:
        """Covariance of the draws; NaN in rows and columns where some are not finite."""
        values = self.marginals().values
        finite = np.isfinite(values).all(axis=0)
        out = np.full((finite.size, finite.size), np.nan)
        if finite.any():
            out[np.ix_(finite, finite)] = np.atleast_2d(np.cov(values[:, finite], rowvar=False))
        return out

    @property
    def kinds(self) -> tuple[str, ...]:
        """As constructed."""
        return self.interval_kinds

    def linear(self, L: Array) -> ResampledCoefficients:
        """The draws, mapped."""
        mapped = tuple(draw.linear(L) for draw in self.irregular)
        return ResampledCoefficients(
            L @ self.estimate, self.regular @ L.T, mapped, self.n_unknown, self.interval_kinds
        )

    def marginals(self, L: Matrix | None = None) -> ResampledMarginals:
        """Draws of each combination; memory n_draws x k, so ask for long L in blocks."""
        rows = None if L is None else as_dense(L)
        regular = self.regular if rows is None else self.regular @ rows.T
        estimate = self.estimate if rows is None else rows @ self.estimate
        irregular = [draw.marginals(rows).location for draw in self.irregular]
        unknown = np.full((self.n_unknown, estimate.size), np.nan)
        return ResampledMarginals(estimate, np.vstack([regular, *irregular, unknown]), self.interval_kinds)

    def draws(self, n: int | None, rng: np.random.Generator) -> Array:
        """Refused with the remedy: draws with infinite coefficients cannot be averaged or predicted from."""
        count = len(self.irregular) + self.n_unknown
        raise NotAvailableError(
            f"{count} of {count + self.regular.shape[0]} bootstrap resamples have infinite or unidentified "
            "coefficients, so there is no full set of draws. Read the intervals of `summary()`, `contrast()` and "
            "`predict()`, which take them into account, or fit a proper prior: Penalized(Normal(2.5, autoscale=True)) "
            "or Bayes()."
        )
