"""Wide factors become sparse designs, equal to the dense ones, and are never dense on the way."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from problogit.data import matrix
from problogit.data.design import build_from_formula
from problogit.errors import DataError

RNG = np.random.default_rng(2)
N = 90
FRAME = pd.DataFrame(
    {
        "y": RNG.integers(0, 2, N),
        "x": RNG.normal(size=N),
        "a": RNG.choice(list("ABC"), N),
        "b": RNG.choice(["p", "q"], N),
        "c": RNG.choice(list("uvwxyz"), N),
    }
)
RIGHT = [
    "a*b*c",
    "a:x + b",
    "0 + a:c",
    "C(a, contr.sum):C(c, contr.helmert)*x",
    "poly(x, 2)*a",
    "bs(x, df=4):a:b",
    "a/x - 1",
]


@pytest.mark.parametrize("right", RIGHT)
def test_sparse_assembly_equals_dense(right: str, monkeypatch: pytest.MonkeyPatch) -> None:
    dense = build_from_formula(f"y ~ {right}", FRAME)
    monkeypatch.setattr(matrix, "_WIDE", 0)
    monkeypatch.setattr(matrix, "_FEW_CELLS", 0)
    monkeypatch.setattr(matrix, "_SPARSE_SHARE", 2.0)
    sparse = build_from_formula(f"y ~ {right}", FRAME)
    assert isinstance(sparse.rows.X, sp.csr_array)
    assert sparse.rows.X.has_canonical_format
    assert sparse.design.terms == dense.design.terms
    np.testing.assert_array_equal(sparse.rows.X.toarray(), dense.rows.X)
    new = FRAME[10:30].assign(a=["Z", *FRAME["a"][11:30]])
    for unseen in ("nan", "average"):
        one, two = dense.design.replay(new, unseen=unseen), sparse.design.replay(new, unseen=unseen)  # type: ignore[arg-type]
        assert isinstance(two.X, sp.csr_array)
        np.testing.assert_allclose(two.X.toarray(), one.X, rtol=1e-14)
        np.testing.assert_array_equal(one.complete, two.complete)


def test_ten_thousand_levels_crossed_with_another_stay_sparse() -> None:
    n = 30_000
    frame = pd.DataFrame(
        {
            "y": RNG.integers(0, 2, n),
            "id": RNG.integers(0, 10_000, n),
            "g": RNG.choice(list("abcde"), n),
            "x": RNG.normal(size=n),
        }
    )
    tracemalloc.start()
    built = build_from_formula("y ~ C(id)*g + x", frame)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    n_levels = frame["id"].nunique()
    assert isinstance(built.rows.X, sp.csr_array)
    assert built.rows.X.shape == (n, n_levels * 5 + 1)
    assert built.rows.X.nnz <= 5 * n
    assert peak < 200e6  # dense it would be 12 GB
    # the row of one observation, by its names
    row = built.rows.X[[17]]
    names = {built.design.terms[j]: v for j, v in zip(row.indices, row.data, strict=True)}
    level, group = frame["id"][17], frame["g"][17]
    expected = {"Intercept": 1.0, f"C(id)[T.{level}]": 1.0, "x": frame["x"][17]}
    if group != "a":
        expected |= {f"g[T.{group}]": 1.0, f"C(id)[T.{level}]:g[T.{group}]": 1.0}
    assert names == expected
    replayed = built.design.replay(frame[:50])
    assert (built.rows.X[:50] != replayed.X).nnz == 0


@pytest.mark.parametrize(
    ("levels", "n", "sparse"), [(50, 5_000, False), (1_500, 5_000, True), (1_500, 600, False)]
)
def test_only_wide_designs_of_many_zeros_are_sparse(levels: int, n: int, sparse: bool) -> None:
    data = {"y": np.arange(n) % 2, "g": np.arange(n) % levels}
    built = build_from_formula("y ~ C(g)", data)
    assert isinstance(built.rows.X, sp.csr_array) is sparse


def test_wide_but_filled_designs_stay_dense() -> None:
    data: dict[str, Any] = {f"x{i}": RNG.normal(size=1_000) for i in range(1_001)}
    built = build_from_formula("y ~ .", data | {"y": RNG.integers(0, 2, 1_000)})
    assert isinstance(built.rows.X, np.ndarray)


def test_an_impossible_width_is_refused_before_it_is_made() -> None:
    n = 8_000
    data = {"y": np.arange(n) % 2, "a": np.arange(n), "b": np.arange(n)}
    with pytest.raises(DataError, match=r"64,000,000 columns, most of them for 'C\(a\):C\(b\)'"):
        build_from_formula("y ~ 0 + C(a):C(b)", data)
