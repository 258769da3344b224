"""Fits side by side: tables, refusals, paired scores, disagreements."""

from __future__ import annotations

import warnings
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.special import expit

import problogit as plg
from problogit.analysis.compare import compare_estimates, compare_frames
from problogit.analysis.judged import judge
from problogit.analysis.loo import loo
from problogit.core.coefficients import DrawnCoefficients
from problogit.errors import ConvergenceWarning, DataNotSavedError, InputError, SeparationWarning
from problogit.estimate import Details, Estimate, FitStats, Provenance, Status

Z95 = 1.959963984540054


def table(n=200, seed=0):
    random = np.random.default_rng(seed)
    data = pd.DataFrame(
        {"x": random.normal(size=n), "z": random.normal(size=n), "g": random.choice(list("abc"), n)}
    )
    data["y"] = (random.random(n) < expit(data["x"] - 0.3)).astype(int)
    return data


def model(formula="y ~ x + z", data=None, **options):
    return plg.LogitModel(formula, table() if data is None else data, **options).problem


def mle(problem):
    return plg.MLE().estimate(problem)


def ridge(problem, scale=0.3):
    return plg.Penalized(plg.Normal(scale)).estimate(problem)


def lasso(problem):
    return plg.Penalized(plg.Laplace(0.05)).estimate(problem)


def posterior(problem):
    """Draws of the normal approximation: enough for everything that compare does with a posterior."""
    fit = mle(problem)
    draws = fit.coefficients.draws(2000, np.random.default_rng(0)).reshape(4, 500, -1)
    return Estimate(
        problem, plg.Bayes(), DrawnCoefficients(draws), Status.CONVERGED, (), FitStats.of(-1, np.nan, problem),
        Provenance("drawn in a test", None, 0.0, {}), DrawnDetails(),
    )  # fmt: skip


class DrawnDetails(Details):
    r_hat = ess_bulk = ess_tail = mcse_mean = np.ones(3)


@pytest.fixture(scope="module")
def result():
    problem = model()
    estimates = {"MLE": mle(problem), "L2": ridge(problem), "L1": lasso(problem), "Bayes": posterior(problem)}
    return compare_frames(estimates)


def test_coefficients_is_long_and_tidy(result):
    long = result.coefficients
    assert list(long.columns) == [
        "label", "method", "term", "estimate", "std_error", "lower", "upper",
        "odds_ratio", "or_lower", "or_upper", "interval", "level",
    ]  # fmt: skip
    assert list(long["label"].unique()) == ["MLE", "L2", "L1", "Bayes"]
    assert list(long["term"][:3]) == ["Intercept", "x", "z"]
    assert set(long["level"]) == {0.95}
    kinds = long.groupby("label")["interval"].first()
    assert kinds.to_dict() == {
        "MLE": "confidence-wald",
        "L2": "curvature",
        "L1": "none",
        "Bayes": "credible-eti",
    }
    own = long[long["label"] == "MLE"]
    np.testing.assert_allclose(own["odds_ratio"], np.exp(own["estimate"]))
    np.testing.assert_allclose(own["or_upper"], np.exp(own["estimate"] + Z95 * own["std_error"]))


def test_numbers_are_terms_by_label_and_figure(result):
    numbers = result.numbers
    assert numbers.columns.names == ["fit", "figure"]
    fit = result.estimates["L2"]
    np.testing.assert_array_equal(numbers["L2", "estimate"], fit.coefficients.location)
    assert numbers["L2", "estimate"].dtype == float
    assert (numbers["L2", "interval"] == "curvature").all()
    assert numbers["L1", "lower"].isna().all()
    assert result.odds_ratio_numbers.loc["x", ("L2", "odds_ratio")] == pytest.approx(
        np.exp(fit.coefficients.location[1])
    )


def test_table_is_readable_and_names_the_interval_under_each_label(result):
    shown = result.table
    assert list(shown.columns) == [
        ("MLE", "95% confidence-wald"), ("L2", "95% curvature"), ("L1", "no interval"), ("Bayes", "95% credible-eti"),
    ]  # fmt: skip
    row = result.numbers.loc["x", "MLE"]
    cell = shown.loc["x", ("MLE", "95% confidence-wald")]
    assert cell == f"{row['estimate']:.2f} [{row['lower']:.2f}, {row['upper']:.2f}]"
    assert shown.loc["z", ("L1", "no interval")] == "0"
    assert list(result.odds_ratio_table.index) == ["x", "z"]


