"""Heavy-tailed priors: Student's t and Cauchy."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import gammaln

from problogit.core.priors.base import Prior, check_flag, check_parameter, check_scale, show
from problogit.core.priors.columns import Array, Real
from problogit.core.priors.half_normal import LearnableScale, fixed_scale
from problogit.core.priors.normal import Normal

__all__ = ["Cauchy", "StudentT"]

_NEAR = 1e-100  # of a scale: where the penalty is a parabola to every digit


def _log_density(z: Array, df: Real, scale: Real) -> Array:
    constant = gammaln(0.5 * (df + 1.0)) - gammaln(0.5 * df) - 0.5 * np.log(df * math.pi) - np.log(scale)
    # hypot keeps log(1 + z^2/df) finite where z^2 is not.
    return np.asarray(constant - (df + 1.0) * np.log(np.hypot(1.0, z / np.sqrt(df))))


def _gradient(z: Array, df: Real, scale: Real) -> Array:
    u = z / np.sqrt(df)
    # (df + 1) z / (df + z^2) written so that a huge z gives 0 and not inf/inf.
    return np.asarray(-(df + 1.0) / np.sqrt(df) * (u / np.hypot(1.0, u)) / np.hypot(1.0, u) / scale)


def _curvature(z: Array, df: Real, scale: Real) -> Array:
    root = 1.0 / np.hypot(1.0, z / np.sqrt(df))  # cos of the angle whose tangent is z/sqrt(df)
    cos2 = root * root
    return np.asarray((df + 1.0) / df * cos2 * (2.0 * cos2 - 1.0) / scale / scale)


def _prox(w: Array, step: Real, df: Real, scale: Real) -> Array:
    """The u that minimises (u - w)^2/(2 step) + (df + 1)/2 log(1 + u^2/(df scale^2)).

    The stationary points are the real roots of the cubic u^3 - w u^2 + (a + step (df + 1)) u - a w with
    a = df scale^2; the best one is kept. They are eigenvalues of companion matrices, after division by |w| so that
    the cubic's coefficients are of order one.
    """
    w, step, df, scale = np.broadcast_arrays(w, step, df, scale)
    # So near zero the penalty is a parabola, and squares of the ratio below would overflow.
    near = np.abs(w) < _NEAR * np.sqrt(df) * scale
    unit = np.where(near, 1.0, np.abs(w))
    a = df * (scale / unit) ** 2
    target = np.sign(w)
    linear = a + step * (df + 1.0) / unit / unit
    companion = np.zeros((*w.shape, 3, 3))
    companion[..., 0, 0], companion[..., 0, 1], companion[..., 0, 2] = target, -linear, a * target
    companion[..., 1, 0] = companion[..., 2, 1] = 1.0
    roots = np.linalg.eigvals(companion)
    real = np.clip(np.where(np.abs(roots.imag) < 1e-6, roots.real, 0.0), -1.0, 1.0)
    candidates = np.moveaxis(real, -1, 0)
    for _ in range(3):  # the eigenvalues carry rounding of the whole matrix; Newton on the cubic removes it
        value = ((candidates - target) * candidates + linear) * candidates - a * target
        slope = (3.0 * candidates - 2.0 * target) * candidates + linear
        candidates = np.clip(
            candidates - np.where(slope == 0, 0.0, value / np.where(slope == 0, 1, slope)), -1, 1
        )
    u = candidates * unit
    cost = (u - w) ** 2 / (2.0 * step) + (df + 1.0) * np.log(np.hypot(1.0, u / np.sqrt(df) / scale))
    best = np.take_along_axis(u, np.argmin(cost, axis=0)[None], axis=0)[0]
    return np.where(near, w / (1.0 + step * (df + 1.0) / df / scale / scale), best)


@dataclass(frozen=True, eq=False)
class StudentT(Prior):
    """Student's t prior: shrinks small coefficients, leaves large ones nearly alone. Not log-concave.

    log p(beta) = const - (df + 1)/2 log(1 + z^2/df) - log(scale), z = (beta - loc)/scale

    Parameters
    ----------
    df : float
        Degrees of freedom; 1 is Cauchy.
    scale : float
        Scale; the standard deviation is scale * sqrt(df/(df - 2)) where df > 2, and does not exist otherwise.
    loc : float, default 0
        Location.
    autoscale : bool, default False
        Divide `scale` by the standard deviation of each column (by the range of a column with two values).
    """

    df: Real
    scale: LearnableScale
    loc: Real = 0.0
    autoscale: bool = False

    def __post_init__(self) -> None:
        check_parameter(self, "df", self.df, "must be positive", "For infinite df use Normal(scale).")
        check_scale(self, self.scale)
        check_parameter(self, "loc", self.loc, "must be finite")
        check_flag(self, "autoscale", self.autoscale)

    @property
    def smooth(self) -> bool:
        """True."""
        return True

    @property
    def log_concave(self) -> bool:
        """False: the tails are convex."""
        return False

    @property
    def tail_df(self) -> Real:
        """df."""
        return self.df

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
        """scale^2 df / (df - 2) for df > 2; infinite for df > 1, and undefined below."""
        df = np.asarray(self.df, dtype=np.float64)
        finite = self.spread * self.spread * df / np.where(df > 2, df - 2.0, 1.0)
        return np.asarray(np.where(df > 2, finite, np.where(df > 1, np.inf, np.nan)))

    def draw(self, rng: np.random.Generator, n: int) -> Array:
        """Random numbers of Student's t."""
        return np.asarray(self.loc + self.spread * rng.standard_t(self.df, (n, np.size(self.loc))))

    def log_density(self, beta: Array) -> Array:
        """Log density."""
        return _log_density((beta - self.loc) / self.spread, self.df, self.spread)

    def gradient(self, beta: Array) -> Array:
        """-(df + 1) z / (df + z^2) / scale."""
        return _gradient((beta - self.loc) / self.spread, self.df, self.spread)

    def curvature(self, beta: Array) -> Array:
        """(df + 1) (df - z^2) / (df + z^2)^2 / scale^2; negative in the tails."""
        return _curvature((beta - self.loc) / self.spread, self.df, self.spread)

    def prox(self, v: Array, step: Real) -> Array:
        """The best root of a cubic; where two are equally good, one of them."""
        return np.asarray(self.loc + _prox(np.asarray(v - self.loc), step, self.df, self.spread))

    def rescale(self, c: Real) -> StudentT:
        """StudentT(df, |c| scale, c loc)."""
        return replace(self, scale=self.spread * np.abs(c), loc=self.loc * c)

    def strengthened(self, factor: float) -> StudentT:
        """StudentT(df, scale / sqrt(factor), loc)."""
        return replace(self, scale=self.spread / math.sqrt(factor))

    def on_columns(self, unit: Array) -> StudentT:
        """Arrays for parameters, autoscaling done."""
        ones = np.ones_like(unit)
        divisor = unit if self.autoscale else ones
        return StudentT(self.df * ones, self.spread / divisor, self.loc * ones)

    def stand_in(self) -> Normal:
        """Normal(scale, loc): the same scale, since a variance need not exist."""
        return Normal(self.spread, self.loc)

    def describe(self) -> str:
        """``"StudentT(df, loc, scale)"``."""
        text = f"StudentT({show(self.df)}, {show(self.loc)}, {show(self.scale)})"
        return text + (", autoscaled" if self.autoscale else "")

    def pymc(
        self, pm: Any, name: str, *, dims: str | tuple[str, ...] | None = None, shape: Any = None
    ) -> Any:
        """`pymc.StudentT`."""
        return pm.StudentT(name, nu=self.df, mu=self.loc, sigma=self.spread, dims=dims, shape=shape)


