"""Maximum likelihood: the optimum by our Newton core, standard errors, and the truth about separation."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from problogit.core.likelihood import BinomialLikelihood
from problogit.core.maximum import Maximum
from problogit.core.priors.base import ResolvablePrior
from problogit.core.priors.flat import Flat
from problogit.core.separation import Separation
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
from problogit.estimators.sandwich import HC_KINDS, sandwich
from problogit.problem import Problem
from problogit.progress import SILENT, Progress
from problogit.validation import check_choice

__all__ = ["MLE", "MLEDetails", "check_estimable", "separation_sentence"]

COVARIANCES = ("classical", *HC_KINDS)
_JEFFREYS = "(Firth's penalty, Jeffreys(), is the field's other remedy; this version does not have it yet.)"


@dataclass(frozen=True, eq=False)
class MLEDetails(Details):
    """What maximum likelihood knows beside the coefficients.

    Attributes
    ----------
    maximum : Maximum
        Optimum, rank, aliases, separation.
    """

    maximum: Maximum


@dataclass(frozen=True)
class MLE(Estimator):
    """Maximum likelihood.

    Parameters
    ----------
    covariance : str, default "classical"
        ``classical`` (inverse information) or ``HC0``, ``HC1``, ``HC2``, ``HC3`` (sandwich, really different from
        one another). Sampling weights always use the sandwich: ``classical`` then means ``HC0``.
    separation : str, default "warn"
        What to do when coefficients are infinite: ``warn`` (report them as such) or ``error``.

    Raises
    ------
    InputError
        An option has a value that does not exist.
    """

    covariance: Literal["classical", "HC0", "HC1", "HC2", "HC3"] = "classical"
    separation: Literal["warn", "error"] = "warn"

    def __post_init__(self) -> None:
        """Check the options."""
        check_choice("covariance", self.covariance, COVARIANCES)
        check_choice("separation", self.separation, ("warn", "error"))

    @property
    def name(self) -> str:
        """``"MLE"``."""
        return "MLE"

    @property
    def prior(self) -> ResolvablePrior:
        """Flat: no penalty."""
        return Flat()

    def estimate(self, problem: Problem, progress: Progress = SILENT) -> Estimate:
        """Maximise the likelihood of `problem`."""
        started = time.perf_counter()
        check_estimable(problem)
        maximum = problem.maximum
        findings = [
            *alias_findings(maximum, problem),
            *separation_findings(maximum, problem, one_sided=not self.refusal("profile", problem)),
            *convergence_findings(maximum),
            *weight_findings(self.effective_covariance(problem), problem),
        ]
        self._speak_up(findings)
        status = Status.CONVERGED if maximum.newton.converged else Status.NOT_CONVERGED
        if maximum.separation is not None and maximum.newton.converged:
            status = Status.SEPARATED
        steps = maximum.newton.iterations
        return Estimate(
            problem=problem,
            method=self,
            coefficients=maximum.distribution(self._covariance(problem, maximum)),
            status=status,
            findings=tuple(findings),
            stats=FitStats.of(maximum.kernel + problem.log_constant, maximum.aliases.rank, problem),
            provenance=Provenance.of(f"Newton's method, {steps} steps", started),
            details=MLEDetails(maximum),
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

    def _covariance(self, problem: Problem, maximum: Maximum) -> Array:
        kind = self.effective_covariance(problem)
        if kind == "classical" or maximum.beta.size == 0:
            return maximum.inverse
        likelihood = problem.row_likelihood.columns(maximum.aliases.kept)
        if maximum.separation is not None and maximum.basis is not None:
            rest = ~separated_rows(likelihood, maximum.separation)
            likelihood = likelihood.take(np.flatnonzero(rest)).mapped(maximum.basis)
        frequency = problem.weights_type == "frequency"
        return sandwich(likelihood, maximum.beta, maximum.inverse, kind, frequency=frequency)

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

    def surrogate(self) -> MLE:
        """Itself."""
        return self

    def refusal(self, question: str, problem: Problem) -> str:
        """Sampling weights and robust covariances leave the likelihood's own answers without meaning."""
        if question in ("lr", "score", "profile") and problem.weights_type == "sampling":
            return (
                "Under sampling weights the log-likelihood is not that of a sample, so profile intervals and "
                "likelihood-ratio and score tests do not exist. Use Wald intervals and `test(term, kind='wald')`."
            )
        if question in ("score", "profile") and self.covariance != "classical":
            what = "Profile intervals" if question == "profile" else "Score tests"
            return (
                f"{what} take the model as true and cannot go with covariance={self.covariance!r}. "
                "Use Wald, or fit MLE(covariance='classical')."
            )
        return ""

    def describe(self) -> str:
        """One phrase for headers."""
        sandwiched = "" if self.covariance == "classical" else f", {self.covariance} sandwich standard errors"
        return f"maximum likelihood{sandwiched}"


