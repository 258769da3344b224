"""Expected totals against closed forms, brute-force simulation, enumeration and finite differences."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from analysis_cases import Given, point, posterior, problem_of, rare_level, simulated
from scipy.special import expit
from scipy.stats import binom

import problogit as plg
from problogit.analysis import predict as predictions
from problogit.analysis import total_draws
from problogit.analysis.totals import expected_total
from problogit.core.coefficients import DrawnCoefficients
from problogit.errors import AliasingWarning, InputError, SeparationWarning
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
    assert total.bernoulli_sd == pytest.approx(exact.std(), rel=1e-4)
    assert total.parameter_sd < 0.3
    assert (total.lower, total.upper) == (exact.ppf(0.025), exact.ppf(0.975))
    assert "18.25" in str(total)
    assert "95% prediction interval" in str(total)


def test_where_coefficients_are_well_known_the_parts_match_finite_differences_of_the_total():
    frame, _ = simulated()
    rng = np.random.default_rng(4)
    many = pd.DataFrame(np.tile(frame.to_numpy(), (100, 1)), columns=frame.columns)
    mle = MLE().estimate(problem_of(many, rng.random(12_000) < expit(many.to_numpy() @ [0.8, 0.4, -0.1])))
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
    assert total.parameter_sd == pytest.approx(np.sqrt(gradient @ mle.coefficients.cov @ gradient), rel=2e-3)
    assert total.bernoulli_sd == pytest.approx(np.sqrt(value**2 @ (p * (1 - p))), rel=2e-3)
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
    assert total.bernoulli_sd == pytest.approx(np.sqrt((w * m) @ (p * (1 - p))), rel=0.05)
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
    assert [total.lower, total.upper] == np.quantile(totals, [0.05, 0.95], method="inverted_cdf").tolist()
    assert total.parameters == "credible-eti"


def rare_study():
    """An event in about 5% of 200 rows that hangs on two numbers, and 50 new rows where it is rarer still."""
    rng = np.random.default_rng(12)
    frame = pd.DataFrame(rng.normal(size=(200, 2)), columns=["a", "b"])
    y = rng.random(200) < expit(-3.6 + frame.to_numpy() @ [1.0, 0.5])
    return MLE().estimate(problem_of(frame, y)), pd.DataFrame({"a": np.full(50, -1.0), "b": np.zeros(50)})


def simulated_totals(estimate, new, times=400_000, value=1.0):
    """Coefficients from their normal distribution, then outcomes: the definition, by brute force."""
    rng = np.random.default_rng(99)
    X = np.column_stack([np.ones(len(new)), new.to_numpy()])
    rows, counts = np.unique(X, axis=0, return_counts=True)
    beta = rng.multivariate_normal(estimate.coefficients.location, estimate.coefficients.cov, times)
    return value * rng.binomial(counts, expit(beta @ rows.T)).sum(axis=1)


@pytest.mark.parametrize("copies", [1, 20])
def test_rare_events_match_simulated_coefficients_and_outcomes(copies):
    estimate, new = rare_study()
    new = pd.concat([new] * copies, ignore_index=True)
    total, totals = expected_total(estimate, new), simulated_totals(estimate, new)
    ends = np.quantile(totals, [0.025, 0.975], method="inverted_cdf")
    assert total.lower == ends[0]
    assert total.upper == pytest.approx(ends[1], abs=0.02 * ends[1])
    assert total.sd == pytest.approx(totals.std(), rel=0.02)
    assert total.upper > 1.3 * (total.mean + 1.96 * np.sqrt(total.mean))
    assert (total.lower, total.upper) == (round(total.lower), round(total.upper))
    assert expected_total(estimate, new) == total


def test_the_spector_total_is_that_of_simulated_coefficients_and_outcomes():
    import statsmodels.api as sm

    data = sm.datasets.spector.load_pandas().data
    estimate = MLE().estimate(problem_of(data[["GPA", "TUCE", "PSI"]], data["GRADE"]))
    new = pd.DataFrame({"GPA": np.full(50, 2.0), "TUCE": 20.0, "PSI": 0.0})
    totals = simulated_totals(estimate, new)
    total = expected_total(estimate, new)
    assert (total.lower, total.upper) == tuple(np.quantile(totals, [0.025, 0.975], method="inverted_cdf"))
    bound = predictions.predict(estimate, new)["upper"].iloc[0]
    assert total.upper >= 50 * bound


def test_both_of_two_rows_are_in_when_both_are_likely_enough():
    estimate = nights(100_000, 0.25)
    assert expected_total(estimate, pd.DataFrame({"x": [0.0, 0.0]})).upper == 2  # 0.0625 > 0.025
    assert expected_total(estimate, pd.DataFrame({"x": [0.0, 0.0]}), prob=0.8).upper == 1


@pytest.mark.parametrize("n", [40, 400])
def test_posterior_and_sampling_draws_of_one_normal_distribution_agree(n):
    estimate, new = rare_study()
    new = pd.DataFrame({"a": np.linspace(-1, 2, n), "b": np.zeros(n)})
    mean, cov = estimate.coefficients.location, estimate.coefficients.cov
    drawn = np.random.default_rng(5).multivariate_normal(mean, cov, (4, 5000))
    bayes = Given(DrawnCoefficients(drawn)).estimate(estimate.problem)
    one, other = expected_total(estimate, new), expected_total(bayes, new)
    assert one.lower == pytest.approx(other.lower, abs=1)
    assert one.upper == pytest.approx(other.upper, abs=max(1, 0.03 * other.upper))
    assert one.sd == pytest.approx(other.sd, rel=0.05)


def test_totals_of_differing_values_are_totals_that_can_occur(mle):
    new, value = simulated()[0][:3], np.array([3.0, 10.0, 50.0])
    sums = {float(np.dot(seen, value)) for seen in itertools.product([0, 1], repeat=3)}
    total = expected_total(mle, new, value)
    assert {total.lower, total.upper} <= sums
    assert total == expected_total(mle, new, value)
    count, cost = expected_total(mle, new), expected_total(mle, new, 12.5)
    assert (cost.lower, cost.upper) == (12.5 * count.lower, 12.5 * count.upper)
    loss = expected_total(mle, new, -12.5)
    assert (loss.lower, loss.upper) == (-cost.upper, -cost.lower)


def test_many_differing_values_match_simulation():
    estimate, _ = rare_study()
    rng = np.random.default_rng(3)
    new = pd.DataFrame(rng.normal(size=(600, 2)), columns=["a", "b"])
    value = rng.gamma(2.0, 1.0, 600)
    beta = rng.multivariate_normal(estimate.coefficients.location, estimate.coefficients.cov, 20_000)
    p = expit(beta @ np.column_stack([np.ones(600), new.to_numpy()]).T)
    totals = (rng.random(p.shape) < p) @ value
    total = expected_total(estimate, new, value)
    np.testing.assert_allclose([total.lower, total.upper], np.quantile(totals, [0.025, 0.975]), rtol=0.05)


def test_some_of_very_many_rows_show_how_far_draws_move_the_total(monkeypatch):
    estimate, _ = rare_study()
    rng = np.random.default_rng(3)
    new = pd.DataFrame(rng.normal(size=(6000, 2)), columns=["a", "b"])
    every = expected_total(estimate, new)
    monkeypatch.setattr(total_draws, "_MOVED", 1000)
    some = expected_total(estimate, new)
    assert some.parameter_sd == pytest.approx(every.parameter_sd, rel=0.03)
    assert some.bernoulli_sd == pytest.approx(every.bernoulli_sd, rel=0.03)
    np.testing.assert_allclose([some.lower, some.upper], [every.lower, every.upper], rtol=0.03)


def test_nothing_to_sum_is_zero(mle):
    total = expected_total(mle, simulated()[0][:3], 0.0)
    assert (total.mean, total.lower, total.upper, total.sd) == (0, 0, 0, 0)


@pytest.mark.slow
def test_the_interval_covers_totals_of_rare_events():
    """Totals of 100 new rows after 600 studies of 200 rows, some 10 events each; Monte Carlo error 0.9 points."""
    rng = np.random.default_rng(7)
    beta = np.array([-3.6, 1.0, 0.5])
    studies = below = above = 0
    while studies < 600:
        X = np.column_stack([np.ones(300), rng.normal(size=(300, 2))])
        y = rng.random(300) < expit(X @ beta)
        frame = pd.DataFrame(X[:, 1:], columns=["a", "b"])
        estimate = MLE().estimate(problem_of(frame[:200], y[:200]))
        if not np.isfinite(estimate.coefficients.location).all():  # separated: no interval to judge
            continue
        studies += 1
        total = expected_total(estimate, frame[200:])
        below += y[200:].sum() < total.lower
        above += y[200:].sum() > total.upper
    assert 1 - (below + above) / studies > 0.935
    assert above / studies < 0.035


def test_trials_of_the_fit_serve_new_rows():
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"dose": np.arange(20.0) / 10, "n": 10})
    data["died"] = rng.binomial(data["n"], expit(data["dose"] - 1))
    by_name = plg.LogitModel("died ~ dose", data, trials="n").fit()
    new = {"dose": [0.5, 1.5], "n": [10, 40]}
    p = by_name.predict_proba(new)
    assert by_name.expected_total(new).mean == pytest.approx(p @ [10, 40])
    with pytest.raises(InputError, match=r"trials must be given for new rows.*no column 'n'"):
        by_name.expected_total({"dose": [0.5]})
    by_number = plg.LogitModel("died ~ dose", data, trials=10).fit()
    np.testing.assert_array_equal(by_number.coef, by_name.coef)
    assert by_number.expected_total({"dose": [0.5]}).mean == pytest.approx(10 * p[0])
    by_array = plg.LogitModel("died ~ dose", data, trials=data["n"].to_numpy()).fit()
    with pytest.raises(InputError, match="Name a column, or write trials=1"):
        by_array.expected_total({"dose": [0.5]})


def test_one_number_of_trials_is_kept_and_serves_new_outcomes(tmp_path):
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"dose": np.arange(20.0) / 10, "n": 10})
    data["died"] = rng.binomial(10, expit(data["dose"] - 1))
    fit = plg.LogitModel("died ~ dose", data, trials=10).fit()
    fit.save(tmp_path / "a.fit")
    again = plg.load(tmp_path / "a.fit")
    assert again.expected_total({"dose": [0.5]}) == fit.expected_total({"dose": [0.5]})
    by_name = plg.LogitModel("died ~ dose", data, trials="n").fit()
    assert fit.scores(data).equals(by_name.scores(data))
    X, y = data[["dose"]], data["died"]
    arrays = plg.LogitModel.from_arrays(X, y, trials=10).fit()
    np.testing.assert_array_equal(arrays.coef, fit.coef)
    assert arrays.expected_total(X[:3]).mean == pytest.approx(10 * arrays.predict_proba(X[:3]).sum())
    for bad in (0, -3, 2.5, True):
        with pytest.raises(InputError, match="trials must be an integer of at least 1"):
            plg.LogitModel("died ~ dose", data, trials=bad)


def test_aliased_and_debiased_coefficients_have_totals():
    frame, y = simulated()
    frame = frame.assign(y=y)
    first = frame.columns[0]
    plain = plg.fit(f"y ~ {first}", frame, plg.MLE())
    with pytest.warns(AliasingWarning):
        aliased = plg.fit(f"y ~ {first} + I(2 * {first})", frame, plg.MLE())
    one, other = plain.expected_total(frame), aliased.expected_total(frame)
    np.testing.assert_allclose(
        [one.lower, one.upper, one.sd], [other.lower, other.upper, other.sd], rtol=1e-6
    )
    lasso = plg.Penalized(plg.Laplace(0.5), inference="debiased")
    total = plg.fit(f"y ~ {first}", frame, lasso).expected_total(frame)
    assert total.lower < total.mean < total.upper


def test_values_by_column_and_by_array_agree_and_missing_rows_are_counted(mle):
    frame, _ = simulated()
    frame["cost"] = np.arange(120.0)
    frame.iloc[7, 0] = np.nan
    by_name, by_array = (expected_total(mle, frame, value) for value in ("cost", np.arange(120.0)))
    assert by_name == by_array
    assert (by_name.n_rows, by_name.n_missing) == (119, 1)
    assert "(1 more left out: missing values or no weight)" in str(by_name)


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
