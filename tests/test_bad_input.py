"""What a user gets wrong, case by case: one clear error, or a stated and sensible answer; never a number that lies.

The cases are the edge-case table of the peers' behaviour (separation and aliases have tests of their own in
tests/estimators/test_mle.py).
"""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

import problogit as plg
from problogit.errors import (
    AliasingWarning,
    DataError,
    EstimationError,
    FormulaError,
    InputError,
    UnseenLevelError,
)


def table(n: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=n),
            "z": rng.normal(size=n),
            "school": rng.choice(["a", "b"], n),
            "m": rng.integers(1, 5, n),
        }
    )
    frame["y"] = rng.integers(0, 2, n)
    frame["s"] = rng.binomial(frame["m"], 0.4)
    return frame


METHODS = [plg.MLE(), plg.Penalized(), plg.Bayes(draws=50, tune=50, chains=2, cores=1, rng=1)]
EVERY = pytest.mark.parametrize("method", METHODS, ids=["mle", "penalized", "bayes"])


@EVERY
@pytest.mark.parametrize("value", [0, 1])
def test_a_constant_response_is_refused_by_every_method_with_a_flat_intercept(method, value):
    with pytest.raises(EstimationError, match="constant.*proper prior|proper prior.*constant"):
        plg.fit("y ~ x", table().assign(y=value), method)


def test_a_constant_response_is_estimated_under_a_proper_prior_on_everything():
    prior = plg.Priors(plg.Normal(2.5), intercept=plg.Normal(2.5))
    fit = plg.fit("y ~ x", table().assign(y=1), plg.Penalized(prior))
    assert fit.coef["Intercept"] > 0
    assert np.isfinite(fit.coef).all()


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        ({"y": [1, 2] * 20}, {}, "event="),
        ({"y": [0, 1, 2, 1] * 10}, {}, "y"),
        ({"y": [0.2, 0.7] * 20}, {}, "trials"),
        ({"y": ["a", "b", "c", "a"] * 10}, {}, "y"),
        ({"s": 9}, {"formula": "s ~ x", "trials": "m"}, "trials"),
        ({"s": -1}, {"formula": "s ~ x", "trials": "m"}, "s"),
        ({"s": 0.5}, {"formula": "s ~ x", "trials": "m"}, "s"),
        ({"w": -1.0}, {"weights": "w"}, "weights"),
        ({"w": 0.0}, {"weights": "w"}, "weights"),
        ({"w": np.nan}, {"weights": "w"}, "weights"),
        ({"w": 0.5}, {"weights": "w"}, "importance"),
        ({"w": np.inf}, {"weights": "w", "weights_type": "importance"}, "weights"),
        ({"o": np.inf}, {"offset": "o"}, "offset"),
        ({"x": np.inf}, {}, "x"),
        ({"x": np.nan}, {}, "row"),
        ({}, {"event": "maybe"}, "event"),
        ({}, {"weights": "nothing"}, "nothing"),
        ({}, {"trials": np.ones(3)}, "trials"),
        ({}, {"weights_type": "survey"}, "weights_type"),
        ({}, {"missing": "impute"}, "missing"),
    ],
)
def test_bad_columns_are_named(change, options, words):
    formula = options.pop("formula", "y ~ x")
    with pytest.raises(InputError, match=words):
        plg.LogitModel(formula, table().assign(**change), **options)


def test_a_class_left_without_weight_is_an_error():
    frame = table()
    with pytest.raises(InputError, match="weight"):
        plg.LogitModel("y ~ x", frame.assign(w=1 - frame["y"]), weights="w")


@pytest.mark.parametrize(
    "formula",
    [
        "y ~ x +",
        "y x",
        "y ~ x ~ z",
        "",
        "~ x",
        "y ~ (x",
        "y ~ x.__class__",
        "y ~ [v for v in x]",
        "y ~ open('f')",
        "y ~ (1 | school)",
        "y ~ x | school",
        "y ~ x + offset(z)",
    ],
)
def test_malformed_and_dangerous_formulas_are_refused_in_one_line(formula):
    with pytest.raises(FormulaError) as caught:
        plg.LogitModel(formula, table())
    assert "\n" not in str(caught.value)


def test_an_unknown_column_suggests_the_nearest():
    with pytest.raises(InputError, match="school"):
        plg.LogitModel("y ~ scool", table())


