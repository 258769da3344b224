"""One end of a profile interval: by Newton's method on its equations, or bracketed on the profile itself.

An end is a point x with f(x) = max f - q / 2 and a gradient along c: Newton's method on these equations (Venzon &
Moolgavkar 1988) finds it from the quadratic model at the maximum in about four evaluations. Where that fails, the end
is bracketed and the profile is computed by a Newton method that stays on c'x = t.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from problogit.core.blocks import Array
from problogit.core.newton import Objective
from problogit.errors import EstimationError

__all__ = ["Crossing", "Restricted", "crossing", "profile_end", "restricted_maximum"]

_CLOSE = 1e-6  # a step this small, in standard errors, is the last: the error after it is its square
_FARTHEST = 3.0  # one step goes at most so many times the distance to the end in the quadratic model


def profile_end(
    objective: Objective, x: Array, at_x: tuple[float, Array, Array], c: Array, drop: float, side: float
) -> float:
    """One end of the profile interval of c'x.

    Parameters
    ----------
    objective : Objective
        Concave, with a maximum.
    x : ndarray, shape (p,)
        The maximum.
    at_x : tuple
        ``objective.information(x)``; the same for every c.
    c : ndarray, shape (p,)
    drop : float
        How far the objective falls at the end.
    side : float
        -1 for the lower end, 1 for the upper.
    """
    top = at_x[0]
    end = _venzon_moolgavkar(objective, x, at_x, c, drop, side)
    if end is not None:
        return float(c @ end)
    along = _solver(at_x[2])(c)
    start = x + side * math.sqrt(2 * drop / (c @ along)) * along
    return crossing(lambda point: restricted_maximum(objective, point, c), start, c, top, drop, -side).t


def _venzon_moolgavkar(
    objective: Objective, x: Array, at_x: tuple[float, Array, Array], c: Array, drop: float, side: float
) -> Array | None:
    """Newton on {f(x) = level, gradient = lambda c}; None where it does not get there.

    With V = H^-1 at the present point, the step is V (g - lambda c), and the quadratic model is at the level where
    lambda^2 c'Vc = 2 (f - level) + g'Vg; the sign of lambda chooses the end.
    """
    (value, gradient, information), level = at_x, at_x[0] - drop
    for _ in range(20):
        solve = _solver(information)
        newton, along = solve(gradient), solve(c)
        room = 2 * (value - level) + gradient @ newton
        spread = c @ along
        if not (room > 0 and spread > 0):
            return None
        step = newton + side * math.sqrt(room / spread) * along
        size = math.sqrt(max(float(step @ information @ step), 0.0))
        if size <= _CLOSE:
            # Far out everything is small in standard errors; only a point at the level is the end.
            return np.asarray(x + step) if abs(value - level) <= _CLOSE * drop else None
        x = x + step * min(1.0, _FARTHEST * math.sqrt(2 * drop) / size)
        value, gradient, information = objective.information(x)
        if not (math.isfinite(value) and level - value < 20 * drop):
            return None
    return None


def _solver(information: Array) -> Callable[[Array], Array]:
    """Solve with a Cholesky factor after equilibration; a nearly singular matrix gets a small ridge."""
    root = np.sqrt(np.maximum(np.diag(information), np.finfo(float).tiny))
    scaled = information / np.outer(root, root)
    ridge = 0.0
    while True:
        try:
            factor = cho_factor(scaled + ridge * np.eye(root.size), lower=True)
        except (LinAlgError, ValueError):
            ridge = max(1e-14, ridge * 100)
            if ridge > 1.0:
                raise EstimationError("The information matrix of a profile is not finite.") from None
            continue
        return lambda vector: np.asarray(cho_solve(factor, vector / root) / root)


# -- bracketing on the profile itself ------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Restricted:
    """The maximum on c'x = t: the point, f_c(t), its slope in t, and how the point moves with t."""

    x: Array
    value: float
    slope: float
    path: Array


def restricted_maximum(objective: Objective, x: Array, c: Array) -> Restricted:
    """Maximise without leaving the plane through x on which c'x is constant."""
    value, gradient, information = objective.information(x)
    for _ in range(200):
        solve = _solver(information)
        newton, along = solve(gradient), solve(c)
        spread = float(c @ along)
        path = along / spread
        slope = float(c @ newton) / spread
        step = newton - slope * along
        step -= (c @ step) * path  # rounding must not add up to a move off the plane
        gain = float(gradient @ step)
        if gain <= 1e-15:
            break
        step *= min(1.0, 20.0 / float(np.max(np.abs(step))))
        noise = 64 * np.finfo(float).eps * max(1.0, abs(value))
        length = 1.0
        while objective.value(x + length * step) < value - noise and length > 1e-12:
            length /= 2
        x = x + length * step
        before = value
        value, gradient, information = objective.information(x)
        if gain < 1e-10 and value - before <= noise:
            break
    else:
        raise EstimationError(
            f"A restricted fit of a profile did not converge: it may still gain {gain:.2g} in log-likelihood."
        )
    return Restricted(x, value, slope, path)


@dataclass(frozen=True, eq=False)
class Crossing:
    """Where a profile crosses a level: the t, and the best point near it."""

    t: float
    x: Array


def crossing(
    restricted: Callable[[Array], Restricted], x: Array, c: Array, top: float, drop: float, rises: float
) -> Crossing:
    """The t at which f_c(t) = top - drop, on the side where f_c rises with rises * t.

    `restricted` maximises without leaving the plane through its argument on which c'x is constant.

    Newton on log((top - f_c) / drop), which is close to linear both where f_c is quadratic and where it nears its
    supremum exponentially; kept inside a bracket.
    """
    low, high, width = -math.inf, math.inf, math.nan
    t = float(c @ x)
    for _ in range(200):
        found = restricted(x)
        if math.isnan(width):  # a first step moves the point by about one in columns of unit size
            width = 1 / float(np.linalg.norm(found.path))
        short = top - found.value
        s = rises * t
        if short > drop:
            low = max(low, s)
        else:
            high = min(high, s)
        excess = math.log(short / drop) if short > 0 else -math.inf
        climb = rises * found.slope
        move = excess * short / climb if short > 0 and climb > 0 else math.nan
        if abs(excess) <= _CLOSE and math.isfinite(move):
            return Crossing(t + rises * move, found.x)
        target = s + move
        bracketed = math.isfinite(low) and math.isfinite(high)
        if bracketed and not low < target < high:
            target = (low + high) / 2
        elif not bracketed and not abs(move) <= 2 * width:
            width *= 2
            target = s + math.copysign(width, excess)
        if bracketed and high - low <= 1e-13 * max(1.0, abs(s)):
            return Crossing(rises * (low + high) / 2, found.x)
        x = found.x + (rises * target - t) * found.path
        t = rises * target
    raise EstimationError(
        "A profile bound was not found within 200 steps; the log-likelihood is "
        f"{short:.6g} below its maximum at {t:.6g}."
    )
