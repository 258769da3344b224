"""Formulas are read as formulaic reads them; what is malformed, out of scope or code is one clear line."""

from __future__ import annotations

import pytest

from problogit.data.formula import read_formula, read_left, split_formula
from problogit.data.reader import Names
from problogit.errors import DataError, FormulaError, InputError

NAMES = Names(("y", "x", "a", "b", "a b", "c.d", "w"), ("f",))


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("y ~ x", ["Intercept", "x"]),
        ("y ~ a*b", ["Intercept", "a", "b", "a:b"]),
        ("y ~ (a + b + x)**2 - a:b", ["Intercept", "a", "b", "x", "a:x", "b:x"]),
        ("y ~ a/x", ["Intercept", "a", "a:x"]),
        ("y ~ x %in% a", ["Intercept", "a", "a:x"]),
        ("y ~ x - 1", ["x"]),
        ("y ~ 0 + x", ["x"]),
        ("y ~ 1", ["Intercept"]),
        ("y ~ .", ["Intercept", "x", "a", "b", "a b", "c.d"]),
        ("y ~ . - x - `a b` - c.d", ["Intercept", "a", "b"]),
        ("y > 2 ~ . - `a b`", ["Intercept", "x", "a", "b", "c.d"]),
        ("y ~ log(`a b`) + c.d", ["Intercept", "log(`a b`)", "c.d"]),
        ('y ~ C(a, contr.treatment( "q" )):x', ["Intercept", "C(a, contr.treatment('q')):x"]),
        ("y ~ x\n  + a", ["Intercept", "x", "a"]),
        ("y ~ {x + 1}", ["Intercept", "x + 1"]),
        ("y ~ f(x)", ["Intercept", "f(x)"]),
        ("y ~ a:b:x + x", ["Intercept", "x", "a:b:x"]),
    ],
)
def test_terms(text: str, terms: list[str]) -> None:
    assert [term.label for term in read_formula(text, NAMES, reserved=("w",)).terms] == terms


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "formula must be text"),
        ("", "it has no '~'"),
        ("y", "it has no '~'"),
        ("~ x", "it has no response"),
        ("y ~", "it has nothing right of '~'; write 'y ~ 1'"),
        ("y ~ x ~ a", "it has 2 '~'"),
        ("y ~ x +", "malformed"),
        ("y ~ (x", "malformed"),
        ("y ~ x)", "malformed"),
        ("y ~ x a", "missing operator between 'x' and 'a'"),
        ("y ~ x:", "malformed"),
        ("y ~ `x", "malformed"),
        ("y ~ {x", "malformed"),
        ("y ~ x %foo% a", "only %in% exists"),
        ("y ~ %%", "only %in% exists"),
        ("y ~ x & a", "unknown operator"),
        ("y ~ x | w", "group-level effects are out of scope"),
        ("y ~ x + (1|w)", "group-level effects are out of scope"),
        ("y ~ x + (1 + x | w)", "group-level effects are out of scope"),
        ("y ~ x + offset(w)", "give the offset by the argument offset="),
        ("y ~ x + offset(log(w))", "give the offset by the argument offset="),
        ("cbind(y, w) ~ x", "number of trials by trials="),
        ("y ~ 3", "3 is not a term"),
        ("y ~ 2*x", "2 is not a term.*I.2 . x."),
        ("y ~ 'x'", "is not a term"),
        ("y ~ 0", "has no term"),
        ("y ~ y + x", "the response 'y' is also a predictor"),
        ("y ~ I(1)", "holds no column"),
        ("y ~ [x]", "square brackets"),
        ("y ~ x[0]", "square brackets"),
        ("y ~ x**2.5", "whole number from 1 to 8"),
        ("y ~ (x + a)**99", "whole number from 1 to 8"),
        ("y ~ x**a", "malformed"),
        ("y ~ f", "is a function: call it"),
        ("y ~ " + "x + " * 60_000 + "x", "at most 200000 characters"),
        ("y ~ (" + " + ".join(["x", "a", "b", "w"] * 5) + ")**8", "too many terms"),
        ("y ~ " + "*".join(["x"] * 40), "too many terms"),
        ("y ~ x + factor(a)", "write C.x. for a factor"),
        ("y ~ rcs(x, 4)", "write ns"),
    ],
)
def test_malformed_and_out_of_scope(text: object, words: str) -> None:
    with pytest.raises(FormulaError, match=words) as caught:
        read_formula(text, NAMES)
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "y ~ x.__class__",
        "y ~ lambda: 1",
        "y ~ I(lambda: 1)",
        "y ~ __import__('os').system('true')('x')",
        "y ~ {__import__('os').system('true')}",
        "y ~ C(__import__('os').system('true'))",
        "__import__('os').system('true') ~ x",
        "__import__('os').system('true')('x') ~ x",
        "y ~ I(x.__class__.__bases__[0].__subclasses__())",
        "y ~ f'{x}'",
        "y ~ `__import__('os')`",
        "y ~ Q('__import__')",
        "y ~ x:I([i for i in x])",
        "y ~ (x + {open('file')})**2",
        "y ~ log(`x`.__class__)",
    ],
)
def test_formula_text_runs_no_code(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins
    import os

    def trip(*_: object, **__: object) -> None:
        raise AssertionError("formula text ran code")

    for name in ("eval", "exec", "compile", "open"):
        real = getattr(builtins, name)

        def guarded(*args: object, real: object = real, **kwargs: object) -> object:
            hostile = (
                any(bad in str(args[0]) for bad in ("__", "lambda", "open(", " for ")) if args else False
            )
            # ast.parse compiles with the flag that only parses; anything else would run the text
            parses_only = (len(args) > 3 and bool(args[3])) or kwargs.get("flags") is not None
            if hostile and isinstance(args[0], str) and not parses_only:
                raise AssertionError(f"formula text was run: {args[0]!r}")
            return real(*args, **kwargs)  # type: ignore[operator]

        monkeypatch.setattr(builtins, name, guarded)
    monkeypatch.setattr(os, "system", trip)
    with pytest.raises(InputError):
        read_formula(text, NAMES)


def test_unknown_columns_suggest_the_nearest_name() -> None:
    with pytest.raises(DataError, match="column 'X' is not in the data; did you mean 'x'"):
        read_formula("y ~ X", NAMES)
    with pytest.raises(DataError, match="column 'yy' is not in the data; did you mean 'y'"):
        read_formula("yy ~ x", NAMES)


def test_a_tilde_inside_an_expression_does_not_split() -> None:
    assert split_formula("I(~(y > 1)) ~ I(~(x > 1))") == ("I(~(y > 1))", "I(~(x > 1))")
    assert split_formula("`y ~ z` ~ x") == ("`y ~ z`", "x")


def test_the_left_side_may_be_in_backticks() -> None:
    assert read_left("`a b`", NAMES).columns == ("a b",)
    assert read_left("`a b` > 1", NAMES).columns == ("a b",)


def test_the_callers_frame_is_not_searched() -> None:
    z = [1, 2, 3]
    with pytest.raises(DataError, match="column 'z' is not in the data"):
        read_formula("y ~ z", NAMES)
    assert z
