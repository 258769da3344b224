"""One scale, learned from the data, for all coefficients of a group."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import expit

from problogit.core.priors.columns import Array
from problogit.core.priors.half_normal import HalfNormal
from problogit.core.priors.mixture import (
    ScaleMixture,
    grid_moments,
    log_evidence,
    log_softplus,
    softplus_elasticity,
    softplus_inverse,
)

__all__ = ["LearnedScale"]

_LARGE = 0.95  # quantile of the half-normal
_GRID = np.linspace(-15.0, 6.0, 841)  # theta


@dataclass(frozen=True, eq=False)
class LearnedScale(ScaleMixture):
    """sigma_j = factor_j * s with s from a half-normal; s = scale * softplus(theta).

    Where s is small theta is its logarithm, where it is large s itself: under the logarithm a half-normal ends in a
    wall that a sampler runs into.

    Attributes
    ----------
    hyper : HalfNormal
        The prior of s.
    factor : ndarray, shape (k,)
        1, or one over the unit of the column where the prior is autoscaled.
    name : str
        Of s among the draws.
    """

    hyper: HalfNormal
    factor: Array
    name: str

    @property
    def size(self) -> int:
        """1."""
        return 1

    @property
    def kind(self) -> str:
        """``"learned"``."""
        return "learned"

    @property
    def shared(self) -> bool:
        """True."""
        return True

    def approximate(self, theta: Array, data: Array, pull: Array) -> tuple[Array, Array, Array]:
        """From the evidence on a grid of theta."""
        evidence = log_evidence(data, pull, self._log_s(_GRID)[:, None]).sum(axis=1)
        mean, width = grid_moments(_GRID, evidence + self.log_density(_GRID[:, None]))
        scale = np.exp(self._log_s(mean))
        return np.atleast_1d(mean), np.atleast_1d(width), np.full(data.size, scale)

    def _log_s(self, theta: Array) -> Array:
        return np.asarray(math.log(self.hyper.scale) + log_softplus(theta))

    def loosened(self, theta: Array, width: Array) -> Array:
        """A scale that the prior holds large: the curvature of separated data vanishes there, that of others does not.

        So coordinates are centred only in directions that the data determine at any scale.
        """
        return softplus_inverse(self.hyper.quantile(np.array([_LARGE])) / self.hyper.scale)

    def log_scales(self, theta: Array) -> Array:
        """log factor + log s."""
        return np.asarray(np.log(self.factor) + self._log_s(theta))

    def pull(self, theta: Array, slope: Array) -> Array:
        """The sum of the slopes, by log s, times the derivative of that."""
        return np.asarray(slope.sum() * softplus_elasticity(theta))

    def log_density(self, theta: Array) -> Array:
        """-softplus(theta)^2 / 2 + log of its derivative + constant."""
        y = theta[..., 0]
        s = self.hyper.scale * np.logaddexp(0.0, y)
        return self.hyper.log_density(s) + math.log(self.hyper.scale) - np.logaddexp(0.0, -y)

    def gradient(self, theta: Array) -> Array:
        """Of `log_density`."""
        rate = expit(theta)
        return np.asarray(1.0 - rate - np.logaddexp(0.0, theta) * rate)

    @property
    def centre(self) -> Array:
        """At the prior median."""
        return softplus_inverse(self.hyper.quantile(np.array([0.5])) / self.hyper.scale)

    @property
    def names(self) -> Mapping[str, bool]:
        """s."""
        return {self.name: False}

    def named(self, theta: Array) -> Mapping[str, Array]:
        """s."""
        return {self.name: np.exp(self._log_s(theta[..., 0]))}

    def theta(self, named: Mapping[str, Array]) -> Array:
        """The way back."""
        return softplus_inverse(np.asarray(named[self.name])[..., None] / self.hyper.scale)

    def log_jacobian(self, theta: Array) -> Array:
        """log ds / d theta."""
        return np.asarray(math.log(self.hyper.scale) - np.logaddexp(0.0, -theta[..., 0]))

    def draw(self, rng: np.random.Generator, n: int) -> Array:
        """From half-normal draws."""
        return softplus_inverse(self.hyper.quantile(rng.random((n, 1))) / self.hyper.scale)

    def rescale(self, c: Array) -> LearnedScale:
        """Factors multiplied."""
        return replace(self, factor=self.factor * np.abs(c))

    def describe(self, position: int) -> str:
        """``"s / 1.3, s ~ HalfNormal(1)"``."""
        factor = float(self.factor[position])
        divided = "" if factor == 1.0 else f" / {1.0 / factor:.4g}"
        return f"s{divided}, s ~ {self.hyper.describe()}"

    def pymc(self, pm: Any, dims: str) -> Any:
        """factor * s."""
        return self.factor * self.hyper.pymc(pm, self.name)
