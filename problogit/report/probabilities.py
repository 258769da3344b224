"""The section about probabilities: how they move with the predictors, how they spread by outcome."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from problogit.analysis.curves import (
    ProbabilityCurve,
    probability_curve,
    probability_distribution,
    variable_summaries,
)
from problogit.errors import ProblogitError
from problogit.estimate import Estimate
from problogit.plots.curve import draw_curve
from problogit.plots.distribution import draw_distribution
from problogit.plots.svg import svg_element
from problogit.report.evidence import Evidence
from problogit.report.parts import Figure, Item, Notice, Section
from problogit.report.small_multiples import small_multiples

__all__ = ["probability_section"]

_CURVES = 2  # variables shown


def probability_section(evidence: Evidence) -> Section:
    """The probability over the predictors that move it most, and the predictions of either outcome."""
    items: list[Item] = []
    for k, variable in enumerate(_leading_variables(evidence.estimates)[:_CURVES]):
        found, problems = _curves(evidence.estimates, variable, evidence.prob)
        items += [Notice("info", text) for text in problems]
        if found:
            items.append(_curve_figure(found, variable, f"curve{k}"))
    items += _distributions(evidence)
    return Section("probabilities", "Probabilities", tuple(items))


def _curves(
    estimates: Mapping[str, Estimate], variable: str, prob: float
) -> tuple[dict[str, ProbabilityCurve], list[str]]:
    found: dict[str, ProbabilityCurve] = {}
    problems = []
    for label, estimate in estimates.items():
        try:
            found[label] = probability_curve(estimate, variable, prob=prob)
        except ProblogitError as error:
            problems.append(f"“{label}” has no curve over {variable}: {error}")
    return found, problems


def _curve_figure(found: Mapping[str, ProbabilityCurve], variable: str, key: str) -> Figure:
    first = next(iter(found.values()))
    alt = f"{first.modelled} over {variable} by {', '.join(found)}"
    svg = svg_element(lambda axes: draw_curve(found, axes), key, alt, 6.8, 4.0)
    if first.averaged:
        caption = f"{first.modelled} over {variable}, averaged over the rows with their own other predictors."
    elif first.held:
        caption = f"{first.modelled} as {variable} moves and the other predictors stand still."
    else:
        caption = f"{first.modelled} as {variable} moves."
    if first.comparable and len(first.shares):
        caption += " Circles are shares of events among rows of like value"
        caption += "; crosses are what the fit expects of the same rows." if first.averaged else "."
    bands = sum(1 for curve in found.values() if curve.curve["lower"].notna().any())
    if bands > 2 and first.is_number:
        caption += " Of the bands two are drawn."
    return Figure(svg, caption, alt)


def _leading_variables(estimates: Mapping[str, Estimate]) -> list[str]:
    """Variables by the range of log-odds that the estimates of the first finite fit give them, the widest first.

    A variable whose columns do not bear its name (a factor, a spline) is measured by the columns that do.
    """
    finite = [e for e in estimates.values() if np.isfinite(e.coefficients.location).all()]
    estimate = next(iter(finite or estimates.values()))
    stats = estimate.problem.column_stats
    location = np.nan_to_num(estimate.coefficients.location, posinf=0.0, neginf=0.0)
    size = dict(zip(estimate.terms, np.abs(location) * stats.sd, strict=True))
    names = [summary.name for summary in variable_summaries(estimate)]

    def reach(name: str) -> float:
        return max((value for term, value in size.items() if name in term), default=0.0)

    return sorted(names, key=lambda name: -reach(name))


def _distributions(evidence: Evidence) -> list[Item]:
    """Small multiples of the predictions by outcome, out of sample."""
    if not evidence.calibrations:
        return []
    caption = (
        "How the probabilities predicted for left-out rows are spread among the events (upwards) and among the others "
        "(downwards). The less the two overlap, the better the fit tells them apart."
    )
    return [
        small_multiples(
            evidence.calibrations,
            lambda found, axes, title: draw_distribution(
                probability_distribution(found.predictions), axes, found.modelled, title
            ),
            "spread",
            lambda label, found: f"Predicted probabilities by outcome, {label}, {found.method}",
            (4.4, 3.0),
            caption,
        )
    ]
