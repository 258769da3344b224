"""Convergence of hyperparameters, beside that of the coefficients."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from problogit.core.blocks import Array
from problogit.core.priors.used import UsedPrior, hyperparameter_terms
from problogit.estimators.posterior_checks import Convergence, measure

__all__ = ["measure_extra", "with_extra"]


def measure_extra(extra: Mapping[str, Array]) -> dict[str, Array]:
    """r-hat, bulk and tail effective sample size of each hyperparameter, (n_chains, n_draws, ...) -> (..., 3)."""
    figures = {}
    for name, draws in extra.items():
        found = measure(draws.reshape(*draws.shape[:2], -1))
        columns = np.column_stack([found.r_hat, found.ess_bulk, found.ess_tail])
        figures[name] = columns.reshape(*draws.shape[2:], 3)
    return figures


def with_extra(
    terms: tuple[str, ...], convergence: Convergence, figures: Mapping[str, Array], prior: UsedPrior
) -> tuple[tuple[str, ...], Convergence]:
    """Names and figures of coefficients and hyperparameters together, for the policy."""
    names = list(terms)
    for name in figures:
        own = hyperparameter_terms(prior, name)
        names += [f"{name}[{term}]" for term in own] if own else [name]
    more = np.concatenate([np.empty((0, 3)), *(values.reshape(-1, 3) for values in figures.values())])
    return tuple(names), Convergence(
        r_hat=np.concatenate([convergence.r_hat, more[:, 0]]),
        ess_bulk=np.concatenate([convergence.ess_bulk, more[:, 1]]),
        ess_tail=np.concatenate([convergence.ess_tail, more[:, 2]]),
        mcse_mean=np.concatenate([convergence.mcse_mean, np.full(len(more), np.nan)]),
        n_chains=convergence.n_chains,
    )
