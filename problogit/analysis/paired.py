"""Out-of-sample scores of several fits of the same rows, with paired differences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

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

__all__ = ["score_frame", "score_frame_of"]


def score_frame(
    estimates: Mapping[str, Estimate],
    folds: int = 10,
    rng: int | np.random.Generator | None = 0,
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """Scores by label.

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
        elpd_se`` (posteriors), ``difference, difference_se`` (log score minus the best one's, paired by row, and
        its standard error), ``n`` (units with a prediction), ``judged_by``. The best is the lowest log score among
        the fits that predict most rows; what was left out is in ``attrs["notes"]``.
    """
    return score_frame_of(_judge_all(estimates, folds, rng, progress))


def score_frame_of(judged: Mapping[str, Judged]) -> pd.DataFrame:
    """The same for predictions that were made before: of the same rows, and of common folds where there are folds."""
    import pandas as pd

    rows = []
    for label, one in judged.items():
        usable = require_predictions(one)
        rows.append(
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
    table = pd.DataFrame(rows).set_index("label")
    table["n"] = [one.usable.n for one in judged.values()]
    best = str(table.loc[table["n"] == table["n"].max(), "log_score"].idxmin())
    differences = [_difference(one, judged[best]) for one in judged.values()]
    table.insert(6, "difference", [difference for difference, _ in differences])
    table.insert(7, "difference_se", [error for _, error in differences])
    table["judged_by"] = [one.how for one in judged.values()]
    table.attrs["best"] = best
    table.attrs["notes"] = _notes(judged)
    return table


def _judge_all(
    estimates: Mapping[str, Estimate], k: int, rng: int | np.random.Generator | None, progress: Progress
) -> dict[str, Judged]:
    dealt: Folds | None = None
    judged = {}
    for label, estimate in estimates.items():
        if is_posterior(estimate):
            judged[label] = judge_loo(estimate, progress)
            continue
        dealt = deal_folds(estimate.problem, k, rng) if dealt is None else dealt
        judged[label] = judge_folds(estimate, dealt, progress)
    return judged


def _difference(one: Judged, best: Judged) -> tuple[float, float]:
    """Mean difference of log scores per trial and its standard error, paired over the rows that both predict."""
    if one is best:
        return 0.0, 0.0
    n_rows = len(one.index)
    weights, trials, losses = _by_row(one, n_rows)
    _, _, least = _by_row(best, n_rows)
    with np.errstate(invalid="ignore"):
        gap = losses - least
    both = ~(np.isnan(losses) | np.isnan(least))
    weights, trials, gap = weights[both], trials[both], gap[both]
    if gap.size == 0:
        return np.nan, np.nan
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


def _notes(judged: Mapping[str, Judged]) -> tuple[str, ...]:
    notes = [f"{label}: {note}" for label, one in judged.items() for note in one.notes]
    everything = max(one.n for one in judged.values())
    notes += [
        f"{label} predicts {one.usable.n} of {everything} rows, and its scores are of those alone: usually the easy "
        "ones. Its difference is over the rows that the best one predicts too."
        for label, one in judged.items()
        if one.usable.n < everything
    ]
    if len({one.kind for one in judged.values()}) > 1:
        notes.append(
            "Posteriors are judged by leaving one row out, the other fits by leaving a fold out: the latter learn "
            "from fewer rows, which costs them a little."
        )
    return tuple(notes)
