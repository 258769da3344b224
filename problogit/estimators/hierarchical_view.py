"""The posterior at given scales of its hierarchical prior: its mode, and the likelihood as a parabola about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from problogit.core.blocks import Array
from problogit.core.likelihood import BinomialLikelihood
from problogit.core.priors.columns import Indices
from problogit.core.priors.hierarchy import ResolvedHierarchy
from problogit.core.priors.resolved import ResolvedPrior
from problogit.core.scaling import Scaling
from problogit.estimators.whitened import find_mode, inverse_root
from problogit.problem import Problem

__all__ = ["Parabola", "View", "other_columns", "view_at", "without_others"]


@dataclass(frozen=True, eq=False)
class Parabola:
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
class View:
    """What is seen from the mode at given scales.

    Attributes
    ----------
    prior : ResolvedHierarchy
        In gamma.
    likelihood : BinomialLikelihood
        In gamma.
    scaling : Scaling
    logs : ndarray, shape (k,)
        Logarithms of the scales, in gamma.
    mode : ndarray, shape (p,)
    parabola : Parabola
    """

    prior: ResolvedHierarchy
    likelihood: BinomialLikelihood
    scaling: Scaling
    logs: Array
    mode: Array
    parabola: Parabola

    @property
    def tame(self) -> ResolvedPrior:
        """The Gaussian stand-in of the prior at these scales."""
        return self.prior.given(self.logs).stand_in()


def view_at(problem: Problem, prior: ResolvedHierarchy, logs: Array) -> View:
    """Find the mode at scales given by their logarithms (k,), in original units."""
    scaled, best = find_mode(problem, prior.given(logs).stand_in())
    scaling, likelihood = scaled.scaling, scaled.objective.likelihood
    moved = prior.scaled(scaling)
    here = _parabola(likelihood, moved, best.gamma)
    return View(moved, likelihood, scaling, logs + np.log(scaling.scale[prior.columns]), best.gamma, here)


def other_columns(prior: ResolvedHierarchy) -> Indices:
    """The columns with fixed priors."""
    return np.setdiff1d(np.arange(len(prior.terms)), prior.columns)


def _parabola(likelihood: BinomialLikelihood, prior: ResolvedHierarchy, gamma: Array) -> Parabola:
    columns = prior.columns
    tame = prior.fixed.stand_in()
    _, gradient, information = likelihood.information(gamma)
    slope = (gradient + tame.gradient(gamma))[columns]
    S, follow, rest_root = without_others(prior, information + tame.hessian(gamma))
    at = gamma[columns] - np.concatenate([block.loc for block in prior.blocks])
    return Parabola(S, slope + S @ at, at, follow, rest_root)


def without_others(prior: ResolvedHierarchy, bend: Array) -> tuple[Array, Array, Array]:
    """Curvature of the columns with random scales, the others at their best; `follow` and `rest_root` of a parabola."""
    columns, others = prior.columns, other_columns(prior)
    S = bend[np.ix_(columns, columns)]
    cross = bend[np.ix_(others, columns)]
    if others.size:
        rest_root = inverse_root(bend[np.ix_(others, others)])
        follow = -rest_root @ (rest_root.T @ cross)
        S = S + cross.T @ follow
    else:
        rest_root, follow = np.empty((0, 0)), np.empty((0, columns.size))
    return S, follow, rest_root
