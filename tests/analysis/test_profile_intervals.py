"""Profile-likelihood intervals of fits, against R (uniroot on the deviance of restricted glm fits)."""

from __future__ import annotations

import numpy as np
import pytest
from analysis_cases import posterior, problem_of, simulated
from cluster_cases import pupils
from reference_cases import glm_cases, options, table
from scipy.optimize import brentq
from scipy.stats import chi2

import problogit as plg
from problogit.analysis import coefficients
from problogit.analysis.profile import profile_interval
from problogit.errors import InputError, SeparationWarning
from problogit.estimators.mle import MLE

CASES = glm_cases()
X_ALONE = np.array([0.0, 1.0, 0.0, 0.0])


@pytest.mark.parametrize("name", sorted(CASES))
def test_profile_ends_against_r_uniroot(name):
    case = CASES[name]
    estimate = plg.LogitModel(case["formula"], table(case), **options(case)).fit().estimate
    found = coefficients.summary(estimate, interval="profile")
    se = np.array(case["se"])[:, None]
    np.testing.assert_allclose(
        found[["lower", "upper"]] / se, np.array(case["profile"]) / se, rtol=0, atol=1e-8
    )


def test_rows_are_profiled_one_by_one():
    estimate = MLE().estimate(problem_of(*simulated()))
    together, alone = profile_interval(estimate, np.eye(4)[[2, 1]]), profile_interval(estimate, np.eye(4)[1])
    np.testing.assert_array_equal(together.lower[1:], alone.lower)
    assert together.kind == "confidence-profile"


def test_frequency_weights_are_repeated_rows():
    frame, y = simulated()
    weights = np.tile([1.0, 2.0, 3.0], 40)
    weighted = MLE().estimate(problem_of(frame, y, weights=weights))
    place = np.repeat(np.arange(120), weights.astype(int))
    repeated = MLE().estimate(problem_of(frame.iloc[place].reset_index(drop=True), y[place]))
    a, b = profile_interval(weighted, np.eye(4)), profile_interval(repeated, np.eye(4))
    np.testing.assert_allclose(a.lower, b.lower, rtol=1e-9)
    np.testing.assert_allclose(a.upper, b.upper, rtol=1e-9)


def test_a_wider_level_is_a_wider_interval():
    estimate = MLE().estimate(problem_of(*simulated()))
    levels = [profile_interval(estimate, X_ALONE, prob) for prob in (0.5, 0.9, 0.99)]
    assert levels[0].lower > levels[1].lower > levels[2].lower
    assert levels[0].upper < levels[1].upper < levels[2].upper


def test_profile_is_refused_where_the_likelihood_does_not_speak():
    frame, y = simulated()
    weights = np.linspace(0.5, 2, len(y))
    sampling = MLE().estimate(problem_of(frame, y, weights=weights, weights_type="sampling"))
    with pytest.raises(InputError, match="sampling weights"):
        profile_interval(sampling, X_ALONE)
    robust = MLE(covariance="HC1").estimate(problem_of(frame, y))
    with pytest.raises(InputError, match="covariance='HC1'"):
        profile_interval(robust, X_ALONE)
    with pytest.raises(InputError, match="need a fit by maximum likelihood"):
        profile_interval(posterior(robust.problem, [0.2, 0.8, 0.4, -0.1]), X_ALONE)


# -- contrasts and odds ratios, against a root finder over refits with the combination held fixed --------------------


def held_at(data, t):
    """Deviance of the pupils' model with beta[long] - beta[short] = t, by statsmodels."""
    import statsmodels.api as sm

    long, short = (data["arm"] == "long").to_numpy(float), (data["arm"] == "short").to_numpy(float)
    X = np.column_stack([np.ones(len(data)), data["hours"], long + short])
    return sm.GLM(data["passed"], X, family=sm.families.Binomial(), offset=t * long).fit(tol=1e-13).deviance


