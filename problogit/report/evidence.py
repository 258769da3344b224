"""What several sections of a report need, computed once: the comparison, and the out-of-sample predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from problogit.analysis.calibration import CalibrationResult, calibration_of
from problogit.analysis.compare import ComparisonResult, compare_frames, estimates_frame
from problogit.analysis.judged import Judged, common_clusters, judge
from problogit.analysis.loo import is_posterior
from problogit.analysis.paired import common_resample
from problogit.errors import InputError, ProblogitError, explain
from problogit.estimate import Estimate
from problogit.problem import Problem

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Evidence", "gather"]


@dataclass(frozen=True, eq=False)
class Evidence:
    """The fits of a report and what was computed from them.

    Attributes
    ----------
    estimates : mapping of str to Estimate
        By label; of the same rows.
    comparison : ComparisonResult or None
        None for a single fit.
    coefficients : DataFrame
        Long frame of all fits.
    judged : mapping of str to Judged
        Predictions of rows that the fit has not seen; without the fits that could not be judged.
    calibrations : mapping of str to CalibrationResult
        What they say.
    unjudged : mapping of str to str
        Why a fit could not be judged.
    prob : float
        Probability of the intervals.
    """

    estimates: Mapping[str, Estimate]
    comparison: ComparisonResult | None
    coefficients: pd.DataFrame
    judged: Mapping[str, Judged]
    calibrations: Mapping[str, CalibrationResult]
    unjudged: Mapping[str, str]
    prob: float

    @property
    def problem(self) -> Problem:
        """The problem of the first fit, which has the rows and the response of all."""
        return next(iter(self.estimates.values())).problem


def gather(estimates: Mapping[str, Estimate], prob: float) -> Evidence:
    """Compute it. What cannot be judged (no data, too few events) is said, not raised.

    Raises
    ------
    InputError
        There is no fit, a label is no text, or the fits are not of the same rows.
    """
    if not estimates:
        raise InputError(explain("fits", "must hold at least one fit", {}))
    for label in estimates:
        if not isinstance(label, str) or not label:
            raise InputError(explain("fits", "must have labels that are non-empty strings", label))
    comparison = compare_frames(estimates, prob) if len(estimates) > 1 else None
    frame = estimates_frame(estimates, prob) if comparison is None else comparison.coefficients
    judged: dict[str, Judged] = {}
    found: dict[str, CalibrationResult] = {}
    unjudged: dict[str, str] = {}
    for label, estimate in estimates.items():
        try:
            resample = "loo" if is_posterior(estimate) else common_resample(estimates)
            predictions = judge(estimate, resample=resample, clusters=common_clusters(estimates.values()))
            modelled, method = estimate.problem.response.describe(), estimate.method.name
            found[label] = calibration_of(predictions, modelled=modelled, method=method, prob=prob)
            judged[label] = predictions
        except ProblogitError as error:
            unjudged[label] = str(error)
    return Evidence(estimates, comparison, frame, judged, found, unjudged, prob)
