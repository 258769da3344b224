"""What fits of a likelihood, penalized or not, say of the data: repeated columns, separation, a search that stopped."""

from __future__ import annotations

import numpy as np

from problogit.core.maximum import Maximum
from problogit.core.rank import Aliases
from problogit.core.separation import Separation
from problogit.errors import EstimationError, InputError, explain, listed
from problogit.estimate import Finding
from problogit.estimators.mle_covariance import separated_rows
from problogit.problem import Problem

__all__ = [
    "alias_findings",
    "check_estimable",
    "convergence_findings",
    "separation_findings",
    "separation_sentence",
    "weight_findings",
]

_NAMED = 12


def check_estimable(problem: Problem) -> None:
    """Refuse what has no maximum-likelihood estimate at all: no outcome of one kind, or fewer rows than columns."""
    constant = problem.constant_response
    if constant is not None:
        which = problem.response.event if constant == 1.0 else problem.response.non_event
        raise EstimationError(
            f"The response {problem.response.name} is constant: all {problem.rows.n_obs} rows are {which!r}, so a "
            "maximum-likelihood estimate does not exist. Use Penalized(Jeffreys()), or give the intercept a proper "
            "prior, e.g. Penalized(Priors(Normal(2.5, autoscale=True), intercept=Normal(2.5))), or the same prior in "
            "Bayes."
        )
    if problem.n_terms == 0:
        raise InputError(explain("formula", "must leave at least one column", problem.design.formula))
    if problem.rows.n_obs < problem.n_terms:
        raise EstimationError(
            f"Maximum likelihood needs at least as many rows as columns; there are {problem.rows.n_obs} rows and "
            f"{problem.n_terms} columns. Use Penalized(...) or Bayes(...) with a proper prior, or fewer terms."
        )


def alias_findings(aliases: Aliases, problem: Problem, consequence: str, remedy: str) -> list[Finding]:
    """Name the columns that repeat others."""
    dropped = tuple(problem.terms[j] for j in aliases.dropped)
    if not dropped:
        return []
    equations = aliases.equations(problem.terms)
    text = f"{len(dropped)} column(s) are linear combinations of others{consequence}: {equations}."
    return [Finding("aliased", "warning", text, f"Leave them out of the formula, or use {remedy}.", dropped)]


def separation_sentence(separation: Separation, terms: tuple[str, ...], n_separated: int, n_rows: int) -> str:
    """Which coefficients are infinite, in which direction, and how many rows cause it."""
    kinds = np.asarray(separation.kind)
    named = [f"{term} ({kind})" for term, kind in zip(terms, kinds, strict=True) if kind in ("+Inf", "-Inf")]
    unsure = [term for term, kind in zip(terms, kinds, strict=True) if kind == "undetermined"]
    parts = []
    if named:
        parts.append("infinite: " + listed(named, _NAMED))
    if unsure:
        parts.append("sign undetermined: " + listed(unsure, _NAMED))
    how = "completely separated" if separation.complete else "separated"
    return (
        f"The data are {how}: {n_separated} of {n_rows} rows can be predicted perfectly, so the likelihood has no "
        f"maximum; {'; '.join(parts)}."
    )


def weight_findings(covariance: str, problem: Problem) -> list[Finding]:
    """Say which standard errors sampling weights get."""
    if problem.weights_type != "sampling":
        return []
    text = f"Sampling weights were rescaled to sum to the number of rows; standard errors are {covariance} sandwich."
    return [Finding("sampling-weights", "info", text)]


def convergence_findings(search: str, steps: int, decrement: float, *, converged: bool) -> list[Finding]:
    """Say that a search stopped early, and how far from the maximum."""
    if converged:
        return []
    text = (
        f"{search} stopped after {steps} steps, {decrement:.2g} standard errors from the maximum: do not report these "
        "numbers."
    )
    return [Finding("convergence", "error", text, "Rescale or drop columns that are nearly collinear.")]


def separation_findings(maximum: Maximum, problem: Problem, *, one_sided: bool) -> list[Finding]:
    """Name the infinite coefficients; `one_sided` where profile likelihood gives them an interval."""
    if maximum.separation is None:
        return []
    terms = tuple(problem.terms[j] for j in maximum.aliases.kept)
    concerned = tuple(
        t for t, kind in zip(terms, np.asarray(maximum.separation.kind), strict=True) if kind != "finite"
    )
    rows = problem.row_likelihood.columns(maximum.aliases.kept)
    count = int(np.count_nonzero(separated_rows(rows, maximum.separation)))
    sentence = separation_sentence(maximum.separation, terms, count, rows.n_rows)
    signed = bool(np.isin(maximum.separation.kind, ("+Inf", "-Inf")).any())
    keep = "Keep the infinite estimate with its one-sided interval, or fit" if one_sided and signed else "Fit"
    bayes = "" if problem.weights_type == "sampling" else ", or Bayes()"
    remedy = (
        f"{keep} what is finite: Firth's penalized likelihood, Penalized(Jeffreys()), or a proper prior, "
        f"Penalized(Normal(2.5, autoscale=True)){bayes}."
    )
    return [Finding("separation", "warning", sentence, remedy, concerned)]