def separated_rows(likelihood: BinomialLikelihood, separation: Separation) -> NDArray[np.bool_]:
    """Rows on which the direction of maximal support does not vanish; it was found on covariate patterns."""
    reach = np.abs(np.asarray(likelihood.X @ separation.direction))
    size = np.asarray(abs(likelihood.X) @ np.abs(separation.direction))
    return np.asarray(reach > 1e-9 * np.maximum(size, np.finfo(float).tiny))


def check_estimable(problem: Problem) -> None:
    """Refuse what has no maximum-likelihood estimate at all: no outcome of one kind, or fewer rows than columns."""
    constant = problem.constant_response
    if constant is not None:
        which = problem.response.event if constant == 1.0 else problem.response.non_event
        raise EstimationError(
            f"The response {problem.response.name} is constant: all {problem.rows.n_obs} rows are {which!r}, so a "
            "maximum-likelihood estimate does not exist. Give the intercept a proper prior, e.g. "
            "Penalized(Priors(Normal(2.5, autoscale=True), intercept=Normal(2.5))), or the same prior in Bayes."
        )
    if problem.n_terms == 0:
        raise InputError(explain("formula", "must leave at least one column", problem.design.formula))
    if problem.rows.n_obs < problem.n_terms:
        raise EstimationError(
            f"Maximum likelihood needs at least as many rows as columns; there are {problem.rows.n_obs} rows and "
            f"{problem.n_terms} columns. Use Penalized(...) or Bayes(...) with a proper prior, or fewer terms."
        )


def alias_findings(maximum: Maximum, problem: Problem) -> list[Finding]:
    """Name the columns that repeat others."""
    dropped = tuple(problem.terms[j] for j in maximum.aliases.dropped)
    if not dropped:
        return []
    equations = "; ".join(maximum.aliases.describe(problem.terms))
    return [
        Finding(
            "aliased",
            "warning",
            f"{len(dropped)} column(s) are linear combinations of others and have no estimate (NaN): {equations}.",
            "Leave them out of the formula, or use a proper prior, which keeps all columns.",
            dropped,
        )
    ]


def separation_sentence(separation: Separation, terms: tuple[str, ...], n_separated: int, n_rows: int) -> str:
    """Which coefficients are infinite, in which direction, and how many rows cause it."""
    kinds = np.asarray(separation.kind)
    named = [f"{term} ({kind})" for term, kind in zip(terms, kinds, strict=True) if kind in ("+Inf", "-Inf")]
    unsure = [term for term, kind in zip(terms, kinds, strict=True) if kind == "undetermined"]
    parts = []
    if named:
        parts.append("infinite: " + _shorten(named))
    if unsure:
        parts.append("sign undetermined: " + _shorten(unsure))
    how = "completely separated" if separation.complete else "separated"
    return (
        f"The data are {how}: {n_separated} of {n_rows} rows can be predicted perfectly, so the likelihood has no "
        f"maximum; {'; '.join(parts)}."
    )


def weight_findings(covariance: str, problem: Problem) -> list[Finding]:
    """Say which standard errors sampling weights get."""
    if problem.weights_type != "sampling":
        return []
    text = f"Sampling weights were rescaled to sum to the number of rows; standard errors are {covariance} sandwich."
    return [Finding("sampling-weights", "info", text)]


def _shorten(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 12 else ", ".join(names[:12]) + f" and {len(names) - 12} more"


def convergence_findings(maximum: Maximum) -> list[Finding]:
    """Say that Newton's method stopped early, and how far from the optimum."""
    newton = maximum.newton
    if newton.converged:
        return []
    text = (
        f"Newton's method stopped after {newton.iterations} steps, {newton.decrement:.2g} standard errors from the "
        "optimum: do not report these numbers."
    )
    return [Finding("convergence", "error", text, "Rescale or drop columns that are nearly collinear.")]


def separation_findings(maximum: Maximum, problem: Problem, *, one_sided: bool) -> list[Finding]:
    """Name the infinite coefficients; `one_sided` where profile likelihood gives them an interval."""
    if maximum.separation is None:
        return []
    terms = tuple(problem.terms[j] for j in maximum.aliases.kept)
    concerned = tuple(
        t for t, kind in zip(terms, np.asarray(maximum.separation.kind), strict=True) if kind != "finite"
    )
    rows = problem.row_likelihood.columns(maximum.aliases.kept)
    count = int(np.count_nonzero(separated_rows(rows, maximum.separation)))
    sentence = separation_sentence(maximum.separation, terms, count, rows.n_rows)
    keep = "Keep the infinite estimate with its one-sided interval, or fit" if one_sided else "Fit"
    bayes = "" if problem.weights_type == "sampling" else " or Bayes()"
    remedy = (
        f"{keep} a proper prior, which is finite: Penalized(Normal(2.5, autoscale=True)){bayes}. {_JEFFREYS}"
    )
    return [Finding("separation", "warning", sentence, remedy, concerned)]
