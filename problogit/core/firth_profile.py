"""Profiles of Firth's penalized likelihood: ends of intervals and constrained maxima, over the full design.

The profile of c'x at t is the largest penalized likelihood among the points with c'x = t, the penalty being that of the
information over all columns (the definition of logistf; Heinze & Schemper 2002). An end of the interval is where it is
`drop` below its maximum, found by Newton's method on the two conditions (Venzon & Moolgavkar 1988), as in `profile`.
The start is a curve, not a line: skewness moves the end and bends the way to it, and both are had for all combinations
from two matrix products.

Where the Hessian is dear, minus the Hessian is the information at the point plus what the penalty adds at the maximum.
That is not exact away from the maximum, and need not be: value and gradient at the last point are exact, so that an
error of the matrix enters an end only through the square of the last step.

Far out on separated data the penalized likelihood of a plane can have several maxima. There the profile is the largest
of those found from the way out and from scattered starts (of small problems; of large ones the first is taken).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from problogit.core.blocks import Array
from problogit.core.firth import FirthLikelihood, FirthPoint
from problogit.core.firth_newton import FirthMaximum, Metric, maximise_firth, null_space
from problogit.core.profile_end import Restricted, crossing
from problogit.errors import EstimationError
from problogit.execution import Sums

__all__ = ["FirthProfile"]


_CLOSE = 1e-4  # standard errors: the last step of an end; the error after it is about its square
_CLOSE_FIT = 3e-5  # of a constrained maximum, whose value the last step then corrects to about its square
_STEPS = 15
_FARTHEST = 3.0  # a step goes at most so many times the distance to the end in the quadratic model
_FAR = 1.5  # an end farther than so many times that of the quadratic model may lie under another maximum
_LEVERAGE = 0.51  # of one trial: a row that may be followed or buried (a level of two rows has 0.5)
_STARTS = 4
_ROUNDS = 12
_SCATTER = 3.0  # log-odds of a typical row
_HIGHER = 1e-6


@dataclass(frozen=True, eq=False)
class FirthProfile:
    """The penalized likelihood about its maximum.

    Parameters
    ----------
    objective : FirthLikelihood
    maximum : FirthMaximum
        Of `objective`.
    """

    objective: FirthLikelihood
    maximum: FirthMaximum

    @cached_property
    def correction(self) -> Array:
        """Minus the Hessian at the maximum, less the information: exact where that can be afforded, else as learned."""
        if self.objective.cheap_curvature or not self.objective.affordable_curvature:
            return self.maximum.correction
        return self.objective.penalty_curvature(self.maximum.point)

    def correction_at(self, point: FirthPoint) -> Array:
        """The same at another point: its own where that is cheap."""
        return self.objective.penalty_curvature(point) if self.objective.cheap_curvature else self.correction

    @cached_property
    def _metric(self) -> Metric:
        return Metric.of(self.maximum.point.information, self.correction)

    def bounds(self, C: Array, drop: float) -> tuple[Array, Array]:
        """Ends of the intervals of the combinations C x, each of shape (k,).

        Parameters
        ----------
        C : ndarray, shape (k, p)
            Rows that are not zero.
        drop : float
            How far the penalized likelihood may fall.
        """
        paths = self._paths(C)
        ends = np.empty((2, C.shape[0]))
        for j in range(C.shape[0]):
            for row, side in enumerate((-1.0, 1.0)):
                ends[row, j] = self._end(paths, j, drop, side)
        return ends[0], ends[1]

    def values_without_each(self, C: Array) -> Array:
        """Largest penalized likelihood where one row of C x alone is zero, for each row, shape (k,)."""
        paths, x = self._paths(C), self.maximum.point.x
        return np.array([self.value_without(c[None], paths.at(j, -float(c @ x), x)) for j, c in enumerate(C)])

    def value_without(self, K: Array, start: Array | None = None) -> float:
        """Largest penalized likelihood among the points with K x = 0; K of shape (k, p) and full row rank.

        `start` is where to look from; it is moved to the plane.
        """
        along = self._metric.solve(np.ascontiguousarray(K.T))
        x = self.maximum.point.x if start is None else start
        x = x - along @ np.linalg.solve(K @ along, K @ x)
        if K.shape[0] == K.shape[1]:
            return self.objective.value(np.zeros_like(x))
        found = self._on_plane(x, null_space(K.T), _CLOSE_FIT)
        return found.point.value + found.decrement**2 / 2

    def _on_plane(self, x: Array, basis: Array, tolerance: float) -> FirthMaximum:
        found = maximise_firth(
            self.objective, x, basis=basis, correction=self.correction, tolerance=tolerance
        )
        if not found.converged:
            raise EstimationError(
                f"A restricted fit under Jeffreys() stopped {found.decrement:.2g} standard errors from its maximum. "
                "Look for columns that are nearly collinear, or read Wald intervals: interval='wald'."
            )
        return found

    def _paths(self, C: Array) -> _Paths:
        """x(t) = x + v t + w t^2 / 2: the way along which c'x grows by t and the rest stays at its best.

        v = H^-1 c / c'H^-1 c. With the third derivatives T of the log-likelihood (those of the penalty are of a lower
        order), w = v c'H^-1 T[v, v] - H^-1 T[v, v], and the profile is -0.5 curvature t^2 - skewness t^3 / 6.
        """
        along = self._metric.solve(np.ascontiguousarray(C.T))
        spread = np.einsum("kp,pk->k", C, along)
        v = along / spread
        like = self.objective.likelihood
        third = _third_derivatives(self.objective, self.maximum.point.x)

        def block_sum(block: slice) -> Sums:
            Z = like.local(block)
            moves = np.asarray(Z @ v)
            squares = moves * moves
            squares *= third[block, None]
            return np.einsum("ik,ik->k", squares, moves), np.asarray(Z.T @ squares)

        skewness, pull = like.executor.total(block_sum, like.blocks(values_per_row=C.shape[0]))
        bend = self._metric.solve(pull)
        w = v * np.einsum("kp,pk->k", C, bend) - bend
        return _Paths(C, v, w, 1.0 / spread, skewness)

    def _end(self, paths: _Paths, j: int, drop: float, side: float) -> float:
        top = self.maximum.point
        start = paths.at(j, paths.crossing(j, drop, side), top.x)
        t, x = self._venzon_moolgavkar(paths.C[j], start, drop, side)
        half = math.sqrt(2 * drop / paths.curvature[j])
        near = abs(t - float(paths.C[j] @ top.x)) <= _FAR * half
        if x is not None and near and not (top.leverage > _LEVERAGE and self.objective.cheap_curvature):
            return t
        return self._far_end(paths.C[j], start if x is None else x, drop, side)

    def _venzon_moolgavkar(self, c: Array, x: Array, drop: float, side: float) -> tuple[float, Array | None]:
        """Newton on {value = level, gradient = lambda c}: the end and the point it was seen from, or NaN and None."""
        level, width = self.maximum.point.value - drop, math.sqrt(2 * drop)
        for _ in range(_STEPS):
            point = self.objective.point(x)
            if not (math.isfinite(point.value) and level - point.value < 20 * drop):
                break
            metric = Metric.of(point.information, self.correction_at(point))
            newton, along = metric.solve(np.column_stack([point.gradient, c])).T
            rise, spread = float(point.gradient @ newton), float(c @ along)
            room = 2 * (point.value - level) + rise
            if not (metric.definite and room > 0):
                break
            much = side * math.sqrt(room / spread)
            size = math.sqrt(max(rise + 2 * much * float(c @ newton) + much**2 * spread, 0.0))
            step = newton + much * along
            if size <= _CLOSE:
                # Far out everything is small in standard errors; only a point at the level is the end.
                return (
                    (float(c @ (x + step)), x)
                    if abs(point.value - level) <= _CLOSE * drop
                    else (math.nan, None)
                )
            x = x + step * min(1.0, _FARTHEST * width / size)
        return math.nan, None

    def _far_end(self, c: Array, x: Array, drop: float, side: float) -> float:
        """Cross the profile itself; where another maximum of the plane at the end is higher, go on from there."""
        basis, top = null_space(c[:, None]), self.maximum.point.value
        for _ in range(_ROUNDS):
            found = crossing(lambda point: self._restricted(point, c, basis), x, c, top, drop, -side)
            higher = self._higher(c, basis, found.t, found.x)
            if higher is None:
                break
            x = higher
        return found.t

    def _restricted(self, x: Array, c: Array, basis: Array) -> Restricted:
        point = self._on_plane(x, basis, 1e-10).point
        across = c / (c @ c)
        hessian = point.information + self.correction_at(point)
        inner = Metric.of(
            basis.T @ point.information @ basis, basis.T @ (hessian - point.information) @ basis
        )
        path = across - basis @ inner.solve(basis.T @ (hessian @ across))
        return Restricted(point.x, point.value, float(point.gradient @ across), path)

    def _higher(self, c: Array, basis: Array, t: float, x: Array) -> Array | None:
        """The highest of other maxima on c'x = t, if it is higher than the one at x."""
        if not self.objective.cheap_curvature or basis.shape[1] == 0:
            return None
        rng = np.random.default_rng(0)
        x = x + c * ((t - c @ x) / (c @ c))
        best, highest = None, self._on_plane(x, basis, 1e-8).point.value + _HIGHER
        for k in range(_STARTS):
            centre = x if k % 2 else self.maximum.point.x
            start = centre + _SCATTER * rng.standard_normal(x.size)
            start += c * ((t - c @ start) / (c @ c))
            found = maximise_firth(self.objective, start, basis=basis, tolerance=1e-3, max_iterations=60)
            if found.converged and found.point.value > highest:
                best, highest = found.point.x, found.point.value
        return best


