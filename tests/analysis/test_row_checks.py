"""What diagnostics says of rows, columns and the number of events: found where it is, silent where it is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from analysis_cases import posterior, problem_of
from analysis_cases import simulated as numbers
from influence_cases import fit_of, simulated

import problogit as plg
from problogit.analysis.diagnostics import diagnostics
from problogit.analysis.sample_size import expected_shrinkage


def finding(found, code):
    (one,) = [each for each in found.findings if each.code == code]
    return one


def codes(found):
    return {each.code for each in found.findings}


def leaning() -> pd.DataFrame:
    """One row far out that says the opposite of the others."""
    frame = simulated(60)[["x", "y"]]
    frame.loc["odd", ["x", "y"]] = [9.0, "no"]
    return frame


@pytest.mark.parametrize("method", [plg.MLE(), plg.Penalized(plg.Normal(2.0))], ids=["mle", "ridge"])
def test_a_row_that_moves_a_coefficient_is_named_with_the_term(method):
    fit = plg.LogitModel("y ~ x", leaning(), event="yes").fit(method)
    influence = fit.influence()
    assert influence["cooks_distance"].idxmax() == "odd"
    said = finding(fit.diagnostics(), "influence")
    assert said.severity == "warning"
    assert said.terms == ("x",)
    assert f"row odd moves x by {abs(influence.loc['odd', 'dfbetas[x]']):.1f} standard errors" in said.message
    assert "without them" in said.remedy


@pytest.mark.parametrize("seed", range(6))
def test_every_row_that_moves_a_coefficient_by_a_standard_error_is_found(seed):
    """The bound by Cook's distance, which saves the pass over all coefficients, loses none."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.standard_t(1.2, size=(30, 3)), columns=["a", "b", "c"])
    frame["y"] = rng.integers(0, 2, 30)
    fit = plg.LogitModel("y ~ a + b + c", frame).fit()
    influence = fit.influence()
    moved = (influence.filter(like="dfbetas").abs() >= 1).any(axis=1) | (influence["cooks_distance"] >= 1)
    found = [one for one in fit.diagnostics().findings if one.code == "influence"]
    named = [label for label in frame.index if any(f"row {label} moves" in one.message for one in found)]
    assert named == list(frame.index[moved])[:3] or set(named) < set(frame.index[moved])
    assert len(named) == min(3, moved.sum())
    assert all(f" and {moved.sum() - 3} more" in one.message for one in found if moved.sum() > 3)


def test_an_outcome_all_but_impossible_is_named():
    frame = pd.concat([simulated(500)[["x", "y"]]] * 2, ignore_index=True)
    frame["x"] = np.where(frame["y"] == "yes", frame["x"].abs() + 0.5, -frame["x"].abs() - 0.5)
    frame.loc[:40, "x"] *= -1
    frame.loc[3, ["x", "y"]] = [9.0, "no"]
    fit = plg.LogitModel("y ~ x", frame, event="yes").fit()
    found = fit.diagnostics()
    said = finding(found, "outliers")
    assert f"row 3 ({1 - fit.predict_proba()[3]:.1g})" in said.message
    assert "recording errors" in said.remedy


def test_counts_that_vary_more_than_binomial_counts_are_said():
    rng = np.random.default_rng(2)
    x, m = rng.normal(size=100), np.full(100, 20)
    p = 1 / (1 + np.exp(-(x + rng.normal(0, 1.0, 100))))
    frame = pd.DataFrame({"s": rng.binomial(m, p), "m": m, "x": x})
    model = plg.LogitModel("s ~ x", frame, trials="m")
    fit = model.fit()
    pearson = float((fit.residuals("pearson") ** 2).sum())
    said = finding(fit.diagnostics(), "overdispersion")
    assert said.severity == "warning"
    assert f"Pearson's statistic {pearson:.1f} on 98 degrees of freedom" in said.message
    assert finding(model.fit(plg.MLE("HC3")).diagnostics(), "overdispersion").severity == "info"
    right = frame.assign(s=rng.binomial(m, 1 / (1 + np.exp(-x))))
    assert "overdispersion" not in codes(plg.LogitModel("s ~ x", right, trials="m").fit().diagnostics())


