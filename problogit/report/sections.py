"""What a report says, section by section, as data. How it looks is decided in `render`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from problogit.analysis.compare import ComparisonResult, compare_frames, estimates_frame
from problogit.analysis.curves import probability_curve, variable_summaries
from problogit.analysis.diagnostics import diagnostics
from problogit.errors import ProblogitError
from problogit.estimate import Estimate
from problogit.plots.curve import draw_curve
from problogit.plots.forest import forest_frame
from problogit.plots.svg import svg_element
from problogit.report.parts import Figure, Item, Notice, Paragraph, Section, TableItem
from problogit.report.quality import calibration_section, score_section
from problogit.tables.grid import Grid
from problogit.tables.numbers import count, significant
from problogit.tables.render import comparison_grid, frame_grid
from problogit.tables.text import coefficient_grid

__all__ = ["report_sections"]

KINDS = {
    "confidence-wald": "Wald confidence interval: estimate ∓ z × standard error on the log-odds scale. In repeated "
    "samples it holds the true value with the stated probability, roughly, when the sample is large.",
    "confidence-profile": "Profile-likelihood confidence interval: all values that a likelihood-ratio test does not "
    "reject. Better than Wald in small samples, and one-sided where the estimate is infinite.",
    "curvature": "Curvature interval of a penalized fit: the normal approximation at the mode of likelihood × prior. "
    "It reads as an approximate posterior interval; it is not a confidence interval.",
    "credible-eti": "Equal-tailed credible interval: given model, prior and data, the coefficient lies inside with "
    "the stated probability, and lies on either side with equal probability.",
    "credible-hdi": "Highest-density credible interval: the shortest with the stated posterior probability.",
    "bootstrap": "Percentile bootstrap interval: the spread of the estimate over resampled data sets. It shows "
    "sampling variability of a shrunken estimate and does not correct its bias.",
    "sandwich": "Sandwich interval of a penalized fit; it ignores shrinkage bias.",
    "none": "No interval: this estimate has no standard error that would mean what it says.",
}


def report_sections(estimates: Mapping[str, Estimate], prob: float = 0.95) -> tuple[Section, ...]:
    """All sections, in the order in which a reader needs them."""
    comparison = compare_frames(estimates, prob) if len(estimates) > 1 else None
    sections = [
        model_section(estimates),
        findings_section(estimates),
        coefficient_section(estimates, comparison, prob),
        curve_section(estimates, prob),
        calibration_section(estimates),
        score_section(estimates, comparison),
        *([disagreement_section(comparison)] if comparison is not None else []),
        prior_section(estimates),
        provenance_section(estimates),
    ]
    return tuple(section for section in sections if section.items)


def model_section(estimates: Mapping[str, Estimate]) -> Section:
    """What was modelled, on what data, and what was left out."""
    problem = next(iter(estimates.values())).problem
    size, report = problem.sample, problem.report
    rows = [
        ("Modelled", problem.response.describe()),
        ("Formula", problem.design.formula or "ready-made columns"),
        ("Rows in the data", count(report.n_input)),
        ("Rows dropped", _dropped(report.n_dropped, report.dropped_by)),
        ("Rows used", count(size.nobs)),
        ("Events", f"{count(size.n_events)} of {count(size.n_trials)} ({size.n_events / size.n_trials:.1%})"),
        ("Coefficients", str(problem.n_terms)),
    ]
    if problem.data is not None and problem.weighted:
        rows.append(("Weights", f"{problem.weights_type} weights"))
    if problem.design.offset_column is not None:
        rows.append(("Offset", problem.design.offset_column))
    rows += [(f"Method “{label}”", estimate.method.describe()) for label, estimate in estimates.items()]
    notes = [Notice("info", note) for note in report.notes]
    return Section("model", "What was modelled", (TableItem(Grid(("", ""), tuple(rows))), *notes))


def _dropped(n: int, reasons: Mapping[str, int]) -> str:
    listed = ", ".join(f"{reason}: {number}" for reason, number in reasons.items())
    return f"{count(n)} ({listed})" if n else "none"


def findings_section(estimates: Mapping[str, Estimate]) -> Section:
    """What was checked and found, the gravest first; said once where several fits say the same."""
    said: dict[str, tuple[str, list[str]]] = {}
    for label, estimate in estimates.items():
        found = diagnostics(estimate)
        if not found.status.trusted:
            said.setdefault(found.status.value, ("error", []))[1].append(label)
        for finding in found.findings:
            text = f"{finding.message} {finding.remedy}".strip()
            said.setdefault(text, (finding.severity, []))[1].append(label)
    order = {"error": 0, "warning": 1, "info": 2}
    ranked = sorted(said.items(), key=lambda entry: order[entry[1][0]])
    items: list[Item] = [
        Notice(severity, f"{', '.join(labels)}: {text}" if len(estimates) > 1 else text)
        for text, (severity, labels) in ranked
    ]
    if not items:
        items = [
            Paragraph(
                "Separation, aliased columns, convergence and sampler diagnostics were checked; nothing was found."
            )
        ]
    return Section("findings", "What was checked", tuple(items))


def coefficient_section(
    estimates: Mapping[str, Estimate], comparison: ComparisonResult | None, prob: float
) -> Section:
    """Coefficients and odds ratios with the kind of each interval, and the forest plot."""
    items: list[Item] = []
    if comparison is None:
        estimate = next(iter(estimates.values()))
        items.append(TableItem(coefficient_grid(estimate, prob)))
        frame = estimates_frame(estimates, prob)
    else:
        frame = comparison.coefficients
        items += [TableItem(comparison_grid(frame, odds_ratios=True)), TableItem(comparison_grid(frame))]
    terms = [term for term in dict.fromkeys(frame["term"]) if term != "Intercept"]
    if 0 < len(terms) <= 60:
        height = max(2.0, 1.0 + len(terms) * (0.24 + 0.17 * len(estimates)))
        alt = f"Forest plot of {len(terms)} odds ratios for {', '.join(estimates)}"
        svg = svg_element(lambda axes: forest_frame(frame, axes), "forest", alt, 7.2, height)
        caption = (
            "Odds ratios on a log axis. An arrow is an interval without an end; a hollow marker has none."
        )
        items.append(Figure(svg, caption, alt))
    kinds = [kind for kind in dict.fromkeys(frame["interval"]) if kind in KINDS]
    items += [Paragraph(f"{kind}. {KINDS[kind]}") for kind in kinds]
    items.append(
        Paragraph(
            "An odds ratio compares the odds of the event for one unit more of the predictor, the other predictors "
            "held. It is not a ratio of probabilities, and it changes when predictors are added, even unrelated ones."
        )
    )
    return Section("coefficients", "Coefficients and odds ratios", tuple(items))


def curve_section(estimates: Mapping[str, Estimate], prob: float) -> Section:
    """The probability over the two predictors that move it most."""
    items: list[Item] = []
    label, estimate = _most_informative(estimates)
    for k, variable in enumerate(_leading_variables(estimate)[:2]):
        try:
            found = probability_curve(estimate, variable, prob=prob)
        except ProblogitError as error:
            items.append(Notice("info", f"No curve over {variable}: {error}"))
            continue
        alt = f"{found.modelled} over {variable}, fit {label}"
        svg = svg_element(lambda axes, f=found: draw_curve(f, axes), f"curve{k}", alt, 6.4, 3.8)  # type: ignore[misc]
        items.append(
            Figure(
                svg,
                f"{found.modelled} as {variable} moves and the other predictors stand still ({label}).",
                alt,
            )
        )
    return Section("curves", "Probabilities", tuple(items))


def _most_informative(estimates: Mapping[str, Estimate]) -> tuple[str, Estimate]:
    """A posterior where there is one, else the first fit that has intervals."""
    for wanted in ("Bayes", "MLE", "Penalized"):
        for label, estimate in estimates.items():
            finite = np.isfinite(estimate.coefficients.std_error).all()
            if estimate.method.name == wanted and finite:
                return label, estimate
    return next(iter(estimates.items()))


def _leading_variables(estimate: Estimate) -> list[str]:
    """Variables that are numbers, by |coefficient| x standard deviation where they are columns themselves."""
    problem = estimate.problem
    terms = problem.terms
    size = np.abs(np.nan_to_num(estimate.coefficients.location, posinf=0, neginf=0)) * problem.column_stats.sd
    names = [summary.name for summary in variable_summaries(estimate)]
    plain = sorted((name for name in names if name in terms), key=lambda name: -size[terms.index(name)])
    return plain + [name for name in names if name not in terms]


def disagreement_section(comparison: ComparisonResult) -> Section:
    """Where the fits differ by more than a quarter of a standard error, and why."""
    frame = comparison.disagreements
    flagged = frame[frame["flag"].astype(str) != ""]
    if flagged.empty:
        text = "No coefficient moves by more than a quarter of a standard error between the fits."
        return Section("disagreements", "Where the fits disagree", (Paragraph(text),))
    shown = flagged.set_index("term")[
        ["label", "reference", "shift", "width_ratio", "signs", "flag", "reason"]
    ]
    grid = frame_grid(shown, 2)
    caption = "Shift in standard errors of the reference; width of the interval relative to the reference's."
    return Section(
        "disagreements", "Where the fits disagree", (TableItem(Grid(grid.header, grid.rows, caption)),)
    )


def prior_section(estimates: Mapping[str, Estimate]) -> Section:
    """The prior or penalty of every term, in the scale that was used and in plain words."""
    items: list[Item] = []
    for label, estimate in estimates.items():
        if estimate.method.name == "MLE":
            continue
        rows = []
        for line in estimate.method.prior.resolve(estimate.problem).table():
            scale = float(line["scale"])
            plain = (
                "any value"
                if not np.isfinite(scale)
                else _plain_words(str(line["family"]), float(line["loc"]), scale)
            )
            rows.append((str(line["term"]), str(line["given"]), str(line["text"]), plain))
        header = ("", "asked for", "used", "odds ratio per unit, a priori")
        items.append(TableItem(Grid(header, tuple(rows), f"Priors of “{label}”, on the log-odds per unit.")))
    return Section("priors", "Priors and penalties", tuple(items))


def _plain_words(family: str, loc: float, scale: float) -> str:
    """95% of a prior as a range of odds ratios; heavy tails are said to be heavy."""
    reach = {"Normal": 1.959964, "Laplace": 2.995732}.get(family)
    if reach is None:
        return f"scale {significant(scale)}"
    low, high = np.exp(max(loc - reach * scale, -300)), np.exp(min(loc + reach * scale, 300))
    return f"95% between {significant(float(low), 2)} and {significant(float(high), 2)}"


def provenance_section(estimates: Mapping[str, Estimate]) -> Section:
    """Engine, seed, time and versions: what somebody needs to get the same numbers."""
    rows = []
    versions: dict[str, str] = {}
    for label, estimate in estimates.items():
        source = estimate.provenance
        seed = "none needed" if source.seed is None else str(source.seed)
        rows.append((label, repr(estimate.method), source.engine, seed, f"{source.seconds:.2f} s"))
        versions |= dict(source.versions)
    how = Grid(("", "call", "engine", "seed", "time"), tuple(rows))
    what = Grid(("package", "version"), tuple(versions.items()))
    return Section("provenance", "Reproducibility", (TableItem(how), TableItem(what)))
