"""Effects on the probability scale against base R, marginaleffects, statsmodels and brute force over draws."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from reference_cases import REFERENCE
from scipy.special import expit, logit, ndtri

import problogit as plg
from problogit.errors import DataNotSavedError

FIGURES = {
    case["name"]: case
    for case in json.loads((REFERENCE / "effects" / "effects.json").read_text(encoding="utf-8"))["cases"]
}
PEER = json.loads((REFERENCE / "effects" / "marginaleffects.json").read_text(encoding="utf-8"))["cases"]
COMPARED = ("difference", "ratio", "lift", "odds_ratio")

# How each of R's results is asked for: the arguments of `effects`, and the group where there are several.
HIGH, LOW = {"arm": ("control", "high")}, {"arm": ("control", "low")}
ASKED = {
    "interaction": {
        "high": ({"variables": HIGH}, None),
        "low": ({"variables": LOW}, None),
        "high_low": ({"variables": {"arm": ("low", "high")}}, None),
        "smoker": ({"variables": "smoker"}, None),
        "ten_years": ({"variables": {"age": 10}}, None),
        "age": ({"variables": "age"}, None),
        "age_of_high": ({"variables": "age", "by": "arm"}, "high"),
        "high_at_30": ({"variables": HIGH, "at": {"age": 30}}, None),
        "high_at_50_smokers": ({"variables": HIGH, "at": {"age": 50}, "by": "smoker"}, "1"),
    },
    "splines": {
        "hours": ({"variables": "hours"}, None),
        "dose": ({"variables": "dose"}, None),
        "hours_2_to_5": ({"variables": {"hours": (2, 5)}}, None),
        "prep": ({"variables": "prep"}, None),
        "long": ({"variables": {"arm": ("control", "long")}}, None),
    },
    "powers": {
        "hours": ({"variables": "hours"}, None),
        "dose": ({"variables": "dose"}, None),
        "year": ({"variables": "year"}, None),
        "short": ({"variables": {"arm": ("control", "short")}}, None),
    },
    "counts": {
        "hours": ({"variables": "hours"}, None),
        "prep": ({"variables": "prep"}, None),
        "short": ({"variables": {"arm": ("control", "short")}}, None),
    },
    "importance": {
        "age": ({"variables": "age"}, None),
        "smoker": ({"variables": "smoker"}, None),
        "high": ({"variables": HIGH}, None),
    },
    "frequency": {
        "income": ({"variables": "income"}, None),
        "owner": ({"variables": "owner"}, None),
        "south_north": ({"variables": {"region": ("north", "south")}}, None),
        "owner_of_south": ({"variables": "owner", "by": "region"}, "south"),
    },
}


def table(name: str) -> pd.DataFrame:
    return pd.read_csv(REFERENCE / "data" / f"{name}.csv")


def fitted(case: dict, method: plg.MLE | None = None) -> plg.Fit:
    names = ("event", "trials", "weights", "offset", "weights_type")
    options = {name: case[name] for name in names if case.get(name)}
    formula = f"{case['formula_left']} ~ {case['rhs'].replace('^', '**')}"
    return plg.fit(formula, table(case["data"]), method or plg.MLE(), **options)


@pytest.fixture(scope="module")
def clinic() -> plg.Fit:
    return fitted(FIGURES["interaction"])


@pytest.mark.parametrize("name", FIGURES)
def test_effects_and_their_standard_errors_match_base_r(name):
    fit = fitted(FIGURES[name])
    for label, figures in FIGURES[name]["results"].items():
        arguments, group = ASKED[name][label]
        kinds = {kind: figures[kind] for kind in COMPARED} if "difference" in figures else {"slope": figures}
        for kind, figure in kinds.items():
            frame = fit.effects(**arguments, kind=kind)
            if group is not None:
                frame = frame[frame[arguments["by"]] == group]
            assert len(frame) == 1
            assert frame["estimate"].iloc[0] == pytest.approx(figure["estimate"], rel=0, abs=1e-9)
            assert frame["std_error"].iloc[0] == pytest.approx(figure["std_error"], rel=1e-8)


def test_standardised_risks_match_base_r(clinic):
    found = clinic.effects("arm", kind="probability").set_index("contrast")
    for label, level in (("high", "high"), ("low", "low")):
        figure = FIGURES["interaction"]["results"][label]["probability"]
        assert found.loc[level, "estimate"] == pytest.approx(figure["estimate"], abs=1e-10)
        assert found.loc[level, "std_error"] == pytest.approx(figure["std_error"], rel=1e-8)


def test_the_python_package_marginaleffects_finds_the_same(clinic):
    # its standard errors of slopes are forward differences of differences; R's above are exact
    def close(frame, lines):
        digits = 1e-4 if set(frame["contrast"]) == {"dY/dX"} else 1e-6
        assert frame["estimate"].tolist() == pytest.approx([line["estimate"] for line in lines], abs=1e-8)
        assert frame["std_error"].tolist() == pytest.approx([line["std_error"] for line in lines], rel=digits)

    close(clinic.effects("age", kind="slope"), PEER["slopes"])
    close(clinic.effects("age", kind="slope", by="arm"), PEER["slopes_by_arm"])
    # its "mean" has two-valued numbers at the more common value
    row = {"age": table("clinic")["age"].mean(), "smoker": 0, "arm": "control"}
    close(clinic.effects("age", kind="slope", at=row), PEER["slope_at_mean"])
    arms = clinic.effects("arm")
    assert arms["contrast"].tolist() == [line["contrast"] for line in PEER["arms"]]
    close(arms, PEER["arms"])
    pairs = clinic.effects({"arm": "pairwise"})
    assert pairs["contrast"].tolist() == [line["contrast"] for line in PEER["pairwise"]]
    close(pairs, PEER["pairwise"])
    close(clinic.effects("arm", kind="ratio"), PEER["ratio"])
    close(clinic.effects({"age": (30, 50)}, by="smoker"), PEER["pair"])
    close(clinic.effects("arm", kind="probability"), PEER["probability"])
    pupils = plg.fit("passed ~ dose * prep + I(dose ** 2) + np.log(hours + 1) + arm", table("pupils"))
    close(pupils.effects("hours", kind="slope"), PEER["log_slope"])
    close(pupils.effects("prep"), PEER["square_prep"])


@pytest.mark.parametrize(("where", "at"), [("overall", None), ("mean", "mean")])
def test_marginal_effects_match_statsmodels_get_margeff(where, at):
    import statsmodels.api as sm

    data = sm.datasets.spector.load_pandas().data
    fit = plg.fit("GRADE ~ GPA + TUCE + PSI", data)
    peer = sm.Logit(data["GRADE"], sm.add_constant(data[["GPA", "TUCE", "PSI"]])).fit(disp=0, tol=1e-14)
    margins = peer.get_margeff(at=where, dummy=True)
    found = fit.effects(kind="slope", at=at)
    assert found["variable"].tolist() == ["GPA", "TUCE", "PSI"]
    assert found["contrast"].tolist() == ["dY/dX", "dY/dX", "1 - 0"]
    assert found["estimate"].to_numpy() == pytest.approx(margins.margeff, abs=1e-8)
    assert found["std_error"].to_numpy() == pytest.approx(margins.margeff_se, rel=1e-6)


def test_the_interval_of_each_kind_is_made_on_its_own_scale(clinic):
    z = ndtri(0.975)

    def row(kind):
        return clinic.effects(HIGH, kind=kind).iloc[0]

    difference = row("difference")
    half = z * difference["std_error"] / (1 - difference["estimate"] ** 2)
    assert difference["upper"] == pytest.approx(np.tanh(np.arctanh(difference["estimate"]) + half))
    ratio = row("ratio")
    assert ratio["lower"] == pytest.approx(
        ratio["estimate"] * np.exp(-z * ratio["std_error"] / ratio["estimate"])
    )
    lift = row("lift")
    assert lift["lower"] == pytest.approx(ratio["lower"] - 1)
    risk = clinic.effects("arm", kind="probability").iloc[0]
    p = risk["estimate"]
    assert logit(risk["lower"]) == pytest.approx(logit(p) - z * risk["std_error"] / (p * (1 - p)))
    slope = clinic.effects("age", kind="slope").iloc[0]
    assert slope["lower"] == pytest.approx(slope["estimate"] - z * slope["std_error"])
    assert clinic.effects(HIGH, prob=0.8)["upper"].iloc[0] < difference["upper"]


def test_a_posterior_averages_over_rows_at_every_draw():
    """Oracle: the same averages by brute force over the draws."""
    data = table("clinic")
    fit = plg.fit(
        "outcome ~ arm * age + smoker",
        data,
        plg.Bayes(plg.Normal(1.0, autoscale=True), sampler="laplace", draws=250, rng=3),
        event="relapse",
    )
    beta = fit.draws()

    def risks(**changes):
        X = fit.estimate.problem.design.replay(data.assign(**changes)).X
        return expit(X @ beta.T).mean(axis=0)

    high, low = risks(arm="high"), risks(arm="control")
    oracle = {
        "difference": (high - low, np.mean),
        "ratio": (high / low, np.median),
        "lift": (high / low - 1, np.median),
        "odds_ratio": (high / (1 - high) / (low / (1 - low)), np.median),
    }
    for kind, (values, centre) in oracle.items():
        row = fit.effects(HIGH, kind=kind).iloc[0]
        assert row["interval"] == "credible-eti"
        assert row["estimate"] == pytest.approx(centre(values), rel=1e-12)
        assert row["std_error"] == pytest.approx(values.std(ddof=1), rel=1e-10)
        assert [row["lower"], row["upper"]] == pytest.approx(np.quantile(values, [0.025, 0.975]), rel=1e-10)
    h = 1e-5
    slope = (risks(age=data["age"] + h) - risks(age=data["age"] - h)) / (2 * h)
    row = fit.effects("age", kind="slope").iloc[0]
    assert row["estimate"] == pytest.approx(slope.mean(), rel=1e-6)
    assert row["upper"] == pytest.approx(np.quantile(slope, 0.975), rel=1e-6)
    narrow = fit.effects(HIGH, interval="hdi").iloc[0]
    assert narrow["interval"] == "credible-hdi"
    assert narrow["upper"] - narrow["lower"] <= np.ptp(np.quantile(high - low, [0.025, 0.975])) + 1e-12


def test_a_bootstrap_is_read_by_percentiles_about_the_estimate():
    data = table("clinic")
    formula, event = "outcome ~ arm + age", "relapse"
    fit = plg.fit(formula, data, plg.MLE(covariance="bootstrap", resamples=99, rng=1), event=event)
    plain = plg.fit(formula, data, event=event)
    beta = fit.draws()
    X = [fit.estimate.problem.design.replay(data.assign(arm=arm)).X for arm in ("control", "high")]
    values = expit(X[1] @ beta.T).mean(axis=0) - expit(X[0] @ beta.T).mean(axis=0)
    row = fit.effects(HIGH).iloc[0]
    assert row["interval"] == "bootstrap"
    assert row["estimate"] == pytest.approx(plain.effects(HIGH)["estimate"].iloc[0], abs=1e-12)
    assert [row["lower"], row["upper"]] == pytest.approx(np.quantile(values, [0.025, 0.975]))


def test_other_covariances_and_penalties_go_into_the_interval():
    data = table("clinic")
    formula, event = "outcome ~ arm + age", "relapse"
    plain, robust = (
        plg.fit(formula, data, plg.MLE(covariance=name), event=event) for name in ("classical", "HC3")
    )
    a, b = plain.effects("age", kind="slope"), robust.effects("age", kind="slope")
    assert a["estimate"].iloc[0] == pytest.approx(b["estimate"].iloc[0])
    X, p = robust.estimate.problem.rows.X, robust.predict_proba()
    beta = robust.coef.to_numpy()
    gradient = (X * (p * (1 - p) * (1 - 2 * p) * beta[-1])[:, None]).mean(axis=0)
    gradient[-1] += np.mean(p * (1 - p))
    assert b["std_error"].iloc[0] == pytest.approx(np.sqrt(gradient @ robust.cov.to_numpy() @ gradient))
    ridge = plg.fit(formula, data, plg.Penalized(plg.Normal(1.0)), event=event)
    assert set(ridge.effects()["interval"]) == {"curvature"}


def test_firth_s_effects_are_of_the_probabilities_that_it_predicts():
    data = table("clinic")
    fit = plg.fit("outcome ~ arm + age", data, plg.Penalized(plg.Jeffreys()), event="relapse")
    found = fit.effects("arm", kind="probability").set_index("contrast")["estimate"]
    for arm in ("control", "high", "low"):
        assert found[arm] == pytest.approx(fit.predict_proba(data.assign(arm=arm)).mean(), abs=1e-12)


def test_without_inference_there_are_estimates_and_the_remedy():
    fit = plg.fit("outcome ~ arm + age", table("clinic"), plg.Penalized(plg.Laplace(0.5)), event="relapse")
    found = fit.effects()
    assert found["estimate"].notna().all()
    assert found[["std_error", "lower", "upper"]].isna().all(axis=None)
    assert set(found["interval"]) == {"none"}
    assert "bootstrap" in found.attrs["notes"][0]


def test_debiased_intervals_have_the_debiased_estimate_for_a_centre():
    data = table("clinic")
    fit = plg.fit(
        "outcome ~ smoker + age", data, plg.Penalized(plg.Laplace(0.2), inference="debiased"), event="relapse"
    )
    row = fit.effects("smoker").iloc[0]
    centre = fit.estimate.coefficients.centre
    X = [fit.estimate.problem.design.replay(data.assign(smoker=value)).X for value in (0, 1)]
    middle = expit(X[1] @ centre).mean() - expit(X[0] @ centre).mean()
    assert row["interval"] == "debiased"
    assert np.arctanh(row["lower"]) + np.arctanh(row["upper"]) == pytest.approx(2 * np.arctanh(middle))
    assert row["estimate"] == pytest.approx(
        fit.predict_proba(data.assign(smoker=1)).mean() - fit.predict_proba(data.assign(smoker=0)).mean()
    )


def test_frequency_weights_are_repeated_rows_and_importance_weights_of_one_change_nothing():
    data = table("survey")
    weighted = plg.fit("vote ~ region * owner + income", data, weights="count")
    repeated = plg.fit("vote ~ region * owner + income", data.loc[data.index.repeat(data["count"])])
    first, second = (fit.effects(kind="slope", by="region") for fit in (weighted, repeated))
    pd.testing.assert_frame_equal(first, second, rtol=1e-9, check_exact=False)
    assert first["n"].sum() == len(first) / 3 * data["count"].sum()


def test_new_rows_are_averaged_over_with_their_own_trials():
    data = table("pupils")
    fit = plg.fit("solved ~ hours * prep", data, trials="tries", offset="dose")
    part = data.iloc[:100]
    found = fit.effects("prep", data=part).iloc[0]
    p = [fit.predict_proba(part.assign(prep=value)) for value in (0, 1)]
    assert found["estimate"] == pytest.approx(np.average(p[1] - p[0], weights=part["tries"]), abs=1e-12)
    assert found["n"] == 100
    once = fit.effects("prep", data=part.drop(columns="tries")).iloc[0]
    assert once["estimate"] == pytest.approx(np.mean(p[1] - p[0]), abs=1e-12)
    holes = part.assign(hours=part["hours"].where(part["hours"] > 4))
    short = fit.effects("prep", data=holes)
    assert short["n"].iloc[0] == (part["hours"] > 4).sum()
    assert "left out" in short.attrs["notes"][0]


def test_offset_given_as_an_array_is_kept_row_by_row():
    data = table("pupils")
    by_name = plg.fit("passed ~ hours", data, offset="dose")
    by_array = plg.fit("passed ~ hours", data, offset=data["dose"].to_numpy())
    pd.testing.assert_frame_equal(by_name.effects(kind="slope"), by_array.effects(kind="slope"))


@pytest.mark.parametrize("sparse", [False, True])
def test_ready_made_columns_are_their_own_variables(sparse):
    data = table("clinic").assign(y=lambda d: (d["outcome"] == "relapse").astype(int))
    X = data[["age", "smoker"]].to_numpy(dtype=float)
    formula = plg.fit("y ~ age + smoker", data)
    model = plg.LogitModel.from_arrays(
        sp.csr_array(X) if sparse else X, data["y"].to_numpy(), names=["age", "smoker"]
    )
    arrays = model.fit()
    for kind in ("difference", "slope", "probability"):
        pd.testing.assert_frame_equal(arrays.effects(kind=kind), formula.effects(kind=kind), rtol=1e-7)
    new = arrays.effects("smoker", data=X[:50])
    assert new["estimate"].iloc[0] == pytest.approx(
        formula.effects("smoker", data=data[:50])["estimate"].iloc[0]
    )
    assert arrays.effects("smoker", at="mean")["n"].iloc[0] == 1


def test_a_loaded_fit_takes_the_table_again(tmp_path, clinic):
    clinic.save(tmp_path / "fit.zip", data=True)
    loaded = plg.load(tmp_path / "fit.zip")
    with pytest.raises(DataNotSavedError, match="data="):
        loaded.effects()
    pd.testing.assert_frame_equal(loaded.effects(data=table("clinic")), clinic.effects())


def test_a_table_that_was_changed_in_place_is_noticed():
    data = {name: column.to_numpy().copy() for name, column in table("clinic").items()}
    fit = plg.fit("outcome ~ arm + age", data, event="relapse")
    fit.effects("age")
    data["age"][:] = 30
    with pytest.raises(ValueError, match="no longer the table"):
        fit.effects("age")


def test_blocks_of_any_size_give_the_same(clinic, monkeypatch):
    whole = clinic.effects(kind="slope", by="smoker")
    monkeypatch.setattr("problogit.analysis.effects_rows._VALUES", 1000)
    pd.testing.assert_frame_equal(clinic.effects(kind="slope", by="smoker"), whole)


def test_bool_columns_and_numbers_marked_as_factors_are_labels():
    data = table("pupils").assign(late=lambda d: d["hours"] > 6)
    fit = plg.fit("passed ~ late + C(year, contr.treatment(2017))", data)
    found = fit.effects(["late", "year"])
    assert found["contrast"].tolist()[0] == "True - False"
    assert found["contrast"].tolist()[1:3] == ["2015 - 2017", "2016 - 2017"]


def test_any_table_any_contrasts_one_answer(tmp_path):
    """Oracle: the fit of the pandas frame under treatment contrasts."""
    import polars as pl

    data = table("clinic")
    data.to_parquet(tmp_path / "clinic.parquet")
    plain = plg.fit("outcome ~ arm * age", data, event="relapse").effects({"arm": "pairwise"}, by="smoker")
    for other in (pl.from_pandas(data), tmp_path / "clinic.parquet", data.astype({"arm": "category"})):
        fit = plg.fit("outcome ~ arm * age", other, event="relapse")
        pd.testing.assert_frame_equal(fit.effects({"arm": "pairwise"}, by="smoker"), plain)
        pd.testing.assert_frame_equal(fit.effects({"arm": "pairwise"}, by="smoker", data=other), plain)
    for contrast in ("sum", "helmert", "poly"):
        fit = plg.fit(f"outcome ~ C(arm, contr.{contrast}) * age", data, event="relapse")
        pd.testing.assert_frame_equal(fit.effects({"arm": "pairwise"}, by="smoker"), plain, rtol=1e-7)


@pytest.mark.slow
def test_a_sparse_design_of_a_formula_is_changed_without_filling_it():
    rng = np.random.default_rng(0)
    n = 3000
    data = pd.DataFrame({"g": rng.integers(0, 1200, n).astype(str), "x": rng.normal(size=n)})
    data["y"] = (rng.random(n) < expit(data["x"])).astype(int)
    fit = plg.fit("y ~ x + g", data, plg.Penalized(plg.Normal(1.0)))
    assert sp.issparse(fit.estimate.problem.rows.X)
    low, high = sorted(data["g"].unique())[3:5]
    p = [fit.predict_proba(data.assign(g=level)) for level in (low, high)]
    assert fit.effects({"g": (low, high)})["estimate"].iloc[0] == pytest.approx(
        np.mean(p[1] - p[0]), abs=1e-12
    )
    p = [fit.predict_proba(data.assign(x=data["x"] + h)) for h in (-1e-4, 1e-4)]
    slope = fit.effects("x", kind="slope").iloc[0]
    assert slope["estimate"] == pytest.approx(np.mean(p[1] - p[0]) / 2e-4, rel=1e-6)
    assert slope["interval"] == "curvature"


def test_of_very_many_draws_some_are_used_and_it_is_said(monkeypatch):
    fit = plg.fit("outcome ~ arm", table("clinic"), plg.Bayes(sampler="laplace", rng=1), event="relapse")
    whole = fit.effects("arm").iloc[0]
    monkeypatch.setattr("problogit.analysis.effects._CELLS", 1)
    part = fit.effects("arm")
    assert "draws was used" in part.attrs["notes"][0]
    assert part["estimate"].iloc[0] == pytest.approx(whole["estimate"], abs=0.2 * whole["std_error"])


def test_what_is_shown(clinic):
    found = clinic.effects({"age": 10, "arm": "sequential"}, at={"smoker": [0, 1]}, by="outcome")
    assert found.columns.tolist() == [
        *(
            "variable",
            "contrast",
            "smoker",
            "outcome",
            "estimate",
            "std_error",
            "lower",
            "upper",
            "interval",
            "n",
        )
    ]
    assert found["contrast"].unique().tolist() == ["+10", "high - control", "low - high"]
    assert found.attrs["event"] == "P(outcome = 'relapse')"
    assert (found.attrs["prob"], found.attrs["kind"]) == (0.95, "difference")
    words = clinic.effects({"age": "sd"})["contrast"].iloc[0]
    assert words.startswith("+1 sd (")
    assert clinic.effects({"age": "minmax"})["contrast"].iloc[0].startswith("minmax (")
    held = clinic.effects("smoker", at="reference").attrs["at"]
    assert held["arm"] == "control"
    assert held["smoker"] == 0


def test_numbers_needed_turn_the_difference_over(clinic):
    difference = clinic.effects(["smoker", "arm"]).set_index("contrast")
    needed = clinic.effects(["smoker", "arm"], kind="number_needed").set_index("contrast")
    one, row = difference.loc["1 - 0"], needed.loc["1 - 0"]
    assert (row["estimate"], row["lower"], row["upper"]) == pytest.approx(
        (1 / one["estimate"], 1 / one["upper"], 1 / one["lower"])
    )
    assert not row["through_infinity"]
    assert row["in_words"].startswith("one event more in every ")
    row = needed.loc["high - control"]
    assert row["through_infinity"]
    assert row["lower"] > 0 > row["upper"]
    assert "does not exclude no effect" in row["in_words"]
    assert row["in_words"].startswith("one event fewer in every ")


@pytest.mark.slow
def test_intervals_of_effects_cover_what_they_claim():
    """500 samples of 400 rows, the truth averaged over the same rows: 95% with a Monte Carlo error of 1 point."""
    rng = np.random.default_rng(20)
    n, hits = 400, {"difference": [], "ratio": [], "slope": []}
    for _ in range(500):
        data = pd.DataFrame({"x": rng.normal(size=n), "d": rng.integers(0, 2, n)})
        eta = -0.8 + 0.7 * data["x"] + 0.9 * data["d"] - 0.3 * data["x"] * data["d"]
        data["y"] = (rng.random(n) < expit(eta)).astype(int)
        p = [expit(-0.8 + 0.9 * d + (0.7 - 0.3 * d) * data["x"]) for d in (0, 1)]
        q = expit(eta)
        truth = {
            "difference": np.mean(p[1] - p[0]),
            "ratio": np.mean(p[1]) / np.mean(p[0]),
            "slope": np.mean(q * (1 - q) * (0.7 - 0.3 * data["d"])),
        }
        fit = plg.fit("y ~ x * d", data)
        for kind, value in truth.items():
            row = fit.effects("x" if kind == "slope" else "d", kind=kind).iloc[0]
            hits[kind].append(row["lower"] <= value <= row["upper"])
    for kind, inside in hits.items():
        assert abs(np.mean(inside) - 0.95) < 3 * np.sqrt(0.95 * 0.05 / 500), (kind, np.mean(inside))
