"""The expressions that a formula may hold, as small objects that can be evaluated.

`expression.read` turns text into these nodes and refuses everything else, so whatever exists here was checked; no
Python code is ever compiled or run from text. A node evaluates to a float64/int64/bool array of shape (n,), to
`Labels`, to a `Marked` factor, to a `Basis` of several columns, or to a plain argument (number, text, list).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from problogit.data.columns import Labels
from problogit.data.values import Env, Node, as_number, as_value
from problogit.errors import FormulaError

__all__ = [
    "ARITHMETIC",
    "COMPARISONS",
    "LOGIC",
    "Arithmetic",
    "ColumnRef",
    "Comparison",
    "Constant",
    "Listing",
    "Logic",
    "Negation",
    "Pairs",
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


def _size(value: Any) -> float:
    return float(np.max(np.abs(value), initial=0)) if isinstance(value, np.ndarray) else abs(float(value))


@dataclass(frozen=True)
class Constant(Node):
    """A number, text, True, False or None."""

    value: Any

    def evaluate(self, env: Env) -> Any:
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
        left, right = (
            as_number(side.evaluate(env), self.text, keep=True) for side in (self.left, self.right)
        )
        if not self._exact(left, right):
            left, right = as_number(left, self.text), as_number(right, self.text)
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
        value = as_number(value, self.text, keep=True)
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
            pair = [as_number(side, self.text, keep=True) for side in (left, right)]
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
        return np.append(table, False)[labels.codes]
