"""Importance sampling of a posterior from its mode, and whether the draws may be called one.

Proposals come from a multivariate t with 7 degrees of freedom in the whitened coordinates: centred at the mode, shaped
by the inverse Hessian. Their importance ratios are Pareto-smoothed; k-hat and the effective sample size decide whether
the weighted draws are a posterior (Vehtari, Simpson, Gelman, Yao & Gabry 2024, JMLR 25(72)).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from problogit.core.blocks import Array
from problogit.core.importance import Kept, keep, multivariate_t
from problogit.core.pareto import good_k, smooth_weights, tail_length
from problogit.estimators.posterior_checks import LEAST_ESS
from problogit.estimators.target import Target
from problogit.progress import Progress

__all__ = ["ImportanceSample", "sample_by_importance"]

_LEAST = 1000  # proposals: fewer tell too little about the tail of the ratios
_MOST = 16  # proposals for one draw that is wanted
_FIRST_ROWS = 5e8  # rows times proposals of the first round: a few seconds
_ALL_ROWS = 4e9
_VALUES = 2e7  # proposals times coefficients: 160 MB


@dataclass(frozen=True, eq=False)
class ImportanceSample:
    """Weighted proposals, and those of them that were kept.

    Attributes
    ----------
    z : ndarray, shape (n_proposals, size)
        Proposals in whitened coordinates.
    log_density : ndarray, shape (n_proposals,)
        Log posterior density up to a constant.
    kept : Kept
        Smoothed weights and the draws that were resampled by them.
    k_hat : float
        Shape of the tail of the importance ratios.
    """

    z: Array
    log_density: Array
    kept: Kept
    k_hat: float

    @property
    def n_proposals(self) -> int:
        """How many were drawn."""
        return int(self.log_density.size)

    @property
    def limit(self) -> float:
        """The k-hat up to which so many proposals are reliable."""
        return good_k(self.n_proposals)

    @property
    def verdict(self) -> str:
        """Why the draws may be called a posterior."""
        return (
            f"Pareto k-hat {self.k_hat:.2f} is below {self.limit:.2f} and {self.n_proposals} proposals are worth "
            f"{self.kept.overall:.0f} draws (Vehtari et al. 2024)"
        )

    @property
    def shortcoming(self) -> str:
        """Why the draws may not be called a posterior; empty where they may."""
        if not self.k_hat < self.limit:
            return (
                f"Pareto k-hat of the importance ratios is {self.k_hat:.2f}, not below {self.limit:.2f}, so that their "
                "averages cannot be relied on (Vehtari et al. 2024)"
            )
        if self.kept.overall < LEAST_ESS:
            return (
                f"{self.n_proposals} proposals are worth {self.kept.overall:.0f} independent draws, fewer than "
                f"{LEAST_ESS} (Pareto k-hat {self.k_hat:.2f}; Vehtari et al. 2024)"
            )
        return ""


def sample_by_importance(
    target: Target, n_draws: int, n_rows: float, rng: np.random.Generator, progress: Progress
) -> ImportanceSample:
    """Draw proposals until they are worth half the draws that are wanted, and resample.

    Parameters
    ----------
    target : Target
    n_draws : int
        Draws that are wanted; fewer are kept where fewer proposals could be evaluated.
    n_rows : float
        Rows that are read for one proposal.
    rng : Generator
    progress : Progress
        Told about proposals.
    """
    size = max(target.size, 1)
    affordable = int(min(_FIRST_ROWS / max(n_rows, 1), _VALUES / size))
    n = max(_LEAST, min(n_draws, affordable))
    most = max(n, int(min(_MOST * n_draws, _ALL_ROWS / max(n_rows, 1), _VALUES / size)))
    z, log_density, log_ratio = _propose(target, n, rng, progress)
    while True:
        weights, k_hat = _smoothed(log_ratio)
        worth = float(1.0 / np.square(weights).sum())
        enough = worth >= max(LEAST_ESS, min(n_draws, n) / 2)
        if enough or not k_hat < good_k(n) or n >= most:
            kept = keep(weights, min(n_draws, n), rng)
            return ImportanceSample(z, log_density, kept, k_hat)
        more = _propose(target, min(n, most - n), rng, progress)
        z, log_density, log_ratio = (
            np.concatenate(pair) for pair in zip((z, log_density, log_ratio), more, strict=True)
        )
        n = log_ratio.size


def _propose(
    target: Target, n: int, rng: np.random.Generator, progress: Progress
) -> tuple[Array, Array, Array]:
    """Proposals, their log densities under the target, and the log importance ratios."""
    progress.start("Importance sampling", n)
    try:
        z, log_proposal = multivariate_t(n, target.size, rng)
        with np.errstate(over="ignore", invalid="ignore"):  # far out in the tails
            log_density = target.log_density(z)
        progress.advance(n)
    finally:
        progress.finish()
    log_density = np.where(np.isnan(log_density), -np.inf, log_density)
    return z, log_density, log_density - log_proposal


def _smoothed(log_ratio: Array) -> tuple[Array, float]:
    log_weights, k_hat = smooth_weights(log_ratio[None], tail_length(log_ratio.size))
    return np.exp(log_weights[0]), float(k_hat[0])
