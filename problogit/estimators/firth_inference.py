"""Likelihood inference under Jeffreys' prior: profiles and likelihood ratios of the penalized likelihood.

The smaller model of a test keeps the penalty of the larger one, the information over all columns: the columns tested
are held at zero, not left out (Heinze & Schemper 2002). Likelihood ratios of two separate fits would compare penalties
of different designs, which change with the units of the columns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import cast

import numpy as np
from scipy.special import chdtri, expit, ndtr

from problogit.core.firth_fit import FirthFit, find_firth
from problogit.core.maximum import inverse_information
from problogit.core.one_step import Linearised
from problogit.core.profile import ProfileBounds, TermProfile
from problogit.data.rows import Array
from problogit.errors import EstimationError
from problogit.estimate import Estimate
from problogit.estimators.firth import FirthDetails
from problogit.problem import Problem

__all__ = ["FirthInference", "firth_refusal"]

_LEVEL = 0.95
_OPERATIONS = 5e8  # n p^3: a second or two of profiles, which nobody asked for by name


@dataclass(frozen=True, eq=False)
class FirthInference:
    """Profiles and likelihood ratios of a fit by `Penalized(Jeffreys())`.

    Parameters
    ----------
    estimate : Estimate
    """

    estimate: Estimate

    @cached_property
    def fit(self) -> FirthFit:
        """The maximum in the search's coordinates, found again from the coefficients."""
        problem = self.estimate.problem
        return find_firth(problem.likelihood, problem.scaling, near=self.estimate.coefficients.location)

    def bounds(self, weights: Array, drop: float) -> ProfileBounds:
        """Profile ends of linear combinations; NaN for those that break an alias relation."""
        aliases = self.fit.aliases
        usable = np.flatnonzero(~aliases.outside(weights) & weights[:, aliases.kept].any(axis=1))
        found = ProfileBounds(np.full(weights.shape[0], np.nan), np.full(weights.shape[0], np.nan))
        if usable.size:
            with self.fit.calm():
                ends = self.fit.profile.bounds(self.fit.rows(weights[usable][:, aliases.kept]), drop)
            found.lower[usable], found.upper[usable] = ends
        return found

    def ratio(self, hypothesis: Array) -> float:
        """Penalized likelihood ratio of ``hypothesis @ beta = 0``, over the columns that are kept."""
        K = self.fit.rows(hypothesis)
        K = K / np.linalg.norm(K, axis=1)[:, None]
        with self.fit.calm():
            return 2 * (self.fit.maximum.point.value - self.fit.profile.value_without(K))

    @property
    def default(self) -> bool:
        """True unless another kind of inference was asked for, the rows are gone, or the design is large."""
        problem = self.estimate.problem
        if self._details.inference != "profile" or problem.data is None:
            return False
        return problem.likelihood.n_rows * float(problem.n_terms) ** 3 <= _OPERATIONS

    def terms(self) -> TermProfile | None:
        """Ends at 95% and penalized likelihood ratios of all coefficients, where they are the default and are found."""
        if not self.default:
            return None
        problem = self.estimate.problem
        kept, profile = self.fit.aliases.kept, self.fit.profile
        lower, upper, statistic = (np.full(problem.n_terms, np.nan) for _ in range(3))
        C = self.fit.rows(np.eye(kept.size))
        try:
            with self.fit.calm():
                lower[kept], upper[kept] = profile.bounds(C, float(chdtri(1, 1 - _LEVEL)) / 2)
                fallen = self.fit.maximum.point.value - profile.values_without_each(C)
        except EstimationError:
            return None  # asked for by name, what cannot be computed is an error
        statistic[kept] = 2 * np.maximum(fallen, 0.0)
        return TermProfile(_LEVEL, lower, upper, statistic)

    def summary_columns(self) -> dict[str, Array]:
        """`lr_statistic`, the penalized likelihood ratio of "this coefficient is zero", and its `p_value`.

        Wald's `statistic` and `p_value` where the design is too large for profiles that nobody asked for, and under
        sampling weights; nothing with another kind of inference. No p-value is 0 by underflow.
        """
        found, tiny = self.estimate.term_profile, np.finfo(float).tiny
        if found is not None:
            p_value = np.maximum(2 * ndtr(-np.sqrt(found.statistic)), tiny)
            return {"lr_statistic": found.statistic, "p_value": p_value}
        kind = self._details.inference
        if kind != "profile" and (kind != "sandwich" or self.estimate.problem.weights_type != "sampling"):
            return {}
        margins = self.estimate.coefficients.marginals()
        with np.errstate(invalid="ignore", divide="ignore"):
            z = margins.location / margins.sd
        return {"statistic": z, "p_value": np.maximum(2 * ndtr(-np.abs(z)), tiny)}

    def linearised(self) -> Linearised:
        """Leverages of the fit, and deletions by Firth's residual e + h (1/2 - p): each row takes its penalty along."""
        problem, kept = self.estimate.problem, self.fit.aliases.kept
        scaling = problem.scaling.columns(kept)
        rows = problem.row_likelihood.columns(kept).in_coordinates(scaling.center, scaling.scale)
        gamma = scaling.to_scaled(self.fit.beta)
        bread = inverse_information(rows.information(gamma)[2])
        plain = Linearised(rows, gamma, bread, scaling.matrix(), kept)
        share = plain.one_step(np.ones(rows.n_rows)).leverage * (0.5 - expit(rows.eta(gamma)))
        note = "One-step deletions hold the other rows' shares of the penalty as they are."
        return replace(plain, residual=rows.residuals(gamma) + share, notes=(note,))

    @property
    def _details(self) -> FirthDetails:
        return cast(FirthDetails, self.estimate.details)


def firth_refusal(question: str, problem: Problem) -> str:
    """Sampling weights make no likelihood of a sample; a score test has no penalized form here."""
    if question in ("lr", "profile") and problem.weights_type == "sampling":
        return (
            "Under sampling weights the penalized likelihood is not that of a sample, so profile intervals and "
            "likelihood-ratio tests do not exist. Use Wald intervals and `test(term, kind='wald')`."
        )
    if question == "score":
        return (
            "A score test under Jeffreys() is not available. Use kind='lr', the penalized likelihood ratio."
        )
    return ""
