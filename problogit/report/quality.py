"""The sections that judge, out of sample: calibration, and which fit predicts better."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from problogit.analysis.calibration import CalibrationResult
from problogit.analysis.paired import score_frame_of, split_notes
from problogit.errors import ProblogitError
from problogit.plots.calibration import draw_calibration
from problogit.report.evidence import Evidence
from problogit.report.parts import (
    FigureRow,
    Item,
    Listing,
    Notice,
    Paragraph,
    Section,
    TableItem,
    said_once,
)
from problogit.report.small_multiples import small_multiples
from problogit.tables.grid import Grid
from problogit.tables.numbers import MISSING, count, decimals_for, fixed, interval_text, percent, significant

__all__ = ["calibration_section", "score_section"]


def calibration_section(evidence: Evidence) -> Section:
    """Verdicts, one table of all fits, their curves side by side, and the notes, each said once."""
    items: list[Item] = [
        Paragraph(
            "A probability is calibrated when, of all cases given 0.93, 93% happen. Every fit is judged on rows that "
            "it has not seen. A slope below 1 means predictions that are too extreme; an intercept above 0 means that "
            "more events happened than were predicted."
        )
    ]
    found = evidence.calibrations
    several = len(evidence.estimates) > 1
    items += [
        Notice("info", f"“{labels}” was not judged: {text}" if several and labels else f"Not judged: {text}")
        for labels, text in said_once(evidence.unjudged.items(), len(evidence.estimates))
    ]
    if found:
        items += [TableItem(_calibration_grid(evidence)), _curves(found)]
        if several:
            items.append(Listing(tuple((label, one.verdict) for label, one in found.items())))
        else:
            items.append(Paragraph(next(iter(found.values())).verdict))
        notes = [(label, note) for label, one in found.items() for note in one.notes]
        items.append(Listing(said_once(notes, len(found))))
    return Section("calibration", "Can the probabilities be trusted?", tuple(items))


def _calibration_grid(evidence: Evidence) -> Grid:
    """Rows are quantities, with what right or ignorant probabilities give; columns are fits."""
    found = list(evidence.calibrations.values())

    def row(name: str, cell: Callable[[CalibrationResult], str]) -> tuple[str, ...]:
        return (name, *[cell(one) for one in found])

    def measured(name: str, key: str, places: int = 3) -> tuple[str, ...]:
        ignorant = {fixed(one.measure(key).no_skill, places) for one in found} - {MISSING}
        known = f" ({ignorant.pop()} without skill)" if len(ignorant) == 1 else ""
        return row(name + known, lambda one: _measured(one, key, places))

    rows = [
        row("Rows judged", lambda one: count(one.n)),
        row("Events, observed / expected", lambda one: f"{count(one.observed)} / {one.expected:,.1f}"),
        measured("Calibration intercept (0 if right)", "intercept", 2),
        measured("Calibration slope (1 if right)", "slope", 2),
        measured("Brier score", "brier"),
        measured("Log score", "log_score"),
        measured("AUC", "auc"),
        row("Miscalibration, MCB", lambda one: significant(one.mcb, 2)),
        row("95% point of MCB if right", lambda one: significant(one.mcb_null_95, 2)),
        row("Distance of the smooth curve, ICI", lambda one: significant(one.ici, 2)),
        row("Mean and 95% point of ICI if right", _ici_if_right),
    ]
    elpd = [evidence.judged[label].loo for label in evidence.calibrations]
    if any(one is not None for one in elpd):
        rows.append(
            (
                "elpd, leave-one-out",
                *["" if one is None else f"{one.elpd:.1f} ± {one.se:.1f}" for one in elpd],
            )
        )
    caption = (
        f"Out of sample, with {percent(evidence.prob)} Wald intervals. Brier score: mean squared error; log score: "
        "mean of −log p of what happened; smaller is better for both. AUC: the chance that an event is ranked above a "
        "non-event. MCB: the part of the Brier score that recalibration could take away; right probabilities stay "
        "below its 95% point in 95 of 100 samples. ICI: mean distance of the smooth curve from the diagonal, which is "
        "not 0 for right probabilities either. Without skill: the event rate, predicted for everyone."
    )
    if any(one is not None for one in elpd):
        caption += (
            " elpd: the sum of log predictive densities over the rows ± its standard error; higher is better."
        )
    labels = list(evidence.calibrations) if len(evidence.estimates) > 1 else ["value"]
    return Grid(("", *labels), tuple(rows), caption, ("judged by", *[one.method for one in found]))


def _ici_if_right(found: CalibrationResult) -> str:
    null = found.reference
    return f"{significant(null.mean('ici'), 2)}, {significant(null.point('ici'), 2)}"


def _measured(found: CalibrationResult, key: str, places: int) -> str:
    measure = found.measure(key)
    bounds = interval_text(fixed(measure.lower, places), fixed(measure.upper, places))
    return fixed(measure.value, places) + ("" if bounds == MISSING else f" {bounds}")


def _curves(found: Mapping[str, CalibrationResult]) -> FigureRow:
    """The reliability curves as small multiples."""
    levels = sorted({float(level) for one in found.values() for level in one.band["level"]})
    shares = " and ".join(f"{100 * level:.4g}" for level in levels)
    caption = (
        "Observed against predicted probability. Steps are the CORP curve (the isotonic fit, no bins). The diagonal is "
        f"right; grey bands are where the steps lie, point by point, in {shares} of 100 samples if every prediction is "
        "right. The smooth curve is a spline with its confidence band. Bars count the predictions of events (upwards) "
        "and of the others (downwards)."
    )
    return small_multiples(
        found,
        draw_calibration,
        "calibration",
        lambda label, one: f"Reliability curve of {label}, {one.method}",
        (4.4, 4.6),
        caption,
    )


def score_section(evidence: Evidence) -> Section:
    """Paired differences of the log score; nothing for a single fit, whose scores stand with its calibration."""
    title = "Which fit predicts better?"
    if len(evidence.judged) < 2:
        return Section("scores", title, ())
    try:
        frame = score_frame_of(evidence.judged)
        spread = split_notes(evidence.estimates, evidence.judged)
    except ProblogitError as error:
        return Section("scores", title, (Notice("info", str(error)),))
    several = not frame.attrs["best"]
    rows = tuple(
        (
            str(label),
            fixed(float(line["log_score"]), 3) if line["against"] else "withheld",
            _standing(str(label), line, several),
            count(line["n"]),
            *([str(line["judged_by"])] if several else []),
        )
        for label, line in zip(frame.index, frame.to_dict("records"), strict=True)
    )
    caption = (
        "Log score: mean of −log p of what happened, out of sample; smaller is better. Differences are paired by row, "
        "with their standard error (SE): less than about twice its SE, a difference says little."
    )
    if several:
        caption += " Fits are compared only with those that were judged in the same way."
    header = ("", "log score", "worse than the best by", "rows scored", *(["judged by"] if several else []))
    told = {note for one in evidence.calibrations.values() for note in one.notes}
    notes = [note for note in frame.attrs["notes"] if note.partition(": ")[2] not in told] + [*spread]
    said = Listing(tuple(("", note) for note in notes))
    return Section("scores", title, (TableItem(Grid(header, rows, caption)), *([said] if notes else [])))


def _standing(label: str, line: Mapping[Any, Any], several: bool) -> str:
    """Where a fit stands among those that were judged on every row in the same way."""
    against = str(line["against"])
    if not against:
        return "not ranked: some rows have no prediction"
    if label == against:
        return "the best so judged" if several else "the best"
    return _gap(float(line["difference"]), float(line["difference_se"])) + (
        f" than “{against}”" if several else ""
    )


def _gap(difference: float, error: float) -> str:
    places = max(3, decimals_for(error))
    return f"{fixed(difference, places)} (SE {fixed(error, places)})"
