"""The isotonic map of probabilities: the share of events in the block of the isotonic regression that p falls in.

Zadrozny & Elkan (2002, KDD 8:694), by pool-adjacent-violators with equal predictions pooled before. The bootstrap of
monotone estimates is not consistent (Sen, Banerjee & Woodroofe 2010, Ann. Statist. 38:1953, for densities), so that
bounds made from it are approximate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression
from scipy.special import expit

from problogit.analysis.corp import pool
from problogit.analysis.recalibration_maps import DrawnMap, RecalibrationMap
from problogit.data.rows import Array

__all__ = ["IsotonicMap", "Steps", "isotonic_steps"]


@dataclass(frozen=True, eq=False)
class Steps:
    """An isotonic regression: flat from `low` to `high` of each block, linear between blocks, flat beyond the ends.

    Parameters
    ----------
    low, high : ndarray, shape (n_blocks,)
        Smallest and largest prediction of each block.
    share : ndarray, shape (n_blocks,)
    """

    low: Array
    high: Array
    share: Array

    def __call__(self, log_odds: Array) -> Array:
        """Log-odds of the share; +-Inf where it is 0 or 1."""
        ends = np.column_stack([self.low, self.high]).ravel()
        p = np.interp(expit(log_odds), ends, np.repeat(self.share, 2))
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(p) - np.log1p(-p))


@dataclass(frozen=True, eq=False)
class IsotonicMap(RecalibrationMap):
    """Isotonic regression with its resamples.

    Parameters
    ----------
    steps : Steps
    resamples : tuple of Steps
        The same of bootstrap resamples of the rows.
    """

    steps: Steps
    resamples: tuple[Steps, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The range of predictions of each block."""
        ends = zip(self.steps.low, self.steps.high, strict=True)
        return tuple(
            f"p from {low:.4g} to {high:.4g}" if high > low else f"p = {low:.4g}" for low, high in ends
        )

    @property
    def values(self) -> Array:
        """Shares of events of the blocks."""
        return self.steps.share

    @property
    def errors(self) -> Array:
        """NaN: the blocks are themselves chosen from the data."""
        return np.full(self.steps.share.size, np.nan)

    @property
    def smooth(self) -> bool:
        """No delta method."""
        return False

    def __call__(self, log_odds: Array) -> Array:
        """By the blocks."""
        return self.steps(log_odds)

    @property
    def cov(self) -> Array:
        """NaN."""
        return np.full((self.steps.share.size,) * 2, np.nan)

    def steepness(self, log_odds: Array) -> Array:
        """NaN."""
        return np.full(log_odds.size, np.nan)

    def gradient(self, log_odds: Array) -> Array:
        """NaN."""
        return np.full((log_odds.size, self.steps.share.size), np.nan)

    def drawn(self, n: int, rng: np.random.Generator) -> DrawnMap:
        """One of the resamples for each draw."""
        chosen: NDArray[np.int64] = rng.integers(len(self.resamples), size=n)

        def apply(log_odds: Array) -> Array:
            out = np.empty(log_odds.shape)
            for which in np.unique(chosen):
                rows = chosen == which
                out[rows] = self.resamples[which](log_odds[rows])
            return out

        return apply


def isotonic_steps(
    log_odds: Array, events: Array, total: Array, rng: np.random.Generator | None = None
) -> Steps:
    """Pool adjacent violators, equal predictions pooled before.

    Parameters
    ----------
    log_odds, events, total : ndarray, shape (n_rows,)
        Predictions, and weighted events and trials.
    rng : Generator, optional
        Draw the share of an end block without events (or without others) from Beta(1/2, total + 1/2), within that of
        its neighbour: in no resample of its rows would it be other than 0, whatever their number.
    """
    cells = pool(log_odds, events, total)
    fit = isotonic_regression(cells.events / cells.total, weights=cells.total)
    edges = np.asarray(fit.blocks[:-1], dtype=np.int64)
    weight = np.add.reduceat(cells.total, edges)
    share = np.add.reduceat(cells.events, edges) / weight
    if rng is not None and share.size > 1:
        if share[0] <= 0:
            share[0] = min(rng.beta(0.5, weight[0] + 0.5), share[1])
        if share[-1] >= 1:
            share[-1] = max(1 - rng.beta(0.5, weight[-1] + 0.5), share[-2])
    ordered = expit(log_odds[cells.order])
    first = cells.starts[edges]
    last = np.append(first[1:], log_odds.size) - 1
    return Steps(ordered[first], ordered[last], np.clip(np.maximum.accumulate(share), 0.0, 1.0))
