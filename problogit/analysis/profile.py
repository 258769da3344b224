"""Profile-likelihood intervals of a fit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import chdtri

from problogit.core.coefficients import Interval
from problogit.core.profile import profile_bounds
from problogit.data.rows import Array
from problogit.errors import InputError, explain
from problogit.estimate import Estimate
from problogit.validation import check_probability, nearest

__all__ = ["PROFILE", "profile_interval"]

PROFILE = "confidence-profile"


def profile_interval(estimate: Estimate, weights: Array | Sequence[str], prob: float = 0.95) -> Interval:
    """Profile-likelihood intervals of linear combinations of the coefficients.

    The interval holds every value t whose best fit, among coefficients with c'beta = t, has a log-likelihood within
    half the chi-squared quantile of the maximum. Under separation it is one-sided, [L, Inf) or (-Inf, U], where a
    combination is infinite, and NaN where the data leave its sign undetermined.

    Parameters
    ----------
    estimate : Estimate
        A fit whose method answers questions of likelihood inference.
    weights : ndarray of shape (k, n_terms), or sequence of str
        The combinations, or names of terms.
    prob : float

    Returns
    -------
    Interval
        On the log-odds scale, kind ``confidence-profile``.

    Raises
    ------
    InputError
        The method has no profile likelihood, or a term is unknown.
    """
    prob = check_probability("prob", prob)
    problem = estimate.problem
    refusal = estimate.method.refusal("profile", problem)
    if refusal:
        raise InputError(refusal)
    rows = weights if isinstance(weights, np.ndarray) else _rows(estimate, weights)
    drop = float(chdtri(1, 1 - prob)) / 2
    ends = profile_bounds(problem.likelihood, problem.maximum, problem.scaling, np.atleast_2d(rows), drop)
    return Interval(ends.lower, ends.upper, PROFILE)


def _rows(estimate: Estimate, names: Sequence[str]) -> Array:
    rows = np.zeros((len(names), len(estimate.terms)))
    for i, name in enumerate(names):
        if name not in estimate.terms:
            close = nearest(name, estimate.terms)
            remedy = f"Did you mean {close!r}?" if close else ""
            raise InputError(explain("weights", "must name terms of this fit", name, remedy))
        rows[i, estimate.terms.index(name)] = 1.0
    return rows
