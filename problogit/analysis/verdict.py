"""What a calibration result says in words: the verdict and the notes."""

from __future__ import annotations

import numpy as np

from problogit.analysis.judged import Judged
from problogit.analysis.scores import Measure

__all__ = ["calibration_notes", "verdict"]

_FIRM = 100  # events and non-events that an assessment of calibration needs at least (Collins et al. 2016)


def calibration_notes(judged: Judged, found: tuple[Measure, ...]) -> tuple[str, ...]:
    """What was left out, what failed, and what to keep in mind, in full sentences."""
    usable = judged.usable
    notes = [*judged.notes]
    exact = round(float(usable.units[np.isinf(usable.log_odds)].sum()))
    if exact:
        notes.append(
            f"{exact} of {usable.n} predictions are exactly 0 or 1: slope and intercept leave them out, the scores "
            "do not."
        )
    notes += [f"{measure.name}: {measure.note}" for measure in found if measure.note]
    if judged.kind in ("folds", "loo", "alo", "psis-loo"):
        notes.append(
            "Slope and AUC of predictions that are pooled over left-out rows are biased low; Brier and log score are "
            "nearly unbiased. Standard errors treat the predictions as given."
        )
        notes.append(
            "The simulated reference (band, MCB under right predictions) holds the predictions fixed."
        )
    if usable.n_trials != usable.n:
        notes.append("Scores are means per trial; rows of trials count as independent units.")
    return tuple(notes)


def verdict(
    judged: Judged, found: tuple[Measure, ...], expected: float, mcb: float, mcb_95: float, method: str
) -> str:
    """One sentence: what was seen, how much of it chance explains, how many events stand behind it."""
    usable, by_name = judged.usable, {measure.name: measure for measure in found}
    events, others = usable.n_events, usable.n_trials - usable.n_events
    behind = f"{events} events and {others} non-events"
    if usable.kind == "apparent":
        why = (
            "for maximum likelihood intercept 0 and slope 1 hold by construction"
            if method == "MLE"
            else "the fit is judged on its own rows"
        )
        return f"Apparent calibration is no evidence ({why}; {behind}): judge it out of sample."
    observed = float(usable.weights @ usable.successes)
    parts = [
        f"Judged by {usable.how} on {behind}: {observed:,.6g} observed events where {expected:,.1f} were expected",
        _slope_phrase(by_name["slope"], usable.kind),
        _mcb_phrase(mcb, mcb_95),
    ]
    if usable.n < judged.n:
        parts.append(
            f"{judged.n - usable.n} of {judged.n} rows have no prediction and are usually the hard ones"
        )
    if min(events, others) < _FIRM:
        parts.append(f"with fewer than {_FIRM} of either outcome none of this is firm")
    return "; ".join(parts) + "."


def _slope_phrase(slope: Measure, kind: str) -> str:
    if not np.isfinite(slope.value):
        return "the calibration slope has no finite estimate"
    text = f"slope {slope.value:.2f} [{slope.lower:.2f}, {slope.upper:.2f}]"
    if slope.upper < 1:
        text += ", so predictions are too extreme"
    elif slope.lower > 1:
        text += ", so predictions are not extreme enough"
    else:
        text += ", compatible with 1"
    return text if kind == "external" else f"{text} (pooled over left-out rows, which biases it low)"


def _mcb_phrase(mcb: float, mcb_95: float) -> str:
    if mcb <= mcb_95:
        return (
            f"miscalibration MCB {mcb:.2g} is within what right probabilities give (95% point {mcb_95:.2g})"
        )
    return f"miscalibration MCB {mcb:.2g} exceeds what right probabilities give (95% point {mcb_95:.2g})"
