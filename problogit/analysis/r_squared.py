"""Deviance and pseudo R-squared."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import xlogy

from problogit.analysis.predict import probabilities
from problogit.estimate import Estimate
from problogit.validation import check_choice

__all__ = ["deviance", "r_squared"]

KINDS = ("mcfadden", "tjur", "nagelkerke", "cox-snell")


def r_squared(estimate: Estimate, kind: str = "mcfadden") -> float:
    """Pseudo R-squared on the Bernoulli scale: every trial is an outcome, and log C(m, s) does not enter.

    Parameters
    ----------
    estimate : Estimate
    kind : str
        ``mcfadden`` 1 - l / l0; ``cox-snell`` 1 - exp(2 (l0 - l) / n); ``nagelkerke`` that over its largest value
        1 - exp(2 l0 / n); ``tjur`` the mean probability of events minus that of non-events. l and l0 are the
        log-likelihoods of the fit and of the null model (intercept and offset), n the number of trials.

    Returns
    -------
    float
        NaN where the null model fits perfectly, so that there is nothing to explain.
    """
    check_choice("kind", kind, KINDS)
    if kind == "tjur":
        return _tjur(estimate)
    problem = estimate.problem
    constant = problem.log_constant if problem.response.counts else 0.0
    fitted, null = estimate.stats.loglik - constant, estimate.stats.null_loglik - constant
    if null == 0:
        return math.nan
    if kind == "mcfadden":
        return 1 - fitted / null
    n = problem.sample.n_trials
    if problem.weights_type == "importance":
        n = float(problem.rows.weights @ problem.rows.trials)
    cox_snell = -math.expm1(2 * (null - fitted) / n)
    return cox_snell if kind == "cox-snell" else cox_snell / -math.expm1(2 * null / n)


def _tjur(estimate: Estimate) -> float:
    rows = estimate.problem.rows
    p = probabilities(estimate, rows.X, rows.offset)
    events, others = rows.weights * rows.successes, rows.weights * (rows.trials - rows.successes)
    known = ~np.isnan(p)
    events, others, p = events[known], others[known], p[known]
    if events.sum() == 0 or others.sum() == 0:
        return math.nan
    return float(events @ p / events.sum() - others @ p / others.sum())


def deviance(estimate: Estimate) -> float:
    """Residual deviance: twice the distance to the saturated model, one parameter for each row, as R's glm.

    2 sum w [s log(s / m) + (m - s) log((m - s) / m)] - 2 l, where l is the log-likelihood kernel.
    """
    problem = estimate.problem
    if not problem.response.counts:
        return -2 * estimate.stats.loglik
    rows = problem.rows
    failures = rows.trials - rows.successes
    saturated = xlogy(rows.successes, rows.successes / rows.trials) + xlogy(failures, failures / rows.trials)
    return 2 * (float(rows.weights @ saturated) - (estimate.stats.loglik - problem.log_constant))
