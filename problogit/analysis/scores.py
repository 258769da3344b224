"""Scores of predicted probabilities, each with its standard error: log score, Brier, AUC, elpd, calibration slope.

Log score and Brier score are means per trial, lower is better; the log score uses natural logarithms and stays
infinite where a probability of exactly 0 or 1 was wrong. Beside each stands the no-skill value: the score of the
event rate, predicted for everyone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import LinAlgError, inv
from scipy.special import expit, logit, ndtri

from problogit.analysis.corp import Losses, brier_losses, log_losses, pool
from problogit.analysis.judged import Judged, judge
from problogit.analysis.recalibration_line import NOTHING_FINITE, Line, recalibration_line
from problogit.core.likelihood import BinomialLikelihood
from problogit.core.null import null_intercept
from problogit.data.rows import Array
from problogit.errors import NotAvailableError
from problogit.estimate import Estimate
from problogit.progress import SILENT, Progress

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Measure",
    "auc",
    "calibration_intercept",
    "calibration_slope",
    "covariance_of_line",
    "line_covariance",
    "mean_loss",
    "measures",
    "ratio_error",
    "require_predictions",
    "roc_places",
    "scores",
    "scores_of",
]


@dataclass(frozen=True)
class Measure:
    """One figure about predictions.

    Attributes
    ----------
    name : str
    value, std_error : float
    lower, upper : float
        Bounds; NaN where there are none.
    interval : str
        Kind of the interval.
    target : float
        What a calibrated model gives; NaN where there is no such number.
    no_skill : float
        What the event rate alone gives; NaN where that has no meaning.
    note : str
        Why a figure is missing or infinite.
    """

    name: str
    value: float
    std_error: float = np.nan
    lower: float = np.nan
    upper: float = np.nan
    interval: str = "none"
    target: float = np.nan
    no_skill: float = np.nan
    note: str = ""


def scores(
    estimate: Estimate,
    data: Any = None,
    resample: str = "auto",
    *,
    folds: int = 10,
    rng: int | np.random.Generator | None = 0,
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """Out-of-sample scores as a tidy frame.

    Parameters
    ----------
    estimate, data, resample, folds, rng, progress
        As in `judge`.

    Returns
    -------
    DataFrame
        One row a score: ``score, value, se, no_skill, n, method``. `log_score` and `brier` are means per trial, lower
        is better; `auc` is the chance that an event is ranked above a non-event; `elpd` (posteriors, leave-one-out)
        is the sum of log predictive densities over the units, higher is better. ``attrs["notes"]`` says what did not
        go as asked: fewer folds, refits that failed, units without a prediction (`method` counts those too).
    """
    return scores_of(judge(estimate, data, resample, folds=folds, rng=rng, progress=progress))


def scores_of(judged: Judged) -> pd.DataFrame:
    """The same for predictions that were made before."""
    import pandas as pd

    found = list(measures(judged))
    if judged.loo is not None:
        found.append(Measure("elpd", judged.loo.elpd, judged.loo.se))
    lost = judged.n - judged.usable.n
    table = pd.DataFrame(
        {
            "score": [m.name for m in found],
            "value": [m.value for m in found],
            "se": [m.std_error for m in found],
            "no_skill": [m.no_skill for m in found],
            "n": judged.usable.n,
            "method": f"{judged.how}; {lost} of {judged.n} without a prediction" if lost else judged.how,
        }
    )
    table.attrs["notes"] = judged.notes
    return table


def require_predictions(judged: Judged) -> Judged:
    """The entries with a prediction, or an error with the reasons why there is none."""
    if judged.usable.log_odds.size == 0:
        raise NotAvailableError(
            "No row has a prediction, so nothing can be scored. " + " ".join(judged.notes)
        )
    return judged.usable


def measures(judged: Judged, prob: float = 0.95) -> tuple[Measure, ...]:
    """Log score, Brier score and AUC of the rows that have a prediction."""
    usable = require_predictions(judged)
    return (
        mean_loss("log_score", log_losses, usable, prob),
        mean_loss("brier", brier_losses, usable, prob),
        auc(usable, prob),
    )


def mean_loss(name: str, losses: Losses, judged: Judged, prob: float = 0.95) -> Measure:
    """Mean loss per trial with the standard error of a ratio of sums over independent units."""
    loss = losses(judged.log_odds, judged.successes, judged.trials)
    whole = float(judged.weights @ judged.trials)
    # A weight of 0 is absent, so 0 * inf does not arise.
    value = float(np.sum(judged.weights * loss)) / whole
    rate = float(judged.weights @ judged.successes) / whole
    with np.errstate(divide="ignore"):
        constant = np.full(loss.size, logit(rate))
    no_skill = float(judged.weights @ losses(constant, judged.successes, judged.trials)) / whole
    if not np.isfinite(value):
        return Measure(name, value, no_skill=no_skill, note="A probability of exactly 0 or 1 was wrong.")
    se = ratio_error(loss, value, judged.trials, judged.weights, frequency=judged.frequency)
    found = _wald(name, value, se, prob, no_skill=no_skill)
    return replace(found, lower=max(found.lower, 0.0)) if np.isfinite(se) else found  # no loss is negative


def ratio_error(values: Array, mean: float, trials: Array, weights: Array, *, frequency: bool) -> float:
    """Standard error of sum(w v) / sum(w m) over independent units; NaN for fewer than two."""
    n = float(weights.sum()) if frequency else float(weights.size)
    if n < 2:
        return np.nan
    away = values - mean * trials
    copies = weights if frequency else weights**2
    return float(np.sqrt(copies @ away**2 * n / (n - 1)) / (weights @ trials))


def _wald(name: str, value: float, se: float, prob: float, **more: Any) -> Measure:
    half = float(ndtri((1 + prob) / 2)) * se
    kind = "confidence-wald" if np.isfinite(half) else "none"
    return Measure(name, value, se, value - half, value + half, interval=kind, **more)


def auc(judged: Judged, prob: float = 0.95) -> Measure:
    """Area under the ROC curve by ranks, ties counting one half, with DeLong's standard error.

    Every trial counts as one case. The interval is made on the log-odds of the AUC. Weights other than frequencies
    give no standard error. Source: DeLong, DeLong & Clarke-Pearson (1988, Biometrics 44:837).
    """
    events, total = judged.weights * judged.successes, judged.weights * judged.trials
    hits, misses, above, below = roc_places(judged.log_odds, events, total)
    n_hits, n_misses = hits.sum(), misses.sum()
    if min(n_hits, n_misses) <= 0:
        return Measure("auc", np.nan, no_skill=0.5, note="All outcomes are equal.")
    value = float(hits @ above / n_hits)
    plain = judged.frequency or bool(np.all(judged.weights == 1.0))
    if not plain or min(n_hits, n_misses) < 2:
        return Measure(
            "auc", value, no_skill=0.5, note="No standard error with these weights or so few cases."
        )
    variance = hits @ (above - value) ** 2 / (n_hits * (n_hits - 1))
    variance += misses @ (below - value) ** 2 / (n_misses * (n_misses - 1))
    se = float(np.sqrt(variance))
    if se == 0:
        return Measure("auc", value, se, no_skill=0.5, note="The ranks separate the outcomes.")
    half = float(ndtri((1 + prob) / 2)) * se / (value * (1 - value))
    lower, upper = expit(logit(value) - half), expit(logit(value) + half)
    return Measure("auc", value, se, float(lower), float(upper), interval="confidence-wald", no_skill=0.5)


def roc_places(log_odds: Array, events: Array, total: Array) -> tuple[Array, Array, Array, Array]:
    """Events and non-events of each different prediction, with the shares of non-events below and of events above it.

    Ties count one half; the AUC is the mean of the first share over events. NaN shares where all outcomes are equal.
    """
    cells = pool(log_odds, events, total)
    hits, misses = cells.events, cells.total - cells.events
    n_hits, n_misses = hits.sum(), misses.sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        above = (np.cumsum(misses) - misses / 2) / n_misses
        below = (n_hits - np.cumsum(hits) + hits / 2) / n_hits
    return hits, misses, above, below


def calibration_intercept(judged: Judged, prob: float = 0.95) -> Measure:
    """Calibration in the large: a in logit P(event) = a + logit p. 0 is right; positive means risks are too low."""
    name, finite = "intercept", _finite(judged)
    events, total = finite.weights * finite.successes, finite.weights * finite.trials
    if finite.log_odds.size == 0:
        return Measure(name, np.nan, target=0.0, note=NOTHING_FINITE)
    value = null_intercept(events, total, finite.log_odds, near=0.0)
    if not np.isfinite(value):
        return Measure(name, value, target=0.0, note="All outcomes are equal.")
    like = _likelihood(finite, np.ones((finite.log_odds.size, 1)), finite.log_odds)
    se = float(np.sqrt(line_covariance(like, np.array([value]), finite)[0, 0]))
    return _wald(name, value, se, prob, target=0.0) if np.isfinite(se) else Measure(name, value, target=0.0)


def calibration_slope(judged: Judged, prob: float = 0.95) -> Measure:
    """Calibration slope: b in logit P(event) = a + b logit p. 1 is right; below 1 predictions are too extreme."""
    finite = _finite(judged)
    line = recalibration_line(finite.log_odds, finite.successes, finite.trials, finite.weights)
    if line.point is None:
        return Measure("slope", line.slope, target=1.0, note=line.note)
    se = float(np.sqrt(covariance_of_line(line, finite)[1, 1])) / line.scale
    return _wald("slope", line.slope, se, prob, target=1.0)


def _finite(judged: Judged) -> Judged:
    """The entries whose probability is neither 0 nor 1 nor missing."""
    return judged.take(np.isfinite(judged.log_odds))


def _likelihood(judged: Judged, X: Array, offset: Array) -> BinomialLikelihood:
    return BinomialLikelihood(X, judged.successes, judged.trials, judged.weights, offset)


def covariance_of_line(line: Line, judged: Judged) -> Array:
    """Covariance of `line.point`, fitted to the predictions of `judged`, shape (2, 2)."""
    like = _likelihood(judged, line.columns(judged.log_odds), np.zeros(judged.log_odds.size))
    return line_covariance(like, np.array([0.0, 0.0]) if line.point is None else line.point, judged)


def line_covariance(like: BinomialLikelihood, beta: Array, judged: Judged) -> Array:
    """Inverse information; the sandwich for sampling weights."""
    _, _, information = like.information(beta)
    try:
        bread = inv(information)
    except LinAlgError:
        return np.full_like(information, np.nan)
    if judged.weights_type != "sampling":
        return np.asarray(bread)
    rows = like.X * like.residuals(beta)[:, None]
    return np.asarray(bread @ (rows.T @ rows) @ bread)
