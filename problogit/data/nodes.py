"""The expressions that a formula may hold, as small objects that can be evaluated.

`expression.read` turns text into these nodes and refuses everything else, so whatever exists here was checked; no
Python code is ever compiled or run from text. A node evaluates to a float64/int64/bool array of shape (n,), to
`Labels`, to a `Marked` factor, to a `Basis` of several columns, or to a plain argument (number, text, list).
"""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from problogit.data.columns import Column, Labels, Numbers, as_column, as_series
from problogit.data.sources import is_frame, open_source
from problogit.errors import FormulaError, InputError

__all__ = [
    "ARITHMETIC",
    "COMPARISONS",
    "LOGIC",
    "Arithmetic",
    "Basis",
    "ColumnRef",
    "Comparison",
    "Constant",
    "Elementwise",
    "Env",
    "Listing",
    "Logic",
    "Marked",
    "Negation",
    "Node",
    "Pairs",
    "Transform",
    "UserCall",
    "as_value",
]

ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
}
COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
LOGIC: Mapping[str, Callable[[Any, Any], Any]] = {"&": operator.and_, "|": operator.or_}
_EXACT = 2.0**53


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


def _number(value: Any, text: str, *, keep: bool = False) -> Any:
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


def _size(value: Any) -> float:
    return float(np.max(np.abs(value), initial=0)) if isinstance(value, np.ndarray) else abs(float(value))


@dataclass(frozen=True)
class Constant(Node):
    """A number, text, True, False or None."""

    value: Any

    def evaluate(self, env: Env) -> Any:  # noqa: ARG002
        """The constant."""
        return self.value


@dataclass(frozen=True)
class ColumnRef(Node):
    """A column of the table."""

    name: str

    def evaluate(self, env: Env) -> Labels | NDArray[Any]:
        """The column's values."""
        return as_value(self.name, env.columns[self.name])


@dataclass(frozen=True)
class Listing(Node):
    """A list of constants: knots, levels."""

    items: tuple[Node, ...]

    def evaluate(self, env: Env) -> list[Any]:
        """The list."""
        return [item.evaluate(env) for item in self.items]


@dataclass(frozen=True)
class Pairs(Node):
    """A dict of constants: the user's own contrasts."""

    items: tuple[tuple[Node, Node], ...]

    def evaluate(self, env: Env) -> dict[Any, Any]:
        """The dict."""
        return {key.evaluate(env): value.evaluate(env) for key, value in self.items}


@dataclass(frozen=True)
class Arithmetic(Node):
    """``a + b`` and the like; integers stay integers while they are exact."""

    symbol: str
    left: Node
    right: Node
    text: str

    def evaluate(self, env: Env) -> Any:
        """The result; floats wherever integers could overflow."""
        left, right = (_number(side.evaluate(env), self.text, keep=True) for side in (self.left, self.right))
        if not self._exact(left, right):
            left, right = _number(left, self.text), _number(right, self.text)
        with np.errstate(all="ignore"):  # what is not finite in the end is told by column and row
            return ARITHMETIC[self.symbol](left, right)

    def _exact(self, left: Any, right: Any) -> bool:
        """Whether integers may stay integers here."""
        if self.symbol in {"/", "**"} or not (_is_whole(left) and _is_whole(right)):
            return False
        if self.symbol in {"//", "%"}:
            return not np.any(np.equal(right, 0))
        return max(_size(left), 1.0) * max(_size(right), 1.0) < _EXACT


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) or (isinstance(value, np.ndarray) and value.dtype.kind == "i")


@dataclass(frozen=True)
class Negation(Node):
    """``-a`` or, for truth values, ``~a``."""

    symbol: str
    operand: Node
    text: str

    def evaluate(self, env: Env) -> Any:
        """The negated value."""
        value = self.operand.evaluate(env)
        if self.symbol == "~":
            return ~_truth(value, self.text)
        value = _number(value, self.text, keep=True)
        return -value if self.symbol == "-" else value


def _truth(value: Any, text: str) -> NDArray[np.bool_]:
    if isinstance(value, np.ndarray) and value.dtype == bool:
        return value
    raise FormulaError(
        f"{text}: & | ~ join comparisons, such as (a > 1) & (b > 2); one side is not a comparison."
    )


@dataclass(frozen=True)
class Logic(Node):
    """``(a > 1) & (b > 2)``, also with ``|``."""

    symbol: str
    left: Node
    right: Node
    text: str

    def evaluate(self, env: Env) -> NDArray[np.bool_]:
        """The truth values."""
        left, right = (_truth(side.evaluate(env), self.text) for side in (self.left, self.right))
        return np.asarray(LOGIC[self.symbol](left, right), dtype=bool)


