"""Profile-likelihood intervals of fits, against R (uniroot on the deviance of restricted glm fits)."""

from __future__ import annotations

import numpy as np
import pytest
from analysis_cases import posterior, problem_of, simulated
from reference_cases import glm_cases, options, table

import problogit as plg
from problogit.analysis import coefficients
from problogit.analysis.profile import profile_interval
from problogit.errors import InputError
from problogit.estimators.mle import MLE

CASES = glm_cases()
X_ALONE = np.array([0.0, 1.0, 0.0, 0.0])


@pytest.mark.parametrize("name", sorted(CASES))
def test_profile_ends_against_r_uniroot(name):
    case = CASES[name]
    estimate = plg.LogitModel(case["formula"], table(case), **options(case)).fit().estimate
    found = coefficients.summary(estimate, interval="profile")
    se = np.array(case["se"])[:, None]
    np.testing.assert_allclose(
        found[["lower", "upper"]] / se, np.array(case["profile"]) / se, rtol=0, atol=1e-8
    )


def test_rows_are_profiled_one_by_one():
    estimate = MLE().estimate(problem_of(*simulated()))
    together, alone = profile_interval(estimate, np.eye(4)[[2, 1]]), profile_interval(estimate, np.eye(4)[1])
    np.testing.assert_array_equal(together.lower[1:], alone.lower)
    assert together.kind == "confidence-profile"


def test_frequency_weights_are_repeated_rows():
    frame, y = simulated()
    weights = np.tile([1.0, 2.0, 3.0], 40)
    weighted = MLE().estimate(problem_of(frame, y, weights=weights))
    place = np.repeat(np.arange(120), weights.astype(int))
    repeated = MLE().estimate(problem_of(frame.iloc[place].reset_index(drop=True), y[place]))
    a, b = profile_interval(weighted, np.eye(4)), profile_interval(repeated, np.eye(4))
    np.testing.assert_allclose(a.lower, b.lower, rtol=1e-9)
    np.testing.assert_allclose(a.upper, b.upper, rtol=1e-9)


def test_a_wider_level_is_a_wider_interval():
    estimate = MLE().estimate(problem_of(*simulated()))
    levels = [profile_interval(estimate, X_ALONE, prob) for prob in (0.5, 0.9, 0.99)]
    assert levels[0].lower > levels[1].lower > levels[2].lower
    assert levels[0].upper < levels[1].upper < levels[2].upper


def test_profile_is_refused_where_the_likelihood_does_not_speak():
    frame, y = simulated()
    weights = np.linspace(0.5, 2, len(y))
    sampling = MLE().estimate(problem_of(frame, y, weights=weights, weights_type="sampling"))
    with pytest.raises(InputError, match="sampling weights"):
        profile_interval(sampling, X_ALONE)
    robust = MLE(covariance="HC1").estimate(problem_of(frame, y))
    with pytest.raises(InputError, match="covariance='HC1'"):
        profile_interval(robust, X_ALONE)
    with pytest.raises(InputError, match="need a maximum-likelihood fit"):
        profile_interval(posterior(robust.problem, [0.2, 0.8, 0.4, -0.1]), X_ALONE)