def test_a_term_that_a_fit_lacks_is_left_empty():
    data = table()
    both = compare_frames({"small": mle(model("y ~ x", data)), "large": mle(model("y ~ x + z + g", data))})
    assert list(both.terms) == ["Intercept", "x", "z", "g[T.b]", "g[T.c]"]
    assert both.table.loc["z", ("small", "95% confidence-wald")] == ""
    assert np.isnan(both.numbers.loc["z", ("small", "estimate")])
    assert set(both.disagreements["term"]) == {"Intercept", "x"}


def test_a_sequence_is_labelled_by_method():
    problem = model()
    fits = [
        SimpleNamespace(estimate=estimate) for estimate in (mle(problem), ridge(problem), ridge(problem, 2.0))
    ]
    assert compare_estimates(fits).labels == ("MLE", "Penalized", "Penalized 2")
    assert compare_estimates({"a": fits[0], "b": fits[1]}).labels == ("a", "b")


def other_rows(data):
    return model(data=data.iloc[:-1])


def other_response(data):
    return model("w ~ x", data.assign(w=data["y"]))


def other_event(data):
    return model("y ~ x", data, event=0)


def other_outcomes(data):
    swapped = data.assign(y=data["y"].to_numpy()[::-1])
    return model(data=swapped)


def other_coding(data):
    return model(data=data.assign(z=-data["z"]))


def other_weights(data):
    return model(data=data.assign(k=1.0), weights="k", weights_type="importance")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (other_rows, r"the number of observations \(200 against 199\)"),
        (other_response, r"the response \(y against w\)"),
        (other_event, r"the modelled event \(P\(y = 1\) against P\(y = 0\)\)"),
        (other_outcomes, r"their outcomes \(\d+ of 200 rows\)"),
        (other_coding, "the coding of the term 'z'"),
        (other_weights, r"the kind of weights \(frequency against importance\)"),
    ],
)
def test_fits_of_other_data_are_refused_with_what_differs(change, words):
    data = table()
    with pytest.raises(InputError, match=f"'one' and 'two' differ in {words}.*Fit them to the same data"):
        compare_frames({"one": mle(model(data=data)), "two": mle(change(data))})


def test_the_same_rows_in_another_problem_are_accepted():
    compare_frames({"one": mle(model()), "two": ridge(model())})


def test_bad_arguments_are_named():
    estimate = mle(model())
    with pytest.raises(InputError, match="fits must hold at least two fits to compare; received 1"):
        compare_frames({"one": estimate})
    with pytest.raises(InputError, match="labels that are non-empty strings; received 3"):
        compare_frames({"one": estimate, 3: estimate})
    with pytest.raises(InputError, match="prob must lie strictly between 0 and 1"):
        compare_frames({"one": estimate, "two": estimate}, prob=95)


def test_scores_are_paired_out_of_sample_scores(result):
    scores = result.scores
    assert scores is result.scores  # computed once
    assert list(scores.index) == ["MLE", "L2", "L1", "Bayes"]
    assert scores["judged_by"].tolist() == 3 * ["exact leave-one-out refits"] + [
        "PSIS-LOO (Pareto-smoothed leave-one-out)"
    ]
    assert scores["elpd"].isna().tolist() == [True, True, True, False]
    assert scores.loc["Bayes", "elpd"] == loo(result.estimates["Bayes"]).elpd
    assert scores.loc["Bayes", "log_score"] == pytest.approx(-scores.loc["Bayes", "elpd"] / 200)
    assert (scores["n"] == 200).all()
    best = scores.attrs["best"]
    assert scores["log_score"].idxmin() == best
    assert scores.loc[best, "difference"] == 0
    np.testing.assert_allclose(
        scores["difference"], scores["log_score"] - scores["log_score"].min(), atol=1e-12
    )
    assert (scores["against"] == best).all()
    assert any("both predict each row from all the others" in note for note in scores.attrs["notes"])


def test_differences_are_paired_by_row(result):
    losses = {}
    y = result.estimates["MLE"].problem.rows.successes
    for label in ("MLE", "L2"):
        judged = judge(result.estimates[label])
        order = np.argsort(judged.rows)
        log_odds = judged.log_odds[order]
        losses[label] = np.logaddexp(0, np.where(y == 1, -log_odds, log_odds))
    two = compare_frames({label: result.estimates[label] for label in losses}).scores
    best, other = sorted(losses, key=lambda label: losses[label].mean())
    gap = losses[other] - losses[best]
    assert two.loc[other, "difference"] == pytest.approx(gap.mean(), rel=1e-9)
    assert two.loc[other, "difference_se"] == pytest.approx(gap.std(ddof=1) / np.sqrt(200), rel=1e-9)


