"""Ranks of true values among posterior draws are uniform, with either sampler; a wrong prior scale is noticed.

A case passes when no quantity's p-value is below 1% / 6: one case in a hundred fails by chance (seeds are fixed).
"""

from __future__ import annotations

import numpy as np
import pytest
from calibration_cases import DRAWS, QUANTITIES, Ranks, p_values, prior, ranks

import problogit as plg

SCALES = {"normal": 1.0, "laplace": 0.7}
ALPHA = 0.01 / len(QUANTITIES)
ROWS = 25


def weighed(family: str, scale: float) -> Ranks:
    method = plg.Bayes(prior(family, scale), sampler="laplace", draws=1000, chains=1)
    return ranks(method, family, SCALES[family], 500, ROWS, seed=11)


@pytest.mark.slow
def test_the_bands_hold_what_they_promise():
    """Uniform ranks: 5% of 400 tests, with a Monte Carlo standard error of 1.1%, below 5%; narrower ranks: noticed."""
    rng = np.random.default_rng(3)
    uniform = [Ranks(rng.integers(0, DRAWS + 1, (200, len(QUANTITIES))), 0) for _ in range(67)]
    found = np.concatenate([list(p_values(each, 2000).values()) for each in uniform])
    assert abs((found < 0.05).mean() - 0.05) < 4 * 0.011
    narrow = Ranks(rng.binomial(DRAWS, rng.beta(1.6, 1.6, (500, 1))), 0)
    assert p_values(narrow, 2000)["Intercept"] < 0.002


@pytest.mark.slow
@pytest.mark.parametrize("family", SCALES)
def test_weighted_draws_are_calibrated(family):
    found = weighed(family, SCALES[family])
    assert found.refused <= 0.1 * 500
    assert min(p_values(found).values()) > ALPHA


@pytest.mark.slow
@pytest.mark.parametrize("family", SCALES)
def test_a_prior_scale_off_by_half_is_noticed(family):
    found = p_values(weighed(family, 1.5 * SCALES[family]))
    assert min(found.values()) < ALPHA
    assert found["size"] < ALPHA


@pytest.mark.slow
@pytest.mark.parametrize("family", SCALES)
def test_nuts_is_calibrated(family):
    method = plg.Bayes(prior(family, SCALES[family]), draws=200, tune=200, chains=1)
    found = ranks(method, family, SCALES[family], 200, ROWS, seed=12)
    assert min(p_values(found).values()) > ALPHA
