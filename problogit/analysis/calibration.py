"""Calibration: are the probabilities right? Judged out of sample unless asked otherwise.

Three questions of growing strictness (Van Calster et al. 2016): calibration in the large (observed against expected
events, intercept), weak calibration (slope; both together by the U test), moderate calibration (the CORP curve and its
miscalibration MCB, a smooth curve and its distances from the diagonal).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import chdtrc, expit, ndtr

from problogit.analysis.calibration_bands import bands, smooth_frame
from problogit.analysis.calibration_figures import SMOOTHERS, Smoothing, figures
from problogit.analysis.calibration_null import Reference, fixed_reference, shown
from problogit.analysis.calibration_refits import affordable, refitted_reference
from problogit.analysis.calibration_result import CalibrationResult
from problogit.analysis.cells import Cells, cells_of
from problogit.analysis.corp import Corp, corp, pool
from problogit.analysis.corrected import Corrected, corrected_measures
from problogit.analysis.judged import Judged, judge
from problogit.analysis.scores import (
    Measure,
    calibration_intercept,
    calibration_slope,
    measures,
    require_predictions,
)
from problogit.analysis.smooth_curve import knots_for
from problogit.analysis.verdict import calibration_notes, verdict
from problogit.errors import InputError, explain
from problogit.estimate import Estimate
from problogit.progress import SILENT, Progress
from problogit.validation import check_choice, check_integer, check_probability

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CalibrationResult", "calibration", "calibration_of"]

_LEVELS = (0.90, 0.95)  # of the consistency bands
_MOST = 5_000  # different predictions; of more, neighbours are joined for the smooth curve and what is made from it


def calibration(
    estimate: Estimate,
    data: Any = None,
    resample: str = "auto",
    *,
    prob: float = 0.95,
    smooth: str = "spline",
    resamples: int | None = None,
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
        How rows are left out, without `data`; see `problogit.analysis.judged.judge`.
    prob : float
        Level of the bounds.
    smooth : str
        The smooth curve: ``"spline"`` (restricted cubic spline of the log-odds), ``"lowess"`` (as rms::val.prob) or
        ``"loess"`` (as Austin & Steyerberg 2019).
    resamples : int, optional
        Refits without `data`, twice: of the optimism bootstrap (slope, AUC), and to data simulated from the fit, which
        say what a right model gives. By default 200 of each where rows x columns x refits is at most 5 million and one
        refit judges all rows, else none; 0 for none.
    rng : int, Generator or None
        Deals the folds, draws the resamples and simulates the reference.
    progress : Progress
    """
    check_probability("prob", prob)
    check_choice("smooth", smooth, SMOOTHERS)
    if resamples is not None:
        check_integer("resamples", resamples, 0)
        if resamples == 1:
            raise InputError(explain("resamples", "must be 0 or at least 2", resamples))
    rng = int(rng.integers(2**32)) if isinstance(rng, np.random.Generator) else rng
    judged = judge(estimate, data, resample, rng=rng, progress=progress)
    usable = require_predictions(judged)
    n_refits = affordable(estimate, judged, resamples)
    better, reference = None, None
    if n_refits:
        cells = cells_of(usable)
        better = corrected_measures(estimate, n_refits, prob, rng, progress)
        reference = refitted_reference(
            estimate,
            judged,
            cells.p[shown(cells)],
            Smoothing(smooth, _knots(usable)),
            n_refits,
            rng=rng,
            progress=progress,
        )
    return calibration_of(
        judged,
        modelled=estimate.problem.response.describe(),
        method=estimate.method.name,
        prob=prob,
        rng=rng,
        smooth=smooth,
        corrected=better,
        reference=reference,
    )


