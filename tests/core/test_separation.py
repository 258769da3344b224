"""Separation on the classical cases: what is separated, where each coefficient goes, what stays exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.optimize import linprog
from scipy.special import expit

from problogit.core import separation_search
from problogit.core.likelihood import BinomialLikelihood
from problogit.core.newton import maximise
from problogit.core.separation import find_separation
from problogit.core.separation_result import Separation


def find(X: Any, y: Any, trials: Any = None) -> Separation:
    trials = np.ones(len(y)) if trials is None else trials
    return find_separation(X, np.asarray(y, dtype=float), trials, [f"x{j}" for j in range(X.shape[1])])


def fit(X: Any, y: Any, iterations: int = 100) -> Any:
    n = len(y)
    likelihood = BinomialLikelihood(
        np.ascontiguousarray(X), np.asarray(y, float), np.ones(n), np.ones(n), np.zeros(n)
    )
    return maximise(likelihood, np.zeros(X.shape[1]), max_iterations=iterations).x


def kind_by_boxed_programs(signed: Any, weights: Any) -> str:
    """Signs of the least and the largest weights'd over {A d >= 0, -1 <= d <= 1}: the cone cut off by a box."""
    ends = []
    for sign in (1, -1):
        result = linprog(sign * weights, A_ub=-signed, b_ub=np.zeros(len(signed)), bounds=(-1, 1))
        assert result.status == 0
        ends.append(sign * result.fun)
    if ends[0] < -1e-7 and ends[1] > 1e-7:
        return "undetermined"
    return "+Inf" if ends[1] > 1e-7 else "-Inf" if ends[0] < -1e-7 else "finite"


