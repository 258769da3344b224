"""Wilkinson notation: the text of a formula to a response and a list of terms.

formulaic tokenises and expands the right side (``a*b``, ``(a + b)**2``, ``.``), so that terms come in its order and
with its names. Before it does so every piece of Python in the text has been read by `expression`, which refuses
whatever could run code.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from problogit.data.expression import Expression, read_column, read_expression
from problogit.data.formulaic_parts import Token, expand, tokens
from problogit.data.reader import Names
from problogit.errors import FormulaError, explain

__all__ = ["FactorText", "Formula", "TermText", "read_formula", "read_left", "split_formula"]

_QUOTED = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|`[^`]*`")
_WORD = re.compile(r"[\w.]+")
_OUT_OF_SCOPE = "group-level effects are out of scope: '|' is not available in a formula."
_LONGEST = 200_000
_MOST_TERMS = 1_000_000
_LONGEST_PRODUCT = 16
_HIGHEST_POWER = 8


@dataclass(frozen=True)
class FactorText:
    """One factor of a term: a column by name, or an expression.

    Attributes
    ----------
    text : str
        As formulaic writes it; the factor's name in the names of terms.
    is_column : bool
        Whether `text` is the name of a column rather than an expression.
    """

    text: str
    is_column: bool

    def read(self, names: Names) -> Expression:
        """The checked expression."""
        if self.is_column and (self.text in names.columns or not _WORD.fullmatch(self.text)):
            return read_column(self.text, names)
        return read_expression(self.text, names)  # also a bare name that is no column: it says why


@dataclass(frozen=True)
class TermText:
    """A product of factors; the intercept has none."""

    label: str
    factors: tuple[FactorText, ...]


@dataclass(frozen=True)
class Formula:
    """A formula that was read.

    Attributes
    ----------
    text : str
        As the user gave it.
    left : str
        The response, as text.
    terms : tuple of TermText
        In formulaic's order: by degree, then as written.
    columns : tuple of str
        Columns of the table that the terms read.
    """

    text: str
    left: str
    terms: tuple[TermText, ...]
    columns: tuple[str, ...]


def split_formula(text: Any) -> tuple[str, str]:
    """The left and the right side of ``y ~ x``.

    Raises
    ------
    FormulaError
        Not text, no ``~`` or several, an empty side.
    """
    if not isinstance(text, str):
        raise FormulaError(explain("formula", "must be text such as 'y ~ x'", text))
    if len(text) > _LONGEST:
        raise FormulaError(f"formula must have at most {_LONGEST} characters; received {len(text)}.")
    depths, cuts = 0, []
    masked = _QUOTED.sub(lambda match: "q" * len(match.group(0)), text)
    for place, character in enumerate(masked):
        depths += (character in "([{") - (character in ")]}")
        if character == "~" and depths == 0:
            cuts.append(place)
    if len(cuts) != 1:
        count = "no '~'" if not cuts else f"{len(cuts)} '~'"
        raise FormulaError(f"formula {text!r} is malformed: it has {count}; write it as 'y ~ x1 + x2'.")
    left, right = text[: cuts[0]].strip(), text[cuts[0] + 1 :].strip()
    if not left:
        raise FormulaError(f"formula {text!r} is malformed: it has no response left of '~'.")
    if not right:
        raise FormulaError(
            f"formula {text!r} is malformed: it has nothing right of '~'; write '{left} ~ 1' for a constant."
        )
    return left, right


def read_left(left: str, names: Names) -> Expression:
    """The response: a column (in backticks or as it is) or an expression such as ``I(affairs > 0)``."""
    bare = left[1:-1] if re.fullmatch(r"`[^`]+`", left) else left
    if bare in names.columns:
        return read_column(bare, names)
    return read_expression(left, names)


def read_formula(text: Any, names: Names, reserved: Sequence[str] = ()) -> Formula:
    """Read a formula against the columns of a table.

    Parameters
    ----------
    text : str
        ``"y ~ a*b + log(x)"``.
    names : Names
        Columns and the user's functions.
    reserved : sequence of str
        Columns that ``.`` leaves out besides the response's: trials, weights, offset.

    Raises
    ------
    FormulaError
        Malformed, out of scope, or anything that could run code.
    DataError
        A name is no column of the table.
    """
    left, right = split_formula(text)
    response = read_left(left, names)
    taken = {*reserved, *response.columns}
    available = [name for name in names.columns if name not in taken]
    pieces = _check_tokens(text, right, names)
    _check_size(text, pieces, len(available))
    terms = _expand(text, right, available)
    columns: dict[str, None] = {}
    for factor in dict.fromkeys(factor for term in terms for factor in term.factors):
        expression = factor.read(names)
        if factor.is_column and (factor.text,) == response.columns and response.text == factor.text:
            raise FormulaError(
                f"formula {text!r}: the response {factor.text!r} is also a predictor; take it out."
            )
        if not expression.columns:
            raise FormulaError(f"{factor.text!r} in the formula holds no column of the table.")
        columns.update(dict.fromkeys(expression.columns))
    return Formula(text, left, terms, tuple(columns))


def _check_tokens(text: str, right: str, names: Names) -> list[Token]:
    """Refuse what is out of scope and whatever could run code, before formulaic's parser sees the text."""
    try:
        pieces = tokens(right)
    except ValueError as error:
        raise FormulaError(f"formula {text!r} is malformed: {error}.") from error
    inside = sum(piece.text.count("%") for piece in pieces if piece.kind != "operator")
    within = sum(piece.kind == "operator" and piece.text.strip() == "in" for piece in pieces)
    if not pieces or right.count("%") - inside != 2 * within:
        raise FormulaError(
            f"formula {text!r} is malformed: of the operators in percent signs only %in% exists."
        )
    previous = ""
    for kind, piece in pieces:
        if kind == "operator" and "|" in piece:
            raise FormulaError(f"formula {text!r}: {_OUT_OF_SCOPE}")
        if kind == "context" and piece in "[]":
            raise FormulaError(
                f"formula {text!r} is malformed: square brackets have no meaning in a formula."
            )
        if kind == "python":
            read_expression(piece, names)
        if kind == "value":
            _check_number(text, piece, previous)
        previous = piece
    return pieces


