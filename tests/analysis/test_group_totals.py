"""Totals by group against the total of each group alone, and against simulated coefficients and outcomes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from analysis_cases import point, posterior, problem_of, simulated
from reader_cases import counted
from scipy.special import expit

import problogit as plg
from problogit.analysis.group_totals import group_totals
from problogit.analysis.totals import expected_total
from problogit.errors import InputError
from problogit.estimators.mle import MLE


@pytest.fixture(scope="module")
def study():
    frame, y = simulated()
    return MLE().estimate(problem_of(frame, y)), frame.assign(clinic=np.repeat(["b", "a", "c"], 40))


def test_each_group_has_the_total_of_its_own_rows(study):
    estimate, frame = study
    found = group_totals(estimate, "clinic", frame)
    assert list(found.groups) == ["a", "b", "c"]
    for label, total in found.groups.items():
        assert total == expected_total(estimate, frame[frame["clinic"] == label])
    assert found.whole == expected_total(estimate, frame)
    assert found.whole.mean == pytest.approx(sum(total.mean for total in found.groups.values()))
    assert list(found.frame.index) == ["a", "b", "c", "all"]
    assert found.frame.index.name == "clinic"


@pytest.mark.parametrize("method", ["mle", "posterior"])
def test_the_covariance_of_groups_matches_simulated_totals(study, method):
    estimate, frame = study
    if method == "posterior":
        estimate = posterior(estimate.problem, estimate.coefficients.location, sd=0.2, n=4000)
    found = group_totals(estimate, "clinic", frame)
    rng = np.random.default_rng(1)
    X = np.column_stack([np.ones(120), frame[["x", "d", "z"]]])
    if method == "posterior":
        beta = np.repeat(estimate.coefficients.flat, 5, axis=0)
    else:
        beta = rng.multivariate_normal(estimate.coefficients.location, estimate.coefficients.cov, 20_000)
    seen = rng.random((len(beta), 120)) < expit(beta @ X.T)
    totals = np.array([seen[:, frame["clinic"] == label].sum(axis=1) for label in "abc"])
    expected = np.cov(totals)
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    np.testing.assert_allclose(found.covariance.to_numpy() / scale, expected / scale, atol=0.04)
    ones = np.ones(3)
    assert np.sqrt(ones @ found.covariance.to_numpy() @ ones) == pytest.approx(found.whole.sd, rel=0.02)
    mean, sd = found.difference("b", "c")
    assert mean == pytest.approx((totals[1] - totals[2]).mean(), abs=0.15)
    assert sd == pytest.approx((totals[1] - totals[2]).std(), rel=0.04)


def test_the_whole_is_less_sure_than_independent_groups(study):
    estimate, frame = study
    found = group_totals(estimate, "clinic", frame)
    off = found.covariance.to_numpy()[np.triu_indices(3, 1)]
    assert (off > 0).all()
    assert found.whole.sd > np.sqrt(sum(total.sd**2 for total in found.groups.values()))


def test_labels_columns_and_training_rows_agree(study):
    estimate, frame = study
    by_name = group_totals(estimate, "clinic", frame)
    by_array = group_totals(estimate, frame["clinic"].to_numpy(), frame)
    by_rows = group_totals(estimate, frame["clinic"].to_numpy())
    assert by_name.groups == by_array.groups == by_rows.groups
    fit = plg.fit("y ~ x + d + z", frame.assign(y=simulated()[1]))
    assert fit.expected_totals("clinic").whole.mean == pytest.approx(simulated()[1].sum())
    assert "By clinic:" in str(fit.expected_totals("clinic", frame))


def test_rows_without_predictors_are_counted_in_their_group(study):
    estimate, frame = study
    gaps = frame.copy()
    gaps.iloc[[0, 1, 119], 0] = np.nan
    found = group_totals(estimate, "clinic", gaps)
    assert [total.n_missing for total in found.groups.values()] == [0, 2, 1]
    assert found.whole.n_missing == 3
    assert found.frame["n_missing"].tolist() == [0, 2, 1, 3]


def test_values_trials_and_weights_count():
    fit = counted()
    rows = fit.estimate.problem.rows
    low = rows.X[:, 1] < 4
    found = fit.expected_totals(np.where(low, "low", "high"), value=2.0)
    p = fit.predict_proba()
    expected = 2 * (rows.trials * rows.weights * p)
    assert found.groups["low"].mean == pytest.approx(expected[low].sum())
    assert found.groups["high"].mean == pytest.approx(expected[~low].sum())


def test_a_point_estimate_gives_means_without_a_covariance():
    frame, y = simulated()
    found = group_totals(point(problem_of(frame, y), [0.2, 0.8, 0.4, -0.1]), (frame["d"] > 0).to_numpy())
    assert np.isnan(found.covariance.to_numpy()).all()
    assert all(total.interval == "none" for total in found.groups.values())


def test_bad_groups_are_named(study):
    estimate, frame = study
    with pytest.raises(InputError, match=r"by must be a column of the data.*Did you mean 'clinic'"):
        group_totals(estimate, "clinics", frame)
    with pytest.raises(InputError, match="one label for each of the 120 rows"):
        group_totals(estimate, ["a", "b"], frame)
    with pytest.raises(InputError, match="by must have a label for every row"):
        group_totals(estimate, "clinic", frame.assign(clinic=["a", None] * 60))
    with pytest.raises(InputError, match=r"group must be a group of clinic"):
        group_totals(estimate, "clinic", frame).difference("a", "d")


@pytest.mark.slow
def test_the_intervals_of_groups_cover():
    """Totals of two groups of 60 new rows after 250 studies of 150 rows; Monte Carlo error 1.4 points."""
    rng = np.random.default_rng(11)
    beta = np.array([-1.0, 0.8, -0.5, 0.3])
    inside = np.zeros(3)
    for _ in range(250):
        X = np.column_stack([np.ones(270), rng.normal(size=(270, 3))])
        X[210:, 1] += 1.0  # the second group has another mean
        y = rng.random(270) < expit(X @ beta)
        frame = pd.DataFrame(X[:, 1:], columns=["a", "b", "c"])
        estimate = MLE().estimate(problem_of(frame[:150], y[:150]))
        found = group_totals(estimate, np.repeat(["one", "two"], 60), frame[150:])
        seen = [y[150:210].sum(), y[210:].sum(), y[150:].sum()]
        every = [*found.groups.values(), found.whole]
        inside += [total.lower <= count <= total.upper for total, count in zip(every, seen, strict=True)]
    assert (inside / 250 > 0.915).all()
    assert (inside / 250 < 0.995).all()


def test_labels_that_read_alike_stay_apart(study):
    estimate, frame = study
    half = np.arange(120) % 2
    for labels, known in (
        (np.where(half, 1_000_001, 1_000_002), ["1000001", "1000002"]),
        (np.where(half, 2**60, 2**60 + 1), [str(2**60), str(2**60 + 1)]),
        (np.where(half, 0.1, 0.1 + 1e-9), ["0.1", "0.100000001"]),
        (np.array([1, "1"], dtype=object)[half], ["1", "'1'"]),
    ):
        found = group_totals(estimate, labels, frame)
        assert list(found.groups) == known
        assert found.whole.mean == pytest.approx(sum(total.mean for total in found.groups.values()))
    days = group_totals(estimate, 20_230_101 + np.arange(120), frame)
    assert next(iter(days.groups)) == "20230101 to 20230124"
    assert len(days.groups) == 5


@pytest.mark.parametrize("by", [np.ones((120, 2)), [[1]] * 120, [{1}] * 119 + ["a"], [[1], [1, 2]] * 60])
def test_labels_of_more_than_one_dimension_are_refused(study, by):
    estimate, frame = study
    with pytest.raises(
        InputError, match="by must be the name of a column, or one label for each of the 120 rows"
    ):
        group_totals(estimate, by, frame)
    with pytest.raises(InputError, match="by must be the name of a column or factor, or 120 labels"):
        group_totals(estimate, by)


def test_labels_may_be_those_of_the_table_where_rows_were_dropped():
    data = pd.DataFrame({"y": [0, 1] * 10, "x": [np.nan, *np.arange(19.0)]})
    fit = plg.fit("y ~ x", data)
    labels = np.repeat(["a", "b"], 10)
    assert fit.expected_totals(labels).groups == fit.expected_totals(labels[1:]).groups
