"""What ArviZ is given and what is taken from it, against arviz-stats itself and against brute force."""

from __future__ import annotations

import arviz_stats as azs
import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logsumexp
from scipy.stats import binom

import problogit as plg
from problogit import arviz_io
from problogit.core.coefficients import DrawnCoefficients
from problogit.core.pareto import smooth_weights, tail_length
from problogit.errors import NotAvailableError

# Short runs: what is tested is the way to ArviZ, not the draws.
pytestmark = pytest.mark.filterwarnings("ignore::problogit.errors.ConvergenceWarning")

SHORT = {"draws": 400, "tune": 200, "chains": 4, "rng": 5}


def arrays(n: int = 50) -> dict:
    rng = np.random.default_rng(2)
    x, m = rng.normal(size=n), rng.integers(1, 5, n)
    return {"X": x[:, None], "y": rng.binomial(m, expit(0.6 * x)), "trials": m, "names": ["x"]}


@pytest.fixture(scope="module")
def fit():
    return plg.LogitModel.from_arrays(**arrays()).fit(plg.Bayes(plg.Normal(1.0), **SHORT), progress=False)


def test_convergence_figures_against_arviz_summary(fit):
    summary = azs.summary(fit.to_datatree(), round_to="none", kind="diagnostics")
    details = fit.estimate.details
    np.testing.assert_allclose(details.r_hat, summary["r_hat"].astype(float))
    np.testing.assert_allclose(details.ess_bulk, summary["ess_bulk"].astype(float))
    np.testing.assert_allclose(details.mcse_mean, summary["mcse_mean"].astype(float))
    # ArviZ's own default quantiles differ between its versions; ours are 5% and 95% (Vehtari et al. 2021).
    tail = azs.ess(fit.to_datatree(), method="tail", prob=(0.05, 0.95))["beta"]
    np.testing.assert_allclose(details.ess_tail, np.asarray(tail.values))


@pytest.mark.parametrize("prob", [0.5, 0.89, 0.95])
def test_credible_intervals_of_odds_ratios_equal_arviz_stats(fit, prob):
    from arviz_stats.base import array_stats

    ratios = np.exp(fit.draws()[:, 1])
    table = fit.odds_ratios(prob=prob)
    equal_tailed = array_stats.eti(ratios, prob=prob)
    np.testing.assert_allclose(table.loc["x", ["lower", "upper"]].astype(float), equal_tailed, rtol=1e-10)
    table = fit.odds_ratios(prob=prob, interval="hdi")
    densest = array_stats.hdi(ratios, prob=prob)
    np.testing.assert_allclose(table.loc["x", ["lower", "upper"]].astype(float), densest, rtol=1e-10)


def test_datatree_holds_what_arviz_expects(fit):
    tree = fit.to_datatree()
    assert tree["posterior"]["beta"].dims == ("chain", "draw", "term")
    assert list(tree["posterior"]["term"].values) == ["Intercept", "x"]
    np.testing.assert_array_equal(tree["posterior"]["beta"].values, fit.estimate.coefficients.chains)
    assert tree["sample_stats"]["diverging"].dims == ("chain", "draw")
    assert {"energy", "n_steps", "tree_depth", "lp"} <= set(tree["sample_stats"].data_vars)
    assert tree["observed_data"]["y"].dims == ("obs",)
    np.testing.assert_array_equal(tree["constant_data"]["trials"], arrays()["trials"])
    assert tree.attrs["distribution"] == "posterior"
    assert tree["posterior"].attrs["distribution"] == "posterior"
    assert "Normal(0, 1)" in tree.attrs["method"]


def test_log_likelihood_is_the_binomial_density_of_each_row(fit):
    data = arrays()
    tree = fit.to_datatree()
    assert tree["log_likelihood"]["y"].dims == ("chain", "draw", "obs")
    beta = tree["posterior"]["beta"].values[2, 17]
    p = expit(beta[0] + beta[1] * data["X"][:, 0])
    expected = binom.logpmf(data["y"], data["trials"], p)
    np.testing.assert_allclose(tree["log_likelihood"]["y"].values[2, 17], expected, rtol=1e-10)


def test_leave_one_out_of_the_tree_is_that_of_the_weights(fit):
    tree = fit.to_datatree()
    theirs = azs.loo(tree, pointwise=True, reff=1.0)
    density = tree["log_likelihood"]["y"].values.reshape(-1, 50)
    log_weights, k = smooth_weights(-density.T, tail_length(density.shape[0]))
    ours = logsumexp(log_weights + density.T, axis=1)
    np.testing.assert_allclose(ours, np.asarray(theirs.elpd_i), rtol=1e-8)
    np.testing.assert_allclose(k, np.asarray(theirs.pareto_k), rtol=1e-8)


def test_relative_ess_of_independent_draws_is_about_one():
    draws = np.random.default_rng(1).normal(size=(4, 1000, 3))
    assert 0.8 < arviz_io.relative_ess(draws) < 1.2
    # An autoregression with coefficient r has relative efficiency (1 - r)/(1 + r) = 1/3 for r = 1/2.
    slow = np.empty_like(draws)
    slow[:, 0] = draws[:, 0]
    for t in range(1, 1000):
        slow[:, t] = 0.5 * slow[:, t - 1] + draws[:, t]
    assert 0.25 < arviz_io.relative_ess(slow) < 0.42


