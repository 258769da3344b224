"""The Bernoulli and binomial log-likelihood of logistic regression, as sums over blocks of rows.

Conventions, stated once for the whole library
----------------------------------------------
- eta_i = x_i' beta + offset_i, p_i = 1 / (1 + exp(-eta_i)).
- The kernel of row i is s_i log p_i + (m_i - s_i) log(1 - p_i): events s_i of m_i trials. The constant
  log C(m_i, s_i) is not part of it (`log_binomial_constant`).
- Everything is a *sum* over rows, weighted by w_i; never an average.
- With e = exp(-|eta|) the kernel is s min(eta, 0) - (m - s) max(eta, 0) - m log1p(e): the same numbers as
  -logaddexp(0, -eta) and -logaddexp(0, eta), with one exponential, and no overflow or cancellation at any eta.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, gammaln

from problogit.core.blocks import (
    Array,
    ColumnChange,
    Matrix,
    RowBlocks,
    column_change,
    quadratic_rows,
    row_blocks,
    weighted_gram,
)
from problogit.execution import Executor, Serial, Sums, blocks_of

__all__ = ["BinomialLikelihood", "kernel", "log_binomial_constant"]

_BATCH_VALUES = 250_000  # 2 MB: stays in the cache
_FACTORS = 8  # rows whose 1 + exp(eta) are multiplied before the logarithm is taken,
_LARGE = 80.0  # which no float can hold much above this eta


def kernel(eta: Array, successes: Array, trials: Array) -> Array:
    """s log p + (m - s) log(1 - p) elementwise, with broadcasting; finite for every finite eta."""
    tail = np.log1p(np.exp(-np.abs(eta)))
    return np.asarray(
        successes * np.minimum(eta, 0.0) - (trials - successes) * np.maximum(eta, 0.0) - trials * tail
    )


def _parts(eta: Array, events: Array, trials: Array) -> tuple[Array, Array, Array]:
    """Sum of the kernels (one element), p and p (1 - p), from one exponential; no overflow at any eta."""
    tail = np.exp(-np.abs(eta))
    near = 1.0 / (1.0 + tail)
    far = tail * near
    value = events * np.minimum(eta, 0.0)
    value -= (trials - events) * np.maximum(eta, 0.0)
    value -= trials * np.log1p(tail)
    return np.atleast_1d(value.sum()), np.where(eta >= 0, near, far), near * far


def _softplus_sums(eta: Array, trials: Array | None) -> Array:
    """Sum over the rows of m log(1 + exp(eta)), (n_rows, K) -> (K,); `eta` is overwritten. m = 1 without `trials`."""
    if eta.max(initial=0.0) > _LARGE:
        values = np.logaddexp(0.0, eta)
        return np.asarray(values.sum(axis=0) if trials is None else trials @ values)
    factors = np.exp(eta, out=eta)
    factors += 1.0
    if trials is not None:
        return np.asarray(trials @ np.log(factors, out=factors))
    even = factors.shape[0] - factors.shape[0] % _FACTORS
    products = np.multiply.reduce(factors[:even].reshape(_FACTORS, -1, factors.shape[1]), axis=0)
    return np.asarray(np.log(products, out=products).sum(axis=0) + np.log(factors[even:]).sum(axis=0))


def log_binomial_constant(successes: Array, trials: Array) -> Array:
    """log C(m, s) elementwise: what the kernel leaves out."""
    return np.asarray(gammaln(trials + 1) - gammaln(successes + 1) - gammaln(trials - successes + 1))


@dataclass(frozen=True, eq=False)
class BinomialLikelihood:
    """Weighted sum of binomial kernels over rows.

    Parameters
    ----------
    X : ndarray or csr_array, shape (n_rows, n_terms)
    successes, trials, weights, offset : ndarray, shape (n_rows,)
    center, scale : ndarray of shape (n_terms,), optional
        The columns used are (X - center) / scale, and coefficients are in those coordinates. Sparse designs are
        not centred.
    executor : Executor
        Who adds up the blocks.
    block_rows : int, optional
        Rows of a block; by default as many as fit the cache.
    """

    X: Matrix
    successes: Array
    trials: Array
    weights: Array
    offset: Array
    center: Array | None = None
    scale: Array | None = None
    executor: Executor = field(default_factory=Serial)
    block_rows: int | None = None

    @property
    def n_rows(self) -> int:
        """Number of rows (covariate patterns, where the design was collapsed)."""
        return int(self.X.shape[0])

    @property
    def n_terms(self) -> int:
        """Number of columns."""
        return int(self.X.shape[1])

    @cached_property
    def _columns(self) -> RowBlocks:
        return row_blocks(self.X, self.center, self.scale)

    @cached_property
    def _change(self) -> ColumnChange:
        return column_change(self.X, self.center, self.scale)

    @cached_property
    def _events(self) -> Array:
        return self.weights * self.successes

    @cached_property
    def _total(self) -> Array:
        return self.weights * self.trials

    def blocks(self, values_per_row: int = 1) -> list[slice]:
        """Slices that cover the rows; smaller ones where a row makes many values."""
        rows = self.block_rows or self._columns.block_rows
        if values_per_row > 1:
            rows = max(16, min(rows, _BATCH_VALUES // values_per_row))
        return blocks_of(self.n_rows, rows)

    def local(self, block: slice) -> Matrix:
        """The block's rows of the (centred, scaled) design."""
        return self._columns.local(block)

    def in_coordinates(self, center: Array | None, scale: Array | None) -> BinomialLikelihood:
        """The same likelihood as a function of coefficients of (X - center) / scale."""
        return replace(self, center=center, scale=scale)

    def columns(self, keep: NDArray[np.int64]) -> BinomialLikelihood:
        """The likelihood over these columns alone; itself where all are kept. Raw coordinates only."""
        if keep.size == self.n_terms:
            return self
        X = self.X[:, keep] if isinstance(self.X, np.ndarray) else self.X.tocsc()[:, keep].tocsr()
        return replace(self, X=np.ascontiguousarray(X) if isinstance(X, np.ndarray) else X)

    def mapped(self, basis: Array) -> BinomialLikelihood:
        """The likelihood as a function of u, where beta = basis @ u; basis has shape (n_terms, r)."""
        return replace(self, X=np.ascontiguousarray(self.X @ basis))

    def take(self, rows: NDArray[np.int64]) -> BinomialLikelihood:
        """The likelihood of these rows alone."""
        return replace(
            self,
            X=self.X[rows],
            successes=self.successes[rows],
            trials=self.trials[rows],
            weights=self.weights[rows],
            offset=self.offset[rows],
        )

    def eta(self, beta: Array) -> Array:
        """Log-odds of every row, shape (n_rows,)."""
        out = np.empty(self.n_rows)
        columns = self._change.columns
        b, constant = self._change.coefficients(beta)

        def task(block: slice) -> None:
            out[block] = columns.local(block) @ b + (self.offset[block] + constant)

        self.executor.each(task, self.blocks())
        return out

    def value(self, beta: Array) -> float:
        """Weighted sum of the kernels."""
        columns = self._change.columns
        b, constant = self._change.coefficients(beta)

        def block_sum(block: slice) -> Sums:
            eta = columns.local(block) @ b + (self.offset[block] + constant)
            return (np.atleast_1d(kernel(eta, self._events[block], self._total[block]).sum()),)

        (total,) = self.executor.total(block_sum, self.blocks())
        return float(total[0])

    def gradient(self, beta: Array) -> tuple[float, Array]:
        """Value and gradient X'(w (s - m p))."""
        columns = self._change.columns
        b, constant = self._change.coefficients(beta)

        def block_sum(block: slice) -> Sums:
            rows = columns.local(block)
            eta = rows @ b + (self.offset[block] + constant)
            value, p, _ = _parts(eta, self._events[block], self._total[block])
            residual = self._events[block] - self._total[block] * p
            return value, np.asarray(rows.T @ residual), np.atleast_1d(residual.sum())

        value, moments, total = self.executor.total(block_sum, self.blocks())
        return float(value[0]), self._change.product(moments, total)

    def information(self, beta: Array) -> tuple[float, Array, Array]:
        """Value, gradient and X'WX with W = w m p (1 - p): minus the Hessian, observed and expected alike."""
        columns = self._change.columns
        b, constant = self._change.coefficients(beta)

        def block_sum(block: slice) -> Sums:
            rows = columns.local(block)
            eta = rows @ b + (self.offset[block] + constant)
            value, p, variance = _parts(eta, self._events[block], self._total[block])
            residual = self._events[block] - self._total[block] * p
            working = self._total[block] * variance
            both = np.stack((residual, working), axis=1)
            return value, np.asarray(rows.T @ both), both.sum(axis=0), weighted_gram(rows, working)

        value, moments, totals, gram = self.executor.total(block_sum, self.blocks())
        gradient = self._change.product(moments[:, 0], totals[0])
        return float(value[0]), gradient, self._change.gram(gram, moments[:, 1], totals[1])

    def information_vector(self, beta: Array) -> Callable[[Array], Array]:
        """The map v -> X'WX v, with W computed once; no p x p array is made."""
        eta = self.eta(beta)
        p = expit(eta)
        working = self._total * p * expit(-eta)

        columns, change = self._change.columns, self._change

        def product(vector: Array) -> Array:
            b, constant = change.coefficients(vector)

            def block_sum(block: slice) -> Sums:
                rows = columns.local(block)
                pulled = working[block] * (rows @ b + constant)
                return np.asarray(rows.T @ pulled), np.atleast_1d(pulled.sum())

            moments, total = self.executor.total(block_sum, self.blocks())
            return change.product(moments, total)

        return product

    def information_diagonal(self, beta: Array) -> Array:
        """Diagonal of X'WX, for preconditioning."""
        eta = self.eta(beta)
        working = self._total * expit(eta) * expit(-eta)

        def block_sum(block: slice) -> Sums:
            Z = self.local(block)
            squares = Z.multiply(Z).T if not isinstance(Z, np.ndarray) else (Z * Z).T
            return (np.asarray(squares @ working[block]).ravel(),)

        (total,) = self.executor.total(block_sum, self.blocks())
        return total

    def residuals(self, beta: Array) -> Array:
        """w_i (s_i - m_i p_i): the score of row i is this number times x_i."""
        return np.asarray(self._events - self._total * expit(self.eta(beta)))

    def rows(self, beta: Array) -> Array:
        """Kernel of each row, not weighted, shape (n_rows,)."""
        return kernel(self.eta(beta), self.successes, self.trials)

    def rows_batch(self, betas: Array, block: slice) -> Array:
        """Kernels of the block's rows for each of K coefficient vectors, not weighted, shape (K, n_block)."""
        eta = np.asarray(self.local(block) @ betas.T).T + self.offset[block]
        return kernel(eta, self.successes[block], self.trials[block])

    def batch(self, betas: Array) -> Array:
        """Weighted sum of kernels for each of K coefficient vectors, shape (K,).

        The sum of m log(1 + exp(eta)) costs one exponential a value and one logarithm for every few rows, that of a
        product; where exp is too large for that, each value has its own. Equal to `value` to within rounding of the
        largest terms.
        """
        transposed = np.ascontiguousarray(betas.T)
        plain = bool(np.all(self._total == 1.0))

        def block_sum(block: slice) -> Sums:
            eta = np.asarray(self.local(block) @ transposed)
            eta += self.offset[block, None]
            linear = self._events[block] @ eta
            return (linear - _softplus_sums(eta, None if plain else self._total[block]),)

        (total,) = self.executor.total(block_sum, self.blocks(values_per_row=betas.shape[0]))
        return total

    def leverages(self, beta: Array, covariance: Array) -> Array:
        """w_i m_i p_i (1 - p_i) x_i' C x_i, shape (n_rows,); their sum is the effective number of parameters."""
        out = np.empty(self.n_rows)

        def task(block: slice) -> None:
            Z = self.local(block)
            eta = Z @ beta + self.offset[block]
            out[block] = self._total[block] * expit(eta) * expit(-eta) * quadratic_rows(Z, covariance)

        self.executor.each(task, self.blocks())
        return out

    def largest_norm(self, covariance: Array) -> float:
        """max_i sqrt(x_i' C x_i): the number that the separation certificate needs."""
        largest = np.zeros(len(self.blocks()))
        blocks = self.blocks()
        position = {block.start: i for i, block in enumerate(blocks)}

        def task(block: slice) -> None:
            largest[position[block.start]] = quadratic_rows(self.local(block), covariance).max(initial=0.0)

        self.executor.each(task, blocks)
        return float(np.sqrt(largest.max(initial=0.0)))
