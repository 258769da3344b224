"""The CORP reliability curve: consistent, optimally binned, reproducible, by the pool-adjacent-violators algorithm.

Dimitriadis, Gneiting & Jordan (2021, PNAS 118(8) e2016191118). The recalibrated probability r is the isotonic
regression of the outcome on the prediction p *after* equal predictions are pooled, so that the curve does not depend
on the order of rows. With a score S (lower is better) of p, of r and of the event rate it gives

    S(p) = MCB - DSC + UNC,   MCB = S(p) - S(r) >= 0,   DSC = S(rate) - S(r) >= 0,   UNC = S(rate):

miscalibration, discrimination and uncertainty. MCB is biased upwards: perfect calibration does not give 0, and
`null_reference` says what it gives instead.

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
from problogit.validation import seed_sequence

__all__ = [
    "Corp",
    "Decomposition",
    "NullReference",
    "brier_losses",
    "corp",
    "log_losses",
    "null_reference",
]

Losses = Callable[[Array, Array, Array], Array]

_TIE = 1e-10  # log-odds nearer than this are one prediction: the order of summation moves eta by rounding
_MOST_CELLS = 20_000
_GRID = 100


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
class NullReference:
    """What the curve and its MCB look like when the predictions are right, by simulation.

    Attributes
    ----------
    x : ndarray, shape (k,)
        Predictions at which the curve was recorded.
    levels : tuple of float
    lower, upper : ndarray, shape (n_levels, k)
        Pointwise consistency band around the diagonal.
    mcb_mean, mcb_95 : float
        Mean and 95% point of the Brier score's MCB.
    n_simulations : int
    """

    x: Array
    levels: tuple[float, ...]
    lower: Array
    upper: Array
    mcb_mean: float
    mcb_95: float
    n_simulations: int


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


def corp(log_odds: Array, successes: Array, trials: Array, weights: Array) -> Corp:
    """Reliability curve and score decompositions of predictions.

    Parameters
    ----------
    log_odds : ndarray, shape (n_rows,)
        Predicted log-odds; +-Inf allowed, NaN not.
    successes, trials, weights : ndarray, shape (n_rows,)
    """
    events, total = weights * successes, weights * trials
    cells = pool(log_odds, events, total)
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


def null_reference(
    log_odds: Array,
    trials: Array,
    weights: Array,
    *,
    frequency: bool,
    levels: tuple[float, ...] = (0.90, 0.95),
    rng: int | np.random.Generator | None = 0,
) -> NullReference:
    """Simulate outcomes from the predictions and record curve and MCB each time.

    Parameters
    ----------
    log_odds, trials, weights : ndarray, shape (n_rows,)
    frequency : bool
        True where a weight counts copies, each with its own outcome; other weights multiply one outcome.
    levels : tuple of float
        Probabilities of the pointwise band.
    rng : int, Generator or None

    Notes
    -----
    The predictions are held fixed. More than 20 000 different ones are joined to 20 000 cells of neighbours.
    """
    random = np.random.Generator(np.random.PCG64(seed_sequence(rng)))
    units = trials * weights if frequency else trials
    each = np.ones(trials.size) if frequency else weights
    cells = _coarse(pool(log_odds, np.zeros(trials.size), weights * trials))
    p_rows = expit(log_odds[cells.order])
    counts = np.rint(units[cells.order]).astype(np.int64)
    scale = each[cells.order]
    if frequency:  # copies share one weight, so that a cell is one binomial draw
        counts, scale, p_rows = np.add.reduceat(counts, cells.starts), np.ones(cells.p.size), cells.p
    starts = np.arange(cells.p.size) if frequency else cells.starts
    n_simulations = int(np.clip(3_000_000 // counts.size, 200, 1000))
    grid = np.unique(np.linspace(0, cells.p.size - 1, min(_GRID, cells.p.size)).round().astype(int))
    curves, mcb = np.empty((n_simulations, grid.size)), np.empty(n_simulations)
    whole = cells.total.sum()
    for i in range(n_simulations):
        events = np.add.reduceat(scale * random.binomial(counts, p_rows), starts)
        r = isotonic_regression(events / cells.total, weights=cells.total).x
        mcb[i] = (cells.total @ (cells.p**2 - r**2) - 2 * events @ (cells.p - r)) / whole
        curves[i] = r[grid]
    tails = np.array([[(1 - level) / 2, (1 + level) / 2] for level in levels])
    bands = np.quantile(curves, tails.ravel(), axis=0).reshape(len(levels), 2, grid.size)
    return NullReference(
        cells.p[grid],
        levels,
        bands[:, 0],
        bands[:, 1],
        float(mcb.mean()),
        float(np.quantile(mcb, 0.95)),
        n_simulations,
    )


def _coarse(cells: Pooled) -> Pooled:
    """At most 20 000 cells, by joining neighbours."""
    if cells.p.size <= _MOST_CELLS:
        return cells
    first = np.linspace(0, cells.p.size, _MOST_CELLS, endpoint=False).astype(np.int64)
    total = np.add.reduceat(cells.total, first)
    p = np.clip(np.add.reduceat(cells.total * cells.p, first) / total, 0.0, 1.0)
    return Pooled(cells.order, cells.starts[first], p, np.add.reduceat(cells.events, first), total)
