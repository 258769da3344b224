"""Condition of a weighted design: singular values of W^1/2 X with its columns at unit length, W = diag(w m p (1 - p)).

Taken from X'WX in one pass, which keeps half the digits: enough until the condition number passes 1e5, and then a QR of
the rows is made instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from problogit.core.blocks import Array
from problogit.core.likelihood import BinomialLikelihood
from problogit.core.rank import triangle_of

__all__ = ["Spectrum", "spectrum"]

_HALF_THE_DIGITS = 1e-5
_NOTHING = 1e-10  # of the largest singular value: the tolerance of rank


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Columns of unit length as U diag(singular) V'.

    Attributes
    ----------
    lengths : ndarray, shape (q,)
        Of the columns of W^1/2 X before.
    singular : ndarray, shape (q,)
        Descending; 0 where columns repeat one another exactly.
    vectors : ndarray, shape (q, q)
        V.
    """

    lengths: Array
    singular: Array
    vectors: Array

    @property
    def indices(self) -> Array:
        """Condition indices: the largest singular value over each, shape (q,); infinite over 0."""
        with np.errstate(divide="ignore"):
            return np.asarray(self.singular[:1] / self.singular)

    @property
    def correlation(self) -> Array:
        """Inner products of the columns of unit length, shape (q, q)."""
        return np.asarray((self.vectors * self.singular**2) @ self.vectors.T)

    @property
    def inverse_correlation(self) -> Array:
        """Its pseudo-inverse."""
        usable = self.singular > 0
        scaled = self.vectors[:, usable] / self.singular[usable]
        return np.asarray(scaled @ scaled.T)

    @property
    def exact(self) -> Array:
        """How much of each column lies in exact dependencies, from 0 to 1, shape (q,)."""
        return np.asarray((self.vectors[:, self.singular == 0] ** 2).sum(axis=1))

    @property
    def shares(self) -> Array:
        """Proportion of each coefficient's variance that comes from each dimension; dimensions x columns."""
        nothing = self.singular == 0
        parts = self.vectors.T**2
        parts[~nothing] /= self.singular[~nothing, None] ** 2
        parts[np.ix_(~nothing, self.exact > _NOTHING)] = (
            0.0  # an infinite variance outweighs every finite one
        )
        parts[np.ix_(nothing, self.exact <= _NOTHING)] = 0.0
        return np.asarray(parts / parts.sum(axis=0))


def spectrum(likelihood: BinomialLikelihood, point: Array, intercept: int | None = None) -> Spectrum:
    """Decompose the design at `point`.

    Parameters
    ----------
    likelihood : BinomialLikelihood
        No column may be zero in all rows, nor constant beside the intercept where that is taken out.
    point : ndarray, shape (n_terms,)
    intercept : int, optional
        A column that is taken out: the others are what remains of them after regression on it.
    """
    gram = likelihood.information(point)[2]
    if intercept is not None:
        rest = np.delete(np.arange(point.size), intercept)
        cross = gram[rest, intercept]
        gram = gram[np.ix_(rest, rest)] - np.outer(cross, cross) / gram[intercept, intercept]
    lengths = np.sqrt(np.maximum(np.diag(gram), 0.0))
    squares, vectors = np.linalg.eigh(gram / np.outer(lengths, lengths))
    order = np.argsort(-squares)
    if squares.size and squares.min() > _HALF_THE_DIGITS**2 * squares.max():
        return Spectrum(lengths, np.sqrt(squares[order]), vectors[:, order])
    return _by_rows(likelihood, point, intercept)


def _by_rows(likelihood: BinomialLikelihood, point: Array, intercept: int | None) -> Spectrum:
    """The same from the rows themselves."""
    eta = likelihood.eta(point)
    root = np.sqrt(likelihood.weights * likelihood.trials * expit(eta) * expit(-eta))
    triangle = triangle_of(likelihood, root)
    if intercept is not None:
        order = np.r_[intercept, np.delete(np.arange(point.size), intercept)]
        reordered: Array = np.asarray(np.linalg.qr(triangle[:, order], mode="r"))
        triangle = reordered[1:, 1:]
    lengths = np.linalg.norm(triangle, axis=0)
    _, found, right = np.linalg.svd(triangle / lengths, full_matrices=True)
    singular = np.zeros(lengths.size)
    singular[: found.size] = np.where(found > _NOTHING * found.max(initial=0.0), found, 0.0)
    return Spectrum(lengths, singular, right.T)