@pytest.mark.parametrize("data", [{"y": [], "x": []}, pd.DataFrame({"y": [], "x": []})])
def test_empty_data_are_refused(data):
    with pytest.raises(InputError, match="no rows"):
        plg.LogitModel("y ~ x", data)


@pytest.mark.parametrize("data", [3, None, "no_such_file.csv", [1, 2], {"y": [0, 1], "x": [1.0]}])
def test_things_that_are_no_table_are_refused(data):
    with pytest.raises(InputError):
        plg.LogitModel("y ~ x", data)


def test_a_one_level_factor_is_dropped_by_name_and_kept_for_prediction():
    fit = plg.fit("y ~ x + school", table().assign(school="a"))
    assert list(fit.coef.index) == ["Intercept", "x"]
    assert "school" in str(fit)
    assert np.isfinite(fit.predict_proba({"x": [0.0], "school": ["a"]})).all()


def test_an_unseen_level_is_never_the_reference():
    fit = plg.fit("y ~ x + school", table())
    new = pd.DataFrame({"x": [0.0, 1.0], "school": ["a", "zebra"]}, index=["first", "second"])
    with pytest.raises(UnseenLevelError, match="zebra") as caught:
        fit.predict(new)
    assert (caught.value.column, caught.value.levels, caught.value.rows) == (
        "school",
        ("zebra",),
        ("second",),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.isnan(fit.predict(new, unseen="nan").loc["second", "probability"])
    average = fit.predict(new, unseen="average").loc["second", "probability"]
    ends = fit.predict_proba(pd.DataFrame({"x": [1.0, 1.0], "school": ["a", "b"]}))
    assert ends.min() < average < ends.max()


def test_new_data_are_matched_by_name_not_by_place():
    fit = plg.fit("y ~ x + z", table())
    new = table().head(5)
    np.testing.assert_array_equal(fit.predict_proba(new[["z", "x"]]), fit.predict_proba(new[["x", "z"]]))
    with pytest.raises(DataError, match="'z'|z"):
        fit.predict(new[["x"]])


def test_near_collinear_columns_are_kept_and_exact_ones_named():
    frame = table()
    with pytest.warns(AliasingWarning, match="w = x"):
        plg.fit("y ~ x + w", frame.assign(w=frame["x"]))


def test_an_extreme_offset_is_no_obstacle():
    frame = table().assign(o=800.0)
    plain, moved = plg.fit("y ~ x", frame), plg.fit("y ~ x", frame, offset="o")
    assert moved.coef["Intercept"] == pytest.approx(plain.coef["Intercept"] - 800, rel=1e-10)
    assert moved.coef["x"] == pytest.approx(plain.coef["x"], rel=1e-8)


@pytest.mark.parametrize(("rows", "bound"), [(2_000, 1e-30), (40_000, 1e-300)])
def test_p_values_are_never_zero(rows, bound):
    rng = np.random.default_rng(0)
    x = rng.normal(size=rows)
    y = (rng.random(rows) < 1 / (1 + np.exp(-x))).astype(int)
    assert 0 < plg.fit("y ~ x", {"y": y, "x": x}).summary()["p_value"]["x"] < bound


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: plg.Normal(0.0), "scale"),
        (lambda: plg.Normal(-1.0), "scale"),
        (lambda: plg.Laplace(np.nan), "scale"),
        (lambda: plg.Normal("wide"), "scale"),
        (lambda: plg.StudentT(0, 1.0), "df"),
        (lambda: plg.ElasticNet(-1.0, 1.0), "l1"),
        (lambda: plg.Penalized(solver="magic"), "solver"),
        (
            lambda: plg.fit("y ~ x", table(), plg.Penalized(plg.Laplace(1.0), inference="curvature")),
            "bootstrap",
        ),
        (lambda: plg.Penalized(2.5), "prior"),
        (lambda: plg.Bayes(sampler="gibbs"), "sampler"),
        (lambda: plg.Bayes(draws=0), "draws"),
        (lambda: plg.Bayes(target_accept=1.5), "target_accept"),
        (lambda: plg.Bayes(rng="seed"), "rng"),
        (lambda: plg.Costs(false_positive=-1, false_negative=1), "false_positive"),
    ],
)
def test_impossible_methods_and_priors_are_refused(make, words):
    with pytest.raises(InputError, match=words):
        make()


