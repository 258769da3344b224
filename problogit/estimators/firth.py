"""Penalized likelihood under Jeffreys' prior (Firth): the estimate, its distribution, and the intercept that predicts.

The covariance is the inverse information at the estimate, as for maximum likelihood, of which this is a correction of
order 1 / n. FLIC (Puhr et al. 2017, Statist. Med. 36:2302) predicts with the intercept that maximises the likelihood
given the slopes; to first order it has the sampling error of Firth's own, so that it takes the same covariance.
"""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from scipy.optimize import OptimizeResult

from problogit.core.coefficients import (
    CoefficientDistribution,
    DrawnCoefficients,
    NormalCoefficients,
    PointCoefficients,
)
from problogit.core.firth_fit import FirthFit, find_firth
from problogit.core.infinite import AliasedCoefficients
from problogit.core.null import null_intercept
from problogit.core.priors.jeffreys import Jeffreys
from problogit.core.rank import Aliases
from problogit.data.rows import Array
from problogit.errors import (
    AliasingWarning,
    ConvergenceWarning,
    EstimationError,
    InputError,
    NotAvailableError,
    explain,
)
from problogit.estimate import Details, Estimate, Estimator, Finding, FitStats, Provenance, Status
from problogit.estimators.likelihood_findings import alias_findings, convergence_findings
from problogit.estimators.penalized_bootstrap import resample
from problogit.estimators.penalized_optimum import optimize_result
from problogit.estimators.sandwich import sandwich
from problogit.problem import Problem
from problogit.progress import SILENT, Progress

__all__ = ["FirthDetails", "FirthOptions", "fit_firth"]

_NO_ESTIMATE = ", with which the information would be singular, and have no estimate (NaN)"


@dataclass(frozen=True, eq=False)
class FirthDetails(Details):
    """What Firth's method knows beside the coefficients.

    Attributes
    ----------
    raw : OptimizeResult or None
        ``raw.x`` are the coefficients of the columns that the search used, ``raw.fun`` minus the penalized
        log-likelihood there. None after `load`.
    prior : Jeffreys
    penalized_loglik : float
        Log-likelihood plus half the log-determinant of the information, original units of the columns.
    modes : tuple of float
        Penalized log-likelihoods of the distinct maxima that were found, less that of the highest.
    leverage : float
        Largest leverage of one trial at the estimate.
    flic : float or None
        The intercept that predicts; None where Firth's own does.
    predicting : CoefficientDistribution or None
        The coefficients with that intercept.
    inference : str
        What the intervals are: ``profile``, ``curvature``, ``sandwich``, ``bootstrap`` or ``none``.
    """

    raw: OptimizeResult | None
    prior: Jeffreys
    penalized_loglik: float
    modes: tuple[float, ...]
    leverage: float
    flic: float | None
    predicting: CoefficientDistribution | None
    inference: str

    @property
    def predictor(self) -> CoefficientDistribution | None:
        """The coefficients with the intercept of FLIC."""
        return self.predicting


@dataclass(frozen=True)
class FirthOptions:
    """What of `Penalized` concerns this prior."""

    prior: Jeffreys
    inference: str | None
    resamples: int


def fit_firth(
    method: Estimator,
    options: FirthOptions,
    problem: Problem,
    seeds: np.random.SeedSequence,
    progress: Progress = SILENT,
) -> Estimate:
    """Maximise the log-likelihood plus half the log-determinant of the information.

    Parameters
    ----------
    method : Estimator
        In whose name.
    options : FirthOptions
    problem : Problem
    seeds : SeedSequence
        Of the bootstrap.
    progress : Progress

    Raises
    ------
    EstimationError
        There are fewer rows than columns.
    InputError
        The kind of inference does not go with the weights or the size of the design.
    """
    started = time.perf_counter()
    inference = _choose_inference(options.inference, problem)
    fit = _maximum(problem)
    shift = _flic_shift(problem, fit) if options.prior.corrects_predictions else None
    coefficients = _spread(_distribution(inference, problem, fit), fit.aliases)
    search = fit.maximum
    findings = [
        *alias_findings(
            fit.aliases, problem, _NO_ESTIMATE, "a prior by column, which keeps all: Penalized(Normal(...))"
        ),
        *_mode_findings(fit),
        *convergence_findings("The search", search.iterations, search.decrement, converged=search.converged),
    ]
    _speak_up(findings)
    if options.prior.corrects_predictions:
        findings.append(_flic_finding(problem, fit, shift))
    point = fit.maximum.point
    loglik = point.kernel + problem.log_constant
    estimate = Estimate(
        problem=problem,
        method=method,
        coefficients=coefficients,
        status=Status.CONVERGED if fit.maximum.converged else Status.NOT_CONVERGED,
        findings=tuple(findings),
        stats=FitStats.of(loglik, fit.aliases.rank, problem),
        provenance=Provenance.of(
            f"Newton's method on the penalized likelihood, {fit.maximum.iterations} steps", started
        ),
        details=FirthDetails(
            raw=_raw(fit),
            prior=options.prior,
            penalized_loglik=loglik + fit.log_penalty,
            modes=tuple(value - fit.modes[0] for value in fit.modes),
            leverage=point.leverage,
            flic=None if shift is None else _intercept(problem, fit) + shift,
            predicting=None if shift is None else _moved(coefficients, cast(int, problem.intercept), shift),
            inference=inference,
        ),
    )
    if inference != "bootstrap":
        return estimate
    return _bootstrapped(estimate, options, seeds, progress, started)