def two_of_200(event: float = 1.0) -> tuple[Any, Any]:
    """A level with 2 of 200 rows, all of one outcome; everything else overlaps."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=200)
    y = (rng.random(200) < expit(0.5 * x)).astype(float)
    level = np.zeros(200)
    level[[17, 130]] = 1.0
    y[[17, 130]] = event
    return np.column_stack([np.ones(200), x, level]), y


@pytest.mark.parametrize("make", [np.asarray, sp.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize(("event", "kind"), [(1.0, "+Inf"), (0.0, "-Inf")])
def test_a_level_with_2_of_200_rows_is_found_exactly(make: Any, event: float, kind: str) -> None:
    X, y = two_of_200(event)
    found = find(make(X), y)
    assert found.status == "quasi-complete"
    assert not found.complete
    assert np.flatnonzero(found.separated_rows).tolist() == [17, 130]
    assert found.n_separated == 2
    assert found.kind.tolist() == ["finite", "finite", kind]
    assert found.separated_terms == {"x2": kind}
    assert found.infinite.tolist() == [False, False, True]
    np.testing.assert_array_equal(found.direction, [0.0, 0.0, 1.0 if event else -1.0])
    assert found.identified.tolist() == [0, 1]
    np.testing.assert_array_equal(found.reduced_basis(), np.eye(3)[:, :2])


def test_collapsed_patterns_with_trials_and_weights_give_the_same() -> None:
    # 2 x 3 table: cell (1, c) holds events only, all other cells hold both outcomes.
    X = np.array([[1.0, a, b, c] for a in (0, 1) for b, c in ((0, 0), (1, 0), (0, 1))])
    trials = np.array([40.0, 30.0, 20.5, 10.0, 12.0, 7.0])
    successes = np.array([10.0, 12.0, 3.25, 4.0, 6.0, 7.0])
    assert not find(X, successes, trials).exists
    interaction = np.column_stack([X, X[:, 1] * X[:, 3]])
    found = find(interaction, successes, trials)
    assert found.separated_rows.tolist() == [False] * 5 + [True]
    assert found.kind.tolist() == ["finite"] * 4 + ["+Inf"]


def test_separation_that_needs_two_columns_together() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 80))
    y = (a - b > 0).astype(float)
    ones = np.ones(80)
    for alone in (a, b):
        assert find(np.column_stack([ones, alone]), y).status == "none"
    found = find(np.column_stack([ones, a, b]), y)
    assert found.complete
    assert found.kind[1:].tolist() == ["+Inf", "-Inf"]


def test_plus_minus_undetermined_and_finite_at_once() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=60)
    noise = (rng.random(60) < 0.5).astype(float)
    blocks = {
        # (up, down, u, v): columns that are 0 in the overlapping rows
        (1.0, 0.0, 0.0, 0.0): 1.0,
        (0.0, 1.0, 0.0, 0.0): 0.0,
        (0.0, 0.0, 1.0, 1.0): 1.0,  # only u + v is known to rise, each alone may fall
    }
    extra = np.array([*blocks, (0.0, 0.0, 2.0, 1.0)])
    X = np.zeros((64, 6))
    X[:, 0] = 1.0
    X[:60, 1], X[60:, 2:] = x, extra
    found = find(X, np.r_[noise, list(blocks.values()), 1.0])
    assert np.flatnonzero(found.separated_rows).tolist() == [60, 61, 62, 63]
    assert found.kind.tolist() == ["finite", "finite", "+Inf", "-Inf", "undetermined", "undetermined"]
    contrasts = np.zeros((4, 6))
    contrasts[0, 4:] = 3.0, 2.0
    contrasts[1, 4:] = 1.0, -1.0
    contrasts[2, [1, 2, 3]] = 5.0, 1.0, -2.0
    contrasts[3, [2, 3]] = 1.0, 1.0
    assert found.classify(contrasts).tolist() == ["+Inf", "undetermined", "+Inf", "undetermined"]


def test_one_overlapping_pair_is_enough_to_forbid_separation() -> None:
    x = np.r_[np.linspace(-3, -0.5, 40), np.linspace(0.5, 3, 40)]
    X = np.column_stack([np.ones(82), np.r_[x, -1e-6, 1e-6]])
    y = np.r_[x > 0, True, False]
    found = find(X, y)
    assert found.status == "none"
    assert not found.exists
    assert found.n_separated == 0
    assert not found.direction.any()
    assert found.kind.tolist() == ["finite", "finite"]
    np.testing.assert_array_equal(found.reduced_basis(), np.eye(2))
    assert found.classify(X).tolist() == ["finite"] * 82
    touching = find(X * [1, 0] + np.column_stack([np.zeros(82), np.r_[x, 0.0, 0.0]]), y)
    assert touching.status == "quasi-complete"
    assert touching.n_separated == 80


def test_a_row_with_both_outcomes_blocks_a_direction() -> None:
    X = np.column_stack([np.ones(6), [0, 0, 0, 1, 1, 1], [0, 1, 2, 0, 1, 2]]).astype(float)
    trials = np.full(6, 4.0)
    successes = np.array([0.0, 0.0, 0.0, 4.0, 4.0, 4.0])
    assert find(X, successes, trials).complete
    successes[1] = 1.0
    found = find(X, successes, trials)
    assert found.status == "quasi-complete"
    assert not found.separated_rows[1]
    successes[4] = 3.0
    found = find(X, successes, trials)
    # x'd = 0 at (0, 1) and (1, 1) leaves d = (-t, 0, t): rows at 0 fall, rows at 2 rise, but both outcomes are there.
    assert found.status == "none"


def test_a_row_given_once_with_each_outcome_equals_a_row_with_both() -> None:
    X = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 1.0], [1.0, 2.0]])
    twice = find(X, [0, 0, 1, 1])
    once = find(X[[0, 1, 3]], [0, 1, 1], np.array([1.0, 2.0, 1.0]))
    assert twice.separated_rows.tolist() == [True, False, False, True]
    assert once.separated_rows.tolist() == [True, False, True]
    np.testing.assert_allclose(twice.direction, once.direction)


def test_breast_cancer_data_are_completely_separated_and_signs_are_not_guessed() -> None:
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    X = np.column_stack([np.ones(569), data.data])
    found = find(X, data.target)
    assert found.complete
    assert found.n_separated == 569
    margin = np.where(data.target == 1, 1, -1) * (X @ found.direction)
    assert margin.min() == pytest.approx(1.0)
    assert found.infinite.all()
    assert (found.kind == "undetermined").sum() == 21
    named = dict(zip(["Intercept", *data.feature_names], found.kind, strict=True))
    assert named["mean area"] == "-Inf"
    assert named["mean compactness"] == "+Inf"
    assert named["Intercept"] == "undetermined"
    assert found.reduced_basis().shape == (31, 0)
    signed = np.where(data.target == 1, 1.0, -1.0)[:, None] * (X / np.abs(X).max(axis=0))
    for j in (0, 4, 11):
        assert found.kind[j] == kind_by_boxed_programs(signed, np.eye(31)[j])
    verdict = found.classify(X)
    np.testing.assert_array_equal(verdict, np.where(data.target == 1, "+Inf", "-Inf"))


@pytest.mark.parametrize("size", [1e-8, 1e-4, 1e4, 1e8])
def test_units_of_the_columns_do_not_matter(size: float) -> None:
    rng = np.random.default_rng(3)
    X, y = two_of_200()
    wide = np.column_stack([X, rng.normal(size=(200, 2))])
    wide[:, 4] = np.where(y == 1, np.abs(wide[:, 4]), np.minimum(wide[:, 4], 0.0))
    units = np.array([1.0, size, 1 / size, size**0.5, size])
    plain, scaled = find(wide, y), find(wide * units, y)
    assert plain.exists
    np.testing.assert_array_equal(plain.separated_rows, scaled.separated_rows)
    np.testing.assert_array_equal(plain.kind, scaled.kind)
    L = rng.normal(size=(30, 5)) * rng.integers(0, 2, size=(30, 5))
    np.testing.assert_array_equal(plain.classify(L), scaled.classify(L * units))
    np.testing.assert_array_equal(find(-wide * units, y).separated_rows, plain.separated_rows)


@pytest.mark.parametrize("shift", [2000.0, 1.7e9])
def test_a_column_far_from_zero_is_centred(shift: float) -> None:
    rng = np.random.default_rng(4)
    day = np.arange(60.0)
    y = (day >= 30).astype(float)
    x = rng.normal(size=60)
    base, moved = find(np.column_stack([np.ones(60), day, x]), y), None
    moved = find(np.column_stack([np.ones(60), day + shift, x]), y)
    assert base.complete
    assert moved.complete
    assert moved.kind[1] == "+Inf"
    assert moved.kind[0] == "-Inf"
    new = np.column_stack([np.ones(3), [-5.0, 29.5, 80.0], np.zeros(3)])
    expected = base.classify(new).tolist()
    assert expected == ["-Inf", "undetermined", "+Inf"]
    new[:, 1] += shift
    assert moved.classify(new).tolist() == expected


def test_copies_order_and_swapped_outcomes() -> None:
    X, y = two_of_200()
    found = find(X, y)
    np.testing.assert_array_equal(
        find(np.vstack([X, X]), np.r_[y, y]).separated_rows, np.tile(found.separated_rows, 2)
    )
    order = np.random.default_rng(5).permutation(200)
    np.testing.assert_array_equal(find(X[order], y[order]).separated_rows, found.separated_rows[order])
    swapped = find(X, 1 - y)
    np.testing.assert_array_equal(swapped.separated_rows, found.separated_rows)
    assert swapped.kind.tolist() == ["finite", "finite", "-Inf"]
    np.testing.assert_allclose(swapped.direction, -found.direction)


def test_finite_coefficients_are_the_limit_of_ever_longer_fits() -> None:
    X, y = two_of_200()
    rng = np.random.default_rng(6)
    X = np.column_stack([X, rng.normal(size=200)])
    found = find(X, y)
    B = found.reduced_basis()
    rest = found.finite_rows
    limit = B @ fit(X[rest] @ B, y[rest])
    finite = found.kind == "finite"
    assert finite.tolist() == [True, True, False, True]
    long = fit(X, y, iterations=25)
    np.testing.assert_allclose(long[finite], limit[finite], rtol=1e-6)
    assert long[2] > 15


def test_predictors_that_stay_finite_are_exact_though_no_coefficient_is() -> None:
    # Overlap on the line x1 = x2 only: b1 and b2 run to +-Inf, b0 and b1 + b2 stay finite.
    rng = np.random.default_rng(7)
    line = rng.normal(size=100)
    y_line = (rng.random(100) < expit(1 + line)).astype(float)
    off = rng.normal(size=40)
    X = np.column_stack([np.ones(140), np.r_[line, off], np.r_[line, off + rng.choice([-1.0, 1.0], 40)]])
    y = np.r_[y_line, X[100:, 1] > X[100:, 2]]
    found = find(X, y)
    assert found.kind.tolist() == ["finite", "+Inf", "-Inf"]
    assert found.n_separated == 40
    B, rest = found.reduced_basis(), found.finite_rows
    limit = B @ fit(X[rest] @ B, y[rest])
    one_predictor = fit(np.column_stack([np.ones(100), line]), y_line)
    L = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0], [1.0, 2.0, 2.0]])
    assert found.classify(L).tolist() == ["finite"] * 3
    np.testing.assert_allclose(
        L @ limit, [one_predictor[0], one_predictor[1], one_predictor @ [1, 2]], rtol=1e-8
    )


def test_a_large_problem_finds_two_rare_rows_through_a_working_set() -> None:
    rng = np.random.default_rng(8)
    n = 20_000
    X = np.column_stack([np.ones(n), rng.normal(size=(n, 4)), np.zeros((n, 2))])
    y = (rng.random(n) < expit(X[:, 1])).astype(float)
    X[[11, 15_000], 5], y[[11, 15_000]] = 1.0, 0.0
    X[[12, 40, 19_999], 6], y[[12, 40, 19_999]] = 1.0, [0.0, 1.0, 1.0]
    found = find(X, y)
    assert np.flatnonzero(found.separated_rows).tolist() == [11, 15_000]
    assert found.kind.tolist() == ["finite"] * 5 + ["-Inf", "finite"]
    complete = find(X[:, :5], X[:, :5] @ [0.1, 1, -1, 2, 0] > 0)
    assert complete.complete


@pytest.mark.parametrize("seed", range(6))
def test_working_sets_of_any_size_give_the_same(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(seed)
    n = 300
    X = np.column_stack([np.ones(n), rng.normal(size=(n, 3)), rng.integers(0, 2, (n, 2))])
    y = X @ rng.normal(size=6) + (seed % 2) * 0.05 * rng.logistic(size=n) > 0
    X[:, 5] *= y
    plain = find(X, y)
    monkeypatch.setattr(separation_search, "_START_ROWS", 5)
    small = find(X, y)
    np.testing.assert_array_equal(small.separated_rows, plain.separated_rows)
    np.testing.assert_array_equal(small.kind, plain.kind)


def test_sparse_columns_of_single_rows() -> None:
    # An id of its own for each of 40 rows beside 200 rows that overlap: every id runs away, the rest does not.
    rng = np.random.default_rng(9)
    n, ids = 240, 40
    x = rng.normal(size=n)
    y = (rng.random(n) < expit(x)).astype(float)
    own = sp.csr_array((np.ones(ids), (np.arange(ids), np.arange(ids))), shape=(n, ids))
    X = sp.hstack([sp.csr_array(np.column_stack([np.ones(n), x])), own], format="csr")
    found = find(X, y)
    assert np.flatnonzero(found.separated_rows).tolist() == list(range(ids))
    assert found.kind.tolist() == ["finite"] * 2 + ["+Inf" if y[i] else "-Inf" for i in range(ids)]
    assert found.identified.tolist() == [0, 1]


def test_repeated_columns_are_undetermined_not_a_failure() -> None:
    X, y = two_of_200()
    found = find(np.column_stack([X, X[:, 1]]), y)
    assert np.flatnonzero(found.separated_rows).tolist() == [17, 130]
    assert found.kind.tolist() == ["finite", "undetermined", "+Inf", "undetermined"]
    assert found.reduced_basis().shape == (4, 2)


def test_constant_response_and_rows_that_all_have_both_outcomes() -> None:
    X, _ = two_of_200()
    everything = find(X, np.ones(200))
    assert everything.complete
    assert everything.kind[0] == "+Inf"
    both = find(X, np.ones(200), np.full(200, 2.0))
    assert both.status == "none"
    assert both.kind.tolist() == ["finite"] * 3
