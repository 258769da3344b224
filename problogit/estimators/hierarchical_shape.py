"""Where the scales of a hierarchical prior lie, about, and what the data say of each coefficient there.

Everything here is approximate and decides the sampler's speed only. At typical scales the log-likelihood is a parabola
about the mode; with it the evidence of the scales is a sum over directions (one shared scale) or coefficients (local
scales), looked at on grids; the scales move to their means and the mode is found again, a few times.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import LinAlgError, block_diag, cho_factor, cho_solve

from problogit.core.blocks import Array
from problogit.core.likelihood import BinomialLikelihood
from problogit.core.priors.columns import Indices
from problogit.core.priors.hierarchy import ResolvedHierarchy, ScaledBlock
from problogit.core.scaling import Scaling
from problogit.errors import EstimationError
from problogit.estimators.whitened import NO_CURVATURE, find_mode, inverse_root
from problogit.problem import Problem

__all__ = ["Found", "Shape", "find_shape"]

_ROUNDS = 10
_STILL = 0.05  # change of the logarithms of the scales at which they have settled


@dataclass(frozen=True, eq=False)
class Shape:
    """gamma = center + root (v, r); v = (pull + sqrt(data + d) z) / (data + d), d = exp(2 log_unit) / sigma^2.

    Attributes
    ----------
    center : ndarray, shape (p,)
        gamma at v = 0, r = 0.
    root : ndarray, shape (p, p)
        Columns: the k directions of v, then the others.
    data, pull : ndarray, shape (k,)
        a and q of the module `hierarchical`.
    log_unit : ndarray, shape (k,)
        Log of sigma over the prior standard deviation of v.
    theta, theta_width : ndarray, shape (m,)
        Centres and widths of the hyperparameters.
    """

    center: Array
    root: Array
    data: Array
    pull: Array
    log_unit: Array
    theta: Array
    theta_width: Array


@dataclass(frozen=True, eq=False)
class Found:
    """A shape, the likelihood in gamma, and the way from there to original units."""

    shape: Shape
    likelihood: BinomialLikelihood
    scaling: Scaling


@dataclass(frozen=True, eq=False)
class _Parabola:
    """Log-likelihood and fixed priors as a function of x = gamma_h - loc, the others at their best: q'x - x'Sx/2.

    Attributes
    ----------
    curvature : ndarray, shape (k, k)
    linear : ndarray, shape (k,)
    at : ndarray, shape (k,)
        The mode.
    follow : ndarray, shape (p - k, k)
        How the other coefficients move with delta.
    rest_root : ndarray, shape (p - k, p - k)
        Root of their covariance given delta.
    """

    curvature: Array
    linear: Array
    at: Array
    follow: Array
    rest_root: Array


@dataclass(frozen=True, eq=False)
class _BlockShape:
    """The part of a `Shape` that belongs to one block: directions of its v, (k, k), and scales to go on with, (k,)."""

    directions: Array
    scales: Array
    data: Array
    pull: Array
    log_unit: Array
    theta: Array
    theta_width: Array


def find_shape(problem: Problem, prior: ResolvedHierarchy) -> Found:
    """Alternate between the mode at given scales and the scales; then ask the data once more, at loose scales.

    At typical scales coefficients that a horseshoe may let go are near zero, where the likelihood is more curved, and
    less entangled, than where it lets them go.
    """
    view = _view(problem, prior, prior.log_scales(prior.centre))
    for _ in range(_ROUNDS):
        last = view
        view = _view(problem, prior, last.next_scales)
        if np.all(np.abs(view.next_scales - last.next_scales) < _STILL):
            break
    settled = view.shapes
    loose = [
        block.mixture.log_scales(block.mixture.loosened(shape.theta, shape.theta_width))
        for block, shape in zip(prior.blocks, settled, strict=True)
    ]
    view = _view(problem, prior, np.concatenate(loose))
    shapes = [
        replace(new, theta=old.theta, theta_width=old.theta_width)
        for new, old in zip(view.shapes, settled, strict=True)
    ]
    return Found(_assemble(view, shapes), view.likelihood, view.scaling)


@dataclass(frozen=True, eq=False)
class _View:
    """What is seen from the mode at given scales.

    Attributes
    ----------
    next_scales : ndarray, shape (k,)
        Logarithms of the scales to go on with, original units.
    """

    prior: ResolvedHierarchy
    likelihood: BinomialLikelihood
    scaling: Scaling
    mode: Array
    parabola: _Parabola
    shapes: list[_BlockShape]
    next_scales: Array


def _view(problem: Problem, prior: ResolvedHierarchy, logs: Array) -> _View:
    scaled, best = find_mode(problem, prior.given(logs).stand_in())
    scaling, likelihood = scaled.scaling, scaled.objective.likelihood
    moved = prior.scaled(scaling)
    here = _parabola(likelihood, moved, best.gamma)
    to_gamma = np.log(scaling.scale[prior.columns])
    shapes = _blocks(moved, here, logs + to_gamma)
    next_scales = np.log(np.concatenate([shape.scales for shape in shapes])) - to_gamma
    return _View(moved, likelihood, scaling, best.gamma, here, shapes, next_scales)


def _parabola(likelihood: BinomialLikelihood, prior: ResolvedHierarchy, gamma: Array) -> _Parabola:
    columns, others = prior.columns, _others(prior)
    tame = prior.fixed.stand_in()
    _, gradient, information = likelihood.information(gamma)
    bend = information + tame.hessian(gamma)
    slope = (gradient + tame.gradient(gamma))[columns]
    S = bend[np.ix_(columns, columns)]
    cross = bend[np.ix_(others, columns)]
    if others.size:
        rest_root = inverse_root(bend[np.ix_(others, others)])
        follow = -rest_root @ (rest_root.T @ cross)
        S = S + cross.T @ follow
    else:
        rest_root, follow = np.empty((0, 0)), np.empty((0, columns.size))
    at = gamma[columns] - np.concatenate([block.loc for block in prior.blocks])
    return _Parabola(S, slope + S @ at, at, follow, rest_root)


def _blocks(prior: ResolvedHierarchy, here: _Parabola, logs: Array) -> list[_BlockShape]:
    """Each block by itself, the others at the mode, from its scales as they are."""
    out, start = [], 0
    for block, theta in zip(prior.blocks, prior.split(prior.centre), strict=True):
        own = slice(start, start + block.index.size)
        S = here.curvature[own, own]
        linear = here.linear[own] - here.curvature[own] @ here.at + S @ here.at[own]
        shared = block.mixture.shared
        out.append(_shared(block, theta, S, linear) if shared else _local(block, theta, S, linear, logs[own]))
        start = own.stop
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
    return _BlockShape(directions, scales, data, pull, np.log(block.mixture.factor), mean, width)


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
    return _BlockShape(np.eye(k), scales, data, pull, np.zeros(k), mean, width)


def _assemble(view: _View, shapes: list[_BlockShape]) -> Shape:
    prior, here = view.prior, view.parabola
    columns, others = prior.columns, _others(prior)
    p, k = view.mode.size, columns.size
    directions = block_diag(*(shape.directions for shape in shapes))
    center = view.mode.copy()
    center[columns] = np.concatenate([block.loc for block in prior.blocks])
    center[others] -= here.follow @ here.at
    root = np.zeros((p, p))
    root[np.ix_(columns, np.arange(k))] = directions
    root[np.ix_(others, np.arange(k))] = here.follow @ directions
    root[np.ix_(others, np.arange(k, p))] = here.rest_root
    return Shape(
        center,
        root,
        np.concatenate([shape.data for shape in shapes]),
        np.concatenate([shape.pull for shape in shapes]),
        np.concatenate([shape.log_unit for shape in shapes]),
        np.concatenate([shape.theta for shape in shapes]),
        np.concatenate([shape.theta_width for shape in shapes]),
    )


def _others(prior: ResolvedHierarchy) -> Indices:
    """The columns with fixed priors."""
    return np.setdiff1d(np.arange(len(prior.terms)), prior.columns)
