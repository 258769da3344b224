"""Scores and calibration coefficients against R (glm, pROC, rms), scikit-learn, statsmodels and direct sums."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from judged_cases import predictions
from reference_cases import REFERENCE
from scipy.sparse import csr_array
from scipy.special import expit
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

import problogit as plg
from problogit.analysis.corp import brier_losses, log_losses
from problogit.analysis.judged import judge, judge_external, judge_folds
from problogit.analysis.scores import (
    auc,
    calibration_intercept,
    calibration_slope,
    mean_loss,
    measures,
    scores,
)
from problogit.errors import InputError, NotAvailableError
from problogit.folds import Folds

CASES = {
    case["name"]: case
    for case in json.loads((REFERENCE / "calibration" / "calibration.json").read_text())["cases"]
}


def simulated(n=400, seed=0):
    random = np.random.default_rng(seed)
    log_odds = np.round(random.normal(size=n), 1)  # ties
    return log_odds, (random.random(n) < expit(0.7 * log_odds + 0.2)).astype(float), random


@pytest.fixture(scope="module", params=sorted(CASES))
def reference(request):
    case = CASES[request.param]
    table = pd.read_csv(REFERENCE / "data" / f"{case['data']}.csv")
    if "rows" not in case:
        estimate = plg.LogitModel(case["formula"], table.iloc[::2]).fit().estimate
        return case, judge_external(estimate, table.iloc[1::2])
    problem = plg.LogitModel(case["formula"], table.head(case["rows"]), trials=case["trials"]).problem
    each = np.arange(case["rows"])
    return case, judge_folds(plg.MLE().estimate(problem), Folds(each, each, np.ones(each.size), each.size))


def test_predictions_of_unseen_rows_against_r_glm(reference):
    case, judged = reference
    np.testing.assert_allclose(judged.log_odds[:10], case["eta"], rtol=1e-9, atol=1e-10)


def test_slope_and_intercept_against_r_glm(reference):
    case, judged = reference
    slope, intercept = calibration_slope(judged), calibration_intercept(judged)
    assert slope.value == pytest.approx(case["slope"], rel=1e-9)
    assert slope.std_error == pytest.approx(case["slope_se"], rel=1e-7)
    assert slope.value == pytest.approx(case["val_prob"]["slope"], rel=1e-7)
    assert intercept.value == pytest.approx(case["intercept"], rel=1e-8, abs=1e-10)
    assert intercept.std_error == pytest.approx(case["intercept_se"], rel=1e-7)
    assert slope.upper - slope.lower == pytest.approx(2 * 1.959963984540054 * case["slope_se"], rel=1e-7)


def test_brier_and_log_score_against_r(reference):
    case, judged = reference
    brier = mean_loss("brier", brier_losses, judged)
    assert brier.value == pytest.approx(case["brier"], rel=1e-10)
    assert brier.value == pytest.approx(case["val_prob"]["brier"], rel=1e-10)
    assert mean_loss("log_score", log_losses, judged).value == pytest.approx(case["log_score"], rel=1e-10)


def test_auc_and_its_standard_error_against_r_proc_delong(reference):
    case, judged = reference
    found = auc(judged)
    assert found.value == pytest.approx(case["auc"], rel=1e-10)
    assert found.std_error == pytest.approx(case["auc_se"], rel=1e-8)
    assert 0 < found.lower < found.value < found.upper < 1


def test_scores_against_sklearn():
    log_odds, y, random = simulated()
    weights = random.integers(1, 5, y.size)
    judged = predictions(log_odds, y, weights=weights)
    p = expit(log_odds)
    assert auc(judged).value == pytest.approx(roc_auc_score(y, p, sample_weight=weights), rel=1e-12)
    assert mean_loss("brier", brier_losses, judged).value == pytest.approx(
        brier_score_loss(y, p, sample_weight=weights), rel=1e-12
    )
    assert mean_loss("log_score", log_losses, judged).value == pytest.approx(
        log_loss(y, p, sample_weight=weights), rel=1e-12
    )


def test_no_skill_is_the_score_of_the_event_rate():
    log_odds, y, _ = simulated()
    rate = y.mean()
    assert mean_loss("brier", brier_losses, predictions(log_odds, y)).no_skill == pytest.approx(
        rate * (1 - rate)
    )
    entropy = -rate * np.log(rate) - (1 - rate) * np.log(1 - rate)
    assert mean_loss("log_score", log_losses, predictions(log_odds, y)).no_skill == pytest.approx(entropy)


def test_the_standard_error_of_a_mean_score_is_that_of_a_mean():
    log_odds, y, _ = simulated()
    loss = (y - expit(log_odds)) ** 2
    found = mean_loss("brier", brier_losses, predictions(log_odds, y))
    assert found.std_error == pytest.approx(loss.std(ddof=1) / np.sqrt(y.size), rel=1e-12)


def test_weight_two_is_the_row_twice_in_every_score():
    log_odds, y, _ = simulated(150)
    weighted = predictions(log_odds, y, weights=np.full(150, 2.0))
    twice = predictions(np.tile(log_odds, 2), np.tile(y, 2))
    for measure in (auc, calibration_slope, calibration_intercept):
        one, other = measure(weighted), measure(twice)
        assert one.value == pytest.approx(other.value, rel=1e-10)
        assert one.std_error == pytest.approx(other.std_error, rel=1e-9)
    one, other = (mean_loss("brier", brier_losses, judged) for judged in (weighted, twice))
    assert (one.value, one.std_error) == pytest.approx((other.value, other.std_error), rel=1e-12)


def test_importance_weights_against_statsmodels_glm():
    log_odds, y, random = simulated(300)
    weights = random.uniform(0.2, 3, 300)
    judged = predictions(log_odds, y, weights=weights, weights_type="importance")
    joint = sm.GLM(y, sm.add_constant(log_odds), family=sm.families.Binomial(), freq_weights=weights).fit(
        tol=1e-13
    )
    assert calibration_slope(judged).value == pytest.approx(joint.params[1], rel=1e-9)
    assert calibration_slope(judged).std_error == pytest.approx(joint.bse[1], rel=1e-7)
    large = sm.GLM(y, np.ones(300), family=sm.families.Binomial(), freq_weights=weights, offset=log_odds).fit(
        tol=1e-13
    )
    assert calibration_intercept(judged).value == pytest.approx(large.params[0], rel=1e-8)
    assert calibration_intercept(judged).std_error == pytest.approx(large.bse[0], rel=1e-7)
    assert np.isnan(auc(judged).std_error)


def test_sampling_weights_make_a_sandwich_by_hand():
    log_odds, y, random = simulated(300)
    weights = random.uniform(0.2, 3, 300)
    found = calibration_slope(predictions(log_odds, y, weights=weights, weights_type="sampling"))
    X = sm.add_constant(log_odds)
    fit = sm.GLM(y, X, family=sm.families.Binomial(), freq_weights=weights).fit(tol=1e-13)
    p = fit.predict(X)
    bread = np.linalg.inv(X.T @ (X * (weights * p * (1 - p))[:, None]))
    scores_ = X * (weights * (y - p))[:, None]
    assert found.std_error == pytest.approx(np.sqrt((bread @ scores_.T @ scores_ @ bread)[1, 1]), rel=1e-7)


def test_certain_predictions_are_left_out_of_slope_and_intercept_only():
    log_odds, y, _ = simulated(100)
    certain = predictions(np.append(log_odds, [np.inf, -np.inf]), np.append(y, [1, 0]))
    plain = predictions(log_odds, y)
    assert calibration_slope(certain).value == calibration_slope(plain).value
    assert calibration_intercept(certain).value == calibration_intercept(plain).value
    assert mean_loss("brier", brier_losses, certain).value == pytest.approx(
        mean_loss("brier", brier_losses, plain).value * 100 / 102
    )
    wrong = mean_loss("log_score", log_losses, predictions([np.inf, 0.0], [0, 1]))
    assert wrong.value == np.inf
    assert np.isnan(wrong.std_error)
    assert "exactly 0 or 1 was wrong" in wrong.note


@pytest.mark.parametrize(
    ("log_odds", "y", "value", "note"),
    [
        ([-2, -1, 1, 2], [0, 0, 1, 1], np.inf, "separate"),
        ([-2, -1, 1, 2], [1, 1, 0, 0], -np.inf, "separate"),
        ([-2, -1, 1, 2], [1, 1, 1, 1], np.nan, "all outcomes are equal"),
        ([0.5, 0.5, 0.5, 0.5], [0, 1, 1, 0], np.nan, "no slope"),
        ([np.inf, np.inf, -np.inf], [1, 1, 0], np.nan, "exactly 0 or 1"),
    ],
)
def test_a_slope_that_does_not_exist_says_why(log_odds, y, value, note):
    found = calibration_slope(predictions(log_odds, y))
    np.testing.assert_equal(found.value, value)
    assert np.isnan(found.std_error)
    assert note in found.note


def test_an_intercept_that_does_not_exist_says_why():
    assert calibration_intercept(predictions([0.1, 0.4], [1, 1])).value == np.inf
    assert "exactly 0 or 1" in calibration_intercept(predictions([np.inf], [1])).note


def test_scores_is_a_tidy_frame_of_cross_validated_refits():
    X = np.random.default_rng(1).normal(size=(120, 2))
    y = (np.random.default_rng(2).random(120) < expit(X[:, 0])).astype(int)
    estimate = plg.MLE().estimate(plg.LogitModel.from_arrays(X, y).problem)
    table = scores(estimate, resample="folds")
    assert list(table.columns) == ["score", "value", "se", "no_skill", "n", "method"]
    assert list(table["score"]) == ["log_score", "brier", "auc"]
    assert set(table["method"]) == {"10-fold cross-validated refits"}
    assert set(table["n"]) == {120}
    judged = judge(estimate, resample="folds")
    assert table["value"][0] == pytest.approx(log_loss(y[judged.rows], expit(judged.log_odds)))
    pd.testing.assert_frame_equal(table, scores(estimate, resample="folds"))
    apparent = scores(estimate, resample="apparent")
    assert apparent["value"][0] < table["value"][0]


def small(n=40, weights=None, method=None):
    random = np.random.default_rng(3)
    X = random.normal(size=(n, 2)).round(2)
    y = (random.random(n) < expit(X[:, 0])).astype(float)
    problem = plg.LogitModel.from_arrays(X, y, weights=weights).problem
    return X, y, (plg.MLE() if method is None else method).estimate(problem)


def test_exact_leave_one_out_against_statsmodels_refits():
    X, y, estimate = small()
    judged = judge(estimate, resample="exact")
    assert (judged.kind, judged.how) == ("loo", "exact leave-one-out refits")
    design = sm.add_constant(X)
    for i in range(0, 40, 7):
        rest = np.arange(40) != i
        beta = sm.Logit(y[rest], design[rest]).fit(disp=0, tol=1e-12).params
        assert judged.log_odds[judged.rows == i] == pytest.approx([design[i] @ beta], rel=1e-7)
    pd.testing.assert_frame_equal(scores(estimate), scores(estimate, resample="exact"))  # what "auto" is here


def test_leave_one_out_drops_one_copy_as_repeated_rows_do():
    X, y, weighted = small(weights=np.tile([1, 3], 20))
    copies = np.repeat(np.arange(40), np.tile([1, 3], 20))
    spread = plg.MLE().estimate(plg.LogitModel.from_arrays(X[copies], y[copies]).problem)
    for resample in ("exact", "loo"):
        one, other = scores(weighted, resample=resample), scores(spread, resample=resample)
        pd.testing.assert_frame_equal(one, other, rtol=1e-9)


def test_leave_one_out_of_a_penalized_fit_keeps_the_scale_of_its_prior_against_a_fit_without_the_row():
    method = plg.Penalized(plg.Normal(0.5))
    X, y, estimate = small(method=method)
    judged = judge(estimate, resample="exact")
    rest = np.arange(40) != 5
    alone = plg.LogitModel.from_arrays(X[rest], y[rest]).fit(method)
    assert expit(judged.log_odds[5]) == pytest.approx(alone.predict_proba(X[[5]])[0], rel=1e-8)


def test_many_rows_are_judged_by_approximate_leave_one_out_and_too_many_refits_are_refused():
    X = np.random.default_rng(0).normal(size=(2001, 1))
    problem = plg.LogitModel.from_arrays(X, (X[:, 0] > 0.5) ^ (X[:, 0] < -1.5)).problem
    estimate = plg.MLE().estimate(problem)
    assert judge(estimate).kind == "alo"
    assert judge(plg.Penalized(plg.Normal(1.0)).estimate(problem)).kind == "alo"
    with pytest.raises(NotAvailableError, match='2001 rows are more than the 2000.*resample="folds"'):
        scores(estimate, resample="exact")
    lasso = plg.Penalized(plg.Laplace(1.0)).estimate(problem)
    assert judge(lasso).kind == "folds"
    with pytest.raises(NotAvailableError, match='L1 penalty has a kink.*resample="folds"'):
        scores(lasso, resample="loo")


def test_a_chosen_strength_is_judged_by_folds_because_each_refit_chooses_again():
    method = plg.Penalized(plg.Normal(1.0), select="aic")
    _, _, estimate = small(method=method)
    assert judge(estimate, folds=3).kind == "folds"


def test_training_rows_given_as_data_are_called_apparent_in_any_order():
    X, y, estimate = small()
    apparent = scores(estimate, resample="apparent")
    order = np.random.default_rng(1).permutation(40)
    for rows in (np.arange(40), order):
        found = scores(estimate, (X[rows], y[rows]))
        assert set(found["method"]) == {"apparent (the data the model was fitted to)"}
        np.testing.assert_allclose(found["value"], apparent["value"], rtol=1e-12)
    changed = y.copy()
    changed[0] = 1 - y[0]
    for new in ((X[1:], y[1:]), (X + 1e-3, y), (X, changed)):
        assert set(scores(estimate, new)["method"]) == {"the data given"}


def test_training_rows_of_a_sparse_design_are_recognised():
    X, y, _ = small()
    sparse = csr_array(X)
    fit = plg.MLE().estimate(plg.LogitModel.from_arrays(sparse, y).problem)
    assert judge(fit, (sparse, y)).kind == "apparent"
    assert judge(fit, (2 * sparse, y)).kind == "external"


def test_a_change_in_a_small_column_is_not_lost_beside_a_large_one():
    X, y, _ = small()
    X2 = np.column_stack([X[:, 0] * 1e8, X[:, 1] * 1e-6])
    wide = plg.MLE().estimate(plg.LogitModel.from_arrays(X2, y).problem)
    assert judge(wide, (X2, y)).kind == "apparent"
    moved = X2 + np.array([0.0, 1e-8])
    assert judge(wide, (moved, y)).kind == "external"  # a change that only the small column shows


def test_a_bad_resample_is_named():
    problem = plg.LogitModel.from_arrays(np.arange(10.0)[:, None], np.arange(10) % 2).problem
    estimate = plg.MLE().estimate(problem)
    with pytest.raises(InputError, match="resample must be one of .*'fold'.*Did you mean 'folds'"):
        scores(estimate, resample="fold")
    with pytest.raises(InputError, match='resample must be "auto" where data is given'):
        scores(estimate, data=(np.ones((2, 1)), [0, 1]), resample="folds")


def test_nothing_to_score_is_an_error_with_its_reasons():
    with pytest.raises(NotAvailableError, match="No row has a prediction"):
        measures(predictions([np.nan, np.nan], [0, 1]))


def test_mean_losses_have_no_bound_below_zero_and_one_unit_has_no_interval():
    eta = np.array([3.0, 3.0, -3.0, -2.0, 3.5])
    few = predictions(eta, np.array([1.0, 1.0, 0.0, 1.0, 1.0]))
    loss = mean_loss("brier", brier_losses, few)
    assert loss.value - 1.96 * loss.std_error < 0
    assert loss.lower == 0.0
    one = mean_loss("brier", brier_losses, few.take(np.array([0])))
    assert one.interval == "none"
    assert np.isnan([one.std_error, one.lower, one.upper]).all()
