"""Validation of fits: one frame for every method, new data, groups, and everything that cannot be said."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.special import expit

import problogit as plg
from problogit.analysis import validation
from problogit.analysis.murphy import murphy
from problogit.analysis.performance import INDEXES, performance
from problogit.analysis.validation import validate
from problogit.errors import (
    CalibrationWarning,
    DataNotSavedError,
    InputError,
    NotAvailableError,
    ProblogitWarning,
    UnseenLevelError,
)
from problogit.optimism import optimism_bootstrap

REFERENCE = Path(__file__).parents[1] / "reference"
NAMES = [index.name for index in INDEXES]
INTERNAL = ["apparent", "optimism", "corrected", "lower", "upper", "interval", "std_error", "target"]
EXTERNAL = ["value", "lower", "upper", "interval", "std_error", "target"]


def table(n=210, seed=0):  # above 200 rows leaving out needs no refits
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=n),
            "z": rng.normal(size=n),
            "g": rng.choice(["a", "b", "c"], n, p=[0.5, 0.4, 0.1]),
        }
    )
    frame["y"] = (rng.random(n) < expit(1.2 * frame["x"] - 0.5)).astype(int)
    return frame


@pytest.fixture(scope="module")
def model():
    return plg.LogitModel("y ~ x + z", table())


@pytest.fixture(scope="module")
def mle(model):
    return model.fit()


METHODS = {
    "mle": plg.MLE(),
    "ridge": plg.Penalized(plg.Normal(1.0)),
    "lasso": plg.Penalized(plg.Laplace(1.0)),
    "bayes": plg.Bayes(plg.Normal(1.0), sampler="laplace", draws=250, rng=1),
}


@pytest.fixture(scope="module", params=METHODS)
def validated(request, model):
    fit = model.fit(METHODS[request.param])
    return request.param, fit, fit.validate(resamples=12, progress=False)


def test_one_frame_for_every_method(validated):
    name, fit, found = validated
    assert list(found.frame.columns) == INTERNAL
    assert list(found.frame.index) == NAMES
    assert set(found.frame["interval"]) == {"bootstrap-abcloc"}
    assert found.frame.attrs["prob"] == 0.95
    assert found.kind == "bootstrap"
    assert (found.n, found.n_trials, found.n_events) == (210, 210, int(table()["y"].sum()))
    assert "12 resamples" in found.method
    assert ("stand-in" in found.method) == (name == "bayes")
    rows = fit.estimate.problem.rows
    own = np.log(fit.predict_proba() / (1 - fit.predict_proba()))
    np.testing.assert_allclose(
        found.frame["apparent"], performance(own, rows.successes, rows.trials, rows.weights), atol=1e-9
    )
    assert found.frame.loc["brier", "optimism"] < 0 < found.frame.loc["auc", "optimism"]


def test_figures_are_those_of_the_optimism_bootstrap(mle):
    found = mle.validate(resamples=15, rng=3, prob=0.9)
    boot = optimism_bootstrap(mle.estimate.method, mle.estimate.problem, performance, resamples=15, rng=3)
    for name in ("apparent", "optimism", "corrected", "std_error"):
        np.testing.assert_allclose(found.frame[name], getattr(boot, name), atol=1e-9)
    lower, upper = boot.limits(0.9)
    np.testing.assert_allclose(found.frame["lower"], lower, atol=1e-9)
    np.testing.assert_allclose(found.frame["upper"], upper, atol=1e-9)
    assert found.value("slope") == found.frame.loc["slope", "corrected"]


def test_limits_stay_in_the_range_of_a_figure():
    frame = table(60, seed=5)
    frame["y"] = (frame["x"] + 0.4 * np.random.default_rng(0).normal(size=60) > 0).astype(int)
    found = plg.fit("y ~ x", frame, plg.Penalized(plg.Normal(2.0))).validate(resamples=30).frame
    assert found.loc["auc", "upper"] == 1.0
    assert found.loc["brier", "lower"] >= 0


def test_heuristic_shrinkage_matches_rms():
    case = json.loads((REFERENCE / "validation" / "validation.json").read_text())["cases"]["validate"][0]
    data = pd.read_csv(REFERENCE / "data" / "german_credit.csv").head(case["rows"])
    model = plg.LogitModel(case["formula"], data)
    assert model.fit().validate(resamples=2).shrinkage == pytest.approx(case["rms"]["shrinkage"], abs=1e-8)
    assert np.isnan(model.fit(plg.Penalized()).validate(resamples=2).shrinkage)


def test_beyond_the_budget_rows_left_out_stand_in_and_say_so(mle, monkeypatch):
    monkeypatch.setattr(validation, "BUDGET", 1e3)
    found = mle.validate(resamples=20)
    assert found.kind == "loo"
    assert "exceed the budget of 1e+03" in found.notes[0]
    assert any("biased low" in note for note in found.notes)
    assert list(found.frame.columns)[:3] == INTERNAL[:3]
    assert set(found.frame.columns) == set(INTERNAL)
    assert mle.validate(resamples=5, resample="bootstrap").kind == "bootstrap"
    asked = mle.validate(resample="loo")
    pd.testing.assert_frame_equal(asked.frame, found.frame)
    scores = mle.scores().set_index("score")["value"]
    for name in ("brier", "log_score", "auc"):
        assert found.value(name) == pytest.approx(scores[name], abs=1e-12)


def test_beyond_its_budget_a_posterior_is_refitted_by_its_mode(validated, monkeypatch):
    name, fit, _ = validated
    monkeypatch.setattr(validation, "BUDGET_DRAWS", 1e3)
    found = fit.validate(resamples=5)
    mode = plg.Penalized(plg.Normal(1.0)).describe()
    assert (f"5 resamples of its stand-in, {mode}" in found.method) == (name == "bayes")
    if name == "bayes":
        boot = optimism_bootstrap(
            plg.Penalized(plg.Normal(1.0)), fit.estimate.problem, performance, resamples=5
        )
        np.testing.assert_allclose(found.frame["optimism"], boot.optimism, atol=1e-12)


class Costly(plg.MLE):
    """A method that calls itself made of many fits."""

    @property
    def costly(self):
        return True

    def surrogate(self):
        return self


def test_fits_made_of_many_are_not_repeated_hundreds_of_times_unasked(mle):
    costly = replace(mle.estimate, method=Costly())
    found = validate(costly)
    assert found.kind == "loo"
    assert "cross-validated refits" in found.method
    assert found.notes[0].startswith("Each refit chooses its strength")
    assert validate(costly, resamples=2).kind == "bootstrap"


class Alone(plg.MLE):
    """A method whose fits cannot be repeated."""

    def surrogate(self):
        raise NotAvailableError("This posterior came from elsewhere.")


def test_a_method_that_cannot_be_refitted_is_judged_by_rows_left_out():
    fit = plg.fit("y ~ x", table())
    found = validate(replace(fit.estimate, method=Alone()), resample="auto")
    assert found.kind == "loo"
    assert found.notes[0] == "This posterior came from elsewhere."


# -- new data ---------------------------------------------------------------------------------------------------------


def test_new_data_have_no_optimism(mle):
    other = table(120, seed=9)
    found = mle.validate(other)
    assert list(found.frame.columns) == EXTERNAL
    assert found.kind == "external"
    assert found.optimism is None
    y, p = other["y"].to_numpy(), mle.predict_proba(other)
    assert found.value("brier") == pytest.approx(np.mean((y - p) ** 2))
    assert found.frame.loc["brier", "lower"] < found.value("brier") < found.frame.loc["brier", "upper"]
    assert np.isnan(found.shrinkage)


def test_the_training_rows_as_new_data_are_called_apparent(mle):
    found = mle.validate(table())
    assert found.kind == "apparent"
    assert any("tautology" in note for note in found.notes)


@pytest.mark.parametrize(("outcome", "said"), [(0, "no events"), (1, "events only")])
def test_new_data_with_one_class(mle, outcome, said):
    found = mle.validate(table(50, seed=2).assign(y=outcome))
    assert np.isfinite([found.value("brier"), found.value("log_score")]).all()
    for name in ("auc", "slope", "scaled_brier", "nagelkerke", "tjur", "quality"):
        assert np.isnan(found.value(name)), name
        assert found.frame.loc[name, "interval"] == "none"
    assert any(said in note for note in found.notes)


def test_new_data_with_missing_predictors_are_scored_without_them(mle):
    other = table(50, seed=2)
    holes = other.assign(x=other["x"].where(other.index > 4))
    found = mle.validate(holes)
    assert found.n == 45
    assert any("5 of 50 rows were left out" in note for note in found.notes)
    pd.testing.assert_frame_equal(found.frame, mle.validate(other.iloc[5:]).frame)


def test_unknown_levels_are_an_error():
    fit = plg.fit("y ~ x + g", table())
    with pytest.raises(UnseenLevelError, match="'d'"):
        fit.validate(table(30, seed=3).assign(g="d"))


def test_wrong_certainty_stays_infinite_and_says_so():
    frame = pd.DataFrame({"x": np.r_[-2.0, -1, -0.5, 0.5, 1, 2], "y": [0, 0, 0, 1, 1, 1]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ProblogitWarning)
        fit = plg.fit("y ~ x", frame)
    found = fit.validate(pd.DataFrame({"x": [-1.5, 1.5, 1.7], "y": [1, 1, 0]}))
    assert found.value("log_score") == np.inf
    assert found.frame.loc["log_score", "interval"] == "none"
    assert any("2 of them were wrong, so the log score is infinite" in note for note in found.notes)


# -- groups -----------------------------------------------------------------------------------------------------------


def test_groups_have_their_own_counts_and_intervals(mle):
    frame = table()
    found = mle.validate(resamples=3, by="g")
    groups = found.groups.set_index(["group", "quantity"])
    for label, part in frame.groupby("g"):
        line = groups.loc[(label, "observed")]
        assert (line["n"], line["n_events"]) == (len(part), part["y"].sum())
        assert line["value"] == part["y"].sum()
    assert groups.loc[("a", "brier"), "interval"] == "confidence-wald"
    assert groups.loc[("a", "slope"), "lower"] < groups.loc[("a", "slope"), "value"]
    assert found.groups.attrs["by"] == "g"
    assert any("leave-one-out" in note for note in found.notes)
    weights = groups.xs("brier", level="quantity")
    assert (weights["value"] * weights["n"]).sum() / 210 == pytest.approx(
        found.decomposition().loc["brier", "score"]
    )


def test_groups_of_new_data_and_of_labels_agree(mle):
    other = table(90, seed=4)
    by_name = mle.validate(other, by="g").groups
    by_label = mle.validate(other, by=other["g"].to_numpy()).groups
    pd.testing.assert_frame_equal(by_name, by_label)
    p = mle.predict_proba(other)
    expected = by_name[by_name["quantity"] == "expected"].set_index("group")["value"]
    assert expected["b"] == pytest.approx(p[other["g"] == "b"].sum())


def test_a_group_with_one_class_is_nan_and_said(mle):
    other = table(90, seed=4)
    other.loc[other["g"] == "c", "y"] = 0
    found = mle.validate(other, by="g")
    part = found.groups[found.groups["group"] == "c"].set_index("quantity")
    assert part.loc[["intercept", "slope", "auc"], "value"].isna().all()
    assert np.isfinite(part.loc[["brier", "log_score"], "value"]).all()
    assert any(note.startswith("Group c: no events among") for note in found.notes)


def test_rows_without_a_group_are_said(mle):
    other = table(90, seed=4)
    other.loc[:9, "g"] = None
    found = mle.validate(other, by="g")
    assert "10 rows have no group and are in none of them." in found.notes
    with pytest.raises(InputError, match="90 labels"):
        mle.validate(other, by=[1, 2])


# -- decompositions ---------------------------------------------------------------------------------------------------


def test_decompositions_add_up_and_murphy_matches_its_definition(mle):
    other = table(90, seed=4)
    found = mle.validate(other)
    parts = found.decomposition()
    np.testing.assert_allclose(parts["mcb"] - parts["dsc"] + parts["unc"], parts["score"])
    bins = found.decomposition("murphy", bins=5).loc["brier"]
    y, p = other["y"].to_numpy(), mle.predict_proba(other)
    place = np.floor(p * 5)
    reliability = sum(
        np.sum(place == k) * (p[place == k].mean() - y[place == k].mean()) ** 2 for k in np.unique(place)
    )
    assert bins["reliability"] == pytest.approx(reliability / 90)
    assert bins["score"] == pytest.approx(
        bins["reliability"] - bins["resolution"] + bins["uncertainty"] + bins["within"]
    )


def test_murphy_has_nothing_within_bins_of_equal_predictions(mle):
    other = table(200, seed=6)
    judged = mle.validate(other).judged
    coarse = replace(judged, log_odds=np.round(judged.log_odds))
    parts = murphy(coarse, 200, "size")
    assert parts.within == pytest.approx(0.0, abs=1e-12)
    assert parts.bins["weight"].sum() == 200
    assert parts.bins["weight"].size == np.unique(coarse.log_odds).size


# -- what goes wrong --------------------------------------------------------------------------------------------------


def test_separated_resamples_make_the_log_score_infinite_and_say_so():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"x": rng.normal(size=40), "z": rng.normal(size=40)})
    frame["y"] = (rng.random(40) < expit(3 * frame["x"] - 2)).astype(int)
    found = plg.fit("y ~ x + z", frame).validate(resamples=40)
    assert found.value("log_score") == np.inf
    assert found.frame.loc["log_score", "interval"] == "none"
    assert np.isfinite(found.value("brier"))
    assert np.isfinite(found.value("slope"))
    assert any("refits were separated" in note for note in found.notes)
    said = "log_score, nagelkerke, unreliability and quality are infinite in"  # one note, not four
    assert sum(" infinite in " in note for note in found.notes) == 1
    assert any(note.startswith(said) for note in found.notes)


@pytest.fixture(scope="module")
def grades():
    """Spector's 32 students: some resamples are ranked perfectly by a fit whose coefficients stay finite."""
    data = sm.datasets.spector.load_pandas().data
    return plg.LogitModel("GRADE ~ GPA + TUCE + PSI", data).fit(
        plg.Penalized(plg.Normal(1.0, autoscale=True))
    )


