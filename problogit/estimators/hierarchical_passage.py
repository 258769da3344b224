"""How the conditional distribution of coefficients moves with their prior scales, about: the sampler's coordinates.

v = mean(sigma) + width(sigma) z with z nearly standard normal, whatever sigma. Both forms are exact coordinates; how
well they follow the posterior decides the sampler's speed and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.interpolate import CubicSpline

from problogit.core.blocks import Array

__all__ = ["Conditional", "ParabolaPassage", "Passage", "TracedPassage"]


@dataclass(frozen=True, eq=False)
class Conditional:
    """Of v given the scales: mean and width, and the derivatives of mean and log width by log sigma, (..., k) each."""

    mean: Array
    width: Array
    mean_slope: Array
    log_width_slope: Array


class Passage(Protocol):
    """From the scales of a block to the coordinates of its coefficients."""

    def at(self, logs: Array) -> Conditional:
        """At the logarithms of sigma, (..., k)."""


@dataclass(frozen=True, eq=False)
class ParabolaPassage:
    """What the data say of v is pull v - data v^2 / 2 at every scale.

    With d the precision of the prior of v: mean pull / (data + d) and variance 1 / (data + d).

    Attributes
    ----------
    data, pull : ndarray, shape (k,)
    log_unit : ndarray, shape (k,)
        Log of sigma over the prior standard deviation of v.
    """

    data: Array
    pull: Array
    log_unit: Array

    def at(self, logs: Array) -> Conditional:
        """At the logarithms of sigma, (..., k)."""
        by_prior = np.exp(2.0 * (self.log_unit - logs))
        precision = self.data + by_prior
        mean, share = self.pull / precision, by_prior / precision
        return Conditional(mean, 1.0 / np.sqrt(precision), 2.0 * share * mean, share)


@dataclass(frozen=True, eq=False)
class TracedPassage:
    """Mode and curvature found anew at several values of a scale s that all share, and splines between them.

    v = s (ratio(t) + exp(log_width(t)) z) with t = log s; ratio and log width are constant beyond the values.

    Attributes
    ----------
    log_unit : ndarray, shape (k,)
        log(sigma_j / s).
    start, step : float
        First value of t, and the distance between neighbours.
    pieces : ndarray, shape (4, n_intervals, 2 k)
        Polynomials of ratio and log width, highest power first.
    """

    log_unit: Array
    start: float
    step: float
    pieces: Array

    @classmethod
    def through(cls, log_unit: Array, logs: Array, modes: Array, precisions: Array) -> TracedPassage:
        """From what was found at evenly spaced logarithms of s.

        Parameters
        ----------
        log_unit : ndarray, shape (k,)
        logs : ndarray, shape (m,)
        modes, precisions : ndarray, shape (m, k)
            Of v given s, prior included.
        """
        ratios = modes * np.exp(-logs[:, None])
        log_widths = -0.5 * np.log(precisions) - logs[:, None]
        # Flat ends join the constants beyond them without a kink.
        spline = CubicSpline(logs, np.concatenate([ratios, log_widths], axis=1), bc_type="clamped")
        return cls(log_unit, float(logs[0]), float(logs[1] - logs[0]), np.asarray(spline.c))

    def at(self, logs: Array) -> Conditional:
        """At the logarithms of sigma, (..., k)."""
        k, n = self.log_unit.size, self.pieces.shape[1]
        t = logs[..., :1] - self.log_unit[0]
        place = np.clip((t - self.start) / self.step, 0.0, n)
        interval = np.minimum(place, n - 1).astype(np.int64)
        x = (place - interval) * self.step
        chosen = interval[..., 0]
        third, second, first, level = self.pieces[:, int(chosen) if chosen.ndim == 0 else chosen]
        value = ((third * x + second) * x + first) * x + level
        slope = (3.0 * third * x + 2.0 * second) * x + first
        s = np.exp(t)
        mean = s * value[..., :k]
        return Conditional(mean, s * np.exp(value[..., k:]), mean + s * slope[..., :k], 1.0 + slope[..., k:])
