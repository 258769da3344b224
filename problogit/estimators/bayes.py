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
from problogit.core.priors.hierarchy import ResolvedHierarchy
from problogit.core.priors.jeffreys import Jeffreys
from problogit.core.priors.used import UsedPrior, use_prior
from problogit.errors import ApproximationError, ConvergenceWarning, EstimationError, InputError, explain
from problogit.estimate import Estimate, Estimator, Finding
from problogit.estimators.laplace import laplace_estimate, laplace_sample
from problogit.estimators.laplace_details import LaplaceDetails
from problogit.estimators.nuts import choose_backend, sample_by_nuts
from problogit.estimators.nuts_op import NutsSettings
from problogit.estimators.penalized import DEFAULT_PRIOR, Penalized
from problogit.estimators.posterior import BayesDetails
from problogit.estimators.posterior_target import posterior_target
from problogit.estimators.propriety import check_proper, moment_findings
from problogit.estimators.target import Target
from problogit.problem import Problem
from problogit.progress import SILENT, Progress
from problogit.validation import check_choice, check_integer, check_probability, seed_sequence

__all__ = ["Bayes", "BayesDetails"]

SAMPLERS = ("nuts", "laplace", "auto")
BACKENDS = ("auto", "pymc", "nutpie")
_SURROGATE_DRAWS = 2000
_TAILS = (
    "the posterior keeps the heavy tails of its prior, heavier than those of the proposals, so that no number of "
    "weighted draws is enough (in theory Pareto k-hat exceeds 0.7; Vehtari et al. 2024)"
)
_SHORT_TUNING, _LONG_TUNING = 300, 1000
_LEARNED = "scales are learned, which may go to zero: no t at one mode covers that"
_STEPS, _FINE_STEPS = 0.8, 0.9  # target acceptance
_LEAST_DRAWS = 4  # r-hat splits each chain in two and needs a variance of each half


