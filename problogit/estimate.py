"""What every engine returns: a coefficient distribution with its status, its findings and where it came from."""

from __future__ import annotations

import enum
import platform
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import metadata
from typing import Any, Protocol

import numpy as np

from problogit._version import __version__
from problogit.core.coefficients import CoefficientDistribution
from problogit.core.early_stopping_record import Trajectory
from problogit.core.likelihood import BinomialLikelihood
from problogit.core.one_step import Linearised
from problogit.core.path_record import PathRecord
from problogit.core.priors.base import ResolvablePrior
from problogit.core.profile import TermProfile
from problogit.data.rows import Array
from problogit.errors import NotAvailableError
from problogit.likelihood_inference import TEST_NAMES, LikelihoodInference, OrdinaryLikelihood
from problogit.problem import Problem
from problogit.progress import SILENT, Progress

__all__ = [
    "Details",
    "Estimate",
    "Estimator",
    "Finding",
    "FitStats",
    "HasEstimate",
    "Provenance",
    "Status",
]


class Status(enum.Enum):
    """How a fit ended; the value is the sentence that the user reads."""

    CONVERGED = "The fit converged."
    SEPARATED = "The data are separated: some maximum-likelihood coefficients are infinite."
    STOPPED = "The fit was stopped before the maximum of the likelihood, as asked."
    NOT_CONVERGED = "The optimiser stopped before it converged; do not report these numbers."
    DIAGNOSTICS_FAILED = "The sampler's diagnostics give reason not to trust these draws yet."
    INTERRUPTED = "Sampling was interrupted: these are the draws made until then, fewer than asked for."

    @property
    def trusted(self) -> bool:
        """True where the numbers may be reported as they are."""
        return self in (Status.CONVERGED, Status.STOPPED)

    @property
    def ended(self) -> bool:
        """False where an optimiser stopped early, a sampler was interrupted or its diagnostics failed."""
        return self not in (Status.NOT_CONVERGED, Status.DIAGNOSTICS_FAILED, Status.INTERRUPTED)


@dataclass(frozen=True)
class Finding:
    """Something that was checked and found.

    Attributes
    ----------
    code : str
        Short stable name, e.g. ``"separation"``.
    severity : str
        ``"info"``, ``"warning"`` or ``"error"``.
    message : str
        What was found, a full sentence with its figures.
    remedy : str
        What to do about it; empty where nothing needs doing.
    terms : tuple of str
        The terms concerned.
    """

    code: str
    severity: str
    message: str
    remedy: str = ""
    terms: tuple[str, ...] = ()


@dataclass(frozen=True)
class FitStats:
    """Likelihood figures of a fit.

    Attributes
    ----------
    loglik, null_loglik : float
        Log-likelihood (with log C(m, s)) at the estimate and of the null model.
    df_model : float
        Rank of the design for MLE, effective degrees of freedom for penalized fits, NaN for Bayes.
    aic, bic : float
        -2 loglik + 2 df and -2 loglik + log(n) df; NaN where they mean nothing.
    """

    loglik: float
    null_loglik: float
    df_model: float
    aic: float
    bic: float

    @staticmethod
    def of(loglik: float, df_model: float, problem: Problem) -> FitStats:
        """Fill in AIC and BIC; under sampling weights there is no likelihood of a sample, and they are NaN."""
        aic = bic = float("nan")
        if problem.weights_type != "sampling":
            aic = -2 * loglik + 2 * df_model
            bic = -2 * loglik + float(np.log(problem.nobs)) * df_model
        return FitStats(loglik, problem.null_loglik, df_model, aic, bic)


@dataclass(frozen=True)
class Provenance:
    """Where the numbers came from.

    Attributes
    ----------
    engine : str
        What computed them, in words ("Newton, 5 iterations").
    seed : int or None
        Entropy of the random numbers; None where none were used.
    seconds : float
        Wall time of the fit.
    versions : mapping of str to str
        Python, problogit and every package that took part.
    """

    engine: str
    seed: int | None
    seconds: float
    versions: Mapping[str, str]

    @staticmethod
    def of(
        engine: str, started: float, packages: tuple[str, ...] = (), seed: int | None = None
    ) -> Provenance:
        """Note the versions of `packages` and the time since `started` (of `time.perf_counter`)."""
        names = ("problogit", "numpy", "scipy", *packages)
        versions = {"python": platform.python_version()} | {name: _version(name) for name in names}
        return Provenance(engine, seed, time.perf_counter() - started, versions)


