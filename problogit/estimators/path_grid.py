"""Where a penalty path begins, and which strengths it visits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from problogit.data.rows import Array
from problogit.errors import InputError, explain
from problogit.estimators.penalized_optimum import PenalizedLikelihood, choose_solver, find_optimum
from problogit.estimators.penalized_problem import ScaledProblem
from problogit.estimators.select import Grid

__all__ = ["Course", "plan_course"]

_SETTLED = 1e-10
_ROUNDS = 100
_MUCH = 1e3  # of the information on a coefficient: a penalty that leaves a thousandth of it
# Of the information on a typical coefficient, with at least as many rows as columns and with fewer.
_LITTLE = {True: 1e-4, False: 1e-3}
_RATIO = {True: 1e-4, False: 1e-2}
_APPROACH = 0.7  # a grid that begins below the largest useful strength is led up to in such steps


@dataclass(frozen=True, eq=False)
class Course:
    """The strengths of a path.

    Attributes
    ----------
    factors : ndarray, shape (n_values,)
        Falling.
    approach : ndarray
        Larger factors that lead to the first, not reported.
    start : ndarray, shape (n_terms,)
        Scaled coordinates; the optimum at the first of all factors where the prior has an L1 part.
    largest : float
        The smallest factor at which all coefficients with an L1 penalty are at their location; NaN without an L1 part.
    """

    factors: Array
    approach: Array
    start: Array
    largest: float


def plan_course(scaled: ScaledProblem, grid: Grid) -> Course:
    """Factors for the path of a problem whose prior is as given (factor 1)."""
    prior = scaled.objective.prior
    many_rows = scaled.objective.likelihood.n_rows >= prior.n_terms
    if prior.smooth:
        return _smooth_course(scaled, grid, many_rows)
    largest, start = _largest_factor(scaled)
    none = np.empty(0)
    if grid.values is None:
        ratio = _RATIO[many_rows] if grid.ratio is None else grid.ratio
        return Course(largest * np.geomspace(1.0, ratio, grid.n_values), none, start, largest)
    factors = np.array(grid.values)
    if factors[0] >= largest:
        return Course(factors, none, start, largest)
    steps = 1 + int(np.log(factors[0] / largest) / np.log(_APPROACH))
    return Course(factors, np.geomspace(largest, factors[0], steps + 1)[:-1], start, largest)


def _smooth_course(scaled: ScaledProblem, grid: Grid, many_rows: bool) -> Course:
    none = np.empty(0)
    if grid.values is not None:
        return Course(np.array(grid.values), none, scaled.start, np.nan)
    objective = scaled.objective
    proper = objective.prior.proper
    data = objective.likelihood.information_diagonal(scaled.start)[proper]
    bend = objective.prior.curvature(objective.prior.loc, majorant=True)[proper]
    shares = (data / bend)[data > 0]
    if not shares.size:
        remedy = "All penalized columns are constant."
        raise InputError(explain("select", "needs a column that the penalty acts on", "none", remedy))
    largest = _MUCH * float(shares.max())
    smallest = _LITTLE[many_rows] * float(np.median(shares)) if grid.ratio is None else grid.ratio * largest
    return Course(np.geomspace(largest, smallest, grid.n_values), none, scaled.start, np.nan)


def _largest_factor(scaled: ScaledProblem) -> tuple[float, Array]:
    """The smallest factor at which all coordinates with an L1 part are at their kink, and the optimum there.

    The gradient there depends on the other coordinates, and where those have a penalty of their own that depends on
    the factor: it is then found by repetition.
    """
    objective = scaled.objective
    prior = objective.prior
    kinked = prior.l1 > 0
    free = np.flatnonzero(~kinked)
    gamma = np.array(scaled.start)
    alone = not prior.proper[free].any()
    factor = 1.0
    for _ in range(_ROUNDS):
        if free.size:
            part = PenalizedLikelihood(objective.likelihood, prior.strengthened(factor)).restricted(
                free, gamma
            )
            gamma[free] = find_optimum(part, gamma[free], choose_solver("auto", part.prior)).gamma
        _, slope = objective.likelihood.gradient(gamma)
        needed = float((np.abs(slope[kinked]) / prior.l1[kinked]).max())
        if not needed > 0:
            remedy = "No column with an L1 penalty is related to the outcome."
            raise InputError(explain("select", "needs a gradient that the penalty can hold", needed, remedy))
        settled = alone or abs(needed - factor) <= _SETTLED * needed
        factor = needed
        if settled:
            break
    return factor, gamma
