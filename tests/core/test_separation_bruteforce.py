"""`find_separation` against exact integer arithmetic and against repeated boxed programs (Konis 2007)."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from problogit.core.separation import find_separation


def minors(block: list[list[int]]) -> list[int]:
    """The vector of signed maximal minors of a (p-1) x p integer matrix: it spans the null space if not zero."""

    def determinant(rows: list[list[int]]) -> int:
        if not rows:
            return 1
        return sum(
            (-1) ** j * rows[0][j] * determinant([row[:j] + row[j + 1 :] for row in rows[1:]])
            for j in range(len(rows))
        )

    p = len(block[0])
    return [(-1) ** j * determinant([row[:j] + row[j + 1 :] for row in block]) for j in range(p)]


def extreme_rays(rows: list[list[int]], equalities: list[list[int]], p: int) -> list[list[int]]:
    """Integer generators of the pointed cone {a'd >= 0, e'd = 0}: every one is tight in p - 1 independent rows."""
    rays = []
    every = rows + equalities
    for chosen in itertools.combinations(range(len(every)), p - 1):
        candidate = minors([every[i] for i in chosen]) if p > 1 else [1]
        for sign in (1, -1):
            d = [sign * value for value in candidate]
            inside = all(sum(a * b for a, b in zip(row, d, strict=True)) >= 0 for row in rows)
            level = all(sum(a * b for a, b in zip(row, d, strict=True)) == 0 for row in equalities)
            if any(d) and inside and level and d not in rays:
                rays.append(d)
    return rays


def exact_answer(X: Any, successes: Any, trials: Any) -> tuple[list[bool], list[str], list[list[int]]]:
    """Separated rows, kinds and rays of a full-rank integer design, without rounding."""
    table = [[int(v) for v in row] for row in X]
    signs = [1 if s == m else -1 if s == 0 else 0 for s, m in zip(successes, trials, strict=True)]
    rows = [[sign * v for v in row] for row, sign in zip(table, signs, strict=True) if sign]
    equalities = [row for row, sign in zip(table, signs, strict=True) if not sign]
    rays = extreme_rays(rows, equalities, len(table[0]))
    separated = [
        any(sum(a * b for a, b in zip(row, d, strict=True)) != 0 for d in rays) and sign != 0
        for row, sign in zip(table, signs, strict=True)
    ]
    return separated, [kind_over(rays, unit) for unit in np.eye(len(table[0]), dtype=int).tolist()], rays


def kind_over(rays: list[list[int]], weights: list[int]) -> str:
    values = [sum(a * b for a, b in zip(weights, d, strict=True)) for d in rays]
    low, high = min(values, default=0), max(values, default=0)
    if low < 0 < high:
        return "undetermined"
    return "+Inf" if high > 0 else "-Inf" if low < 0 else "finite"


@st.composite
def designs(draw: st.DrawFn) -> tuple[Any, Any, Any]:
    """Small integer designs of full rank: with or without intercept, with rows of either and of both outcomes."""
    p = draw(st.integers(1, 4))
    n = draw(st.integers(p, p + 5))
    values = st.integers(-2, 2)
    X = np.array(
        draw(st.lists(st.lists(values, min_size=p, max_size=p), min_size=n, max_size=n)), dtype=float
    )
    if draw(st.booleans()):
        X[:, 0] = 1.0
    trials = np.array(draw(st.lists(st.integers(1, 2), min_size=n, max_size=n)), dtype=float)
    share = draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    return X, np.minimum(np.array(share, dtype=float), trials), trials


@given(designs(), st.booleans())
def test_rows_kinds_and_direction_against_integer_arithmetic(
    design: tuple[Any, Any, Any], sparse: bool
) -> None:
    X, successes, trials = design
    if np.linalg.matrix_rank(X) < X.shape[1]:
        return
    separated, kinds, rays = exact_answer(X, successes, trials)
    found = find_separation(
        sp.csr_array(X) if sparse else X, successes, trials, [f"x{j}" for j in range(X.shape[1])]
    )
    assert found.separated_rows.tolist() == separated
    assert found.kind.tolist() == kinds
    assert found.exists == any(separated)
    assert (found.infinite == (found.kind != "finite")).all()
    check_direction(found, X, successes, trials)
    grid = np.array(list(itertools.product((-1, 0, 2), repeat=X.shape[1])))
    expected = [kind_over(rays, weights) for weights in grid.tolist()]
    assert found.classify(grid.astype(float)).tolist() == expected


def check_direction(found: Any, X: Any, successes: Any, trials: Any) -> None:
    """The direction separates what is said to be separated, with least margin 1, and nothing else."""
    sign = np.where(successes == trials, 1.0, -1.0)
    margin = sign * (X @ found.direction)
    rest = np.abs(margin[found.finite_rows])
    assert rest.max(initial=0.0) < 1e-9 * max(1.0, np.abs(found.direction).max())
    if found.exists:
        assert margin[found.separated_rows].min() == pytest.approx(1.0)
    else:
        assert not found.direction.any()


@given(designs())
def test_the_reduced_problem_has_full_rank_and_cannot_be_separated(design: tuple[Any, Any, Any]) -> None:
    X, successes, trials = design
    if np.linalg.matrix_rank(X) < X.shape[1]:
        return
    found = find_separation(X, successes, trials, [f"x{j}" for j in range(X.shape[1])])
    B = found.reduced_basis()
    rest = X[found.finite_rows]
    reduced = rest @ B
    np.testing.assert_array_equal(reduced, rest[:, found.identified])
    if rest.size:
        assert np.linalg.matrix_rank(reduced) == B.shape[1] == np.linalg.matrix_rank(rest)
    else:
        assert B.shape[1] == 0
    # A finite coefficient has its own column in the reduced problem, and no direction touches it.
    for j in np.flatnonzero(found.kind == "finite"):
        assert B[j].sum() == 1
        assert found.direction[j] == 0
    if B.shape[1]:
        keep = found.finite_rows
        again = find_separation(reduced, successes[keep], trials[keep], [str(j) for j in range(B.shape[1])])
        assert not again.exists
        assert (again.kind == "finite").all()


def repeated_boxed_programs(X: Any, sign: Any) -> Any:
    """Rows found by max sum_i a_i'd, a_i'd >= 0, -1 <= d <= 1, repeated on the rows not yet separated."""
    A = sign[:, None] * X
    separated = np.zeros(len(A), dtype=bool)
    while True:
        rest = A[~separated]
        result = linprog(-rest.sum(axis=0), A_ub=-A, b_ub=np.zeros(len(A)), bounds=(-1, 1), method="highs-ds")
        assert result.status == 0
        new = ~separated & (A @ result.x > 1e-7)
        if not new.any():
            return separated
        separated |= new


@pytest.mark.parametrize("seed", range(12))
def test_rows_against_repeated_boxed_programs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, p = 60, 6
    X = np.column_stack([np.ones(n), rng.normal(size=(n, 2)), rng.integers(0, 2, size=(n, p - 3))])
    y = X[:, 1:] @ rng.normal(size=p - 1) + 0.3 * rng.logistic(size=n) > 0
    X[:, -1] *= y  # a dummy that occurs with events only
    assert np.linalg.matrix_rank(X) == p
    sign = np.where(y, 1.0, -1.0)
    found = find_separation(X, y.astype(float), np.ones(n), list("abcdef"))
    np.testing.assert_array_equal(found.separated_rows, repeated_boxed_programs(X, sign))
    check_direction(found, X, y.astype(float), np.ones(n))
