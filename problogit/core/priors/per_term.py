"""Different priors for different terms, and a prior for the intercept."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from problogit.core.priors.base import (
    Entry,
    Prior,
    ResolvablePrior,
    TermPrior,
    resolve_columns,
    resolve_hierarchy,
)
from problogit.core.priors.columns import Columns, CountedColumns
from problogit.core.priors.flat import Flat
from problogit.core.priors.half_normal import HalfNormal
from problogit.core.priors.hierarchy import ResolvedHierarchy
from problogit.core.priors.resolved import ResolvedPrior
from problogit.errors import InputError, explain
from problogit.validation import check_choice, nearest

__all__ = ["Priors"]

_LEVEL = re.compile(r"\[[^\[\]]*\]")


@dataclass(frozen=True)
class Priors(ResolvablePrior):
    """Priors by term.

    Parameters
    ----------
    default : Prior or Horseshoe
        For every slope that `terms` does not name.
    terms : mapping of str to Prior or Horseshoe, optional
        Keys are names of coefficients (``"age"``, ``"race[T.black]"``) or of terms with several coefficients, named
        without the part in brackets (``"race"``, ``"bs(age, df=4)"``). The name of a coefficient wins. Where a prior
        has learned scales, those of each entry are its own, shared by the columns that it names.
    intercept : Prior, default Flat()
        For the intercept.
    intercept_at : {"zero", "mean"}, default "zero"
        Where the prior of the intercept stands: on the log-odds at predictors = 0, which is the coefficient that is
        reported, or on the log-odds at the predictors' means.
    """

    default: TermPrior
    terms: Mapping[str, TermPrior] = field(default_factory=dict)
    intercept: Prior = field(default_factory=Flat)
    intercept_at: str = "zero"

    def __post_init__(self) -> None:
        _check_prior("Priors: default", self.default)
        _check_prior("Priors: intercept", self.intercept)
        if self.intercept.hierarchical:
            rule = "must have a fixed scale, because one coefficient does not tell a scale"
            remedy = "As in Priors(..., intercept=Normal(2.5))."
            raise InputError(explain("Priors: intercept", rule, self.intercept, remedy))
        check_choice("intercept_at", self.intercept_at, ("zero", "mean"))
        if not isinstance(self.terms, Mapping):
            raise InputError(
                explain(
                    "Priors: terms",
                    "must map names of terms to priors",
                    self.terms,
                    'As in {"age": Normal(1)}.',
                )
            )
        for name, prior in self.terms.items():
            _check_prior(f"Priors: terms[{name!r}]", prior)
        object.__setattr__(self, "terms", MappingProxyType(dict(self.terms)))

    def __hash__(self) -> int:
        return hash((self.default, frozenset(self.terms.items()), self.intercept, self.intercept_at))

    def __reduce__(self) -> tuple[object, ...]:
        return (Priors, (self.default, dict(self.terms), self.intercept, self.intercept_at))

    @property
    def hierarchical(self) -> bool:
        """Whether a scale is learned."""
        return any(prior.hierarchical for prior in (self.default, *self.terms.values()))

    @property
    def smooth(self) -> bool:
        """Whether no part of it is L1."""
        return all(prior.smooth for prior in (self.default, *self.terms.values(), self.intercept))

    @property
    def twin(self) -> Priors:
        """The twin of every entry."""
        terms = {name: prior.twin for name, prior in self.terms.items()}
        return Priors(self.default.twin, terms, self.intercept, self.intercept_at)

    def resolve(self, problem: Columns) -> ResolvedPrior:
        """One prior per column; a name in `terms` that the model does not have is an `InputError`."""
        priors = [None if entry is None else entry.prior for entry in self.entries(problem)]
        return resolve_columns(problem, priors, self.intercept_at)

    def hierarchy(self, problem: CountedColumns) -> ResolvedHierarchy:
        """One prior per column, each entry with its own hyperparameters."""
        return resolve_hierarchy(problem, self.entries(problem), self.intercept_at)

    def entries(self, problem: Columns) -> list[Entry | None]:
        """Which prior each column has, and by which name in `terms`."""
        terms, intercept = problem.terms, problem.intercept
        entries: list[Entry | None] = [Entry("", self.default)] * len(terms)
        exact = set(terms)
        for name in sorted(self.terms, key=exact.__contains__):  # names of coefficients come last: they win
            for j in self._columns_of(name, terms, intercept):
                entries[j] = Entry(name, self.terms[name])
        if intercept is not None:
            entries[intercept] = Entry(terms[intercept], self.intercept)
        elif self.intercept.proper:
            rule = "needs a model with an intercept"
            raise InputError(explain("Priors: intercept", rule, self.intercept, "Leave it out."))
        return entries

    def _columns_of(self, name: str, terms: Sequence[str], intercept: int | None) -> list[int]:
        slopes = [j for j in range(len(terms)) if j != intercept]
        if intercept is not None and name == terms[intercept]:
            raise InputError(f"Priors: terms names {name!r}; give the prior of the intercept by intercept=.")
        exact = [j for j in slopes if terms[j] == name]
        found = exact or [j for j in slopes if _LEVEL.sub("", terms[j]) == name]
        if found:
            return found
        known = [terms[j] for j in slopes]
        close = nearest(name, [*known, *(_LEVEL.sub("", term) for term in known)])
        listed = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")
        hint = f"Did you mean {close!r}?" if close else f"The model has {listed}."
        raise InputError(explain("Priors: terms", "must name terms of the model", name, hint))

    def describe(self) -> str:
        """``"Normal(0, 2.5); age: Flat(); Intercept: Normal(0, 10) at the predictors' means"``."""
        parts = [
            self.default.describe(),
            *(f"{name}: {prior.describe()}" for name, prior in self.terms.items()),
        ]
        if self.intercept.proper:
            where = " at the predictors' means" if self.intercept_at == "mean" else ""
            parts.append(f"Intercept: {self.intercept.describe()}{where}")
        return "; ".join(parts)


def _check_prior(argument: str, value: object) -> None:
    if isinstance(value, ResolvablePrior) and value.joint:
        rule = "must be a prior of single coefficients"
        remedy = f"{value.describe()} is the prior of all of them together: Penalized({value.describe()})."
        raise InputError(explain(argument, rule, value, remedy))
    if isinstance(value, HalfNormal):
        rule = "must be a prior of a coefficient, not of a scale"
        remedy = f"As in Normal(scale={value.describe()})."
        raise InputError(explain(argument, rule, value, remedy))
    wanted, remedy = (TermPrior, "As in Normal(2.5), Laplace(1), Horseshoe() or Flat().")
    if argument == "Priors: intercept":
        wanted, remedy = Prior, "As in Normal(2.5) or Flat()."
    if not isinstance(value, wanted):
        raise InputError(explain(argument, "must be a prior", value, remedy))
