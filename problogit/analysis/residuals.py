"""Residuals of single rows, by the definitions of R's `residuals.glm`, `rstandard` and statmod's `qresid`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.special import betainc, expit, ndtri_exp

from problogit.analysis.fitted import FittedRows, fitted_rows, row_labels
from problogit.analysis.influence import leverages, remaining
from problogit.core.likelihood import log_binomial_constant
from problogit.data.rows import Array
from problogit.errors import InputError, explain
from problogit.estimate import Estimate
from problogit.validation import check_choice, seed_sequence

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["KINDS", "Kind", "log_tails", "quantile_residuals", "residuals"]

Kind = Literal["deviance", "pearson", "quantile", "response"]
KINDS = ("deviance", "pearson", "quantile", "response")


def residuals(
    estimate: Estimate,
    kind: Kind = "deviance",
    standardized: bool = False,
    rng: int | np.random.Generator | None = None,
) -> pd.Series[float]:
    """Residuals of the rows in use.

    Parameters
    ----------
    estimate : Estimate
    kind : str
        ``deviance``: signed root of the row's share of the deviance. ``pearson``: (s - m p) / sqrt(m p (1 - p)).
        ``response``: s / m - p. ``quantile``: normal quantile of a point drawn evenly from the step of the binomial
        distribution function at s (Dunn & Smyth 1996, J. Comput. Graph. Statist. 5:236): standard normal where the
        model is right, also for 0/1 outcomes.
    standardized : bool
        Divide deviance and Pearson residuals by sqrt(1 - leverage).
    rng : int, Generator or None
        Of the quantile residuals.

    Returns
    -------
    Series
        Indexed by the user's labels of the rows in use. Importance and sampling weights multiply the squares of
        deviance and Pearson residuals; a row with a frequency weight has the residual of one of its copies. Where
        separation predicts a row perfectly its residual is 0 (its quantile residual random).

    Raises
    ------
    InputError
        An option does not exist, or `standardized` with a kind that has no standard form.
    """
    import pandas as pd

    check_choice("kind", kind, KINDS)
    if standardized and kind not in ("deviance", "pearson"):
        remedy = "Quantile residuals have unit variance as they are."
        raise InputError(
            explain("standardized", "goes with kind='deviance' or 'pearson'", standardized, remedy)
        )
    fitted = fitted_rows(estimate)
    attrs: dict[str, object] = {"modelled": estimate.problem.response.describe()}
    if kind == "quantile":
        seeds = seed_sequence(rng)
        attrs["seed"] = int(str(seeds.entropy))
        values = quantile_residuals(fitted, np.random.default_rng(seeds).random(fitted.trials.size))
    elif kind == "response":
        values = fitted.raw / fitted.trials
    else:
        values = fitted.deviance if kind == "deviance" else fitted.pearson
    if standardized:
        values = values / np.sqrt(remaining(leverages(estimate)))
    found = pd.Series(
        values, index=row_labels(estimate), name=f"standardized_{kind}" if standardized else kind
    )
    found.attrs.update(attrs)
    return found


def log_tails(fitted: FittedRows) -> tuple[Array, Array]:
    """log P(S <= s) and log P(S >= s) of each row's outcome under its fitted probability; NaN where there is none."""
    below, above, density = _log_parts(fitted)
    return np.minimum(np.logaddexp(below, density), 0.0), np.minimum(np.logaddexp(above, density), 0.0)


def quantile_residuals(fitted: FittedRows, u: Array) -> Array:
    """Normal quantiles of F(s - 1) + u f(s), F and f the binomial distribution and its density.

    The smaller of the two tails is used, on the log scale, so that a surprise at p = 1e-300 has a finite residual.

    Parameters
    ----------
    fitted : FittedRows
    u : ndarray, shape (n_rows,)
        Uniform on [0, 1).
    """
    below, above, density = _log_parts(fitted)
    u = np.clip(u, 2.0**-54, 1 - 2.0**-54)
    lower = np.minimum(np.logaddexp(below, np.log(u) + density), 0.0)
    upper = np.minimum(np.logaddexp(above, np.log1p(-u) + density), 0.0)
    return np.where(lower < upper, ndtri_exp(lower), -ndtri_exp(upper))


def _log_parts(fitted: FittedRows) -> tuple[Array, Array, Array]:
    """log P(S < s), log P(S > s) and log P(S = s)."""
    eta, s, m = fitted.log_odds, fitted.successes, fitted.trials
    with np.errstate(divide="ignore", invalid="ignore"):
        below = np.where(s > 0, np.log(betainc(m - s + 1, np.maximum(s, 1), expit(-eta))), -np.inf)
        above = np.where(s < m, np.log(betainc(s + 1, np.maximum(m - s, 1), expit(eta))), -np.inf)
        lost = np.where(s > 0, s * np.logaddexp(0.0, -eta), 0.0)
        lost += np.where(s < m, (m - s) * np.logaddexp(0.0, eta), 0.0)
    density = log_binomial_constant(s, m) - lost
    unknown = np.isnan(eta)
    return (
        np.where(unknown, np.nan, below),
        np.where(unknown, np.nan, above),
        np.where(unknown, np.nan, density),
    )
