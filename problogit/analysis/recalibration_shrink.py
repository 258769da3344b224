"""Shrinkage of a fit by its own calibration slope, estimated by the optimism bootstrap.

With b the slope (at most 1) and eta the fit's log-odds of its own rows, the recalibrated log-odds are a + b eta, where
a is solved again so that expected events equal observed ones,

    sum w m expit(a + b eta) = sum w y

(Copas 1983, JRSS B 45:311; van Houwelingen & le Cessie 1990, Stat Med 9:1303; Steyerberg et al. 2001, Statistica
Neerlandica 55:76). Nothing but the fit's own rows is needed.

Given b the level of the predictions is pinned to the observed events, whose error is already in the fit's intercept;
shrinking would take part of it away, so that (1 - b^2) / I, I = sum w m p (1 - p), is given back to a. The error of b
is that of the optimism-corrected slope, taken as independent of the fit's.
"""

from __future__ import annotations

import warnings

import numpy as np
from scipy.special import expit

from problogit.analysis.performance import limiting_line
from problogit.analysis.recalibration_maps import LineMap
from problogit.analysis.recalibration_steps import Step
from problogit.analysis.validation import bootstrapped_method
from problogit.analysis.validation_notes import resample_notes, unsteady_slope
from problogit.core.null import null_intercept
from problogit.data.rows import Array
from problogit.errors import CalibrationWarning, NotAvailableError
from problogit.estimate import Estimate, Status
from problogit.optimism import Optimism, optimism_bootstrap
from problogit.problem import Problem
from problogit.progress import SILENT, Progress
from problogit.resampling import predicted_log_odds

__all__ = ["shrink", "shrunken_line"]


def shrink(
    estimate: Estimate,
    resamples: int = 300,
    rng: int | np.random.Generator | None = 0,
    progress: Progress = SILENT,
) -> Step:
    """Shrink a fit by the slope that `validate` of the same resamples gives.

    Parameters
    ----------
    estimate : Estimate
        Refitted as in `validate`: by its surrogate, a large posterior by its mode.
    resamples : int
    rng : int, Generator or None
    progress : Progress

    Raises
    ------
    NotAvailableError
        Separated data, predictions that are all equal, or too few refits that succeed.
    """
    if estimate.status is Status.SEPARATED:
        raise NotAvailableError(
            "The fit has infinite coefficients, which no factor shrinks. Fit Penalized(Jeffreys()) or a proper prior "
            "instead, or recalibrate on new data."
        )
    problem, method = estimate.problem, bootstrapped_method(estimate, resamples)
    own = predicted_log_odds(estimate.predictor, problem.rows.X, problem.rows.offset)
    found = optimism_bootstrap(
        method, problem, _slope, resamples=resamples, rng=rng, progress=progress, log_odds=own
    )
    line, notes = shrunken_line(problem, own, found)
    for note in unsteady_slope(found, 0):
        warnings.warn(note, CalibrationWarning, stacklevel=4)
    what = found.method if found.method == estimate.method.describe() else f"its stand-in, {found.method}"
    rows = problem.rows
    return Step(
        line,
        "shrink",
        f"shrinkage by the calibration slope of an optimism bootstrap, {resamples} resamples of {what}",
        problem.sample.nobs,
        round(problem.sample.n_events),
        float(rows.weights @ rows.successes) / float(rows.weights @ rows.trials),
        (*notes, *found.notes, *resample_notes(found, ("slope",))),
        optimism=found,
    )


def _slope(log_odds: Array, successes: Array, trials: Array, weights: Array) -> Array:
    """The calibration slope as `performance` defines it."""
    return np.array([limiting_line(log_odds, successes, trials, weights).slope])


def shrunken_line(problem: Problem, own: Array, found: Optimism) -> tuple[LineMap, tuple[str, ...]]:
    """The line of recalibration from a bootstrapped slope, with notes.

    Parameters
    ----------
    problem : Problem
    own : ndarray, shape (n_obs,)
        What the fit predicts for its own rows.
    found : Optimism
        Of the calibration slope alone.
    """
    corrected = float(found.corrected[0])
    if not np.isfinite(corrected):
        raise NotAvailableError(
            " ".join(
                (
                    "The predictions of the fit are all equal, or separate the outcomes: there is no slope to shrink "
                    "by. Recalibrate on new data.",
                    *found.notes,
                )
            )
        )
    slope = float(np.clip(corrected, 0.0, 1.0))
    notes = []
    if corrected > 1:
        notes.append(f"The corrected slope is {corrected:.3f}: above 1 nothing is shrunken.")
    if corrected <= 0:
        warnings.warn(
            f"The corrected calibration slope is {corrected:.3f}: nothing in this fit holds up in resamples, and the "
            "recalibrated prediction is the share of events for every row. Use fewer terms or a prior.",
            CalibrationWarning,
            stacklevel=5,
        )
    rows = problem.rows
    events, total = rows.weights * rows.successes, rows.weights * rows.trials
    intercept = null_intercept(events, total, slope * own)
    p = expit(intercept + slope * own)
    working = total * p * (1 - p)
    information = float(working.sum())
    centre = float(working @ own) / information
    variance = float(found.std_error[0]) ** 2
    cov = variance * np.array([[centre**2, -centre], [-centre, 1.0]])
    cov[0, 0] += (1 - slope**2) / information
    return LineMap(intercept, slope, cov, (0.0, 1.0)), tuple(notes)
