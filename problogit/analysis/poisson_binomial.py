"""The number of events in independent trials of differing probability: exactly, and from its cumulants.

Exactly: blocks of trials one after the other, then the blocks' distributions convolved in pairs by the fast Fourier
transform (Biscarri, Zhao & Brunner 2018, CSDA 122:92), to about 1e-15. From cumulants: the shifted binomial with the
same mean, variance and third cumulant (Peköz, Röllin, Čekanavičius & Shwartz 2009, J Appl Probab 46:1073), whose
distribution function is off by about 0.55 |excess of the fourth cumulant| / (24 variance^2), the next term of the
Edgeworth expansion: at most 0.034 / variance, and next to nothing where events are rare or probabilities are alike.
"""

from __future__ import annotations

import numpy as np
from scipy import fft
from scipy.special import betainc

from problogit.core.blocks import Array

__all__ = ["poisson_binomial", "shift_error", "shifted_binomial"]

_TINY = 1e-7
_TRIALS = 64  # of a block, whose distribution is made one trial after the other
_VALUES = 2_000_000  # draws x trials that are held at a time
_EDGEWORTH = 0.5506 / 24  # largest value of |z^3 - 3 z| phi(z), over 4!


def poisson_binomial(p: Array, trials: Array) -> Array:
    """Probabilities of 0, 1, ... events in all trials, averaged over draws of p.

    Parameters
    ----------
    p : ndarray, shape (n_draws, n_rows)
    trials : ndarray, shape (n_rows,)
        Whole numbers.

    Returns
    -------
    ndarray, shape (sum of trials + 1,)
    """
    columns = np.repeat(np.arange(trials.size), trials.astype(np.int64))
    blocks = 1 << int(max(0, columns.size - 1) // _TRIALS).bit_length()
    out = np.zeros(columns.size + 1)
    step = max(1, _VALUES // (blocks * _TRIALS))
    for start in range(0, p.shape[0], step):
        chances = np.zeros((min(step, p.shape[0] - start), blocks * _TRIALS))
        chances[:, : columns.size] = p[start : start + step, columns]  # trials beyond have the probability 0
        mass = _one_by_one(chances.reshape(-1, _TRIALS)).reshape(chances.shape[0], blocks, -1)
        out += _convolved(mass)[: out.size]
    return np.asarray(np.maximum(out / p.shape[0], 0.0))


def _one_by_one(p: Array) -> Array:
    """Distributions of the number of events of each row of trials, shape (n, k) -> (n, k + 1)."""
    mass = np.zeros((p.shape[1] + 1, p.shape[0]))
    mass[0] = 1.0
    for done in range(p.shape[1]):
        moved = mass[: done + 1] * p[:, done]
        mass[: done + 1] -= moved
        mass[1 : done + 2] += moved
    return np.asarray(mass.T)


def _convolved(mass: Array) -> Array:
    """Distributions of the sums over the second axis, itself a power of two, added over the first axis."""
    while mass.shape[1] > 1:
        length = 2 * mass.shape[2] - 1
        padded = fft.next_fast_len(length, real=True)
        transformed = fft.rfft(mass, padded, axis=2)
        product = transformed[:, ::2] * transformed[:, 1::2]
        mass = np.asarray(fft.irfft(product, padded, axis=2))[:, :, :length]
    return np.asarray(mass[:, 0].sum(axis=0))


def shift_error(variance: Array, third: Array, fourth: Array) -> float:
    """About how far the distribution function of the shifted binomial is off, averaged over draws.

    Parameters
    ----------
    variance, third, fourth : ndarray, shape (n_draws,)
        Cumulants of the number of events.
    """
    safe = np.where(variance > 0, variance, 1.0)
    p = np.clip((1 - third / safe) / 2, _TINY, 1 - _TINY)
    excess = np.abs(fourth - safe * (1 - 6 * p * (1 - p)))
    off = np.where(variance > 0, _EDGEWORTH * excess / safe**2, 0.0)
    return float(np.minimum(off, 1.0).mean())


def shifted_binomial(k: float, mean: Array, variance: Array, third: Array) -> Array:
    """P(s + K <= k) for K ~ Binomial(n, p), with n and p real, that has these three cumulants.

    variance = n p (1 - p), third = variance (1 - 2 p), mean = s + n p; I_{1-p}(n - x, x + 1) at x = k - s.
    """
    fixed = variance <= 0
    safe = np.where(fixed, 1.0, variance)
    p = np.clip((1 - third / safe) / 2, _TINY, 1 - _TINY)
    n = safe / (p * (1 - p))
    x = k - (mean - n * p)
    inside = (x > -1) & (x < n)
    at = np.where(inside, x, 0.0)
    found = betainc(np.where(inside, n - at, 1.0), at + 1, 1 - p)
    found = np.where(inside, found, x >= n)
    return np.asarray(np.where(fixed, mean <= k + 0.5, found))
