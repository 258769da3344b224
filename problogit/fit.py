"""`Fit`: one way to read every fit. A facade of one-line methods over `Estimate`; it holds no logic."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from problogit import persistence
from problogit.analysis import (
    binned,
    coefficients,
    contrasts,
    diagnostics,
    hyperparameters,
    individual_risk,
    link,
    predict,
    prior_ranges,
    questions,
    r_squared,
    recalibration,
    replicates,
    scores,
    sensitivity,
    term_table,
    totals,
    validation,
)
from problogit.analysis import calibration as calibrate
from problogit.analysis import classify as classification
from problogit.analysis import collinearity as collinear
from problogit.analysis import confusion as decided
from problogit.analysis import effects as marginal
from problogit.analysis import group_totals as by_group
from problogit.analysis import influence as influences
from problogit.analysis import loo as leave_one_out
from problogit.analysis import path as paths
from problogit.analysis import predictive_check as predictive
from problogit.analysis import residuals as remainders
from problogit.analysis import tests as term_tests
from problogit.analysis.decisions import Costs
from problogit.data.rows import Array, Unseen
from problogit.errors import InputError, explain
from problogit.estimate import Estimate, Status
from problogit.estimators import external
from problogit.problem import HasProblem, Problem
from problogit.progress import Progress, resolve_progress
from problogit.recalibrated import Recalibrated
from problogit.results import Calibration, DecisionCurve, PredictiveCheck, decision_curves
from problogit.tables import text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

    from problogit.core.priors.base import ResolvablePrior

__all__ = ["Fit", "load"]


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted logistic regression, whatever the method.

    Parameters
    ----------
    estimate : Estimate
        What the engine returned: coefficient distribution, status, findings, provenance.
    """

    estimate: Estimate

    @classmethod
    def from_datatree(
        cls,
        model: HasProblem,
        tree: Any,
        *,
        prior: ResolvablePrior | None = None,
        variable: str = "beta",
    ) -> Fit:
        """A posterior that was sampled from the user's own PyMC model, most often an extended `pymc_model()`.

        Parameters
        ----------
        model : LogitModel
            Whose coefficients they are. Terms are matched by name, in any order; outcomes and predictors are compared
            where the tree holds them.
        tree : DataTree, InferenceData or Dataset
            What ``pm.sample()`` returned. ``sample_stats`` and ``log_likelihood`` are used where they are there; other
            variables of the posterior are kept.
        prior : Prior or Priors, optional
            The prior of the coefficients, where it is one of problogit's; nothing is said about it otherwise.
        variable : str
            Name of the coefficients in the tree.

        Raises
        ------
        InputError
            The tree does not belong to the model; the message names what differs.
        """
        if not isinstance(model, HasProblem) or not isinstance(model.problem, Problem):
            raise InputError(explain("model", "must be a LogitModel", model))
        return cls(external.estimate_from_tree(model.problem, tree, prior, variable))

    # -- coefficients ------------------------------------------------------------------------------------------

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

    def test(
        self, term: str | Sequence[str], kind: Literal["lr", "wald", "score"] = "lr"
    ) -> term_tests.TestResult:
        """Test that all coefficients of a term of the formula, or of several together, are zero."""
        return term_tests.test(self.estimate, term, kind)

    # -- probabilities -----------------------------------------------------------------------------------------

    def predict(
        self,
        data: Any = None,
        prob: float = 0.95,
        interval: str | None = None,
        unseen: Unseen = "error",
        output: Literal["pandas", "polars"] | None = None,
    ) -> Any:
        """Probabilities of the event with intervals, aligned with the rows of `data` (the training rows without).

        Returns
        -------
        DataFrame
            ``probability, lower, upper, interval``; NaN where a predictor is missing.
        """
        return predict.predict(self.estimate, data, prob, interval, unseen, output)

    def individual_risk(
        self,
        data: Any = None,
        prob: float = 0.95,
        interval: str | None = None,
        unseen: Unseen = "error",
        output: Literal["pandas", "polars"] | None = None,
    ) -> Any:
        """How sure each probability is: bounds, effective sample size, and whether the row is extrapolated.

        Returns
        -------
        DataFrame
            Of `predict`, and ``n_effective`` (people like this one whose share of events would be as precise),
            ``outside`` (the row lies outside the training data) and ``beyond`` (where).
        """
        return individual_risk.individual_risk(self.estimate, data, prob, interval, unseen, output)

    def predict_proba(self, data: Any = None, unseen: Unseen = "error") -> Array:
        """P(event) of every row, shape (n_rows,)."""
        return predict.predict_proba(self.estimate, data, unseen)

    def classify(
        self,
        data: Any = None,
        threshold: float | Costs = 0.5,
        unseen: Unseen = "error",
        *,
        uncertain: bool = False,
        prob: float = 0.95,
    ) -> NDArray[Any]:
        """The response's own label for every row: the event where its probability reaches `threshold`.

        Parameters
        ----------
        data : table, optional
        threshold : float or Costs
        unseen : str
            As in `predict`.
        uncertain : bool
            Label ``"uncertain"`` the rows whose interval of the probability lies on both sides of the threshold. The
            array is then one of strings where the labels are, else of objects.
        prob : float
            Probability of those intervals.
        """
        return classification.classify(self.estimate, data, threshold, unseen, uncertain=uncertain, prob=prob)

    def expected_total(
        self, data: Any = None, value: Any = 1.0, prob: float = 0.95, trials: Any = None
    ) -> totals.ExpectedTotal:
        """Expected sum of `value` over the events among the rows, with an interval."""
        return totals.expected_total(self.estimate, data, value, prob, trials)

    def effects(
        self,
        variables: Any = None,
        kind: marginal.EffectKind = "difference",
        at: Any = None,
        by: Any = None,
        prob: float = 0.95,
        *,
        interval: str | None = None,
        data: Any = None,
        extrapolate: bool = False,
    ) -> pd.DataFrame:
        """Effects on the probability scale, averaged over the rows: risk differences, ratios, marginal effects.

        Parameters
        ----------
        variables : str, sequence of str or mapping, optional
            Variables of the table; all of them without it. A mapping says how each is changed: a factor ``"reference"``
            (each level against it), ``"pairwise"``, ``"sequential"`` or ``("from", "to")``; a number ``10`` (is added),
            ``(30, 50)``, ``"sd"``, ``"iqr"`` or ``"minmax"``. By default factors go from the reference to each level,
            numbers with two values from one to the other, other numbers up by 1.
        kind : str
            ``difference`` of average probabilities, ``ratio``, ``lift`` (ratio - 1), ``odds_ratio`` (marginal),
            ``number_needed`` (1 / difference), ``slope`` (average derivative of the probability; differences for
            factors and two-valued numbers), or ``probability`` itself at each level (or quartile).
        at : mapping or str, optional
            Other variables set to these values in every row, e.g. ``{"age": [30, 50]}``; or one row instead of the
            observed ones: ``"mean"`` (most common labels), ``"typical"`` (medians), ``"reference"`` (reference levels).
        by : str or array, optional
            A column of the table by which the rows are grouped; numbers of more than 12 values into fifths.
        prob : float
            Probability of the intervals.
        interval : str, optional
            ``"eti"`` or ``"hdi"`` of a posterior; the method's default without it.
        data : table, optional
            Other rows to average over; the training rows without it.
        extrapolate : bool
            Allow values of numbers outside the training data.

        Returns
        -------
        DataFrame
            ``variable, contrast``, columns of `at` and `by`, ``estimate, std_error, lower, upper, interval, n``.
        """
        return marginal.effects(
            self.estimate,
            variables,
            kind,
            at,
            by,
            prob,
            interval=interval,
            data=data,
            extrapolate=extrapolate,
        )

    def expected_totals(
        self, by: Any, data: Any = None, value: Any = 1.0, prob: float = 0.95, trials: Any = None
    ) -> by_group.GroupTotals:
        """Expected sums of `value` over the events of each group of rows, and of all rows, with intervals.

        Parameters
        ----------
        by : str or array
            A column of the table, or one label for each of its rows.
        data, value, prob, trials
            As in `expected_total`.
        """
        return by_group.group_totals(self.estimate, by, data, value, prob, trials)

    # -- how good is it ----------------------------------------------------------------------------------------

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
        thresholds : float or sequence of float, optional
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
    ) -> Recalibrated[Fit]:
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

    def r_squared(self, kind: str = "mcfadden") -> float:
        """Pseudo R-squared: ``mcfadden``, ``tjur``, ``nagelkerke`` or ``cox-snell``."""
        return r_squared.r_squared(self.estimate, kind)

    # -- what to look at before it is reported -----------------------------------------------------------------

    def diagnostics(self, full: bool | None = None) -> diagnostics.Diagnostics:
        """What was checked, what was found, what to do; the gravest first.

        Parameters
        ----------
        full : bool, optional
            True: also what takes several passes over the rows (influence, outliers, link test, dispersion of counts)
            and, for a posterior, leave-one-out; False: none of it. Without it what takes a fraction of a second.
        """
        return diagnostics.diagnostics(self.estimate, full)

    def influence(
        self,
        terms: str | Sequence[str] | None = None,
        dfbetas: Literal["one-step", "r"] = "one-step",
    ) -> pd.DataFrame:
        """Leverage, Cook's distance, standardised residual and DFBETAS of the rows in use.

        Parameters
        ----------
        terms : str or sequence of str, optional
            Whose DFBETAS; all without it, none for ``()``.
        dfbetas : str
            ``one-step`` (Pregibon 1981), or ``r`` for the figures of `stats::dfbetas`.

        Returns
        -------
        DataFrame
            By the user's row labels: ``leverage, cooks_distance, std_residual`` and one column ``dfbetas[<term>]`` for
            each term, in standard errors. NaN for separated rows.
        """
        return influences.influence(self.estimate, terms, dfbetas)

    def residuals(
        self,
        kind: remainders.Kind = "deviance",
        standardized: bool = False,
        rng: int | np.random.Generator | None = None,
    ) -> pd.Series[float]:
        """Residuals of the rows: ``deviance``, ``pearson``, ``response`` or (randomised by `rng`) ``quantile``."""
        return remainders.residuals(self.estimate, kind, standardized, rng)

    def binned_residuals(self, by: Any = None, bins: int | None = None, prob: float = 0.95) -> pd.DataFrame:
        """Mean residuals in bins of the fitted probability, or of `by`, with the band in which they should lie."""
        return binned.binned_residuals(self.estimate, by, bins, prob)

    def collinearity(self, centred: bool = True) -> collinear.Collinearity:
        """Variance inflation of the terms, the condition number, and the columns that cause it."""
        return collinear.collinearity(self.estimate, centred)

    def link_test(self) -> link.LinkTest:
        """Whether the square of the linear predictor adds to it (Pregibon 1980)."""
        return link.link_test(self.estimate)

    @property
    def path(self) -> pd.DataFrame:
        """Tidy frame of the path: ``factor, term, estimate`` by strength, or ``step, ...`` of early stopping."""
        return paths.path(self.estimate)

    @property
    def path_values(self) -> pd.DataFrame:
        """One row for each strength (or step) of the path: degrees of freedom, fit, score, which was chosen."""
        return paths.path_values(self.estimate)

    # -- figures -----------------------------------------------------------------------------------------------

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of the coefficients."""
        return self.estimate.terms

    @property
    def nobs(self) -> int:
        """Number of units."""
        return self.estimate.problem.nobs

    @property
    def loglik(self) -> float:
        """Log-likelihood at the estimate, with log C(m, s)."""
        return self.estimate.stats.loglik

    @property
    def null_loglik(self) -> float:
        """Log-likelihood of the model without predictors."""
        return self.estimate.stats.null_loglik

    @property
    def deviance(self) -> float:
        """Residual deviance, as R's glm defines it."""
        return r_squared.deviance(self.estimate)

    @property
    def df_model(self) -> float:
        """Rank of the design; effective degrees of freedom for penalized fits; NaN for Bayes."""
        return self.estimate.stats.df_model

    @property
    def aic(self) -> float:
        """Akaike's criterion."""
        return self.estimate.stats.aic

    @property
    def bic(self) -> float:
        """Schwarz's criterion."""
        return self.estimate.stats.bic

    @property
    def status(self) -> Status:
        """How the fit ended."""
        return self.estimate.status

    @property
    def converged(self) -> bool:
        """False where the optimiser stopped early or the sampler's diagnostics failed."""
        return self.estimate.status.ended

    @property
    def raw(self) -> Any:
        """The statsmodels result, scipy OptimizeResult or sampler output; None where there is none."""
        return self.estimate.raw

    # -- other forms -------------------------------------------------------------------------------------------

    def to_datatree(self, log_likelihood: bool | None = None, predictive: bool = False) -> Any:
        """An xarray DataTree that ArviZ reads.

        Parameters
        ----------
        log_likelihood : bool, optional
            The pointwise log-likelihood of a posterior; without it where rows times draws are at most 5e7.
        predictive : bool
            Replicated outcomes of a posterior, which predictive checks ask for.
        """
        from problogit import arviz_io

        return arviz_io.to_datatree(self.estimate, log_likelihood, predictive)

    def pymc_model(self) -> Any:
        """The same model and prior as a readable `pymc.Model`, which may be extended."""
        from problogit.estimators import pymc_model

        return pymc_model.pymc_model(self.estimate.problem, self.estimate.method.prior_used(self.estimate))

    def save(self, path: str | PathLike[str], data: bool = False) -> None:
        """Write everything needed to predict and report again; with ``data=True`` also to refit."""
        persistence.save(self.estimate, path, data)

    def __str__(self) -> str:
        """A readable summary."""
        return text.fit_text(self.estimate)

    def __repr__(self) -> str:
        """The same summary, so that a notebook or console shows it."""
        return text.fit_text(self.estimate)


def load(path: str | PathLike[str], context: Mapping[str, Callable[..., Any]] | None = None) -> Fit:
    """Read a fit that `Fit.save` wrote; nothing in the file is executed.

    Parameters
    ----------
    path : path
    context : mapping, optional
        The functions that the formula uses beyond the built-in ones.
    """
    return Fit(persistence.load(path, context))
