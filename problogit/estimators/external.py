"""A posterior that the user sampled from a PyMC model of their own, as an estimate."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from problogit.core.blocks import Array
from problogit.core.coefficients import DrawnCoefficients
from problogit.core.priors.base import ResolvablePrior
from problogit.core.priors.columns import Columns
from problogit.core.priors.resolved import ResolvedPrior
from problogit.errors import ConvergenceWarning, InputError, NotAvailableError, explain
from problogit.estimate import Estimate, Estimator, Finding, Provenance, Status
from problogit.estimators.external_details import ExternalDetails
from problogit.estimators.external_tree import ReadTree, read_tree
from problogit.estimators.posterior import posterior_stats
from problogit.estimators.posterior_checks import check_draws, measure
from problogit.problem import Problem
from problogit.progress import SILENT, Progress

__all__ = ["ExternalPosterior", "OwnPrior", "estimate_from_tree"]


@dataclass(frozen=True)
class OwnPrior(ResolvablePrior):
    """The prior of a model that was written elsewhere: its draws are known, its density is not."""

    def resolve(self, problem: Columns) -> ResolvedPrior:
        """Refused."""
        raise NotAvailableError(
            "The prior is that of your own PyMC model, of which this fit knows the draws only. If the coefficients "
            "have a prior of problogit's, say so: Fit.from_datatree(model, tree, prior=Normal(1.0))."
        )

    def describe(self) -> str:
        """``"prior of the user's own PyMC model"``."""
        return "prior of the user's own PyMC model"

    @property
    def joint(self) -> bool:
        """True: it cannot be told apart by columns."""
        return True


@dataclass(frozen=True)
class ExternalPosterior(Estimator):
    """Posterior from the user's own PyMC model; see `Fit.from_datatree`.

    It holds no way to sample again: whatever refits (cross-validation, exact leave-one-out) is refused with that
    reason.

    Parameters
    ----------
    own_prior : Prior or Priors, optional
        The prior of the coefficients, where it is one of problogit's.
    variable : str, default "beta"
        Name of the coefficients in the tree.
    """

    own_prior: ResolvablePrior = OwnPrior()
    variable: str = "beta"

    def __post_init__(self) -> None:
        """Check the options."""
        if not isinstance(self.own_prior, ResolvablePrior):
            remedy = "As in Fit.from_datatree(model, tree, prior=Normal(2.5)); leave it out for any other."
            raise InputError(explain("prior", "must be a prior of problogit", self.own_prior, remedy))
        if not isinstance(self.variable, str) or not self.variable:
            raise InputError(explain("variable", "must be the name of the coefficients", self.variable))

    @property
    def name(self) -> str:
        """``"PyMC"``."""
        return "PyMC"

    @property
    def prior(self) -> ResolvablePrior:
        """As given, or one that is not known."""
        return self.own_prior

    def estimate(self, problem: Problem, progress: Progress = SILENT) -> Estimate:
        """Refused: the model is the user's."""
        raise NotAvailableError(_NO_REFIT)

    def summary_columns(self, estimate: Estimate) -> dict[str, Array]:
        """`r_hat`, `ess_bulk`, `ess_tail` and `prob_positive`, as for `Bayes`."""
        details = cast(ExternalDetails, estimate.details)
        draws = cast(DrawnCoefficients, estimate.coefficients).flat
        return {
            "r_hat": details.r_hat,
            "ess_bulk": details.ess_bulk,
            "ess_tail": details.ess_tail,
            "prob_positive": np.asarray((draws > 0).mean(axis=0)),
        }

    def raw(self, estimate: Estimate) -> Any:
        """What was handed over; None after loading."""
        return cast(ExternalDetails, estimate.details).raw

    def surrogate(self) -> Estimator:
        """Refused: nothing stands in for a model that is not known."""
        raise NotAvailableError(_NO_REFIT)

    def describe(self) -> str:
        """One phrase for headers."""
        known = "" if isinstance(self.own_prior, OwnPrior) else f", {self.own_prior.describe()} prior"
        return f"Posterior from the user's own PyMC model{known}"

    def describe_fit(self, estimate: Estimate) -> str:
        """`describe`, with the draws."""
        chains, draws = cast(DrawnCoefficients, estimate.coefficients).chains.shape[:2]
        return f"{self.describe()}, {chains} x {draws} draws"


