"""The log-likelihood and its gradient for a sampler that asks thousands of times for the same small design.

With c = X'(w s) and m = w times trials the kernel is

    sum_i w_i s_i eta_i - m_i log(1 + exp(eta_i)) = c'b + constant - sum_i m_i log(1 + exp(eta_i)),

one exponential a row, and one logarithm for every few rows: that of a product. It is `BinomialLikelihood.gradient` to
within rounding of the largest terms, n eps max |eta|: enough to accept or reject a proposal, not to report a
log-likelihood. Where exp overflows, the stable form is used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from problogit.core.blocks import Array
from problogit.core.likelihood import BinomialLikelihood

__all__ = ["DenseDensity"]

_BLOCK_VALUES = 64_000  # columns lie row by row in the cache
_FACTORS = 8  # rows whose 1 + odds are multiplied before the logarithm is taken


@dataclass(frozen=True, eq=False)
class _Block:
    """Some rows: the design transposed, so that products run along the rows."""

    columns: Array
    offset: Array | None
    trials: Array | None

    def softplus(self, b: Array) -> tuple[float, Array]:
        """sum m log(1 + exp(eta)) and m p."""
        odds = b @ self.columns
        if self.offset is not None:
            odds += self.offset
        np.exp(odds, out=odds)
        more = odds + 1.0
        p = np.divide(odds, more, out=odds)
        if self.trials is None:
            return _log_of_product(more), p
        p *= self.trials
        return float(self.trials @ np.log(more, out=more)), p

    def stable_softplus(self, b: Array) -> tuple[float, Array]:
        """The same at log-odds whose exponential is not a number."""
        eta = b @ self.columns + (0.0 if self.offset is None else self.offset)
        trials = np.ones_like(eta) if self.trials is None else self.trials
        return float(trials @ np.logaddexp(0.0, eta)), trials * expit(eta)


def _log_of_product(factors: Array) -> float:
    """The sum of the logarithms; infinite where a product of a few factors is too large for a float."""
    even = factors.size - factors.size % _FACTORS
    products = np.multiply.reduce(factors[:even].reshape(_FACTORS, -1), axis=0)
    return float(np.log(products, out=products).sum() + np.log(factors[even:]).sum())


@dataclass(frozen=True, eq=False)
class DenseDensity:
    """Kernel and gradient of a dense design in raw coordinates.

    Attributes
    ----------
    moments : ndarray, shape (n_terms,)
        X'(w s): with `constant` all that the outcomes contribute.
    constant : float
        Sum of w s times the offset.
    """

    blocks: tuple[_Block, ...]
    moments: Array
    constant: float

    @classmethod
    def of(cls, likelihood: BinomialLikelihood) -> DenseDensity:
        """Copy the design of a dense likelihood, transposed block by block."""
        events = likelihood.weights * likelihood.successes
        trials = likelihood.weights * likelihood.trials
        plain, shifted = bool(np.all(trials == 1.0)), bool(np.any(likelihood.offset))
        rows = max(256, _BLOCK_VALUES // max(1, likelihood.n_terms))
        moments = np.zeros(likelihood.n_terms)
        blocks = []
        for start in range(0, likelihood.n_rows, rows):
            part = slice(start, start + rows)
            columns = np.ascontiguousarray(np.asarray(likelihood.local(part)).T)
            moments += columns @ events[part]
            blocks.append(
                _Block(
                    columns,
                    likelihood.offset[part] if shifted else None,
                    None if plain else trials[part],
                )
            )
        return cls(tuple(blocks), moments, float(events @ likelihood.offset))

    def gradient(self, beta: Array) -> tuple[float, Array]:
        """Value and gradient at one coefficient vector."""
        value = float(self.moments @ beta) + self.constant
        gradient = self.moments.copy()
        for block in self.blocks:
            total, fitted = block.softplus(beta)
            if not np.isfinite(total):
                total, fitted = block.stable_softplus(beta)
            value -= total
            gradient -= block.columns @ fitted
        return value, gradient
