"""One suite through which every method passes, on dense, sparse, collapsed, weighted and trials data."""

from __future__ import annotations

import warnings
from hashlib import sha256

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import problogit as plg
from problogit.errors import NotAvailableError, SeparationWarning
from problogit.estimate import Status

METHODS = {
    "mle": plg.MLE(),
    "mle-hc3": plg.MLE(covariance="HC3"),
    "mle-cr2": plg.MLE(covariance="CR2"),
    "flat": plg.Penalized(plg.Flat()),
    "l2": plg.Penalized(plg.Normal(1.0)),
    "l2-autoscaled": plg.Penalized(),
    "l1": plg.Penalized(plg.Laplace(0.2)),
    "l1-debiased": plg.Penalized(plg.Laplace(0.2), inference="debiased"),
    "elastic-net": plg.Penalized(plg.ElasticNet(2.0, 1.0)),
    "student-t": plg.Penalized(plg.StudentT(4, 1.0)),
    "cauchy": plg.Penalized(plg.Cauchy(1.0)),
    "firth": plg.Penalized(plg.Jeffreys()),
    "early-stopping": plg.Penalized(early_stopping=plg.EarlyStopping(steps=20)),
    "bayes": plg.Bayes(plg.Normal(1.0), draws=600, tune=200, cores=1, rng=1),
    "bayes-laplace": plg.Bayes(plg.Laplace(0.5), draws=600, tune=200, cores=1, rng=1),
    "bayes-weighed": plg.Bayes(plg.Laplace(0.5), sampler="laplace", rng=1),
}
SHAPES = ("dense", "sparse", "collapsed", "weighted", "trials")
EVERY = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS.keys())


