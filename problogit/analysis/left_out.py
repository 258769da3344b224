"""Leave-one-out values of single rows from posterior draws: importance weights over blocks of rows.

A draw's weight for the posterior without a row is one over the density that it gives that row. The largest weights are
smoothed (`problogit.core.pareto`); draws x rows is never held at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, expit

from problogit.core.blocks import Array
from problogit.core.coefficients import as_dense
from problogit.core.likelihood import BinomialLikelihood, kernel, log_binomial_constant
from problogit.core.pareto import smooth_weights, tail_length
from problogit.progress import SILENT, Progress

__all__ = ["LeftOutRows", "distinct_rows", "left_out_rows", "new_rows"]

_BLOCK_VALUES = 1_000_000  # draws x rows held at a time: 8 MB an array
_SAME = 1e-8  # a log density that moves less over the draws has no tail to smooth


@dataclass(frozen=True, eq=False)
class LeftOutRows:
    """Predictive values of rows, one entry each, shape (n_rows,).

    Attributes
    ----------
    elpd : ndarray
        Log predictive density of one unit of the row without itself.
    lppd : ndarray
        The same under the full posterior.
    pareto_k : ndarray
    log_odds : ndarray
        Of the predicted probability of an event.
    below : ndarray
        Predictive probability of fewer events than were observed.
    """

    elpd: Array
    lppd: Array
    pareto_k: Array
    log_odds: Array
    below: Array

    def take(self, rows: NDArray[np.int64]) -> LeftOutRows:
        """Some of the rows, or each several times."""
        return LeftOutRows(
            self.elpd[rows], self.lppd[rows], self.pareto_k[rows], self.log_odds[rows], self.below[rows]
        )


def distinct_rows(like: BinomialLikelihood, power: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First row of each group of equal rows, and every row's group; sparse designs are not searched."""
    if not isinstance(like.X, np.ndarray):
        everything = np.arange(like.n_rows)
        return everything, everything
    table = np.column_stack([like.X, like.offset, like.successes, like.trials, power])
    _, first, same = np.unique(table, axis=0, return_index=True, return_inverse=True)
    return first, same.ravel()


def left_out_rows(
    like: BinomialLikelihood,
    power: Array,
    betas: Array,
    relative_efficiency: float,
    *,
    counts: bool,
    progress: Progress = SILENT,
) -> LeftOutRows:
    """Values of every row without itself, by importance sampling from the full posterior.

    Parameters
    ----------
    like : BinomialLikelihood
        One entry for each row.
    power : ndarray, shape (n_rows,)
        What multiplies the log density of one unit in the posterior: importance weights, else 1.
    betas : ndarray, shape (n_draws, n_terms)
        Posterior draws.
    relative_efficiency : float
        Effective draws in each draw.
    counts : bool
        Whether the response counts events among trials.
    """
    out = np.empty((5, like.n_rows))
    n_tail = tail_length(betas.shape[0], relative_efficiency)
    step = max(1, _BLOCK_VALUES // betas.shape[0])
    for start in range(0, like.n_rows, step):
        block = slice(start, min(start + step, like.n_rows))
        eta, log_density = _densities(like, betas, block, counts=counts)
        log_weights, k = _weights(-power[block, None] * log_density, n_tail)
        values = _weighted(like, eta, log_density, log_weights, block, counts=counts)
        out[:, block] = (values[0], _log_mean(log_density), k, values[1], values[2])
        progress.advance(block.stop - block.start)
    return LeftOutRows(*out)


def new_rows(
    like: BinomialLikelihood, betas: Array, log_weights: Array | None = None, *, counts: bool
) -> tuple[Array, Array, Array]:
    """Log predictive density, log-odds and probability below the observed count of rows the draws have not seen.

    Parameters
    ----------
    like : BinomialLikelihood
        The rows.
    betas : ndarray, shape (n_draws, n_terms)
        Draws of the posterior without them.
    log_weights : ndarray, shape (n_draws,), optional
        Normalised; equal without it.
    counts : bool
    """
    equal = np.full(betas.shape[0], -np.log(betas.shape[0])) if log_weights is None else log_weights
    out = np.empty((3, like.n_rows))
    step = max(1, _BLOCK_VALUES // betas.shape[0])
    for start in range(0, like.n_rows, step):
        block = slice(start, min(start + step, like.n_rows))
        eta, log_density = _densities(like, betas, block, counts=counts)
        out[:, block] = _weighted(like, eta, log_density, equal[None, :], block, counts=counts)
    return out[0], out[1], out[2]


def _densities(like: BinomialLikelihood, betas: Array, block: slice, *, counts: bool) -> tuple[Array, Array]:
    """Log-odds and log density of one unit of each row under each draw, shape (n_block, n_draws) each."""
    eta = as_dense(like.local(block) @ betas.T) + like.offset[block, None]
    successes, trials = like.successes[block, None], like.trials[block, None]
    log_density = kernel(eta, successes, trials)
    return eta, log_density + log_binomial_constant(successes, trials) if counts else log_density


def _weights(log_ratios: Array, n_tail: int) -> tuple[Array, Array]:
    """Smoothed weights and k-hat of each row; a row that is the same under every draw has equal weights and k-hat 0."""
    n_rows, n_draws = log_ratios.shape
    varies = np.ptp(log_ratios, axis=1) > _SAME
    if varies.all():
        return smooth_weights(log_ratios, n_tail)
    log_weights, k = np.full((n_rows, n_draws), -np.log(n_draws)), np.zeros(n_rows)
    if varies.any():
        log_weights[varies], k[varies] = smooth_weights(log_ratios[varies], n_tail)
    return log_weights, k


def _weighted(
    like: BinomialLikelihood,
    eta: Array,
    log_density: Array,
    log_weights: Array,
    block: slice,
    *,
    counts: bool,
) -> tuple[Array, Array, Array]:
    """Log density, log-odds and the probability of fewer events, averaged over the weighted draws."""
    weights = np.exp(log_weights)
    event, other = (weights * expit(eta)).sum(axis=1), (weights * expit(-eta)).sum(axis=1)
    with np.errstate(divide="ignore"):
        log_odds = np.log(event) - np.log(other)
    if counts:
        s, m = like.successes[block, None], like.trials[block, None]
        fewer = np.where(s > 0, bdtr(np.maximum(s - 1, 0), m.astype(np.int64), expit(eta)), 0.0)
        below = (weights * fewer).sum(axis=1)
    else:
        below = np.where(like.successes[block] > 0, other, 0.0)
    shifted = log_weights + log_density
    top = shifted.max(axis=1)
    return top + np.log(np.exp(shifted - top[:, None]).sum(axis=1)), log_odds, below


def _log_mean(values: Array) -> Array:
    top = values.max(axis=1)
    return np.asarray(top + np.log(np.exp(values - top[:, None]).mean(axis=1)))
