"""Classification of new rows over the recession cone, and a separation report saved and read back."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.optimize import linprog

from problogit.core import separation_polar
from problogit.core.separation import find_separation
from problogit.core.separation_lp import largest_support, least_value, null_space
from problogit.core.separation_result import Separation
from problogit.errors import EstimationError, SavedFitError


def separated_data(seed: int, n: int = 150, p: int = 6) -> tuple[Any, Any]:
    """Complete separation by a plane in p columns."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(n), rng.normal(size=(n, p - 1))])
    return X, (X @ rng.normal(size=p) > 0).astype(float)


def find(X: Any, y: Any) -> Separation:
    return find_separation(X, y, np.ones(len(y)), [f"x{j}" for j in range(X.shape[1])])


def least_by_program(signed: Any, weights: Any) -> float:
    """min weights'd over {A d >= 0, sum of A d = 1}, a section of the cone; the textbook form of the program."""
    result = linprog(
        weights,
        A_ub=-signed,
        b_ub=np.zeros(len(signed)),
        A_eq=[signed.sum(axis=0)],
        b_eq=[1.0],
        bounds=(None, None),
    )
    assert result.status == 0
    return float(result.fun)


@pytest.mark.parametrize("columns", [150, 0], ids=["least squares", "linear programs"])
@pytest.mark.parametrize("seed", range(3))
def test_new_rows_against_programs_over_a_section_of_the_cone(
    seed: int, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(separation_polar, "_NNLS_COLUMNS", columns)
    X, y = separated_data(seed)
    found = find(X, y)
    rng = np.random.default_rng(seed + 100)
    L = np.column_stack([np.ones(25), rng.normal(size=(25, 5))])
    signed = np.where(y == 1, 1.0, -1.0)[:, None] * X
    expected = []
    for row in L:
        low, high = least_by_program(signed, row), -least_by_program(signed, -row)
        expected.append("+Inf" if low > 0 else "-Inf" if high < 0 else "undetermined")
    assert len(set(expected)) == 3
    assert found.classify(L).tolist() == expected
    assert found.classify(sp.csr_array(L)).tolist() == expected
    opposite = {"+Inf": "-Inf", "-Inf": "+Inf", "undetermined": "undetermined"}
    assert found.classify(-2.0 * L).tolist() == [opposite[kind] for kind in expected]


def test_training_rows_go_where_their_outcome_says() -> None:
    X, y = separated_data(7)
    assert find(X, y).classify(X).tolist() == ["+Inf" if event else "-Inf" for event in y]


def test_rows_in_the_hull_of_one_outcome_go_with_it_and_a_missing_value_with_none() -> None:
    X, y = separated_data(8)
    found = find(X, y)
    share = np.random.default_rng(0).dirichlet(np.ones(int(y.sum())), size=25)
    assert set(found.classify(share @ X[y == 1])) == {"+Inf"}
    between = 0.5 * (X[y == 1][:20] + X[y == 0][:20])
    assert "undetermined" in found.classify(between)
    gap = X[:3].copy()
    gap[1, 2] = np.nan
    assert found.classify(gap)[1] == "undetermined"
    assert found.classify(np.zeros((2, 6))).tolist() == ["finite", "finite"]
    assert found.classify(np.empty((0, 6))).shape == (0,)


def test_a_cone_of_one_ray_needs_no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(9)
    X = np.column_stack([np.ones(50), rng.normal(size=50), np.arange(50) < 3]).astype(float)
    y = np.r_[np.ones(3), rng.integers(0, 2, 47)]
    found = find(X, y)

    def refuse(*_: Any) -> Any:
        raise AssertionError("no program was needed")

    monkeypatch.setattr(separation_polar, "least_value", refuse)
    monkeypatch.setattr(separation_polar, "nnls", refuse)
    assert found.classify(X).tolist() == ["+Inf"] * 3 + ["finite"] * 47
    assert found.kind.tolist() == ["finite", "finite", "+Inf"]


def saved_and_loaded(found: Separation) -> Separation:
    buffer = io.BytesIO()
    np.savez(buffer, **found.to_arrays())
    buffer.seek(0)
    with np.load(buffer, allow_pickle=False) as stored:
        return Separation.from_arrays(dict(stored))


@pytest.mark.parametrize("make", [np.asarray, sp.csr_array], ids=["dense", "sparse"])
def test_a_saved_report_answers_as_before(make: Any) -> None:
    X, y = separated_data(10)
    X[:, 1] += 1000.0
    for outcome in (y, np.r_[1 - y[:4], y[4:]]):
        found = find(make(X), outcome)
        loaded = saved_and_loaded(found)
        assert loaded.terms == found.terms
        assert loaded.status == found.status
        assert loaded.kind.tolist() == found.kind.tolist()
        np.testing.assert_array_equal(loaded.separated_rows, found.separated_rows)
        np.testing.assert_array_equal(loaded.direction, found.direction)
        np.testing.assert_array_equal(loaded.reduced_basis(), found.reduced_basis())
        L = X * np.random.default_rng(0).normal(1, 0.2, size=X.shape)
        np.testing.assert_array_equal(loaded.classify(L), found.classify(L))


def test_damaged_arrays_are_refused() -> None:
    X, y = separated_data(11)
    arrays = find(X, y).to_arrays()
    for name in arrays:
        with pytest.raises(SavedFitError, match="separation report is damaged"):
            Separation.from_arrays({key: value for key, value in arrays.items() if key != name})
    for name in ("direction", "codes", "interior", "free", "terms", "scale"):
        with pytest.raises(SavedFitError, match="shapes of its arrays disagree"):
            Separation.from_arrays(arrays | {name: arrays[name][:-1]})
    with pytest.raises(SavedFitError, match="separation report is damaged"):
        Separation.from_arrays(arrays | {"basis": np.zeros(6)})


def test_null_space_keeps_the_first_column_and_exact_zeros() -> None:
    rng = np.random.default_rng(12)
    ones, a, b = np.ones(5000), rng.normal(size=5000), rng.normal(size=5000)
    for A in (
        np.column_stack([a, 3 * ones - a, ones, b]),
        np.column_stack([a * 1e9, 3 * ones - a, ones, b * 1e-9]),
    ):
        space = null_space(A, first=2)
        assert space.basis.shape == (4, 1)
        assert space.free.tolist() in ([0], [1])
        assert space.basis[3, 0] == 0.0
        assert np.abs(A @ space.basis).max() < 1e-9 * np.abs(A).max()
    assert null_space(np.zeros((0, 3))).free.tolist() == [0, 1, 2]
    assert null_space(np.eye(3)).basis.shape == (3, 0)
    assert null_space(np.zeros((2, 2)), first=0).free.tolist() == [0, 1]


@pytest.mark.parametrize("make", [np.asarray, sp.csr_array], ids=["dense", "sparse"])
def test_the_two_programs_on_a_quadrant(make: Any) -> None:
    A = make(np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 2.0]]))
    point, positive = largest_support(A)
    assert positive.all()
    assert (np.asarray(A @ point) >= 1 - 1e-9).all()
    assert least_value(A, np.array([1.0, 3.0])) is None
    below = least_value(A, np.array([1.0, -3.0]))
    assert below is not None
    assert below @ [1.0, -3.0] == pytest.approx(-1.0)
    assert (np.asarray(A @ below) >= -1e-9).all()


def test_a_program_that_fails_says_so_with_the_remedy() -> None:
    with pytest.raises(EstimationError, match="Rescale or drop columns of extreme size"):
        least_value(np.array([[1.0, 1e300], [1e300, 1.0]]), np.array([1e300, -1e300]))
