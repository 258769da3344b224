"""Profile-likelihood intervals of a fit."""

from __future__ import annotations

import numpy as np
from scipy.special import chdtri

from problogit.core.coefficients import Interval
from problogit.data.rows import Array
from problogit.errors import InputError
from problogit.estimate import Estimate
from problogit.validation import check_probability

__all__ = ["PROFILE", "profile_interval"]

PROFILE = "confidence-profile"


def profile_interval(estimate: Estimate, weights: Array, prob: float = 0.95) -> Interval:
    """Profile-likelihood intervals of linear combinations of the coefficients.

    The interval holds every value t whose best fit, among coefficients with c'beta = t, has a log-likelihood within
    half the chi-squared quantile of the maximum. Under separation it is one-sided, [L, Inf) or (-Inf, U], where a
    combination is infinite, and NaN where the data leave its sign undetermined.

    Parameters
    ----------
    estimate : Estimate
        A fit whose method answers questions of likelihood inference.
    weights : ndarray of shape (k, n_terms)
        The combinations.
    prob : float

    Returns
    -------
    Interval
        On the log-odds scale, kind ``confidence-profile``.

    Raises
    ------
    InputError
        The method has no profile likelihood.
    """
    prob = check_probability("prob", prob)
    problem = estimate.problem
    refusal = estimate.method.refusal("profile", problem)
    if refusal:
        raise InputError(refusal)
    drop = float(chdtri(1, 1 - prob)) / 2
    ends = estimate.method.likelihood_inference(estimate).bounds(np.atleast_2d(weights), drop)
    return Interval(ends.lower, ends.upper, PROFILE)
