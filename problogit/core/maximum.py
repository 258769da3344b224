"""The maximum of the likelihood, or the proof that there is none.

The order of the steps: rank of the columns, a start (from a sample of rows where there are many), Newton on the
centred and scaled columns, the certificate of existence, and only where that fails the linear program that finds
the separated rows; then the finite part of the estimate comes from the rows that remain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import qr

from problogit.core.blocks import Array
from problogit.core.coefficients import CoefficientDistribution, NormalCoefficients, as_dense
from problogit.core.infinite import AliasedCoefficients, SeparatedCoefficients
from problogit.core.likelihood import BinomialLikelihood
from problogit.core.newton import NewtonResult, maximise
from problogit.core.null import null_intercept
from problogit.core.rank import Aliases, find_aliases
from problogit.core.scaling import ColumnStats, Scaling
from problogit.core.separation import Separation, certificate, find_separation
from problogit.execution import one_blas_thread

__all__ = ["Maximum", "find_maximum", "inverse_information", "starting_point"]

_SAMPLE_ABOVE = 50_000
_SAMPLE_SHARE = 16
_MANY_COLUMNS = 200  # above, products of single blocks are large enough for the threads of BLAS


@dataclass(frozen=True, eq=False)
class Maximum:
    """Where the likelihood is largest.

    Attributes
    ----------
    aliases : Aliases
        Rank and repeated columns.
    beta : ndarray, shape (rank,)
        Kept coefficients in original units; meaningless in directions that run to infinity.
    inverse : ndarray, shape (rank, rank)
        Inverse information at `beta`, original units; of the identified part under separation.
    kernel : float
        Log-likelihood kernel at the maximum (its supremum under separation).
    newton : NewtonResult
        Of the fit on the kept columns (scaled problem), or on the rows that are not separated.
    separation : Separation or None
    basis : ndarray of shape (rank, r), or None
        Under separation: combinations that stay finite are (row of) L @ basis.
    certified : bool
        True where the certificate settled existence and no linear program was run.
    """

    aliases: Aliases
    beta: Array
    inverse: Array
    kernel: float
    newton: NewtonResult
    separation: Separation | None
    basis: Array | None
    certified: bool

    def distribution(self, covariance: Array) -> CoefficientDistribution:
        """The sampling distribution over all columns, from a covariance of the identified coefficients."""
        return self.over_all_columns(NormalCoefficients(self.beta, covariance))

    def over_all_columns(self, identified: CoefficientDistribution) -> CoefficientDistribution:
        """The distribution over all columns, from one of the identified coefficients (those of `beta`)."""
        inner = identified
        if self.separation is not None and self.basis is not None:
            inner = SeparatedCoefficients(identified, self.basis, self.separation)
        return AliasedCoefficients(inner, self.aliases) if self.aliases.dropped.size else inner


def inverse_information(information: Array) -> Array:
    """Inverse of a positive definite matrix after equilibration; symmetric. NaN where it is numerically singular.

    Under separation the information at the last Newton step may be singular to the last bit: that is no failure, the
    linear program then decides.
    """
    root = np.sqrt(np.maximum(np.diag(information), np.finfo(float).tiny))
    try:
        inverse = np.linalg.inv(information / np.outer(root, root)) / np.outer(root, root)
    except np.linalg.LinAlgError:
        return np.full_like(information, np.nan)
    return np.asarray((inverse + inverse.T) / 2)


def starting_point(likelihood: BinomialLikelihood, scaling: Scaling) -> Array:
    """A start in the scaled coordinates: the null intercept given the offset, refined on a sample of rows."""
    start = np.zeros(likelihood.n_terms)
    if scaling.intercept is not None:
        events = likelihood.weights * likelihood.successes
        level = null_intercept(events, likelihood.weights * likelihood.trials, likelihood.offset)
        start[scaling.intercept] = level if np.isfinite(level) else 0.0
    n = likelihood.n_rows
    if n < max(_SAMPLE_ABOVE, 40 * _SAMPLE_SHARE * likelihood.n_terms):
        return start
    sample = likelihood.take(np.arange(0, n, _SAMPLE_SHARE))
    rough = maximise(sample, start, tolerance=0.1, max_iterations=12)
    return rough.x if rough.converged and np.abs(rough.x - start).max() < 20 else start


def find_maximum(
    likelihood: BinomialLikelihood, stats: ColumnStats, intercept: int | None, terms: Sequence[str]
) -> Maximum:
    """Maximise the likelihood over all columns.

    Parameters
    ----------
    likelihood : BinomialLikelihood
        In original units, over collapsed patterns.
    stats : ColumnStats
    intercept : int or None
    terms : sequence of str
        Names of the columns.
    """
    if likelihood.n_terms > _MANY_COLUMNS:
        return _find_maximum(likelihood, stats, intercept, terms)
    with one_blas_thread():
        return _find_maximum(likelihood, stats, intercept, terms)


def _find_maximum(
    likelihood: BinomialLikelihood, stats: ColumnStats, intercept: int | None, terms: Sequence[str]
) -> Maximum:
    dense = isinstance(likelihood.X, np.ndarray)
    scaling = stats.scaling(intercept, centre=dense)
    aliases = find_aliases(likelihood.in_coordinates(scaling.center, scaling.scale), scaling)
    if aliases.dropped.size:
        likelihood, scaling = _keep(likelihood, scaling, aliases)
    scaled = likelihood.in_coordinates(scaling.center, scaling.scale)
    newton = maximise(scaled, starting_point(scaled, scaling))
    inverse = inverse_information(newton.information)
    trials = likelihood.weights * likelihood.trials
    total = float(trials.sum())
    certified = bool(np.isfinite(inverse).all()) and (
        certificate(newton.decrement, _norm_bound(stats, scaling, aliases, inverse), total)
        or certificate(newton.decrement, scaled.largest_norm(inverse), total)
    )
    if not certified:
        names = [terms[j] for j in aliases.kept]
        separation = find_separation(likelihood.X, likelihood.weights * likelihood.successes, trials, names)
        if separation.exists:
            return _finite_part(likelihood, aliases, separation)
    return Maximum(
        aliases,
        scaling.to_original(newton.x),
        scaling.covariance_to_original(inverse),
        newton.value,
        newton,
        None,
        None,
        certified,
    )


def _norm_bound(stats: ColumnStats, scaling: Scaling, aliases: Aliases, inverse: Array) -> float:
    """A bound on max_i sqrt(z_i' C z_i) from the columns' extremes alone; it saves a pass where it suffices."""
    reach = np.maximum(
        stats.maximum[aliases.kept] - scaling.center, scaling.center - stats.minimum[aliases.kept]
    )
    largest = np.maximum(reach, np.abs(reach)) / scaling.scale
    return float(np.sqrt(np.linalg.eigvalsh(inverse)[-1] * (largest @ largest)))


def _keep(
    likelihood: BinomialLikelihood, scaling: Scaling, aliases: Aliases
) -> tuple[BinomialLikelihood, Scaling]:
    place = None
    if scaling.intercept is not None:
        place = int(np.flatnonzero(aliases.kept == scaling.intercept)[0])
    kept = Scaling(scaling.center[aliases.kept], scaling.scale[aliases.kept], place)
    return likelihood.columns(aliases.kept), kept


def _finite_part(likelihood: BinomialLikelihood, aliases: Aliases, separation: Separation) -> Maximum:
    """Fit the rows that no direction separates; separated rows contribute log 1 = 0 to the supremum."""
    basis = separation.reduced_basis()
    if basis.shape[1] == 0:
        nothing = np.empty(0)
        empty = NewtonResult(nothing, 0.0, nothing, np.empty((0, 0)), 0.0, 0, 0, converged=True)
        return Maximum(aliases, nothing, np.empty((0, 0)), 0.0, empty, separation, basis, certified=False)
    rest = likelihood.take(np.flatnonzero(~separation.separated_rows))
    identified = rest.mapped(basis)
    # Orthonormalise the few columns that remain, so that Newton does not care about their units.
    orthogonal, triangle = qr(as_dense(identified.X), mode="economic")
    size = np.sqrt(orthogonal.shape[0])
    newton = maximise(
        replace(identified, X=np.ascontiguousarray(orthogonal * size)), np.zeros(basis.shape[1])
    )
    back = np.linalg.inv(triangle) * size
    inverse = back @ inverse_information(newton.information) @ back.T
    return Maximum(
        aliases,
        back @ newton.x,
        (inverse + inverse.T) / 2,
        newton.value,
        newton,
        separation,
        basis,
        certified=False,
    )
