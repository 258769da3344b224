"""From formula text to checked expressions. Text that could run code is refused before anything is evaluated.

Python's parser gives the syntax tree; each node of it is translated by a table of what is allowed (names, constants,
arithmetic, comparisons, calls of listed functions) into the objects of `nodes`. What is not in the table does not
exist for problogit: attributes, subscripts, lambdas, comprehensions, f-strings, walrus, starred arguments.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from problogit.data import nodes
from problogit.data.columns import Column
from problogit.data.sources import unknown_column
from problogit.data.transforms import (
    CONTRASTS,
    ELEMENTWISE,
    REFUSED,
    TRANSFORMS,
    contrast_class,
    listed_names,
)
from problogit.errors import FormulaError
from problogit.validation import nearest

__all__ = ["Expression", "Names", "read_column", "read_expression"]

_QUOTED = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|`([^`]*)`")
_BINARY: Mapping[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.USub: "-",
    ast.UAdd: "+",
    ast.Invert: "~",
}
_PATSY_CONTRASTS = {
    "Treatment": "treatment",
    "Sum": "sum",
    "Helmert": "helmert",
    "Diff": "diff",
    "Poly": "poly",
}
_DEPTH = 60
_CONSTANTS: Mapping[str, float] = {
    "np.pi": 3.141592653589793,
    "np.e": 2.718281828459045,
    "pi": 3.141592653589793,
}


@dataclass(frozen=True)
class Names:
    """What the names in an expression may stand for.

    Attributes
    ----------
    columns : collection of str
        Columns of the table.
    functions : collection of str
        The user's own functions, from ``context=``.
    origin : str
        What the table is called in messages.
    """

    columns: Collection[str]
    functions: Collection[str] = ()
    origin: str = "the data"


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
    node: nodes.Node
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
        return self.node.evaluate(nodes.Env(columns, n_rows, functions, states, rows))


def read_column(name: str, names: Names) -> Expression:
    """The expression that is one column.

    Raises
    ------
    DataError
        There is no such column; the nearest name is suggested.
    """
    if name not in names.columns:
        raise unknown_column(name, tuple(names.columns), names.origin)
    return Expression(name, nodes.ColumnRef(name), (name,), ())


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
    reader = _Reader(names, aliases, text)
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


@dataclass
class _Reader:
    """Translates one syntax tree; collects the columns and the user's functions on the way."""

    names: Names
    aliases: Mapping[str, str]
    text: str
    columns: list[str] = field(default_factory=list)
    called: list[str] = field(default_factory=list)
    depth: int = 0

    def read(self, tree: ast.AST) -> nodes.Node:
        readers: Mapping[type[ast.AST], Callable[[Any], nodes.Node]] = {
            ast.Constant: self.constant,
            ast.Name: self.name,
            ast.Attribute: self.name,
            ast.BinOp: self.binary,
            ast.UnaryOp: self.unary,
            ast.Compare: self.comparison,
            ast.Call: self.call,
            ast.List: self.listing,
            ast.Tuple: self.listing,
            ast.Dict: self.pairs,
        }
        if type(tree) not in readers:
            raise self.refuse(tree)
        self.depth += 1
        if self.depth > _DEPTH:
            raise FormulaError(f"{self.text[:60]!r}... in the formula is nested too deeply.")
        node = readers[type(tree)](tree)
        self.depth -= 1
        return node

    def refuse(self, tree: ast.AST) -> FormulaError:
        what = {
            ast.Subscript: "square brackets",
            ast.Lambda: "a lambda",
            ast.JoinedStr: "an f-string",
            ast.BoolOp: "and/or (write & or | between parentheses)",
            ast.IfExp: "if/else (use np.where)",
            ast.Starred: "a starred argument",
            ast.NamedExpr: "an assignment",
            ast.Attribute: "an attribute",
        }.get(type(tree), f"{type(tree).__name__} code")
        return FormulaError(
            f"{self.text!r} in the formula holds {what}; a formula may hold columns, constants, arithmetic, comparisons "
            "and calls of listed functions. Pass a function of your own by context={'f': f}."
        )

    def shown(self, tree: ast.AST) -> str:
        """The text of a part, with the user's own names; also the key under which a transform's state is kept."""
        text = ast.unparse(tree)
        for alias, name in self.aliases.items():
            text = text.replace(alias, f"`{name}`")
        return text

    def constant(self, tree: ast.Constant) -> nodes.Node:
        if isinstance(tree.value, int) and abs(tree.value) >= 2**63:
            raise FormulaError(f"{self.text[:60]!r} in the formula holds an integer that is too large.")
        if tree.value is None or isinstance(tree.value, (bool, int, float, str)):
            return nodes.Constant(tree.value)
        raise self.refuse(tree)

    def dotted(self, tree: ast.AST) -> str | None:
        """``np.log`` as text, for a chain of names only."""
        if isinstance(tree, ast.Name):
            return self.aliases.get(tree.id, tree.id)
        if isinstance(tree, ast.Attribute):
            inner = self.dotted(tree.value)
            return None if inner is None else f"{inner}.{tree.attr}"
        return None

    def name(self, tree: ast.Name | ast.Attribute) -> nodes.Node:
        name = self.dotted(tree)
        if name is None:
            raise self.refuse(tree)
        if name in self.names.columns:
            self.columns.append(name)
            return nodes.ColumnRef(name)
        if name in _CONSTANTS:
            return nodes.Constant(_CONSTANTS[name])
        contrast = _contrast(name)
        if contrast is not None:
            return nodes.Constant(contrast_class(contrast))
        if isinstance(tree, ast.Attribute):
            root = name.split(".", maxsplit=1)[0]
            if root == "contr" and name.count(".") == 1:
                raise FormulaError(
                    f"{name} in the formula: contrasts are {', '.join(f'contr.{c}' for c in CONTRASTS)}."
                )
            if (
                root in {"np", "contr", *self.names.columns, *self.names.functions}
                and name not in ELEMENTWISE
            ):
                raise self.refuse(tree)
        raise self.unknown(name)

    def unknown(self, name: str) -> Exception:
        if name in TRANSFORMS or name in ELEMENTWISE or name in self.names.functions:
            return FormulaError(f"{name} in {self.text!r} is a function: call it, as in {name}(x).")
        return unknown_column(name, tuple(self.names.columns), self.names.origin)

    def binary(self, tree: ast.BinOp) -> nodes.Node:
        symbol = _BINARY.get(type(tree.op))
        if symbol is None:
            raise self.refuse(tree.op)
        left, right, text = self.read(tree.left), self.read(tree.right), self.shown(tree)
        if symbol in nodes.LOGIC:
            return nodes.Logic(symbol, left, right, text)
        return nodes.Arithmetic(symbol, left, right, text)

    def unary(self, tree: ast.UnaryOp) -> nodes.Node:
        symbol = _BINARY.get(type(tree.op))
        if symbol is None:
            raise self.refuse(tree.op)
        return nodes.Negation(symbol, self.read(tree.operand), self.shown(tree))

    def comparison(self, tree: ast.Compare) -> nodes.Node:
        symbols = [_BINARY.get(type(op)) for op in tree.ops]
        if None in symbols:
            raise self.refuse(tree.ops[symbols.index(None)])
        sides = [self.read(side) for side in (tree.left, *tree.comparators)]
        text = self.shown(tree)
        parts: list[nodes.Node] = [
            nodes.Comparison(str(symbol), left, right, text)
            for symbol, left, right in zip(symbols, sides[:-1], sides[1:], strict=True)
        ]
        whole = parts[0]
        for part in parts[1:]:
            whole = nodes.Logic("&", whole, part, text)
        return whole

    def listing(self, tree: ast.List | ast.Tuple) -> nodes.Node:
        return nodes.Listing(tuple(self.only_constants(item) for item in tree.elts))

    def pairs(self, tree: ast.Dict) -> nodes.Node:
        keys = [self.only_constants(key) for key in tree.keys if key is not None]
        if len(keys) != len(tree.values):
            raise self.refuse(ast.Starred())
        return nodes.Pairs(
            tuple(zip(keys, (self.only_constants(value) for value in tree.values), strict=True))
        )

    def only_constants(self, tree: ast.AST) -> nodes.Node:
        before = len(self.columns)
        node = self.read(tree)
        if len(self.columns) > before:
            raise FormulaError(f"{self.text!r} in the formula: a list may hold constants only, no columns.")
        return node

    def arguments(self, tree: ast.Call) -> Iterator[tuple[str, nodes.Node]]:
        for keyword in tree.keywords:
            if keyword.arg is None or keyword.arg.startswith("_"):
                raise self.refuse(ast.Starred())
            yield keyword.arg, self.read(keyword.value)

    def call(self, tree: ast.Call) -> nodes.Node:
        name, text = self.dotted(tree.func), self.shown(tree)
        if name is None:
            raise self.refuse(tree.func)
        if name == "Q":
            return self.quoted(tree)
        refused = REFUSED.get(name.removeprefix("np."))
        if name not in self.names.functions and refused is not None:
            raise FormulaError(f"{text} in the formula: {refused}")
        arguments, keywords = tuple(self.read(item) for item in tree.args), tuple(self.arguments(tree))
        if name in self.names.functions:
            self.called.append(name)
            return nodes.UserCall(name, arguments, keywords, text)
        if name in TRANSFORMS:
            return nodes.Transform(TRANSFORMS[name], arguments, keywords, text)
        if _contrast(name) is not None:
            return nodes.Transform(_make_contrast(str(_contrast(name))), arguments, _patsy(keywords), text)
        if name in ELEMENTWISE:
            return self.elementwise(name, arguments, keywords, text)
        close = nearest(
            name, (*TRANSFORMS, *ELEMENTWISE, *self.names.functions, *(f"contr.{c}" for c in CONTRASTS))
        )
        hint = f"did you mean {close}?" if close else f"listed are {', '.join(listed_names())}."
        raise FormulaError(
            f"{name}() in the formula is not a listed function; {hint} Pass a function of your own by context={{'f': f}}."
        )

    def elementwise(
        self,
        name: str,
        arguments: tuple[nodes.Node, ...],
        keywords: tuple[tuple[str, nodes.Node], ...],
        text: str,
    ) -> nodes.Node:
        function = ELEMENTWISE[name]
        # a surplus argument of a NumPy function is an array to write to, so that the number is checked strictly
        if keywords or not function.least <= len(arguments) <= function.most:
            wanted = (
                f"{function.least}"
                if function.least == function.most
                else f"{function.least} to {function.most}"
            )
            raise FormulaError(f"{text} in the formula: {name} takes {wanted} argument(s), none by keyword.")
        return nodes.Elementwise(function.call, arguments, text, function.keeps_integers)

    def quoted(self, tree: ast.Call) -> nodes.Node:
        """``Q("odd name")``, patsy's way to write a column whose name is no identifier."""
        if tree.keywords or len(tree.args) != 1 or not isinstance(tree.args[0], ast.Constant):
            raise FormulaError(f"{self.text!r} in the formula: Q takes one column name in quotes.")
        name = str(tree.args[0].value)
        if name not in self.names.columns:
            raise unknown_column(name, tuple(self.names.columns), self.names.origin)
        self.columns.append(name)
        return nodes.ColumnRef(name)


def _contrast(name: str) -> str | None:
    if name.startswith("contr.") and name[len("contr.") :] in CONTRASTS:
        return name[len("contr.") :]
    return _PATSY_CONTRASTS.get(name)


def _patsy(keywords: tuple[tuple[str, nodes.Node], ...]) -> tuple[tuple[str, nodes.Node], ...]:
    return tuple(("base" if name == "reference" else name, node) for name, node in keywords)


def _make_contrast(name: str) -> Callable[..., Any]:
    def make(state: dict[str, Any], env: nodes.Env, *arguments: Any, **options: Any) -> Any:  # noqa: ARG001
        return contrast_class(name)(*arguments, **options)

    return make
