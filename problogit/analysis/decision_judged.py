"""Several fits judged alike on the same entries, for curves that are drawn over one another."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from problogit.analysis.calibration_refits import stand_in_of
from problogit.analysis.confusion import require_both
from problogit.analysis.judged import RESAMPLES as WAYS
from problogit.analysis.judged import (
    Judged,
    common_clusters,
    judge,
    judge_apparent,
    refitted_by,
)
from problogit.analysis.loo import is_posterior
from problogit.analysis.net_benefit import Outcomes
from problogit.data.rows import Array
from problogit.errors import InputError, NotAvailableError, explain
from problogit.estimate import Estimate
from problogit.optimism import Statistic, optimism_bootstrap
from problogit.progress import Progress
from problogit.validation import check_choice

__all__ = ["CURVE_RESAMPLES", "RESAMPLES", "Together", "judge_together"]

OPTIMISM = "optimism"
CURVE_RESAMPLES = (WAYS[0], OPTIMISM, *WAYS[1:])
RESAMPLES = 300  # of the optimism bootstrap
MOST_CELLS = 12_000_000  # rows x columns x resamples that "auto" refits for optimism: some ten seconds;
MOST_CELLS_L1 = 500_000  # where coordinates come and go, and resamples are refitted one by one


@dataclass(frozen=True, eq=False)
class Together:
    """Predictions of several fits for the same entries.

    Attributes
    ----------
    judged : mapping of label to Judged
        Entries that every fit predicts, in one order.
    optimism : mapping of label to ndarray, shape (2, n_thresholds)
        What true and false positives owe to the fit being judged on its own rows; empty where they owe nothing.
    outcomes : Outcomes
    how : str
        How they were judged, in words.
    notes : tuple of str
    """

    judged: Mapping[str, Judged]
    optimism: Mapping[str, Array]
    outcomes: Outcomes
    how: str
    notes: tuple[str, ...]


def judge_together(
    estimates: Mapping[str, Estimate],
    shares: Statistic,
    data: Any,
    resample: str,
    *,
    rng: int | np.random.Generator | None,
    progress: Progress,
) -> Together:
    """Judge every fit in one and the same way.

    Parameters
    ----------
    estimates : mapping of label to Estimate
        Of the same rows, where `data` is not given.
    shares : callable
        What is corrected for optimism: true, then false positives at each threshold.
    data : table or None
        New data, which are predicted as they are.
    resample : str
        One of `CURVE_RESAMPLES`. ``"auto"`` is ``"optimism"`` up to 12 million rows x columns x resamples of all fits
        together (0.5 million under L1), unless one fit is itself made of many; else leave-one-out, or folds where one
        of the fits needs them.
    rng, progress
        As elsewhere; every fit is judged on the same resamples and folds.
    """
    check_choice("resample", resample, CURVE_RESAMPLES)
    if data is not None and resample == OPTIMISM:
        rule = 'must be "auto" where data is given: new data are predicted as they are'
        raise InputError(explain("resample", rule, resample))
    seed = int(rng.integers(2**32)) if isinstance(rng, np.random.Generator) else rng
    if data is None and (resample == OPTIMISM or (resample == "auto" and _affordable(estimates))):
        return _less_optimism(estimates, shares, seed, progress)
    ways = dict.fromkeys(estimates, resample)
    if data is None and resample == "auto":
        ways = _common_ways(estimates)
    together = None if data is not None else common_clusters(estimates.values())
    judged = {
        label: judge(one, data, ways[label], rng=seed, clusters=together, progress=progress)
        for label, one in estimates.items()
    }
    aligned, lost = _aligned(judged)
    first = next(iter(aligned.values()))
    how = " / ".join(dict.fromkeys(one.how for one in judged.values()))
    return Together(aligned, {}, _outcomes(first, estimates, data), how, (*_own_notes(judged), *lost))


def _common_ways(estimates: Mapping[str, Estimate]) -> dict[str, str]:
    """How fits that are too dear for hundreds of refits are judged: each row by all others, or all by common folds.

    A posterior leaves rows out by weighing its draws; folds refit its stand-in.
    """
    posteriors = [label for label, one in estimates.items() if is_posterior(one)]
    others = [one for label, one in estimates.items() if label not in posteriors]
    resample = refitted_by(others) if others else "loo"
    ways = dict.fromkeys(estimates, resample)
    if resample != "folds":
        ways.update(dict.fromkeys(posteriors, "loo"))
    return ways


def _less_optimism(
    estimates: Mapping[str, Estimate], shares: Statistic, rng: int | None, progress: Progress
) -> Together:
    """The fits on their own rows, with what that flatters them by."""
    judged = {label: judge_apparent(one) for label, one in estimates.items()}
    aligned, notes = _aligned(judged)
    optimism = {}
    for label, one in estimates.items():
        refitted = stand_in_of(one)
        found = optimism_bootstrap(
            refitted,
            one.problem,
            shares,
            resamples=RESAMPLES,
            rng=rng,
            progress=progress,
            log_odds=judged[label].log_odds,
        )
        optimism[label] = found.optimism.reshape(2, -1)
        notes += tuple(f"{label}: {note}" for note in found.notes)
        if found.method != one.method.describe():
            notes += (f"{label}: the optimism is that of a stand-in, {found.method}.",)
    how = f"corrected for optimism by {RESAMPLES} bootstrap refits"
    first = next(iter(aligned.values()))
    return Together(aligned, optimism, _outcomes(first, estimates, None), how, notes)


def _affordable(estimates: Mapping[str, Estimate]) -> bool:
    """Whether a few hundred refits of each take seconds."""
    share = 0.0
    for one in estimates.values():
        try:
            method = stand_in_of(one)
        except NotAvailableError:  # nothing stands in for a model that is not known
            return False
        if method.costly:
            return False
        most = MOST_CELLS if method.prior.smooth else MOST_CELLS_L1
        share += one.problem.rows.n_obs * one.problem.n_terms * RESAMPLES / most
    return share <= 1


def _own_notes(judged: Mapping[str, Judged]) -> tuple[str, ...]:
    """What each way of judging has to say."""
    kinds = {one.kind for one in judged.values()}
    if "apparent" in kinds:
        return ("Apparent: the fits are judged on the rows that they were made from, which flatters them.",)
    return tuple(f"{label}: {note}" for label, one in judged.items() for note in one.notes)


def _aligned(judged: Mapping[str, Judged]) -> tuple[dict[str, Judged], tuple[str, ...]]:
    """The entries that every fit predicts, in one order, and how many units were lost for it."""
    keys = {label: _key(one, judged) for label, one in judged.items()}
    known = [keys[label][~np.isnan(one.log_odds)] for label, one in judged.items()]
    common = functools.reduce(np.intersect1d, known)
    kept = {label: one.take(np.isin(keys[label], common)) for label, one in judged.items()}
    first, *others = kept.values()
    if first.rows.size == 0:
        every = " ".join(note for one in judged.values() for note in one.notes)
        raise NotAvailableError(f"No row has a prediction from every fit, so nothing can be judged. {every}")
    for one in others:
        same = (np.array_equal(one.successes, first.successes), np.array_equal(one.trials, first.trials))
        if one.rows.size != first.rows.size or not all(same):
            raise InputError(
                explain("fits", "must be judged by the same outcomes of the same rows", "others", _REFIT)
            )
    require_both(first)
    most = max(one.n for one in judged.values())
    if first.n == most:
        return kept, ()
    return kept, (
        f"{most - first.n} of {most} units are left out, because not every fit has a prediction for them.",
    )


_REFIT = "Fit them to the same data, or judge them on new data with `data=`."


def _key(one: Judged, judged: Mapping[str, Judged]) -> NDArray[np.int64]:
    """What tells entries apart: the row, and the fold where the copies of a row fell into several."""
    if all(np.unique(other.rows).size == other.rows.size for other in judged.values()):
        return one.rows
    return np.asarray(one.rows * (int(one.fold.max()) + 2) + one.fold + 1)


def _outcomes(judged: Judged, estimates: Mapping[str, Estimate], data: Any) -> Outcomes:
    clusters = None if data is not None else common_clusters(estimates.values())
    codes = None
    if clusters is not None:
        kept = next(iter(estimates.values())).problem.rows.kept
        codes = clusters.codes[np.searchsorted(kept, judged.rows)]
    return Outcomes(judged.successes, judged.trials, judged.weights, judged.units, codes)
