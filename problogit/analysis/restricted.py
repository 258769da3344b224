"""A model beside a smaller one that lies within it: what likelihood-ratio, Wald and score tests are made of.

With X C the columns of the smaller model, C in the coordinates of the larger one, the hypothesis is R beta = 0 where
R C = 0:

- likelihood ratio: 2 (max f - max f over beta = C u), suprema under separation;
- Wald: (R b)' (R V R')^-1 (R b), V the covariance of the larger fit;
- score: g' I^-1 g with gradient and information of the larger model at the smaller estimate (Rao); where the fit's
  covariance is robust, g' I^-1 R' (R I^-1 M I^-1 R')^-1 R I^-1 g with M the sum of outer products of row or cluster
  scores there (Boos 1992, The American Statistician 46:327).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import null_space

from problogit.core.infinite import AliasedCoefficients
from problogit.core.likelihood import BinomialLikelihood, kernel
from problogit.core.maximum import Maximum, find_maximum
from problogit.core.newton import newton_step
from problogit.core.rank import Aliases
from problogit.core.scaling import Scaling
from problogit.data.rows import Array
from problogit.errors import NotAvailableError
from problogit.estimate import Estimate
from problogit.problem import Problem

__all__ = ["Restricted", "quadratic_form"]

Columns = NDArray[np.int64]

_INFINITE = (
    "A Wald test has no meaning where a coefficient is infinite (separated data). Use kind='lr', which does."
)


def quadratic_form(values: Array, covariance: Array) -> tuple[float, int]:
    """v' C^+ v and the rank of C, decided after equilibration."""
    scale = np.sqrt(np.diag(covariance))
    if not np.all(scale > 0):
        kept = np.flatnonzero(scale > 0)
        return quadratic_form(values[kept], covariance[np.ix_(kept, kept)]) if kept.size else (0.0, 0)
    roots, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    keep = roots > 1e-10 * roots.max(initial=0.0)
    projected = vectors[:, keep].T @ (values / scale)
    return float(np.sum(projected**2 / roots[keep])), int(keep.sum())


