"""From formula text to checked expressions. Text that could run code is refused before anything is evaluated.

Python's parser gives the syntax tree; each node of it is translated by a table of what is allowed (names, constants,
arithmetic, comparisons, calls of listed functions) into the objects of `nodes`. What is not in the table does not
exist for problogit: attributes, subscripts, lambdas, comprehensions, f-strings, walrus, starred arguments.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from problogit.data.columns import Column
from problogit.data.nodes import ColumnRef
from problogit.data.reader import Names, Reader
from problogit.data.table import unknown_column
from problogit.data.values import Env, Node
from problogit.errors import FormulaError

__all__ = ["Expression", "Names", "read_column", "read_expression"]

_QUOTED = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|`([^`]*)`")


@dataclass(frozen=True, eq=False)
class Expression:
    """A checked expression.

    Attributes
    ----------
    text : str
        As the user (or formulaic) wrote it.
    node : Node
    columns, functions : tuple of str
        Columns it reads, user's functions it calls.
    """

    text: str
    node: Node
    columns: tuple[str, ...]
    functions: tuple[str, ...]

    def evaluate(
        self,
        columns: Mapping[str, Column],
        n_rows: int,
        functions: Mapping[str, Callable[..., Any]],
        states: dict[str, dict[str, Any]],
        rows: Callable[[Any], str] = str,
    ) -> Any:
        """The value for complete columns; `states` is filled by transforms that have not learned yet."""
        return self.node.evaluate(Env(columns, n_rows, functions, states, rows))


def read_column(name: str, names: Names) -> Expression:
    """The expression that is one column.

    Raises
    ------
    DataError
        There is no such column; the nearest name is suggested.
    """
    if name not in names.columns:
        raise unknown_column(name, tuple(names.columns), names.origin)
    return Expression(name, ColumnRef(name), (name,), ())


def read_expression(text: str, names: Names) -> Expression:
    """Check an expression and make it ready to evaluate.

    Parameters
    ----------
    text : str
        Python syntax; names that are not identifiers stand in backticks.
    names : Names

    Raises
    ------
    FormulaError
        Malformed, or anything but names, constants, arithmetic, comparisons and calls of listed functions.
    DataError
        A name is no column of the table.
    """
    aliases: dict[str, str] = {}
    code = _without_backticks(text, aliases)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the parser's hints on odd code, which is refused below anyway
            tree = ast.parse(code.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise FormulaError(f"{text!r} in the formula is malformed: {_reason(error)}.") from error
    reader = Reader(names, aliases, text)
    node = reader.read(tree)
    return Expression(text, node, tuple(dict.fromkeys(reader.columns)), tuple(dict.fromkeys(reader.called)))


def _reason(error: Exception) -> str:
    return str(getattr(error, "msg", None) or "it is nested too deeply")


def _without_backticks(text: str, aliases: dict[str, str]) -> str:
    """Replace each backtick-quoted name (outside of text constants) by an identifier that the text does not hold."""
    stem = "_quoted"
    while stem in text:
        stem += "_"

    def replace(match: re.Match[str]) -> str:
        if match.group(1) is None:
            return match.group(0)
        alias = f"{stem}_{len(aliases)}_"
        aliases[alias] = match.group(1)
        return f" {alias} "

    return _QUOTED.sub(replace, text)