def test_a_prior_for_an_unknown_term_suggests_the_nearest():
    with pytest.raises(InputError, match="'x'|x"):
        plg.fit("y ~ x", table(), plg.Penalized(plg.Priors(plg.Normal(1.0), terms={"X": plg.Normal(2.0)})))


def test_flat_priors_that_leave_the_posterior_improper_are_refused_before_sampling():
    separated = {"y": [0, 0, 0, 1, 1, 1], "x": [1.0, 2, 3, 4, 5, 6]}
    with pytest.raises(EstimationError, match="separat"):
        plg.fit("y ~ x", separated, plg.Bayes(plg.Flat(), draws=50, tune=50, chains=2, cores=1))
    with pytest.raises(EstimationError, match=r"improper|separat"):
        plg.fit("y ~ x", separated, plg.Bayes(plg.Cauchy(1.0), draws=50, tune=50, chains=2, cores=1))


@pytest.mark.parametrize("call", ["prob", "interval", "units", "threshold", "term", "contrast", "kind"])
def test_bad_questions_are_answered_by_name(call):
    fit = plg.fit("y ~ x", table())
    asks = {
        "prob": lambda: fit.summary(prob=95),
        "interval": lambda: fit.summary(interval="hdi"),
        "units": lambda: fit.odds_ratios(units={"hours": 2}),
        "threshold": lambda: fit.classify(threshold=1.5),
        "term": lambda: fit.test("hours"),
        "contrast": lambda: fit.contrast({"hours": 1.0}),
        "kind": lambda: fit.r_squared("adjusted"),
    }
    with pytest.raises(InputError):
        asks[call]()


def test_fits_of_different_rows_are_not_compared():
    with pytest.raises(InputError, match="row"):
        plg.compare({"a": plg.fit("y ~ x", table(40)), "b": plg.fit("y ~ x", table(30))})


def test_an_unwritable_report_path_leaves_nothing(tmp_path):
    fit = plg.fit("y ~ x", table())
    with pytest.raises(InputError, match="path"):
        plg.report(fit, tmp_path / "no" / "report.html")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("sparse", [False, True])
def test_a_model_keeps_its_own_numbers(sparse):
    import scipy.sparse as sp

    frame = table()
    X = frame[["x", "z"]].to_numpy(copy=True)
    given = sp.csr_array(X) if sparse else X
    model = plg.LogitModel.from_arrays(given, frame["y"], intercept=False)
    before = model.fit().coef
    given *= 2
    np.testing.assert_array_equal(model.fit().coef, before)


@pytest.mark.parametrize("factor", [1e-200, 1e200])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_columns_beyond_the_range_of_squares_are_refused(factor):
    frame = table()
    with pytest.raises(InputError, match="column x must have values.*units"):
        plg.LogitModel("y ~ x", frame.assign(x=frame["x"] * factor))


def test_sampling_weights_have_no_information_criteria_and_say_which_standard_errors():
    frame = table()
    frame["w"] = np.linspace(0.5, 2, len(frame))
    fit = plg.fit("y ~ x", frame, weights="w", weights_type="sampling")
    assert np.isnan([fit.aic, fit.bic]).all()
    assert "HC0 sandwich" in str(fit.diagnostics())


def test_a_prior_is_one_number_for_each_parameter():
    with pytest.raises(InputError, match=r"scale must be one number.*Priors"):
        plg.fit("y ~ x + z", table(), plg.Penalized(plg.Normal(np.array([1.0, 2.0]))))


@pytest.mark.parametrize(
    "call",
    [
        lambda: plg.LogitModel("y ~ x", table()).fit(execution="dask"),
        lambda: plg.LogitModel("y ~ x", table()).fit(progress="yes"),
        lambda: plg.LogitModel("y ~ x", table()).fit("maximum"),
        lambda: plg.compare(plg.fit("y ~ x", table()), plg.fit("y ~ z", table())),
        lambda: plg.fit("y ~ x", table(), "maximum"),
        lambda: plg.fit("y ~ x", table()).save(None),
        lambda: plg.load(None),
        lambda: plg.report(plg.fit("y ~ x", table()), None),
    ],
)
def test_wrong_objects_are_refused_at_the_door(call):
    with pytest.raises(InputError):
        call()


def test_labels_follow_the_rule_for_unseen_levels():
    fit = plg.fit("y ~ school", table())
    new = {"school": ["a", "zebra"]}
    assert fit.classify(new, unseen="nan")[1] is None
