"""Cluster-robust covariances against R's sandwich and clubSandwich, dense algebra, and one another."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from cluster_cases import CASES, pupils
from reference_cases import options
from scipy.special import expit

import problogit as plg
from problogit.core.likelihood import BinomialLikelihood
from problogit.core.newton import maximise
from problogit.errors import EstimationError, InputError, SeparationWarning
from problogit.estimators.cluster import cluster_covariance, intersection

KINDS = ("CR1", "CR2", "CR3")
WAYS = {"school": "school", "year": "year", "school_year": ("school", "year")}


@pytest.fixture(scope="module")
def data():
    return pupils()


@pytest.fixture(scope="module", params=sorted(CASES))
def case(request):
    return CASES[request.param]


@pytest.fixture(scope="module")
def model(case, data):
    return plg.LogitModel(case["formula"], data.assign(row=np.arange(len(data))), **options(case))


def assert_covariance(found, wanted, tolerance=1e-7):
    """Entries in units of the standard errors."""
    scale = np.sqrt(np.diag(wanted))
    np.testing.assert_allclose(np.sqrt(np.diag(found)), scale, rtol=tolerance)
    np.testing.assert_allclose(
        found / np.outer(scale, scale), wanted / np.outer(scale, scale), atol=tolerance
    )


@pytest.mark.parametrize(("way", "kind"), list(itertools.product(("school", "year"), KINDS)))
def test_one_way_against_r_sandwich_and_clubsandwich(case, model, way, kind):
    fit = model.fit(plg.MLE(kind, groups=way))
    assert_covariance(fit.cov.to_numpy(), np.array(case[way][kind]))
    assert fit.estimate.details.clusters == ({"school": 30, "year": 6}[way],)


@pytest.mark.parametrize("kind", KINDS)
def test_two_way_and_its_repair_against_r(case, model, kind):
    fit = model.fit(plg.MLE(kind, groups=("school", "year")))
    wanted = case["school_year"][kind]
    assert_covariance(fit.cov.to_numpy(), np.array(wanted["value"]))
    codes = [finding.code for finding in fit.estimate.findings]
    assert ("two-way" in codes) == wanted["repaired"]
    assert np.linalg.eigvalsh(fit.cov)[0] > -1e-12


# Not under frequency weights, where a row of f units is one cluster of f.
SINGLE = sorted(name for name, case in CASES.items() if case["weights_type"] != "frequency")


@pytest.mark.parametrize("case", SINGLE, indirect=True)
def test_every_row_its_own_cluster_is_hc(case, model):
    for kind, twin in (("CR1", "HC1"), ("CR2", "HC2"), ("CR3", "HC3")):
        found, wanted = model.fit(plg.MLE(kind, groups="row")), model.fit(plg.MLE(twin))
        assert_covariance(found.cov.to_numpy(), wanted.cov.to_numpy(), 1e-10)
    for kind in ("CR2", "CR3"):
        assert_covariance(model.fit(plg.MLE(kind, groups="row")).cov.to_numpy(), np.array(case["row"][kind]))


# -- dense algebra ---------------------------------------------------------------------------------------------


def dense(like, beta, inverse, codes, kind):
    """CR2 and CR3 with n_g x n_g matrices, as clubSandwich's vcovCR.glm writes them."""
    meat = np.zeros_like(inverse)
    p = expit(like.X @ beta + like.offset)
    for g in range(codes.max() + 1):
        r = np.flatnonzero(codes == g)
        size, v = like.trials[r] * like.weights[r], p[r] * (1 - p[r])
        X, W, target = like.X[r] * v[:, None], np.diag(size / v), np.diag(v / size)
        rest = np.eye(r.size) - X @ inverse @ X.T @ W
        if kind == "CR3":
            A = np.linalg.inv(rest)
        else:
            D = np.sqrt(target)
            values, vectors = np.linalg.eigh(D @ rest @ target @ D)
            power = np.where(values > 1e-13 * values.max(), np.abs(values) ** -0.5, 0.0)
            A = D @ (vectors * power) @ vectors.T @ D
        u = X.T @ W @ A @ (like.successes[r] / like.trials[r] - p[r])
        meat += np.outer(u, u)
    return inverse @ meat @ inverse