def test_the_reference_fits_raise_no_alarm_about_rows():
    for name in ("clinic", "seeds", "survey_frequency"):
        assert not codes(fit_of(name).diagnostics()) & {"influence", "outliers", "link", "overdispersion"}


def test_what_was_checked_is_listed_with_its_figures():
    fit = fit_of("seeds")
    found = fit.diagnostics()
    assert [check.name for check in found.checks] == [
        "convergence",
        "separation",
        "influence of single rows",
        "outcomes against the fit",
        "dispersion of the counts",
        "link test",
        "collinearity",
        "events per parameter",
    ]
    assert all(check.done for check in found.checks)
    largest = fit.influence()["cooks_distance"]
    assert found.checks[2].result == f"largest Cook's distance {largest.max():.2g} (row {largest.idxmax()})"
    assert list(found.checked.columns) == ["check", "result", "limit", "done"]
    assert "Checked: link test: p = " in str(found)


def test_what_takes_long_is_left_out_and_said(monkeypatch):
    fit = fit_of("clinic")
    quick = fit.diagnostics(full=False)
    assert {check.name for check in quick.checks if not check.done} == {
        "influence of single rows",
        "outcomes against the fit",
        "link test",
    }
    assert "Not checked: link test: it takes longer: diagnostics(full=True)" in str(quick)
    monkeypatch.setattr("problogit.analysis.diagnostics._QUICK", 10.0)
    monkeypatch.setattr("problogit.analysis.diagnostics._GRAM", 10.0)
    assert sum(not check.done for check in fit.diagnostics().checks) == 4
    assert all(check.done for check in fit.diagnostics(full=True).checks)


def test_a_posterior_is_asked_for_influence_by_leave_one_out_on_request():
    estimate = posterior(problem_of(*numbers()), [0.2, 0.8, 0.4, -0.1])
    by_default = {check.name: check for check in diagnostics(estimate).checks}
    assert not by_default["influence of single rows"].done
    assert by_default["link test"].done
    asked = {check.name: check for check in diagnostics(estimate, full=True).checks}
    assert asked["influence of single rows"].result.startswith("largest Pareto k-hat")


def test_a_fit_without_its_data_says_what_it_cannot_check():
    estimate = fit_of("clinic").estimate
    from dataclasses import replace

    found = diagnostics(replace(estimate, problem=estimate.problem.without_data()))
    undone = {check.name for check in found.checks if not check.done}
    assert undone == {"influence of single rows", "outcomes against the fit", "link test", "collinearity"}
    assert "loaded without its data" in str(found)


def test_the_expected_shrinkage_is_that_of_van_houwelingen_and_le_cessie():
    fit = fit_of("clinic")
    statistic = 2 * (fit.loglik - fit.null_loglik)
    assert expected_shrinkage(fit.estimate) == pytest.approx((statistic - 4) / statistic)
    noise = simulated(300).assign(a=np.random.default_rng(0).normal(size=300))
    weak = plg.LogitModel("y ~ a", noise, event="yes").fit()
    assert expected_shrinkage(weak.estimate) < 0.5
    assert "overfitting" in codes(weak.diagnostics())
    assert np.isnan(expected_shrinkage(fit_of("clinic_importance").estimate))
    ridge = plg.LogitModel("y ~ x", simulated(), event="yes").fit(plg.Penalized())
    assert np.isnan(expected_shrinkage(ridge.estimate))


def test_slopes_that_explain_no_more_than_noise_are_said_to():
    rng = np.random.default_rng(12)
    frame = pd.DataFrame(rng.normal(size=(200, 4)), columns=list("abcd")).assign(y=rng.integers(0, 2, 200))
    found = plg.LogitModel("y ~ a + b + c + d", frame).fit().diagnostics()
    assert "no more than as many columns of noise" in finding(found, "overfitting").message
