"""Different priors for different terms, and a prior for the intercept."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from problogit.core.priors.base import Prior, ResolvablePrior, resolve_columns
from problogit.core.priors.columns import Columns
from problogit.core.priors.flat import Flat
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
    default : Prior
        For every slope that `terms` does not name.
    terms : mapping of str to Prior, optional
        Keys are names of coefficients (``"age"``, ``"race[T.black]"``) or of terms with several coefficients, named
        without the part in brackets (``"race"``, ``"bs(age, df=4)"``). The name of a coefficient wins.
    intercept : Prior, default Flat()
        For the intercept.
    intercept_at : {"zero", "mean"}, default "zero"
        Where the prior of the intercept stands: on the log-odds at predictors = 0, which is the coefficient that is
        reported, or on the log-odds at the predictors' means.
    """

    default: Prior
    terms: Mapping[str, Prior] = field(default_factory=dict)
    intercept: Prior = field(default_factory=Flat)
    intercept_at: str = "zero"

    def __post_init__(self) -> None:
        _check_prior("Priors: default", self.default)
        _check_prior("Priors: intercept", self.intercept)
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

    def resolve(self, problem: Columns) -> ResolvedPrior:
        """One prior per column; a name in `terms` that the model does not have is an `InputError`."""
        terms, intercept = problem.terms, problem.intercept
        priors: list[Prior | None] = [self.default] * len(terms)
        exact = set(terms)
        for name in sorted(self.terms, key=exact.__contains__):  # names of coefficients come last: they win
            for j in self._columns_of(name, terms, intercept):
                priors[j] = self.terms[name]
        if intercept is not None:
            priors[intercept] = self.intercept
        elif self.intercept.proper:
            rule = "needs a model with an intercept"
            raise InputError(explain("Priors: intercept", rule, self.intercept, "Leave it out."))
        return resolve_columns(problem, priors, self.intercept_at)

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
    if not isinstance(value, Prior):
        raise InputError(
            explain(argument, "must be a prior", value, "As in Normal(2.5), Laplace(1) or Flat().")
        )