def test_resamples_ranked_perfectly_have_no_slope_and_leave_the_corrected_one_finite(grades):
    found = grades.validate(resamples=150)
    training = found.optimism.training[:, NAMES.index("auc")]
    assert (training == 1).sum() == 2
    assert np.isfinite(found.frame.loc["slope", ["corrected", "lower", "upper"]].to_numpy(dtype=float)).all()
    assert any(note.startswith("slope and joint_intercept do not exist in 2 of 150") for note in found.notes)
    shrunken = grades.recalibrate(resamples=150)
    assert shrunken.parameters["estimate"]["slope"] == min(found.value("slope"), 1.0)
    assert any(note.startswith("slope does not exist in 2 of 150") for note in shrunken.notes)
    calibrated = grades.calibration(resamples=150)
    assert calibrated.frame["value"]["slope"] == pytest.approx(found.value("slope"), abs=1e-9)
    assert "slope does not exist in 2 of 150" in str(calibrated)


def test_a_wrong_group_is_refused_before_anything_is_refitted(monkeypatch, mle):
    def refitted(*given, **named):
        raise AssertionError("refitted first")

    monkeypatch.setattr(validation, "optimism_bootstrap", refitted)
    with pytest.raises(InputError, match="by must be a column"):
        mle.validate(by="nowhere")


