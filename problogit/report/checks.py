"""The section about posteriors: do they reproduce the data, how much is prior, which of several predicts better."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from problogit.analysis.elpd import elpd_frame
from problogit.analysis.loo import is_posterior
from problogit.analysis.predictive_check import PredictiveCheckResult, predictive_check
from problogit.analysis.sensitivity import prior_sensitivity
from problogit.errors import ProblogitError
from problogit.estimate import Estimate
from problogit.plots.predictive import draw_binned_check
from problogit.report.evidence import Evidence
from problogit.report.parts import (
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
from problogit.tables.numbers import fixed, percent

__all__ = ["posterior_section"]

_SEED = 0  # the same report twice is the same report


def posterior_section(evidence: Evidence) -> Section:
    """Predictive checks, prior sensitivity, and elpd differences of the posteriors; nothing without one."""
    posteriors = {label: one for label, one in evidence.estimates.items() if is_posterior(one)}
    title = "Do the posteriors fit, and what is prior in them?"
    if not posteriors:
        return Section("posterior", title, ())
    items: list[Item] = []
    unsaid: list[tuple[str, str]] = []
    checks: dict[str, PredictiveCheckResult] = {}
    tables: list[Item] = []
    for label, estimate in posteriors.items():
        try:
            checks[label] = predictive_check(estimate, prob=evidence.prob, rng=_SEED)
            tables.append(_sensitivity(label, estimate))
        except ProblogitError as error:
            unsaid.append((label, str(error)))
    if checks:
        items += [*_pictures(checks), Listing(tuple((label, one.verdict) for label, one in checks.items()))]
    if tables:
        items += [_EXPLAINED, *tables]
    items += [
        Notice("info", f"{labels}: {text}" if labels else text)
        for labels, text in said_once(unsaid, len(posteriors))
    ]
    items += _elpd(evidence, posteriors)
    return Section("posterior", title, tuple(items))


_EXPLAINED = Paragraph(
    "Sensitivity says how far a posterior moves when the prior, or the likelihood, is raised to a power near 1 "
    "(Kallioinen et al. 2024). From 0.05 on by the prior alone, the prior decides more than the data; by both, the two "
    "may pull apart. Contraction is the share of the prior's variance that the data have taken away. The z of the "
    "shift of the mean is about standard normal where the data are such as the prior expects."
)


def _pictures(checks: Mapping[str, PredictiveCheckResult]) -> list[Item]:
    level = percent(next(iter(checks.values())).prob)
    caption = (
        f"Shares of events in bins of the fitted probability; bars span {level} of the shares that outcomes drawn from "
        "the posterior have. The same rows made the fit: calibration above is judged on others."
    )
    return [
        small_multiples(
            checks,
            draw_binned_check,
            "predictive",
            lambda label, _: f"Observed and replicated shares of events of {label}",
            (4.4, 4.2),
            caption,
        )
    ]


def _sensitivity(label: str, estimate: Estimate) -> TableItem:
    frame = prior_sensitivity(estimate)
    rows = tuple(
        (
            str(term),
            fixed(float(line["prior"]), 3),
            fixed(float(line["likelihood"]), 3),
            _share(float(line["contraction"])),
            fixed(float(line["z_score"]), 1),
            str(line["verdict"]),
        )
        for term, line in frame.to_dict("index").items()
    )
    header = ("", "moved by the prior", "by the likelihood", "contraction", "z of the shift", "verdict")
    notes = " ".join(frame.attrs["notes"])
    return TableItem(Grid(header, rows, f"Prior sensitivity of “{label}”. {notes}".strip()))


def _share(value: float) -> str:
    if math.isnan(value):
        return ""
    return "over 99%" if value > 0.99 else f"{100 * value:.0f}%"


def _elpd(evidence: Evidence, posteriors: Mapping[str, Estimate]) -> list[Item]:
    loos = {label: evidence.judged[label].loo for label in posteriors if label in evidence.judged}
    known = {label: one for label, one in loos.items() if one is not None}
    if len(known) < 2:
        return []
    frame = elpd_frame(known, frequency=evidence.problem.weights_type == "frequency")
    rows = tuple(_elpd_row(str(label), line) for label, line in frame.to_dict("index").items())
    caption = (
        "Sums of log predictive densities, leaving out one row at a time, and paired differences to the best with "
        "their standard errors (SE). Stacking weights average the predictions of the fits (Yao et al. 2018)."
    )
    grid = Grid(("", "elpd", "below the best by", "stacking weight"), rows, caption)
    return [TableItem(grid), Listing(tuple(("", note) for note in frame.attrs["notes"]))]


def _elpd_row(label: str, line: Mapping[Any, Any]) -> tuple[str, ...]:
    gap, error = -float(line["difference"]), float(line["difference_se"])
    below = "the best" if gap == 0 else f"{fixed(gap, 1)} (SE {fixed(error, 1)})"
    elpd = f"{fixed(float(line['elpd']), 1)} (SE {fixed(float(line['elpd_se']), 1)})"
    return (label, elpd, below, fixed(float(line["weight"]), 2))
