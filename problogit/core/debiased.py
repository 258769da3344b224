"""A penalized estimate whose intervals are centred elsewhere: on the estimate freed of its shrinkage.

With score s = Z'(w (y - m p)) and an approximate inverse T of the information at the estimate b, b + T s takes the bias
of the penalty away to first order, and is approximately normal with covariance T H T' (Zhang and Zhang 2014, JRSS B
76:217; van de Geer, Buhlmann, Ritov and Dezeure 2014, Ann. Statist. 42:1166; Javanmard and Montanari 2014, JMLR
15:2869). Where rows are many, T is the inverse itself: one Newton step without the penalty (Xia, Nan and Li 2021,
arXiv 2004.06874). The estimate stays what is reported and predicted with.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from problogit.core.blocks import Array, Matrix
from problogit.core.coefficients import (
    CoefficientDistribution,
    Interval,
    Marginals,
    NormalCoefficients,
    Transform,
    _same,
)
from problogit.errors import NotAvailableError

__all__ = ["DebiasedCoefficients", "DebiasedMarginals"]

_FEW = (
    10  # coefficients of a combination whose remaining bias is that of single ones, times the root of as many
)


@dataclass(frozen=True, eq=False)
class DebiasedMarginals(Marginals):
    """Estimates of k combinations with normal distributions about other centres."""

    estimate: Array
    centred: Marginals
    covered: NDArray[np.bool_]

    @property
    def location(self) -> Array:
        """The penalized estimates."""
        return self.estimate

    @property
    def sd(self) -> Array:
        """Standard errors of the debiased estimates; NaN where there are none."""
        return np.where(self.covered, self.centred.sd, np.nan)

    def point(self, transform: Transform = _same, statistic: str = "mean") -> Array:
        """transform(penalized estimate)."""
        return transform(self.estimate)

    def interval(self, prob: float, kind: str | None = None, transform: Transform = _same) -> Interval:
        """transform(debiased estimate -+ z sd); NaN where there is none."""
        found = self.centred.interval(prob, kind, transform)
        lower, upper = (np.where(self.covered, end, np.nan) for end in (found.lower, found.upper))
        return Interval(lower, upper, found.kind)


@dataclass(frozen=True, eq=False)
class DebiasedCoefficients(CoefficientDistribution):
    """A penalized estimate and the distribution of its debiased counterpart.

    Parameters
    ----------
    estimate : ndarray, shape (p,)
        Penalized.
    centre : ndarray, shape (p,)
        Debiased; NaN for coefficients that have no interval.
    covariance : ndarray, shape (p, p)
        Of `centre`; rows and columns without meaning where that is NaN.
    sparse_only : bool
        Only single coefficients and combinations of few of them have intervals: what is left of the bias adds up over
        a combination of many.
    """

    estimate: Array
    centre: Array
    covariance: Array
    sparse_only: bool = False

    @property
    def location(self) -> Array:
        """The penalized estimate."""
        return self.estimate

    @property
    def cov(self) -> Array:
        """Covariance of the debiased estimate; NaN where there is none."""
        known = np.isfinite(self.centre)
        return np.where(np.outer(known, known), self.covariance, np.nan)

    @property
    def kinds(self) -> tuple[str, ...]:
        """``debiased``."""
        return ("debiased",)

    @property
    def _normal(self) -> NormalCoefficients:
        known = np.isfinite(self.centre)
        return NormalCoefficients(
            np.where(known, self.centre, 0.0),
            np.where(np.outer(known, known), self.covariance, 0.0),
            self.kinds,
        )

    def linear(self, L: Array) -> DebiasedCoefficients:
        """Both mapped."""
        normal = self._normal.linear(L)
        centre = np.where(self._covered(L), normal.mean, np.nan)
        return DebiasedCoefficients(L @ self.estimate, centre, normal.covariance, self.sparse_only)

    def marginals(self, L: Matrix | None = None) -> DebiasedMarginals:
        """Without forming L C L'."""
        if L is None:
            return DebiasedMarginals(self.estimate, self._normal.marginals(), np.isfinite(self.centre))
        return DebiasedMarginals(np.asarray(L @ self.estimate), self._normal.marginals(L), self._covered(L))

    def _covered(self, L: Matrix) -> NDArray[np.bool_]:
        unknown = ~np.isfinite(self.centre)
        if not self.sparse_only and not unknown.any():
            return np.ones(L.shape[0], dtype=np.bool_)
        used = sp.csr_array(L, copy=True)
        used.eliminate_zeros()
        used.data[:] = 1.0
        known = np.asarray(used @ unknown.astype(np.float64)) == 0
        few = np.diff(used.indptr) <= _FEW
        return np.asarray(known & few if self.sparse_only else known)

    def draws(self, n: int | None, rng: np.random.Generator) -> Array:
        """Normal draws about the debiased estimate.

        Raises
        ------
        NotAvailableError
            Only combinations of few coefficients have a distribution.
        """
        if self.sparse_only or not np.isfinite(self.centre).all():
            raise NotAvailableError(
                "With about as many columns as rows the debiased estimate has a distribution coefficient by "
                "coefficient, and no joint one over all of them to draw from. Read `summary()` and `contrast()` of a "
                "few coefficients, use inference='bootstrap', or Bayes with the same prior."
            )
        return self._normal.draws(n, rng)
