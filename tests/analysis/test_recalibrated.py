"""Recalibrated predictions: bounds against refits, the delta method and simulation; what else a fit is asked for."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from scipy.special import expit, logit, ndtri
from scipy.stats import binom

import problogit as plg
from problogit.analysis.recalibrated_predictions import judged_again
from problogit.analysis.totals import ExpectedTotal
from problogit.errors import AliasingWarning, CalibrationWarning, InputError, NotAvailableError

Z = float(ndtri(0.975))


def simulated(n, seed=0, level=-0.5, slope=1.0):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(rng.normal(size=(n, 3)), columns=["a", "b", "c"])
    eta = level + slope * (table["a"] + 0.5 * table["b"])
    return table.assign(y=(rng.random(n) < expit(eta)).astype(int))


OLD, NEW, ROWS = simulated(150), simulated(250, seed=1, level=0.5, slope=0.7), simulated(12, seed=2)
METHODS = {
    "mle": plg.MLE(),
    "hc3": plg.MLE(covariance="HC3"),
    "bootstrap": plg.MLE(covariance="bootstrap", resamples=60, rng=1),
    "ridge": plg.Penalized(plg.Normal(1.0)),
    "firth": plg.Penalized(plg.Jeffreys()),
    "lasso": plg.Penalized(plg.Laplace(1.0)),
    "debiased": plg.Penalized(plg.Laplace(1.0), inference="debiased"),
    "bayes": plg.Bayes(sampler="laplace", rng=1),
}


@pytest.fixture(scope="module")
def fits():
    model = plg.LogitModel("y ~ a + b", OLD)
    return {name: model.fit(method) for name, method in METHODS.items()}


def widths(table):
    return (logit(table["upper"]) - logit(table["lower"])).to_numpy()


def test_where_a_line_is_a_refit_so_are_the_bounds():
    # intercept and slope span the model y ~ a: what the fit got wrong is made up for, whatever its own error
    found = plg.fit("y ~ a", OLD).recalibrate("logistic", NEW).predict(ROWS)
    refit = plg.fit("y ~ a", NEW).predict(ROWS)
    for column in ("probability", "lower", "upper"):
        np.testing.assert_allclose(found[column], refit[column], atol=1e-7)
    level = plg.fit("y ~ 1", OLD).recalibrate("intercept", NEW).predict(ROWS)
    for column in ("probability", "lower", "upper"):
        np.testing.assert_allclose(level[column], plg.fit("y ~ 1", NEW).predict(ROWS)[column], atol=1e-8)


def test_where_a_line_is_a_refit_so_are_the_bounds_of_draws():
    # Monte Carlo error of a 2.5% point from 4000 draws: 2.7% of the half width; the prior is weak
    posterior = plg.fit("y ~ a", OLD, METHODS["bayes"])
    refit = widths(plg.fit("y ~ a", NEW).predict(ROWS))
    np.testing.assert_allclose(widths(posterior.recalibrate("logistic", NEW).predict(ROWS)), refit, rtol=0.12)


def test_bounds_of_several_predictors_are_the_delta_method_by_hand(fits):
    fit, found = fits["mle"], fits["mle"].recalibrate("logistic", NEW)
    X, new = (np.column_stack([np.ones(len(t)), t[["a", "b"]]]) for t in (ROWS, NEW))
    eta = new @ fit.coef.to_numpy()
    a, b = found.parameters["estimate"]
    p = expit(a + b * eta)
    Q = np.column_stack([np.ones(len(eta)), eta])
    inverse = np.linalg.inv((Q * (p * (1 - p))[:, None]).T @ Q)
    J = -b * inverse @ (Q * (p * (1 - p))[:, None]).T @ new
    q = np.column_stack([np.ones(len(X)), X @ fit.coef.to_numpy()])
    rows = b * X + q @ J
    variance = np.einsum("ij,jk,ik->i", rows, fit.cov.to_numpy(), rows) + np.einsum(
        "ij,jk,ik->i", q, inverse, q
    )
    table = found.predict(ROWS)
    np.testing.assert_allclose(widths(table), 2 * Z * np.sqrt(variance), rtol=1e-7)
    assert set(table["interval"]) == {"confidence-wald+recalibration"}


def test_bounds_after_shrinkage_are_the_delta_method_by_hand(fits):
    fit, found = fits["mle"], fits["mle"].recalibrate(resamples=25)
    a, b = found.parameters["estimate"]
    error = found.parameters["std_error"]["slope"]
    eta = logit(fit.predict_proba())
    v = expit(a + b * eta) * expit(-a - b * eta)
    rows = logit(fit.predict_proba(ROWS))
    own = (widths(fit.predict(ROWS)) / (2 * Z)) ** 2
    centre = v @ eta / v.sum()
    variance = b**2 * own + (1 - b**2) / v.sum() + (rows - centre) ** 2 * error**2
    np.testing.assert_allclose(widths(found.predict(ROWS)), 2 * Z * np.sqrt(variance), rtol=1e-6)


@pytest.mark.parametrize("name", list(METHODS))
@pytest.mark.parametrize("method", ["intercept", "logistic", "beta", "isotonic"])
def test_every_kind_of_fit_recalibrates_with_bounds_of_its_kind(fits, name, method):
    fit = fits[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CalibrationWarning)  # few rows
        found = fit.recalibrate(method, NEW)
    table = found.predict(ROWS)
    np.testing.assert_allclose(table["probability"], found.predict_proba(ROWS), atol=1e-12)
    if name == "lasso":
        assert set(table["interval"]) == {"none"}
        assert table[["lower", "upper"]].isna().all(axis=None)
        return
    kind = fit.predict(ROWS)["interval"].iloc[0]
    assert set(table["interval"]) == {f"{kind}+recalibration"}
    assert ((table["lower"] >= 0) & (table["upper"] <= 1) & (table["lower"] < table["upper"])).all()
    if method != "isotonic":
        assert ((table["lower"] < table["probability"]) & (table["probability"] < table["upper"])).all()


def test_predictions_on_the_data_of_a_map_are_calibrated(fits):
    for name in ("mle", "ridge", "bayes"):
        p = fits[name].recalibrate("logistic", NEW).predict_proba(NEW)
        assert p.sum() == pytest.approx(NEW["y"].sum())
        assert logit(p) @ (NEW["y"] - p) == pytest.approx(0, abs=1e-6)


def test_the_posterior_and_its_draws_are_left_alone(fits):
    fit, before = fits["bayes"], fits["bayes"].draws().copy()
    found = fit.recalibrate("logistic", NEW)
    found.predict(ROWS)
    assert found.fit is fit
    np.testing.assert_array_equal(fit.draws(), before)
    assert set(found.predict(ROWS, interval="hdi")["interval"]) == {"credible-hdi+recalibration"}
    with pytest.raises(NotAvailableError, match="means over its draws"):
        _ = found.coef
    shrunken = fit.recalibrate(resamples=3)
    assert "stand-in" in str(shrunken) or "posterior" in str(shrunken)


def test_kinds_of_intervals_are_checked(fits):
    found = fits["mle"].recalibrate("intercept", NEW)
    for kind in ("profile", "eti"):
        with pytest.raises(InputError, match="interval must be"):
            found.predict(ROWS, interval=kind)
    assert found.predict(ROWS, prob=0.5).attrs["prob"] == 0.5


def test_weights_are_rows_repeated():
    copies = np.arange(len(NEW)) % 3 + 1
    old = OLD.assign(f=1)
    fit = plg.LogitModel("y ~ a + b", old, weights="f").fit()
    for method in ("logistic", "beta"):
        weighted = fit.recalibrate(method, NEW.assign(f=copies))
        repeated = fit.recalibrate(method, NEW.assign(f=1).loc[NEW.index.repeat(copies)])
        pd.testing.assert_frame_equal(weighted.parameters, repeated.parameters, rtol=1e-7)
        pd.testing.assert_frame_equal(weighted.predict(ROWS), repeated.predict(ROWS), rtol=1e-7)
        assert weighted.result.last.n == copies.sum()


def test_trials_are_rows_of_single_outcomes():
    rng = np.random.default_rng(3)

    def counts(n, level):
        x = rng.normal(size=n).round(1)
        m = rng.integers(1, 8, n)
        return pd.DataFrame({"x": x, "m": m, "s": rng.binomial(m, expit(level + x))})

    old, new = counts(60, 0.0), counts(60, 0.8)

    def single(table):
        rows = table.loc[table.index.repeat(table["m"])]
        order = rows.groupby(level=0).cumcount()
        return rows.assign(y=(order < rows["s"]).astype(int))

    grouped = plg.LogitModel("s ~ x", old, trials="m").fit().recalibrate("logistic", new)
    alone = plg.fit("y ~ x", single(old)).recalibrate("logistic", single(new))
    np.testing.assert_allclose(grouped.parameters["estimate"], alone.parameters["estimate"], atol=1e-8)
    np.testing.assert_allclose(grouped.parameters["std_error"], alone.parameters["std_error"], atol=1e-8)
    with pytest.raises(NotAvailableError, match="counts events in trials"):
        grouped.classify(new)
    assert grouped.expected_total(new).mean == pytest.approx(new["s"].sum())


def test_total_of_a_known_share_is_that_of_shifted_coefficients(fits):
    found = fits["mle"].recalibrate(new_prevalence=0.05)
    total = found.expected_total(NEW)
    assert isinstance(total, ExpectedTotal)
    assert total.mean == pytest.approx(found.predict_proba(NEW).sum())
    # the same by an offset, whose total is exact
    moved = plg.LogitModel("y ~ a + b", OLD.assign(o=0.0), offset="o").fit()
    exact = moved.expected_total(NEW.assign(o=found.parameters["estimate"].iloc[0]))
    assert total.parameter_sd == pytest.approx(exact.parameter_sd, rel=0.05)
    assert total.bernoulli_sd == pytest.approx(exact.bernoulli_sd, rel=0.03)
    assert abs(total.lower - exact.lower) <= 1.5
    assert abs(total.upper - exact.upper) <= 2.5


def test_total_knows_that_new_data_have_set_the_level():
    # intercept only: the number of events among n rows given k of m is beta-binomial, nearly normal
    level = plg.fit("y ~ 1", OLD).recalibrate("intercept", NEW)
    p, m, n = NEW["y"].mean(), len(NEW), len(ROWS)
    total = level.expected_total(ROWS)
    assert total.parameter_sd == pytest.approx(n * np.sqrt(p * (1 - p) / m), rel=0.05)
    assert abs(total.lower - binom.ppf(0.025, n, p)) <= 1
    assert abs(total.upper - binom.ppf(0.975, n, p)) <= 1
    worth = level.expected_total(ROWS, value=2.0)
    assert worth.mean == pytest.approx(2 * total.mean)


def test_spread_of_a_total_is_the_delta_method_by_hand(fits):
    fit, found = fits["mle"], fits["mle"].recalibrate("logistic", NEW)
    X, p = np.column_stack([np.ones(len(ROWS)), ROWS[["a", "b"]]]), found.predict_proba(ROWS)
    step = found.result.last
    q = np.column_stack([np.ones(len(X)), X @ fit.coef.to_numpy()])
    moves, turns = (p * (1 - p)) @ (step.map.slope * X + q @ step.coupling), (p * (1 - p)) @ q
    variance = moves @ fit.cov.to_numpy() @ moves + turns @ step.map.cov @ turns
    # 2000 draws, and the delta method itself: a few per cent
    assert found.expected_total(ROWS).parameter_sd == pytest.approx(np.sqrt(variance), rel=0.06)


def test_sparse_designs_give_the_same():
    X, y, new = OLD[["a", "b"]].to_numpy(), OLD["y"].to_numpy(), NEW[["a", "b"]].to_numpy()
    rows = ROWS[["a", "b"]].to_numpy()
    dense = plg.LogitModel.from_arrays(X, y).fit().recalibrate("logistic", (new, NEW["y"].to_numpy()))
    few = plg.LogitModel.from_arrays(sp.csr_array(X), y).fit()
    sparse = few.recalibrate("logistic", (sp.csr_array(new), NEW["y"].to_numpy()))
    pd.testing.assert_frame_equal(sparse.predict(sp.csr_array(rows)), dense.predict(rows), rtol=1e-7)
    assert sparse.expected_total(sp.csr_array(rows)).upper == dense.expected_total(rows).upper
    assert dense.expected_total(rows[:0]).mean == 0
    assert len(dense.predict(rows[:0])) == 0


def test_only_fits_are_compared(fits):
    with pytest.raises(InputError, match="must be a fit"):
        plg.compare({"a": fits["mle"], "b": fits["mle"].recalibrate(new_prevalence=0.1)})


def test_labels_follow_recalibrated_probabilities(fits):
    found = fits["mle"].recalibrate("logistic", NEW)
    p, table = found.predict_proba(ROWS), found.predict(ROWS, prob=0.8)
    np.testing.assert_array_equal(found.classify(ROWS, threshold=0.3), (p >= 0.3).astype(int))
    sure = found.classify(ROWS, threshold=plg.Costs(1, 1), uncertain=True, prob=0.8)
    straddle = (table["lower"] < 0.5) & (table["upper"] >= 0.5)
    np.testing.assert_array_equal(sure == "uncertain", straddle)


def test_calibration_and_scores_in_other_data(fits):
    found, other = fits["mle"].recalibrate("logistic", NEW), simulated(400, seed=4, level=0.5, slope=0.7)
    scores = found.scores(other).set_index("score")["value"]
    p = found.predict_proba(other)
    assert scores["brier"] == pytest.approx(np.mean((other["y"] - p) ** 2))
    judged = found.calibration(other)
    assert judged.result.kind == "external"
    assert judged.frame.loc["slope", "value"] == pytest.approx(
        fits["mle"].calibration(other).frame.loc["slope", "value"] / found.parameters["estimate"]["slope"]
    )
    for same in (NEW, NEW.iloc[::-1], OLD):
        assert judged_again(found.result, same).kind == "apparent"
    with pytest.raises(NotAvailableError, match="pass `data=`"):
        found.calibration()


def test_polars_comes_back_as_polars(fits):
    pl = pytest.importorskip("polars")
    found = fits["mle"].recalibrate("logistic", pl.from_pandas(NEW))
    table = found.predict(pl.from_pandas(ROWS))
    assert isinstance(table, pl.DataFrame)
    np.testing.assert_allclose(
        table["upper"].to_numpy(), fits["mle"].recalibrate("logistic", NEW).predict(ROWS)["upper"]
    )


def test_repeated_columns_and_models_without_intercept():
    with pytest.warns(AliasingWarning):
        fit = plg.fit("y ~ a + b + I(2 * a)", OLD)
    np.testing.assert_allclose(
        fit.recalibrate("logistic", NEW).predict(ROWS)["lower"],
        plg.fit("y ~ a + b", OLD).recalibrate("logistic", NEW).predict(ROWS)["lower"],
        atol=1e-8,
    )
    none = plg.fit("y ~ a + b - 1", OLD).recalibrate("logistic", NEW)
    assert list(none.coef.index) == ["Intercept", "a", "b"]
    np.testing.assert_allclose(
        expit(none.coef.iloc[0] + ROWS[["a", "b"]] @ none.coef.iloc[1:]), none.predict_proba(ROWS)
    )


def test_what_is_no_line_has_no_coefficients_and_print_says_what_was_done(fits):
    found = fits["mle"].recalibrate("beta", NEW)
    with pytest.raises(NotAvailableError, match="no longer linear"):
        _ = found.coef
    text = str(found)
    assert "recalibrated: beta." in text
    assert f"{NEW['y'].sum()} events in {len(NEW)} rows" in text
    assert repr(found) == text
    assert list(found.parameters.columns) == ["method", "estimate", "std_error", "lower", "upper", "interval"]
    assert found.choice is None


def test_sampling_weights_give_robust_errors_and_no_closed_test():
    weights = np.random.default_rng(5).uniform(0.5, 2.0, len(OLD))
    fit = plg.LogitModel("y ~ a + b", OLD.assign(w=weights), weights="w", weights_type="sampling").fit()
    new = NEW.assign(w=np.random.default_rng(6).uniform(0.5, 2.0, len(NEW)))
    found = fit.recalibrate("logistic", new)
    scaled = fit.recalibrate("logistic", new.assign(w=3 * new["w"]))
    np.testing.assert_allclose(found.parameters["std_error"], scaled.parameters["std_error"], rtol=1e-8)
    with pytest.raises(NotAvailableError, match="sampling weights"):
        fit.recalibrate("auto", new)


@pytest.mark.slow
def test_coverage_of_recalibrated_intervals():
    """300 fits of 200 rows and maps of 250 new ones, 60 probabilities each; new log-odds are 0.7 eta + 0.6.

    The Monte Carlo error of a mean coverage over 300 replicates is at most sqrt(0.95 * 0.05 / 300) = 1.3 points, that
    of independent replicates whose rows are one; limits are three of them about 95%.
    """
    rng = np.random.default_rng(0)
    slopes, covered = np.array([1.0, 0.6, -0.4]), {"mle": [], "ignored": [], "shrink": []}
    points = rng.normal(size=(60, 3))
    table = pd.DataFrame(points, columns=["a", "b", "c"])
    for _ in range(300):
        X, new = rng.normal(size=(200, 3)), rng.normal(size=(250, 3))
        y = (rng.random(200) < expit(X @ slopes - 0.5)).astype(int)
        old = pd.DataFrame(X, columns=["a", "b", "c"]).assign(y=y)
        later = pd.DataFrame(new, columns=["a", "b", "c"])
        later["y"] = (rng.random(250) < expit(0.7 * (new @ slopes - 0.5) + 0.6)).astype(int)
        fit = plg.fit("y ~ a + b + c", old)
        truth = expit(0.7 * (points @ slopes - 0.5) + 0.6)
        found = fit.recalibrate("logistic", later)
        covered["mle"].append(_covered(found.predict(table), truth))
        covered["ignored"].append(_covered(fit.predict(table), truth))
        own = fit.recalibrate(resamples=40).predict(table)
        covered["shrink"].append(_covered(own, expit(points @ slopes - 0.5)))
    share = {name: float(np.mean(values)) for name, values in covered.items()}
    assert abs(share["mle"] - 0.95) < 0.039, share
    assert share["ignored"] < 0.8, share
    assert 0.93 < share["shrink"] < 0.99, share  # its error of the slope leans to the safe side


def _covered(table, truth):
    return ((table["lower"] <= truth) & (truth <= table["upper"])).mean()
