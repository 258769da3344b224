"""The recession cone of a separated likelihood, and what it says about linear combinations of the coefficients."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from problogit.core.blocks import Array, Matrix
from problogit.core.scaling import Scaling
from problogit.core.separation_lp import cleaned_product, dense, divide_rows, row_scale
from problogit.core.separation_polar import PolarTest

__all__ = ["FINITE", "KINDS", "MINUS_INF", "PLUS_INF", "UNDETERMINED", "RecessionCone", "distinct_rows"]

Codes = NDArray[np.int8]

FINITE, PLUS_INF, UNDETERMINED, MINUS_INF = 0, 1, 2, -1
KINDS = np.array(["finite", "+Inf", "undetermined", "-Inf"])
"""The name of each code: ``KINDS[code]``."""

_BLOCK_VALUES = 4_000_000


@dataclass(frozen=True, eq=False)
class RecessionCone:
    """Directions d along which the likelihood never falls: {d = A N z : B z >= 0}.

    N spans the null space of the rows that no direction separates, B holds one row for each separated row (duplicates
    dropped), both in the columns of `scaling`; A is its way back to the original columns. The cone is {0} when
    q = 0, that is when the data are not separated.

    Attributes
    ----------
    scaling : Scaling
    basis : ndarray, shape (n_terms, q)
        N.
    rows : ndarray or csr_array, shape (r, q)
        B, every row divided by a power of two.
    interior : ndarray, shape (q,)
        A point with B z > 0 in every row.
    """

    scaling: Scaling
    basis: Array
    rows: Matrix
    interior: Array

    @property
    def dimension(self) -> int:
        """q: dimension of the cone."""
        return int(self.basis.shape[1])

    @property
    def direction(self) -> Array:
        """The interior point in original units, shape (n_terms,)."""
        return self.scaling.to_original(self.basis @ self.interior)

    @property
    def span(self) -> Array:
        """A N: columns that span the cone in original units, shape (n_terms, q)."""
        return self.scaling.to_original(self.basis.T).T

    def coordinates(self, L: Matrix) -> Array:
        """The rows of L as functions of z: N'A'l, with rounding noise set to zero; shape (k, q)."""
        k, p = int(L.shape[0]), int(L.shape[1])
        if not self.dimension:
            return np.zeros((k, 0))
        step = max(1, _BLOCK_VALUES // max(1, p))
        return np.concatenate(
            [cleaned_product(self._working(L[i : i + step]), self.basis)[0] for i in range(0, k, step)]
            or [np.zeros((0, self.dimension))]
        )

    def _working(self, L: Matrix) -> Matrix:
        """L A: the rows in the scaled columns; centres are subtracted before anything can cancel."""
        if sp.issparse(L) and not self.scaling.centred:
            return sp.csr_array(L @ sp.diags_array(1.0 / self.scaling.scale))
        rows = dense(L)
        if self.scaling.intercept is not None and self.scaling.centred:
            rows = rows - np.outer(rows[:, self.scaling.intercept], self.scaling.center)
        return np.asarray(rows / self.scaling.scale)

    def classify(self, L: Matrix) -> Codes:
        """Where l'd can go over the cone, for each row l of L.

        Parameters
        ----------
        L : ndarray or csr_array, shape (k, n_terms)
            Rows in original units.

        Returns
        -------
        ndarray of int8, shape (k,)
            ``FINITE`` where l'd = 0 on the whole cone, ``PLUS_INF`` where l'd >= 0 and not always 0, ``MINUS_INF``
            where l'd <= 0 and not always 0, ``UNDETERMINED`` where both signs occur.
        """
        functions = self.coordinates(L)
        codes = np.full(functions.shape[0], FINITE, dtype=np.int8)
        known = np.isfinite(functions).all(axis=1)
        codes[~known] = UNDETERMINED
        live = np.flatnonzero(known & functions.any(axis=1))
        if live.size:
            scaled = np.asarray(divide_rows(functions[live], row_scale(functions[live])))
            unique, inverse = np.unique(scaled, axis=0, return_inverse=True)
            codes[live] = self._signs(unique)[inverse.ravel()]
        return codes

    def _signs(self, functions: Array) -> Codes:
        """Codes of functions that do not vanish on the cone's span."""
        value, _ = cleaned_product(functions, self.interior[:, None])
        codes = np.sign(value[:, 0]).astype(np.int8)
        # A function that is 0 inside the cone but not identically takes both signs around that point.
        codes[codes == 0] = UNDETERMINED
        if self.dimension == 1 and self.rows.shape[0]:
            return codes
        turned = functions * codes[:, None]
        open_ = np.flatnonzero((codes != UNDETERMINED) & ~self._is_row(turned))
        codes[open_[self._polar.negative_somewhere(turned[open_])]] = UNDETERMINED
        return codes

    def _is_row(self, functions: Array) -> NDArray[np.bool_]:
        """True where a function is a positive multiple of a row of B."""
        keys = self._keys
        return np.array([key in keys for key in _row_keys(functions)], dtype=bool)

    @cached_property
    def _polar(self) -> PolarTest:
        return PolarTest(self.rows, self.interior)

    @cached_property
    def _keys(self) -> frozenset[bytes]:
        return frozenset(_row_keys(self.rows))


def _row_keys(rows: Matrix) -> list[bytes]:
    """For each row a key that positive multiples of it share, to ten digits; empty for zero rows."""
    csr = sp.csr_array(rows)
    csr.sort_indices()
    owner = np.repeat(np.arange(csr.shape[0]), np.diff(csr.indptr))
    top = np.zeros(csr.shape[0])
    np.maximum.at(top, owner, np.abs(csr.data))
    ratio = np.round(csr.data / np.where(top > 0, top, 1.0)[owner], 10)
    used = ratio != 0
    ends = np.r_[0, np.cumsum(np.bincount(owner[used], minlength=csr.shape[0]))]
    values, places = ratio[used], csr.indices[used].astype(np.int64)
    return [places[i:j].tobytes() + values[i:j].tobytes() for i, j in pairwise(ends)]


def distinct_rows(rows: Matrix) -> Matrix:
    """The rows without those that are positive multiples of an earlier one, or zero."""
    first: dict[bytes, int] = {}
    for i, key in enumerate(_row_keys(rows)):
        if key:
            first.setdefault(key, i)
    return rows[np.array(list(first.values()), dtype=np.intp)]
