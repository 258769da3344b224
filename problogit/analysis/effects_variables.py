"""The variables whose effects can be asked for: what kind they are, which values they take, where they are held."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from problogit.analysis.curves import variable_summaries
from problogit.analysis.effects_rows import EffectRows
from problogit.data.coding import Categorical
from problogit.data.columns import Labels, Numbers
from problogit.data.formula_design import FormulaDesign
from problogit.data.rows import Array, VariableSummary
from problogit.data.summaries import summarise
from problogit.errors import InputError, explain, listed
from problogit.estimate import Estimate
from problogit.validation import check_choice, check_number, nearest

__all__ = ["Variable", "at_combinations", "find_variable", "known_variables", "profile", "quantile", "spread"]

PROFILES = ("mean", "typical", "reference")


@dataclass(frozen=True)
class Variable:
    """A variable of the user's table.

    Attributes
    ----------
    name : str
    levels : tuple
        Levels or truth values, in the order of the factor; empty for numbers.
    reference : int
        Position of the reference level.
    low, high : float
        Range of a number in the training data.
    two_valued : bool
        The number takes two values only, `low` and `high`.
    """

    name: str
    levels: tuple[Any, ...] = ()
    reference: int = 0
    low: float = np.nan
    high: float = np.nan
    two_valued: bool = False

    def value(self, argument: str, given: Any, extrapolate: bool = False) -> Any:
        """A level or a number that the variable may be set to; raises for any other."""
        if self.levels:
            for level in self.levels:
                if level == given and isinstance(level, bool) == isinstance(given, (bool, np.bool_)):
                    return level
            shown = listed([repr(level) for level in self.levels])
            close = nearest(given, self.levels)
            remedy = f"Did you mean {close!r}?" if close else ""
            raise InputError(
                explain(argument, f"must give {self.name!r} one of its levels {shown}", given, remedy)
            )
        number = check_number(f"{argument}: {self.name!r}", given)
        if not extrapolate and not self.low <= number <= self.high:
            rule = f"must keep {self.name!r} within the training data, {self.low:g} to {self.high:g}"
            raise InputError(explain(argument, rule, given, "Write extrapolate=True to go beyond them."))
        return number


def known_variables(estimate: Estimate, rows: EffectRows) -> dict[str, Variable]:
    """All variables that can be changed, by name, in the order of the model."""
    design = estimate.problem.design
    parts = design.parts if isinstance(design, FormulaDesign) else ()
    factors = {part.column: part for part in parts if isinstance(part, Categorical)}
    stats, place = estimate.problem.column_stats, {term: j for j, term in enumerate(estimate.terms)}
    found = {}
    for summary in variable_summaries(estimate):
        name = summary.name
        if name in factors:
            found[name] = Variable(name, factors[name].levels, _reference(factors[name]))
        elif summary.levels:
            found[name] = Variable(name, summary.levels)
        else:
            two = bool(stats.two_valued[place[name]]) if name in place else _takes_two(rows, summary)
            found[name] = Variable(name, (), 0, summary.low, summary.high, two)
    return found


def _reference(part: Categorical) -> int:
    """The level whose row of the contrasts is zero; the first where there is none."""
    table = part.reduced.levels_table()
    empty = np.flatnonzero(np.diff(table.indptr) == 0)
    return int(empty[0]) if empty.size else 0


def _takes_two(rows: EffectRows, summary: VariableSummary) -> bool:
    column = rows.column(summary.name)
    if not isinstance(column, Numbers) or summary.low == summary.high:
        return False
    return bool(np.isin(column.floats(), (summary.low, summary.high)).all())


def find_variable(
    estimate: Estimate, known: Mapping[str, Variable], name: Any, argument: str = "variables"
) -> Variable:
    """The variable of this name, or an error that says what the name is instead, or which is near."""
    if isinstance(name, str) and name in known and name not in _roles(estimate):
        return known[name]
    rule = "must name predictors of the user's table"
    raise InputError(explain(argument, rule, name, _remedy(estimate, known, name)))


def _roles(estimate: Estimate) -> dict[str, str]:
    """Columns that are something else than predictors, with what they are."""
    design = estimate.problem.design
    if not isinstance(design, FormulaDesign):
        return {estimate.problem.response.name: "response"}
    roles = {column: role for role, column in design.roles.columns.items()}
    own = set(design.variables)
    return roles | {word: "response" for word in re.findall(r"\w+", design.left) if word not in own}


def _remedy(estimate: Estimate, known: Mapping[str, Variable], name: Any) -> str:
    role = _roles(estimate).get(name) if isinstance(name, str) else None
    if role:
        return f"It is the {role} of this model, and effects change predictors."
    behind = dict(zip(estimate.terms, estimate.problem.design.column_variables, strict=True))
    if behind.get(name):
        variables = " and ".join(repr(variable) for variable in sorted(behind[name]))
        return f"It is a column of the design, made of {variables}: name that."
    if name in estimate.problem.design.variables:
        return "It holds neither numbers nor labels, so that it cannot be changed."
    close = nearest(name, known)
    if close:
        return f"Did you mean {close!r}?"
    return f"There are {listed(list(known), 12)}." if known else "This model has none."


def at_combinations(
    estimate: Estimate, known: Mapping[str, Variable], at: Mapping[str, Any], extrapolate: bool
) -> list[dict[str, Any]]:
    """Every combination of the values that `at` asks for.

    Raises
    ------
    InputError
        An unknown variable, a level that does not exist, a number outside the training data.
    """
    values: dict[str, list[Any]] = {}
    for name, given in at.items():
        variable = find_variable(estimate, known, name, "at")
        single = isinstance(given, (str, bytes)) or np.ndim(given) == 0
        wanted = [given] if single else list(given)
        if not wanted:
            raise InputError(explain("at", f"must give {name!r} at least one value", given))
        values[name] = [variable.value("at", value, extrapolate) for value in wanted]
    return [
        dict(zip(values, combination, strict=True)) for combination in itertools.product(*values.values())
    ]


def profile(
    estimate: Estimate, known: Mapping[str, Variable], rows: EffectRows, which: str
) -> dict[str, Any]:
    """The values of one stated row: ``"mean"``, ``"typical"`` or ``"reference"``.

    Numbers stand at their mean (``typical``: at their median), labels at the most common one, under ``reference``
    labels at the reference level and numbers of two values at the lower.
    """
    check_choice("at", which, PROFILES)
    lost = [name for name in estimate.problem.design.variables if name not in known]
    if lost:
        rule = f"must be a mapping, because {listed(lost)} are neither numbers nor labels and have no typical value"
        raise InputError(explain("at", rule, which))
    values: dict[str, Any] = {}
    for name, variable in known.items():
        column = rows.column(name)
        if not isinstance(column, (Labels, Numbers)):
            raise InputError(
                explain("at", f"must be a mapping where {name!r} is neither numbers nor labels", which)
            )
        if variable.levels and which == "reference":
            values[name] = variable.levels[variable.reference]
        elif variable.levels or isinstance(column, Labels):
            values[name] = summarise({name: column}, rows.mass, [name])[0].typical
        elif which == "typical":
            values[name] = float(quantile(column.floats(), rows.mass, [0.5])[0])
        elif which == "reference" and variable.two_valued:
            values[name] = variable.low
        else:
            values[name] = float(rows.mass @ column.floats() / rows.mass.sum())
    return values


def quantile(values: Array, mass: Array, shares: Sequence[float]) -> Array:
    """The smallest values with at least these shares of the mass at or below them."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(mass[order]) / mass.sum()
    places = np.searchsorted(reached, np.asarray(shares) - 1e-12)
    return np.asarray(values[order][np.minimum(places, values.size - 1)])


def spread(rows: EffectRows, name: str) -> float:
    """The weighted standard deviation of a number in these rows, divisor n."""
    column = rows.column(name)
    if not isinstance(column, Numbers):
        raise InputError(
            explain("variables", f"must be a number where sd is asked for, as {name!r} is not", name)
        )
    values, mass = column.floats(), rows.mass / rows.mass.sum()
    return float(np.sqrt(mass @ (values - mass @ values) ** 2))
