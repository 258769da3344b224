"""Profile-likelihood bounds of linear combinations of the coefficients.

The profile log-likelihood of c'x at t is f_c(t) = max {f(x) : c'x = t}. It is concave in t, and the interval holds the
t with 2 (max f - f_c(t)) <= q, q a quantile of chi-squared with one degree of freedom (`problogit.core.profile_end`).

Under separation max f is a supremum. A combination that stays finite has the profile of the rows that are not
separated. For one that runs to +Inf the profile only falls to the left: its interval is [L, Inf).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr

from problogit.core.blocks import Array, Matrix
from problogit.core.coefficients import as_dense
from problogit.core.likelihood import BinomialLikelihood
from problogit.core.maximum import Maximum, starting_point
from problogit.core.newton import Objective
from problogit.core.profile_end import crossing, profile_end, restricted_maximum
from problogit.core.scaling import Scaling
from problogit.core.separation import find_separation

__all__ = ["ProfileBounds", "TermProfile", "profile_bounds"]

Mask = NDArray[np.bool_]
Positions = NDArray[np.int64]


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
    return crossing(lambda point: restricted_maximum(objective, point, c), x, c, supremum, drop, 1.0).t


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
