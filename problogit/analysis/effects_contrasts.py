"""What is compared with what: the pairs of scenes behind each line of a table of effects."""

from __future__ import annotations

import itertools
import numbers
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from problogit.analysis.effects_rows import EffectRows, Set, Shift, Step
from problogit.analysis.effects_variables import Variable, find_variable, quantile, spread
from problogit.data.columns import Numbers
from problogit.errors import InputError, explain
from problogit.estimate import Estimate
from problogit.validation import check_choice, check_number

__all__ = ["KINDS", "Contrast", "Request", "contrasts_of", "read_request"]

KINDS = ("difference", "ratio", "lift", "odds_ratio", "number_needed", "slope", "probability")
_TEXTS = {"ratio": "{b} / {a}", "lift": "{b} / {a} - 1", "odds_ratio": "odds {b} / {a}"}
_FACTOR = ("reference", "pairwise", "sequential")
_NUMBER = ("sd", "iqr", "minmax")
_DERIVATIVE = "dY/dX"


@dataclass(frozen=True)
class Contrast:
    """One line: a variable, what is compared, and the scenes.

    Attributes
    ----------
    variable, text : str
    high : tuple of Step
    low : tuple of Step, or None
        None for a probability or a derivative.
    slope : bool
        The derivative with respect to the variable.
    """

    variable: str
    text: str
    high: tuple[Step, ...] = ()
    low: tuple[Step, ...] | None = None
    slope: bool = False

    @property
    def sets(self) -> bool:
        """Whether it gives the variable a value of its own."""
        return any(isinstance(step, Set) for step in (*self.high, *(self.low or ())))


@dataclass(frozen=True)
class Request:
    """A variable with how it is to be changed.

    Attributes
    ----------
    variable : Variable
    how : object
        None for the default of its kind.
    named : bool
        The user named it.
    """

    variable: Variable
    how: Any
    named: bool


def read_request(estimate: Estimate, known: Mapping[str, Variable], variables: Any) -> list[Request]:
    """Variables as the user asked for them: none (all), a name, several, or a mapping of names to changes."""
    if variables is None:
        if not known:
            raise InputError("variables: this model has no predictors that could be changed.")
        return [Request(variable, None, named=False) for variable in known.values()]
    if isinstance(variables, str):
        variables = [variables]
    wanted = variables if isinstance(variables, Mapping) else _listed(variables)
    if not wanted:
        rule = "must be a name, a sequence of names, or a mapping of names to changes"
        raise InputError(
            explain("variables", rule, variables, 'As in variables={"age": 10, "sex": "pairwise"}.')
        )
    return [Request(find_variable(estimate, known, name), how, named=True) for name, how in wanted.items()]


def _listed(variables: Any) -> dict[Any, None]:
    """Names in their order, each once; nothing where it is no list of names."""
    return dict.fromkeys(variables) if isinstance(variables, Iterable) else {}


def contrasts_of(kind: str, request: Request, rows: EffectRows, extrapolate: bool) -> list[Contrast]:
    """The contrasts of one variable.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    request : Request
    rows : EffectRows
        Standard deviations and quartiles are of these rows.
    extrapolate : bool
        Whether values outside the training data may be asked for.
    """
    variable, how = request.variable, request.how
    if kind == "probability":
        return _levels(variable, how, rows, extrapolate)
    if variable.levels:
        return _of_factor(kind, request, extrapolate)
    if kind == "slope":
        return _of_slope(variable, how)
    return _of_number(kind, variable, how, rows, extrapolate)


def _levels(variable: Variable, how: Any, rows: EffectRows, extrapolate: bool) -> list[Contrast]:
    """One probability for each level, for both values, or for the quartiles of a number."""
    if how is not None:
        given = [how] if isinstance(how, str) or np.ndim(how) == 0 else list(how)
        values = [variable.value("variables", value, extrapolate) for value in given]
    elif variable.levels:
        values = list(variable.levels)
    elif variable.two_valued:
        values = [variable.low, variable.high]
    else:
        values = list(dict.fromkeys(_quartiles(rows, variable, (0.25, 0.5, 0.75))))
    return [Contrast(variable.name, shown(value), (Set(variable.name, value),)) for value in values]