def _maximum(problem: Problem) -> FirthFit:
    if problem.n_terms == 0:
        raise InputError(explain("formula", "must leave at least one column", problem.design.formula))
    if problem.rows.n_obs < problem.n_terms:
        raise EstimationError(
            f"Jeffreys() needs at least as many rows as columns, because the information must not be singular; there "
            f"are {problem.rows.n_obs} rows and {problem.n_terms} columns. Use Penalized(Normal(...)), or fewer terms."
        )
    return find_firth(problem.likelihood, problem.scaling)


# -- intervals ---------------------------------------------------------------------------------------------------------


def _choose_inference(asked: str | None, problem: Problem) -> str:
    if problem.weights_type != "sampling":
        return "profile" if asked is None else asked
    if asked == "curvature":
        remedy = "Use inference='sandwich', the default for these weights."
        raise InputError(
            explain("inference", "must not take sampling weights for a sample size", asked, remedy)
        )
    return "sandwich" if asked is None else asked


def _distribution(inference: str, problem: Problem, fit: FirthFit) -> CoefficientDistribution:
    """Of the kept columns, original units."""
    beta = fit.beta
    if inference in ("none", "bootstrap"):
        reason = "This fit was asked for with inference='none'. Fit again without it."
        return PointCoefficients(beta, reason)
    if inference == "profile":
        return NormalCoefficients(beta, fit.covariance())
    if inference == "sandwich" and problem.weights_type == "sampling":
        rows = problem.row_likelihood.columns(fit.aliases.kept)
        robust = sandwich(rows, beta, fit.covariance(), "HC0", frequency=False)
        return NormalCoefficients(beta, robust, ("sandwich",))
    if not fit.objective.affordable_curvature:
        remedy = (
            "Leave inference out: Wald intervals from the information, or profiles by interval='profile'."
        )
        received = f"{fit.objective.likelihood.n_rows} rows x {fit.aliases.rank} columns"
        raise InputError(explain("inference", f"{inference!r} needs a smaller design", received, remedy))
    curved = fit.covariance(fit.objective.penalty_curvature(fit.maximum.point))
    if inference == "curvature":
        return NormalCoefficients(beta, curved, ("curvature",))
    return NormalCoefficients(beta, curved @ np.linalg.inv(fit.covariance()) @ curved, ("sandwich",))


def _spread(inner: CoefficientDistribution, aliases: Aliases) -> CoefficientDistribution:
    return AliasedCoefficients(inner, aliases) if aliases.dropped.size else inner


