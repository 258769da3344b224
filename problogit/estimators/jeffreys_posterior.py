"""The posterior under Jeffreys' prior, in coordinates whitened at Firth's estimate, which is its mode.

log posterior = kernel of the likelihood + 0.5 log det I(beta). With columns of full rank it is proper whatever the
outcomes, separated or constant: Jeffreys' prior of a logistic regression is itself proper then, with moments of every
order (Ibrahim & Laud 1991, JASA 86:981; Chen, Ibrahim & Kim 2008, JASA 103:1659), and the likelihood is bounded.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg.lapack import dpotrf, dtrtri

from problogit.core.blocks import Array
from problogit.core.coefficients import as_dense
from problogit.core.firth import FirthLikelihood
from problogit.core.firth_batch import penalized_values
from problogit.core.firth_fit import find_firth
from problogit.core.firth_newton import Metric
from problogit.errors import EstimationError
from problogit.execution import one_blas_thread
from problogit.problem import Problem

__all__ = ["JeffreysPosterior", "whiten_jeffreys"]

_COPIED = 2_000_000  # values of the design, up to which it is copied
_SINGULAR = 1e-5  # of a column's squared length in the metric of the information


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
    fast : _DensePenalized or None
        The same density for thousands of gradients of a small dense design.
    """

    objective: FirthLikelihood
    matrix: Array
    center: Array
    root: Array
    fast: _DensePenalized | None = None

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
            found = None if self.fast is None else self.fast.evaluate(z)
            if found is not None:
                return found
            point = self.objective.point(self.center + self.root @ z)
            return point.value, np.asarray(point.gradient @ self.root)

    def log_density(self, z: Array) -> Array:
        """The log density of many points, (n_points, size) -> (n_points,): one pass over the rows for all of them."""
        return penalized_values(self.objective, self.center + z @ self.root.T)

    def with_fast_gradients(self) -> JeffreysPosterior:
        """The same density, with a copy of a small dense design in the coordinates z."""
        like = self.objective.likelihood
        if self.fast is not None or like.n_rows * like.n_terms > _COPIED:
            return self
        columns = np.vstack([as_dense(like.local(block)) for block in like.blocks()]) @ self.root
        total = like.weights * like.trials
        fast = _DensePenalized(
            np.ascontiguousarray(columns.T),
            like.eta(self.center),
            total,
            like.weights * like.successes,
            -float(np.linalg.slogdet(self.root)[1]),
        )
        return replace(self, fast=fast)

    def to_beta(self, z: Array) -> Array:
        """Coefficients in original units from z, shape (..., n_terms)."""
        return np.asarray((self.center + z @ self.root.T) @ self.matrix.T)

    def extra(self, z: Array) -> dict[str, Array]:
        """Nothing: there are no hyperparameters."""
        return {}


@dataclass(frozen=True, eq=False)
class _DensePenalized:
    """Kernel plus half the log-determinant, without the care that far points need.

    Attributes
    ----------
    columns : ndarray, shape (size, n_rows)
        The design, transposed.
    offset, total, events : ndarray, shape (n_rows,)
    constant : float
        Half the log-determinant in the coordinates of the objective, less that in these.
    """

    columns: Array
    offset: Array
    total: Array
    events: Array
    constant: float

    def evaluate(self, z: Array) -> tuple[float, Array] | None:
        """Value and gradient; None where the information is nearly singular."""
        eta = z @ self.columns + self.offset
        tail = np.exp(-np.abs(eta))
        near = 1.0 / (1.0 + tail)
        p = np.where(eta >= 0, near, tail * near)
        working = self.total * tail * near * near
        information = (self.columns * working) @ self.columns.T
        lower, failed = dpotrf(information, lower=1, clean=1)
        diagonal = lower.diagonal()
        if failed or not np.all(diagonal**2 > _SINGULAR * information.diagonal()):
            return None
        white = dtrtri(lower, lower=1)[0] @ self.columns
        leverage = working * np.einsum("ij,ij->j", white, white)
        kernel = self.events @ eta - self.total @ (np.maximum(eta, 0.0) + np.log1p(tail))
        gradient = self.columns @ (self.events - self.total * p + leverage * (0.5 - p))
        return float(kernel + np.log(diagonal).sum()) + self.constant, gradient


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
