"""What a calibration result says in words: the verdict and the notes."""

from __future__ import annotations

import numpy as np

from problogit.analysis.calibration_null import Reference
from problogit.analysis.corrected import Corrected
from problogit.analysis.judged import Judged
from problogit.analysis.scores import Measure

__all__ = ["LEFT_OUT", "calibration_notes", "verdict"]

LEFT_OUT = ("folds", "loo", "alo", "psis-loo")
_FIRM = 100  # events and non-events that an assessment of calibration needs at least (Collins et al. 2016)
_SIZE = 0.05


def calibration_notes(
    judged: Judged, found: tuple[Measure, ...], null: Reference, corrected: Corrected | None = None
) -> tuple[str, ...]:
    """What was left out, what failed, and what to keep in mind, in full sentences."""
    usable = judged.usable
    notes = [*judged.notes]
    exact = round(float(usable.units[np.isinf(usable.log_odds)].sum()))
    if exact:
        notes.append(
            f"{exact} of {usable.n} predictions are exactly 0 or 1: slope, intercept and the smooth curve leave them "
            "out, the scores do not."
        )
    notes += [f"{measure.name}: {measure.note}" for measure in found if measure.note]
    if usable.n_events in (0, usable.n_trials):
        notes.append("All outcomes are equal: the smooth curve and its distances follow from that alone.")
    if judged.kind in LEFT_OUT:
        notes += _left_out_notes(null, corrected)
    if corrected is not None:
        notes += corrected.notes
    notes += null.notes
    if usable.n_trials != usable.n:
        notes.append("Scores are means per trial; rows of trials count as independent units.")
    return tuple(notes)


def _left_out_notes(null: Reference, corrected: Corrected | None) -> list[str]:
    pooled = (
        "Slope and AUC of predictions that are pooled over left-out rows are biased low; Brier and log score are "
        "nearly unbiased. Standard errors treat the predictions as given."
    )
    if corrected is not None:
        what = f" ({corrected.how} stands in)" if corrected.how else ""
        pooled = (
            f"Slope and AUC are those of new data, by {corrected.n_resamples} refits of the optimism bootstrap{what}; "
            "slope_left_out and auc_left_out, pooled over left-out rows, are biased low. Other standard errors treat "
            "the predictions as given."
        )
    if null.refitted:
        return [pooled, f"What right predictions give: {null.how}. They share the fit's overfitting."]
    return [
        pooled,
        "The simulated reference (bands, errors under right predictions) holds the predictions fixed; predictions of "
        "left-out rows are further off even where the model is right, so no p-value is given.",
    ]


def verdict(
    judged: Judged,
    found: tuple[Measure, ...],
    *,
    expected: float,
    mcb: float,
    null: Reference,
    p_value: float,
    method: str,
    corrected: Corrected | None = None,
) -> str:
    """One sentence: what was seen, how much of it chance explains, how many events stand behind it."""
    usable, by_name = judged.usable, {measure.name: measure for measure in found}
    events, others = usable.n_events, usable.n_trials - usable.n_events
    behind = f"{events} event{_plural(events)} and {others} non-event{_plural(others)}"
    if usable.kind == "apparent":
        why = (
            "for maximum likelihood intercept 0 and slope 1 hold by construction"
            if method == "MLE"
            else "the fit is judged on its own rows"
        )
        return f"Apparent calibration is no evidence ({why}; {behind}): judge it out of sample."
    observed = float(usable.weights @ usable.successes)
    parts = [
        f"Judged by {usable.how} on {behind}: {observed:,.6g} observed event{_plural(observed)} where {expected:,.1f} "
        "were expected",
        _slope_phrase(by_name["slope"], usable.kind, corrected, claimed=not p_value >= _SIZE),
        _test_phrase(p_value, usable.kind, null.n_simulations)
        if np.isfinite(p_value)
        else _mcb_phrase(mcb, null.point("brier_mcb")),
    ]
    if usable.n < judged.n:
        parts.append(
            f"{judged.n - usable.n} of {judged.n} rows have no prediction and are usually the hard ones"
        )
    if min(events, others) < _FIRM:
        parts.append(f"with fewer than {_FIRM} of either outcome none of this is firm")
    return "; ".join(parts) + "."


def _plural(count: float) -> str:
    return "" if count == 1 else "s"


def _slope_phrase(slope: Measure, kind: str, corrected: Corrected | None, *, claimed: bool) -> str:
    """The slope with its limits; on new data nothing is concluded from it where the test finds nothing."""
    if not np.isfinite(slope.value):
        return "the calibration slope has no finite estimate"
    bounds = f" [{slope.lower:.2f}, {slope.upper:.2f}]" if np.isfinite(slope.lower + slope.upper) else ""
    text = f"{'slope in new data' if corrected else 'slope'} {slope.value:.2f}{bounds}"
    claimed = claimed or kind != "external"
    if slope.upper < 1:
        text += ", so predictions are too extreme" if claimed else ", below 1 if taken alone"
    elif slope.lower > 1:
        text += ", so predictions are not extreme enough" if claimed else ", above 1 if taken alone"
    elif bounds:
        text += ", compatible with 1"
    if corrected:
        return f"{text} (corrected for optimism)"
    return text if kind == "external" else f"{text} (pooled over left-out rows, which biases it low)"


def _test_phrase(p_value: float, kind: str, n_simulations: int) -> str:
    """A test of size 5%: of the predictions for new data, of the model's form for its own."""
    least = 1.5 / (n_simulations + 1)  # no simulated data set was as far off
    size = f"p = {p_value:.2g}" if p_value > least else f"p < {least:.1g}"
    if kind == "external":
        if p_value < _SIZE:
            return f"the probabilities are miscalibrated beyond chance ({size}, level and curve together)"
        return f"no miscalibration beyond chance ({size}, level and curve together)"
    if p_value < _SIZE:
        return f"miscalibration beyond what a right model of this form shows ({size}): its form is in doubt"
    return f"no miscalibration beyond what a right model of this form shows ({size})"


def _mcb_phrase(mcb: float, mcb_95: float) -> str:
    if mcb <= mcb_95:
        return (
            f"miscalibration MCB {mcb:.2g} is within what right probabilities give (95% point {mcb_95:.2g})"
        )
    return f"miscalibration MCB {mcb:.2g} exceeds what right probabilities give (95% point {mcb_95:.2g})"
