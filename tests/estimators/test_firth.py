"""`Penalized(Jeffreys())`: against R (brglm2 and our own profiles there), and what it says and refuses."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pandas as pd
import pytest
from reference_cases import REFERENCE, options, table
from scipy.optimize import minimize
from scipy.special import chdtrc, expit

import problogit as plg
from problogit.errors import (
    AliasingWarning,
    DataNotSavedError,
    EstimationError,
    InputError,
    NotAvailableError,
    SeparationWarning,
)

FIRTH = plg.Penalized(plg.Jeffreys())
CASES = {case["name"]: case for case in json.loads((REFERENCE / "firth" / "firth.json").read_text())["cases"]}


@pytest.fixture(scope="module")
def fits() -> dict[str, plg.Fit]:
    return {}


def fitted(fits: dict[str, plg.Fit], name: str) -> plg.Fit:
    if name not in fits:
        case = CASES[name]
        fits[name] = plg.LogitModel(case["formula"], table(case), **options(case)).fit(FIRTH)
    return fits[name]


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {"x": rng.normal(size=80), "z": rng.normal(size=80), "g": rng.choice(list("abc"), 80)}
    )
    frame["y"] = (rng.random(80) < expit(frame["x"] - 0.5)).astype(int)
    return frame


# -- against R -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_estimates_against_brglm2(fits, name):
    case, fit = CASES[name], fitted(fits, name)
    assert fit.converged
    assert list(fit.terms) == case["terms"]
    np.testing.assert_allclose((fit.coef - case["coef"]) / case["se"], 0, atol=1e-8)
    np.testing.assert_allclose(
        fit.cov.to_numpy(), case["vcov"], rtol=1e-7, atol=1e-9 * np.max(np.abs(case["vcov"]))
    )
    assert fit.loglik == pytest.approx(case["loglik"], abs=1e-7)
    assert fit.estimate.details.penalized_loglik == pytest.approx(case["penalized_loglik"], abs=1e-8)


@pytest.mark.parametrize("name", CASES)
def test_profile_intervals_against_r(fits, name):
    case, table = CASES[name], fitted(fits, name).summary()
    expected = np.array(case["profile"])
    width = np.ptp(expected, axis=1)[:, None]
    np.testing.assert_allclose((table[["lower", "upper"]] - expected) / width, 0, atol=1e-7)
    assert set(table["interval"]) == {"confidence-profile"}


@pytest.mark.parametrize("name", CASES)
def test_penalized_likelihood_ratios_against_r(fits, name):
    case, fit = CASES[name], fitted(fits, name)
    summary = fit.summary()
    np.testing.assert_allclose(summary["lr_statistic"], case["lr_statistic"], rtol=1e-7)
    np.testing.assert_allclose(summary["p_value"], chdtrc(1, case["lr_statistic"]), rtol=1e-6)
    term, expected = fit.terms[-1], case["lr_statistic"][-1]
    assert fit.test(term).statistic == pytest.approx(expected, rel=1e-7)
    if case["tested"]:
        found = fit.test(case["tested"]["term"])
        assert found.df == case["tested"]["df"]
        assert found.statistic == pytest.approx(case["tested"]["lr_statistic"], rel=1e-8)
        assert "penalized likelihood" in str(found)


@pytest.mark.parametrize("name", [name for name in CASES if CASES[name]["flic"] is not None])
def test_the_intercept_that_predicts_against_r_glm(fits, name):
    case, fit = CASES[name], fitted(fits, name)
    assert fit.estimate.details.flic == pytest.approx(case["flic"], abs=1e-7)


def test_the_published_figures_of_the_endometrial_data(fits):
    """Heinze & Schemper (2002), Statist. Med. 21:2409, table III: NV by Firth's method."""
    line = fitted(fits, "endometrial").summary().loc["NV"]
    assert round(line["estimate"], 2) == 2.93
    assert (round(line["lower"], 2), round(line["upper"], 2)) == (0.61, 7.85)
    assert round(line["p_value"], 4) == 0.0091


