"""Labels by a threshold, and the rows that are not sure, against the probabilities and the bounds behind them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from analysis_cases import point, posterior, problem_of, rare_level, simulated

from problogit.analysis import predict as predictions
from problogit.analysis.classify import classify
from problogit.analysis.decisions import Costs
from problogit.errors import InputError, NotAvailableError, SeparationWarning
from problogit.estimators.mle import MLE

BETA = [0.2, 0.8, 0.4, -0.1]


@pytest.fixture(scope="module")
def mle():
    return MLE().estimate(problem_of(*simulated()))


@pytest.fixture
def new():
    return pd.DataFrame({"z": [5.0, 4.0, np.nan], "d": [1.0, 0.0, 1.0], "x": [0.5, -30.0, 1.0]})


def test_classify_gives_the_response_s_own_labels(mle):
    labels = classify(mle)
    p = predictions.predict_proba(mle)
    assert labels.dtype.kind == "U"
    assert (labels == np.where(p >= 0.5, "yes", "no")).all()


def test_costs_set_the_threshold(mle):
    assert Costs(false_positive=1, false_negative=3).threshold == 0.25
    np.testing.assert_array_equal(classify(mle, threshold=Costs(1, 3)), classify(mle, threshold=0.25))
    assert Costs(1e308, 1.5e308).threshold == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("costs", "message"),
    [
        ((0, 1), "false_positive must be positive"),
        ((0, 0), "false_positive must be positive"),
        ((1, -2), "false_negative must be positive"),
        ((1, np.inf), "false_negative must be a finite number"),
        ((np.nan, 1), "false_positive must be a finite number"),
        (("1", 1), "false_positive must be a finite number"),
        ((1, 1e-30), "neither is nothing beside the other"),
        ((1e-200, 1e200), "neither is nothing beside the other"),
    ],
)
def test_impossible_costs_are_refused(costs, message):
    with pytest.raises(InputError, match=message):
        Costs(*costs)


def test_a_tie_with_the_threshold_is_a_call_whatever_the_rounding():
    for events, n in ((1, 4), (1, 5), (3, 10), (7, 20), (2, 3)):
        y = np.r_[np.ones(20 * events), np.zeros(20 * (n - events))]
        estimate = MLE().estimate(problem_of(pd.DataFrame(index=range(20 * n)), y))
        assert set(classify(estimate, threshold=events / n)) == {"yes"}


@pytest.mark.parametrize(
    ("labels", "kind"), [((False, True), "b"), ((0, 1), "i"), (("a", "b"), "U"), (("a", 1), "O")]
)
def test_labels_keep_their_type(labels, kind):
    estimate = MLE().estimate(problem_of(*simulated(), labels=labels))
    called = classify(estimate)
    assert called.dtype.kind == kind
    assert set(called.tolist()) == set(labels)
    unsure = classify(estimate, uncertain=True)
    assert unsure.dtype.kind == ("U" if kind == "U" else "O")
    assert set(unsure.tolist()) == {*labels, "uncertain"}


@pytest.mark.parametrize("method", ["mle", "bayes"])
def test_uncertain_rows_are_those_whose_interval_straddles_the_threshold(mle, method):
    estimate = mle if method == "mle" else posterior(problem_of(*simulated()), BETA)
    for prob in (0.5, 0.95):
        table = predictions.predict(estimate, prob=prob)
        expected = np.where(table["lower"] >= 0.4, "yes", np.where(table["upper"] < 0.4, "no", "uncertain"))
        np.testing.assert_array_equal(classify(estimate, threshold=0.4, uncertain=True, prob=prob), expected)


def test_rows_that_cannot_be_predicted_are_called_none(mle, new):
    assert classify(mle, new).tolist()[2] is None
    assert classify(mle, new, uncertain=True).tolist()[1:] == ["no", None]


def test_separated_rows_have_no_interval_and_are_not_sure():
    with pytest.warns(SeparationWarning):
        estimate = MLE().estimate(problem_of(*rare_level()))
    new = pd.DataFrame({"x": [0.0, 3.0], "rare": [1.0, 0.0]})
    assert classify(estimate, new).tolist() == ["yes", "yes"]
    assert classify(estimate, new, uncertain=True).tolist() == ["uncertain", "yes"]


def test_what_has_no_interval_or_no_free_word_is_refused(mle):
    with pytest.raises(NotAvailableError, match=r"inference='bootstrap'"):
        classify(point(problem_of(*simulated()), BETA), uncertain=True)
    taken = MLE().estimate(problem_of(*simulated(), labels=("sure", "uncertain")))
    assert set(classify(taken)) == {"sure", "uncertain"}
    with pytest.raises(InputError, match="a label 'uncertain'"):
        classify(taken, uncertain=True)
    with pytest.raises(InputError, match="uncertain must be True or False"):
        classify(mle, uncertain="yes")
    with pytest.raises(InputError, match="prob must lie strictly"):
        classify(mle, uncertain=True, prob=95)


def test_classify_refuses_counts_and_bad_thresholds(mle):
    frame, _ = simulated(20)
    estimate = MLE().estimate(problem_of(frame, np.arange(20) % 4, trials=np.full(20, 4)))
    with pytest.raises(NotAvailableError, match="expected_total"):
        classify(estimate)
    for bad in (1.0, 0.0, -0.2, np.nan, "half"):
        with pytest.raises(InputError, match="threshold must"):
            classify(mle, threshold=bad)
