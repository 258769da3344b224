"""What may be given as ``prior=``, and how it becomes numbers per column.

The conventions of all families are stated in `elementwise`, their numerics.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from problogit.core.priors.columns import Array, Columns, CountedColumns, Indices, Real, autoscale_units
from problogit.core.priors.elementwise import Elementwise
from problogit.core.priors.half_normal import HalfNormal
from problogit.core.priors.hierarchy import ResolvedHierarchy, ScaledBlock
from problogit.core.priors.learned_scale import LearnedScale
from problogit.core.priors.mixture import ScaleMixture
from problogit.core.priors.resolved import ResolvedPrior
from problogit.errors import InputError, NotAvailableError, explain

__all__ = [
    "Entry",
    "Prior",
    "ResolvablePrior",
    "TermPrior",
    "check_flag",
    "check_parameter",
    "check_scale",
    "resolve_columns",
    "resolve_hierarchy",
    "show",
]


class ResolvablePrior(ABC):
    """Anything that may be given as ``prior=``: one `Prior` for all slopes, or `Priors` by term."""

    @abstractmethod
    def resolve(self, problem: Columns) -> ResolvedPrior:
        """The prior as numbers per column of `problem`, with autoscaling done on its column statistics."""

    @abstractmethod
    def describe(self) -> str:
        """One line, as in ``"Normal(0, 2.5), autoscaled"``."""

    @property
    def joint(self) -> bool:
        """True for a prior of all coefficients together, which cannot be resolved to columns."""
        return False

    @property
    def hierarchical(self) -> bool:
        """True where scales are random themselves: only `Bayes` takes it, by `hierarchy`, and `resolve` refuses."""
        return False

    @property
    def smooth(self) -> bool:
        """Whether no part of it is L1."""
        return True

    @property
    def twin(self) -> ResolvablePrior:
        """Of a hierarchical prior: one of the same kind with fixed scales, whose strength `Penalized` may choose."""
        return self

    def hierarchy(self, problem: CountedColumns) -> ResolvedHierarchy:
        """A hierarchical prior as numbers per column and hyperparameters."""
        raise NotAvailableError(
            f"{self.describe()} has no hyperparameters; its numbers per column are resolve()."
        )


class TermPrior(ResolvablePrior):
    """What may stand in `Priors`: a prior of single coefficients, or of a group of them with random scales."""

    @property
    def proper(self) -> bool:
        """Whether the density integrates to one."""
        return True

    @property
    def twin(self) -> TermPrior:
        """Itself."""
        return self

    def unit(self, k: int) -> Elementwise:
        """Of a hierarchical prior: the family at scale one and location zero, for k columns."""
        raise NotAvailableError(f"{self.describe()} has a fixed scale.")

    def centre(self, k: int) -> Array:
        """Of a hierarchical prior: the locations of k columns."""
        return np.zeros(k)

    def mixture(self, unit: Array, n_trials: float, entry: str) -> ScaleMixture:
        """Of a hierarchical prior: its scales for the columns whose autoscaling units are `unit` (k,)."""
        raise NotAvailableError(f"{self.describe()} has a fixed scale.")

    @property
    def tail_df(self) -> Real:
        """Degrees of freedom of a t with tails as heavy, scales integrated out; infinite for lighter ones."""
        return np.inf

    def resolve(self, problem: Columns) -> ResolvedPrior:
        """This prior on every column but the intercept, which stays flat."""
        priors = [None if entry is None else entry.prior for entry in self.entries(problem)]
        return resolve_columns(problem, priors, "zero")

    def hierarchy(self, problem: CountedColumns) -> ResolvedHierarchy:
        """This prior on every column but the intercept, which stays flat."""
        return resolve_hierarchy(problem, self.entries(problem), "zero")

    def entries(self, problem: Columns) -> list[Entry | None]:
        """Which prior each column has."""
        entries: list[Entry | None] = [Entry("", self)] * len(problem.terms)
        if problem.intercept is not None:
            entries[problem.intercept] = None
        return entries


class Prior(Elementwise, TermPrior):
    """A family of priors that a user may write: the same prior for every slope."""

    @property
    def proper(self) -> bool:
        """Whether the density integrates to one; only a flat prior does not."""
        return True

    @property
    def hyperprior(self) -> HalfNormal | None:
        """The prior of the scale where that is learned."""
        scale = vars(self).get("scale")
        return scale if isinstance(scale, HalfNormal) else None

    @property
    def hierarchical(self) -> bool:
        """Whether the scale is learned."""
        return self.hyperprior is not None

    @property
    def twin(self) -> TermPrior:
        """With the scale of the half-normal for its own."""
        if self.hyperprior is None:
            return self
        changes: dict[str, Any] = {"scale": self.hyperprior.scale}
        return replace(self, **changes)  # type: ignore[type-var]  # a dataclass

    def unit(self, k: int) -> Elementwise:
        """The family at scale one and location zero."""
        changes: dict[str, Any] = {"scale": 1.0, "loc": 0.0, "autoscale": False}
        return replace(self, **changes).on_columns(np.ones(k))  # type: ignore[type-var]  # a dataclass

    def centre(self, k: int) -> Array:
        """`loc`, of every column."""
        return np.broadcast_to(np.asarray(vars(self)["loc"], dtype=np.float64), k).copy()

    def mixture(self, unit: Array, n_trials: float, entry: str) -> ScaleMixture:
        """The scale that all columns share."""
        if self.hyperprior is None:
            return super().mixture(unit, n_trials, entry)
        factor = 1.0 / unit if vars(self)["autoscale"] else np.ones_like(unit)
        return LearnedScale(self.hyperprior, factor, f"{entry}_scale" if entry else "scale")


@dataclass(frozen=True)
class Entry:
    """The prior of a column, and which entry of `Priors` it came from; empty for the default."""

    name: str
    prior: TermPrior


def resolve_columns(problem: Columns, priors: Sequence[TermPrior | None], intercept_at: str) -> ResolvedPrior:
    """Group the columns of `problem` by their prior and turn each group's parameters into arrays.

    Parameters
    ----------
    problem : Columns
    priors : sequence of TermPrior or None
        One per column; None and improper priors mean flat.
    intercept_at : str
        ``"zero"`` or ``"mean"``: where the prior of the intercept stands.

    Raises
    ------
    NotAvailableError
        A prior has a learned scale, and so no numbers by column.
    """
    unit = autoscale_units(problem.column_stats)
    members: dict[int, list[int]] = {}
    for j, prior in enumerate(priors):
        members.setdefault(id(prior), []).append(j)
    blocks: list[tuple[Indices, Prior]] = []
    given = ["Flat()"] * len(priors)
    for columns in members.values():
        prior = priors[columns[0]]
        _check_scalars(prior)
        if prior is None or not prior.proper:
            continue
        if not isinstance(prior, Prior) or prior.hierarchical:
            raise NotAvailableError(
                f"{prior.describe()} has scales that are learned from the data and no numbers by column. "
                "Bayes(prior) samples them."
            )
        index = np.asarray(columns, dtype=np.intp)
        blocks.append((index, prior.on_columns(unit[index])))
        text = prior.describe()
        for j in columns:
            given[j] = text
    resolved = ResolvedPrior(
        tuple(blocks), tuple(problem.terms), problem.intercept, None, tuple(given), intercept_at
    )
    return resolved.anchored_at(problem.column_stats.mean) if intercept_at == "mean" else resolved


def resolve_hierarchy(
    problem: CountedColumns, entries: Sequence[Entry | None], intercept_at: str
) -> ResolvedHierarchy:
    """Turn priors some of which have learned scales into numbers per column and hyperparameters.

    Parameters
    ----------
    problem : CountedColumns
    entries : sequence of Entry or None
        One per column; columns of the same entry share its hyperparameters. None means flat.
    intercept_at : str
        As in `resolve_columns`.
    """
    unit = autoscale_units(problem.column_stats)
    plain = [None if entry is None or entry.prior.hierarchical else entry.prior for entry in entries]
    fixed = resolve_columns(problem, plain, intercept_at)
    members: dict[str, list[int]] = {}
    for j, entry in enumerate(entries):
        if entry is not None and entry.prior.hierarchical:
            members.setdefault(entry.name, []).append(j)
    blocks, given = [], list(fixed.given)
    for name, columns in members.items():
        found = entries[columns[0]]
        assert found is not None  # by construction
        index, prior = np.asarray(columns, dtype=np.intp), found.prior
        mixture = prior.mixture(unit[index], problem.sample.n_trials, name)
        blocks.append(
            ScaledBlock(index, prior.unit(index.size), prior.centre(index.size), mixture, prior.tail_df)
        )
        for j in columns:
            given[j] = prior.describe()
    return ResolvedHierarchy(replace(fixed, given=tuple(given)), tuple(blocks))


def _check_scalars(prior: TermPrior | None) -> None:
    """A prior as written is one for any number of columns; arrays are what resolving makes of it."""
    for name, value in vars(prior).items() if prior is not None else ():
        if np.ndim(value) > 0:
            remedy = "Give each term its own prior with Priors(default, terms={...})."
            raise InputError(explain(f"{type(prior).__name__}: {name}", "must be one number", value, remedy))


def check_parameter(prior: object, name: str, value: object, rule: str, remedy: str = "") -> None:
    """Raise `InputError` unless `value`, a number or an array, keeps `rule`.

    Parameters
    ----------
    prior : object
        Whose argument it is; its class is named in the message.
    name : str
        Of the argument.
    value : object
        The value.
    rule : {"must be finite", "must be positive", "must not be negative"}
        All three ask for finite real numbers.
    remedy : str, optional
        What to do.
    """
    tests: Mapping[str, Any] = {
        "must be finite": np.isfinite,
        "must be positive": lambda x: np.isfinite(x) & (x > 0),
        "must not be negative": lambda x: np.isfinite(x) & (x >= 0),
    }
    numeric = not isinstance(value, (bool, str, bytes)) and np.asarray(value).dtype.kind in "iuf"
    if not numeric or not np.all(tests[rule](np.asarray(value, dtype=np.float64))):
        rule = rule if rule == "must be finite" else f"{rule} and finite"
        raise InputError(explain(f"{type(prior).__name__}: {name}", rule, value, remedy))


def check_scale(prior: object, scale: object) -> None:
    """Raise `InputError` unless `scale` is a positive number or the prior of one."""
    if not isinstance(scale, HalfNormal):
        remedy = "For no penalty use Flat(); for a scale that is learned from the data HalfNormal(1)."
        check_parameter(prior, "scale", scale, "must be positive", remedy)


def check_flag(prior: object, name: str, value: object) -> None:
    """Raise `InputError` unless `value` is True or False."""
    if not isinstance(value, bool):
        raise InputError(explain(f"{type(prior).__name__}: {name}", "must be True or False", value))


def show(value: Real | HalfNormal) -> str:
    """A parameter in few digits; of an array that is not constant, its range."""
    if isinstance(value, HalfNormal):
        return value.describe()
    low, high = float(np.min(value)), float(np.max(value))
    return f"{low:.4g}" if low == high else f"{low:.4g}..{high:.4g}"
