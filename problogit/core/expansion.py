"""The log-likelihood about a point to the fourth order, with a bound of what it leaves out.

With many rows each moves little: where eta_i changes by d_i = x_i'z, x_i a row in whitened columns, its kernel is a
polynomial in d_i to within |d_i|^5 / 120 times its fifth derivative. The sums over rows of the coefficients of that
polynomial in z are taken in one pass, after which a point costs nothing that depends on the number of rows.

With q(x) the products x_a x_b, a <= b, and m(z) those of z, twice where a < b: d^2 = q(x)'m(z), so that

    sum_i g3_i d_i^3 = z' (sum_i g3_i x_i q(x_i)') m(z),
    sum_i g4_i d_i^4 = m(z)' (sum_i g4_i q(x_i) q(x_i)') m(z).

The derivatives of log(1 + exp(eta)) are p, w = p (1 - p), w (1 - 2p), w (1 - 6w) and w (1 - 2p)(1 - 12w); the last is
at most 0.128, and at most w, which grows by at most exp(|d|). Hence, as long as no |d_i| exceeds 1, the error is at
most

    |z|^5 / 120 sum_i m_i min(0.128, e w_i) |x_i|^5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from problogit.core.blocks import Array
from problogit.core.likelihood import BinomialLikelihood
from problogit.execution import Sums

__all__ = ["TOLERANCE", "Expansion", "expand"]

TOLERANCE = 0.05  # of a log weight at the radius; half way there it is 32 times smaller
_FIFTH = 0.128
_CHUNK = 1_000_000


@dataclass(frozen=True, eq=False)
class Expansion:
    """The log-likelihood as a function of z.

    Attributes
    ----------
    value : float
        At z = 0.
    slope : ndarray, shape (p,)
    second : ndarray, shape (p, p)
    third : ndarray, shape (p, k)
        k = p (p + 1) / 2.
    fourth : ndarray, shape (k, k)
    radius : float
        Length of z up to which the error is at most `TOLERANCE`.
    """

    value: float
    slope: Array
    second: Array
    third: Array
    fourth: Array
    radius: float

    def near(self, z: Array) -> NDArray[np.bool_]:
        """Which points are within the radius, (n_points, p) -> (n_points,)."""
        return np.asarray(np.einsum("ij,ij->i", z, z) <= self.radius**2)

    def values(self, z: Array) -> Array:
        """Log-likelihood of each point, (n_points, p) -> (n_points,)."""
        first, other = np.triu_indices(z.shape[1])
        twice = np.where(first == other, 1.0, 2.0)
        out = np.empty(z.shape[0])
        step = max(1, _CHUNK // twice.size)
        for start in range(0, z.shape[0], step):
            part = z[start : start + step]
            pairs = part[:, first] * part[:, other] * twice
            quadratic = np.einsum("ij,ij->i", part @ self.second, part) / 2
            cubic = np.einsum("ij,ij->i", part @ self.third, pairs) / 6
            quartic = np.einsum("ij,ij->i", pairs @ self.fourth, pairs) / 24
            out[start : start + step] = self.value + part @ self.slope + quadratic + cubic + quartic
        return out


def expand(likelihood: BinomialLikelihood, center: Array, root: Array) -> Expansion:
    """Expand a dense likelihood at `center` in the coordinates z of center + root z.

    Parameters
    ----------
    likelihood : BinomialLikelihood
        One pass over its rows is made.
    center : ndarray, shape (p,)
    root : ndarray, shape (p, p)
    """
    p = center.size
    first, other = np.triu_indices(p)
    events, trials = likelihood.weights * likelihood.successes, likelihood.weights * likelihood.trials

    def block_sum(block: slice) -> Sums:
        rows = np.asarray(likelihood.local(block))
        share = expit(rows @ center + likelihood.offset[block])
        x = rows @ root
        total = trials[block]
        bend = total * share * (1 - share)
        w = share * (1 - share)
        pairs = x[:, first] * x[:, other]
        length = np.sqrt(np.einsum("ij,ij->i", x, x))
        fifth = total * np.minimum(_FIFTH, np.e * w) @ length**5
        cubic = (x * (-bend * (1 - 2 * share))[:, None]).T @ pairs
        quartic = (pairs * (-bend * (1 - 6 * w))[:, None]).T @ pairs
        return x.T @ (events[block] - total * share), -(x.T * bend) @ x, cubic, quartic, np.atleast_1d(fifth)

    blocks = likelihood.blocks(values_per_row=first.size)
    slope, second, third, fourth, fifth = likelihood.executor.total(block_sum, blocks)
    longest = likelihood.largest_norm(root @ root.T)
    radius = min((120 * TOLERANCE / float(fifth[0])) ** 0.2, 1 / longest)
    return Expansion(likelihood.value(center), slope, second, third, fourth, radius)
