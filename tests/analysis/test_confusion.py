"""The confusion table against its definition, its intervals against scipy's, weights against rows repeated."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from analysis_cases import simulated
from reader_cases import counted, exam_model, separated
from scipy.special import expit
from scipy.stats import binomtest

import problogit as plg
from problogit.analysis.confusion import proportion_interval
from problogit.analysis.judged import judge
from problogit.errors import InputError


@pytest.fixture(scope="module")
def fit():
    return exam_model().fit()


@pytest.mark.parametrize(("count", "n"), [(0, 9), (3, 10), (10, 10), (17, 200), (4_999, 5_000)])
@pytest.mark.parametrize("prob", [0.5, 0.95])
def test_intervals_match_scipy(count, n, prob):
    for kind, name in (("wilson", "wilson"), ("clopper-pearson", "exact")):
        expected = binomtest(count, n).proportion_ci(prob, method=name)
        found = proportion_interval(count / n, n, prob, kind)
        np.testing.assert_allclose(found, [expected.low, expected.high], rtol=1e-9, atol=1e-12)


def test_rates_are_the_shares_that_their_names_say(fit):
    judged = judge(fit.estimate, resample="loo")
    found = fit.confusion(0.4, resample="loo")
    y, called = judged.successes == 1, expit(judged.log_odds) >= 0.4
    tp, fn, fp, tn = ((y & called).sum(), (y & ~called).sum(), (~y & called).sum(), (~y & ~called).sum())
    assert found.table.to_numpy().tolist() == [[tp, fn], [fp, tn]]
    expected = {
        "sensitivity": tp / (tp + fn),
        "specificity": tn / (tn + fp),
        "ppv": tp / (tp + fp),
        "npv": tn / (tn + fn),
        "accuracy": (tp + tn) / y.size,
        "prevalence": y.mean(),
        "called": called.mean(),
    }
    assert found.frame["value"].to_dict() == pytest.approx(expected)
    exact = binomtest(int(tp), int(tp + fn)).proportion_ci(method="wilson")
    assert found.frame.loc["sensitivity", ["lower", "upper"]].tolist() == pytest.approx([*exact])
    assert set(found.frame["interval"]) == {"confidence-wilson"}
    assert found.frame.attrs["prob"] == 0.95


def test_it_is_judged_out_of_sample_unless_asked_otherwise(fit):
    assert fit.confusion().kind == "loo"
    apparent = fit.confusion(resample="apparent")
    assert apparent.kind == "apparent"
    called = fit.classify() == "yes"
    assert apparent.true_positives + apparent.false_positives == called.sum()
    assert "apparent" in str(apparent)


def test_costs_give_the_expected_cost_beside_calling_all_and_none(fit):
    costs = plg.Costs(false_positive=2, false_negative=5)
    found = fit.confusion(costs, resample="loo")
    assert found.threshold == pytest.approx(2 / 7)
    n, frame = found.n, found.frame
    assert frame.loc["expected_cost", "value"] == pytest.approx(
        (2 * found.false_positives + 5 * found.false_negatives) / n
    )
    assert frame.loc["cost_of_calling_all", "value"] == pytest.approx(2 * (n - found.n_events) / n)
    assert frame.loc["cost_of_calling_none", "value"] == pytest.approx(5 * found.n_events / n)
    assert frame.loc["expected_cost", "interval"] == "confidence-wald"
    each = np.repeat(
        [2.0, 5.0, 0.0],
        [found.false_positives, found.false_negatives, found.true_positives + found.true_negatives],
    )
    half = 1.959964 * each.std(ddof=1) / np.sqrt(n)
    assert frame.loc["expected_cost", "upper"] == pytest.approx(each.mean() + half)
    assert "expected_cost" not in fit.confusion(0.3, resample="loo").frame.index


def test_a_copy_counts_and_every_trial_is_a_case():
    frame, y = simulated(60)
    frame = frame.assign(y=y, w=np.arange(60) % 3 + 1)
    counted_once = plg.fit("y ~ x", frame, weights="w").confusion(resample="apparent")
    repeated = plg.fit("y ~ x", frame.loc[frame.index.repeat(frame["w"])]).confusion(resample="apparent")
    pd.testing.assert_frame_equal(counted_once.frame, repeated.frame)
    trials = counted().confusion(0.3)
    assert trials.n_trials == trials.table.to_numpy().sum()
    assert trials.n < trials.n_trials


def test_importance_weights_have_kish_s_number_of_trials():
    frame, y = simulated(60)
    w = np.linspace(0.2, 3, 60)
    fit = plg.fit("y ~ x", frame.assign(y=y, w=w), weights="w", weights_type="importance")
    found = fit.confusion(0.5, resample="apparent")
    called = fit.predict_proba() >= 0.5
    assert found.true_positives == pytest.approx(w[called & (y == 1)].sum())
    n = w[y == 1].sum() ** 2 / (w[y == 1] ** 2).sum()
    assert found.rate("sensitivity").n == pytest.approx(n)
    share = found.true_positives / w[y == 1].sum()
    expected = proportion_interval(share, n, 0.95)
    assert (found.rate("sensitivity").lower, found.rate("sensitivity").upper) == pytest.approx(expected)
    cost = fit.confusion(plg.Costs(1, 2), resample="apparent").rate("expected_cost")
    assert cost.n == pytest.approx(w.sum() ** 2 / (w**2).sum())
    equal = plg.fit("y ~ x", frame.assign(y=y, w=2.0), weights="w", weights_type="importance")
    plain = plg.fit("y ~ x", frame.assign(y=y))
    one, other = (each.confusion(resample="apparent").frame["upper"] for each in (equal, plain))
    assert one.tolist() == pytest.approx(other.tolist())


def test_a_rate_of_nothing_is_missing(fit):
    found = fit.confusion(0.9999, resample="loo")
    assert np.isnan(found.rate("ppv").value)
    assert found.rate("ppv").interval == "none"
    assert found.rate("specificity").upper == 1
    assert "ppv" in str(found)


def test_new_data_are_judged_as_they_are(fit):
    from reader_cases import exam

    new = exam(40, seed=9)
    found = fit.confusion(0.5, new)
    labels = fit.classify(new.dropna())
    assert found.kind == "external"
    assert found.true_positives == ((labels == "yes") & (new.dropna()["passed"] == "yes")).sum()
    assert "2 of 40 rows were left out" in str(found)


def test_separated_fits_are_judged_by_the_rows_that_have_a_prediction():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = separated().confusion(resample="folds")
    assert found.table.to_numpy().sum() == found.n


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"threshold": 1.2}, "threshold must lie strictly between 0 and 1"),
        ({"threshold": 0}, "threshold must lie strictly between 0 and 1"),
        ({"prob": 95}, "prob must lie strictly between 0 and 1"),
        ({"interval": "wald"}, "interval must be one of 'wilson', 'clopper-pearson'"),
        ({"resample": "boot"}, "resample must be one of"),
    ],
)
def test_bad_arguments_are_named(fit, arguments, message):
    with pytest.raises(InputError, match=message):
        fit.confusion(**arguments)


def test_one_class_only_is_refused(fit):
    from reader_cases import exam

    new = exam(40, seed=9).dropna()
    with pytest.raises(InputError, match=r"must hold events and non-events.*0 events in"):
        fit.confusion(0.5, new[new["passed"] == "no"])
