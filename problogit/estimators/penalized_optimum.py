"""The optimum of log-likelihood + log prior, by whatever road: every one goes through `scipy.optimize.minimize`.

Everything here happens in the coordinates gamma of the centred and scaled columns, in which the prior has the same
meaning as in the original ones (`ResolvedPrior.scaled`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cholesky
from scipy.optimize import OptimizeResult, minimize

from problogit.core.likelihood import BinomialLikelihood
from problogit.core.newton import maximise
from problogit.core.newton_cg import maximise_by_products
from problogit.core.path import ElasticPenalty, follow_path
from problogit.core.priors.resolved import ResolvedPrior
from problogit.core.proximal import maximise_l1
from problogit.core.proximal_quadratic import Penalty, violation
from problogit.data.rows import Array

__all__ = ["SOLVERS", "Optimum", "PenalizedLikelihood", "choose_solver", "find_optimum", "optimize_result"]

SOLVERS = ("auto", "newton", "lbfgs", "newton-cg", "proximal-newton")
_NEWTON_UP_TO = 2000  # columns: above, a Hessian costs more than the products of a conjugate-gradient step
_FEW = 30  # columns, up to which a strength is reached at once
_DOWN = 2.0  # from one strength to the next on the way
_PATH_REACH = 1e-12  # of the log-likelihood
_IN_STANDARD_ERRORS = 1e-6  # how near the optimum L-BFGS must end


@dataclass(frozen=True, eq=False)
class PenalizedLikelihood:
    """f: the log-likelihood minus the smooth part of the penalty; what is left of the penalty is `penalty`.

    The penalty is -log prior, less its smallest value. Both parts are functions of the same coordinates.
    """

    likelihood: BinomialLikelihood
    prior: ResolvedPrior

    @property
    def penalty(self) -> Penalty:
        """The L1 part."""
        return Penalty(self.prior.l1, self.prior.loc)

    def _smooth_prior(self, gamma: Array) -> float:
        value = self.prior.below_peak(gamma)
        return value if self.prior.smooth else value + self.penalty.value(gamma)

    def value(self, beta: Array) -> float:
        """f."""
        return self.likelihood.value(beta) + self._smooth_prior(beta)

    def gradient(self, beta: Array) -> tuple[float, Array]:
        """Value and gradient of f."""
        value, gradient = self.likelihood.gradient(beta)
        return value + self._smooth_prior(beta), gradient + self.prior.gradient(beta)

    def information(self, beta: Array) -> tuple[float, Array, Array]:
        """Value, gradient and minus the Hessian of f.

        Where heavy tails make the Hessian indefinite, the prior's curvature gives way to that of a parabola above the
        penalty, whose Newton step still rises. Near a proper mode the Hessian is definite and the step is Newton's.
        """
        value, gradient, information = self.likelihood.information(beta)
        total = information + self.prior.hessian(beta)
        if not self.prior.log_concave and not is_positive_definite(total):
            total = information + self.prior.hessian(beta, majorant=True)
        return value + self._smooth_prior(beta), gradient + self.prior.gradient(beta), total

    def product(self, beta: Array, majorant: bool = False) -> Callable[[Array], Array]:
        """The map v -> (minus the Hessian of f) v; with `majorant`, of the definite matrix in `information`."""
        data = self.likelihood.information_vector(beta)
        prior = self.prior.hessian_vector(beta, majorant)
        return lambda v: data(v) + prior(v)

    def diagonal(self, beta: Array) -> Array:
        """Diagonal of minus the Hessian of f, by the majorant; 1 where a column has neither data nor prior."""
        bend = self.likelihood.information_diagonal(beta) + self.prior.curvature(beta, majorant=True)
        return np.where(bend > 0, bend, 1.0)

    @property
    def cheap_products(self) -> bool:
        """Whether the design is sparse."""
        return not isinstance(self.likelihood.X, np.ndarray)

    def restricted(self, columns: NDArray[np.intp], beta: Array) -> PenalizedLikelihood:
        """f as a function of some coordinates, the others held as in `beta`. The prior must be separable."""
        if columns.size == beta.size:
            return self
        like = self.likelihood
        held = np.array(beta)
        held[columns] = 0.0
        offset = like.eta(held) if held.any() else like.offset
        center = None if like.center is None else like.center[columns]
        scale = None if like.scale is None else like.scale[columns]
        part = replace(like, center=None, scale=None).columns(columns).in_coordinates(center, scale)
        return PenalizedLikelihood(replace(part, offset=offset), self.prior.take(columns))


@dataclass(frozen=True, eq=False)
class Optimum:
    """Where a road ended.

    Attributes
    ----------
    raw : OptimizeResult
        As `scipy.optimize.minimize` returned it; `raw.x` is gamma, `raw.fun` minus the penalized log-likelihood.
    solver : str
        The road.
    violation : float
        Largest violation of the optimality conditions, as `core.proximal_quadratic.violation` measures it.
    converged : bool
    """

    raw: OptimizeResult
    solver: str
    violation: float
    converged: bool

    @property
    def gamma(self) -> Array:
        """Coefficients of the centred and scaled columns, shape (n_terms,)."""
        return np.asarray(self.raw.x, dtype=np.float64)

    @property
    def value(self) -> float:
        """Penalized log-likelihood: kernel minus penalty."""
        return -float(self.raw.fun)


def is_positive_definite(matrix: Array) -> bool:
    """Whether a symmetric matrix has a Cholesky factor, after equilibration of its diagonal."""
    diagonal = np.diag(matrix)
    if not np.all(diagonal > 0):
        return False
    root = np.sqrt(diagonal)
    try:
        cholesky(matrix / np.outer(root, root))
    except LinAlgError:
        return False
    return True


def choose_solver(asked: str, prior: ResolvedPrior) -> str:
    """The road that is taken: `asked`, or for ``auto`` by kinks of the prior and number of columns."""
    if asked != "auto":
        return asked
    if not prior.smooth:
        return "proximal-newton"
    return "newton" if prior.n_terms <= _NEWTON_UP_TO else "newton-cg"


def find_optimum(objective: PenalizedLikelihood, start: Array, solver: str) -> Optimum:
    """Go from `start` to the optimum.

    Parameters
    ----------
    objective : PenalizedLikelihood
    start : ndarray, shape (n_terms,)
    solver : str
        One of `SOLVERS` but ``auto``; only ``proximal-newton`` takes priors with an L1 part.
    """
    road = {
        "newton": _newton,
        "proximal-newton": _proximal_newton,
        "lbfgs": _lbfgs,
        "newton-cg": _newton_cg,
    }[solver]
    raw = road(objective, start)
    gamma = np.asarray(raw.x, dtype=np.float64)
    _, gradient = objective.gradient(gamma)
    broken = violation(gradient, gamma, objective.penalty)
    converged = bool(raw.success) or (solver == "lbfgs" and _close(objective, gamma, gradient))
    return Optimum(raw, solver, float(broken.max(initial=0.0)), converged)


def _close(objective: PenalizedLikelihood, gamma: Array, gradient: Array) -> bool:
    """Whether each coordinate alone would move by less than a millionth of its conditional standard error."""
    return bool(np.all(np.abs(gradient) <= _IN_STANDARD_ERRORS * np.sqrt(objective.diagonal(gamma))))


def _loss(objective: PenalizedLikelihood) -> Callable[[Array], tuple[float, Array]]:
    def negative(gamma: Array) -> tuple[float, Array]:
        value, gradient = objective.gradient(gamma)
        return objective.penalty.value(gamma) - value, -gradient

    return negative


def _run(objective: PenalizedLikelihood, start: Array, **how: Any) -> OptimizeResult:
    found: OptimizeResult = minimize(_loss(objective), start, jac=True, **how)
    return found


def optimize_result(**fields: Any) -> OptimizeResult:
    """An `OptimizeResult` with these fields."""
    made: Any = OptimizeResult  # its type information knows no fields
    return cast(OptimizeResult, made(**fields))


def _newton(objective: PenalizedLikelihood, start: Array) -> OptimizeResult:
    def method(_fun: Any, x0: Array, **_: Any) -> OptimizeResult:
        end = maximise(objective, x0, tolerance=1e-10, max_iterations=200)
        return optimize_result(
            x=end.x,
            fun=-end.value,
            jac=-end.gradient,
            hess=end.information,
            nit=end.iterations,
            nfev=end.evaluations,
            status=0 if end.converged else 1,
            success=end.converged,
            message=f"Newton's method ended {end.decrement:.1e} standard errors from the optimum.",
        )

    return _run(objective, start, method=method)


def _proximal_newton(objective: PenalizedLikelihood, start: Array) -> OptimizeResult:
    def method(_fun: Any, x0: Array, **_: Any) -> OptimizeResult:
        near, steps = _down_the_path(objective, x0)
        end = maximise_l1(objective, objective.penalty, near)
        return optimize_result(
            x=end.x,
            fun=-end.value,
            jac=-end.gradient,
            nit=steps + end.iterations,
            nfev=steps + end.evaluations,
            working=end.working,
            status=0 if end.converged else 1,
            success=end.converged,
            message=f"Proximal Newton ended with a largest violation of the KKT conditions of {end.violation:.1e}.",
        )

    return _run(objective, start, method=method)


def _down_the_path(objective: PenalizedLikelihood, start: Array) -> tuple[Array, int]:
    """A point near the optimum, from stronger penalties under which few columns matter; and the steps it took.

    A start away from the kinks is taken for one near the optimum.
    """
    prior = objective.prior
    if start.size <= _FEW or not (prior.quadratic and prior.separable):
        return start, 0
    kinked = prior.l1 > 0
    _, slope = objective.likelihood.gradient(start)
    largest = float((np.abs(slope[kinked]) / prior.l1[kinked]).max(initial=0.0))
    begun = bool(np.any(start[kinked] != prior.loc[kinked]))
    n_values = 1 if begun or largest <= 1.0 else 2 + int(np.log(largest) / np.log(_DOWN))
    penalty = ElasticPenalty(prior.l1, prior.curvature(prior.loc), prior.loc)
    point, steps = start, 0
    factors = np.geomspace(max(largest, 1.0), 1.0, n_values) if n_values > 1 else np.ones(1)
    for found in follow_path(objective.likelihood, penalty, factors.tolist(), start, tolerance=_PATH_REACH):
        if not found.converged:
            break
        point, steps = found.gamma, steps + found.steps
    return point, steps


def _lbfgs(objective: PenalizedLikelihood, start: Array) -> OptimizeResult:
    # ftol=0: a small gain is no sign of the optimum; the gradient is, and the rounding of the line search.
    options = {"maxiter": 20_000, "maxfun": 50_000, "maxcor": 30, "ftol": 0.0, "gtol": 1e-9}
    return _run(objective, start, method="L-BFGS-B", options=options)


def _newton_cg(objective: PenalizedLikelihood, start: Array) -> OptimizeResult:
    def method(_fun: Any, x0: Array, **_: Any) -> OptimizeResult:
        end = maximise_by_products(objective, x0)
        return optimize_result(
            x=end.x,
            fun=-end.value,
            jac=-end.gradient,
            nit=end.iterations,
            nhev=end.products,
            status=0 if end.converged else 1,
            success=end.converged,
            message=f"Newton's method ended {end.decrement:.1e} standard errors from the optimum.",
        )

    return _run(objective, start, method=method)