def test_a_fit_that_cannot_predict_every_row_is_not_called_best():
    data = table(70)
    problem = model("y ~ x + z", data)
    # A level with one row is unknown to the refit that is asked to predict it.
    data["rare"] = [f"r{i}" if i < 5 else "common" for i in range(70)]
    sparse = model("y ~ x + z + rare", data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SeparationWarning)
        scores = compare_frames({"plain": mle(problem), "rare": mle(sparse)}).scores
    assert scores["n"].to_dict() == {"plain": 70, "rare": 65}
    assert scores.attrs["best"] == "plain"
    assert any(note.startswith("rare predicts") for note in scores.attrs["notes"])


def test_fits_judged_in_different_ways_are_not_ranked_together_against_their_own_frames():
    problem = model("y ~ x + z", table(201))  # one row more than leave-one-out refits are made for
    estimates = {"MLE": mle(problem), "L1": lasso(problem), "Bayes": posterior(problem)}
    scores = compare_frames(estimates).scores
    assert scores.attrs["best"] == ""
    refitted = scores.loc[["MLE", "L1"]]
    assert set(refitted["against"]) == {refitted["log_score"].idxmin()}
    assert scores.loc["Bayes", "against"] == "Bayes"
    assert scores.loc["Bayes", "difference"] == 0
    assert set(refitted["judged_by"]) == {"10-fold cross-validated refits"}
    assert any(
        "learn from fewer rows" in note and "look slightly worse" in note for note in scores.attrs["notes"]
    )
    # The spread over splits, against the split of another seed made by hand.
    (spread,) = [note for note in scores.attrs["notes"] if note.startswith("Log scores over 5 random splits")]
    low, high = (float(part.rstrip(".;")) for part in spread.split("MLE ")[1].split(";")[0].split(" to "))
    for seed in (0, 3):
        split = judge(estimates["MLE"], resample="folds", rng=seed).log_odds
        rows = judge(estimates["MLE"], resample="folds", rng=seed).rows
        y = problem.rows.successes[rows]
        assert low - 1e-4 <= np.logaddexp(0, np.where(y == 1, -split, split)).mean() <= high + 1e-4
    assert low < high
    alone = compare_frames({label: estimates[label] for label in ("MLE", "L1")}).scores
    pd.testing.assert_frame_equal(refitted, alone)


def test_leverages_and_importance_weights_both_leave_one_out_and_are_ranked_together():
    problem = model("y ~ x + z", table(201))
    scores = compare_frames({"MLE": mle(problem), "L2": ridge(problem), "Bayes": posterior(problem)}).scores
    assert scores["judged_by"].tolist() == 2 * ["approximate leave-one-out (from the leverages)"] + [
        "PSIS-LOO (Pareto-smoothed leave-one-out)"
    ]
    assert scores.attrs["best"] == scores["log_score"].idxmin()
    assert (scores["against"] == scores.attrs["best"]).all()
    assert any("is from the leverages" in note for note in scores.attrs["notes"])


def test_a_chosen_strength_puts_all_refits_on_the_same_folds():
    problem = model("y ~ x + z", table(60))
    chosen = plg.Penalized(plg.Normal(1.0), select="evidence").estimate(problem)
    scores = compare_frames({"MLE": mle(problem), "chosen": chosen}).scores
    assert set(scores["judged_by"]) == {"10-fold cross-validated refits"}


def test_a_separated_fit_that_predicts_some_rows_only_is_withheld_from_the_ranking():
    data = pd.DataFrame({"x": np.arange(6.0), "y": [0, 0, 0, 1, 1, 1]})
    problem = model("y ~ x", data)
    with pytest.warns(SeparationWarning):
        ml = mle(problem)
    scores = compare_frames({"MLE": ml, "L2": ridge(problem, 1.0)}).scores
    # By hand: without row 2 or 3 the gap holds that row, and a separated refit cannot say on which side.
    assert scores.loc["MLE", "n"] == 4
    assert scores.loc["MLE", ["log_score", "brier", "auc", "difference", "difference_se"]].isna().all()
    assert scores.attrs["best"] == "L2"
    assert scores.loc["L2", "difference"] == 0
    assert any(
        note.startswith("MLE predicts 4 of 6 rows") and "withheld" in note for note in scores.attrs["notes"]
    )


