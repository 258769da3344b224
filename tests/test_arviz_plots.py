"""ArviZ's own plots take what `to_datatree` gives, on either stack (arviz-plots 0.8 and 1.x)."""

from __future__ import annotations

import warnings
from typing import Any

import arviz_plots as azp
import arviz_stats as azs
import matplotlib as mpl
import numpy as np
import pytest
from scipy.special import expit

import problogit as plg
from problogit.errors import NotAvailableError

# The short runs here are about plots; what ArviZ and matplotlib deprecate in each other is theirs.
pytestmark = pytest.mark.filterwarnings("ignore")


def model(trials: int = 1) -> plg.LogitModel:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2))
    y = rng.binomial(trials, expit(x[:, 0]))
    return plg.LogitModel.from_arrays(x, y, names=["a", "b"], trials=trials if trials > 1 else None)


METHODS = {
    "nuts": plg.Bayes(plg.Normal(1.0), draws=200, tune=200, cores=1, rng=1),
    "laplace": plg.Bayes(plg.Normal(1.0), sampler="laplace", draws=250, rng=1),
    "mle": plg.MLE(),
    "bootstrap": plg.MLE(covariance="bootstrap", resamples=100, rng=1),
    "ridge": plg.Penalized(plg.Normal(1.0)),
}


@pytest.fixture(scope="module")
def fits() -> dict[str, plg.Fit]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {name: model().fit(method, progress=False) for name, method in METHODS.items()}


@pytest.fixture(autouse=True)
def _closed_figures():
    import matplotlib.pyplot as plt

    before = mpl.rcParams.copy()
    yield
    plt.close("all")
    mpl.rcParams.update(before)


def drawn(plot: str, subject: Any, **options: Any) -> None:
    getattr(azp, plot)(subject, backend="matplotlib", **options)


@pytest.mark.parametrize("plot", ["plot_forest", "plot_dist"])
@pytest.mark.parametrize("name", list(METHODS))
def test_forest_and_dist_of_every_fit_that_has_draws(fits, name, plot):
    drawn(plot, fits[name].to_datatree())


@pytest.mark.parametrize("plot", ["plot_rank", "plot_ess", "plot_energy"])
def test_plots_of_chains(fits, plot):
    drawn(plot, fits["nuts"].to_datatree())


@pytest.mark.parametrize("name", ["nuts", "laplace"])
def test_predictive_plots_of_posteriors(fits, name):
    tree = fits[name].to_datatree(predictive=True)
    drawn("plot_loo_pit", tree)
    drawn("plot_ppc_pava", tree, data_type="binary")
    drawn("plot_khat", azs.loo(tree, pointwise=True))
    drawn("plot_ess", tree)


def test_counts_are_discrete_to_arviz():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = model(trials=9).fit(METHODS["laplace"])
    drawn("plot_ppc_rootogram", fit.to_datatree(predictive=True))


def test_replicated_outcomes_have_the_moments_of_the_model(fits):
    fit = fits["nuts"]
    tree = fit.to_datatree(predictive=True)
    outcomes = tree["posterior_predictive"]["y"]
    assert outcomes.dims == ("chain", "draw", "obs")
    assert outcomes.dtype.kind == "i"
    assert set(np.unique(outcomes.values)) == {0, 1}
    # 800 draws: Monte Carlo standard error of a mean at most 0.018; five of them for 60 rows.
    means = outcomes.values.reshape(-1, 60).mean(axis=0)
    np.testing.assert_allclose(means, fit.predict_proba(), atol=0.09)
    again = fit.to_datatree(predictive=True)["posterior_predictive"]["y"]
    np.testing.assert_array_equal(again.values, outcomes.values)
    assert "posterior_predictive" not in fit.to_datatree().children


def test_replicated_outcomes_need_a_posterior(fits):
    with pytest.raises(
        NotAvailableError, match="predictive=True needs a posterior.*not a posterior predictive"
    ):
        fits["mle"].to_datatree(predictive=True)


def test_the_laplace_sampler_has_no_statistics_of_chains(fits):
    statistics = set(fits["laplace"].to_datatree()["sample_stats"].data_vars)
    assert not statistics & {"diverging", "energy", "tree_depth", "step_size", "acceptance_rate"}