def _quartiles(rows: EffectRows, variable: Variable, shares: Sequence[float]) -> list[float]:
    column = rows.column(variable.name)
    values = column.floats() if isinstance(column, Numbers) else np.empty(0)
    return [float(value) for value in quantile(values, rows.mass, shares)]


def _pair(kind: str, variable: Variable, low: Any, high: Any, text: str = "") -> Contrast:
    words = text or _TEXTS.get(kind, "{b} - {a}").format(a=shown(low), b=shown(high))
    return Contrast(variable.name, words, (Set(variable.name, high),), (Set(variable.name, low),))


def _of_factor(kind: str, request: Request, extrapolate: bool) -> list[Contrast]:
    variable, how = request.variable, request.how
    if isinstance(how, (tuple, list)):
        low, high = _two(variable, how, extrapolate)
        return [_pair(kind, variable, low, high)]
    if how is not None and (not isinstance(how, str) or how not in _FACTOR):
        rule = f"must say of {variable.name!r} 'reference', 'pairwise', 'sequential' or a pair of its levels"
        raise InputError(explain("variables", rule, how))
    levels = list(variable.levels)
    if len(levels) < 2 and request.named:
        raise InputError(
            explain("variables", f"must have two levels to compare; {variable.name!r} has one", levels)
        )
    if how == "pairwise":
        pairs = list(itertools.combinations(levels, 2))
    elif how == "sequential":
        pairs = list(itertools.pairwise(levels))
    else:
        reference = levels[variable.reference]
        pairs = [(reference, level) for k, level in enumerate(levels) if k != variable.reference]
    return [_pair(kind, variable, low, high) for low, high in pairs]


def _two(variable: Variable, how: Any, extrapolate: bool) -> tuple[Any, Any]:
    if len(how) != 2:
        rule = f"must be a pair (from, to) for {variable.name!r}"
        raise InputError(explain("variables", rule, how))
    low, high = (variable.value("variables", value, extrapolate) for value in how)
    if low == high:
        raise InputError(explain("variables", f"must change {variable.name!r}", how))
    return low, high


def _of_slope(variable: Variable, how: Any) -> list[Contrast]:
    if how is not None:
        check_choice(f"variables: the change of {variable.name!r} under kind='slope'", how, (_DERIVATIVE,))
    if variable.two_valued and how is None:
        return [_pair("difference", variable, variable.low, variable.high)]
    return [Contrast(variable.name, _DERIVATIVE, slope=True)]


def _of_number(
    kind: str, variable: Variable, how: Any, rows: EffectRows, extrapolate: bool
) -> list[Contrast]:
    if how is None and variable.two_valued:
        return [_pair(kind, variable, variable.low, variable.high)]
    if isinstance(how, (tuple, list)):
        return [_pair(kind, variable, *_two(variable, how, extrapolate))]
    if isinstance(how, str):
        return [_by_word(kind, variable, how, rows)]
    if how is not None and not isinstance(how, numbers.Real):
        rule = f"must say of {variable.name!r} a number to add, a pair (from, to), 'sd', 'iqr' or 'minmax'"
        raise InputError(explain("variables", rule, how))
    amount = 1.0 if how is None else check_number(f"variables: {variable.name!r}", how)
    if amount == 0:
        raise InputError(explain("variables", f"must change {variable.name!r}", how))
    return [_shifted(variable, amount, f"{amount:+g}")]


def _shifted(variable: Variable, amount: float, text: str) -> Contrast:
    return Contrast(variable.name, text, (Shift(variable.name, amount),), ())


def _by_word(kind: str, variable: Variable, how: str, rows: EffectRows) -> Contrast:
    check_choice(f"variables: the change of {variable.name!r}", how, _NUMBER)
    if how == "sd":
        sd = spread(rows, variable.name)
        return _shifted(variable, sd, f"+1 sd ({sd:.4g})")
    low, high = (variable.low, variable.high) if how == "minmax" else _quartiles(rows, variable, (0.25, 0.75))
    return _pair(kind, variable, low, high, f"{how} ({low:g} to {high:g})")


def shown(value: Any) -> str:
    """A level or number in the text of a contrast."""
    return f"{value:g}" if isinstance(value, float) else str(value)
