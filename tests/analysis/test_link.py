"""The link test against R's glm, its size and its power."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from analysis_cases import posterior, problem_of
from analysis_cases import simulated as numbers
from influence_cases import NAMES, fit_of, influence_cases, simulated
from reference_cases import REFERENCE

import problogit as plg
from problogit.analysis.link import link_test
from problogit.errors import NotAvailableError


@pytest.mark.parametrize("name", [name for name in NAMES if name != "pupils_sampling"])
def test_statistic_coefficient_and_error_are_those_of_r_glm(name):
    expected, found = influence_cases()[name]["link"], fit_of(name).link_test()
    assert found.result.kind == "lr"
    assert found.result.df == 1
    assert found.result.statistic == pytest.approx(expected["statistic"], rel=1e-8, abs=1e-10)
    assert found.coefficient == pytest.approx(expected["coef"], rel=1e-7)
    assert found.std_error == pytest.approx(expected["se"], rel=1e-7)


def test_sampling_weights_and_robust_covariances_make_it_a_robust_wald_test():
    found, expected = fit_of("pupils_sampling").link_test(), influence_cases()["pupils_sampling"]["link"]
    assert found.result.kind == "wald"
    assert found.coefficient == pytest.approx(expected["coef"], rel=1e-7)
    frame = simulated(400)
    model = plg.LogitModel("y ~ x + z", frame, event="yes")
    robust, plain = model.fit(plg.MLE("HC0")).link_test(), model.fit().link_test()
    eta = np.log(model.fit().predict_proba() / (1 - model.fit().predict_proba()))
    square = (eta - eta.mean()) ** 2
    by_hand = plg.LogitModel.from_arrays(
        np.column_stack([eta, square]), (frame["y"] == "yes").to_numpy()
    ).fit(plg.MLE("HC0"))
    assert robust.coefficient == pytest.approx(plain.coefficient, rel=1e-6)
    assert robust.std_error == pytest.approx(by_hand.summary()["std_error"].iloc[2], rel=1e-6)
    assert robust.result.statistic == pytest.approx(by_hand.summary()["statistic"].iloc[2] ** 2, rel=1e-6)


def test_a_missing_curve_is_found_and_said():
    rng = np.random.default_rng(1)
    x = rng.normal(size=800)
    y = rng.random(800) < 1 / (1 + np.exp(-(x + x**2 - 1)))
    frame = pd.DataFrame({"y": y, "x": x})
    fit = plg.LogitModel("y ~ x", frame).fit()
    assert fit.link_test().p_value < 1e-6
    assert fit.link_test().coefficient > 0
    (finding,) = [one for one in fit.diagnostics().findings if one.code == "link"]
    assert "too low at both ends" in finding.message
    assert "bs(x, df=4)" in finding.remedy
    curved = plg.LogitModel("y ~ x + I(x ** 2)", frame).fit()
    assert curved.link_test().p_value > 0.01
    assert "link" not in {one.code for one in curved.diagnostics().findings}


def test_it_is_defined_for_every_method():
    estimate = posterior(problem_of(*numbers()), [0.2, 0.8, 0.4, -0.1])
    assert 0 < link_test(estimate).p_value <= 1
    model = plg.LogitModel("y ~ x + z", simulated(), event="yes")
    ridge = model.fit(plg.Penalized(plg.Normal(1e6))).link_test()
    assert ridge.result.statistic == pytest.approx(model.fit().link_test().result.statistic, rel=1e-4)


def test_separated_rows_are_left_out_and_counted():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = plg.LogitModel("y ~ group + x", pd.read_csv(REFERENCE / "data" / "rare_level.csv")).fit()
    assert fit.link_test().result.notes == ("Without 2 rows that are predicted perfectly.",)


def test_too_few_values_are_refused():
    frame = simulated().assign(d=lambda t: (t["g"] == "a").astype(int))
    with pytest.raises(NotAvailableError, match="at least three different finite values .* there are 2"):
        plg.LogitModel("y ~ d", frame, event="yes").fit().link_test()
    with pytest.raises(NotAvailableError, match="there are 1"):
        plg.LogitModel("y ~ 1", frame, event="yes").fit().link_test()


def test_diagnostics_leave_it_out_where_columns_are_many():
    rng = np.random.default_rng(0)
    model = plg.LogitModel.from_arrays(rng.normal(size=(60, 15)), rng.integers(0, 2, 60))
    checks = {check.name: check for check in model.fit(plg.Penalized(plg.Normal(0.3))).diagnostics().checks}
    assert not checks["link test"].done
    assert "fewer than 5 outcomes a column" in checks["link test"].result


@pytest.mark.slow
def test_its_size_is_near_5_percent():
    """2 000 replicates of n = 300 with three predictors: Monte Carlo standard error 0.5%."""
    rng = np.random.default_rng(11)
    rejected = 0
    for _ in range(2000):
        X = rng.normal(size=(300, 3))
        y = rng.random(300) < 1 / (1 + np.exp(-(0.8 * X[:, 0] - 0.5 * X[:, 1] - 0.3)))
        rejected += plg.LogitModel.from_arrays(X, y).fit().link_test().p_value < 0.05
    assert 0.035 < rejected / 2000 < 0.07
