"""The CORP reliability curve: consistent, optimally binned, reproducible, by the pool-adjacent-violators algorithm.

Dimitriadis, Gneiting & Jordan (2021, PNAS 118(8) e2016191118). The recalibrated probability r is the isotonic
regression of the outcome on the prediction p *after* equal predictions are pooled, so that the curve does not depend
on the order of rows. With a score S (lower is better) of p, of r and of the event rate it gives

    S(p) = MCB - DSC + UNC,   MCB = S(p) - S(r) >= 0,   DSC = S(rate) - S(r) >= 0,   UNC = S(rate):

miscalibration, discrimination and uncertainty. MCB is biased upwards: perfect calibration does not give 0, and
`problogit.analysis.calibration_null` says what it gives instead.

Predictions come as log-odds, which keep digits where probabilities round to 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression
from scipy.special import expit

from problogit.data.rows import Array

__all__ = [
    "Corp",
    "Decomposition",
    "Pooled",
    "brier_losses",
    "corp",
    "log_losses",
]

Losses = Callable[[Array, Array, Array], Array]

_TIE = 1e-10  # log-odds nearer than this are one prediction: the order of summation moves eta by rounding


@dataclass(frozen=True)
class Decomposition:
    """A mean score and its parts; ``score = mcb - dsc + unc``, all per trial, lower is better."""

    score: float
    mcb: float
    dsc: float
    unc: float


@dataclass(frozen=True, eq=False)
class Corp:
    """Blocks of the recalibrated probability, in order of the prediction, shape (n_blocks,) each.

    Attributes
    ----------
    x : ndarray
        Mean prediction in the block.
    x_min, x_max : ndarray
        Smallest and largest prediction in the block; the curve is flat between them.
    y : ndarray
        Share of events in the block: the recalibrated probability.
    weight, n : ndarray
        Weighted trials, and rows.
    brier, log_score : Decomposition
    """

    x: Array
    x_min: Array
    x_max: Array
    y: Array
    weight: Array
    n: NDArray[np.int64]
    brier: Decomposition
    log_score: Decomposition


@dataclass(frozen=True, eq=False)
class Pooled:
    """Rows with equal predictions as one cell; `order` sorts the rows and `starts` marks the cells in that order."""

    order: NDArray[np.int64]
    starts: NDArray[np.int64]
    p: Array
    events: Array
    total: Array


def brier_losses(log_odds: Array, events: Array, total: Array) -> Array:
    """Summed squared errors of each row's trials: e (1 - p)^2 + (t - e) p^2."""
    return np.asarray(events * expit(-log_odds) ** 2 + (total - events) * expit(log_odds) ** 2)


def log_losses(log_odds: Array, events: Array, total: Array) -> Array:
    """Summed -log p of what happened in each row; +Inf where a prediction of exactly 0 or 1 was wrong."""
    missed = total - events
    with np.errstate(invalid="ignore"):
        hit = np.where(events > 0, events * np.logaddexp(0.0, -log_odds), 0.0)
        miss = np.where(missed > 0, missed * np.logaddexp(0.0, log_odds), 0.0)
    return np.asarray(hit + miss)


def corp(
    log_odds: Array, successes: Array, trials: Array, weights: Array, pooled: Pooled | None = None
) -> Corp:
    """Reliability curve and score decompositions of predictions.

    Parameters
    ----------
    log_odds : ndarray, shape (n_rows,)
        Predicted log-odds; +-Inf allowed, NaN not.
    successes, trials, weights : ndarray, shape (n_rows,)
    pooled : Pooled, optional
        The same rows, where they were pooled before.
    """
    events, total = weights * successes, weights * trials
    cells = pool(log_odds, events, total) if pooled is None else pooled
    edges, rate = _blocks(cells.events, cells.total)
    row_edges = cells.starts[edges]
    ordered = expit(log_odds[cells.order])
    last = np.append(row_edges[1:], log_odds.size) - 1
    weight = np.add.reduceat(cells.total, edges)
    rows_of = np.diff(np.append(row_edges, log_odds.size))
    recalibrated = np.empty(log_odds.size)
    recalibrated[cells.order] = np.repeat(rate, rows_of)
    return Corp(
        x=np.clip(np.add.reduceat(cells.p * cells.total, edges) / weight, ordered[row_edges], ordered[last]),
        x_min=ordered[row_edges],
        x_max=ordered[last],
        y=rate,
        weight=weight,
        n=rows_of.astype(np.int64),
        brier=_decompose(brier_losses, log_odds, recalibrated, events, total),
        log_score=_decompose(log_losses, log_odds, recalibrated, events, total),
    )


def _decompose(
    losses: Losses, log_odds: Array, recalibrated: Array, events: Array, total: Array
) -> Decomposition:
    whole = total.sum()
    score = float(losses(log_odds, events, total).sum() / whole)
    best = float(losses(_log_odds(recalibrated), events, total).sum() / whole)
    rate = _log_odds(np.full(1, events.sum() / whole))
    unc = float(losses(rate, events.sum(keepdims=True), total.sum(keepdims=True)).sum() / whole)
    return Decomposition(score, score - best, unc - best, unc)


def _log_odds(p: Array) -> Array:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(p) - np.log1p(-p))


def pool(log_odds: Array, events: Array, total: Array) -> Pooled:
    """Sort by prediction and add up the rows that share one."""
    order = np.argsort(log_odds, kind="stable")
    ordered = log_odds[order]
    bounded = np.clip(ordered, -1e300, 1e300)  # so that infinities have differences
    fresh = np.diff(bounded) > _TIE * np.clip(np.abs(bounded[1:]), 1.0, 1e9)
    starts = np.flatnonzero(np.append([True], fresh))
    weight = np.add.reduceat(total[order], starts)
    p = np.clip(np.add.reduceat(total[order] * expit(ordered), starts) / weight, 0.0, 1.0)
    return Pooled(order, starts, p, np.add.reduceat(events[order], starts), weight)


def _blocks(events: Array, total: Array) -> tuple[NDArray[np.int64], Array]:
    """First cell of each block of the isotonic fit, and the share of events in it; neighbours differ."""
    fit = isotonic_regression(events / total, weights=total)
    edges = np.asarray(fit.blocks[:-1], dtype=np.int64)
    rate = np.add.reduceat(events, edges) / np.add.reduceat(total, edges)
    # Equal neighbours may come as several blocks, or differ by rounding.
    fresh = np.append([True], np.diff(rate) > 1e-12)
    edges = edges[fresh]
    return edges, np.add.reduceat(events, edges) / np.add.reduceat(total, edges)
