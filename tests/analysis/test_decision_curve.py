"""Decision curves against dcurves, refits, rows repeated and the engine of optimism; pairing, refusals."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from analysis_cases import posterior, simulated
from reader_cases import counted, exam, exam_model, fits
from reference_cases import REFERENCE
from scipy.special import expit, logit

import problogit as plg
from problogit.analysis.judged import judge
from problogit.analysis.net_benefit import calls_of, net_benefit
from problogit.errors import InputError
from problogit.optimism import optimism_bootstrap

CUTS = [0.1, 0.3, 0.5, 0.7]
DECISIONS = json.loads((REFERENCE / "decisions" / "decisions.json").read_text())
DCURVES = {case["name"]: case for case in DECISIONS["cases"]}


@pytest.fixture(scope="module")
def fit():
    return exam_model().fit()


@pytest.fixture(scope="module")
def three():
    return fits()


def by_hand(p, y, t):
    return ((p >= t) & (y == 1)).mean() - ((p >= t) & (y == 0)).mean() * t / (1 - t)


def assert_equal_to(frame: pd.DataFrame, expected: dict, label: str) -> None:
    wide = {name: own.set_index("threshold") for name, own in frame.groupby("strategy")}
    np.testing.assert_allclose(wide[label].index, expected["thresholds"])
    np.testing.assert_allclose(wide[label]["net_benefit"], expected["net_benefit"], atol=1e-12)
    np.testing.assert_allclose(wide["treat all"]["net_benefit"], expected["treat_all"], atol=1e-12)
    np.testing.assert_allclose(wide["treat none"]["net_benefit"], expected["treat_none"], atol=1e-12)
    np.testing.assert_allclose(wide[label]["avoided"], expected["avoided"], atol=1e-9)


def test_leave_one_out_curves_match_dcurves():
    case = DCURVES["wells_120"]
    fit = plg.fit(case["formula"], pd.read_csv(REFERENCE / "data" / "wells.csv").head(case["rows"]))
    for expected in case["curves"]:
        asked = {"harm": expected["harm"], "prevalence": expected["prevalence"]}
        # No prediction crosses a threshold between exact refits and those from the leverages.
        found = fit.decision_curve(expected["thresholds"], resample="loo", **asked)
        assert_equal_to(found.frame, expected, "MLE")


def test_external_curves_match_dcurves():
    case = DCURVES["german_credit"]
    data = pd.read_csv(REFERENCE / "data" / "german_credit.csv")
    fit = plg.fit(case["formula"], data.iloc[::2])
    for expected in case["curves"]:
        found = fit.decision_curve(expected["thresholds"], data.iloc[1::2], prevalence=expected["prevalence"])
        assert_equal_to(found.frame, expected, "MLE")
        assert found.result.kind == "external"


def test_ties_match_dcurves():
    case = DCURVES["ties"]
    expected, y = case["curves"][0], np.array(case["outcome"], dtype=float)
    cuts = np.array(expected["thresholds"])
    calls = calls_of(logit(case["probability"]), y, np.ones(y.size), np.ones(y.size), cuts)
    found = net_benefit(calls.true_positives, calls.false_positives, cuts)
    np.testing.assert_allclose(found, expected["net_benefit"], atol=1e-12)


def test_birth_weights_match_dcurves_and_the_figures_of_r():
    case = json.loads((REFERENCE / "decisions" / "birthwt.json").read_text())["cases"][0]
    y, one = np.array(case["outcome"], dtype=float), np.ones(len(case["outcome"]))
    for kind in ("apparent", "loo"):
        expected = DCURVES["birthwt"][kind]
        cuts = np.array(expected["thresholds"])
        calls = calls_of(logit(case[kind]), y, one, one, cuts)
        found = net_benefit(calls.true_positives, calls.false_positives, cuts)
        np.testing.assert_allclose(found, expected["net_benefit"], atol=1e-12)
        shown = dict(zip(cuts, found, strict=True))
        in_r = dict(zip(case["thresholds"], case[f"net_benefit_{kind}"], strict=True))
        assert {t: shown[t] for t in in_r} == pytest.approx(in_r)
        assert round(shown[0.3], 4) == {"apparent": 0.1217, "loo": 0.0809}[kind]
    assert round(dict(zip(case["thresholds"], case["treat_all"], strict=True))[0.3], 4) == 0.0174


def test_net_benefit_of_exact_refits_matches_its_definition(fit):
    found = fit.decision_curve(CUTS, resample="exact")
    judged = judge(fit.estimate, resample="exact")
    p, y = expit(judged.log_odds), judged.successes
    rate = y.mean()
    own = found.result.of("MLE").set_index("threshold")
    for t in CUTS:
        value, everybody = by_hand(p, y, t), rate - (1 - rate) * t / (1 - t)
        assert own.loc[t, "net_benefit"] == pytest.approx(value)
        assert own.loc[t, "standardized"] == pytest.approx(value / rate)
        assert own.loc[t, "avoided"] == pytest.approx(100 * (value - everybody) * (1 - t) / t)
        assert own.loc[t, "gain"] == pytest.approx(value - max(everybody, 0))
    everybody = found.result.of("treat all")["net_benefit"].to_numpy()
    np.testing.assert_allclose(everybody, [rate - (1 - rate) * t / (1 - t) for t in CUTS])
    assert (found.result.of("treat none")["net_benefit"] == 0).all()
    assert found.result.kind == "loo"


def test_the_default_takes_off_the_optimism_of_net_benefit(fit):
    found = fit.decision_curve(CUTS)
    cuts = np.array(CUTS)

    def benefit(log_odds, successes, trials, weights):
        calls = calls_of(log_odds, successes, trials, weights, cuts)
        return net_benefit(calls.true_positives, calls.false_positives, cuts)

    estimate = fit.estimate
    engine = optimism_bootstrap(estimate.method, estimate.problem, benefit)
    np.testing.assert_allclose(found.result.of("MLE")["net_benefit"], engine.corrected, atol=1e-12)
    apparent = fit.decision_curve(CUTS, resample="apparent")
    np.testing.assert_allclose(apparent.result.of("MLE")["net_benefit"], engine.apparent, atol=1e-12)
    widths = [curve.result.of("MLE").eval("upper - lower").to_numpy() for curve in (found, apparent)]
    np.testing.assert_allclose(*widths)  # the correction shifts the band
    assert found.result.kind == "optimism"
    assert found.result.method == "corrected for optimism by 300 bootstrap refits"
    assert "Apparent" not in str(found)
    assert "Apparent" in str(apparent)


def test_large_and_costly_fits_are_judged_without_hundreds_of_refits(fit, monkeypatch):
    from problogit.analysis import decision_judged

    monkeypatch.setattr(decision_judged, "MOST_CELLS", 1000)
    assert fit.decision_curve(CUTS).result.kind == "loo"
    rows = exam().dropna()
    grouped = plg.LogitModel("passed ~ hours", rows, event="yes", groups="age").fit()
    assert grouped.decision_curve(CUTS).result.kind == "folds"


def test_harm_and_a_known_prevalence(fit):
    plain, harmed, moved = (
        fit.decision_curve(CUTS, resample="loo", **more) for more in ({}, {"harm": 0.02}, {"prevalence": 0.1})
    )
    for column in ("net_benefit", "lower", "upper"):
        difference = plain.result.of("MLE")[column] - harmed.result.of("MLE")[column]
        np.testing.assert_allclose(difference, 0.02)
    own, everybody = moved.result.of("MLE"), moved.result.of("treat all")
    np.testing.assert_allclose(everybody["net_benefit"], [0.1 - 0.9 * t / (1 - t) for t in CUTS])
    assert (everybody["lower"] == everybody["upper"]).all()  # the prevalence is known
    rate = plain.result.prevalence
    expected = plain.result.of("MLE")["true_positives"] * 0.1 / rate - plain.result.of("MLE")[
        "false_positives"
    ] * 0.9 / (1 - rate) * np.array(CUTS) / (1 - np.array(CUTS))
    np.testing.assert_allclose(own["net_benefit"], expected)
    assert moved.result.prevalence == 0.1


def test_fits_are_judged_alike_and_paired(three):
    same = plg.decision_curves({"one": three["MLE"], "other": three["MLE"]}, CUTS, resample="loo")
    one, other = same.result.of("one"), same.result.of("other")
    np.testing.assert_allclose(one["p_best"], other["p_best"])
    np.testing.assert_array_equal(one["lower"], other["lower"])
    found = plg.decision_curves(three, CUTS, resample="apparent")
    np.testing.assert_allclose(found.frame.groupby("threshold")["p_best"].sum(), 1)
    assert found.result.labels == ("MLE", "L2", "L1")
    assert list(found.frame["strategy"].unique()) == ["MLE", "L2", "L1", "treat all", "treat none"]
    best = found.best.set_index("threshold")
    wide = found.frame.pivot_table(index="threshold", columns="strategy", values="net_benefit")
    np.testing.assert_allclose(best["net_benefit"], wide.max(axis=1))
    assert (best["evpi"] >= 0).all()
    assert "Between the fits net benefit differs by at most " in str(found)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(wide["MLE"], wide["L1"])


def test_p_useful_and_the_gain_s_bounds_are_of_the_same_draws(fit):
    own = fit.decision_curve(resample="loo").result.of("MLE")
    sure = own["gain_lower"] > 1e-9
    assert (own.loc[sure, "p_useful"] >= 0.97).all()
    assert (own.loc[own["gain_upper"] < 0, "p_useful"] <= 0.03).all()
    assert len(own) == 99
    assert (own["interval"] == "bayesian-bootstrap").all()


@pytest.mark.parametrize("resample", ["apparent", "loo", "optimism"])
def test_weight_two_is_the_row_twice(resample):
    frame, y = simulated(60)
    frame = frame.assign(y=y, w=np.arange(60) % 3 + 1)
    weighed = plg.fit("y ~ x", frame, weights="w").decision_curve(CUTS, resample=resample)
    rows = frame.loc[frame.index.repeat(frame["w"])]
    repeated = plg.fit("y ~ x", rows).decision_curve(CUTS, resample=resample)
    # Resamples of copies and of rows are drawn by other random numbers.
    loose = {"atol": 0.01} if resample == "optimism" else {"atol": 1e-9}
    np.testing.assert_allclose(weighed.frame["net_benefit"], repeated.frame["net_benefit"], **loose)
    np.testing.assert_allclose(weighed.frame["lower"], repeated.frame["lower"], **loose)


def test_trials_are_cases():
    fit = counted()
    found = fit.decision_curve(CUTS, resample="apparent")
    rows, p = fit.estimate.problem.rows, fit.predict_proba()
    w, total = rows.weights, rows.weights @ rows.trials
    for t, value in zip(CUTS, found.result.of("MLE")["net_benefit"], strict=True):
        hits, misses = rows.successes * (p >= t), (rows.trials - rows.successes) * (p >= t)
        assert value == pytest.approx((w @ hits - w @ misses * t / (1 - t)) / total)
    assert found.result.n_trials == total
    assert found.result.n < found.result.n_trials


def test_new_data_are_judged_by_the_rows_that_every_fit_predicts(three):
    new = exam(50, seed=2)
    small = plg.fit("passed ~ hours", exam(), event="yes")
    found = plg.decision_curves({"all": three["MLE"], "hours": small}, CUTS, data=new)
    assert found.result.kind == "external"
    assert found.result.n == 48
    assert "2 of 50 units are left out" in str(found)
    kept = new.dropna()
    y, p = (kept["passed"] == "yes").to_numpy(), small.predict_proba(kept)
    assert found.result.of("hours")["net_benefit"].iloc[1] == pytest.approx(by_hand(p, y, 0.3))


def test_a_posterior_is_judged_as_the_others(three):
    problem = three["MLE"].estimate.problem
    bayes = plg.Fit(posterior(problem, three["MLE"].coef, sd=0.05, n=400))
    found = plg.decision_curves({"MLE": three["MLE"], "Bayes": bayes}, CUTS, resample="loo")
    assert "PSIS-LOO" in found.result.method
    judged = judge(bayes.estimate, resample="loo")
    value = by_hand(expit(judged.log_odds), judged.successes, 0.3)
    assert found.result.of("Bayes")["net_benefit"].iloc[1] == pytest.approx(value)


def test_rows_of_clusters_are_drawn_together():
    rng = np.random.default_rng(2)
    group = np.repeat(np.arange(25), 6)
    X = rng.normal(size=(25, 2))[group]
    y = (rng.random(25) < expit(X[::6, 0]))[group].astype(int)  # rows of a cluster are alike in everything
    flips = rng.choice(150, 30, replace=False)
    y[flips] = 1 - y[flips]
    whole = plg.LogitModel.from_arrays(X, y, groups=group).fit().decision_curve([0.4], resample="apparent")
    alone = plg.LogitModel.from_arrays(X, y).fit().decision_curve([0.4], resample="apparent")
    widths = [curve.result.of("MLE").eval("upper - lower").item() for curve in (whole, alone)]
    assert widths[0] > 1.3 * widths[1]


def test_words_are_said_where_enough_is_called_and_not_called(fit):
    found = fit.decision_curve(resample="loo")
    own = found.result.of("MLE")
    judged = judge(fit.estimate, resample="loo")
    counts = [(judged.log_odds >= logit(t) - 1e-9).sum() for t in own["threshold"]]
    np.testing.assert_array_equal(own["n_called"], counts)
    assert set(found.result.of("treat all")["n_called"]) == {88}
    assert (found.result.of("treat none")["n_called"] == 0).all()
    enough = own[(own["n_called"] >= 10) & (own["n_called"] <= 78) & (own["gain"] > 0)]["threshold"]
    assert f"thresholds {enough.min():.3g} to" in str(found)
    assert f"{enough.max():.3g}" in str(found)


def test_a_fit_that_is_of_no_use_says_so():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=60), "y": np.arange(60) % 2})
    found = plg.fit("y ~ x", frame).decision_curve([0.01, 0.99])
    assert "MLE: at none of the thresholds better than treating all or none." in str(found)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"thresholds": 0.0}, "thresholds must lie strictly between 0 and 1"),
        ({"thresholds": [0.2, 1.0]}, "thresholds must lie strictly between 0 and 1"),
        ({"thresholds": [0.2, 20]}, r"For 20% write 0.2"),
        ({"thresholds": []}, "thresholds must hold at least one"),
        ({"thresholds": ["a"]}, "thresholds must be a finite number"),
        ({"thresholds": object()}, "thresholds must be a finite number"),
        ({"thresholds": np.array(0.3)}, "thresholds must be a finite number"),
        ({"harm": -0.1}, "harm must not be negative"),
        ({"harm": np.nan}, "harm must be a finite number"),
        ({"prevalence": 0}, "prevalence must lie strictly between 0 and 1"),
        ({"prevalence": 1.2}, "prevalence must lie strictly between 0 and 1"),
        ({"prob": 95}, "prob must lie strictly between 0 and 1"),
        ({"resample": "bootstrap"}, "resample must be one of 'auto', 'optimism', 'loo'"),
        ({"resample": "optimism", "data": "table"}, 'resample must be "auto" where data is given'),
    ],
)
def test_bad_arguments_are_named(fit, arguments, message):
    if "data" in arguments:
        arguments = {**arguments, "data": exam(20)}
    with pytest.raises(InputError, match=message):
        fit.decision_curve(**arguments)


def test_costs_are_thresholds(fit):
    found = fit.decision_curve([0.5, plg.Costs(1, 4)], resample="apparent").frame
    assert sorted(set(found["threshold"])) == [0.2, 0.5]
    alone = fit.decision_curve(plg.Costs(1, 4), resample="apparent").frame
    assert set(alone["threshold"]) == {0.2}


def test_one_class_only_is_refused(fit):
    new = exam(40, seed=9).dropna()
    with pytest.raises(InputError, match=r"must hold events and non-events.*0 events in"):
        fit.decision_curve(CUTS, new[new["passed"] == "no"])


def test_fits_that_cannot_share_a_curve_are_refused(three):
    other = plg.fit("passed ~ hours", exam(), event="yes")  # has two rows more
    with pytest.raises(InputError, match="fits must be of the same rows"):
        plg.decision_curves({"a": three["MLE"], "b": other})
    flipped = plg.fit("passed ~ hours", exam(), event="no")
    with pytest.raises(InputError, match="fits must model the same event"):
        plg.decision_curves({"a": three["MLE"], "b": flipped}, data=exam(30, seed=2))
    with pytest.raises(InputError, match="labels that are non-empty strings other than 'treat all'"):
        plg.decision_curves({"treat all": three["MLE"]})
    with pytest.raises(InputError, match="harm must name fits"):
        plg.decision_curves(three, harm={"L3": 0.1})
    with pytest.raises(InputError, match="fits must hold at least one fit"):
        plg.decision_curves({})
    with pytest.raises(InputError, match=r"fits\[0\] must be a fit"):
        plg.decision_curves([exam_model()])


@pytest.mark.slow
@pytest.mark.parametrize("method", [plg.MLE(), plg.Penalized(plg.Normal(0.5))], ids=["mle", "ridge"])
def test_corrected_net_benefit_is_near_that_in_the_population(method):
    """Of fits to 150 rows and 8 predictors, judged on 20 000 others: 40 studies; Monte Carlo error of a bias 0.007."""
    rng = np.random.default_rng(21)
    beta, cuts, one = (
        np.array([-0.9, 0.8, -0.6, 0.5, 0.3, 0, 0, 0, 0]),
        np.array([0.15, 0.3, 0.5]),
        np.ones(20_000),
    )
    new = np.column_stack([one, rng.normal(size=(20_000, 8))])
    chance = expit(new @ beta)
    off = {kind: [] for kind in ("apparent", "loo", "optimism")}
    inside = []
    for study in range(40):
        X = rng.normal(size=(150, 8))
        y = (rng.random(150) < expit(beta[0] + X @ beta[1:])).astype(int)
        fit = plg.LogitModel.from_arrays(X, y).fit(method)
        calls = calls_of(new @ fit.coef.to_numpy(), chance, one, one, cuts)
        truth = net_benefit(calls.true_positives, calls.false_positives, cuts)
        for kind, errors in off.items():
            own = fit.decision_curve(cuts, resample=kind, rng=study).frame.iloc[:3]
            errors.append(own["net_benefit"].to_numpy() - truth)
            if kind == "optimism":
                inside.append((own["lower"] <= truth) & (truth <= own["upper"]))
    bias = {kind: np.mean(errors, axis=0) for kind, errors in off.items()}
    assert (bias["apparent"][1:] > 0.012).all()
    assert (np.abs(bias["optimism"]) < 0.021).all()
    assert (bias["apparent"] - bias["optimism"] > 0.005).all()
    assert (bias["loo"] < bias["optimism"] + 0.005).all()
    assert np.mean(inside) > 0.88
