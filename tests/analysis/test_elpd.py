"""Comparison by elpd against arviz-stats and R's loo on the same log-likelihoods; stacking against brute force."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from analysis_cases import Given
from scipy.special import expit

import problogit as plg
from problogit import arviz_io
from problogit.analysis.elpd import elpd_frame, stacking_weights
from problogit.analysis.loo import loo
from problogit.core.coefficients import DrawnCoefficients
from problogit.errors import InputError, NotAvailableError

REFERENCE = Path(__file__).parents[1] / "reference" / "psis" / "stacking.json"


def frame(n=150, seed=0):
    random = np.random.default_rng(seed)
    data = pd.DataFrame(random.normal(size=(n, 3)), columns=["a", "b", "c"])
    return data.assign(y=(random.random(n) < expit(data["a"] + 0.6 * data["b"])).astype(int))


def posterior(formula, data, seed=1, **options):
    """Normal draws about the mode stand for the posterior."""
    prior = plg.Priors(plg.Normal(1.0), intercept=plg.Normal(1.0))
    model = plg.LogitModel(formula, data, **options)
    mode = model.fit(plg.Penalized(prior))
    draws = np.random.default_rng(seed).multivariate_normal(
        mode.coef.to_numpy(), mode.cov.to_numpy(), size=(4, 500)
    )
    return plg.Fit(Given(DrawnCoefficients(draws)).estimate(model.problem))


@pytest.fixture(scope="module")
def fits():
    data = frame()
    return {"a": posterior("y ~ a", data), "ab": posterior("y ~ a + b", data), "c": posterior("y ~ c", data)}


# arviz-stats 0.8 sorts in place, which pandas 3 deprecates.
@pytest.mark.filterwarnings("ignore:The inplace keyword")
def test_differences_and_weights_are_those_of_arviz_stats(fits):
    import arviz_stats as azs

    trees = {label: arviz_io.to_datatree(fit.estimate, log_likelihood=True) for label, fit in fits.items()}
    # 1.3 rounds unless told otherwise, 0.8 never.
    plain = {"round_to": "none"} if "round_to" in inspect.signature(azs.compare).parameters else {}
    theirs = azs.compare(trees, method="stacking", var_name="y", **plain)
    ours = plg.compare(fits).elpd
    assert list(ours.index) == list(theirs.index) == ["ab", "a", "c"]
    np.testing.assert_allclose(ours["elpd"], theirs["elpd"].astype(float), rtol=1e-9)
    np.testing.assert_allclose(ours["p_loo"], theirs["p"].astype(float), rtol=1e-7)
    np.testing.assert_allclose(
        np.abs(ours["difference"]), np.abs(theirs["elpd_diff"].astype(float)), rtol=1e-9
    )
    # The divisor is n - 1 here, n or n - 1 there.
    np.testing.assert_allclose(ours["difference_se"], theirs["dse"].astype(float), rtol=1 / 140)
    np.testing.assert_allclose(ours["elpd_se"], theirs["se"].astype(float), rtol=1 / 140)
    np.testing.assert_allclose(ours["weight"], theirs["weight"].astype(float), atol=2e-3)
    assert (ours["difference"] <= 0).all()


def test_stacking_weights_are_those_of_r_loo():
    figures = json.loads(REFERENCE.read_text())
    log_density = np.array(figures["log_density"])
    ours = stacking_weights(log_density, np.ones(log_density.shape[0]))
    np.testing.assert_allclose(ours, figures["weights"], atol=1e-4)


def test_stacking_weights_are_the_best_on_a_fine_grid():
    log_density = np.log(np.random.default_rng(3).uniform(0.1, 0.9, size=(60, 2)))
    rows = np.random.default_rng(4).integers(1, 4, 60).astype(float)
    grid = np.linspace(0, 1, 10_001)
    mixed = np.log(np.exp(log_density) @ np.stack([grid, 1 - grid]))
    best = grid[np.argmax(rows @ mixed)]
    assert stacking_weights(log_density, rows)[0] == pytest.approx(best, abs=2e-4)
    alone = stacking_weights(np.column_stack([log_density[:, 0], log_density[:, 0] - 1]), rows)
    np.testing.assert_allclose(alone, [1, 0], atol=1e-8)


def test_the_two_scores_of_a_comparison_agree(fits):
    comparison = plg.compare(fits)
    scores, elpd = comparison.scores, comparison.elpd
    np.testing.assert_allclose(scores.loc[elpd.index, "elpd"], elpd["elpd"])
    np.testing.assert_allclose(scores.loc["a", "difference"], -elpd.loc["a", "difference"] / 150)
    np.testing.assert_allclose(scores.loc["a", "difference_se"], elpd.loc["a", "difference_se"] / 150)


def test_small_differences_and_few_rows_are_said():
    data = frame(n=60)
    found = plg.compare([posterior("y ~ a + b", data), posterior("y ~ a + b + c", data)]).elpd
    notes = " ".join(found.attrs["notes"])
    assert "less than 4 below" in notes
    assert "With 60 units, fewer than 100" in notes
    assert found.attrs["best"] == found.index[0]


def test_weight_two_is_the_row_twice():
    data = frame(n=50)
    one = plg.compare([posterior(f, data.assign(w=2), weights="w") for f in ("y ~ a", "y ~ b")]).elpd
    other = plg.compare([posterior(f, pd.concat([data, data])) for f in ("y ~ a", "y ~ b")]).elpd
    for column in ("elpd", "difference", "difference_se", "weight"):
        np.testing.assert_allclose(one[column], other[column], rtol=2e-4, atol=1e-6)


def test_other_rows_and_too_few_posteriors_are_refused(fits):
    data = frame()
    with pytest.raises(InputError, match="must be of the same rows"):
        plg.compare([fits["a"], posterior("y ~ b", data.iloc[1:])])
    mle = plg.fit("y ~ a", data)
    with pytest.raises(NotAvailableError, match="needs two posteriors or more; here are 1"):
        _ = plg.compare([fits["a"], mle]).elpd
    mixed = plg.compare({"a": fits["a"], "c": fits["c"], "mle": mle}).elpd
    assert list(mixed.index) == ["a", "c"]
    assert "Not posteriors, and left out: mle" in mixed.attrs["notes"][-1]


def test_many_fits_are_warned_of(fits):
    one = loo(fits["a"].estimate)
    found = elpd_frame({str(k): one for k in range(12)}, frequency=True)
    assert "The best of 12 fits looks better than it is" in " ".join(found.attrs["notes"])
    np.testing.assert_allclose(found["difference"], 0)
