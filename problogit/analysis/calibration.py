"""Calibration: are the probabilities right? Judged out of sample unless asked otherwise.

Three questions of growing strictness (Van Calster et al. 2016): calibration in the large (observed against expected
events, intercept), weak calibration (slope), moderate calibration (the CORP curve and its miscalibration MCB).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit

from problogit.analysis.corp import Corp, Decomposition, NullReference, corp, null_reference
from problogit.analysis.judged import Judged, judge
from problogit.analysis.scores import (
    Measure,
    calibration_intercept,
    calibration_slope,
    measures,
    require_predictions,
)
from problogit.analysis.verdict import calibration_notes, verdict
from problogit.estimate import Estimate
from problogit.progress import SILENT, Progress
from problogit.validation import check_probability

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CalibrationResult", "calibration", "calibration_of"]


@dataclass(frozen=True, eq=False)
class CalibrationResult:
    """How the probabilities of a fit compare with what happened.

    Attributes
    ----------
    method : str
        How it was judged, e.g. ``"10-fold cross-validated refits"``.
    kind : str
        ``"psis-loo"``, ``"loo"``, ``"folds"``, ``"external"`` or ``"apparent"``.
    modelled : str
        The event, e.g. ``"P(passed = 'yes')"``.
    n, n_trials, n_events : int
        Units, trials and events that were judged.
    observed, expected : float
        Weighted events, and the sum of the predicted probabilities.
    measures : tuple of Measure
        ``intercept, slope, log_score, brier, auc`` with standard errors and bounds.
    brier_parts, log_parts : Decomposition
        ``score = mcb - dsc + unc``.
    mcb_null_mean, mcb_null_95 : float
        Mean and 95% point of the Brier score's MCB where every prediction is right (simulated, predictions fixed).
    curve : DataFrame
        CORP curve, one row a block: ``x, y, x_min, x_max, weight, n``; flat at `y` from `x_min` to `x_max`.
    band : DataFrame
        Consistency band of the curve where every prediction is right: ``x, lower, upper, level``; pointwise.
    predictions : DataFrame
        ``probability, observed, trials, weight, fold``, aligned with the rows of the table.
    verdict : str
        One sentence with the number of events behind it.
    notes : tuple of str
        What was left out, what failed, what to keep in mind.
    prob : float
        Level of the bounds.
    """

    method: str
    kind: str
    modelled: str
    n: int
    n_trials: int
    n_events: int
    observed: float
    expected: float
    measures: tuple[Measure, ...]
    brier_parts: Decomposition
    log_parts: Decomposition
    mcb_null_mean: float
    mcb_null_95: float
    curve: pd.DataFrame
    band: pd.DataFrame
    predictions: pd.DataFrame
    verdict: str
    notes: tuple[str, ...]
    prob: float

    def measure(self, name: str) -> Measure:
        """One of ``intercept, slope, log_score, brier, auc``."""
        return next(found for found in self.measures if found.name == name)

    @property
    def slope(self) -> float:
        """Calibration slope; 1 is right, below 1 predictions are too extreme."""
        return self.measure("slope").value

    @property
    def intercept(self) -> float:
        """Calibration in the large on the log-odds scale (slope fixed at 1); 0 is right."""
        return self.measure("intercept").value

    @property
    def brier(self) -> float:
        """Mean squared error of the probabilities, per trial."""
        return self.measure("brier").value

    @property
    def log_score(self) -> float:
        """Mean of -log p of what happened, per trial."""
        return self.measure("log_score").value

    @property
    def auc(self) -> float:
        """Area under the ROC curve."""
        return self.measure("auc").value

    @property
    def mcb(self) -> float:
        """Miscalibration part of the Brier score; to be read beside `mcb_null_mean` and `mcb_null_95`."""
        return self.brier_parts.mcb

    @property
    def slope_label(self) -> str:
        """The slope's name with the bias that its way of judging gives it."""
        return _SLOPE_LABELS[self.kind]

    @property
    def frame(self) -> pd.DataFrame:
        """One row a quantity: ``value, std_error, lower, upper, interval, target, no_skill, null_mean, null_95``."""
        return self.to_frame()

    def to_frame(self) -> pd.DataFrame:
        """One row a quantity: value, bounds, what it should be and what it is under no skill or right predictions."""
        import pandas as pd

        parts = self.brier_parts
        plain = (
            Measure("observed_events", self.observed),
            Measure("expected_events", self.expected),
            *self.measures,
            Measure("brier_mcb", parts.mcb, target=0.0),
            Measure("brier_dsc", parts.dsc, no_skill=0.0),
            Measure("brier_unc", parts.unc),
        )
        columns = ("value", "std_error", "lower", "upper", "interval", "target", "no_skill")
        table = pd.DataFrame(
            {column: [getattr(found, column) for found in plain] for column in columns},
            index=pd.Index([found.name for found in plain], name="quantity"),
        )
        table["null_mean"] = np.where(table.index == "brier_mcb", self.mcb_null_mean, np.nan)
        table["null_95"] = np.where(table.index == "brier_mcb", self.mcb_null_95, np.nan)
        table.attrs.update(prob=self.prob, method=self.method, n_events=self.n_events)
        return table


