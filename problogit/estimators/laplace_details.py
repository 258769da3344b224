"""What the Laplace sampler knows beside its draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from problogit.core.blocks import Array
from problogit.core.priors.used import UsedPrior
from problogit.estimate import Details

__all__ = ["LaplaceDetails"]


@dataclass(frozen=True, eq=False)
class LaplaceDetails(Details):
    """What the Laplace sampler knows beside its draws.

    Attributes
    ----------
    prior : ResolvedPrior or Jeffreys
        The prior in original units, one row for each term.
    k_hat : float
        Pareto shape of the importance ratios; below 0.7 their averages are reliable.
    ess : ndarray, shape (n_terms,)
        Effective sample size of the kept draws: the smallest of those of the mean and the 5% and 95% points.
    ess_weights : float
        1 / sum of the squared normalised weights.
    mcse_mean : ndarray, shape (n_terms,)
        Monte-Carlo standard error of the mean.
    n_proposals : int
        Draws of the t distribution that were weighed.
    log_posterior : ndarray, shape (n_draws,)
        Log posterior density of the kept draws, up to a constant.
    proposal : ndarray of int, shape (n_draws,)
        The proposal that each draw is a copy of.
    mode : ndarray, shape (n_terms,)
        Centre of the proposals, in original units.
    mode_is_exact : bool
        True where `mode` is the posterior mode, False where it is that of the priors' Gaussian stand-ins.
    raw : ImportanceSample or None
        All proposals in whitened coordinates with their weights; None after loading.
    """

    prior: UsedPrior
    k_hat: float
    ess: Array
    ess_weights: float
    mcse_mean: Array
    n_proposals: int
    log_posterior: Array
    proposal: NDArray[np.int64]
    mode: Array
    mode_is_exact: bool
    raw: Any = None

    @property
    def posterior_mode(self) -> Array | None:
        """`mode` where it is exact."""
        return self.mode if self.mode_is_exact else None

    @property
    def effective_sizes(self) -> tuple[Array, Array]:
        """`ess`, for centres and for ends of intervals."""
        return self.ess, self.ess
