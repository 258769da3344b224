"""Penalized log-likelihoods along a path of strengths, each from the one before.

At every factor t of a falling sequence the maximum of

    l(gamma) - t sum_j [ l1_j |gamma_j - loc_j| + l2_j (gamma_j - loc_j)^2 / 2 ]

is found: the elastic-net family, in the coordinates of the centred and scaled columns. A quadratic model of l on the
working columns (`core.path_model`) is maximised minus the penalty exactly (`core.path_quadratic`), then the true
gradient is computed; two or three such steps reach the next optimum. Columns that the sequential strong rule discards
(Tibshirani et al. 2012, J. R. Statist. Soc. B 74:245) are looked at only when the others are at their optimum, in the
check of the optimality (KKT) conditions of all columns; one that breaks them comes in.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from problogit.core.blocks import Array
from problogit.core.likelihood import BinomialLikelihood, kernel
from problogit.core.path_columns import Block, Positions, ScaledColumns
from problogit.core.path_model import QuadraticModel
from problogit.core.path_quadratic import maximise_by_pivots
from problogit.core.proximal_quadratic import maximise_quadratic
from problogit.execution import one_blas_thread

__all__ = ["LARGEST_MODEL", "ElasticPenalty", "PathPoint", "follow_path"]

LARGEST_MODEL = 4000  # working columns of a dense design: two square arrays of that size are 256 MB
_LARGEST_SPARSE = (
    2000  # where products with the design cost so little that a matrix of its columns seldom pays
)
_NOISE = 64 * float(np.finfo(float).eps)
_STEPS = 60
_HALVINGS = 30
_PATIENT = 4  # steps to one optimum after which the model is made anew
_STUCK = 10  # steps after which it is made anew on the way
_WATCHED = 0.25  # share of the columns below which only those that pass the strong rule are looked at
_AT_ONCE = 50  # columns that may come in together, or as many as are not zero
_IDLE = 50  # zeros among the working columns that are carried along


@dataclass(frozen=True, eq=False)
class ElasticPenalty:
    """sum_j l1_j |x_j - loc_j| + l2_j (x_j - loc_j)^2 / 2, all of shape (p,)."""

    l1: Array
    l2: Array
    loc: Array


@dataclass(frozen=True, eq=False)
class PathPoint:
    """An optimum on the path.

    Attributes
    ----------
    position : int
        In the sequence of factors.
    gamma : ndarray, shape (p,)
        Coordinates; exactly `loc` where the coefficient is at its kink.
    value : float
        Log-likelihood kernel.
    steps : int
        Steps that it took.
    converged : bool
        False where the steps did not reach the optimum; later points then start in a bad place.
    """

    position: int
    gamma: Array
    value: float
    steps: int
    converged: bool


def follow_path(
    likelihood: BinomialLikelihood,
    penalty: ElasticPenalty,
    factors: Sequence[float],
    start: Array,
    *,
    tolerance: float = 1e-9,
    largest: int | None = None,
) -> Iterator[PathPoint]:
    """The optima at falling `factors`; ends early where a model would need more than `largest` columns.

    Parameters
    ----------
    likelihood : BinomialLikelihood
        In centred and scaled coordinates.
    penalty : ElasticPenalty
        At factor 1.
    factors : sequence of float
        Falling.
    start : ndarray, shape (p,)
        Best at or above the first factor.
    tolerance : float
        A point is reached when the model expects no step to gain more than this part of the log-likelihood at `start`.
    largest : int, optional
        By default `LARGEST_MODEL`, and fewer for a sparse design.
    """
    if largest is None:
        largest = LARGEST_MODEL if isinstance(likelihood.X, np.ndarray) else _LARGEST_SPARSE
    if np.count_nonzero((penalty.l1 == 0) | (start != penalty.loc)) > largest:
        return
    path = _Path(likelihood, penalty, start, tolerance, largest)
    for position, factor in enumerate(factors):
        with one_blas_thread():  # of its own; sums over many rows are shared by the executor's
            steps = path.advance(factor)
        if path.full:
            return
        yield PathPoint(position, path.gamma(), path.value, steps, path.settled)


class _Path:
    """The point that moves along a path: log-odds and gradient, the model, the coefficients of its columns.

    `u` are the distances of the working coordinates from their locations; all others are at theirs. `gradient` is that
    of the log-likelihood; off the watched and the working columns it may be that of an earlier point.
    """

    def __init__(
        self,
        likelihood: BinomialLikelihood,
        penalty: ElasticPenalty,
        start: Array,
        tolerance: float,
        largest: int,
    ) -> None:
        self.penalty, self.largest = penalty, largest
        self.columns = ScaledColumns(likelihood)
        self.events = likelihood.weights * likelihood.successes
        self.total = likelihood.weights * likelihood.trials
        self.kinked = np.flatnonzero(penalty.l1 > 0)
        self.working = (penalty.l1 == 0) | (start != penalty.loc)
        positions = np.flatnonzero(self.working)
        self.u = (start - penalty.loc)[positions]
        self.signs = np.where(penalty.l1[positions] > 0, np.sign(self.u), 0.0)
        self.factor = 0.0
        self.full = self.settled = False
        eta = likelihood.eta(start)
        self._move_to(eta, float(kernel(eta, self.events, self.total).sum()))
        self.gradient = self.columns.products(self.residual)
        self.model = QuadraticModel(self.columns, positions, self.weights, penalty.l2[positions])
        self.reach = tolerance * max(1.0, abs(self.value))

    def gamma(self) -> Array:
        """All coordinates."""
        out = np.array(self.penalty.loc, dtype=np.float64)
        out[self.model.positions] += self.u
        return out

    def advance(self, factor: float) -> int:
        """Go to the optimum at `factor`; the number of steps that were taken."""
        watched, block = self._survivors(factor)
        self.settled, taken, fresh = False, 0, False
        for _ in range(_STEPS):
            waiting = self._admit(factor, watched)
            self.model.follow(self.weights, factor * self.penalty.l2[self.model.positions])
            if self.full:
                return taken
            gain, u, signs = self._propose(factor)
            if gain > self.reach and self._take(factor, u, signs):
                self._look(watched, block)
                taken, fresh = taken + 1, False
                if taken % _STUCK == 0:
                    self._renew()
            elif not abs(gain) <= self.reach:  # the model misleads: once more with a new one
                if fresh:
                    return taken
                self._renew()
                fresh = True
            elif waiting:
                continue
            elif block is None:
                self.settled = True
                break
            else:  # at the optimum of what is watched: now all columns
                self.gradient = self.columns.products(self.residual)
                watched, block = self.kinked, None
        self._tidy(factor, taken)
        return taken

    def _survivors(self, factor: float) -> tuple[Positions, Block | None]:
        """The columns that the strong rule does not discard, and a copy of them; all, and None, where they are many."""
        bound = self.penalty.l1 * (2 * factor - self.factor if self.factor else 0.0)
        found = self.kinked[np.abs(self.gradient[self.kinked]) >= bound[self.kinked]]
        if found.size >= _WATCHED * self.gradient.size:
            return self.kinked, None
        return found, self.columns.take(found)

    def _admit(self, factor: float, watched: Positions) -> bool:
        """Watched columns that break the optimality conditions become working columns, the worst of many first.

        Returns True where some are still left out.
        """
        excess = np.abs(self.gradient[watched]) - factor * self.penalty.l1[watched]
        wanted = (excess > self._least()) & ~self.working[watched]
        new, excess = watched[wanted], excess[wanted]
        room = max(_AT_ONCE, int(np.count_nonzero(self.u)))
        left_out = bool(new.size > room)
        if left_out:
            new = np.sort(new[np.argsort(excess)[-room:]])
        if self.model.size + new.size > self.largest:
            self.full = True
        elif new.size:
            self.working[new] = True
            self.model.append(new, factor * self.penalty.l2[new])
            self.u = np.concatenate([self.u, np.zeros(new.size)])
            self.signs = np.concatenate([self.signs, np.sign(self.gradient[new])])
        return left_out

    def _propose(self, factor: float) -> tuple[float, Array, Array]:
        """The optimum of the model, and by how much the model says it is better; NaN where there is none."""
        here = self.model.positions
        strength = factor * self.penalty.l1[here]
        slope = self.gradient[here] - factor * self.penalty.l2[here] * self.u
        target = slope + self.model.apply(self.u)
        u, signs = self._best(target, strength)
        step = u - self.u
        gain = float(slope @ step - step @ self.model.apply(step) / 2)
        return gain - float(strength @ (np.abs(u) - np.abs(self.u))), u, signs

    def _best(self, target: Array, strength: Array) -> tuple[Array, Array]:
        """The optimum of the model and its signs; by coordinate descent where pivots do not settle."""
        if self.model.usable:
            best = maximise_by_pivots(self.model.inverse(), target, strength, self.signs)
            if best.exact:
                return best.u, best.signs
        u = maximise_quadratic(self.model.hessian, target, strength, self.u, 0.1 * self._least())
        return u, np.where(strength > 0, np.sign(u), 0.0)

    def _least(self) -> float:
        """A gradient that gains less than the reach, in a column of unit variance."""
        return math.sqrt(0.1 * self.reach * float(self.weights.sum()))

    def _cost(self, factor: float, u: Array) -> float:
        here = self.model.positions
        return factor * float(self.penalty.l1[here] @ np.abs(u) + self.penalty.l2[here] @ (u * u) / 2)

    def _take(self, factor: float, u: Array, signs: Array) -> bool:
        """Go to `u`, or part of the way, where the penalized log-likelihood rises; False where it does not."""
        floor = self.value - self._cost(factor, self.u)
        floor -= _NOISE * max(1.0, abs(self.value))
        step = u - self.u
        change = np.asarray(self.model.matrix @ step)
        eta, length = self.eta, 1.0
        while length > 2.0**-_HALVINGS:
            trial = u if length == 1.0 else self.u + length * step
            value = float(kernel(eta + length * change, self.events, self.total).sum())
            if value - self._cost(factor, trial) >= floor:
                break
            length /= 2
        else:
            return False
        self.u = trial
        self.signs = signs if length == 1.0 else np.where(signs != 0, np.sign(trial), 0.0)
        self._move_to(eta + length * change, value)
        return True

    def _move_to(self, eta: Array, value: float) -> None:
        p = expit(eta)
        self.eta, self.value = eta, value
        self.residual = self.events - self.total * p
        self.weights = self.total * p * expit(-eta)

    def _look(self, watched: Positions, block: Block | None) -> None:
        """The gradient after a step, of the watched and the working columns."""
        if block is None:
            self.gradient = self.columns.products(self.residual)
        else:
            self.gradient[watched] = block.T @ self.residual
            self.gradient[self.model.positions] = self.model.matrix.T @ self.residual

    def _renew(self) -> None:
        """Only columns that matter, and the Hessian at the present weights."""
        keep = np.flatnonzero((self.u != 0) | (self.penalty.l1[self.model.positions] == 0))
        self.u, self.signs = self.u[keep], self.signs[keep]
        self.model.restart(keep, self.weights)
        self.working[:] = False
        self.working[self.model.positions] = True

    def _tidy(self, factor: float, taken: int) -> None:
        self.factor = factor
        idle = int(np.count_nonzero((self.u == 0) & (self.penalty.l1[self.model.positions] > 0)))
        if taken >= _PATIENT or idle > max(_IDLE, self.model.size // 4):
            self._renew()
