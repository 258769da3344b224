"""Approximate leave-one-out against exact refits by R (tests/reference/leave_one_out) and by the methods themselves."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pandas as pd
import pytest
from reference_cases import REFERENCE, options, table
from scipy.sparse import csr_array
from scipy.special import expit

import problogit as plg
from problogit.analysis import approximate_loo as module
from problogit.analysis.approximate_loo import approximate_loo, approximate_refusal
from problogit.analysis.influence import units_of
from problogit.analysis.judged import judge, refitted_by
from problogit.errors import NotAvailableError, ProblogitWarning

CASES = {
    case["name"]: case
    for case in json.loads((REFERENCE / "leave_one_out" / "leave_one_out.json").read_text())["cases"]
}
# Largest error of a probability by one step, by the second order, and after flagged rows are refitted.
BOUNDS = {
    "vaso": (0.016, 0.0045, 4e-5),
    "vaso_ridge": (0.0034, 3e-4, 3e-4),
    "german_credit": (0.015, 0.0038, 1.2e-4),
    "german_credit_ridge": (4.6e-4, 1.1e-4, 2.1e-5),
    "pupils_counts": (7.6e-5, 5e-6, 1.3e-5),
    "survey_frequency": (2.7e-5, 4e-6, 6e-6),
}


def estimated(problem, method=None):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ProblogitWarning)
        return (plg.MLE() if method is None else method).estimate(problem)


def arrays(n, p=3, seed=0, **options):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, p))
    y = (random.random(n) < expit(X[:, 0] - 0.4)).astype(float)
    return plg.LogitModel.from_arrays(X, y, **options).problem


@pytest.fixture(scope="module", params=sorted(CASES))
def reference(request):
    case = CASES[request.param]
    problem = plg.LogitModel(case["formula"], table(case).head(case["rows"]), **options(case)).problem
    method = plg.MLE() if case["scale"] is None else plg.Penalized(plg.Normal(case["scale"]))
    exact = expit(np.array(case["log_odds"]))
    np.testing.assert_array_equal(problem.rows.kept, case["position"])
    return request.param, estimated(problem, method), exact


def test_each_order_against_exact_refits_by_r(reference):
    name, estimate, exact = reference
    fit = estimate.method.linearised(estimate)
    copies = units_of(estimate, fit)
    found, eta = fit.one_step(copies), fit.likelihood.eta(fit.point)
    everything = np.arange(eta.size)
    first = expit(eta - found.own)
    second = expit(eta - found.own + fit.second_order(found, copies, everything))
    result = approximate_loo(estimate)
    errors = [np.abs(p - exact).max() for p in (first, second, expit(result.log_odds))]
    assert np.all(np.array(errors) < BOUNDS[name]), errors
    assert errors[1] < errors[0] / 3
    np.testing.assert_allclose(expit(result.log_odds)[result.refitted], exact[result.refitted], rtol=1e-7)
    assert (result.flagged == result.refitted).all()
    assert result.flagged[(result.leverage > 0.3) | (np.abs(second - expit(eta)) > 0.05)].all()


def test_pregibons_influential_row_of_vaso_against_exact_refits_by_r():
    case = CASES["vaso"]
    estimate = estimated(plg.LogitModel(case["formula"], table(case)).problem)
    fit = estimate.method.linearised(estimate)
    one_step = fit.likelihood.eta(fit.point) - fit.one_step(np.ones(39)).own
    exact, found = expit(case["log_odds"][3]), approximate_loo(estimate)
    assert (expit(one_step[3]), exact) == pytest.approx((0.0222, 0.0098), abs=5e-5)
    assert expit(found.log_odds[3]) == pytest.approx(exact, rel=1e-8)
    assert f"{found.refitted.sum()} of 39 leave-one-out predictions are exact" in found.notes[0]


@pytest.mark.parametrize(
    ("method", "bound"),
    [
        (plg.Penalized(plg.Jeffreys()), 3e-3),
        (plg.Penalized(plg.Jeffreys(flic=False)), 3e-3),
        pytest.param(plg.Penalized(plg.StudentT(3, 0.5)), 1e-3, marks=pytest.mark.slow),
        pytest.param(plg.Penalized(plg.Cauchy(0.5, autoscale=True)), 1e-3, marks=pytest.mark.slow),
        (plg.Penalized(plg.Priors(plg.Flat(), terms={"x0": plg.Normal(0.3)})), 4e-4),
    ],
    ids=lambda value: value.describe() if isinstance(value, plg.Penalized) else "",
)
def test_penalized_fits_match_their_exact_refits(method, bound):
    estimate = estimated(arrays(70), method)
    found, exact = approximate_loo(estimate), judge(estimate, resample="exact")
    error = np.abs(expit(found.log_odds) - expit(exact.log_odds))
    assert error.max() < bound
    assert error[found.refitted].max(initial=0.0) < 1e-9


@pytest.mark.parametrize("weights_type", ["importance", "sampling"])
def test_a_weighted_row_leaves_with_all_its_weight_as_in_exact_refits(weights_type):
    weights = np.random.default_rng(3).uniform(0.3, 2.5, 80)
    estimate = estimated(arrays(80, weights=weights, weights_type=weights_type))
    found, exact = approximate_loo(estimate), judge(estimate, resample="exact")
    assert np.abs(expit(found.log_odds) - expit(exact.log_odds)).max() < 5e-4


def test_a_frequency_weight_is_that_many_rows():
    copies = np.tile([1, 3], 30)
    problem = arrays(60)
    X, y = problem.rows.X[:, 1:], problem.rows.successes
    weighted = estimated(plg.LogitModel.from_arrays(X, y, weights=copies).problem)
    spread = estimated(plg.LogitModel.from_arrays(np.repeat(X, copies, axis=0), np.repeat(y, copies)).problem)
    one, other = approximate_loo(weighted), approximate_loo(spread)
    np.testing.assert_allclose(np.repeat(one.log_odds, copies), other.log_odds, rtol=1e-8)
    np.testing.assert_array_equal(np.repeat(one.refitted, copies), other.refitted)
    judged = judge(weighted, resample="loo")
    assert (judged.kind, judged.n) == ("alo", 120)


def test_a_row_whose_removal_separates_gets_the_wrong_certainty_of_its_exact_refit():
    data = pd.DataFrame(
        {"g": np.repeat(["a", "b"], [60, 31]), "y": np.r_[np.tile([0, 1], 30), 1, np.zeros(30)]}
    )
    estimate = estimated(plg.LogitModel("y ~ g", data).problem)
    found = approximate_loo(estimate)
    assert found.log_odds[60] == -np.inf  # the only event of its level; its leverage is 1/31
    np.testing.assert_allclose(found.log_odds, judge(estimate, resample="exact").log_odds, atol=2e-5)
    scored = plg.fit("y ~ g", data).scores(resample="loo")
    assert scored["value"][0] == np.inf


def test_separated_rows_and_a_row_with_a_coefficient_of_its_own_match_exact_refits():
    random = np.random.default_rng(5)
    level = np.r_[["rare"] * 2, ["alone"], np.tile(["a", "b"], 11)]
    data = pd.DataFrame({"g": level, "x": random.normal(size=25).round(1)})
    data["y"] = np.r_[1, 1, 1, random.random(22) < 0.4].astype(int)
    estimate = estimated(plg.LogitModel("y ~ x + C(g, contr.treatment('a'))", data).problem)
    found, exact = approximate_loo(estimate).log_odds, judge(estimate, resample="exact").log_odds
    np.testing.assert_array_equal(found[:3], exact[:3])
    assert (found[0], found[1]) == (np.inf, np.inf)
    assert np.isnan(found[2])
    assert np.abs(expit(found[3:]) - expit(exact[3:])).max() < 5e-4


def test_aliased_columns_change_nothing():
    problem = arrays(80)
    X, y = problem.rows.X[:, 1:], problem.rows.successes
    doubled = estimated(plg.LogitModel.from_arrays(np.column_stack([X, X[:, 0] + X[:, 1]]), y).problem)
    found, plain = approximate_loo(doubled), approximate_loo(estimated(problem))
    np.testing.assert_allclose(found.log_odds, plain.log_odds, rtol=1e-8)


def test_a_sparse_design_gives_what_its_dense_copy_gives():
    random = np.random.default_rng(1)
    X = random.normal(size=(150, 3)) * (random.random((150, 3)) < 0.5)
    y = (random.random(150) < expit(X[:, 0])).astype(float)
    dense, sparse = (
        approximate_loo(estimated(plg.LogitModel.from_arrays(A, y).problem, plg.Penalized(plg.Normal(1.0))))
        for A in (X, csr_array(X))
    )
    np.testing.assert_allclose(dense.log_odds, sparse.log_odds, rtol=1e-7)


def test_more_influential_rows_than_are_refitted_are_counted(monkeypatch):
    estimate = estimated(arrays(40, 4, 2))
    every = approximate_loo(estimate)
    monkeypatch.setattr(module, "_LEAST_REFITS", 2)
    monkeypatch.setattr(module, "MOST_REFITS", 2)
    few = approximate_loo(estimate)
    assert (few.refitted.sum(), few.flagged.sum()) == (2, every.flagged.sum())
    assert f"{every.flagged.sum() - 2} further rows of as much influence" in few.notes[1]
    assert "at most 2 refits" in few.notes[1]


def test_what_has_no_smooth_optimum_is_refused_with_the_reason_and_judged_by_folds():
    problem = arrays(210)
    refused = {
        "L1 penalty has a kink": plg.Penalized(plg.Laplace(1.0)),
        "chooses its strength": plg.Penalized(plg.Normal(1.0), select="aic"),
    }
    fits = {reason: estimated(problem, method) for reason, method in refused.items()}
    for reason, estimate in fits.items():
        assert reason in approximate_refusal(estimate)
        with pytest.raises(NotAvailableError, match='resample="folds" refits instead'):
            approximate_loo(estimate)
        assert refitted_by([estimated(problem), estimate]) == "folds"
    assert refitted_by([estimated(problem), estimated(problem, plg.Penalized(plg.Normal(1.0)))]) == "loo"
    lasso = fits["L1 penalty has a kink"]
    assert judge(lasso).kind == "folds"
    assert any(note.startswith("Judged by folds: Approximate") for note in judge(lasso, folds=2).notes)


def test_many_separated_rows_are_judged_by_folds():
    random = np.random.default_rng(0)
    X = np.column_stack([np.arange(300) < 130, random.normal(size=300)]).astype(float)
    y = (X[:, 0] == 1) | (random.random(300) < 0.4)
    estimate = estimated(plg.LogitModel.from_arrays(X, y).problem)
    assert "130 of 300 rows are separated" in approximate_refusal(estimate)
    judged = judge(estimate, folds=2)
    assert judged.kind == "folds"
    assert any("130 of 300 rows are separated" in note for note in judged.notes)


def test_one_event_cannot_be_left_out():
    X = np.random.default_rng(0).normal(size=(250, 1))
    estimate = estimated(plg.LogitModel.from_arrays(X, np.arange(250) == 7).problem)
    with pytest.raises(NotAvailableError, match="1 row holds an event"):
        judge(estimate, resample="loo")


@pytest.mark.slow
def test_pareto_smoothed_probabilities_match_the_exact_refits_of_a_posterior():
    """Of vaso's 39 rows. Monte Carlo error: 8 000 draws each; a few times it where weights are unequal."""
    case = CASES["vaso"]
    problem = plg.LogitModel(case["formula"], table(case)).problem
    method = plg.Bayes(plg.Normal(2.5), sampler="laplace", draws=2000, rng=1)
    estimate = method.estimate(problem)
    exact, smoothed = judge(estimate, resample="exact"), judge(estimate, resample="loo")
    assert (exact.kind, smoothed.kind) == ("loo", "psis-loo")
    error = np.abs(expit(exact.log_odds) - expit(smoothed.log_odds))
    assert error.max() < 0.02
    assert np.sqrt(np.mean(error**2)) < 0.005
    trusted = smoothed.loo.pareto_k <= smoothed.loo.good_k
    assert (trusted | smoothed.loo.refitted).all()
