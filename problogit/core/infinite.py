"""Coefficient distributions of a maximum-likelihood fit that is not an ordinary point.

`SeparatedCoefficients` keeps the cone of separating directions beside the finite part of the estimate: a
combination l'beta is +Inf, -Inf, undetermined (NaN) or an ordinary normal, according to the sign of l'd over the
cone. `MaskedCoefficients` marks combinations that the data do not identify; `AliasedCoefficients` is the case of
columns that repeat others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from problogit.core.blocks import Array, Matrix
from problogit.core.coefficients import (
    CoefficientDistribution,
    Interval,
    Marginals,
    Transform,
    _same,
    as_dense,
    check_kind,
)
from problogit.core.rank import Aliases
from problogit.core.separation import Separation
from problogit.errors import NotAvailableError

__all__ = ["AliasedCoefficients", "MaskedCoefficients", "SeparatedCoefficients"]

_NO_DRAWS = (
    "This maximum-likelihood estimate has infinite coefficients, so it has no sampling distribution to draw from. "
    "Fit the same model by Penalized(Jeffreys()), or with a proper prior: Penalized(Normal(2.5, autoscale=True)) or "
    "Bayes()."
)


@dataclass(frozen=True, eq=False)
class FilledMarginals(Marginals):
    """Ordinary marginals where `finite`, else a stated value (+-Inf or NaN) without sd or bounds."""

    inner: Marginals
    finite: NDArray[np.bool_]
    values: Array
    kinds: tuple[str, ...]

    def _spread(self, inner: Array, elsewhere: Array) -> Array:
        out = np.array(elsewhere, dtype=np.float64)
        out[self.finite] = inner
        return out

    @property
    def location(self) -> Array:
        """Finite estimates, +-Inf, or NaN where undetermined."""
        return self._spread(self.inner.location, self.values)

    @property
    def sd(self) -> Array:
        """NaN where the estimate is not finite: a Wald standard error would be meaningless."""
        return self._spread(self.inner.sd, np.full(self.values.shape, np.nan))

    def point(self, transform: Transform = _same, statistic: str = "mean") -> Array:
        """transform(location)."""
        return transform(self.location)

    def interval(self, prob: float, kind: str | None = None, transform: Transform = _same) -> Interval:
        """Wald bounds where the estimate is finite, NaN elsewhere (profile likelihood gives those one-sided)."""
        chosen = check_kind(kind, self.kinds)

        def within(values: Array) -> Array:
            # A transform may depend on the row (an offset), so it must see all rows.
            every = np.full((*values.shape[:-1], self.finite.size), np.nan)
            every[..., self.finite] = values
            return np.asarray(transform(every)[..., self.finite])

        inside = self.inner.interval(prob, chosen, within)
        nothing = np.full(self.values.shape, np.nan)
        return Interval(self._spread(inside.lower, nothing), self._spread(inside.upper, nothing), chosen)


def _spread_cov(cov: Array, finite: NDArray[np.bool_]) -> Array:
    out = np.full((finite.size, finite.size), np.nan)
    out[np.ix_(finite, finite)] = cov
    return out


@dataclass(frozen=True, eq=False)
class MaskedCoefficients(CoefficientDistribution):
    """Coefficients of which some are infinite or not identified.

    Parameters
    ----------
    inner : CoefficientDistribution
        Joint distribution of the finite ones.
    finite : ndarray of bool, shape (p,)
    values : ndarray, shape (p,)
        What the others are reported as: +Inf, -Inf or NaN.
    """

    inner: CoefficientDistribution
    finite: NDArray[np.bool_]
    values: Array

    @property
    def location(self) -> Array:
        """Estimates."""
        return self.marginals().location

    @property
    def cov(self) -> Array:
        """NaN in rows and columns that are not finite."""
        return _spread_cov(self.inner.cov, self.finite)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Those of the finite part."""
        return self.inner.kinds

    def linear(self, L: Array) -> MaskedCoefficients:
        """Combinations that touch a coefficient which is not finite are NaN."""
        usable = np.asarray(~(np.abs(L[:, ~self.finite]) > 0).any(axis=1))
        return MaskedCoefficients(
            self.inner.linear(L[usable][:, self.finite]), usable, np.full(L.shape[0], np.nan)
        )

    def marginals(self, L: Matrix | None = None) -> FilledMarginals:
        """Ordinary where finite."""
        if L is not None:
            return self.linear(as_dense(L)).marginals()
        return FilledMarginals(self.inner.marginals(), self.finite, self.values, self.kinds)

    def draws(self, n: int | None, rng: np.random.Generator) -> Array:
        """Refused where something is infinite; columns that are not identified are drawn as NaN."""
        if np.isinf(self.values[~self.finite]).any():
            raise NotAvailableError(_NO_DRAWS)
        inner = self.inner.draws(n, rng)
        out = np.full((inner.shape[0], self.finite.size), np.nan)
        out[:, self.finite] = inner
        return out


