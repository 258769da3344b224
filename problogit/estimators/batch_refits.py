"""Hundreds of refits to reweighted rows at once, where maximum likelihood or an L2 penalty allows it.

What is found here is what one refit after the other finds, to the tolerance of Newton's method. A resample that needs
care (separated, rank-deficient, constant response) is left as NaN, for the ordinary road.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from problogit.core.maximum import Maximum
from problogit.core.newton_batch import BatchResult, Counted, QuadraticPenalty, maximise_batch
from problogit.core.priors.resolved import ResolvedPrior
from problogit.core.scaling import Scaling
from problogit.core.separation import certificate
from problogit.data.patterns import collapse
from problogit.data.rows import Array
from problogit.estimators.penalized_problem import check_existence, scaled_problem, search
from problogit.problem import Problem

__all__ = ["can_batch", "refit_likelihood", "refit_penalized"]

_MOST_COLUMNS = 60  # above, one refit at a time is as fast


def can_batch(problem: Problem) -> bool:
    """Whether the design is dense and has few columns."""
    return isinstance(problem.rows.X, np.ndarray) and problem.n_terms <= _MOST_COLUMNS


def refit_likelihood(problem: Problem, maximum: Maximum, multiples: Array) -> Array | None:
    """Maximum-likelihood coefficients of each reweighting, shape (K, n_terms); None where the full data forbid it.

    Parameters
    ----------
    problem : Problem
    maximum : Maximum
        Of its likelihood.
    multiples : ndarray, shape (K, n_obs)
        How many times more each row counts.
    """
    if not can_batch(problem) or maximum.separation is not None or maximum.aliases.dropped.size:
        return None
    scaling = problem.scaling
    rows = _counted(problem, multiples, scaling)
    found = maximise_batch(rows, scaling.to_scaled(maximum.beta), QuadraticPenalty.none(problem.n_terms))
    totals = rows.total.sum(axis=0)
    exists = [
        certificate(float(away), float(norm), float(total))
        for away, norm, total in zip(found.decrement, found.largest_norm, totals, strict=True)
    ]
    return _original(found, scaling, np.array(exists) & ~_constant(rows))


def refit_penalized(problem: Problem, prior: ResolvedPrior, multiples: Array) -> Array | None:
    """Penalized coefficients of each reweighting, shape (K, n_terms).

    None where the penalty is no parabola, or leaves more than the intercept free so that an optimum may not exist. A
    prior that is flat everywhere gives maximum likelihood.

    Parameters
    ----------
    problem : Problem
    prior : ResolvedPrior
        In original units.
    multiples : ndarray, shape (K, n_obs)
    """
    if prior.flat.all():
        return refit_likelihood(problem, problem.maximum, multiples)
    if not can_batch(problem) or not _is_parabola(prior):
        return None
    check_existence(problem, prior)
    here = scaled_problem(problem, prior, "newton")
    scaled, origin = here.objective.prior, np.zeros(problem.n_terms)
    penalty = QuadraticPenalty(scaled.gradient(origin), scaled.hessian(origin))
    rows = _counted(problem, multiples, here.scaling)
    found = maximise_batch(rows, search(here, "newton").best.gamma, penalty)
    free = bool(prior.flat.any())
    return _original(
        found, here.scaling, ~_constant(rows) if free else np.ones(len(multiples), dtype=np.bool_)
    )


def _is_parabola(prior: ResolvedPrior) -> bool:
    free = np.flatnonzero(prior.flat)
    return prior.smooth and prior.quadratic and bool(np.all(free == prior.intercept))


def _counted(problem: Problem, multiples: Array, scaling: Scaling) -> Counted:
    """The covariate patterns of the rows, with the weighted events and trials of each reweighting."""
    rows = problem.rows
    patterns = collapse(rows.X, rows.successes, rows.trials, rows.weights, rows.offset)
    events = (multiples * (rows.weights * rows.successes)).T
    total = (multiples * (rows.weights * rows.trials)).T
    if patterns.collapsed:
        each = np.arange(rows.n_obs)
        gather = sp.csr_array(
            (np.ones(rows.n_obs), (patterns.index, each)), (patterns.offset.size, each.size)
        )
        events, total = np.asarray(gather @ events), np.asarray(gather @ total)
    Z = (np.asarray(patterns.X) - scaling.center) / scaling.scale
    return Counted(Z, np.ascontiguousarray(events), np.ascontiguousarray(total), patterns.offset)


def _constant(rows: Counted) -> NDArray[np.bool_]:
    events, total = rows.events.sum(axis=0), rows.total.sum(axis=0)
    return np.asarray((events <= 0) | (events >= total * (1 - 1e-12)))


def _original(found: BatchResult, scaling: Scaling, good: NDArray[np.bool_]) -> Array:
    return np.where(good.reshape(-1, 1), scaling.to_original(found.gamma), np.nan)
