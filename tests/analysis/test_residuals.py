"""Residuals against R (stats, statmod's quantile ends), at the extremes, and binned."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from analysis_cases import posterior, problem_of
from analysis_cases import simulated as numbers
from influence_cases import NAMES, fit_of, influence_cases, shown, simulated
from reference_cases import REFERENCE
from scipy.special import expit, log_ndtr
from scipy.stats import binom, norm

import problogit as plg
from problogit.analysis.fitted import FittedRows
from problogit.analysis.residuals import log_tails, quantile_residuals, residuals
from problogit.errors import InputError


def rows_of(log_odds, successes, trials) -> FittedRows:
    arrays = [np.asarray(values, dtype=float) for values in (log_odds, successes, trials)]
    ones = np.ones(arrays[0].size)
    return FittedRows(*arrays, ones, ones)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["deviance", "pearson", "response"])
def test_residuals_are_those_of_r_glm(name, kind):
    expected = np.asarray(influence_cases()[name]["rows"][kind])
    found = shown(name, fit_of(name).residuals(kind))
    assert found.name == kind
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8 * np.abs(expected).max())


@pytest.mark.parametrize("name", NAMES)
def test_standardised_residuals_are_those_of_r_rstandard(name):
    rows, fit = influence_cases()[name]["rows"], fit_of(name)
    for kind, key in (("deviance", "std_deviance"), ("pearson", "std_pearson")):
        np.testing.assert_allclose(
            shown(name, fit.residuals(kind, standardized=True)), rows[key], rtol=1e-7, atol=1e-9
        )


@pytest.mark.parametrize("name", NAMES)
def test_quantile_residuals_lie_between_the_ends_of_statmod(name):
    rows, fit = influence_cases()[name]["rows"], fit_of(name)
    u = np.random.default_rng(np.random.SeedSequence(7)).random(fit.estimate.problem.rows.n_obs)
    found = fit.residuals("quantile", rng=7)
    position = np.searchsorted(fit.estimate.problem.rows.kept, rows["position"])
    lower, upper = np.asarray(rows["quantile_lower"]), np.asarray(rows["quantile_upper"])
    np.testing.assert_allclose(shown(name, found), norm.ppf(lower + u[position] * (upper - lower)), atol=1e-8)
    assert found.attrs["seed"] == 7


def test_quantile_residuals_of_a_right_model_are_standard_normal():
    rng = np.random.default_rng(0)
    eta, m = rng.normal(0, 2, 20_000), rng.integers(1, 6, 20_000)
    s = rng.binomial(m, 1 / (1 + np.exp(-eta)))
    z = np.sort(quantile_residuals(rows_of(eta, s, m), rng.random(20_000)))
    distance = np.abs(norm.cdf(z) - (np.arange(20_000) + 0.5) / 20_000).max()
    assert distance < 1.95 / np.sqrt(20_000)  # Kolmogorov-Smirnov, 0.1%


def test_a_surprise_beyond_the_range_of_floats_has_a_finite_quantile_residual():
    found = quantile_residuals(rows_of([-800, 800, -800, 800], [1, 0, 0, 1], [1, 1, 1, 1]), np.full(4, 0.5))
    np.testing.assert_allclose(log_ndtr(-np.abs(found[:2])), np.log(0.5) - 800, rtol=1e-12)
    assert found[0] == -found[1] > 39
    np.testing.assert_allclose(found[2:], 0, atol=1e-12)


def test_tails_are_those_of_scipy():
    eta = np.array([-3.0, 0.2, 1.5, 0.0])
    s, m = np.array([4, 0, 7, 3]), np.array([9, 4, 7, 6])
    below, above = log_tails(rows_of(eta, s, m))
    p = 1 / (1 + np.exp(-eta))
    np.testing.assert_allclose(np.exp(below), binom.cdf(s, m, p), rtol=1e-12)
    np.testing.assert_allclose(np.exp(above), binom.sf(s - 1, m, p), rtol=1e-12)


def test_digits_do_not_cancel_where_the_fit_is_almost_certain():
    rows = rows_of([40.0, 40.0, -750.0], [1, 0, 0], [1, 1, 1])
    np.testing.assert_allclose(rows.pearson, [np.exp(-20), -np.exp(20), 0], rtol=1e-12, atol=1e-150)
    np.testing.assert_allclose(
        rows.deviance, [np.sqrt(2 * np.log1p(np.exp(-40))), -np.sqrt(80), 0], rtol=1e-10, atol=1e-100
    )
    np.testing.assert_allclose(rows.raw, [np.exp(-40), -1, 0], rtol=1e-12, atol=1e-300)


def test_separated_rows_have_no_residual():
    frame = pd.read_csv(REFERENCE / "data" / "rare_level.csv")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = plg.LogitModel("y ~ group + x", frame).fit()
    rare = frame["group"] == "c"
    for kind in ("deviance", "pearson", "response"):
        found = fit.residuals(kind)
        assert (found[rare] == 0).all()
        assert np.isfinite(found).all()
    assert np.isfinite(fit.residuals("quantile", rng=1)).all()
    assert fit.residuals(standardized=True)[rare].isna().all()


def test_deviance_residuals_square_to_the_deviance():
    for name in ("clinic", "seeds", "clinic_importance"):
        fit = fit_of(name)
        assert float((fit.residuals() ** 2).sum()) == pytest.approx(fit.deviance, rel=1e-10)


def test_residuals_of_a_posterior_are_about_its_mean_probability():
    estimate = posterior(problem_of(*numbers()), [0.2, 0.8, 0.4, -0.1])
    rows = estimate.problem.rows
    p = plg.Fit(estimate).predict_proba()
    np.testing.assert_allclose(residuals(estimate, "response"), rows.successes - p, atol=1e-12)


def test_options_that_do_not_exist_are_named():
    fit = fit_of("clinic")
    with pytest.raises(InputError, match="kind must be one of 'deviance', 'pearson', 'quantile', 'response'"):
        fit.residuals("working")
    with pytest.raises(InputError, match="standardized goes with kind='deviance' or 'pearson'"):
        fit.residuals("quantile", standardized=True)


# -- binned --------------------------------------------------------------------------------------------------------


def test_bins_are_means_over_their_rows():
    frame = simulated(200)
    fit = plg.LogitModel("y ~ x + z", frame, event="yes").fit()
    found = fit.binned_residuals("x", bins=8)
    y, p = (frame["y"] == "yes").astype(float), fit.predict_proba()
    assert found["n"].tolist() == [25] * 8
    for line in found.itertuples():
        inside = ((frame["x"] >= line.low) & (frame["x"] <= line.high)).to_numpy()
        assert line.n == inside.sum()
        assert line.mean == pytest.approx(frame["x"][inside].mean())
        assert line.observed == pytest.approx(y[inside].mean())
        assert line.expected == pytest.approx(p[inside].mean())
        assert line.residual == pytest.approx(line.observed - line.expected)
        assert line.std_error == pytest.approx(np.sqrt((p * (1 - p))[inside].sum()) / inside.sum())
        assert line.upper == pytest.approx(norm.ppf(0.975) * line.std_error)
        assert line.lower == -line.upper
    assert found.attrs == {"by": "x", "level": 0.95, "modelled": "P(y = 'yes')"}


def test_a_frequency_weight_is_that_many_rows_in_the_bins():
    frame = simulated(90).assign(f=np.random.default_rng(0).integers(1, 4, 90))
    weighted = plg.LogitModel("y ~ x", frame, event="yes", weights="f").fit().binned_residuals(bins=6)
    repeated = frame.loc[frame.index.repeat(frame["f"])]
    written_out = plg.LogitModel("y ~ x", repeated, event="yes").fit().binned_residuals(bins=6)
    pd.testing.assert_frame_equal(weighted, written_out, rtol=1e-8, check_exact=False)


def test_trials_count_and_importance_weights_weigh():
    frame = pd.read_csv(REFERENCE / "data" / "pupils.csv")
    fit = plg.LogitModel("solved ~ hours", frame, trials="tries").fit()
    found = fit.binned_residuals(bins=1)
    p, m = fit.predict_proba(), frame["tries"]
    assert found["observed"][0] == pytest.approx(frame["solved"].sum() / m.sum())
    assert found["std_error"][0] == pytest.approx(np.sqrt((m * p * (1 - p)).sum()) / m.sum())
    fit = plg.LogitModel("passed ~ hours", frame, weights="weight", weights_type="importance").fit()
    found, p, w = fit.binned_residuals(bins=1), fit.predict_proba(), frame["weight"]
    assert found["observed"][0] == pytest.approx(np.average(frame["passed"], weights=w))
    assert found["std_error"][0] == pytest.approx(np.sqrt((w**2 * p * (1 - p)).sum()) / w.sum())


def test_equal_values_stay_together():
    fit = fit_of("pupils_interaction")
    found = fit.binned_residuals("prep", bins=10)
    assert found["low"].tolist() == found["high"].tolist() == [0, 1]
    assert found["residual"].abs().max() < 1e-10  # each arm's coefficient of prep is free


def test_about_95_of_100_bins_lie_in_the_band_when_the_model_is_right():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(20_000, 2))
    y = rng.random(20_000) < 1 / (1 + np.exp(-(X[:, 0] - 1)))
    found = plg.LogitModel.from_arrays(X, y).fit().binned_residuals(bins=400)
    inside = ((found["residual"] > found["lower"]) & (found["residual"] < found["upper"])).sum()
    assert 366 <= inside <= 394  # binomial(400, 0.95), +-3.2 sd


def test_other_variables_come_as_numbers():
    frame = simulated()
    frame.loc["case 4", "x"] = np.nan
    fit = plg.LogitModel("y ~ x", frame, event="yes").fit()
    used = frame.drop("case 4")
    by_table, by_rows, by_array = (
        fit.binned_residuals(values, bins=5) for values in (frame["z"], used["z"], used["z"].to_numpy())
    )
    pd.testing.assert_frame_equal(by_table, by_rows)
    pd.testing.assert_frame_equal(by_table, by_array)
    assert by_table.attrs["by"] == "z"
    with pytest.raises(InputError, match="must be a column of the design; received 'xx'. Did you mean 'x'"):
        fit.binned_residuals("xx")
    with pytest.raises(InputError, match="or 149 numbers, one for each row in use"):
        fit.binned_residuals([1, 2, 3])
    with pytest.raises(InputError, match="or 149 numbers"):
        fit.binned_residuals(used["g"])
    with pytest.raises(InputError, match="bins must be an integer of at least 1"):
        fit.binned_residuals(bins=0)


def test_a_column_of_a_sparse_design_can_be_asked_for():
    frame = simulated()
    X, y = frame[["x", "z"]].to_numpy(), (frame["y"] == "yes").to_numpy()
    dense, sparse = (plg.LogitModel.from_arrays(A, y).fit() for A in (X, sp.csr_array(X)))
    name = dense.terms[1]
    pd.testing.assert_frame_equal(
        dense.binned_residuals(name), sparse.binned_residuals(name), rtol=1e-7, check_exact=False
    )


def test_as_many_bins_for_frequency_weights_as_for_the_rows_written_out():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=100), "f": np.full(100, 4)})
    frame["y"] = (rng.random(100) < expit(frame["x"])).astype(int)
    weighted = plg.fit("y ~ x", frame, weights="f").binned_residuals()
    written_out = plg.fit("y ~ x", frame.loc[np.repeat(frame.index, 4)]).binned_residuals()
    assert len(weighted) == 20
    pd.testing.assert_frame_equal(weighted, written_out)
