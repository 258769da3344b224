"""Gradient steps on the rows of a problem: at which rate, for how long, and what is seen on the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import xlogy

from problogit.core.blocks import row_blocks
from problogit.core.early_stopping import State, ascend, largest_curvature
from problogit.core.likelihood import BinomialLikelihood, kernel
from problogit.core.path_columns import ScaledColumns
from problogit.core.priors.columns import autoscale_units
from problogit.core.scaling import Scaling
from problogit.data.patterns import collapse
from problogit.data.rows import Array
from problogit.errors import InputError, explain
from problogit.problem import Problem
from problogit.progress import Progress

__all__ = ["Course", "Slope", "follow", "keep_path"]

_IDLE = 1e-7  # of the lowest held-out deviance: a smaller gain is none
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
    likelihood : BinomialLikelihood
        Of all rows, over covariate patterns.
    pattern : ndarray of int, shape (n_obs,)
        The pattern of each row.
    limit : float
        L, the largest curvature of all rows.
    rate : float
    """

    problem: Problem
    scaling: Scaling
    likelihood: BinomialLikelihood
    pattern: NDArray[np.int64]
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
        rows = problem.rows
        found = collapse(rows.X, rows.successes, rows.trials, rows.weights, rows.offset)
        raw = BinomialLikelihood(
            found.X, found.successes, found.trials, found.weights, found.offset, executor=problem.executor
        )
        if isinstance(found.X, np.ndarray):
            center = scaling.center if scaling.centred else None
            likelihood = raw.in_coordinates(center, scaling.scale)
        else:  # scaled once, for all parts
            scaled = row_blocks(found.X, None, scaling.scale).local(slice(0, raw.n_rows))
            likelihood = replace(raw, X=sp.csr_array(scaled))
        limit = largest_curvature(likelihood, scaling.intercept)
        best = 1.0 / limit if limit > 0 else 1.0
        rate = best if isinstance(learning_rate, str) else learning_rate
        if rate > 2 * best:
            rule = f"must not exceed {2 * best:.4g} (2 / L) here: beyond it steps overshoot"
            remedy = f"Leave it at 'auto', which is 1 / L = {best:.4g}."
            raise InputError(explain("learning_rate", rule, learning_rate, remedy))
        return cls(problem, scaling, likelihood, found.index, limit, rate)

    @cached_property
    def _columns(self) -> ScaledColumns:
        return ScaledColumns(self.likelihood)

    def part(self, share: Array) -> BinomialLikelihood:
        """The likelihood of a share of each row, shape (n_obs,), with the same design."""
        rows, n = self.problem.rows, self.likelihood.n_rows
        weights = share * rows.weights
        return replace(
            self.likelihood,
            successes=np.bincount(self.pattern, weights * rows.successes, n).astype(np.float64),
            trials=np.bincount(self.pattern, weights * rows.trials, n).astype(np.float64),
            weights=np.ones(n),
        )

    def ascent(self, likelihood: BinomialLikelihood | None = None) -> Iterator[State]:
        """The steps on all rows, or on a part of them."""
        part = self.likelihood if likelihood is None else likelihood
        return ascend(part, self.scaling.intercept, self.rate, self._columns)

    def after(self, steps: int) -> State:
        """Where all rows lead in so many steps."""
        return next(islice(self.ascent(), steps, None))

    def mean_deviance(self, kernels: float, share: Array | float = 1.0) -> float:
        """Mean deviance of a unit, from the log-likelihood of a share of each row without its constant."""
        rows = self.problem.rows
        weights = share * rows.weights
        return 2 * (float(weights @ self._saturated) - kernels) / float(weights.sum())

    @cached_property
    def _saturated(self) -> Array:
        rows = self.problem.rows
        failures = rows.trials - rows.successes
        return np.asarray(
            xlogy(rows.successes, rows.successes / rows.trials) + xlogy(failures, failures / rows.trials)
        )


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
        Mean deviance of a unit, over all parts.
    chosen : int
    reason : str
        As in `Trajectory`.
    """

    train_deviance: Array
    heldout_deviance: Array
    chosen: int
    reason: str


def follow(
    slope: Slope, parts: tuple[Array, ...], patience: int, max_steps: int, progress: Progress
) -> Course:
    """Step on the rows without each part in turn, until the deviance of the parts no longer falls.

    Parameters
    ----------
    slope : Slope
    parts : tuple of ndarray, each of shape (n_obs,)
        Share of each row that is held out.
    patience : int
        Steps in a row that may bring nothing.
    max_steps : int
    progress : Progress
    """
    out = [slope.part(held) for held in parts]
    ascents = [slope.ascent(slope.part(1.0 - held)) for held in parts]
    gone = np.sum(parts, axis=0)
    left = len(parts) - gone
    trained: list[float] = []
    judged: list[float] = []
    best = 0
    reason = "max-steps"
    progress.start("Gradient steps", max_steps)
    try:
        for step, states in enumerate(zip(*ascents, strict=True)):
            trained.append(slope.mean_deviance(sum(state.kernel for state in states), left))
            beside = sum(_kernel(part, state) for part, state in zip(out, states, strict=True))
            judged.append(slope.mean_deviance(beside, gone))
            if judged[-1] < judged[best] * (1.0 - _IDLE):
                best = step
            elif step - best >= patience:
                reason = "held-out" if judged[-1] > judged[best] * (1.0 + _IDLE) else "levelled"
                break
            if step >= max_steps:
                break
            progress.advance()
    finally:
        progress.finish()
    return Course(np.array(trained), np.array(judged), best, reason)


def _kernel(part: BinomialLikelihood, state: State) -> float:
    return float(kernel(state.eta, part.successes, part.trials).sum())


def keep_path(slope: Slope, steps: int, progress: Progress) -> tuple[list[State], Array]:
    """Step on all rows: the states to keep, the last among them, and the mean deviance at every step.

    All of the first states are kept, then fewer and fewer, so that a long course stays small.
    """
    kept: list[State] = []
    passed: list[float] = []
    following = 0.0
    progress.start("Gradient steps on all rows", steps)
    try:
        for state in slope.ascent():
            passed.append(slope.mean_deviance(state.kernel))
            if state.step >= following or state.step == steps:
                kept.append(state)
                following = max(state.step + 1.0, _SPACING * state.step)
            if state.step == steps:
                break
            progress.advance()
    finally:
        progress.finish()
    return kept, np.array(passed)
