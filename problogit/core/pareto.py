"""Pareto-smoothed importance sampling over many rows at once.

The largest importance ratios of a sample are replaced by the expected order statistics of a generalised Pareto
distribution that is fitted to them; its shape k-hat says how far the weights can be trusted: the sample size that would
be needed grows without bound as k-hat approaches 1 (Vehtari, Simpson, Gelman, Yao & Gabry 2024, JMLR 25(72)). The
shape is the empirical Bayes estimate of Zhang & Stephens (2009, Technometrics 51:316), pulled towards 1/2 with the
weight of ten observations.

One row after another this takes seconds for a few thousand rows; here the rows of a block are fitted together.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from problogit.core.blocks import Array

__all__ = ["good_k", "smooth_weights", "tail_length"]

_LEAST_TAIL = 5
_PRIOR_SHAPE, _PRIOR_WEIGHT = 0.5, 10
_FIT_VALUES = (
    500_000  # rows x candidate values x tail held at a time: 4 MB an array, which stays in the cache
)
_NEGLIGIBLE = 10 * np.finfo(np.float64).eps


def tail_length(n_draws: int, relative_efficiency: float = 1.0) -> int:
    """How many of the largest weights are smoothed: 3 sqrt(n / r), at most a fifth of the draws."""
    if n_draws * relative_efficiency > 225:
        return int(3 * np.sqrt(n_draws / relative_efficiency))
    return n_draws // 5


def good_k(n_draws: int) -> float:
    """The k-hat up to which estimates from so many draws are reliable, min(1 - 1 / log10(n), 0.7)."""
    return float(min(1 - 1 / np.log10(n_draws), 0.7))


def smooth_weights(log_ratios: Array, n_tail: int) -> tuple[Array, Array]:
    """Smooth the largest importance ratios of every row.

    Parameters
    ----------
    log_ratios : ndarray, shape (n_rows, n_draws)
        Logarithms of importance ratios, each row up to a constant.
    n_tail : int
        How many to smooth, from `tail_length`.

    Returns
    -------
    log_weights : ndarray, shape (n_rows, n_draws)
        Normalised: their exponentials sum to one in every row.
    k : ndarray, shape (n_rows,)
        k-hat. Where the largest ratios are all equal there is no tail: they stay as they are, with k-hat 0. Infinite
        with fewer than 5 draws in the tail, NaN where the fit fails; both leave the ratios as they are.
    """
    weights = log_ratios - log_ratios.max(axis=1, keepdims=True)
    k = np.full(weights.shape[0], np.inf)
    if n_tail >= _LEAST_TAIL:
        m = 30 + int(np.sqrt(n_tail))
        step = max(1, _FIT_VALUES // (m * n_tail))
        for start in range(0, weights.shape[0], step):
            block = slice(start, start + step)
            k[block] = _smooth_block(weights[block], n_tail)
    weights -= np.log(np.exp(weights).sum(axis=1, keepdims=True))  # the largest is about 0: nothing overflows
    return weights, k


def _smooth_block(weights: Array, n_tail: int) -> Array:
    """Smooth the tails of these rows in place and return their k-hat."""
    place = np.argpartition(weights, -n_tail - 1, axis=1)[:, -n_tail - 1 :]
    values = np.take_along_axis(weights, place, axis=1)
    order = np.argsort(values, axis=1)
    place, values = np.take_along_axis(place, order, axis=1), np.take_along_axis(values, order, axis=1)
    place = place[:, 1:]
    cutoff, tail = np.exp(values[:, :1]), values[:, 1:]
    varies = tail[:, -1] - tail[:, 0] >= np.finfo(np.float64).tiny
    k, scale = _fit_pareto(np.exp(tail) - cutoff)
    possible = varies & np.isfinite(k) & (scale > 0)
    if possible.any():
        smoothed = _quantiles(k[possible, None], scale[possible, None], n_tail) + cutoff[possible]
        rows = np.flatnonzero(possible)[:, None]
        weights[rows, place[possible]] = np.minimum(np.log(smoothed), tail[possible, -1:])
    return np.where(varies, k, 0.0)


def _fit_pareto(excess: Array) -> tuple[Array, Array]:
    """Shape and scale of the generalised Pareto distribution of each row's sorted excesses, shape (n_rows,) each."""
    n = excess.shape[1]
    m = 30 + int(np.sqrt(n))
    quartile = excess[:, int(n / 4 + 0.5) - 1]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        steps = 1 - np.sqrt(m / (np.arange(1, m + 1) - 0.5))
        theta = steps / (3 * quartile[:, None]) + 1 / excess[:, -1:]
        shape = _mean_log(theta, excess)
        log_like = n * (np.log(-theta / shape) - shape - 1)
        weight = np.exp(log_like - logsumexp(log_like, axis=1, keepdims=True))
        weight[weight < _NEGLIGIBLE] = 0.0
        best = (theta * weight).sum(axis=1) / weight.sum(axis=1)
        k = _mean_log(best[:, None], excess)[:, 0]
        scale = -k / best
    return (n * k + _PRIOR_WEIGHT * _PRIOR_SHAPE) / (n + _PRIOR_WEIGHT), scale


def _mean_log(theta: Array, excess: Array) -> Array:
    """Mean over the excesses of log(1 - theta x), (n_rows, m) and (n_rows, n) -> (n_rows, m)."""
    product = theta[:, :, None] * excess[:, None, :]
    np.negative(product, out=product)
    return np.asarray(np.log1p(product, out=product).mean(axis=2))


def _quantiles(k: Array, scale: Array, n: int) -> NDArray[np.float64]:
    """Quantiles (i - 1/2) / n of the generalised Pareto distribution."""
    survival = np.log1p(-(np.arange(n) + 0.5) / n)
    with np.errstate(divide="ignore", invalid="ignore"):
        curved = scale * np.expm1(-k * survival) / k
    return np.asarray(np.where(k == 0, -scale * survival, curved))
