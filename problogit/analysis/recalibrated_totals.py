"""Expected totals from recalibrated probabilities: coefficients, maps and outcomes all uncertain."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np
from scipy.special import expit

from problogit.analysis.recalibrated_predictions import SEED, drawn_maps, interval_kind
from problogit.analysis.recalibration import Recalibration
from problogit.analysis.recalibration_steps import coupled, followed, moved, noise
from problogit.analysis.total_draws import WeightedRows, drawn_log_odds
from problogit.analysis.totals import ExpectedTotal, no_interval, totalled_rows
from problogit.data.rows import Array
from problogit.resampling import predicted_log_odds
from problogit.validation import check_probability

__all__ = ["recalibrated_total"]

_SEED = 20_112
_CELLS = 20_000_000  # outcomes that are simulated
_BLOCK = 1_000_000  # draws x rows held at a time
_REPLICATES = 10  # totals drawn for each draw of the parameters


def recalibrated_total(
    recalibration: Recalibration, data: Any = None, value: Any = 1.0, prob: float = 0.95, trials: Any = None
) -> ExpectedTotal:
    """Expected sum of `value` over events; arguments of `problogit.analysis.totals.expected_total`.

    The interval holds quantiles of simulated totals: coefficients drawn, maps drawn, outcomes drawn. Where rows are
    many, or trials no whole numbers, the outcomes of a draw are summed up as a normal total.
    """
    prob = check_probability("prob", prob)
    estimate, steps = recalibration.estimate, recalibration.steps
    coded, rows = totalled_rows(estimate, data, value, trials)
    log_odds = predicted_log_odds(estimate.predictor, rows.X, rows.offset)
    p = np.asarray(expit(moved(steps, log_odds)))
    mean = float(np.sum(rows.value * rows.trials * p))
    reason = no_interval(estimate.predictor, p)
    totals = (math.nan, math.sqrt(float(np.sum(rows.value**2 * rows.trials * p * (1 - p)))))
    ends = (math.nan, math.nan)
    if not reason:
        expected, variance, seen = _simulated(rows, recalibration)
        if np.isfinite(expected).all():
            totals = (float(expected.std(ddof=1)), math.sqrt(float(variance.mean())))
            low, high = np.quantile(seen, [(1 - prob) / 2, (1 + prob) / 2], method="inverted_cdf")
            ends = (float(low), float(high))
        else:
            reason = "some draws of the coefficients are infinite or unknown."
    return ExpectedTotal(
        mean=mean,
        sd=math.hypot(*totals),
        lower=ends[0],
        upper=ends[1],
        prob=prob,
        interval="none" if reason else "prediction",
        parameters="none" if reason else interval_kind(steps, estimate.coefficients.kinds[0]),
        n_rows=int(rows.value.size),
        n_missing=coded.n_table - rows.value.size,
        parameter_sd=totals[0],
        bernoulli_sd=totals[1],
        reason=reason,
    )


def _simulated(rows: WeightedRows, recalibration: Recalibration) -> tuple[Array, Array, Array]:
    """Mean and variance of the total in each draw, shape (n_draws,), and simulated totals."""
    n, rng = rows.value.size, np.random.default_rng(_SEED)
    drawn, count = _drawn(rows, recalibration)
    exact = rows.whole_trials and count * n * _REPLICATES <= _CELLS
    expected, variance, seen = np.zeros(count), np.zeros(count), np.zeros((_REPLICATES, count))
    step = max(1, _BLOCK // count)
    for start in range(0, n, step):
        block = slice(start, min(start + step, n))
        p, part = expit(drawn(block)), rows.take(block)
        if np.isnan(p).any():
            return np.full(count, np.nan), variance, seen
        expected += p @ (part.value * part.trials)
        variance += (p * (1 - p)) @ (part.value**2 * part.trials)
        if exact:
            times = part.trials.astype(np.int64)
            for replicate in range(_REPLICATES):
                seen[replicate] += rng.binomial(times, p) @ part.value
    if not exact:
        low, high = rows.possible()
        seen = np.clip(expected + np.sqrt(variance) * rng.standard_normal((_REPLICATES, count)), low, high)
    return expected, variance, seen.ravel()


def _drawn(rows: WeightedRows, recalibration: Recalibration) -> tuple[Callable[[slice], Array], int]:
    """Recalibrated log-odds of the rows in every draw, for slices of them, and how many draws there are.

    To first order where maps follow the coefficients, as in `recalibrated_predictions`.
    """
    steps, predictor = recalibration.steps, recalibration.estimate.predictor
    if not coupled(steps):
        plain = drawn_log_odds(predictor, rows)
        count = plain(slice(0, 1)).shape[0]
        draws = drawn_maps(steps, count)
        return (lambda block: reduce(lambda values, draw: draw(values), draws, plain(block))), count
    middle = predictor.marginals(rows.X).location + rows.offset
    follow, centre, _ = followed(steps, rows.X, middle)
    along = drawn_log_odds(predictor, replace(rows, X=follow, offset=np.zeros(rows.offset.size)))
    location, count = predictor.marginals(follow).location, along(slice(0, 1)).shape[0]

    def at(block: slice) -> Array:
        away = along(block) - location[block]
        return np.asarray(centre[block] + away + noise(steps, middle[block], count, SEED))

    return at, count
