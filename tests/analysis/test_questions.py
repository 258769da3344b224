"""Posterior probabilities of ranges, against known normal posteriors and the summary's own column."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from analysis_cases import Given, posterior, problem_of, simulated
from scipy.special import expit
from scipy.stats import norm

import problogit as plg
from problogit.analysis.questions import posterior_probability
from problogit.core.coefficients import DrawnCoefficients, NormalCoefficients
from problogit.errors import InputError, NotAvailableError, UnseenLevelError

MEAN, SD, N = np.array([0.1, 0.4, -0.2, 0.0]), 0.3, 40_000


@pytest.fixture(scope="module")
def problem():
    return problem_of(*simulated())


@pytest.fixture(scope="module")
def drawn(problem):
    return posterior(problem, MEAN, SD, N)


def test_directions_and_ranges_against_the_normal_distribution(drawn):
    terms = list(drawn.terms)
    table = posterior_probability(drawn)
    assert list(table.index) == terms[1:]
    expected = norm.sf(0, MEAN[1:], SD)
    # Monte Carlo: 40 000 independent draws, four standard errors.
    np.testing.assert_allclose(table["probability"], expected, atol=4 * 0.5 / np.sqrt(N))
    np.testing.assert_allclose(table["mcse"], np.sqrt(expected * (1 - expected) / N), rtol=0.15)
    rope = posterior_probability(drawn, "x", low=-0.18, high=0.18)
    inside = norm.cdf(0.18, MEAN[1], SD) - norm.cdf(-0.18, MEAN[1], SD)
    assert rope.loc["x", "probability"] == pytest.approx(inside, abs=0.01)
    assert rope.loc["x", "below"] == pytest.approx(norm.cdf(-0.18, MEAN[1], SD), abs=0.01)
    np.testing.assert_allclose(rope[["below", "probability", "above"]].sum(axis=1), 1.0)
    assert (rope.attrs["low"], rope.attrs["high"], rope.attrs["scale"]) == (-0.18, 0.18, "log-odds")


def test_odds_ratios_are_asked_on_their_own_scale(drawn):
    by_ratio = posterior_probability(drawn, "x", low=0.9, high=1.1, odds_ratio=True)
    by_log = posterior_probability(drawn, "x", low=np.log(0.9), high=np.log(1.1))
    np.testing.assert_array_equal(by_ratio, by_log)
    np.testing.assert_array_equal(
        posterior_probability(drawn, odds_ratio=True), posterior_probability(drawn, low=0.0)
    )
    ten = posterior_probability(drawn, "10 * x", low=2.0, odds_ratio=True)
    np.testing.assert_allclose(ten["probability"], norm.sf(np.log(2) / 10, MEAN[1], SD), atol=0.01)


def test_contrasts_in_every_notation(drawn):
    expected = norm.sf(0, MEAN[1] - MEAN[2], SD * np.sqrt(2))
    first, second = drawn.terms[1:3]
    for weights in (f"{first} - {second}", {first: 1, second: -1}, {"named": {first: 1, second: -1}}):
        found = posterior_probability(drawn, weights)["probability"].iloc[0]
        assert found == pytest.approx(expected, abs=0.01)


def test_draws_on_one_side_leave_an_error_of_one_in_their_number(problem):
    far = posterior(problem, MEAN + 100, SD, 4000)
    row = posterior_probability(far, "x").iloc[0]
    assert row["probability"] == 1.0
    assert 1 / 4002 <= row["mcse"] < 1.5 / 4002


def test_correlated_draws_have_a_larger_error(problem):
    rng = np.random.default_rng(0)
    chains = rng.normal(size=(4, 1000, problem.n_terms))
    for t in range(1, 1000):
        chains[:, t] = 0.8 * chains[:, t - 1] + 0.6 * chains[:, t]
    slow = Given(DrawnCoefficients(chains)).estimate(problem)
    row = posterior_probability(slow, "x").iloc[0]
    assert row["mcse"] > 2 * np.sqrt(0.25 / 4000)


def test_the_direction_is_the_column_of_the_summary_and_intervals_are_two_questions():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(80, 2))
    y = (rng.random(80) < 0.5 + 0.2 * (x[:, 0] > 0)).astype(int)
    model = plg.LogitModel.from_arrays(x, y, names=["a", "b"])
    fit = model.fit(plg.Bayes(plg.Normal(1.0), draws=500, tune=300, rng=1), progress=False)
    asked = fit.posterior_probability()
    np.testing.assert_array_equal(asked["probability"], fit.summary().loc[["a", "b"], "prob_positive"])
    interval = fit.odds_ratios(prob=0.9).loc["a"]
    inside = fit.posterior_probability("a", interval["lower"], interval["upper"], odds_ratio=True)
    assert inside["probability"].iloc[0] == pytest.approx(0.9, abs=0.002)


@pytest.mark.parametrize(
    ("method", "named"),
    [
        (plg.MLE(), "confidence-wald"),
        (plg.Penalized(plg.Normal(1.0)), "curvature"),
        (plg.Penalized(plg.Laplace(1.0)), "none"),
    ],
    ids=["mle", "penalized", "lasso"],
)
def test_what_is_no_posterior_is_refused_with_the_reason(problem, method, named):
    with pytest.raises(NotAvailableError, match=rf"needs a posterior.*\({named}\).*Bayes\(prior\)"):
        posterior_probability(method.estimate(problem))


def test_bootstrap_draws_are_no_posterior_either(problem):
    draws = np.random.default_rng(0).normal(size=(1, 200, problem.n_terms))
    given = Given(DrawnCoefficients(draws, ("bootstrap",), estimate=np.zeros(problem.n_terms)))
    for estimate in (
        given.estimate(problem),
        Given(NormalCoefficients(MEAN, np.eye(problem.n_terms))).estimate(problem),
    ):
        with pytest.raises(NotAvailableError, match="needs a posterior"):
            posterior_probability(estimate)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"low": 1.0, "high": 0.5}, "low must lie below high = 0.5; received 1.0"),
        ({"low": "a"}, "low must be a finite number"),
        ({"low": -0.1, "high": 0.1, "odds_ratio": True}, "low must be an odds ratio.*leave out odds_ratio"),
        ({"weights": "nothing"}, "weights must name terms"),
    ],
)
def test_impossible_ranges_are_named(drawn, options, message):
    with pytest.raises(InputError, match=message):
        posterior_probability(drawn, **options)


def test_predictions_of_an_unseen_level_average_over_the_known_ones_and_have_intervals():
    rng = np.random.default_rng(2)
    data = pd.DataFrame({"x": rng.normal(size=120), "school": rng.choice(list("aab" + "c"), 120)})
    data["y"] = (rng.random(120) < expit(data["x"] + (data["school"] == "b"))).astype(int)
    fit = plg.fit("y ~ x + C(school)", data, plg.Bayes(plg.Normal(1.0), sampler="laplace", rng=1))
    shares = data["school"].value_counts(normalize=True)
    eta = fit.draws() @ np.array([1.0, 0.5, shares["b"], shares["c"]])
    new = pd.DataFrame({"x": [0.5], "school": ["nowhere"]})
    row = fit.predict(new, unseen="average").iloc[0]
    assert row["probability"] == pytest.approx(expit(eta).mean(), rel=1e-9)
    assert row["lower"] == pytest.approx(np.quantile(expit(eta), 0.025), rel=1e-9)
    densest = fit.predict(new, unseen="average", interval="hdi").iloc[0]
    assert densest["interval"] == "credible-hdi"
    assert densest["upper"] - densest["lower"] <= row["upper"] - row["lower"]
    with pytest.raises(UnseenLevelError, match="nowhere"):
        fit.predict(new)
