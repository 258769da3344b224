"""The sections at the end: priors in plain words, and how to get the same numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from problogit.analysis.prior_ranges import prior_ranges
from problogit.estimate import Estimate
from problogit.report.parts import Item, Paragraph, Section, TableItem
from problogit.report.words import call_text
from problogit.tables.grid import Grid
from problogit.tables.numbers import significant
from problogit.tables.text import hyperparameter_grid

__all__ = ["prior_section", "provenance_section"]


def prior_section(estimates: Mapping[str, Estimate]) -> Section:
    """The prior or penalty of every term, in the scale that was used and as ranges of odds ratios."""
    items: list[Item] = []
    told: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    for label, estimate in estimates.items():
        if estimate.method.name != "MLE":
            told.setdefault(_prior_rows(estimate), []).append(label)
    if told:
        items.append(
            Paragraph(
                "A penalty is minus the logarithm of a prior. The ranges say what the prior holds likely before the "
                "data: with 95% probability the odds ratio lies inside. Where a range is wide the data decide; where "
                "it is narrow the prior does."
            )
        )
    header = (
        "",
        "asked for",
        "used (log-odds per unit)",
        "odds ratio, one unit more",
        "one standard deviation more",
    )
    items += [
        TableItem(Grid(header, rows, f"Prior of {_quoted(labels)}, with 95% ranges."), "prose")
        for rows, labels in told.items()
    ]
    for label, estimate in estimates.items():
        learned = hyperparameter_grid(estimate)
        if learned.rows:
            items.append(TableItem(replace(learned, caption=f"Learned scales of {_quoted([label])}.")))
    return Section("priors", "Priors and penalties", tuple(items))


def _prior_rows(estimate: Estimate) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (
            str(term),
            str(line["asked_for"]),
            "no prior" if line["used"] == "Flat()" else str(line["used"]),
            _range(float(line["lower"]), float(line["upper"])),
            _range(float(line["lower_sd"]), float(line["upper_sd"])),
        )
        for term, line in prior_ranges(estimate).to_dict("index").items()
    )


def _range(lower: float, upper: float) -> str:
    if np.isnan(lower):
        return ""
    if lower == 0 and np.isinf(upper):
        return "any"
    return f"{_rounded(lower)} to {_rounded(upper)}"


def _rounded(value: float) -> str:
    """Two digits; numbers beyond a million, or below one in a million, only as that."""
    if value > 1e6:
        return "over a million"
    return (
        "under a millionth"
        if value < 1e-6
        else f"{float(f'{value:.1e}'):,.0f}"
        if value >= 1e3
        else significant(value, 2)
    )


def _quoted(labels: list[str]) -> str:
    return " and ".join(f"“{label}”" for label in labels)


def provenance_section(estimates: Mapping[str, Estimate]) -> Section:
    """Engine, seed, time and versions: what somebody needs to get the same numbers."""
    rows: list[tuple[str, ...]] = []
    versions: dict[str, str] = {}
    for label, estimate in estimates.items():
        source = estimate.provenance
        seed = "none needed" if source.seed is None else str(source.seed)
        rows.append((label, call_text(estimate.method), source.engine, seed, f"{source.seconds:.2f} s"))
        versions |= dict(source.versions)
    how = Grid(("", "method as called", "engine", "seed", "time"), tuple(rows))
    what = Grid(("", ""), (("Versions", ", ".join(f"{name} {number}" for name, number in versions.items())),))
    return Section("provenance", "Reproducibility", (TableItem(how, "prose"), TableItem(what, "facts")))