def clustered(seed=0, n=240, n_groups=9, lone=False):
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(n), rng.normal(size=(n, 3))])
    codes = np.r_[np.arange(n_groups), rng.integers(0, n_groups, n - n_groups)]
    if lone:
        X[:, 3] = codes == 4
    trials = rng.integers(1, 6, n).astype(float)
    successes = rng.binomial(trials.astype(int), expit(X @ np.array([-0.5, 2.0, 0.5, 0.2]))).astype(float)
    like = BinomialLikelihood(X, successes, trials, rng.choice([0.5, 1.0, 3.0], n), np.zeros(n))
    best = maximise(like, np.zeros(4))
    return like, best.x, np.linalg.inv(best.information), codes


@pytest.mark.parametrize("kind", ["CR2", "CR3"])
def test_large_clusters_against_dense_matrices(kind):
    like, beta, inverse, codes = clustered()
    found = cluster_covariance(like, beta, inverse, (codes,), kind, frequency=False)
    assert_covariance(found.covariance, dense(like, beta, inverse, codes, kind), 1e-10)
    assert found.silent.shape == (4, 0)


def test_a_cluster_that_alone_identifies_a_column_takes_the_generalised_root_of_dense_matrices():
    like, beta, inverse, codes = clustered(lone=True)
    found = cluster_covariance(like, beta, inverse, (codes,), "CR2", frequency=False)
    assert found.silent.shape == (4, 1)
    assert_covariance(found.covariance, dense(like, beta, inverse, codes, "CR2"), 1e-9)