def test_odds_ratio_cells_have_three_digits(result):
    row = result.odds_ratio_numbers.loc["x", "L2"]
    cell = result.odds_ratio_table.loc["x", ("L2", "95% curvature")]
    assert cell == f"{row['odds_ratio']:.2f} [{row['or_lower']:#.3g}, {row['or_upper']:.2f}]"


def test_equal_methods_have_equal_scores_on_the_common_folds():
    problem = model(data=table(60))
    scores = compare_frames({"MLE": mle(problem), "flat": plg.Penalized(plg.Flat()).estimate(problem)}).scores
    assert scores["difference"].abs().max() < 1e-9


def test_scores_without_data_name_the_remedy():
    problem = model()
    estimates = {"MLE": mle(problem), "L2": ridge(problem)}
    bare = {
        label: Estimate(
            problem.without_data(),
            e.method,
            e.coefficients,
            e.status,
            e.findings,
            e.stats,
            e.provenance,
            e.details,
        )
        for label, e in estimates.items()
    }
    compared = compare_frames(bare)
    assert compared.table.shape == (3, 2)
    with pytest.raises(DataNotSavedError, match="data=True"):
        _ = compared.scores


def test_disagreements_against_maximum_likelihood(result):
    frame = result.disagreements
    assert list(frame.columns) == [
        "term", "label", "reference", "estimate", "reference_estimate", "shift",
        "width_ratio", "signs", "flag", "prior_part", "skewness_part", "cause", "reason",
    ]  # fmt: skip
    assert set(frame["reference"]) == {"MLE"}
    ml, l2 = (result.estimates[label].coefficients for label in ("MLE", "L2"))
    row = frame[(frame["label"] == "L2") & (frame["term"] == "x")].iloc[0]
    assert row["shift"] == pytest.approx((l2.location[1] - ml.location[1]) / ml.std_error[1])
    assert row["width_ratio"] == pytest.approx(l2.std_error[1] / ml.std_error[1])
    assert row["flag"] == "prior moved this"
    assert row["prior_part"] == pytest.approx(row["estimate"] - row["reference_estimate"])
    assert row["skewness_part"] == 0
    assert row["signs"] == "agree"
    zero = frame[(frame["label"] == "L1") & (frame["term"] == "z")].iloc[0]
    assert zero["signs"] == "zero"
    assert np.isnan(zero["width_ratio"])
    assert (frame[frame["label"] == "Bayes"]["flag"] == "").all()


def test_few_events_explain_a_disagreement():
    problem = model("y ~ x + z + g + x:g", table(40, 3))
    frame = compare_frames({"L2": ridge(problem, 0.5), "MLE": mle(problem)}).disagreements
    flagged = frame[frame["flag"] != ""]
    assert len(flagged) > 0
    assert flagged["reason"].str.contains("few events").all()
    assert (frame[frame["flag"] == ""]["reason"] == "").all()


def test_separation_explains_a_disagreement():
    data = table()
    data["rare"] = (np.arange(200) < 4).astype(int)
    data.loc[data["rare"] == 1, "y"] = 1
    problem = model("y ~ x + rare", data)
    with pytest.warns(SeparationWarning):
        ml = mle(problem)
    compared = compare_frames({"MLE": ml, "L2": ridge(problem, 2.5)})
    row = compared.disagreements.set_index("term").loc["rare"]
    assert row["reference_estimate"] == np.inf
    assert np.isnan(row["shift"])
    assert row["flag"] == "prior moved this"
    assert "separation" in row["reason"]
    assert compared.table.loc["rare"].iloc[0].startswith("inf [")
    assert "confidence-wald / confidence-profile" in compared.table.columns[0][1]


def test_without_maximum_likelihood_the_first_fit_is_the_reference():
    problem = model()
    frame = compare_frames({"tight": ridge(problem, 0.1), "loose": ridge(problem, 5.0)}).disagreements
    assert set(frame["reference"]) == {"tight"}
    flagged = frame[frame["flag"] != ""].set_index("term")
    assert set(flagged["flag"]) == {"prior moved this"}  # two modes under two priors: nothing else differs
    assert flagged.loc["x", "cause"].startswith("the other prior: ")