def rows(shape: str) -> dict:
    """Arrays of one data set, with the keywords that go with them."""
    rng = np.random.default_rng(42)
    n = 160
    X = np.column_stack([rng.normal(size=n), rng.integers(0, 2, n), rng.normal(size=n) * 0.7])
    if shape == "collapsed":
        X = np.column_stack([rng.integers(0, 3, n), rng.integers(0, 2, n), rng.integers(-1, 2, n)]).astype(
            float
        )
    if shape == "sparse":
        X[rng.random(X.shape) < 0.5] = 0.0
    eta = 0.3 + X @ [0.8, -0.6, 0.2]
    groups = np.arange(n) % 45
    if shape == "trials":
        m = rng.integers(1, 6, n)
        return {"X": X, "y": rng.binomial(m, 1 / (1 + np.exp(-eta))), "trials": m, "groups": groups}
    y = (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(int)
    if shape == "weighted":
        return {"X": X, "y": y, "weights": rng.integers(1, 4, n), "groups": groups}
    return {"X": sp.csr_array(X) if shape == "sparse" else X, "y": y, "groups": groups}


def fitted(method, arrays: dict):
    """Fit; the fits of one call are kept, since many tests ask for the same one."""
    key = repr(method) + "".join(f"{name}{digest(value)}" for name, value in sorted(arrays.items()))
    if key not in KEPT:
        KEPT[key] = refitted(method, arrays)
    return KEPT[key]


KEPT: dict[str, plg.Fit] = {}


def digest(value) -> str:
    dense = value.toarray() if sp.issparse(value) else np.asarray(value)
    return f"{type(value).__name__}{dense.dtype}{sha256(dense.tobytes()).hexdigest()}"


def refitted(method, arrays: dict):
    return plg.LogitModel.from_arrays(**arrays, names=["x", "d", "z"]).fit(method, progress=False)


def centre(table: pd.DataFrame) -> pd.Series:
    """What intervals and draws are about: the estimate, unless they are debiased."""
    return table.get("debiased", table["estimate"])


def pick(arrays: dict, order: np.ndarray) -> dict:
    return {key: value[order] for key, value in arrays.items()}


def assert_same(one, other, flip: bool = False) -> None:
    """Equal estimates: to solver accuracy, or within five Monte Carlo errors for samplers."""
    a, b = one.coef.to_numpy(), other.coef.to_numpy() * (-1 if flip else 1)
    if one.estimate.method.name != "Bayes":
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(one.summary()["std_error"], other.summary()["std_error"], rtol=1e-5)
        return
    summary = one.summary()
    worth = summary["ess"] if "ess" in summary else summary["ess_bulk"]
    error = np.sqrt(2) * summary["std_error"] / np.sqrt(worth)
    assert np.all(np.abs(a - b) < 5 * error)


@EVERY
@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_fits_and_says_its_interval(method, shape):
    fit = fitted(method, rows(shape))
    table = fit.summary()
    assert fit.converged
    assert list(table.index) == ["Intercept", "x", "d", "z"]
    assert list(table.columns[:5]) == ["estimate", "std_error", "lower", "upper", "interval"]
    assert np.isfinite(table["estimate"]).all()
    inside = (table["lower"] <= centre(table)) & (centre(table) <= table["upper"])
    none = table["interval"] == "none"
    assert (inside | none).all()
    assert (
        table[["lower", "upper", "std_error"]].isna().all(axis=1).equals(none.rename(None)) or not none.any()
    )
    ratios = fit.odds_ratios()
    assert list(ratios.columns) == ["odds_ratio", "lower", "upper", "interval"]
    assert "Intercept" not in ratios.index


@EVERY
@pytest.mark.parametrize("shape", ["trials"])
def test_every_shape_is_judged_by_its_decisions(method, shape):
    arrays = rows(shape)
    fit = fitted(method, arrays)
    curve = fit.decision_curve([0.3, 0.5], resample="apparent")
    table = fit.confusion(0.3, resample="apparent")
    cases = table.n_trials
    own = curve.frame.iloc[0]
    assert own["net_benefit"] == pytest.approx((table.true_positives - table.false_positives * 3 / 7) / cases)
    assert own["n_called"] == table.true_positives + table.false_positives
    assert own["lower"] <= own["net_benefit"] <= own["upper"]
    assert own["p_best"] + curve.frame.iloc[[2, 4]]["p_best"].sum() == pytest.approx(1)
    totals = fit.expected_totals(np.arange(len(arrays["y"])) % 2 == 0)
    assert totals.whole.mean == pytest.approx(sum(total.mean for total in totals.groups.values()))


@EVERY
def test_row_order_is_irrelevant(method):
    arrays = rows("weighted")
    order = np.random.default_rng(0).permutation(len(arrays["y"]))
    assert_same(fitted(method, arrays), fitted(method, pick(arrays, order)))


@EVERY
def test_weight_two_is_the_row_twice_and_weight_zero_is_no_row(method):
    arrays = rows("weighted")
    weights = arrays["weights"].copy()
    weights[:5] = 0
    plain = pick(arrays, np.repeat(np.arange(len(weights)), weights))
    del plain["weights"]
    one, other = fitted(method, arrays | {"weights": weights}), fitted(method, plain)
    assert_same(one, other)
    assert one.nobs == other.nobs
    if one.estimate.method.name != "Bayes":
        assert one.loglik == pytest.approx(other.loglik, rel=1e-9)
        assert one.bic == pytest.approx(other.bic, rel=1e-9)


@EVERY
def test_swapping_the_outcomes_flips_the_signs(method):
    arrays = rows("dense")
    assert_same(fitted(method, arrays), fitted(method, arrays | {"y": 1 - arrays["y"]}), flip=True)


@EVERY
def test_sparse_and_dense_designs_agree(method):
    arrays = rows("sparse")
    assert_same(fitted(method, arrays), fitted(method, arrays | {"X": arrays["X"].toarray()}))


@EVERY
def test_trials_equal_their_single_rows(method):
    arrays = rows("trials")
    m, s = arrays["trials"], arrays["y"]
    single = {"X": np.repeat(arrays["X"], m, axis=0), "groups": np.repeat(arrays["groups"], m)}
    single["y"] = np.concatenate([np.repeat([1, 0], [a, b - a]) for a, b in zip(s, m, strict=True)])
    one, other = fitted(method, arrays), fitted(method, single)
    if getattr(method, "covariance", "classical") == "classical":
        assert_same(one, other)
    else:  # the unit of a robust covariance is the row
        np.testing.assert_allclose(one.coef, other.coef, rtol=1e-8)


@EVERY
def test_probabilities_are_aligned_and_inside_the_unit_interval(method):
    arrays = rows("dense")
    frame = pd.DataFrame(arrays["X"], columns=["x", "d", "z"], index=[f"r{i}" for i in range(160)])
    model = plg.LogitModel.from_arrays(frame, arrays["y"], groups=arrays["groups"])
    fit = model.fit(method, progress=False)
    new = frame.iloc[[5, 3, 1]].copy()
    new.loc["r3", "x"] = np.nan
    out = fit.predict(new)
    assert list(out.columns) == ["probability", "lower", "upper", "interval"]
    assert list(out.index) == ["r5", "r3", "r1"]
    assert out.loc["r3", ["probability", "lower", "upper"]].isna().all()
    kept = out.loc[["r5", "r1"], ["probability", "lower", "upper"]].to_numpy(dtype=float)
    known = kept[np.isfinite(kept)]
    assert ((known >= 0) & (known <= 1)).all()
    np.testing.assert_allclose(fit.predict_proba(new), out["probability"], rtol=1e-12)
    assert set(fit.classify(frame)) <= {0, 1}
    risk = fit.individual_risk(new)
    pd.testing.assert_frame_equal(risk[list(out.columns)], out)
    np.testing.assert_array_equal(risk["n_effective"].isna(), out["lower"].isna())
    assert not risk["outside"].any()


@EVERY
def test_the_expected_total_is_the_sum_of_probabilities(method):
    arrays = rows("dense")
    fit = fitted(method, arrays)
    total = fit.expected_total()
    assert total.mean == pytest.approx(fit.predict_proba().sum(), rel=0.01)
    if not np.isnan(total.lower):
        assert total.lower < total.mean < total.upper


@EVERY
@pytest.mark.parametrize("shape", SHAPES)
def test_effects_are_differences_of_average_predictions(method, shape):
    arrays = rows(shape)
    fit = fitted(method, arrays)
    X = arrays["X"].toarray() if shape == "sparse" else arrays["X"]
    mass = np.ones(len(X)) * arrays.get("weights", 1) * arrays.get("trials", 1)
    p = [fit.predict_proba(np.column_stack([X[:, 0], np.full(len(X), d), X[:, 2]])) for d in (0, 1)]
    row = fit.effects({"d": (0, 1)}).iloc[0]
    assert row["estimate"] == pytest.approx(np.average(p[1] - p[0], weights=mass), abs=1e-12)
    if row["interval"] != "none":
        assert -1 <= row["lower"] < row["upper"] <= 1


@EVERY
def test_the_same_call_gives_the_same_answer(method):
    arrays = rows("collapsed")
    np.testing.assert_array_equal(refitted(method, arrays).coef, fitted(method, arrays).coef)


@EVERY
def test_nothing_goes_to_standard_output(method, capsys):
    fit = refitted(method, rows("dense"))
    fit.summary()
    fit.predict()
    fit.diagnostics()
    assert capsys.readouterr().out == ""
    assert str(fit)


@EVERY
def test_draws_agree_with_the_summary_or_are_refused(method):
    fit = fitted(method, rows("dense"))
    if np.isnan(fit.summary()["std_error"]).all():
        with pytest.raises(NotAvailableError):
            fit.draws(10)
        return
    draws = fit.draws(2000, rng=3)
    assert draws.shape == (2000, 4)
    error = 5 * fit.summary()["std_error"].to_numpy() / np.sqrt(400)
    assert np.all(np.abs(draws.mean(axis=0) - centre(fit.summary()).to_numpy()) < error)


@EVERY
def test_a_saved_fit_predicts_and_summarises_the_same(method, tmp_path):
    arrays = rows("weighted")
    fit = fitted(method, arrays)
    fit.save(tmp_path / "fit.plg", data=True)
    back = plg.load(tmp_path / "fit.plg")
    pd.testing.assert_frame_equal(back.summary(), fit.summary())
    np.testing.assert_array_equal(back.predict_proba(arrays["X"]), fit.predict_proba(arrays["X"]))
    assert back.estimate.method.describe() == fit.estimate.method.describe()
    assert str(back.estimate.problem.response) == str(fit.estimate.problem.response)


@EVERY
def test_separated_terms_are_named_by_every_method(method):
    rng = np.random.default_rng(11)
    group = np.array(["a"] * 120 + ["b"] * 78 + ["c"] * 2)
    x = rng.normal(size=200)
    y = (rng.random(200) < 1 / (1 + np.exp(-0.4 * x))).astype(int)
    y[-2:] = 1
    data = pd.DataFrame({"y": y, "x": x, "group": group})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = plg.LogitModel("y ~ x + group", data, groups=np.arange(200) % 50)
        fit = model.fit(method, progress=False)
    if fit.status is Status.SEPARATED:
        assert any(issubclass(w.category, SeparationWarning) for w in caught)
        assert fit.coef["group[T.c]"] == np.inf
    else:
        assert np.isfinite(fit.coef).all()
    assert "group[T.c]" in str(fit.diagnostics())


def test_flat_penalized_is_maximum_likelihood():
    for shape in SHAPES:
        mle, flat = fitted(METHODS["mle"], rows(shape)), fitted(METHODS["flat"], rows(shape))
        np.testing.assert_allclose(flat.coef, mle.coef, rtol=1e-9)
        np.testing.assert_allclose(flat.cov, mle.cov, rtol=1e-7)
        pd.testing.assert_frame_equal(flat.summary(interval="profile"), mle.summary(interval="profile"))


@pytest.mark.parametrize("family", [plg.Normal, plg.Laplace, plg.Cauchy])
def test_a_very_wide_prior_gives_maximum_likelihood(family):
    arrays = rows("dense")
    wide = fitted(plg.Penalized(family(1e7)), arrays)
    np.testing.assert_allclose(wide.coef, fitted(plg.MLE(), arrays).coef, rtol=1e-5)


@pytest.mark.parametrize("c", [1e-8, 1e-4, 1e4, 1e8])
@pytest.mark.parametrize("name", ["mle", "l2-autoscaled", "firth"])
def test_a_rescaled_column_divides_its_coefficient(name, c):
    arrays = rows("dense")
    moved = arrays | {"X": arrays["X"] * [c, 1.0, 1.0]}
    plain, scaled = fitted(METHODS[name], arrays), fitted(METHODS[name], moved)
    np.testing.assert_allclose(scaled.coef * [1, c, 1, 1], plain.coef, rtol=1e-8)


@pytest.mark.parametrize("c", [1e-4, 1e4])
def test_a_rescaled_prior_follows_its_column(c):
    arrays = rows("dense")
    moved = arrays | {"X": arrays["X"] * [c, 1.0, 1.0]}
    for family in (plg.Normal, plg.Laplace, plg.Cauchy):
        plain = fitted(plg.Penalized(family(0.5)), arrays)
        scaled = fitted(plg.Penalized(plg.Priors(family(0.5), terms={"x": family(0.5 / c)})), moved)
        np.testing.assert_allclose(scaled.coef * [1, c, 1, 1], plain.coef, rtol=1e-7, atol=1e-9)


def test_the_posterior_sd_is_near_the_standard_error_under_a_wide_prior():
    arrays = rows("dense")
    bayes = fitted(plg.Bayes(plg.Normal(100.0), draws=600, tune=200, cores=1, rng=4), arrays)
    mle = fitted(plg.MLE(), arrays)
    np.testing.assert_allclose(bayes.summary()["std_error"], mle.summary()["std_error"], rtol=0.15)
