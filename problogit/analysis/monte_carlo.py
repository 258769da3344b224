"""How far posterior quantities would move if the same posterior were drawn again: their Monte Carlo errors.

Means: sd / sqrt(ESS). Standard deviations: sd sqrt((kurtosis - 1) / (4 ESS)). Quantiles: half the distance between the
order statistics at the 16% and 84% points of Beta(q ESS + 1, (1 - q) ESS + 1) (Vehtari, Gelman, Simpson, Carpenter &
Buerkner 2021, Bayesian Analysis 16:667, appendix). Probabilities: sqrt(p (1 - p) / ESS). The effective sample sizes are
those that the fit's diagnostics show: bulk for centres, tail for ends of intervals.
"""

from __future__ import annotations

import math
from typing import cast

import numpy as np
from scipy.special import betaincinv, ndtr

from problogit.analysis.coefficients import exponential, terms_without_moments
from problogit.analysis.loo import is_posterior
from problogit.core.coefficients import DrawnCoefficients, check_kind, highest_density
from problogit.data.rows import Array
from problogit.estimate import Estimate

__all__ = ["decimals_known", "quantile_error", "term_errors"]

_ONE_SD = ndtr(np.array([[-1.0], [1.0]]))  # a normal distribution's points at -1 and 1 standard deviation


def term_errors(
    estimate: Estimate, prob: float = 0.95, interval: str | None = None, units: Array | None = None
) -> dict[str, Array] | None:
    """Monte Carlo standard errors of what tables show of each coefficient; None for a fit that is not a posterior.

    Parameters
    ----------
    estimate : Estimate
    prob, interval
        Of the intervals. The ends of a highest-density interval are taken as the quantiles that they are, which is a
        little too favourable.
    units : ndarray of shape (n_terms,), optional
        What multiplies each coefficient.

    Returns
    -------
    dict of ndarray, shape (n_terms,)
        ``estimate, std_error, lower, upper, odds_ratio, or_lower, or_upper, prob_positive``.
    """
    if not is_posterior(estimate):
        return None
    coefficients = cast(DrawnCoefficients, estimate.coefficients)
    bulk, tail = _effective_sizes(estimate, coefficients)
    draws = coefficients.flat if units is None else coefficients.flat * units
    ordered = np.sort(draws, axis=0)
    sd, centred = draws.std(axis=0, ddof=1), draws - draws.mean(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        kurtosis = np.mean(centred**4, axis=0) / np.mean(centred**2, axis=0) ** 2
        mean_error = sd / np.sqrt(bulk)
        spread_error = sd * np.sqrt((kurtosis - 1) / (4 * bulk))
        positive = (draws > 0).mean(axis=0)
        sign_error = np.sqrt(positive * (1 - positive) / bulk)
    middle = _window(ordered, np.full(sd.shape, 0.5), bulk)
    heavy = np.isin(estimate.terms, terms_without_moments(estimate))
    levels = _levels(ordered, prob, check_kind(interval, coefficients.kinds))
    ends = [_window(ordered, level, tail) for level in levels]
    half, exp_half = _half, _half_of_exponentials
    return {
        "estimate": np.where(heavy, half(middle), mean_error),
        "std_error": spread_error,
        "lower": half(ends[0]),
        "upper": half(ends[1]),
        "odds_ratio": exp_half(middle),
        "or_lower": exp_half(ends[0]),
        "or_upper": exp_half(ends[1]),
        "prob_positive": sign_error,
    }


def decimals_known(error: float) -> int:
    """Decimals of a number that was computed by simulation: its Monte Carlo error is below one unit of the last.

    Between -8 (to the hundred millions) and 8; 8 also where the error is not known.
    """
    if not math.isfinite(error) or error <= 0:
        return 8 if error != math.inf else -8
    return min(8, max(-8, math.floor(-math.log10(error))))


def quantile_error(ordered: Array, level: Array, ess: Array) -> Array:
    """Monte Carlo standard error of quantiles.

    Parameters
    ----------
    ordered : ndarray, shape (n_draws, k)
        Draws in increasing order.
    level, ess : ndarray, shape (k,)
        Which quantile of each column, and the effective sample size behind it.
    """
    return _half(_window(ordered, level, ess))


def _effective_sizes(estimate: Estimate, coefficients: DrawnCoefficients) -> tuple[Array, Array]:
    from problogit.arviz_io import effective_sizes

    known = estimate.details.effective_sizes
    bulk, tail = effective_sizes(coefficients.chains) if known is None else known
    most = float(coefficients.flat.shape[0])
    return np.nan_to_num(np.minimum(bulk, most), nan=1.0), np.nan_to_num(np.minimum(tail, most), nan=1.0)


def _levels(ordered: Array, prob: float, kind: str) -> tuple[Array, Array]:
    """Which quantiles the ends of the intervals are, each of shape (k,)."""
    size = ordered.shape[1]
    if not kind.endswith("hdi"):
        return np.full(size, (1 - prob) / 2), np.full(size, (1 + prob) / 2)
    lower, upper = highest_density(ordered, prob)
    return (ordered < lower).mean(axis=0), (ordered <= upper).mean(axis=0)


def _window(ordered: Array, level: Array, ess: Array) -> Array:
    """The order statistics one standard error below and above a quantile, shape (2, k)."""
    at = betaincinv(ess * level + 1, ess * (1 - level) + 1, _ONE_SD) * (ordered.shape[0] - 1)
    below = np.floor(at).astype(np.int64)
    above = np.minimum(below + 1, ordered.shape[0] - 1)
    columns = np.arange(ordered.shape[1])
    part = at - below
    return np.asarray(ordered[below, columns] * (1 - part) + ordered[above, columns] * part)


def _half(window: Array) -> Array:
    return np.asarray((window[1] - window[0]) / 2)


def _half_of_exponentials(window: Array) -> Array:
    with np.errstate(invalid="ignore"):
        return _half(exponential(window))
