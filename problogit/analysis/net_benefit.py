"""Net benefit of acting on those whose risk reaches a threshold (Vickers & Elkin 2006, Med Decis Making 26:565).

With TP and FP the shares of all trials that are events and non-events called at the threshold t,

    NB(t) = TP - FP t / (1 - t) - harm:

true positives per trial, each needless call taken off at the rate at which the threshold trades the two. A prediction
that ties with the threshold is a call. Where the share of events is not that of the population (case-control data) and
a prevalence pi is known, TP and FP are the rates among events and among non-events times pi and 1 - pi.

The uncertainty that the judged units leave is that of the Bayesian bootstrap (Rubin 1981, Ann Stat 9:130): every unit
gets a standard exponential weight, in one draw the same for all fits and thresholds, so that differences are paired.
For one fit and one threshold these are Dirichlet draws of the four cells, as bayesDCA takes them (Cruz & Korthauer
2024, Stat Med) but for its prior counts, which have no counterpart for several fits at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from problogit.analysis.decisions import cut_points
from problogit.data.rows import Array

__all__ = ["Calls", "Outcomes", "calls_of", "drawn_calls", "net_benefit"]

Integers = NDArray[np.int64]
_CELLS = 4_000_000  # weights that are drawn at a time


@dataclass(frozen=True, eq=False)
class Calls:
    """What is called at each threshold, as shares of all trials.

    Attributes
    ----------
    true_positives, false_positives : ndarray, shape (..., n_thresholds)
    prevalence : ndarray, shape (...)
        Share of events.
    """

    true_positives: Array
    false_positives: Array
    prevalence: Array

    def at_prevalence(self, prevalence: float | None) -> Calls:
        """The same rates among events and among non-events in a population of that share of events."""
        if prevalence is None:
            return self
        own = self.prevalence[..., None]
        with np.errstate(invalid="ignore", divide="ignore"):
            return Calls(
                self.true_positives * (prevalence / own),
                self.false_positives * ((1 - prevalence) / (1 - own)),
                np.full_like(self.prevalence, prevalence),
            )

    def less(self, too_much: Array) -> Calls:
        """True and false positives less what they owe to optimism, shape (n_fits, 2, ..., n_thresholds)."""
        return Calls(
            self.true_positives - too_much[:, 0], self.false_positives - too_much[:, 1], self.prevalence
        )


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What happened to the entries that are judged, shape (n_entries,) each.

    Attributes
    ----------
    successes, trials, weights : ndarray
    units : ndarray
        Units that an entry stands for: copies, where the weight counts them, else 1.
    clusters : ndarray of int or None
        What is drawn together; every unit for itself without it.
    """

    successes: Array
    trials: Array
    weights: Array
    units: Array
    clusters: Integers | None = None


def net_benefit(
    true_positives: Array, false_positives: Array, thresholds: Array, harm: float | Array = 0.0
) -> Array:
    """TP - FP t / (1 - t) - harm."""
    return np.asarray(true_positives - false_positives * (thresholds / (1 - thresholds)) - harm)


def thresholds_reached(log_odds: Array, thresholds: Array) -> Integers:
    """How many of the rising thresholds each prediction reaches, shape (n_entries,)."""
    return np.searchsorted(cut_points(thresholds), log_odds, side="right").astype(np.int64)


def calls_of(log_odds: Array, successes: Array, trials: Array, weights: Array, thresholds: Array) -> Calls:
    """Calls of predictions at rising thresholds; every trial is a case, weighted.

    Parameters
    ----------
    log_odds : ndarray, shape (n_entries,)
        +-Inf allowed, NaN not.
    successes, trials, weights : ndarray, shape (n_entries,)
    thresholds : ndarray, shape (n_thresholds,)
        Rising, strictly between 0 and 1.
    """
    reached = thresholds_reached(log_odds, thresholds)
    total = float(weights @ trials)
    hits, needless = (
        _from_the_top(_sums(reached, weights * counted, thresholds.size + 1)[None])[0] / total
        for counted in (successes, trials - successes)
    )
    return Calls(hits, needless, np.asarray(weights @ successes / total))


def _sums(codes: Integers, values: Array, size: int) -> Array:
    return np.asarray(np.bincount(codes, values, size), dtype=np.float64)


def _from_the_top(by_reached: Array) -> Array:
    """Sums over those that reach each threshold, from sums over those that reach 0, 1, ... of them."""
    return np.asarray(by_reached[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:], dtype=np.float64)


def drawn_calls(
    log_odds: Array,
    outcomes: Outcomes,
    thresholds: Array,
    n_draws: int,
    random: np.random.Generator,
) -> Calls:
    """Calls of several fits under weights of the Bayesian bootstrap.

    Units that no fit tells apart share a weight of the gamma distribution, which is the sum of their exponential ones.

    Parameters
    ----------
    log_odds : ndarray, shape (n_fits, n_entries)
    outcomes : Outcomes
    thresholds : ndarray, shape (n_thresholds,)
    n_draws : int
    random : Generator

    Returns
    -------
    Calls
        Shares of shape (n_fits, n_draws, n_thresholds); the prevalence, of shape (n_draws,), is common to the fits.
    """
    reached = np.array([thresholds_reached(one, thresholds) for one in log_odds])
    shape, tables = _weighed(outcomes, reached, thresholds.size + 1)
    hits, needless = np.empty((2, len(reached), n_draws, thresholds.size))
    prevalence = np.empty(n_draws)
    step = max(1, _CELLS // shape.size)
    for start in range(0, n_draws, step):
        block = slice(start, min(start + step, n_draws))
        drawn = random.standard_gamma(shape, (block.stop - start, shape.size))
        for fit, (events, others) in enumerate(tables):
            hit, miss = np.asarray(drawn @ events), np.asarray(drawn @ others)
            total = hit.sum(axis=1)
            whole = total + miss.sum(axis=1)
            prevalence[block] = total / whole
            hits[fit, block] = _from_the_top(hit) / whole[:, None]
            needless[fit, block] = _from_the_top(miss) / whole[:, None]
    return Calls(hits, needless, prevalence)


def _weighed(
    outcomes: Outcomes, reached: Integers, size: int
) -> tuple[Array, list[tuple[sp.csr_array, sp.csr_array]]]:
    """Shapes of the gamma weights, and for each fit what a weight of 1 brings: events and others by thresholds reached.

    Without clusters a weight is that of a cell: of the units with equal outcomes and calls by every fit.
    """
    events, others = outcomes.successes, outcomes.trials - outcomes.successes
    if outcomes.clusters is not None:
        owner = np.unique(outcomes.clusters, return_inverse=True)[1].ravel()
        shape, share, every = np.ones(owner.max() + 1), outcomes.weights, np.arange(owner.size)
    else:
        share = outcomes.weights / outcomes.units  # of one unit
        cell = np.unique(np.column_stack([events, others, share]), axis=0, return_inverse=True)[1].ravel()
        for one in reached:
            cell = np.unique(cell * size + one, return_inverse=True)[1].ravel()
        every = np.unique(cell, return_index=True)[1]
        owner, shape = cell[every], _sums(cell, outcomes.units, every.size)
    return shape, [
        (
            _table((share * events)[every], owner, one[every], (shape.size, size)),
            _table((share * others)[every], owner, one[every], (shape.size, size)),
        )
        for one in reached
    ]


def _table(values: Array, row: Integers, column: Integers, shape: tuple[int, int]) -> sp.csr_array:
    return sp.csr_array(sp.coo_array((values, (row, column)), shape=shape))