def _bootstrapped(
    fit: Estimate,
    options: FirthOptions,
    seeds: np.random.SeedSequence,
    progress: Progress,
    started: float,
) -> Estimate:
    problem, terms = fit.problem, len(fit.terms)

    def refit(sample: Problem) -> Array:
        """The coefficients, and the intercept that predicts."""
        found = _maximum(sample)
        if not found.maximum.converged or found.aliases.dropped.size:
            raise EstimationError(
                "A resample has columns that repeat others, or the search did not converge."
            )
        beta = found.beta
        shift = _flic_shift(sample, found) if options.prior.corrects_predictions else None
        return np.append(beta, 0.0 if shift is None else shift)

    drawn, findings = resample(refit, fit, options.resamples, seeds, progress)
    location, chains = fit.coefficients.location, drawn.chains[..., :terms]
    details = cast(FirthDetails, fit.details)
    if problem.intercept is not None and details.flic is not None and details.predicting is not None:
        moved = chains.copy()
        moved[..., problem.intercept] += drawn.chains[..., terms]
        predicting = DrawnCoefficients(moved, ("bootstrap",), details.predicting.location)
        details = replace(details, predicting=predicting)
    engine = f"{fit.provenance.engine}; {options.resamples} bootstrap refits"
    return replace(
        fit,
        coefficients=DrawnCoefficients(chains, ("bootstrap",), location),
        findings=fit.findings + findings,
        provenance=Provenance.of(engine, started, seed=int(str(seeds.entropy))),
        details=details,
    )


# -- the intercept that predicts ---------------------------------------------------------------------------------------


def _intercept(problem: Problem, fit: FirthFit) -> float:
    return float(fit.beta[np.flatnonzero(fit.aliases.kept == problem.intercept)[0]])


def _flic_shift(problem: Problem, fit: FirthFit) -> float | None:
    """From Firth's intercept to the one that makes the sum of probabilities the number of events; None without one."""
    if problem.intercept is None or problem.constant_response is not None:
        return None
    like = problem.likelihood
    events, trials = like.weights * like.successes, like.weights * like.trials
    return null_intercept(events, trials, fit.objective.likelihood.eta(fit.maximum.point.x))


def _moved(coefficients: CoefficientDistribution, position: int, shift: float) -> CoefficientDistribution:
    """The same distribution with another intercept."""
    if isinstance(coefficients, AliasedCoefficients):
        place = int(np.flatnonzero(coefficients.aliases.kept == position)[0])
        return replace(coefficients, inner=_moved(coefficients.inner, place, shift))
    move = np.zeros(coefficients.size)
    move[position] = shift
    if isinstance(coefficients, NormalCoefficients):
        return replace(coefficients, mean=coefficients.mean + move)
    if isinstance(coefficients, PointCoefficients):
        return replace(coefficients, estimate=coefficients.estimate + move)
    raise NotAvailableError("These coefficients cannot take another intercept.")


def _flic_finding(problem: Problem, fit: FirthFit, shift: float | None) -> Finding:
    if shift is None:
        why = "the model has no intercept" if problem.intercept is None else "the response is constant"
        message = f"Probabilities are Firth's own, not FLIC's: {why}."
        return Finding("flic", "warning", message, "To have it so without this remark: Jeffreys(flic=False).")
    own = _intercept(problem, fit)
    return Finding(
        "flic",
        "info",
        f"Probabilities are predicted with the intercept {own + shift:.4g} (FLIC) instead of {own:.4g}, so that their "
        "mean is the observed share of events; the coefficients are Firth's. Jeffreys(flic=False) predicts by those.",
    )


# -- what was found ----------------------------------------------------------------------------------------------------


def _mode_findings(fit: FirthFit) -> list[Finding]:
    if len(fit.modes) < 2:
        return []
    return [
        Finding(
            "modes",
            "warning",
            f"The penalized likelihood has {len(fit.modes)} maxima, whose logarithms differ by "
            f"{fit.modes[0] - fit.modes[1]:.3g}: one follows a row of high leverage, another buries it. The highest is "
            f"reported, with leverages up to {fit.maximum.point.leverage:.2f}; other software may stop at a lower one.",
            "Look at the rows of high leverage, or transform the skewed predictor.",
        )
    ]


def _speak_up(findings: list[Finding]) -> None:
    kinds = {"aliased": AliasingWarning, "convergence": ConvergenceWarning}
    for finding in findings:
        if finding.code in kinds:
            warnings.warn(f"{finding.message} {finding.remedy}", kinds[finding.code], stacklevel=5)


def _raw(fit: FirthFit) -> OptimizeResult:
    found = fit.maximum
    return optimize_result(
        x=found.point.x,
        fun=-found.point.value,
        jac=-found.point.gradient,
        hess=found.point.information + found.correction,
        nit=found.iterations,
        nfev=found.evaluations,
        status=0 if found.converged else 1,
        success=found.converged,
        message=f"Newton's method ended {found.decrement:.1e} standard errors from the maximum.",
    )
