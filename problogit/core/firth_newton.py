"""The maximum of Firth's penalized likelihood, on the whole space or on a plane, by Newton's method with a line search.

Where the Hessian is cheap, every step uses it. Elsewhere the information stands for it: positive definite, so that
every step ascends, and short of the Hessian by terms of order p / n, which are learned from the gradients on the way.
Each step is halved until the penalized likelihood itself rises. (The plain iteration of the modified score has no such
check, and may cycle or run away.)

The maximum is finite wherever the columns have full rank (Kosmidis & Firth 2021, Biometrika 108:71), separated or not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import dtrtri

from problogit.core.blocks import Array
from problogit.core.firth import FirthLikelihood, FirthPoint, cholesky

__all__ = ["FirthMaximum", "Metric", "maximise_firth", "null_space"]

_HALVINGS = 40
_LARGEST_STEP = 20.0  # in columns of unit size
_LEARN_WITHIN = 1.0  # standard errors: longer steps say little about the Hessian where they end
_CLOSE = 1e-4  # standard errors, within which a search may end for rounding
_SMALLEST = (
    0.05  # curvature, in units of the information, that a direction is given where the Hessian is indefinite
)


@dataclass(frozen=True, eq=False)
class Metric:
    """A positive definite H that stands for minus the Hessian, as W with H^-1 = W W'.

    Attributes
    ----------
    root : ndarray, shape (p, p)
    definite : bool
        False where minus the Hessian was not positive definite: its eigenvalues, relative to the information, were
        then made so.
    """

    root: Array
    definite: bool

    @staticmethod
    def of(information: Array, correction: Array | None = None) -> Metric:
        """Of minus the Hessian = information + correction, or of the information alone."""
        if information.size == 0:
            return Metric(information, definite=True)  # LAPACK complains of nothing, and on standard output
        total = information if correction is None else information + correction
        factor = cholesky(total)
        if factor is not None:
            return Metric(np.asarray(dtrtri(factor, lower=1)[0].T), definite=True)
        base = cholesky(information)
        if base is None:
            unit = 1 / np.sqrt(np.maximum(information.diagonal(), np.finfo(float).tiny))
            return Metric(np.diag(unit), definite=False)
        inverse = dtrtri(base, lower=1)[0]
        values, vectors = np.linalg.eigh(inverse @ total @ inverse.T)
        return Metric((inverse.T @ vectors) / np.sqrt(np.maximum(np.abs(values), _SMALLEST)), definite=False)

    def solve(self, target: Array) -> Array:
        """H^-1 target, for a vector or for columns."""
        return np.asarray(self.root @ (self.root.T @ target))


@dataclass(frozen=True, eq=False)
class FirthMaximum:
    """Where the search ended.

    Attributes
    ----------
    point : FirthPoint
    correction : ndarray, shape (p, p)
        Minus the Hessian less the information, as far as it is known.
    decrement : float
        sqrt(g' H^-1 g): distance to the maximum in standard errors.
    iterations, evaluations : int
    converged : bool
    """

    point: FirthPoint
    correction: Array
    decrement: float
    iterations: int
    evaluations: int
    converged: bool


def null_space(C: Array) -> Array:
    """Orthonormal columns N with C' N = 0; C has shape (p, k) and full column rank."""
    return np.asarray(np.linalg.qr(C, mode="complete")[0][:, C.shape[1] :])


def maximise_firth(
    objective: FirthLikelihood,
    start: Array,
    *,
    basis: Array | None = None,
    correction: Array | None = None,
    tolerance: float = 1e-10,
    max_iterations: int = 200,
) -> FirthMaximum:
    """Maximise the penalized likelihood over all points, or over start + basis u.

    Parameters
    ----------
    objective : FirthLikelihood
    start : ndarray, shape (p,)
    basis : ndarray, shape (p, r), optional
        Orthonormal columns.
    correction : ndarray, shape (p, p), optional
        First guess of minus the Hessian less the information.
    tolerance : float
        Stop when the decrement falls below it.
    max_iterations : int
    """
    point = objective.point(np.array(start, dtype=np.float64))
    learned = np.zeros((start.size, start.size)) if correction is None else np.array(correction)
    evaluations, last, decrement, converged = 1, math.inf, math.inf, False
    iteration = 0
    for iteration in range(max_iterations + 1):
        if not math.isfinite(point.value):
            break
        if objective.cheap_curvature:
            learned = objective.penalty_curvature(point)
        step, decrement = _step(point, learned, basis)
        # A gain within the noise that does not shrink any more is rounding.
        rounding = decrement**2 < min(point.noise, _CLOSE**2) and decrement > 0.5 * last
        converged = decrement <= tolerance or rounding
        if converged or iteration == max_iterations:
            break
        last = decrement
        found, tried = _search(objective, point, step, decrement)
        evaluations += tried
        if found is None:
            break
        if decrement < _LEARN_WITHIN and not objective.cheap_curvature:
            learned = _learn(learned, point, found)
        point = found
    return FirthMaximum(point, learned, decrement, iteration, evaluations, converged)


def _step(point: FirthPoint, correction: Array, basis: Array | None) -> tuple[Array, float]:
    """H^-1 g within the basis, and sqrt(g' H^-1 g)."""
    if basis is None:
        step = Metric.of(point.information, correction).solve(point.gradient)
    else:
        inner = Metric.of(basis.T @ point.information @ basis, basis.T @ correction @ basis)
        step = basis @ inner.solve(basis.T @ point.gradient)
    return step, math.sqrt(max(float(point.gradient @ step), 0.0))


def _search(
    objective: FirthLikelihood, point: FirthPoint, step: Array, decrement: float
) -> tuple[FirthPoint | None, int]:
    """The step, halved until the penalized likelihood rises enough; None where it never does."""
    size = float(np.max(np.abs(step), initial=0.0))
    length = min(1.0, _LARGEST_STEP / size) if size > 0 else 1.0
    trial = objective.point(point.x + length * step)
    evaluations = 1
    for _ in range(_HALVINGS):
        if trial.value >= point.value + 1e-4 * length * decrement**2 - point.noise:
            return trial, evaluations
        length /= 2
        trial = objective.point(point.x + length * step)
        evaluations += 1
    return None, evaluations


def _learn(correction: Array, before: FirthPoint, after: FirthPoint) -> Array:
    """The symmetric rank-one update with which (information + correction) s is the change of the gradient over s."""
    s = after.x - before.x
    rest = before.gradient - after.gradient - (after.information + correction) @ s
    size = float(rest @ s)
    if abs(size) <= 1e-8 * float(np.linalg.norm(rest) * np.linalg.norm(s)):
        return correction
    return np.asarray(correction + np.outer(rest, rest) / size)