@dataclass(frozen=True)
class Comparison(Node):
    """``a > b``; text is compared with text, by the order of the levels where the column declares one."""

    symbol: str
    left: Node
    right: Node
    text: str

    def evaluate(self, env: Env) -> NDArray[np.bool_]:
        """The truth values, shape (n,)."""
        left, right = self.left.evaluate(env), self.right.evaluate(env)
        if isinstance(left, Labels) or isinstance(right, Labels):
            result = self._labels(left, right)
        else:
            pair = [_number(side, self.text, keep=True) for side in (left, right)]
            result = COMPARISONS[self.symbol](*pair)
        return np.broadcast_to(np.asarray(result, dtype=bool), (env.n_rows,))

    def _labels(self, left: Any, right: Any) -> Any:
        if isinstance(left, Labels) and isinstance(right, Labels):
            return COMPARISONS[self.symbol](left.text(), right.text())
        labels, other, mirrored = (left, right, False) if isinstance(left, Labels) else (right, left, True)
        if not isinstance(other, (str, bool, int, float)):
            raise FormulaError(
                f"{self.text}: a column of labels compares with one label or another such column."
            )
        compare = COMPARISONS[self.symbol]
        if labels.declared and self.symbol not in {"==", "!="}:
            if other not in labels.levels:
                raise FormulaError(f"{self.text}: {other!r} is not one of the levels {list(labels.levels)}.")
            ranks, bound = np.arange(len(labels.levels)), labels.levels.index(other)
            table = compare(bound, ranks) if mirrored else compare(ranks, bound)
        else:
            pairs = [(other, level) if mirrored else (level, other) for level in labels.levels]
            if self.symbol not in {"==", "!="} and any(type(a) is not type(b) for a, b in pairs):
                raise FormulaError(f"{self.text}: only text compares with text.")
            table = np.array([compare(*pair) for pair in pairs], dtype=bool)
        return np.append(table, False)[labels.codes]  # noqa: FBT003


@dataclass(frozen=True)
class Elementwise(Node):
    """A listed function of numbers, row by row (``log``, ``np.sqrt``...)."""

    function: Callable[..., Any]
    arguments: tuple[Node, ...]
    text: str
    keeps_integers: bool = False

    def evaluate(self, env: Env) -> Any:
        """The function of each row."""
        values = [_number(node.evaluate(env), self.text, keep=self.keeps_integers) for node in self.arguments]
        with np.errstate(all="ignore"):  # what is not finite in the end is told by column and row
            return self.function(*values)


@dataclass(frozen=True)
class Transform(Node):
    """A listed transform that learns from the training data (``bs``, ``poly``, ``scale``, ``C``...)."""

    function: Callable[..., Any]
    arguments: tuple[Node, ...]
    keywords: tuple[tuple[str, Node], ...]
    text: str

    def evaluate(self, env: Env) -> Any:
        """The transformed values; on new data with what was learned from the training data."""
        values = [node.evaluate(env) for node in self.arguments]
        options = {name: node.evaluate(env) for name, node in self.keywords}
        state = env.states.setdefault(self.text, {})
        try:
            return self.function(state, env, *values, **options)
        except InputError:
            raise
        except (ValueError, TypeError, KeyError, IndexError, ArithmeticError) as error:
            raise FormulaError(f"{self.text} cannot be evaluated: {_first_line(error)}") from error


@dataclass(frozen=True)
class UserCall(Node):
    """A function that came by ``context=``."""

    name: str
    arguments: tuple[Node, ...]
    keywords: tuple[tuple[str, Node], ...]
    text: str

    def evaluate(self, env: Env) -> Any:
        """What the function returns: one value a row, or a table of k numeric columns."""
        values = [_for_user(node, env) for node in self.arguments]
        options = {name: _for_user(node, env) for name, node in self.keywords}
        try:
            result = env.functions[self.name](*values, **options)
        except Exception as error:  # noqa: BLE001 - whatever the user's function raises is told by its name
            raise FormulaError(
                f"{self.text}: the function raised {type(error).__name__}: {_first_line(error)}"
            ) from error
        return _from_user(result, env, self.text)


def _for_user(node: Node, env: Env) -> Any:
    """Columns go to the user's function as pandas Series, dates included."""
    if isinstance(node, ColumnRef):
        return as_series(env.columns[node.name])
    value = node.evaluate(env)
    return as_series(as_column("argument", value)) if isinstance(value, (np.ndarray, Labels)) else value


def _from_user(result: Any, env: Env, text: str) -> Any:
    if is_frame(result):
        table = open_source(result).read(open_source(result).names)
        parts = [_number(as_value(name, column), text) for name, column in table.columns.items()]
        value: Any = Basis(np.column_stack(parts), tuple(table.columns))
        n_rows = table.n_rows
    elif isinstance(result, np.ndarray) and result.ndim == 2:
        value = Basis(result.astype(np.float64), tuple(str(i) for i in range(result.shape[1])))
        n_rows = result.shape[0]
    elif np.ndim(result) == 0:
        raise FormulaError(f"{text} must give one value a row; it gave the single value {result!r}.")
    else:
        column = as_column(text, result)
        value, n_rows = as_value(text, column), len(column)
        if isinstance(column, Labels) and column.is_missing().any():
            raise FormulaError(f"{text} gave missing labels at {env.rows(column.is_missing())}.")
        if isinstance(column, Numbers) and column.missing is not None:
            value = column.floats()
    if n_rows != env.n_rows:
        raise FormulaError(f"{text} must give one value a row; it gave {n_rows} for {env.n_rows} rows.")
    return value


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", maxsplit=1)[0] or type(error).__name__
