"""Does the posterior exist? Asked before anything is sampled, because a sampler cannot tell.

A posterior is proper when no direction is both favoured by the likelihood for ever and unopposed by the prior:

- The columns with a flat prior, taken alone, must have full rank and must not be separated. (With light-tailed priors
  on the others this is also enough: along any other direction the prior vanishes faster than any power.)
- Where the data are separated, let k be the dimension in which the flat coefficients can grow along separating
  directions while the others are given. Integrating them out multiplies the marginal likelihood of a coefficient b by
  up to |b|^k, so that under tails of a t with df degrees of freedom its posterior falls like |b|^(k - 1 - df): proper
  if df > k, with a mean if df > k + 1 and a standard deviation if df > k + 2. Otherwise it depends on the directions: a
  set of heavy-tailed coefficients that must grow together has the product of their tails against it, so that the
  posterior is improper just where, for some set, the directions that move no other heavy- or light-tailed coefficient
  span at least sum (df + 1) dimensions. For single coefficients (solitary separators; Ghosh, Li & Mitra 2018, Bayesian
  Analysis 13:359) this is computed; sets can matter only where their df add up to no more than k.
- Random scales: the marginal tails count. A scale from a half-normal leaves those of a normal or a Laplace lighter than
  any power; a horseshoe has those of its slab.
"""

from __future__ import annotations

import numpy as np

from problogit.core.blocks import Array
from problogit.core.priors.hierarchy import ResolvedHierarchy
from problogit.core.priors.jeffreys import Jeffreys
from problogit.core.priors.resolved import ResolvedPrior
from problogit.core.priors.used import UsedPrior
from problogit.errors import EstimationError, listed
from problogit.estimate import Finding
from problogit.estimators.penalized_problem import check_existence, maximum_within
from problogit.problem import Problem

__all__ = ["check_proper", "moment_findings"]


def check_proper(problem: Problem, prior: UsedPrior) -> None:
    """Raise `EstimationError`, with the remedy, unless the posterior is proper.

    Under Jeffreys' prior it is wherever the columns have full rank, which `whiten_jeffreys` asks for.
    """
    if isinstance(prior, Jeffreys):
        return
    try:
        check_existence(problem, _given_scales(prior))  # of the mode: the same condition on the flat columns
    except EstimationError as error:
        raise EstimationError(f"The posterior does not exist under this prior. {error}") from None
    _check_heavy_tails(problem, prior)


def tail_indices(prior: ResolvedPrior | ResolvedHierarchy) -> Array:
    """Degrees of freedom of every column's prior: inf where its tails are light, 0 where it is flat."""
    given = _given_scales(prior)
    out = np.zeros(given.n_terms)
    for index, family in given.blocks:
        out[index] = family.tail_df
    for block in prior.blocks if isinstance(prior, ResolvedHierarchy) else ():
        out[block.index] = np.minimum(out[block.index], block.tail_df)
    return out


def _given_scales(prior: ResolvedPrior | ResolvedHierarchy) -> ResolvedPrior:
    """Random scales held at typical values: proper where they are."""
    return prior.at(prior.centre) if isinstance(prior, ResolvedHierarchy) else prior


def _unbounded_terms(problem: Problem) -> dict[str, str]:
    """Terms that the likelihood alone leaves infinite, by where they go."""
    separation = problem.maximum.separation
    return {} if separation is None else separation.separated_terms


def _flat_dimension(problem: Problem, tails: Array) -> int:
    """Dimension in which the flat coefficients can grow along separating directions while the others are given.

    At most that; where the rank leaves columns out, flat ones may be among them, and all are counted.
    """
    maximum = problem.maximum
    if maximum.separation is None:
        return 0
    if maximum.aliases.dropped.size:
        return int(np.count_nonzero(tails == 0))
    span = maximum.separation.cone.span
    others = span[tails[maximum.aliases.kept] > 0]
    return int(span.shape[1] - (np.linalg.matrix_rank(others) if others.size else 0))


def _check_heavy_tails(problem: Problem, prior: ResolvedPrior | ResolvedHierarchy) -> None:
    tails = tail_indices(prior)
    k = _flat_dimension(problem, tails)
    terms = np.array(problem.terms)
    unbounded = _unbounded_terms(problem) if k else {}
    aliased = [problem.terms[j] for j in problem.maximum.aliases.dropped]
    heavy = np.flatnonzero((tails > 0) & (tails <= k) & np.isin(terms, [*unbounded, *aliased]))
    if not heavy.size:
        return
    alone = [j for j in heavy if _improper_alone(problem, tails, j)]
    together = np.sort(tails[heavy])[:2].sum() <= k and heavy.size > 1
    if not alone and not together:
        return
    is_flat = {term for term, df in zip(problem.terms, tails, strict=True) if df == 0}
    flat = [term for term in unbounded if term in is_flat] or sorted(is_flat)
    exists = "does not exist" if alone else "need not exist"
    raise EstimationError(
        f"The posterior {exists}: the data are separated and the prior of {listed(flat)} is flat, which takes tails of "
        f"a t with df > {k} for {listed([str(terms[j]) for j in (alone or heavy)])} (a Cauchy has df = 1). Give "
        f"{listed(flat)} a proper prior, e.g. Priors(Cauchy(2.5), intercept=Normal(5)), or the others one with lighter "
        "tails, e.g. Normal(2.5)."
    )


def _improper_alone(problem: Problem, tails: Array, column: np.intp) -> bool:
    """Whether this column separates with the flat ones alone, by enough directions to outweigh its prior's tails."""
    columns = np.sort(np.append(np.flatnonzero(tails == 0), column))
    found = maximum_within(problem, columns).separation
    return (
        found is not None
        and bool(found.infinite[np.flatnonzero(columns == column)[0]])
        and found.cone.dimension - 1 >= tails[column]
    )


def moment_findings(problem: Problem, prior: UsedPrior) -> tuple[Finding, ...]:
    """Name the terms whose posterior keeps the prior's heavy tails, so that its mean or sd need not exist."""
    if isinstance(prior, Jeffreys):
        return ()
    tails = tail_indices(prior)
    if not np.any((tails > 0) & np.isfinite(tails)):
        return ()
    k = _flat_dimension(problem, tails)
    unbounded = _unbounded_terms(problem)
    aliased = {problem.terms[j] for j in problem.maximum.aliases.dropped}
    heavy = [
        (term, df)
        for term, df in zip(problem.terms, tails, strict=True)
        if 0 < df <= k + 2 and term in set(unbounded) | aliased
    ]
    if not heavy:
        return ()
    least = min(df for _, df in heavy)
    inherit = [t for t, df in zip(problem.terms, tails, strict=True) if df == 0 and t in unbounded]
    terms = tuple(term for term, _ in heavy) + tuple(inherit)
    which = "mean and standard deviation" if least <= k + 1 else "standard deviation"
    return (
        Finding(
            "moments",
            "warning",
            f"The data do not bound {listed(terms)}, and the prior's tails are those of a t with df = {least:g}: the "
            f"posterior {which} need not exist. `summary()` shows the median in the place of the mean, and quantiles.",
            "Read the median and the quantiles, or use a prior with lighter tails, e.g. Normal(2.5).",
            terms,
        ),
    )
