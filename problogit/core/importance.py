"""Importance sampling from a multivariate t: proposals, resampling, and what the draws are worth.

The target is nearly a standard normal. A t with few degrees of freedom has heavier tails, so that the importance ratios
of a target whose tails are no heavier than its own stay bounded.

Draws are kept by systematic resampling: draw i with weight w_i is kept floor(R w_i) or ceil(R w_i) times among R, so
that a mean over the kept draws of h has the variance

    sum_i w_i^2 (h_i - mean)^2  +  sum_i f_i (1 - f_i) (h_i - mean)^2 / R^2,      f_i = R w_i - floor(R w_i),

of which the first part is that of self-normalised importance sampling (Owen 2013, Monte Carlo theory, methods and
examples, 9.3) and the second what the rounding adds. An effective sample size is the variance of h over this.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtr, gammaln

from problogit.core.blocks import Array

__all__ = ["DF", "Kept", "far_share", "keep", "multivariate_t"]

DF = 7.0
_TAILS = (0.05, 0.95)


def multivariate_t(n: int, size: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Draws of a standard multivariate t with 7 degrees of freedom, (n, size), and their log densities (n,)."""
    stretch = np.sqrt(DF / rng.chisquare(DF, n))
    z = rng.standard_normal((n, size)) * stretch[:, None]
    constant = gammaln((DF + size) / 2) - gammaln(DF / 2) - size / 2 * np.log(DF * np.pi)
    return z, constant - (DF + size) / 2 * np.log1p(np.einsum("ij,ij->i", z, z) / DF)


def far_share(radius: float, size: int) -> float:
    """The share of such draws that lie farther out than `radius`: |z|^2 / size has the F distribution (size, 7)."""
    return float(1 - fdtr(size, DF, radius**2 / size))


@dataclass(frozen=True, eq=False)
class Kept:
    """Which of the weighted draws were kept.

    Attributes
    ----------
    weights : ndarray, shape (n_proposals,)
        Normalised.
    index : ndarray of int, shape (n_kept,)
        Of the kept draws, copies side by side: their autocorrelation then tells what they are worth.
    """

    weights: Array
    index: NDArray[np.int64]

    @property
    def overall(self) -> float:
        """1 / sum w^2, the effective sample size of the weights whatever is averaged."""
        return float(1.0 / np.square(self.weights).sum())

    def effective_sizes(self, values: Array) -> tuple[Array, Array]:
        """What the kept draws are worth for each column of `values` (n_proposals, k).

        Returns
        -------
        mean : ndarray, shape (k,)
            Effective sample size of the mean.
        least : ndarray, shape (k,)
            The smallest of those of the mean and of the 5% and 95% points.
        """
        scaled = self.index.size * self.weights
        fraction = scaled - np.floor(scaled)
        noise = np.square(self.weights) + fraction * (1 - fraction) / self.index.size**2
        kept = values[self.index]
        of_mean = self._worth(values, noise)
        least = of_mean
        for point in np.quantile(kept, _TAILS, axis=0):
            least = np.minimum(least, self._worth((values <= point).astype(np.float64), noise))
        return of_mean, least

    def _worth(self, values: Array, noise: Array) -> Array:
        away = np.square(values - self.weights @ values)
        with np.errstate(invalid="ignore", divide="ignore"):  # a column that does not vary: NaN
            return np.asarray((self.weights @ away) / (noise @ away))


def keep(weights: Array, n: int, rng: np.random.Generator) -> Kept:
    """Systematic resampling of `n` draws by normalised weights."""
    ends = np.cumsum(weights)
    points = (np.arange(n) + rng.random()) / n * ends[-1]
    return Kept(weights, np.minimum(np.searchsorted(ends, points, side="right"), weights.size - 1))
