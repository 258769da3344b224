"""The rows of a fit beside what it predicts for them: where residuals and influence start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, xlogy

from problogit.data.rows import Array
from problogit.estimate import Estimate
from problogit.resampling import predicted_log_odds

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FittedRows", "fitted_rows", "row_labels"]


@dataclass(frozen=True, eq=False)
class FittedRows:
    """One entry for each row in use, shape (n_rows,) each.

    Attributes
    ----------
    log_odds : ndarray
        Of the fitted probability (for draws: of its mean over them). Infinite where separation predicts perfectly, NaN
        where separating directions disagree.
    successes, trials : ndarray
    prior_weights : ndarray
        What multiplies the log-likelihood of one unit: importance and (rescaled) sampling weights, 1 elsewhere.
    copies : ndarray
        Identical units that the row stands for: its frequency weight, 1 elsewhere.
    """

    log_odds: Array
    successes: Array
    trials: Array
    prior_weights: Array
    copies: Array

    @property
    def raw(self) -> Array:
        """Events beyond those expected, s - m p, of one unit; as s (1 - p) - (m - s) p, whose digits do not cancel."""
        p, q = expit(self.log_odds), expit(-self.log_odds)
        return np.asarray(self.successes * q - (self.trials - self.successes) * p)

    @property
    def pearson(self) -> Array:
        """sqrt(w) (s - m p) / sqrt(m p (1 - p)) = sqrt(w / m) (s exp(-eta / 2) - (m - s) exp(eta / 2))."""
        with np.errstate(over="ignore", invalid="ignore"):
            above = _product(self.successes, np.exp(-self.log_odds / 2))
            below = _product(self.trials - self.successes, np.exp(self.log_odds / 2))
            return np.asarray(np.sqrt(self.prior_weights / self.trials) * (above - below))

    @property
    def deviance(self) -> Array:
        """Signed root of the unit's share of the deviance, 2 w (s log(y / p) + (m - s) log((1 - y) / (1 - p)))."""
        others = self.trials - self.successes
        saturated = xlogy(self.successes, self.successes / self.trials) + xlogy(others, others / self.trials)
        kernel = _product(self.successes, np.logaddexp(0.0, -self.log_odds))
        kernel += _product(others, np.logaddexp(0.0, self.log_odds))
        share = np.maximum(2 * self.prior_weights * (saturated + kernel), 0.0)
        return np.asarray(np.sign(self.raw) * np.sqrt(share))


def _product(count: Array, value: Array) -> Array:
    """count * value, 0 where nothing is counted, whatever the value."""
    nothing = (count == 0) & ~np.isnan(value)
    return np.where(nothing, 0.0, count * np.where(nothing, 0.0, value))


def fitted_rows(estimate: Estimate) -> FittedRows:
    """The rows in use with their fitted log-odds."""
    problem, rows = estimate.problem, estimate.problem.rows
    frequency = problem.weights_type == "frequency"
    ones = np.ones(rows.n_obs)
    return FittedRows(
        predicted_log_odds(estimate.predictor, rows.X, rows.offset),
        rows.successes,
        rows.trials,
        ones if frequency else rows.weights,
        rows.weights if frequency else ones,
    )


def row_labels(estimate: Estimate) -> pd.Index:
    """The user's labels of the rows in use, shape (n_rows,)."""
    import pandas as pd

    rows = estimate.problem.rows
    labels: pd.Index = pd.Index(rows.index)
    return labels.take(rows.kept)
