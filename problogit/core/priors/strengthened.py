"""A prior with all its penalties multiplied by one factor: what a selection of the strength arrives at."""

from __future__ import annotations

from dataclasses import dataclass

from problogit.core.priors.base import ResolvablePrior, check_parameter
from problogit.core.priors.columns import Columns
from problogit.core.priors.resolved import ResolvedPrior

__all__ = ["Strengthened"]


@dataclass(frozen=True)
class Strengthened(ResolvablePrior):
    """`prior` with the penalty of every column times `factor`, ratios kept.

    Parameters
    ----------
    prior : Prior or Priors
    factor : float
        Multiplies L1 and L2 strengths; scales of heavy-tailed priors are divided by its square root.
    """

    prior: ResolvablePrior
    factor: float

    def __post_init__(self) -> None:
        check_parameter(self, "factor", self.factor, "must be positive")

    def resolve(self, problem: Columns) -> ResolvedPrior:
        """The prior as numbers per column, strengths multiplied."""
        return self.prior.resolve(problem).strengthened(self.factor)

    def describe(self) -> str:
        """``"Laplace(0, 1), strength times 12.3"``."""
        return f"{self.prior.describe()}, strength times {self.factor:.4g}"
