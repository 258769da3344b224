"""How good a fit is: calibration, scores, validation, decisions, recalibration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from problogit.analysis import calibration as calibrate
from problogit.analysis import confusion as decided
from problogit.analysis import (
    r_squared,
    recalibration,
    scores,
    validation,
)
from problogit.analysis.decisions import Costs
from problogit.progress import Progress, resolve_progress
from problogit.readings.base import Reading
from problogit.recalibrated import Recalibrated
from problogit.results import Calibration, DecisionCurve, decision_curves

if TYPE_CHECKING:
    import pandas as pd


__all__ = ["QualityReadings"]


class QualityReadings(Reading):
    """How good a fit is: calibration, scores, validation, decisions, recalibration."""

    def calibration(
        self,
        data: Any = None,
        resample: str = "auto",
        *,
        prob: float = 0.95,
        smooth: Literal["spline", "lowess", "loess"] = "spline",
        resamples: int | None = None,
        rng: int | np.random.Generator | None = 0,
        progress: bool | Progress | None = None,
    ) -> Calibration:
        """Are the probabilities right? Judged out of sample unless asked otherwise.

        Parameters
        ----------
        data : table, optional
            New data with predictors and response.
        resample : str
            How rows are left out, without `data`: ``auto``, ``loo``, ``exact``, ``folds`` or ``apparent``.
        prob : float
            Level of the bounds and confidence bands.
        smooth : str
            The smooth curve: a restricted cubic spline of the log-odds, or local regression as in rms or R's loess.
        resamples : int, optional
            Refits of the optimism bootstrap (slope, AUC), and as many to outcomes simulated from the fit. By default
            200 where rows x columns x refits is at most 5 million and a refit judges all rows; 0 for none.
        rng : int, Generator or None
            Deals folds, draws resamples, simulates.
        progress : bool or Progress, optional
            Whether to show a bar; by default where standard error is a terminal.
        """
        return Calibration(
            calibrate.calibration(
                self.estimate,
                data,
                resample,
                prob=prob,
                smooth=smooth,
                resamples=resamples,
                rng=rng,
                progress=resolve_progress(progress),
            )
        )

    def confusion(
        self,
        threshold: float | Costs = 0.5,
        data: Any = None,
        resample: str = "auto",
        *,
        prob: float = 0.95,
        interval: Literal["wilson", "clopper-pearson"] = "wilson",
        rng: int | np.random.Generator | None = 0,
        progress: bool | Progress | None = None,
    ) -> decided.Confusion:
        """What decisions at a threshold come to, with intervals; judged out of sample unless asked otherwise.

        Parameters
        ----------
        threshold : float or Costs
            An event is called where its probability reaches it; `Costs` also give the expected cost per trial.
        data : table, optional
            New data with predictors and response.
        resample : str
            ``"auto"``, ``"loo"``, ``"exact"``, ``"folds"`` or ``"apparent"``, as in `calibration`.
        prob : float
        interval : str
        rng : int, Generator or None
        progress : bool or Progress, optional
        """
        return decided.confusion(
            self.estimate,
            threshold,
            data,
            resample,
            prob=prob,
            interval=interval,
            rng=rng,
            progress=resolve_progress(progress),
        )

    def decision_curve(
        self,
        thresholds: Any = None,
        data: Any = None,
        resample: str = "auto",
        *,
        harm: float = 0.0,
        prevalence: float | None = None,
        prob: float = 0.95,
        rng: int | np.random.Generator | None = 0,
        progress: bool | Progress | None = None,
    ) -> DecisionCurve:
        """Net benefit of acting on the predictions, over thresholds, beside acting on everybody and on nobody.

        Parameters
        ----------
        thresholds : float, Costs or sequence of them, optional
            Strictly between 0 and 1; 0.01, 0.02, ... 0.99 without them.
        data : table, optional
            New data with predictors and response.
        resample : str
            ``"optimism"`` (net benefit on the training rows less its bootstrapped optimism), ``"loo"``, ``"exact"``,
            ``"folds"`` or ``"apparent"``; ``"auto"`` is the first while it takes seconds, else leave-one-out or folds.
        harm : float
            What predicting costs, in net benefit.
        prevalence : float, optional
            Share of events in the population, where that of the data is not: case-control data.
        prob : float
            Level of the bounds.
        rng : int, Generator or None
        progress : bool or Progress, optional
        """
        return decision_curves(
            [self],
            thresholds,
            data,
            resample,
            harm=harm,
            prevalence=prevalence,
            prob=prob,
            rng=rng,
            progress=progress,
        )

    def validate(
        self,
        data: Any = None,
        resamples: int = 300,
        by: Any = None,
        prob: float = 0.95,
        *,
        resample: Literal["auto", "bootstrap", "loo"] = "auto",
        rng: int | np.random.Generator | None = 0,
        progress: bool | Progress | None = None,
    ) -> validation.Validation:
        """Brier, log score, AUC, calibration slope and more: apparent, optimism, corrected, with limits.

        Parameters
        ----------
        data : table, optional
            New data with predictors and response, which are judged as they are: nothing to correct.
        resamples : int
            Of the optimism bootstrap, which repeats the whole fit, choices and all; a posterior by its stand-in.
        by : str or array, optional
            A column of the data, or labels of the rows: figures of each group, out of sample, in ``.groups``.
        prob : float
            Level of the limits.
        resample : str
            ``bootstrap``; ``loo`` (rows left out: quick, but slope and AUC are biased low); ``auto``: the bootstrap
            while rows x columns x resamples is at most 3e8 (beyond 3e6 by the mode of a posterior), and for a fit that
            chooses its strength, or when to stop, while resamples are at most 50.
        rng : int, Generator or None
            Draws the resamples.
        progress : bool or Progress, optional
            Without it, shown where standard error is a terminal.

        Returns
        -------
        Validation
            ``.frame``: ``apparent, optimism, corrected, lower, upper, interval, std_error, target`` (``value, lower,
            upper, interval, std_error, target`` for new data); ``.groups``, ``.decomposition()``, ``.shrinkage``.
        """
        bar = resolve_progress(progress)
        return validation.validate(
            self.estimate, data, resamples, by, prob, resample=resample, rng=rng, progress=bar
        )

    def recalibrate(  # noqa: PLR0913 - the keywords of a question are a contract
        self,
        method: Literal["shrink", "intercept", "logistic", "beta", "isotonic", "auto"] | None = None,
        data: Any = None,
        new_prevalence: float | None = None,
        *,
        sampling_rates: tuple[float, float] | None = None,
        resample: str = "auto",
        resamples: int = 300,
        prob: float = 0.95,
        rng: int | np.random.Generator | None = 0,
        progress: bool | Progress | None = None,
    ) -> Recalibrated[Self]:
        """The same fit with recalibrated predictions, whose intervals hold the uncertainty of the recalibration.

        Parameters
        ----------
        method : str, optional
            Without `data`: ``"shrink"`` (the default: log-odds times the bootstrapped calibration slope, at most 1, the
            intercept solved again), or ``"intercept"``, ``"logistic"`` (intercept and slope), ``"beta"`` (three
            parameters) or ``"isotonic"`` fitted to predictions of rows left out. With `data` the last four
            (``"logistic"`` by default), or ``"auto"``: tests choose none, intercept or logistic.
        data : table, optional
            New data with predictors and response.
        new_prevalence : float, optional
            Share of events in the population to predict for, where that of the data is another; exact, without a refit.
        sampling_rates : pair of float, optional
            Of case-control data: the rates at which events and non-events were sampled.
        resample : str
            How rows are left out: ``"auto"``, ``"loo"``, ``"exact"`` or ``"folds"``, as in `calibration`.
        resamples : int
            Of the bootstrap of ``"shrink"``.
        prob : float
            Level of the bounds in ``.parameters``.
        rng : int, Generator or None
        progress : bool or Progress, optional
            Whether to show a bar; by default where standard error is a terminal.

        Returns
        -------
        Recalibrated
            Predicts as a fit does; ``.parameters``, ``.fit`` (the original).
        """
        options = recalibration.Options(resample, resamples, rng, resolve_progress(progress))
        made = recalibration.recalibrate(
            self.estimate, method, data, new_prevalence, sampling_rates, options=options, prob=prob
        )
        return Recalibrated(made, self)

    def scores(self, data: Any = None, resample: str = "auto") -> pd.DataFrame:
        """Out-of-sample log score, Brier score and AUC."""
        return scores.scores(self.estimate, data, resample)

    def r_squared(self, kind: str = "mcfadden") -> float:
        """Pseudo R-squared: ``mcfadden``, ``tjur``, ``nagelkerke`` or ``cox-snell``."""
        return r_squared.r_squared(self.estimate, kind)
