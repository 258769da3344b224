"""Bounds of linear combinations of the coefficients, row by row with what each interval is.

Everything with bounds in the analysis asks here. The coefficient distribution gives its own kinds; profile-likelihood
intervals come from the likelihood; a combination that runs to infinity has the one-sided profile interval.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from problogit.analysis.profile import PROFILE, profile_interval
from problogit.core.coefficients import Marginals, as_dense, check_kind
from problogit.core.infinite import AliasedCoefficients
from problogit.data.rows import Array, Matrix
from problogit.errors import EstimationError, InputError
from problogit.estimate import Estimate
from problogit.validation import check_probability

__all__ = ["Bounds", "bounds", "unit_rows"]

Transform = Callable[[Array], Array]


@dataclass(frozen=True, eq=False)
class Bounds:
    """Lower and upper bounds with the kind of each interval.

    Attributes
    ----------
    lower, upper : ndarray, shape (k,)
    kinds : ndarray of object, shape (k,)
        ``confidence-wald``, ``credible-eti``, ...; ``none`` where there is no interval.
    """

    lower: Array
    upper: Array
    kinds: NDArray[np.object_]

    def mapped(self, transform: Transform) -> Bounds:
        """The ends under an increasing transform."""
        return Bounds(transform(self.lower), transform(self.upper), self.kinds)


def _same(values: Array) -> Array:
    return values


def unit_rows(estimate: Estimate, units: Array) -> Matrix:
    """One row for each coefficient as it is reported, times its unit; sparse, because there may be very many.

    Beside an aliased column, whose coefficient is held at zero, a coefficient stands for its share of that column too.
    """
    rows = sp.csr_array(sp.diags_array(units))
    if not isinstance(estimate.coefficients, AliasedCoefficients):
        return rows
    aliases = estimate.coefficients.aliases
    shares = sp.coo_array(units[aliases.kept][:, None] * aliases.relation)
    places = (aliases.kept[shares.coords[0]], aliases.dropped[shares.coords[1]])
    return sp.csr_array(rows + sp.coo_array((shares.data, places), shape=rows.shape))


def bounds(
    estimate: Estimate,
    L: Matrix | None,
    prob: float,
    interval: str | None = None,
    transform: Transform = _same,
    *,
    marginals: Marginals | None = None,
    open_ends: bool = True,
) -> Bounds:
    """Intervals of an increasing transform of L beta.

    Parameters
    ----------
    estimate : Estimate
    L : ndarray or csr_array of shape (k, n_terms), or None
        The coefficients themselves without it.
    prob : float
        Probability of the interval.
    interval : str, optional
        ``wald``, ``profile``, ``eti``, ``hdi`` or a full name; the default of the fit without it.
    transform : callable
        Applied to arrays whose last axis runs over the rows of L.
    marginals : Marginals, optional
        ``estimate.coefficients.marginals(L)``, where the caller has it already.
    open_ends : bool
        Where the default is asked for, give profile intervals where they are the method's default, and to combinations
        that are infinite their one-sided one; they cost a few constrained fits each and need the data (``none`` for a
        fit that was loaded without them).

    Raises
    ------
    InputError
        The fit has no interval of that kind.
    """
    prob = check_probability("prob", prob)
    refusal = estimate.method.refusal("profile", estimate.problem)
    offered = estimate.coefficients.kinds if refusal else (*estimate.coefficients.kinds, PROFILE)
    if interval in (PROFILE, "profile"):
        if refusal:
            raise InputError(refusal)
        return _profiled(estimate, _rows(estimate, L), prob, transform, marginals)
    if interval is None and open_ends:
        profiled = _by_default(estimate, L, prob, transform)
        if profiled is not None:
            return profiled
    kind = check_kind(interval, offered)
    marginals = estimate.coefficients.marginals(L) if marginals is None else marginals
    location = marginals.location
    inner = marginals.interval(prob, kind, transform)
    kinds = np.full(location.shape, inner.kind, dtype=object)
    kinds[~np.isfinite(location) | (np.isnan(inner.lower) & np.isnan(inner.upper))] = "none"
    found = Bounds(np.array(inner.lower), np.array(inner.upper), kinds)
    infinite = np.flatnonzero(np.isinf(location))
    if interval is None and open_ends and infinite.size and not refusal and estimate.problem.data is not None:
        _open(estimate, _rows(estimate, L), infinite, prob, transform, found)
    return found


def _rows(estimate: Estimate, L: Matrix | None) -> Array:
    return as_dense(unit_rows(estimate, np.ones(len(estimate.terms))) if L is None else L)


def _by_default(estimate: Estimate, L: Matrix | None, prob: float, transform: Transform) -> Bounds | None:
    """Profile intervals, where they are the method's default: those that the fit keeps, or new ones."""
    if L is None:
        kept = estimate.term_profile
        if kept is not None and kept.prob == prob:
            return _of_ends(transform(kept.lower), transform(kept.upper))
    if not estimate.method.likelihood_inference(estimate).default:
        return None
    try:
        return _profiled(estimate, _rows(estimate, L), prob, transform)
    except EstimationError:
        return None  # nobody asked for this one


def _profiled(
    estimate: Estimate, L: Array, prob: float, transform: Transform, marginals: Marginals | None = None
) -> Bounds:
    # Rows of a design repeat, and each profile is several fits.
    distinct, where = np.unique(L, axis=0, return_inverse=True)
    ends = profile_interval(estimate, distinct, prob)
    lower, upper = ends.lower[where.ravel()], ends.upper[where.ravel()]
    if marginals is not None and estimate.predictor is not estimate.coefficients:
        moved = (
            marginals.location - estimate.coefficients.marginals(L).location
        )  # by the intercept that predicts
        lower, upper = lower + moved, upper + moved
    return _of_ends(transform(lower), transform(upper))


def _of_ends(lower: Array, upper: Array) -> Bounds:
    kinds = np.where(np.isnan(lower) & np.isnan(upper), "none", PROFILE).astype(object)
    return Bounds(lower, upper, kinds)


def _open(
    estimate: Estimate, L: Array, infinite: NDArray[Any], prob: float, transform: Transform, into: Bounds
) -> None:
    try:
        ends = profile_interval(estimate, L[infinite], prob)
    except EstimationError:
        # Nobody asked for this one; asked for by name, a bound that cannot be computed is an error.
        return
    # The transform may depend on the row (offsets), so it is applied in place.
    lower, upper = np.full(into.lower.shape, np.nan), np.full(into.upper.shape, np.nan)
    lower[infinite], upper[infinite] = ends.lower, ends.upper
    into.lower[infinite], into.upper[infinite] = transform(lower)[infinite], transform(upper)[infinite]
    known = infinite[~(np.isnan(ends.lower) & np.isnan(ends.upper))]
    into.kinds[known] = PROFILE
