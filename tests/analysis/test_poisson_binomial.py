"""The Poisson-binomial distribution against outcomes listed one by one, a convolution of its own, and fast-poibin."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from reference_cases import REFERENCE

from problogit.analysis.poisson_binomial import poisson_binomial, shift_error, shifted_binomial

TOTALS = json.loads((REFERENCE / "decisions" / "decisions.json").read_text())["totals"]
HARD = np.r_[np.full(200, 0.01), np.full(100, 0.99)]  # nearly sure of either side


def convolved(p: np.ndarray) -> np.ndarray:
    """The definition: one trial after the other."""
    mass = np.ones(1)
    for chance in p:
        mass = np.convolve(mass, [1 - chance, chance])
    return mass


def cumulants(p: np.ndarray) -> list[np.ndarray]:
    variance = p * (1 - p)
    parts = (p, variance, variance * (1 - 2 * p), variance * (1 - 6 * variance))
    return [np.array([part.sum()]) for part in parts]


def test_the_number_of_events_matches_all_outcomes_listed():
    p, trials = np.array([[0.1, 0.5, 0.9], [0.3, 0.2, 0.6]]), np.array([1.0, 2.0, 1.0])
    listed = np.zeros(5)
    for row in p:
        for seen in itertools.product([0, 1], repeat=4):
            chances = np.where(seen, row[[0, 1, 1, 2]], 1 - row[[0, 1, 1, 2]])
            listed[sum(seen)] += chances.prod() / 2
    np.testing.assert_allclose(poisson_binomial(p, trials), listed, rtol=1e-12)


@pytest.mark.parametrize("n", [1, 63, 64, 65, 129, 1000])
def test_exact_probabilities_match_one_convolution_after_the_other(n):
    p = np.random.default_rng(n).beta(0.4, 0.6, (3, n))
    found = poisson_binomial(p, np.ones(n))
    np.testing.assert_allclose(found, np.mean([convolved(row) for row in p], axis=0), rtol=0, atol=1e-14)
    assert found.min() >= 0
    assert found.sum() == pytest.approx(1, abs=1e-13)


def test_trials_are_rows_repeated():
    p, trials = np.array([[0.2, 0.7, 0.01]]), np.array([40.0, 1.0, 90.0])
    np.testing.assert_allclose(
        poisson_binomial(p, trials), convolved(np.repeat(p[0], [40, 1, 90])), rtol=0, atol=1e-14
    )


@pytest.mark.parametrize("case", TOTALS, ids=lambda case: str(case["n"]))
def test_exact_probabilities_match_fast_poibin(case):
    n = case["n"]
    p = 0.002 + 0.996 * (np.arange(n) / (n - 1)) ** case["power"]
    found = np.cumsum(poisson_binomial(p[None], np.ones(n)))
    np.testing.assert_allclose(found[case["k"]], case["cdf"], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("p", "error"),
    [
        (np.full(300, 0.02), 1e-9),
        (np.linspace(0.0001, 0.02, 300), 1e-3),
        (np.linspace(0.1, 0.9, 300), 1e-3),
        (np.r_[np.full(200, 0.01), np.full(100, 0.99)], 0.015),  # the hardest: nearly sure of either side
        (np.linspace(0.97, 0.999, 300), 1e-3),
    ],
)
def test_the_shifted_binomial_is_near_the_exact_distribution(p, error):
    exact = np.cumsum(poisson_binomial(p[None], np.ones(p.size)))
    variance = p * (1 - p)
    moments = [np.array([v.sum()]) for v in (p, variance, variance * (1 - 2 * p))]
    near = [shifted_binomial(float(k), *moments)[0] for k in range(p.size + 1)]
    np.testing.assert_allclose(near, exact, rtol=0, atol=error)


@pytest.mark.parametrize(
    "p",
    [
        np.random.default_rng(0).random(400),
        np.random.default_rng(1).beta(0.3, 0.7, 1000),
        np.random.default_rng(2).exponential(0.005, 1000),
        np.r_[np.full(900, 0.001), np.full(100, 0.5)],
        np.r_[np.full(4000, 0.002), np.full(1000, 0.998)],
        HARD,
    ],
)
def test_the_error_of_the_shifted_binomial_is_known(p):
    exact = np.cumsum(poisson_binomial(p[None], np.ones(p.size)))
    mean, variance, third, fourth = cumulants(p)
    near = shifted_binomial(0.0 + np.arange(p.size + 1), mean, variance, third)
    stated = shift_error(variance, third, fourth)
    assert np.abs(near - exact).max() == pytest.approx(stated, rel=0.4, abs=1e-6)
    assert stated < 0.034 / variance[0]


@pytest.mark.parametrize("n", [1_000, 10_000, 100_000])
def test_large_sums_from_cumulants_match_the_exact_ones(n):
    p = np.random.default_rng(n).beta(0.5, 9.5, n)
    exact = np.cumsum(poisson_binomial(p[None], np.ones(n)))
    mean, variance, third, fourth = cumulants(p)
    near = shifted_binomial(0.0 + np.arange(n + 1), mean, variance, third)
    np.testing.assert_allclose(near, exact, rtol=0, atol=1e-4)
    assert shift_error(variance, third, fourth) < 1e-4
