"""Out-of-sample scores of several fits of the same rows, with paired differences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from problogit.analysis.corp import brier_losses, log_losses
from problogit.analysis.judged import Judged, judge_folds, judge_loo
from problogit.analysis.loo import is_posterior
from problogit.analysis.scores import auc, calibration_slope, mean_loss, ratio_error, require_predictions
from problogit.data.rows import Array
from problogit.estimate import Estimate
from problogit.progress import SILENT, Progress
from problogit.resampling import Folds, deal_folds

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["score_frame"]


def score_frame(
    estimates: Mapping[str, Estimate],
    folds: int = 10,
    rng: int | np.random.Generator | None = 0,
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """Scores by label, all over the same rows.

    Posteriors are judged by PSIS-LOO, every other fit by refits on one common set of folds.

    Parameters
    ----------
    estimates : mapping of label to Estimate
        Of the same rows.
    folds, rng, progress
        As in `problogit.analysis.judged.judge`.

    Returns
    -------
    DataFrame
        Index `label`; ``log_score, brier, auc, calibration_slope`` (lower, lower, higher, 1 is best), ``elpd,
        elpd_se`` (posteriors), ``difference, difference_se`` (log score minus the best one's, and the standard
        error of the paired difference), ``n, judged_by``. What was left out is in ``attrs["notes"]``.
    """
    import pandas as pd

    judged = _judge_all(estimates, folds, rng, progress)
    common = _common_rows(judged)
    kept = {label: one.take(np.isin(one.rows, common)) for label, one in judged.items()}
    found = []
    for label, one in kept.items():
        usable = require_predictions(one)
        found.append(
            {
                "label": label,
                "log_score": mean_loss("log_score", log_losses, usable).value,
                "brier": mean_loss("brier", brier_losses, usable).value,
                "auc": auc(usable).value,
                "calibration_slope": calibration_slope(usable).value,
                "elpd": one.loo.elpd if one.loo else np.nan,
                "elpd_se": one.loo.se if one.loo else np.nan,
            }
        )
    table = pd.DataFrame(found).set_index("label")
    best = str(table["log_score"].idxmin())
    differences = [_difference(one, kept[best]) for one in kept.values()]
    table["difference"] = [difference for difference, _ in differences]
    table["difference_se"] = [error for _, error in differences]
    table["n"] = [one.n for one in kept.values()]
    table["judged_by"] = [one.how for one in kept.values()]
    table.attrs["best"] = best
    table.attrs["notes"] = _notes(judged, common)
    return table


def _judge_all(
    estimates: Mapping[str, Estimate], k: int, rng: int | np.random.Generator | None, progress: Progress
) -> dict[str, Judged]:
    dealt: Folds | None = None
    judged = {}
    for label, estimate in estimates.items():
        if is_posterior(estimate):
            judged[label] = judge_loo(estimate)
            continue
        dealt = deal_folds(estimate.problem, k, rng) if dealt is None else dealt
        judged[label] = judge_folds(estimate, dealt, progress)
    return judged


def _common_rows(judged: Mapping[str, Judged]) -> NDArray[np.int64]:
    """Rows of the table for which every fit has all its predictions."""
    everything = np.unique(np.concatenate([one.rows for one in judged.values()]))
    lacking = np.concatenate([one.rows[np.isnan(one.log_odds)] for one in judged.values()])
    return np.asarray(np.setdiff1d(everything, lacking), dtype=np.int64)


def _difference(one: Judged, best: Judged) -> tuple[float, float]:
    """Mean difference of log scores per trial and its standard error, paired by row."""
    if one is best:
        return 0.0, 0.0
    n_rows = len(one.index)
    weights, trials, losses = _by_row(one, n_rows)
    _, _, least = _by_row(best, n_rows)
    with np.errstate(invalid="ignore"):
        gap = losses - least
    mean = float(weights @ gap / (weights @ trials))
    if not np.isfinite(mean):
        return mean, np.nan
    return mean, ratio_error(gap, mean, trials, weights, frequency=one.frequency)


def _by_row(one: Judged, n_rows: int) -> tuple[Array, Array, Array]:
    """Weight, trials and mean log loss of each row of the table that was judged."""
    share = np.asarray(np.bincount(one.rows, one.weights, n_rows), dtype=np.float64)
    present = share > 0
    loss = np.bincount(one.rows, one.weights * log_losses(one.log_odds, one.successes, one.trials), n_rows)
    trials = np.bincount(one.rows, one.weights * one.trials, n_rows)
    return share[present], trials[present] / share[present], loss[present] / share[present]


def _notes(judged: Mapping[str, Judged], common: NDArray[np.int64]) -> tuple[str, ...]:
    notes = [f"{label}: {note}" for label, one in judged.items() for note in one.notes]
    every = max(np.unique(one.rows).size for one in judged.values())
    if common.size < every:
        notes.append(
            f"Scores are of the {common.size} of {every} rows for which every fit has a prediction; elpd is of all."
        )
    if len({one.kind for one in judged.values()}) > 1:
        notes.append(
            "Posteriors are judged by leaving one row out, the other fits by leaving a fold out: the latter learn "
            "from fewer rows, which costs them a little."
        )
    return tuple(notes)
