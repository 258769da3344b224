"""Coefficients: estimates, odds ratios, contrasts, tests, draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from problogit.analysis import (
    coefficients,
    contrasts,
    term_table,
)
from problogit.analysis import tests as term_tests
from problogit.data.rows import Array
from problogit.readings.base import Reading

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd


__all__ = ["CoefficientReadings"]


class CoefficientReadings(Reading):
    """Coefficients: estimates, odds ratios, contrasts, tests, draws."""

    @property
    def coef(self) -> pd.Series[float]:
        """Estimates by term: log-odds, original units of the predictors."""
        return coefficients.coef(self.estimate)

    @property
    def cov(self) -> pd.DataFrame:
        """Covariance of the estimates, terms x terms; NaN where there is none."""
        return coefficients.cov(self.estimate)

    def summary(self, prob: float = 0.95, interval: str | None = None, terms: bool = False) -> pd.DataFrame:
        """Estimates with their uncertainty, by term.

        Parameters
        ----------
        prob : float
            Probability of the intervals.
        interval : str, optional
            ``wald`` or ``profile`` (MLE), ``eti`` or ``hdi`` (Bayes); the method's default without it.
        terms : bool
            One line for each term of the formula, with the test of all its coefficients (MLE).

        Returns
        -------
        DataFrame
            ``estimate, std_error, lower, upper, interval`` and then ``statistic, p_value`` or
            ``r_hat, ess_bulk, ess_tail, prob_positive`` (``k_hat, ess, prob_positive`` of the Laplace sampler); by
            formula term ``test, statistic, df, p_value``.
        """
        if terms:
            return term_table.term_table(self.estimate, prob, interval)
        return coefficients.summary(self.estimate, prob, interval)

    def odds_ratios(
        self,
        prob: float = 0.95,
        interval: str | None = None,
        units: Mapping[str, float] | None = None,
        intercept: bool = False,
    ) -> pd.DataFrame:
        """Odds ratios with intervals, by term.

        Parameters
        ----------
        prob, interval
            As in `summary`.
        units : mapping of str to float, optional
            Odds ratio for a change of that many units, e.g. ``{"age": 10}``; 1 where not named.
        intercept : bool
            Also the intercept (the odds at predictors = 0).
        """
        return coefficients.odds_ratios(self.estimate, prob, interval, units, intercept)

    def draws(self, n: int | None = None, rng: int | np.random.Generator | None = None) -> Array:
        """Draws from the coefficient distribution, shape (n, n_terms)."""
        return coefficients.draws(self.estimate, n, rng)

    def contrast(self, weights: Any, prob: float = 0.95, interval: str | None = None) -> pd.DataFrame:
        """Linear contrasts of coefficients, e.g. ``"2 * x1 - x2"`` or ``{"race[T.black]": 1, "race[T.other]": -1}``."""
        return contrasts.contrast(self.estimate, weights, prob, interval)

    def test(
        self, term: str | Sequence[str], kind: Literal["lr", "wald", "score"] = "lr"
    ) -> term_tests.TestResult:
        """Test that all coefficients of a term of the formula, or of several together, are zero."""
        return term_tests.test(self.estimate, term, kind)
