"""What a question about calibration returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from problogit.analysis.calibration_errors import ERRORS
from problogit.analysis.calibration_null import Reference
from problogit.analysis.corp import Decomposition
from problogit.analysis.scores import Measure

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CalibrationResult"]

_ZERO = ("brier_mcb", *ERRORS, "debiased_squared_error", "spiegelhalter_z")  # figures whose target is 0


@dataclass(frozen=True, eq=False)
class CalibrationResult:
    """How the probabilities of a fit compare with what happened.

    Attributes
    ----------
    method : str
        How it was judged, e.g. ``"10-fold cross-validated refits"``.
    kind : str
        As in `Judged`, e.g. ``"external"`` or ``"apparent"``.
    modelled : str
        The event, e.g. ``"P(passed = 'yes')"``.
    n, n_trials, n_events : int
        Units, trials and events that were judged.
    observed, expected : float
        Weighted events, and the sum of the predicted probabilities.
    measures : tuple of Measure
        ``intercept, slope, log_score, brier, auc`` with standard errors and bounds.
    left_out : tuple of Measure
        ``slope_left_out, auc_left_out``: of the left-out predictions, where slope and AUC are corrected by a bootstrap.
    brier_parts, log_parts : Decomposition
        ``score = mcb - dsc + unc``.
    figures : mapping of str to float
        What is compared with right predictions: ``u_test, spiegelhalter_z, brier_mcb, ici, e50, e90, emax, eci,
        debiased_squared_error``, and the slope of the predictions as they are.
    p_values : mapping of str to float
        Of the same; NaN where the reference is none for a test.
    p_value : float
        Of any miscalibration: U test and MCB together.
    reference : Reference
        The same figures, and the curves, of simulated data whose predictions are right.
    curve : DataFrame
        CORP curve, one row a block: ``x, y, x_min, x_max, weight, n``; flat at `y` from `x_min` to `x_max`.
    smooth : DataFrame
        Smooth curve, one row a different prediction (of more than 5000, neighbours are joined): ``x, y, lower, upper,
        interval``.
    bands : DataFrame
        ``curve, band, level, x, lower, upper, interval``; pointwise. `band` is ``consistency`` of curve ``corp`` and
        ``smooth``, and ``confidence`` of ``smooth``.
    predictions : DataFrame
        ``probability, observed, trials, weight, fold``, aligned with the rows of the table.
    smoother : str
        What the smooth curve is, in words.
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
    left_out: tuple[Measure, ...]
    brier_parts: Decomposition
    log_parts: Decomposition
    figures: Mapping[str, float]
    p_values: Mapping[str, float]
    p_value: float
    reference: Reference
    curve: pd.DataFrame
    smooth: pd.DataFrame
    bands: pd.DataFrame
    predictions: pd.DataFrame
    smoother: str
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
    def mcb_null_mean(self) -> float:
        """Mean of the Brier score's MCB where every prediction is right."""
        return self.reference.mean("brier_mcb")

    @property
    def mcb_null_95(self) -> float:
        """Its 95% point."""
        return self.reference.point("brier_mcb")

    @property
    def ici(self) -> float:
        """Integrated calibration index: mean distance of smooth curve and diagonal; to be read beside its reference."""
        return self.figures["ici"]

    @property
    def band(self) -> pd.DataFrame:
        """Consistency band of the CORP curve: ``x, lower, upper, level``."""
        return self.band_of("corp", "consistency")[["x", "lower", "upper", "level"]]

    def band_of(self, curve: str, band: str) -> pd.DataFrame:
        """One of the bands."""
        chosen = (self.bands["curve"] == curve) & (self.bands["band"] == band)
        return self.bands[chosen].reset_index(drop=True)

    @property
    def slope_label(self) -> str:
        """The slope's name with the bias that its way of judging gives it."""
        if self.left_out:
            return "slope (corrected for optimism)"
        return _SLOPE_LABELS[self.kind]

    @property
    def frame(self) -> pd.DataFrame:
        """One row a quantity; the columns of `to_frame`."""
        return self.to_frame()

    def to_frame(self) -> pd.DataFrame:
        """One row a quantity: value, bounds, what it should be, what no skill gives and what right predictions give.

        Columns ``value, std_error, lower, upper, interval, target, no_skill, null_mean, null_95, p_value``.
        `null_mean` and `null_95` are mean and 95% point over simulated data whose predictions are right: figures of
        error are to be read beside them, never beside 0.
        """
        import pandas as pd

        parts = self.brier_parts
        plain = [
            Measure("observed_events", self.observed),
            Measure("expected_events", self.expected),
            *self.measures,
            *self.left_out,
            Measure("brier_mcb", parts.mcb, target=0.0),
            Measure("brier_dsc", parts.dsc, no_skill=0.0),
            Measure("brier_unc", parts.unc),
        ]
        tested = [name for name in self.figures if name not in ("slope", "brier_mcb")]
        targets = dict.fromkeys(_ZERO, 0.0)
        plain += [Measure(name, self.figures[name], target=targets.get(name, np.nan)) for name in tested]
        columns = ("value", "std_error", "lower", "upper", "interval", "target", "no_skill")
        table = pd.DataFrame(
            {column: [getattr(found, column) for found in plain] for column in columns},
            index=pd.Index([found.name for found in plain], name="quantity"),
        )
        for column in ("null_mean", "null_95", "p_value"):
            table[column] = np.nan
        for name in ("slope", "brier_mcb", *tested):
            row = "slope_left_out" if name == "slope" and self.left_out else name
            table.loc[row, "null_mean"] = self.reference.mean(name)
            if name not in ("slope", "spiegelhalter_z"):
                table.loc[row, "null_95"] = self.reference.point(name)
            table.loc[row, "p_value"] = self.p_values.get(name, np.nan)
        table.attrs.update(
            prob=self.prob,
            method=self.method,
            n_events=self.n_events,
            null=self.reference.how,
            p_value=self.p_value,
        )
        return table


_SLOPE_LABELS = {
    "folds": "slope (pooled over folds, biased low)",
    "loo": "slope (pooled over left-out rows, biased low)",
    "alo": "slope (pooled over left-out rows, biased low)",
    "psis-loo": "slope (pooled over left-out rows, biased low)",
    "external": "slope",
    "apparent": "slope (apparent, not evidence)",
}
