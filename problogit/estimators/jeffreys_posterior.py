"""The posterior under Jeffreys' prior, in coordinates whitened at Firth's estimate, which is its mode.

log posterior = kernel of the likelihood + 0.5 log det I(beta). With columns of full rank it is proper whatever the
outcomes, separated or constant: Jeffreys' prior of a logistic regression is itself proper then, with moments of every
order (Ibrahim & Laud 1991, JASA 86:981; Chen, Ibrahim & Kim 2008, JASA 103:1659), and the likelihood is bounded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from problogit.core.blocks import Array
from problogit.core.firth import FirthLikelihood
from problogit.core.firth_batch import penalized_values
from problogit.core.firth_fit import find_firth
from problogit.core.firth_newton import Metric
from problogit.errors import EstimationError
from problogit.execution import one_blas_thread
from problogit.problem import Problem

__all__ = ["JeffreysPosterior", "whiten_jeffreys"]


@dataclass(frozen=True, eq=False)
class JeffreysPosterior:
    """The posterior of z, where beta = matrix (center + root z).

    Attributes
    ----------
    objective : FirthLikelihood
        As a function of x = center + root z.
    matrix : ndarray, shape (n_terms, n_terms)
        From x to coefficients in original units.
    center : ndarray, shape (n_terms,)
        Firth's estimate.
    root : ndarray, shape (n_terms, n_terms)
        W with W W' the inverse of minus the Hessian there.
    """

    objective: FirthLikelihood
    matrix: Array
    center: Array
    root: Array

    @property
    def size(self) -> int:
        """Number of coefficients."""
        return int(self.center.size)

    @property
    def exact_mode(self) -> bool:
        """True."""
        return True

    def evaluate(self, z: Array) -> tuple[float, Array]:
        """Log density and gradient at z; minus infinity where the information is numerically singular."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            point = self.objective.point(self.center + self.root @ z)
            return point.value, np.asarray(point.gradient @ self.root)

    def log_density(self, z: Array) -> Array:
        """The log density of many points, (n_points, size) -> (n_points,): one pass over the rows for all of them."""
        return penalized_values(self.objective, self.center + z @ self.root.T)

    def with_fast_gradients(self) -> JeffreysPosterior:
        """Itself."""
        return self

    def to_beta(self, z: Array) -> Array:
        """Coefficients in original units from z, shape (..., n_terms)."""
        return np.asarray((self.center + z @ self.root.T) @ self.matrix.T)

    def extra(self, z: Array) -> dict[str, Array]:
        """Nothing: there are no hyperparameters."""
        return {}


def whiten_jeffreys(problem: Problem) -> JeffreysPosterior:
    """Find Firth's estimate, and change coordinates.

    Raises
    ------
    EstimationError
        Columns are linear combinations of others: the information is singular, and the posterior does not exist.
    """
    if problem.likelihood.n_rows < problem.n_terms or problem.maximum.aliases.dropped.size:
        _refuse(problem)
    found = find_firth(problem.likelihood, problem.scaling)
    if found.aliases.dropped.size:
        _refuse(problem)
    if not found.maximum.converged:
        raise EstimationError("Firth's estimate, from which the sampler would start, was not found.")
    with one_blas_thread():
        correction = found.maximum.correction
        if found.objective.affordable_curvature:
            correction = found.objective.penalty_curvature(found.maximum.point)
        root = Metric.of(found.maximum.point.information, correction).root
    return JeffreysPosterior(found.objective, found.matrix, found.maximum.point.x, root)


def _refuse(problem: Problem) -> None:
    equations = problem.maximum.aliases.equations(problem.terms)
    raise EstimationError(
        f"The posterior under Jeffreys() does not exist: columns are linear combinations of others ({equations}), so "
        "that the information is singular. Leave them out, or use a proper prior, e.g. Normal(2.5, autoscale=True)."
    )