_SLOPE_LABELS = {
    "folds": "slope (pooled over folds, biased low)",
    "loo": "slope (pooled over left-out rows, biased low)",
    "alo": "slope (pooled over left-out rows, biased low)",
    "psis-loo": "slope (pooled over left-out rows, biased low)",
    "external": "slope",
    "apparent": "slope (apparent, not evidence)",
}


def calibration(
    estimate: Estimate,
    data: Any = None,
    resample: str = "auto",
    *,
    prob: float = 0.95,
    folds: int = 10,
    rng: int | np.random.Generator | None = 0,
    progress: Progress = SILENT,
) -> CalibrationResult:
    """Compare probabilities with outcomes.

    Parameters
    ----------
    estimate : Estimate
    data : table, optional
        New data with predictors and response; the training rows themselves are called apparent.
    resample : str
        ``"auto"`` (PSIS-LOO for a posterior, exact leave-one-out refits for up to 200 rows, 10 folds for more),
        ``"loo"``, ``"folds"`` or ``"apparent"``; see `problogit.analysis.judged.judge`.
    prob : float
        Level of the bounds.
    folds : int
        Number of folds, where there are any.
    rng : int, Generator or None
        Deals the folds and simulates the reference.
    progress : Progress
    """
    check_probability("prob", prob)
    return calibration_of(
        judge(estimate, data, resample, folds=folds, rng=rng, progress=progress),
        modelled=estimate.problem.response.describe(),
        method=estimate.method.name,
        prob=prob,
        rng=rng,
    )


def calibration_of(
    judged: Judged,
    *,
    modelled: str,
    method: str,
    prob: float = 0.95,
    rng: int | np.random.Generator | None = 0,
) -> CalibrationResult:
    """The same for predictions that were made before.

    Parameters
    ----------
    judged : Judged
    modelled : str
        The event, in words.
    method : str
        Name of the estimation method; the apparent calibration of ``"MLE"`` is a tautology, and is called so.
    prob, rng
        As in `calibration`.
    """
    usable = require_predictions(judged)
    curve = corp(usable.log_odds, usable.successes, usable.trials, usable.weights)
    null = null_reference(usable.log_odds, usable.trials, usable.weights, frequency=usable.frequency, rng=rng)
    found = (calibration_intercept(usable, prob), calibration_slope(usable, prob), *measures(usable, prob))
    expected = float((usable.weights * usable.trials) @ expit(usable.log_odds))
    return CalibrationResult(
        method=judged.how,
        kind=judged.kind,
        modelled=modelled,
        n=usable.n,
        n_trials=usable.n_trials,
        n_events=usable.n_events,
        observed=float(usable.weights @ usable.successes),
        expected=expected,
        measures=found,
        brier_parts=curve.brier,
        log_parts=curve.log_score,
        mcb_null_mean=null.mcb_mean,
        mcb_null_95=null.mcb_95,
        curve=_curve_frame(curve),
        band=_band_frame(null),
        predictions=judged.frame(),
        verdict=verdict(judged, found, expected, curve.brier.mcb, null.mcb_95, method),
        notes=calibration_notes(judged, found),
        prob=prob,
    )


def _curve_frame(curve: Corp) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({name: getattr(curve, name) for name in ("x", "y", "x_min", "x_max", "weight", "n")})


def _band_frame(null: NullReference) -> pd.DataFrame:
    import pandas as pd

    parts = [
        pd.DataFrame({"x": null.x, "lower": null.lower[i], "upper": null.upper[i], "level": level})
        for i, level in enumerate(null.levels)
    ]
    return pd.concat(parts, ignore_index=True)
