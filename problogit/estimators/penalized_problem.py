"""What is optimised: whether the optimum exists, in which coordinates it is looked for, and from where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from problogit.core.maximum import Maximum, find_maximum, starting_point
from problogit.core.priors.normal import Normal
from problogit.core.priors.resolved import ResolvedPrior
from problogit.core.scaling import ColumnStats, Scaling
from problogit.data.rows import Array
from problogit.errors import EstimationError, InputError
from problogit.estimate import Finding
from problogit.estimators.likelihood_findings import separation_sentence
from problogit.estimators.mle_covariance import separated_rows
from problogit.estimators.penalized_optimum import Optimum, PenalizedLikelihood, find_optimum
from problogit.problem import Problem

__all__ = ["ScaledProblem", "Search", "check_existence", "maximum_within", "scaled_problem", "search"]

_SAME_MODE = 1e-5
_WIDE = 2.5  # of the coefficient of a standardised column


def check_existence(problem: Problem, prior: ResolvedPrior) -> None:
    """Raise `EstimationError` where the penalized likelihood has no maximum, or no unique one.

    The log density of a proper prior goes to minus infinity in every direction that moves its coefficient, and the
    log-likelihood is bounded: a maximum exists unless the columns with a flat prior are separated among themselves. It
    is not unique where they are collinear.
    """
    flat = np.flatnonzero(prior.flat)
    if flat.size == 0:
        return
    if problem.intercept in flat:
        _check_constant(problem)
        if flat.size == 1:
            return
    names = tuple(problem.terms[j] for j in flat)
    found = maximum_within(problem, flat)
    if found.aliases.dropped.size:
        equations = found.aliases.equations(names)
        raise EstimationError(
            "Columns with a flat prior are linear combinations of one another, so their coefficients are not "
            f"determined: {equations}. Give a proper prior to {_listed([names[j] for j in found.aliases.dropped])}, "
            "or leave it out."
        )
    if found.separation is not None:
        rows = problem.row_likelihood.columns(flat)
        count = int(np.count_nonzero(separated_rows(rows, found.separation)))
        sentence = separation_sentence(found.separation, names, count, rows.n_rows)
        infinite = [name for name, kind in zip(names, found.separation.kind, strict=True) if kind != "finite"]
        if problem.intercept is not None and problem.intercept in flat and len(infinite) > 1:
            infinite = [name for name in infinite if name != problem.terms[problem.intercept]]
        raise EstimationError(
            f"The penalized likelihood has no maximum: columns with a flat prior separate the data. {sentence} Give a "
            f"proper prior, e.g. Normal(2.5, autoscale=True), to {_listed(infinite)}, or use Penalized(Jeffreys()) or "
            "Bayes(Jeffreys())."
        )


def maximum_within(problem: Problem, columns: NDArray[np.intp]) -> Maximum:
    """Where the likelihood of these columns alone is largest, the other coefficients at 0."""
    place = np.flatnonzero(columns == problem.intercept)
    return find_maximum(
        problem.likelihood.columns(columns),
        _part(problem.column_stats, columns),
        int(place[0]) if place.size else None,
        tuple(problem.terms[j] for j in columns),
    )


def _check_constant(problem: Problem) -> None:
    constant = problem.constant_response
    if constant is None:
        return
    which = problem.response.event if constant == 1.0 else problem.response.non_event
    raise EstimationError(
        f"The response {problem.response.name} is constant: all {problem.rows.n_obs} rows are {which!r}, and the prior "
        "of the intercept is flat, so the penalized likelihood has no maximum. Use Penalized(Jeffreys()) or "
        "Bayes(Jeffreys()), or give the intercept a proper prior, e.g. Priors(Normal(2.5, autoscale=True), "
        "intercept=Normal(2.5))."
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _part(stats: ColumnStats, keep: NDArray[np.int64]) -> ColumnStats:
    return ColumnStats(
        stats.mean[keep], stats.sd[keep], stats.minimum[keep], stats.maximum[keep], stats.two_valued[keep]
    )


@dataclass(frozen=True, eq=False)
class ScaledProblem:
    """The objective in the coordinates of the centred and scaled columns.

    Attributes
    ----------
    objective : PenalizedLikelihood
    scaling : Scaling
        The way back to original units.
    start : ndarray, shape (n_terms,)
        The null intercept given the offset, slopes at 0 (at the kink of their prior where it has one).
    """

    objective: PenalizedLikelihood
    scaling: Scaling
    start: Array


def scaled_problem(problem: Problem, prior: ResolvedPrior, solver: str) -> ScaledProblem:
    """Choose the coordinates, and a start in them.

    Columns are centred where the design is dense. An L1 part needs a separable prior, which a proper prior of the
    intercept is only at its own point: no centring for ``intercept_at="zero"``, centring at the means for ``"mean"``.
    L-BFGS feels the units of the coordinates; for it the curvatures are made equal at the start.
    """
    scaling = problem.scaling
    if not prior.smooth and not prior.scaled(scaling).separable:
        scaling = _separable(problem, prior)
    scaled = _in_coordinates(problem, prior, scaling)
    if solver != "lbfgs":
        return scaled
    bend = scaled.objective.diagonal(scaled.start)
    unit = bend.max() if scaling.intercept is None else bend[scaling.intercept]
    factor = np.sqrt(bend / unit)
    return _in_coordinates(problem, prior, replace(scaling, scale=scaling.scale * factor))


def _in_coordinates(problem: Problem, prior: ResolvedPrior, scaling: Scaling) -> ScaledProblem:
    center = scaling.center if scaling.centred else None
    likelihood = problem.likelihood.in_coordinates(center, scaling.scale)
    scaled = prior.scaled(scaling)
    start = starting_point(likelihood, scaling)
    if scaling.intercept is not None and problem.constant_response is not None:
        start[scaling.intercept] = 0.0  # a constant response, held by the prior of the intercept
    kinked = scaled.l1 > 0
    start[kinked] = scaled.loc[kinked]
    return ScaledProblem(PenalizedLikelihood(likelihood, scaled), scaling, start)


def _separable(problem: Problem, prior: ResolvedPrior) -> Scaling:
    scaling = problem.scaling
    if prior.anchor is None:
        return scaling.without_centring()
    if isinstance(problem.likelihood.X, np.ndarray):
        return replace(scaling, center=prior.anchor)
    raise InputError(
        "Priors: intercept_at='mean' with a proper prior of the intercept cannot go with an L1 part on a sparse "
        "design, which is never centred. Use intercept_at='zero', or a flat prior of the intercept."
    )


@dataclass(frozen=True, eq=False)
class Search:
    """The best optimum, and what the other starts led to.

    Attributes
    ----------
    best : Optimum
    n_modes : int
        Distinct optima that were found.
    findings : tuple of Finding
    """

    best: Optimum
    n_modes: int
    findings: tuple[Finding, ...]


def search(scaled: ScaledProblem, solver: str) -> Search:
    """The optimum from the start; for a prior that is not log-concave the best of three.

    The other starts are the modes under Gaussian priors of the same locations: with the scales of the prior, where the
    spike of a narrow prior is found, and with wide scales, where what the data say is found.
    """
    objective = scaled.objective
    best = find_optimum(objective, scaled.start, solver)
    if objective.prior.log_concave:
        return Search(best, 1, ())
    optima = [
        best,
        *(_from_the_mode_of(tame, objective, best, solver) for tame in _tame_priors(objective.prior)),
    ]
    reached = [one for one in optima if one.converged] or optima
    best = max(reached, key=lambda one: one.value)
    others = [one for one in reached if _apart(one, best)]
    if not others:
        return Search(best, 1, ())
    second = max(others, key=lambda one: one.value)
    finding = Finding(
        "modes",
        "warning",
        "The penalized likelihood has several modes, because the prior is not log-concave: several starts led to "
        f"optima whose log posterior densities differ by {best.value - second.value:.3g}. The higher one is reported.",
        "Compare Penalized(Normal(...)) of the same scale, or fit Bayes with the same prior, which sees all modes.",
    )
    n_modes = 1 + sum(all(_apart(one, kept) for kept in others[:k]) for k, one in enumerate(others))
    return Search(best, n_modes, (finding,))


def _tame_priors(prior: ResolvedPrior) -> tuple[ResolvedPrior, ResolvedPrior]:
    """Gaussian priors of the same locations: with the same scales, and with scales not below `_WIDE`."""
    narrow = prior.stand_in()
    wide = tuple(
        (index, Normal(np.maximum(part.spread, _WIDE), part.location)) for index, part in narrow.blocks
    )
    return narrow, replace(narrow, blocks=wide)


def _from_the_mode_of(
    tame: ResolvedPrior, objective: PenalizedLikelihood, near: Optimum, solver: str
) -> Optimum:
    """From the one mode under a Gaussian prior, which is found from anywhere, so also from `near`."""
    start = find_optimum(PenalizedLikelihood(objective.likelihood, tame), near.gamma, solver)
    return find_optimum(objective, start.gamma, solver)


def _apart(one: Optimum, other: Optimum) -> bool:
    distance = float(np.abs(one.gamma - other.gamma).max(initial=0.0))
    return distance > _SAME_MODE * (1.0 + float(np.abs(other.gamma).max(initial=0.0)))
