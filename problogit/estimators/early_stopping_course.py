"""Gradient steps on the rows of a problem: at which rate, for how long, and what is seen on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from scipy.special import xlogy

from problogit.core.early_stopping import State, ascend, largest_curvature
from problogit.core.likelihood import BinomialLikelihood
from problogit.core.priors.columns import autoscale_units
from problogit.core.scaling import Scaling
from problogit.data.rows import Array
from problogit.errors import InputError, explain
from problogit.problem import Problem
from problogit.progress import Progress

__all__ = ["Course", "Slope", "follow", "keep_path"]

_IDLE = 1e-7  # of the best held-out deviance: a smaller gain is none
_SPACING = 1.05  # from one step whose coefficients are kept to the next: all of the first twenty


@dataclass(frozen=True, eq=False)
class Slope:
    """A problem in the coordinates of the steps, with their rate.

    Columns are divided by what `autoscale` divides prior scales by: the standard deviation, or the range where there
    are two values. A dense design is centred, which changes nothing but rounding.

    Attributes
    ----------
    problem : Problem
    scaling : Scaling
    limit : float
        L, the largest curvature of all rows.
    rate : float
    """

    problem: Problem
    scaling: Scaling
    limit: float
    rate: float

    @classmethod
    def of(cls, problem: Problem, learning_rate: float | str) -> Slope:
        """Measure the curvature of all rows and settle the rate.

        Raises
        ------
        InputError
            The rate is beyond 2 / L.
        """
        scaling = replace(problem.scaling, scale=_units(problem))
        start = cls(problem, scaling, 0.0, 0.0)
        limit = largest_curvature(start.likelihood(problem), scaling.intercept)
        best = 1.0 / limit if limit > 0 else 1.0
        if isinstance(learning_rate, str):
            return replace(start, limit=limit, rate=best)
        if learning_rate > 2 * best:
            rule = f"must not exceed {2 * best:.4g} (2 / L) here: beyond it steps overshoot"
            remedy = f"Leave it at 'auto', which is 1 / L = {best:.4g}."
            raise InputError(explain("learning_rate", rule, learning_rate, remedy))
        return replace(start, limit=limit, rate=learning_rate)

    def likelihood(self, problem: Problem) -> BinomialLikelihood:
        """The likelihood of all or some of the rows in these coordinates."""
        center = self.scaling.center if self.scaling.centred else None
        return problem.likelihood.in_coordinates(center, self.scaling.scale)

    def ascent(self, problem: Problem) -> Iterator[State]:
        """The steps on all or some of the rows."""
        return ascend(self.likelihood(problem), self.scaling.intercept, self.rate)

    def after(self, steps: int) -> State:
        """Where all rows lead in so many steps."""
        return next(islice(self.ascent(self.problem), steps, None))


def _units(problem: Problem) -> Array:
    unit = autoscale_units(problem.column_stats)
    if problem.intercept is not None:
        unit[problem.intercept] = 1.0
    return unit


@dataclass(frozen=True, eq=False)
class Course:
    """How long the steps go on.

    Attributes
    ----------
    train_deviance, heldout_deviance : ndarray, shape (n_steps + 1,)
        Mean deviance of a unit.
    chosen : int
    reason : str
        As in `Trajectory`.
    """

    train_deviance: Array
    heldout_deviance: Array
    chosen: int
    reason: str


def follow(slope: Slope, held: Array, patience: int, max_steps: int, progress: Progress) -> Course:
    """Step on the rows that are not held out until the deviance of those that are no longer falls.

    Parameters
    ----------
    slope : Slope
    held : ndarray, shape (n_obs,)
        Share of each row that is held out.
    patience : int
        Steps in a row that may bring nothing.
    max_steps : int
    progress : Progress
    """
    train, out = slope.problem.reweighted(1.0 - held), slope.problem.reweighted(held)
    beside = slope.likelihood(out)
    of_train, of_out = mean_deviance(train), mean_deviance(out)
    trained: list[float] = []
    judged: list[float] = []
    best = 0
    reason = "max-steps"
    progress.start("Gradient steps", max_steps)
    try:
        for state in slope.ascent(train):
            trained.append(of_train(state.kernel))
            judged.append(of_out(beside.value(state.gamma)))
            if judged[-1] < judged[best] * (1.0 - _IDLE):
                best = state.step
            elif state.step - best >= patience:
                reason = "held-out" if judged[-1] > judged[best] * (1.0 + _IDLE) else "levelled"
                break
            if state.step >= max_steps:
                break
            progress.advance()
    finally:
        progress.finish()
    return Course(np.array(trained), np.array(judged), best, reason)


def mean_deviance(problem: Problem) -> Callable[[float], float]:
    """The mean deviance of a unit as a function of the log-likelihood without its constant."""
    rows = problem.rows
    failures = rows.trials - rows.successes
    best = xlogy(rows.successes, rows.successes / rows.trials) + xlogy(failures, failures / rows.trials)
    saturated, units = float(rows.weights @ best), float(rows.weights.sum())
    return lambda kernel: 2 * (saturated - kernel) / units


def keep_path(slope: Slope, steps: int, progress: Progress) -> tuple[list[State], Array]:
    """Step on all rows: the states to keep, the last among them, and the mean deviance at every step.

    All of the first states are kept, then fewer and fewer, so that a long course stays small.
    """
    deviance = mean_deviance(slope.problem)
    kept: list[State] = []
    passed: list[float] = []
    following = 0.0
    progress.start("Gradient steps on all rows", steps)
    try:
        for state in slope.ascent(slope.problem):
            passed.append(deviance(state.kernel))
            if state.step >= following or state.step == steps:
                kept.append(state)
                following = max(state.step + 1.0, _SPACING * state.step)
            if state.step == steps:
                break
            progress.advance()
    finally:
        progress.finish()
    return kept, np.array(passed)
