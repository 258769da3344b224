"""Does the posterior exist? Asked before anything is sampled, because a sampler cannot tell.

A posterior is proper when no direction is both favoured by the likelihood for ever and unopposed by the prior:

- The columns with a flat prior, taken alone, must have full rank and must not be separated. (With light-tailed priors
  on the others this is also enough: along any other direction the prior vanishes faster than any power.)
- Where the data are separated and a flat coefficient takes part, tails of a t with df <= 1 are too heavy: the
  half-plane in which both coefficients grow has infinite mass.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from problogit.core.blocks import Array
from problogit.core.priors.elementwise import Elementwise
from problogit.core.priors.resolved import ResolvedPrior
from problogit.core.priors.student_t import Cauchy, StudentT
from problogit.errors import EstimationError
from problogit.estimate import Finding
from problogit.estimators.penalized_problem import check_existence
from problogit.problem import Problem

__all__ = ["check_proper", "moment_findings"]


def check_proper(problem: Problem, prior: ResolvedPrior) -> None:
    """Raise `EstimationError`, with the remedy, unless the posterior is proper."""
    try:
        check_existence(problem, prior)  # of the mode: the same condition on the flat columns
    except EstimationError as error:
        raise EstimationError(f"The posterior does not exist under this prior. {error}") from None
    _check_heavy_tails(problem, prior)


def _tail_index(prior: Elementwise) -> Array | float:
    """df of priors whose tails are those of a t; infinite for lighter ones."""
    if isinstance(prior, StudentT):
        return np.asarray(prior.df)
    return 1.0 if isinstance(prior, Cauchy) else np.inf


def tail_indices(prior: ResolvedPrior) -> Array:
    """Degrees of freedom of every column's prior: inf where its tails are light, 0 where it is flat."""
    out = np.zeros(prior.n_terms)
    for index, family in prior.blocks:
        out[index] = _tail_index(family)
    return out


def _unbounded_terms(problem: Problem) -> dict[str, str]:
    """Terms that the likelihood alone leaves infinite, by where they go."""
    separation = problem.maximum.separation
    return {} if separation is None else separation.separated_terms


def _check_heavy_tails(problem: Problem, prior: ResolvedPrior) -> None:
    tails = tail_indices(prior)
    if not np.any((tails > 0) & (tails <= 1)):
        return
    unbounded = _unbounded_terms(problem)
    position = {term: j for j, term in enumerate(problem.terms)}
    flat = [term for term in unbounded if tails[position[term]] == 0]
    heavy = [term for term in unbounded if 0 < tails[position[term]] <= 1]
    if flat and heavy:
        raise EstimationError(
            f"The posterior does not exist: the data are separated, the prior of {_listed(heavy)} has tails as heavy "
            f"as Cauchy's (df <= 1), and that of {_listed(flat)} is flat. Give {_listed(flat)} a proper prior, e.g. "
            "Priors(Cauchy(2.5), intercept=Normal(5)), or the others one with lighter tails, e.g. StudentT(7, 2.5)."
        )


def moment_findings(problem: Problem, prior: ResolvedPrior) -> tuple[Finding, ...]:
    """Name the terms whose posterior keeps the prior's heavy tails, so that its mean or sd need not exist."""
    tails = tail_indices(prior)
    if not np.any((tails > 0) & (tails <= 2)):
        return ()
    aliased = {problem.terms[j] for j in problem.maximum.aliases.dropped}
    open_ended = set(_unbounded_terms(problem)) | aliased
    terms = tuple(t for t, df in zip(problem.terms, tails, strict=True) if 0 < df <= 2 and t in open_ended)
    if not terms:
        return ()
    least = min(tails[problem.terms.index(term)] for term in terms)
    which = "mean and standard deviation" if least <= 1 else "standard deviation"
    return (
        Finding(
            "moments",
            "warning",
            f"The data do not bound {_listed(terms)}, and the prior's tails are those of a t with df = {least:g}: the "
            f"posterior {which} need not exist, and the figures shown for them do not settle with more draws.",
            "Read medians and quantile intervals, which exist, or use a prior with lighter tails, e.g. Normal(2.5).",
            terms,
        ),
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
