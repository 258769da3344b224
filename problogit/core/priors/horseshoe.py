"""The regularised horseshoe: many coefficients near zero, a few as large as the data say."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import gammaln

from problogit.core.priors.base import TermPrior, check_flag, check_parameter
from problogit.core.priors.columns import Array
from problogit.core.priors.mixture import ScaleMixture
from problogit.core.priors.normal import Normal
from problogit.errors import InputError, explain

__all__ = ["Horseshoe", "HorseshoeScales"]

_SIGMA = 2.0  # pseudo standard deviation of one Bernoulli outcome: 1/sqrt(p (1 - p)) at p = 1/2
_SHARE = 0.1  # of the coefficients that are expected to matter unless told otherwise


@dataclass(frozen=True)
class Horseshoe(TermPrior):
    """Regularised horseshoe prior (Piironen & Vehtari 2017), for many columns of which few matter; also more than rows.

    beta_j ~ Normal(0, tau lambda~_j) with lambda~_j^2 = c^2 lambda_j^2 / (c^2 + tau^2 lambda_j^2),
    lambda_j ~ half-t(local_df, 1), tau ~ half-t(global_df, tau0), c^2 ~ InvGamma(slab_df / 2, slab_df slab_scale^2 / 2).

    The global scale tau pulls all coefficients to zero; a local scale lambda_j may let one escape, up to the slab, a
    t with `slab_df` degrees of freedom and scale `slab_scale`, which holds large coefficients (as under separation).
    Only `Bayes` takes it.

    Parameters
    ----------
    expected : float, optional
        Number of coefficients expected to matter, p0: tau0 = p0 / (p - p0) * 2 / sqrt(n), with n the number of trials
        and 2 the pseudo standard deviation of a binary outcome. By default a tenth of the columns, at least one.
    global_scale : float, optional
        tau0 itself, instead of `expected`.
    global_df, local_df : float, default 1
        Degrees of freedom of the half-t priors of tau and lambda_j; 1 is half-Cauchy.
    slab_scale : float, default 2.5
        Scale of the slab.
    slab_df : float, default 4
        Degrees of freedom of the slab.
    autoscale : bool, default True
        Divide all scales by the standard deviation of each column (by the range of a column with two values); tau0 is
        meant for standardised columns.

    References
    ----------
    Piironen & Vehtari (2017), Electronic Journal of Statistics 11:5018; tau0: section 3, pseudo-variance: section 3.5.
    """

    expected: float | None = None
    global_scale: float | None = None
    global_df: float = 1.0
    local_df: float = 1.0
    slab_scale: float = 2.5
    slab_df: float = 4.0
    autoscale: bool = True

    def __post_init__(self) -> None:
        if self.expected is not None:
            check_parameter(self, "expected", self.expected, "must be positive")
        if self.global_scale is not None:
            check_parameter(self, "global_scale", self.global_scale, "must be positive")
        if self.expected is not None and self.global_scale is not None:
            rule = "must be None where expected is given, which sets it"
            raise InputError(explain("Horseshoe: global_scale", rule, self.global_scale, "Leave one out."))
        for name in ("global_df", "local_df", "slab_scale", "slab_df"):
            check_parameter(self, name, getattr(self, name), "must be positive")
        check_flag(self, "autoscale", self.autoscale)

    @property
    def hierarchical(self) -> bool:
        """True."""
        return True

    @property
    def tail_df(self) -> float:
        """Degrees of freedom of the slab."""
        return self.slab_df

    def unit(self, k: int) -> Normal:
        """Standard normal."""
        return Normal(np.ones(k), np.zeros(k))

    def mixture(self, unit: Array, n_trials: float, entry: str) -> HorseshoeScales:
        """Global, slab and local scales of the columns."""
        ones = np.ones_like(unit)
        prefix = f"{entry}_" if entry else ""
        factor = ones / unit if self.autoscale else ones
        return HorseshoeScales(self, self.tau0(unit.size, n_trials), factor, prefix)

    def tau0(self, k: int, n_trials: float) -> float:
        """The scale of the prior of tau for k columns.

        Raises
        ------
        InputError
            As many coefficients are expected to matter as there are columns.
        """
        if self.global_scale is not None:
            return float(self.global_scale)
        expected = min(max(1.0, _SHARE * k), 0.5 * k) if self.expected is None else float(self.expected)
        if expected >= k:
            rule = f"must be less than the number of columns that have this prior ({k})"
            remedy = (
                "Where all of them matter, use Normal(2.5, autoscale=True) or Normal(scale=HalfNormal(1))."
            )
            raise InputError(explain("Horseshoe: expected", rule, self.expected, remedy))
        return expected / (k - expected) * _SIGMA / math.sqrt(n_trials)

    def describe(self) -> str:
        """``"Horseshoe(expected=5, slab 2.5 with df 4), autoscaled"``."""
        if self.global_scale is not None:
            how = f"global_scale={self.global_scale:.4g}"
        else:
            how = "expected=p/10" if self.expected is None else f"expected={self.expected:.4g}"
        text = f"Horseshoe({how}, slab {self.slab_scale:.4g} with df {self.slab_df:.4g})"
        return text + (", autoscaled" if self.autoscale else "")


def _half_t(log_x: Array, df: float, scale: float) -> Array:
    """Log density of log x, x from a half-t."""
    log_z = log_x - math.log(scale)
    constant = math.log(2.0) + gammaln(0.5 * (df + 1)) - gammaln(0.5 * df) - 0.5 * math.log(df * math.pi)
    return np.asarray(constant - 0.5 * (df + 1) * np.logaddexp(0.0, 2 * log_z - math.log(df)) + log_z)


def _half_t_slope(log_x: Array, df: float, scale: float) -> Array:
    """Derivative of `_half_t` by log x."""
    weight = 1.0 / (1.0 + df * np.exp(-2.0 * (log_x - math.log(scale))))
    return np.asarray(1.0 - (df + 1) * weight)


@dataclass(frozen=True, eq=False)
class HorseshoeScales(ScaleMixture):
    """sigma_j = factor_j tau lambda_j / sqrt(1 + tau^2 lambda_j^2 / c^2); theta = (log tau, log c, log lambda_1..k).

    Attributes
    ----------
    prior : Horseshoe
    tau0 : float
    factor : ndarray, shape (k,)
        One over the unit of each column where the prior is autoscaled, else 1.
    prefix : str
        Of the names of the hyperparameters.
    """

    prior: Horseshoe
    tau0: float
    factor: Array
    prefix: str

    @property
    def size(self) -> int:
        """2 + k."""
        return 2 + self.n_coefficients

    @property
    def n_coefficients(self) -> int:
        """Number of coefficients."""
        return int(self.factor.size)

    def log_scales(self, theta: Array) -> Array:
        """log sigma."""
        free = theta[..., :1] + theta[..., 2:]
        return np.asarray(np.log(self.factor) + free - 0.5 * np.logaddexp(0.0, 2 * (free - theta[..., 1:2])))

    def pull(self, theta: Array, slope: Array) -> Array:
        """By tau and lambda_j where a scale is below the slab, by c where it is at it."""
        below = 1.0 / (1.0 + np.exp(2.0 * (theta[0] + theta[2:] - theta[1])))
        local = slope * below
        total = local.sum()
        return np.concatenate([[total, slope.sum() - total], local])

    @property
    def _slab_rate(self) -> float:
        return 0.5 * self.prior.slab_df * self.prior.slab_scale**2

    def log_density(self, theta: Array) -> Array:
        """Of (log tau, log c, log lambda)."""
        prior, rate, shape = self.prior, self._slab_rate, 0.5 * self.prior.slab_df
        log_c = theta[..., 1]
        slab = math.log(2.0) + shape * math.log(rate) - gammaln(shape) - 2 * shape * log_c
        slab = slab - rate * np.exp(-2 * log_c)
        local = _half_t(theta[..., 2:], prior.local_df, 1.0).sum(axis=-1)
        return np.asarray(_half_t(theta[..., 0], prior.global_df, self.tau0) + slab + local)

    def gradient(self, theta: Array) -> Array:
        """Of `log_density`."""
        out = np.empty_like(theta)
        out[0] = _half_t_slope(theta[0], self.prior.global_df, self.tau0)
        out[1] = -self.prior.slab_df + 2 * self._slab_rate * np.exp(-2 * theta[1])
        out[2:] = _half_t_slope(theta[2:], self.prior.local_df, 1.0)
        return out

    @property
    def centre(self) -> Array:
        """tau0, the slab's scale, and local scales of one."""
        centre = np.zeros(self.size)
        centre[0], centre[1] = math.log(self.tau0), math.log(self.prior.slab_scale)
        return centre

    def _names(self) -> tuple[str, str, str]:
        return f"{self.prefix}global_scale", f"{self.prefix}slab_scale", f"{self.prefix}local_scale"

    def named(self, theta: Array) -> Mapping[str, Array]:
        """tau, c and lambda."""
        parts = (theta[..., 0], theta[..., 1], theta[..., 2:])
        return {name: np.exp(part) for name, part in zip(self._names(), parts, strict=True)}

    def theta(self, named: Mapping[str, Array]) -> Array:
        """Their logarithms."""
        tau, c, local = (np.asarray(named[name]) for name in self._names())
        return np.asarray(np.log(np.concatenate([tau[..., None], c[..., None], local], axis=-1)))

    def log_jacobian(self, theta: Array) -> Array:
        """The sum of the logarithms."""
        return np.asarray(theta.sum(axis=-1))

    def draw(self, rng: np.random.Generator, n: int) -> Array:
        """Half-t and inverse-gamma draws."""
        prior, k = self.prior, self.n_coefficients
        tau = self.tau0 * np.abs(rng.standard_t(prior.global_df, n))
        c = np.sqrt(self._slab_rate / rng.gamma(0.5 * prior.slab_df, size=n))
        local = np.abs(rng.standard_t(prior.local_df, (n, k)))
        tiny = np.finfo(float).tiny
        return np.asarray(np.log(np.maximum(np.column_stack([tau, c, local]), tiny)))

    def rescale(self, c: Array) -> HorseshoeScales:
        """Factors multiplied."""
        return replace(self, factor=self.factor * np.abs(c))

    def describe(self, position: int) -> str:
        """``"tau lambda (tau ~ half-t(1, 0.05); slab 2.5, df 4) / 1.3"``."""
        factor = float(self.factor[position])
        divided = "" if factor == 1.0 else f" / {1.0 / factor:.4g}"
        prior = self.prior
        tau = f"tau ~ half-t({prior.global_df:.4g}, {self.tau0:.3g})"
        return f"tau lambda{divided}, {tau}, slab {prior.slab_scale:.4g} with df {prior.slab_df:.4g}"

    def pymc(self, pm: Any, dims: str) -> Any:
        """The scales from ``global_scale``, ``slab_scale`` and ``local_scale``, on their own scales."""
        prior = self.prior
        global_scale, slab_scale, local_scale = self._names()
        tau = pm.HalfStudentT(global_scale, nu=prior.global_df, sigma=self.tau0)
        square = pm.InverseGamma(f"{slab_scale}_squared", 0.5 * prior.slab_df, self._slab_rate)
        pm.Deterministic(slab_scale, pm.math.sqrt(square))
        local = pm.HalfStudentT(local_scale, nu=prior.local_df, sigma=1.0, dims=dims)
        return self.factor * tau * local / pm.math.sqrt(1.0 + (tau * local) ** 2 / square)
