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
from problogit.core.priors.hierarchy import ResolvedHierarchy, ScaledBlock
from problogit.core.priors.jeffreys import Jeffreys
from problogit.core.priors.resolved import ResolvedPrior
from problogit.core.priors.used import UsedPrior, use_prior
from problogit.data.rows import Rows
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
        replaced by the potential ``weighted_log_likelihood``. Slopes with learned scales are made of ``slopes_z`` and
        the hyperparameters, under the names that `Fit.hyperparameters` uses (the non-centred form). Jeffreys' prior is
        the potential ``jeffreys_prior``.
    """
    import pymc as pm

    used = use_prior(prior, problem)
    rows = problem.rows
    coords = {"term": list(problem.terms), "obs": np.arange(rows.n_obs)}
    with pm.Model(coords=coords) as model:
        beta = _coefficients(pm, problem, used)
        eta = _linear_predictor(pm, rows.X, beta)
        if rows.offset.any():
            eta = eta + pm.Data("offset", rows.offset, dims="obs")
        if isinstance(used, Jeffreys):
            pm.Potential("jeffreys_prior", _half_log_det_information(rows, eta))
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


def _coefficients(pm: Any, problem: Problem, used: UsedPrior) -> Any:
    """The coefficients in the order of the terms, named ``beta``."""
    import pytensor.tensor as pt

    prior = _fixed_part(problem, used)
    parts: list[Any] = []
    order: list[int] = []
    for name, index, family in _slope_groups(prior, used):
        dims = f"term_of_{name}"
        pm.modelcontext(None).add_coord(dims, [prior.terms[j] for j in index])
        parts.append(
            _scaled(pm, name, family, dims)
            if isinstance(family, ScaledBlock)
            else family.pymc(pm, name, dims=dims)
        )
        order.extend(int(j) for j in index)
    if prior.intercept is not None:
        level = _intercept(pm, prior)
        if prior.anchor is not None and parts:
            level = level - pt.dot(prior.anchor[order], pt.concatenate(parts))
        parts.append(pt.reshape(level, (1,)))
        order.append(prior.intercept)
    stacked = pt.concatenate(parts)
    return pm.Deterministic("beta", stacked[np.argsort(order)], dims="term")


def _fixed_part(problem: Problem, used: UsedPrior) -> ResolvedPrior:
    """The priors by column; flat where scales are random, and under Jeffreys' prior, whose density is added."""
    if isinstance(used, ResolvedHierarchy):
        return used.fixed
    return used if isinstance(used, ResolvedPrior) else Flat().resolve(problem)


def _scaled(pm: Any, name: str, block: ScaledBlock, dims: str) -> Any:
    """loc + scale * z, the non-centred form: ``name`` from ``name_z`` and the hyperparameters."""
    z = block.unit.pymc(pm, f"{name}_z", dims=dims)
    return pm.Deterministic(name, block.loc + block.mixture.pymc(pm, dims) * z, dims=dims)


def _half_log_det_information(rows: Rows, eta: Any) -> Any:
    """0.5 log det X'WX with W = weights * trials * p (1 - p)."""
    import pytensor.tensor as pt

    X = rows.X if isinstance(rows.X, np.ndarray) else rows.X.toarray()
    p = pt.sigmoid(eta)
    working = rows.weights * rows.trials * p * (1 - p)
    root = pt.linalg.cholesky(pt.dot(X.T * working, X))
    return pt.log(pt.diag(root)).sum()


def _slope_groups(
    prior: ResolvedPrior, used: UsedPrior
) -> list[tuple[str, Indices, Elementwise | ScaledBlock]]:
    """Name, columns and prior of each vector of slopes; the intercept is left out."""
    scaled = used.blocks if isinstance(used, ResolvedHierarchy) else ()
    found: list[tuple[Indices, Elementwise | ScaledBlock]] = [(block.index, block) for block in scaled]
    random = np.concatenate([np.empty(0, dtype=np.intp), *(block.index for block in scaled)])
    flat = np.setdiff1d(np.flatnonzero(prior.flat), random)
    for index, family in (*prior.blocks, (flat, Flat())):
        keep = np.flatnonzero(index != (-1 if prior.intercept is None else prior.intercept))
        if keep.size:
            found.append((index[keep], family if isinstance(family, Flat) else family.take(keep)))
    if len(found) == 1:
        return [("slopes", *found[0])]
    named: list[tuple[str, Indices, Elementwise | ScaledBlock]] = []
    for number, (index, part) in enumerate(found, start=1):
        kind = part.mixture.kind if isinstance(part, ScaledBlock) else part.family.lower()
        name = f"slopes_{kind}"
        taken = any(name == other for other, _, _ in named)
        named.append((f"{name}_{number}" if taken else name, index, part))
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
