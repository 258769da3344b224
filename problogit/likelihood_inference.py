"""What profiles and likelihood ratios of a fit are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from problogit.core.profile import ProfileBounds, TermProfile, profile_bounds
from problogit.data.rows import Array
from problogit.problem import Problem

__all__ = ["TEST_NAMES", "LikelihoodInference", "OrdinaryLikelihood"]

TEST_NAMES: Mapping[str, str] = MappingProxyType(
    {"lr": "Likelihood-ratio test", "wald": "Wald test", "score": "Score test"}
)


class LikelihoodInference(Protocol):
    """Profiles and likelihood ratios of what a method maximises."""

    def bounds(self, weights: Array, drop: float) -> ProfileBounds:
        """Profile intervals of the combinations ``weights @ beta``, weights of shape (k, n_terms).

        `drop` is how far what is profiled may fall: half a quantile of chi-squared with one degree of freedom.
        """

    def ratio(self, hypothesis: Array) -> float | None:
        """Likelihood ratio of ``hypothesis @ beta = 0`` over the columns that are not aliased, shape (df, rank).

        None where it is that of the log-likelihood.
        """

    @property
    def default(self) -> bool:
        """Whether profiles are the intervals of coefficients and contrasts when no kind is asked for."""

    def terms(self) -> TermProfile | None:
        """Profile ends and likelihood ratios of every coefficient, where they are the default; else None."""


@dataclass(frozen=True, eq=False)
class OrdinaryLikelihood:
    """Of the log-likelihood."""

    problem: Problem

    def bounds(self, weights: Array, drop: float) -> ProfileBounds:
        """Profile intervals, one-sided under separation."""
        problem = self.problem
        return profile_bounds(problem.likelihood, problem.maximum, problem.scaling, weights, drop)

    def ratio(self, hypothesis: Array) -> float | None:
        """None."""
        return None

    @property
    def default(self) -> bool:
        """False: Wald intervals are, which the data settle in large samples and which cost nothing."""
        return False

    def terms(self) -> TermProfile | None:
        """None."""
        return None