def one_event():
    return table().loc[lambda t: t["y"] == 1].head(1)


def test_data_without_a_complete_row_say_how_many_rows_there_were(mle):
    empty = table(7).assign(x=np.nan)
    with pytest.raises(InputError, match="received '7 rows, none of them complete'"):
        mle.validate(empty)
    assert "on 1 event and 0 non-events: 1 observed event where" in mle.calibration(one_event()).verdict
    with pytest.raises(InputError, match="resamples must be 0 or at least 2; received 1"):
        mle.calibration(resamples=1)


def test_a_slope_whose_correction_depends_on_the_random_numbers_is_called_so():
    rng = np.random.default_rng(3)  # one weak predictor: refits whose slope is next to 0 rule the mean
    frame = pd.DataFrame({"x": rng.normal(size=100)})
    frame["y"] = (rng.random(100) < expit(0.5 * frame["x"])).astype(int)
    fit = plg.fit("y ~ x", frame)
    found = fit.validate(resamples=300)
    spread = found.optimism.training - found.optimism.test
    slope = spread[:, NAMES.index("slope")]
    error = slope.std(ddof=1) / np.sqrt(300)
    assert error > 0.5
    said = [note for note in found.notes if f"a Monte Carlo error of {error:.2g}," in note]
    assert len(said) == 1
    assert said[0].endswith(f"it is {1 - np.median(slope):.2f}.")
    with pytest.warns(CalibrationWarning, match="Monte Carlo error"):
        fit.recalibrate(resamples=300)