@dataclass(frozen=True, eq=False)
class Cauchy(Prior):
    """Cauchy prior: Student's t with one degree of freedom. Not log-concave.

    Gelman et al. (2008), Ann. Appl. Stat. 2:1360, propose scale 2.5 for logistic regression on standardised predictors.

    Parameters
    ----------
    scale : float
        Scale: half of the prior mass lies within `scale` of `loc`.
    loc : float, default 0
        Location.
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

    @property
    def smooth(self) -> bool:
        """True."""
        return True

    @property
    def log_concave(self) -> bool:
        """False: the tails are convex."""
        return False

    @property
    def tail_df(self) -> Real:
        """1."""
        return 1.0

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
        """NaN: there is no mean either."""
        return np.nan

    def draw(self, rng: np.random.Generator, n: int) -> Array:
        """Cauchy random numbers."""
        return np.asarray(self.loc + self.spread * rng.standard_cauchy((n, np.size(self.loc))))

    def log_density(self, beta: Array) -> Array:
        """-log(pi scale (1 + z^2))."""
        return _log_density((beta - self.loc) / self.spread, 1.0, self.spread)

    def gradient(self, beta: Array) -> Array:
        """-2 z / (1 + z^2) / scale."""
        return _gradient((beta - self.loc) / self.spread, 1.0, self.spread)

    def curvature(self, beta: Array) -> Array:
        """2 (1 - z^2) / (1 + z^2)^2 / scale^2; negative in the tails."""
        return _curvature((beta - self.loc) / self.spread, 1.0, self.spread)

    def prox(self, v: Array, step: Real) -> Array:
        """The best root of a cubic; where two are equally good, one of them."""
        return np.asarray(self.loc + _prox(np.asarray(v - self.loc), step, 1.0, self.spread))

    def rescale(self, c: Real) -> Cauchy:
        """Cauchy(|c| scale, c loc)."""
        return replace(self, scale=self.spread * np.abs(c), loc=self.loc * c)

    def strengthened(self, factor: float) -> Cauchy:
        """Cauchy(scale / sqrt(factor), loc)."""
        return replace(self, scale=self.spread / math.sqrt(factor))

    def on_columns(self, unit: Array) -> Cauchy:
        """Arrays for parameters, autoscaling done."""
        ones = np.ones_like(unit)
        divisor = unit if self.autoscale else ones
        return Cauchy(self.spread / divisor, self.loc * ones)

    def stand_in(self) -> Normal:
        """Normal(scale, loc): the same scale, since there is no variance."""
        return Normal(self.spread, self.loc)

    def describe(self) -> str:
        """``"Cauchy(loc, scale)"``."""
        return f"Cauchy({show(self.loc)}, {show(self.scale)})" + (", autoscaled" if self.autoscale else "")

    def pymc(
        self, pm: Any, name: str, *, dims: str | tuple[str, ...] | None = None, shape: Any = None
    ) -> Any:
        """`pymc.Cauchy`."""
        return pm.Cauchy(name, alpha=self.loc, beta=self.spread, dims=dims, shape=shape)
