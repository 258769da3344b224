"""The response: which value counts as the event, and what each row says about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from problogit.data.columns import Bools, Column, Labels, Numbers, Opaque, plain
from problogit.data.conversion import as_column
from problogit.data.expression import Expression
from problogit.data.rows import Array, Response
from problogit.data.state import pack, unpack
from problogit.data.table import Table, show_rows
from problogit.data.values import Basis, Marked
from problogit.errors import DataError, FormulaError, InputError, explain
from problogit.validation import nearest

__all__ = ["Outcome", "ResponseCoding", "evaluate_left", "learn_response"]


@dataclass(frozen=True, eq=False)
class Outcome:
    """Events of each row.

    Attributes
    ----------
    events : ndarray, shape (n,)
        0/1, or a count where there are trials; 0 where missing.
    missing : ndarray of bool, shape (n,)
    """

    events: Array
    missing: Bools


@dataclass(frozen=True)
class ResponseCoding:
    """How a response becomes 0/1; learned once, replayed on new data.

    Attributes
    ----------
    name : str
        Left side of the formula, or the name of the array.
    event, non_event : object
        The user's own labels; `non_event` is None where the data hold the event only and cannot say.
    counts : bool
        True where the response counts events in trials.
    """

    name: str
    event: Any
    non_event: Any
    counts: bool = False

    @property
    def response(self) -> Response:
        """What the rest of the library sees."""
        return Response(self.name, self.event, self.non_event, self.counts)

    def to_state(self) -> dict[str, Any]:
        """The coding as plain JSON-able values."""
        labels = {"event": pack(self.event), "non_event": pack(self.non_event)}
        return {"name": self.name, "counts": self.counts, **labels}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> ResponseCoding:
        """The coding that `to_state` wrote."""
        labels = [
            plain(unpack(state[key])) if state[key] is not None else None for key in ("event", "non_event")
        ]
        return cls(str(state["name"]), labels[0], labels[1], bool(state["counts"]))

    def encode(self, column: Column, index: Any) -> Outcome:
        """Read a column under this coding.

        Raises
        ------
        DataError
            A value is neither the event nor its opposite.
        """
        missing = column.is_missing()
        if self.counts:
            return Outcome(_count(self.name, column, index), missing)
        if isinstance(column, Labels):
            event = np.array([level == self.event for level in column.levels] + [False])
            other = np.array([level == self.non_event for level in column.levels] + [False])
            is_event, known = event[column.codes], (event | other)[column.codes]
        elif isinstance(column, Numbers):
            is_event = _equals(column, self.event)
            known = is_event | _equals(column, self.non_event)
        else:
            raise DataError(
                explain(f"response {self.name!r}", "must hold numbers, truth values or text", column.what)
            )
        stray = ~known & ~missing
        if stray.any():
            first = _value_at(column, int(np.flatnonzero(stray)[0]))
            raise DataError(
                f"response {self.name!r} must hold {self.event!r} or {self.non_event!r}; it holds {first!r} at "
                f"{show_rows(index, stray)}."
            )
        return Outcome(np.where(missing, 0.0, is_event.astype(np.float64)), missing)


def _equals(column: Numbers, value: Any) -> Bools:
    if value is None or isinstance(value, str):
        return np.zeros(len(column), dtype=bool)
    return np.asarray((column.values == value) & ~column.is_missing(), dtype=bool)


def _value_at(column: Labels | Numbers, position: int) -> Any:
    return (
        column.levels[column.codes[position]]
        if isinstance(column, Labels)
        else column.values[position].item()
    )


def _count(name: str, column: Column, index: Any) -> Array:
    if not isinstance(column, Numbers):
        raise DataError(explain(f"response {name!r}", "must count events where trials= is given", "text"))
    values = np.where(column.is_missing(), 0.0, column.floats())
    bad = (values < 0) | (values != np.floor(values)) | ~np.isfinite(values)
    if bad.any():
        first = float(values[bad][0])
        remedy = "Multiply proportions by the trials." if 0 < first < 1 else ""
        raise DataError(
            explain(
                f"response {name!r} at {show_rows(index, bad)}",
                "must be a whole number of events >= 0",
                first,
                remedy,
            )
        )
    return values


def evaluate_left(
    expression: Expression,
    table: Table,
    functions: Mapping[str, Callable[..., Any]],
    states: dict[str, dict[str, Any]],
) -> Column:
    """The left side of the formula for all rows; missing where one of its columns is."""
    gaps = np.zeros(table.n_rows, dtype=bool)
    for name in expression.columns:
        gaps |= table.columns[name].is_missing()
    if len(expression.columns) == 1 and expression.text in table.columns:
        return table.columns[expression.text]
    rows = np.flatnonzero(~gaps)
    value = expression.evaluate(
        table.take(rows),
        len(rows),
        functions,
        states,
        lambda bad: show_rows(table.index, rows[np.flatnonzero(bad)]),
    )
    value = value.values if isinstance(value, Marked) else value
    if isinstance(value, Basis) or not isinstance(value, (np.ndarray, Labels)):
        raise FormulaError(f"the response {expression.text!r} must give one value a row.")
    column = as_column(expression.text, value)
    if isinstance(column, Labels):
        codes = np.full(table.n_rows, -1, dtype=np.int64)
        codes[rows] = column.codes
        return Labels(codes, column.levels, column.declared)
    if not isinstance(column, Numbers):
        raise FormulaError(f"the response {expression.text!r} must give numbers, truth values or labels.")
    spread: NDArray[Any] = np.zeros(table.n_rows, dtype=column.values.dtype)
    spread[rows] = column.values
    gaps[rows] = column.is_missing()
    return Numbers(spread, gaps if gaps.any() else None)


def learn_response(name: str, column: Column, event: Any, *, counts: bool) -> ResponseCoding:
    """Decide which value of the response is the event.

    Parameters
    ----------
    name : str
        Used in messages and in `Response`.
    column : Column
        The response of all rows.
    event : object or None
        The user's choice. Without one: True, 1, the second of two texts in alphabetical order (as in R), the later
        of two categories.
    counts : bool
        Whether the response counts events in trials; then there is nothing to choose.

    Raises
    ------
    DataError, InputError
        No value, more than two, proportions without trials, two numbers other than 0 and 1 without `event`, or an
        `event` that the data do not hold.
    """
    if counts:
        if event is not None:
            raise InputError(
                explain("event", "has no meaning with trials=, where the response counts events", event)
            )
        return ResponseCoding(name, 1, 0, counts=True)
    if isinstance(column, Opaque):
        raise DataError(explain(f"response {name!r}", "must hold numbers, truth values or text", column.what))
    if column.is_missing().all():
        raise DataError(f"response {name!r} has no value that is not missing.")
    if isinstance(column, Labels):
        return _from_labels(name, column, event)
    return _from_numbers(name, column, event)


def _choose(name: str, values: list[Any], event: Any) -> ResponseCoding:
    """The coding under the user's choice among at most two values."""
    matches = [
        value for value in values if value == event and isinstance(value, str) == isinstance(event, str)
    ]
    if not matches:
        close = nearest(event, values) if isinstance(event, str) else None
        hint = f"Did you mean {close!r}?" if close else ""
        shown = " or ".join(repr(value) for value in values)
        raise InputError(explain("event", f"must be a value of the response {name!r}, {shown}", event, hint))
    others = [value for value in values if value != matches[0]]
    return ResponseCoding(name, matches[0], others[0] if others else None)


