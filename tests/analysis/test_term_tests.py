"""Whole terms and nested fits by all three tests, against R (drop1, anova, lmtest), statsmodels and algebra."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from cluster_cases import TESTS, pupils
from scipy.special import expit
from scipy.stats import chi2

import problogit as plg
from problogit.analysis.restricted import quadratic_form
from problogit.errors import AliasingWarning, InputError, NotAvailableError, SeparationWarning

TERMS = ("hours", "arm", "prep")


@pytest.fixture(scope="module")
def data():
    return pupils()


@pytest.fixture(scope="module")
def model(data):
    return plg.LogitModel(TESTS["formula"], data)


@pytest.mark.parametrize("term", TERMS)
def test_terms_of_the_formula_against_r_drop1(model, term):
    fit = model.fit()
    lr, rao = fit.test(term), fit.test(term, "score")
    assert lr.statistic == pytest.approx(TESTS["lr"][term], rel=1e-9)
    assert lr.p_value == pytest.approx(TESTS["lr_p"][term], rel=1e-9)
    assert rao.statistic == pytest.approx(TESTS["rao"][term], rel=1e-7)
    assert lr.df == rao.df == (2 if term == "arm" else 1)


def test_nested_fits_against_r_anova_and_lmtest(data):
    small, big = plg.fit(TESTS["small"], data), plg.fit(TESTS["big"], data)
    lr = plg.anova(small, big)
    assert lr.statistic == pytest.approx(TESTS["anova_lr"], rel=1e-9)
    assert lr.statistic == pytest.approx(TESTS["lrtest"], rel=1e-9)
    assert lr.df == TESTS["anova_df"]
    assert lr.p_value == pytest.approx(TESTS["anova_lr_p"], rel=1e-9)
    assert plg.anova(small, big, "score").statistic == pytest.approx(TESTS["anova_rao"], rel=1e-7)
    assert plg.anova(small, big, "wald").statistic == pytest.approx(TESTS["wald"], rel=1e-9)
    robust = plg.fit(TESTS["big"], data, plg.MLE("cluster", groups="school"))
    found = plg.anova(small, robust, "wald")
    assert found.statistic == pytest.approx(TESTS["wald_cluster"], rel=1e-9)
    assert found.df == 4
    assert "chi2(4)" in str(found)
    assert "30 clusters of school" in str(found)


def test_nested_tests_are_term_tests_whatever_the_columns_are_called(data, model):
    small = plg.fit("passed ~ hours + prep", data)
    other = plg.fit("passed ~ I(2 * hours - 3 * prep) + I(hours + prep)", data)
    for covariance, groups in (("classical", None), ("HC3", None), ("CR2", "school")):
        big = model.fit(plg.MLE(covariance, groups=groups))
        for kind in ("lr", "wald", "score"):
            wanted = big.test("arm", kind)
            for nested in (small, other):
                found = plg.anova(nested, big, kind)
                assert found.statistic == pytest.approx(wanted.statistic, rel=1e-7)
                assert found.df == wanted.df


def test_an_aliased_larger_fit_is_tested_in_what_it_identifies(data):
    plain = plg.fit("passed ~ hours + arm", data)
    with pytest.warns(AliasingWarning):
        double = plg.fit("passed ~ twice + hours + arm", data.assign(twice=2 * data["hours"]))
    small = plg.fit("passed ~ hours", data)
    for kind in ("lr", "wald", "score"):
        wanted = plain.test("arm", kind).statistic
        assert double.test("arm", kind).statistic == pytest.approx(wanted, rel=1e-8)
        assert plg.anova(small, double, kind).statistic == pytest.approx(wanted, rel=1e-8)
        both = double.test(["twice", "hours"], kind)
        assert both.df == 1
        assert both.statistic == pytest.approx(plain.test("hours", kind).statistic, rel=1e-8)
        with pytest.raises(InputError, match="must change the fit"):
            double.test("hours", kind)


# -- robust score tests ----------------------------------------------------------------------------------------


def boos(model, tested, weights=None, codes=None):
    """The generalised score statistic of Boos (1992) by plain algebra."""
    X, y = model.X, model.y
    w = np.ones(len(y)) if weights is None else weights
    free = np.setdiff1d(np.arange(X.shape[1]), tested)
    beta = np.zeros(free.size)
    for _ in range(50):
        p = expit(X[:, free] @ beta)
        beta += np.linalg.solve(
            X[:, free].T @ (X[:, free] * (w * p * (1 - p))[:, None]), X[:, free].T @ (w * (y - p))
        )
    p = expit(X[:, free] @ beta)
    scores = (w * (y - p))[:, None] * X
    if codes is not None:
        scores = np.array([scores[codes == g].sum(axis=0) for g in range(codes.max() + 1)])
    information = X.T @ (X * (w * p * (1 - p))[:, None])
    rows = np.zeros((len(tested), X.shape[1]))
    rows[:, tested] = np.eye(len(tested))
    rows[:, free] = -information[np.ix_(tested, free)] @ np.linalg.inv(information[np.ix_(free, free)])
    g = rows @ scores.sum(axis=0)
    return g @ np.linalg.solve(rows @ scores.T @ scores @ rows.T, g)


def test_robust_score_statistics_against_the_formula_of_boos(data, model):
    arm = np.array([2, 3])
    codes = model.problem.group_codes("school")
    assert model.fit(plg.MLE("HC0")).test("arm", "score").statistic == pytest.approx(
        boos(model, arm), rel=1e-8
    )
    robust = model.fit(plg.MLE("CR3", groups="school")).test("arm", "score")
    assert robust.statistic == pytest.approx(boos(model, arm, codes=codes), rel=1e-8)
    assert "Robust score test" in str(robust)
    sampled = plg.LogitModel(TESTS["formula"], data, weights="weight", weights_type="sampling")
    w = data["weight"].to_numpy() * len(data) / data["weight"].sum()
    assert sampled.fit().test("arm", "score").statistic == pytest.approx(boos(sampled, arm, w), rel=1e-8)


def test_robust_score_statistic_against_statsmodels(model):
    import statsmodels.api as sm

    X, n = model.X, model.nobs
    small = sm.GLM(model.y, X[:, [0, 1, 4]], family=sm.families.Binomial()).fit(tol=1e-14)
    theirs = float(small.score_test(exog_extra=X[:, 2:4], cov_type="HC0").statistic)
    # statsmodels centres the scores: S_c = n / (n - 1) (S - g g' / n), so that its statistic is a function of ours.
    ours = model.fit(plg.MLE("HC0")).test("arm", "score").statistic
    assert (n - 1) / n * ours / (1 - ours / n) == pytest.approx(theirs, rel=1e-7)


def test_two_way_clusters_have_a_score_test_too(model):
    found = model.fit(plg.MLE("CR1", groups=("school", "tries"))).test("hours", "score")
    assert found.df == 1
    assert 0 < found.p_value < 0.05


# -- what a test says of itself --------------------------------------------------------------------------------


def test_few_clusters_lower_the_degrees_of_freedom_and_it_is_said(data):
    some = data[data["school"].isin(["s00", "s01", "s02"])]
    fit = plg.fit("passed ~ hours + prep + dose + tries", some, plg.MLE("CR1", groups="school"))
    found = fit.test(["hours", "prep", "dose", "tries"], "wald")
    assert found.df == 2
    assert "rank 2 in these 4 directions, so the test has 2 degrees of freedom" in str(found)


def test_p_values_do_not_underflow_under_any_covariance():
    x = np.tile([0.0, 1.0], 40_000)
    y = np.where(np.arange(80_000) % 40 < 2, 1 - x, x)
    data = pd.DataFrame({"x": x, "y": y, "g": np.arange(80_000) // 100})
    for method in (plg.MLE(), plg.MLE("HC3"), plg.MLE("cluster", groups="g")):
        fit = plg.fit("y ~ x", data, method)
        assert fit.summary().loc["x", "p_value"] > 0
        for kind in ("lr", "wald", "score"):
            found = fit.test("x", kind)
            assert found.p_value > 0
            assert found.log_p < -700 or found.kind == "score"


# -- one line a term -------------------------------------------------------------------------------------------


def test_the_summary_by_term_holds_one_line_for_each(model):
    fit = model.fit()
    table = fit.summary(terms=True)
    assert list(table.index) == ["Intercept", *TERMS]
    assert list(table["df"]) == [1, 1, 2, 1]
    for term in TERMS:
        assert table.loc[term, "statistic"] == pytest.approx(TESTS["lr"][term], rel=1e-9)
        assert table.loc[term, "p_value"] == pytest.approx(TESTS["lr_p"][term], rel=1e-9)
    assert set(table["test"]) == {"lr"}
    assert table.loc["arm", "estimate":"upper"].isna().all()
    own = fit.summary()
    columns = ["estimate", "std_error", "lower", "upper", "interval"]
    assert table.loc["hours", columns].tolist() == own.loc["hours", columns].tolist()


def test_the_summary_by_term_of_a_robust_fit_is_by_wald(model):
    fit = model.fit(plg.MLE("cluster", groups="school"))
    table = fit.summary(terms=True)
    assert set(table["test"]) == {"wald"}
    wald = fit.test("arm", "wald")
    assert table.loc["arm", "statistic"] == pytest.approx(wald.statistic)
    b = fit.coef.iloc[2:4].to_numpy()
    by_hand = b @ np.linalg.solve(fit.cov.iloc[2:4, 2:4].to_numpy(), b)
    assert wald.statistic == pytest.approx(by_hand, rel=1e-10)
    assert wald.p_value == pytest.approx(chi2.sf(by_hand, 2), rel=1e-10)


def test_terms_that_cannot_be_tested_say_so(data):
    frame = data.assign(rare=np.where(data.index < 3, "yes", "no"))
    frame.loc[frame.index < 3, "passed"] = 1
    with pytest.warns(SeparationWarning):
        robust = plg.fit("passed ~ hours + rare", frame, plg.MLE("HC3"))
    table = robust.summary(terms=True)
    assert table.loc["rare", "test"] == "none"
    assert np.isnan(table.loc["rare", "p_value"])
    assert table.loc["hours", "test"] == "wald"
    with pytest.warns(SeparationWarning):
        plain = plg.fit("passed ~ hours + rare", frame)
    assert plain.summary(terms=True).loc["rare", "test"] == "lr"
    assert plain.summary(terms=True).loc["rare", "upper"] == np.inf
    with pytest.raises(NotAvailableError, match="Wald tests need a fit by maximum likelihood"):
        plg.fit("passed ~ hours", data, plg.Penalized(plg.Normal(1.0))).summary(terms=True)


def test_a_fit_without_its_data_still_has_wald_tests(data, tmp_path):
    fit = plg.fit("passed ~ hours + arm", data, plg.MLE("CR1", groups="school"))
    fit.save(tmp_path / "a.fit")
    back = plg.load(tmp_path / "a.fit")
    assert str(back.test("arm", "wald")) == str(fit.test("arm", "wald"))
    pd.testing.assert_frame_equal(back.summary(terms=True), fit.summary(terms=True))
    with pytest.raises(NotAvailableError, match=r"save\(path, data=True\)"):
        back.test("arm")


# -- nested fits that are not --------------------------------------------------------------------------------


def test_fits_of_other_rows_outcomes_weights_or_offset_are_refused_with_counts(data):
    big = plg.fit("passed ~ hours + arm", data)
    holes = data.assign(prep=data["prep"].where(data.index > 6))
    with pytest.raises(InputError, match=r"7 row\(s\) are in one of them only"):
        plg.anova(plg.fit("passed ~ hours", data), plg.fit("passed ~ hours + prep", holes), "wald")
    other = data.assign(passed=data["passed"].where(data.index > 9, 1 - data["passed"]))
    with pytest.raises(InputError, match="outcomes differ in 10 rows"):
        plg.anova(plg.fit("passed ~ hours", other), big)
    weighted = plg.LogitModel("passed ~ hours", data, weights="count").fit()
    count = int((data["count"] != 1).sum())
    with pytest.raises(InputError, match=f"same weights; they differ in {count} rows"):
        plg.anova(weighted, big, "score")
    shifted = plg.LogitModel("passed ~ hours", data, offset="dose").fit()
    with pytest.raises(InputError, match="same offset; they differ in"):
        plg.anova(shifted, big)
    with pytest.raises(InputError, match="kind must be one of 'lr', 'wald', 'score'"):
        plg.anova(big, big, "f")


def test_sampling_weights_have_no_likelihood_ratio(data):
    fits = [
        plg.LogitModel(f, data, weights="weight", weights_type="sampling").fit()
        for f in ("passed ~ hours", "passed ~ hours + arm")
    ]
    with pytest.raises(NotAvailableError, match="Under sampling weights"):
        plg.anova(*fits)
    assert plg.anova(*fits, "wald").statistic == pytest.approx(fits[1].test("arm", "wald").statistic)


def test_a_flat_penalty_answers_as_maximum_likelihood_under_sampling_weights(data):
    model = plg.LogitModel("passed ~ hours + arm", data, weights="weight", weights_type="sampling")
    flat, mle = model.fit(plg.Penalized(plg.Flat())), model.fit()
    assert flat.test("arm", "score").statistic == mle.test("arm", "score").statistic


def test_a_quadratic_form_leaves_out_what_has_no_variance():
    covariance = np.diag([4.0, 0.0, 1.0])
    assert quadratic_form(np.array([2.0, 5.0, 1.0]), covariance) == (pytest.approx(2.0), 2)
    assert quadratic_form(np.array([1.0]), np.zeros((1, 1))) == (0.0, 0)
