"""Single numbers for how far a calibration curve lies from the diagonal.

With m(p) a smooth curve: ICI = mean |m(p_i) - p_i|, E50, E90 and Emax quantiles and maximum of the same (Austin &
Steyerberg 2019, Stat Med 38:4051; Harrell's Eavg is the ICI), ECI = 100 mean (m(p_i) - p_i)^2 (Van Hoorde et al. 2015,
J Biomed Inform 54:283). All are positive where every prediction is right, because a curve follows chance too.

Without a curve: the debiased squared calibration error over bins of equal mass (Kumar, Liang & Ma 2019, NeurIPS),
which is 0 on average where the mean of every bin is right, and may be negative.
"""

from __future__ import annotations

import numpy as np

from problogit.analysis.cells import Cells
from problogit.data.rows import Array

__all__ = ["ERRORS", "debiased_squared_error", "error_summaries", "weighted_quantiles"]

ERRORS = ("ici", "e50", "e90", "emax", "eci")
_MOST_BINS = 15
_BIN = 20  # trials that a bin should hold


def error_summaries(smooth: Array, cells: Cells) -> dict[str, Array]:
    """ICI, E50, E90, Emax and ECI of S curves.

    Parameters
    ----------
    smooth : ndarray, shape (S, n_cells)
        The curves at the predictions; NaN where there is none, at predictions of exactly 0 and 1, which are left out.
    cells : Cells
    """
    known = cells.finite & ~np.isnan(smooth).all(axis=0)
    if not known.any():
        return {name: np.full(smooth.shape[0], np.nan) for name in ERRORS}
    away = np.abs(smooth[:, known] - cells.p[known])
    weights = cells.total[known] * (cells.n_effective / cells.total.sum())
    share = weights / weights.sum()
    middle = weighted_quantiles(away, weights, (0.5, 0.9))
    return dict(
        zip(
            ERRORS,
            (away @ share, middle[:, 0], middle[:, 1], away.max(axis=1), 100.0 * (away**2 @ share)),
            strict=True,
        )
    )


def weighted_quantiles(values: Array, weights: Array, probs: tuple[float, ...]) -> Array:
    """Quantiles of each row of `values`, shape (S, len(probs)).

    Those of the table in which entry i stands `weights[i]` times, linear between order statistics (R's type 7).
    """
    order = np.argsort(values, axis=1)
    ordered = np.take_along_axis(values, order, axis=1)
    cumulative = np.cumsum(weights[order], axis=1)
    last = values.shape[1] - 1
    rows = np.arange(values.shape[0])
    out = np.empty((values.shape[0], len(probs)))
    for j, prob in enumerate(probs):
        place = prob * max(float(weights.sum()) - 1.0, 0.0)
        at = [
            np.minimum((cumulative <= floor + 1e-9).sum(axis=1), last)
            for floor in (np.floor(place), np.floor(place) + 1)
        ]
        below, above = (ordered[rows, position] for position in at)
        out[:, j] = below + (place - np.floor(place)) * (above - below)
    return out


def debiased_squared_error(events: Array, cells: Cells) -> Array:
    """Sum over bins of share x [(mean p - share of events)^2 - its variance], shape (S,).

    At most 15 bins, of at least 20 trials where there are so many; equal predictions stay in one bin. A bin of one
    trial says nothing about a variance and is left out.

    Parameters
    ----------
    events : ndarray, shape (S, n_cells)
    cells : Cells
    """
    whole = cells.total.sum()
    n_bins = int(np.clip(cells.n_effective // _BIN, 2, _MOST_BINS))
    middle = np.cumsum(cells.total) - cells.total / 2
    bins = np.minimum((middle / whole * n_bins).astype(np.int64), n_bins - 1)
    first = np.flatnonzero(np.diff(bins, prepend=-1))
    total = np.add.reduceat(cells.total, first)
    units = total**2 / np.add.reduceat(cells.squares, first)
    expected = np.add.reduceat(cells.total * cells.p, first) / total
    observed = np.add.reduceat(events, first, axis=1) / total
    kept = units > 1.0
    if not kept.any():
        return np.full(events.shape[0], np.nan)
    noise = observed[:, kept] * (1 - observed[:, kept]) / (units[kept] - 1.0)
    terms = (observed[:, kept] - expected[kept]) ** 2 - noise
    return np.asarray(terms @ (total[kept] / total[kept].sum()))
