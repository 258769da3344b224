"""Firth's penalized likelihood at many points in one pass over the rows: for draws that are weighed."""

from __future__ import annotations

import numpy as np

from problogit.core.blocks import Array
from problogit.core.coefficients import as_dense
from problogit.core.firth import FirthLikelihood
from problogit.execution import Sums

__all__ = ["penalized_values"]

_VALUES = 20_000_000  # numbers of the information matrices that are made at once


def penalized_values(objective: FirthLikelihood, points: Array) -> Array:
    """Kernel plus half the log-determinant of the information, (n_points, p) -> (n_points,).

    -inf where the information is numerically singular. The information of every point is one product: its working
    weights times the products of pairs of columns.
    """
    p = objective.n_terms
    pairs = p * (p + 1) // 2
    step = max(1, _VALUES // (pairs + p * p))
    parts = [_values(objective, points[k : k + step]) for k in range(0, len(points), step)]
    return np.concatenate(parts) if parts else np.empty(0)


def _values(objective: FirthLikelihood, points: Array) -> Array:
    like, p = objective.likelihood, objective.n_terms
    first, second = np.tril_indices(p)

    def block_sum(block: slice) -> Sums:
        Z = as_dense(like.local(block))
        eta = Z @ points.T
        total = like.weights[block] * like.trials[block]
        eta += like.offset[block, None]
        tail = np.exp(-np.abs(eta))
        variance = tail / (1.0 + tail) ** 2
        return ((variance * total[:, None]).T @ (Z[:, first] * Z[:, second]),)

    (lower,) = like.executor.total(block_sum, like.blocks(values_per_row=len(points) + first.size))
    information = np.empty((len(points), p, p))
    information[:, first, second] = lower
    information[:, second, first] = lower
    unit = np.sqrt(np.einsum("kii->ki", information))
    with np.errstate(divide="ignore", invalid="ignore"):
        sign, log_det = np.linalg.slogdet(information / unit[:, :, None] / unit[:, None, :])
        log_det = log_det + 2.0 * np.log(unit).sum(axis=1)
    singular = ~(np.isfinite(log_det) & (sign > 0))
    return like.batch(points) + np.where(singular, -np.inf, 0.5 * log_det)
