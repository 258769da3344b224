"""A prior as a posterior uses it."""

from __future__ import annotations

from problogit.core.priors.base import ResolvablePrior
from problogit.core.priors.columns import CountedColumns
from problogit.core.priors.hierarchy import ResolvedHierarchy
from problogit.core.priors.jeffreys import Jeffreys
from problogit.core.priors.resolved import ResolvedPrior

__all__ = ["UsedPrior", "hyperparameter_terms", "use_prior"]

UsedPrior = ResolvedPrior | ResolvedHierarchy | Jeffreys
"""Numbers by column; those and hyperparameters; or Jeffreys' prior of all columns together."""


def use_prior(prior: ResolvablePrior, problem: CountedColumns) -> UsedPrior:
    """The prior on the columns of `problem`; of fixed scales where no column is left for those that are learned."""
    if isinstance(prior, Jeffreys):
        return prior
    if not prior.hierarchical:
        return prior.resolve(problem)
    found = prior.hierarchy(problem)
    return found if found.blocks else found.fixed


def hyperparameter_terms(prior: UsedPrior, name: str) -> tuple[str, ...]:
    """The terms that the entries of a hyperparameter belong to; empty for a single number."""
    if not isinstance(prior, ResolvedHierarchy):
        return ()
    block = next(block for block in prior.blocks if name in block.mixture.names)
    local = block.mixture.names[name]
    return tuple(prior.terms[j] for j in block.index) if local else ()
