"""Influence against R (stats), against exact refits, and in every kind of fit."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from influence_cases import NAMES, fit_of, influence_cases, shown, simulated, without_unit
from reference_cases import REFERENCE

import problogit as plg
from problogit.errors import InputError, NotAvailableError


def wide(frame: pd.DataFrame) -> np.ndarray:
    return frame.filter(like="dfbetas[").to_numpy()


def close(found, expected, rtol=1e-8):
    expected = np.asarray(expected, dtype=float)
    np.testing.assert_allclose(np.asarray(found), expected, rtol=0, atol=rtol * np.abs(expected).max())


@pytest.mark.parametrize("name", NAMES)
def test_leverage_cook_and_standard_residuals_are_those_of_r_stats(name):
    rows, found = influence_cases()[name]["rows"], shown(name, fit_of(name).influence(()))
    assert list(found.columns) == ["leverage", "cooks_distance", "std_residual"]
    close(found["leverage"], rows["leverage"])
    close(found["cooks_distance"], rows["cooks_distance"])
    close(found["std_residual"], rows["std_deviance"])


@pytest.mark.parametrize("name", NAMES)
def test_dfbetas_are_those_of_r(name):
    rows = influence_cases()[name]["rows"]
    close(wide(shown(name, fit_of(name).influence())), rows["dfbetas"])
    close(wide(shown(name, fit_of(name).influence(dfbetas="r"))), rows["dfbetas_r"])


@pytest.mark.parametrize("name", NAMES)
def test_sums_over_all_rows_are_those_of_r(name):
    fit, sums = fit_of(name), influence_cases()[name]["sums"]
    found, weights = fit.influence(dfbetas="r"), fit.estimate.problem.rows.weights
    copies = weights if fit.estimate.problem.weights_type == "frequency" else 1.0
    assert float((copies * found["leverage"]).sum()) == pytest.approx(sums["leverage"], rel=1e-9)
    assert found["cooks_distance"].sum() == pytest.approx(sums["cooks_distance"], rel=1e-9)
    close(np.abs(wide(found)).sum(axis=0), sums["dfbetas_r"])


@pytest.mark.parametrize("name", NAMES)
def test_one_step_is_near_the_exact_refits_of_r_and_nearer_than_r(name):
    rows = influence_cases()[name]["rows"]
    exact = np.asarray(rows["exact"])
    error = np.abs(wide(shown(name, fit_of(name).influence())) - exact)
    assert error.max() < 0.1 * np.abs(exact).max()
    assert np.sqrt((error**2).mean()) < 0.3 * np.sqrt(((np.asarray(rows["dfbetas_r"]) - exact) ** 2).mean())


RIDGE = plg.Penalized(plg.Normal(0.6))


@pytest.mark.parametrize(
    "method",
    [RIDGE, plg.Penalized(plg.Cauchy(1.0)), plg.Penalized(plg.Normal(0.4), solver="lbfgs")],
    ids=["normal", "cauchy", "lbfgs"],
)
def test_under_a_smooth_prior_the_shifts_are_near_exact_refits(method):
    fit = plg.LogitModel("y ~ x + z + g", simulated(), event="yes").fit(method)
    found, problem = fit.influence(), fit.estimate.problem
    error = np.sqrt(np.diag(fit.cov))
    for i in (0, 17, 80, int(np.argmax(found["cooks_distance"]))):
        other = method.estimate(without_unit(problem, i)).coefficients.location
        exact = (fit.coef.to_numpy() - other) / error
        np.testing.assert_allclose(wide(found)[i], exact, atol=0.1 * np.abs(exact).max() + 1e-3)


def test_under_jeffreys_prior_the_rows_share_of_the_penalty_goes_with_it():
    method = plg.Penalized(plg.Jeffreys())
    fit = plg.LogitModel("y ~ x + z + g", simulated(60), event="yes").fit(method)
    found, problem, error = fit.influence(), fit.estimate.problem, np.sqrt(np.diag(fit.cov))
    exact = np.array([method.estimate(without_unit(problem, i)).coefficients.location for i in range(60)])
    exact = (fit.coef.to_numpy() - exact) / error
    assert np.sqrt(((wide(found) - exact) ** 2).mean()) < 0.15 * np.sqrt((exact**2).mean())
    # The rows' scores with their shares of the penalty add up to zero, and so do the steps times 1 - leverage.
    steps = wide(found) * (1 - found[["leverage"]].to_numpy())
    np.testing.assert_allclose(steps.sum(axis=0), 0, atol=1e-6)


def test_ridge_leverages_sum_to_the_effective_degrees_of_freedom_and_scale_cook():
    fit = plg.LogitModel("y ~ x + z + g", simulated(), event="yes").fit(RIDGE)
    found = fit.influence(())
    assert found["leverage"].sum() == pytest.approx(fit.df_model, rel=1e-9)
    pearson = fit.residuals("pearson").to_numpy()
    h = found["leverage"].to_numpy()
    np.testing.assert_allclose(
        found["cooks_distance"], pearson**2 * h / (1 - h) ** 2 / fit.df_model, rtol=1e-9
    )


def test_a_wide_prior_gives_the_figures_of_maximum_likelihood():
    model = plg.LogitModel("y ~ x + z + g", simulated(), event="yes")
    wide_prior = model.fit(plg.Penalized(plg.Normal(1e6))).influence()
    pd.testing.assert_frame_equal(wide_prior, model.fit().influence(), rtol=1e-5, check_exact=False)
    flat = model.fit(plg.Penalized(plg.Flat())).influence()
    pd.testing.assert_frame_equal(flat, model.fit().influence())


def test_under_l1_the_chosen_coefficients_move_and_the_others_are_held():
    frame = simulated().assign(noise=np.random.default_rng(5).normal(size=150))
    method = plg.Penalized(plg.Laplace(0.08))
    fit = plg.LogitModel("y ~ x + z + g + noise", frame, event="yes").fit(method)
    still = fit.coef == 0
    assert 0 < still.sum() < len(still) - 1
    found = fit.influence()
    assert found["leverage"].sum() == pytest.approx(fit.df_model)
    assert found.filter(like="dfbetas[").loc[:, still.to_numpy()].isna().all().all()
    assert f"{still.sum()} coefficients at the kink" in found.attrs["notes"][0]
    moved = np.flatnonzero(~still)
    fit_errors = fit.estimate.method.linearised(fit.estimate).std_error
    for i in (3, 60):
        other = method.estimate(without_unit(fit.estimate.problem, i)).coefficients.location
        assert ((other == 0) == still.to_numpy()).all()
        exact = (fit.coef.to_numpy() - other)[moved] / fit_errors
        np.testing.assert_allclose(wide(found)[i, moved], exact, atol=0.05 * np.abs(exact).max())


def test_a_frequency_weight_is_that_many_rows():
    frame = simulated(80).assign(f=np.random.default_rng(0).integers(1, 4, 80))
    weighted = plg.LogitModel("y ~ x + g", frame, event="yes", weights="f").fit().influence()
    repeated = frame.loc[frame.index.repeat(frame["f"])]
    written_out = plg.LogitModel("y ~ x + g", repeated, event="yes").fit().influence()
    first = written_out[~written_out.index.duplicated()]
    pd.testing.assert_frame_equal(weighted, first, rtol=1e-8, check_exact=False)
    assert any("what is left out is one of them" in note for note in weighted.attrs["notes"])


def test_a_row_of_trials_is_one_unit():
    frame = pd.DataFrame({"s": [3, 5, 9, 2], "m": [10, 12, 11, 9], "x": [0.0, 1.0, 2.0, 1.5]})
    found = plg.LogitModel("s ~ x", frame, trials="m").fit().influence()
    assert len(found) == 4
    assert found["leverage"].sum() == pytest.approx(2)


def test_rows_are_named_by_the_users_labels_and_dropped_ones_are_absent():
    frame = simulated()
    frame.loc[["case 3", "case 70"], "x"] = np.nan
    found = plg.LogitModel("y ~ x", frame, event="yes").fit().influence("x")
    assert list(found.index) == [label for label in frame.index if label not in ("case 3", "case 70")]
    assert list(found.columns)[-1] == "dfbetas[x]"


def test_terms_choose_the_columns():
    fit = plg.LogitModel("y ~ x + g", simulated(), event="yes").fit()
    every = fit.influence()
    factor = fit.influence("g")
    assert [name for name in factor if name.startswith("dfb")] == ["dfbetas[g[T.b]]", "dfbetas[g[T.c]]"]
    pd.testing.assert_frame_equal(factor, every[factor.columns])
    pd.testing.assert_frame_equal(
        fit.influence(["x", "g[T.c]"]), every[[*every.columns[:3], "dfbetas[x]", "dfbetas[g[T.c]]"]]
    )
    with pytest.raises(InputError, match="must be a term of the formula or a column"):
        fit.influence("w")
    with pytest.raises(InputError, match="dfbetas must be one of"):
        fit.influence(dfbetas="exact")


def test_a_robust_covariance_changes_nothing():
    model = plg.LogitModel("y ~ x + g", simulated(), event="yes")
    pd.testing.assert_frame_equal(model.fit(plg.MLE("HC3")).influence(), model.fit().influence())


def test_a_sparse_design_gives_the_same():
    import scipy.sparse as sp

    frame = simulated()
    X = np.column_stack([frame["x"], frame["z"], frame["g"] == "b"])
    y = (frame["y"] == "yes").to_numpy()
    dense, sparse = (plg.LogitModel.from_arrays(A, y).fit().influence() for A in (X, sp.csr_array(X)))
    pd.testing.assert_frame_equal(dense, sparse, rtol=1e-7, check_exact=False)


def test_under_separation_the_finite_part_has_influence_and_the_rest_is_named():
    frame = pd.read_csv(REFERENCE / "data" / "rare_level.csv")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = plg.LogitModel("y ~ group + x", frame).fit()
    found = fit.influence()
    separated = frame.index[frame["group"] == "c"]
    assert found.loc[separated, "leverage"].isna().all()
    assert found.drop(separated).drop(columns="dfbetas[group[T.c]]").notna().all().all()
    assert found["dfbetas[group[T.c]]"].isna().all()
    (note,) = found.attrs["notes"]
    assert (
        note
        == f"2 rows are predicted perfectly (separated) and have no leverage: {separated[0]}, {separated[1]}."
    )
    rest = plg.LogitModel("y ~ group + x", frame.drop(separated)).fit().influence()
    pd.testing.assert_frame_equal(found.drop(separated)[rest.columns], rest, rtol=1e-7, check_exact=False)


def test_complete_separation_has_no_influence_to_speak_of():
    with pytest.warns(plg.errors.SeparationWarning):
        fit = plg.fit("y ~ x", {"y": [0, 0, 0, 1, 1, 1], "x": [1, 2, 3, 4, 5, 6]})
    with pytest.raises(NotAvailableError, match="completely separated"):
        fit.influence()
    assert (fit.residuals() == 0).all()


def test_repeated_columns_have_no_dfbetas():
    frame = simulated().assign(twice=lambda t: 2 * t["x"])
    with pytest.warns(plg.errors.AliasingWarning):
        fit = plg.LogitModel("y ~ x + twice", frame, event="yes").fit()
    found = fit.influence()
    assert found["dfbetas[twice]"].isna().all()
    alone = plg.LogitModel("y ~ x", frame, event="yes").fit().influence()
    pd.testing.assert_frame_equal(found[alone.columns], alone, rtol=1e-8, check_exact=False)


def test_a_row_with_a_coefficient_to_itself_is_named():
    frame = pd.DataFrame({"s": [3, 5, 4, 6], "m": [10, 12, 9, 11], "g": ["a", "b", "b", "b"]})
    found = plg.LogitModel("s ~ g", frame, trials="m").fit().influence()
    assert found.loc[0, "leverage"] == pytest.approx(1)
    assert np.isnan(found.loc[0, "cooks_distance"])
    assert "a coefficient belongs to this row alone, and is lost without it: 0." in found.attrs["notes"][0]


def test_a_saved_fit_with_its_data_has_the_same_influence(tmp_path):
    for method in (plg.MLE(), RIDGE):
        fit = plg.LogitModel("y ~ x + g", simulated(), event="yes").fit(method)
        fit.save(tmp_path / "with.fit", data=True)
        fit.save(tmp_path / "without.fit")
        again = plg.load(tmp_path / "with.fit")
        pd.testing.assert_frame_equal(again.influence(), fit.influence(), rtol=1e-10, check_exact=False)
        with pytest.raises(plg.errors.DataNotSavedError, match="loaded without its data"):
            plg.load(tmp_path / "without.fit").influence()


def test_what_is_no_optimum_says_what_to_fit_instead():
    from analysis_cases import posterior, problem_of
    from analysis_cases import simulated as numbers

    from problogit.analysis.influence import influence

    with pytest.raises(
        NotAvailableError, match=r"belong to an optimum .* Fit the same model with Penalized\(prior\)"
    ):
        influence(posterior(problem_of(*numbers()), [0.2, 0.8, 0.4, -0.1]))
