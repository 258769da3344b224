"""Probabilities: alignment, intervals on the log-odds, posterior means by blocks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from analysis_cases import point, posterior, problem_of, rare_level, simulated
from scipy.special import expit, logit
from scipy.stats import norm

from problogit.analysis import predict as predictions
from problogit.errors import AliasingWarning, InputError, SeparationWarning
from problogit.estimators.mle import MLE

BETA = [0.2, 0.8, 0.4, -0.1]


@pytest.fixture(scope="module")
def mle():
    return MLE().estimate(problem_of(*simulated()))


@pytest.fixture(scope="module")
def bayes():
    return posterior(problem_of(*simulated()), BETA)


@pytest.fixture
def new():
    return pd.DataFrame(
        {"z": [5.0, 4.0, np.nan], "d": [1.0, 0.0, 1.0], "x": [0.5, -30.0, 1.0]}, index=["a", "b", "c"]
    )


def design(new):
    return np.column_stack([np.ones(len(new)), new["x"], new["d"], new["z"]])


def test_wald_interval_is_made_on_the_log_odds_and_stays_in_the_unit_interval(mle, new):
    table = predictions.predict(mle, new, prob=0.9)
    X = design(new)[:2]
    eta = X @ mle.coefficients.location
    sd = np.sqrt(np.einsum("ij,jk,ik->i", X, mle.coefficients.cov, X))
    lower, upper = norm.interval(0.9, eta, sd)
    np.testing.assert_allclose(table["probability"][:2], expit(eta), rtol=1e-12)
    np.testing.assert_allclose(table["lower"][:2], expit(lower), rtol=1e-12)
    np.testing.assert_allclose(table["upper"][:2], expit(upper), rtol=1e-12)
    assert table[["lower", "upper"]].dropna().to_numpy().min() >= 0


def test_rows_with_missing_predictors_are_nan_in_their_place(mle, new):
    table = predictions.predict(mle, new)
    assert list(table.index) == ["a", "b", "c"]
    assert table.loc["c", ["probability", "lower", "upper"]].isna().all()
    assert list(table["interval"]) == ["confidence-wald", "confidence-wald", "none"]
    assert np.isnan(predictions.predict_proba(mle, new)[2])


def test_without_data_the_training_table_is_predicted_with_nan_where_rows_were_dropped():
    frame, y = simulated()
    frame.loc["row3", "x"] = np.nan
    y = y.copy()
    y[5] = np.nan
    estimate = MLE().estimate(problem_of(frame, y))
    table = predictions.predict(estimate)
    assert list(table.index) == list(frame.index)
    assert np.flatnonzero(table["probability"].isna()).tolist() == [3, 5]
    again = predictions.predict(estimate, frame)
    keep = table["probability"].notna()
    pd.testing.assert_frame_equal(table[keep], again[keep])


def test_a_posterior_probability_is_the_mean_of_expit_not_expit_of_the_mean(bayes, new):
    X = design(new)[:2]
    p = expit(bayes.coefficients.flat @ X.T)
    table = predictions.predict(bayes, new)
    np.testing.assert_allclose(table["probability"][:2], p.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(table["lower"][:2], np.quantile(p, 0.025, axis=0), rtol=1e-10)
    assert not np.allclose(table["probability"].iloc[0], expit(X[0] @ bayes.coefficients.location), rtol=1e-4)


def test_blocks_of_rows_do_not_change_posterior_predictions(bayes, monkeypatch):
    whole = predictions.predict(bayes)
    monkeypatch.setattr(predictions, "_VALUES", 7 * bayes.coefficients.flat.shape[0])
    blocks = list(predictions.row_blocks(bayes, 120))
    assert blocks[0] == slice(0, 7)
    pd.testing.assert_frame_equal(predictions.predict(bayes), whole)


def test_an_offset_enters_probability_and_interval():
    frame, y = simulated()
    frame["known"] = np.linspace(-1, 1, len(frame))
    estimate = MLE().estimate(problem_of(frame, y, offset="known"))
    shifted = frame.assign(known=frame["known"] + 2.0)
    a, b = predictions.predict(estimate, frame), predictions.predict(estimate, shifted)
    for column in ("probability", "lower", "upper"):
        np.testing.assert_allclose(logit(b[column]) - logit(a[column]), 2.0, rtol=1e-9)


def test_a_point_estimate_gives_probabilities_without_bounds():
    estimate = point(problem_of(*simulated()), BETA)
    table = predictions.predict(estimate)
    assert table["probability"].notna().all()
    assert table[["lower", "upper"]].isna().all(axis=None)
    assert set(table["interval"]) == {"none"}


def test_the_output_follows_the_input_or_the_request(mle, new):
    frame = pl.from_pandas(new)
    made = predictions.predict(mle, frame)
    assert isinstance(made, pl.DataFrame)
    assert made.schema["interval"] == pl.String
    assert isinstance(predictions.predict(mle, frame, output="pandas"), pd.DataFrame)
    assert isinstance(predictions.predict(mle, new, output="polars"), pl.DataFrame)
    np.testing.assert_array_equal(
        made["probability"].to_numpy()[:2], predictions.predict(mle, new)["probability"].to_numpy()[:2]
    )
    with pytest.raises(InputError, match="output must be one of 'pandas', 'polars'"):
        predictions.predict(mle, new, output="arrow")


def test_a_table_without_rows_gives_a_table_without_rows(mle, new):
    assert predictions.predict(mle, new.iloc[:0]).shape == (0, 4)
    with pytest.raises(InputError, match="interval must be"):
        predictions.predict(mle, new.iloc[:0], interval="nonsense")


def test_profile_interval_of_a_probability_has_the_likelihood_at_its_ends(mle, new):
    from problogit.analysis.profile import profile_interval

    table = predictions.predict(mle, new.iloc[:1], interval="profile")
    ends = profile_interval(mle, design(new)[:1])
    np.testing.assert_allclose(logit(table.loc["a", "lower"]), ends.lower[0], rtol=1e-9)
    np.testing.assert_allclose(logit(table.loc["a", "upper"]), ends.upper[0], rtol=1e-9)
    assert table.loc["a", "interval"] == "confidence-profile"


def test_separated_rows_are_certain_and_their_profile_interval_is_one_sided():
    frame, y = rare_level()
    with pytest.warns(SeparationWarning):
        estimate = MLE().estimate(problem_of(frame, y))
    plain = predictions.predict(estimate)
    assert (plain["probability"].iloc[:2] == 1).all()
    assert plain["interval"].iloc[0] == "none"
    assert plain["interval"].iloc[2] == "confidence-wald"
    profiled = predictions.predict(estimate, frame.iloc[:3], interval="profile")
    assert (profiled["upper"].iloc[:2] == 1).all()
    assert profiled["lower"].iloc[:2].between(0, 1, inclusive="neither").all()
    # The other rows are those of a fit without the level.
    rest = MLE().estimate(problem_of(frame.iloc[2:, :1], y[2:]))
    np.testing.assert_allclose(
        plain["probability"].iloc[2:], predictions.predict(rest)["probability"], rtol=1e-9
    )


def test_a_new_row_that_breaks_an_alias_relation_has_no_prediction_and_it_is_said(new):
    frame, y = simulated()
    frame["sum"] = frame["x"] + frame["d"]
    with pytest.warns(AliasingWarning):
        estimate = MLE().estimate(problem_of(frame, y))
    rows = new.assign(sum=[1.5, 0.0, 2.0])
    with pytest.warns(
        AliasingWarning, match=r"row b: training could not tell columns apart \(sum = x \+ d\)"
    ):
        table = predictions.predict(estimate, rows)
    assert np.isfinite(table.loc["a", ["probability", "lower"]].to_numpy(float)).all()
    assert np.isnan(table.loc["b", "probability"])
    assert "sum = x + d" in table.attrs["notes"][0]


def test_a_new_row_that_is_pulled_both_ways_has_no_prediction_and_it_is_said():
    frame, y = rare_level()
    frame["none"] = np.r_[0, 0, 1, 1, np.zeros(196)]
    y[2:4] = 0
    with pytest.warns(SeparationWarning):
        estimate = MLE().estimate(problem_of(frame, y))
    both = pd.DataFrame({"x": [0.0, 0.0], "rare": [1.0, 1.0], "none": [1.0, 0.0]})
    with pytest.warns(SeparationWarning, match=r"row 0: the data are separated"):
        assert np.isnan(predictions.predict_proba(estimate, both)[0])


def test_unseen_must_be_a_known_word(mle, new):
    with pytest.raises(InputError, match="unseen must be one of"):
        predictions.predict(mle, new, unseen="ignore")
