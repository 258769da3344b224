"""The maximum of Firth's penalized likelihood from a design as it comes: rank, coordinates, starts, and the way back.

Small designs are solved in orthonormal columns, in which the information is well conditioned whatever the units and
the correlations of the columns; large and sparse ones in scaled columns, block by block. The penalty changes by a
constant with the coordinates, so that the estimate does not.

A row of high leverage can give the penalized likelihood two maxima: one that follows the row and one that buries it.
Where there is such a row the search starts once more, near maximum likelihood, and the higher maximum is taken.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import qr

from problogit.core.blocks import Array
from problogit.core.coefficients import as_dense
from problogit.core.firth import FirthLikelihood
from problogit.core.firth_newton import FirthMaximum, maximise_firth
from problogit.core.firth_profile import FirthProfile
from problogit.core.likelihood import BinomialLikelihood
from problogit.core.maximum import inverse_information
from problogit.core.newton import maximise
from problogit.core.null import null_intercept
from problogit.core.rank import Aliases, find_aliases, full_rank
from problogit.core.scaling import Scaling
from problogit.execution import one_blas_thread

__all__ = ["FirthFit", "find_firth"]

_ORTHONORMAL_UP_TO = 4_000_000  # values of the design, of which a copy is made
_MANY_COLUMNS = 200  # above, products are large enough for the threads of BLAS
_LEVERAGE = 0.25  # of one trial, above which a second maximum is looked for
_APART = 1e-4  # in log-likelihood


@dataclass(frozen=True, eq=False)
class FirthFit:
    """The maximum, and the coordinates that it was found in.

    Attributes
    ----------
    aliases : Aliases
        Rank and repeated columns; everything below is about the kept ones.
    objective : FirthLikelihood
        The penalized likelihood as a function of x.
    matrix : ndarray, shape (rank, rank)
        beta = matrix x, in original units.
    maximum : FirthMaximum
    modes : tuple of float
        Penalized log-likelihoods of the distinct maxima that were found, the highest first.
    """

    aliases: Aliases
    objective: FirthLikelihood
    matrix: Array
    maximum: FirthMaximum
    modes: tuple[float, ...]

    @property
    def beta(self) -> Array:
        """Estimates of the kept columns, original units, shape (rank,)."""
        return np.asarray(self.matrix @ self.maximum.point.x)

    @property
    def log_penalty(self) -> float:
        """0.5 log det I at the maximum, I in the original units."""
        inside = self.maximum.point.value - self.maximum.point.kernel
        return inside - float(np.linalg.slogdet(self.matrix)[1])

    def covariance(self, correction: Array | None = None) -> Array:
        """Inverse information, or inverse of information + correction, original units."""
        point = self.maximum.point
        total = point.information if correction is None else point.information + correction
        covariance = self.matrix @ inverse_information(total) @ self.matrix.T
        return np.asarray((covariance + covariance.T) / 2)

    def calm(self) -> AbstractContextManager[None]:
        """BLAS on one thread where there are few columns."""
        return nullcontext() if self.matrix.shape[0] > _MANY_COLUMNS else one_blas_thread()

    @property
    def profile(self) -> FirthProfile:
        """Profiles about the maximum, in the coordinates x."""
        return FirthProfile(self.objective, self.maximum)

    def rows(self, L: Array) -> Array:
        """C with C x = L beta, for L over the kept columns."""
        return np.asarray(L @ self.matrix)


def find_firth(likelihood: BinomialLikelihood, scaling: Scaling, near: Array | None = None) -> FirthFit:
    """Maximise the penalized likelihood over the columns that are not aliased.

    Parameters
    ----------
    likelihood : BinomialLikelihood
        In original units, over all columns.
    scaling : Scaling
        Centres and scales of the columns.
    near : ndarray, shape (n_terms,), optional
        The maximum, where it is known already (NaN for aliased columns).
    """
    with nullcontext() if likelihood.n_terms > _MANY_COLUMNS else one_blas_thread():
        scaled = likelihood.in_coordinates(scaling.center, scaling.scale)
        orthonormal = _orthonormal(scaled)
        aliases = _no_aliases(likelihood.n_terms)
        if orthonormal is None or not full_rank(orthonormal[1]):
            aliases = find_aliases(scaled, scaling)
        kept, scaling = likelihood.columns(aliases.kept), _kept(scaling, aliases)
        if aliases.dropped.size:
            scaled = kept.in_coordinates(scaling.center, scaling.scale)
            orthonormal = _orthonormal(scaled)
        objective, matrix = _coordinates(scaled, scaling, orthonormal)
        if near is not None:
            found = maximise_firth(objective, _solve(matrix, near[aliases.kept]))
            return FirthFit(aliases, objective, matrix, found, (found.point.value,))
        first = maximise_firth(objective, _solve(matrix, _null_point(kept, scaling)))
        found, modes = _highest(objective, first)
        return FirthFit(aliases, objective, matrix, found, modes)


def _no_aliases(n_terms: int) -> Aliases:
    return Aliases(np.arange(n_terms), np.empty(0, dtype=np.int64), np.empty((n_terms, 0)))


def _solve(matrix: Array, beta: Array) -> Array:
    """The x with matrix x = beta; rows of the matrix are in the units of the coefficients."""
    unit = np.abs(matrix).max(axis=1)
    return np.asarray(np.linalg.solve(matrix / unit[:, None], beta / unit), dtype=np.float64)


def _kept(scaling: Scaling, aliases: Aliases) -> Scaling:
    if aliases.dropped.size == 0:
        return scaling
    place = None
    if scaling.intercept is not None:
        place = int(np.flatnonzero(aliases.kept == scaling.intercept)[0])
    return Scaling(scaling.center[aliases.kept], scaling.scale[aliases.kept], place)


def _orthonormal(scaled: BinomialLikelihood) -> tuple[Array, Array] | None:
    """Q and R of the columns, where a dense copy of them is small."""
    if scaled.n_rows * scaled.n_terms > _ORTHONORMAL_UP_TO:
        return None
    columns = np.vstack([as_dense(scaled.local(block)) for block in scaled.blocks()])
    orthogonal, triangle = qr(columns, mode="economic", overwrite_a=True)
    return np.asarray(orthogonal, dtype=np.float64), np.asarray(triangle, dtype=np.float64)


def _coordinates(
    scaled: BinomialLikelihood, scaling: Scaling, orthonormal: tuple[Array, Array] | None
) -> tuple[FirthLikelihood, Array]:
    """The penalized likelihood as a function of x, and the matrix with beta = matrix x."""
    if orthonormal is None:
        return FirthLikelihood(scaled), scaling.matrix()
    size = np.sqrt(scaled.n_rows)
    columns = np.ascontiguousarray(orthonormal[0] * size)
    inner = replace(scaled, X=columns, center=None, scale=None, block_rows=None)
    return FirthLikelihood(inner), np.asarray(scaling.matrix() @ np.linalg.inv(orthonormal[1]) * size)


def _null_point(likelihood: BinomialLikelihood, scaling: Scaling) -> Array:
    """No effects, and the intercept of one event among two added trials, which is finite whatever the response."""
    start = np.zeros(likelihood.n_terms)
    if scaling.intercept is not None:
        trials = likelihood.weights * likelihood.trials
        share = trials / trials.sum()
        events = likelihood.weights * likelihood.successes
        start[scaling.intercept] = null_intercept(events + 0.5 * share, trials + share, likelihood.offset)
    return start


def _highest(objective: FirthLikelihood, first: FirthMaximum) -> tuple[FirthMaximum, tuple[float, ...]]:
    """The higher of two maxima, from no effects and from near maximum likelihood, and the values where they differ."""
    if first.point.leverage <= _LEVERAGE:
        return first, (first.point.value,)
    # A few steps, because maximum likelihood may be infinite.
    near = maximise(objective.likelihood, np.zeros(objective.n_terms), tolerance=0.05, max_iterations=6).x
    second = maximise_firth(objective, near)
    ahead = second.point.value - first.point.value
    if not second.converged or abs(ahead) <= _APART:
        return first, (first.point.value,)
    if not first.converged:
        return second, (second.point.value,)
    ordered = (second, first) if ahead > 0 else (first, second)
    return ordered[0], tuple(one.point.value for one in ordered)
