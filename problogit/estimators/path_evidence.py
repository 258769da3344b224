"""The Laplace approximation of the marginal likelihood along a path of smooth penalties.

log p(y | t) ~ l(b) + log p(b | t) + p/2 log(2 pi) - 1/2 log det(H + t L) at the mode b, all in original units, with
H = X'WX. With fewer rows than columns the determinant comes from a matrix of the rows: with V = I + W^1/2 Z L^-1 Z'
W^1/2 / t over the penalized columns and U = W^1/2 Z of the flat ones, det(H + t L) = det(t L) det(V) det(U'V^-1 U).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.optimize import minimize_scalar
from scipy.special import expit

from problogit.core.blocks import Array
from problogit.core.path_columns import ScaledColumns, dense, divided, row_products
from problogit.errors import EstimationError, InputError, explain
from problogit.estimators.path import Path, Stop
from problogit.estimators.penalized_optimum import choose_solver, find_optimum

__all__ = ["MarginalLikelihood"]

_MATRIX_UP_TO = 4000
_CLOSE = 1e-4  # of the logarithm of the factor


@dataclass(frozen=True, eq=False)
class MarginalLikelihood:
    """log p(y | factor) of a path.

    Raises
    ------
    InputError
        The prior has an L1 part, or the weights make no likelihood of a sample.
    EstimationError
        Both rows and columns are too many for a determinant.
    """

    path: Path

    def __post_init__(self) -> None:
        prior, problem = self.path.prior, self.path.problem
        if not prior.smooth:
            rule = "must not be 'evidence' where the prior has an L1 part, whose mode has no curvature at its zeros"
            remedy = "Use select='cv' or 'bic', or a Normal prior."
            raise InputError(explain("select", rule, "evidence", remedy))
        if problem.weights_type == "sampling":
            rule = "must not be 'evidence' under sampling weights, which make no likelihood of a sample"
            raise InputError(explain("select", rule, "evidence", "Use select='cv'."))
        if min(self.path.scaled.objective.likelihood.n_rows, prior.n_terms) > _MATRIX_UP_TO:
            raise EstimationError(
                f"select='evidence' needs the determinant of a matrix of all {prior.n_terms} columns, or of all rows, "
                f"and none is formed beyond {_MATRIX_UP_TO}. Use select='cv'."
            )

    def at(self, stop: Stop) -> float:
        """The log marginal likelihood, of the mode at a factor."""
        path = self.path
        density = path.prior.strengthened(stop.factor).value(stop.beta)
        # The columns of the solver are the original ones divided by their scales (centring has determinant 1).
        units = float(np.log(path.scaled.scaling.scale).sum())
        half = self._log_determinant(stop) / 2 + units
        constant = path.problem.log_constant + path.prior.n_terms / 2 * math.log(2 * math.pi)
        return stop.kernel + constant + density - half

    def refine(self, low: float, high: float, near: Stop) -> Stop:
        """The largest value between two factors, from the mode at a factor between them."""

        def mode(log_factor: float) -> Stop:
            factor = math.exp(log_factor)
            objective = self.path.objective(factor)
            best = find_optimum(objective, near.gamma, choose_solver("auto", objective.prior))
            kernel = objective.likelihood.value(best.gamma)
            return self.path.stop(factor, best.gamma, kernel, best.converged)

        found = minimize_scalar(
            lambda log_factor: -self.at(mode(float(log_factor))),
            bounds=(math.log(low), math.log(high)),
            method="bounded",
            options={"xatol": _CLOSE},
        )
        return mode(float(found.x))

    def _log_determinant(self, stop: Stop) -> float:
        objective = self.path.objective(stop.factor)
        prior = objective.prior
        by_rows = objective.likelihood.n_rows < prior.n_terms and prior.quadratic and prior.separable
        if by_rows:
            return self._by_rows(stop)
        _, _, information = objective.likelihood.information(stop.gamma)
        return _log_det(information + prior.hessian(stop.gamma))

    @cached_property
    def _rows(self) -> tuple[Array, Array, float]:
        """Z L^-1 Z' of the penalized columns, Z of the flat ones, log det L; scaled coordinates, factor 1."""
        prior = self.path.scaled.objective.prior
        bend = prior.curvature(prior.loc)
        flat, shrunk = np.flatnonzero(bend == 0), np.flatnonzero(bend > 0)
        columns = ScaledColumns(self.path.scaled.objective.likelihood)
        gram = row_products(divided(columns.take(shrunk), np.sqrt(bend[shrunk])))
        log_det = float(np.log(bend[shrunk]).sum())
        return gram, dense(columns.take(flat)), log_det

    def _by_rows(self, stop: Stop) -> float:
        gram, beside, log_det = self._rows
        likelihood = self.path.scaled.objective.likelihood
        eta = likelihood.eta(stop.gamma)
        root = np.sqrt(likelihood.weights * likelihood.trials * expit(eta) * expit(-eta))
        V = gram * np.outer(root, root) / stop.factor
        V[np.diag_indices(root.size)] += 1.0
        factor = cho_factor(V, lower=True)
        shrunk = self.path.prior.n_terms - beside.shape[1]
        total = log_det + shrunk * math.log(stop.factor) + 2 * float(np.sum(np.log(np.diag(factor[0]))))
        U = root[:, None] * beside
        return float(total + _log_det(U.T @ cho_solve(factor, U)))


def _log_det(matrix: Array) -> float:
    """Logarithm of the determinant of a positive definite matrix; NaN where it is not."""
    if matrix.shape[0] == 0:
        return 0.0
    diagonal = np.diag(matrix)
    if not np.all(diagonal > 0):
        return float("nan")
    root = np.sqrt(diagonal)
    try:
        factor, _ = cho_factor(matrix / np.outer(root, root), lower=True)
    except LinAlgError:
        return float("nan")
    return 2 * float(np.sum(np.log(np.diag(factor))) + np.sum(np.log(root)))
