"""Natural cubic splines as R's ``splines::ns`` makes them; formulaic has the other bases."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline

__all__ = ["natural_spline"]

_ORDER = 4


def natural_spline(
    x: NDArray[np.float64],
    state: MutableMapping[str, Any],
    df: int | None = None,
    knots: Sequence[float] | None = None,
    *,
    include_intercept: bool = False,
    lower_bound: float | None = None,
    upper_bound: float | None = None,
) -> NDArray[np.float64]:
    """Basis of the natural cubic splines with given knots, linear beyond the boundary knots.

    The B-spline basis is restricted to functions whose second derivative vanishes at both boundary knots, by the
    QR decomposition of the two constraints (Hastie, in Chambers and Hastie, *Statistical Models in S*, 1992).

    Parameters
    ----------
    x : ndarray, shape (n,)
        Where to evaluate.
    state : mapping
        ``knots``, ``lower_bound`` and ``upper_bound``: learned when empty, used otherwise.
    df : int, optional
        Number of columns; places ``df - 1 - include_intercept`` inner knots at quantiles of `x`.
    knots : sequence of float, optional
        Inner knots, instead of `df`.
    include_intercept : bool
        Whether the basis holds the constant.
    lower_bound, upper_bound : float, optional
        Boundary knots; by default the range of `x`.

    Returns
    -------
    ndarray, shape (n, df)

    Raises
    ------
    ValueError
        Both `df` and `knots`, or too small a `df`.
    """
    if "knots" not in state:
        _learn(x, state, df, knots, free=int(include_intercept), bounds=(lower_bound, upper_bound))
    low, high = float(state["lower_bound"]), float(state["upper_bound"])
    inner = np.asarray(state["knots"], dtype=np.float64)
    full = np.concatenate([np.repeat(low, _ORDER), inner, np.repeat(high, _ORDER)])
    spline = BSpline(full, np.eye(len(full) - _ORDER), _ORDER - 1)
    first = 0 if include_intercept else 1
    constraints = spline.derivative(2)(np.array([low, high]))[:, first:]
    basis = _values(spline, x, low, high)[:, first:]
    rotation = np.linalg.qr(constraints.T, mode="complete")[0]
    # einsum, not a BLAS product, whose last bit would depend on how many rows are evaluated together
    return np.asarray(np.einsum("ij,jk->ik", basis, rotation[:, 2:]), dtype=np.float64)


def _learn(
    x: NDArray[np.float64],
    state: MutableMapping[str, Any],
    df: int | None,
    knots: Sequence[float] | None,
    *,
    free: int,
    bounds: tuple[float | None, float | None],
) -> None:
    if df is not None and knots is not None:
        raise ValueError("give df or knots, not both.")
    low = float(np.min(x) if bounds[0] is None else bounds[0])
    high = float(np.max(x) if bounds[1] is None else bounds[1])
    if not low < high:
        raise ValueError("a spline needs at least two distinct values.")
    if knots is None:
        n_inner = (1 if df is None else df) - 1 - free
        if n_inner < 0:
            raise ValueError(f"df must be at least {1 + free}.")
        inside = x[(x >= low) & (x <= high)]
        knots = np.quantile(inside, np.linspace(0, 1, n_inner + 2)[1:-1]).tolist() if n_inner else []
    inner = sorted(float(knot) for knot in knots)
    if inner and not low < inner[0] <= inner[-1] < high:
        raise ValueError(f"knots must lie between {low:g} and {high:g}.")
    state.update(knots=inner, lower_bound=low, upper_bound=high)


def _values(spline: BSpline[Any], x: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """The B-spline basis, continued by its tangents outside the boundary knots."""
    clipped = np.clip(x, low, high)
    values = np.asarray(spline(clipped), dtype=np.float64)
    outside = clipped != x
    if outside.any():
        slopes = np.asarray(spline.derivative(1)(clipped[outside]), dtype=np.float64)
        values[outside] += (x - clipped)[outside][:, None] * slopes
    return values
