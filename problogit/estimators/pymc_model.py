"""The model as a readable `pymc.Model`, for those who want to extend it.

It says the same as the sampler's own log density, row by row and term by term: a test holds the two equal up to a
constant.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from problogit.core.priors.base import ResolvablePrior
from problogit.core.priors.columns import Indices
from problogit.core.priors.elementwise import Elementwise
from problogit.core.priors.flat import Flat
from problogit.core.priors.resolved import ResolvedPrior
from problogit.problem import Problem

__all__ = ["pymc_model"]


def pymc_model(problem: Problem, prior: ResolvablePrior) -> Any:
    """Write a logistic regression in PyMC.

    Parameters
    ----------
    problem : Problem
    prior : Prior or Priors
        Resolved on the problem: autoscaled scales stand in the model as numbers.

    Returns
    -------
    pymc.Model
        With dimensions ``term`` and ``obs``; ``X`` (data) unless the design is sparse; the free variables
        ``intercept`` (``intercept_at_means`` where its prior stands there) and ``slopes`` (one vector for each family
        of priors, ``slopes_normal`` and so on, where there are several); ``beta``, all coefficients in the order of
        the terms; ``y``, Bernoulli or binomial with log-odds X beta + offset. Where rows have weights, ``y`` is
        replaced by the potential ``weighted_log_likelihood``.
    """
    import pymc as pm

    resolved = prior.resolve(problem)
    rows = problem.rows
    coords = {"term": list(problem.terms), "obs": np.arange(rows.n_obs)}
    with pm.Model(coords=coords) as model:
        beta = _coefficients(pm, resolved)
        eta = _linear_predictor(pm, rows.X, beta)
        if rows.offset.any():
            eta = eta + pm.Data("offset", rows.offset, dims="obs")
        if problem.weighted:
            y = pm.Binomial.dist(n=rows.trials.astype(np.int64), logit_p=eta)
            density = pm.logp(y, rows.successes.astype(np.int64))
            pm.Potential(
                "weighted_log_likelihood", (pm.Data("weights", rows.weights, dims="obs") * density).sum()
            )
        elif problem.response.counts:
            trials = pm.Data("trials", rows.trials.astype(np.int64), dims="obs")
            pm.Binomial("y", n=trials, logit_p=eta, observed=rows.successes.astype(np.int64), dims="obs")
        else:
            pm.Bernoulli("y", logit_p=eta, observed=rows.successes.astype(np.int64), dims="obs")
    return model


def _coefficients(pm: Any, prior: ResolvedPrior) -> Any:
    """The coefficients in the order of the terms, named ``beta``."""
    import pytensor.tensor as pt

    parts: list[Any] = []
    order: list[int] = []
    groups = _slope_groups(prior)
    for name, index, family in groups:
        pm.modelcontext(None).add_coord(f"term_of_{name}", [prior.terms[j] for j in index])
        parts.append(family.pymc(pm, name, dims=f"term_of_{name}"))
        order.extend(int(j) for j in index)
    if prior.intercept is not None:
        level = _intercept(pm, prior)
        if prior.anchor is not None and parts:
            level = level - pt.dot(prior.anchor[order], pt.concatenate(parts))
        parts.append(pt.reshape(level, (1,)))
        order.append(prior.intercept)
    stacked = pt.concatenate(parts)
    return pm.Deterministic("beta", stacked[np.argsort(order)], dims="term")


def _slope_groups(prior: ResolvedPrior) -> list[tuple[str, Indices, Elementwise]]:
    """Name, columns and prior of each vector of slopes; the intercept is left out."""
    found: list[tuple[Indices, Elementwise]] = []
    flat = np.flatnonzero(prior.flat)
    for index, family in (*prior.blocks, (flat, Flat())):
        keep = np.flatnonzero(index != (-1 if prior.intercept is None else prior.intercept))
        if keep.size:
            found.append((index[keep], family if isinstance(family, Flat) else family.take(keep)))
    if len(found) == 1:
        return [("slopes", *found[0])]
    named: list[tuple[str, Indices, Elementwise]] = []
    for number, (index, family) in enumerate(found, start=1):
        name = f"slopes_{family.family.lower()}"
        taken = any(name == other for other, _, _ in named)
        named.append((f"{name}_{number}" if taken else name, index, family))
    return named


def _intercept(pm: Any, prior: ResolvedPrior) -> Any:
    name = "intercept" if prior.anchor is None else "intercept_at_means"
    for index, family in prior.blocks:
        place = np.flatnonzero(index == prior.intercept)
        if place.size:
            return family.take(int(place[0])).pymc(pm, name)
    return pm.Flat(name)


def _linear_predictor(pm: Any, X: Any, beta: Any) -> Any:
    """X beta; a sparse design stays sparse."""
    import pytensor.tensor as pt

    if isinstance(X, np.ndarray):
        return pt.dot(pm.Data("X", X, dims=("obs", "term")), beta)
    from pytensor import sparse

    csr = X.tocsr()
    matrix = sparse.as_sparse_variable(_as_matrix(csr))
    return pt.flatten(sparse.structured_dot(matrix, pt.reshape(beta, (-1, 1))))


def _as_matrix(X: Any) -> Any:
    """PyTensor knows scipy's sparse matrices and not its sparse arrays."""
    from scipy.sparse import csr_matrix

    return csr_matrix((X.data, X.indices, X.indptr), shape=X.shape)
