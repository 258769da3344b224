"""Bayesian inference: the method, what it refuses, and which engine samples."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from problogit.core.blocks import Array
from problogit.core.coefficients import DrawnCoefficients
from problogit.core.priors.base import ResolvablePrior
from problogit.errors import ConvergenceWarning, EstimationError, InputError, explain
from problogit.estimate import Estimate, Estimator, Finding
from problogit.estimators.nuts import sample_by_nuts
from problogit.estimators.nuts_op import NutsSettings
from problogit.estimators.penalized import DEFAULT_PRIOR, Penalized
from problogit.estimators.posterior import BayesDetails
from problogit.estimators.propriety import check_proper, moment_findings
from problogit.estimators.whitened import whiten
from problogit.problem import Problem
from problogit.progress import SILENT, Progress
from problogit.validation import check_choice, check_integer, check_probability, seed_sequence

__all__ = ["Bayes", "BayesDetails"]

SAMPLERS = ("nuts",)
_LEAST_DRAWS = 4  # r-hat splits each chain in two and needs a variance of each half


@dataclass(frozen=True)
class Bayes(Estimator):
    """Posterior draws by PyMC's No-U-Turn sampler.

    The sampler works in coordinates in which the posterior is nearly a standard normal (whitened at its mode), which
    changes its speed and nothing else: prior and likelihood are exact.

    Parameters
    ----------
    prior : Prior or Priors, default Normal(2.5, autoscale=True)
        Of the coefficients that are reported; the intercept is flat unless `Priors` says otherwise.
    sampler : str, default "nuts"
        ``nuts``: Hoffman & Gelman (2014), as PyMC implements it.
    draws, tune : int, default 1000
        Draws of each chain that are kept, and steps before them that adapt the sampler and are thrown away.
    chains : int, default 4
        With one chain r-hat cannot be computed, which the diagnostics say.
    cores : int, optional
        Chains run in that many processes where child processes are safe (``fork`` on Linux), otherwise one after the
        other; by default as many as there are processors. The draws do not depend on it.
    target_accept : float, default 0.8
        Larger values make smaller steps.
    rng : int, Generator or None
        Seed. The same seed gives the same draws on the same machine.

    Raises
    ------
    InputError
        An option has a value that it cannot have.
    """

    prior: ResolvablePrior = DEFAULT_PRIOR
    sampler: str = "nuts"
    draws: int = 1000
    tune: int = 1000
    chains: int = 4
    cores: int | None = None
    target_accept: float = 0.8
    rng: int | np.random.Generator | None = None

    def __post_init__(self) -> None:
        """Check the options."""
        if not isinstance(self.prior, ResolvablePrior):
            remedy = "As in Bayes(Normal(2.5)), Bayes(Laplace(1)) or Bayes(Priors(...))."
            raise InputError(explain("prior", "must be a prior", self.prior, remedy))
        if self.prior.joint:
            remedy = f"Penalized({self.prior.describe()}) fits this one; sampling it is not available."
            raise InputError(explain("prior", "must be a prior of single coefficients", self.prior, remedy))
        check_choice("sampler", self.sampler, SAMPLERS)
        check_integer("draws", self.draws, _LEAST_DRAWS)
        check_integer("tune", self.tune, 0)
        check_integer("chains", self.chains, 1)
        if self.cores is not None:
            check_integer("cores", self.cores, 1)
        check_probability("target_accept", self.target_accept)
        if not isinstance(self.rng, np.random.Generator):
            seed_sequence(self.rng)

    @property
    def name(self) -> str:
        """``"Bayes"``."""
        return "Bayes"

    def estimate(self, problem: Problem, progress: Progress = SILENT) -> Estimate:
        """Sample the posterior of `problem`.

        Raises
        ------
        EstimationError
            If the posterior does not exist; the message names the terms and a prior that helps.
        """
        started = time.perf_counter()
        _check_weights(problem)
        prior = self.prior.resolve(problem)
        check_proper(problem, prior)
        settings = NutsSettings(self.draws, self.tune, self.chains, self.cores, self.target_accept)
        target = whiten(problem, prior)
        found = sample_by_nuts(
            problem,
            self,
            target,
            prior=prior,
            settings=settings,
            seeds=seed_sequence(self.rng),
            progress=progress,
        )
        _speak_up(found.findings)
        seconds = time.perf_counter() - started
        return replace(
            found,
            findings=(*found.findings, *moment_findings(problem, prior)),
            provenance=replace(found.provenance, seconds=seconds),
        )

    def summary_columns(self, estimate: Estimate) -> dict[str, Array]:
        """`r_hat`, `ess_bulk`, `ess_tail` and `prob_positive`, the posterior probability of a positive coefficient."""
        details = cast(BayesDetails, estimate.details)
        draws = cast(DrawnCoefficients, estimate.coefficients).flat
        return {
            "r_hat": details.r_hat,
            "ess_bulk": details.ess_bulk,
            "ess_tail": details.ess_tail,
            "prob_positive": np.asarray((draws > 0).mean(axis=0)),
        }

    def raw(self, estimate: Estimate) -> Any:
        """What `pymc.sample` returned, in the sampler's coordinates: InferenceData (PyMC 5) or DataTree (PyMC 6)."""
        return cast(BayesDetails, estimate.details).raw

    def surrogate(self) -> Penalized:
        """The posterior mode: penalized likelihood with the same prior."""
        return Penalized(self.prior)

    def describe(self) -> str:
        """One phrase for headers."""
        return f"Bayesian posterior, {self.prior.describe()} prior, NUTS {self.chains} x {self.draws} draws"


def _check_weights(problem: Problem) -> None:
    if problem.weights_type == "sampling":
        raise InputError(
            explain(
                "weights_type",
                "must be 'frequency' or 'importance' for Bayes",
                problem.weights_type,
                "Sampling weights make no likelihood, hence no posterior; MLE() gives design-based standard errors.",
            )
        )
    if problem.n_terms == 0:
        raise EstimationError(
            "The model has no column, so there is nothing to sample. Add a term or the intercept."
        )


def _speak_up(findings: tuple[Finding, ...]) -> None:
    if findings:
        text = " ".join(f"{finding.message} {finding.remedy}".strip() for finding in findings)
        warnings.warn(text, ConvergenceWarning, stacklevel=4)
