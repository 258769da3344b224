"""Calls inside expressions: listed functions, transforms that learn, and the user's own functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from problogit.data.columns import Labels, Numbers
from problogit.data.conversion import as_column, as_series
from problogit.data.nodes import ColumnRef
from problogit.data.sources import is_frame, open_source
from problogit.data.values import Basis, Env, Node, as_number, as_value
from problogit.errors import FormulaError, InputError

__all__ = ["Elementwise", "Transform", "UserCall"]


@dataclass(frozen=True)
class Elementwise(Node):
    """A listed function of numbers, row by row (``log``, ``np.sqrt``...)."""

    function: Callable[..., Any]
    arguments: tuple[Node, ...]
    text: str
    keeps_integers: bool = False

    def evaluate(self, env: Env) -> Any:
        """The function of each row."""
        values = [
            as_number(node.evaluate(env), self.text, keep=self.keeps_integers) for node in self.arguments
        ]
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
        except Exception as error:
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
        parts = [as_number(as_value(name, column), text) for name, column in table.columns.items()]
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
