"""Figures about predictions as a vector: against rms::val.prob, by definition, and their errors by the jackknife."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

import problogit as plg
from problogit.analysis.judged import judge
from problogit.analysis.performance import INDEXES, external_measures, performance
from problogit.errors import ProblogitWarning

REFERENCE = Path(__file__).parents[1] / "reference"
CASES = json.loads((REFERENCE / "validation" / "validation.json").read_text())["cases"]["val_prob"]
NAMES = [index.name for index in INDEXES]


def named(values):
    return dict(zip(NAMES, values, strict=True))


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case["name"])
def external(request):
    case = request.param
    table = pd.read_csv(REFERENCE / "data" / f"{case['data']}.csv")
    fit = plg.LogitModel(case["formula"], table.iloc[::2]).fit()
    judged = judge(fit.estimate, table.iloc[1::2])
    return case, {found.name: found for found in external_measures(judged)}, judged


def test_external_figures_match_r(external):
    case, found, _ = external
    for name, value in case["exact"].items():
        assert found[name].value == pytest.approx(value, abs=1e-8), name
    for name, error in case["std_error"].items():
        assert found[name].std_error == pytest.approx(error, rel=1e-6), name


def test_external_figures_match_rms_val_prob(external):
    case, found, judged = external
    theirs = case["val_prob"]
    assert found["brier"].value == pytest.approx(theirs["Brier"], abs=1e-8)
    assert found["slope"].value == pytest.approx(theirs["Slope"], abs=1e-7)
    assert found["joint_intercept"].value == pytest.approx(theirs["Intercept"], abs=1e-7)
    assert found["unreliability"].value == pytest.approx(theirs["U"], abs=1e-8)
    assert found["auc"].value == pytest.approx(theirs["C (ROC)"], abs=1e-4)  # rms ranks in 500 bins
    # val.prob's D is that of the predictions as they are, and so is its Q.
    as_given = found["quality"].value - 2 / judged.n
    assert as_given == pytest.approx(theirs["D"], abs=1e-8)
    assert as_given - found["unreliability"].value == pytest.approx(theirs["Q"], abs=1e-8)


def rows(n=80, seed=0):
    rng = np.random.default_rng(seed)
    eta = rng.normal(size=n)
    trials = np.ones(n)
    return eta * 1.4 + 0.2, (rng.random(n) < expit(eta)).astype(float), trials, np.ones(n)


def test_frequency_weights_are_repeated_rows():
    eta, y, trials, _ = rows()
    copies = np.random.default_rng(1).integers(1, 4, eta.size)
    repeated = performance(*(np.repeat(x, copies) for x in (eta, y, trials)), np.ones(copies.sum()))
    np.testing.assert_allclose(performance(eta, y, trials, copies.astype(float)), repeated, atol=1e-10)


def test_trials_are_bernoulli_rows_with_one_prediction():
    eta, _, _, _ = rows(30)
    rng = np.random.default_rng(2)
    trials = rng.integers(1, 6, 30)
    events = rng.binomial(trials, expit(eta))
    outcomes = np.concatenate(
        [np.r_[np.ones(s), np.zeros(m - s)] for s, m in zip(events, trials, strict=True)]
    )
    plain = performance(np.repeat(eta, trials), outcomes, np.ones(trials.sum()), np.ones(trials.sum()))
    np.testing.assert_allclose(
        performance(eta, events.astype(float), trials.astype(float), np.ones(30)), plain, atol=1e-10
    )


def test_figures_match_the_fit_on_its_own_rows():
    table = pd.read_csv(REFERENCE / "data" / "german_credit.csv").head(200)
    fit = plg.LogitModel("bad ~ x1 + x2 + x3", table).fit()
    judged = judge(fit.estimate, resample="apparent")
    found = named(performance(judged.log_odds, judged.successes, judged.trials, judged.weights))
    assert found["nagelkerke"] == pytest.approx(fit.r_squared("nagelkerke"), abs=1e-12)
    assert found["tjur"] == pytest.approx(fit.r_squared("tjur"), abs=1e-12)
    assert found["slope"] == pytest.approx(1.0, abs=1e-7)
    assert found["intercept"] == pytest.approx(0.0, abs=1e-9)
    assert found["discrimination"] == pytest.approx(
        (2 * (fit.loglik - fit.null_loglik) - 1) / fit.nobs, abs=1e-10
    )
    assert found["unreliability"] == pytest.approx(-2 / fit.nobs, abs=1e-10)


def test_delta_errors_match_the_infinitesimal_jackknife(external):
    case, found, judged = external
    if case["name"] == "wells":
        return  # one case is enough
    small, n = 1e-5, judged.n
    picked = np.arange(
        0, n, 4
    )  # a quarter of the rows, scaled up: the error of an error is 1 / sqrt(2 n / 4), 6%
    slopes = []
    for i in picked:
        both = []
        for sign in (1, -1):
            weights = np.ones(n)
            weights[i] += sign * small
            both.append(performance(judged.log_odds, judged.successes, judged.trials, weights))
        slopes.append((both[0] - both[1]) / (2 * small))
    jackknife = named(np.sqrt(np.square(slopes).sum(axis=0) * n / picked.size))
    for name in (
        "brier",
        "scaled_brier",
        "log_score",
        "tjur",
        "nagelkerke",
        "discrimination",
        "quality",
        "auc",
    ):
        assert found[name].std_error == pytest.approx(jackknife[name], rel=0.15), name


def test_one_class_has_scores_and_nothing_else():
    eta, _, trials, weights = rows(20)
    found = named(performance(eta, np.zeros(20), trials, weights))
    assert np.isfinite([found["brier"], found["log_score"]]).all()
    assert found["intercept"] == -np.inf
    rest = set(NAMES) - {"brier", "log_score", "intercept"}
    assert all(np.isnan(found[name]) for name in rest)


def test_a_wrong_certainty_is_infinite_and_makes_the_slope_zero():
    eta, y, trials, weights = rows(40)
    right, wrong = eta.copy(), eta.copy()
    right[0] = np.inf if y[0] else -np.inf
    wrong[0] = -right[0]
    rest = performance(eta[1:], y[1:], trials[1:], weights[1:])
    good, bad = (named(performance(one, y, trials, weights)) for one in (right, wrong))
    assert good["slope"] == pytest.approx(named(rest)["slope"])
    assert np.isfinite(good["log_score"])
    assert bad["slope"] == 0.0
    assert bad["log_score"] == np.inf
    assert bad["nagelkerke"] == -np.inf
    assert bad["unreliability"] == np.inf
    # The limit: the same prediction, further and further out.
    slopes = []
    for far in (30.0, 300.0):
        moved = np.where(np.isinf(wrong), np.sign(wrong) * far, wrong)
        slopes.append(abs(named(performance(moved, y, trials, weights))["slope"]))
    assert slopes[1] < slopes[0] < 0.2


def test_external_measures_of_separated_predictions_warn_of_nothing():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 2))
    y = (X[:, 0] > 0).astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ProblogitWarning)
        fit = plg.LogitModel.from_arrays(X, y).fit()
    outcome = y.copy()
    outcome[:3] = 1 - outcome[:3]
    judged = judge(fit.estimate, (X, outcome))
    found = {measure.name: measure for measure in external_measures(judged.usable)}
    assert found["log_score"].value == np.inf
    assert np.isnan(found["nagelkerke"].lower)
