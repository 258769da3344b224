"""What `print(fit)` and `print(fit.calibration())` say."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING

from problogit.analysis.coefficients import odds_ratios, summary, terms_without_moments
from problogit.analysis.diagnostics import diagnostics
from problogit.analysis.hyperparameters import hyperparameters
from problogit.analysis.monte_carlo import term_errors
from problogit.estimate import Status
from problogit.tables.grid import Grid
from problogit.tables.numbers import (
    count,
    decimals_for,
    decimals_known,
    fixed,
    interval_text,
    p_value,
    percent,
    probability_text,
    significant,
)

if TYPE_CHECKING:
    import pandas as pd

    from problogit.analysis.calibration import CalibrationResult
    from problogit.estimate import Estimate, Finding

__all__ = [
    "calibration_text",
    "coefficient_grid",
    "finding_lines",
    "fit_text",
    "head_text",
    "hyperparameter_grid",
    "sample_text",
]

_SANDWICHED = ("confidence-wald", "sandwich", "debiased")  # kinds that are made of one under sampling weights

WIDTH = 100
DIGITS = "The digits are those that the draws settle."


def fit_text(estimate: Estimate, prob: float = 0.95) -> str:
    """A readable summary, at most 100 columns wide where the terms' names allow it."""
    parts = [head_text(estimate)]
    found = [finding for finding in diagnostics(estimate, full=False).findings if finding.severity != "info"]
    if not estimate.status.trusted:
        parts.append(_wrap(estimate.status.value))
    if found:
        parts.append("\n".join(line for finding in found for line in finding_lines(finding)))
    parts.append(coefficient_grid(estimate, prob).text())
    learned = hyperparameter_grid(estimate, prob)
    parts += [*([learned.text()] if learned.rows else []), _footer(estimate)]
    return "\n\n".join(parts)


def head_text(estimate: Estimate) -> str:
    """What was modelled, by which method, in how many rows."""
    problem = estimate.problem
    formula = f"{problem.design.formula}\n" if problem.design.formula else ""
    modelled = f"{problem.response.describe()}; {sample_text(estimate)}"
    partial = ", interrupted" if estimate.status is Status.INTERRUPTED else ""
    return f"Logistic regression: {estimate.method.describe_fit(estimate)}{partial}\n{formula}{modelled}"


def sample_text(estimate: Estimate) -> str:
    """Rows, events, weights, offset, and what was left out."""
    problem = estimate.problem
    size, report = problem.sample, problem.report
    of_trials = f" in {count(size.n_trials)} trials" if problem.response.counts else ""
    used = report.n_input - report.n_dropped
    counted = problem.weights_type == "frequency" and size.nobs != used
    rows = f"{count(used)} rows that stand for {count(size.nobs)}" if counted else f"{count(size.nobs)} rows"
    text = f"{rows}, {count(size.n_events)} events{of_trials}"
    if counted or problem.weights_type != "frequency":
        text += f"; {problem.weights_type} weights"
        kinds = estimate.coefficients.kinds
        if problem.weights_type == "sampling" and kinds and kinds[0] in _SANDWICHED:
            text += ", sandwich standard errors"
    if problem.design.offset_column is not None:
        text += f"; offset {problem.design.offset_column}"
    if report.n_dropped:
        reasons = ", ".join(f"{reason}: {n}" for reason, n in report.dropped_by.items())
        text += f"; {report.n_dropped} of {report.n_input} rows dropped ({reasons})"
    return text + "".join(f"\n{note}" for note in report.notes)


def finding_lines(finding: Finding) -> list[str]:
    """A finding and its remedy, wrapped."""
    mark = {"error": "ERROR", "warning": "Warning"}.get(finding.severity, "Note")
    return _wrap(f"{mark}: {finding.message} {finding.remedy}".strip()).splitlines()


def coefficient_grid(estimate: Estimate, prob: float = 0.95) -> Grid:
    """Coefficients and odds ratios by term, each to two digits of its standard error.

    Of a posterior no more digits are shown than its draws settle: the Monte Carlo error of every number is below one
    unit of its last digit.
    """
    table = summary(estimate, prob)
    ratios = odds_ratios(estimate, prob, intercept=True)
    own = [column for column in table.columns[5:] if column not in ("interval",)]
    bounds = f"{percent(prob)} interval"
    kinds = list(dict.fromkeys(table["interval"]))
    mixed = len(kinds) > 1
    header = ("", "estimate", "std error", bounds, *[_heading(c) for c in own], "odds ratio", bounds)
    errors = term_errors(estimate, prob)
    settled = [
        {} if errors is None else {name: float(values[at]) for name, values in errors.items()}
        for at in range(len(table))
    ]
    rows = tuple(
        _row(str(term), table.loc[term], ratios.loc[term], own, known, mixed=mixed)
        for term, known in zip(table.index, settled, strict=True)
    )
    medians = terms_without_moments(estimate)
    aside = (
        f" For {', '.join(medians)} they are posterior medians: mean or sd need not exist." if medians else ""
    )
    caption = f"Estimates are log-odds.{aside} Intervals: {', '.join(kinds)}."
    if errors is not None:
        caption = f"{DIGITS} {caption}"
    return Grid(header + (("interval kind",) if mixed else ()), rows, caption)


