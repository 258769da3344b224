"""Posteriors of the user's own PyMC models: what is read, what must match, and what is then answered."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import arviz_base
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

import problogit as plg
from problogit.analysis.prior_ranges import prior_ranges
from problogit.errors import ConvergenceWarning, InputError, NotAvailableError

N = 80


def table() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"hours": rng.normal(size=N), "prep": rng.integers(0, 2, N)})
    frame["passed"] = (rng.random(N) < expit(0.3 + frame["hours"] - 0.5 * frame["prep"])).astype(int)
    return frame


@pytest.fixture(scope="module")
def model() -> plg.LogitModel:
    return plg.LogitModel("passed ~ hours + prep", table())


@pytest.fixture(scope="module")
def bayes(model) -> plg.Fit:
    """What is handed back must say the same as this fit; its Laplace draws are cut into four chains."""
    return model.fit(plg.Bayes(plg.Normal(1.0), sampler="laplace", draws=500, rng=2))


def groups_of(bayes: plg.Fit, log_likelihood: bool = True) -> dict[str, dict[str, Any]]:
    """The groups of a tree as PyMC would make them, in another order of the terms."""
    rng = np.random.default_rng(0)
    draws = bayes.draws(rng=0)[rng.permutation(2000)].reshape(4, 500, 3)[..., [2, 0, 1]]
    rows = bayes.estimate.problem.rows
    groups: dict[str, dict[str, Any]] = {
        "posterior": {"beta": draws, "effect": rng.normal(size=(4, 500, 5)), "tau": rng.random((4, 500))},
        "sample_stats": {
            "diverging": np.zeros((4, 500), dtype=bool),
            "energy": rng.normal(size=(4, 500)),
            "maxdepth_reached": np.zeros((4, 500), dtype=bool),
            "depth": np.full((4, 500), 3),
        },
        "observed_data": {"y": rows.successes},
        "constant_data": {"X": rows.X},
    }
    if log_likelihood:
        eta = draws[..., [1, 2, 0]] @ rows.X.T
        groups["log_likelihood"] = {"y": rows.successes * eta - np.logaddexp(0, eta)}
    return groups


def tree_of(groups: dict[str, dict[str, Any]], **coords: Any) -> Any:
    labels = {"term": ["prep", "Intercept", "hours"], "school": list("abcde"), "column": range(3)} | coords
    dims = {"beta": ["term"], "effect": ["school"], "y": ["obs"], "X": ["obs", "column"]}
    return arviz_base.from_dict(groups, coords=labels, dims=dims)


@pytest.fixture(scope="module")
def own(model, bayes) -> plg.Fit:
    return plg.Fit.from_datatree(model, tree_of(groups_of(bayes)), prior=plg.Normal(1.0))


def test_terms_are_matched_by_name_and_everything_is_answered_as_by_bayes(own, bayes):
    np.testing.assert_allclose(own.coef, bayes.coef, rtol=1e-12)
    np.testing.assert_allclose(own.odds_ratios()["upper"], bayes.odds_ratios()["upper"], rtol=1e-12)
    np.testing.assert_allclose(own.predict()["lower"], bayes.predict()["lower"], rtol=1e-12)
    np.testing.assert_allclose(own.loo().elpd, bayes.loo().elpd, atol=0.1)
    assert own.posterior_probability("hours - prep").shape == (1, 4)
    assert own.status is plg.estimate.Status.CONVERGED
    assert own.diagnostics().trusted
    assert "PSIS-LOO" in own.calibration().verdict
    assert "Posterior from the user's own PyMC model, Normal(0, 1) prior, 4 x 500 draws" in str(own)
    columns = list(own.summary().columns[-4:])
    assert columns == ["r_hat", "ess_bulk", "ess_tail", "prob_positive"]


def test_reports_and_comparisons_take_it_and_leave_the_users_settings_alone(own, model, tmp_path):
    settings, state = mpl.rcParams.copy(), np.random.get_state()[1].copy()  # noqa: NPY002  # what must stay as it is
    handlers = list(logging.getLogger().handlers)
    comparison = plg.compare({"own": own, "mle": model.fit()})
    assert set(comparison.coefficients["interval"]) == {"credible-eti", "confidence-wald"}
    assert np.isfinite(comparison.scores["log_score"]).all()
    path = plg.report(own, tmp_path / "report.html")
    assert "own PyMC model" in path.read_text()
    assert mpl.rcParams == settings
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    assert logging.getLogger().handlers == handlers


def test_extra_variables_and_statistics_are_kept(own):
    tree = own.to_datatree()
    assert tree["posterior"]["effect"].dims == ("chain", "draw", "school")
    assert list(tree["posterior"]["effect"].coords["school"].values) == list("abcde")
    assert tree["posterior"]["tau"].dims == ("chain", "draw")
    assert {"diverging", "energy", "reached_max_treedepth", "tree_depth"} == set(
        tree["sample_stats"].data_vars
    )
    again = plg.Fit.from_datatree(plg.LogitModel("passed ~ hours + prep", table()), tree)
    np.testing.assert_array_equal(again.draws(), own.draws())


def test_saved_and_loaded_it_says_the_same(own, tmp_path):
    own.save(tmp_path / "own.fit", data=True)
    loaded = plg.load(tmp_path / "own.fit")
    pd.testing.assert_frame_equal(loaded.summary(), own.summary())
    assert str(loaded) == str(own)
    assert loaded.raw is None
    np.testing.assert_array_equal(
        loaded.to_datatree()["posterior"]["effect"].values, own.to_datatree()["posterior"]["effect"].values
    )
    assert loaded.loo().elpd == pytest.approx(own.loo().elpd)


def test_influential_rows_are_left_with_the_reason(model, bayes):
    rng = np.random.default_rng(1)
    groups = groups_of(bayes, log_likelihood=False)
    groups["posterior"]["beta"] = rng.standard_t(1, size=(4, 500, 3)).clip(-9, 9)
    result = plg.Fit.from_datatree(model, tree_of(groups)).loo()
    assert result.n_bad
    assert "Not refitted: This posterior came from your own PyMC model" in result.notes[-1]
    assert ".." not in result.notes[-1]


def test_a_refit_is_refused_with_the_reason(own, model):
    with pytest.raises(NotAvailableError, match="your own PyMC model, which problogit cannot sample again"):
        model.fit(own.estimate.method)
    with pytest.raises(NotAvailableError, match="cannot sample again"):
        own.scores(resample="folds")


def test_without_a_prior_nothing_is_said_about_it(model, bayes, tmp_path):
    fit = plg.Fit.from_datatree(model, tree_of(groups_of(bayes)))
    with pytest.raises(NotAvailableError, match="prior is that of your own PyMC model.*prior=Normal"):
        fit.pymc_model()
    assert list(prior_ranges(fit.estimate)["asked_for"].unique()) == ["prior of the user's own PyMC model"]
    fit.save(tmp_path / "f")
    pd.testing.assert_frame_equal(plg.load(tmp_path / "f").summary(), fit.summary())


def codes(fit: plg.Fit) -> list[str]:
    return [finding.code for finding in fit.diagnostics().findings]


def test_a_larger_likelihood_is_noticed_and_rows_are_then_not_left_out(model, bayes):
    groups = groups_of(bayes)
    groups["log_likelihood"]["y"] = (
        groups["log_likelihood"]["y"] + 0.1 * groups["posterior"]["tau"][..., None]
    )
    fit = plg.Fit.from_datatree(model, tree_of(groups))
    assert "other-likelihood" in codes(fit)
    for ask in (fit.loo, fit.calibration, lambda: fit.to_datatree(log_likelihood=True)):
        with pytest.raises(NotAvailableError, match="not that of the formula alone"):
            ask()
    assert "log_likelihood" not in fit.to_datatree().children
    assert fit.calibration(resample="apparent").verdict
    assert fit.scores(table()).shape[0] > 0


def test_what_is_not_in_the_tree_is_said_to_be_unchecked(model, bayes):
    groups = groups_of(bayes, log_likelihood=False)
    del groups["sample_stats"], groups["observed_data"], groups["constant_data"]
    fit = plg.Fit.from_datatree(model, tree_of(groups))
    assert {"sampler-unchecked", "likelihood-unchecked"} <= set(codes(fit))
    assert "sample_stats" not in fit.to_datatree().children
    assert fit.diagnostics().trusted
    posterior = tree_of(groups)["posterior"].to_dataset()
    np.testing.assert_array_equal(plg.Fit.from_datatree(model, posterior).draws(), fit.draws())


def test_of_weighted_rows_no_log_likelihood_is_asked_for(bayes):
    """`pymc_model` writes weighted rows as a potential, of which PyMC computes no log-likelihood."""
    weighted = plg.LogitModel("passed ~ hours + prep", table().assign(w=2), weights="w")
    groups = without(groups_of(bayes, log_likelihood=False), "constant_data")
    fit = plg.Fit.from_datatree(weighted, tree_of(groups))
    (unchecked,) = [one for one in fit.estimate.findings if one.code == "likelihood-unchecked"]
    assert "weighted rows" in unchecked.remedy


def test_the_diagnostics_policy_holds_and_speaks_of_pymc(model, bayes):
    groups = groups_of(bayes)
    groups["sample_stats"]["diverging"][1, 7] = True
    groups["posterior"]["beta"][0] += 3.0
    with pytest.warns(ConvergenceWarning, match=r"r-hat.*pm.sample\("):
        fit = plg.Fit.from_datatree(model, tree_of(groups))
    assert fit.status is plg.estimate.Status.DIAGNOSTICS_FAILED
    assert {"divergences", "r-hat"} <= set(codes(fit))
    assert not any("Bayes(" in finding.remedy for finding in fit.diagnostics().findings)


def without(groups: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: values for name, values in groups.items() if name not in names}


CASES = {
    "no posterior": (
        lambda g: tree_of(without(g, "posterior")),
        r"must hold the group 'posterior'; it holds 'sample_stats'",
    ),
    "no beta": (
        lambda g: tree_of({**g, "posterior": {"betas": g["posterior"]["beta"]}}),
        r"must hold the variable 'beta'.*Did you mean variable='betas'",
    ),
    "other terms": (
        lambda g: tree_of(g, term=["prep", "Intercept", "weeks"]),
        r"it lacks 'hours'; it has besides 'weeks'",
    ),
    "a term twice": (
        lambda g: tree_of(g, term=["prep", "prep", "hours"]),
        r"it lacks 'Intercept'; it has twice",
    ),
    "too few terms": (
        lambda g: tree_of(
            {"posterior": {"beta": g["posterior"]["beta"][..., :2]}}, term=["prep", "Intercept"]
        ),
        r"it lacks 'hours'",
    ),
    "no names": (
        lambda g: arviz_base.from_dict({"posterior": g["posterior"]}),
        r"dimension 'beta_dim_0' without names",
    ),
    "missing draws": (
        lambda g: tree_of({"posterior": {"beta": holes(g["posterior"]["beta"])}}),
        r"3 draws with NaN or infinity.*They concern hours in chain\(s\) 2",
    ),
    "too few draws": (
        lambda g: tree_of({"posterior": {"beta": g["posterior"]["beta"][:2, :3]}}),
        r"at least 4 draws.*2 chains of 3 draws",
    ),
    "combined chains": (
        lambda g: tree_of({"posterior": g["posterior"]})["posterior"].to_dataset().isel(chain=0),
        r"dimensions chain, draw and one for the terms",
    ),
    "other outcomes": (
        lambda g: tree_of({**g, "observed_data": {"y": 1 - g["observed_data"]["y"]}}),
        r"observed_data holds other outcomes \('y'\); received '80 of 80 rows differ'",
    ),
    "other rows": (
        lambda g: tree_of(
            {**without(g, "log_likelihood", "constant_data"), "observed_data": {"y": np.ones(7)}}
        ),
        r"other outcomes.*shape \(7,\) instead of \(80,\)",
    ),
    "other predictors": (
        lambda g: tree_of({**g, "constant_data": {"X": g["constant_data"]["X"] * 2}}),
        r"other predictors \('X'\)",
    ),
    "a frame": (lambda _: table(), r"tree must be a DataTree, an InferenceData"),
    "nothing": (lambda _: None, r"tree must be a DataTree, an InferenceData"),
}


def holes(draws: np.ndarray) -> np.ndarray:
    broken = draws.copy()
    broken[2, 10:13, 2] = np.nan
    return broken


@pytest.mark.parametrize("case", list(CASES))
def test_a_tree_that_does_not_match_is_named(model, bayes, case):
    make, message = CASES[case]
    with pytest.raises(InputError, match=message):
        plg.Fit.from_datatree(model, make(groups_of(bayes)))


def test_wrong_arguments_are_named(model, bayes):
    tree = tree_of(groups_of(bayes))
    with pytest.raises(InputError, match="model must be a LogitModel"):
        plg.Fit.from_datatree(bayes, tree)
    weighted = plg.LogitModel(
        "passed ~ hours + prep", table(), weights=np.full(N, 1.5), weights_type="sampling"
    )
    with pytest.raises(InputError, match="Sampling weights make no likelihood"):
        plg.Fit.from_datatree(weighted, tree)
    with pytest.raises(InputError, match="prior must be a prior"):
        plg.Fit.from_datatree(model, tree, prior=2.5)


def test_an_extended_model_on_the_stack_that_is_installed(model):
    """PyMC 5 returns an InferenceData, PyMC 6 a DataTree; both are read, with a further parameter in the model."""
    import pymc as pm

    quick = {"mode": "FAST_COMPILE"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with model.fit(plg.Penalized(plg.Normal(1.0))).pymc_model() as extended:
            nuisance = pm.HalfNormal("nuisance", 1.0)
            pm.Potential("pull", -0.5 * (extended["beta"][1] / (0.1 + nuisance)) ** 2)
            sampled = pm.sample(
                60,
                tune=100,
                chains=2,
                cores=1,
                random_seed=1,
                progressbar=False,
                nuts_sampler="pymc",
                compile_kwargs=quick,
                compute_convergence_checks=False,
            )
        fit = plg.Fit.from_datatree(model, sampled)
    assert fit.estimate.coefficients.chains.shape == (2, 60, 3)
    expected = np.asarray(sampled["posterior"]["beta"].sel(term=list(fit.terms)).values)
    np.testing.assert_array_equal(fit.estimate.coefficients.chains, expected)
    assert {"nuisance", "slopes", "intercept"} <= set(fit.to_datatree()["posterior"].data_vars)
    assert fit.raw is sampled
    assert {"diverging", "energy", "reached_max_treedepth"} <= set(fit.estimate.details.statistics)
