"""Effects that cannot be had, questions that cannot be asked, and what holds whatever the data."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reader_cases import counted, exam, exam_model, fits, separated
from scipy.special import expit

import problogit as plg
from problogit.errors import AliasingWarning, InputError, ProblogitWarning, SeparationWarning

KINDS = ("difference", "ratio", "lift", "odds_ratio", "number_needed", "slope", "probability")
ENDS = {
    "difference": (-1, 1),
    "ratio": (0, np.inf),
    "lift": (-1, np.inf),
    "odds_ratio": (0, np.inf),
    "probability": (0, 1),
}


@pytest.fixture(scope="module")
def fit() -> plg.Fit:
    return exam_model().fit()


# -- questions that cannot be asked ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"variables": "hour"}, "Did you mean 'hours'"),
        ({"variables": "school[T.west]"}, "column of the design, made of 'school'"),
        ({"variables": "passed"}, "response of this model"),
        ({"variables": 3}, "must be a name, a sequence of names"),
        ({"variables": []}, "must be a name, a sequence of names"),
        ({"variables": {"school": ("east", "nort")}}, "Did you mean 'north'"),
        ({"variables": {"school": "pairs"}}, "'pairwise'"),
        ({"variables": {"school": ("east", "north", "west")}}, "pair"),
        ({"variables": {"hours": "tall"}}, "'minmax'"),
        ({"variables": {"hours": 0}}, "must change 'hours'"),
        ({"variables": {"hours": [1]}}, "pair"),
        ({"variables": {"hours": (3, 3)}}, "must change 'hours'"),
        ({"variables": {"school": ("east", "east")}}, "must change 'school'"),
        ({"extrapolate": "yes"}, "extrapolate must be True or False"),
        ({"variables": {"hours": (1, 900)}}, "extrapolate=True"),
        ({"variables": {"hours": 1}, "kind": "slope"}, "dY/dX"),
        ({"at": {"age": 99}}, "within the training data, 15 to 39"),
        ({"at": {"age": []}}, "at least one value"),
        ({"at": {"school": "south"}}, "one of its levels 'east', 'north', 'west'"),
        ({"at": {"aged": 30}}, "Did you mean 'age'"),
        ({"at": "median"}, "'typical'"),
        ({"at": 30}, "must be a mapping"),
        ({"variables": "school", "at": {"school": "west"}}, "must leave 'school' free"),
        ({"at": "mean", "by": "school"}, "makes one row of all"),
        (
            {"variables": "age", "at": {"school": ["east", "west"]}, "by": "school"},
            "another variable than those",
        ),
        ({"by": "scool"}, "Did you mean 'school'"),
        ({"kind": "diference"}, "Did you mean 'difference'"),
        ({"prob": 95}, "write 0.95"),
        ({"interval": "eti"}, "'confidence-wald'"),
        ({"data": exam().drop(columns="age")}, "'age' is not in the new data"),
        ({"data": exam().assign(school="south")}, "south"),
        ({"data": exam(), "by": np.arange(90)}, "Put the labels into the table"),
    ],
)
def test_each_wrong_question_has_one_clear_answer(fit, arguments, words):
    with pytest.raises(InputError, match=words):
        fit.effects(**arguments)


@pytest.mark.parametrize(("name", "role"), [("size", "trials"), ("times", "weights"), ("known", "offset")])
def test_what_is_not_a_predictor_has_no_effect(name, role):
    with pytest.raises(InputError, match=f"It is the {role} of this model"):
        counted().effects(name)


def test_a_model_without_predictors_says_so():
    with pytest.raises(InputError, match="received 'hours'. This model has none"):
        plg.fit("passed ~ 1", exam(), event="yes").effects("hours")


def test_a_column_of_the_user_s_hides_none_of_the_table():
    data = exam().dropna().assign(in_words=lambda d: d["school"])
    found = plg.fit("passed ~ hours", data, event="yes").effects(kind="number_needed", by="in_words")
    assert found["in_words (data)"].tolist() == sorted(set(data["school"]))
    assert found["in_words"].str.contains("every").all()


def test_new_rows_without_the_weights_of_the_fit_count_once_and_it_is_said():
    data = exam().dropna().assign(times=2)
    fit = plg.fit("passed ~ hours", data, event="yes", weights="times")
    assert fit.effects(data=data).attrs["notes"] == ()
    found = fit.effects(data=data.drop(columns="times"))
    assert found.attrs["notes"] == ("Each of these rows counts once: the data do not give their weights.",)


def test_the_variable_inside_a_response_is_the_response():
    data = exam().assign(score=lambda d: d["hours"] * 2)
    fit = plg.fit("I(score > 4) ~ age", data)
    with pytest.raises(InputError, match="response"):
        fit.effects("score")


def test_dates_cannot_be_changed_but_do_not_stand_in_the_way():
    data = exam().assign(day=pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(90) % 30, unit="D"))
    model = plg.LogitModel(
        "passed ~ hours + since(day)",
        data,
        event="yes",
        context={
            "since": lambda day: (pd.DatetimeIndex(day) - pd.Timestamp("2020-01-01")).days.to_numpy(float)
        },
    )
    fit = model.fit()
    assert fit.effects()["variable"].tolist() == ["hours"]
    with pytest.raises(InputError, match="neither numbers nor labels"):
        fit.effects("day")
    with pytest.raises(InputError, match="have no typical value"):
        fit.effects("hours", at="mean")


def test_names_may_come_in_any_list(fit):
    wanted = fit.effects(["age", "hours"])
    for names in (("age", "hours"), np.array(["age", "hours"]), pd.Index(["age", "hours"])):
        pd.testing.assert_frame_equal(fit.effects(names), wanted)


def test_outside_the_training_data_only_when_asked(fit):
    found = fit.effects("hours", at={"age": 60}, extrapolate=True)
    p = [
        fit.predict_proba(exam().dropna().assign(age=60, hours=lambda d, k=k: d["hours"] + k)) for k in (0, 1)
    ]
    assert found["estimate"].iloc[0] == pytest.approx(np.mean(p[1] - p[0]))


def test_a_change_that_the_formula_cannot_follow_is_left_out_of_the_whole_and_refused_by_name():
    fit = plg.fit("passed ~ bs(hours, df=4) + age", exam(), event="yes")
    with pytest.warns(ProblogitWarning, match=r"With hours \+ 1 some rows have no probability"):
        found = fit.effects().set_index("variable")
    assert np.isnan(found.loc["hours", "estimate"])
    assert found.loc["hours", "interval"] == "none"
    assert np.isfinite(found.loc["age", "estimate"])
    with pytest.raises(InputError, match="variables={'x': "):
        fit.effects("hours")


# -- effects that do not exist -----------------------------------------------------------------------------------


def test_a_step_in_the_formula_has_no_derivative():
    fit = plg.fit("passed ~ I(hours > 2) + age", exam(), event="yes")
    with pytest.warns(ProblogitWarning, match="step"):
        found = fit.effects("hours", kind="slope")
    assert found["estimate"].isna().all()
    assert found["interval"].tolist() == ["none"]
    assert fit.effects({"hours": (1, 3)})["estimate"].iloc[0] > 0


def test_a_kink_has_one():
    fit = plg.fit("passed ~ hours + maximum(age - 25, 0)", exam(), event="yes")
    assert np.isfinite(fit.effects("age", kind="slope")["estimate"].iloc[0])


def test_separated_fits_give_estimates_where_there_are_any_and_say_what_is_missing():
    fit = separated()
    found = fit.effects().set_index("contrast")
    data = exam().dropna(subset=["hours"])
    p = {school: fit.predict_proba(data.assign(school=school)) for school in ("east", "north", "west")}
    assert (p["north"] == 1).all()
    assert found.loc["north - east", "estimate"] == pytest.approx(np.mean(1 - p["east"]))
    assert found.loc["north - east", "interval"] == "none"
    assert np.isnan(found.loc["north - east", "std_error"])
    assert found.loc["west - east", "estimate"] == pytest.approx(np.mean(p["west"] - p["east"]))
    assert found.loc["west - east", "interval"] == "confidence-wald"
    assert found.loc["+1", "interval"] == "none"
    assert fit.effects({"school": ("east", "north")}, kind="odds_ratio")["estimate"].iloc[0] == np.inf
    notes = fit.effects().attrs["notes"]
    assert len(notes) == 1
    assert "separated" in notes[0]
    assert "Jeffreys" in notes[0]


def test_separated_effects_that_are_undetermined_warn():
    data = pd.DataFrame({"x": [0.0, 1, 2, 3], "z": [0.0, 2, 1, 3], "y": [0, 0, 1, 1]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SeparationWarning)
        fit = plg.fit("y ~ x + z", data)
    with pytest.warns(SeparationWarning, match="unknown"):
        found = fit.effects({"x": (1.5, 3)}, at={"z": 1.5})
    assert found["estimate"].isna().all()


def test_aliased_columns_have_effects_within_their_relation_only():
    data = exam().assign(twice=lambda d: 2 * d["hours"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AliasingWarning)
        fit = plg.fit("passed ~ hours + twice + age", data, event="yes")
        single = plg.fit("passed ~ hours + age", data, event="yes")
    with pytest.warns(AliasingWarning, match="break that relation"):
        found = fit.effects(kind="slope").set_index("variable")
    assert np.isnan(found.loc["hours", "estimate"])
    row = single.effects("age", kind="slope").iloc[0]
    assert found.loc["age", ["estimate", "std_error"]].tolist() == pytest.approx(
        [row["estimate"], row["std_error"]]
    )


def test_separated_resamples_only_widen_a_bootstrap():
    data = exam(40)
    fit = plg.fit(
        "passed ~ hours + school", data, plg.MLE(covariance="bootstrap", resamples=60, rng=2), event="yes"
    )
    for kind in KINDS:
        found = fit.effects(kind=kind)
        assert found["estimate"].notna().all()
        assert set(found["interval"]) == {"bootstrap"}
        if kind in ENDS:
            assert (found["lower"] <= found["upper"]).all()


# -- what always holds -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", ["MLE", "L2", "L1"])
def test_every_method_gives_the_same_columns(label):
    chosen = fits()[label]
    frames = [chosen.effects(kind=kind) for kind in KINDS]
    for kind, frame in zip(KINDS, frames, strict=True):
        own = ["through_infinity", "in_words"] if kind == "number_needed" else []
        assert frame.columns.tolist()[:2] == ["variable", "contrast"]
        assert frame.columns.tolist()[2:] == [
            "estimate",
            "std_error",
            "lower",
            "upper",
            "interval",
            "n",
            *own,
        ]
        assert (frame["n"] == 88).all()


samples = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 10**6),
        "n": st.integers(25, 80),
        "strength": st.sampled_from([0.0, 1.0, 4.0]),
        "prob": st.floats(0.5, 0.999),
    }
)


def made(seed: int, n: int, strength: float) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    data = pd.DataFrame(
        {"x": rng.normal(size=n), "g": rng.choice(["a", "b", "c"], n), "d": rng.integers(0, 2, n)}
    )
    data["y"] = (rng.random(n) < expit(strength * data["x"] + data["d"] - 0.5)).astype(int)
    return data


@settings(max_examples=5, deadline=None)
@given(samples)
def test_bounds_never_leave_the_range_and_hold_the_estimate(case):
    data = made(case["seed"], case["n"], case["strength"])
    fit = plg.fit("y ~ x * d + g", data, plg.Penalized(plg.Normal(3.0)))
    for kind, (low, high) in ENDS.items():
        found = fit.effects(kind=kind, prob=case["prob"], by="d")
        assert (found["lower"] >= low).all()
        assert (found["upper"] <= high).all()
        assert (found["lower"] <= found["estimate"]).all()
        assert (found["estimate"] <= found["upper"]).all()


@settings(max_examples=5, deadline=None)
@given(samples)
def test_relabelling_a_factor_changes_no_pairwise_difference(case):
    data = made(case["seed"], case["n"], case["strength"])
    renamed = data.assign(g=data["g"].map({"a": "z", "b": "y", "c": "x"}))
    first, second = (
        plg.fit("y ~ g + x", frame, plg.Penalized(plg.Jeffreys()))
        .effects({"g": "pairwise"})
        .set_index("contrast")
        for frame in (data, renamed)
    )
    other = {"a": "z", "b": "y", "c": "x"}
    for a, b in (("a", "b"), ("a", "c"), ("b", "c")):
        row, mirrored = first.loc[f"{b} - {a}"], second.loc[f"{other[a]} - {other[b]}"]
        assert mirrored["estimate"] == pytest.approx(-row["estimate"], abs=1e-6)
        assert mirrored["std_error"] == pytest.approx(row["std_error"], rel=1e-5)


@settings(max_examples=5, deadline=None)
@given(samples, st.sampled_from([1e-6, 0.01, 30.0, 1e5]))
def test_scaling_a_column_scales_its_slope(case, factor):
    data = made(case["seed"], case["n"], 1.0)
    method = plg.Penalized(plg.Normal(2.0, autoscale=True))
    first, second = (
        plg.fit("y ~ x + I(x**2) + d", frame, method).effects("x", kind="slope").iloc[0]
        for frame in (data, data.assign(x=data["x"] * factor))
    )
    for name in ("estimate", "std_error"):
        assert second[name] * factor == pytest.approx(first[name], rel=1e-6, abs=1e-9)


@settings(max_examples=5, deadline=None)
@given(samples)
def test_a_shift_of_a_linear_predictor_is_the_difference_of_predictions(case):
    """Oracle: `predict_proba` of the changed table."""
    data = made(case["seed"], case["n"], 1.0)
    fit = plg.fit("y ~ x * g + d", data, plg.Penalized(plg.Normal(2.0)))
    p = [fit.predict_proba(data.assign(x=data["x"] + k)) for k in (0, 0.7)]
    assert fit.effects({"x": 0.7})["estimate"].iloc[0] == pytest.approx(np.mean(p[1] - p[0]), abs=1e-12)