@dataclass(frozen=True, eq=False)
class SeparatedCoefficients(CoefficientDistribution):
    """Maximum-likelihood estimate under separation, over p columns of full rank.

    Parameters
    ----------
    identified : NormalCoefficients
        Distribution of u, where beta = basis @ u on the combinations that stay finite.
    basis : ndarray, shape (p, r)
    separation : Separation
        The cone of separating directions.
    """

    identified: CoefficientDistribution
    basis: Array
    separation: Separation

    @property
    def location(self) -> Array:
        """Finite estimates, +-Inf, or NaN where the sign is undetermined."""
        return self.marginals().location

    @property
    def cov(self) -> Array:
        """NaN in rows and columns of coefficients that are not finite."""
        joint = self.linear(np.eye(self.basis.shape[0]))
        return joint.cov

    @property
    def kinds(self) -> tuple[str, ...]:
        """Those of the finite part."""
        return self.identified.kinds

    def linear(self, L: Array) -> MaskedCoefficients:
        """Joint distribution of L beta."""
        verdict = self.separation.classify(L)
        finite = np.asarray(verdict == "finite")
        values = np.where(verdict == "+Inf", np.inf, np.where(verdict == "-Inf", -np.inf, np.nan))
        return MaskedCoefficients(self.identified.linear(L[finite] @ self.basis), finite, values)

    def marginals(self, L: Matrix | None = None) -> FilledMarginals:
        """Rows of L beta, without their joint covariance."""
        rows = np.eye(self.basis.shape[0]) if L is None else as_dense(L)
        verdict = self.separation.classify(rows)
        finite = np.asarray(verdict == "finite")
        values = np.where(verdict == "+Inf", np.inf, np.where(verdict == "-Inf", -np.inf, np.nan))
        return FilledMarginals(
            self.identified.marginals(rows[finite] @ self.basis), finite, values, self.kinds
        )

    def draws(self, n: int | None, rng: np.random.Generator) -> Array:
        """Refused with the remedy."""
        raise NotAvailableError(_NO_DRAWS)


@dataclass(frozen=True, eq=False)
class AliasedCoefficients(CoefficientDistribution):
    """Coefficients of a design with repeated columns: the repeats are NaN, and combinations that need them too.

    Parameters
    ----------
    inner : CoefficientDistribution
        Distribution over the kept columns.
    aliases : Aliases
    """

    inner: CoefficientDistribution
    aliases: Aliases

    @property
    def _finite(self) -> NDArray[np.bool_]:
        mask = np.zeros(self.aliases.kept.size + self.aliases.dropped.size, dtype=bool)
        mask[self.aliases.kept] = True
        return mask

    @property
    def location(self) -> Array:
        """NaN for aliased columns."""
        return self.marginals().location

    @property
    def cov(self) -> Array:
        """NaN for aliased columns."""
        return _spread_cov(self.inner.cov, self._finite)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Those of the kept columns."""
        return self.inner.kinds

    def linear(self, L: Array) -> MaskedCoefficients:
        """Combinations outside the alias relation are NaN."""
        usable = ~self.aliases.outside(L)
        inner = self.inner.linear(L[usable][:, self.aliases.kept])
        return MaskedCoefficients(inner, usable, np.full(L.shape[0], np.nan))

    def marginals(self, L: Matrix | None = None) -> FilledMarginals:
        """Rows of L beta."""
        if L is None:
            finite = self._finite
            return FilledMarginals(self.inner.marginals(), finite, np.full(finite.size, np.nan), self.kinds)
        rows = as_dense(L)
        usable = ~self.aliases.outside(rows)
        inner = self.inner.marginals(rows[usable][:, self.aliases.kept])
        return FilledMarginals(inner, usable, np.full(rows.shape[0], np.nan), self.kinds)

    def draws(self, n: int | None, rng: np.random.Generator) -> Array:
        """Draws of the kept columns, NaN in the aliased ones."""
        inner = self.inner.draws(n, rng)
        finite = self._finite
        out = np.full((inner.shape[0], finite.size), np.nan)
        out[:, finite] = inner
        return out