def _from_labels(name: str, column: Labels, event: Any) -> ResponseCoding:
    used = [column.levels[code] for code in np.unique(column.codes[column.codes >= 0])]
    if len(used) > 2:
        shown = ", ".join(repr(level) for level in used[:6]) + (", ..." if len(used) > 6 else "")
        raise DataError(
            f"response {name!r} must have two values; it has {len(used)}: {shown}. To model one against the rest write "
            f"I({_quote(name)} == {used[-1]!r}) left of '~'; multinomial outcomes are out of scope."
        )
    if len(used) == 1 and column.declared and len(column.levels) == 2:
        used = list(column.levels)
    if event is not None:
        return _choose(name, used, event)
    if len(used) == 1:
        raise DataError(
            f"response {name!r} has the one value {used[0]!r}, so that its event is not known; "
            f"name it by event={used[0]!r}."
        )
    return ResponseCoding(name, used[1], used[0])


def _quote(name: str) -> str:
    return name if name.isidentifier() else f"`{name}`"


def _from_numbers(name: str, column: Numbers, event: Any) -> ResponseCoding:
    present = column.values if column.missing is None else column.values[~column.missing]
    if present.dtype == bool:
        return ResponseCoding(name, True, False) if event is None else _choose(name, [False, True], event)  # noqa: FBT003
    if not np.isfinite(present).all():
        raise DataError(explain(f"response {name!r}", "must be finite", "inf"))
    distinct = _distinct(present)
    values = [int(value) if float(value).is_integer() else float(value) for value in distinct[:7]]
    if len(distinct) <= 2 and set(values) <= {0, 1}:
        return ResponseCoding(name, 1, 0) if event is None else _choose(name, [0, 1], event)
    if len(distinct) > 2:
        raise DataError(_too_many(name, distinct, values))
    if event is not None:
        return _choose(name, values, event)
    if 0 < values[0] < 1 or 0 < values[-1] < 1:
        raise DataError(_too_many(name, distinct, values))
    shown = " and ".join(repr(value) for value in values)
    raise DataError(
        f"response {name!r} must be 0/1 or truth values, or its event must be named; it has {shown}. "
        f"Say event={values[-1]!r}, for instance."
    )


def _distinct(present: NDArray[Any]) -> NDArray[Any]:
    """The sorted distinct values; 0/1 without a sort."""
    ones = present == 1
    if (ones | (present == 0)).all():
        return np.array([value for value, held in ((0, not ones.all()), (1, ones.any())) if held])
    return np.unique(present)


def _too_many(name: str, distinct: NDArray[Any], values: list[Any]) -> str:
    if distinct[0] >= 0 and distinct[-1] <= 1:
        return (
            f"response {name!r} must be 0 or 1; it holds proportions such as {_between(values)!r}. "
            "Give the number of events as the response and the number of trials by trials=."
        )
    shown = ", ".join(repr(value) for value in values[:6]) + (", ..." if len(distinct) > 6 else "")
    whole = distinct[0] >= 0 and np.array_equal(distinct, np.floor(distinct))
    remedy = "If it counts events, give trials=; to" if whole else "To"
    return (
        f"response {name!r} must have two values; it has {len(distinct)}: {shown}. {remedy} model an event, write a "
        f"comparison left of '~', such as I({_quote(name)} > {values[0]!r})."
    )


def _between(values: list[Any]) -> Any:
    return next(value for value in values if 0 < value < 1)
