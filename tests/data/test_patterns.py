"""Collapsing rows that share their covariates is exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from problogit.data import patterns
from problogit.data.patterns import Patterns, collapse

RNG = np.random.default_rng(8)


def parts(n: int) -> tuple[Any, Any, Any]:
    trials = RNG.integers(1, 4, n).astype(float)
    return RNG.binomial(trials.astype(int), 0.4).astype(float), trials, RNG.integers(1, 5, n).astype(float)


def kernel(X: Any, successes: Any, trials: Any, weights: Any, offset: Any, beta: Any) -> float:
    eta = X @ beta + offset
    terms = -successes * np.logaddexp(0, -eta) - (trials - successes) * np.logaddexp(0, eta)
    return float(weights @ terms)


def check(found: Patterns, X: Any, successes: Any, trials: Any, weights: Any, offset: Any) -> None:
    dense = X.toarray() if sp.issparse(X) else X
    rows = np.column_stack([dense, offset])
    assert found.collapsed
    assert len(found.trials) == len(np.unique(rows + 0.0, axis=0))
    collapsed = found.X.toarray() if isinstance(found.X, sp.csr_array) else found.X
    np.testing.assert_array_equal(collapsed[found.index], dense)
    np.testing.assert_array_equal(found.offset[found.index], offset)
    # patterns come in the order of their first rows
    np.testing.assert_array_equal(
        np.unique(found.index, return_index=True)[1], np.sort(np.unique(found.index, return_index=True)[1])
    )
    for name, values in (("successes", successes), ("trials", trials)):
        expected = np.zeros(len(found.trials))
        np.add.at(expected, found.index, weights * values)
        np.testing.assert_allclose(getattr(found, name), expected, rtol=1e-14)
    np.testing.assert_array_equal(found.weights, 1.0)
    beta = RNG.normal(size=dense.shape[1])
    before = kernel(dense, successes, trials, weights, offset, beta)
    after = kernel(collapsed, found.successes, found.trials, found.weights, found.offset, beta)
    np.testing.assert_allclose(after, before, rtol=1e-12)


@pytest.mark.parametrize("n", [500, 60_000])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("with_offset", [False, True])
def test_collapsed_likelihood_is_the_same_function(n: int, sparse: bool, with_offset: bool) -> None:
    X: Any = np.column_stack([np.ones(n), RNG.integers(0, 2, (n, 3)), RNG.choice([-0.5, 0.1, 1e-300], n)])
    offset = RNG.choice([0.0, 0.3], n) if with_offset else np.zeros(n)
    successes, trials, weights = parts(n)
    X = sp.csr_array(X) if sparse else X
    check(collapse(X, successes, trials, weights, offset), X, successes, trials, weights, offset)


def test_collapse_matches_a_dictionary_of_rows() -> None:
    n = 400
    X = RNG.integers(0, 3, (n, 2)).astype(float)
    successes, trials, weights = parts(n)
    offset = RNG.integers(0, 2, n).astype(float)
    book: dict[tuple[float, ...], list[float]] = {}
    for i in range(n):
        entry = book.setdefault((*X[i], offset[i]), [0.0, 0.0])
        entry[0] += weights[i] * successes[i]
        entry[1] += weights[i] * trials[i]
    found = collapse(X, successes, trials, weights, offset)
    assert isinstance(found.X, np.ndarray)
    again = {
        (*found.X[k], found.offset[k]): [found.successes[k], found.trials[k]]
        for k in range(len(found.trials))
    }
    assert again == book
    assert list(again) == list(book)


def test_continuous_columns_are_handed_on_as_they_came() -> None:
    for n in (1_000, 100_000):
        X = RNG.normal(size=(n, 3))
        successes, trials, weights = parts(n)
        found = collapse(X, successes, trials, weights, np.zeros(n))
        assert not found.collapsed
        assert found.X is X
        assert found.weights is weights
        assert found.successes is successes
        np.testing.assert_array_equal(found.index, np.arange(n))


def test_a_large_table_of_continuous_columns_is_not_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    real = patterns._hash

    def counting(X: Any, offset: Any) -> Any:
        seen.append(X.shape[0])
        return real(X, offset)

    monkeypatch.setattr(patterns, "_hash", counting)
    n = 50_000
    collapse(RNG.normal(size=(n, 2)), *parts(n)[:2], np.ones(n), np.zeros(n))
    assert max(seen) <= 4096


def test_few_repeats_do_not_pay() -> None:
    X = np.arange(1_000.0)[:, None]
    X[:100] = 5.0
    assert not collapse(X, *parts(1_000), np.zeros(1_000)).collapsed


def test_signed_zeros_are_one_pattern_and_one_row_is_left_alone() -> None:
    X = np.array([[0.0], [-0.0], [0.0], [-0.0]])
    assert len(collapse(X, *parts(4), np.zeros(4)).trials) == 1
    stored = sp.csr_array(
        (np.array([0.0, 1.0, 1.0, 0.0]), np.zeros(4, dtype=int), np.arange(5)), shape=(4, 1)
    )
    assert len(collapse(stored, *parts(4), np.zeros(4)).trials) == 2
    assert not collapse(X[:1], *parts(1), np.zeros(1)).collapsed


@pytest.mark.parametrize("sparse", [False, True])
def test_colliding_hashes_do_not_merge_different_rows(sparse: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "_hash", lambda X, offset: np.zeros(X.shape[0], dtype=np.uint64))
    X: Any = np.column_stack([np.ones(200), RNG.integers(0, 3, (200, 2))])
    X = sp.csr_array(X) if sparse else X
    successes, trials, weights = parts(200)
    check(
        collapse(X, successes, trials, weights, np.zeros(200)), X, successes, trials, weights, np.zeros(200)
    )


def test_hashes_of_small_integers_do_not_collide() -> None:
    """Low-entropy columns (dummies, counts) are where weak hashes fail: 2^17 distinct rows, 2^17 hashes."""
    grid = ((np.arange(2**17)[:, None] >> np.arange(17)) & 1).astype(float)
    assert len(np.unique(patterns._hash(grid, np.zeros(2**17)))) == 2**17


VALUES = st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.1, 1e-300, 1e300, 2.0])


@given(st.lists(st.tuples(VALUES, VALUES, VALUES), min_size=2, max_size=60), st.booleans())
def test_any_rows_group_as_numpy_unique_does(rows: list[tuple[float, float, float]], sparse: bool) -> None:
    table = np.array(rows * 2)
    X: Any = sp.csr_array(table[:, :2]) if sparse else np.ascontiguousarray(table[:, :2])
    first, index = patterns._group(X, table[:, 2])
    distinct = np.unique(table + 0.0, axis=0)
    assert len(first) == len(distinct)
    np.testing.assert_array_equal(table[first][index], table)
    np.testing.assert_array_equal(first, np.sort(first))
