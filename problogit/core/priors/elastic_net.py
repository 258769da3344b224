"""The elastic-net prior: L1 and L2 penalties together."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import erfcx

from problogit.core.priors.base import Prior, check_flag, check_parameter, show
from problogit.core.priors.columns import Array, Real
from problogit.core.priors.laplace import soft_threshold
from problogit.core.priors.normal import Normal
from problogit.errors import InputError, explain
from problogit.validation import check_number, check_positive

__all__ = ["ElasticNet"]

_BEYOND_ERFCX = 1e8
"""Above this l1/sqrt(2 l2), erfcx(z) = 1/(z sqrt(pi)) to machine precision and the density is Laplace's."""
_NEARLY_LASSO = 300.0


@dataclass(frozen=True, eq=False)
class ElasticNet(Prior):
    """Elastic-net prior, the penalty l1 |beta - loc| + l2/2 (beta - loc)^2.

    log p(beta) = -l1 |beta - loc| - l2/2 (beta - loc)^2 - log Z, with
    Z = sqrt(2 pi / l2) erfcx(l1 / sqrt(2 l2)) and erfcx(z) = exp(z^2) erfc(z), which does not overflow.
    ``ElasticNet(l1, 0)`` is ``Laplace(1/l1)``, ``ElasticNet(0, l2)`` is ``Normal(1/sqrt(l2))``.

    Parameters
    ----------
    l1, l2 : float
        Strengths on the sum scale, not negative and not both 0.
    loc : float, default 0
        Location; `Penalized` sets coefficients exactly to it where l1 > 0.
    autoscale : bool, default False
        The strengths speak of a standardised predictor: `l1` is multiplied by the standard deviation of each column
        (the range of a column with two values) and `l2` by its square.

    References
    ----------
    Zou and Hastie (2005), J. R. Statist. Soc. B 67:301; Li and Lin (2010), Bayesian Analysis 5:151.
    """

    l1: Real
    l2: Real
    loc: Real = 0.0
    autoscale: bool = False

    def __post_init__(self) -> None:
        check_parameter(self, "l1", self.l1, "must not be negative")
        check_parameter(self, "l2", self.l2, "must not be negative")
        check_parameter(self, "loc", self.loc, "must be finite")
        check_flag(self, "autoscale", self.autoscale)
        if not np.all(np.asarray(self.l1) + self.l2 > 0):
            raise InputError(
                explain("ElasticNet: l1, l2", "must not both be 0", (self.l1, self.l2), "Use Flat().")
            )

    @classmethod
    def from_glmnet(cls, lambda_: float, alpha: float, n: float) -> ElasticNet:
        """From glmnet's `lambda` and `alpha`.

        glmnet minimises (1/n) sum of losses + lambda (alpha |beta|_1 + (1 - alpha)/2 beta'beta), so that
        l1 = n lambda alpha and l2 = n lambda (1 - alpha). This is glmnet with ``standardize = FALSE``; its default
        penalizes the coefficients of columns divided by their standard deviation.

        Parameters
        ----------
        lambda_, alpha : float
            As in ``glmnet(lambda = , alpha = )``; alpha in [0, 1].
        n : float
            Number of rows, or the sum of the weights.
        """
        share = check_number("alpha", alpha)
        if not 0 <= share <= 1:
            raise InputError(explain("alpha", "must lie between 0 (L2) and 1 (L1)", alpha))
        total = check_positive("n", n) * check_positive("lambda_", lambda_)
        return cls(total * share, total * (1.0 - share))

    @property
    def smooth(self) -> bool:
        """Whether l1 is 0."""
        return not np.any(self.l1)

    @property
    def l1_strength(self) -> Real:
        """The parameter `l1`."""
        return self.l1

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
        """NaN: the family has two strengths and no scale."""
        return np.nan

    def _log_normaliser(self) -> Array:
        l1, l2 = np.broadcast_arrays(np.asarray(self.l1, dtype=np.float64), self.l2)
        ridge = np.where(l2 > 0, l2, 1.0)
        z = l1 / np.sqrt(2.0 * ridge)
        laplace = (l2 <= 0) | (z > _BEYOND_ERFCX)
        mixed = 0.5 * np.log(2.0 * math.pi / ridge) + np.log(erfcx(np.where(laplace, 0.0, z)))
        return np.where(laplace, math.log(2.0) - np.log(np.where(laplace, l1, 1.0)), mixed)

    @property
    def variance(self) -> Real:
        """(1 + a^2 - a h(a)) / l2, with a = l1 / sqrt(l2) and h the normal's hazard; 2 / l1^2 where l2 is 0."""
        l1, l2 = np.broadcast_arrays(np.asarray(self.l1, dtype=np.float64), self.l2)
        ridge = np.where(l2 > 0, l2, 1.0)
        a = l1 / np.sqrt(ridge)
        lasso = (l2 <= 0) | (a > _NEARLY_LASSO)  # there the difference below would lose its digits
        bent = np.where(lasso, 0.0, a)
        mixed = (1.0 + bent**2 - bent * math.sqrt(2.0 / math.pi) / erfcx(bent / math.sqrt(2.0))) / ridge
        tail = 1.0 - 5.0 * l2 / np.where(lasso, l1, 1.0) ** 2
        return np.asarray(np.where(lasso, 2.0 / np.where(lasso, l1, 1.0) ** 2 * tail, mixed))

    def draw(self, rng: np.random.Generator, n: int) -> Array:
        """Random numbers by inversion."""
        l1, l2, loc = (np.asarray(part, dtype=np.float64) for part in (self.l1, self.l2, self.loc))
        return _draw(l1, l2, loc, rng, (n, np.size(self.loc)))

    def log_density(self, beta: Array) -> Array:
        """Log density."""
        distance = np.abs(beta - self.loc)
        return np.asarray(-self.l1 * distance - 0.5 * self.l2 * distance**2 - self._log_normaliser())

    def gradient(self, beta: Array) -> Array:
        """-l2 (beta - loc); the rest of the penalty is in `l1_strength`."""
        return np.asarray(self.l2 * (self.loc - beta))

    def curvature(self, beta: Array) -> Array:
        """The L2 strength."""
        return np.broadcast_to(np.asarray(self.l2, dtype=np.float64), np.shape(beta)).copy()

    def prox(self, v: Array, step: Real) -> Array:
        """Soft threshold of v - loc at step * l1, divided by 1 + step * l2."""
        threshold = np.asarray(step * self.l1)
        return np.asarray(self.loc + soft_threshold(v - self.loc, threshold) / (1.0 + step * self.l2))

    def rescale(self, c: Real) -> ElasticNet:
        """ElasticNet(l1/|c|, l2/c^2, c loc)."""
        size = np.abs(c)
        return replace(self, l1=self.l1 / size, l2=self.l2 / size / size, loc=self.loc * c)

    def strengthened(self, factor: float) -> ElasticNet:
        """ElasticNet(factor l1, factor l2, loc)."""
        return replace(self, l1=self.l1 * factor, l2=self.l2 * factor)

    def on_columns(self, unit: Array) -> ElasticNet:
        """Arrays for parameters, autoscaling done."""
        ones = np.ones_like(unit)
        factor = unit if self.autoscale else ones
        return ElasticNet(self.l1 * factor, self.l2 * factor**2, self.loc * ones)

    def stand_in(self) -> Normal:
        """The normal of precision l2 + l1^2/2: the same variance at both ends, Laplace's and the normal's."""
        return Normal(1.0 / np.sqrt(self.l2 + 0.5 * self.l1 * self.l1), self.loc)

    def describe(self) -> str:
        """``"ElasticNet(l1=1, l2=2)"``."""
        where = "" if np.all(np.asarray(self.loc) == 0) else f", loc={show(self.loc)}"
        text = f"ElasticNet(l1={show(self.l1)}, l2={show(self.l2)}{where})"
        return text + (", autoscaled" if self.autoscale else "")

    def pymc(
        self, pm: Any, name: str, *, dims: str | tuple[str, ...] | None = None, shape: Any = None
    ) -> Any:
        """A `pymc.CustomDist`: PyMC has no elastic net of its own."""
        constant = self._log_normaliser()

        def logp(value: Any, l1: Any, l2: Any, loc: Any) -> Any:
            distance = pm.math.abs(value - loc)
            return -l1 * distance - 0.5 * l2 * distance**2 - constant

        parameters = tuple(np.asarray(part, dtype=np.float64) for part in (self.l1, self.l2, self.loc))
        return pm.CustomDist(name, *parameters, logp=logp, random=_draw, dims=dims, shape=shape)


def _draw(
    l1: Array, l2: Array, loc: Array, rng: np.random.Generator | None = None, size: Any = None
) -> Array:
    """Random numbers by inversion: |beta - loc| is normal(-l1/l2, 1/l2) above 0, or exponential where l2 = 0."""
    from scipy.stats import expon, truncnorm

    generator = np.random.default_rng() if rng is None else rng
    l1, l2, loc = np.broadcast_arrays(l1, l2, loc)
    shape = l1.shape if size is None else size
    ridge = np.where(l2 > 0, l2, 1.0)
    low = l1 / np.sqrt(ridge)
    heavy = (l2 <= 0) | (low > _BEYOND_ERFCX)
    quantile = generator.uniform(size=shape)
    bent = (truncnorm.ppf(quantile, np.where(heavy, 0.0, low), np.inf) - low) / np.sqrt(ridge)
    straight = expon.ppf(quantile) / np.where(heavy, l1, 1.0)
    sign = np.where(generator.uniform(size=shape) < 0.5, -1.0, 1.0)
    return np.asarray(loc + sign * np.where(heavy, straight, bent))
