"""Collinearity against R: car::vif, and Belsley's decomposition by svd."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from influence_cases import NAMES, fit_of, influence_cases, simulated
from reference_cases import REFERENCE

import problogit as plg
from problogit.analysis.diagnostics import diagnostics
from problogit.errors import NotAvailableError


@pytest.mark.parametrize("name", NAMES)
def test_generalised_variance_inflation_is_that_of_car(name):
    expected, found = influence_cases()[name]["vif"], fit_of(name).collinearity()
    assert list(found.vif.index) == expected["term"]
    assert found.vif["df"].tolist() == expected["df"]
    np.testing.assert_allclose(found.vif["gvif"], expected["gvif"], rtol=1e-9)
    np.testing.assert_allclose(found.vif["se_factor"] ** (2 * found.df), expected["gvif"], rtol=1e-9)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("centred", [True, False])
def test_condition_indices_and_proportions_are_those_of_belsley(name, centred):
    expected = influence_cases()[name]["collinearity"]["centred" if centred else "raw"]
    found = fit_of(name).collinearity(centred)
    np.testing.assert_allclose(found.indices, expected["index"], rtol=1e-8)
    np.testing.assert_allclose(found.shares, expected["proportions"], atol=1e-8)
    assert found.condition_number == found.indices[-1]
    assert found.proportions.shape == (len(found.columns), 1 + len(found.columns))


def test_the_pair_is_named():
    fit = plg.LogitModel("y ~ x1 + x2 + x3", pd.read_csv(REFERENCE / "data" / "collinear.csv")).fit()
    found = fit.collinearity()
    (pair,) = found.dependencies
    assert pair.columns == ("x1", "x2")
    assert min(pair.shares) > 0.999
    assert str(pair) == "x1 and x2 (correlation beyond 0.9999)"
    assert "x1 and x2" in str(found)
    (finding,) = [one for one in fit.diagnostics().findings if one.code == "collinear"]
    assert finding.severity == "warning"
    assert finding.terms == ("x1", "x2")
    assert "Leave one out" in finding.remedy


def test_a_set_of_three_is_named():
    frame = simulated(400)
    frame["total"] = frame["x"] + frame["z"] + 0.01 * np.random.default_rng(0).normal(size=400)
    found = plg.LogitModel("y ~ x + z + total + g", frame, event="yes").fit().collinearity()
    assert found.dependencies[0].columns == ("x", "z", "total")


def test_a_year_is_not_blamed_for_lying_far_from_zero():
    frame = simulated().assign(year=lambda t: 2015.0 + np.arange(len(t)) % 7)
    fit = plg.LogitModel("y ~ x + year", frame, event="yes").fit()
    assert fit.collinearity().condition_number < 2
    raw = fit.collinearity(centred=False)
    assert raw.dependencies[0].columns == ("Intercept", "year")
    assert raw.condition_number > 500


def test_columns_made_of_one_variable_are_told_apart_from_unrelated_ones():
    frame = simulated(300)
    frame["far"] = frame["x"] + 20
    fit = plg.LogitModel("y ~ far + I(far ** 2)", frame, event="yes").fit()
    (finding,) = [one for one in fit.diagnostics().findings if one.code == "collinear"]
    assert finding.severity == "info"
    assert "made of far" in finding.remedy


def test_exact_repeats_under_a_prior_are_infinite_and_named():
    frame = simulated().assign(twice=lambda t: 2 * t["x"])
    fit = plg.LogitModel("y ~ x + twice + z", frame, event="yes").fit(plg.Penalized())
    found = fit.collinearity()
    assert found.vif["gvif"].tolist()[:2] == [np.inf, np.inf]
    assert found.vif.loc["z", "gvif"] < 1.1
    assert found.dependencies[0].columns == ("x", "twice")
    assert np.isinf(found.condition_number)
    assert "Only the prior tells" in str(fit.diagnostics())


def test_repeats_that_maximum_likelihood_left_out_are_left_out_here():
    frame = simulated().assign(twice=lambda t: 2 * t["x"])
    with pytest.warns(plg.errors.AliasingWarning):
        fit = plg.LogitModel("y ~ x + twice + z", frame, event="yes").fit()
    found = fit.collinearity()
    assert found.columns == ("x", "z")
    assert found.notes == ("Without columns that are constant or repeat others: twice.",)


def test_more_columns_than_rows():
    frame = pd.read_csv(REFERENCE / "data" / "wide.csv")
    found = plg.LogitModel("y ~ .", frame).fit(plg.Penalized(plg.Normal(0.3))).collinearity()
    assert np.isinf(found.gvif).all()
    assert len(found.dependencies[0].columns) == 150


def test_without_an_intercept_nothing_is_taken_out():
    frame = simulated()
    found = plg.LogitModel("y ~ 0 + x + z", frame, event="yes").fit().collinearity()
    assert not found.centred
    assert found.columns == ("x", "z")


def test_a_sparse_design_gives_the_same():
    frame = simulated()
    X, y = frame[["x", "z"]].to_numpy(), (frame["y"] == "yes").to_numpy()
    dense, sparse = (plg.LogitModel.from_arrays(A, y).fit().collinearity() for A in (X, sp.csr_array(X)))
    np.testing.assert_allclose(dense.gvif, sparse.gvif, rtol=1e-8)
    np.testing.assert_allclose(dense.indices, sparse.indices, rtol=1e-8)


def test_under_separation_rows_count_alike_and_it_is_said():
    frame = pd.read_csv(REFERENCE / "data" / "rare_level.csv")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = plg.LogitModel("y ~ group + x", frame).fit().collinearity()
    X = np.column_stack([frame["group"] == "b", frame["group"] == "c", frame["x"]]).astype(float)
    C = np.corrcoef(X.T)
    of_x = 1 / (1 - C[2, :2] @ np.linalg.solve(C[:2, :2], C[:2, 2]))
    assert found.vif.loc["x", "gvif"] == pytest.approx(of_x)
    assert "rows count alike" in found.notes[0]


def test_a_model_without_slopes_has_no_collinearity():
    fit = plg.LogitModel("y ~ 1", simulated(), event="yes").fit()
    with pytest.raises(NotAvailableError, match="needs a column beside the intercept"):
        fit.collinearity()
    unchecked = {check.name for check in diagnostics(fit.estimate).checks if not check.done}
    assert unchecked == {"collinearity", "link test"}
