"""The log density of a fit's prior at draws of its coefficients: what power-scaling raises to a power."""

from __future__ import annotations

from problogit.core.blocks import Array
from problogit.core.firth import FirthLikelihood
from problogit.core.firth_batch import penalized_values
from problogit.core.priors.hierarchy import ResolvedHierarchy
from problogit.core.priors.jeffreys import Jeffreys
from problogit.core.priors.used import use_prior
from problogit.errors import NotAvailableError
from problogit.estimate import Estimate

__all__ = ["log_prior_density"]


def log_prior_density(estimate: Estimate, betas: Array) -> Array:
    """Log density of the prior's top level, up to a constant, (n_draws, n_terms) -> (n_draws,).

    That is the prior of the coefficients; where scales are learned the prior of the scales, and that of coefficients
    with a fixed one: the levels below are model (Kallioinen et al. 2024).

    Raises
    ------
    NotAvailableError
        The density is not known here, or every coefficient has a flat prior.
    """
    prior = estimate.method.prior_used(estimate)
    if prior.joint and not isinstance(prior, Jeffreys):
        raise NotAvailableError(
            f"The sensitivity to this prior ({prior.describe()}) is not measured: it is not known here as a density of "
            "single coefficients. Compare with the fit under another prior: compare([...])."
        )
    used = use_prior(prior, estimate.problem)
    if isinstance(used, Jeffreys):
        return _log_jeffreys(estimate, betas)
    if isinstance(used, ResolvedHierarchy):
        return _log_hyperprior(estimate, used, betas)
    if used.flat.all():
        raise NotAvailableError(
            "Every coefficient of this fit has a flat prior: there is no prior to be scaled."
        )
    return used.batch(betas)


def _log_jeffreys(estimate: Estimate, betas: Array) -> Array:
    """Half the log-determinant of the information at each draw."""
    scaling = estimate.problem.scaling
    like = estimate.problem.likelihood.in_coordinates(scaling.center, scaling.scale)
    points = scaling.to_scaled(betas)
    return penalized_values(FirthLikelihood(like), points) - like.batch(points)


def _log_hyperprior(estimate: Estimate, prior: ResolvedHierarchy, betas: Array) -> Array:
    named = {
        name: draws.reshape(-1, *draws.shape[2:]) for name, draws in estimate.details.hyperparameters.items()
    }
    return prior.log_hyperprior(named) + prior.fixed.batch(betas)
