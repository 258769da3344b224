"""What the user holds after a question about one or many fits: the analysis' values, with a plot and renderings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from problogit.analysis import path as paths
from problogit.analysis.calibration import CalibrationResult
from problogit.analysis.compare import ComparisonResult, compare_estimates
from problogit.analysis.decision_curve import DecisionCurveResult
from problogit.analysis.decision_curve import decision_curve as curve_of
from problogit.analysis.predictive_check import PredictiveCheckResult
from problogit.analysis.prior_predictive import PriorPredictiveResult
from problogit.core.path_record import PathRecord
from problogit.data.rows import Array
from problogit.errors import InputError, explain
from problogit.estimate import HasEstimate
from problogit.progress import Progress, resolve_progress
from problogit.tables import render, text
from problogit.validation import check_choice

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = [
    "Calibration",
    "Comparison",
    "DecisionCurve",
    "PenaltyPath",
    "PredictiveCheck",
    "PriorPredictive",
    "compare",
    "decision_curves",
]


@dataclass(frozen=True, eq=False)
class Calibration:
    """How far the probabilities can be trusted.

    Attributes
    ----------
    result : CalibrationResult
        Slope, intercept, tests, scores, curves and bands, with how they were judged.
    """

    result: CalibrationResult

    @property
    def frame(self) -> pd.DataFrame:
        """One row per quantity: value, bounds, what it should be, and what right predictions give by simulation."""
        return self.result.frame

    @property
    def curve(self) -> pd.DataFrame:
        """The CORP reliability curve: predicted and observed probability, with ties pooled."""
        return self.result.curve

    @property
    def smooth(self) -> pd.DataFrame:
        """The smooth curve at every different prediction: ``x, y, lower, upper, interval``."""
        return self.result.smooth

    @property
    def bands(self) -> pd.DataFrame:
        """Bands of both curves, one row a point: ``curve, band, level, x, lower, upper, interval``."""
        return self.result.bands

    @property
    def p_value(self) -> float:
        """Of any miscalibration, U test and curve together; NaN where the way of judging allows no test."""
        return self.result.p_value

    @property
    def verdict(self) -> str:
        """One sentence, with the number of events behind it."""
        return self.result.verdict

    def plot(self, ax: Axes | None = None) -> Axes:
        """The CORP curve with its consistency bands, the smooth curve with its confidence band, histograms below."""
        from problogit.plots import calibration as plot_calibration

        return plot_calibration(self, ax=ax)

    def __str__(self) -> str:
        """A readable summary."""
        return text.calibration_text(self.result)

    __repr__ = __str__


@dataclass(frozen=True, eq=False)
class DecisionCurve:
    """Whether acting on predictions is better than acting on everybody or on nobody.

    Attributes
    ----------
    result : DecisionCurveResult
        Net benefits with their bands, and how they were judged.
    """

    result: DecisionCurveResult

    @property
    def frame(self) -> pd.DataFrame:
        """One row a strategy and threshold: net benefit with bounds, standardised, interventions avoided, P(best)."""
        return self.result.frame

    @property
    def best(self) -> pd.DataFrame:
        """One row a threshold: the strategy of highest net benefit, its lead, P(best) and the value of knowing."""
        return self.result.best

    def plot(
        self,
        ax: Axes | None = None,
        quantity: Literal["net_benefit", "standardized", "avoided"] = "net_benefit",
    ) -> Axes:
        """The curves with their bands, beside treating all and treating none."""
        from problogit.plots.decision_curve import draw_decision_curve

        return draw_decision_curve(self.result, ax, quantity)

    def __str__(self) -> str:
        """Where each fit is worth using, and by how much."""
        return str(self.result)

    __repr__ = __str__


@dataclass(frozen=True, eq=False)
class PriorPredictive:
    """What a model says before the outcomes are seen.

    Attributes
    ----------
    result : PriorPredictiveResult
        Event rates of simulated data sets, and the distribution of the probabilities of rows.
    """

    result: PriorPredictiveResult

    @property
    def frame(self) -> pd.DataFrame:
        """Rows ``event rate`` and ``probability``; columns ``mean`` and ``q2.5`` to ``q97.5``."""
        return self.result.frame

    @property
    def event_rate(self) -> Array:
        """Share of events in each simulated data set, shape (draws,)."""
        return self.result.event_rate

    @property
    def verdict(self) -> str:
        """One sentence about probabilities below 0.01 and above 0.99."""
        return self.result.verdict

    def plot(self, ax: Axes | None = None) -> Axes:
        """Prior densities of the probability of a row and of the event rate."""
        from problogit.plots.predictive import draw_prior_predictive

        return draw_prior_predictive(self.result, ax)

    def __str__(self) -> str:
        """The event rate and the verdict."""
        return str(self.result)

    __repr__ = __str__


@dataclass(frozen=True, eq=False)
class PredictiveCheck:
    """What was observed beside outcomes that the fit itself would produce.

    Attributes
    ----------
    result : PredictiveCheckResult
        Statistics, bins and calibration curve, each with the range of the replications.
    """

    result: PredictiveCheckResult

    @property
    def statistics(self) -> pd.DataFrame:
        """``statistic, group, n, observed, mean, lower, upper, p_value``."""
        return self.result.statistics

    @property
    def bins(self) -> pd.DataFrame:
        """Bins of the fitted probability: ``low, high, mean, n, observed, expected, lower, upper, p_value``."""
        return self.result.bins

    @property
    def verdict(self) -> str:
        """One sentence."""
        return self.result.verdict

    def plot(self, kind: Literal["binned", "calibration"] = "binned", ax: Axes | None = None) -> Axes:
        """Shares of events in bins, or the calibration curve without bins, with the range of the replications."""
        from problogit.plots.predictive import draw_binned_check, draw_calibration_check

        check_choice("kind", kind, ("binned", "calibration"))
        draw = draw_binned_check if kind == "binned" else draw_calibration_check
        return draw(self.result, ax)

    def __str__(self) -> str:
        """The verdict and the statistics."""
        return str(self.result)

    __repr__ = __str__


@dataclass(frozen=True, eq=False)
class Comparison:
    """Several fits of the same rows, side by side.

    Attributes
    ----------
    result : ComparisonResult
        The frames behind it; `scores` and `disagreements` are computed on first access.
    """

    result: ComparisonResult

    @property
    def table(self) -> pd.DataFrame:
        """Terms x labels, with the kind of interval under each label."""
        return self.result.table

    @property
    def coefficients(self) -> pd.DataFrame:
        """Long tidy frame: one row per label and term, with `interval` and `level`."""
        return self.result.coefficients

    @property
    def scores(self) -> pd.DataFrame:
        """Out-of-sample log score, Brier score, calibration slope; elpd for posteriors."""
        return self.result.scores

    @property
    def elpd(self) -> pd.DataFrame:
        """Posteriors by leave-one-out elpd: differences to the best with standard errors, and stacking weights.

        ``attrs["notes"]`` says what to keep in mind. Fewer than two posteriors raise `NotAvailableError`.
        """
        return self.result.elpd

    def disagreements(self) -> pd.DataFrame:
        """Where the fits differ by more than their uncertainty suggests, and why."""
        return self.result.disagreements

    def plot(self, ax: Axes | None = None, odds_ratios: bool = True) -> Axes:
        """Forest plot of all fits, on a log axis for odds ratios."""
        from problogit.plots import forest_frame

        return forest_frame(self.coefficients, ax=ax, odds_ratios=odds_ratios)

    def to_markdown(self, odds_ratios: bool = False) -> str:
        """The table in Markdown; of odds ratios where asked for, as the other forms."""
        return render.comparison(self.result, "markdown", odds_ratios)

    def to_latex(self, odds_ratios: bool = False) -> str:
        """The table in LaTeX, for the package booktabs."""
        return render.comparison(self.result, "latex", odds_ratios)

    def to_html(self, odds_ratios: bool = False) -> str:
        """The table in HTML."""
        return render.comparison(self.result, "html", odds_ratios)

    def to_text(self, odds_ratios: bool = False) -> str:
        """The table in plain text, as `print` shows it; fits that do not fit beside one another stand below."""
        return render.comparison(self.result, "text", odds_ratios)

    def _repr_html_(self) -> str:
        """For notebooks."""
        return self.to_html()

    def __str__(self) -> str:
        """The table in plain text."""
        return self.to_text()

    __repr__ = __str__


@dataclass(frozen=True, eq=False)
class PenaltyPath:
    """Penalized fits at falling strengths, from all zero to nearly unpenalized.

    Attributes
    ----------
    record : PathRecord
    terms : tuple of str
    """

    record: PathRecord
    terms: tuple[str, ...]

    @property
    def coefficients(self) -> pd.DataFrame:
        """Tidy frame ``factor, term, estimate``; terms that are zero throughout are left out."""
        return paths.coefficient_frame(self.record, self.terms)

    @property
    def values(self) -> pd.DataFrame:
        """One row for each strength: degrees of freedom, non-zero coefficients, log-likelihood, deviance."""
        return paths.value_frame(self.record)

    def plot(self, ax: Axes | None = None, terms: Sequence[str] | None = None) -> Axes:
        """Coefficients against the strength."""
        from problogit.plots import draw_path

        return draw_path(self.coefficients, ax, terms)

    def __str__(self) -> str:
        """One line."""
        record = self.record
        ended = f"; it ends because {record.ended}" if record.ended else ""
        return (
            f"Penalty path of {record.n_values} values, factors {record.factors[0]:.4g} to {record.factors[-1]:.4g}, "
            f"{record.n_nonzero[0]} to {record.n_nonzero[-1]} penalized coefficients not zero{ended}."
        )

    __repr__ = __str__


def compare(fits: Mapping[str, HasEstimate] | Sequence[HasEstimate], prob: float = 0.95) -> Comparison:
    """Put fits of the same rows side by side.

    Parameters
    ----------
    fits : mapping of label to Fit, or sequence of Fit
        A sequence is labelled by the methods' names.
    prob : float
        Probability of the intervals.

    Raises
    ------
    InputError
        Fewer than two fits, or fits of different rows, responses or events.
    """
    if not isinstance(prob, (int, float)):
        remedy = 'As in compare([first, second]) or compare({"MLE": first, "Bayes": second}).'
        raise InputError(explain("fits", "must be one list or mapping of fits", "several arguments", remedy))
    return Comparison(compare_estimates(fits, prob))


def decision_curves(  # noqa: PLR0913 - the keywords of a curve are a contract
    fits: Mapping[str, HasEstimate] | Sequence[HasEstimate],
    thresholds: Any = None,
    data: Any = None,
    resample: str = "auto",
    *,
    harm: float | Mapping[str, float] = 0.0,
    prevalence: float | None = None,
    prob: float = 0.95,
    rng: int | np.random.Generator | None = 0,
    progress: bool | Progress | None = None,
) -> DecisionCurve:
    """Decision curves of several fits over one another, judged alike and on the same rows.

    Parameters
    ----------
    fits : mapping of label to Fit, or sequence of Fit
        Of the same rows and event; with `data` of the same event. A sequence is labelled by the methods' names.
    thresholds, data, resample, harm, prevalence, prob, rng, progress
        As in `Fit.decision_curve`; `harm` may be a mapping of label to number.

    Returns
    -------
    DecisionCurve
        With differences paired by row: `p_best` is the probability that a fit is the best of all and of treating all
        or none.

    Examples
    --------
    >>> curves = decision_curves({"MLE": mle, "Bayes": bayes})  # doctest: +SKIP
    """
    return DecisionCurve(
        curve_of(
            fits,
            thresholds,
            data,
            resample,
            harm=harm,
            prevalence=prevalence,
            prob=prob,
            rng=rng,
            progress=resolve_progress(progress),
        )
    )
