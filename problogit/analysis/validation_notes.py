"""What has to be said beside the figures of a validation: what was left out, what is biased and which way."""

from __future__ import annotations

import numpy as np

from problogit.analysis.judged import Judged
from problogit.analysis.performance import INDEXES
from problogit.estimate import Estimate
from problogit.optimism import Optimism

__all__ = ["bootstrap_notes", "external_notes", "left_out_notes"]

_FIRM = 100  # events and non-events that an assessment needs at least (Collins, Ogundimu & Altman 2016)
_NAMES = tuple(index.name for index in INDEXES)


def bootstrap_notes(estimate: Estimate, found: Optimism) -> tuple[str, ...]:
    """Of an optimism bootstrap."""
    problem = estimate.problem
    notes = [*found.notes]
    for name, used in zip(_NAMES, found.n_used, strict=True):
        missing = found.n_resamples - found.n_failed - int(used)
        if missing:
            notes.append(
                f"{name} does not exist in {missing} of {found.n_resamples} resamples, which its optimism leaves out."
            )
    for name, training, test in zip(_NAMES, found.training.T, found.test.T, strict=True):
        infinite = int(np.count_nonzero(np.isinf(training) | np.isinf(test)))
        if infinite:
            notes.append(
                f"{name} is infinite in {infinite} of {found.n_resamples} resamples, where a probability of exactly 0 "
                "or 1 was wrong or outcomes were separated; so is its correction. A proper prior or Jeffreys() keeps "
                "probabilities off 0 and 1."
            )
    if estimate.method.name == "MLE":
        notes.append("The apparent slope 1 and intercept 0 of maximum likelihood hold by construction.")
    notes.append(
        "Calibration in the large cannot fail on the data that set the event rate: it is a question for new data."
    )
    return (*notes, *_few(round(problem.sample.n_events), round(problem.sample.n_trials)))


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
