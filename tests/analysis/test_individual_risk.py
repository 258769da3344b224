"""The uncertainty of single probabilities: against leverages, beta posteriors, direct sums and geometry."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from analysis_cases import posterior
from scipy.sparse import csr_array
from scipy.special import expit

import problogit as plg
from problogit.analysis import individual_risk as module
from problogit.core.coefficients import DrawnCoefficients
from problogit.errors import ProblogitWarning


def table(n=120, seed=0):
    random = np.random.default_rng(seed)
    data = pd.DataFrame({"x": random.normal(size=n)})
    data["z"] = 0.9 * data["x"] + 0.3 * random.normal(size=n)
    data["g"] = random.choice(["a", "b"], n)
    data["y"] = (random.random(n) < expit(data["x"] - 0.5)).astype(int)
    return data


@pytest.fixture(scope="module")
def fit():
    return plg.fit("y ~ x + z + g", table())


def test_effective_size_of_a_training_row_is_one_over_its_leverage(fit):
    found = fit.individual_risk()
    np.testing.assert_allclose(found["n_effective"], 1 / fit.influence(())["leverage"], rtol=1e-8)
    pd.testing.assert_frame_equal(found[["probability", "lower", "upper", "interval"]], fit.predict())
    assert not found["outside"].any()
    assert found["outside"].dtype == bool
    assert (found["beyond"] == "").all()
    assert "uncertainty of the probability, not of the outcome" in found.attrs["notes"][0]
    assert found.attrs["prob"] == 0.95


def test_effective_size_counts_trials_offsets_and_weights_as_the_leverage_does():
    random = np.random.default_rng(1)
    data = pd.DataFrame(
        {"x": random.normal(size=40), "m": random.integers(1, 9, 40), "o": random.normal(size=40)}
    )
    data["s"] = random.binomial(data["m"], expit(data["x"] + data["o"]))
    data["f"] = random.integers(1, 4, 40)
    counted = plg.fit("s ~ x", data, trials="m", offset="o", weights="f")
    leverage = counted.influence(())["leverage"]
    np.testing.assert_allclose(counted.individual_risk()["n_effective"], data["m"] / leverage, rtol=1e-8)


def test_effective_size_with_an_intercept_alone_is_the_number_of_rows():
    data = table()
    found = plg.fit("y ~ 1", data).individual_risk()
    np.testing.assert_allclose(found["n_effective"], 120, rtol=1e-9)


def test_effective_size_of_a_posterior_is_that_of_a_beta_distribution():
    """p ~ Beta(a, b): mean (1 - mean) / variance = a + b + 1. Monte Carlo error of a variance: sqrt(2 / 8 000)."""
    random = np.random.default_rng(2)
    estimate = plg.fit("y ~ 1", table()).estimate
    p = random.beta(30, 50, size=(4, 2000, 1))
    draws = np.log(p) - np.log1p(-p)
    drawn = replace(posterior(estimate.problem, [0.0]), coefficients=DrawnCoefficients(draws))
    found = module.individual_risk(drawn)
    np.testing.assert_allclose(found["n_effective"], 81, rtol=0.06)
    assert set(found["interval"]) == {"credible-eti"}


def test_a_posterior_and_maximum_likelihood_agree_where_the_prior_says_nothing(fit):
    drawn = plg.fit("y ~ x + z + g", table(), plg.Bayes(plg.Normal(50.0), sampler="laplace", rng=1))
    ratio = drawn.individual_risk()["n_effective"] / fit.individual_risk()["n_effective"]
    assert ratio.median() == pytest.approx(1, abs=0.15)


def test_more_shrinkage_is_worth_more_sample(fit):
    ridge = plg.fit("y ~ x + z + g", table(), plg.Penalized(plg.Normal(0.3)))
    assert (
        ridge.individual_risk()["n_effective"].median() > 1.3 * fit.individual_risk()["n_effective"].median()
    )


def test_rows_outside_the_training_data_are_flagged_with_where(fit):
    data = table()
    new = pd.DataFrame(
        {
            "x": [0.0, 9.0, data["x"].max(), 0.2, np.nan, data["x"].max() + 1],
            "z": [0.0, 0.0, data["z"].min(), 0.1, 0.0, data["z"].max() + 1],
            "g": ["a", "b", "b", "b", "a", "a"],
        },
        index=list("uvwxyz"),
    )
    found = fit.individual_risk(new)
    assert found["outside"].to_dict() == dict(
        zip("uvwxyz", [False, True, True, False, False, True], strict=True)
    )
    assert found["beyond"].to_dict() == {"u": "", "v": "x", "w": "combination", "x": "", "y": "", "z": "x, z"}
    assert found.loc["y", ["probability", "n_effective"]].isna().all()
    # By hand: the hat matrix without the fitted weights.
    X = np.column_stack([np.ones(120), data["g"] == "b", data["x"], data["z"]]).astype(float)
    C = np.linalg.inv(X.T @ X)
    w = np.array([1.0, 1.0, new["x"]["w"], new["z"]["w"]])
    assert w @ C @ w > np.einsum("ij,jk,ik->i", X, C, X).max()


def test_every_method_flags_the_same_rows(fit):
    new = pd.DataFrame({"x": [0.0, 2.0, -1.5], "z": [0.1, -2.0, 1.0], "g": ["a", "b", "a"]})
    flags = fit.individual_risk(new)["beyond"].tolist()
    assert flags == ["", "combination", "combination"]
    for method in (
        plg.Penalized(plg.Normal(1.0)),
        plg.Penalized(plg.Laplace(1.0)),
        plg.Penalized(plg.Jeffreys()),
    ):
        assert plg.fit("y ~ x + z + g", table(), method).individual_risk(new)["beyond"].tolist() == flags


def test_a_fit_without_distribution_says_why():
    lasso = plg.fit("y ~ x + z + g", table(), plg.Penalized(plg.Laplace(1.0)))
    found = lasso.individual_risk()
    assert found["probability"].notna().all()
    assert found[["lower", "upper", "n_effective"]].isna().all().all()
    assert set(found["interval"]) == {"none"}
    assert any(note.startswith("No bounds and no n_effective") for note in found.attrs["notes"])


def test_the_bootstrap_and_the_sandwich_have_effective_sizes_of_their_own(fit):
    classical = fit.individual_risk()["n_effective"]
    for method in (plg.MLE("HC3"), plg.MLE("bootstrap", resamples=80, rng=1)):
        other = plg.fit("y ~ x + z + g", table(), method).individual_risk()["n_effective"]
        assert other.notna().all()
        assert 0.5 < (other / classical).median() < 1.2


def test_a_broken_relation_between_columns_is_outside():
    data = table().assign(sum=lambda frame: frame["x"] + frame["z"])
    new = pd.DataFrame({"x": [0.1, 0.1], "z": [0.2, 0.2], "sum": [0.3, 0.5]})
    ridge = plg.fit("y ~ x + z + sum", data, plg.Penalized(plg.Normal(1.0)))
    assert ridge.individual_risk(new)["beyond"].tolist() == ["", "combination"]


def test_separated_rows_have_no_effective_size_and_the_note_says_so():
    data = table()
    data.loc[data["g"] == "b", "y"] = 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ProblogitWarning)
        separated = plg.fit("y ~ x + g", data)
    found = separated.individual_risk()
    sure = data["g"] == "b"
    assert found.loc[sure, "n_effective"].isna().all()
    assert found.loc[~sure, "n_effective"].notna().all()
    assert any(f"{sure.sum()} probabilities are exactly 0 or 1" in note for note in found.attrs["notes"])


def test_sparse_designs_polars_and_saved_fits(fit, tmp_path):
    random = np.random.default_rng(1)
    X = random.normal(size=(80, 2)) * (random.random((80, 2)) < 0.6)
    y = random.random(80) < expit(X[:, 0])
    new = np.array([[0.5, 0.0], [0.0, 30.0]])
    dense, sparse = (
        plg.LogitModel.from_arrays(A, y).fit().individual_risk(B)
        for A, B in ((X, new), (csr_array(X), csr_array(new)))
    )
    pd.testing.assert_frame_equal(dense, sparse, rtol=1e-6)
    assert dense["outside"].tolist() == [False, True]
    pl = pytest.importorskip("polars")
    assert isinstance(fit.individual_risk(table(), output="polars"), pl.DataFrame)
    fit.save(tmp_path / "bare.fit")
    new = pd.DataFrame({"x": [0.0, 2.0, 9.0], "z": [0.1, -2.0, 0.0], "g": ["a", "b", "a"]})
    found = plg.load(tmp_path / "bare.fit").individual_risk(new)
    assert found["beyond"].tolist() == ["", "", "x"]
    assert "loaded without its data" in found.attrs["notes"][-1]
    np.testing.assert_allclose(found["n_effective"], fit.individual_risk(new)["n_effective"], rtol=1e-9)


@pytest.mark.slow
def test_intervals_of_one_probability_cover_the_truth():
    """At the centre and at the edge of the data; 500 replicates of 150 rows, Monte Carlo error 1 point."""
    random = np.random.default_rng(8)
    truth, new = np.array([-0.5, 0.8, -0.5, 0.0, 0.3]), np.array([[0.0, 0, 0, 0], [1.5, -1.0, 0.5, 1.0]])
    p_new = expit(truth[0] + new @ truth[1:])
    inside, sizes, estimates = np.zeros((2, 2)), [], []
    for _ in range(500):
        X = random.normal(size=(150, 4))
        model = plg.LogitModel.from_arrays(X, random.random(150) < expit(truth[0] + X @ truth[1:]))
        for i, method in enumerate((plg.MLE(), plg.Penalized(plg.Normal(2.5)))):
            found = model.fit(method, progress=False).individual_risk(new)
            inside[i] += found["lower"].to_numpy() <= p_new
            inside[i] -= found["upper"].to_numpy() < p_new
        sizes.append(found["n_effective"].to_numpy())
        estimates.append(found["probability"].to_numpy())
    coverage = inside / 500
    assert np.abs(coverage - 0.95).max() < 0.03, coverage
    spread = (
        p_new * (1 - p_new) / np.var(estimates, axis=0)
    )  # what n_effective estimates, to 6% by simulation
    np.testing.assert_allclose(np.median(sizes, axis=0), spread, rtol=0.25)
