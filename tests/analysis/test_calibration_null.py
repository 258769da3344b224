"""Simulated references, figures of error and bands: against direct sums, scikit-learn, repeated rows, each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judged_cases import predictions
from scipy.special import expit, logit
from scipy.stats import chi2, norm
from sklearn.isotonic import IsotonicRegression

import problogit as plg
from problogit.analysis.calibration import calibration, calibration_of
from problogit.analysis.calibration_errors import (
    ERRORS,
    debiased_squared_error,
    error_summaries,
    weighted_quantiles,
)
from problogit.analysis.calibration_figures import Smoothing, brier_mcb, figures, isotonic_curves
from problogit.analysis.calibration_null import Reference, fixed_reference
from problogit.analysis.calibration_refits import one_unit_a_row, refitted_reference
from problogit.analysis.cells import cells_of
from problogit.analysis.corp import corp
from problogit.analysis.deviations import deviations
from problogit.analysis.judged import judge
from problogit.analysis.smooth_curve import knots_for, spline
from problogit.errors import InputError, UnseenLevelError

FIGURES = ("u_test", "spiegelhalter_z", "brier_mcb", *ERRORS, "debiased_squared_error")
TIED = st.sampled_from([0.02, 0.1, 0.25, 0.4, 0.5, 0.73, 0.9, 0.97])


def sample(n=200, seed=0, slope=1.0):
    random = np.random.default_rng(seed)
    log_odds = random.normal(-0.5, 1.2, n)
    return log_odds, (random.random(n) < expit(slope * log_odds)).astype(float)


def found(judged, kind="spline", knots=3):
    cells = cells_of(judged)
    events = cells.events[None, :]
    curve = Smoothing(kind, knots).over(cells).curves(events)
    return {name: float(value[0]) for name, value in figures(cells, events, curve).values.items()}


@st.composite
def outcomes(draw):
    n = draw(st.integers(5, 40))
    p = np.array(draw(st.lists(TIED, min_size=n, max_size=n)))
    trials = np.array(draw(st.lists(st.integers(1, 3), min_size=n, max_size=n)), dtype=float)
    successes = np.array([draw(st.integers(0, int(m))) for m in trials], dtype=float)
    return logit(p), successes, trials


@given(outcomes(), st.randoms(use_true_random=False))
@settings(max_examples=10)
def test_figures_do_not_depend_on_the_order_of_rows_with_ties(case, random):
    order = list(range(case[0].size))
    random.shuffle(order)
    one, other = found(predictions(*case)), found(predictions(*(column[order] for column in case)))
    for name in one:
        assert one[name] == pytest.approx(other[name], rel=1e-9, abs=1e-12, nan_ok=True), name


@given(outcomes())
@settings(max_examples=10)
def test_weight_two_is_the_row_twice(case):
    log_odds, successes, trials = case
    twos = found(predictions(*case, np.full(trials.size, 2.0)))
    twice = found(predictions(*(np.concatenate([c, c]) for c in (log_odds, successes, trials))))
    for name in twos:
        assert twos[name] == pytest.approx(twice[name], rel=1e-8, abs=1e-12, nan_ok=True), name


def test_figures_are_those_of_their_definitions():
    log_odds, y = sample()
    p, cells = expit(np.sort(log_odds)), cells_of(predictions(log_odds, y))
    y = y[np.argsort(log_odds)]
    m = np.clip(p + 0.1 * np.sin(9 * p), 0, 1)
    away = np.abs(m - p)
    errors = {name: float(value[0]) for name, value in error_summaries(m[None, :], cells).items()}
    expected = (away.mean(), *np.quantile(away, [0.5, 0.9]), away.max(), 100 * (away**2).mean())
    assert tuple(errors[name] for name in ERRORS) == pytest.approx(expected, rel=1e-12)
    r = IsotonicRegression().fit(p, y).predict(p)
    ours = brier_mcb(cells, y[None, :], isotonic_curves(y[None, :], cells.total))[0]
    assert ours == pytest.approx(((y - p) ** 2).mean() - ((y - r) ** 2).mean(), abs=1e-14)
    parts = np.array_split(np.arange(200), 10)
    terms = [(p[k].mean() - y[k].mean()) ** 2 - y[k].mean() * (1 - y[k].mean()) / (len(k) - 1) for k in parts]
    assert debiased_squared_error(y[None, :], cells)[0] == pytest.approx(np.mean(terms), rel=1e-12)


def test_quantiles_of_weighted_values_are_those_of_repeated_ones():
    random = np.random.default_rng(3)
    values, copies = random.random((4, 30)), random.integers(1, 5, 30)
    repeated = np.repeat(values, copies, axis=1)
    found = weighted_quantiles(values, copies.astype(float), (0.05, 0.5, 0.9))
    np.testing.assert_allclose(found, np.quantile(repeated, [0.05, 0.5, 0.9], axis=1).T, rtol=1e-13)


def test_separated_outcomes_have_a_curve_near_the_supremum():
    log_odds = np.linspace(-2, 2, 40)
    cells = cells_of(predictions(log_odds, (log_odds > 0).astype(float)))
    line = spline(cells, 0)
    gain = line.fit(cells.events[None, :]).gain[0]
    assert gain == pytest.approx(2 * np.logaddexp(0, -np.abs(log_odds)).sum(), rel=1e-5)
    curve = line.curves(cells.events[None, :])[0]
    assert curve[:19].max() < 1e-3
    assert curve[21:].min() > 1 - 1e-3
    both = deviations(line.X, cells.log_odds, np.vstack([cells.events] * 2), cells.total)
    np.testing.assert_allclose(both.gain, gain, rtol=1e-6)


def test_the_reference_is_exact_for_few_predictions_and_p_values_rank_among_it():
    """u_test is chi-squared with 2 df and z standard normal; p-values are shares of the simulations."""
    log_odds, y = sample(300)
    reference = fixed_reference(cells_of(predictions(log_odds, y)), Smoothing("spline", 4))
    assert reference.n_simulations == 500
    assert reference.mean("u_test") == pytest.approx(2, abs=0.3)
    assert reference.point("u_test") == pytest.approx(chi2.ppf(0.95, 2), rel=0.2)
    assert reference.values["spiegelhalter_z"].std() == pytest.approx(1, abs=0.1)
    assert reference.mean("debiased_squared_error") == pytest.approx(0, abs=5e-4)
    assert reference.mean("slope") == pytest.approx(1, abs=0.05)
    middle = float(np.median(reference.values["ici"]))
    assert reference.p_value("ici", middle) == pytest.approx(0.5, abs=0.01)
    assert reference.p_value("ici", 1.0) == pytest.approx(1 / 501)
    assert np.isnan(reference.p_value("ici", np.nan))
    assert reference.joint_p_value({"u_test": 1e3, "brier_mcb": 0.0}) == pytest.approx(1 / 501, abs=2 / 501)


def test_the_joint_p_value_is_uniform_over_the_simulations_themselves():
    random = np.random.default_rng(1)
    values = {"u_test": random.exponential(size=99), "brier_mcb": random.exponential(size=99)}
    ranks = []
    for i in range(99):
        rest = {name: np.delete(value, i) for name, value in values.items()}
        reference = Reference(rest, np.zeros(1), np.zeros((98, 1)), np.zeros((98, 1)), False, "")
        ranks.append(reference.joint_p_value({name: value[i] for name, value in values.items()}))
    for level in (0.05, 0.2, 0.5, 0.9):
        assert np.mean(np.array(ranks) <= level) == pytest.approx(level, abs=0.025)


def test_joining_cells_leaves_the_mcb_of_right_predictions_as_it_is():
    """20 simulations on 4000 predictions against 300 on 300 cells, corrected: the error of each mean is near 2%."""
    log_odds, y = sample(4000, 2)
    cells = cells_of(predictions(log_odds, y))
    random = np.random.default_rng(7)
    events = cells.draw(cells.p, 60, random)
    exact = brier_mcb(cells, events, isotonic_curves(events, cells.total))
    reference = fixed_reference(cells, Smoothing("spline", 5))
    assert reference.n_simulations == 300
    assert reference.mean("brier_mcb") == pytest.approx(exact.mean(), rel=0.06)
    joined = cells.joined(500)
    assert joined.p.size == 500
    assert joined.total.sum() == 4000
    assert joined.events.sum() == y.sum()
    assert joined.total @ joined.p == pytest.approx(expit(log_odds).sum())


def test_the_reference_covers_right_predictions_and_its_mcb_is_that_of_simulated_outcomes():
    """Against the curve itself (`corp`), fitted to 300 other simulations of the outcomes."""
    random = np.random.default_rng(5)
    log_odds, one = random.normal(size=300), np.ones(300)
    reference = fixed_reference(cells_of(predictions(log_odds, one)), Smoothing("spline", 4))
    lower, upper = np.quantile(reference.corp, [0.025, 0.975], axis=0)
    mcb, outside = [], []
    for _ in range(300):
        y = (random.random(300) < expit(log_odds)).astype(float)
        curve = corp(log_odds, y, one, one)
        mcb.append(curve.brier.mcb)
        r = curve.y[np.searchsorted(curve.x_max, reference.x - 1e-12)]
        outside.append(((r < lower) | (r > upper)).mean())
    assert reference.mean("brier_mcb") == pytest.approx(np.mean(mcb), rel=0.05)
    assert reference.point("brier_mcb") == pytest.approx(np.quantile(mcb, 0.95), rel=0.12)
    assert np.mean(outside) == pytest.approx(0.05, abs=0.02)


def test_copies_narrow_the_reference_and_other_weights_do_not():
    log_odds = np.random.default_rng(6).normal(size=200)
    one, twos = np.ones(200), np.full(200, 2.0)

    def mcb(weights, kind):
        cells = cells_of(predictions(log_odds, one, None, weights, kind))
        return fixed_reference(cells, Smoothing("spline", 4)).mean("brier_mcb")

    single = mcb(twos, "importance")
    assert single == pytest.approx(mcb(one, "importance"), rel=0.1)
    assert mcb(twos, "frequency") < 0.75 * single


def test_the_reference_of_many_predictions_stays_small():
    log_odds = np.linspace(-3, 3, 60_001)
    reference = fixed_reference(cells_of(predictions(log_odds, log_odds > 0)), Smoothing("spline", 5))
    assert reference.x.size <= 100
    assert reference.mean("brier_mcb") < 5e-4


def test_certain_predictions_stay_by_themselves_when_cells_are_joined():
    log_odds = np.concatenate([[-np.inf] * 5, np.linspace(-3, 3, 50), [np.inf] * 7])
    joined = cells_of(predictions(log_odds, expit(log_odds) > 0.5)).joined(10)
    assert joined.p[[0, -1]].tolist() == [0, 1]
    assert joined.total[[0, -1]].tolist() == [5, 7]
    assert np.isfinite(joined.log_odds[1:-1]).all()
    assert not joined.impossible


def test_weights_that_are_not_copies_make_the_reference_wider():
    log_odds, y = sample(150)
    weights = np.where(np.arange(150) % 2 == 0, 3.0, 0.5)
    weighted = fixed_reference(
        cells_of(predictions(log_odds, y, None, weights, "importance")), Smoothing("spline", 3)
    )
    plain = fixed_reference(cells_of(predictions(log_odds, y)), Smoothing("spline", 3))
    assert weighted.mean("ici") > 1.1 * plain.mean("ici")
    assert weighted.values["spiegelhalter_z"].std() == pytest.approx(1, abs=0.12)


def test_external_p_values_are_theory_for_counts_and_simulation_for_weights():
    log_odds, y = sample(150, 4, 0.4)
    plain = calibration_of(predictions(log_odds, y), modelled="P(y)", method="MLE")
    assert plain.p_values["u_test"] == pytest.approx(chi2.sf(plain.figures["u_test"], 2))
    assert plain.p_values["spiegelhalter_z"] == pytest.approx(
        2 * norm.sf(abs(plain.figures["spiegelhalter_z"]))
    )
    weighted = calibration_of(
        predictions(log_odds, y, None, np.full(150, 2.0), "sampling"), modelled="P(y)", method="MLE"
    )
    assert weighted.p_values["u_test"] >= 1 / (1 + weighted.reference.n_simulations)
    assert weighted.figures["u_test"] == pytest.approx(2 * plain.figures["u_test"])
    assert weighted.p_values["u_test"] == pytest.approx(plain.p_values["u_test"], abs=0.03)


def test_a_certain_prediction_that_was_wrong_is_beyond_chance_and_the_log_score_infinite():
    log_odds, y = sample(120)
    log_odds[0], y[0] = np.inf, 0.0
    result = calibration_of(predictions(log_odds, y), modelled="P(y)", method="MLE")
    assert result.log_score == np.inf
    assert result.p_value == 0
    assert "miscalibrated beyond chance" in result.verdict
    assert "1 of 120 predictions are exactly 0 or 1" in " ".join(result.notes)
    assert any("probability of exactly 0 or 1 was wrong" in note for note in result.notes)
    assert np.isfinite([result.ici, result.figures["u_test"], result.brier]).all()


def test_the_verdict_concludes_nothing_from_a_slope_that_the_test_does_not_bear_out():
    log_odds, y = sample(100, 3, 0.7)
    result = calibration_of(predictions(log_odds, y), modelled="P(y)", method="MLE")
    assert result.measure("slope").upper < 1
    assert result.p_value > 0.05
    assert "below 1 if taken alone; no miscalibration beyond chance" in result.verdict
    assert "too extreme" not in result.verdict


@pytest.mark.parametrize("happened", [0.0, 1.0])
def test_outcomes_of_one_kind_keep_what_can_be_said(happened):
    log_odds, _ = sample(60)
    result = calibration_of(predictions(log_odds, np.full(60, happened)), modelled="P(y)", method="MLE")
    assert np.isinf(result.intercept)
    assert np.isnan(result.slope)
    assert np.isnan(result.auc)
    assert any("All outcomes are equal" in note for note in result.notes)
    assert np.isfinite([result.brier, result.mcb, result.figures["spiegelhalter_z"]]).all()
    assert result.p_value < 0.01
    assert "miscalibrated beyond chance" in result.verdict
    assert result.n_events == 60 * happened


def test_one_prediction_for_all_has_a_point_for_a_curve():
    result = calibration_of(predictions(np.zeros(40), np.arange(40) % 4 == 0), modelled="P(y)", method="MLE")
    assert result.smooth[["x", "y"]].to_numpy().tolist() == [[0.5, pytest.approx(0.25, abs=1e-6)]]
    assert np.isnan(result.slope)
    assert result.p_values["u_test"] == pytest.approx(chi2.sf(result.figures["u_test"], 1))
    assert np.isnan(result.figures["spiegelhalter_z"])
    sure = calibration_of(predictions([np.inf, -np.inf, np.inf], [1, 0, 1]), modelled="P(y)", method="MLE")
    assert np.isnan(sure.ici)
    assert sure.smooth["y"].isna().all()
    assert set(sure.bands["curve"]) == {"corp"}


def test_few_outcomes_have_fewer_knots():
    assert [knots_for(n) for n in (5, 15, 39, 40, 99, 100)] == [0, 3, 3, 4, 4, 5]
    log_odds, y = sample(400)
    cells = cells_of(predictions(log_odds, y))
    assert spline(cells, 5).n_knots == 5
    assert spline(cells_of(predictions(np.round(log_odds), y)), 5).n_knots < 5
    assert "calibration line" in spline(cells, 0).how


def exam(n=90, seed=3):
    random = np.random.default_rng(seed)
    data = pd.DataFrame({"x": random.normal(size=n), "g": random.choice(["a", "b"], n)})
    data["y"] = (random.random(n) < expit(data["x"] - 0.3)).astype(int)
    return data


@pytest.fixture(scope="module")
def refitted():
    fit = plg.fit("y ~ x + g", exam(260), plg.Penalized(plg.Normal(1.0)))
    return fit, fit.calibration(resamples=25)


def test_refits_give_the_reference_of_left_out_predictions(refitted):
    fit, found = refitted
    result = found.result
    assert result.kind == "alo"
    assert result.reference.refitted
    assert result.reference.n_simulations == 25
    frame = found.frame
    for name in FIGURES:
        assert np.isfinite(frame.loc[name, ["value", "null_mean", "p_value"]].astype(float)).all(), name
        assert frame.loc[name, "p_value"] >= 1 / 26
    assert frame.loc["slope", "interval"] == "bootstrap-abcloc"
    assert found.result.slope_label == "slope (corrected for optimism)"
    plain = fit.calibration(resamples=0)
    assert frame.loc["slope_left_out", "value"] == plain.result.slope
    assert frame.loc["auc_left_out", "value"] == plain.result.auc
    assert "no miscalibration beyond what a right model of this form shows" in found.verdict
    assert plain.frame["p_value"].isna().all()
    assert np.isnan(plain.p_value)
    assert any("no p-value is given" in note for note in plain.result.notes)
    again = fit.calibration(resamples=25)
    pd.testing.assert_frame_equal(again.frame, frame)


def test_left_out_predictions_of_a_right_model_are_further_off_than_right_predictions(refitted):
    _, found = refitted
    judged = judge(refitted[0].estimate, resample="loo")
    fixed = fixed_reference(cells_of(judged), Smoothing("spline", 4))
    assert found.result.reference.mean("slope") < fixed.mean("slope")
    assert found.result.reference.mean("u_test") < fixed.mean("u_test")  # the level is fitted


def test_copies_have_outcomes_of_their_own():
    data = exam().assign(w=2)
    fit = plg.fit("y ~ x + g", data, weights="w")
    units = one_unit_a_row(fit.estimate.problem)
    assert units.nobs == units.rows.n_obs == 180
    assert (units.rows.weights == 1).all()
    judged = judge(fit.estimate, resample="loo")
    reference = refitted_reference(fit.estimate, judged, np.array([0.3, 0.6]), Smoothing("spline", 3), 5)
    assert reference is not None
    assert reference.corp.shape == (5, 2)


def test_the_mode_stands_in_for_a_posterior_and_is_named():
    fit = plg.fit("y ~ x + g", exam(80), plg.Bayes(plg.Normal(1.0), sampler="laplace", rng=1))
    found = fit.calibration(resamples=3)
    assert found.result.kind == "psis-loo"
    assert found.result.reference.refitted
    assert "(penalized likelihood with prior Normal(0, 1)" in " ".join(found.result.notes)
    plain = plg.fit("y ~ x + g", exam(80)).calibration(resample="loo", resamples=3)
    assert list(found.frame.index) == list(plain.frame.index)
    assert list(found.frame.columns) == list(plain.frame.columns)
    assert list(found.bands.columns) == list(plain.bands.columns)


def test_refits_are_made_unasked_only_where_one_judges_all_rows():
    data = exam()
    for method, kind in ((plg.Penalized(plg.Laplace(0.5)), "loo"), (plg.Penalized(plg.Normal(1.0)), "folds")):
        fit = plg.fit("y ~ x + g", data, method)
        found = fit.calibration(resample="exact" if kind == "loo" else "folds")
        assert found.result.kind == kind
        assert not found.result.reference.refitted
        assert "pooled over left-out rows, which biases it low" in found.verdict
        assert np.isnan(found.p_value)


def test_other_smoothers_have_the_same_frame_and_bands():
    data = exam(200)
    fit = plg.fit("y ~ x + g", data[:100])
    spline_, lowess = (calibration(fit.estimate, data[100:], smooth=kind) for kind in ("spline", "lowess"))
    assert lowess.smoother.startswith("lowess")
    assert list(lowess.frame.index) == list(spline_.frame.index)
    assert set(map(tuple, lowess.bands[["curve", "band"]].to_numpy())) == {
        ("corp", "consistency"),
        ("smooth", "consistency"),
        ("smooth", "confidence"),
    }
    assert (lowess.bands["lower"] <= lowess.bands["upper"]).all()
    assert lowess.bands["lower"].min() >= 0
    assert lowess.bands["upper"].max() <= 1
    assert set(lowess.bands["interval"]) == {"consistency", "confidence-wald"}


def test_bad_input_is_named():
    data = exam()
    fit = plg.fit("y ~ x + g", data)
    with pytest.raises(InputError, match="smooth must be one of 'spline', 'lowess', 'loess'"):
        fit.calibration(smooth="kernel")
    with pytest.raises(InputError, match="resamples must be an integer of at least 0"):
        fit.calibration(resamples=-1)
    with pytest.raises(InputError, match="prob must lie strictly between 0 and 1"):
        fit.calibration(prob=95)
    with pytest.raises(UnseenLevelError, match="g"):
        fit.calibration(exam(40, 9).assign(g="c"))
    with pytest.raises(InputError, match="x"):
        fit.calibration(exam(40, 9).drop(columns="x"))
    gaps = exam(40, 9)
    gaps.loc[:4, "x"] = np.nan
    partial = fit.calibration(gaps)
    assert partial.result.n == 35
    assert any("5 of 40 rows were left out" in note for note in partial.result.notes)
    none = fit.calibration(exam(40, 9).assign(y=0))
    assert none.result.n_events == 0
    assert "0 events and 40 non-events" in none.verdict
