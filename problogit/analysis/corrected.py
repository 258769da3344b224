"""Slope and AUC of a fit in new data, from its own rows: the apparent figures less their optimism."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from problogit.analysis.calibration_refits import stand_in_of
from problogit.analysis.performance import INDEXES, performance
from problogit.analysis.scores import Measure
from problogit.analysis.validation_notes import resample_notes
from problogit.errors import NotAvailableError
from problogit.estimate import Estimate
from problogit.optimism import INTERVAL, optimism_bootstrap
from problogit.progress import SILENT, Progress
from problogit.resampling import predicted_log_odds

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
    method, problem = stand_in_of(estimate), estimate.problem
    own = predicted_log_odds(estimate.predictor, problem.rows.X, problem.rows.offset)
    try:
        found = optimism_bootstrap(
            method,
            problem,
            performance,
            resamples=resamples,
            rng=rng,
            progress=progress,
            log_odds=own,
        )
    except NotAvailableError:
        return None
    names = [index.name for index in INDEXES]
    limits = (found.corrected, found.std_error, *found.limits(prob))
    made = []
    for name, no_skill in (("slope", np.nan), ("auc", 0.5)):
        place = names.index(name)
        value, error, lower, upper = (float(figures[place]) for figures in limits)
        if not np.isfinite(value):
            return None
        kind = INTERVAL if np.isfinite(lower) else "none"
        made.append(Measure(name, value, error, lower, upper, kind, INDEXES[place].target, no_skill))
    how = "" if method is estimate.method else method.describe()
    said = [name if name in ("slope", "auc") else "" for name in names]
    return Corrected(tuple(made), found.n_resamples, how, (*found.notes, *resample_notes(found, said)))