def test_a_profiled_contrast_against_brentq_over_refits():
    data = pupils()
    fit = plg.fit("passed ~ hours + arm", data)
    found = fit.contrast({"arm[T.long]": 1, "arm[T.short]": -1}, interval="profile").iloc[0]
    limit = fit.deviance + chi2.ppf(0.95, 1)
    ends = [
        brentq(
            lambda t: held_at(data, t) - limit,
            *sorted((found["estimate"], found["estimate"] + side)),
            xtol=1e-12,
        )
        for side in (-1.5, 1.5)
    ]
    width = ends[1] - ends[0]
    assert abs(found["lower"] - ends[0]) < 1e-6 * width
    assert abs(found["upper"] - ends[1]) < 1e-6 * width
    assert found["odds_ratio_upper"] == pytest.approx(np.exp(ends[1]), rel=1e-6)
    assert found["interval"] == "confidence-profile"


def test_profiled_odds_ratios_are_the_exponentials_of_the_ends():
    fit = plg.fit("passed ~ hours + arm", pupils())
    ends, ratios = fit.summary(interval="profile"), fit.odds_ratios(interval="profile", units={"hours": 5})
    factor = np.array([5.0, 1.0, 1.0])[:, None]
    np.testing.assert_allclose(
        ratios[["lower", "upper"]], np.exp(factor * ends[["lower", "upper"]].iloc[1:]), rtol=1e-9
    )


def test_where_the_likelihood_never_comes_back_the_contrast_and_the_odds_ratio_are_one_sided():
    data = pupils()
    frame = data.assign(rare=np.where(data.index < 3, "yes", "no"))
    frame.loc[frame.index < 3, "passed"] = 1
    with pytest.warns(SeparationWarning):
        fit = plg.fit("passed ~ hours + rare", frame)
    row = fit.contrast({"rare[T.yes]": 1, "hours": -2}, interval="profile").iloc[0]
    assert row["upper"] == np.inf
    assert np.isfinite(row["lower"])
    ratio = fit.odds_ratios().loc["rare[T.yes]"]
    assert ratio["upper"] == np.inf
    assert ratio["lower"] == pytest.approx(np.exp(fit.summary().loc["rare[T.yes]", "lower"]))
    assert ratio["interval"] == "confidence-profile"


ALIASED = pytest.mark.filterwarnings("ignore::problogit.errors.AliasingWarning")


def beside_its_double():
    """A table, and a formula with a column that repeats another, which the fit without it leaves out."""
    frame, y = simulated()
    table = frame.assign(y=y)
    first = frame.columns[0]
    return table.assign(double=2 * table[first] + 1), f"y ~ {' + '.join(frame.columns)}", first


@ALIASED
@pytest.mark.parametrize("method", [plg.MLE(), plg.Penalized(plg.Jeffreys())], ids=["MLE", "Firth"])
@pytest.mark.parametrize("prob", [0.9, 0.95])
def test_a_coefficient_beside_an_aliased_column_has_the_profile_of_the_fit_without_it(method, prob):
    table, formula, first = beside_its_double()
    alone = plg.fit(formula, table, method).summary(prob, "profile")
    fit = plg.fit(f"{formula} + double", table, method)
    for interval in ("profile", None) if method.name == "Penalized" else ("profile",):
        found = fit.summary(prob, interval)
        assert found.loc["double", "interval"] == "none"
        np.testing.assert_allclose(
            found.loc[alone.index, ["lower", "upper"]], alone[["lower", "upper"]], rtol=1e-7
        )
    assert np.isnan(
        fit.contrast({first: 1}, interval="profile")["lower"]
    ).all()  # other data may tell them apart


@ALIASED
@pytest.mark.parametrize("interval", ["wald", "profile"])
def test_odds_ratios_by_unit_beside_an_aliased_column_are_those_of_the_fit_without_it(interval):
    table, formula, first = beside_its_double()
    units = {first: 10.0}
    alone = plg.fit(formula, table).odds_ratios(interval=interval, units=units)
    found = plg.fit(f"{formula} + double", table).odds_ratios(interval=interval, units=units)
    names = ["odds_ratio", "lower", "upper"]
    np.testing.assert_allclose(found.loc[alone.index, names], alone[names], rtol=1e-7)
    assert found.loc["double", names].isna().all()
