"""Predictions in rising order with equal ones pooled: what curves, tests and simulations of outcomes are made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from problogit.analysis.corp import Pooled, pool
from problogit.analysis.judged import Judged
from problogit.data.rows import Array

__all__ = ["Cells", "cells_of"]


@dataclass(frozen=True, eq=False)
class WeightedRows:
    """Rows whose weight multiplies one outcome, in the order of their cells; `starts` marks the cells."""

    trials: NDArray[np.int64]
    weights: Array
    starts: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Cells:
    """One entry a different prediction, shape (n_cells,) each.

    Attributes
    ----------
    log_odds, p : ndarray
        The prediction; rising. The first and the last may be exactly 0 and 1.
    events, total : ndarray
        Weighted events and trials.
    squares : ndarray
        Sum of w^2 m, so that ``squares * p * (1 - p)`` is the variance of `events`; equal to `total` where weights
        count copies.
    weighted : WeightedRows or None
        The rows behind the cells, where weights do not count copies.
    """

    log_odds: Array
    p: Array
    events: Array
    total: Array
    squares: Array
    weighted: WeightedRows | None = None

    @property
    def finite(self) -> NDArray[np.bool_]:
        """Cells whose prediction is neither 0 nor 1."""
        return np.isfinite(self.log_odds)

    @property
    def n_effective(self) -> float:
        """Trials; Kish's effective number under unequal weights that are not copies."""
        return float(self.total.sum() ** 2 / self.squares.sum())

    @property
    def impossible(self) -> bool:
        """True where an outcome that was given the probability 0 happened."""
        sure = ~self.finite
        return bool((self.events[sure] != (self.total * self.p)[sure]).any())

    def groups(self, most: int) -> NDArray[np.int64]:
        """First cell of each of at most so many groups of neighbours; predictions of exactly 0 and 1 stay alone."""
        n = self.p.size
        low, high = int(self.log_odds[0] == -np.inf), n - int(self.log_odds[-1] == np.inf)
        inner = np.linspace(low, high, min(most, high - low), endpoint=False).astype(np.int64)
        return np.concatenate([np.arange(low), inner, np.arange(high, n)])

    def joined(self, most: int) -> Cells:
        """At most so many cells, by joining neighbours."""
        n = self.p.size
        if n <= most:
            return self
        first = self.groups(most)
        low, high = int(self.log_odds[0] == -np.inf), n - int(self.log_odds[-1] == np.inf)
        total = np.add.reduceat(self.total, first)
        p = np.clip(np.add.reduceat(self.total * self.p, first) / total, 0.0, 1.0)
        centre = np.add.reduceat(self.total * np.where(self.finite, self.log_odds, 0.0), first) / total
        log_odds = np.where((p > 0) & (p < 1 - 1e-12), logit(np.clip(p, 1e-300, 1 - 1e-12)), centre)
        log_odds[:low], log_odds[log_odds.size - (n - high) :] = -np.inf, np.inf
        rows = self.weighted
        return Cells(
            log_odds,
            p,
            np.add.reduceat(self.events, first),
            total,
            np.add.reduceat(self.squares, first),
            None if rows is None else WeightedRows(rows.trials, rows.weights, rows.starts[first]),
        )

    def draw(self, probability: Array, n: int, random: np.random.Generator) -> Array:
        """Weighted events of each cell in n sets of outcomes with these probabilities, shape (n, n_cells)."""
        if self.weighted is None:
            if np.all(self.total == 1.0):
                return np.asarray(random.random((n, self.p.size)) < probability, dtype=np.float64)
            counts = np.rint(self.total).astype(np.int64)
            return np.asarray(random.binomial(counts, probability, (n, counts.size)), dtype=np.float64)
        rows = self.weighted
        each = np.repeat(probability, np.diff(np.append(rows.starts, rows.trials.size)))
        out = np.empty((n, self.p.size))
        for i in range(n):
            out[i] = np.add.reduceat(rows.weights * random.binomial(rows.trials, each), rows.starts)
        return out


def cells_of(judged: Judged, pooled: Pooled | None = None) -> Cells:
    """Pool the predictions of `judged`, all of which must exist; they may have been pooled before."""
    events, total = judged.weights * judged.successes, judged.weights * judged.trials
    if pooled is None:
        pooled = pool(judged.log_odds, events, total)
    log_odds = judged.log_odds[pooled.order[pooled.starts]]
    if judged.frequency:
        return Cells(log_odds, expit(log_odds), pooled.events, pooled.total, pooled.total)
    squares = np.add.reduceat((judged.weights * total)[pooled.order], pooled.starts)
    rows = WeightedRows(
        np.rint(judged.trials[pooled.order]).astype(np.int64), judged.weights[pooled.order], pooled.starts
    )
    return Cells(log_odds, expit(log_odds), pooled.events, pooled.total, squares, rows)
