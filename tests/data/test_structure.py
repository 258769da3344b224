"""Columns, names and order against formulaic, on random formulas and on R's contrasts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from formulaic import model_matrix
from hypothesis import given
from hypothesis import strategies as st

from problogit.data.design import build_from_formula

RNG = np.random.default_rng(3)
N = 60
FRAME = pd.DataFrame(
    {
        "y": RNG.integers(0, 2, N),
        "x": RNG.normal(size=N),
        "z": RNG.uniform(1, 5, N),
        "a": RNG.choice(list("ABC"), N),
        "b": RNG.choice(["p", "q"], N),
        "k": RNG.integers(0, 4, N),
        "flag": RNG.integers(0, 2, N).astype(bool),
        "a b": RNG.normal(size=N),
        "cat": pd.Categorical(
            RNG.choice(["lo", "mid", "hi"], N), categories=["lo", "mid", "hi"], ordered=True
        ),
    }
)

FORMULAS = [
    "a*b*cat",
    "a:b + b",
    "a*x - a",
    "a*b - a - b",
    "0 + a:b",
    "x:a + b",
    "x:z:a - 1",
    "b:a + a:cat",
    "C(k)",
    "C(k, contr.sum)*x",
    "C(a, contr.treatment('B')):b",
    "C(a, contr.treatment(base='C'))",
    "C(a, Treatment('B'))",
    "C(a, contr.helmert)",
    "C(a, contr.helmert(reverse=False, scale=True))",
    "C(cat, contr.poly)",
    "C(a, contr.diff)",
    "C(a, contr.SAS)",
    "C(a, spans_intercept=False)",
    "C(a, {'d1': [1, -1, 0]})",
    "C(a, contr.custom([[1, 0], [0, 1], [-1, -1]], names=['u', 'v']))",
    "C(a, levels=['C', 'B', 'A'])",
    "C(flag)",
    "C(x > 0)",
    "flag:a",
    "poly(x, 3)*a",
    "poly(x, 2, raw=True)",
    "bs(x, df=5):b",
    "bs(x, df=5, include_intercept=True)",
    "bs(x, df=5, include_intercept=True) - 1",
    "bs(x, df=5, include_intercept=True):a",
    "bs(x, knots=[-0.5, 0.5], degree=2)",
    "cr(x, df=3)",
    "cs(x, df=3, constraints='center')",
    "cc(x, df=4)",
    "scale(x) + center(z)",
    "standardize(x)",
    "log(z)*flag",
    "I(x**2) + x",
    "`a b`*a",
    "(a + b + x)**2",
    "{x + z}",
    "log(scale(x)**2 + 1)",
]


@pytest.mark.parametrize("right", FORMULAS)
def test_matrix_and_names_against_formulaic(right: str) -> None:
    expected = model_matrix(right, FRAME)
    built = build_from_formula(f"y ~ {right}", FRAME)
    assert list(built.design.terms) == list(expected.columns)
    np.testing.assert_allclose(built.rows.X, expected.to_numpy(dtype=float), rtol=0, atol=0)
    assert isinstance(built.rows.X, np.ndarray)
    assert built.rows.X.flags.c_contiguous


FACTORS = ["a", "b", "cat", "x", "z", "flag", "C(k)", "poly(x, 2)"]
TERMS = st.lists(st.sampled_from(FACTORS), min_size=1, max_size=3, unique=True).map(":".join)


@given(st.lists(TERMS, min_size=1, max_size=5), st.booleans())
def test_random_formulas_against_formulaic(terms: list[str], intercept: bool) -> None:
    right = " + ".join(["1" if intercept else "0", *terms])
    expected = model_matrix(right, FRAME)
    built = build_from_formula(f"y ~ {right}", FRAME)
    assert list(built.design.terms) == list(expected.columns)
    np.testing.assert_allclose(built.rows.X, expected.to_numpy(dtype=float), rtol=1e-14, atol=0)
    # terms with their columns cover the matrix, once
    covered = [place for _, places in built.design.factors for place in places]
    assert covered == list(range(len(built.design.terms)))


# R 4.2.2: a <- factor(c("A","B","C","A","B")); b <- factor(c("p","p","q","q","q")); xx <- 1:5
#   unname(model.matrix(~ a*b)); unname(model.matrix(~ a:xx)); unname(model.matrix(~ 0 + a:b))
R_FRAME = pd.DataFrame({"y": [0, 1, 0, 1, 1], "a": list("ABCAB"), "b": list("ppqqq"), "xx": [1, 2, 3, 4, 5]})
R_MATRICES = {
    "a*b": [
        [1, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [1, 0, 1, 1, 0, 1],
        [1, 0, 0, 1, 0, 0],
        [1, 1, 0, 1, 1, 0],
    ],
    "a:xx": [[1, 1, 0, 0], [1, 0, 2, 0], [1, 0, 0, 3], [1, 4, 0, 0], [1, 0, 5, 0]],
    "0 + a:b": [
        [1, 0, 0, 0, 0, 0],
        [0, 1, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 1],
        [0, 0, 0, 1, 0, 0],
        [0, 0, 0, 0, 1, 0],
    ],
    "C(a, contr.sum)": [[1, 1, 0], [1, 0, 1], [1, -1, -1], [1, 1, 0], [1, 0, 1]],
    "C(a, contr.helmert)": [[1, -1, -1], [1, 1, -1], [1, 0, 2], [1, -1, -1], [1, 1, -1]],
}


@pytest.mark.parametrize("right", R_MATRICES)
def test_matrix_against_r_model_matrix(right: str) -> None:
    np.testing.assert_array_equal(build_from_formula(f"y ~ {right}", R_FRAME).rows.X, R_MATRICES[right])
