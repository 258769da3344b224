"""What a Bayesian fit knows beside its draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from problogit.core.blocks import Array
from problogit.core.priors.used import UsedPrior, hyperparameter_terms
from problogit.estimate import Details, FitStats
from problogit.problem import Problem

__all__ = ["BayesDetails", "posterior_stats"]


@dataclass(frozen=True, eq=False)
class BayesDetails(Details):
    """Prior as used, sampler statistics and their judgement.

    Attributes
    ----------
    prior : ResolvedPrior, ResolvedHierarchy or Jeffreys
        The prior in original units, one row for each term.
    statistics : mapping of str to ndarray, shape (n_chains, n_draws)
        ``diverging, energy, lp, n_steps, tree_depth, reached_max_treedepth, step_size, acceptance_rate``.
    extra : mapping of str to ndarray, shape (n_chains, n_draws, ...)
        Draws of what is not a coefficient (hyperparameters), by name.
    extra_figures : mapping of str to ndarray, shape (..., 3)
        r-hat, bulk and tail effective sample size of each of them.
    r_hat, ess_bulk, ess_tail, mcse_mean : ndarray, shape (n_terms,)
        Rank-normalised r-hat, effective sample sizes and Monte-Carlo standard error of the mean (Vehtari et al. 2021).
    mode : ndarray, shape (n_terms,)
        Where the sampler's coordinates are centred, in original units.
    mode_is_exact : bool
        True where `mode` is the posterior mode, False where it is that of the priors' Gaussian stand-ins.
    gradients : int
        Leapfrog steps of all chains, tuning included: evaluations of the density with its gradient.
    processes : int
        Processes that sampled.
    raw : object
        What `pymc.sample` returned, in the sampler's own coordinates; None after loading.
    """

    prior: UsedPrior
    statistics: Mapping[str, NDArray[Any]]
    extra: Mapping[str, NDArray[Any]]
    r_hat: Array
    ess_bulk: Array
    ess_tail: Array
    mcse_mean: Array
    mode: Array
    mode_is_exact: bool
    gradients: int
    processes: int
    extra_figures: Mapping[str, Array] = field(default_factory=dict)
    raw: Any = None

    @property
    def hyperparameters(self) -> Mapping[str, Array]:
        """`extra`."""
        return self.extra

    @property
    def learned(self) -> Mapping[str, tuple[tuple[str, ...], Array, Array]]:
        """Of `extra` and `extra_figures`."""
        return {
            name: (hyperparameter_terms(self.prior, name), draws, self.extra_figures[name])
            for name, draws in self.extra.items()
        }

    @property
    def posterior_mode(self) -> Array | None:
        """`mode` where it is exact."""
        return self.mode if self.mode_is_exact else None

    @property
    def effective_sizes(self) -> tuple[Array, Array]:
        """`ess_bulk` and `ess_tail`."""
        return self.ess_bulk, self.ess_tail


def posterior_stats(problem: Problem, location: Array) -> FitStats:
    """Log-likelihood at the posterior mean; AIC and BIC mean nothing here."""
    loglik = problem.likelihood.value(location) + problem.log_constant
    return FitStats.of(loglik, float("nan"), problem)