@cache
def _version(package: str) -> str:
    if package == "problogit":
        return __version__
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


@dataclass(frozen=True, eq=False)
class Details:
    """Base of what one engine alone knows; each engine extends it beside its code."""

    @property
    def predictor(self) -> CoefficientDistribution | None:
        """Coefficients that predict, where they are not those that are reported (FLIC); else None."""
        return None

    @property
    def posterior_mode(self) -> Array | None:
        """The mode behind draws, shape (n_terms,), where it is known exactly; else None."""
        return None

    @property
    def hyperparameters(self) -> Mapping[str, Array]:
        """Posterior draws of what is not a coefficient, by name, shape (n_chains, n_draws, ...)."""
        return {}

    @property
    def learned(self) -> Mapping[str, tuple[tuple[str, ...], Array, Array]]:
        """Of each hyperparameter: its terms (none: one for all), draws, and r-hat with bulk and tail ESS (..., 3)."""
        return {}

    @property
    def row_refusal(self) -> str:
        """Why these draws must not be reweighted by the likelihood of rows; empty where they may."""
        return ""

    @property
    def effective_sizes(self) -> tuple[Array, Array] | None:
        """Effective sample sizes of posterior draws, bulk and tail, each of shape (n_terms,), where they are known."""
        return None


class Estimator(ABC):
    """A way to estimate a `Problem`: the interface that a new engine implements."""

    @property
    @abstractmethod
    def name(self) -> str:
        """``"MLE"``, ``"Penalized"`` or ``"Bayes"``."""

    @property
    @abstractmethod
    def prior(self) -> ResolvablePrior:
        """The prior (penalty) that it uses; `Flat()` for maximum likelihood."""

    @abstractmethod
    def estimate(self, problem: Problem, progress: Progress = SILENT) -> Estimate:
        """Fit."""

    def refit(self, problem: Problem, multiples: Array, rng: np.random.Generator) -> Estimate:
        """Fit a bootstrap resample of `problem`.

        Parameters
        ----------
        problem : Problem
        multiples : ndarray, shape (n_obs,)
            How many times more each row counts; copies of a row are the same unit drawn again.
        rng : Generator
            In place of the method's own random numbers, where it uses some.
        """
        return self.seeded(int(rng.integers(2**63))).estimate(problem.reweighted(multiples))

    def refit_batch(self, problem: Problem, multiples: Array) -> Array | None:
        """Coefficients that predict, of many reweighted problems at once, where the method has a faster road to them.

        Parameters
        ----------
        problem : Problem
        multiples : ndarray, shape (K, n_obs)

        Returns
        -------
        ndarray of shape (K, n_terms), or None
            What `refit` gives, NaN in the rows that only `refit` can answer; None where there is no such road.
        """
        return None

    @abstractmethod
    def summary_columns(self, estimate: Estimate) -> dict[str, Array]:
        """The columns that this method adds to `summary()`, each of shape (n_terms,)."""

    @abstractmethod
    def raw(self, estimate: Estimate) -> Any:
        """The native result of the engine."""

    @property
    def costly(self) -> bool:
        """True where one fit is itself made of many, so that leaving out one row at a time would take too long."""
        return False

    @property
    def spread_label(self) -> str:
        """What the standard errors are, in a few words, where it is not the method's default; else empty.

        As in ``"HC3"`` or ``"CR1 by school"``: it stands beside the kind of interval in comparisons.
        """
        return ""

    def seeded(self, seed: int) -> Estimator:
        """The same method with this seed; itself where it draws nothing."""
        return self

    @abstractmethod
    def surrogate(self) -> Estimator:
        """A method fit for hundreds of refits that stands in for this one."""

    @abstractmethod
    def describe(self) -> str:
        """One phrase for headers, e.g. ``"Penalized likelihood, Normal(0, 2.5) prior"``."""

    def describe_fit(self, estimate: Estimate) -> str:
        """`describe`, with what the method left open until it saw the data."""
        return self.describe()

    def mode_finder(self) -> Estimator | None:
        """The method whose estimate is the mode of the posterior that this one samples; None where it samples none."""
        return None

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the user's table that this method reads beside the model's own, such as clusters."""
        return ()

    def score_meat(
        self,
        problem: Problem,
        likelihood: BinomialLikelihood,
        beta: Array,
    ) -> Array | None:
        """Covariance of the score that a score test of this method uses, shape (n_columns, n_columns).

        Parameters
        ----------
        problem : Problem
        likelihood : BinomialLikelihood
            One entry per row of `problem`, in the coordinates of `beta`.
        beta : ndarray

        Returns
        -------
        ndarray or None
            None for the information matrix: the model is taken as true.
        """
        return None

    def prior_used(self, estimate: Estimate) -> ResolvablePrior:
        """The prior of a fit: `prior`, at the strength that was chosen where one was."""
        return self.prior

    def path(self, estimate: Estimate) -> PathRecord:
        """The penalty path behind a fit.

        Raises
        ------
        NotAvailableError
            None was computed.
        """
        raise NotAvailableError(
            "This fit has no penalty path: its strength was given, not chosen. Fit Penalized(prior, select='cv') (or "
            "'aic', 'bic', 'evidence'), or compute a path without a choice: model.path(prior)."
        )

    def trajectory(self, estimate: Estimate) -> Trajectory | None:
        """The gradient steps behind a fit that was stopped early; None for every other."""
        return None

    def linearised(self, estimate: Estimate) -> Linearised:
        """The fit as weighted least squares at its optimum: what leverage and one-step influence are made of.

        Raises
        ------
        NotAvailableError
            The method has no optimum at which its estimate could be linearised.
        """
        raise NotAvailableError(
            f"Leverage and one-step influence belong to an optimum of the likelihood or of likelihood times prior, and "
            f"{self.describe()} is none. Fit the same model with Penalized(prior) of the same prior, or with MLE()."
        )

    def likelihood_inference(self, estimate: Estimate) -> LikelihoodInference:
        """What profiles and likelihood ratios of a fit are made of: the log-likelihood, unless the method says more."""
        return OrdinaryLikelihood(estimate.problem)

    def refusal(self, question: str, problem: Problem) -> str:
        """Why this method cannot answer a question of likelihood inference; empty where it can.

        Parameters
        ----------
        question : str
            ``"profile"`` (profile-likelihood intervals) or a test: ``"lr"``, ``"wald"``, ``"score"``.
        problem : Problem
            What was fitted.
        """
        what = "Profile-likelihood intervals" if question == "profile" else TEST_NAMES[question] + "s"
        return (
            f"{what} need a fit by maximum likelihood or under Jeffreys(); this one is {self.describe()}. "
            "Fit the same model with MLE() for that, or read this fit's own intervals: `summary()`, `contrast(...)`."
        )


@dataclass(frozen=True, eq=False)
class Estimate:
    """A fitted problem.

    Attributes
    ----------
    problem : Problem
    method : Estimator
    coefficients : CoefficientDistribution
    status : Status
    findings : tuple of Finding
    stats : FitStats
    provenance : Provenance
    details : Details
    profiled : TermProfile or None
        `term_profile`, where it was saved with the fit.
    """

    problem: Problem
    method: Estimator
    coefficients: CoefficientDistribution
    status: Status
    findings: tuple[Finding, ...]
    stats: FitStats
    provenance: Provenance
    details: Details
    profiled: TermProfile | None = None

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of the coefficients."""
        return self.problem.terms

    @property
    def predictor(self) -> CoefficientDistribution:
        """The coefficients that predict: those that are reported, unless the method corrects predictions (FLIC)."""
        return self.coefficients if self.details.predictor is None else self.details.predictor

    @cached_property
    def term_profile(self) -> TermProfile | None:
        """What a summary by profiles is made of, where that is the method's default; made once, and saved."""
        return self.method.likelihood_inference(self).terms() if self.profiled is None else self.profiled

    @cached_property
    def raw(self) -> Any:
        """The native result, made once."""
        return self.method.raw(self)


class HasEstimate(Protocol):
    """Anything that carries an estimate: what plots, tables and reports ask of a fit."""

    @property
    def estimate(self) -> Estimate:
        """The estimate."""
