"""What curves and figures look like where the predictions are right, by simulation.

The predictions are held fixed and outcomes drawn from them: right for predictions of new data, whatever made them.
Predictions that were made by leaving rows out of the data that they are judged on depend on the outcomes themselves;
their reference refits the method (`problogit.analysis.calibration_refits`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from problogit.analysis.calibration_figures import (
    Figures,
    Smoothing,
    brier_mcb,
    figures,
    isotonic_curves,
)
from problogit.analysis.cells import Cells
from problogit.data.rows import Array
from problogit.validation import seed_sequence

__all__ = ["JOINED_CELLS", "Reference", "collected", "fixed_reference", "shown"]

EXACT_CELLS, JOINED_CELLS = 1_000, 300
_EXACT = 10  # simulations without joining
_MOST, _LEAST = 1_000, 300  # simulations
_VALUES = 150_000  # cells x simulations
_ROW_VALUES = 10_000_000  # rows x simulations, where weights do not count copies


@dataclass(frozen=True, eq=False)
class Reference:
    """Figures and curves of S simulated data sets.

    Attributes
    ----------
    values : mapping of str to ndarray of shape (S,)
        As in `Figures`.
    x : ndarray, shape (k,)
        Predictions at which the curves were recorded.
    corp, smooth : ndarray, shape (S, k)
    refitted : bool
        Whether the method was refitted to each simulated data set.
    how : str
        In words.
    notes : tuple of str
    """

    values: Mapping[str, Array]
    x: Array
    corp: Array
    smooth: Array
    refitted: bool
    how: str
    notes: tuple[str, ...] = ()

    @property
    def n_simulations(self) -> int:
        """Number of simulated data sets."""
        return int(self.corp.shape[0])

    def mean(self, name: str) -> float:
        """Mean of a figure over the simulations in which it exists."""
        known = self.values[name][np.isfinite(self.values[name])]
        return float(known.mean()) if known.size else np.nan

    def point(self, name: str, prob: float = 0.95) -> float:
        """Quantile of a figure."""
        known = self.values[name][~np.isnan(self.values[name])]
        return float(np.quantile(known, prob)) if known.size else np.nan

    def p_value(self, name: str, observed: float) -> float:
        """Share of simulations with a figure at least as large (in absolute value, for z), the observed one counted."""
        if np.isnan(observed):
            return np.nan
        known = np.abs(self.values[name]) if name == "spiegelhalter_z" else self.values[name]
        size = abs(observed) if name == "spiegelhalter_z" else observed
        return float((1 + np.count_nonzero(known >= size)) / (1 + known.size))

    def joint_p_value(
        self, observed: Mapping[str, float], names: tuple[str, ...] = ("u_test", "brier_mcb")
    ) -> float:
        """One p-value of several figures: the smallest of theirs, referred to its own distribution.

        Every data set, simulated or observed, is ranked among all: the p-value is exact for any number of simulations.
        """
        smallest = np.ones(self.n_simulations + 1)
        for name in names:
            every = np.append(self.values[name], observed[name])
            every[np.isnan(every)] = -np.inf
            ordered = np.sort(every)
            at_least = every.size - np.searchsorted(ordered, every, side="left")
            smallest = np.minimum(smallest, at_least / every.size)
        return float(np.mean(smallest <= smallest[-1]))


def fixed_reference(
    cells: Cells, smoothing: Smoothing, rng: int | np.random.Generator | None = 0
) -> Reference:
    """Simulate outcomes from predictions that are held fixed.

    Parameters
    ----------
    cells : Cells
    smoothing : Smoothing
        As of the observed outcomes.
    rng : int, Generator or None

    Notes
    -----
    More than 1000 different predictions are joined to 300 cells of neighbours. That leaves bands (to 4%) and distances
    (to 1%) as they are, but takes a tenth or more of the MCB away, because blocks end where cells do. So 10 data sets
    are simulated on all predictions, and what joining takes away in them is given back to all.
    """
    random = np.random.Generator(np.random.PCG64(seed_sequence(rng)))
    joined = cells if cells.p.size <= EXACT_CELLS else cells.joined(JOINED_CELLS)
    n = int(np.clip(_VALUES // joined.p.size, _LEAST, _MOST)) if joined is cells else _LEAST
    if joined.weighted is not None:
        n = int(np.clip(_ROW_VALUES // joined.weighted.trials.size, 100, n))
    events = joined.draw(joined.p, n, random)
    found = figures(joined, events, smoothing.over(joined).curves(events))
    values = dict(found.values)
    if joined is not cells:
        values["brier_mcb"] = values["brier_mcb"] + random.choice(_lost(cells, joined, random), n)
    at = shown(joined)
    return Reference(
        values,
        joined.p[at],
        found.corp[:, at],
        found.smooth[:, at],
        refitted=False,
        how=f"{n} sets of outcomes drawn from the predictions, which are held fixed",
    )


def _lost(cells: Cells, joined: Cells, random: np.random.Generator) -> Array:
    """MCB that joining cells takes away, in a few simulated data sets."""
    lost = np.empty(_EXACT)
    first = cells.groups(JOINED_CELLS)
    for i in range(_EXACT):
        events = cells.draw(cells.p, 1, random)
        few = np.add.reduceat(events, first, axis=1)
        whole = brier_mcb(cells, events, isotonic_curves(events, cells.total))
        lost[i] = (whole - brier_mcb(joined, few, isotonic_curves(few, joined.total)))[0]
    return lost


def collected(
    found: list[Figures], curves: list[tuple[Array, Array]], x: Array, how: str, notes: tuple[str, ...]
) -> Reference:
    """A reference of simulated data sets whose predictions differ, with their curves at the same points."""
    return Reference(
        {name: np.concatenate([one.values[name] for one in found]) for name in found[0].values},
        x,
        np.array([corp for corp, _ in curves]),
        np.array([smooth for _, smooth in curves]),
        refitted=True,
        how=how,
        notes=notes,
    )


def shown(cells: Cells, most: int = 100) -> NDArray[np.int64]:
    """Positions of at most so many predictions to draw a curve at: half by rank, half evenly spread."""
    n = cells.p.size
    by_rank = np.linspace(0, n - 1, min(n, most // 2)).round().astype(np.int64)
    even = np.linspace(cells.p[0], cells.p[-1], most // 2)
    right = np.clip(np.searchsorted(cells.p, even), 1, max(n - 1, 1))
    if n == 1:
        return np.zeros(1, dtype=np.int64)
    nearest = np.where(even - cells.p[right - 1] < cells.p[right] - even, right - 1, right)
    return np.unique(np.concatenate([by_rank, nearest]))
