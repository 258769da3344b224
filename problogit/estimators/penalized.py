"""Penalized likelihood: the mode of log-likelihood + log prior, and what may be said of its uncertainty."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np

from problogit.core.coefficients import CoefficientDistribution, PointCoefficients
from problogit.core.debiased import DebiasedCoefficients
from problogit.core.early_stopping_record import Trajectory
from problogit.core.likelihood import BinomialLikelihood
from problogit.core.one_step import Linearised
from problogit.core.path_record import PathRecord
from problogit.core.priors.base import ResolvablePrior
from problogit.core.priors.flat import Flat
from problogit.core.priors.jeffreys import Jeffreys
from problogit.core.priors.normal import Normal
from problogit.core.priors.resolved import ResolvedPrior
from problogit.core.priors.strengthened import Strengthened
from problogit.data.rows import Array
from problogit.errors import ConvergenceWarning, EstimationError, InputError, explain
from problogit.estimate import (
    Estimate,
    Estimator,
    FitStats,
    Provenance,
    Status,
)
from problogit.estimators.batch_refits import refit_penalized
from problogit.estimators.debiased import debias
from problogit.estimators.early_stopping import EarlyStopping, EarlyStoppingDetails, fit_stopped
from problogit.estimators.firth import FirthDetails, FirthOptions, fit_firth
from problogit.estimators.firth_inference import FirthInference, firth_refusal
from problogit.estimators.linearised import linearised_maximum, linearised_mode
from problogit.estimators.mle import MLE, MLEDetails
from problogit.estimators.path_selection import ChosenStrength, choose_strength
from problogit.estimators.penalized_bootstrap import resample
from problogit.estimators.penalized_details import (
    ROADS,
    PenalizedDetails,
    convergence_findings,
    kink_findings,
    original_units,
    with_choice,
)
from problogit.estimators.penalized_inference import (
    choose_inference,
    data_information,
    distribution,
    effective_df,
)
from problogit.estimators.penalized_optimum import SOLVERS, choose_solver
from problogit.estimators.penalized_options import (
    check_jeffreys,
    check_solver,
    check_stopped,
    describe_penalized,
)
from problogit.estimators.penalized_problem import (
    ScaledProblem,
    Search,
    check_existence,
    scaled_problem,
    search,
)
from problogit.estimators.select import Selection, selection_of
from problogit.likelihood_inference import LikelihoodInference
from problogit.problem import Problem
from problogit.progress import SILENT, Progress
from problogit.validation import check_choice, check_integer, seed_sequence

__all__ = ["DEFAULT_PRIOR", "Penalized", "PenalizedDetails"]

DEFAULT_PRIOR = Normal(2.5, autoscale=True)
INFERENCE = ("curvature", "sandwich", "bootstrap", "debiased", "none")


@dataclass(frozen=True)
class Penalized(Estimator):
    """Penalized maximum likelihood: the mode of the posterior under `prior`.

    Maximises sum_i log-likelihood_i + log prior(beta). Normal is the L2 penalty (ridge), Laplace the L1 penalty (lasso,
    exact zeros), ElasticNet both; ``Penalized(Flat())`` is maximum likelihood and ``Penalized(Jeffreys())`` Firth's
    penalized likelihood, with profile intervals and likelihood-ratio tests of its own.

    Parameters
    ----------
    prior : Prior or Priors, default Normal(2.5, autoscale=True)
        The intercept is not penalized unless `Priors` says so.
    select : {None, "cv", "aic", "bic", "evidence"} or object
        Choose the strength from the data: all priors that are not flat are multiplied in strength by one common factor,
        their ratios kept. ``cv``: the log score of held-out units; ``aic``, ``bic``: with effective degrees of freedom;
        ``evidence``: the Laplace-approximate marginal likelihood (smooth priors). Options: `CrossValidation`,
        `InformationCriterion`, `Evidence`. Every refit on other rows, by the bootstrap or for out-of-sample scores,
        chooses again.
    inference : {None, "curvature", "sandwich", "bootstrap", "debiased", "none"}
        Where intervals come from. ``curvature``: (X'WX + L)^-1 with L minus the Hessian of the log prior; the default
        for smooth priors. ``sandwich``: the sampling covariance, which ignores the bias of shrinkage; the default under
        sampling weights. ``bootstrap``: rows drawn with replacement and fitted again, strength and all. ``debiased``:
        centred on a step of the likelihood without the penalty, where shrinkage leaves no bias to first order (an extra
        column of `summary`; the estimate stays the penalized one). ``none``: the default where any part of the prior is
        L1, and beyond 4000 columns.
    early_stopping : EarlyStopping, optional
        Regularise by stopping gradient steps instead of by a penalty: with a flat prior, and without `select`. Its
        intervals are ``none`` or ``bootstrap``.
    solver : {"auto", "newton", "lbfgs", "newton-cg", "proximal-newton"}
        One optimum, whatever the road. ``auto``: proximal Newton where the prior has an L1 part; else Newton up to 2000
        columns, Newton-CG beyond.
    resamples : int, default 1000
        Of the bootstrap.
    rng : int, Generator or None
        Of the bootstrap, of the folds of ``select="cv"`` and of the rows that early stopping holds out.

    Raises
    ------
    InputError
        An option has a value that does not exist, or does not go with the prior.
    """

    prior: ResolvablePrior = DEFAULT_PRIOR
    select: str | Selection | None = None
    inference: Literal["curvature", "sandwich", "bootstrap", "debiased", "none"] | None = None
    early_stopping: EarlyStopping | None = None
    solver: Literal["auto", "newton", "lbfgs", "newton-cg", "proximal-newton"] = "auto"
    resamples: int = 1000
    rng: int | np.random.Generator | None = None

    def __post_init__(self) -> None:
        """Check the options."""
        if not isinstance(self.prior, ResolvablePrior):
            remedy = "As in Penalized(Normal(1.0)), Penalized(Laplace(0.5)) or Penalized(Priors(...))."
            raise InputError(explain("prior", "must be a prior", self.prior, remedy))
        if self.prior.hierarchical:
            rule = "must have fixed scales in Penalized, which has no posterior of a scale"
            remedy = (
                "One scale chosen by the data is Penalized(Normal(1), select='evidence'), or select='cv'; "
                "Bayes(prior) takes this one."
            )
            raise InputError(explain("prior", rule, self.prior.describe(), remedy))
        if self.select is not None:
            selection_of(self.select)
        if self.inference is not None:
            check_choice("inference", self.inference, INFERENCE)
        check_choice("solver", self.solver, SOLVERS)
        if self.early_stopping is not None:
            if self.prior is DEFAULT_PRIOR:
                object.__setattr__(self, "prior", Flat())
            check_stopped(self.early_stopping, self.prior, self.select, self.inference, self.solver)
        if isinstance(self.prior, Jeffreys):
            check_jeffreys(self.select, self.inference, self.solver)
        check_integer("resamples", self.resamples, 2)
        seed_sequence(self.rng if not isinstance(self.rng, np.random.Generator) else None)

    @property
    def name(self) -> str:
        """``"Penalized"``."""
        return "Penalized"

    def estimate(self, problem: Problem, progress: Progress = SILENT) -> Estimate:
        """Maximise the penalized likelihood of `problem`."""
        return self._estimate(problem, progress, self.rng)

    def refit(self, problem: Problem, multiples: Array, rng: np.random.Generator) -> Estimate:
        """The same; the folds that choose a strength, or when to stop, keep the copies of a row together."""
        resample, whole_rows = problem.reweighted(multiples), not problem.weighted
        return self._estimate(resample, SILENT, rng, whole_rows=whole_rows)

    def refit_batch(self, problem: Problem, multiples: Array) -> Array | None:
        """All at once under a Gaussian prior of every slope, or a flat one."""
        if self.select is not None or self.early_stopping is not None or isinstance(self.prior, Jeffreys):
            return None
        return refit_penalized(problem, self.prior.resolve(problem), multiples)

    def _estimate(
        self,
        problem: Problem,
        progress: Progress,
        rng: int | np.random.Generator | None,
        *,
        whole_rows: bool = False,
    ) -> Estimate:
        started = time.perf_counter()
        if self.early_stopping is not None:
            resamples = self.resamples if self.inference == "bootstrap" else None
            seeds = seed_sequence(rng)
            return fit_stopped(
                self,
                self.early_stopping,
                problem,
                resamples=resamples,
                seeds=seeds,
                progress=progress,
                whole_rows=whole_rows,
            )
        if isinstance(self.prior, Jeffreys):
            options = FirthOptions(self.prior, self.inference, self.resamples)
            return fit_firth(self, options, problem, seed_sequence(rng), progress)
        prior = self.prior.resolve(problem)
        if prior.flat.all() and self.select is None:
            return self._maximum_likelihood(problem, progress)
        inference = choose_inference(self.inference, prior, problem)
        check_solver(prior, self.solver)
        seeds = seed_sequence(rng)
        chosen = self._choose(problem, prior, seeds, progress, whole_rows=whole_rows)
        if chosen is not None:
            prior = chosen.prior
        scaled, found = self._optimise(problem, prior, None if chosen is None else chosen.start)
        fit = self._assemble(problem, prior, scaled, found, inference, started)
        if chosen is not None:
            fit = with_choice(fit, chosen, seeds)
        return self._bootstrapped(fit, seeds, progress, started) if inference == "bootstrap" else fit

    def _choose(
        self,
        problem: Problem,
        prior: ResolvedPrior,
        seeds: np.random.SeedSequence,
        progress: Progress,
        *,
        whole_rows: bool = False,
    ) -> ChosenStrength | None:
        if self.select is None:
            return None
        selection = selection_of(self.select)
        return choose_strength(problem, prior, selection, seeds, progress, whole_rows=whole_rows)

    def _optimise(
        self, problem: Problem, prior: ResolvedPrior, start: Array | None = None
    ) -> tuple[ScaledProblem, Search]:
        """Find the optimum; `start`, in original units, is near it."""
        check_existence(problem, prior)
        solver = choose_solver(self.solver, prior)
        scaled = scaled_problem(problem, prior, solver)
        if start is not None:
            scaled = replace(scaled, start=scaled.scaling.to_scaled(start))
        return scaled, search(scaled, solver)

    def _coefficients(
        self, problem: Problem, seeds: np.random.SeedSequence, near: Array, *, whole_rows: bool
    ) -> Array:
        """The estimate alone, for resampling, found from that of the full data; the strength is chosen again."""
        prior = self.prior.resolve(problem)
        chosen = self._choose(problem, prior, seeds, SILENT, whole_rows=whole_rows)
        if chosen is not None:
            prior = chosen.prior
        scaled, found = self._optimise(problem, prior, near if chosen is None else chosen.start)
        if not found.best.converged:
            raise EstimationError(Status.NOT_CONVERGED.value)
        return original_units(scaled, found.best.gamma, prior)

    def _assemble(
        self,
        problem: Problem,
        prior: ResolvedPrior,
        scaled: ScaledProblem,
        found: Search,
        inference: str,
        started: float,
    ) -> Estimate:
        best, gamma = found.best, found.best.gamma
        beta = original_units(scaled, gamma, prior)
        loglik = scaled.objective.likelihood.value(gamma) + problem.log_constant
        kind = inference if inference in ("curvature", "sandwich") else "none"
        data = data_information(kind, scaled.objective, gamma)
        df = effective_df(scaled.objective, gamma, data)
        coefficients: CoefficientDistribution = distribution(kind, problem, scaled, gamma, beta, data)
        findings = [*found.findings, *kink_findings(prior, beta, problem), *convergence_findings(best)]
        if inference == "debiased":
            coefficients, assumed = debias(problem, scaled, gamma, beta)
            findings += assumed
        for finding in findings:
            if finding.code == "convergence":
                warnings.warn(f"{finding.message} {finding.remedy}", ConvergenceWarning, stacklevel=5)
        return Estimate(
            problem=problem,
            method=self,
            coefficients=coefficients,
            status=Status.CONVERGED if best.converged else Status.NOT_CONVERGED,
            findings=tuple(findings),
            stats=FitStats.of(loglik, df, problem),
            provenance=Provenance.of(f"{ROADS[best.solver]}, {best.raw.nit} steps", started),
            details=PenalizedDetails(
                raw=best.raw,
                prior=prior,
                scaling=scaled.scaling,
                solver=best.solver,
                violation=best.violation,
                penalized_loglik=loglik + prior.value(beta),
                n_modes=found.n_modes,
                inference=inference,
            ),
        )

    def _bootstrapped(
        self, fit: Estimate, seeds: np.random.SeedSequence, progress: Progress, started: float
    ) -> Estimate:
        near, whole_rows = fit.coefficients.location, not fit.problem.weighted
        refit = partial(self._coefficients, seeds=seeds, near=near, whole_rows=whole_rows)
        draws, findings = resample(refit, fit, self.resamples, seeds, progress)
        engine = f"{fit.provenance.engine}; {self.resamples} bootstrap refits"
        return replace(
            fit,
            coefficients=draws,
            findings=fit.findings + findings,
            provenance=Provenance.of(engine, started, seed=int(str(seeds.entropy))),
        )

    def _maximum_likelihood(self, problem: Problem, progress: Progress) -> Estimate:
        """A flat prior on every column: the estimate, the intervals and the separation report of `MLE`."""
        if self.inference == "bootstrap":
            remedy = "Use inference='curvature', or MLE(covariance='HC3')."
            raise InputError(
                explain("inference", "must not be a bootstrap under a flat prior", "bootstrap", remedy)
            )
        if self.inference == "debiased":
            rule = "must not be 'debiased' under a flat prior, which has no shrinkage to take away"
            raise InputError(explain("inference", rule, "debiased", "Leave it out, or use MLE()."))
        fit = replace(MLE().estimate(problem, progress), method=self)
        if self.inference != "none" or not np.isfinite(fit.coefficients.location).all():
            return fit  # infinite and aliased coefficients need their distribution to predict
        reason = "This fit was asked for with inference='none'. Fit again with inference='curvature'."
        return replace(fit, coefficients=PointCoefficients(fit.coefficients.location, reason))

    def summary_columns(self, estimate: Estimate) -> dict[str, Array]:
        """None: a shrunken estimate has no test of beta = 0. `MLE`'s under a flat prior, Firth's under Jeffreys'."""
        if isinstance(estimate.details, FirthDetails):
            return FirthInference(estimate).summary_columns()
        if isinstance(estimate.coefficients, DebiasedCoefficients):
            return {"debiased": estimate.coefficients.centre}
        return MLE().summary_columns(estimate) if isinstance(estimate.details, MLEDetails) else {}

    def linearised(self, estimate: Estimate) -> Linearised:
        """With the curvature of the prior; coefficients at the kink of an L1 penalty are held there."""
        details, problem = estimate.details, estimate.problem
        if isinstance(details, FirthDetails):
            return FirthInference(estimate).linearised()
        if isinstance(details, MLEDetails):
            return linearised_maximum(problem, details.maximum)
        if isinstance(details, PenalizedDetails):
            beta = estimate.coefficients.location
            return linearised_mode(problem, details.prior, details.scaling, beta)
        return super().linearised(estimate)

    def refusal(self, question: str, problem: Problem) -> str:
        """Under a flat prior this is maximum likelihood, and answers what that answers; Jeffreys' has its own."""
        if isinstance(self.prior, Jeffreys):
            return firth_refusal(question, problem)
        if isinstance(self.prior, Flat) and self.inference != "none" and self.early_stopping is None:
            return MLE().refusal(question, problem)
        return super().refusal(question, problem)

    def likelihood_inference(self, estimate: Estimate) -> LikelihoodInference:
        """Under Jeffreys' prior, of the penalized likelihood over the full design."""
        if isinstance(estimate.details, FirthDetails):
            return FirthInference(estimate)
        return super().likelihood_inference(estimate)

    def score_meat(self, problem: Problem, likelihood: BinomialLikelihood, beta: Array) -> Array | None:
        """Under a flat prior, that of `MLE`."""
        return MLE().score_meat(problem, likelihood, beta) if isinstance(self.prior, Flat) else None

    def raw(self, estimate: Estimate) -> Any:
        """The `OptimizeResult` of `scipy.optimize.minimize`; under a flat prior, the raw result of `MLE`."""
        if isinstance(estimate.details, (PenalizedDetails, EarlyStoppingDetails, FirthDetails)):
            return estimate.details.raw
        return MLE().raw(estimate)

    def prior_used(self, estimate: Estimate) -> ResolvablePrior:
        """The prior at the strength that was chosen."""
        record = self._record(estimate)
        if record is None or record.selection is None:
            return self.prior
        return Strengthened(self.prior, float(record.factors[record.selection.chosen]))

    def path(self, estimate: Estimate) -> PathRecord:
        """The path on which the strength was chosen."""
        record = self._record(estimate)
        return super().path(estimate) if record is None else record

    @staticmethod
    def _record(estimate: Estimate) -> PathRecord | None:
        return estimate.details.path if isinstance(estimate.details, PenalizedDetails) else None

    def trajectory(self, estimate: Estimate) -> Trajectory | None:
        """The gradient steps of early stopping."""
        return estimate.details.trajectory if isinstance(estimate.details, EarlyStoppingDetails) else None

    @property
    def costly(self) -> bool:
        """Choosing a strength, or when to stop, takes many fits."""
        return self.select is not None or self.early_stopping is not None

    def surrogate(self) -> Penalized:
        """Itself, without resampling inside resampling."""
        return replace(self, inference="none") if self.inference in ("bootstrap", "debiased") else self

    def describe(self) -> str:
        """One phrase for headers."""
        selection = None if self.select is None else selection_of(self.select)
        return describe_penalized(self.prior, selection, self.early_stopping, self.inference)
