"""Linear combinations of coefficients written as text: ``"2 * x1 - x2"``, ``"(a + b) / 2 - c"``. Nothing is evaluated.

A combination is made of the names of terms, numbers, ``+ - * /`` and parentheses. A name is recognised as it stands,
the longest that fits (``race[T.black]``, ``bs(x, df=4)[1]``); backquotes put any name beyond doubt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from problogit.data.rows import Array
from problogit.errors import InputError, explain
from problogit.validation import nearest

__all__ = ["parse_combination"]

_NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_WORD = re.compile(r"[^\s+*/()-]+")
_DEEPEST = 50


def parse_combination(text: str, terms: tuple[str, ...]) -> Array:
    """Weights of a linear combination, shape (n_terms,).

    Parameters
    ----------
    text : str
        As in ``"x1 - x2"``, ``"10 * age"``, ``"`race[T.black]` - `race[T.white]`"``.
    terms : tuple of str
        Names of the coefficients.

    Raises
    ------
    InputError
        A name is unknown, a constant is added, terms are multiplied, or the text is no combination.
    """
    reader = _Reader(text, terms)
    constant, weights = reader.total(0)
    reader.skip()
    if reader.at < len(text):
        raise reader.error(f"cannot be read from {text[reader.at :]!r} on")
    if constant != 0 or not np.isfinite(constant):
        remedy = "A comparison value stands apart, e.g. posterior_probability('x1 - x2', low=0.5)."
        raise InputError(explain("weights", f"must not add the constant {constant:g}", text, remedy))
    if not weights.any() or not np.isfinite(weights).all():
        raise reader.error("must leave a finite weight that is not zero to some term")
    return weights


_Value = tuple[float, Array]  # a constant, and weights of the terms


@dataclass
class _Reader:
    """Recursive descent over the text; a value is a constant plus weights."""

    text: str
    terms: tuple[str, ...]
    at: int = 0

    def total(self, depth: int) -> _Value:
        """A sum of products."""
        sign = -1.0 if self.take("+-") == "-" else 1.0
        constant, weights = self.product(depth)
        constant, weights = sign * constant, sign * weights
        while operator := self.take("+-"):
            sign = -1.0 if operator == "-" else 1.0
            more, moved = self.product(depth)
            constant, weights = constant + sign * more, weights + sign * moved
        return constant, weights

    def product(self, depth: int) -> _Value:
        """Factors; ``2 x`` is ``2 * x``."""
        value = self.factor(depth)
        while True:
            operator = self.take("*/")
            if operator == "/":
                value = self.divided(value, self.factor(depth))
            elif operator == "*" or self.begins_a_factor(value):
                value = self.times(value, self.factor(depth))
            else:
                return value

    def begins_a_factor(self, before: _Value) -> bool:
        """True after a number, where something other than an operator follows."""
        self.skip()
        rest = self.text[self.at : self.at + 1]
        return bool(rest) and rest not in "+-)" and not before[1].any()

    def factor(self, depth: int) -> _Value:
        """A name, a number, or a sum in parentheses."""
        if depth > _DEEPEST:
            raise self.error("is nested too deeply")
        nothing = np.zeros(len(self.terms))
        term = self.name()
        if term is not None:
            nothing[term] = 1.0
            return 0.0, nothing
        number = _NUMBER.match(self.text, self.at)
        if number:
            self.at = number.end()
            if not np.isfinite(float(number.group())):
                raise self.error("must hold finite numbers")
            return float(number.group()), nothing
        if self.take("("):
            value = self.total(depth + 1)
            if not self.take(")"):
                raise self.error("must close every parenthesis")
            return value
        if self.take("-"):
            constant, weights = self.factor(depth + 1)
            return -constant, -weights
        raise self.unknown()

    def name(self) -> int | None:
        """The position of the term whose name stands here, or None."""
        self.skip()
        rest = self.text[self.at :]
        if rest.startswith("`"):
            inner, mark, _ = rest[1:].partition("`")
            if not mark or inner not in self.terms:
                raise self.unknown()
            self.at += len(inner) + 2
            return self.terms.index(inner)
        fitting = [term for term in self.terms if term and self.stands(term)]
        if not fitting:
            return None
        longest = max(fitting, key=len)
        self.at += len(longest)
        return self.terms.index(longest)

    def stands(self, term: str) -> bool:
        """Whether a term's name stands here as a whole word; a name that is a number needs backquotes."""
        if not self.text.startswith(term, self.at) or _NUMBER.fullmatch(term):
            return False
        after = self.text[self.at + len(term) : self.at + len(term) + 1]
        return not (re.match(r"\w", term[-1]) and re.match(r"[\w\[:.]", after))

    def times(self, a: _Value, b: _Value) -> _Value:
        """A product in which one factor is a number."""
        if a[1].any() and b[1].any():
            raise self.error("must be linear: terms cannot be multiplied with one another")
        with np.errstate(over="ignore", invalid="ignore"):  # refused in the end
            return a[0] * b[0], a[0] * b[1] + b[0] * a[1]

    def divided(self, a: _Value, b: _Value) -> _Value:
        """A quotient by a number."""
        if b[1].any() or b[0] == 0:
            raise self.error("must be linear: divide by a number that is not zero")
        with np.errstate(over="ignore", invalid="ignore"):
            return a[0] / b[0], a[1] / b[0]

    def take(self, characters: str) -> str:
        """The next character where it is one of these, else nothing."""
        self.skip()
        found = self.text[self.at : self.at + 1]
        if found and found in characters:
            self.at += 1
            return found
        return ""

    def skip(self) -> None:
        """Go over blanks."""
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def error(self, rule: str) -> InputError:
        """The combination breaks a rule."""
        return InputError(explain("weights", rule, self.text, "Write e.g. '2 * x1 - x2'."))

    def unknown(self) -> InputError:
        """Nothing known stands here."""
        rest = self.text[self.at :].strip()
        quoted = rest[1:].partition("`")[0] if rest.startswith("`") else ""
        word = _WORD.match(rest)
        name = quoted or (word.group() if word else rest[:1])
        if not name:
            return self.error("ends where a term or a number should follow")
        close = nearest(name, self.terms)
        remedy = f"Did you mean {close!r}?" if close else f"The terms are {', '.join(self.terms)}."
        return InputError(explain("weights", "must name terms of this fit", name, remedy))
