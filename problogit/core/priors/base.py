"""What may be given as ``prior=``, and how it becomes numbers per column.

The conventions of all families are stated in `elementwise`, their numerics.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np

from problogit.core.priors.columns import Columns, Indices, Real, autoscale_units
from problogit.core.priors.elementwise import Elementwise
from problogit.core.priors.resolved import ResolvedPrior
from problogit.errors import InputError, explain

__all__ = ["Prior", "ResolvablePrior", "check_flag", "check_parameter", "resolve_columns", "show"]


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


class Prior(Elementwise, ResolvablePrior):
    """A family of priors that a user may write: the same prior for every slope."""

    def resolve(self, problem: Columns) -> ResolvedPrior:
        """This prior on every column but the intercept, which stays flat."""
        priors: list[Prior | None] = [self] * len(problem.terms)
        if problem.intercept is not None:
            priors[problem.intercept] = None
        return resolve_columns(problem, priors, "zero")


def resolve_columns(problem: Columns, priors: list[Prior | None], intercept_at: str) -> ResolvedPrior:
    """Group the columns of `problem` by their prior and turn each group's parameters into arrays.

    Parameters
    ----------
    problem : Columns
    priors : list of Prior or None
        One per column; None and improper priors mean flat.
    intercept_at : str
        ``"zero"`` or ``"mean"``: where the prior of the intercept stands.
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
        index = np.asarray(columns, dtype=np.intp)
        blocks.append((index, prior.on_columns(unit[index])))
        text = prior.describe()
        for j in columns:
            given[j] = text
    resolved = ResolvedPrior(
        tuple(blocks), tuple(problem.terms), problem.intercept, None, tuple(given), intercept_at
    )
    return resolved.anchored_at(problem.column_stats.mean) if intercept_at == "mean" else resolved


def _check_scalars(prior: Prior | None) -> None:
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


def check_flag(prior: object, name: str, value: object) -> None:
    """Raise `InputError` unless `value` is True or False."""
    if not isinstance(value, bool):
        raise InputError(explain(f"{type(prior).__name__}: {name}", "must be True or False", value))


def show(value: Real) -> str:
    """A parameter in few digits; of an array that is not constant, its range."""
    low, high = float(np.min(value)), float(np.max(value))
    return f"{low:.4g}" if low == high else f"{low:.4g}..{high:.4g}"