def test_rows_of_vanishing_variance_keep_the_covariance_finite():
    like, beta, inverse, codes = clustered()
    far = BinomialLikelihood(
        np.vstack([like.X, [[1, 400.0, 0, 0], [1, -400.0, 0, 0]]]),
        np.r_[like.successes, 1, 0],
        np.r_[like.trials, 1, 1],
        np.r_[like.weights, 1, 1],
        np.zeros(242),
    )
    for kind in KINDS:
        plain = cluster_covariance(like, beta, inverse, (codes,), kind, frequency=True)
        with_far = cluster_covariance(far, beta, inverse, (np.r_[codes, 0, 1],), kind, frequency=True)
        ratio = 1.0
        if kind == "CR1":  # two units more in (n - 1) / (n - k)
            n = like.weights.sum()
            ratio = (n + 1) / (n - 2) / ((n - 1) / (n - 4))
        np.testing.assert_allclose(with_far.covariance, plain.covariance * ratio, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_of_any_size_and_threads_give_the_same_sums(kind, monkeypatch):
    from problogit.estimators import cluster
    from problogit.execution import Threads

    like, beta, inverse, codes = clustered(n=3000, n_groups=400)
    whole = cluster_covariance(like, beta, inverse, (codes,), kind, frequency=True)
    monkeypatch.setattr(cluster, "_BLOCK_ROWS", 300)
    threaded = BinomialLikelihood(
        like.X, like.successes, like.trials, like.weights, like.offset, executor=Threads(2)
    )
    parts = cluster_covariance(threaded, beta, inverse, (codes,), kind, frequency=True)
    np.testing.assert_allclose(parts.covariance, whole.covariance, rtol=1e-10)


# -- invariants ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("groups", ["school", ("school", "year")])
def test_frequency_weights_are_rows_repeated(kind, groups, data):
    repeated = data.loc[data.index.repeat(data["count"])].reset_index(drop=True)
    method = plg.MLE(kind, groups=groups)
    weighted = plg.LogitModel("passed ~ hours + arm", data, weights="count").fit(method)
    plain = plg.LogitModel("passed ~ hours + arm", repeated).fit(method)
    assert_covariance(weighted.cov.to_numpy(), plain.cov.to_numpy(), 1e-9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("c", [1e-8, 1e8])
def test_a_rescaled_column_divides_its_standard_error(kind, c, data):
    method = plg.MLE(kind, groups=("school", "year"))
    plain = plg.fit("passed ~ hours + prep", data, method).summary()["std_error"]
    scaled = plg.fit("passed ~ hours + prep", data.assign(hours=data["hours"] * c), method).summary()
    np.testing.assert_allclose(scaled["std_error"] * [1, c, 1], plain, rtol=1e-8)


def test_the_order_of_rows_does_not_matter(data):
    method = plg.MLE("CR2", groups="school")
    shuffled = data.sample(frac=1, random_state=0)
    first, second = (plg.fit("passed ~ hours", frame, method).cov for frame in (data, shuffled))
    np.testing.assert_allclose(first, second, rtol=1e-10)


def test_a_sparse_design_gives_the_same_covariance(data):
    import scipy.sparse as sp

    X = np.column_stack([data["hours"], data["prep"], data["tries"]]).astype(float)
    for kind in KINDS:
        found = [
            plg.LogitModel.from_arrays(matrix, data["passed"], groups=data["school"]).fit(plg.MLE(kind)).cov
            for matrix in (X, sp.csr_array(X))
        ]
        np.testing.assert_allclose(found[0], found[1], rtol=1e-8)


def test_dropped_rows_and_subsets_keep_their_clusters(data):
    holes = data.assign(hours=data["hours"].where(data.index % 7 != 0))
    whole = holes.dropna(subset="hours").reset_index(drop=True)
    method = plg.MLE("CR3", groups="school")
    np.testing.assert_allclose(
        plg.fit("passed ~ hours", holes, method).cov, plg.fit("passed ~ hours", whole, method).cov, rtol=1e-12
    )
    rows = np.arange(50, 400)
    part = method.estimate(plg.LogitModel("passed ~ hours", data).problem.subset(rows))
    alone = plg.fit("passed ~ hours", data.iloc[rows], method)
    np.testing.assert_allclose(part.coefficients.cov, alone.cov, rtol=1e-9)


def test_an_aliased_column_changes_nothing(data):
    method = plg.MLE("CR2", groups="school")
    plain = plg.fit("passed ~ hours + prep", data, method)
    with pytest.warns(plg.errors.AliasingWarning):
        double = plg.fit("passed ~ hours + prep + twice", data.assign(twice=2 * data["hours"]), method)
    np.testing.assert_allclose(double.cov.iloc[:3, :3], plain.cov, rtol=1e-10)


def test_under_separation_the_finite_part_is_that_of_the_other_rows(data):
    frame = data.assign(rare=np.where(data.index < 3, "yes", "no"))
    frame.loc[frame.index < 3, "passed"] = 1
    for kind in ("CR1", "CR2", "CR3"):
        method = plg.MLE(kind, groups="school")
        with pytest.warns(SeparationWarning, match=r"rare\[T\.yes\]"):
            fit = plg.fit("passed ~ hours + rare", frame, method)
        rest = plg.fit("passed ~ hours", frame.iloc[3:], method)
        assert np.isnan(fit.summary()["std_error"]["rare[T.yes]"])
        np.testing.assert_allclose(
            fit.summary()["std_error"][["Intercept", "hours"]], rest.summary()["std_error"], rtol=1e-9
        )
        assert np.isfinite(fit.estimate.coefficients.marginals(np.array([[1, 5.0, 0]])).sd).all()


# -- what is read from it --------------------------------------------------------------------------------------


def test_intervals_predictions_and_raw_use_the_covariance(data):
    fit = plg.fit("passed ~ hours + arm", data, plg.MLE("cluster", groups="school"))
    se = np.sqrt(np.diag(fit.cov))
    table = fit.summary()
    np.testing.assert_allclose(table["upper"] - table["estimate"], 1.959963984540054 * se, rtol=1e-12)
    assert set(table["interval"]) == {"confidence-wald"}
    np.testing.assert_allclose(fit.raw.bse, se, rtol=1e-10)
    assert fit.raw.cov_type == "CR1"
    assert "CR1" in str(fit.raw.summary())
    x = fit.estimate.problem.rows.X[0]
    row, width = fit.predict().iloc[0], 1.959963984540054 * np.sqrt(x @ fit.cov.to_numpy() @ x)
    assert row["upper"] == pytest.approx(expit(x @ fit.coef + width), rel=1e-10)
    assert fit.estimate.method.covariance == "CR1"
    assert "CR1 cluster-robust standard errors by school" in str(fit)


def test_a_saved_fit_is_the_same_and_can_be_refitted(data, tmp_path):
    for groups in ("school", ("school", "year")):
        fit = plg.fit("passed ~ hours + arm", data, plg.MLE("CR2", groups=groups))
        fit.save(tmp_path / "a.fit", data=True)
        back = plg.load(tmp_path / "a.fit")
        pd.testing.assert_frame_equal(back.summary(), fit.summary())
        assert back.estimate.method == fit.estimate.method
        assert back.estimate.details.clusters == fit.estimate.details.clusters
        again = back.estimate.method.estimate(back.estimate.problem)
        np.testing.assert_allclose(again.coefficients.cov, fit.cov, rtol=1e-12)
        assert str(back.test("arm", "score")) == str(fit.test("arm", "score"))
    fit.save(tmp_path / "b.fit")
    pd.testing.assert_frame_equal(plg.load(tmp_path / "b.fit").summary(), fit.summary())


def test_folds_refit_without_the_clusters_that_they_need_not_have(data):
    fit = plg.fit("passed ~ hours", data, plg.MLE("CR1", groups="school"))
    assert fit.estimate.method.surrogate() == plg.MLE()
    assert fit.scores(resample="folds") is not None


def test_the_method_is_a_value():
    assert plg.MLE("cluster", groups="school") == plg.MLE("CR1", groups=["school"])
    assert hash(plg.MLE("CR1", groups=["a", "b"])) == hash(plg.MLE("CR1", groups=("a", "b")))
    assert plg.MLE("CR1", groups="a").groups == ("a",)


def test_intersections_are_the_distinct_pairs():
    a, b = np.array([0, 0, 1, 1, 2]), np.array([1, 1, 0, 1, 1])
    codes = intersection(a, b)
    assert codes[0] == codes[1]
    assert sorted(set(codes)) == [0, 1, 2, 3]


# -- findings --------------------------------------------------------------------------------------------------


def finding(fit, code):
    (found,) = [f for f in fit.estimate.findings if f.code == code]
    return found


def test_few_clusters_are_said_with_what_to_do(data):
    few = finding(plg.fit("passed ~ hours", data, plg.MLE("CR1", groups="school")), "clusters")
    assert few.severity == "warning"
    assert "30 clusters of school: fewer than about 40" in few.message
    assert "CR2" in few.remedy
    better = finding(plg.fit("passed ~ hours", data, plg.MLE("CR3", groups="year")), "clusters")
    assert "6 clusters of year" in better.message
    assert "5 degrees of freedom" in better.remedy
    many = finding(
        plg.fit("passed ~ hours", data.assign(k=data.index // 5), plg.MLE("CR1", groups="k")), "clusters"
    )
    assert many.severity == "info"
    assert many.message == "Standard errors are CR1, over 91 clusters of k."


def test_terms_of_one_cluster_alone_are_named(data):
    fit = plg.fit("passed ~ hours + I(school == 's00')", data, plg.MLE("CR1", groups="school"))
    found = finding(fit, "lone-cluster")
    assert found.severity == "warning"
    assert found.terms == ("I(school == 's00')",)
    some = data[data["school"] < "s08"]
    fixed = plg.fit("passed ~ prep + school - 1", some, plg.MLE("CR2", groups="school"))
    assert not any(f.code == "lone-cluster" for f in fixed.estimate.findings)  # fewer clusters than columns
    plain = plg.fit("passed ~ hours + arm", data, plg.MLE("CR1", groups="school"))
    assert not any(f.code == "lone-cluster" for f in plain.estimate.findings)


def test_clusters_that_the_dot_took_for_predictors_are_said(data):
    frame = data[["passed", "hours", "year", "school"]]
    method = plg.MLE("CR1", groups="year")
    taken = plg.LogitModel("passed ~ . - school", frame).fit(method)
    assert "`. - year`" in finding(taken, "clusters-in-formula").remedy
    for formula in ("passed ~ hours + year", "passed ~ I(hours * 0.5)", "passed ~ . - school - year"):
        fit = plg.LogitModel(formula, frame).fit(method)
        assert not any(f.code == "clusters-in-formula" for f in fit.estimate.findings)


def test_a_fit_that_needs_no_clusters_is_saved_whatever_they_hold(data, tmp_path):
    holes = data.assign(school=data["school"].where(data.index > 4))
    plg.LogitModel("passed ~ hours", holes, groups="school").fit().save(tmp_path / "a.fit", data=True)
    back = plg.load(tmp_path / "a.fit")
    with pytest.raises(InputError, match="missing in 5 of the 454 rows"):
        plg.MLE("CR1").estimate(back.estimate.problem)


# -- bad input -------------------------------------------------------------------------------------------------


def test_one_cluster_only_is_an_error(data):
    model = plg.LogitModel("passed ~ hours", data.assign(all="one"))
    with pytest.raises(InputError, match=r"column 'all' has one value in all 454 rows in use.*about 40.*HC3"):
        model.fit(plg.MLE("CR1", groups="all"))
    with pytest.raises(InputError, match="column 'all' has one value"):
        model.fit(plg.MLE("CR1", groups=("school", "all")))


def test_clusters_that_no_one_named_are_asked_for(data):
    with pytest.raises(
        InputError, match=r"groups must name the clusters.*MLE\(covariance='CR2', groups='school'\)"
    ):
        plg.fit("passed ~ hours", data, plg.MLE("CR2"))
    model = plg.LogitModel("passed ~ hours", data, groups="school")
    named = plg.fit("passed ~ hours", data, plg.MLE("CR2", groups="school"))
    np.testing.assert_array_equal(model.fit(plg.MLE("CR2")).cov, named.cov)


def test_unknown_and_missing_groups_are_refused_in_the_fit(data):
    with pytest.raises(InputError, match="Did you mean 'school'"):
        plg.fit("passed ~ hours", data, plg.MLE("CR1", groups="scool"))
    holes = data.assign(school=data["school"].where(data.index > 4))
    with pytest.raises(InputError, match="'school' is missing in 5 of the 454 rows in use"):
        plg.fit("passed ~ hours", holes, plg.MLE("CR1", groups="school"))


@pytest.mark.parametrize("covariance", ["classical", "HC3"])
def test_groups_without_a_use_are_refused(covariance):
    with pytest.raises(InputError, match=r"groups has no use with covariance=.*covariance='cluster'"):
        plg.MLE(covariance, groups="school")


def test_saturated_small_sample_factors_are_refused():
    data = pd.DataFrame({"s": [3, 4, 5, 2], "m": [9, 9, 9, 9], "g": list("abcd"), "k": [1, 2, 1, 2]})
    model = plg.LogitModel("s ~ g", data, trials="m")
    with pytest.raises(EstimationError, match="CR1 divides by the rows beyond the coefficients"):
        model.fit(plg.MLE("CR1", groups="k"))
    with pytest.raises(EstimationError, match="HC1 divides by the rows"):
        model.fit(plg.MLE("HC1"))


def test_the_groups_of_the_model_are_named_by_the_fit_that_used_them(data):
    model = plg.LogitModel("passed ~ hours", data, groups="school")
    drawn = model.fit(plg.MLE("bootstrap", resamples=20, rng=1))
    assert drawn.estimate.method.describe() == "maximum likelihood, bootstrap by school (20 resamples)"
    assert drawn.estimate.method.spread_label == "by school"
    assert model.fit(plg.MLE("CR1")).estimate.method.spread_label == "CR1 by school"
    arrays = plg.LogitModel.from_arrays(data[["hours"]], data["passed"], groups=data["school"].to_numpy())
    assert arrays.fit(plg.MLE("CR1")).estimate.method.spread_label == "CR1 by groups"
    assert model.fit(plg.MLE("HC3")).estimate.method.spread_label == "HC3"


@pytest.mark.parametrize("copies", [1, 3])
@pytest.mark.parametrize("kind", ["HC0", "HC3"])
def test_a_row_of_trials_that_alone_identifies_a_term_is_named(kind, copies):
    rng = np.random.default_rng(3)
    x, lone = rng.normal(size=60), (np.arange(60) == 7).astype(float)
    s = np.where(lone == 1, 2, rng.binomial(5, expit(x)))
    table = pd.DataFrame({"s": s, "x": x, "lone": lone, "f": np.where(lone == 1, copies, 1)})
    fit = plg.fit("s ~ x + lone", table, plg.MLE(kind), trials=5, weights="f")
    found = finding(fit, "lone-row")
    assert found.terms == ("lone",)
    assert "MLE(covariance='classical')" in found.remedy
    assert fit.summary().loc["lone", "std_error"] < 0.3  # nothing of its own binomial spread,
    assert plg.fit("s ~ x + lone", table, trials=5).summary().loc["lone", "std_error"] > 0.9
    shared = plg.fit("s ~ x", table, plg.MLE(kind), trials=5)
    assert not any(f.code == "lone-row" for f in shared.estimate.findings)
