"""The Laplace prior: the L1 (lasso) penalty."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from problogit.core.priors.base import Prior, check_flag, check_parameter, check_scale, show
from problogit.core.priors.columns import Array, Real
from problogit.core.priors.half_normal import LearnableScale, fixed_scale
from problogit.core.priors.normal import Normal
from problogit.validation import check_positive

__all__ = ["Laplace", "soft_threshold"]


def soft_threshold(v: Array, threshold: Array) -> Array:
    """sign(v) * max(|v| - threshold, 0), elementwise; exact zeros."""
    return np.asarray(np.sign(v) * np.maximum(np.abs(v) - threshold, 0.0))


@dataclass(frozen=True, eq=False)
class Laplace(Prior):
    """Laplace (double exponential) prior, the L1 penalty |beta - loc| / scale: exact zeros in `Penalized`.

    log p(beta) = -|beta - loc| / scale - log(2 scale); the standard deviation is sqrt(2) scale.

    Parameters
    ----------
    scale : float
        The L1 strength on the sum scale is 1/scale.
    loc : float, default 0
        Location; `Penalized` sets coefficients exactly to it.
    autoscale : bool, default False
        Divide `scale` by the standard deviation of each column (by the range of a column with two values).
    """

    scale: LearnableScale
    loc: Real = 0.0
    autoscale: bool = False

    def __post_init__(self) -> None:
        check_scale(self, self.scale)
        check_parameter(self, "loc", self.loc, "must be finite")
        check_flag(self, "autoscale", self.autoscale)

    @classmethod
    def from_l1(cls, strength: float) -> Laplace:
        """From the L1 strength on the sum scale, penalty = strength * |beta|: scale = 1/strength."""
        return cls(1.0 / check_positive("strength", strength))

    @classmethod
    def from_sklearn(cls, C: float) -> Laplace:
        """From scikit-learn's `C` (L1), which minimises |beta|_1 + C * sum of losses: scale = C."""
        return cls(check_positive("C", C))

    @property
    def smooth(self) -> bool:
        """False."""
        return False

    @property
    def l1_strength(self) -> Real:
        """1 / scale."""
        return 1.0 / self.spread

    @property
    def quadratic(self) -> bool:
        """True."""
        return True

    @property
    def location(self) -> Real:
        """The location."""
        return self.loc

    @property
    def spread(self) -> Real:
        """The scale."""
        return fixed_scale(self.scale)

    @property
    def variance(self) -> Real:
        """2 scale^2."""
        return 2.0 * self.spread * self.spread

    def draw(self, rng: np.random.Generator, n: int) -> Array:
        """Laplace random numbers."""
        return np.asarray(self.loc + self.spread * rng.laplace(size=(n, np.size(self.loc))))

    def log_density(self, beta: Array) -> Array:
        """Log density."""
        return np.asarray(-np.abs(beta - self.loc) / self.spread - np.log(self.spread) - math.log(2.0))

    def gradient(self, beta: Array) -> Array:
        """Zeros: all of the penalty is in `l1_strength`."""
        return np.zeros(np.shape(beta))

    def curvature(self, beta: Array) -> Array:
        """Zeros: all of the penalty is in `l1_strength`."""
        return np.zeros(np.shape(beta))

    def prox(self, v: Array, step: Real) -> Array:
        """Soft threshold of v - loc at step / scale."""
        return np.asarray(self.loc + soft_threshold(v - self.loc, np.asarray(step / self.spread)))

    def rescale(self, c: Real) -> Laplace:
        """Laplace(|c| scale, c loc)."""
        return replace(self, scale=self.spread * np.abs(c), loc=self.loc * c)

    def strengthened(self, factor: float) -> Laplace:
        """Laplace(scale / factor, loc)."""
        return replace(self, scale=self.spread / factor)

    def on_columns(self, unit: Array) -> Laplace:
        """Arrays for parameters, autoscaling done."""
        ones = np.ones_like(unit)
        divisor = unit if self.autoscale else ones
        return Laplace(self.spread / divisor, self.loc * ones)

    def stand_in(self) -> Normal:
        """The normal of the same mean and variance."""
        return Normal(self.spread * math.sqrt(2.0), self.loc)

    def describe(self) -> str:
        """``"Laplace(loc, scale)"``."""
        return f"Laplace({show(self.loc)}, {show(self.scale)})" + (", autoscaled" if self.autoscale else "")

    def pymc(
        self, pm: Any, name: str, *, dims: str | tuple[str, ...] | None = None, shape: Any = None
    ) -> Any:
        """`pymc.Laplace`."""
        return pm.Laplace(name, mu=self.loc, b=self.spread, dims=dims, shape=shape)