_NO_REFIT = (
    "This posterior came from your own PyMC model, which problogit cannot sample again. Sample it on the other rows "
    "yourself and hand the draws over by Fit.from_datatree, or ask for what needs no refit: new data as `data=`, "
    'resample="loo" or "apparent".'
)


def estimate_from_tree(
    problem: Problem, tree: Any, prior: ResolvablePrior | None = None, variable: str = "beta"
) -> Estimate:
    """Draws of the user's own model as the estimate of `problem`.

    Parameters
    ----------
    problem : Problem
    tree : DataTree, InferenceData or Dataset
    prior : Prior or Priors, optional
        The prior of the coefficients, where it is one of problogit's.
    variable : str
        Name of the coefficients.

    Raises
    ------
    InputError
        The tree does not belong to the problem; the message names what differs.
    """
    started = time.perf_counter()
    if problem.weights_type == "sampling":
        remedy = "Sampling weights make no likelihood, hence no posterior."
        raise InputError(explain("weights_type", "must be 'frequency' or 'importance'", "sampling", remedy))
    method = ExternalPosterior(variable=variable) if prior is None else ExternalPosterior(prior, variable)
    found = read_tree(tree, problem, variable)
    coefficients = DrawnCoefficients(found.chains)
    convergence = measure(found.chains)
    judged = tuple(
        replace(finding, remedy=finding.remedy.replace("Bayes(", "pm.sample("))
        for finding in check_draws(convergence, found.statistics, problem.terms)
    )
    if judged:
        text = " ".join(f"{finding.message} {finding.remedy}".strip() for finding in judged)
        warnings.warn(text, ConvergenceWarning, stacklevel=3)
    return Estimate(
        problem=problem,
        method=method,
        coefficients=coefficients,
        status=Status.DIAGNOSTICS_FAILED if judged else Status.CONVERGED,
        findings=(*judged, *_limits(found, weighted=problem.weighted)),
        stats=posterior_stats(problem, coefficients.location),
        provenance=Provenance.of(_describe(found), started, ("arviz-base", "arviz-stats")),
        details=ExternalDetails(
            statistics=found.statistics,
            extra=found.extra,
            extra_dims=found.extra_dims,
            extra_coords=found.extra_coords,
            r_hat=convergence.r_hat,
            ess_bulk=convergence.ess_bulk,
            ess_tail=convergence.ess_tail,
            mcse_mean=convergence.mcse_mean,
            likelihood=found.likelihood,
            raw=tree,
        ),
    )


def _describe(found: ReadTree) -> str:
    chains, draws = found.chains.shape[:2]
    beside = f", beside {', '.join(found.extra)}" if found.extra else ""
    return f"Draws of the user's own PyMC model, {chains} chains of {draws}{beside}"


def _limits(found: ReadTree, *, weighted: bool) -> tuple[Finding, ...]:
    """What could not be checked, and what the coefficients alone do not say."""
    findings = []
    names = {
        "diverging": "divergences",
        "energy": "the energy fraction",
        "reached_max_treedepth": "the depth of trees",
    }
    lacking = [said for name, said in names.items() if name not in found.statistics]
    if lacking:
        findings.append(
            Finding(
                "sampler-unchecked",
                "info",
                f"The tree does not tell {' or '.join(lacking)}, so that this was not checked; r-hat and effective "
                "sample sizes were.",
                "Hand over the group sample_stats too.",
            )
        )
    if found.likelihood == "other":
        findings.append(
            Finding(
                "other-likelihood",
                "info",
                "The tree's log-likelihood is not that of the formula alone: the model that was sampled says more. "
                "Coefficients, odds ratios and contrasts are its own; probabilities are computed from the coefficients "
                "alone, as at zero of everything else, and rows are not left out.",
                "For predictions that include the rest of the model use pm.sample_posterior_predictive.",
            )
        )
    elif found.likelihood == "unknown":
        findings.append(
            Finding(
                "likelihood-unchecked",
                "info",
                "The tree holds no log-likelihood of the rows, so that it was not checked whether the model that was "
                "sampled has the likelihood of the formula. Probabilities and leave-one-out take it that it has.",
                "PyMC has no log-likelihood of weighted rows, which are a potential: there is nothing to hand over."
                if weighted
                else "To have it checked, call pm.compute_log_likelihood(tree) before handing it over.",
            )
        )
    return tuple(findings)
