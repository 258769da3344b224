"""Central ranges of priors, against their closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from analysis_cases import point, problem_of, simulated
from scipy import stats

import problogit as plg
from problogit.analysis.prior_ranges import half_width, prior_ranges
from problogit.core.priors.elastic_net import ElasticNet
from problogit.core.priors.elementwise import Elementwise
from problogit.core.priors.laplace import Laplace
from problogit.core.priors.normal import Normal
from problogit.core.priors.student_t import Cauchy, StudentT


@pytest.mark.parametrize(
    ("prior", "exact"),
    [
        (Normal(2.5, loc=-1.0), stats.norm(0, 2.5)),
        (Laplace(0.01), stats.laplace(0, 0.01)),
        (StudentT(3.0, 2.0), stats.t(3, 0, 2)),
        (Cauchy(2.5, loc=4.0), stats.cauchy(0, 2.5)),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("prob", [0.5, 0.95, 0.999])
def test_half_widths_match_scipy(prior: Elementwise, exact: stats.rv_continuous, prob: float) -> None:
    assert half_width(prior, prob) == pytest.approx(exact.ppf((1 + prob) / 2), rel=1e-4)


def test_half_width_of_an_elastic_net_matches_the_truncated_normal() -> None:
    l1, l2 = 1.0, 2.0
    side = stats.truncnorm(l1 / np.sqrt(l2), np.inf, loc=-l1 / l2, scale=1 / np.sqrt(l2))
    assert half_width(ElasticNet(l1, l2), 0.95) == pytest.approx(side.ppf(0.95), rel=1e-4)


def test_ranges_of_odds_ratios_per_unit_and_per_standard_deviation() -> None:
    problem = problem_of(*simulated())
    table = prior_ranges(point(problem, np.zeros(4)))  # Normal(2.5), a flat intercept
    z = stats.norm.ppf(0.975) * 2.5
    np.testing.assert_allclose(table.loc["x", ["lower", "upper"]].astype(float), np.exp([-z, z]), rtol=1e-3)
    sd = problem.column_stats.sd[problem.terms.index("z")]
    found = table.loc["z", ["lower_sd", "upper_sd"]].astype(float)
    np.testing.assert_allclose(found, np.exp([-z * sd, z * sd]), rtol=1e-3)
    assert table.loc["Intercept", ["lower", "upper"]].tolist() == [0.0, np.inf]
    assert np.isnan(table.loc["Intercept", "lower_sd"])
    assert table.loc["x", "used"] == "Normal(0, 2.5)"


@pytest.mark.parametrize(
    ("at", "words"),
    [("zero", "odds where all predictors are 0: "), ("mean", "odds at the predictors' means: ")],
)
def test_words_for_the_intercept_say_where_its_prior_stands(at: str, words: str) -> None:
    prior = plg.Priors(plg.Normal(1.0), intercept=plg.Normal(1.5), intercept_at=at)
    X, y = np.array([[3.0], [4.0], [5.0], [6.0]]), np.array([0, 1, 0, 1])
    fit = plg.LogitModel.from_arrays(X, y, names=["age"]).fit(plg.Penalized(prior))
    found = prior_ranges(fit.estimate)["in_words"]
    assert found["Intercept"].startswith(words)
    assert found["age"].startswith("odds ratio per sd of age: ")
