"""Pseudo R-squared and deviance against R and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from analysis_cases import posterior, problem_of, simulated
from reference_cases import glm_cases, options, table

import problogit as plg
from problogit.analysis.predict import predict_proba
from problogit.analysis.r_squared import deviance, r_squared
from problogit.errors import InputError
from problogit.estimators.mle import MLE

CASES = glm_cases()


@pytest.mark.parametrize("name", sorted(CASES))
def test_figures_against_r(name):
    case = CASES[name]
    estimate = plg.LogitModel(case["formula"], table(case), **options(case)).fit().estimate
    if "0 +" in case["formula"]:
        # The figures have an intercept in the null model; R's null deviance of this formula, and ours, have none.
        null = case["loglik_kernel"] + (case["deviance"] - case["null_deviance"]) / 2
        assert r_squared(estimate) == pytest.approx(1 - case["loglik_kernel"] / null, rel=1e-8)
        kinds = ("tjur",)
    else:
        kinds = ("mcfadden", "nagelkerke", "tjur")
    for kind in kinds:
        if case[kind] is not None:
            assert r_squared(estimate, kind) == pytest.approx(case[kind], rel=1e-8, abs=1e-12)
    assert deviance(estimate) == pytest.approx(case["deviance"], rel=1e-8)


def test_counts_are_the_bernoulli_rows_they_stand_for():
    frame, _ = simulated(30)
    rng = np.random.default_rng(0)
    m = rng.integers(1, 5, 30)
    s = rng.binomial(m, 0.4)
    counts = MLE().estimate(problem_of(frame, s, trials=m))
    place = np.repeat(np.arange(30), m)
    y = np.concatenate([np.r_[np.ones(a), np.zeros(b - a)] for a, b in zip(s, m, strict=True)])
    single = MLE().estimate(problem_of(frame.iloc[place].reset_index(drop=True), y))
    for kind in ("mcfadden", "cox-snell", "nagelkerke", "tjur"):
        assert r_squared(counts, kind) == pytest.approx(r_squared(single, kind), rel=1e-9)


def test_cox_snell_by_its_definition_and_nagelkerke_as_its_share():
    estimate = MLE().estimate(problem_of(*simulated()))
    fitted, null, n = estimate.stats.loglik, estimate.stats.null_loglik, 120
    expected = 1 - math.exp(null) ** (2 / n) / math.exp(fitted) ** (2 / n)
    assert r_squared(estimate, "cox-snell") == pytest.approx(expected, rel=1e-10)
    assert r_squared(estimate, "nagelkerke") == pytest.approx(
        expected / (1 - math.exp(null) ** (2 / n)), rel=1e-10
    )


def test_tjur_of_a_posterior_uses_its_predictive_probabilities():
    frame, y = simulated()
    estimate = posterior(problem_of(frame, y), [0.2, 0.8, 0.4, -0.1])
    p = predict_proba(estimate)
    assert r_squared(estimate, "tjur") == pytest.approx(p[y == 1].mean() - p[y == 0].mean(), rel=1e-12)


def test_an_unknown_kind_is_named():
    estimate = MLE().estimate(problem_of(*simulated()))
    with pytest.raises(InputError, match=r"Did you mean 'mcfadden'\?"):
        r_squared(estimate, "McFaden")