def _check_size(text: str, pieces: list[Token], n_available: int) -> None:
    """Refuse powers and products of groups that would expand into more terms than anyone can fit."""
    factors = sum(n_available if piece.text == "." else piece.kind in {"name", "python"} for piece in pieces)
    powers = [int(b.text) for a, b in pairwise(pieces) if a.text in {"**", "^"} and b.text.isdigit()]
    chain = longest = 0
    for piece in pieces:
        chain = chain + 1 if piece.text == "*" else 0 if piece.text in {"+", "-"} else chain
        longest = max(longest, chain)
    if longest > _LONGEST_PRODUCT or any(factors**power > _MOST_TERMS for power in powers):
        raise FormulaError(
            f"formula {text[:60]!r}... expands into too many terms; name the interactions you need."
        )


def _check_number(text: str, value: str, previous: str) -> None:
    if previous in {"**", "^"}:
        if not value.isdigit() or not 1 <= int(value) <= _HIGHEST_POWER:
            raise FormulaError(
                f"formula {text!r}: the power of a group of terms must be a whole number from 1 to {_HIGHEST_POWER}; "
                "for the power of a column write I(x**2)."
            )
    elif value not in {"0", "1", "."}:
        raise FormulaError(
            f"formula {text!r}: {value} is not a term; only 1 and 0 (intercept or none) are. "
            "To scale a column write I(2 * x)."
        )


def _expand(text: str, right: str, available: list[str]) -> tuple[TermText, ...]:
    """Let formulaic expand the right side into terms."""
    try:
        expanded = expand(right, available)
    except ValueError as error:
        raise FormulaError(f"formula {text!r} is malformed: {error}.") from error
    if not expanded:
        raise FormulaError(f"formula {text!r} has no term; write '1' for a constant.")
    return tuple(
        TermText(label if factors else "Intercept", tuple(FactorText(*factor) for factor in factors))
        for label, factors in expanded
    )
