"""The Bell-McCaffrey (CR2) adjusted score of one cluster, without an n_g x n_g matrix.

With V (n_g x k), e and T = diag(t) as in `problogit.estimators.cluster`, u = V' B^(-1/2) T e, B = T^2 - (TV)(TV)'. B is
diagonal minus k columns, so that (B + s I)^(-1) costs O(n_g k^2) by Woodbury's identity, and B^(-1/2) is a sum of some
dozen of those (`inverse_root_nodes`). Nothing of size n_g x n_g is made, and rows whose variances differ by many orders
of magnitude keep their digits, which an eigendecomposition of B would not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from problogit.core.blocks import Array
from problogit.core.inverse_root import inverse_root_nodes

__all__ = ["ALONE", "Cluster", "adjusted_score"]

ALONE = 1e-9  # one minus the leverage below which a cluster alone identifies a direction
_APART = 1e-10  # ratio of variances at which rows no longer take part in one another's adjustment
_VALUES = 4_000_000


@dataclass(frozen=True, eq=False)
class Cluster:
    """The rows of a cluster.

    Attributes
    ----------
    whitened : ndarray, shape (n_g, k)
        Rows of the design times a root of the inverse information.
    residual, working, variance : ndarray, shape (n_g,)
        w (s - m p), w m p (1 - p), and t = p (1 - p) / (m w) of one unit.
    """

    whitened: Array
    residual: Array
    working: Array
    variance: Array


def adjusted_score(cluster: Cluster) -> Array:
    """The adjusted score, shape (k,).

    Where the cluster alone identifies some direction, B is singular and its Moore-Penrose root is taken: in that
    direction the score is zero anyway.
    """
    V = cluster.whitened * np.sqrt(cluster.working)[:, None]
    near = cluster.variance > _APART * cluster.variance.max(initial=0.0)
    if near.sum() <= 1 or not near.all():
        # Rows of vanishing variance, and single rows: each has its own 1 / sqrt(1 - h).
        single = ~near if near.sum() > 1 else np.ones_like(near)
        free = 1 - np.einsum("ia,ia->i", V[single], V[single])
        shared = free > ALONE
        share = np.where(shared, cluster.residual[single] / np.sqrt(np.where(shared, free, 1.0)), 0.0)
        plain = np.asarray(share @ cluster.whitened[single])
        if single.all():
            return plain
        return plain + _coupled(
            V[near], cluster.residual[near], cluster.working[near], cluster.variance[near]
        )
    return _coupled(V, cluster.residual, cluster.working, cluster.variance)


def _coupled(V: Array, residual: Array, working: Array, variance: Array) -> Array:
    t = variance / variance.max()
    leverage, directions = np.linalg.eigh(V.T @ V)
    alone = leverage >= 1 - ALONE
    target = t * residual / np.sqrt(working)
    columns, signs = t[:, None] * V, np.ones(V.shape[1])
    lowest = float(t.min() ** 2) * float(1 - leverage[~alone].max(initial=0.0))
    if alone.any():
        # The null space of B; raised to 1 it is out of the way of the bounds, and the target is freed of it.
        null = np.linalg.qr((V @ directions[:, alone]) / t[:, None])[0]
        target = target - null @ (null.T @ target)
        columns, signs = np.hstack([columns, null]), np.r_[signs, -np.ones(null.shape[1])]
        lowest *= float(t.min() ** 2)
    return _root_product(V, t**2, columns, signs, target, lowest)


def _root_product(V: Array, diagonal: Array, F: Array, signs: Array, x: Array, lowest: float) -> Array:
    """V' (D - F S F')^(-1/2) x for D and S diagonal, with eigenvalues between `lowest` and 1."""
    shifts, weights = inverse_root_nodes(lowest, 1.0)
    n, k, q = V.shape[0], V.shape[1], F.shape[1]
    direct, right = np.zeros((shifts.size, k)), np.zeros((shifts.size, q))
    left, inner = np.zeros((shifts.size, k * q)), np.zeros((shifts.size, q * q))
    step = max(1, _VALUES // (q * q + shifts.size))
    for start in range(0, n, step):
        rows = slice(start, start + step)
        v, f, size = V[rows], F[rows], min(step, n - start)
        inverse = 1 / (diagonal[rows] + shifts[:, None])
        weighted = inverse * x[rows]
        direct += weighted @ v
        right += weighted @ f
        left += inverse @ (v[:, :, None] * f[:, None, :]).reshape(size, -1)
        inner += inverse @ (f[:, :, None] * f[:, None, :]).reshape(size, -1)
    core = np.diag(signs) - inner.reshape(-1, q, q)
    corrected = np.einsum(
        "jab,jb->ja", left.reshape(-1, k, q), np.linalg.solve(core, right[..., None])[..., 0]
    )
    return np.asarray(weights @ (direct + corrected))
