"""Spline and polynomial bases against R's splines and stats."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from problogit.data.design import build_from_formula
from problogit.data.splines import natural_spline

# R 4.2.2, library(splines):
#   x <- c(0.1, 0.4, 0.9, 1.3, 1.8, 2.2, 3.1, 3.7, 4.4, 5.0); new <- c(-1, 0.5, 2.5, 5, 7)
#   format(predict(ns(x, df = 4), new), digits = 15)
#   format(predict(ns(x, knots = c(1, 3), Boundary.knots = c(0, 5)), new), digits = 15)
#   format(predict(ns(x, df = 3, intercept = TRUE), new), digits = 15)
#   format(predict(bs(x, df = 5), c(0.5, 2.5, 5)), digits = 15); format(predict(poly(x, 3), new), digits = 15)
X = np.array([0.1, 0.4, 0.9, 1.3, 1.8, 2.2, 3.1, 3.7, 4.4, 5.0])
NEW = np.array([-1, 0.5, 2.5, 5, 7])
R_NS: list[tuple[dict[str, Any], list[list[float]]]] = [
    (
        {"df": 4},
        [
            [0.0000000000000000, 0.2926574030038280, -0.8981554781841620, 0.6054980751803339],
            [0.0108483769811001, -0.1004078854974237, 0.3081483382507141, -0.2077404527532904],
            [0.6111053818441823, 0.2557585217732268, 0.1295142567953722, -0.0812721460575302],
            [0.0000000000000000, -0.1407539233133797, 0.4319689370651999, 0.7087849862481799],
            [0.0000000000000000, -1.5871218249474199, 0.7328911179420814, 1.8542307070053390],
        ],
    ),
    (
        {"knots": [1, 3], "lower_bound": 0, "upper_bound": 5},
        [
            [0.1944611170656493, -0.5833833511969478, 0.3889222341312986],
            [-0.0846309353680882, 0.2788928061042646, -0.1859285374028431],
            [0.4029554533719372, 0.4395711398841882, -0.2227349265894588],
            [-0.1428571428571429, 0.4285714285714286, 0.7142857142857142],
            [-1.2142857142857142, 0.6428571428571428, 1.5714285714285716],
        ],
    ),
    (
        {"df": 3, "include_intercept": True},
        [
            [-1.0642556872000388, 0.7221549048048451, -0.4479188650055369],
            [-0.2125070609974434, 0.5418826933234724, -0.3352342871653387],
            [0.4659406966295263, 0.3737453555596930, -0.0466363382499327],
            [-0.1449796224823746, 0.3940456586035678, 0.7555919332712048],
            [-0.9024241807576379, 0.4527331811038402, 1.4786844826064787],
        ],
    ),
]
R_BS = [
    [0.5911111111111110, 0.1089644746787604, 0.0036281179138322, 0, 0],
    [0.0133333333333333, 0.4192094134951277, 0.4973330749392525, 0.0701241782322863, 0],
    [0, 0, 0, 0, 0.9999999999999999],
]
R_POLY = [
    [-0.6456070805414258, 1.4292647280844144, -3.1150126621795922],
    [-0.3512573477717788, 0.2073669165714210, 0.0402387088741670],
    [0.0412089625877506, -0.3900894981304911, -0.0420641025106630],
    [0.5317918505371623, 0.5212446273918890, 0.4488931777114647],
    [0.9242581608966917, 2.5768356429296095, 7.8057739309350582],
]


@pytest.mark.parametrize(("options", "expected"), R_NS, ids=["df", "knots", "intercept"])
def test_natural_spline_against_r_ns(options: dict[str, Any], expected: list[list[float]]) -> None:
    state: dict[str, Any] = {}
    natural_spline(X, state, **options)
    np.testing.assert_allclose(natural_spline(NEW, state, **options), expected, rtol=0, atol=2e-15 * 8)


@pytest.mark.parametrize(
    ("right", "new", "expected"),
    [("bs(x, df=5)", [0.5, 2.5, 5], R_BS), ("poly(x, 3)", NEW, R_POLY), ("ns(x, df=4)", NEW, R_NS[0][1])],
)
def test_replayed_bases_against_r_predict(right: str, new: Any, expected: list[list[float]]) -> None:
    data = {"y": [0, 1] * 5, "x": X}
    replayed = build_from_formula(f"y ~ {right}", data).design.replay({"x": new})
    np.testing.assert_allclose(replayed.X[:, 1:], expected, rtol=1e-13, atol=1e-14)


def test_natural_spline_spans_the_natural_interpolants() -> None:
    knots = np.array([0.0, 1.0, 2.5, 4.0, 5.0])
    target = CubicSpline(knots, [1.0, -2.0, 0.5, 3.0, 1.0], bc_type="natural")
    grid = np.linspace(0, 5, 101)
    state: dict[str, Any] = {}
    basis = natural_spline(grid, state, knots=knots[1:-1].tolist(), include_intercept=True)
    assert basis.shape == (101, 5)
    fitted = basis @ np.linalg.lstsq(basis, target(grid), rcond=None)[0]
    np.testing.assert_allclose(fitted, target(grid), atol=1e-12)


def test_natural_spline_is_linear_outside() -> None:
    state: dict[str, Any] = {}
    natural_spline(X, state, df=4)
    for ends in ([-3.0, -2.0, -1.0], [6.0, 7.0, 8.0]):
        values = natural_spline(np.array(ends), state)
        np.testing.assert_allclose(values[2] - values[1], values[1] - values[0], atol=1e-13)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("ns(x, df=3, knots=[1])", "give df or knots, not both"),
        ("ns(x, df=0)", "df must be at least 1"),
        ("ns(x, knots=[9])", "knots must lie between"),
        ("ns(one, df=3)", "two distinct values"),
        ("bs(x, df=2)", "cannot be evaluated"),
        ("bs(x, df=1000000000)", "must not exceed 1000"),
        ("poly(x, 1000000000)", "must not exceed 1000"),
        ("ns(x, df=1000000000)", "must not exceed 1000"),
        ("cr(one, df=3)", "cannot be evaluated"),
        ("poly(one, 2)", "is not a number at rows 0, 1, 2, 3, 4 and 5 more"),
        ("scale(one)", "is not a number"),
    ],
)
def test_bases_that_cannot_be_learned(call: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        build_from_formula(f"y ~ {call}", {"y": [0, 1] * 5, "x": X, "one": np.ones(10)})
