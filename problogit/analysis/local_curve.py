"""Smooth calibration curves by local regression of the outcome on the prediction, as the literature has used them.

``lowess``: local lines over 2/3 of the trials, without robustness steps: what rms::val.prob draws. ``loess``: local
parabolas over 3/4, R's default: the ICI of Austin & Steyerberg (2019, Stat Med 38:4051). Weights are tricube in the
distance of predictions over that of the farthest trial of the window (Cleveland 1979, JASA 74:829). A curve is linear
in the outcomes, which makes simulation cheap; it can leave [0, 1], where it is cut.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from problogit.analysis.cells import Cells
from problogit.data.rows import Array

__all__ = ["LOCAL", "Local", "local"]

LOCAL = {"lowess": (1, 2 / 3), "loess": (2, 0.75)}
_MOST = 2_000  # predictions; more are joined with their neighbours
_POINTS = 400  # at which the regression is made; lines between them


@dataclass(frozen=True, eq=False)
class Local:
    """Local regression over given predictions.

    Attributes
    ----------
    cells : Cells
    how : str
    first : ndarray of int, shape (n_joined,)
        First finite prediction of each group of neighbours.
    joined : ndarray, shape (n_joined,)
        Their trials.
    matrix : ndarray, shape (n_points, n_joined)
        Curve at the points = matrix @ shares of events.
    points : ndarray, shape (n_points,)
        Predictions at which the regression is made.
    """

    cells: Cells
    how: str
    first: NDArray[np.int64]
    joined: Array
    matrix: Array
    points: Array

    def curves(self, events: Array) -> Array:
        """The curve of each set of events, cut to [0, 1]."""
        return self._spread(np.clip(self._raw(events), 0.0, 1.0))

    def limits(self, events: Array, prob: float) -> tuple[Array, Array, Array]:
        """Curve with Wald limits on the scale of the probability, cut to [0, 1]."""
        raw = self._raw(events[None, :])
        curve = self._spread(np.clip(raw, 0.0, 1.0))[0]
        finite = self.cells.finite
        variance = np.add.reduceat(
            self.cells.squares[finite] * curve[finite] * (1 - curve[finite]), self.first
        )
        half = ndtri((1 + prob) / 2) * np.sqrt(self.matrix**2 @ (variance / self.joined**2))
        low, high = (self._spread(np.clip(raw + sign * half, 0.0, 1.0))[0] for sign in (-1, 1))
        return curve, low, high

    def _raw(self, events: Array) -> Array:
        finite = events[:, self.cells.finite]
        return np.asarray((np.add.reduceat(finite, self.first, axis=1) / self.joined) @ self.matrix.T)

    def _spread(self, values: Array) -> Array:
        """From the points to all predictions, by straight lines."""
        finite = self.cells.finite
        p = self.cells.p[finite]
        out = np.full((values.shape[0], finite.size), np.nan)
        if self.points.size == 1:
            out[:, finite] = values
            return out
        left = np.clip(np.searchsorted(self.points, p, side="right") - 1, 0, self.points.size - 2)
        share = np.clip((p - self.points[left]) / (self.points[left + 1] - self.points[left]), 0.0, 1.0)
        out[:, finite] = values[:, left] * (1 - share) + values[:, left + 1] * share
        return out


def local(cells: Cells, kind: str) -> Local:
    """``"lowess"`` or ``"loess"`` over these predictions."""
    degree, span = LOCAL[kind]
    finite = cells.finite
    p, total = cells.p[finite], cells.total[finite]
    first = np.unique(np.linspace(0, p.size, min(p.size, _MOST), endpoint=False).astype(np.int64))
    joined = np.add.reduceat(total, first)
    centre = np.add.reduceat(total * p, first) / joined
    chosen = np.arange(centre.size)
    if centre.size == _MOST:  # the exact regression at each prediction is worth its price where there are few
        chosen = np.unique(np.linspace(0, centre.size - 1, _POINTS).round().astype(np.int64))
    units = joined * (cells.n_effective / cells.total.sum())
    matrix = np.stack([_weights_at(centre, units, x, degree, span) for x in centre[chosen]])
    points = centre[chosen]
    how = f"{kind} (local {'lines' if degree == 1 else 'parabolas'} over {span:.3g} of the trials)"
    return Local(cells, how, first, joined, matrix, points)


def _weights_at(p: Array, units: Array, x: float, degree: int, span: float) -> Array:
    """What each share of events adds to the curve at x, shape (n,)."""
    distance = np.abs(p - x)
    order = np.argsort(distance, kind="stable")
    wanted = max(np.floor(span * units.sum() + 1e-6), 2.0)
    place = min(int(np.searchsorted(np.cumsum(units[order]), wanted - 1e-9)), p.size - 1)
    width = float(distance[order[place]])
    if width <= 0:
        return np.asarray(np.where(distance == 0, units, 0.0) / units[distance == 0].sum())
    near = distance / width
    weight = units * np.where(
        near <= 0.001, 1.0, np.where(near <= 0.999, (1 - np.minimum(near, 1.0) ** 3) ** 3, 0.0)
    )
    root = np.sqrt(weight)
    powers = ((p - x) / width)[:, None] ** np.arange(degree + 1)
    return np.asarray(np.linalg.pinv(root[:, None] * powers, rcond=1e-9)[0] * root)