def calibration_of(
    judged: Judged,
    *,
    modelled: str,
    method: str,
    prob: float = 0.95,
    rng: int | np.random.Generator | None = 0,
    smooth: str = "spline",
    corrected: Corrected | None = None,
    reference: Reference | None = None,
) -> CalibrationResult:
    """The same for predictions that were made before.

    Parameters
    ----------
    judged : Judged
    modelled : str
        The event, in words.
    method : str
        Name of the estimation method; the apparent calibration of ``"MLE"`` is a tautology, and is called so.
    prob, rng, smooth
        As in `calibration`.
    corrected : Corrected, optional
        Slope and AUC without optimism.
    reference : Reference, optional
        Simulations with refits; without it the predictions are held fixed.
    """
    usable = require_predictions(judged)
    usable = usable.take(
        np.argsort(usable.log_odds, kind="stable").astype(np.int64)
    )  # sorted once, for all that follows
    rows = (usable.log_odds, usable.successes, usable.trials, usable.weights)
    pooled = pool(rows[0], usable.weights * usable.successes, usable.weights * usable.trials)
    cells, smoothing = cells_of(usable, pooled), Smoothing(smooth, _knots(usable))
    curve, few = corp(*rows, pooled), cells.joined(_MOST)
    smooth_curve = smoothing.over(few)
    drawn = smooth_frame(few, smooth_curve, prob)
    of_few = figures(few, few.events[None, :], drawn[["y"]].to_numpy(dtype=float).T)
    null = fixed_reference(cells, smoothing, rng) if reference is None else reference
    found = {name: float(value[0]) for name, value in of_few.values.items()}
    found["brier_mcb"] = curve.brier.mcb
    p_values, p_value = _p_values(usable, cells, found, null)
    plain = (calibration_intercept(usable, prob), calibration_slope(usable, prob), *measures(usable, prob))
    kept, left_out = _with_corrected(plain, corrected)
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
        measures=kept,
        left_out=left_out,
        brier_parts=curve.brier,
        log_parts=curve.log_score,
        figures=found,
        p_values=p_values,
        p_value=p_value,
        reference=null,
        curve=_curve_frame(curve),
        smooth=drawn,
        bands=bands(few, drawn, null, _LEVELS, prob),
        predictions=judged.frame(),
        smoother=smooth_curve.how,
        verdict=verdict(
            judged,
            kept,
            expected=expected,
            mcb=curve.brier.mcb,
            null=null,
            p_value=p_value,
            method=method,
            corrected=corrected,
        ),
        notes=calibration_notes(judged, plain, null, corrected),
        prob=prob,
    )


def _knots(judged: Judged) -> int:
    return knots_for(min(judged.n_events, judged.n_trials - judged.n_events))


def _p_values(
    judged: Judged, cells: Cells, found: Mapping[str, float], null: Reference
) -> tuple[dict[str, float], float]:
    """Of each figure, and of any miscalibration; NaN where predictions depend on the outcomes and nothing was refitted.

    U and z of new data by their chi-squared and normal distribution where weights are counts; all else by simulation.
    """
    if judged.kind != "external" and not null.refitted:
        return {}, np.nan
    p_values = {name: null.p_value(name, value) for name, value in found.items() if name != "slope"}
    if not null.refitted and judged.frequency:
        degrees = 2 if np.count_nonzero(cells.finite) > 1 else 1
        p_values["u_test"] = float(chdtrc(degrees, found["u_test"]))
        p_values["spiegelhalter_z"] = float(2 * ndtr(-abs(found["spiegelhalter_z"])))
    if cells.impossible:
        p_values["spiegelhalter_z"] = 0.0
        return p_values, 0.0
    return p_values, null.joint_p_value(found)


def _with_corrected(
    plain: tuple[Measure, ...], corrected: Corrected | None
) -> tuple[tuple[Measure, ...], tuple[Measure, ...]]:
    """Slope and AUC in their corrected form, and beside it as they are."""
    if corrected is None:
        return plain, ()
    better = {measure.name: measure for measure in corrected.measures}
    replaced = tuple(better.get(measure.name, measure) for measure in plain)
    kept = tuple(
        replace(measure, name=f"{measure.name}_left_out") for measure in plain if measure.name in better
    )
    return replaced, kept


def _curve_frame(curve: Corp) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({name: getattr(curve, name) for name in ("x", "y", "x_min", "x_max", "weight", "n")})
