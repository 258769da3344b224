"""What was checked, what was found, and what to do about it.

Most checks cost nothing beyond the fit. Those that walk over the rows several times (influence, outliers, link,
dispersion) are made by default where that takes a fraction of a second, and it is said where they are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from problogit.analysis.checked import Check, Checked
from problogit.analysis.column_checks import check_collinearity
from problogit.analysis.intervals import bounds
from problogit.analysis.loo import is_posterior
from problogit.analysis.row_checks import check_dispersion, check_influence, check_link, check_outliers
from problogit.analysis.sample_size import FEW_EVENTS, check_sample_size, events_per_slope
from problogit.core.coefficients import DrawnCoefficients
from problogit.core.priors.jeffreys import Jeffreys
from problogit.core.separation import Separation
from problogit.errors import EstimationError, listed
from problogit.estimate import Estimate, Finding, Status
from problogit.problem import Problem

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FEW_EVENTS", "Check", "Diagnostics", "diagnostics", "events_per_slope", "separation_of"]

_ORDER = {"error": 0, "warning": 1, "info": 2}
_WORK = 2e10  # operations that may go into looking for separation under a method that does not need to know
_QUICK = 4e6  # rows x (columns + 20) that a default look at the rows may take: a quarter of a second
_LATER = "it takes longer: diagnostics(full=True)"
_ROW_CHECKS = ("influence of single rows", "outcomes against the fit", "link test")
_GRAM = 1e9  # products that the information matrix may take in passing
_COLUMNS = 300
# The samplers' own policy (estimators.posterior_checks), in words.
SAMPLER_LIMITS = MappingProxyType(
    {
        "r_hat": "r-hat 1.01, effective sample size 400 (Vehtari et al. 2021)",
        "k_hat": "k-hat 0.7, effective sample size 400 (Vehtari et al. 2024)",
    }
)
# Within one severity what decides whether there is an estimate at all comes first, then what an engine says of itself.
_FIRST = ("interrupted", "convergence", "separation", "constant-response", "aliased", "separation-unchecked")


@dataclass(frozen=True)
class Diagnostics:
    """Findings, the gravest first.

    Attributes
    ----------
    findings : tuple of Finding
    status : Status
        How the fit ended.
    checks : tuple of Check
        What was looked at with what was seen, and what was not looked at with the reason.
    """

    findings: tuple[Finding, ...]
    status: Status
    checks: tuple[Check, ...] = ()

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

    @property
    def checked(self) -> pd.DataFrame:
        """One row per check: ``check, result, limit, done``."""
        import pandas as pd

        rows = [(check.name, check.result, check.limit, check.done) for check in self.checks]
        return pd.DataFrame(rows, columns=["check", "result", "limit", "done"])

    def __str__(self) -> str:
        """The status, a paragraph for each finding, then what was checked."""
        lines = [self.status.value]
        for finding in self.findings:
            lines.append(f"[{finding.severity}] {finding.message}")
            if finding.remedy:
                lines.append(f"    {finding.remedy}")
        lines += [f"Checked: {check.name}: {check.result}" for check in self.checks if check.done]
        lines += [f"Not checked: {check.name}: {check.result}" for check in self.checks if not check.done]
        return "\n".join(lines)


def diagnostics(estimate: Estimate, full: bool | None = None) -> Diagnostics:
    """Gather what the method found and what the data say whatever the method.

    Parameters
    ----------
    estimate : Estimate
    full : bool, optional
        True: also influence, outliers, the link test and dispersion, whatever they cost; False: none of them. Without
        it they are made where they take a fraction of a second.

    Returns
    -------
    Diagnostics
        What decides over everything else first: errors before warnings before information; convergence, separation and
        the sampler's own diagnostics before the rest.
    """
    problem, found = estimate.problem, list(estimate.findings)
    known = {finding.code for finding in found}
    about = _about_likelihood if problem.data is not None else _about_missing_data
    found += [f for f in (*_about_status(estimate), *about(estimate)) if f.code not in known]
    first = _first_checks(estimate, found)
    checked = [*_row_checks(estimate, full), _column_check(estimate, full), check_sample_size(estimate)]
    found += [f for one in checked for f in one.findings if f.code not in known]
    found += [f for f in _about_rows(problem) if f.code not in known]
    ordered = sorted(found, key=lambda f: (_ORDER[f.severity], f.code not in _FIRST))
    return Diagnostics(tuple(ordered), estimate.status, (*first, *(one.check for one in checked)))


def _first_checks(estimate: Estimate, found: list[Finding]) -> list[Check]:
    """What every fit is asked: whether it is where it should be, and whether the data separate."""
    codes = {finding.code for finding in found}
    converged = _convergence(estimate)
    if "separation-unchecked" in codes:
        reason = next(f.message for f in found if f.code == "separation-unchecked")
        return [converged, Check("separation", reason, done=False)]
    separated = "separation" in codes or "constant-response" in codes
    return [converged, Check("separation", "yes" if separated else "none")]


def _convergence(estimate: Estimate) -> Check:
    """Whether the optimiser or the sampler came where it should; of a sampler with the worst of its figures."""
    ended = "yes" if estimate.status.ended else "no"
    sampled = estimate.details.effective_sizes if is_posterior(estimate) else None
    if sampled is None:
        return Check("convergence", ended)
    columns = estimate.method.summary_columns(estimate)
    figures = [
        f"largest {name} {float(np.max(columns[column])):.3f}"
        for column, name in (("r_hat", "r-hat"), ("k_hat", "k-hat"))
        if column in columns and not np.isnan(columns[column]).all()
    ]
    figures.append(f"smallest effective sample size {float(np.min(sampled)):.0f}")
    limits = [limit for column, limit in SAMPLER_LIMITS.items() if column in columns]
    return Check("convergence", f"{ended}; {', '.join(figures)}", ", ".join(limits))


def _row_checks(estimate: Estimate, full: bool | None) -> list[Checked]:
    """The checks that walk over the rows, as far as `full` and their cost go."""
    if estimate.problem.data is None:
        return [_skipped(name, "the fit was loaded without its data") for name in _ROW_CHECKS]
    draws = estimate.coefficients.flat.shape[0] if isinstance(estimate.coefficients, DrawnCoefficients) else 0
    n, posterior = estimate.problem.rows.n_obs, is_posterior(estimate)
    work = n * (estimate.problem.n_terms + 20.0 + (draws if posterior else 0))
    if not (full or (full is None and work <= _QUICK)):
        return [_skipped(name, _LATER) for name in _ROW_CHECKS]
    quick = not posterior and estimate.problem.n_terms <= _COLUMNS
    influence = check_influence(estimate) if full or quick else _skipped(_ROW_CHECKS[0], _LATER)
    dispersion = check_dispersion(estimate)
    counted = [] if dispersion is None else [dispersion]
    return [influence, check_outliers(estimate), *counted, check_link(estimate)]


def _column_check(estimate: Estimate, full: bool | None) -> Checked:
    problem = estimate.problem
    if problem.data is None:
        return _skipped("collinearity", "the fit was loaded without its data")
    work = problem.likelihood.n_rows * float(problem.n_terms) ** 2
    enough = _GRAM if full is None else _GRAM / 20
    if full or (work <= enough and problem.n_terms <= _COLUMNS):
        return check_collinearity(estimate)
    return _skipped("collinearity", _LATER)


def _skipped(name: str, why: str) -> Checked:
    return Checked(Check(name, why, done=False))


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
        found.append(_separation_finding(estimate, separation))
    aliases = problem.maximum.aliases
    teller = "start of the steps" if estimate.status is Status.STOPPED else "prior"
    if aliases.dropped.size:
        equations = aliases.equations(problem.terms)
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


def _separation_finding(estimate: Estimate, separation: Separation) -> Finding:
    problem = estimate.problem
    directions = separation.separated_terms
    shown = listed([f"{term} ({kind})" for term, kind in directions.items()], 12)
    rows = problem.row_likelihood.columns(problem.maximum.aliases.kept)
    count = int(np.count_nonzero(separation.classify(rows.X) != "finite"))
    message = (
        f"The data are {'completely ' if separation.complete else ''}separated: {count} of {rows.n_rows} rows can be "
        f"predicted perfectly, and by maximum likelihood {shown} would be infinite. "
    )
    if estimate.status is Status.STOPPED:
        message += (
            "The estimates here are finite because the steps were stopped, and their size depends on where."
        )
        remedy = (
            "Report the number of steps too, and see how the coefficients move with half and twice as many."
        )
    elif isinstance(estimate.method.prior, Jeffreys):
        message += "The estimates here are finite through Jeffreys' prior, which has no scale to choose."
        remedy = "Read their profile intervals, which are far from symmetric: summary(interval='profile')."
        if is_posterior(estimate):
            remedy = "Read their intervals, which are far from symmetric, rather than their means."
    else:
        message += "The estimates here are finite through the prior, and their size depends on its scale."
        remedy = (
            "Report the prior with these coefficients, and see how they move under half and twice its scale."
        )
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
