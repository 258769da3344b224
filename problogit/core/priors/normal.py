"""The normal prior: the L2 (ridge) penalty."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from problogit.core.priors.base import Prior, check_flag, check_parameter, check_scale, show
from problogit.core.priors.columns import Array, Real
from problogit.core.priors.half_normal import LearnableScale, fixed_scale
from problogit.validation import check_positive

__all__ = ["Normal"]

_LOG_ROOT_TWO_PI = 0.5 * math.log(2.0 * math.pi)


@dataclass(frozen=True, eq=False)
class Normal(Prior):
    """Normal prior, the L2 penalty (beta - loc)^2 / (2 scale^2).

    log p(beta) = -(beta - loc)^2 / (2 scale^2) - log(scale sqrt(2 pi))

    Parameters
    ----------
    scale : float
        Standard deviation; the L2 strength on the sum scale is 1/scale^2.
    loc : float, default 0
        Mean.
    autoscale : bool, default False
        Divide `scale` by the standard deviation of each column (by the range of a column with two values), so that
        `scale` speaks of a standardised predictor. `loc` is left alone.
    """

    scale: LearnableScale
    loc: Real = 0.0
    autoscale: bool = False

    def __post_init__(self) -> None:
        check_scale(self, self.scale)
        check_parameter(self, "loc", self.loc, "must be finite")
        check_flag(self, "autoscale", self.autoscale)

    @classmethod
    def from_l2(cls, strength: float) -> Normal:
        """From the L2 strength on the sum scale, penalty = strength/2 * beta^2: scale = 1/sqrt(strength)."""
        return cls(1.0 / math.sqrt(check_positive("strength", strength)))

    @classmethod
    def from_sklearn(cls, C: float) -> Normal:
        """From scikit-learn's `C` (L2), which minimises beta'beta/2 + C * sum of losses: scale = sqrt(C)."""
        return cls(math.sqrt(check_positive("C", C)))

    @property
    def smooth(self) -> bool:
        """True."""
        return True

    @property
    def quadratic(self) -> bool:
        """True."""
        return True

    @property
    def location(self) -> Real:
        """The mean."""
        return self.loc

    @property
    def spread(self) -> Real:
        """The standard deviation."""
        return fixed_scale(self.scale)

    @property
    def variance(self) -> Real:
        """scale^2."""
        return self.spread * self.spread

    def draw(self, rng: np.random.Generator, n: int) -> Array:
        """Normal random numbers."""
        return np.asarray(self.loc + self.spread * rng.standard_normal((n, np.size(self.loc))))

    def log_density(self, beta: Array) -> Array:
        """Log density."""
        z = (beta - self.loc) / self.spread
        return np.asarray(-0.5 * z * z - np.log(self.spread) - _LOG_ROOT_TWO_PI)

    def gradient(self, beta: Array) -> Array:
        """-(beta - loc) / scale^2."""
        return np.asarray((self.loc - beta) / self.spread / self.spread)

    def curvature(self, beta: Array) -> Array:
        """1 / scale^2."""
        return np.broadcast_to(1.0 / self.spread / self.spread, np.shape(beta)).astype(np.float64)

    def prox(self, v: Array, step: Real) -> Array:
        """The mean of `v` and `loc`, weighted by 1/step and 1/scale^2."""
        ratio = np.asarray(step) / self.spread / self.spread
        return np.asarray(self.loc + (v - self.loc) / (1.0 + ratio))

    def rescale(self, c: Real) -> Normal:
        """Normal(|c| scale, c loc)."""
        return replace(self, scale=self.spread * np.abs(c), loc=self.loc * c)

    def strengthened(self, factor: float) -> Normal:
        """Normal(scale / sqrt(factor), loc)."""
        return replace(self, scale=self.spread / math.sqrt(factor))

    def on_columns(self, unit: Array) -> Normal:
        """Arrays for parameters, autoscaling done."""
        ones = np.ones_like(unit)
        divisor = unit if self.autoscale else ones
        return Normal(self.spread / divisor, self.loc * ones)

    def stand_in(self) -> Normal:
        """Itself."""
        return self

    def describe(self) -> str:
        """``"Normal(loc, scale)"``."""
        return f"Normal({show(self.loc)}, {show(self.scale)})" + (", autoscaled" if self.autoscale else "")

    def pymc(
        self, pm: Any, name: str, *, dims: str | tuple[str, ...] | None = None, shape: Any = None
    ) -> Any:
        """`pymc.Normal`."""
        return pm.Normal(name, mu=self.loc, sigma=self.spread, dims=dims, shape=shape)
