"""What posteriors are asked: probabilities of ranges, leave-one-out, replications, priors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from problogit.analysis import (
    hyperparameters,
    prior_ranges,
    questions,
    replicates,
    sensitivity,
)
from problogit.analysis import loo as leave_one_out
from problogit.analysis import predictive_check as predictive
from problogit.readings.base import Reading
from problogit.results import PredictiveCheck

if TYPE_CHECKING:
    import pandas as pd


__all__ = ["PosteriorReadings"]


class PosteriorReadings(Reading):
    """What posteriors are asked: probabilities of ranges, leave-one-out, replications, priors."""

    def posterior_probability(
        self,
        weights: Any = None,
        low: float | None = None,
        high: float | None = None,
        odds_ratio: bool = False,
    ) -> pd.DataFrame:
        """P(low < quantity < high | data) of coefficients, odds ratios or contrasts; posteriors only.

        Parameters
        ----------
        weights : str, sequence of str, mapping, ...
            As in `contrast`; every coefficient but the intercept without it.
        low, high : float, optional
            The range: both for a region of practical equivalence; without either P(> 0), or P(odds ratio > 1).
        odds_ratio : bool
            The range is one of odds ratios.

        Returns
        -------
        DataFrame
            ``below, probability, above, mcse`` (the Monte Carlo standard error of `probability`).
        """
        return questions.posterior_probability(self.estimate, weights, low, high, odds_ratio)

    def loo(self, refit: Literal["auto", "all", "none"] = "auto") -> leave_one_out.LooResult:
        """Leave-one-out predictive density of a posterior, by Pareto-smoothed importance sampling.

        Parameters
        ----------
        refit : str
            Rows whose Pareto k-hat is too high are fitted again without them: ``auto`` for up to 100 rows, ``all`` of
            them, or ``none``. The result says what was done.
        """
        return leave_one_out.loo(self.estimate, refit)

    def predictive_check(
        self,
        by: Any = None,
        bins: int | None = None,
        draws: int = 500,
        prob: float = 0.95,
        rng: int | np.random.Generator | None = None,
    ) -> PredictiveCheck:
        """Observed shares of events beside those of outcomes drawn from the fit: overall, in bins, by group.

        Parameters
        ----------
        by : str or array, optional
            A column of the data or of the design, or labels of the rows in use, that divides them into groups.
        bins : int, optional
            Bins of the fitted probability.
        draws : int
            Number of replications.
        prob : float
            Level of the predictive ranges.
        """
        return PredictiveCheck(predictive.predictive_check(self.estimate, by, bins, draws, prob, rng))

    def posterior_predictive(
        self, draws: int | None = None, rng: int | np.random.Generator | None = None
    ) -> NDArray[np.signedinteger]:
        """Numbers of events of the rows in use drawn from the posterior predictive distribution, (draws, n_rows)."""
        return replicates.posterior_predictive(self.estimate, draws, rng)

    def prior_sensitivity(self, threshold: float = 0.05) -> pd.DataFrame:
        """How far prior and likelihood move each coefficient's posterior, by power-scaling, with a verdict by term.

        Returns
        -------
        DataFrame
            ``prior, likelihood`` (sensitivities), ``verdict, contraction, z_score`` by term.
        """
        return sensitivity.prior_sensitivity(self.estimate, threshold)

    def prior_ranges(self, prob: float = 0.95) -> pd.DataFrame:
        """What the prior held likely before the data, term by term: as asked for, as used, and as odds ratios.

        Returns
        -------
        DataFrame
            By term: ``asked_for, used, lower, upper, lower_sd, upper_sd`` (odds ratios per unit and per standard
            deviation) and ``in_words``.
        """
        return prior_ranges.prior_ranges(self.estimate, prob)

    def hyperparameters(self, prob: float = 0.95, local: bool = False) -> pd.DataFrame:
        """Posterior of learned prior scales, with r-hat and effective sample sizes; empty where there are none.

        Parameters
        ----------
        prob : float
        local : bool
            Also the scales of single coefficients under a horseshoe.
        """
        return hyperparameters.hyperparameters(self.estimate, prob, local)
