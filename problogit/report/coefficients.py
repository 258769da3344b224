"""The sections about coefficients: estimates, where fits disagree, every fit in full."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from problogit.analysis.agreement import SHIFT, WIDTH_RATIO
from problogit.plots.forest import forest_frame
from problogit.plots.svg import svg_element
from problogit.report.evidence import Evidence
from problogit.report.parts import Figure, Item, Listing, Paragraph, Section, TableItem
from problogit.report.words import KINDS, kind_words
from problogit.tables.grid import Grid
from problogit.tables.numbers import fixed, percent, significant
from problogit.tables.render import comparison_grid, intercepts, simulation_errors
from problogit.tables.text import coefficient_grid

__all__ = ["coefficient_section", "detail_section", "disagreement_section"]

_MOST_TERMS = 60  # in one forest plot


def coefficient_section(evidence: Evidence) -> Section:
    """Coefficients and odds ratios with the kind of each interval, and the forest plot."""
    items: list[Item] = []
    frame, prob = evidence.coefficients, evidence.prob
    if evidence.comparison is None:
        estimate = next(iter(evidence.estimates.values()))
        items.append(TableItem(_in_words(coefficient_grid(estimate, prob))))
    else:
        left_out, errors = intercepts(evidence.comparison), simulation_errors(evidence.comparison)
        items += [
            TableItem(_in_words(comparison_grid(frame, odds_ratios=True, without=left_out, errors=errors))),
            TableItem(_in_words(comparison_grid(frame, errors=errors))),
        ]
    items += _forest(evidence)
    kinds = [kind for kind in dict.fromkeys(frame["interval"]) if kind in KINDS]
    items.append(Listing(tuple((_named(kind), KINDS[kind][1]) for kind in kinds)))
    items.append(
        Paragraph(
            "An odds ratio compares the odds of the event for one unit more of the predictor, the other predictors "
            "held. It is not a ratio of probabilities, and it changes when predictors are added, even unrelated ones."
        )
    )
    return Section("coefficients", "Coefficients and odds ratios", tuple(items))


def _forest(evidence: Evidence) -> list[Item]:
    frame = evidence.coefficients
    names = {
        e.terms[e.problem.intercept] for e in evidence.estimates.values() if e.problem.intercept is not None
    }
    frame = frame[~frame["term"].isin(names)]
    terms = list(dict.fromkeys(frame["term"]))
    if not terms:
        return []
    if len(terms) > _MOST_TERMS:
        return [Paragraph(f"There are {len(terms)} odds ratios, too many for one forest plot.")]
    n_fits = len(evidence.estimates)
    height = max(2.0, 1.0 + len(terms) * (0.24 + 0.17 * n_fits) + 0.2 * np.ceil(n_fits / 2))
    alt = f"Forest plot of {len(terms)} odds ratios for {', '.join(evidence.estimates)}"
    svg = svg_element(lambda axes: forest_frame(frame, axes), "forest", alt, 7.6, float(height))
    caption = f"Odds ratios with {percent(evidence.prob)} intervals on a logarithmic axis."
    if (
        not np.isfinite(frame[["odds_ratio", "or_upper"]].to_numpy(dtype=float)).all()
        or (frame["or_lower"] == 0).any()
    ):
        caption += (
            " An arrow is an interval without an end; a hollow marker is an estimate without an interval."
        )
    return [Figure(svg, caption, alt)]


def _in_words(grid: Grid) -> Grid:
    """Kinds of interval in words, in the header and in the caption."""

    def told(cell: str) -> str:
        kinds, mark, spread = cell.partition(" (")
        return ", ".join(kind_words(kind) for kind in kinds.split(", ")) + mark + spread

    subheader = ("", *map(told, grid.subheader[1:])) if grid.subheader else ()
    rows = tuple(
        tuple(kind_words(cell) if cell in KINDS and cell != "none" else cell for cell in row)
        for row in grid.rows
    )
    lead, mark, kinds = grid.caption.partition("Intervals: ")
    caption = f"{lead}{mark}{told(kinds.rstrip('.'))}." if mark else grid.caption
    return replace(grid, subheader=subheader, rows=rows, caption=caption)


def _named(kind: str) -> str:
    """The kind in words, and as the frames and the plots call it."""
    words = kind_words(kind)
    return _capital(words if kind in (words, "none") else f"{words} ({kind})")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def disagreement_section(evidence: Evidence) -> Section:
    """Where the fits differ by more than a quarter of a standard error, and why, in sentences."""
    title, key = "Where the fits disagree", "disagreements"
    if evidence.comparison is None:
        return Section(key, title, ())
    frame = evidence.comparison.disagreements
    reference = str(frame.attrs.get("reference", ""))
    flagged = frame[frame["flag"].astype(str) != ""] if len(frame) else frame
    skewness = [Paragraph(text) for text in frame.attrs.get("skewness", ())]
    if len(flagged) == 0:
        text = f"No coefficient differs from “{reference}” by more than {SHIFT} of its standard error."
        return Section(key, title, (Paragraph(text), *skewness))
    lines = flagged.to_dict("records")
    reasons = {str(line["reason"]) for line in lines}
    rows = tuple(
        (
            str(line["term"]),
            str(line["label"]),
            _difference(line),
            _capital("; ".join(_whys(line, several=len(reasons) > 1))),
        )
        for line in lines
    )
    header = ("", "Fit", f"Difference from “{reference}”", "Why")
    caption = (
        f"Log-odds that differ by more than {SHIFT} standard errors of “{reference}”, that are finite by one fit only, "
        f"or whose interval is less than {WIDTH_RATIO} times as wide. Standard errors are those of “{reference}”."
    )
    closing = []
    if (flagged["flag"] == "prior moved this").all():
        closing.append("All of these differences are the work of the prior.")
    if len(reasons) == 1 and (only := reasons.pop()):
        closing.append(f"Why the data leave it room: {only}.")
    agreed = len(frame) - len(flagged)
    closing += [f"Of {len(frame)} comparisons {agreed} stay within these limits."] if agreed else []
    items: list[Item] = [TableItem(Grid(header, rows, caption), "prose")]
    if closing:
        items.append(Paragraph(" ".join(closing)))
    return Section(key, title, (*items, *skewness))


def _whys(line: Mapping[Any, Any], *, several: bool) -> list[str]:
    """The cause, and why the data left room for it where that is not the same for all."""
    found = [str(line["cause"]), str(line["reason"]) if several else ""]
    return [text for text in found if text]


def _difference(line: Mapping[Any, Any]) -> str:
    here, there, shift = (float(line[name]) for name in ("estimate", "reference_estimate", "shift"))
    if not np.isfinite(there) or not np.isfinite(here):
        text = f"{_estimate(here)}; by the reference {_estimate(there)}"
    else:
        nearer = "nearer to zero" if abs(here) < abs(there) and here * there >= 0 else "farther from zero"
        moved = (
            f"{abs(shift):.2f} standard errors {nearer}"
            if np.isfinite(shift)
            else "no standard error is known"
        )
        text = f"{significant(here)} instead of {significant(there)}: {moved}"
    if here == 0 and there != 0:
        text += "; exactly zero"
    elif line["signs"] == "differ":
        text += "; the sign is the other one"
    ratio = float(line["width_ratio"])
    return f"{text}; its interval is {fixed(ratio, 2)} times as wide" if np.isfinite(ratio) else text


def _estimate(value: float) -> str:
    if np.isnan(value):
        return "undetermined"
    return f"infinite ({'+' if value > 0 else '−'}∞)" if np.isinf(value) else significant(value)


def detail_section(evidence: Evidence) -> Section:
    """The full table of every fit, where the coefficients stood side by side: standard errors and what is its own."""
    if evidence.comparison is None:
        return Section("details", "Every fit in full", ())
    tables = []
    for label, estimate in evidence.estimates.items():
        grid = _in_words(coefficient_grid(estimate, evidence.prob))
        tables.append(
            TableItem(
                replace(grid, caption=f"“{label}”: {estimate.method.describe_fit(estimate)}. {grid.caption}")
            )
        )
    return Section("details", "Every fit in full", tuple(tables))
