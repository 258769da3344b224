"""Folds: every unit once, outcomes spread evenly, clusters whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

import problogit as plg
from problogit.analysis.judged import judge
from problogit.analysis.scores import scores_of
from problogit.errors import EstimationError, InputError, NotAvailableError
from problogit.folds import clusters_of, deal_folds


def make(n=150, **options):
    random = np.random.default_rng(0)
    X = random.normal(size=(n, 2))
    y = (random.random(n) < expit(X.sum(axis=1) - 0.5)).astype(int)
    return plg.LogitModel.from_arrays(X, y, **options).problem, X, y


def test_every_row_is_held_out_once_and_outcomes_are_spread_evenly():
    problem, _, y = make(153)
    folds = deal_folds(problem, 10)
    assert sorted(folds.rows) == list(range(153))
    assert folds.n_folds == 10
    assert folds.notes == ()
    sizes = np.bincount(folds.fold)
    events = np.bincount(folds.fold, y[folds.rows])
    assert np.ptp(sizes) <= 1
    assert np.ptp(events) <= 1


def test_the_same_seed_deals_the_same_folds():
    problem, _, _ = make()
    one, same, other = deal_folds(problem, 5, 3), deal_folds(problem, 5, 3), deal_folds(problem, 5, 4)
    np.testing.assert_array_equal(one.fold, same.fold)
    assert (one.fold != other.fold).any()


def test_copies_of_a_frequency_weight_are_dealt_one_by_one():
    random = np.random.default_rng(1)
    weights = random.integers(1, 24, 60)
    problem, _, y = make(60, weights=weights)
    folds = deal_folds(problem, 10)
    np.testing.assert_array_equal(np.bincount(folds.rows, folds.units), weights)
    assert np.ptp(np.bincount(folds.fold, folds.units)) <= 1
    assert np.ptp(np.bincount(folds.fold, folds.units * y[folds.rows])) <= 1


def test_importance_weights_are_not_split():
    problem, _, _ = make(60, weights=np.linspace(0.5, 3, 60), weights_type="importance")
    folds = deal_folds(problem, 10)
    assert sorted(folds.rows) == list(range(60))
    assert set(folds.units) == {1.0}


def test_rows_of_trials_stay_whole_and_rates_are_spread():
    random = np.random.default_rng(2)
    X, m = random.normal(size=(90, 1)), random.integers(1, 30, 90)
    s = random.binomial(m, expit(2 * X[:, 0]))
    folds = deal_folds(plg.LogitModel.from_arrays(X, s, trials=m).problem, 9)
    assert sorted(folds.rows) == list(range(90))
    rates = np.bincount(folds.fold, (s / m)[folds.rows]) / np.bincount(folds.fold)
    assert np.ptp(rates) < 0.12


def test_few_events_make_fewer_folds_and_say_so():
    X, y = np.arange(40.0)[:, None], np.zeros(40, dtype=int)
    y[[3, 17, 30]] = 1
    folds = deal_folds(plg.LogitModel.from_arrays(X, y).problem, 10)
    assert folds.n_folds == 3
    assert folds.notes == ("3 folds instead of 10, because only 3 rows hold an event.",)
    np.testing.assert_array_equal(np.bincount(folds.fold, y[folds.rows]), 1)


def test_one_event_cannot_be_judged_out_of_sample():
    X, y = np.arange(40.0)[:, None], np.zeros(40, dtype=int)
    y[3] = 1
    with pytest.raises(NotAvailableError, match=r"1 row holds an event.*`data=`.*apparent"):
        deal_folds(plg.LogitModel.from_arrays(X, y).problem)


def test_a_bad_number_of_folds_is_named():
    problem, _, _ = make(20)
    with pytest.raises(InputError, match="folds must be an integer of at least 2; received 1"):
        deal_folds(problem, 1)


def test_scores_say_how_many_units_have_no_prediction_and_why():
    X, y = np.random.default_rng(1).normal(size=(120, 1)), np.zeros(120, dtype=int)
    y[[3, 17]] = 1
    table = plg.LogitModel.from_arrays(X, y).fit(plg.Penalized(plg.Normal(1.0))).scores(resample="folds")
    assert table.attrs["notes"] == ("2 folds instead of 10, because only 2 rows hold an event.",)
    judged = judge(plg.MLE().estimate(make(60)[0]), resample="folds")
    lost = replace(judged, log_odds=np.where(np.arange(60) < 5, np.nan, judged.log_odds))
    assert scores_of(lost)["method"][0] == "10-fold cross-validated refits; 5 of 60 without a prediction"
    assert scores_of(judged)["method"][0] == "10-fold cross-validated refits"


# -- clusters ----------------------------------------------------------------------------------------------------------


def schools(n=240, n_schools=24, strong=3.0):
    """Pupils whose school decides most of it, with a predictor that only names the school."""
    random = np.random.default_rng(4)
    school = random.permutation(np.arange(n) % n_schools)
    luck = random.normal(size=n_schools)
    frame = pd.DataFrame({"school": school, "x": random.normal(size=n)})
    frame["passed"] = (random.random(n) < expit(strong * luck[school])).astype(int)
    for j in range(6):
        frame[f"of_school_{j}"] = random.normal(size=n_schools)[school]
    return frame


def folds_by_school(folds, frame):
    return pd.Series(folds.fold).groupby(frame["school"].to_numpy()[folds.rows]).nunique()


def test_clusters_are_dealt_whole_and_outcomes_are_spread():
    frame = schools()
    problem = plg.LogitModel("passed ~ x", frame, groups="school").problem
    clusters = clusters_of(problem)
    assert clusters is not None
    assert clusters.name == "school"
    folds = deal_folds(problem, 6, 0, clusters)
    assert sorted(folds.rows) == list(range(240))
    assert (folds.n_folds, folds.together, folds.notes) == (6, "school", ())
    assert (folds_by_school(folds, frame) == 1).all()
    assert np.ptp(np.bincount(folds.fold, frame["passed"][folds.rows])) <= 10  # a school has 10 pupils
    assert np.ptp(np.bincount(folds.fold)) <= 10
    other = deal_folds(problem, 6, 1, clusters)
    assert (folds.fold != other.fold).any()


def test_a_cluster_with_frequency_weights_is_the_cluster_with_its_rows_written_out():
    frame = schools(120, 12).assign(f=lambda t: 1 + t.index % 3)
    weighted = plg.LogitModel("passed ~ x", frame, weights="f", groups="school").problem
    long = frame.loc[np.repeat(frame.index, frame["f"])].reset_index(drop=True)
    written_out = plg.LogitModel("passed ~ x", long, groups="school").problem
    one = deal_folds(weighted, 4, 0, clusters_of(weighted))
    two = deal_folds(written_out, 4, 0, clusters_of(written_out))
    np.testing.assert_array_equal(one.units, frame["f"])
    np.testing.assert_array_equal(np.repeat(one.fold, frame["f"]), two.fold)


def test_of_two_columns_the_coarser_is_kept_and_a_row_without_a_cluster_is_one_of_its_own():
    frame = schools().assign(year=lambda t: t.index % 5)
    both = plg.LogitModel("passed ~ x", frame, groups=("school", "year")).problem
    found = clusters_of(both)
    assert found is not None
    assert (found.name, found.count) == ("year", 5)
    frame["school"] = frame["school"].where(frame.index > 2).astype(float)
    gaps = clusters_of(plg.LogitModel("passed ~ x", frame, groups="school").problem)
    assert gaps is not None
    assert gaps.count == 24 + 3
    assert clusters_of(plg.LogitModel("passed ~ x", frame.assign(g=1), groups="g").problem) is None
    assert clusters_of(plg.LogitModel("passed ~ x", frame).problem) is None


def test_few_clusters_with_an_event_make_fewer_folds_and_one_makes_none():
    frame = schools()
    frame["passed"] = (frame["school"] < 3).astype(int)
    problem = plg.LogitModel("passed ~ x", frame, groups="school").problem
    folds = deal_folds(problem, 10, 0, clusters_of(problem))
    assert folds.notes == ("3 folds instead of 10, because only 3 clusters of school hold an event.",)
    frame["passed"] = (frame["school"] < 1).astype(int)
    model = plg.LogitModel("passed ~ x", frame, groups="school")
    with pytest.raises(NotAvailableError, match="1 cluster of school holds an event"):
        deal_folds(model.problem, 10, 0, clusters_of(model.problem))
    with pytest.raises(EstimationError, match="needs two clusters of school with an event"):
        model.fit(plg.Penalized(plg.Normal(1.0), select="cv"))


def test_scores_and_the_choice_of_a_strength_do_not_learn_the_clusters_by_heart():
    frame = schools()
    formula = "passed ~ x + " + " + ".join(f"of_school_{j}" for j in range(6))
    by_row = plg.LogitModel(formula, frame)
    by_school = plg.LogitModel(formula, frame, groups="school")
    told, tale = (model.fit().scores(resample="folds") for model in (by_school, by_row))
    assert set(told["method"]) == {"10-fold cross-validated refits of whole clusters of school"}
    assert told["value"][0] > tale["value"][0] + 0.05  # the log score of new schools is worse
    named = by_row.fit(plg.MLE("cluster", groups="school")).scores(resample="folds")
    assert named["value"][0] == pytest.approx(told["value"][0])
    by_hand = plg.LogitModel("passed ~ x", frame.head(150), groups="school").fit().scores(resample="loo")
    assert any("its own cluster of school" in note for note in by_hand.attrs["notes"])
    small = plg.LogitModel("passed ~ x", frame.head(150), groups="school").fit().scores()
    assert set(small["method"]) == {"10-fold cross-validated refits of whole clusters of school"}

    tuned = plg.Penalized(plg.Normal(1.0), select=plg.CrossValidation(n_values=20), rng=0)
    chosen = by_school.fit(tuned)
    strengths = [
        model.fit(tuned).path_values.query("chosen")["l2_strength"].item() for model in (by_school, by_row)
    ]
    assert strengths[0] > 2 * strengths[1]
    (finding,) = [f for f in chosen.diagnostics().findings if f.code == "selection"]
    assert "10-fold cross-validation of whole clusters of school" in finding.message


def test_fits_that_are_compared_have_the_folds_of_the_one_with_clusters():
    model = plg.LogitModel("passed ~ x", schools(120, 12))
    fits = {"plain": model.fit(), "robust": model.fit(plg.MLE("cluster", groups="school"))}
    scores = plg.compare(fits).scores
    assert scores.loc["plain", "log_score"] == scores.loc["robust", "log_score"]
    assert scores["judged_by"].str.contains("whole clusters of school").all()
