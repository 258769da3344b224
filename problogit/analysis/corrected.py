"""Slope and AUC of a fit in new data, from its own rows: the apparent figures less their optimism."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from problogit.analysis.calibration_refits import stand_in_of
from problogit.analysis.judged import Judged, judge_apparent
from problogit.analysis.scores import Measure, auc, calibration_slope
from problogit.data.rows import Array
from problogit.errors import NotAvailableError
from problogit.estimate import Estimate
from problogit.optimism import INTERVAL, optimism_bootstrap
from problogit.progress import SILENT, Progress

__all__ = ["Corrected", "corrected_measures"]


@dataclass(frozen=True, eq=False)
class Corrected:
    """Slope and AUC without optimism.

    Attributes
    ----------
    measures : tuple of Measure
        ``slope, auc`` with their limits.
    n_resamples : int
    how : str
        What was refitted, in words; empty where it was the method itself.
    notes : tuple of str
    """

    measures: tuple[Measure, ...]
    n_resamples: int
    how: str
    notes: tuple[str, ...]


def corrected_measures(
    estimate: Estimate,
    resamples: int,
    prob: float = 0.95,
    rng: int | np.random.Generator | None = 0,
    progress: Progress = SILENT,
) -> Corrected | None:
    """Correct them by the optimism bootstrap; None where the fit has no finite slope or too few refits succeed.

    The mode stands in for a posterior: its optimism is taken off the apparent figures of the posterior itself.
    """
    apparent = judge_apparent(estimate)
    frequency = apparent.weights_type

    def figures(log_odds: Array, successes: Array, trials: Array, weights: Array) -> Array:
        n = log_odds.size
        each = Judged(
            log_odds,
            successes,
            trials,
            weights,
            np.arange(n),
            np.full(n, -1),
            None,
            frequency,
            "apparent",
            "",
        )
        return np.array([calibration_slope(each, prob).value, auc(each, prob).value])

    method = stand_in_of(estimate)
    try:
        found = optimism_bootstrap(
            method,
            estimate.problem,
            figures,
            resamples=max(resamples, 2),
            rng=rng,
            progress=progress,
            log_odds=apparent.log_odds,
            prob=prob,
        )
    except NotAvailableError:
        return None
    if not np.isfinite(found.corrected).all():
        return None
    made = [
        Measure(
            name,
            *(float(values[i]) for values in (found.corrected, found.std_error, found.lower, found.upper)),
            interval=INTERVAL if np.isfinite(found.lower[i]) else "none",
            target=target,
            no_skill=no_skill,
        )
        for i, (name, target, no_skill) in enumerate((("slope", 1.0, np.nan), ("auc", np.nan, 0.5)))
    ]
    how = "" if method is estimate.method else method.describe()
    return Corrected(tuple(made), found.n_resamples, how, found.notes)
