"""What a report says, section by section, as data. How it looks is decided in `render`."""

from __future__ import annotations

from collections.abc import Mapping

from problogit.analysis.diagnostics import Check, Diagnostics, diagnostics
from problogit.estimate import Estimate
from problogit.report.background import prior_section, provenance_section
from problogit.report.checks import posterior_section
from problogit.report.coefficients import coefficient_section, detail_section, disagreement_section
from problogit.report.evidence import Evidence, gather
from problogit.report.parts import Item, Notice, Paragraph, Section, TableItem, said_once
from problogit.report.probabilities import probability_section
from problogit.report.quality import calibration_section, score_section
from problogit.tables.grid import Grid
from problogit.tables.numbers import count

__all__ = ["report_sections"]

_WEIGHTS = {
    "frequency": "frequency weights: a row of weight 2 counts as two rows",
    "importance": "importance weights: each row's log-likelihood is multiplied by its weight",
    "sampling": "sampling weights, rescaled to sum to the number of rows; standard errors are robust",
}


def report_sections(estimates: Mapping[str, Estimate], prob: float = 0.95) -> tuple[Section, ...]:
    """All sections, in the order in which a reader needs them."""
    evidence = gather(estimates, prob)
    sections = (
        model_section(evidence),
        findings_section(estimates),
        coefficient_section(evidence),
        disagreement_section(evidence),
        probability_section(evidence),
        calibration_section(evidence),
        score_section(evidence),
        posterior_section(evidence),
        prior_section(estimates),
        detail_section(evidence),
        provenance_section(estimates),
    )
    return tuple(section for section in sections if section.items)


def model_section(evidence: Evidence) -> Section:
    """What was modelled, on what data, and what was left out."""
    problem = evidence.problem
    size, report = problem.sample, problem.report
    formulas = {one.problem.design.formula or "ready-made columns" for one in evidence.estimates.values()}
    share = f"{size.n_events / size.n_trials:.1%}" if size.n_trials else "none"
    rows = [
        ("Modelled", problem.response.describe()),
        *([("Formula", next(iter(formulas)))] if len(formulas) == 1 else []),
        ("Rows in the data", count(report.n_input)),
        ("Rows left out", _dropped(report.n_dropped, report.dropped_by)),
        ("Rows used", count(size.nobs)),
        ("Events", f"{count(size.n_events)} of {count(size.n_trials)} ({share})"),
        *_weights_and_offset(evidence),
    ]
    for label, estimate in evidence.estimates.items():
        own = "" if len(formulas) == 1 else f"{estimate.problem.design.formula or 'ready-made columns'}; "
        name = "Method" if len(evidence.estimates) == 1 else label
        rows.append(
            (name, f"{own}{estimate.method.describe_fit(estimate)} ({estimate.problem.n_terms} coefficients)")
        )
    items: list[Item] = [TableItem(Grid(("", ""), tuple(rows)), "facts")]
    if problem.data is None:
        text = "This fit was loaded without its rows: what needs them is said where it would stand."
        items.append(Notice("info", text))
    return Section("model", "What was modelled", tuple(items))


def _dropped(n: int, reasons: Mapping[str, int]) -> str:
    listed = ", ".join(f"{reason}: {number}" for reason, number in reasons.items())
    return f"{count(n)} ({listed})" if n else "none"


def _weights_and_offset(evidence: Evidence) -> list[tuple[str, str]]:
    problem, rows = evidence.problem, []
    column = problem.design.offset_column
    if problem.data is not None and problem.weighted:
        words = _WEIGHTS.get(problem.weights_type, problem.weights_type)
        rows.append(("Weights", f"{words}; they sum to {count(round(float(problem.data.weights.sum()), 1))}"))
    elif problem.data is None and problem.weights_type != "frequency":
        rows.append(("Weights", _WEIGHTS.get(problem.weights_type, problem.weights_type)))
    if column is not None or (problem.data is not None and bool(problem.data.offset.any())):
        named = f"column {column}" if column is not None else "an array"
        rows.append(("Offset", f"{named}, added to the log-odds with coefficient 1"))
    return rows


def findings_section(estimates: Mapping[str, Estimate]) -> Section:
    """What was checked and found, the gravest first; said once where several fits say the same."""
    severities: dict[str, str] = {}
    said: list[tuple[str, str]] = []
    every = {label: diagnostics(estimate) for label, estimate in estimates.items()}
    for label, found in every.items():
        told = [(f.severity, f"{f.message} {f.remedy}".strip()) for f in found.findings]
        if not found.status.trusted and all(severity == "info" for severity, _ in told):
            told.insert(0, ("error", found.status.value))
        for severity, text in told:
            severities.setdefault(text, severity)
            said.append((label, text))
    order = {"error": 0, "warning": 1, "info": 2}
    ranked = sorted(said_once(said, len(estimates)), key=lambda entry: order[severities[entry[1]]])
    items: list[Item] = [
        Notice(severities[text], f"{labels}: {text}" if labels else text) for labels, text in ranked
    ]
    if not items:
        text = "Separation, aliased columns, convergence and sampler diagnostics were checked; nothing was found."
        items = [Paragraph(text)]
    return Section("findings", "What was checked", (*items, TableItem(_check_grid(every), "prose")))


def _check_grid(every: Mapping[str, Diagnostics]) -> Grid:
    """What was looked at, with what was seen in each fit."""
    by_fit = [{check.name: check for check in found.checks} for found in every.values()]
    limits = {name: check.limit for checks in by_fit for name, check in checks.items()}
    rows = tuple(
        (name, *(_seen(checks.get(name)) for checks in by_fit), limit) for name, limit in limits.items()
    )
    labels = list(every) if len(every) > 1 else ["seen"]
    return Grid(("", *labels, "matters from"), rows, "What was looked at, whatever came of it.")


def _seen(check: Check | None) -> str:
    if check is None:
        return ""
    return check.result if check.done else "not looked at"