@dataclass(frozen=True, eq=False)
class _Paths:
    """Ways out of the maximum, one for each combination: rows of C, columns of v and w."""

    C: Array
    v: Array
    w: Array
    curvature: Array
    skewness: Array

    def at(self, j: int, t: float, x: Array) -> Array:
        """The point where combination j has grown by t; where the bend would be longer than the way, without it."""
        straight = self.v[:, j] * t
        bent = self.w[:, j] * (t * t / 2)
        steep = float(np.linalg.norm(bent)) > float(np.linalg.norm(straight))
        return np.asarray(x + straight if steep else x + straight + bent)

    def crossing(self, j: int, drop: float, side: float) -> float:
        """The t at which the profile is `drop` below its top: u^2 (1 + a u) = 1 in units of the symmetric end."""
        unit = math.sqrt(2 * drop / self.curvature[j])
        a = float(self.skewness[j]) * unit / (3 * float(self.curvature[j]))
        u = side
        for _ in range(20):
            u = side / math.sqrt(min(max(1 + a * u, 0.3), 4.0))
        return u * unit


def _third_derivatives(objective: FirthLikelihood, x: Array) -> Array:
    """-d^3 kernel_i / d eta^3 of every row: w m p (1 - p) (1 - 2 p)."""
    like = objective.likelihood
    eta = like.eta(x)
    tail = np.exp(-np.abs(eta))
    return np.asarray(-like.weights * like.trials * tail / (1 + tail) ** 2 * np.tanh(eta / 2))
