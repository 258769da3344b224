"""The path of penalized fits, from strong penalties to weak ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from problogit.core.likelihood import BinomialLikelihood
from problogit.core.newton_cg import maximise_by_products
from problogit.core.path import LARGEST_MODEL, ElasticPenalty, follow_path
from problogit.core.path_reduce import reduce_ridge
from problogit.core.priors.resolved import ResolvedPrior
from problogit.data.rows import Array
from problogit.errors import InputError, explain
from problogit.estimators.path_grid import Course, plan_course
from problogit.estimators.penalized_optimum import PenalizedLikelihood, choose_solver, find_optimum
from problogit.estimators.penalized_problem import ScaledProblem, check_existence, scaled_problem, search
from problogit.estimators.select import Grid
from problogit.problem import Problem

__all__ = ["Path", "Stop", "open_path"]

# How near the optimum a value ends, as a share of the log-likelihood: small problems can afford more digits.
_REACH, _NEAR, _SMALL = 1e-9, 1e-12, 2e5


@dataclass(frozen=True, eq=False)
class Stop:
    """One value of a path.

    Attributes
    ----------
    factor : float
    gamma, beta : ndarray, shape (n_terms,)
        Scaled and original coordinates; exact locations at a kink.
    kernel : float
        Log-likelihood without its constant.
    converged : bool
    """

    factor: float
    gamma: Array
    beta: Array
    kernel: float
    converged: bool


@dataclass(frozen=True, eq=False)
class Path:
    """A problem under one prior, whose penalties are multiplied by a factor.

    Attributes
    ----------
    problem : Problem
    prior : ResolvedPrior
        Original units, factor 1.
    scaled : ScaledProblem
        The same in the solver's coordinates.
    """

    problem: Problem
    prior: ResolvedPrior
    scaled: ScaledProblem

    @property
    def penalized(self) -> NDArray[np.bool_]:
        """Slopes with a prior that is not flat, shape (n_terms,)."""
        mask = self.prior.proper
        if self.prior.intercept is not None:
            mask[self.prior.intercept] = False
        return mask

    def objective(self, factor: float) -> PenalizedLikelihood:
        """The penalized log-likelihood at a factor, in scaled coordinates."""
        inner = self.scaled.objective
        return PenalizedLikelihood(inner.likelihood, inner.prior.strengthened(factor))

    def course(self, grid: Grid) -> Course:
        """The factors to visit."""
        return plan_course(self.scaled, grid)

    def walk(self, course: Course) -> Iterator[Stop]:
        """The optima at the factors of a course, in turn."""
        lead = course.approach.size
        factors = [float(value) for value in (*course.approach, *course.factors)]
        gamma, reached = course.start, 0
        for here, kernel, converged in self._fast(factors, gamma):
            gamma = here
            if not converged:
                break
            if reached >= lead:
                yield self.stop(factors[reached], gamma, kernel, converged)
            reached += 1
        for position in range(reached, len(factors)):
            gamma, kernel, converged = self._single(factors[position], gamma)
            if position >= lead:
                yield self.stop(factors[position], gamma, kernel, converged)

    def _single(self, factor: float, start: Array) -> tuple[Array, float, bool]:
        """The optimum at one factor, its kernel, and whether it was reached.

        The best of several modes where the prior is not log-concave. Where columns are many, as near as a path needs:
        the value that is chosen is solved again to the end.
        """
        objective = self.objective(factor)
        solver = choose_solver("auto", objective.prior)
        if not objective.prior.log_concave:
            best = search(ScaledProblem(objective, self.scaled.scaling, start), solver).best
            gamma, converged = best.gamma, best.converged
        elif solver == "newton-cg":
            reach = _REACH * max(1.0, abs(objective.likelihood.value(start)))
            end = maximise_by_products(objective, start, tolerance=float(np.sqrt(2 * reach)))
            gamma, converged = end.x, end.converged
        else:
            best = find_optimum(objective, start, solver)
            gamma, converged = best.gamma, best.converged
        return gamma, objective.likelihood.value(gamma), converged

    def stop(self, factor: float, gamma: Array, kernel: float, converged: bool) -> Stop:
        """One value of the path, from scaled coordinates."""
        inner = self.scaled.objective.prior
        at_kink = (inner.l1 > 0) & (gamma == inner.loc)
        beta = np.where(at_kink, self.prior.loc, self.scaled.scaling.to_original(gamma))
        return Stop(factor, gamma, beta, kernel, converged)

    def _fast(self, factors: list[float], start: Array) -> Iterator[tuple[Array, float, bool]]:
        """The elastic-net family while its model fits the memory; nothing for other priors."""
        objective = self.scaled.objective
        prior, likelihood = objective.prior, objective.likelihood
        if not (prior.quadratic and prior.separable):
            return
        penalty = ElasticPenalty(prior.l1, prior.curvature(prior.loc), prior.loc)
        if prior.smooth and prior.n_terms > likelihood.n_rows and likelihood.n_rows <= LARGEST_MODEL:
            small = reduce_ridge(likelihood, penalty)
            reach = _reach(small.likelihood)
            for point in follow_path(
                small.likelihood, small.penalty, factors, small.start(start), tolerance=reach
            ):
                yield small.expand(point.gamma), point.value, point.converged
            return
        for point in follow_path(likelihood, penalty, factors, start, tolerance=_reach(likelihood)):
            yield point.gamma, point.value, point.converged


def _reach(likelihood: BinomialLikelihood) -> float:
    return _NEAR if likelihood.n_rows * float(likelihood.n_terms) <= _SMALL else _REACH


def open_path(problem: Problem, prior: ResolvedPrior) -> Path:
    """Check that there is something to scale and an optimum to find, and choose coordinates.

    Raises
    ------
    InputError
        All priors are flat.
    EstimationError
        The columns with a flat prior have no maximum of their own.
    """
    if prior.flat.all():
        remedy = "Give a prior such as Laplace(1.0) or Normal(1.0); its own scale does not matter then."
        raise InputError(
            explain("prior", "must have a strength that can be scaled", "flat priors only", remedy)
        )
    check_existence(problem, prior)
    return Path(problem, prior, scaled_problem(problem, prior, choose_solver("auto", prior)))
