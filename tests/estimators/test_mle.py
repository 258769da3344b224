"""Maximum likelihood against R's glm, sandwich and statsmodels; separation said and survived."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from reference_cases import glm_cases, options, table

import problogit as plg
from problogit.errors import (
    AliasingWarning,
    EstimationError,
    InputError,
    NotAvailableError,
    SeparationWarning,
)

CASES = glm_cases()


@pytest.fixture(scope="module", params=sorted(CASES))
def case(request):
    return CASES[request.param]


@pytest.fixture(scope="module")
def model(case):
    return plg.LogitModel(case["formula"], table(case), **options(case))


def test_terms_and_counts_are_r_s(case, model):
    assert model.terms == case["terms"]
    assert model.nobs == case["nobs"]
    assert model.n_events == pytest.approx(case["n_events"])


def test_coefficients_against_r_glm(case, model):
    np.testing.assert_allclose(model.fit().coef, case["coef"], rtol=1e-8)


def test_log_likelihood_and_deviance_against_r_glm(case, model):
    fit = model.fit()
    assert fit.loglik == pytest.approx(case["loglik"], rel=1e-8)
    assert fit.deviance == pytest.approx(case["deviance"], rel=1e-8)
    # R's null model of a formula without an intercept is the offset alone; so is ours.
    null = case["loglik"] + (case["deviance"] - case["null_deviance"]) / 2
    assert fit.null_loglik == pytest.approx(null, rel=1e-8)
    assert fit.aic == pytest.approx(case["aic"], rel=1e-8)
    if case["bic"] is not None:
        assert fit.bic == pytest.approx(case["bic"], rel=1e-8)
    assert fit.df_model == case["df_model"]


def test_standard_errors_against_r_glm(case, model):
    fit = model.fit()
    np.testing.assert_allclose(fit.summary()["std_error"], case["se"], rtol=1e-7)
    np.testing.assert_allclose(fit.summary()["statistic"], case["z"], rtol=1e-7)
    floor = np.maximum(
        case["p_value"], np.finfo(float).tiny
    )  # R prints 0 where ours stops at the smallest number
    np.testing.assert_allclose(fit.summary()["p_value"], floor, rtol=1e-6)
    np.testing.assert_allclose(fit.summary()[["lower", "upper"]], case["wald"], rtol=1e-7)
    scale = np.sqrt(np.outer(np.diag(case["vcov"]), np.diag(case["vcov"])))
    np.testing.assert_allclose(fit.cov / scale, np.array(case["vcov"]) / scale, atol=1e-7)


def test_sandwiches_against_r_sandwich(case, model):
    for kind in case["hc"]:
        if kind in ("HC0", "HC1", "HC2", "HC3"):
            fit = model.fit(plg.MLE(covariance=kind))
            np.testing.assert_allclose(
                fit.summary()["std_error"], case["hc_se"][kind], rtol=1e-7, err_msg=kind
            )


def test_statsmodels_result_has_our_standard_errors_and_a_summary(case, model):
    for covariance in ("classical", "HC3"):
        fit = model.fit(plg.MLE(covariance=covariance))
        np.testing.assert_allclose(fit.raw.bse, fit.summary()["std_error"], rtol=1e-10)
        np.testing.assert_allclose(fit.raw.params, fit.coef, rtol=1e-12)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert model.terms[-1][:10] in str(fit.raw.summary())


def test_statsmodels_own_fit_agrees_on_the_plain_case():
    import statsmodels.formula.api as smf

    data = table(CASES["spector"])
    fit = plg.fit("GRADE ~ GPA + TUCE + PSI", data)
    theirs = smf.logit("GRADE ~ GPA + TUCE + PSI", data).fit(disp=False, tol=1e-12)
    np.testing.assert_allclose(fit.raw.bse, theirs.bse, rtol=1e-9)
    assert fit.raw.llf == pytest.approx(theirs.llf, rel=1e-12)
    assert fit.raw.llnull == pytest.approx(fit.null_loglik, rel=1e-6)


@pytest.mark.parametrize("c", [1e-8, 1e-3, 1e8])
def test_a_rescaled_column_divides_its_coefficient(c):
    data = table(CASES["wells"])
    plain = plg.fit("switched ~ dist + arsenic", data)
    scaled = plg.fit("switched ~ dist + arsenic", data.assign(arsenic=data["arsenic"] * c))
    np.testing.assert_allclose(scaled.coef["arsenic"] * c, plain.coef["arsenic"], rtol=1e-8)
    np.testing.assert_allclose(scaled.coef["dist"], plain.coef["dist"], rtol=1e-8)
    np.testing.assert_allclose(
        scaled.summary()["std_error"]["arsenic"] * c, plain.summary()["std_error"]["arsenic"]
    )


# -- separation ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rare_level():
    """200 rows; level c has two of them, both events; the other levels overlap."""
    rng = np.random.default_rng(11)
    group = np.array(["a"] * 120 + ["b"] * 78 + ["c"] * 2)
    x = rng.normal(size=200)
    y = (rng.random(200) < 1 / (1 + np.exp(-0.4 * x - 0.3 * (group == "b")))).astype(int)
    y[-2:] = 1
    return pd.DataFrame({"y": y, "x": x, "group": group})


def test_two_of_two_hundred_rows_are_named_with_an_infinite_estimate(rare_level):
    with pytest.warns(SeparationWarning, match=r"2 of 200 rows.*group\[T\.c\] \(\+Inf\)"):
        fit = plg.fit("y ~ x + group", rare_level)
    assert fit.coef["group[T.c]"] == np.inf
    rest = plg.fit("y ~ x + group", rare_level[rare_level["group"] != "c"])
    np.testing.assert_allclose(fit.coef[["Intercept", "x", "group[T.b]"]], rest.coef, rtol=1e-9)
    np.testing.assert_allclose(
        fit.summary()["std_error"][["Intercept", "x", "group[T.b]"]], rest.summary()["std_error"], rtol=1e-9
    )
    assert fit.loglik == pytest.approx(rest.loglik, rel=1e-12)
    assert fit.status.name == "SEPARATED"
    assert np.isnan(fit.summary()["std_error"]["group[T.c]"])


def test_profile_interval_of_an_infinite_coefficient_is_one_sided(rare_level):
    with pytest.warns(SeparationWarning):
        fit = plg.fit("y ~ x + group", rare_level)
    row = fit.summary().loc["group[T.c]"]
    assert row["upper"] == np.inf
    assert row["interval"] == "confidence-profile"
    from scipy.optimize import brentq, minimize
    from scipy.stats import chi2

    like = fit.estimate.problem.likelihood
    target = fit.loglik - chi2.ppf(0.95, 1) / 2

    def profile(t):
        free = [j for j in range(like.n_terms) if fit.terms[j] != "group[T.c]"]
        beta = np.zeros(like.n_terms)
        beta[fit.terms.index("group[T.c]")] = t

        def objective(u):
            beta[free] = u
            value, gradient = like.gradient(beta)
            return -value, -gradient[free]

        return (
            -minimize(objective, np.zeros(len(free)), jac=True, method="BFGS", options={"gtol": 1e-9}).fun
            - target
        )

    assert row["lower"] == pytest.approx(brentq(profile, -10, 10, xtol=1e-10), abs=1e-5)


def test_predictions_under_separation_are_right(rare_level):
    with pytest.warns(SeparationWarning):
        fit = plg.fit("y ~ x + group", rare_level)
    p = fit.predict_proba(rare_level)
    assert np.all(p[-2:] == 1.0)
    rest = plg.fit("y ~ x + group", rare_level[rare_level["group"] != "c"])
    np.testing.assert_allclose(p[:-2], rest.predict_proba(rare_level[:-2]), rtol=1e-9)


def test_a_separated_fit_has_no_draws_and_names_the_remedy(rare_level):
    with pytest.warns(SeparationWarning):
        fit = plg.fit("y ~ x + group", rare_level)
    with pytest.raises(NotAvailableError, match="Penalized"):
        fit.draws()
    with pytest.raises(NotAvailableError, match="Penalized"):
        fit.to_datatree()


def test_separation_can_be_an_error(rare_level):
    with pytest.raises(EstimationError, match=r"group\[T\.c\]"):
        plg.fit("y ~ x + group", rare_level, plg.MLE(separation="error"))


def test_complete_separation_of_one_predictor():
    data = pd.DataFrame({"y": [0, 0, 0, 1, 1, 1], "x": [1.0, 2, 3, 4, 5, 6]})
    with pytest.warns(SeparationWarning, match="completely separated: 6 of 6"):
        fit = plg.fit("y ~ x", data)
    assert fit.loglik == 0.0
    assert fit.coef["x"] == np.inf
    np.testing.assert_array_equal(fit.predict_proba(), data["y"])


def test_signs_that_are_all_undetermined_have_no_one_sided_interval_to_keep():
    rng = np.random.default_rng(0)
    with pytest.warns(SeparationWarning, match="sign undetermined.*Fit what is finite") as said:
        plg.LogitModel.from_arrays(rng.normal(size=(10, 9)), np.arange(10) % 2).fit()
    assert "one-sided" not in str(said[0].message)


def test_breast_cancer_is_completely_separated():
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    with pytest.warns(SeparationWarning, match="569 of 569"):
        fit = plg.LogitModel.from_arrays(X, y).fit()
    kinds = set(fit.coef.map(lambda b: "undetermined" if np.isnan(b) else "infinite"))
    assert "undetermined" in kinds
    np.testing.assert_array_equal(fit.predict_proba(), y)


def test_regular_data_run_no_linear_program(monkeypatch):
    from problogit.core import maximum

    def refuse(*_):
        raise AssertionError("a linear program was run")

    monkeypatch.setattr(maximum, "find_separation", refuse)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60_000, 8))
    y = rng.random(60_000) < 1 / (1 + np.exp(-X[:, 0]))
    fit = plg.LogitModel.from_arrays(X, y).fit()
    assert fit.converged


# -- aliases and refusals --------------------------------------------------------------------------------------


def test_aliased_columns_are_named_with_what_they_repeat():
    data = table(CASES["wells"]).assign(total=lambda d: 2 * d["dist"] - d["arsenic"])
    with pytest.warns(AliasingWarning, match="total = 2 dist"):
        fit = plg.fit("switched ~ dist + arsenic + total", data)
    plain = plg.fit("switched ~ dist + arsenic", data)
    assert np.isnan(fit.coef["total"])
    np.testing.assert_allclose(fit.coef[plain.coef.index], plain.coef, rtol=1e-9)
    assert fit.df_model == 3
    np.testing.assert_allclose(fit.predict_proba(data), plain.predict_proba(data), rtol=1e-9)
    broken = data.assign(total=0.0)
    with pytest.warns(AliasingWarning):
        assert np.isnan(fit.predict_proba(broken)).all()


def test_fewer_rows_than_columns_are_refused_with_advice():
    rng = np.random.default_rng(0)
    model = plg.LogitModel.from_arrays(rng.normal(size=(10, 12)), [0, 1] * 5)
    with pytest.raises(EstimationError, match="10 rows and 13 columns.*Penalized"):
        model.fit()


def test_a_constant_response_is_refused_with_the_remedy():
    data = pd.DataFrame({"y": [1, 1, 1, 1], "x": [1.0, 2, 3, 4]})
    with pytest.raises(EstimationError, match="constant.*proper prior"):
        plg.fit("y ~ x", data)


def test_unknown_options_are_refused():
    with pytest.raises(InputError, match="covariance must be one of.*'HC9'"):
        plg.MLE(covariance="HC9")
    with pytest.raises(TypeError):
        plg.MLE(covarience="HC3")


def test_nothing_is_printed(capsys):
    plg.fit("GRADE ~ GPA", table(CASES["spector"]))
    assert capsys.readouterr().out == ""


def test_flat_penalized_has_the_separation_report_of_mle(rare_level):
    with pytest.warns(SeparationWarning):
        mle = plg.fit("y ~ x + group", rare_level)
    for inference in (None, "none"):
        with pytest.warns(SeparationWarning):
            flat = plg.fit("y ~ x + group", rare_level, plg.Penalized(plg.Flat(), inference=inference))
        np.testing.assert_array_equal(flat.predict_proba(), mle.predict_proba())
        np.testing.assert_array_equal(flat.coef, mle.coef)
    with pytest.warns(SeparationWarning):
        flat = plg.fit("y ~ x + group", rare_level, plg.Penalized(plg.Flat()))
    pd.testing.assert_frame_equal(flat.summary(), mle.summary())


def test_hc1_under_separation_counts_the_rows_that_remain(rare_level):
    with pytest.warns(SeparationWarning):
        fit = plg.fit("y ~ x + group", rare_level, plg.MLE(covariance="HC1"))
    rest = plg.fit("y ~ x + group", rare_level[rare_level["group"] != "c"], plg.MLE(covariance="HC1"))
    kept = ["Intercept", "x", "group[T.b]"]
    np.testing.assert_allclose(fit.summary()["std_error"][kept], rest.summary()["std_error"], rtol=1e-9)
