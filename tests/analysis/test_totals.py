"""Expected totals against closed forms, simulation and the delta method by finite differences."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from analysis_cases import point, posterior, problem_of, rare_level, simulated
from scipy.special import expit
from scipy.stats import binom

from problogit.analysis import predict as predictions
from problogit.analysis.totals import expected_total
from problogit.errors import InputError, SeparationWarning
from problogit.estimators.mle import MLE


@pytest.fixture(scope="module")
def mle():
    return MLE().estimate(problem_of(*simulated()))


def nights(n: int, rate: float):
    """A model that is an intercept alone in effect: one predictor without influence by construction."""
    y = np.zeros(n)
    y[: round(rate * n)] = 1
    frame = pd.DataFrame({"x": np.tile([-1.0, 1.0], n // 2)})
    return MLE().estimate(problem_of(frame, y))


def test_five_percent_of_nights_is_eighteen_a_year():
    estimate = nights(100_000, 0.05)
    year = pd.DataFrame({"x": np.zeros(365)})
    total = expected_total(estimate, year)
    assert total.mean == pytest.approx(0.05 * 365, rel=1e-6)
    assert total.n_rows == 365
    exact = binom(365, 0.05)
    assert total.bernoulli_sd == pytest.approx(exact.std(), rel=1e-6)
    assert total.parameter_sd < 0.3
    assert (total.lower, total.upper) == pytest.approx((exact.ppf(0.025), exact.ppf(0.975)), abs=1.0)
    assert "18.25" in str(total)
    assert "95% prediction interval" in str(total)


def test_parameter_part_matches_finite_differences_of_the_total(mle):
    frame, _ = simulated()
    X = np.column_stack([np.ones(120), frame.to_numpy()])
    value = np.linspace(-1, 3, 120)
    beta = mle.coefficients.location
    gradient = np.zeros(4)
    for j in range(4):
        step = np.zeros(4)
        step[j] = 1e-6
        gradient[j] = value @ (expit(X @ (beta + step)) - expit(X @ (beta - step))) / 2e-6
    total = expected_total(mle, frame, value)
    p = expit(X @ beta)
    assert total.mean == pytest.approx(value @ p, rel=1e-12)
    assert total.parameter_sd == pytest.approx(np.sqrt(gradient @ mle.coefficients.cov @ gradient), rel=1e-6)
    assert total.bernoulli_sd == pytest.approx(np.sqrt(value**2 @ (p * (1 - p))), rel=1e-12)
    assert total.sd == pytest.approx(np.hypot(total.parameter_sd, total.bernoulli_sd))


def test_the_training_total_of_maximum_likelihood_is_the_number_of_events(mle):
    assert expected_total(mle).mean == pytest.approx(mle.problem.sample.n_events, rel=1e-9)


def test_trials_and_frequency_weights_count():
    frame, _ = simulated(40)
    rng = np.random.default_rng(0)
    m, w = rng.integers(1, 6, 40), rng.integers(1, 4, 40)
    s = rng.binomial(m, 0.4)
    estimate = MLE().estimate(problem_of(frame, s, trials=m, weights=w))
    total = expected_total(estimate)
    assert total.mean == pytest.approx(float(w @ s), rel=1e-9)
    p = predictions.predict_proba(estimate)
    assert total.bernoulli_sd == pytest.approx(np.sqrt((w * m) @ (p * (1 - p))), rel=1e-9)
    new = expected_total(estimate, frame.assign(m=m), trials="m")
    assert new.mean == pytest.approx(m @ p, rel=1e-9)
    with pytest.raises(InputError, match="y counts events in trials"):
        expected_total(estimate, frame)


def test_posterior_interval_matches_simulated_totals():
    frame, y = simulated()
    estimate = posterior(problem_of(frame, y), [0.2, 0.8, 0.4, -0.1], sd=0.05, n=4000)
    total = expected_total(estimate, frame, prob=0.9)
    X = np.column_stack([np.ones(120), frame.to_numpy()])
    p = expit(estimate.coefficients.flat @ X.T)
    seen = np.random.default_rng(1).random((20, *p.shape)) < p
    totals = seen.sum(axis=2).ravel()
    assert total.mean == pytest.approx(p.sum(axis=1).mean(), rel=1e-12)
    assert total.sd == pytest.approx(totals.std(), rel=0.01)
    np.testing.assert_allclose([total.lower, total.upper], np.quantile(totals, [0.05, 0.95]), atol=1.0)
    assert total.parameters == "credible-eti"


def test_values_by_column_and_by_array_agree_and_missing_rows_are_counted(mle):
    frame, _ = simulated()
    frame["cost"] = np.arange(120.0)
    frame.iloc[7, 0] = np.nan
    by_name, by_array = (expected_total(mle, frame, value) for value in ("cost", np.arange(120.0)))
    assert by_name == by_array
    assert (by_name.n_rows, by_name.n_missing) == (119, 1)
    assert "1 more have missing predictors" in str(by_name)


def test_the_interval_stays_within_what_the_rows_can_give():
    estimate = nights(2000, 0.05)
    total = expected_total(estimate, pd.DataFrame({"x": [0.0, 0.0]}))
    assert total.lower == 0
    assert total.upper <= 2


def test_a_point_estimate_gives_the_mean_and_the_reason():
    total = expected_total(point(problem_of(*simulated()), [0.2, 0.8, 0.4, -0.1]))
    assert np.isfinite(total.mean)
    assert np.isnan([total.lower, total.upper, total.sd]).all()
    assert total.interval == "none"
    assert "bootstrap" in str(total)


def test_separated_rows_leave_the_mean_and_take_the_interval():
    with pytest.warns(SeparationWarning):
        estimate = MLE().estimate(problem_of(*rare_level()))
    total = expected_total(estimate)
    assert total.mean == pytest.approx(estimate.problem.sample.n_events, rel=1e-9)
    assert "separated" in total.reason
    ordinary = expected_total(estimate, pd.DataFrame({"x": [0.0, 1.0], "rare": [0.0, 0.0]}))
    assert ordinary.interval == "prediction"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"value": "cost"}, r"value may name a column only where data are given"),
        ({"value": [1.0, 2.0]}, r"value must have one number for each of the 120 rows"),
        ({"value": np.r_[np.nan, np.ones(119)]}, r"value must be finite"),
        ({"trials": 3}, r"trials goes with new data only"),
        ({"prob": 1.5}, r"prob must lie strictly between 0 and 1"),
    ],
)
def test_bad_arguments_are_named(mle, arguments, message):
    with pytest.raises(InputError, match=message):
        expected_total(mle, **arguments)


@pytest.mark.parametrize("value", [["a", "b", "c"], [[1.0], [2.0, 3.0]], {"x": 1}, [None, object(), 1]])
def test_values_that_are_no_numbers_are_refused(mle, value):
    with pytest.raises(
        InputError, match="value must be a number, the name of a column, or one number for each"
    ):
        expected_total(mle, simulated()[0][:3], value=value)
    with pytest.raises(InputError, match="trials must be a number, the name of a column"):
        expected_total(mle, simulated()[0][:3], trials=value)