@dataclass(frozen=True)
class Bayes(Estimator):
    """Posterior draws: by PyMC's No-U-Turn sampler, or weighed about the mode.

    The samplers work in coordinates in which the posterior is nearly a standard normal (whitened at its mode), which
    changes their speed and nothing else: prior and likelihood are exact.

    Parameters
    ----------
    prior : Prior, Priors, Horseshoe or Jeffreys, default Normal(2.5, autoscale=True)
        Of the coefficients that are reported; the intercept is flat unless `Priors` says otherwise. A scale may have a
        prior itself: ``Normal(scale=HalfNormal(1))``.
    sampler : str, default "nuts"
        ``nuts``: Hoffman & Gelman (2014), as PyMC implements it. ``laplace``: draws of a multivariate t at the mode
        with the curvature there, with Pareto-smoothed importance weights; a posterior where k-hat is below 0.7 and
        the weights are worth 400 draws (Vehtari et al. 2024), else an error. ``auto``: ``laplace`` where that is a
        posterior, else ``nuts``; the fit says which and why.
    draws : int, default 1000
        Draws of each chain that are kept.
    tune : int, optional
        Steps before them that adapt the sampler and are thrown away. By default 300 where the prior is log-concave: the
        curvature at the mode is the metric already, and only the step size is left to find. Otherwise 1000.
    chains : int, default 4
        With one chain r-hat cannot be computed, which the diagnostics say. ``laplace`` has no chains and keeps draws
        x chains draws, fewer where the data are so many that weighing them would take long.
    cores : int, optional
        Chains run in that many processes where child processes are safe (``fork`` on Linux), otherwise one after the
        other; by default as many as there are processors. The draws do not depend on it.
    target_accept : float, optional
        Larger values make smaller steps. By default 0.8, and 0.9 under a horseshoe, whose many scales are followed
        better so: twice the effective draws for 1.7 times the steps where measured. The fit says which it was.
    rng : int, Generator or None
        Seed. The same seed gives the same draws on the same machine.
    backend : str, default "auto"
        Whose loop runs NUTS: ``pymc``, the reference, with its chains in processes; or ``nutpie``, an extra
        (``pip install 'problogit[nutpie]'``), with its chains one after the other in a thread of this process. Same
        density, same diagnostics, other random numbers; the fit says which it was. ``auto``: nutpie where it is
        installed, the prior is log-concave and the design has so few entries that its loop was measured to be the
        faster one.

    Raises
    ------
    InputError
        An option has a value that it cannot have.
    """

    prior: ResolvablePrior = DEFAULT_PRIOR
    sampler: str = "nuts"
    draws: int = 1000
    tune: int | None = None
    chains: int = 4
    cores: int | None = None
    target_accept: float | None = None
    rng: int | np.random.Generator | None = None
    backend: str = "auto"

    def __post_init__(self) -> None:
        """Check the options."""
        if not isinstance(self.prior, ResolvablePrior):
            remedy = "As in Bayes(Normal(2.5)), Bayes(Laplace(1)) or Bayes(Priors(...))."
            raise InputError(explain("prior", "must be a prior", self.prior, remedy))
        if isinstance(self.prior, Jeffreys) and self.prior.flic:
            rule = "must not be True in Bayes, whose predictions are averages over the posterior"
            raise InputError(
                explain("Jeffreys: flic", rule, self.prior.flic, "Leave it out: Bayes(Jeffreys()).")
            )
        check_choice("sampler", self.sampler, SAMPLERS)
        check_choice("backend", self.backend, BACKENDS)
        if self.prior.hierarchical and self.sampler == "laplace":
            rule = f"must be 'nuts' or 'auto' where scales are learned ({self.prior.describe()})"
            remedy = "A t at one mode does not cover scales that may go to zero."
            raise InputError(explain("sampler", rule, self.sampler, remedy))
        check_integer("draws", self.draws, _LEAST_DRAWS)
        if self.tune is not None:
            check_integer("tune", self.tune, 0)
        if self.tune == 0 and self.backend == "nutpie":
            remedy = "backend='pymc' can sample without adapting first."
            raise InputError(explain("tune", "must be at least 1 for backend='nutpie'", self.tune, remedy))
        check_integer("chains", self.chains, 1)
        if self.cores is not None:
            check_integer("cores", self.cores, 1)
        if self.target_accept is not None:
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
            If the posterior does not exist; the message names the terms and a prior that helps. `ApproximationError`,
            one of them, if the Laplace sampler was asked for and is not good enough.
        """
        started = time.perf_counter()
        _check_weights(problem)
        prior = use_prior(self.prior, problem)
        check_proper(problem, prior)
        seeds, target = seed_sequence(self.rng), posterior_target(problem, prior)
        heavy = moment_findings(problem, prior)
        if self.sampler == "nuts":
            found = self._by_nuts(problem, target, prior, seeds, progress)
        else:
            why = _LEARNED if self.prior.hierarchical else (_TAILS if heavy else "")
            found = self._by_weights(problem, target, prior, seeds, progress, why)
        _speak_up(tuple(finding for finding in found.findings if finding.severity != "info"))
        seconds = time.perf_counter() - started
        return replace(
            found,
            findings=(*found.findings, *heavy),
            provenance=replace(found.provenance, seconds=seconds),
        )

    def _by_nuts(
        self,
        problem: Problem,
        target: Target,
        prior: UsedPrior,
        seeds: np.random.SeedSequence,
        progress: Progress,
    ) -> Estimate:
        tune = self.tune
        if tune is None:
            tune = _SHORT_TUNING if prior.log_concave else _LONG_TUNING
        accept = self.target_accept
        if accept is None:
            accept = _FINE_STEPS if isinstance(prior, ResolvedHierarchy) and prior.local else _STEPS
        return sample_by_nuts(
            problem,
            self,
            target.with_fast_gradients(),
            prior=prior,
            settings=NutsSettings(
                self.draws,
                tune,
                self.chains,
                self.cores,
                accept,
                choose_backend(self.backend, problem, prior, tune),
            ),
            seeds=seeds,
            progress=progress,
        )

    def _by_weights(
        self,
        problem: Problem,
        target: Target,
        prior: UsedPrior,
        seeds: np.random.SeedSequence,
        progress: Progress,
        why: str,
    ) -> Estimate:
        """Weighted draws about the mode; where they are no posterior an error, or NUTS. `why` is known beforehand."""
        if not why:
            sample = laplace_sample(problem, target, self.draws * self.chains, seeds, progress)
            why = sample.shortcoming
            if not why:
                found = laplace_estimate(problem, self, target, sample, prior=prior, seeds=seeds)
                return found if self.sampler == "laplace" else _chosen(found, sample.verdict)
        if self.sampler == "laplace":
            raise ApproximationError(
                f"Draws about the mode are not a posterior here: {why}. Their numbers are not shown. Sample with "
                "Bayes(sampler='nuts'); sampler='auto' does so by itself where it must."
            )
        return _chosen(self._by_nuts(problem, target, prior, seeds, progress), why)

    def summary_columns(self, estimate: Estimate) -> dict[str, Array]:
        """How well the draws stand for the posterior, and the posterior probability of a positive coefficient.

        `r_hat`, `ess_bulk`, `ess_tail` and `prob_positive`; of the Laplace sampler `k_hat`, `ess`, `prob_positive`.
        """
        details = estimate.details
        draws = cast(DrawnCoefficients, estimate.coefficients).flat
        positive = {"prob_positive": np.asarray((draws > 0).mean(axis=0))}
        if isinstance(details, LaplaceDetails):
            return {"k_hat": np.full(details.ess.size, details.k_hat), "ess": details.ess, **positive}
        chains = cast(BayesDetails, details)
        return {"r_hat": chains.r_hat, "ess_bulk": chains.ess_bulk, "ess_tail": chains.ess_tail, **positive}

    def raw(self, estimate: Estimate) -> Any:
        """The sampler's output in its own coordinates; None after loading.

        Of NUTS what `pymc.sample` returned, InferenceData (PyMC 5) or DataTree (PyMC 6); of the Laplace sampler an
        `ImportanceSample`.
        """
        return cast(BayesDetails | LaplaceDetails, estimate.details).raw

    def seeded(self, seed: int) -> Bayes:
        """The same method with this seed."""
        return replace(self, rng=seed)

    def surrogate(self) -> PosteriorSurrogate | Penalized:
        """The Laplace sampler, and the mode where its k-hat fails.

        Where scales are learned: penalized likelihood with one strength that is chosen.
        """
        if self.prior.hierarchical:
            twin = self.prior.twin
            return Penalized(twin, select="evidence" if twin.smooth else "cv")
        return PosteriorSurrogate(replace(self, sampler="laplace", draws=_SURROGATE_DRAWS, chains=1))

    def mode_finder(self) -> Penalized | None:
        """Penalized likelihood with the same prior; none where scales are learned."""
        return None if self.prior.hierarchical else Penalized(self.prior)

    def describe(self) -> str:
        """One phrase for headers."""
        if self.sampler == "auto":
            return self._phrase("Laplace sampler where it will do, else NUTS")
        return self._phrase(_drawn(self.sampler, self.chains, self.draws))

    def describe_fit(self, estimate: Estimate) -> str:
        """`describe`, with the sampler that was used and the draws that it kept."""
        chains, draws = cast(DrawnCoefficients, estimate.coefficients).chains.shape[:2]
        used = "laplace" if isinstance(estimate.details, LaplaceDetails) else "nuts"
        return self._phrase(_drawn(used, chains, draws))

    def _phrase(self, how: str) -> str:
        return f"Bayesian posterior, {self.prior.describe()} prior, {how}"


@dataclass(frozen=True)
class PosteriorSurrogate(Estimator):
    """What stands in for a posterior in hundreds of refits: the Laplace sampler, or the mode where its k-hat fails."""

    sampler: Bayes

    @property
    def name(self) -> str:
        """``"Bayes"``."""
        return self.sampler.name

    @property
    def prior(self) -> ResolvablePrior:
        """The prior of the posterior."""
        return self.sampler.prior

    def estimate(self, problem: Problem, progress: Progress = SILENT) -> Estimate:
        """Weigh draws about the mode; where they are no posterior, find the mode."""
        try:
            return self.sampler.estimate(problem, progress)
        except ApproximationError as error:
            found = Penalized(self.prior).estimate(problem, progress)
            message = f"The mode stands in for the posterior. {error}"
            return replace(found, findings=(*found.findings, Finding("surrogate", "info", message)))

    def summary_columns(self, estimate: Estimate) -> dict[str, Array]:
        """Those of the method that was used."""
        return estimate.method.summary_columns(estimate)

    def raw(self, estimate: Estimate) -> Any:
        """That of the method that was used."""
        return estimate.method.raw(estimate)

    def seeded(self, seed: int) -> PosteriorSurrogate:
        """The same method with this seed."""
        return PosteriorSurrogate(self.sampler.seeded(seed))

    def surrogate(self) -> PosteriorSurrogate:
        """Itself."""
        return self

    def mode_finder(self) -> Penalized | None:
        """Penalized likelihood with the same prior."""
        return self.sampler.mode_finder()

    def describe(self) -> str:
        """One phrase for headers."""
        return f"{self.sampler.describe()} (the mode where its k-hat fails)"


def _drawn(sampler: str, chains: int, draws: int) -> str:
    if sampler == "laplace":
        return f"Laplace sampler, {chains * draws} draws"
    return f"NUTS {chains} x {draws} draws"


def _chosen(found: Estimate, why: str) -> Estimate:
    """Say which sampler `auto` chose and why."""
    weighed = isinstance(found.details, LaplaceDetails)
    used = "the Laplace sampler" if weighed else "NUTS, because draws about the mode are no posterior"
    message = f"sampler='auto' chose {used}: {why}."
    engine = f"{found.provenance.engine}; chosen by sampler='auto'"
    return replace(
        found,
        findings=(*found.findings, Finding("sampler", "info", message)),
        provenance=replace(found.provenance, engine=engine),
    )


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
