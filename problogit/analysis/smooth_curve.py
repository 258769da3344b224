"""A smooth calibration curve: logistic regression of the outcome on a restricted cubic spline of the log-odds.

    logit P(event) = l + g_0 + g_1 l + sum_j g_{j+1} c_j(l),   l = logit p,

with Harrell's restricted cubic spline c_j (linear beyond the outer knots, which stand at quantiles of l; Harrell 2015,
Regression Modeling Strategies, 2.4.5) of 3 to 5 knots by the number of events and non-events. The curve is known at the
predictions that were judged, and nowhere else: it is never extrapolated.

Source: Harrell; Austin & Steyerberg (2019, Stat Med 38:4051) compare it with other smoothers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import expit, ndtri

from problogit.analysis.calibration_errors import weighted_quantiles
from problogit.analysis.cells import Cells
from problogit.analysis.deviations import Deviations, deviations
from problogit.data.rows import Array

__all__ = ["Smoother", "Spline", "knots_for", "spline"]

_QUANTILES = {3: (0.1, 0.5, 0.9), 4: (0.05, 0.35, 0.65, 0.95), 5: (0.05, 0.275, 0.5, 0.725, 0.95)}
_ENOUGH = ((100, 5), (40, 4), (15, 3))  # units of the rarer outcome that so many knots need


class Smoother(Protocol):
    """A smooth curve over given predictions; NaN at predictions of exactly 0 and 1."""

    @property
    def how(self) -> str:
        """What it is, in words."""

    def curves(self, events: Array) -> Array:
        """The curve of each of S sets of weighted events, (S, n_cells) -> (S, n_cells)."""

    def limits(self, events: Array, prob: float) -> tuple[Array, Array, Array]:
        """The curve of one set of events, (n_cells,), with pointwise confidence limits."""


@dataclass(frozen=True, eq=False)
class Spline:
    """Restricted cubic spline of the log-odds.

    Attributes
    ----------
    cells : Cells
    X : ndarray, shape (n_finite, k)
        The constant, the log-odds and the terms of the spline, at the finite predictions.
    n_knots : int
        0 where the curve is the calibration line, because there are too few outcomes or predictions.
    """

    cells: Cells
    X: Array
    n_knots: int

    @property
    def how(self) -> str:
        """What it is, in words."""
        if self.n_knots == 0:
            return "calibration line (logistic in the log-odds)"
        return f"restricted cubic spline of the log-odds, {self.n_knots} knots"

    def fit(self, events: Array) -> Deviations:
        """Coefficients and likelihood-ratio statistics of S sets of events, shape (S, n_cells)."""
        finite = self.cells.finite
        chosen, total, log_odds = events[:, finite], self.cells.total[finite], self.cells.log_odds[finite]
        return deviations(self.X, log_odds, chosen, total)

    def curves(self, events: Array) -> Array:
        """The curve of each set of events."""
        out = np.full(events.shape, np.nan)
        finite = self.cells.finite
        if finite.any():
            out[:, finite] = expit(self.cells.log_odds[finite] + self.fit(events).gamma @ self.X.T)
        return out

    def limits(self, events: Array, prob: float) -> tuple[Array, Array, Array]:
        """Curve with Wald limits made on the log-odds; under unequal weights the variance is the sandwich."""
        out = np.full((3, events.size), np.nan)
        finite = self.cells.finite
        if not finite.any():
            return out[0], out[1], out[2]
        gamma = self.fit(events[None, :]).gamma[0]
        eta = self.cells.log_odds[finite] + self.X @ gamma
        variance = expit(eta) * expit(-eta)
        bread = np.linalg.pinv((self.X.T * (self.cells.total[finite] * variance)) @ self.X, hermitian=True)
        meat = (self.X.T * (self.cells.squares[finite] * variance)) @ self.X
        mapped = self.X @ bread
        half = ndtri((1 + prob) / 2) * np.sqrt(np.einsum("ij,jk,ik->i", mapped, meat, mapped, optimize=True))
        out[:, finite] = expit(eta), expit(eta - half), expit(eta + half)
        return out[0], out[1], out[2]


def knots_for(rarer: float) -> int:
    """Knots that so many outcomes of the rarer kind allow; 0 for none."""
    return next((knots for enough, knots in _ENOUGH if rarer >= enough), 0)


def spline(cells: Cells, n_knots: int) -> Spline:
    """The spline over these predictions; with fewer knots where they have too few different values."""
    finite = cells.finite
    log_odds, total = cells.log_odds[finite], cells.total[finite]
    ones = np.ones((log_odds.size, 1))
    if log_odds.size < 2:
        return Spline(cells, ones, 0)
    centre = float(np.average(log_odds, weights=total))
    line = (log_odds - centre) / max(
        float(np.sqrt(np.average((log_odds - centre) ** 2, weights=total))), 1e-10
    )
    for knots in range(n_knots, 2, -1):
        at = weighted_quantiles(line[None, :], total, _QUANTILES[knots])[0]
        if np.diff(at).min() > 1e-3 and log_odds.size > knots:
            columns = np.column_stack([ones, line, _terms(line, at)])
            # Orthogonal columns of unit size: nothing but the curve itself depends on them.
            return Spline(cells, np.linalg.qr(columns)[0] * np.sqrt(line.size), knots)
    return Spline(cells, np.column_stack([ones, line]), 0)


def _terms(line: Array, knots: Array) -> Array:
    """The terms of the spline that are not linear, shape (n, len(knots) - 2)."""

    def cubed(knot: float) -> Array:
        return np.asarray(np.maximum(line - knot, 0.0) ** 3)

    last, before = knots[-1], knots[-2]
    terms = [
        cubed(knot)
        - cubed(before) * (last - knot) / (last - before)
        + cubed(last) * (before - knot) / (last - before)
        for knot in knots[:-2]
    ]
    return np.column_stack(terms) / float(last - knots[0]) ** 2
