"""`Recalibrated`: a fit whose predictions go through a recalibration. A facade, as `Fit` is; it holds no logic."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from problogit.analysis import calibration as calibrate
from problogit.analysis import recalibrated_predictions as predictions
from problogit.analysis import recalibrated_totals, recalibration, scores, totals
from problogit.analysis.decisions import Costs
from problogit.analysis.recalibration import Recalibration
from problogit.data.rows import Array, Unseen
from problogit.errors import NotAvailableError
from problogit.estimate import HasEstimate
from problogit.results import Calibration

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Recalibrated"]

FitLike = TypeVar("FitLike", bound=HasEstimate)


@dataclass(frozen=True, eq=False)
class Recalibrated(Generic[FitLike]):
    """A fit with recalibrated predictions, as `Fit.recalibrate` makes it.

    It predicts as a fit does. What is about coefficients (tests, odds ratios, effects) stays with the original `fit`;
    `coef` gives coefficients where the recalibrated log-odds have some.

    Attributes
    ----------
    result : Recalibration
        The maps, and what they were made from.
    fit : Fit
        The original, untouched.
    """

    result: Recalibration
    fit: FitLike

    @property
    def method(self) -> str:
        """How it was recalibrated, e.g. ``"shrink"`` or ``"logistic, then prevalence"``."""
        return self.result.method

    @property
    def parameters(self) -> pd.DataFrame:
        """Parameters of the recalibration: ``method, estimate, std_error, lower, upper, interval``."""
        return self.result.parameters

    @property
    def notes(self) -> tuple[str, ...]:
        """What to keep in mind."""
        return self.result.notes

    @property
    def choice(self) -> pd.DataFrame | None:
        """The tests by which ``"auto"`` chose; None for other methods."""
        return self.result.last.choice

    @property
    def coef(self) -> pd.Series[float]:
        """Recalibrated coefficients, where the recalibration is a line and the fit no posterior.

        The intercept is a + b times that of the fit, every other coefficient b times; so is an offset.
        """
        return predictions.recalibrated_coefficients(self.result)

    def predict(
        self,
        data: Any = None,
        prob: float = 0.95,
        interval: str | None = None,
        unseen: Unseen = "error",
        output: Literal["pandas", "polars"] | None = None,
    ) -> Any:
        """Recalibrated probabilities with intervals, aligned with the rows of `data` (the training rows without).

        Returns
        -------
        DataFrame
            ``probability, lower, upper, interval``, the latter as in ``"confidence-wald+recalibration"``: bounds hold
            the uncertainty of the coefficients and that of the recalibration.
        """
        return predictions.recalibrated_predictions(self.result, data, prob, interval, unseen, output)

    def predict_proba(self, data: Any = None, unseen: Unseen = "error") -> Array:
        """Recalibrated P(event) of every row, shape (n_rows,)."""
        return predictions.recalibrated_proba(self.result, data, unseen)

    def classify(
        self,
        data: Any = None,
        threshold: float | Costs = 0.5,
        unseen: Unseen = "error",
        *,
        uncertain: bool = False,
        prob: float = 0.95,
    ) -> NDArray[Any]:
        """The response's own label for every row, as `Fit.classify`, by recalibrated probabilities."""
        return predictions.recalibrated_classes(
            self.result, data, threshold, unseen, uncertain=uncertain, prob=prob
        )

    def expected_total(
        self, data: Any = None, value: Any = 1.0, prob: float = 0.95, trials: Any = None
    ) -> totals.ExpectedTotal:
        """Expected sum of `value` over the events among the rows, with an interval, as `Fit.expected_total`."""
        return recalibrated_totals.recalibrated_total(self.result, data, value, prob, trials)

    def calibration(
        self,
        data: Any = None,
        *,
        prob: float = 0.95,
        smooth: Literal["spline", "lowess", "loess"] = "spline",
        rng: int | np.random.Generator | None = 0,
    ) -> Calibration:
        """Judge the recalibrated probabilities on new data.

        Parameters
        ----------
        data : table
            New data with predictors and response; those that the fit or the recalibration was made from are recognised
            and called apparent.
        prob, smooth, rng
            As in `Fit.calibration`.
        """
        judged = predictions.judged_again(self.result, data)
        event = self.result.estimate.problem.response.describe()
        return Calibration(
            calibrate.calibration_of(
                judged, modelled=event, method="recalibrated", prob=prob, rng=rng, smooth=smooth
            )
        )

    def scores(self, data: Any = None) -> pd.DataFrame:
        """Log score, Brier score and AUC of the recalibrated probabilities in new data."""
        return scores.scores_of(predictions.judged_again(self.result, data))

    def recalibrate(
        self,
        method: Literal["intercept", "logistic", "beta", "isotonic", "auto"] | None = None,
        data: Any = None,
        new_prevalence: float | None = None,
        *,
        sampling_rates: tuple[float, float] | None = None,
        prob: float = 0.95,
        rng: int | np.random.Generator | None = 0,
    ) -> Recalibrated[FitLike]:
        """Recalibrate these predictions again: on new data, or for another share of events.

        Parameters
        ----------
        method, data, new_prevalence, sampling_rates, prob, rng
            As in `Fit.recalibrate`; the training rows cannot be used again.
        """
        again = recalibration.recalibrate(
            self.result.estimate,
            method,
            data,
            new_prevalence,
            sampling_rates,
            before=self.result.steps,
            options=recalibration.Options(rng=rng),
            prob=prob,
        )
        return Recalibrated(again, self.fit)

    def save(self, path: str | PathLike[str]) -> None:
        """Refused: only fits are saved."""
        raise NotAvailableError(
            f"A recalibration is not saved ({path}). Save the fit, `.fit.save(path)`, and recalibrate again after "
            "`plg.load`: with the same data and rng the result is the same."
        )

    def __str__(self) -> str:
        """What was done, the parameters, the notes."""
        return str(self.result)

    __repr__ = __str__
