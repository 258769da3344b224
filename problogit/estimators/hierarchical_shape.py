"""Where the scales of a hierarchical prior lie, about, and how the coefficients follow them.

Everything here is approximate and decides the sampler's speed only. At typical scales the log-likelihood is a parabola
about the mode; with it the evidence of the scales is a sum over directions (one shared scale) or coefficients (local
scales), looked at on grids; the scales move to their means and the mode is found again, a few times. Where one scale is
shared the mode is then found at each of several values of it, for separated data have no parabola that would do at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.linalg import LinAlgError, block_diag, cho_factor, cho_solve

from problogit.core.blocks import Array
from problogit.core.likelihood import BinomialLikelihood
from problogit.core.priors.hierarchy import ResolvedHierarchy, ScaledBlock
from problogit.core.priors.mixture import grid_moments
from problogit.core.scaling import Scaling
from problogit.errors import EstimationError
from problogit.estimators.hierarchical_average import Average, average_from
from problogit.estimators.hierarchical_passage import ParabolaPassage, Passage, TracedPassage
from problogit.estimators.hierarchical_view import View, other_columns, view_at, without_others
from problogit.estimators.whitened import NO_CURVATURE
from problogit.problem import Problem

__all__ = ["Found", "Shape", "find_shape"]

_ROUNDS = 10
_STILL = 0.05  # change of the logarithms of the scales at which they have settled
_THETA = np.linspace(-12.0, 6.0, 721)
_TRACED = np.array(
    [[-4.6], [4.0]]
)  # theta between which a shared scale is traced: 0.01 to 4 times the prior's own
_VALUES, _FEWEST = 11, 3


@dataclass(frozen=True, eq=False)
class Shape:
    """gamma = center + root (v, r), with v of each block from its passage.

    Attributes
    ----------
    center : ndarray, shape (p,)
        gamma at v = 0, r = 0.
    root : ndarray, shape (p, p)
        Columns: the k directions of v, then the others.
    passages : tuple of Passage
        One for each block.
    theta, theta_width : ndarray, shape (m,)
        Centres and widths of the hyperparameters.
    """

    center: Array
    root: Array
    passages: tuple[Passage, ...]
    theta: Array
    theta_width: Array


@dataclass(frozen=True, eq=False)
class Found:
    """A shape, the likelihood in gamma, and the way from there to original units."""

    shape: Shape
    likelihood: BinomialLikelihood
    scaling: Scaling


@dataclass(frozen=True, eq=False)
class _BlockShape:
    """One block by its parabola: directions of its v, (k, k), what the data say of them, and scales to go on with."""

    directions: Array
    passage: ParabolaPassage
    scales: Array
    theta: Array
    theta_width: Array


def find_shape(problem: Problem, prior: ResolvedHierarchy) -> Found:
    """Alternate between the mode at given scales and the scales; then ask the data once more, at loose scales.

    At typical scales coefficients that a horseshoe may let go are near zero, where the likelihood is more curved, and
    less entangled, than where it lets them go.
    """
    logs = prior.log_scales(prior.centre)
    for _ in range(_ROUNDS):
        settled = _block_shapes(view_at(problem, prior, logs))
        last, logs = logs, _next_logs(problem, prior, settled)
        if np.all(np.abs(logs - last) < _STILL):
            break
    traces = {
        position: trace
        for position, block in enumerate(prior.blocks)
        if block.mixture.shared and (trace := _trace(problem, prior, logs, position)) is not None
    }
    theta = [
        _where(prior.blocks[i], traces[i]) if i in traces else (shape.theta, shape.theta_width)
        for i, shape in enumerate(settled)
    ]
    loose = [
        block.mixture.log_scales(block.mixture.loosened(*where))
        for block, where in zip(prior.blocks, theta, strict=True)
    ]
    view = view_at(problem, prior, np.concatenate(loose))
    shapes = _block_shapes(view)
    passages = tuple(
        _traced(view, traces[i], i, shape) if i in traces else shape.passage for i, shape in enumerate(shapes)
    )
    return Found(_assemble(view, shapes, passages, theta), view.likelihood, view.scaling)


def _next_logs(problem: Problem, prior: ResolvedHierarchy, shapes: list[_BlockShape]) -> Array:
    """Logarithms of the scales to go on with, original units."""
    to_gamma = np.log(problem.scaling.scale[prior.columns])
    return np.asarray(np.log(np.concatenate([shape.scales for shape in shapes])) - to_gamma)


@dataclass(frozen=True, eq=False)
class _Trace:
    """The posterior about several values of one shared scale, the other scales held.

    Attributes
    ----------
    logs : ndarray, shape (m,)
        Logarithms of the scale, evenly spaced.
    averages : list of Average
    """

    logs: Array
    averages: list[Average]


def _log_shared(block: ScaledBlock, theta: Array) -> Array:
    """log s of a shared scale, (m, 1) -> (m,)."""
    return np.asarray(block.mixture.log_scales(theta)[:, 0] - np.log(block.mixture.factor[0]))


def _trace(problem: Problem, prior: ResolvedHierarchy, logs: Array, position: int) -> _Trace | None:
    """None where the approximations settle at fewer scales than a spline takes: the parabola has to do."""
    block, own = prior.blocks[position], _places(prior)[position]
    low, high = _log_shared(block, _TRACED)
    values = np.linspace(float(low), float(high), _VALUES)
    averages: list[Average] = []
    for value in values:
        moved = logs.copy()
        moved[own] = np.log(block.mixture.factor) + value
        found = average_from(view_at(problem, prior, moved), averages[-1] if averages else None)
        if found is None:
            break
        averages.append(found)
    return _Trace(values[: len(averages)], averages) if len(averages) >= _FEWEST else None


def _where(block: ScaledBlock, trace: _Trace) -> tuple[Array, Array]:
    """Centre and width of theta by the approximate evidence, a spline between the values."""
    found = CubicSpline(trace.logs, [average.log_evidence for average in trace.averages], bc_type="natural")
    inside = np.clip(_log_shared(block, _THETA[:, None]), trace.logs[0], trace.logs[-1])
    mean, width = grid_moments(_THETA, found(inside) + block.mixture.log_density(_THETA[:, None]))
    return np.atleast_1d(mean), np.atleast_1d(width)


def _traced(view: View, trace: _Trace, position: int, shape: _BlockShape) -> TracedPassage:
    """Means and precisions of the trace in the directions that are used."""
    prior, own = view.prior, _places(view.prior)[position]
    block, inverse = prior.blocks[position], np.linalg.inv(shape.directions)
    bend = prior.fixed.stand_in().hessian(view.mode)
    means, precisions = [], []
    for average, log in zip(trace.averages, trace.logs, strict=True):
        means.append(inverse @ (average.mean[block.index] - block.loc))
        S = without_others(prior, average.information + bend)[0][own, own]
        along = np.einsum("ij,ik,kj->j", shape.directions, S, shape.directions)
        precisions.append(np.maximum(along, 0.0) + np.exp(-2.0 * log))
    return TracedPassage.through(shape.passage.log_unit, trace.logs, np.array(means), np.array(precisions))


def _places(prior: ResolvedHierarchy) -> list[slice]:
    """Where the coefficients of each block stand among those with random scales."""
    ends = np.cumsum([0, *(block.index.size for block in prior.blocks)])
    return [slice(int(start), int(stop)) for start, stop in pairwise(ends)]


def _block_shapes(view: View) -> list[_BlockShape]:
    """Each block by itself, the others at the mode, from its scales as they are."""
    prior, here, out = view.prior, view.parabola, []
    for block, theta, own in zip(prior.blocks, prior.split(prior.centre), _places(prior), strict=True):
        S = here.curvature[own, own]
        linear = here.linear[own] - here.curvature[own] @ here.at + S @ here.at[own]
        if block.mixture.shared:
            out.append(_shared(block, theta, S, linear))
        else:
            out.append(_local(block, theta, S, linear, view.logs[own]))
    return out


def _shared(block: ScaledBlock, theta: Array, S: Array, linear: Array) -> _BlockShape:
    """One scale: the directions in which likelihood and prior are both diagonal."""
    unit = block.mixture.factor * np.asarray(block.unit.stand_in().spread)
    data, turn = np.linalg.eigh(S * np.outer(unit, unit))
    data = np.maximum(data, 0.0)
    directions = unit[:, None] * turn
    pull = linear @ directions
    mean, width, scales = block.mixture.approximate(theta, data, pull)
    scales = block.mixture.factor * scales
    passage = ParabolaPassage(data, pull, np.log(block.mixture.factor))
    return _BlockShape(directions, passage, scales, mean, width)


def _local(block: ScaledBlock, theta: Array, S: Array, linear: Array, logs: Array) -> _BlockShape:
    """A scale for each coefficient: what the data say of each, the others spread out as under their priors.

    The marginal precision less that of the prior, and the centre that goes with it.
    """
    prior, k = np.exp(-2.0 * logs), logs.size
    try:
        covariance = np.asarray(cho_solve(cho_factor(S + np.diag(prior)), np.eye(k)))
    except LinAlgError as error:
        raise EstimationError(NO_CURVATURE) from error
    variance = np.diag(covariance)
    data = np.maximum(1.0 / variance - prior, 0.0)
    pull = (covariance @ linear) / variance
    mean, width, scales = block.mixture.approximate(theta, data, pull)
    return _BlockShape(np.eye(k), ParabolaPassage(data, pull, np.zeros(k)), scales, mean, width)


def _assemble(
    view: View, shapes: list[_BlockShape], passages: tuple[Passage, ...], theta: list[tuple[Array, Array]]
) -> Shape:
    prior, here = view.prior, view.parabola
    columns, others = prior.columns, other_columns(prior)
    p, k = view.mode.size, columns.size
    directions = block_diag(*(shape.directions for shape in shapes))
    center = view.mode.copy()
    center[columns] = np.concatenate([block.loc for block in prior.blocks])
    center[others] -= here.follow @ here.at
    root = np.zeros((p, p))
    root[np.ix_(columns, np.arange(k))] = directions
    root[np.ix_(others, np.arange(k))] = here.follow @ directions
    root[np.ix_(others, np.arange(k, p))] = here.rest_root
    middle, width = zip(*theta, strict=True)
    return Shape(center, root, passages, np.concatenate(middle), np.concatenate(width))
