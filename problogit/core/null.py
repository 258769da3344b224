"""The null model: what is known without any predictor."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit

from problogit.core.blocks import Array
from problogit.core.likelihood import kernel

__all__ = ["null_intercept", "null_value"]

_CLOSE = 1e-12  # a Newton step of this size leaves an error of its square


def null_intercept(events: Array, trials: Array, offset: Array, near: float | None = None) -> float:
    """Maximum-likelihood intercept of logit p = b + offset.

    Closed form, logit of the event rate, where the offset is constant; otherwise a safeguarded one-dimensional
    Newton on the score, which is monotone. Infinite when all outcomes are equal.

    Parameters
    ----------
    events, trials, offset : ndarray, shape (n_rows,)
        Weighted events and trials.
    near : float, optional
        A guess, where there is one: the intercept of a similar offset.
    """
    total, happened = float(trials.sum()), float(events.sum())
    if happened <= 0 or happened >= total:
        return -np.inf if happened <= 0 else np.inf
    start = float(logit(happened / total))
    if np.ptp(offset) == 0:
        return start - float(offset[0])
    low, high = start - float(offset.max()), start - float(offset.min())
    intercept = (low + high) / 2 if near is None or not low <= near <= high else near
    for _ in range(200):
        p = expit(intercept + offset)
        score = happened - float(trials @ p)
        low, high = (intercept, high) if score > 0 else (low, intercept)
        slope = float(trials @ (p * expit(-intercept - offset)))
        step = score / slope if slope > 0 else np.inf
        proposed = intercept + step
        if not low <= proposed <= high:
            proposed = (low + high) / 2
        if abs(proposed - intercept) <= _CLOSE * max(1.0, abs(intercept)):
            return proposed
        intercept = proposed
    return intercept


def null_value(events: Array, trials: Array, offset: Array, has_intercept: bool) -> float:
    """Log-likelihood kernel of the null model: intercept and offset, or the offset alone without an intercept."""
    intercept = null_intercept(events, trials, offset) if has_intercept else 0.0
    if not np.isfinite(intercept):
        return 0.0
    if offset.size and np.ptp(offset) == 0:  # one probability for all rows: one term instead of n
        level = np.atleast_1d(intercept + offset[0])
        return float(kernel(level, events.sum(), trials.sum())[0])
    return float(kernel(intercept + offset, events, trials).sum())
