"""What was checked, what was found, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from problogit.analysis.intervals import bounds
from problogit.core.separation import Separation
from problogit.errors import EstimationError
from problogit.estimate import Estimate, Finding, Status
from problogit.problem import Problem

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FEW_EVENTS", "Diagnostics", "diagnostics", "events_per_slope", "separation_of"]

_ORDER = {"error": 0, "warning": 1, "info": 2}
_WORK = 2e10  # operations that may go into looking for separation under a method that does not need to know
FEW_EVENTS = 10  # of the rarer outcome per slope


@dataclass(frozen=True)
class Diagnostics:
    """Findings, the gravest first.

    Attributes
    ----------
    findings : tuple of Finding
    status : Status
        How the fit ended.
    """

    findings: tuple[Finding, ...]
    status: Status

    @property
    def trusted(self) -> bool:
        """True where the fit ended well and no finding is an error."""
        return self.status.trusted and all(finding.severity != "error" for finding in self.findings)

    @property
    def frame(self) -> pd.DataFrame:
        """One row per finding: ``severity, code, message, remedy, terms``."""
        import pandas as pd

        rows = [(f.severity, f.code, f.message, f.remedy, ", ".join(f.terms)) for f in self.findings]
        return pd.DataFrame(rows, columns=["severity", "code", "message", "remedy", "terms"])

    def __str__(self) -> str:
        """The status, then a paragraph for each finding."""
        lines = [self.status.value]
        for finding in self.findings:
            lines.append(f"[{finding.severity}] {finding.message}")
            if finding.remedy:
                lines.append(f"    {finding.remedy}")
        return "\n".join(lines)


def diagnostics(estimate: Estimate) -> Diagnostics:
    """Gather what the method found and what the data say whatever the method.

    Returns
    -------
    Diagnostics
        Separation, aliased columns, rows that were dropped, events per parameter, and the method's own findings.
    """
    found = list(estimate.findings)
    known = {finding.code for finding in found}
    problem = estimate.problem
    found += [f for f in _about_status(estimate) if f.code not in known]
    about = _about_likelihood if problem.data is not None else _about_missing_data
    found += [f for f in about(estimate) if f.code not in known]
    found += [f for f in (*_about_rows(problem), *_about_size(problem)) if f.code not in known]
    ordered = sorted(found, key=lambda finding: _ORDER[finding.severity])
    return Diagnostics(tuple(ordered), estimate.status)


def separation_of(problem: Problem) -> Separation | None:
    """How the data are separated, whatever the method; None where they are not.

    Raises
    ------
    EstimationError
        It could not be decided: the design is too large to look in passing, or a linear program failed.
    """
    work = problem.likelihood.n_rows * float(problem.n_terms) ** 2
    if work > _WORK:
        raise EstimationError(
            f"The design is too large to look for separation in passing ({problem.n_terms} columns)."
        )
    return problem.maximum.separation


def _about_status(estimate: Estimate) -> list[Finding]:
    if estimate.status is Status.NOT_CONVERGED:
        # The code under which engines say it: where one has, with its own figures, this is not said again.
        remedy = "Rescale extreme columns, drop columns that nearly repeat others, or strengthen the prior."
        return [Finding("convergence", "error", estimate.status.value, remedy)]
    return []


def _about_likelihood(estimate: Estimate) -> list[Finding]:
    """Separation and aliasing, as a method with a prior needs to hear them."""
    problem = estimate.problem
    if problem.constant_response is not None:
        which = problem.response.event if problem.constant_response == 1 else problem.response.non_event
        message = f"Every outcome is {which!r}: only the prior keeps the intercept finite."
        return [
            Finding(
                "constant-response", "warning", message, "Check the event and the rows that were selected."
            )
        ]
    try:
        # Maximum likelihood has looked already, whatever it cost.
        looked = not estimate.method.refusal("wald", problem)
        separation = problem.maximum.separation if looked else separation_of(problem)
    except EstimationError as error:
        message = f"Separation was not looked for. {error}"
        return [
            Finding("separation-unchecked", "info", message, "Fit MLE() to the terms in doubt to check them.")
        ]
    found = []
    if separation is not None:
        found.append(_separation_finding(separation, stopped=estimate.status is Status.STOPPED))
    aliases = problem.maximum.aliases
    teller = "start of the steps" if estimate.status is Status.STOPPED else "prior"
    if aliases.dropped.size:
        equations = "; ".join(aliases.describe(problem.terms))
        message = f"Some columns are linear combinations of others, which only the {teller} tells apart: {equations}."
        terms = tuple(problem.terms[j] for j in aliases.dropped)
        found.append(
            Finding("aliased", "info", message, "Leave them out to make the coefficients readable.", terms)
        )
    return found


def _about_missing_data(estimate: Estimate) -> list[Finding]:
    """What the data would have answered, of a fit that was loaded without them."""
    remedy = "To have it, save the fit together with its data: save(path, data=True)."
    if estimate.method.refusal("wald", estimate.problem):
        message = "Separation and aliased columns were not looked for: the fit was loaded without its data."
        return [Finding("separation-unchecked", "info", message, remedy)]
    if estimate.method.refusal("profile", estimate.problem):
        return []
    infinite = np.isinf(estimate.coefficients.location)
    unbounded = infinite & (bounds(estimate, None, 0.95).kinds == "none")
    if not unbounded.any():
        return []
    terms = tuple(np.array(estimate.terms, dtype=object)[unbounded])
    message = (
        f"The one-sided interval of {', '.join(terms)} needs the data, and the fit was loaded without them: no bound "
        "is shown."
    )
    return [Finding("one-sided-unavailable", "warning", message, remedy, terms)]


def _separation_finding(separation: Separation, *, stopped: bool) -> Finding:
    directions = separation.separated_terms
    shown = [f"{term} ({kind})" for term, kind in directions.items()]
    listed = ", ".join(shown[:12]) + (f" and {len(shown) - 12} more" if len(shown) > 12 else "")
    count = separation.n_separated
    message = (
        f"The data are {'completely ' if separation.complete else ''}separated by {count} covariate "
        f"pattern{'s' if count != 1 else ''}: by maximum likelihood {listed} would be infinite. "
        + (
            "The estimates here are finite because the steps were stopped, and their size depends on where."
            if stopped
            else "The estimates here are finite through the prior, and their size depends on its scale."
        )
    )
    remedy = "Report the prior with these coefficients, and see how they move under half and twice its scale."
    if stopped:
        remedy = "Report the number of steps too, and see how the coefficients move with half and twice as many."
    return Finding("separation", "warning", message, remedy, tuple(directions))


def _about_rows(problem: Problem) -> list[Finding]:
    report = problem.report
    found = [Finding("data-note", "info", note) for note in report.notes]
    if report.n_dropped:
        reasons = ", ".join(f"{reason}: {count}" for reason, count in report.dropped_by.items())
        share = 100 * report.n_dropped / max(report.n_input, 1)
        message = f"{report.n_dropped} of {report.n_input} rows ({share:.2g}%) were left out ({reasons})."
        remedy = "Check that what is missing does not depend on the outcome." if share >= 5 else ""
        found.append(Finding("rows-dropped", "info", message, remedy))
    return found


def events_per_slope(problem: Problem) -> float:
    """Outcomes of the rarer kind for each coefficient beside the intercept; infinite where there is none."""
    slopes = _slopes(problem)
    return _rarer(problem) / slopes if slopes else float("inf")


def _rarer(problem: Problem) -> float:
    return min(problem.sample.n_events, problem.sample.n_trials - problem.sample.n_events)


def _slopes(problem: Problem) -> int:
    return problem.n_terms - (problem.intercept is not None)


def _about_size(problem: Problem) -> list[Finding]:
    each = events_per_slope(problem)
    if each >= FEW_EVENTS:
        return []
    rarer, slopes = _rarer(problem), _slopes(problem)
    message = (
        f"There {'is' if rarer == 1 else 'are'} {np.format_float_positional(rarer, trim='-')} "
        f"outcome{'' if rarer == 1 else 's'} of the rarer kind for {slopes} slope{'' if slopes == 1 else 's'}"
        f"{'' if slopes == 1 else f' ({each:.1f} each)'}."
    )
    remedy = (
        "Coefficients of maximum likelihood are then biased away from zero: prefer a prior, or fewer terms."
    )
    return [Finding("events-per-parameter", "info", message, remedy)]
