"""Which density is sampled under which kind of prior."""

from __future__ import annotations

from problogit.core.priors.hierarchy import ResolvedHierarchy
from problogit.core.priors.jeffreys import Jeffreys
from problogit.core.priors.used import UsedPrior
from problogit.estimators.hierarchical import HierarchicalPosterior, whiten_hierarchy
from problogit.estimators.jeffreys_posterior import JeffreysPosterior, whiten_jeffreys
from problogit.estimators.whitened import WhitenedPosterior, at_mode
from problogit.problem import Problem

__all__ = ["posterior_target"]


def posterior_target(
    problem: Problem, prior: UsedPrior
) -> WhitenedPosterior | HierarchicalPosterior | JeffreysPosterior:
    """The posterior in the coordinates that a sampler moves in."""
    if isinstance(prior, Jeffreys):
        return whiten_jeffreys(problem)
    if isinstance(prior, ResolvedHierarchy):
        return whiten_hierarchy(problem, prior)
    return at_mode(problem, prior)
