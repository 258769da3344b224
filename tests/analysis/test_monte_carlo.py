"""Monte Carlo errors of posterior quantities, against arviz-stats and against repeated simulation."""

from __future__ import annotations

import re

import numpy as np
import pytest
from analysis_cases import Given, problem_of, simulated

from problogit.analysis.compare import compare_estimates
from problogit.analysis.monte_carlo import quantile_error, term_errors
from problogit.core.coefficients import DrawnCoefficients
from problogit.estimators.mle import MLE


def autoregression(seed: int, shape: tuple[int, ...], r: float = 0.4) -> np.ndarray:
    """Standard normal draws, correlated along the second axis."""
    rng = np.random.default_rng(seed)
    out = rng.normal(size=shape)
    for t in range(1, shape[1]):
        out[:, t] = r * out[:, t - 1] + np.sqrt(1 - r * r) * out[:, t]
    return out


@pytest.fixture(scope="module")
def estimate():
    problem = problem_of(*simulated())
    return Given(DrawnCoefficients(autoregression(3, (4, 1000, problem.n_terms)))).estimate(problem)


def test_errors_against_arviz_stats(estimate):
    """arviz-stats finds an effective size for every quantity; ours are those of the diagnostics: within a third."""
    from arviz_stats.base import array_stats

    chains = estimate.coefficients.chains
    errors = term_errors(estimate, prob=0.9)

    def theirs(values, method, **options):
        return np.asarray(array_stats.mcse(values, chain_axis=0, draw_axis=1, method=method, **options))

    np.testing.assert_allclose(errors["estimate"], theirs(chains, "mean"), rtol=0.1)
    # arviz-stats 1.x takes the effective size of squares, which are less correlated; ours is never smaller by much.
    np.testing.assert_allclose(errors["std_error"], theirs(chains, "sd"), rtol=0.5)
    np.testing.assert_allclose(errors["lower"], theirs(chains, "quantile", prob=0.05), rtol=0.33)
    np.testing.assert_allclose(errors["or_upper"], theirs(np.exp(chains), "quantile", prob=0.95), rtol=0.33)
    np.testing.assert_allclose(errors["odds_ratio"], theirs(np.exp(chains), "median"), rtol=0.33)
    np.testing.assert_allclose(errors["prob_positive"], theirs((chains > 0).astype(float), "mean"), rtol=0.33)


def test_quantile_errors_are_the_spread_over_repeated_simulation():
    """1000 samples of 400 independent draws: the spread of their quantiles, itself known to 2%, +- 3 errors."""
    draws = np.sort(np.random.default_rng(4).normal(size=(400, 1000)), axis=0)
    for level in (0.025, 0.5, 0.9):
        spread = np.quantile(draws, level, axis=0).std()
        errors = quantile_error(draws, np.full(1000, level), np.full(1000, 400.0))
        assert errors.mean() == pytest.approx(spread, rel=0.12)


def test_highest_density_ends_have_errors_and_units_scale_them(estimate):
    plain, scaled = term_errors(estimate), term_errors(estimate, units=np.full(len(estimate.terms), 10.0))
    np.testing.assert_allclose(scaled["lower"], 10 * plain["lower"])
    densest = term_errors(estimate, interval="hdi")
    assert (densest["lower"] > 0).all()
    assert densest["estimate"] == pytest.approx(plain["estimate"])


def test_estimates_that_are_no_posterior_have_no_monte_carlo_error():
    assert term_errors(MLE().estimate(problem_of(*simulated()))) is None


def test_comparison_tables_show_what_the_draws_settle():
    """800 draws of standard deviation 0.3 leave one decimal of the ends, and two of the centres."""
    rng = np.random.default_rng(5)
    problem = problem_of(*simulated())
    drawn = Given(DrawnCoefficients(rng.normal(0.4321, 0.3, size=(4, 200, problem.n_terms)))).estimate(
        problem
    )
    errors = term_errors(drawn)
    assert (errors["lower"] > 0.01).all()
    cell = compare_estimates({"drawn": drawn, "mle": MLE().estimate(problem)}).table.iloc[1, 0]
    assert re.fullmatch(r"0\.4\d? \[-0\.\d, 1\.\d\]", cell), cell
