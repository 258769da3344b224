"""The regularised horseshoe: many coefficients near zero, a few as large as the data say."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import expit, gammaln, logsumexp

from problogit.core.priors.base import TermPrior, check_flag, check_parameter
from problogit.core.priors.columns import Array
from problogit.core.priors.laplace import Laplace
from problogit.core.priors.mixture import (
    ScaleMixture,
    effective_scale,
    grid_moments,
    log_evidence,
    log_softplus,
    softplus_elasticity,
    softplus_inverse,
)
from problogit.core.priors.normal import Normal
from problogit.errors import InputError, explain

__all__ = ["Horseshoe", "HorseshoeScales"]

_SIGMA = 2.0  # pseudo standard deviation of one Bernoulli outcome: 1/sqrt(p (1 - p)) at p = 1/2
_SLAB = math.log(math.expm1(1.0))  # where the slab has its scale: softplus = 1
_LOCAL = np.linspace(-10.0, 12.0, 89)  # log lambda
_GLOBAL = np.linspace(-8.0, 8.0, 65)  # log tau less log tau0
_LOOSE = 1.5  # posterior standard deviations of log lambda
_SHARE = 0.1  # of the coefficients that are expected to matter unless told otherwise


@dataclass(frozen=True)
class Horseshoe(TermPrior):
    """Regularised horseshoe prior (Piironen & Vehtari 2017), for many columns of which few matter; also more than rows.

    beta_j ~ Normal(0, tau lambda~_j) with lambda~_j^2 = c^2 lambda_j^2 / (c^2 + tau^2 lambda_j^2),
    lambda_j ~ half-t(local_df, 1), tau ~ half-t(global_df, tau0),
    c^2 ~ InvGamma(slab_df / 2, slab_df slab_scale^2 / 2).

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

    @property
    def twin(self) -> Laplace:
        """The lasso of scaled columns."""
        return Laplace(1.0, autoscale=self.autoscale)

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
    """sigma_j = factor_j tau lambda_j / sqrt(1 + tau^2 lambda_j^2 / c^2); theta = (log tau, y, log lambda_1..k).

    slab_scale / c = softplus(y): where the slab is wide y is minus the logarithm of c, where it is narrow 1/c itself,
    because under the logarithm an inverse gamma ends in a wall.

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
    def kind(self) -> str:
        """``"horseshoe"``."""
        return "horseshoe"

    @property
    def shared(self) -> bool:
        """False."""
        return False

    def approximate(self, theta: Array, data: Array, pull: Array) -> tuple[Array, Array, Array]:
        """tau from its evidence on a grid, each lambda integrated out on another; then lambda at that tau.

        The slab keeps its prior.
        """
        local, global_ = _LOCAL, math.log(self.tau0) + _GLOBAL
        wide = np.broadcast_to(local[:, None], (local.size, data.size))

        def posterior(log_tau: float) -> tuple[Array, Array]:
            shared = np.broadcast_to(np.array([log_tau, _SLAB]), (local.size, 2))
            logs = self.log_scales(np.column_stack([shared, wide]))
            return log_evidence(data, pull, logs) + _half_t(local, self.prior.local_df, 1.0)[:, None], logs

        total = np.array([logsumexp(posterior(t)[0], axis=0).sum() for t in global_])
        tau, width_tau = grid_moments(global_, total + _half_t(global_, self.prior.global_df, self.tau0))
        density, logs = posterior(float(tau))
        mean, width = grid_moments(local, density)
        width_slab = 1.0 / math.sqrt(self.prior.slab_df)
        centre = np.concatenate([[tau, _SLAB], mean])
        return centre, np.concatenate([[width_tau, width_slab], width]), effective_scale(density, data, logs)

    def loosened(self, theta: Array, width: Array) -> Array:
        """Local scales at the upper part of their posterior."""
        return np.concatenate([theta[:2], theta[2:] + _LOOSE * width[2:]])

    def log_scales(self, theta: Array) -> Array:
        """log sigma."""
        free = theta[..., :1] + theta[..., 2:]
        excess = 2 * (free - self._log_c(theta[..., 1:2]))
        return np.asarray(np.log(self.factor) + free - 0.5 * np.logaddexp(0.0, excess))

    def _log_c(self, y: Array) -> Array:
        return np.asarray(math.log(self.prior.slab_scale) - log_softplus(y))

    def pull(self, theta: Array, slope: Array) -> Array:
        """By tau and lambda_j where a scale is below the slab, by c where it is at it."""
        below = expit(2.0 * (self._log_c(theta[1:2]) - theta[0] - theta[2:]))
        out = np.empty_like(theta)
        out[2:] = slope * below
        out[0] = out[2:].sum()
        out[1] = -(slope.sum() - out[0]) * softplus_elasticity(theta[1])
        return out

    def log_density(self, theta: Array) -> Array:
        """Of (log tau, y, log lambda); with g = softplus(y)^2, c^2 is slab_scale^2 / g and g a gamma variable."""
        prior, half = self.prior, 0.5 * self.prior.slab_df
        y = theta[..., 1]
        g = np.square(np.logaddexp(0.0, y))
        slab = math.log(2.0) + half * math.log(half) - gammaln(half) - half * g
        slab = slab + (prior.slab_df - 1) * log_softplus(y) - np.logaddexp(0.0, -y)
        local = _half_t(theta[..., 2:], prior.local_df, 1.0).sum(axis=-1)
        return np.asarray(_half_t(theta[..., 0], prior.global_df, self.tau0) + slab + local)

    def gradient(self, theta: Array) -> Array:
        """Of `log_density`."""
        out, y, df = np.empty_like(theta), theta[1], self.prior.slab_df
        out[0] = _half_t_slope(theta[0], self.prior.global_df, self.tau0)
        rate = expit(y)
        out[1] = 1.0 - rate - df * np.logaddexp(0.0, y) * rate + (df - 1) * softplus_elasticity(y)
        out[2:] = _half_t_slope(theta[2:], self.prior.local_df, 1.0)
        return out

    @property
    def centre(self) -> Array:
        """tau0, the slab's scale, and local scales of one."""
        centre = np.zeros(self.size)
        centre[0], centre[1] = math.log(self.tau0), _SLAB
        return centre

    @property
    def names(self) -> Mapping[str, bool]:
        """tau, c and lambda."""
        parts = {"global_scale": False, "slab_scale": False, "local_scale": True}
        return {f"{self.prefix}{name}": local for name, local in parts.items()}

    def named(self, theta: Array) -> Mapping[str, Array]:
        """tau, c and lambda."""
        parts = (theta[..., 0], self._log_c(theta[..., 1]), theta[..., 2:])
        return {name: np.exp(part) for name, part in zip(self.names, parts, strict=True)}

    def theta(self, named: Mapping[str, Array]) -> Array:
        """The way back."""
        tau, c, local = (np.asarray(named[name]) for name in self.names)
        y = softplus_inverse(self.prior.slab_scale / c[..., None])
        return np.concatenate([np.log(tau[..., None]), y, np.log(local)], axis=-1)

    def log_jacobian(self, theta: Array) -> Array:
        """Of (tau, c, lambda)."""
        y = theta[..., 1]
        slab = self._log_c(y) - log_softplus(y) - np.logaddexp(0.0, -y)
        return np.asarray(theta[..., 0] + slab + theta[..., 2:].sum(axis=-1))

    def draw(self, rng: np.random.Generator, n: int) -> Array:
        """Half-t and inverse-gamma draws."""
        prior, k, tiny = self.prior, self.n_coefficients, np.finfo(float).tiny
        tau = self.tau0 * np.abs(rng.standard_t(prior.global_df, (n, 1)))
        g = rng.gamma(0.5 * prior.slab_df, 2.0 / prior.slab_df, (n, 1))
        local = np.abs(rng.standard_t(prior.local_df, (n, k)))
        logs = np.log(np.maximum(tau, tiny)), np.log(np.maximum(local, tiny))
        return np.concatenate([logs[0], softplus_inverse(np.sqrt(np.maximum(g, tiny))), logs[1]], axis=-1)

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
        global_scale, slab_scale, local_scale = self.names
        tau = pm.HalfStudentT(global_scale, nu=prior.global_df, sigma=self.tau0)
        rate = 0.5 * prior.slab_df * prior.slab_scale**2
        square = pm.InverseGamma(f"{slab_scale}_squared", alpha=0.5 * prior.slab_df, beta=rate)
        pm.Deterministic(slab_scale, pm.math.sqrt(square))
        local = pm.HalfStudentT(local_scale, nu=prior.local_df, sigma=1.0, dims=dims)
        return self.factor * tau * local / pm.math.sqrt(1.0 + (tau * local) ** 2 / square)
