"""Figures about predictions as one vector: what the optimism bootstrap corrects, and their intervals on new data.

With p the prediction, r the event rate, L the mean log loss per trial, H(r) = -r log r - (1 - r) log(1 - r) and L1 the
mean log loss after logistic recalibration (`recalibration_line`), n trials:

    brier             mean (y - p)^2                  scaled_brier    1 - brier / (r (1 - r))
    log_score         L                               auc             P(event ranked above non-event), ties one half
    slope             b of logit P = a + b logit p    intercept       a of logit P = a + logit p (in the large)
    joint_intercept   the a beside b                  tjur            mean p of events - mean p of non-events
    nagelkerke        (1 - exp(2 (L - H))) / (1 - exp(-2 H))
    discrimination    D = 2 (H - L1) - 1 / n          unreliability   U = 2 (L - L1) - 2 / n
    quality           Q = D - U

(Harrell, Regression Modeling Strategies, for D, U and Q). Nagelkerke's figure takes the predictions as they are: it
falls below 0 where the event rate alone would have been better. rms recalibrates first.

Probabilities of exactly 0 and 1 (separated fits) count in scores and ranks as they are. In the slope of a resample
those that were right count for nothing; one that was wrong makes it 0, the limit of the slope as predictions grow to
infinity. Predictions that separate the outcomes have no slope here: an infinite one would make every mean infinite. On
new data slope and intercepts leave them out, as elsewhere in problogit, and that is said.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit, logit, ndtri, xlogy

from problogit.analysis.corp import brier_losses, log_losses
from problogit.analysis.judged import Judged
from problogit.analysis.recalibration_line import Line, recalibration_line
from problogit.analysis.scores import (
    Measure,
    auc,
    calibration_intercept,
    calibration_slope,
    covariance_of_line,
    mean_loss,
    roc_places,
)
from problogit.core.null import null_intercept
from problogit.data.rows import Array

__all__ = ["INDEXES", "external_measures", "limiting_line", "performance"]


@dataclass(frozen=True)
class Index:
    """A figure: its name, what a calibrated model gives (NaN: no such number), and the range that it can take."""

    name: str
    target: float = np.nan
    low: float = -np.inf
    high: float = np.inf


INDEXES = (
    Index("brier", low=0.0, high=1.0),
    Index("scaled_brier", high=1.0),
    Index("log_score", low=0.0),
    Index("auc", low=0.0, high=1.0),
    Index("slope", target=1.0),
    Index("intercept", target=0.0),
    Index("joint_intercept", target=0.0),
    Index("tjur", low=-1.0, high=1.0),
    Index("nagelkerke", high=1.0),
    Index("discrimination"),
    Index("unreliability"),
    Index("quality"),
)


def performance(log_odds: Array, successes: Array, trials: Array, weights: Array) -> Array:
    """Every figure of `INDEXES`, in that order, shape (12,); NaN where one does not exist.

    Parameters
    ----------
    log_odds : ndarray, shape (n_rows,)
        +-Inf allowed, NaN not.
    successes, trials, weights : ndarray, shape (n_rows,)
    """
    events, total = weights * successes, weights * trials
    n = float(total.sum())
    if n <= 0:
        return np.full(len(INDEXES), np.nan)
    rate = float(events.sum()) / n
    brier = float(brier_losses(log_odds, events, total).sum()) / n
    log_score = float(log_losses(log_odds, events, total).sum()) / n
    line = limiting_line(log_odds, successes, trials, weights)
    recalibrated = -line.loglik / n
    entropy = _entropy(rate) if 0 < rate < 1 else np.nan
    return np.array(
        [
            brier,
            _scaled(brier, rate),
            log_score,
            _area(log_odds, events, total),
            line.slope,
            _in_the_large(log_odds, events, total),
            line.intercept,
            _tjur(log_odds, events, total),
            _nagelkerke(log_score, entropy),
            2 * (entropy - recalibrated) - 1 / n,
            2 * (log_score - recalibrated) - 2 / n if 0 < rate < 1 else np.nan,
            2 * (entropy - log_score) + 1 / n,
        ]
    )


def _entropy(rate: float) -> float:
    return float(-xlogy(rate, rate) - xlogy(1 - rate, 1 - rate))


def _scaled(brier: float, rate: float) -> float:
    return 1 - brier / (rate * (1 - rate)) if 0 < rate < 1 else np.nan


def _nagelkerke(log_score: float, entropy: float) -> float:
    with np.errstate(over="ignore"):
        return float(np.expm1(2 * (log_score - entropy)) / np.expm1(-2 * entropy))


def _area(log_odds: Array, events: Array, total: Array) -> float:
    hits, _, above, _ = roc_places(log_odds, events, total)
    whole = float(hits.sum())
    return float(hits @ above) / whole if 0 < whole < float(total.sum()) else np.nan


def _tjur(log_odds: Array, events: Array, total: Array) -> float:
    p, others = expit(log_odds), total - events
    if events.sum() <= 0 or others.sum() <= 0:
        return np.nan
    return float(events @ p / events.sum() - others @ p / others.sum())


def _in_the_large(log_odds: Array, events: Array, total: Array) -> float:
    """Predictions of exactly 0 or 1, which no shift moves, are left out."""
    finite = np.isfinite(log_odds)
    if not finite.any():
        return np.nan
    return null_intercept(events[finite], total[finite], log_odds[finite], near=0.0)


def limiting_line(log_odds: Array, successes: Array, trials: Array, weights: Array) -> Line:
    """The line through all predictions, those of exactly 0 or 1 by their limit; no infinite slope, NaN instead.

    Where such a one was wrong the slope is 0 and what remains is the event rate.
    """
    finite = np.isfinite(log_odds)
    if finite.all():
        return _without_infinity(recalibration_line(log_odds, successes, trials, weights))
    sure = ~finite
    expected = np.where(log_odds[sure] > 0, trials[sure], 0.0)
    if np.all(successes[sure] == expected):
        return _without_infinity(
            recalibration_line(log_odds[finite], successes[finite], trials[finite], weights[finite])
        )
    n, rate = float(weights @ trials), float(weights @ successes) / float(weights @ trials)
    with np.errstate(divide="ignore"):
        return Line(float(logit(rate)), 0.0, -n * _entropy(rate))


def _without_infinity(line: Line) -> Line:
    return line if np.isfinite(line.slope) else replace(line, slope=np.nan)


def external_measures(judged: Judged, prob: float = 0.95) -> tuple[Measure, ...]:
    """The figures of predictions for rows that did not make them, each with its own interval; order of `INDEXES`.

    Slope and intercepts by Wald, AUC by DeLong on its log-odds, means per trial as ratios over independent units, what
    is computed from such means by the delta method. `unreliability` has no interval: it is not normal near 0.
    """
    values = dict(
        zip(
            (index.name for index in INDEXES),
            performance(judged.log_odds, judged.successes, judged.trials, judged.weights),
            strict=True,
        )
    )
    finite = judged.take(np.isfinite(judged.log_odds))
    line = recalibration_line(finite.log_odds, finite.successes, finite.trials, finite.weights)
    known = {
        "joint_intercept": _joint_intercept(line, finite, prob),
        "brier": mean_loss("brier", brier_losses, judged, prob),
        "log_score": mean_loss("log_score", log_losses, judged, prob),
        "auc": auc(judged, prob),
        "slope": calibration_slope(judged, prob),
        "intercept": calibration_intercept(judged, prob),
    }
    errors = _delta_errors(judged)
    half = float(ndtri((1 + prob) / 2))
    return tuple(
        known.get(index.name) or _wald(index, float(values[index.name]), errors.get(index.name, np.nan), half)
        for index in INDEXES
    )


def _joint_intercept(line: Line, finite: Judged, prob: float) -> Measure:
    index = next(index for index in INDEXES if index.name == "joint_intercept")
    if line.point is None:
        return Measure(index.name, line.intercept, target=index.target, note=line.note)
    shift = np.array([1.0, -line.centre / line.scale])
    se = float(np.sqrt(shift @ covariance_of_line(line, finite) @ shift))
    return _wald(index, line.intercept, se, float(ndtri((1 + prob) / 2)))


def _wald(index: Index, value: float, se: float, half: float) -> Measure:
    if not (np.isfinite(value) and np.isfinite(se)):
        return Measure(index.name, value, target=index.target)
    lower, upper = max(value - half * se, index.low), min(value + half * se, index.high)
    return Measure(index.name, value, se, lower, upper, "confidence-wald", index.target)


def _delta_errors(judged: Judged) -> dict[str, float]:
    """Standard errors of what is a function of means per trial: Brier and log losses, recalibrated loss, event rate."""
    events, total = judged.weights * judged.successes, judged.weights * judged.trials
    n, rate = float(total.sum()), float(events.sum()) / float(total.sum())
    units = float(judged.units.sum())
    if not 0 < rate < 1 or units < 2:
        return {}
    brier = brier_losses(judged.log_odds, judged.successes, judged.trials)
    loss = log_losses(judged.log_odds, judged.successes, judged.trials)
    rows = np.column_stack([brier, loss, _recalibrated_losses(judged), judged.successes])
    rows[:, ~np.isfinite(rows).all(axis=0)] = np.nan  # no error of what is infinite, or rests on it
    away = rows - np.outer(judged.trials, judged.weights @ rows / n)
    copies = judged.weights if judged.frequency else judged.weights**2
    cov = (away * copies[:, None]).T @ away * (units / (units - 1)) / n**2
    means = judged.weights @ rows / n
    variance, turn = rate * (1 - rate), -float(logit(rate))  # d entropy / d rate
    gain, most = 2 * (means[1] - _entropy(rate)), -2 * _entropy(rate)
    steep = np.exp(gain) / np.expm1(most)
    bend = -2 * steep + 2 * np.expm1(gain) * np.exp(most) / np.expm1(most) ** 2
    gradients = {
        "scaled_brier": [-1 / variance, 0, 0, means[0] * (1 - 2 * rate) / variance**2],
        "nagelkerke": [0, 2 * steep, 0, bend * turn],
        "discrimination": [0, 0, -2, 2 * turn],
        "quality": [0, -2, 0, 2 * turn],
    }
    errors = {name: _error(np.array(gradient), cov) for name, gradient in gradients.items()}
    return {**errors, "tjur": _tjur_error(judged)}


def _error(gradient: Array, cov: Array) -> float:
    used = gradient != 0
    return float(np.sqrt(gradient[used] @ cov[np.ix_(used, used)] @ gradient[used]))


def _recalibrated_losses(judged: Judged) -> Array:
    """Log losses at the line of recalibration; NaN where there is none. Its own error is of second order."""
    if not np.isfinite(judged.log_odds).all():
        return np.full(judged.log_odds.size, np.nan)
    line = recalibration_line(judged.log_odds, judged.successes, judged.trials, judged.weights)
    if line.point is None:
        return np.full(judged.log_odds.size, np.nan)
    return log_losses(line.intercept + line.slope * judged.log_odds, judged.successes, judged.trials)


def _tjur_error(judged: Judged) -> float:
    """Two independent means of p; trials count one by one."""
    p, variance = expit(judged.log_odds), 0.0
    for counts in (judged.successes, judged.trials - judged.successes):
        weight = judged.weights * counts
        whole = float(weight.sum())
        n = whole if judged.frequency else float(counts.sum())
        if n < 2:
            return np.nan
        copies = weight if judged.frequency else judged.weights * weight
        mean = float(weight @ p) / whole
        variance += float(copies @ (p - mean) ** 2) / whole**2 * n / (n - 1)
    return float(np.sqrt(variance))
