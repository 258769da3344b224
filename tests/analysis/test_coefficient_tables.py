"""Summary and odds ratios: columns, kinds of interval, units; numbers against scipy's normal and against the draws."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
from analysis_cases import point, posterior, problem_of, rare_level, simulated
from scipy.stats import norm

from problogit.analysis import coefficients
from problogit.core.coefficients import highest_density
from problogit.errors import InputError, NotAvailableError, SeparationWarning
from problogit.estimate import Finding
from problogit.estimators.mle import MLE
from problogit.tables.text import coefficient_grid


@pytest.fixture(scope="module")
def mle():
    return MLE().estimate(problem_of(*simulated()))


@pytest.fixture(scope="module")
def bayes():
    return posterior(problem_of(*simulated()), [0.2, 0.8, 0.4, -0.1])


@pytest.fixture(scope="module")
def separated():
    with pytest.warns(SeparationWarning):
        return MLE().estimate(problem_of(*rare_level()))


def test_summary_has_the_contract_s_columns_and_attributes(mle, bayes):
    table = coefficients.summary(mle, prob=0.9)
    expected = ["estimate", "std_error", "lower", "upper", "interval", "statistic", "p_value"]
    assert list(table.columns) == expected
    assert list(table.index) == ["Intercept", "x", "d", "z"]
    assert table.index.name == "term"
    assert table.attrs["prob"] == 0.9
    assert table.attrs["event"] == "P(y = 'yes')"
    assert list(coefficients.summary(bayes).columns[:5]) == expected[:5]


def test_wald_bounds_against_scipy_normal(mle):
    table = coefficients.summary(mle, prob=0.8)
    lower, upper = norm.interval(0.8, table["estimate"], table["std_error"])
    np.testing.assert_allclose(table["lower"], lower, rtol=1e-12)
    np.testing.assert_allclose(table["upper"], upper, rtol=1e-12)
    assert set(table["interval"]) == {"confidence-wald"}


def test_posterior_bounds_against_numpy_quantiles(bayes):
    draws = coefficients.draws(bayes)
    table = coefficients.summary(bayes, prob=0.9)
    np.testing.assert_allclose(table["lower"], np.quantile(draws, 0.05, axis=0), rtol=1e-12)
    np.testing.assert_allclose(table["estimate"], draws.mean(axis=0), rtol=1e-12)
    assert set(table["interval"]) == {"credible-eti"}


def test_an_estimate_without_distribution_has_nan_and_says_none():
    estimate = point(problem_of(*simulated()), [0.2, 0.0, 0.4, -0.1])
    table = coefficients.summary(estimate)
    assert table[["std_error", "lower", "upper"]].isna().all(axis=None)
    assert set(table["interval"]) == {"none"}
    assert coefficients.cov(estimate).isna().all(axis=None)
    with pytest.raises(NotAvailableError, match="bootstrap"):
        coefficients.draws(estimate)


def test_profile_intervals_are_named_in_every_row(mle):
    table = coefficients.summary(mle, interval="profile")
    assert set(table["interval"]) == {"confidence-profile"}
    wald = coefficients.summary(mle)
    assert not np.allclose(table["lower"], wald["lower"], rtol=1e-4)
    np.testing.assert_allclose(table["lower"], wald["lower"], atol=0.1)


def test_a_kind_that_the_fit_does_not_have_is_refused_by_name(mle, bayes):
    with pytest.raises(InputError, match=r"interval must be one of 'confidence-wald', 'confidence-profile'"):
        coefficients.summary(mle, interval="hdi")
    with pytest.raises(InputError, match=r"Profile-likelihood intervals need a fit by maximum likelihood"):
        coefficients.summary(bayes, interval="profile")
    with pytest.raises(InputError, match=r"For 95% write 0\.95"):
        coefficients.summary(mle, prob=95)


def test_coef_and_cov_are_labelled_by_term(mle):
    assert coefficients.coef(mle)["x"] == mle.coefficients.location[1]
    cov = coefficients.cov(mle)
    assert cov.loc["x", "d"] == cov.loc["d", "x"]
    np.testing.assert_allclose(np.sqrt(cov.loc["x", "x"]), mle.coefficients.std_error[1])


# -- odds ratios ---------------------------------------------------------------------------------------------------


def test_odds_ratios_are_exponentials_and_leave_out_the_intercept(mle):
    table = coefficients.odds_ratios(mle)
    summary = coefficients.summary(mle).loc[["x", "d", "z"]]
    assert list(table.index) == ["x", "d", "z"]
    np.testing.assert_allclose(table["odds_ratio"], np.exp(summary["estimate"]), rtol=1e-12)
    np.testing.assert_allclose(table[["lower", "upper"]], np.exp(summary[["lower", "upper"]]), rtol=1e-12)
    assert "Intercept" in coefficients.odds_ratios(mle, intercept=True).index


def test_units_raise_the_odds_ratio_to_their_power(mle):
    plain, ten = coefficients.odds_ratios(mle), coefficients.odds_ratios(mle, units={"z": 10, "d": -1})
    np.testing.assert_allclose(ten.loc["z", "odds_ratio"], plain.loc["z", "odds_ratio"] ** 10, rtol=1e-10)
    np.testing.assert_allclose(ten.loc["d", "lower"], 1 / plain.loc["d", "upper"], rtol=1e-10)
    np.testing.assert_allclose(ten.loc["x"].iloc[:3].astype(float), plain.loc["x"].iloc[:3].astype(float))
    assert ten.attrs["units"] == {"z": 10, "d": -1}


def test_unknown_units_name_the_nearest_term():
    frame, y = simulated()
    estimate = MLE().estimate(problem_of(frame.rename(columns={"z": "age"}), y))
    with pytest.raises(InputError, match=r"received 'agee'\. Did you mean 'age'\?"):
        coefficients.odds_ratios(estimate, units={"agee": 10})
    with pytest.raises(InputError, match="must not be zero"):
        coefficients.odds_ratios(estimate, units={"age": 0})


def test_the_hdi_of_an_odds_ratio_comes_from_the_draws_of_the_odds_ratio(bayes):
    ratios = np.exp(coefficients.draws(bayes)[:, 1])
    table = coefficients.odds_ratios(bayes, prob=0.9, interval="hdi")
    lower, upper = highest_density(ratios, 0.9)
    assert table.loc["x", "interval"] == "credible-hdi"
    np.testing.assert_allclose([table.loc["x", "lower"], table.loc["x", "upper"]], [lower, upper], rtol=1e-12)
    ends = np.exp(
        coefficients.summary(bayes, prob=0.9, interval="hdi").loc["x", ["lower", "upper"]].astype(float)
    )
    assert not np.allclose(ends, [lower, upper], rtol=1e-3)


def test_the_odds_ratio_of_a_posterior_is_the_median(bayes):
    ratios = np.exp(coefficients.draws(bayes))
    np.testing.assert_allclose(
        coefficients.odds_ratios(bayes)["odds_ratio"], np.median(ratios, axis=0)[1:], rtol=1e-12
    )


def test_an_odds_ratio_too_large_for_a_float_is_inf_without_a_warning(mle):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert coefficients.odds_ratios(mle, units={"x": 1e5}).loc["x", "odds_ratio"] == np.inf


# -- separation ----------------------------------------------------------------------------------------------------


def test_an_infinite_coefficient_has_a_one_sided_profile_interval_by_default(separated):
    table = coefficients.summary(separated)
    rare = table.loc["rare"]
    assert rare["estimate"] == np.inf
    assert np.isnan(rare["std_error"])
    assert np.isnan(rare["p_value"])
    assert np.isfinite(rare["lower"])
    assert rare["upper"] == np.inf
    assert list(table["interval"]) == ["confidence-wald", "confidence-wald", "confidence-profile"]


def test_its_odds_ratio_is_infinite_with_the_exponential_of_that_bound(separated):
    summary, ratios = coefficients.summary(separated), coefficients.odds_ratios(separated)
    assert ratios.loc["rare", "odds_ratio"] == np.inf
    assert ratios.loc["rare", "lower"] == pytest.approx(np.exp(summary.loc["rare", "lower"]), rel=1e-12)
    assert ratios.loc["rare", "upper"] == np.inf


def test_a_wald_interval_that_was_asked_for_is_not_replaced(separated):
    rare = coefficients.summary(separated, interval="wald").loc["rare"]
    assert np.isnan(rare["lower"])
    assert rare["interval"] == "none"


def test_under_a_robust_covariance_the_infinite_coefficient_has_no_interval():
    with pytest.warns(SeparationWarning):
        estimate = MLE(covariance="HC0").estimate(problem_of(*rare_level()))
    assert coefficients.summary(estimate).loc["rare", "interval"] == "none"
    with pytest.raises(InputError, match="covariance='HC0'"):
        coefficients.summary(estimate, interval="profile")


def test_a_coefficient_whose_sign_is_undetermined_has_no_interval():
    # Two levels of events only, coded by their sum (+Inf) and their difference (which may go either way).
    frame, y = rare_level()
    frame["difference"] = np.r_[1.0, -1.0, np.zeros(198)]
    with pytest.warns(SeparationWarning, match="sign undetermined: difference"):
        estimate = MLE().estimate(problem_of(frame, y))
    table = coefficients.summary(estimate)
    assert table.loc["rare", "estimate"] == np.inf
    assert np.isnan(table.loc["difference", ["estimate", "lower", "upper"]].to_numpy(float)).all()
    assert table.loc["difference", "interval"] == "none"
    assert np.isnan(coefficients.odds_ratios(estimate).loc["difference", "odds_ratio"])


@pytest.mark.parametrize("units", [10, ["x"], "x"])
def test_units_that_are_no_mapping_are_refused(mle, units):
    with pytest.raises(InputError, match="units must be a mapping of term to number"):
        coefficients.odds_ratios(mle, units=units)


def test_a_term_without_moments_shows_its_median_and_no_standard_error(bayes):
    heavy = replace(bayes, findings=(Finding("moments", "warning", "Its tails are heavy.", "", ("d",)),))
    table, plain = coefficients.summary(heavy), coefficients.summary(bayes)
    assert table.loc["d", "estimate"] == np.median(bayes.coefficients.flat[:, 2])
    assert np.isnan(table.loc["d", "std_error"])
    assert table.loc["d", ["lower", "upper"]].tolist() == plain.loc["d", ["lower", "upper"]].tolist()
    assert table.drop(index="d").equals(plain.drop(index="d"))
    assert "For d they are posterior medians" in coefficient_grid(heavy).caption
    assert "medians" not in coefficient_grid(bayes).caption
