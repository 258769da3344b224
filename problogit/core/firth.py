"""Firth's penalized likelihood: the log-likelihood plus half the log-determinant of the information.

f(beta) = sum_i kernel_i(beta) + 0.5 log det I(beta), I = X'WX over all columns, W = diag(w m p (1 - p)): the prior of
Jeffreys as a penalty (Firth 1993, Biometrika 80:27; Heinze & Schemper 2002, Statist. Med. 21:2409). Its gradient is the
score with the residual r_i = w_i (s_i - m_i p_i) + h_i (1/2 - p_i), with h_i the leverage of row i, element i of the
diagonal of W^1/2 X I^-1 X' W^1/2. All of it are sums over rows, so that collapsed covariate patterns give the same
function. Leverages are squared lengths of the rows of W^1/2 X L^-T, I = L L'; no n x n matrix is made.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr
from scipy.linalg.lapack import dpotrf, dtrtri

from problogit.core.blocks import Array, Matrix, weighted_gram
from problogit.core.coefficients import as_dense
from problogit.core.likelihood import BinomialLikelihood
from problogit.execution import Sums

__all__ = ["FirthLikelihood", "FirthPoint", "cholesky"]

_CHEAP = 2e6  # operations (n p^3) of a Hessian that cost no more than the calls that make them
_AFFORDABLE = 4e9
_SINGULAR = 1e-5  # of a column's squared length in the metric of the information
_MOST_COLUMNS = 120  # a Hessian holds p x p (p + 1) / 2 numbers on the way


@dataclass(frozen=True, eq=False)
class FirthPoint:
    """The penalized likelihood at one point.

    Attributes
    ----------
    x : ndarray, shape (p,)
    value : float
        Kernel plus half the log-determinant; -inf where the information is numerically singular.
    kernel : float
        Log-likelihood kernel.
    gradient : ndarray, shape (p,)
    information : ndarray, shape (p, p)
        X'WX.
    leverage : float
        The largest leverage of one trial.
    noise : float
        What rounding may do to the value: more where the information is nearly singular.
    """

    x: Array
    value: float
    kernel: float
    gradient: Array
    information: Array
    leverage: float
    noise: float


@dataclass(frozen=True, eq=False)
class FirthLikelihood:
    """The penalized likelihood as a function of the coefficients of the likelihood's own columns.

    Parameters
    ----------
    likelihood : BinomialLikelihood
        Of full column rank.
    """

    likelihood: BinomialLikelihood

    @property
    def n_terms(self) -> int:
        """Number of columns p."""
        return self.likelihood.n_terms

    @cached_property
    def cheap_curvature(self) -> bool:
        """Whether `penalty_curvature` may be asked for at every point."""
        return self.likelihood.n_rows * float(self.n_terms) ** 3 <= _CHEAP

    @cached_property
    def affordable_curvature(self) -> bool:
        """Whether `penalty_curvature` may be asked for once."""
        return (
            self.n_terms <= _MOST_COLUMNS and self.likelihood.n_rows * float(self.n_terms) ** 3 <= _AFFORDABLE
        )

    @cached_property
    def _events(self) -> Array:
        return self.likelihood.weights * self.likelihood.successes

    @cached_property
    def _total(self) -> Array:
        return self.likelihood.weights * self.likelihood.trials

    @cached_property
    def _pairs(self) -> tuple[NDArray[np.intp], NDArray[np.intp], Array]:
        """Positions in the lower triangle of a symmetric matrix, and the root of how often each stands in it."""
        first, second = np.tril_indices(self.n_terms)
        return first, second, np.where(first == second, 1.0, math.sqrt(2.0))

    @cached_property
    def _blocks(self) -> list[slice]:
        like = self.likelihood
        # A sparse block becomes dense where its leverages are computed.
        return like.blocks() if isinstance(like.X, np.ndarray) else like.blocks(values_per_row=like.n_terms)

    def _weighted(self, block: slice, working: Array) -> Matrix:
        """Rows of W^1/2 X."""
        Z, root = self.likelihood.local(block), np.sqrt(working[block])[:, None]
        return Z * root if isinstance(Z, np.ndarray) else Z.multiply(root).tocsr()

    def _likelihood_parts(self, beta: Array) -> tuple[float, Array, Array, _Rows]:
        """Kernel, score, information; and what the second pass needs of the rows."""
        like, p, working = self.likelihood, np.empty(self.likelihood.n_rows), np.empty(self.likelihood.n_rows)
        kept: list[Array] = []

        def block_sum(block: slice) -> Sums:
            Z = like.local(block)
            eta = Z @ beta
            eta += like.offset[block]
            events, total = self._events[block], self._total[block]
            tail = np.exp(-np.abs(eta))
            near = 1.0 / (1.0 + tail)
            far = tail * near
            inside = np.where(eta >= 0, near, far)
            p[block], working[block] = inside, total * near * far
            value = events * np.minimum(eta, 0.0) - (total - events) * np.maximum(eta, 0.0)
            value -= total * np.log1p(tail)
            if isinstance(Z, np.ndarray) and len(self._blocks) == 1:
                kept.append(np.asarray(self._weighted(block, working)))
                gram = kept[0].T @ kept[0]
            else:
                gram = weighted_gram(Z, working[block])
            return np.atleast_1d(value.sum()), np.asarray(Z.T @ (events - total * inside)), gram

        value, score, information = like.executor.total(block_sum, self._blocks)
        return float(value[0]), score, information, _Rows(p, working, kept[0] if kept else None)

    def value(self, beta: Array) -> float:
        """The penalized likelihood alone: without the leverages, half the work of `point`."""
        kernel, _, information, rows = self._likelihood_parts(beta)
        root = _root(information, rows.weighted)
        return -math.inf if root is None else kernel + _half_log_det(root)

    def point(self, beta: Array) -> FirthPoint:
        """Value, gradient and information."""
        like = self.likelihood
        kernel, score, information, rows = self._likelihood_parts(beta)
        root = _root(information, rows.weighted)
        if root is None:
            return FirthPoint(beta, -math.inf, kernel, score, information, math.nan, math.nan)
        inverse = dtrtri(root, lower=1)[0].T
        largest, number = np.zeros(len(self._blocks)), {b.start: i for i, b in enumerate(self._blocks)}

        def block_sum(block: slice) -> Sums:
            white = (
                self._weighted(block, rows.working) if rows.weighted is None else rows.weighted
            ) @ inverse
            leverage = np.einsum("ij,ij->i", as_dense(white), as_dense(white))
            largest[number[block.start]] = (leverage / self._total[block]).max(initial=0.0)
            leverage *= 0.5 - rows.p[block]
            return (np.asarray(like.local(block).T @ leverage),)

        (penalty,) = like.executor.total(block_sum, self._blocks)
        value = kernel + _half_log_det(root)
        condition = float((information.diagonal() / root.diagonal() ** 2).sum())
        noise = 64 * np.finfo(float).eps * max(1.0, abs(value), condition)
        return FirthPoint(beta, value, kernel, score + penalty, information, float(largest.max()), noise)

    def penalty_curvature(self, point: FirthPoint) -> Array:
        """Minus the Hessian of 0.5 log det I, shape (p, p), in n p^3 operations.

        With v_i = L^-1 W^1/2 x_i it is 0.5 M M' - 0.5 sum_i h_i (1 - 6 p_i (1 - p_i)) x_i x_i', where row j of M holds
        the derivative of L^-1 I L^-T by beta_j: sum_i (1 - 2 p_i) x_ij v_i v_i'.
        """
        like, root = self.likelihood, cholesky(point.information)
        if root is None:
            return np.zeros((self.n_terms, self.n_terms))
        inverse = dtrtri(root, lower=1)[0].T
        eta = like.eta(point.x)
        tail = np.exp(-np.abs(eta))
        variance, tilt = tail / (1.0 + tail) ** 2, -np.tanh(eta / 2)
        first, second, twice = self._pairs

        def block_sum(block: slice) -> Sums:
            white = as_dense(self._weighted(block, self._total * variance) @ inverse)
            Z = as_dense(like.local(block))
            leverage = np.einsum("ij,ij->i", white, white)
            bend = leverage * (1 - 6 * variance[block])
            products = white[:, first] * white[:, second]
            return (Z * tilt[block, None]).T @ products, (Z * bend[:, None]).T @ Z

        derivatives, bent = like.executor.total(block_sum, like.blocks(values_per_row=first.size))
        derivatives *= twice
        return np.asarray(0.5 * (derivatives @ derivatives.T) - 0.25 * (bent + bent.T))


@dataclass(frozen=True, eq=False)
class _Rows:
    """p and w m p (1 - p) of every row, and W^1/2 X where it is one block."""

    p: Array
    working: Array
    weighted: Array | None


def cholesky(matrix: Array) -> Array | None:
    """Lower Cholesky factor, after equilibration of the diagonal; None where there is none."""
    diagonal = matrix.diagonal()
    if not diagonal.min(initial=math.inf) > 0 or not math.isfinite(float(diagonal.sum())):
        return None
    unit = np.sqrt(diagonal)
    factor, failed = dpotrf(matrix / unit / unit[:, None], lower=1, clean=1, overwrite_a=1)
    if failed:
        return None
    factor *= unit[:, None]
    return np.asarray(factor)


def _root(information: Array, weighted: Array | None) -> Array | None:
    """Lower triangular L with L L' = X'WX; None where it is numerically singular.

    The sum of products has the square of the condition number of W^1/2 X. Where that costs digits (far out on separated
    data, where weights differ by orders of magnitude) L comes from the rows themselves, the heaviest first.
    """
    root = cholesky(information)
    if weighted is None or (root is not None and _well_conditioned(root, information)):
        return root
    order = np.argsort(-np.einsum("ij,ij->i", weighted, weighted))
    lower = np.asarray(qr(weighted[order], mode="r", check_finite=False)[0][: weighted.shape[1]]).T
    sign = np.sign(lower.diagonal())
    return None if not np.all(sign) or lower.shape[0] > lower.shape[1] else np.ascontiguousarray(lower * sign)


def _well_conditioned(root: Array, information: Array) -> bool:
    """Whether no column is nearly a combination of those before it."""
    return bool(np.all(root.diagonal() ** 2 > _SINGULAR * information.diagonal()))


def _half_log_det(root: Array) -> float:
    return float(np.log(root.diagonal()).sum())
