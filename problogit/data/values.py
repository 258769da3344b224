"""What expressions are made of: their environment, and the values that they may take."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from problogit.data.columns import Column, Labels, Numbers
from problogit.errors import FormulaError

__all__ = ["Basis", "Env", "Marked", "Node", "as_number", "as_value"]


@dataclass(frozen=True, eq=False)
class Marked:
    """Values that `C(...)` marks as a factor, with its contrasts."""

    values: Labels | NDArray[Any]
    contrasts: Any = None
    levels: tuple[Any, ...] | None = None
    spans_intercept: bool = True


@dataclass(frozen=True, eq=False)
class Basis:
    """Several numeric columns made from one expression (a spline, a polynomial).

    Attributes
    ----------
    matrix : ndarray, shape (n, k)
    fields : tuple of str
        What stands in the brackets of each column's name.
    drop : int or None
        The column to leave out where the basis holds the intercept and the model has one already.
    """

    matrix: NDArray[np.float64]
    fields: tuple[str, ...]
    drop: int | None = None


@dataclass(frozen=True, eq=False)
class Env:
    """What an expression is evaluated in.

    Attributes
    ----------
    columns : mapping of str to Column
        Complete columns: nothing missing.
    n_rows : int
    functions : mapping of str to callable
        The user's own, from ``context=``.
    states : dict
        What the transforms learned (knots, means), by the text of their call; filled while learning.
    rows : callable
        Turns positions into row labels for messages.
    """

    columns: Mapping[str, Column]
    n_rows: int
    functions: Mapping[str, Callable[..., Any]]
    states: dict[str, dict[str, Any]]
    rows: Callable[[Any], str] = field(default=str)


class Node(ABC):
    """A checked expression."""

    @abstractmethod
    def evaluate(self, env: Env) -> Any:
        """The value of the expression for the rows of `env`."""


def as_value(name: str, column: Column) -> Labels | NDArray[Any]:
    """The value of a column inside an expression."""
    if isinstance(column, Labels):
        return column
    if isinstance(column, Numbers):
        return column.values
    raise FormulaError(
        f"column {name!r} holds {column.what}, which is neither a number nor a label; make a column of numbers or "
        "text of it first, or pass a function by context= that does."
    )


def as_number(value: Any, text: str, *, keep: bool = False) -> Any:
    """Check an operand; truth values count 0 and 1, integers stay so only where `keep`."""
    if isinstance(value, (bool, int, float)):
        return value if keep and type(value) is int else np.float64(value)
    if isinstance(value, np.ndarray):
        integers = keep and value.dtype.kind == "i"
        return (
            value if integers or value.dtype == np.float64 else value.astype(np.int64 if keep else np.float64)
        )
    what = {Labels: "text or categories", Marked: "a factor", Basis: "several columns", str: "text"}.get(
        type(value)
    )
    raise FormulaError(f"{text} needs numbers, and one part of it is {what or 'not a column or a number'}.")
