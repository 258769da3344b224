"""Combinations of terms as text, against the weights that they stand for; nothing but linear is let through."""

from __future__ import annotations

import numpy as np
import pytest
from analysis_cases import problem_of, simulated
from hypothesis import given
from hypothesis import strategies as st

from problogit.analysis.combinations import parse_combination
from problogit.analysis.contrasts import contrast
from problogit.errors import InputError
from problogit.estimators.mle import MLE

TERMS = (
    "Intercept",
    "x1",
    "x2",
    "x10",
    "race[T.black]",
    "race[T.white]",
    "age",
    "age:smoke",
    "C(s)[T.2]",
    "bs(x, df=4)[1]",
    "a - b",
    "2",
    "np.log(x)",
    "x",
)


def weights(text: str) -> dict[str, float]:
    return {term: float(w) for term, w in zip(TERMS, parse_combination(text, TERMS), strict=True) if w}


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("x1", {"x1": 1}),
        ("2 * x1 - x2", {"x1": 2, "x2": -1}),
        ("2x1-x10", {"x1": 2, "x10": -1}),
        ("- x1 + 2 x2 * 3", {"x1": -1, "x2": 6}),
        ("race[T.black] - race[T.white]", {"race[T.black]": 1, "race[T.white]": -1}),
        ("`race[T.black]`-`race[T.white]`", {"race[T.black]": 1, "race[T.white]": -1}),
        ("(x1 + x2) / 2 - x10", {"x1": 0.5, "x2": 0.5, "x10": -1}),
        ("age:smoke / 4 - age", {"age:smoke": 0.25, "age": -1}),
        ("C(s)[T.2] - bs(x, df=4)[1]", {"C(s)[T.2]": 1, "bs(x, df=4)[1]": -1}),
        ("np.log(x) - x", {"np.log(x)": 1, "x": -1}),
        ("1e1 * x * -.5", {"x": -5}),
        ("a - b", {"a - b": 1}),
        ("`2` + 2 * x", {"2": 1, "x": 2}),
        ("-(x1 - (x2 - 3 * x))", {"x1": -1, "x2": 1, "x": -3}),
        ("x1 + 1 - 1", {"x1": 1}),
    ],
)
def test_text_stands_for_weights(text, meant):
    assert weights(text) == meant


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x1 * x2", "must be linear"),
        ("1 / x1", "must be linear"),
        ("x1 / 0", "not zero"),
        ("x1 - 1", "must not add the constant -1.*low=0.5"),
        ("3", "must not add the constant 3"),
        ("x1 - x1", "weight that is not zero"),
        ("1e999 * x1", "finite numbers"),
        ("1e300 * 1e300 * x1", "must not add|finite weight"),
        ("", "ends where a term"),
        ("x1 +", "ends where a term"),
        ("(x1", "close every parenthesis"),
        ("x1)", "cannot be read from"),
        ("x1 x2", "cannot be read from 'x2'"),
        ("x1 ** 2", "must name terms"),
        ("race[T.blak]", "Did you mean 'race\\[T.black\\]'"),
        ("`x9`", "Did you mean 'x"),
        ("`x1", "must name terms"),
        ("x100", "Did you mean 'x10'"),
        ("__import__('os').system('x1')", "must name terms"),
        ("x1; x2", "cannot be read from"),
        ("(" * 2000 + "x1", "nested too deeply"),
        ("-" * 2000 + "x1", "nested too deeply"),
    ],
)
def test_what_is_no_linear_combination_is_refused(text, message):
    with pytest.raises(InputError, match=message):
        parse_combination(text, TERMS)


@given(st.lists(st.tuples(st.sampled_from(TERMS), st.integers(-9, 9)), min_size=1, max_size=6))
def test_any_sum_that_is_written_is_read_as_it_was_meant(parts):
    meant = np.zeros(len(TERMS))
    for term, weight in parts:
        meant[TERMS.index(term)] += weight
    text = " + ".join(f"{weight} * `{term}`" for term, weight in parts)
    if meant.any():
        np.testing.assert_array_equal(parse_combination(text, TERMS), meant)


@given(st.text(alphabet="x12*+-/()` .[]T", max_size=30))
def test_any_text_is_weights_or_an_input_error(text):
    try:
        found = parse_combination(text, TERMS)
    except InputError:
        return
    assert np.isfinite(found).all()


def test_contrasts_take_text_as_they_take_weights():
    mle = MLE().estimate(problem_of(*simulated()))
    by_weights = contrast(mle, {"x": 2, "d": -1})
    for text in ("2 * x - d", ["2 * x - d"], {"2 * x - d": "2 * x - d"}):
        table = contrast(mle, text)
        assert list(table.index) == ["2 * x - d"]
        np.testing.assert_allclose(table["lower"], by_weights["lower"])
    mixed = contrast(mle, {"first": "x - d", "second": {"z": 3}})
    assert list(mixed.index) == ["first", "second"]
    assert mixed.loc["second", "estimate"] == pytest.approx(3 * mle.coefficients.location[3])
    # The names that contrasts are given are themselves combinations.
    name = contrast(mle, {"x": -2, "d": 0.5}).index[0]
    np.testing.assert_allclose(
        contrast(mle, name)["estimate"], contrast(mle, {"x": -2, "d": 0.5})["estimate"]
    )
