"""Profile-likelihood bounds of linear combinations of the coefficients.

The profile log-likelihood of c'x at t is f_c(t) = max {f(x) : c'x = t}. It is concave in t, and the interval holds the
t with 2 (max f - f_c(t)) <= q, q a quantile of chi-squared with one degree of freedom. An end is a point x with
f(x) = max f - q / 2 and a gradient along c: Newton's method on these equations (Venzon & Moolgavkar 1988) finds it
from the quadratic model at the maximum in about four evaluations. Where that fails, the end is bracketed and f_c is
computed by a Newton method that stays on c'x = t.

Under separation max f is a supremum. A combination that stays finite has the profile of the rows that are not
separated. For one that runs to +Inf the profile only falls to the left: its interval is [L, Inf).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve, qr

from problogit.core.blocks import Array, Matrix
from problogit.core.coefficients import as_dense
from problogit.core.likelihood import BinomialLikelihood
from problogit.core.maximum import Maximum, starting_point
from problogit.core.newton import Objective
from problogit.core.scaling import Scaling
from problogit.core.separation import find_separation
from problogit.errors import EstimationError

__all__ = [
    "Crossing",
    "ProfileBounds",
    "Restricted",
    "TermProfile",
    "crossing",
    "profile_bounds",
    "profile_end",
]

Mask = NDArray[np.bool_]
Positions = NDArray[np.int64]

_CLOSE = 1e-6  # a step this small, in standard errors, is the last: the error after it is its square
_FARTHEST = 3.0  # one step goes at most so many times the distance to the end in the quadratic model


@dataclass(frozen=True, eq=False)
class ProfileBounds:
    """Ends of profile intervals.

    Attributes
    ----------
    lower, upper : ndarray, shape (k,)
        +-Inf where the profile never comes back down; NaN where the data say nothing of the combination.
    """

    lower: Array
    upper: Array


@dataclass(frozen=True, eq=False)
class TermProfile:
    """Profile ends and likelihood-ratio statistics of every coefficient: what a summary by profiles is made of.

    Attributes
    ----------
    prob : float
        Level of the ends.
    lower, upper : ndarray, shape (n_terms,)
    statistic : ndarray, shape (n_terms,)
        Likelihood ratio of "this coefficient is zero", one degree of freedom. NaN for aliased columns.
    """

    prob: float
    lower: Array
    upper: Array
    statistic: Array


def profile_bounds(
    likelihood: BinomialLikelihood, maximum: Maximum, scaling: Scaling, L: Array, drop: float
) -> ProfileBounds:
    """Profile intervals of the rows of L beta.

    Parameters
    ----------
    likelihood : BinomialLikelihood
        In original units, over all columns.
    maximum : Maximum
        Of this likelihood.
    scaling : Scaling
        The columns that the solver uses.
    L : ndarray, shape (k, n_terms)
    drop : float
        How far the log-likelihood may fall: half a quantile of chi-squared with one degree of freedom.
    """
    kept = maximum.aliases.kept
    estimable = ~maximum.aliases.outside(L) & L.any(axis=1)
    rows = L[:, kept]
    if kept.size < L.shape[1]:
        likelihood, scaling = likelihood.columns(kept), _columns(scaling, maximum)
    bounds = ProfileBounds(np.full(L.shape[0], np.nan), np.full(L.shape[0], np.nan))
    if maximum.separation is None:
        matrix = scaling.matrix()
        scaled = likelihood.in_coordinates(scaling.center, scaling.scale)
        _two_sided(scaled, scaling.to_scaled(maximum.beta), rows @ matrix, drop, estimable, bounds)
    else:
        verdict = maximum.separation.classify(rows)
        _finite(likelihood, maximum, rows, drop, estimable & (verdict == "finite"), bounds)
        for j in np.flatnonzero(estimable & ((verdict == "+Inf") | (verdict == "-Inf"))):
            side = 1.0 if verdict[j] == "+Inf" else -1.0
            end = side * _open_end(likelihood, scaling, side * rows[j], maximum.kernel, drop)
            bounds.lower[j], bounds.upper[j] = (end, np.inf) if side > 0 else (-np.inf, end)
    return bounds


def _columns(scaling: Scaling, maximum: Maximum) -> Scaling:
    kept, place = maximum.aliases.kept, None
    if scaling.intercept is not None:
        place = int(np.flatnonzero(kept == scaling.intercept)[0])
    return Scaling(scaling.center[kept], scaling.scale[kept], place)


def _two_sided(
    objective: Objective, x: Array, C: Array, drop: float, wanted: Mask, bounds: ProfileBounds
) -> None:
    """Fill in both ends for each wanted row c of C, from the maximum at x."""
    if not wanted.any():
        return
    first = objective.information(x)
    for j in np.flatnonzero(wanted):
        bounds.lower[j] = profile_end(objective, x, first, C[j], drop, -1.0)
        bounds.upper[j] = profile_end(objective, x, first, C[j], drop, 1.0)


def _finite(
    likelihood: BinomialLikelihood,
    maximum: Maximum,
    rows: Array,
    drop: float,
    wanted: Mask,
    bounds: ProfileBounds,
) -> None:
    """The combinations that stay finite: separated rows add nothing to the supremum at any value of them."""
    if maximum.separation is None or maximum.basis is None or not wanted.any():
        return
    rest = likelihood.take(np.flatnonzero(~maximum.separation.separated_rows)).mapped(maximum.basis)
    orthogonal, triangle = qr(as_dense(rest.X), mode="economic")
    size = math.sqrt(orthogonal.shape[0])
    objective = replace(rest, X=np.ascontiguousarray(orthogonal * size))
    C = np.asarray(np.linalg.solve(triangle.T, (rows @ maximum.basis).T).T * size, dtype=np.float64)
    _two_sided(objective, triangle @ maximum.beta / size, C, drop, wanted, bounds)


# -- one end of an ordinary profile --------------------------------------------------------------------------------


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
    return crossing(lambda point: _restricted(objective, point, c), start, c, top, drop, -side).t


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


def _restricted(objective: Objective, x: Array, c: Array) -> Restricted:
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


# -- one-sided profiles under separation ---------------------------------------------------------------------------


def _open_end(
    likelihood: BinomialLikelihood, scaling: Scaling, row: Array, supremum: float, drop: float
) -> float:
    """Lower end for a combination that runs to +Inf.

    beta = a t + N u, where row @ a = 1 and the columns of N span row @ d = 0. Rows that directions inside N separate
    add nothing to the supremum at any t, so they are left out first; what remains has an ordinary maximum in u for
    every t.
    """
    a, N = _split(row, scaling.scale)
    inside = replace(likelihood, X=_product(likelihood.X, N))
    keep, identified = _identified(inside)
    start = starting_point(likelihood.in_coordinates(scaling.center, scaling.scale), scaling)
    beta = scaling.to_original(start)
    others = np.delete(np.arange(row.size), int(np.argmax(a != 0)))
    v = np.concatenate([[row @ beta], beta[others][identified]])
    reduced = likelihood.take(keep).mapped(np.column_stack([a, N[:, identified]]))
    objective, back, x = _orthonormal(reduced, v)
    along = np.zeros(v.size)
    along[0] = 1.0
    c = back.T @ along
    return crossing(lambda point: _restricted(objective, point, c), x, c, supremum, drop, 1.0).t


def _split(row: Array, scale: Array) -> tuple[Array, Array]:
    """A vector with row @ a = 1 and columns with row @ N = 0; both exact (0 and 1) where row picks a coefficient."""
    pivot = int(np.argmax(np.abs(row / scale)))
    a = np.zeros(row.size)
    a[pivot] = 1 / row[pivot]
    N = np.eye(row.size)
    N[pivot] = -row / row[pivot]
    return a, np.delete(N, pivot, axis=1)


def _product(X: Matrix, N: Array) -> Array:
    """X @ N with rounding noise set to zero: a row that is 0 must not look as if it were separated."""
    values, size = np.asarray(X @ N), np.asarray(abs(X) @ np.abs(N))
    return np.where(np.abs(values) <= 1e-12 * size, 0.0, values)


def _orthonormal(likelihood: BinomialLikelihood, v: Array) -> tuple[BinomialLikelihood, Array, Array]:
    """The likelihood over orthonormal columns (times sqrt n) x, B with v = B x, and the x of this v."""
    orthogonal, triangle = qr(as_dense(likelihood.X), mode="economic")
    size = math.sqrt(orthogonal.shape[0])
    back = np.linalg.inv(triangle) * size
    start = np.asarray(triangle @ v / size, dtype=np.float64)
    return replace(likelihood, X=np.ascontiguousarray(orthogonal * size)), np.asarray(back), start


def _identified(within: BinomialLikelihood) -> tuple[Positions, Positions]:
    """Rows that no direction of this design separates, and columns that are identified on them."""
    everything: tuple[Positions, Positions] = (
        np.arange(within.n_rows, dtype=np.int64),
        np.arange(within.n_terms, dtype=np.int64),
    )
    if within.n_terms == 0:
        return everything
    names = tuple(f"u{j}" for j in range(within.n_terms))
    found = find_separation(
        within.X, within.weights * within.successes, within.weights * within.trials, names
    )
    if not found.exists:
        return everything
    return np.flatnonzero(found.finite_rows).astype(np.int64), found.identified.astype(np.int64)