def hyperparameter_grid(estimate: Estimate, prob: float = 0.95) -> Grid:
    """The scales that were learned; no rows where there are none."""
    table = hyperparameters(estimate, prob)
    rows = tuple(
        (
            str(name),
            significant(float(line["median"])),
            interval_text(significant(float(line["lower"])), significant(float(line["upper"]))),
            fixed(float(line["r_hat"]), 3),
            *(fixed(float(line[column]), 0) for column in ("ess_bulk", "ess_tail")),
        )
        for name, line in table.iterrows()
    )
    header = (
        "prior scale",
        "median",
        f"{percent(prob)} interval",
        *map(_heading, ("r_hat", "ess_bulk", "ess_tail")),
    )
    return Grid(header, rows, "Scales of the prior that were learned from the data.")


def _row(
    term: str,
    line: pd.Series[float],
    ratio: pd.Series[float],
    own: list[str],
    errors: Mapping[str, float],
    *,
    mixed: bool,
) -> tuple[str, ...]:
    def known(*names: str) -> int:
        return min(decimals_known(errors.get(name, math.nan)) for name in names)

    places = decimals_for(float(line["std_error"]))
    ends = min(places, known("lower", "upper"))
    return (
        term,
        fixed(float(line["estimate"]), min(places, known("estimate"))),
        fixed(float(line["std_error"]), min(places, known("std_error"))),
        interval_text(fixed(float(line["lower"]), ends), fixed(float(line["upper"]), ends)),
        *[_own_cell(column, float(line[column]), places, errors) for column in own],
        significant(float(ratio["odds_ratio"]), known=known("odds_ratio")),
        interval_text(
            significant(float(ratio["lower"]), known=known("or_lower")),
            significant(float(ratio["upper"]), known=known("or_upper")),
        ),
        *((str(line["interval"]),) if mixed else ()),
    )


def _heading(column: str) -> str:
    short = {
        "statistic": "z",
        "lr_statistic": "LR chi2",
        "p_value": "p",
        "prob_positive": "P(>0)",
        "ess_bulk": "ESS bulk",
        "ess_tail": "ESS tail",
    }
    return short.get(column, column.replace("_", "-"))


def _own_cell(column: str, value: float, places: int, errors: Mapping[str, float]) -> str:
    if column == "p_value":
        return p_value(value)
    if column == "prob_positive":
        return probability_text(value, errors.get(column, math.nan))
    if column == "debiased":
        return fixed(value, places)
    if column.startswith("ess"):
        return fixed(value, 0)
    return fixed(value, 3 if column == "r_hat" else 2)


def _footer(estimate: Estimate) -> str:
    stats = estimate.stats
    parts = [f"log-likelihood {stats.loglik:.3f}", f"null {stats.null_loglik:.3f}"]
    if not math.isnan(stats.df_model):
        parts.append(f"df {stats.df_model:.4g}")
    if not math.isnan(stats.aic):
        parts += [f"AIC {stats.aic:.2f}", f"BIC {stats.bic:.2f}"]
    return f"{', '.join(parts)}\n{estimate.provenance.engine}"


def calibration_text(result: CalibrationResult) -> str:
    """The verdict, the figures behind it, and how they were judged."""
    frame = result.frame
    header = ("", *[str(column).replace("_", " ") for column in frame.columns])
    rows = tuple(
        (str(name), *[cell if isinstance(cell, str) else _small(float(cell)) for cell in line])
        for name, line in zip(frame.index, frame.itertuples(index=False), strict=True)
    )
    notes = [_wrap(note) for note in result.notes]
    return "\n\n".join([_wrap(result.verdict), Grid(header, rows).text(), *notes])


def _small(value: float) -> str:
    """Three decimals, or two digits where they would be lost."""
    return significant(value, 2) if 0 < abs(value) < 0.01 else fixed(value, 3)


def _wrap(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)
