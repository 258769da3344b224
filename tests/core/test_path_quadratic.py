"""Block pivoting against exhaustive search over signs and against coordinate descent."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from problogit.core.path_quadratic import maximise_by_pivots
from problogit.core.proximal_quadratic import Penalty, maximise_quadratic, violation


def quadratic_value(H: np.ndarray, b: np.ndarray, strength: np.ndarray, u: np.ndarray) -> float:
    return float(b @ u - u @ H @ u / 2 - strength @ np.abs(u))


def best_of_all_signs(H: np.ndarray, b: np.ndarray, strength: np.ndarray) -> float:
    best = 0.0
    for signs in product((-1, 0, 1), repeat=b.size):
        on = np.flatnonzero(signs)
        if on.size:
            u = np.zeros(b.size)
            u[on] = np.linalg.solve(H[np.ix_(on, on)], b[on] - strength[on] * np.array(signs)[on])
            best = max(best, quadratic_value(H, b, strength, u))
    return best


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000))
def test_pivots_against_every_pattern_of_signs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(9, 5))
    H = root.T @ root
    b, strength = root.T @ rng.normal(size=9) * 3, rng.uniform(0, 3, 5) * (rng.random(5) < 0.8)
    found = maximise_by_pivots(np.linalg.inv(H), b, strength, rng.integers(-1, 2, 5).astype(float))
    assert found.exact
    assert quadratic_value(H, b, strength, found.u) == pytest.approx(
        best_of_all_signs(H, b, strength), rel=1e-9
    )
    np.testing.assert_array_equal(found.signs[strength > 0], np.sign(found.u[strength > 0]))


@settings(max_examples=30)
@given(seed=st.integers(0, 1000))
def test_pivots_against_coordinate_descent_on_many_columns(seed: int) -> None:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(60, 40)) + rng.normal(size=(60, 1))
    H, b, strength = root.T @ root, root.T @ rng.normal(size=60) * 2, np.full(40, 4.0)
    strength[0] = 0.0
    found = maximise_by_pivots(np.linalg.inv(H), b, strength, np.zeros(40))
    assert found.exact
    assert violation(b - H @ found.u, found.u, Penalty(strength, np.zeros(40))).max() < 1e-9
    np.testing.assert_allclose(found.u, maximise_quadratic(H, b, strength, np.zeros(40), 1e-11), atol=1e-9)


def test_a_useless_inverse_is_said() -> None:
    found = maximise_by_pivots(np.full((3, 3), -1.0), np.ones(3), np.ones(3), np.zeros(3))
    assert not found.exact
