"""The sections that judge: calibration and scores, out of sample."""

from __future__ import annotations

from collections.abc import Mapping

from problogit.analysis.calibration import CalibrationResult, calibration
from problogit.analysis.compare import ComparisonResult
from problogit.analysis.scores import scores
from problogit.errors import ProblogitError
from problogit.estimate import Estimate
from problogit.plots.calibration import draw_calibration
from problogit.plots.svg import svg_element
from problogit.report.parts import Figure, Item, Notice, Paragraph, Section, TableItem
from problogit.tables.grid import Grid
from problogit.tables.render import frame_grid

__all__ = ["calibration_section", "score_section"]


def calibration_section(estimates: Mapping[str, Estimate]) -> Section:
    """Verdict, figures and curve for every fit."""
    items: list[Item] = [
        Paragraph(
            "A probability is calibrated when, of all cases given 0.93, 93% happen. Every fit is judged on rows that it "
            "has not seen; a slope below 1 means predictions that are too extreme, an intercept above 0 too few "
            "expected events."
        )
    ]
    for k, (label, estimate) in enumerate(estimates.items()):
        try:
            found = calibration(estimate)
        except ProblogitError as error:
            items.append(Notice("info", f"{label}: {error}"))
            continue
        items += _one(label, found, f"calibration{k}")
    return Section("calibration", "Can the probabilities be trusted?", tuple(items))


def _one(label: str, found: CalibrationResult, key: str) -> list[Item]:
    alt = f"Reliability curve of {label}, {found.method}"
    svg = svg_element(lambda axes: draw_calibration(found, axes), key, alt, 4.6, 4.6)
    wanted = ("value", "lower", "upper", "interval", "target")
    frame = found.frame[[column for column in wanted if column in found.frame.columns]]
    grid = frame_grid(frame, 3)
    caption = f"Calibration of “{label}”, judged by {found.method}."
    notes = [Paragraph(note) for note in found.notes]
    return [
        Paragraph(f"{label}. {found.verdict}"),
        TableItem(Grid(grid.header, grid.rows, caption)),
        Figure(svg, f"Reliability curve of “{label}”: {found.method}.", alt),
        *notes,
    ]


def score_section(estimates: Mapping[str, Estimate], comparison: ComparisonResult | None) -> Section:
    """Log score, Brier score and AUC, out of sample; paired differences where there are several fits."""
    try:
        frame = comparison.scores if comparison is not None else scores(next(iter(estimates.values())))
    except ProblogitError as error:
        return Section("scores", "Scores out of sample", (Notice("info", str(error)),))
    if comparison is None:
        frame = frame.set_index("score")
    grid = frame_grid(frame, 3)
    caption = "Log score: mean of −log p of what happened. Log and Brier score: smaller is better."
    return Section("scores", "Scores out of sample", (TableItem(Grid(grid.header, grid.rows, caption)),))
