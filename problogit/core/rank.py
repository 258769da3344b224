"""The rank of a design, and which columns repeat others.

The columns are reduced block by block to a p x p triangle (a QR of stacked QRs), so that neither n x p memory nor
the squared condition number of X'X comes in. Columns are then taken in their order, as R does: a column that lies
in the span of those kept before it is aliased.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lstsq, qr

from problogit.core.blocks import Array
from problogit.core.coefficients import as_dense
from problogit.core.likelihood import BinomialLikelihood
from problogit.core.scaling import Scaling

__all__ = ["Aliases", "find_aliases", "full_rank", "triangle_of"]

_TOLERANCE = 1e-10  # of a column's length, on centred and scaled columns; rounding alone leaves about 1e-14
_SAMPLE = 20_000
_PARTS, _EQUATIONS = 12, 12  # that a sentence names


@dataclass(frozen=True, eq=False)
class Aliases:
    """Columns that are kept, and how the others follow from them.

    Attributes
    ----------
    kept, dropped : ndarray of int
        Positions of the columns.
    relation : ndarray, shape (n_kept, n_dropped)
        X[:, dropped] = X[:, kept] @ relation.
    """

    kept: NDArray[np.int64]
    dropped: NDArray[np.int64]
    relation: Array

    @property
    def rank(self) -> int:
        """Rank of the design."""
        return int(self.kept.size)

    def outside(self, L: Array) -> NDArray[np.bool_]:
        """Rows of L, shape (k, n_terms), that break the alias relation and so have no estimable combination."""
        if self.dropped.size == 0:
            return np.zeros(L.shape[0], dtype=bool)
        expected = L[:, self.kept] @ self.relation
        size = np.abs(L[:, self.kept]) @ np.abs(self.relation) + np.abs(L[:, self.dropped])
        return np.asarray((np.abs(L[:, self.dropped] - expected) > 1e-8 * size).any(axis=1))

    def describe(self, terms: tuple[str, ...]) -> tuple[str, ...]:
        """One equation for each dropped column, e.g. ``"total = math + 2 verbal"``."""
        lines = []
        for j, column in enumerate(self.dropped):
            weights = self.relation[:, j]
            largest = np.abs(weights).max(initial=0.0)
            parts = [
                f"{terms[k]}" if abs(w - 1) < 1e-9 else f"{w:.6g} {terms[k]}"
                for k, w in zip(self.kept, weights, strict=True)
                if abs(w) > 1e-9 * max(largest, 1e-300)
            ]
            more = f" + {len(parts) - _PARTS} more terms" if len(parts) > _PARTS else ""
            lines.append(f"{terms[column]} = " + (" + ".join(parts[:_PARTS]) + more if parts else "0"))
        return tuple(lines)

    def equations(self, terms: tuple[str, ...]) -> str:
        """The first equations in one line, and how many were left out."""
        lines = replace(self, dropped=self.dropped[:_EQUATIONS]).describe(terms)
        left_out = self.dropped.size - len(lines)
        return "; ".join(lines) + (f"; and {left_out} more" if left_out else "")


def triangle_of(likelihood: BinomialLikelihood, root: Array | None = None) -> Array:
    """R of the QR factorisation of the (centred, scaled) columns, rows times `root`, built up block by block."""
    triangle = np.empty((0, likelihood.n_terms))
    for block in likelihood.blocks():
        rows = as_dense(likelihood.local(block))
        stacked = np.vstack([triangle, rows if root is None else rows * root[block, None]])
        triangle = np.asarray(np.linalg.qr(stacked, mode="r"))
    return triangle


def full_rank(triangle: Array) -> bool:
    """Whether no column of a triangle of the scaled columns repeats others."""
    if triangle.shape[0] < triangle.shape[1]:
        return False
    lengths = np.linalg.norm(triangle, axis=0)
    if np.any(lengths == 0):
        return False
    pivots = np.abs(np.diag(qr(triangle / lengths, mode="r", pivoting=True)[0]))
    return bool(pivots.min() > _TOLERANCE * pivots.max())


def find_aliases(likelihood: BinomialLikelihood, scaling: Scaling) -> Aliases:
    """Find the rank and the aliased columns of a likelihood given in the scaled coordinates.

    A sample of rows of full rank proves the full rank of all, so that large designs are not gone through twice.
    """
    p = likelihood.n_terms
    everything = np.arange(p)
    none = np.empty(0, dtype=np.int64)
    if likelihood.n_rows > 4 * _SAMPLE:
        sample = likelihood.take(np.arange(0, likelihood.n_rows, likelihood.n_rows // _SAMPLE))
        if full_rank(triangle_of(sample)):
            return Aliases(everything, none, np.empty((p, 0)))
    triangle = triangle_of(likelihood)
    if full_rank(triangle):
        return Aliases(everything, none, np.empty((p, 0)))
    kept, dropped = _in_order(triangle)
    relation = lstsq(triangle[:, kept], triangle[:, dropped])[0] if kept.size else np.empty((0, dropped.size))
    return Aliases(kept, dropped, _relation_to_original(relation, kept, dropped, scaling))


def _in_order(triangle: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    basis = np.empty((triangle.shape[0], 0))
    kept, dropped = [], []
    for j in range(triangle.shape[1]):
        column = triangle[:, j]
        rest = column - basis @ (basis.T @ column)
        rest = rest - basis @ (basis.T @ rest)  # twice is enough: Kahan
        length = np.linalg.norm(rest)
        if length > _TOLERANCE * np.linalg.norm(column) and basis.shape[1] < triangle.shape[0]:
            basis = np.column_stack([basis, rest / length])
            kept.append(j)
        else:
            dropped.append(j)
    return np.array(kept, dtype=np.int64), np.array(dropped, dtype=np.int64)


def _relation_to_original(
    relation: Array, kept: NDArray[np.int64], dropped: NDArray[np.int64], scaling: Scaling
) -> Array:
    """From Z[:, dropped] = Z[:, kept] R to the same statement about X."""
    moved = relation * scaling.scale[dropped] / scaling.scale[kept][:, None]
    if scaling.intercept is not None and scaling.centred:
        row = int(np.flatnonzero(kept == scaling.intercept)[0])
        moved[row] += scaling.center[dropped] - scaling.center[kept] @ moved
    size = np.abs(moved).max(axis=0, initial=0.0)
    moved[np.abs(moved) < 1e-9 * size] = 0.0
    near = np.round(moved)
    return np.asarray(np.where(np.abs(moved - near) < 1e-9 * np.maximum(1.0, size), near, moved))
