"""The bootstrap of maximum likelihood against refits by hand, with what becomes of resamples that have no estimate."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from cluster_cases import pupils

import problogit as plg
from problogit.core.coefficients import DrawnCoefficients
from problogit.core.resampled import ResampledCoefficients
from problogit.errors import AliasingWarning, InputError, NotAvailableError, SeparationWarning
from problogit.progress import SILENT

SEED = 4


@pytest.fixture(scope="module")
def data():
    return pupils().iloc[:200].reset_index(drop=True)


@pytest.fixture(scope="module")
def rare():
    """Level c has six rows, four of them events: a resample may have no event, only events, or no row of it."""
    rng = np.random.default_rng(2)
    group = np.array(["a"] * 60 + ["b"] * 54 + ["c"] * 6)
    x = rng.normal(size=120)
    y = (rng.random(120) < 1 / (1 + np.exp(-0.5 * x))).astype(int)
    y[-6:] = [1, 1, 1, 1, 0, 0]
    return pd.DataFrame({"y": y, "x": x, "group": group})


def by_hand(model, counts):
    """Maximum likelihood with rows repeated."""
    problem = model.problem.subset(np.repeat(np.arange(counts.size), counts))
    return plg.MLE().estimate(problem, SILENT).coefficients.location


@pytest.mark.filterwarnings("ignore::problogit.errors.ProblogitWarning")
def test_every_draw_is_the_fit_of_its_rows(data):
    model = plg.LogitModel("passed ~ hours + prep", data)
    fit = model.fit(plg.MLE("bootstrap", resamples=20, rng=SEED))
    for draw, child in zip(fit.draws(), np.random.SeedSequence(SEED).spawn(20), strict=True):
        counts = np.random.default_rng(child).multinomial(200, np.full(200, 1 / 200))
        np.testing.assert_allclose(draw, by_hand(model, counts), rtol=1e-7, atol=1e-9)


@pytest.mark.filterwarnings("ignore::problogit.errors.ProblogitWarning")
def test_every_cluster_draw_is_the_fit_of_its_clusters(data):
    model = plg.LogitModel("passed ~ hours + prep", data)
    fit = model.fit(plg.MLE("bootstrap", groups="school", resamples=20, rng=SEED))
    codes = model.problem.group_codes("school")
    n = codes.max() + 1
    for draw, child in zip(fit.draws(), np.random.SeedSequence(SEED).spawn(20), strict=True):
        counts = np.random.default_rng(child).multinomial(n, np.full(n, 1 / n))[codes]
        np.testing.assert_allclose(draw, by_hand(model, counts), rtol=1e-7, atol=1e-9)
    assert "bootstrap by school (20 resamples)" in fit.estimate.method.describe()
    (found,) = [f for f in fit.estimate.findings if f.code == "clusters"]
    assert f"draws {n} whole clusters of school" in found.message


def test_intervals_are_percentiles_and_standard_errors_those_of_the_draws(data):
    fit = plg.fit("passed ~ hours + prep", data, plg.MLE("bootstrap", resamples=200, rng=1))
    table, draws = fit.summary(prob=0.9), fit.draws()
    np.testing.assert_allclose(table["lower"], np.quantile(draws, 0.05, axis=0))
    np.testing.assert_allclose(table["std_error"], draws.std(axis=0, ddof=1))
    np.testing.assert_allclose(fit.cov, np.cov(draws, rowvar=False))
    np.testing.assert_allclose(fit.raw.bse, table["std_error"], rtol=1e-10)
    assert set(table["interval"]) == {"bootstrap"}
    plain = plg.fit("passed ~ hours + prep", data)
    np.testing.assert_array_equal(fit.coef, plain.coef)
    np.testing.assert_allclose(table["std_error"], plain.summary()["std_error"], rtol=0.25)
    assert fit.estimate.provenance.seed == 1
    assert isinstance(fit.estimate.coefficients, DrawnCoefficients)
    wald = fit.test("hours", "wald")
    assert wald.statistic == pytest.approx((table["estimate"] / table["std_error"])["hours"] ** 2)
    for kind in ("score",):
        with pytest.raises(NotAvailableError, match="by resampling"):
            fit.test("hours", kind)
    with pytest.raises(InputError, match="covariance='bootstrap'"):
        fit.summary(interval="profile")


def test_the_same_seed_gives_the_same_draws(data):
    method = plg.MLE("bootstrap", resamples=5, rng=9)
    model = plg.LogitModel("passed ~ hours", data)
    np.testing.assert_array_equal(model.fit(method).draws(), model.fit(method).draws())
    other = model.fit(plg.MLE("bootstrap", resamples=5, rng=10)).draws()
    assert not np.array_equal(other, model.fit(method).draws())


def test_the_cluster_bootstrap_agrees_with_the_cluster_sandwich():
    data = pupils()
    model = plg.LogitModel("passed ~ hours + prep", data)
    drawn = model.fit(plg.MLE("bootstrap", groups="school", resamples=400, rng=0)).summary()["std_error"]
    formula = model.fit(plg.MLE("CR2", groups="school")).summary()["std_error"]
    np.testing.assert_allclose(drawn, formula, rtol=0.25)


def test_a_frequency_weight_stands_for_as_many_units():
    data = pd.DataFrame({"x": [0.0, 0, 1, 1], "y": [0, 1, 0, 1], "f": [300, 100, 200, 200]})
    long = data.loc[data.index.repeat(data["f"])]
    method = plg.MLE("bootstrap", resamples=400, rng=3)
    a = plg.fit("y ~ x", long, method).summary()["std_error"]
    b = plg.LogitModel("y ~ x", data, weights="f").fit(method).summary()["std_error"]
    np.testing.assert_allclose(a, b, rtol=0.12)


# -- resamples without an ordinary estimate --------------------------------------------------------------------


def test_separated_resamples_are_counted_and_stay_in_the_interval(rare):
    n = 300
    fit = plg.fit("y ~ x + group", rare, plg.MLE("bootstrap", resamples=n, rng=SEED))
    events, total = [], []
    for child in np.random.SeedSequence(SEED).spawn(n):
        counts = np.random.default_rng(child).multinomial(120, np.full(120, 1 / 120))[-6:]
        total.append(counts.sum())
        events.append(counts[:4].sum())
    events, total = np.array(events), np.array(total)
    up, down, gone = (events == total) & (total > 0), (events == 0) & (total > 0), total == 0
    values = fit.estimate.coefficients.marginals().values[:, fit.terms.index("group[T.c]")]
    assert np.isposinf(values).sum() == up.sum() > 0
    assert np.isneginf(values).sum() == down.sum() > 0
    assert np.isnan(values).sum() == gone.sum()
    (found,) = [f for f in fit.estimate.findings if f.code == "bootstrap"]
    assert found.terms == ("group[T.c]",)
    assert (
        f"{(up | down | gone).sum()} of {n} bootstrap resamples are separated or lose a column"
        in found.message
    )
    assert f"infinite in {(up | down).sum()}" in found.message
    row = fit.summary().loc["group[T.c]"]
    assert (row["upper"] == np.inf) == (np.mean(up | gone) > 0.025)
    assert (row["lower"] == -np.inf) == (np.mean(down | gone) > 0.025)
    assert np.isnan(row["std_error"])
    assert np.isnan(row["p_value"])
    rest = fit.summary().loc[["Intercept", "x", "group[T.b]"]]
    assert np.isfinite(rest[["std_error", "lower", "upper"]].to_numpy(float)).all()


def test_what_a_fit_with_infinite_draws_answers(rare):
    fit = plg.fit("y ~ x + group", rare, plg.MLE("bootstrap", resamples=300, rng=SEED))
    assert isinstance(fit.estimate.coefficients, ResampledCoefficients)
    ratios = fit.odds_ratios()
    np.testing.assert_allclose(ratios["upper"], np.exp(fit.summary()["upper"].iloc[1:]), rtol=0.02)
    table = fit.predict()
    assert ((table["lower"] >= 0) & (table["upper"] <= 1)).all()
    inside = table.loc[rare["group"] == "c"]
    assert (inside["upper"] == 1).all()
    assert (inside["lower"] <= inside["probability"]).all()
    contrast = fit.contrast({"group[T.c]": 1, "group[T.b]": -1}).iloc[0]
    assert contrast["upper"] == np.inf
    with pytest.raises(NotAvailableError, match="bootstrap resamples have infinite"):
        fit.draws()
    with pytest.raises(NotAvailableError, match="no covariance of these coefficients"):
        fit.test("group", "wald")
    assert fit.test("x", "wald").df == 1
    assert np.isnan(fit.expected_total().lower)
    assert "bootstrap resamples have infinite" in fit.expected_total().reason
    assert str(fit)


def test_a_saved_bootstrap_is_the_same(rare, data, tmp_path):
    for formula, frame in (("y ~ x + group", rare), ("passed ~ hours", data)):
        fit = plg.fit(formula, frame, plg.MLE("bootstrap", resamples=60, rng=SEED))
        for keep in (True, False):
            fit.save(tmp_path / "a.fit", data=keep)
            back = plg.load(tmp_path / "a.fit")
            pd.testing.assert_frame_equal(back.summary(), fit.summary())
            pd.testing.assert_frame_equal(back.predict(frame), fit.predict(frame))
            assert [f.message for f in back.estimate.findings] == [f.message for f in fit.estimate.findings]


def test_a_constant_resample_is_unknown_not_dropped():
    data = pd.DataFrame({"y": [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "x": np.r_[0.0, 9, np.arange(10)]})
    fit = plg.fit("y ~ x", data, plg.MLE("bootstrap", resamples=200, rng=0))
    (found,) = [f for f in fit.estimate.findings if f.code == "bootstrap"]
    assert "the response is constant in the resample" in found.message
    assert fit.estimate.coefficients.marginals().values.shape == (200, 2)
    assert fit.summary().loc["x", "upper"] == np.inf


def test_under_separation_the_finite_part_is_resampled(data):
    frame = data.assign(rare=np.where(data.index < 3, "yes", "no"))
    frame.loc[frame.index < 3, "passed"] = 1
    with pytest.warns(SeparationWarning):
        fit = plg.fit("passed ~ hours + rare", frame, plg.MLE("bootstrap", resamples=60, rng=1))
    table = fit.summary()
    assert table.loc["rare[T.yes]", "estimate"] == np.inf
    assert table.loc["rare[T.yes]", "interval"] == "none"
    assert np.isfinite(
        table.loc[["Intercept", "hours"], ["std_error", "lower", "upper"]].to_numpy(float)
    ).all()
    rest = plg.fit("passed ~ hours", frame.iloc[3:])
    np.testing.assert_allclose(table["estimate"][["Intercept", "hours"]], rest.coef, rtol=1e-8)
    np.testing.assert_allclose(
        table["std_error"][["Intercept", "hours"]], rest.summary()["std_error"], rtol=0.5
    )


def test_an_aliased_column_changes_no_draw(data):
    method = plg.MLE("bootstrap", resamples=30, rng=1)
    plain = plg.fit("passed ~ hours", data, method)
    with pytest.warns(AliasingWarning):
        double = plg.fit("passed ~ hours + twice", data.assign(twice=2 * data["hours"]), method)
    np.testing.assert_allclose(
        double.summary()[["lower", "upper"]].iloc[:2], plain.summary()[["lower", "upper"]], rtol=1e-8
    )


# -- bad input -------------------------------------------------------------------------------------------------


def test_options_of_the_bootstrap_are_checked():
    with pytest.raises(InputError, match="resamples must be an integer of at least 2"):
        plg.MLE("bootstrap", resamples=1)
    with pytest.raises(InputError, match="rng must be"):
        plg.MLE("bootstrap", rng="x")
    with pytest.raises(InputError, match="groups must be one column for the bootstrap"):
        plg.MLE("bootstrap", groups=("a", "b"))


def test_the_models_groups_are_drawn_whole(data):
    named = plg.fit("passed ~ hours", data, plg.MLE("bootstrap", groups="school", resamples=5, rng=1))
    model = plg.LogitModel("passed ~ hours", data, groups="school")
    np.testing.assert_array_equal(model.fit(plg.MLE("bootstrap", resamples=5, rng=1)).draws(), named.draws())
    both = plg.LogitModel("passed ~ hours", data, groups=("school", "year"))
    with pytest.raises(InputError, match="must be one column for the bootstrap"):
        both.fit(plg.MLE("bootstrap", resamples=5))


def test_progress_counts_the_refits(data):
    steps = []

    class Counter:
        def start(self, label, total):
            steps.append(total)

        def advance(self, count=1):
            steps.append(-count)

        def finish(self):
            steps.append(0)

    plg.LogitModel("passed ~ hours", data).fit(plg.MLE("bootstrap", resamples=7, rng=0), progress=Counter())
    assert steps[0] == 7
    assert steps.count(-1) == 7
