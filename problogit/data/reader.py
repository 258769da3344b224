"""The table of what an expression may hold: syntax trees of Python to checked nodes, or a refusal."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from problogit.data import calls, nodes
from problogit.data.formulaic_parts import CONTRASTS, contrast_class
from problogit.data.table import unknown_column
from problogit.data.transforms import ELEMENTWISE, REFUSED, TRANSFORMS, listed_names
from problogit.data.values import Env, Node
from problogit.errors import FormulaError
from problogit.validation import nearest

__all__ = ["Names", "Reader"]

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


@dataclass
class Reader:
    """Translates one syntax tree; collects the columns and the user's functions on the way."""

    names: Names
    aliases: Mapping[str, str]
    text: str
    columns: list[str] = field(default_factory=list)
    called: list[str] = field(default_factory=list)
    depth: int = 0

    def read(self, tree: ast.AST) -> Node:
        """The node of a syntax tree, or a `FormulaError` that says what it may not hold."""
        readers: Mapping[type[ast.AST], Callable[[Any], Node]] = {
            ast.Constant: self._constant,
            ast.Name: self._name,
            ast.Attribute: self._name,
            ast.BinOp: self._binary,
            ast.UnaryOp: self._unary,
            ast.Compare: self._comparison,
            ast.Call: self._call,
            ast.List: self._listing,
            ast.Tuple: self._listing,
            ast.Dict: self._pairs,
        }
        if type(tree) not in readers:
            raise self._refuse(tree)
        self.depth += 1
        if self.depth > _DEPTH:
            raise FormulaError(f"{self.text[:60]!r}... in the formula is nested too deeply.")
        node = readers[type(tree)](tree)
        self.depth -= 1
        return node

    def _refuse(self, tree: ast.AST) -> FormulaError:
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
            f"{self.text!r} in the formula holds {what}; a formula may hold columns, constants, arithmetic, "
            "comparisons and calls of listed functions. Pass a function of your own by context={'f': f}."
        )

    def _shown(self, tree: ast.AST) -> str:
        """The text of a part, with the user's own names; also the key under which a transform's state is kept."""
        text = ast.unparse(tree)
        for alias, name in self.aliases.items():
            text = text.replace(alias, f"`{name}`")
        return text

    def _constant(self, tree: ast.Constant) -> Node:
        if isinstance(tree.value, int) and abs(tree.value) >= 2**63:
            raise FormulaError(f"{self.text[:60]!r} in the formula holds an integer that is too large.")
        if tree.value is None or isinstance(tree.value, (bool, int, float, str)):
            return nodes.Constant(tree.value)
        raise self._refuse(tree)

    def _dotted(self, tree: ast.AST) -> str | None:
        """``np.log`` as text, for a chain of names only."""
        if isinstance(tree, ast.Name):
            return self.aliases.get(tree.id, tree.id)
        if isinstance(tree, ast.Attribute):
            inner = self._dotted(tree.value)
            return None if inner is None else f"{inner}.{tree.attr}"
        return None

    def _name(self, tree: ast.Name | ast.Attribute) -> Node:
        name = self._dotted(tree)
        if name is None:
            raise self._refuse(tree)
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
                raise self._refuse(tree)
        raise self._unknown(name)

    def _unknown(self, name: str) -> Exception:
        if name in TRANSFORMS or name in ELEMENTWISE or name in self.names.functions:
            return FormulaError(f"{name} in {self.text!r} is a function: call it, as in {name}(x).")
        return unknown_column(name, tuple(self.names.columns), self.names.origin)

    def _binary(self, tree: ast.BinOp) -> Node:
        symbol = _BINARY.get(type(tree.op))
        if symbol is None:
            raise self._refuse(tree.op)
        left, right, text = self.read(tree.left), self.read(tree.right), self._shown(tree)
        if symbol in nodes.LOGIC:
            return nodes.Logic(symbol, left, right, text)
        return nodes.Arithmetic(symbol, left, right, text)

    def _unary(self, tree: ast.UnaryOp) -> Node:
        symbol = _BINARY.get(type(tree.op))
        if symbol is None:
            raise self._refuse(tree.op)
        return nodes.Negation(symbol, self.read(tree.operand), self._shown(tree))

    def _comparison(self, tree: ast.Compare) -> Node:
        symbols = [_BINARY.get(type(op)) for op in tree.ops]
        if None in symbols:
            raise self._refuse(tree.ops[symbols.index(None)])
        sides = [self.read(side) for side in (tree.left, *tree.comparators)]
        text = self._shown(tree)
        parts: list[Node] = [
            nodes.Comparison(str(symbol), left, right, text)
            for symbol, left, right in zip(symbols, sides[:-1], sides[1:], strict=True)
        ]
        whole = parts[0]
        for part in parts[1:]:
            whole = nodes.Logic("&", whole, part, text)
        return whole

    def _listing(self, tree: ast.List | ast.Tuple) -> Node:
        return nodes.Listing(tuple(self._only_constants(item) for item in tree.elts))

    def _pairs(self, tree: ast.Dict) -> Node:
        keys = [self._only_constants(key) for key in tree.keys if key is not None]
        if len(keys) != len(tree.values):
            raise self._refuse(ast.Starred(value=tree))
        return nodes.Pairs(
            tuple(zip(keys, (self._only_constants(value) for value in tree.values), strict=True))
        )

    def _only_constants(self, tree: ast.AST) -> Node:
        before = len(self.columns)
        node = self.read(tree)
        if len(self.columns) > before:
            raise FormulaError(f"{self.text!r} in the formula: a list may hold constants only, no columns.")
        return node

    def _arguments(self, tree: ast.Call) -> Iterator[tuple[str, Node]]:
        for keyword in tree.keywords:
            if keyword.arg is None or keyword.arg.startswith("_"):
                raise self._refuse(ast.Starred(value=tree))
            yield keyword.arg, self.read(keyword.value)

    def _call(self, tree: ast.Call) -> Node:
        name, text = self._dotted(tree.func), self._shown(tree)
        if name is None:
            raise self._refuse(tree.func)
        if name == "Q":
            return self._quoted(tree)
        refused = REFUSED.get(name.removeprefix("np."))
        if name not in self.names.functions and refused is not None:
            raise FormulaError(f"{text} in the formula: {refused}")
        arguments, keywords = tuple(self.read(item) for item in tree.args), tuple(self._arguments(tree))
        if name in self.names.functions:
            self.called.append(name)
            return calls.UserCall(name, arguments, keywords, text)
        if name in TRANSFORMS:
            return calls.Transform(TRANSFORMS[name], arguments, keywords, text)
        if _contrast(name) is not None:
            return calls.Transform(_make_contrast(str(_contrast(name))), arguments, _patsy(keywords), text)
        if name in ELEMENTWISE:
            return self._elementwise(name, arguments, keywords, text)
        close = nearest(
            name, (*TRANSFORMS, *ELEMENTWISE, *self.names.functions, *(f"contr.{c}" for c in CONTRASTS))
        )
        hint = f"did you mean {close}?" if close else f"listed are {', '.join(listed_names())}."
        raise FormulaError(
            f"{name}() in the formula is not a listed function; {hint} "
            "Pass a function of your own by context={'f': f}."
        )

    def _elementwise(
        self,
        name: str,
        arguments: tuple[Node, ...],
        keywords: tuple[tuple[str, Node], ...],
        text: str,
    ) -> Node:
        function = ELEMENTWISE[name]
        # a surplus argument of a NumPy function is an array to write to, so that the number is checked strictly
        if keywords or not function.least <= len(arguments) <= function.most:
            wanted = (
                f"{function.least}"
                if function.least == function.most
                else f"{function.least} to {function.most}"
            )
            raise FormulaError(f"{text} in the formula: {name} takes {wanted} argument(s), none by keyword.")
        return calls.Elementwise(function.call, arguments, text, function.keeps_integers)

    def _quoted(self, tree: ast.Call) -> Node:
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


def _patsy(keywords: tuple[tuple[str, Node], ...]) -> tuple[tuple[str, Node], ...]:
    return tuple(("base" if name == "reference" else name, node) for name, node in keywords)


def _make_contrast(name: str) -> Callable[..., Any]:
    def make(state: dict[str, Any], env: Env, *arguments: Any, **options: Any) -> Any:  # noqa: ARG001
        return contrast_class(name)(*arguments, **options)

    return make