@pytest.fixture(scope="module")
def skewed():
    """Spector's 32 rows, whose posterior is skewed, under no prior, the default prior and a shared prior."""
    fit = plg.LogitModel("GRADE ~ GPA + TUCE + PSI", sm.datasets.spector.load_pandas().data).fit
    chains = {"draws": 500, "tune": 500, "chains": 2, "cores": 1, "rng": 1}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # so short a run may fail its checks
        return {
            "MLE": fit(plg.MLE()),
            "L2": fit(plg.Penalized(plg.Normal(1.0))),
            "flat": fit(plg.Bayes(plg.Flat(), **chains)),
            # The shift of its intercept, 0.27, is near the limit of 0.25: many draws, by the fast sampler.
            "default": fit(plg.Bayes(sampler="laplace", draws=8000, rng=1)),
            "shared": fit(plg.Bayes(plg.Normal(1.0), **chains)),
            "kinked": fit(plg.Bayes(plg.Laplace(1.0), **chains)),
        }


def test_without_a_prior_the_mean_stands_against_the_mode_which_is_the_maximum(skewed):
    frame = plg.compare({label: skewed[label] for label in ("MLE", "flat")}).disagreements()
    flagged = frame[frame["flag"] != ""].set_index("term")
    assert {"Intercept", "GPA"} <= set(flagged.index)
    assert set(flagged["flag"]) == {"mean against mode"}
    assert (flagged["prior_part"] == 0).all()
    np.testing.assert_allclose(
        flagged["skewness_part"], skewed["flat"].coef[flagged.index] - skewed["MLE"].coef[flagged.index]
    )
    assert flagged["cause"].str.startswith("neither has a prior: mean against mode").all()


def test_the_flat_intercept_is_split_into_prior_and_skewness_at_the_mode_that_penalized_finds(skewed):
    frame = plg.compare({label: skewed[label] for label in ("MLE", "default")}).disagreements()
    row = frame.set_index("term").loc["Intercept"]
    mode = (
        plg.LogitModel("GRADE ~ GPA + TUCE + PSI", sm.datasets.spector.load_pandas().data)
        .fit(plg.Penalized())
        .coef
    )
    assert row["prior_part"] == pytest.approx(mode["Intercept"] - skewed["MLE"].coef["Intercept"], rel=1e-5)
    assert row["skewness_part"] == pytest.approx(
        skewed["default"].coef["Intercept"] - mode["Intercept"], rel=1e-5
    )
    assert row["prior_part"] * row["skewness_part"] < 0  # they pull apart, and the skewness wins
    assert row["flag"] == "mean against mode"
    assert row["cause"].startswith("the prior of the other terms: +")
    assert "skewness of the posterior: -" in row["cause"]


def test_under_the_same_prior_the_mode_of_l2_stands_against_the_mean_of_the_posterior(skewed):
    frame = plg.compare({label: skewed[label] for label in ("L2", "shared")}).disagreements()
    row = frame.set_index("term").loc["Intercept"]
    away = skewed["shared"].coef["Intercept"] - skewed["L2"].coef["Intercept"]
    assert (row["flag"], row["prior_part"]) == ("mean against mode", 0)
    assert row["skewness_part"] == pytest.approx(away)
    assert not frame["flag"].str.contains("prior").any()
    (said,) = frame.attrs["skewness"]
    sds = abs(away) / skewed["shared"].summary().loc["Intercept", "std_error"]
    assert "mode, which is what “L2” reports" in said
    assert f"at most {sds:.2f} posterior standard deviations: Intercept" in said


def test_a_mode_that_the_sampler_does_not_know_is_that_of_the_penalized_fit(skewed):
    """Under a Laplace prior the sampler is centred on a stand-in; the mode is that of glmnet's lasso, as Penalized."""
    frame = plg.compare({label: skewed[label] for label in ("MLE", "kinked")}).disagreements()
    row = frame.set_index("term").loc["GPA"]
    model_ = plg.LogitModel("GRADE ~ GPA + TUCE + PSI", sm.datasets.spector.load_pandas().data)
    mode = model_.fit(plg.Penalized(plg.Laplace(1.0))).coef["GPA"]
    assert row["prior_part"] == pytest.approx(mode - skewed["MLE"].coef["GPA"], rel=1e-6)
    assert row["prior_part"] + row["skewness_part"] == pytest.approx(
        row["estimate"] - row["reference_estimate"]
    )


def test_what_is_no_work_of_a_prior_is_not_called_so():
    data = table(80)
    offset = data.assign(base=1.0)
    stopped = plg.Penalized(early_stopping=plg.EarlyStopping(steps=1))
    plain = mle(model("y ~ x + z", data))
    others = {
        "other terms": ridge(model("y ~ x", data), 0.1),
        "the offsets differ": ridge(model("y ~ x + z", offset, offset="base"), 0.1),
        "was stopped before the maximum": stopped.estimate(model("y ~ x + z", data)),
    }
    for text, other in others.items():
        frame = compare_frames({"MLE": plain, "other": other}).disagreements
        flagged = frame[frame["flag"] != ""]
        assert len(flagged) > 0
        assert set(flagged["flag"]) == {"differs"}
        assert flagged["cause"].str.contains(text).all()
        assert (flagged["reason"] == "").all()