def test_a_fit_that_separates_its_own_rows_has_no_slope_to_correct_or_to_shrink_by():
    frame = pd.DataFrame({"x": np.arange(24.0)}).assign(y=lambda t: (t["x"] > 13).astype(int))
    fit = plg.fit("y ~ x", frame, plg.Penalized(plg.Normal(1.0)))
    found = fit.validate(resamples=5)
    assert np.isnan(found.value("slope"))
    assert any("do not exist in 5 of 5" in note and "flatters" not in note for note in found.notes)
    with pytest.raises(NotAvailableError, match="separate the outcomes"):
        fit.recalibrate(resamples=5)


def test_a_single_event_is_judged_with_what_that_means():
    frame = table(40, seed=1).assign(y=np.r_[1, np.zeros(39, dtype=int)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ProblogitWarning)
        found = plg.fit("y ~ x", frame, plg.Penalized()).validate(resamples=10)
    assert np.isfinite(found.value("brier"))
    assert any("1 event and 39 non-events" in note for note in found.notes)


def test_a_constant_response_is_refused():
    frame = table(40).assign(y=np.ones(40, dtype=int))
    fit = plg.fit("y ~ x", frame, plg.Penalized(plg.Jeffreys()), event=1)
    with pytest.raises(NotAvailableError, match="constant response"):
        fit.validate()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"resamples": 1}, "resamples must"),
        ({"prob": 95}, "prob must lie"),
        ({"resample": "folds"}, "resample must"),
        ({"resample": "loo", "data": table(20, seed=8)}, 'must be "auto" where data is given'),
        ({"by": "nothing", "resamples": 2}, "by must be a column"),
        ({"rng": "x"}, "rng must be"),
    ],
)
def test_bad_options_are_named(mle, options, message):
    with pytest.raises(InputError, match=message):
        mle.validate(**options)


