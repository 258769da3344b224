"""Recalibration maps against R, an independent isotonic regression and Bayes' rule; and where there is none."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from judged_cases import predictions
from scipy.special import expit, logit

import problogit as plg
from problogit.analysis.judged import judge
from problogit.analysis.recalibration_fits import fit_map
from problogit.analysis.recalibration_maps import BetaMap, LineMap
from problogit.analysis.recalibration_shrink import _slope, shrunken_line
from problogit.errors import (
    CalibrationWarning,
    DataNotSavedError,
    InputError,
    NotAvailableError,
    SeparationWarning,
    UnseenLevelError,
)
from problogit.optimism import optimism_of
from problogit.resampling import predicted_log_odds

REFERENCE = Path(__file__).parents[1] / "reference"
CASES = json.loads((REFERENCE / "recalibration" / "recalibration.json").read_text())["cases"]
IDS = [case["name"] for case in CASES["maps"]]


def read(name):
    return pd.read_csv(REFERENCE / "data" / f"{name}.csv")


def halves(case):
    """The fit to odd rows, and the even rows with their weights."""
    table = read(case["data"])
    new = table.iloc[1::2].copy()
    outcome = case["formula"].partition(" ")[0]
    new["copies"] = np.arange(1, len(new) + 1) % 3 + 1 if case["copies"] else 1
    if case["flip"]:
        below = new[case["flip"]] < new[case["flip"]].quantile(0.9)
        new[outcome] = (below & (new[outcome] == 1)).astype(int)
    old = table.iloc[::2].assign(copies=1)
    return plg.LogitModel(case["formula"], old, weights="copies").fit(), new


@pytest.fixture(scope="module", params=CASES["maps"], ids=IDS)
def case(request):
    return (request.param, *halves(request.param))


def test_predictions_are_those_of_r(case):
    expected, fit, new = case
    np.testing.assert_allclose(logit(fit.predict_proba(new)[:5]), expected["lp"], atol=1e-8)


def test_intercept_and_line_against_r_glm(case):
    expected, fit, new = case
    level = fit.recalibrate("intercept", new).parameters
    np.testing.assert_allclose(level["estimate"], [*expected["intercept"]["coef"], 1.0], atol=1e-8)
    np.testing.assert_allclose(level["std_error"], [*expected["intercept"]["se"], 0.0], atol=1e-8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CalibrationWarning)  # the bent case has a negative slope
        line = fit.recalibrate("logistic", new).parameters
    np.testing.assert_allclose(line["estimate"], expected["logistic"]["coef"], atol=1e-8)
    np.testing.assert_allclose(line["std_error"], expected["logistic"]["se"], atol=1e-8)


def test_beta_calibration_against_r_glm_with_its_sign_constraints(case):
    expected, fit, new = case
    found = fit.recalibrate("beta", new).parameters
    np.testing.assert_allclose(found["estimate"], expected["beta"]["theta"], atol=1e-7)
    held = np.array(expected["beta"]["se"]) == 0
    assert held.any() == (expected["name"] == "wells_bent")
    np.testing.assert_allclose(
        found["std_error"].to_numpy()[~held], np.array(expected["beta"]["se"])[~held], rtol=1e-6
    )
    assert (found["interval"].to_numpy()[held] == "none").all()


@pytest.mark.parametrize(
    "expected", [one for one in CASES["maps"] if "isotonic" in one], ids=lambda one: one["name"]
)
def test_isotonic_map_against_r_isoreg(expected):
    fit, new = halves(expected)
    found = fit.recalibrate("isotonic", new).predict_proba(new)
    order = np.argsort(fit.predict_proba(new))
    theirs = np.repeat(expected["isotonic"]["share"], expected["isotonic"]["rows"])
    np.testing.assert_allclose(found[order], theirs, atol=1e-10)


def test_closed_tests_against_r(case):
    expected, fit, new = case
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CalibrationWarning)
        found = fit.recalibrate("auto", new)
    np.testing.assert_allclose(found.choice["loglik"], expected["closed"]["loglik"], atol=1e-7)
    np.testing.assert_allclose(found.choice["p_value"][:3], expected["closed"]["p_value"], rtol=1e-6)
    assert found.choice["chosen"].sum() == 1
    wanted = {"credit": "none", "wells": "none", "wells_copies": "none", "wells_bent": "logistic"}
    assert found.method == wanted[expected["name"]]


def test_shrinkage_against_rms_validate_with_its_resamples():
    expected = CASES["shrink"][0]
    case = next(
        one
        for one in json.loads((REFERENCE / "validation" / "validation.json").read_text())["cases"]["validate"]
        if one["name"] == expected["name"]
    )
    fit = plg.fit(case["formula"], read(case["data"]).head(case["rows"]))
    problem, rng = fit.estimate.problem, np.random.default_rng(0)
    own = predicted_log_odds(fit.estimate.predictor, problem.rows.X, problem.rows.offset)
    drawn = ((np.array(counts, float), rng) for counts in case["counts"])
    found = optimism_of(plg.MLE(), problem, _slope, drawn, len(case["counts"]))
    line, notes = shrunken_line(problem, own, found)
    assert line.slope == pytest.approx(expected["slope"], abs=1e-7)
    assert line.intercept == pytest.approx(expected["intercept"], abs=1e-7)
    np.testing.assert_allclose(expit(line(own))[:5], expected["p"], atol=1e-7)
    assert notes == ()


def simulated(n, slopes=(1.0, 0.5), seed=0, level=-0.5):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(rng.normal(size=(n, 4)), columns=["a", "b", "c", "d"])
    eta = level + slopes[0] * table["a"] + slopes[1] * table["b"]
    return table.assign(y=(rng.random(n) < expit(eta)).astype(int))


@pytest.fixture(scope="module")
def small():
    return plg.fit("y ~ a + b + c + d", simulated(120))


def test_shrink_is_the_slope_of_validate_with_expected_events_equal_to_observed(small):
    found = small.recalibrate(resamples=40)
    slope = small.validate(resamples=40).frame.loc["slope"]
    assert found.method == "shrink"
    row = found.parameters.loc["slope"]
    assert row["estimate"] == pytest.approx(slope["corrected"], abs=1e-12)
    assert row["std_error"] == pytest.approx(slope["std_error"], abs=1e-12)
    assert row["upper"] <= 1.0
    assert row["interval"] == "bootstrap-abcloc"
    assert found.predict_proba().sum() == pytest.approx(simulated(120)["y"].sum(), abs=1e-8)
    coef = found.coef
    np.testing.assert_allclose(coef.iloc[1:], row["estimate"] * small.coef.iloc[1:])
    eta = np.column_stack([np.ones(120), simulated(120)[["a", "b", "c", "d"]]]) @ coef.to_numpy()
    np.testing.assert_allclose(expit(eta), found.predict_proba(), atol=1e-12)


@pytest.fixture(scope="module")
def judged(small):
    return judge(small.estimate, resample="loo").frame()


@pytest.mark.parametrize("method", ["intercept", "logistic", "beta"])
def test_without_data_maps_are_those_of_rows_left_out(small, judged, method):
    found = small.recalibrate(method, resample="loo")
    by_hand = fit_map(method, predictions(logit(judged["probability"]), judged["observed"]), "data", 0)
    np.testing.assert_allclose(found.parameters["estimate"], by_hand.values, atol=1e-10)
    assert "leave-one-out" in str(found)
    assert any("independent" in note for note in found.notes)


def test_isotonic_pools_ties_and_counts_weights_as_the_min_max_formula_does():
    rng = np.random.default_rng(1)
    x = rng.integers(0, 12, 90) / 4.0 - 1.5
    m, w = rng.integers(1, 5, 90).astype(float), rng.integers(1, 4, 90).astype(float)
    s = rng.binomial(m.astype(int), expit(x)).astype(float)
    with pytest.warns(CalibrationWarning, match="Isotonic recalibration of"):
        found = fit_map("isotonic", predictions(x, s, m, w), "data", 0)
    levels = np.unique(x)
    events = np.array([(w * s)[x == level].sum() for level in levels])
    total = np.array([(w * m)[x == level].sum() for level in levels])
    share = [
        max(min(events[i : j + 1].sum() / total[i : j + 1].sum() for j in range(k, 12)) for i in range(k + 1))
        for k in range(12)
    ]
    np.testing.assert_allclose(expit(found(levels)), share, atol=1e-12)
    order = rng.permutation(90)
    with pytest.warns(CalibrationWarning):
        again = fit_map("isotonic", predictions(x[order], s[order], m[order], w[order]), "data", 0)
    np.testing.assert_array_equal(again.values, found.values)


def test_isotonic_interpolates_and_clips_as_scikit_learn():
    isotonic = pytest.importorskip("sklearn.isotonic")
    table, new = simulated(100), simulated(1200, seed=5)
    fit = plg.fit("y ~ a + b", table)
    found, p = fit.recalibrate("isotonic", new), fit.predict_proba(new)
    theirs = isotonic.IsotonicRegression(out_of_bounds="clip").fit(p, new["y"])
    other = simulated(300, seed=6)
    np.testing.assert_allclose(
        found.predict_proba(other), theirs.predict(fit.predict_proba(other)), atol=1e-9
    )


def test_new_prevalence_is_bayes_rule(small):
    found = small.recalibrate(new_prevalence=0.02)
    p, share = small.predict_proba(), simulated(120)["y"].mean()
    up, down = 0.02 / share, 0.98 / (1 - share)
    np.testing.assert_allclose(found.predict_proba(), p * up / (p * up + (1 - p) * down), atol=1e-14)
    before, after = small.predict(), found.predict()
    shift = logit(0.02) - logit(share)
    for end in ("lower", "upper"):
        np.testing.assert_allclose(logit(after[end]), logit(before[end]) + shift, atol=1e-10)
    assert set(after["interval"]) == {"confidence-wald"}
    np.testing.assert_allclose(found.coef.iloc[0], small.coef.iloc[0] + shift)


def test_sampling_rates_shift_case_control_data_to_the_population():
    population = simulated(4000, level=-3.0)
    keep = (population["y"] == 1) | (np.arange(4000) % 10 == 0)
    fit = plg.fit("y ~ a + b", population[keep])
    found = fit.recalibrate(sampling_rates=(1.0, 0.1))
    assert found.parameters["estimate"].iloc[0] == pytest.approx(np.log(0.1))
    offset = population.assign(known=np.log(10.0))
    by_offset = plg.LogitModel("y ~ a + b", offset[keep], offset="known").fit()
    np.testing.assert_allclose(found.coef, by_offset.coef, atol=1e-8)
    same = fit.recalibrate(new_prevalence=found.result.last.prevalence)
    np.testing.assert_allclose(same.predict_proba(), found.predict_proba(), atol=1e-12)


def test_recalibrations_compose_and_training_rows_are_not_asked_twice(small):
    new = simulated(400, seed=7, level=-1.5)
    first = small.recalibrate("intercept", new)
    both = first.recalibrate(new_prevalence=0.1)
    assert both.method == "intercept, then prevalence"
    shift = logit(0.1) - logit(new["y"].mean())
    np.testing.assert_allclose(logit(both.predict_proba()), logit(first.predict_proba()) + shift)
    other = simulated(400, seed=8, level=0.0)
    np.testing.assert_allclose(
        first.recalibrate("logistic", other).predict_proba(),
        small.recalibrate("logistic", other).predict_proba(),
        atol=1e-10,
    )
    with pytest.raises(NotAvailableError, match="cannot be asked twice"):
        first.recalibrate("logistic")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "platt"}, "method must be one of"),
        ({"new_prevalence": 0}, "new_prevalence must lie strictly between 0 and 1"),
        ({"new_prevalence": 5}, "new_prevalence must lie strictly between 0 and 1"),
        ({"new_prevalence": 0.1, "method": "shrink"}, "each go alone"),
        ({"new_prevalence": 0.1, "sampling_rates": (1, 1)}, "each go alone"),
        ({"sampling_rates": (1, 0)}, r"sampling_rates\[1\] must be positive"),
        ({"sampling_rates": 0.1}, "must be two numbers"),
        ({"method": "auto"}, "only where data are given"),
        ({"method": "logistic", "resample": "apparent"}, "must leave rows out"),
        ({"method": "logistic", "resample": "none"}, "resample must be one of"),
        ({"resamples": 1}, "resamples must be an integer of at least 2"),
        ({"prob": 95}, "prob must lie strictly"),
    ],
)
def test_bad_arguments_are_named(small, arguments, message):
    with pytest.raises(InputError, match=message):
        small.recalibrate(**arguments)


def test_bad_data_are_named(small):
    new = simulated(50, seed=2)
    for outcome in (0, 1):
        for method in ("intercept", "logistic", "beta", "isotonic", "auto"):
            with pytest.raises(InputError, match="data must hold events and non-events"):
                small.recalibrate(method, new.assign(y=outcome))
    with pytest.raises(InputError, match="takes no data"):
        small.recalibrate("shrink", new)
    with pytest.raises(InputError, match="must not be the rows that the model was fitted to"):
        small.recalibrate("logistic", simulated(120).iloc[::-1])
    with pytest.raises(InputError, match="at least one|complete row"):
        small.recalibrate("logistic", new.assign(a=np.nan))
    some = small.recalibrate("intercept", new.assign(a=np.where(np.arange(50) < 5, np.nan, new["a"])))
    assert some.result.last.n == 45
    assert any("5 of 50 rows were left out" in note for note in some.notes)


def test_separated_and_constant_predictions_have_no_slope():
    table = simulated(200)
    fit = plg.fit("y ~ a", table)
    apart = table.assign(y=(table["a"] > 0).astype(int))
    for method in ("logistic", "beta"):
        with pytest.raises(NotAvailableError, match="separate the outcomes"):
            fit.recalibrate(method, apart)
    with pytest.warns(CalibrationWarning):
        steps = fit.recalibrate("isotonic", apart)
    assert set(steps.predict_proba(apart)) == {0.0, 1.0}
    constant = plg.fit("y ~ 1", table)
    new = simulated(100, seed=3)
    with pytest.raises(NotAvailableError, match="All predictions are equal"):
        constant.recalibrate("logistic", new)
    with pytest.raises(NotAvailableError, match="all equal"):
        constant.recalibrate(resamples=5)
    assert constant.recalibrate("intercept", new).predict_proba()[0] == pytest.approx(new["y"].mean())


def test_infinite_log_odds_stay_and_wrong_ones_are_warned_of():
    rng = np.random.default_rng(4)
    table = simulated(200).assign(rare=0)
    table.loc[:4, ["rare", "y"]] = 1
    with pytest.warns(SeparationWarning):
        fit = plg.fit("y ~ a + rare", table)
    new = simulated(300, seed=9).assign(rare=0)
    new.loc[:9, "rare"] = 1
    new.loc[:9, "y"] = (rng.random(10) < 0.5).astype(int)
    for method in ("intercept", "logistic", "beta"):
        with pytest.warns(CalibrationWarning, match="exactly 0 or 1, and wrongly"):
            found = fit.recalibrate(method, new)
        table_of = found.predict(new)
        assert (table_of["probability"][:10] == 1.0).all()
        assert (table_of["interval"][:10] == "none").all()
        assert np.isfinite(table_of["lower"][10:]).all()
    with pytest.raises(NotAvailableError, match="infinite coefficients"):
        fit.recalibrate(resamples=5)
    with pytest.warns(CalibrationWarning, match="Isotonic"):
        moved = fit.recalibrate("isotonic", new).predict_proba(new)
    assert (moved[:10] < 1).all()


def test_slopes_above_one_do_not_stretch_and_below_zero_say_so():
    table = simulated(150, slopes=(2.0, 1.0))
    strong = plg.LogitModel("y ~ a + b", table).fit(plg.Penalized(plg.Normal.from_l2(80.0)))
    found = strong.recalibrate(resamples=10)
    assert found.parameters["estimate"]["slope"] == 1.0
    assert any("nothing is shrunken" in note for note in found.notes)
    noise = simulated(60, slopes=(0.0, 0.0), seed=2)
    weak = plg.fit("y ~ a + b + c + d", noise)
    found = shrunken_of(weak, -0.2)
    assert found.slope == 0.0
    assert expit(found(np.array([-np.inf, 0.0, 3.0, np.inf]))) == pytest.approx(noise["y"].mean())


def shrunken_of(fit, slope):
    class Given:
        corrected, std_error, notes = np.array([slope]), np.array([0.2]), ()

    problem = fit.estimate.problem
    own = predicted_log_odds(fit.estimate.predictor, problem.rows.X, problem.rows.offset)
    with pytest.warns(CalibrationWarning, match="nothing in this fit holds up"):
        return shrunken_line(problem, own, Given())[0]


def test_maps_change_nothing_at_their_neutral_values():
    log_odds = np.array([-np.inf, -800.0, -3.0, 0.0, 2.5, 800.0, np.inf])
    np.testing.assert_array_equal(LineMap(0.0, 1.0)(log_odds), log_odds)
    same = BetaMap(np.array([0.0, 1.0, 1.0]), np.zeros((3, 3)))
    np.testing.assert_allclose(same(log_odds), log_odds, atol=1e-12)
    flat = BetaMap(np.array([0.3, 0.0, 0.0]), np.zeros((3, 3)))
    np.testing.assert_allclose(flat(log_odds), 0.3)
    assert np.isnan(LineMap(0.1, 0.0)(np.array([np.nan]))).all()


@pytest.mark.parametrize("which", [0, 1])
def test_derivatives_of_maps_match_finite_differences(which):
    theta, eta, h = np.array([0.2, 0.7, 1.4]), np.linspace(-4, 4, 9), 1e-6

    def made(values):
        return LineMap(*values[:2]) if which == 0 else BetaMap(values, np.zeros((3, 3)))

    np.testing.assert_allclose(
        made(theta).steepness(eta), (made(theta)(eta + h) - made(theta)(eta - h)) / (2 * h), rtol=1e-6
    )
    for k in range(2 + which):
        step = h * np.eye(3)[k]
        numeric = (made(theta + step)(eta) - made(theta - step)(eta)) / (2 * h)
        np.testing.assert_allclose(made(theta).gradient(eta)[:, k], numeric, atol=1e-7)


def test_a_loaded_fit_shifts_without_its_rows_and_takes_new_data(small, tmp_path):
    small.save(tmp_path / "fit.zip")
    loaded = plg.load(tmp_path / "fit.zip")
    new = simulated(200, seed=11)
    np.testing.assert_allclose(
        loaded.recalibrate(new_prevalence=0.1).predict_proba(new),
        small.recalibrate(new_prevalence=0.1).predict_proba(new),
    )
    np.testing.assert_allclose(
        loaded.recalibrate("logistic", new).predict(new)["upper"],
        small.recalibrate("logistic", new).predict(new)["upper"],
    )
    with pytest.raises(DataNotSavedError):
        loaded.recalibrate()
    with pytest.raises(NotAvailableError, match="recalibrate again"):
        loaded.recalibrate("logistic", new).save(tmp_path / "no.zip")


def test_unseen_levels_missing_predictors_and_offsets():
    table = simulated(300).assign(g=np.tile(["x", "y", "z"], 100), known=0.3)
    fit = plg.LogitModel("y ~ a + g", table, offset="known").fit()
    new = simulated(300, seed=12).assign(g=np.tile(["x", "y", "z"], 100), known=-0.4)
    found = fit.recalibrate("logistic", new)
    odd = new.head(4).assign(g=["x", "y", "q", "z"], a=[np.nan, 1.0, 1.0, 0.0])
    with pytest.raises(UnseenLevelError):
        found.predict(odd)
    some = found.predict(odd, unseen="nan")
    assert list(np.isnan(some["probability"])) == [True, False, True, False]
    assert list(some["interval"][[0, 2]]) == ["none", "none"]
    with pytest.raises(UnseenLevelError):
        fit.recalibrate("logistic", new.assign(g="q"))
    a, b = found.parameters["estimate"]
    np.testing.assert_allclose(
        logit(found.predict_proba(new)), a + b * logit(fit.predict_proba(new)), atol=1e-10
    )