def test_narrower_robust_intervals_are_of_another_kind_not_the_work_of_a_prior():
    data = table(90).assign(school=np.arange(90) % 3)
    fit = plg.LogitModel("y ~ x + z", data).fit
    found = plg.compare({"plain": fit(plg.MLE()), "robust": fit(plg.MLE(covariance="CR1", groups="school"))})
    frame = found.disagreements()
    flagged = frame[frame["flag"] != ""]
    assert len(flagged) > 0
    assert (flagged["shift"] == 0).all()
    assert set(flagged["cause"]) == {
        "the standard errors are of another kind (CR1 by school against the default)"
    }


@pytest.mark.parametrize(
    ("options", "label"),
    [
        ({"covariance": "HC3"}, "95% confidence-wald (HC3)"),
        ({"covariance": "cluster", "groups": "school"}, "95% confidence-wald (CR1 by school)"),
        ({"covariance": "bootstrap", "resamples": 50, "rng": 0}, "95% bootstrap (of rows)"),
        (
            {"covariance": "bootstrap", "groups": "school", "resamples": 50, "rng": 0},
            "95% bootstrap (by school)",
        ),
    ],
)
def test_the_covariance_stands_under_the_label_in_every_form_of_the_table(options, label):
    data = table(90).assign(school=np.arange(90) % 9)
    fit = plg.LogitModel("y ~ x", data).fit
    found = plg.compare({"plain": fit(plg.MLE()), "other": fit(plg.MLE(**options))})
    assert list(found.table.columns) == [("plain", "95% confidence-wald"), ("other", label)]
    for shown in (str(found), found.to_markdown(), found.to_html()):
        assert label.removeprefix("95% ") in shown


def test_fits_without_a_shared_term_have_an_empty_frame_of_disagreements():
    data = table()
    apart = compare_frames({"a": mle(model("y ~ 0 + x", data)), "b": mle(model("y ~ 0 + z", data))})
    assert apart.disagreements.empty
    assert {"term", "label", "shift", "flag", "reason"} <= set(apart.disagreements.columns)


@pytest.mark.parametrize("call", [
    lambda m, path: plg.compare([m, m]), lambda m, path: plg.compare({"a": m, "b": m}), lambda m, path: plg.anova(m, m),
    lambda m, path: plg.report(m, path), lambda m, path: plg.plots.forest(m),
])  # fmt: skip
def test_what_is_no_fit_is_named_and_a_fit_is_asked_for(call, tmp_path):
    unfitted = plg.LogitModel("y ~ x", table())
    with pytest.raises(
        InputError, match=r"(fits\S*|small) must be a fit; .*LogitModel is not fitted: .*fit\(\)"
    ):
        call(unfitted, tmp_path / "page.html")
    with pytest.raises(
        InputError, match=r"(fits\S*|small) must be a fit; received 3\. Pass what model\.fit\(\)"
    ):
        call(3, tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []


def test_no_fit_at_all_cannot_be_drawn():
    with pytest.raises(InputError, match="at least one fit"):
        plg.plots.forest([])


def test_different_offsets_are_noted_in_the_frame_and_in_every_table():
    data = table().assign(base=0.5)
    bare = plg.fit("y ~ x", data, plg.MLE())
    other = plg.fit("y ~ x", data, plg.MLE(), offset="base")
    found = plg.compare({"bare": bare, "shifted": other})
    (note,) = found.result.notes
    assert "The offset of 'shifted' is not that of 'bare'" in note
    assert found.coefficients.attrs["notes"] == (note,)
    for shown in (str(found), found.to_text(odds_ratios=True), found.to_markdown()):
        assert "is not that of" in " ".join(shown.split())
    assert plg.compare({"a": other, "b": other}).result.notes == ()
    assert plg.compare({"a": other, "b": plg.fit("y ~ x", data, plg.MLE(), offset="base")}).result.notes == ()
    unsaved = {"a": without(bare), "b": without(other)}
    assert "'b' is not that of 'a'" in compare_frames(unsaved).notes[0]


def without(fit):
    return replace(fit.estimate, problem=fit.estimate.problem.without_data())
