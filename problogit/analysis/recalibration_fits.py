"""Recalibration maps estimated from predictions beside outcomes: intercept, line, beta, isotonic.

The predictions are those of rows that did not make the fit (new ones, or training rows left out), and are taken as
they are: covariances are those of a regression on known log-odds. Predictions of exactly 0 or 1 are left out of
everything but the isotonic regression, because no line moves them.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np

from problogit.analysis.predictions import Judged
from problogit.analysis.recalibration_isotonic import IsotonicMap, Steps, isotonic_steps
from problogit.analysis.recalibration_line import recalibration_line
from problogit.analysis.recalibration_maps import (
    BetaMap,
    LineMap,
    RecalibrationMap,
    high_tail,
    low_tail,
)
from problogit.analysis.scores import line_covariance
from problogit.core.likelihood import BinomialLikelihood
from problogit.core.newton import NewtonResult, maximise
from problogit.core.null import null_intercept
from problogit.data.rows import Array
from problogit.errors import CalibrationWarning, InputError, NotAvailableError
from problogit.validation import seed_sequence

__all__ = ["FITTED", "MANY_FOR_ISOTONIC", "fit_map", "movable"]

FITTED = ("intercept", "logistic", "beta", "isotonic")
MANY_FOR_ISOTONIC = 1000
_RESAMPLES = 200  # of the isotonic regression


def fit_map(
    method: str, judged: Judged, where: str, rng: int | np.random.Generator | None
) -> RecalibrationMap:
    """Estimate a map.

    Parameters
    ----------
    method : str
        One of `FITTED`.
    judged : Judged
        Predictions with outcomes, without NaN.
    where : str
        What they are, for errors: ``"data"`` or ``"the training rows"``.
    rng : int, Generator or None
        Draws the resamples of the isotonic regression.

    Raises
    ------
    InputError
        One outcome only.
    NotAvailableError
        The map has no finite estimate.
    """
    _check_both_outcomes(judged, where)
    if method == "isotonic":
        return _isotonic(judged, rng)
    finite = movable(judged)
    if method == "intercept":
        return _intercept(finite)
    return _logistic(finite) if method == "logistic" else _beta(finite)


def movable(judged: Judged) -> Judged:
    """The entries whose probability is neither 0 nor 1; warns of others that were wrong."""
    sure = np.isinf(judged.log_odds)
    wrong = sure & (judged.successes != np.where(judged.log_odds > 0, judged.trials, 0.0))
    if wrong.any():
        warnings.warn(
            f"{int(wrong.sum())} row(s) were predicted with a probability of exactly 0 or 1, and wrongly: "
            "recalibration leaves such predictions as they are. Fit Penalized(Jeffreys()) or a proper prior.",
            CalibrationWarning,
            stacklevel=6,
        )
    finite = judged.take(~sure)
    if finite.log_odds.size == 0:
        raise NotAvailableError(
            "Every prediction is exactly 0 or 1, which no recalibration moves. Fit Penalized(Jeffreys()) or a proper "
            "prior."
        )
    return finite


def _check_both_outcomes(judged: Judged, where: str) -> None:
    events, total = float(judged.weights @ judged.successes), float(judged.weights @ judged.trials)
    if 0 < events < total:
        return
    seen = "none" if events <= 0 else "nothing else"
    raise InputError(
        f"{where} must hold events and non-events to recalibrate with; events: received {seen}, in {judged.n} unit(s). "
        "Where the share of events of a population is known, pass new_prevalence= instead."
    )


def _intercept(judged: Judged) -> LineMap:
    events, total = judged.weights * judged.successes, judged.weights * judged.trials
    value = null_intercept(events, total, judged.log_odds, near=0.0)
    if not np.isfinite(value):
        raise NotAvailableError(
            "All outcomes are equal among the predictions that are not exactly 0 or 1, so the intercept is infinite."
        )
    ones = np.ones((judged.log_odds.size, 1))
    like = BinomialLikelihood(ones, judged.successes, judged.trials, judged.weights, judged.log_odds)
    cov = np.zeros((2, 2))
    cov[0, 0] = line_covariance(like, np.array([value]), judged)[0, 0]
    return LineMap(value, 1.0, cov)


def _logistic(judged: Judged) -> LineMap:
    line = recalibration_line(judged.log_odds, judged.successes, judged.trials, judged.weights)
    if line.point is None:
        raise NotAvailableError(
            f"There is no line of recalibration. {line.note} Use method='intercept', or more data."
        )
    nothing = np.zeros(judged.log_odds.size)
    columns = line.columns(judged.log_odds)
    like = BinomialLikelihood(columns, judged.successes, judged.trials, judged.weights, nothing)
    back = np.array([[1.0, -line.centre / line.scale], [0.0, 1.0 / line.scale]])
    cov = back @ line_covariance(like, line.point, judged) @ back.T
    if line.slope < 0:
        warnings.warn(
            f"The slope of recalibration is {line.slope:.3g}: below 0, higher predictions go with fewer events here, "
            "and recalibration turns their order round. Look at the coding of the event before using it.",
            CalibrationWarning,
            stacklevel=6,
        )
    return LineMap(line.intercept, line.slope, cov)


def _beta(judged: Judged) -> BetaMap:
    """The constrained maximum: a coefficient that would be negative is held at 0, as in the paper."""
    line = recalibration_line(judged.log_odds, judged.successes, judged.trials, judged.weights)
    if line.point is None:  # where no line exists the monotone family has no maximum either
        raise NotAvailableError(
            f"There is no beta calibration. {line.note} Use method='intercept', or more data."
        )
    columns = np.column_stack(
        [np.ones(judged.log_odds.size), low_tail(judged.log_odds), high_tail(judged.log_odds)]
    )
    best: tuple[float, Array, list[int]] | None = None
    for free in ([0, 1, 2], [0, 1], [0, 2], [0]):
        found = _maximum(columns[:, free], judged)
        if found is None or (found[1][1:] < 0).any():
            continue
        if best is None or found[0] > best[0]:
            best = (found[0], found[1], free)
        if len(free) == 3:  # inside the constraints: nothing on their edge is better
            break
    if best is None:
        raise NotAvailableError("The fit of the beta calibration did not converge. Use method='logistic'.")
    _, values, free = best
    nothing = np.zeros(judged.log_odds.size)
    like = BinomialLikelihood(columns[:, free], judged.successes, judged.trials, judged.weights, nothing)
    theta, cov = np.zeros(3), np.zeros((3, 3))
    theta[free] = values
    cov[np.ix_(free, free)] = line_covariance(like, values, judged)
    return BetaMap(theta, cov)


def _maximum(columns: Array, judged: Judged) -> tuple[float, Array] | None:
    """Value and coefficients of a regression whose first column is constant; None where Newton does not get there."""
    centre, scale = columns.mean(axis=0), columns.std(axis=0)
    centre[0], scale[0] = 0.0, 1.0
    if not (scale > 0).all():
        return None
    like = BinomialLikelihood(
        np.ascontiguousarray((columns - centre) / scale),
        judged.successes,
        judged.trials,
        judged.weights,
        np.zeros(judged.log_odds.size),
    )
    found: NewtonResult = maximise(like, np.zeros(columns.shape[1]))
    if not found.converged or np.abs(found.x).max() > 1e6:
        return None
    values = found.x / scale
    values[0] -= float(values[1:] @ centre[1:])
    return found.value, values


def _isotonic(judged: Judged, rng: int | np.random.Generator | None) -> IsotonicMap:
    if judged.n < MANY_FOR_ISOTONIC:
        warnings.warn(
            f"Isotonic recalibration of {judged.n} rows follows chance: below {MANY_FOR_ISOTONIC} it usually makes "
            "predictions worse. method='logistic' has two parameters.",
            CalibrationWarning,
            stacklevel=6,
        )
    events, total = judged.weights * judged.successes, judged.weights * judged.trials
    steps = isotonic_steps(judged.log_odds, events, total)
    generator = np.random.default_rng(seed_sequence(rng))
    return IsotonicMap(steps, tuple(_resampled(judged, events, total, generator)))


def _resampled(judged: Judged, events: Array, total: Array, rng: np.random.Generator) -> Iterator[Steps]:
    """Isotonic regressions of resamples of the units."""
    units = judged.units
    n = round(float(units.sum()))
    for _ in range(_RESAMPLES):
        times = rng.multinomial(n, units / units.sum()) / units
        kept = times > 0
        yield isotonic_steps(judged.log_odds[kept], (events * times)[kept], (total * times)[kept], rng)
