"""What has to be said beside the figures of a validation: what was left out, what is biased and which way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from problogit.analysis.judged import Judged
from problogit.analysis.performance import INDEXES
from problogit.estimate import Estimate
from problogit.optimism import Optimism

__all__ = ["bootstrap_notes", "external_notes", "left_out_notes", "resample_notes", "unsteady_slope"]

_FIRM = 100  # events and non-events that an assessment needs at least (Collins, Ogundimu & Altman 2016)
_UNSTEADY = 0.1  # Monte Carlo error of a corrected slope from which on it is said
_NAMES = tuple(index.name for index in INDEXES)


def bootstrap_notes(estimate: Estimate, found: Optimism) -> tuple[str, ...]:
    """Of an optimism bootstrap."""
    problem = estimate.problem
    notes = [*found.notes, *resample_notes(found, _NAMES), *_infinite_notes(found)]
    if estimate.method.name == "MLE" and np.isfinite(found.apparent[_NAMES.index("slope")]):
        notes.append("The apparent slope 1 and intercept 0 of maximum likelihood hold by construction.")
    notes.append(
        "Calibration in the large cannot fail on the data that set the event rate: it is a question for new data."
    )
    return (*notes, *_few(round(problem.sample.n_events), round(problem.sample.n_trials)))


def resample_notes(found: Optimism, names: Sequence[str]) -> tuple[str, ...]:
    """Figures that do not exist in some resamples, and a slope whose mean over the resamples is not steady.

    Parameters
    ----------
    found : Optimism
    names : sequence of str
        Of its figures; an empty one is passed over.
    """
    made = found.n_resamples - found.n_failed
    counts = {name: made - int(used) for name, used in zip(names, found.n_used, strict=True) if name}
    notes = []
    for said, one, count in _grouped(counts):
        left = f"; {'its' if one else 'their'} optimism leaves these out, which flatters"
        notes.append(
            f"{said} {'does' if one else 'do'} not exist in {count} of {found.n_resamples} resamples (predictions "
            f"that separate the outcomes, or are all equal){left if count < made else ''}."
        )
    return (*notes, *unsteady_slope(found, list(names).index("slope")))


def unsteady_slope(found: Optimism, place: int) -> tuple[str, ...]:
    """A note where the corrected slope depends on the random numbers: a Monte Carlo error above 0.1, or a tenth of it.

    A refit that predicts almost the same for every row has a huge slope on the data, and one that all but separates its
    resample a huge one there: the mean over resamples has heavy tails.
    """
    spread = (found.training - found.test)[:, place]
    spread = spread[np.isfinite(spread)]
    error = float(spread.std(ddof=1)) / np.sqrt(spread.size) if spread.size > 1 else 0.0
    middle = float(found.apparent[place] - np.median(spread)) if spread.size else 0.0
    if error <= _UNSTEADY * max(1.0, abs(middle)):
        return ()
    return (
        f"The corrected slope has a Monte Carlo error of {error:.2g}, because some refits predict almost the same for "
        "every row, or nearly separate their resample: another rng may give another slope. By the median over "
        f"resamples it is {middle:.2f}.",
    )


def _infinite_notes(found: Optimism) -> tuple[str, ...]:
    infinite = (np.isinf(found.training) | np.isinf(found.test)).sum(axis=0)
    return tuple(
        f"{said} {'is' if one else 'are'} infinite in {count} of {found.n_resamples} resamples, where a probability "
        f"of exactly 0 or 1 was wrong; so {'is its correction' if one else 'are their corrections'}. A proper prior "
        "or Jeffreys() keeps probabilities off 0 and 1."
        for said, one, count in _grouped(dict(zip(_NAMES, infinite.tolist(), strict=True)))
    )


def _grouped(counts: dict[str, int]) -> list[tuple[str, bool, int]]:
    """Names of the same positive count as words, whether there is one only, and the count."""
    groups: dict[int, list[str]] = {}
    for name, count in counts.items():
        if count > 0:
            groups.setdefault(count, []).append(name)
    return [
        (names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}", len(names) == 1, count)
        for count, names in groups.items()
    ]


def left_out_notes(judged: Judged, reason: str) -> tuple[str, ...]:
    """Of left-out predictions that stand in for a bootstrap."""
    usable = judged.usable
    notes = [reason] if reason else []
    notes += [
        *judged.notes,
        "Figures of rows left out: slope and AUC are biased low (each row is predicted without itself, which moves the "
        "prediction away from it); Brier and log score are nearly unbiased. Intervals take the predictions as given.",
        *_exact(usable),
    ]
    return (*notes, *_few(usable.n_events, usable.n_trials))


def external_notes(judged: Judged) -> tuple[str, ...]:
    """Of new data."""
    usable = judged.usable
    events, others = usable.n_events, usable.n_trials - usable.n_events
    notes = [*judged.notes]
    if min(events, others) == 0:
        which = "no events" if events == 0 else "events only"
        notes.append(
            f"The data hold {which}: AUC, slope and the figures relative to the event rate do not exist. Brier and log "
            "score do."
        )
    notes += _exact(usable)
    return (*notes, *_few(events, usable.n_trials))


def _exact(usable: Judged) -> list[str]:
    """Predictions of exactly 0 and 1."""
    sure = np.isinf(usable.log_odds)
    if not sure.any():
        return []
    units, p = usable.units, (usable.log_odds > 0).astype(float)
    wrong = sure & (usable.successes != p * usable.trials)
    count, bad = round(float(units[sure].sum())), round(float(units[wrong].sum()))
    notes = [
        f"{count} of {usable.n} predictions are exactly 0 or 1: slope and intercepts leave them out, scores do not."
    ]
    if bad:
        notes.append(f"{bad} of them were wrong, so the log score is infinite, and stays so.")
    return notes


def _few(events: int, trials: int) -> tuple[str, ...]:
    if min(events, trials - events) >= _FIRM:
        return ()
    counted = f"{events} event{'' if events == 1 else 's'} and {trials - events} non-events"
    return (f"{counted}: with fewer than {_FIRM} of either none of this is firm.",)
