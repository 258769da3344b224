"""A fit as weighted least squares at its optimum, per engine: what leverage and one-step deletions start from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from problogit.core.blocks import Array
from problogit.core.likelihood import BinomialLikelihood
from problogit.core.maximum import Maximum, inverse_information
from problogit.core.one_step import Linearised
from problogit.core.priors.resolved import ResolvedPrior
from problogit.core.scaling import Scaling
from problogit.errors import NotAvailableError
from problogit.estimators.mle_covariance import identified_rows
from problogit.estimators.penalized_optimum import is_positive_definite
from problogit.problem import Problem

__all__ = ["linearised_maximum", "linearised_mode"]

_MATRIX_UP_TO = 4000  # columns for which a square matrix is formed and inverted
_TOO_MANY = (
    "Leverage and influence need a square matrix of the {count} columns, and at most {most} are taken. Fit fewer, "
    "or choose some by an L1 penalty: Penalized(Laplace(...))."
)


def linearised_maximum(problem: Problem, maximum: Maximum) -> Linearised:
    """Maximum likelihood: the identified coefficients and, under separation, the rows that are not separated.

    Raises
    ------
    NotAvailableError
        The data are completely separated.
    """
    kept = maximum.aliases.kept
    if maximum.beta.size == 0:
        raise NotAvailableError(
            "The data are completely separated: every row is predicted perfectly, and none has a leverage or an "
            "influence to speak of. Fit a proper prior: Penalized(Normal(2.5, autoscale=True))."
        )
    found = identified_rows(problem, maximum)
    bread = inverse_information(found.likelihood.information(found.beta)[2])
    separation = maximum.separation
    if separation is None:
        return Linearised(found.likelihood, found.beta, bread, found.back, kept)
    finite = np.flatnonzero(np.asarray(separation.kind)[separation.identified] == "finite")
    columns = kept[separation.identified][finite]
    return Linearised(found.likelihood, found.beta, bread, found.back[finite], columns, found.chosen)


def linearised_mode(problem: Problem, prior: ResolvedPrior, scaling: Scaling, beta: Array) -> Linearised:
    """Penalized likelihood: with the curvature of the prior; coefficients at a kink of it are held there.

    Parameters
    ----------
    problem : Problem
    prior : ResolvedPrior
        As it was used, original units.
    scaling : Scaling
        The solver's coordinates.
    beta : ndarray, shape (n_terms,)
        The estimate, original units.

    Raises
    ------
    NotAvailableError
        Too many columns, or an optimum that is not curved downwards in every direction.
    """
    active = np.flatnonzero((prior.l1 == 0) | (beta != prior.loc))
    if active.size > _MATRIX_UP_TO:
        raise NotAvailableError(_TOO_MANY.format(count=active.size, most=_MATRIX_UP_TO))
    gamma = scaling.to_scaled(beta)
    center = scaling.center if scaling.centred else None
    rows = _restricted(problem.row_likelihood, center, scaling.scale, active, gamma)
    patterns = _restricted(problem.likelihood, center, scaling.scale, active, gamma)
    data = patterns.information(gamma[active])[2]
    inner = prior.scaled(scaling)
    if active.size < gamma.size:
        inner = inner.take(active)
    total = data + inner.hessian(gamma[active])
    if active.size and not is_positive_definite(total):
        raise NotAvailableError(
            "The penalized likelihood is not curved downwards in every direction at its optimum, so that no "
            "first-order influence exists. Fit Penalized(Normal(...)) of the same scale."
        )
    still = prior.n_terms - active.size
    notes = (f"{still} coefficients at the kink of their L1 penalty are held there.",) if still else ()
    back = scaling.columns(active).matrix()
    return Linearised(rows, gamma[active], inverse_information(total), back, active, notes=notes)


def _restricted(
    like: BinomialLikelihood, center: Array | None, scale: Array, active: NDArray[np.int64], gamma: Array
) -> BinomialLikelihood:
    """The likelihood of the active coordinates, the others held at `gamma` through the offset."""
    whole = like.in_coordinates(center, scale)
    if active.size == gamma.size:
        return whole
    part = like.columns(active).in_coordinates(None if center is None else center[active], scale[active])
    free = replace(part, offset=np.zeros(like.n_rows))
    return replace(part, offset=whole.eta(gamma) - free.eta(gamma[active]))