def test_a_fit_without_its_data_validates_on_new_data_only(mle, tmp_path):
    mle.save(tmp_path / "fit.problogit")
    loaded = plg.load(tmp_path / "fit.problogit")
    with pytest.raises(DataNotSavedError):
        loaded.validate()
    other = table(60, seed=2)
    pd.testing.assert_frame_equal(loaded.validate(other).frame, mle.validate(other).frame)


def test_progress_counts_resamples_and_nothing_is_printed(mle, capsys):
    class Bar:
        total = done = 0

        def start(self, label, total):
            self.total += total

        def advance(self, amount=1, note=""):
            self.done += amount

        def finish(self):
            pass

    bar = Bar()
    found = mle.validate(resamples=8, progress=bar)
    assert (bar.total, bar.done) == (8, 8)
    text = str(found)
    assert text.startswith("Validation of P(y = 1): optimism bootstrap, 8 resamples of maximum likelihood; ")
    assert "Heuristic shrinkage" in text
    assert capsys.readouterr() == ("", "")


def test_frequency_weights_validate_as_repeated_rows_apart_from_the_draw():
    frame = table(60, seed=2)
    copies = np.random.default_rng(0).integers(1, 4, 60)
    weighted = plg.fit("y ~ x", frame.assign(w=copies), weights="w").validate(resamples=100, rng=1)
    repeated = plg.fit("y ~ x", frame.loc[frame.index.repeat(copies)]).validate(resamples=100, rng=2)
    np.testing.assert_allclose(weighted.frame["apparent"], repeated.frame["apparent"], atol=1e-8)
    # Two bootstraps of 100: the optimism's Monte Carlo error is sd / sqrt(100) each.
    spread = np.std(weighted.optimism.training - weighted.optimism.test, axis=0, ddof=1)
    away = np.abs(weighted.frame["optimism"] - repeated.frame["optimism"]).to_numpy()
    assert (away <= 4 * spread * np.sqrt(2 / 100) + 1e-9).all()
    assert weighted.n == copies.sum()