# -- invariance ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("c", [1e-8, 1e-4, 1e4, 1e8])
def test_a_column_times_c_has_a_coefficient_divided_by_c(c):
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=60), rng.exponential(size=60), rng.integers(0, 2, 60)])
    y = (rng.random(60) < expit(X[:, 0])).astype(int)
    plain = plg.LogitModel.from_arrays(X, y).fit(FIRTH)
    scaled = plg.LogitModel.from_arrays(X * [c, 1, 1 / c], y).fit(FIRTH)
    factor = np.array([1, c, 1, 1 / c])
    np.testing.assert_allclose(scaled.coef * factor, plain.coef, rtol=1e-8)
    ends = ["lower", "upper"]
    one, other = plain.summary(), scaled.summary()
    np.testing.assert_allclose(other[ends] * factor[:, None], one[ends], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(other["lr_statistic"], one["lr_statistic"], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(scaled.predict_proba(), plain.predict_proba(), rtol=1e-8)


def test_another_reference_level_changes_no_probability(data):
    first = plg.fit("y ~ x + g", data, FIRTH)
    second = plg.fit("y ~ x + C(g, contr.treatment('c'))", data, FIRTH)
    np.testing.assert_allclose(first.predict_proba(), second.predict_proba(), rtol=1e-9)
    statistic = second.test("C(g, contr.treatment('c'))").statistic
    assert first.test("g").statistic == pytest.approx(statistic, rel=1e-8)


def test_columns_far_from_zero_and_nearly_collinear_ones():
    rng = np.random.default_rng(1)
    year = 2000.0 + rng.integers(0, 20, 90)
    X = np.column_stack([year, year * 1.5 + 1e-5 * rng.normal(size=90)])
    y = (rng.random(90) < 0.4).astype(int)
    fit = plg.LogitModel.from_arrays(X, y).fit(FIRTH)
    moved = plg.LogitModel.from_arrays(np.column_stack([X[:, 0] - 2000, X[:, 1] - 1.5 * X[:, 0]]), y).fit(
        FIRTH
    )
    assert fit.converged
    np.testing.assert_allclose(fit.predict_proba(), moved.predict_proba(), rtol=1e-6)


# -- predictions -----------------------------------------------------------------------------------------------------


def test_probabilities_add_up_to_the_events_and_coefficients_stay(data):
    fit = plg.fit("y ~ x + g", data, FIRTH)
    plain = plg.fit("y ~ x + g", data, plg.Penalized(plg.Jeffreys(flic=False)))
    assert fit.predict_proba().sum() == pytest.approx(data["y"].sum(), abs=1e-9)
    assert abs(plain.predict_proba().sum() - data["y"].sum()) > 0.01
    pd.testing.assert_series_equal(fit.coef, plain.coef)
    pd.testing.assert_frame_equal(fit.summary(), plain.summary())
    assert fit.expected_total().mean == pytest.approx(data["y"].sum(), abs=1e-8)


def test_weighted_probabilities_add_up_to_the_weighted_events(data):
    weights = np.random.default_rng(0).integers(0, 4, 80)
    fit = plg.LogitModel("y ~ x", data, weights=weights).fit(FIRTH)
    p = np.nan_to_num(fit.predict_proba())
    assert weights @ p == pytest.approx(weights @ data["y"], abs=1e-9)


def test_intervals_of_probabilities_stand_about_the_prediction(data):
    fit = plg.fit("y ~ x + g", data, FIRTH)
    shift = fit.estimate.details.flic - fit.coef["Intercept"]
    wald, profile = fit.predict(data[:4]), fit.predict(data[:4], interval="profile")
    for found in (wald, profile):
        assert (found["lower"] < found["probability"]).all()
        assert (found["probability"] < found["upper"]).all()
    assert set(wald["interval"]) == {"confidence-wald"}
    row = {"Intercept": 1.0, "x": data["x"].iloc[0], f"g[T.{data['g'].iloc[0]}]": 1.0}
    row = {term: weight for term, weight in row.items() if term in fit.terms}
    ends = fit.contrast(row)[["lower", "upper"]].to_numpy()[0] + shift
    np.testing.assert_allclose(profile[["lower", "upper"]].iloc[0], expit(ends), rtol=1e-9)


def test_it_says_which_intercept_predicts(data):
    fit = plg.fit("y ~ x", data, FIRTH)
    assert "probabilities by FLIC" in str(fit)
    finding = next(f for f in fit.estimate.findings if f.code == "flic")
    assert f"{fit.estimate.details.flic:.4g}" in finding.message
    without = plg.fit("y ~ 0 + x + g", data, FIRTH)
    assert "the model has no intercept" in str(without)
    assert without.estimate.details.flic is None
    plain = plg.fit("y ~ x", data, plg.Penalized(plg.Jeffreys(flic=False)))
    assert "FLIC" not in str(plain)


# -- separation, constant responses, aliased columns -----------------------------------------------------------------


def test_separation_is_named_by_every_method_and_ends_at_the_same_remedy(fits):
    case = CASES["rare_level"]
    model = plg.LogitModel(case["formula"], table(case))
    with pytest.warns(
        SeparationWarning, match=r"2 of 200 rows.*group\[T.c\] \(\+Inf\).*Penalized\(Jeffreys\(\)\)"
    ):
        model.fit()
    for fit in (fitted(fits, "rare_level"), model.fit(plg.Penalized())):
        text = str(fit.diagnostics())
        assert "2 of 200 rows" in text
        assert "group[T.c] (+Inf)" in text
    assert "profile intervals" in str(fitted(fits, "rare_level").diagnostics())


def test_a_constant_response_has_a_finite_estimate_and_is_pointed_to(fits):
    fit = fitted(fits, "endometrial_all_events")
    assert np.isfinite(fit.summary()[["estimate", "lower", "upper"]].to_numpy()).all()
    assert (fit.predict_proba() > 0.75).all()
    assert "the response is constant" in str(fit)
    frame = table(CASES["endometrial_all_events"])
    for method in (plg.MLE(), plg.Penalized()):
        with pytest.raises(EstimationError, match=r"constant.*Penalized\(Jeffreys\(\)\)"):
            plg.fit("HG ~ PI + EH", frame, method)


def test_aliased_columns_are_named_and_have_no_estimate(data):
    frame = data.assign(twice=2 * data["x"])
    with pytest.warns(AliasingWarning, match="twice = 2 x"):
        fit = plg.fit("y ~ x + twice + g", frame, FIRTH)
    plain = plg.fit("y ~ x + g", data, FIRTH)
    line = fit.summary().loc["twice"]
    assert line[["estimate", "lower", "upper", "lr_statistic", "p_value"]].isna().all()
    np.testing.assert_allclose(fit.coef.drop("twice"), plain.coef, atol=1e-9)
    assert fit.df_model == plain.df_model == 4
    assert fit.test("g").statistic == pytest.approx(plain.test("g").statistic, rel=1e-9)
    np.testing.assert_allclose(fit.predict_proba(), plain.predict_proba(), atol=1e-10)
    with pytest.warns(AliasingWarning):
        assert fit.predict(frame.assign(twice=0.0))["probability"].isna().all()


def test_more_columns_than_rows_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(EstimationError, match="5 rows and 9 columns"):
        plg.LogitModel.from_arrays(rng.normal(size=(5, 8)), [0, 1, 0, 1, 1]).fit(FIRTH)


def test_a_single_column_and_the_smallest_samples(capfd):
    alone = plg.fit("y ~ 1", {"y": [0, 0, 0]}, FIRTH)
    assert alone.coef["Intercept"] == pytest.approx(np.log(0.5 / 3.5))
    table = alone.summary()
    level = alone.estimate.details.penalized_loglik - 1.9207294103470

    def height(b):
        p = expit(b)
        return 3 * np.log1p(-p) + 0.5 * np.log(3 * p * (1 - p))

    assert height(table.loc["Intercept", "lower"]) == pytest.approx(level, abs=1e-6)
    assert height(table.loc["Intercept", "upper"]) == pytest.approx(level, abs=1e-6)
    slope = plg.LogitModel.from_arrays([[1.0], [2.0], [3.0]], [1, 1, 0], intercept=False).fit(FIRTH)
    assert np.isfinite(slope.summary()[["lower", "upper"]].to_numpy()).all()
    two = plg.fit("y ~ x", {"x": [1.0, 2.0], "y": [0, 1]}, FIRTH)
    assert two.coef["x"] == pytest.approx(
        2 * np.log(3)
    )  # each outcome of one row counts as one and a half to a half
    shown = capfd.readouterr()
    assert shown.out == shown.err == ""


@pytest.mark.parametrize("offset", [50.0, -700.0])
def test_an_extreme_offset_moves_the_intercept_alone(data, offset):
    plain = plg.fit("y ~ x", data, FIRTH)
    moved = plg.LogitModel("y ~ x", data, offset=np.full(80, offset)).fit(FIRTH)
    assert moved.converged
    np.testing.assert_allclose(moved.coef - plain.coef, [-offset, 0], atol=1e-8)


def test_two_maxima_are_reported():
    rng = np.random.default_rng(36)
    x = np.r_[rng.normal(size=39), 20.0]
    y = (rng.random(40) < expit(1.2 * x)).astype(int)
    y[-1] = 1
    fit = plg.fit("y ~ x", {"x": x, "y": y}, FIRTH)
    assert fit.coef["x"] == pytest.approx(1.54, abs=0.01)
    assert "has 2 maxima, whose logarithms differ by 2.88" in str(fit)


# -- weights and other inference -------------------------------------------------------------------------------------


def test_importance_weights_multiply_likelihood_and_information(data):
    weights = np.random.default_rng(1).uniform(0.2, 2, 80)
    fit = plg.LogitModel("y ~ x", data, weights=weights, weights_type="importance").fit(FIRTH)

    def negative(b):
        eta = b[0] + b[1] * data["x"]
        p = expit(eta)
        X = np.column_stack([np.ones(80), data["x"]])
        information = X.T @ ((weights * p * (1 - p)).to_numpy()[:, None] * X)
        kernel = data["y"] * eta - np.logaddexp(0, eta)
        return -(weights @ kernel) - 0.5 * np.linalg.slogdet(information)[1]

    best = minimize(negative, np.zeros(2), method="BFGS", options={"gtol": 1e-9}).x
    np.testing.assert_allclose(fit.coef, best, atol=1e-6)


def test_sampling_weights_take_the_sandwich_and_no_likelihood(data):
    weights = np.random.default_rng(1).uniform(0.2, 2, 80)
    fit = plg.LogitModel("y ~ x", data, weights=weights, weights_type="sampling").fit(FIRTH)
    table = fit.summary()
    assert set(table["interval"]) == {"sandwich"}
    assert {"statistic", "p_value"} <= set(table.columns)
    with pytest.raises(InputError, match="Under sampling weights"):
        fit.summary(interval="profile")
    with pytest.raises(NotAvailableError, match="Under sampling weights"):
        fit.test("x")
    assert fit.test("x", "wald").df == 1


def test_curvature_is_the_inverse_of_minus_the_hessian_by_finite_differences(data):
    fit = plg.fit("y ~ x", data, plg.Penalized(plg.Jeffreys(), inference="curvature"))
    X, y, h = np.column_stack([np.ones(80), data["x"]]), data["y"].to_numpy(), 1e-4

    def value(b):
        p = expit(X @ b)
        information = X.T @ ((p * (1 - p))[:, None] * X)
        return y @ np.log(p) + (1 - y) @ np.log1p(-p) + 0.5 * np.linalg.slogdet(information)[1]

    b, steps = fit.coef.to_numpy(), h * np.eye(2)
    hessian = np.array(
        [
            [
                (value(b + s + t) - value(b + s - t) - value(b - s + t) + value(b - s - t)) / (4 * h * h)
                for t in steps
            ]
            for s in steps
        ]
    )
    np.testing.assert_allclose(fit.cov, np.linalg.inv(-hessian), rtol=1e-5)
    assert set(fit.summary()["interval"]) == {"curvature"}
    assert "p_value" not in fit.summary()


def test_the_bootstrap_carries_the_intercept_that_predicts(data):
    fit = plg.fit("y ~ x", data, plg.Penalized(plg.Jeffreys(), inference="bootstrap", resamples=40, rng=1))
    again = plg.fit("y ~ x", data, plg.Penalized(plg.Jeffreys(), inference="bootstrap", resamples=40, rng=1))
    assert set(fit.summary()["interval"]) == {"bootstrap"}
    pd.testing.assert_frame_equal(fit.summary(), again.summary())
    assert fit.predict_proba().sum() == pytest.approx(data["y"].sum(), abs=1e-9)
    np.testing.assert_allclose(fit.coef, plg.fit("y ~ x", data, FIRTH).coef)
    bare = plg.fit("y ~ x", data, plg.Penalized(plg.Jeffreys(), inference="none"))
    assert bare.predict()["lower"].isna().all()
    assert bare.predict_proba().sum() == pytest.approx(data["y"].sum(), abs=1e-9)


def test_wald_intervals_on_request_and_beyond_the_default_level(data):
    fit = plg.fit("y ~ x", data, FIRTH)
    wald = fit.summary(interval="wald")
    half = 1.959963984540054 * wald["std_error"]
    np.testing.assert_allclose(wald["upper"] - wald["estimate"], half)
    assert "lr_statistic" in wald
    narrow, wide = fit.summary(prob=0.8), fit.summary(prob=0.99)
    assert (narrow["lower"] > fit.summary()["lower"]).all()
    assert (wide["upper"] > fit.summary()["upper"]).all()
    inside = fit.odds_ratios(units={"x": 2.0}).loc["x"]
    assert inside["lower"] == pytest.approx(np.exp(2 * fit.summary().loc["x", "lower"]), rel=1e-7)


def test_a_large_design_shows_wald_until_profiles_are_asked_for(data, monkeypatch):
    monkeypatch.setattr("problogit.estimators.firth_inference._OPERATIONS", 10)
    fit = plg.fit("y ~ x", data, FIRTH)
    table = fit.summary()
    assert set(table["interval"]) == {"confidence-wald"}
    assert "statistic" in table
    assert set(fit.summary(interval="profile")["interval"]) == {"confidence-profile"}


def test_a_profile_that_fails_is_an_error_only_where_it_was_asked_for(data, monkeypatch):
    def fails(*_arguments):
        raise EstimationError("A restricted fit under Jeffreys() stopped.")

    monkeypatch.setattr("problogit.core.firth_profile.FirthProfile.bounds", fails)
    fit = plg.fit("y ~ x", data, FIRTH)
    assert set(fit.summary()["interval"]) == {"confidence-wald"}
    assert set(fit.contrast({"x": 2})["interval"]) == {"confidence-wald"}
    with pytest.raises(EstimationError, match="stopped"):
        fit.summary(interval="profile")


def test_a_test_within_a_larger_fit_is_that_of_the_terms(data):
    small, big = plg.fit("y ~ x", data, FIRTH), plg.fit("y ~ x + g", data, FIRTH)
    assert plg.anova(small, big).statistic == pytest.approx(big.test("g").statistic, rel=1e-9)
    with pytest.raises(InputError, match="two fits of one method"):
        plg.anova(plg.fit("y ~ x", data), big)
    assert big.summary(terms=True).loc["g", "test"] == "lr"


# -- what it refuses -------------------------------------------------------------------------------------------------


def test_it_is_only_ever_the_whole_prior():
    message = r"prior of single coefficients.*Penalized\(Jeffreys\(\)\)"
    for make in (
        lambda: plg.Priors(plg.Jeffreys()),
        lambda: plg.Priors(plg.Normal(1), terms={"x": plg.Jeffreys()}),
        lambda: plg.Priors(plg.Normal(1), intercept=plg.Jeffreys()),
    ):
        with pytest.raises(ValueError, match=message):
            make()


def test_options_that_do_not_go_with_it_are_refused(data):
    for options_, words in (
        ({"select": "cv"}, "no strength to choose"),
        ({"solver": "lbfgs"}, "leverages need the whole information"),
        ({"inference": "debiased"}, "debiased by itself"),
        ({"early_stopping": plg.EarlyStopping()}, "must be Flat"),
    ):
        with pytest.raises(ValueError, match=words):
            plg.Penalized(plg.Jeffreys(), **options_)
    with pytest.raises(InputError, match="flic must be True or False"):
        plg.Jeffreys(flic="no")
    fit = plg.fit("y ~ x", data, FIRTH)
    with pytest.raises(NotAvailableError, match="no form by column"):
        plg.Jeffreys().resolve(fit.estimate.problem)
    with pytest.raises(NotAvailableError, match="kind='lr'"):
        fit.test("x", "score")


# -- elsewhere -------------------------------------------------------------------------------------------------------


def test_it_is_saved_with_its_profiles(fits, tmp_path):
    fit = fitted(fits, "endometrial")
    fit.save(tmp_path / "a.fit")
    fit.save(tmp_path / "b.fit", data=True)
    bare, whole = plg.load(tmp_path / "a.fit"), plg.load(tmp_path / "b.fit")
    new = table(CASES["endometrial"])[:5]
    for back in (bare, whole):
        pd.testing.assert_frame_equal(back.summary(), fit.summary())
        pd.testing.assert_frame_equal(back.odds_ratios(), fit.odds_ratios())
        pd.testing.assert_frame_equal(back.predict(new), fit.predict(new))
        assert back.raw is None
    np.testing.assert_allclose(
        whole.summary(prob=0.9)[["lower", "upper"]], fit.summary(prob=0.9)[["lower", "upper"]], rtol=1e-8
    )
    assert set(bare.summary(prob=0.9)["interval"]) == {"confidence-wald"}
    with pytest.raises(DataNotSavedError):
        bare.summary(interval="profile")


def test_comparison_and_report_of_separated_data(tmp_path):
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"x": rng.normal(size=50), "group": ["a"] * 28 + ["b"] * 20 + ["c"] * 2})
    frame["y"] = (rng.random(50) < 0.4).astype(int)
    frame.loc[48:, "y"] = 1
    model = plg.LogitModel("y ~ group + x", frame)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SeparationWarning)
        mle = model.fit()
    firth = model.fit(FIRTH)
    found = plg.compare({"MLE": mle, "Firth": firth})
    assert "confidence-profile" in str(found.table.columns.tolist())
    frame = found.disagreements()
    line = frame[(frame["term"] == "group[T.c]")].iloc[0]
    assert line["flag"] == "prior moved this"
    assert "separation" in line["reason"]
    plg.report({"MLE": mle, "Firth": firth}, tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text()
    assert "Jeffreys()" in text
    assert "FLIC" in text
    assert "half the log-determinant of the information" in text
