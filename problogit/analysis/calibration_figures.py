"""Everything about calibration that is compared with what right predictions give, for many sets of outcomes at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression

from problogit.analysis.calibration_errors import debiased_squared_error, error_summaries
from problogit.analysis.cells import Cells
from problogit.analysis.local_curve import LOCAL, local
from problogit.analysis.smooth_curve import Smoother, spline
from problogit.data.rows import Array

__all__ = ["SMOOTHERS", "Figures", "Smoothing", "brier_mcb", "figures", "isotonic_curves", "spiegelhalter_z"]

SMOOTHERS = ("spline", *LOCAL)


@dataclass(frozen=True, eq=False)
class Figures:
    """Figures of S sets of outcomes of the same predictions.

    Attributes
    ----------
    values : mapping of str to ndarray of shape (S,)
        ``slope, u_test, spiegelhalter_z, brier_mcb, ici, e50, e90, emax, eci, debiased_squared_error``.
    corp, smooth : ndarray, shape (S, n_cells)
        The isotonic and the smooth curve at the predictions.
    """

    values: Mapping[str, Array]
    corp: Array
    smooth: Array


@dataclass(frozen=True)
class Smoothing:
    """Which smooth curve: ``"spline"`` (of so many knots), ``"lowess"`` or ``"loess"``."""

    kind: str = "spline"
    n_knots: int = 5

    def over(self, cells: Cells) -> Smoother:
        """The smoother over these predictions; the spline where none lies between 0 and 1."""
        if self.kind == "spline" or not cells.finite.any():
            return spline(cells, self.n_knots)
        return local(cells, self.kind)


def figures(cells: Cells, events: Array, smooth: Array) -> Figures:
    """All figures of sets of weighted events with their smooth curves, shape (S, n_cells) both."""
    corp = isotonic_curves(events, cells.total)
    slope, u_test = _line(cells, events)
    values = {
        "slope": slope,
        "u_test": u_test,
        "spiegelhalter_z": spiegelhalter_z(cells, events),
        "brier_mcb": brier_mcb(cells, events, corp),
        **error_summaries(smooth, cells),
        "debiased_squared_error": debiased_squared_error(events, cells),
    }
    return Figures(values, corp, smooth)


def isotonic_curves(events: Array, total: Array) -> Array:
    """Pool-adjacent-violators fit of each set of events, (S, n_cells)."""
    out = np.empty(events.shape)
    for i, row in enumerate(events):
        out[i] = isotonic_regression(row / total, weights=total).x
    return out


def brier_mcb(cells: Cells, events: Array, corp: Array) -> Array:
    """Miscalibration part of the Brier score, shape (S,)."""
    gained = (cells.p**2 - corp**2) @ cells.total - 2 * (events * (cells.p - corp)).sum(axis=1)
    return np.asarray(gained / cells.total.sum())


def _line(cells: Cells, events: Array) -> tuple[Array, Array]:
    """Calibration slope, and U: the likelihood ratio of the calibration line to the diagonal (Miller et al. 1991).

    Two degrees of freedom; one where all finite predictions are equal and there is no slope (NaN).
    """
    line = spline(cells, 0)
    nothing = np.full(events.shape[0], np.nan)
    if not cells.finite.any():
        return nothing, nothing
    found = line.fit(events)
    if line.X.shape[1] == 1:
        return nothing, found.gain
    log_odds = cells.log_odds[cells.finite]
    scale = (log_odds[-1] - log_odds[0]) / (line.X[-1, 1] - line.X[0, 1])
    return 1.0 + found.gamma[:, 1] / scale, found.gain


def spiegelhalter_z(cells: Cells, events: Array) -> Array:
    """z = sum (s - m p)(1 - 2p) / sqrt(sum m (1 - 2p)^2 p (1 - p)), standard normal where predictions are right.

    Spiegelhalter (1986, Stat Med 5:421): the Brier score less its expectation. NaN where every prediction is 1/2, 0 or
    1 and nothing varies.
    """
    lean = 1.0 - 2.0 * cells.p
    variance = float(cells.squares @ (lean**2 * cells.p * (1.0 - cells.p)))
    if variance <= 0:
        return np.full(events.shape[0], np.nan)
    return np.asarray((events - cells.total * cells.p) @ lean / np.sqrt(variance))
