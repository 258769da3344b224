"""One scale, learned from the data, for all coefficients of a group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from problogit.core.priors.columns import Array
from problogit.core.priors.half_normal import HalfNormal
from problogit.core.priors.mixture import ScaleMixture

__all__ = ["LearnedScale"]


@dataclass(frozen=True, eq=False)
class LearnedScale(ScaleMixture):
    """sigma_j = factor_j * s with s from a half-normal; theta = log s.

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
    def n_coefficients(self) -> int:
        """Number of coefficients."""
        return int(self.factor.size)

    def log_scales(self, theta: Array) -> Array:
        """log factor + log s."""
        return np.asarray(np.log(self.factor) + theta)

    def pull(self, theta: Array, slope: Array) -> Array:
        """The sum of the slopes."""
        return np.array([slope.sum()])

    def log_density(self, theta: Array) -> Array:
        """Of log s."""
        log_s = theta[..., 0]
        return self.hyper.log_density(np.exp(log_s)) + log_s

    def gradient(self, theta: Array) -> Array:
        """1 - (s / scale)^2."""
        s = np.exp(theta)
        return np.asarray(self.hyper.gradient(s) * s + 1.0)

    @property
    def centre(self) -> Array:
        """Log of the prior median."""
        return np.log(self.hyper.quantile(np.array([0.5])))

    def named(self, theta: Array) -> Mapping[str, Array]:
        """s."""
        return {self.name: np.exp(theta[..., 0])}

    def theta(self, named: Mapping[str, Array]) -> Array:
        """log s."""
        return np.log(np.asarray(named[self.name])[..., None])

    def log_jacobian(self, theta: Array) -> Array:
        """log s."""
        return np.asarray(theta[..., 0])

    def draw(self, rng: np.random.Generator, n: int) -> Array:
        """Log of half-normal draws."""
        return np.log(self.hyper.quantile(rng.random((n, 1))))

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
