"""The half-normal prior of a scale: what a learned scale is drawn from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri

from problogit.core.priors.columns import Array, Real
from problogit.errors import InputError, NotAvailableError, explain

__all__ = ["HalfNormal", "LearnableScale", "fixed_scale"]

_LOG_ROOT_HALF_PI = 0.5 * math.log(math.pi / 2.0)


@dataclass(frozen=True)
class HalfNormal:
    """Half-normal prior of the scale of another prior, as in ``Normal(scale=HalfNormal(1))``: the data tell the scale.

    log p(s) = -s^2 / (2 scale^2) - log(scale sqrt(pi / 2)), s > 0

    It is the Bayesian twin of a penalty whose strength is chosen: instead of one best scale, all scales count by their
    posterior probability. Only `Bayes` takes it; ``Penalized(prior, select="evidence")`` finds one scale.

    Parameters
    ----------
    scale : float
        Scale of the half-normal: the learned scale is below it with probability 0.68, below twice of it with 0.95.
    """

    scale: float

    def __post_init__(self) -> None:
        value = self.scale
        real = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
        if not real or not 0 < value < math.inf:
            raise InputError(explain("HalfNormal: scale", "must be positive and finite", value))

    def log_density(self, s: Array) -> Array:
        """Log density at positive `s`."""
        return np.asarray(-0.5 * np.square(s / self.scale) - math.log(self.scale) - _LOG_ROOT_HALF_PI)

    def gradient(self, s: Array) -> Array:
        """-s / scale^2."""
        return np.asarray(-s / self.scale / self.scale)

    def quantile(self, probability: Array) -> Array:
        """The s below which the probability lies."""
        return np.asarray(self.scale * ndtri(0.5 + 0.5 * np.asarray(probability)))

    def describe(self) -> str:
        """``"HalfNormal(1)"``."""
        return f"HalfNormal({self.scale:.4g})"

    def pymc(self, pm: Any, name: str) -> Any:
        """`pymc.HalfNormal`."""
        return pm.HalfNormal(name, sigma=self.scale)


LearnableScale = Real | HalfNormal
"""What may be given for the scale of a prior: a number, or the prior of one."""


def fixed_scale(scale: LearnableScale) -> Real:
    """The scale of a prior that has one; a learned scale has none before sampling."""
    if isinstance(scale, HalfNormal):
        raise NotAvailableError(
            f"The scale of this prior is learned ({scale.describe()}): it has no density by column before the scale is "
            "known. Bayes(prior) samples both; Penalized(Normal(1), select='evidence') finds one scale."
        )
    return scale
