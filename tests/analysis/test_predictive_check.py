"""Replicated outcomes against beta-binomial distributions, the CORP curve and its band, and planted misfits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from judged_cases import predictions
from scipy.special import expit, logit
from scipy.stats import betabinom

import problogit as plg
from problogit.analysis.calibration_figures import Smoothing
from problogit.analysis.calibration_null import fixed_reference
from problogit.analysis.cells import cells_of
from problogit.analysis.corp import corp
from problogit.analysis.predictive_check import predictive_check
from problogit.analysis.replicates import posterior_predictive
from problogit.core.coefficients import DrawnCoefficients
from problogit.errors import AliasingWarning, InputError, NotAvailableError
from problogit.estimate import Details, Estimate, FitStats, Provenance, Status


def posterior(problem, draws, status=Status.CONVERGED):
    """An estimate with these draws (n, n_terms) in four chains."""
    return Estimate(
        problem=problem,
        method=plg.Bayes(plg.Normal(1.0)),
        coefficients=DrawnCoefficients(draws.reshape(4, -1, draws.shape[1])),
        status=status,
        findings=(),
        stats=FitStats.of(-1.0, np.nan, problem),
        provenance=Provenance("drawn in a test", None, 0.0, {}),
        details=Details(),
    )


def sample(n=300, seed=0, effect=1.5):
    random = np.random.default_rng(seed)
    x, group = random.normal(size=n), random.integers(0, 3, n)
    y = (random.random(n) < expit(0.8 * x + effect * (group == 2))).astype(int)
    return pd.DataFrame({"x": x, "group": np.array(["a", "b", "c"])[group], "y": y})


def of_beta(n=40, events=13, draws=8000):
    """Intercept only: the posterior Beta(1 + s, 1 + n - s), so that replicated counts are beta-binomial."""
    y = np.r_[np.ones(events), np.zeros(n - events)].astype(int)
    problem = plg.LogitModel("y ~ 1", pd.DataFrame({"y": y})).problem
    p = np.random.default_rng(1).beta(1 + events, 1 + n - events, draws)
    return posterior(problem, logit(p)[:, None]), betabinom(n, 1 + events, 1 + n - events)


def test_replicated_event_rates_are_beta_binomial():
    estimate, exact = of_beta()
    found = predictive_check(estimate, draws=8000, rng=2)
    line = found.statistics.iloc[0]
    assert line["mean"] == pytest.approx(exact.mean() / 40, abs=4 * exact.std() / 40 / np.sqrt(8000))
    assert [line["lower"], line["upper"]] == [exact.ppf(0.025) / 40, exact.ppf(0.975) / 40]
    assert line["p_value"] == pytest.approx(exact.sf(13) + exact.pmf(13) / 2, abs=4 * 0.5 / np.sqrt(8000))
    assert found.distribution == "posterior"
    assert len(found.bins) == 1
    assert found.bins.loc[0, "observed"] == 13 / 40


def test_groups_of_labels_are_beta_binomial_too():
    estimate, _ = of_beta()
    label = np.array(["first"] * 10 + ["rest"] * 30)
    found = predictive_check(estimate, by=label, draws=8000, rng=3).statistics
    exact = betabinom(10, 14, 28)
    first = found.iloc[1]
    assert first["group"] == "values = first"
    assert first["observed"] == 1.0
    assert first["n"] == 10
    assert first["p_value"] == pytest.approx(exact.pmf(10) / 2, abs=0.003)
    assert "does not reproduce: event rate values = first" in predictive_check(estimate, label, rng=3).verdict


def test_outcomes_are_drawn_from_the_posterior():
    frame = sample()
    problem = plg.LogitModel("y ~ x", frame).problem
    draws = np.random.default_rng(4).normal([0.3, 0.8], 0.1, size=(4000, 2))
    estimate = posterior(problem, draws)
    found = posterior_predictive(estimate, rng=5)
    assert found.shape == (4000, 300)
    assert found.dtype == np.int8
    p = expit(problem.rows.X @ draws.T).mean(axis=1)
    np.testing.assert_allclose(found.mean(axis=0), p, atol=5 * np.sqrt(0.25 / 4000))
    np.testing.assert_array_equal(found[:7], posterior_predictive(estimate, rng=5)[:7])
    assert posterior_predictive(estimate, draws=11, rng=5).shape == (11, 300)
    with pytest.raises(InputError, match="draws must be at most 3333333 for 300 rows"):
        posterior_predictive(estimate, draws=4_000_000)


def test_trials_and_copies_are_counted_in_replications():
    X, m = np.zeros((5, 1)), np.full(5, 300)
    problem = plg.LogitModel.from_arrays(X, np.full(5, 60), trials=m, weights=np.full(5, 2)).problem
    draws = np.column_stack([np.full(2000, logit(0.2)), np.zeros(2000)])
    found = posterior_predictive(posterior(problem, draws), rng=6)
    assert found.dtype == np.int16
    assert found.mean() == pytest.approx(120, rel=0.01)
    assert found.std() == pytest.approx(np.sqrt(600 * 0.16), rel=0.05)


def test_the_curve_is_corp_and_the_band_that_of_right_predictions():
    """With draws that hardly differ the replications are those of `fixed_reference`."""
    problem = plg.LogitModel("y ~ x", sample(n=150)).problem
    draws = np.random.default_rng(7).normal([0.3, 0.8], 1e-9, size=(4000, 2))
    found = predictive_check(posterior(problem, draws), draws=2000, rng=8)
    rows = problem.rows
    eta = rows.X @ np.array([0.3, 0.8])
    exact = corp(eta, rows.successes, rows.trials, rows.weights)
    np.testing.assert_allclose(found.curve["y"], exact.y, atol=1e-9)
    np.testing.assert_allclose(found.curve["x_min"], exact.x_min, atol=1e-6)
    null = fixed_reference(cells_of(predictions(eta, rows.successes)), Smoothing(), rng=9)
    lower, upper = np.quantile(null.corp, [0.025, 0.975], axis=0)
    assert np.abs(np.interp(null.x, found.band["x"], found.band["lower"]) - lower).mean() < 0.02
    assert np.abs(np.interp(null.x, found.band["x"], found.band["upper"]) - upper).mean() < 0.02


def test_a_variable_that_the_model_lacks_is_found_and_one_that_it_has_is_reproduced():
    frame = sample(n=400)
    without = plg.fit("y ~ x", frame)
    check = predictive_check(without.estimate, by="group", rng=10)
    p = check.statistics.set_index("group")["p_value"]
    assert p["group = c"] < 0.005
    assert "group = c" in set(check.surprising["group"])
    assert check.distribution == "sampling distribution (confidence-wald), not a posterior"
    within = plg.fit("y ~ x + group", frame)
    again = predictive_check(within.estimate, by=frame["group"], rng=10).statistics
    assert again["p_value"].between(0.05, 0.95).all()
    assert list(again["group"]) == ["", "group = a", "group = b", "group = c"]
    X, y = within.estimate.problem.rows.X[:, 1:], frame["y"].to_numpy()
    terms = within.estimate.terms[1:]
    bare = plg.LogitModel.from_arrays(X, y, names=terms).fit()
    found = predictive_check(bare.estimate, by=terms[-1], rng=10).statistics
    assert list(found["group"]) == ["", f"{terms[-1]} = 0", f"{terms[-1]} = 1"]


def test_a_bend_that_the_model_lacks_is_found_in_fifths_of_its_variable():
    random = np.random.default_rng(11)
    x = random.normal(size=600)
    y = (random.random(600) < expit(x**2 - 1)).astype(int)
    fit = plg.fit("y ~ x", pd.DataFrame({"x": x, "y": y}))
    found = predictive_check(fit.estimate, by="x", rng=12).statistics
    assert len(found) == 6
    assert ((found["p_value"] < 0.005) | (found["p_value"] > 0.995)).sum() >= 3
    by_hand = y[x <= np.quantile(x, 0.2)].mean()
    assert found.loc[1, "observed"] == pytest.approx(by_hand, abs=0.01)


def test_overdispersed_counts_are_found():
    random = np.random.default_rng(13)
    m = np.full(60, 30)
    p = expit(random.normal(0, 1.0, 60))
    fit = plg.fit("s ~ 1", pd.DataFrame({"s": random.binomial(m, p), "m": m}), trials="m")
    line = predictive_check(fit.estimate, rng=14).statistics.set_index("statistic").loc["dispersion"]
    assert line["observed"] > 2
    assert line["p_value"] < 0.005
    plain = plg.fit("s ~ 1", pd.DataFrame({"s": random.binomial(m, 0.4), "m": m}), trials="m")
    line = predictive_check(plain.estimate, rng=14).statistics.set_index("statistic").loc["dispersion"]
    assert 0.02 < line["p_value"] < 0.98


def test_weight_two_is_the_row_twice():
    frame = sample(n=80)
    weighted = plg.fit("y ~ x", frame.assign(w=2), weights="w")
    twice = plg.fit("y ~ x", pd.concat([frame, frame]))
    one, other = (predictive_check(fit.estimate, draws=2000, rng=15) for fit in (weighted, twice))
    np.testing.assert_allclose(one.bins["observed"], other.bins["observed"])
    np.testing.assert_allclose(one.bins["n"], other.bins["n"])
    np.testing.assert_allclose(one.bins["upper"], other.bins["upper"], atol=0.07)


def test_what_cannot_be_replicated_is_refused():
    frame = sample()
    lasso = plg.fit("y ~ x", frame, plg.Penalized(plg.Laplace(0.5)))
    with pytest.raises(NotAvailableError, match="bootstrap"):
        predictive_check(lasso.estimate)
    with pytest.raises(NotAvailableError, match=r"needs a posterior.*predictive_check"):
        posterior_predictive(plg.fit("y ~ x", frame).estimate)
    estimate, _ = of_beta()
    with pytest.raises(InputError, match="by must be a column of the data"):
        predictive_check(estimate, by="group")
    with pytest.raises(InputError, match="40 labels, one for each row in use"):
        predictive_check(estimate, by=[1, 2])
    with pytest.raises(InputError, match="must have a label for every row"):
        predictive_check(estimate, by=pd.Series([None, *range(39)]))


def test_a_fit_that_failed_its_checks_says_so():
    estimate, _ = of_beta()
    failed = posterior(estimate.problem, estimate.coefficients.flat, Status.DIAGNOSTICS_FAILED)
    assert "reason not to trust these draws" in str(predictive_check(failed, rng=1))


def test_rows_of_the_table_and_of_an_aliased_design_are_found():
    frame = sample(n=100).assign(twice=lambda d: 2 * d["x"])
    frame.loc[3, "x"] = np.nan
    with pytest.warns(AliasingWarning):
        fit = plg.fit("y ~ x + twice", frame)
    found = predictive_check(fit.estimate, by=frame["group"], rng=16)
    assert found.statistics["n"].iloc[1:].sum() == 99
    assert found.statistics["p_value"].iloc[0] == pytest.approx(0.5, abs=0.1)
