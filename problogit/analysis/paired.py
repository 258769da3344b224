"""Out-of-sample scores of several fits of the same rows, with paired differences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from problogit.analysis.corp import brier_losses, log_losses
from problogit.analysis.judged import Judged, common_clusters, from_loo, judge, refitted_by
from problogit.analysis.loo import LooResult, is_posterior
from problogit.analysis.scores import auc, calibration_slope, mean_loss, ratio_error
from problogit.data.rows import Array
from problogit.estimate import Estimate
from problogit.progress import SILENT, Progress

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["common_resample", "score_frame", "score_frame_of", "split_notes"]

_ONE_LEFT_OUT = ("alo", "loo", "psis-loo")  # both predict each row from all the others
_SPLITS = 4  # further random splits, which show how far the split moves a figure
_SPLIT_VALUES = 20_000  # rows x columns up to which they are made: about 40 refits of milliseconds
_MEASURES = ("log_score", "brier", "auc", "calibration_slope")


def score_frame(
    estimates: Mapping[str, Estimate],
    folds: int = 10,
    rng: int | np.random.Generator | None = 0,
    progress: Progress = SILENT,
    loos: Mapping[str, LooResult] | None = None,
) -> pd.DataFrame:
    """Scores by label.

    Posteriors are judged by PSIS-LOO. All other fits are judged in one common way: refitted without each row in turn up
    to 200 rows; beyond that by approximate leave-one-out, or by one common set of folds where one of them does not have
    it, is itself made of many fits or has clusters.

    Parameters
    ----------
    estimates : mapping of label to Estimate
        Of the same rows.
    folds, rng, progress
        As in `problogit.analysis.judged.judge`.
    loos : mapping of label to LooResult, optional
        Leave-one-out results of posteriors that were computed before.

    Returns
    -------
    DataFrame
        Index `label`; ``log_score, brier, auc, calibration_slope`` (lower, lower, higher, 1 is best), ``elpd,
        elpd_se`` (posteriors), ``difference, difference_se`` (log score minus that of the fit `against`, paired by
        row, and its standard error), ``n`` (units with a prediction), ``judged_by``, ``against``. `against` is the
        lowest log score among the fits that were judged in the same way: leaving one row out, exactly or by PSIS, is
        one way, folds are another, and differences between ways are not given. A fit that does not predict every row
        has NaN scores and is not ranked. ``attrs["best"]`` is the best label, empty where there are several ways;
        ``attrs["notes"]`` says all this where it happened.
    """
    resample = common_resample(estimates)
    rng = int(rng.integers(2**32)) if isinstance(rng, np.random.Generator) else rng
    together = common_clusters(estimates.values())
    known = {} if loos is None else loos
    judged = {
        label: from_loo(one, known[label])
        if label in known
        else judge(
            one,
            resample="loo" if is_posterior(one) else resample,
            folds=folds,
            rng=rng,
            clusters=together,
            progress=progress,
        )
        for label, one in estimates.items()
    }
    table = score_frame_of(judged)
    table.attrs["notes"] += split_notes(estimates, judged, folds)
    return table


def split_notes(
    estimates: Mapping[str, Estimate], judged: Mapping[str, Judged], folds: int = 10
) -> tuple[str, ...]:
    """How far 4 more random splits move the log scores of fits that were judged by folds, where refits are cheap."""
    spreads, together = [], common_clusters(estimates.values())
    for label, one in judged.items():
        problem = estimates[label].problem
        dear = problem.n_terms * problem.rows.n_obs > _SPLIT_VALUES or estimates[label].method.costly
        if one.kind != "folds" or one.usable.n < one.n or dear:
            continue
        others = [
            judge(estimates[label], resample="folds", folds=folds, rng=seed, clusters=together)
            for seed in range(1, _SPLITS + 1)
        ]
        every = [mean_loss("log_score", log_losses, other.usable).value for other in (one, *others)]
        spreads.append(f"{label} {min(every):.4f} to {max(every):.4f}")
    if not spreads:
        return ()
    return (
        f"Log scores over {_SPLITS + 1} random splits into folds, of which the first is shown: {'; '.join(spreads)}.",
    )


def common_resample(estimates: Mapping[str, Estimate]) -> str:
    """How those of the fits that are no posteriors are judged, all in the same way: ``exact``, ``loo`` or ``folds``."""
    return refitted_by(one for one in estimates.values() if not is_posterior(one))


def score_frame_of(judged: Mapping[str, Judged]) -> pd.DataFrame:
    """The same for predictions that were made before: of the same rows, and of common folds where there are folds."""
    import pandas as pd

    everything = max(one.n for one in judged.values())
    whole = {label: one for label, one in judged.items() if one.usable.n == everything}
    table = pd.DataFrame(
        [{"label": label, **_figures(one, ranked=label in whole)} for label, one in judged.items()]
    ).set_index("label")
    against = {label: _best_of(table, whole, one) for label, one in judged.items()}
    pairs = [
        _difference(one, whole[against[label]]) if label in whole else (np.nan, np.nan)
        for label, one in judged.items()
    ]
    table.insert(6, "difference", [difference for difference, _ in pairs])
    table.insert(7, "difference_se", [error for _, error in pairs])
    table["n"] = [one.usable.n for one in judged.values()]
    table["judged_by"] = [one.how for one in judged.values()]
    table["against"] = [against[label] if label in whole else "" for label in judged]
    leaders = {against[label] for label in whole}
    table.attrs["best"] = leaders.pop() if len(leaders) == 1 else ""
    table.attrs["notes"] = _notes(judged, everything)
    return table


def _figures(one: Judged, *, ranked: bool) -> dict[str, float]:
    """The scores of one fit; NaN where some row has no prediction, because the rows without are the hard ones."""
    found = dict.fromkeys(_MEASURES, np.nan)
    if ranked:
        usable = one.usable
        values = (
            mean_loss("log_score", log_losses, usable),
            mean_loss("brier", brier_losses, usable),
            auc(usable),
            calibration_slope(usable),
        )
        found = {name: measure.value for name, measure in zip(_MEASURES, values, strict=True)}
    return {
        **found,
        "elpd": one.loo.elpd if one.loo else np.nan,
        "elpd_se": one.loo.se if one.loo else np.nan,
    }


def _way(one: Judged) -> str:
    """What figures must share to be compared: all that leave one row out, or the kind."""
    return "one left out" if one.kind in _ONE_LEFT_OUT else one.kind


def _best_of(table: pd.DataFrame, whole: Mapping[str, Judged], one: Judged) -> str:
    """The lowest log score among the fits that were judged in the same way on every row; empty where there is none."""
    peers = [label for label, other in whole.items() if _way(other) == _way(one)]
    return str(table.loc[peers, "log_score"].idxmin()) if peers else ""


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


def _notes(judged: Mapping[str, Judged], everything: int) -> tuple[str, ...]:
    notes = [f"{label}: {note}" for label, one in judged.items() for note in one.notes]
    notes += [
        f"{label} predicts {one.usable.n} of {everything} rows. Its scores would be of those alone, usually the easy "
        "ones: they are withheld, and it is not ranked."
        for label, one in judged.items()
        if one.usable.n < everything
    ]
    if len({_way(one) for one in judged.values()}) > 1:
        notes.append(
            "The fits were not judged in the same way: refits without a fold learn from fewer rows than those without "
            "one row, and look slightly worse for it; and another random split into folds would move their figures. "
            "So no fit is called the best of all, and differences are given only between fits judged alike."
        )
    kinds = {one.kind for one in judged.values()}
    if "psis-loo" in kinds and kinds & {"alo", "loo"}:
        how = "exact (one refit a row)" if "loo" in kinds else "from the leverages"
        notes.append(
            f"Leave-one-out is {how} for the fits that are not posteriors, and by Pareto-smoothed importance weights "
            "for those that are: both predict each row from all the others."
        )
    return tuple(notes)