def test_chains_that_disagree_have_a_large_r_hat():
    draws = np.random.default_rng(1).normal(size=(4, 500, 2))
    draws[0, :, 1] += 1
    values = arviz_io.r_hat(draws)
    assert values[0] < 1.01 < 1.05 < values[1]


def test_weights_and_offset_are_constant_data():
    data = arrays()
    del data["trials"]
    data["y"] = (data["y"] > 0).astype(int)
    data |= {"weights": np.arange(1, 51), "offset": np.linspace(-1, 1, 50)}
    tree = plg.LogitModel.from_arrays(**data).fit(plg.Bayes(plg.Normal(1.0), **SHORT)).to_datatree()
    np.testing.assert_array_equal(tree["constant_data"]["weights"], data["weights"])
    np.testing.assert_allclose(tree["constant_data"]["offset"], data["offset"])
    # A frequency weight makes several units of the same density.
    beta = tree["posterior"]["beta"].values[0, 0]
    eta = beta[0] + beta[1] * data["X"][:, 0] + data["offset"]
    expected = data["y"] * eta - np.logaddexp(0, eta)
    np.testing.assert_allclose(tree["log_likelihood"]["y"].values[0, 0], expected, rtol=1e-9)


@pytest.mark.parametrize(
    "prior",
    [plg.Priors(plg.StudentT(3, 1.0), intercept=plg.Normal(1.0)), plg.Jeffreys()],
    ids=["t", "jeffreys"],
)
def test_the_log_prior_is_what_arviz_scales(prior):
    import arviz_stats

    fit = plg.LogitModel.from_arrays(**arrays()).fit(plg.Bayes(prior, sampler="laplace", rng=1))
    ours, tree = fit.prior_sensitivity(), fit.to_datatree()
    theirs = arviz_stats.psense_summary(tree, round_to=12)
    np.testing.assert_allclose(ours[["prior", "likelihood"]], theirs[["prior", "likelihood"]], atol=1e-9)


def test_without_a_proper_prior_there_is_no_log_prior():
    fit = plg.LogitModel.from_arrays(**arrays()).fit(plg.Bayes(plg.Flat(), sampler="laplace", rng=1))
    assert "log_prior" not in fit.to_datatree().children


@pytest.mark.parametrize("method", [plg.MLE(), plg.Penalized(plg.Normal(1.0))], ids=["mle", "penalized"])
def test_draws_of_a_sampling_distribution_are_labelled_and_have_no_log_likelihood(method):
    fit = plg.LogitModel.from_arrays(**arrays()).fit(method)
    tree = fit.to_datatree()
    assert "not a posterior" in tree.attrs["distribution"]
    assert "log_likelihood" not in tree.children
    assert "sample_stats" not in tree.children
    draws = tree["posterior"]["beta"].values
    assert draws.shape[0] == 1
    np.testing.assert_allclose(
        draws.mean(axis=(0, 1)), fit.coef, atol=4 * fit.summary()["std_error"].max() / 60
    )
    np.testing.assert_array_equal(fit.to_datatree()["posterior"]["beta"].values, draws)
    with pytest.raises(NotAvailableError, match="needs a posterior.*not an elpd"):
        fit.to_datatree(log_likelihood=True)


def test_penalties_without_inference_have_nothing_to_draw():
    fit = plg.LogitModel.from_arrays(**arrays()).fit(plg.Penalized(plg.Laplace(0.5)))
    with pytest.raises(NotAvailableError, match="bootstrap"):
        fit.to_datatree()


def test_large_log_likelihood_only_when_asked(fit, monkeypatch):
    monkeypatch.setattr(arviz_io, "_LARGEST_LOG_LIKELIHOOD", 10)
    assert "log_likelihood" not in fit.to_datatree().children
    assert "log_likelihood" in fit.to_datatree(log_likelihood=True).children
    assert "log_likelihood" not in fit.to_datatree(log_likelihood=False).children


def test_rows_keep_the_labels_of_the_table(tmp_path):
    data = arrays()
    frame = pd.DataFrame({"x": data["X"][:, 0]}, index=[f"r{i}" for i in range(50)])
    frame.loc["r3", "x"] = np.nan
    model = plg.LogitModel.from_arrays(frame, (data["y"] > 0).astype(int))
    tree = model.fit(plg.Bayes(plg.Normal(1.0), **SHORT)).to_datatree()
    labels = [str(label) for label in tree["observed_data"]["obs"].values]
    assert labels == [f"r{i}" for i in range(50) if i != 3]
    path = tmp_path / "posterior.nc"
    tree.to_netcdf(path)
    from xarray import open_datatree

    with open_datatree(path) as back:
        np.testing.assert_array_equal(back["posterior"]["beta"].values, tree["posterior"]["beta"].values)


def test_bootstrap_draws_are_no_posterior():
    draws = np.random.default_rng(0).normal(size=(1, 100, 2))
    fit = plg.LogitModel.from_arrays(**arrays()).fit(plg.MLE())
    from dataclasses import replace

    estimate = replace(
        fit.estimate, coefficients=DrawnCoefficients(draws, ("bootstrap",), estimate=np.zeros(2))
    )
    tree = arviz_io.to_datatree(estimate)
    assert "bootstrap" in tree.attrs["distribution"]
    np.testing.assert_array_equal(tree["posterior"]["beta"].values, draws)
