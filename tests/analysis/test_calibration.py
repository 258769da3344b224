"""Calibration: what it says of fits whose calibration is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

import problogit as plg
from problogit.analysis import calibration as module
from problogit.analysis.calibration import calibration_of
from problogit.analysis.judged import judge
from problogit.errors import SeparationWarning


def calibration(*given, resamples=0, **options):
    """Without refits unless a test asks for some."""
    return module.calibration(*given, resamples=resamples, **options)


def table(n=300, seed=0, p=3):
    random = np.random.default_rng(seed)
    data = pd.DataFrame(random.normal(size=(n, p)), columns=[f"x{j}" for j in range(p)])
    data["y"] = np.where(random.random(n) < expit(data["x0"] - 0.5), "yes", "no")
    return data


def mle(data, **options):
    return plg.MLE().estimate(plg.LogitModel("y ~ x0 + x1 + x2", data, event="yes", **options).problem)


@pytest.fixture(scope="module")
def result():
    return calibration(mle(table()))


def test_it_is_judged_out_of_sample_by_default(result):
    assert result.method == "approximate leave-one-out (from the leverages)"
    assert result.kind == "alo"
    assert result.modelled == "P(y = 'yes')"
    assert (result.n, result.n_trials) == (300, 300)
    assert result.n_events == int((table()["y"] == "yes").sum()) == result.observed
    assert result.slope_label == "slope (pooled over left-out rows, biased low)"
    assert result.slope < 1


def test_apparent_calibration_of_maximum_likelihood_is_a_tautology():
    found = calibration(mle(table()), resample="apparent")
    assert found.slope == pytest.approx(1, abs=1e-8)
    assert found.intercept == pytest.approx(0, abs=1e-9)
    assert found.expected == pytest.approx(found.observed, rel=1e-10)
    assert any("tautology" in note for note in found.notes)
    assert "no evidence" in found.verdict
    assert found.slope_label == "slope (apparent, not evidence)"


def test_parts_close_and_scores_are_those_of_the_parts(result):
    for parts, score in ((result.brier_parts, result.brier), (result.log_parts, result.log_score)):
        assert parts.mcb - parts.dsc + parts.unc == pytest.approx(score, abs=1e-14)
    assert result.measure("brier").no_skill == pytest.approx(result.brier_parts.unc)
    assert result.mcb == result.brier_parts.mcb


def test_right_probabilities_pass_and_overconfident_ones_do_not():
    estimate, judged_on = mle(table(40_000, 1)), table(4000, 2)
    good = calibration(estimate, judged_on)
    assert good.kind == "external"
    assert good.method == "the data given"
    assert good.measure("slope").lower < 1 < good.measure("slope").upper
    assert good.measure("intercept").lower < 0 < good.measure("intercept").upper
    assert good.mcb < good.mcb_null_95
    assert "compatible with 1" in good.verdict
    assert "no miscalibration beyond chance" in good.verdict
    assert "biased low" not in good.verdict
    tenfold = judged_on.assign(**{name: 3 * judged_on[name] for name in ("x0", "x1", "x2")})
    bad = calibration(estimate, tenfold)
    assert bad.slope == pytest.approx(good.slope / 3, rel=0.1)
    assert "too extreme" in bad.verdict
    assert "the probabilities are miscalibrated beyond chance (p < 0.005" in bad.verdict


def test_the_verdict_says_how_many_events_stand_behind_it():
    found = calibration(mle(table(120)))
    events = found.n_events
    assert f"{events} events and {120 - events} non-events" in found.verdict
    assert "fewer than 100 of either outcome none of this is firm" in found.verdict
    assert "biases it low" in found.verdict
    assert found.verdict.count(".\n") == 0
    assert found.verdict.endswith(".")


def test_predictions_are_aligned_with_the_table(result):
    data = table().set_index(pd.Index([f"r{i}" for i in range(300)]))
    data.loc["r7", "x1"] = np.nan
    data.loc["r9", "y"] = None
    estimate = mle(data)
    found = calibration(estimate, resample="folds").predictions
    assert list(found.index) == list(data.index)
    assert found.loc[["r7", "r9"], "probability"].isna().all()
    assert found["probability"].notna().sum() == 298
    rest = found.drop(index=["r7", "r9"])
    np.testing.assert_array_equal(
        rest["observed"], (data.drop(index=["r7", "r9"])["y"] == "yes").astype(float)
    )
    assert set(rest["fold"]) == set(range(10))


def test_curve_and_band_are_tidy(result):
    assert list(result.curve.columns) == ["x", "y", "x_min", "x_max", "weight", "n"]
    assert (np.diff(result.curve["y"]) > 0).all()
    assert (result.curve["x_min"].to_numpy()[1:] > result.curve["x_max"].to_numpy()[:-1]).all()
    assert result.curve["n"].sum() == 300
    assert list(result.band.columns) == ["x", "lower", "upper", "level"]
    assert set(result.band["level"]) == {0.90, 0.95}
    assert (result.band["lower"] <= result.band["upper"]).all()


def test_frame_has_one_row_a_quantity(result):
    frame = result.frame
    assert list(frame.columns) == [
        "value", "std_error", "lower", "upper", "interval", "target", "no_skill", "null_mean", "null_95", "p_value",
    ]  # fmt: skip
    assert frame.loc["slope", "target"] == 1
    assert frame.loc["intercept", "target"] == 0
    assert frame.loc["slope", "value"] == result.slope
    assert frame.loc["brier_mcb", "null_mean"] == result.mcb_null_mean
    assert frame.loc["auc", "value"] == result.auc
    assert frame.loc["slope", "interval"] == "confidence-wald"
    assert frame.attrs["prob"] == 0.95


def test_the_same_fit_gives_the_same_answer(result):
    again = calibration(mle(table()))
    pd.testing.assert_frame_equal(again.frame, result.frame)
    pd.testing.assert_frame_equal(again.band, result.band)
    assert again.verdict == result.verdict


def test_weight_two_is_the_row_twice_for_new_data():
    data, new = table(), table(200, 5)
    estimate = mle(data.assign(w=1), weights="w")
    twice = pd.concat([new, new], ignore_index=True)
    one = calibration(estimate, new.assign(w=2))
    other = calibration(estimate, twice.assign(w=1))
    assert (one.n, one.n_events) == (other.n, other.n_events)
    pd.testing.assert_frame_equal(one.frame.iloc[:-3], other.frame.iloc[:-3], rtol=1e-9)
    pd.testing.assert_frame_equal(one.curve.drop(columns="n"), other.curve.drop(columns="n"), rtol=1e-9)
    assert one.mcb_null_95 == pytest.approx(other.mcb_null_95, rel=1e-9)


def test_row_order_of_new_data_does_not_matter():
    estimate, new = mle(table()), table(150, 6)
    one, other = calibration(estimate, new), calibration(estimate, new[::-1])
    pd.testing.assert_frame_equal(one.frame, other.frame, rtol=1e-9)
    pd.testing.assert_frame_equal(one.curve, other.curve, rtol=1e-9)


def test_separated_refits_are_excluded_from_the_slope_and_said():
    random = np.random.default_rng(3)
    data = table(200, 4)
    data["group"] = np.where(random.random(200) < 0.06, "rare", "common")
    data.loc[data["group"] == "rare", "y"] = "yes"
    problem = plg.LogitModel("y ~ x0 + group", data, event="yes").problem
    with pytest.warns(SeparationWarning):
        estimate = plg.MLE().estimate(problem)
    found = calibration(estimate)
    n_rare = int((data["group"] == "rare").sum())
    assert f"{n_rare} of 200 predictions are exactly 0 or 1" in " ".join(found.notes)
    assert any("refits were separated" in note for note in found.notes)
    assert np.isfinite([found.slope, found.intercept, found.brier, found.log_score]).all()


def test_rows_without_a_prediction_are_counted_in_the_verdict():
    data = table(100, 4)
    data["rare"] = np.where(np.arange(100) < 3, "once", "often")
    data.loc[:2, "y"] = "yes"
    with pytest.warns(SeparationWarning):
        estimate = plg.MLE().estimate(plg.LogitModel("y ~ x0 * rare", data, event="yes").problem)
    judged = judge(estimate)
    gone = judged.take(np.arange(100) > 0)
    gone.log_odds[:5] = np.nan
    found = calibration_of(gone, modelled="P(y = 'yes')", method="MLE")
    missing = gone.n - gone.usable.n
    assert missing >= 5
    assert f"{missing} of 99 rows have no prediction and are usually the hard ones" in found.verdict


def test_rows_of_trials_are_scored_per_trial():
    random = np.random.default_rng(7)
    data = pd.DataFrame({"x": random.normal(size=80), "m": random.integers(5, 20, 80)})
    data["s"] = random.binomial(data["m"], expit(data["x"]))
    estimate = plg.MLE().estimate(plg.LogitModel("s ~ x", data, trials="m").problem)
    found = calibration(estimate)
    assert (found.n, found.n_trials, found.n_events) == (80, data["m"].sum(), data["s"].sum())
    assert 0 < found.brier < 0.25
    assert any("per trial" in note for note in found.notes)


def test_frequency_weights_are_split_over_folds_and_averaged_in_the_predictions():
    data = table(60, 8).assign(w=3)
    found = calibration(mle(data, weights="w"), resample="folds")
    assert (found.n, len(found.predictions)) == (180, 60)
    assert (found.predictions["fold"] == -1).all()
    assert found.predictions["probability"].between(0, 1).all()


def test_a_penalized_fit_is_refitted_with_its_prior():
    data = table(150, 9)
    estimate = plg.Penalized(plg.Normal(0.3)).estimate(
        plg.LogitModel("y ~ x0 + x1 + x2", data, event="yes").problem
    )
    found = calibration(estimate)
    assert found.method == "exact leave-one-out refits"
    assert found.slope_label == "slope (pooled over left-out rows, biased low)"
    assert found.slope > calibration(mle(data)).slope


def test_calibration_on_the_training_frame_says_that_it_is_apparent():
    data = table(150, 9)
    estimate = mle(data)
    given, apparent = calibration(estimate, data[::-1]), calibration(estimate, resample="apparent")
    assert given.method == "apparent (the data the model was fitted to)"
    assert "no evidence" in given.verdict
    assert any("tautology" in note for note in given.notes)
    pd.testing.assert_frame_equal(given.frame, apparent.frame, rtol=1e-9)
    assert list(given.predictions.index) == list(data.index[::-1])


def test_calibration_of_takes_predictions_made_before(result):
    estimate = mle(table())
    found = calibration_of(judge(estimate), modelled="P(y = 'yes')", method="MLE")
    pd.testing.assert_frame_equal(found.frame, result.frame)
