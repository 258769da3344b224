"""Ridge with more columns than rows, in as many coordinates as there are rows.

With penalties t l2_j (gamma_j - loc_j)^2 / 2 the optimum has gamma_j - loc_j = (1 / l2_j) z_j'a for some a in the space
of the rows, at every factor t. With A = Z diag(l2)^-1/2 (penalized columns) and A A' = U S^2 U' the same path is that
of the design [flat columns, U S] with a unit penalty on the last coordinates (Hastie and Tibshirani 2004,
Biostatistics 5:329).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import eigh

from problogit.core.blocks import Array
from problogit.core.likelihood import BinomialLikelihood
from problogit.core.path import ElasticPenalty
from problogit.core.path_columns import Block, Positions, ScaledColumns, dense, divided, row_products

__all__ = ["Reduction", "reduce_ridge"]

_NOTHING = 1e-13  # of the largest eigenvalue: no strength on a path is so small


@dataclass(frozen=True, eq=False)
class Reduction:
    """A ridge problem in few coordinates.

    Attributes
    ----------
    likelihood : BinomialLikelihood
        Of [flat columns, r others].
    penalty : ElasticPenalty
        0 on the flat columns, 1 on the others.
    loc : ndarray, shape (n_terms,)
        Locations of the penalized coordinates.
    flat, shrunk : ndarray of int
        Columns without and with a penalty.
    rows : ndarray or csc_array, shape (n_rows, n_shrunk)
        A.
    root : ndarray, shape (n_shrunk,)
        Square roots of the penalties at factor 1.
    mixing : ndarray, shape (n_rows, r)
        U S^-1.
    """

    likelihood: BinomialLikelihood
    penalty: ElasticPenalty
    loc: Array
    flat: Positions
    shrunk: Positions
    rows: Block
    root: Array
    mixing: Array

    @property
    def rank(self) -> int:
        """Number of penalized coordinates."""
        return int(self.mixing.shape[1])

    def start(self, gamma: Array) -> Array:
        """The flat coordinates of `gamma`; the others at 0."""
        return np.concatenate([gamma[self.flat], np.zeros(self.rank)])

    def expand(self, reduced: Array) -> Array:
        """All coordinates."""
        out = np.array(self.loc, dtype=np.float64)
        out[self.flat] = reduced[: self.flat.size]
        out[self.shrunk] += np.asarray(self.rows.T @ (self.mixing @ reduced[self.flat.size :])) / self.root
        return out


def reduce_ridge(likelihood: BinomialLikelihood, penalty: ElasticPenalty) -> Reduction:
    """Turn a ridge problem with many columns into one with at most as many as rows.

    Parameters
    ----------
    likelihood : BinomialLikelihood
        In centred and scaled coordinates.
    penalty : ElasticPenalty
        Without an L1 part.
    """
    columns = ScaledColumns(likelihood)
    flat, shrunk = np.flatnonzero(penalty.l2 == 0), np.flatnonzero(penalty.l2 > 0)
    root = np.sqrt(penalty.l2[shrunk])
    scaled = divided(columns.take(shrunk), root)
    values, vectors = eigh(row_products(scaled))
    kept = values > _NOTHING * max(float(values[-1]), 0.0)
    size, vectors = np.sqrt(values[kept]), vectors[:, kept]
    held = np.where(penalty.l2 > 0, penalty.loc, 0.0)
    design = np.ascontiguousarray(np.hstack([dense(columns.take(flat)), vectors * size]))
    unit = np.concatenate([np.zeros(flat.size), np.ones(size.size)])
    zero = np.zeros(unit.size)
    offset = likelihood.eta(held) if held.any() else likelihood.offset
    small = replace(likelihood, X=design, offset=offset, center=None, scale=None, block_rows=None)
    return Reduction(
        small, ElasticPenalty(zero, unit, zero), held, flat, shrunk, scaled, root, vectors / size
    )