@dataclass(frozen=True, eq=False)
class Restricted:
    """A fit, and a smaller model of the same rows within it.

    Attributes
    ----------
    estimate : Estimate
        The larger fit.
    hypothesis : ndarray, shape (df, rank)
        R, over the kept columns of the larger fit and in original units.
    left : ndarray of int
        Columns of the larger fit that the smaller model has; unused where `nested` is given.
    nested : tuple of Maximum and ndarray, optional
        The smaller model's maximum, and its kept columns C as combinations of the larger one's, shape (rank, r).
    """

    estimate: Estimate
    hypothesis: Array
    left: Columns
    nested: tuple[Maximum, Array] | None = None

    @classmethod
    def without(cls, estimate: Estimate, columns: Columns) -> Restricted:
        """The model without `columns`."""
        problem, aliases = estimate.problem, _aliases(estimate)
        left = np.setdiff1d(np.arange(problem.n_terms), columns)
        if aliases.dropped.size == 0:
            return cls(estimate, np.eye(problem.n_terms)[columns], left)
        return cls(estimate, _complement(_scaling(estimate), _in_kept(aliases, left)), left)

    @classmethod
    def within(cls, estimate: Estimate, maximum: Maximum, span: Array) -> Restricted:
        """The model whose kept columns are the combinations `span` of the kept columns of `estimate`."""
        rows = _complement(_scaling(estimate), span)
        return cls(estimate, rows, np.empty(0, np.int64), (maximum, span))

    @cached_property
    def _small(self) -> tuple[Maximum | None, Array]:
        """The smaller model's maximum (None without a column), and its kept columns in terms of the larger one's."""
        if self.nested is not None:
            return self.nested
        problem, left = self.problem, self.left
        if left.size == 0:
            return None, np.empty((self.hypothesis.shape[1], 0))
        place = np.flatnonzero(left == problem.intercept)
        found = find_maximum(
            problem.likelihood.columns(left),
            problem.column_stats.columns(left),
            int(place[0]) if place.size else None,
            tuple(problem.terms[j] for j in left),
        )
        return found, _in_kept(_aliases(self.estimate), left[found.aliases.kept])

    @property
    def problem(self) -> Problem:
        """Of the larger fit."""
        return self.estimate.problem

    @property
    def df(self) -> int:
        """Difference of the ranks."""
        return int(self.hypothesis.shape[0])

    def likelihood_ratio(self) -> float:
        """Twice the difference of the log-likelihoods (suprema under separation), or of what the method maximises."""
        own = self.estimate.method.likelihood_inference(self.estimate).ratio(self.hypothesis)
        return 2 * (self.problem.maximum.kernel - self._kernel()) if own is None else own

    def _kernel(self) -> float:
        maximum = self._small[0]
        if maximum is not None:
            return maximum.kernel
        like = self.problem.likelihood
        return float(like.weights @ kernel(like.offset, like.successes, like.trials))

    def wald(self) -> tuple[float, int]:
        """Statistic and degrees of freedom: the rank of the covariance of R beta."""
        aliases = _aliases(self.estimate)
        L = np.zeros((self.df, self.problem.n_terms))
        L[:, aliases.kept] = self.hypothesis
        L[:, aliases.dropped] = L[:, aliases.kept] @ aliases.relation
        joint = self.estimate.coefficients.linear(L)
        if not np.isfinite(joint.location).all():
            raise NotAvailableError(_INFINITE)
        if not np.isfinite(joint.cov).all():
            raise NotAvailableError(
                "The fit has no covariance of these coefficients (bootstrap resamples in which they are infinite or "
                "unknown), so there is no Wald test of them. Use kind='lr'."
            )
        return quadratic_form(joint.location, joint.cov)

    def score(self) -> tuple[float, int]:
        """Statistic and degrees of freedom; robust where the fit's covariance is."""
        gamma, scaled = self._null_point()
        _, gradient, information = scaled.information(gamma)
        every = self.problem.row_likelihood.columns(_aliases(self.estimate).kept)
        by_row = every.in_coordinates(scaled.center, scaled.scale)
        meat = self.estimate.method.score_meat(self.problem, by_row, gamma)
        if meat is None:
            return newton_step(information, gradient)[1] ** 2, self.df
        root = np.sqrt(np.diag(information))
        rows = self.hypothesis @ _scaling(self.estimate).matrix()
        half = np.linalg.solve(information / np.outer(root, root), rows.T / root[:, None]) / root[:, None]
        return quadratic_form(half.T @ gradient, half.T @ meat @ half)

    def _null_point(self) -> tuple[Array, BinomialLikelihood]:
        """The smaller estimate in scaled columns of the larger model, and the likelihood over those."""
        kept, scaling = _aliases(self.estimate).kept, _scaling(self.estimate)
        maximum, span = self._small
        beta = np.zeros(kept.size)
        if maximum is not None:
            if maximum.separation is not None:
                raise NotAvailableError(
                    "Without the term the data are separated, so a score test has nowhere to stand. Use kind='lr'."
                )
            beta = span @ maximum.beta
        like = self.problem.likelihood.columns(kept)
        return scaling.to_scaled(beta), like.in_coordinates(scaling.center, scaling.scale)


def _aliases(estimate: Estimate) -> Aliases:
    """From the coefficients, which a fit has also without its data."""
    if isinstance(estimate.coefficients, AliasedCoefficients):
        return estimate.coefficients.aliases
    p = len(estimate.terms)
    return Aliases(np.arange(p, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty((p, 0)))


def _scaling(estimate: Estimate) -> Scaling:
    return estimate.problem.scaling.columns(_aliases(estimate).kept)


def _in_kept(aliases: Aliases, columns: Columns) -> Array:
    """Columns of a design as combinations of those that are kept, shape (rank, k)."""
    out = np.zeros((aliases.rank, columns.size))
    for k, column in enumerate(columns):
        place = np.flatnonzero(aliases.kept == column)
        if place.size:
            out[place[0], k] = 1.0
        else:
            out[:, k] = aliases.relation[:, int(np.flatnonzero(aliases.dropped == column)[0])]
    return out


def _complement(scaling: Scaling, span: Array) -> Array:
    """R with R C = 0, orthonormal in the scaled columns and free of rounding noise, original units."""
    if span.shape[1] == 0:
        return np.eye(span.shape[0])
    spanned = scaling.to_scaled(span.T).T
    lengths = np.linalg.norm(spanned, axis=0)
    rows = null_space((spanned / np.where(lengths > 0, lengths, 1.0)).T, rcond=1e-9).T
    rows[np.abs(rows) < 1e-12] = 0.0
    return np.asarray(rows @ scaling.to_scaled(np.eye(rows.shape[1])).T)
