"""Maximum likelihood: the optimum by our Newton core, standard errors, and the truth about separation."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

import numpy as np
from scipy.special import ndtr

from problogit.core.likelihood import BinomialLikelihood
from problogit.core.maximum import Maximum
from problogit.core.one_step import Linearised
from problogit.core.priors.base import ResolvablePrior
from problogit.core.priors.flat import Flat
from problogit.data.groups import group_names
from problogit.data.rows import Array
from problogit.errors import (
    AliasingWarning,
    ConvergenceWarning,
    EstimationError,
    InputError,
    SeparationWarning,
    explain,
)
from problogit.estimate import Details, Estimate, Estimator, Finding, FitStats, Provenance, Status
from problogit.estimators.batch_refits import refit_likelihood
from problogit.estimators.cluster import CR_KINDS, cluster_meat
from problogit.estimators.likelihood_findings import (
    alias_findings,
    check_estimable,
    convergence_findings,
    separation_findings,
    weight_findings,
)
from problogit.estimators.linearised import linearised_maximum
from problogit.estimators.mle_bootstrap import bootstrapped, drawn_groups
from problogit.estimators.mle_covariance import (
    COVARIANCES,
    Groups,
    dot_findings,
    read_groups,
    sampling_covariance,
)
from problogit.estimators.sandwich import score_meat
from problogit.problem import Problem
from problogit.progress import SILENT, Progress
from problogit.validation import check_choice, check_integer, seed_sequence

__all__ = ["MLE", "MLEDetails"]

_NO_ESTIMATE = " and have no estimate (NaN)"


@dataclass(frozen=True, eq=False)
class MLEDetails(Details):
    """What maximum likelihood knows beside the coefficients.

    Attributes
    ----------
    maximum : Maximum
        Optimum, rank, aliases, separation.
    clusters : tuple of int
        Number of clusters behind the covariance, one or two; empty where there are none.
    """

    maximum: Maximum
    clusters: tuple[int, ...] = ()


@dataclass(frozen=True)
class MLE(Estimator):
    """Maximum likelihood.

    Parameters
    ----------
    covariance : str, default "classical"
        ``classical``: inverse information. ``HC0``, ``HC1``, ``HC2``, ``HC3``: sandwich over rows, really different
        from one another. ``CR1`` (also written ``cluster``), ``CR2``, ``CR3``: sandwich over clusters of rows, ``CR2``
        and ``CR3`` with less bias where clusters are few. ``bootstrap``: rows, or whole clusters where there are
        groups, drawn with replacement and fitted again. Sampling weights always use a sandwich: ``classical`` then
        means ``HC0``.
    groups : str or sequence of one or two str, optional
        Columns of the user's table that hold the clusters, for ``CR1`` to ``CR3`` (two names: two-way) and
        ``bootstrap`` (one); those of the model without it.
    separation : str, default "warn"
        What to do when coefficients are infinite: ``warn`` (report them as such) or ``error``.
    resamples : int, default 1000
        Of the bootstrap.
    rng : int, Generator or None
        Of the bootstrap.

    Raises
    ------
    InputError
        An option has a value that does not exist.
    """

    covariance: Literal[
        "classical", "HC0", "HC1", "HC2", "HC3", "CR1", "CR2", "CR3", "cluster", "bootstrap"
    ] = "classical"
    groups: str | Sequence[str] | None = None
    separation: Literal["warn", "error"] = "warn"
    resamples: int = 1000
    rng: int | np.random.Generator | None = None

    def __post_init__(self) -> None:
        """Check the options; `cluster` becomes CR1 and groups a tuple."""
        check_choice("covariance", self.covariance, (*COVARIANCES, "cluster"))
        if self.covariance == "cluster":
            object.__setattr__(self, "covariance", "CR1")
        if self.groups is not None:
            object.__setattr__(self, "groups", group_names(self.groups))
            self._check_groups()
        check_choice("separation", self.separation, ("warn", "error"))
        check_integer("resamples", self.resamples, 2)
        seed_sequence(self.rng if not isinstance(self.rng, np.random.Generator) else None)

    def _check_groups(self) -> None:
        if self.covariance not in (*CR_KINDS, "bootstrap"):
            remedy = "Write MLE(covariance='cluster', groups=...)."
            rule = f"has no use with covariance={self.covariance!r}"
            raise InputError(explain("groups", rule, self.groups, remedy))
        if self.covariance == "bootstrap" and len(self.columns) > 1:
            remedy = "Draw the coarser of the two, or use covariance='CR1', which does both."
            raise InputError(explain("groups", "must be one column for the bootstrap", self.groups, remedy))

    @property
    def name(self) -> str:
        """``"MLE"``."""
        return "MLE"

    @property
    def prior(self) -> ResolvablePrior:
        """Flat: no penalty."""
        return Flat()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of groups that it names."""
        return () if self.groups is None else tuple(self.groups)

    def estimate(self, problem: Problem, progress: Progress = SILENT) -> Estimate:
        """Maximise the likelihood of `problem`."""
        started = time.perf_counter()
        check_estimable(problem)
        kind = self.effective_covariance(problem)
        groups = self._groups(problem)
        maximum, newton = problem.maximum, problem.maximum.newton
        spread = sampling_covariance(problem, maximum, "classical" if kind == "bootstrap" else kind, groups)
        findings = [
            *alias_findings(
                maximum.aliases, problem, _NO_ESTIMATE, "a proper prior, which keeps all columns"
            ),
            *separation_findings(maximum, problem, one_sided=not self.refusal("profile", problem)),
            *convergence_findings(
                "Newton's method", newton.iterations, newton.decrement, converged=newton.converged
            ),
            *weight_findings(kind, problem),
            *spread.findings,
            *dot_findings(problem, groups),
        ]
        self._speak_up(findings)
        status = Status.CONVERGED if newton.converged else Status.NOT_CONVERGED
        if maximum.separation is not None and newton.converged:
            status = Status.SEPARATED
        fit = Estimate(
            problem=problem,
            method=self if groups is None else replace(self, groups=groups.names),
            coefficients=maximum.distribution(spread.covariance),
            status=status,
            findings=tuple(findings),
            stats=FitStats.of(maximum.kernel + problem.log_constant, maximum.aliases.rank, problem),
            provenance=Provenance.of(f"Newton's method, {newton.iterations} steps", started),
            details=MLEDetails(maximum, spread.clusters),
        )
        return self._bootstrapped(fit, groups, progress, started) if kind == "bootstrap" else fit

    def refit_batch(self, problem: Problem, multiples: Array) -> Array | None:
        """All at once, where no column is aliased and nothing is separated in the full data."""
        return refit_likelihood(problem, problem.maximum, multiples)

    def _groups(self, problem: Problem) -> Groups | None:
        """The clusters that the covariance needs; for the bootstrap only where there are some."""
        if self.covariance == "bootstrap":
            return drawn_groups(problem, self.columns)
        if self.covariance in CR_KINDS:
            return read_groups(problem, self.columns or problem.default_groups, self.covariance)
        return None

    def _bootstrapped(
        self, fit: Estimate, groups: Groups | None, progress: Progress, started: float
    ) -> Estimate:
        maximum, seeds = cast(MLEDetails, fit.details).maximum, seed_sequence(self.rng)
        if maximum.beta.size == 0:
            return fit
        draws, findings = bootstrapped(fit.problem, maximum, groups, self.resamples, seeds, progress)
        engine = f"{fit.provenance.engine}; {self.resamples} bootstrap refits"
        return replace(
            fit,
            coefficients=draws,
            findings=fit.findings + findings,
            provenance=Provenance.of(engine, started, seed=int(str(seeds.entropy))),
        )

    def _speak_up(self, findings: list[Finding]) -> None:
        for finding in findings:
            text = f"{finding.message} {finding.remedy}".strip()
            if finding.code == "separation":
                if self.separation == "error":
                    raise EstimationError(text)
                warnings.warn(text, SeparationWarning, stacklevel=4)
            elif finding.code == "aliased":
                warnings.warn(text, AliasingWarning, stacklevel=4)
            elif finding.code == "convergence":
                warnings.warn(text, ConvergenceWarning, stacklevel=4)

    def effective_covariance(self, problem: Problem) -> str:
        """The covariance that is used: sampling weights force a sandwich."""
        if self.covariance == "classical" and problem.weights_type == "sampling":
            return "HC0"
        return self.covariance

    def summary_columns(self, estimate: Estimate) -> dict[str, Array]:
        """`statistic` (z) and its two-sided `p_value`; NaN for coefficients that are not finite.

        A p-value below the smallest normal number (2.2e-308, |z| > 37) is given as that number, never as 0.
        """
        margins = estimate.coefficients.marginals()
        with np.errstate(invalid="ignore", divide="ignore"):
            z = np.where(np.isfinite(margins.sd), margins.location / margins.sd, np.nan)
        p = np.maximum(2 * ndtr(-np.abs(z)), np.finfo(float).tiny)
        return {"statistic": z, "p_value": p}

    def raw(self, estimate: Estimate) -> Any:
        """The statsmodels result at this optimum, or an error that says why there is none."""
        from problogit.estimators.statsmodels_raw import statsmodels_result

        maximum = cast(MLEDetails, estimate.details).maximum
        if estimate.problem.data is None or maximum.separation is not None or maximum.aliases.dropped.size:
            return None
        kind = self.effective_covariance(estimate.problem)
        return statsmodels_result(estimate.problem, maximum.beta, estimate.coefficients.cov, kind)

    @property
    def spread_label(self) -> str:
        """The covariance that was asked for, with its clusters, where it is not the classical one."""
        if self.covariance == "classical":
            return ""
        what = "of rows" if self.covariance == "bootstrap" else self.covariance
        by = f"by {' and '.join(self.columns)}" if self.columns else ""
        return by if by and self.covariance == "bootstrap" else f"{what} {by}".strip()

    def surrogate(self) -> MLE:
        """The same estimate; without clusters and resamples, which a part of the rows may not have."""
        if self.covariance in (*CR_KINDS, "bootstrap"):
            return MLE(separation=self.separation)
        return self

    def refusal(self, question: str, problem: Problem) -> str:
        """Sampling weights and robust covariances leave the likelihood's own answers without meaning."""
        if question in ("lr", "profile") and problem.weights_type == "sampling":
            return (
                "Under sampling weights the log-likelihood is not that of a sample, so profile intervals and "
                "likelihood-ratio tests do not exist. Use Wald intervals and `test(term, kind='wald')` or `'score'`."
            )
        if question == "profile" and self.covariance != "classical":
            return (
                f"Profile intervals take the model as true and cannot go with covariance={self.covariance!r}. "
                "Use Wald, or fit MLE(covariance='classical')."
            )
        if question == "score" and self.covariance == "bootstrap":
            return (
                "A score test has a covariance by formula, not by resampling. Use kind='wald', whose covariance is the "
                "bootstrap's, or MLE(covariance='HC0') or 'CR1'."
            )
        return ""

    def score_meat(self, problem: Problem, likelihood: BinomialLikelihood, beta: Array) -> Array | None:
        """Sum of the outer products of row or cluster scores; None under the classical covariance."""
        if self.effective_covariance(problem) == "classical":
            return None
        if self.covariance in CR_KINDS:
            groups = read_groups(problem, self.columns or problem.default_groups, self.covariance)
            return cluster_meat(likelihood, beta, groups.codes)
        return score_meat(likelihood, beta, frequency=problem.weights_type == "frequency")

    def linearised(self, estimate: Estimate) -> Linearised:
        """The identified coefficients with their classical covariance, whatever the covariance of the fit."""
        return linearised_maximum(estimate.problem, cast(MLEDetails, estimate.details).maximum)

    def describe(self) -> str:
        """One phrase for headers."""
        by = f" by {' and '.join(self.columns)}" if self.columns else ""
        if self.covariance == "classical":
            return "maximum likelihood"
        if self.covariance == "bootstrap":
            return f"maximum likelihood, bootstrap{by or ' of rows'} ({self.resamples} resamples)"
        sort = "cluster-robust" if self.covariance in CR_KINDS else "sandwich"
        return f"maximum likelihood, {self.covariance} {sort} standard errors{by}"
