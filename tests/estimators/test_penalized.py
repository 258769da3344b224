"""The penalized optimum against scikit-learn, glmnet and generic optimisers, by every road."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from penalized_cases import coef, fit, problem, simulated
from scipy.optimize import OptimizeResult, minimize
from scipy.special import expit, log_expit
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression

from problogit.core.priors import Cauchy, ElasticNet, Flat, Laplace, Normal, Prior, Priors, StudentT
from problogit.estimate import Estimate, Status
from problogit.estimators.mle import MLE
from problogit.estimators.penalized import Penalized

REFERENCE = Path(__file__).parent.parent / "reference"
SMOOTH_ROADS = ["newton", "lbfgs", "newton-cg", "proximal-newton"]
SHRINKING = [Normal(0.7), StudentT(4.0, 0.7), Cauchy(0.5), Normal(0.7, 0.3), Normal(1.5, autoscale=True)]


def breast_cancer() -> tuple[np.ndarray, np.ndarray]:
    X, y = load_breast_cancer(return_X_y=True)
    return X, y


def separated() -> tuple[np.ndarray, np.ndarray]:
    X = np.column_stack([np.linspace(-2, 2, 40), np.tile([0.0, 1.0], 20)])
    return X, (X[:, 0] > 0.3).astype(int)


def wide() -> tuple[np.ndarray, np.ndarray]:
    X, y = simulated(40, 90, seed=3)
    return X, y


DATA = {"plain": simulated(), "shifted": simulated(shift=20.0), "separated": separated(), "wide": wide()}


def sklearn_coef(X: Any, y: np.ndarray, **how: Any) -> np.ndarray:
    found = LogisticRegression(tol=1e-12, max_iter=200_000, **how).fit(X, y)
    return np.concatenate([found.intercept_, found.coef_[0]])


def objective(X: np.ndarray, y: np.ndarray, beta: np.ndarray, l1: float, l2: float) -> float:
    """Minus the log-likelihood plus the penalty, written out."""
    eta = beta[0] + X @ beta[1:]
    loss = -log_expit(np.where(y == 1, eta, -eta)).sum()
    return float(loss + l1 * np.abs(beta[1:]).sum() + l2 / 2 * beta[1:] @ beta[1:])


# -- against other packages ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("scale", [0.1, 1.0, 5.0])
def test_normal_prior_against_scikit_learn_l2(name: str, scale: float) -> None:
    X, y = DATA[name]
    theirs = sklearn_coef(X, y, C=scale**2, solver="newton-cholesky")
    np.testing.assert_allclose(coef(fit(X, y, Normal(scale))), theirs, atol=1e-6)


def test_normal_prior_against_scikit_learn_on_breast_cancer() -> None:
    X, y = breast_cancer()
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    theirs = sklearn_coef(Z, y, C=4.0, solver="newton-cholesky")
    np.testing.assert_allclose(coef(fit(Z, y, Normal(2.0))), theirs, atol=1e-6)
    # The same prior on the raw columns, whose spread differs by 5 orders of magnitude.
    raw = coef(fit(X, y, Normal(2.0, autoscale=True)))
    np.testing.assert_allclose(raw[1:] * X.std(axis=0), theirs[1:], atol=1e-6)


def test_row_weights_against_scikit_learn() -> None:
    X, y = DATA["plain"]
    w = np.random.default_rng(1).integers(1, 4, y.size).astype(float)
    found = LogisticRegression(C=0.25, tol=1e-12, solver="newton-cholesky").fit(X, y, sample_weight=w)
    ours = coef(fit(X, y, Normal(0.5), data={"weights": w}))
    np.testing.assert_allclose(ours, np.concatenate([found.intercept_, found.coef_[0]]), atol=1e-6)


@pytest.mark.parametrize("name", ["plain", "separated", "wide"])
@pytest.mark.parametrize(("C", "ratio"), [(0.07, 1.0), (0.5, 1.0), (0.3, 0.6)])
def test_l1_and_elastic_net_against_scikit_learn_saga(name: str, C: float, ratio: float) -> None:
    X, y = DATA[name]
    theirs = sklearn_coef(X, y, C=C, l1_ratio=ratio, solver="saga", random_state=0)
    prior = Laplace.from_sklearn(C) if ratio == 1.0 else ElasticNet(ratio / C, (1 - ratio) / C)
    ours = coef(fit(X, y, prior))
    penalty = (ratio / C, (1 - ratio) / C)
    assert objective(X, y, ours, *penalty) <= objective(X, y, theirs, *penalty) + 1e-8
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert np.all(ours[np.abs(theirs) < 1e-9] == 0)


def glmnet_cases() -> list[dict[str, Any]]:
    return json.loads((REFERENCE / "glmnet" / "glmnet.json").read_text())["cases"]


@pytest.mark.parametrize("case", glmnet_cases(), ids=lambda case: case["name"])
def test_objective_and_zeros_against_glmnet(case: dict[str, Any]) -> None:
    frame = pd.read_csv(REFERENCE / "data" / f"{case['data']}.csv")
    X, y = frame.drop(columns="y").to_numpy(), frame["y"].to_numpy()
    for road in ["auto", *(["lbfgs"] if case["l1"] == 0 else [])]:
        found = fit(X, y, ElasticNet(case["l1"], case["l2"]), solver=road)
        ours, theirs = coef(found), np.array(case["coef"])
        assert objective(X, y, ours, case["l1"], case["l2"]) <= case["objective"] + 1e-8
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
        if case["l1"] > 0:
            assert np.flatnonzero(ours[1:]).tolist() == np.flatnonzero(theirs[1:]).tolist()
        assert found.stats.loglik == pytest.approx(case["loglik"], abs=1e-6)
    prior = ElasticNet.from_glmnet(case["lambda"], case["alpha"], case["nobs"])
    assert (prior.l1, prior.l2) == pytest.approx((case["l1"], case["l2"]))


def generic_optimum(X: np.ndarray, y: np.ndarray, prior: Prior, starts: list[np.ndarray]) -> float:
    """The best of BFGS and Nelder-Mead on the posterior written out, from many starts."""

    def loss(beta: np.ndarray) -> float:
        eta = beta[0] + X @ beta[1:]
        return float(-log_expit(np.where(y == 1, eta, -eta)).sum() - prior.log_density(beta[1:]).sum())

    values = []
    for start in starts:
        rough = minimize(loss, start, method="BFGS")
        values.append(
            minimize(loss, rough.x, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-11}).fun
        )
    return -min(values)


@pytest.mark.parametrize("prior", [StudentT(3.0, 0.4), StudentT(0.7, 0.1, 0.5), Cauchy(0.2), Cauchy(2.5)])
@pytest.mark.parametrize("name", ["plain", "separated"])
def test_heavy_tails_against_a_generic_optimiser_from_many_starts(prior: Prior, name: str) -> None:
    X, y = DATA[name]
    X = X[:, :3]
    found = fit(X, y, prior)
    rng = np.random.default_rng(4)
    starts = [np.zeros(X.shape[1] + 1), coef(found), *rng.normal(size=(4, X.shape[1] + 1))]
    assert found.details.penalized_loglik >= generic_optimum(X, y, prior, starts) - 1e-7
    assert found.status is Status.CONVERGED


# -- the roads -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("prior", SHRINKING, ids=lambda prior: prior.describe())
def test_all_roads_lead_to_one_optimum(name: str, prior: Prior) -> None:
    X, y = DATA[name]
    found = {road: fit(X, y, prior, solver=road, inference="none") for road in SMOOTH_ROADS}
    reference = coef(found["newton"])
    for road, estimate in found.items():
        assert estimate.status is Status.CONVERGED, road
        np.testing.assert_allclose(
            coef(estimate), reference, rtol=1e-7, atol=1e-7 * np.abs(reference).max(), err_msg=road
        )
        assert estimate.details.solver == road


@pytest.mark.parametrize("road", SMOOTH_ROADS)
def test_raw_is_the_result_that_scipy_returned(road: str) -> None:
    X, y = DATA["shifted"]
    found = fit(X, y, Normal(0.8), solver=road)
    assert isinstance(found.raw, OptimizeResult)
    assert found.raw is found.details.raw
    assert found.raw.success
    np.testing.assert_allclose(found.details.scaling.to_original(found.raw.x), coef(found), rtol=1e-14)
    assert found.raw.fun == pytest.approx(objective(X, y, coef(found), 0.0, 0.8**-2.0), rel=1e-12)


def test_auto_takes_newton_for_few_columns_and_conjugate_gradients_for_many() -> None:
    X, y = DATA["plain"]
    assert fit(X, y, Normal(1.0)).details.solver == "newton"
    assert fit(X, y, Laplace(1.0)).details.solver == "proximal-newton"
    many = sp.random_array((60, 2500), density=0.02, rng=np.random.default_rng(0), format="csr")
    assert fit(many, y[:60], Normal(1.0), inference="none").details.solver == "newton-cg"


@pytest.mark.parametrize("prior", [Normal(0.5), Laplace(0.3), ElasticNet(2.0, 1.0), Cauchy(1.0)])
def test_sparse_and_dense_give_the_same_fit(prior: Prior) -> None:
    rng = np.random.default_rng(5)
    X = np.where(rng.random((200, 130)) < 0.1, rng.normal(1.0, 1.0, (200, 130)), 0.0)
    y = (rng.random(200) < expit(X[:, :5].sum(axis=1) - 0.3)).astype(int)
    dense, sparse = fit(X, y, prior), fit(sp.csr_array(X), y, prior)
    np.testing.assert_allclose(coef(sparse), coef(dense), atol=1e-8)
    assert np.array_equal(coef(sparse) == 0, coef(dense) == 0)
    assert sparse.stats.df_model == pytest.approx(dense.stats.df_model, rel=1e-6)


@pytest.mark.parametrize(("n", "p"), [(500, 10_000), pytest.param(2000, 50_000, marks=pytest.mark.slow)])
def test_tens_of_thousands_of_sparse_columns_stay_sparse(n: int, p: int) -> None:
    rng = np.random.default_rng(6)
    X = sp.random_array((n, p), density=0.001, rng=rng, format="csr")
    signal = sp.random_array((n, 20), density=0.3, rng=rng, format="csr")
    X = sp.csr_array(sp.hstack([signal, X[:, 20:]]))
    y = (rng.random(n) < expit(np.asarray(signal @ rng.normal(0, 4, 20)))).astype(int)
    model = problem(X, y)
    lasso = Penalized(Laplace(0.3)).estimate(model)
    assert lasso.status is Status.CONVERGED
    assert lasso.details.raw.working < n
    eta = np.asarray(X @ coef(lasso)[1:]) + coef(lasso)[0]
    gradient = np.asarray(X.T @ (y - expit(eta)))
    zero = coef(lasso)[1:] == 0
    assert np.abs(gradient[zero]).max() <= 1 / 0.3 + 1e-7
    np.testing.assert_allclose(gradient[~zero], np.sign(coef(lasso)[1:][~zero]) / 0.3, atol=1e-6)
    assert lasso.stats.df_model == pytest.approx(np.count_nonzero(coef(lasso)))
    ridge = Penalized(Normal(1.0)).estimate(model)
    assert ridge.status is Status.CONVERGED
    eta = np.asarray(X @ coef(ridge)[1:]) + coef(ridge)[0]
    np.testing.assert_allclose(np.asarray(X.T @ (y - expit(eta))), coef(ridge)[1:], atol=1e-6)
    assert ridge.coefficients.kinds == ("none",)
    assert 20 < ridge.stats.df_model < n


def test_kkt_conditions_hold_in_original_units() -> None:
    X, y = DATA["shifted"]
    l1, l2 = 3.0, 0.7
    found = fit(X, y, ElasticNet(l1, l2))
    beta = coef(found)
    gradient = X.T @ (y - expit(beta[0] + X @ beta[1:]))
    zero = beta[1:] == 0
    assert zero.any()
    assert np.abs(gradient[zero]).max() < l1
    np.testing.assert_allclose(
        gradient[~zero], l1 * np.sign(beta[1:][~zero]) + l2 * beta[1:][~zero], atol=1e-7
    )
    assert sum(y - expit(beta[0] + X @ beta[1:])) == pytest.approx(0.0, abs=1e-8)
    assert found.details.violation < 1e-8


# -- invariances -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("c", [1e-8, 1e-3, 1e8])
@pytest.mark.parametrize(
    "family", [Normal(2.5, autoscale=True), Laplace(0.2, autoscale=True), StudentT(3, 1.0, autoscale=True)]
)
def test_autoscaled_priors_do_not_see_the_units_of_a_column(family: Prior, c: float) -> None:
    X, y = DATA["shifted"]
    units = np.where(np.arange(X.shape[1]) == 2, c, 1.0)
    before, after = fit(X, y, family), fit(X * units, y, family)
    np.testing.assert_allclose(coef(after)[1:] * units, coef(before)[1:], rtol=1e-8, atol=1e-12)
    assert coef(after)[0] == pytest.approx(coef(before)[0], rel=1e-8)
    assert after.stats.df_model == pytest.approx(before.stats.df_model, rel=1e-8)


@pytest.mark.parametrize("c", [1e-4, 50.0])
@pytest.mark.parametrize("make", [Normal, Laplace, Cauchy])
def test_other_priors_follow_when_their_scale_is_divided_too(make: Any, c: float) -> None:
    X, y = DATA["plain"]
    priors = Priors(make(0.5), {"x2": make(0.5 / c)})
    before = coef(fit(X, y, make(0.5), data={"names": [f"x{j}" for j in range(6)]}))
    after = coef(
        fit(X * np.where(np.arange(6) == 2, c, 1.0), y, priors, data={"names": [f"x{j}" for j in range(6)]})
    )
    after[3] *= c
    np.testing.assert_allclose(after, before, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("prior", [Normal(0.5), Laplace(0.2), StudentT(3.0, 0.5)])
def test_weight_two_is_the_row_twice_and_weight_zero_is_no_row(prior: Prior) -> None:
    X, y = DATA["plain"]
    w = np.tile([0.0, 1.0, 2.0], y.size // 3)
    kept = np.repeat(np.arange(y.size), w.astype(int))
    weighted, repeated = fit(X, y, prior, data={"weights": w}), fit(X[kept], y[kept], prior)
    np.testing.assert_allclose(coef(weighted), coef(repeated), rtol=1e-9, atol=1e-12)
    assert weighted.stats.loglik == pytest.approx(repeated.stats.loglik, rel=1e-12)
    assert weighted.stats.bic == pytest.approx(repeated.stats.bic, rel=1e-12)


@pytest.mark.parametrize("prior", [Normal(0.5), Laplace(0.2)])
def test_trials_are_the_rows_they_stand_for(prior: Prior) -> None:
    rng = np.random.default_rng(8)
    X = rng.integers(0, 3, (60, 2)).astype(float)
    trials = rng.integers(1, 5, 60)
    events = rng.binomial(trials, expit(X[:, 0] - 1))
    rows = np.repeat(np.arange(60), trials)
    y = np.concatenate(
        [np.r_[np.ones(s), np.zeros(m - s)] for s, m in zip(events, trials, strict=True)]
    ).astype(int)
    counted = fit(X, events, prior, data={"trials": trials})
    np.testing.assert_allclose(coef(counted), coef(fit(X[rows], y, prior)), rtol=1e-9, atol=1e-12)


def test_an_offset_is_a_column_with_coefficient_one() -> None:
    X, y = DATA["plain"]
    known = np.sin(np.arange(y.size))
    ours = coef(fit(X, y, Normal(0.6), data={"offset": known}))
    gradient = X.T @ (y - expit(ours[0] + X @ ours[1:] + known)) - ours[1:] / 0.36
    np.testing.assert_allclose(gradient, 0.0, atol=1e-8)


@pytest.mark.parametrize("prior", [Normal(0.5), Laplace(0.2), Cauchy(0.4)])
def test_swapping_the_outcomes_flips_every_sign(prior: Prior) -> None:
    X, y = DATA["plain"]
    np.testing.assert_allclose(coef(fit(X, 1 - y, prior)), -coef(fit(X, y, prior)), rtol=1e-8, atol=1e-10)


def test_a_very_wide_prior_is_maximum_likelihood() -> None:
    X, y = DATA["shifted"]
    mle = MLE().estimate(problem(X, y))
    for prior in (Normal(1e6), Laplace(1e9), Cauchy(1e6)):
        np.testing.assert_allclose(coef(fit(X, y, prior)), coef(mle), rtol=1e-6)


def test_flat_is_maximum_likelihood_with_its_intervals() -> None:
    X, y = DATA["shifted"]
    model = problem(X, y)
    ours, mle = Penalized(Flat()).estimate(model), MLE().estimate(model)
    np.testing.assert_array_equal(coef(ours), coef(mle))
    np.testing.assert_array_equal(ours.coefficients.cov, mle.coefficients.cov)
    assert ours.coefficients.kinds == mle.coefficients.kinds
    assert ours.stats == mle.stats
    assert ours.method == Penalized(Flat())
    np.testing.assert_array_equal(
        ours.method.summary_columns(ours)["p_value"], mle.method.summary_columns(mle)["p_value"]
    )
    np.testing.assert_allclose(ours.raw.params, coef(mle))
    assert Penalized(Priors(Flat())).estimate(model).stats == mle.stats


# -- priors by term, and of the intercept ----------------------------------------------------------------------


def check_gradient(found: Estimate, X: np.ndarray, y: np.ndarray) -> None:
    """The score plus the slope of the log prior is zero, in original units, by finite differences of the prior."""
    beta, prior = coef(found), found.details.prior
    Z = np.column_stack([np.ones(y.size), X])
    score = Z.T @ (y - expit(Z @ beta))
    h = 1e-6
    slope = [(prior.value(beta + d) - prior.value(beta - d)) / (2 * h) for d in np.eye(beta.size) * h]
    np.testing.assert_allclose(score + slope, 0.0, atol=1e-5)


@pytest.mark.parametrize("intercept_at", ["zero", "mean"])
@pytest.mark.parametrize("road", SMOOTH_ROADS)
def test_a_prior_of_the_intercept_means_what_it_says(intercept_at: str, road: str) -> None:
    X, y = DATA["shifted"]
    priors = Priors(Normal(0.5), {"x1": StudentT(4, 0.3, 0.1)}, Normal(0.4, 1.0), intercept_at)
    found = fit(X, y, priors, solver=road, data={"names": [f"x{j}" for j in range(6)]})
    assert found.status is Status.CONVERGED
    check_gradient(found, X, y)


@pytest.mark.parametrize("intercept_at", ["zero", "mean"])
@pytest.mark.parametrize("prior", [Normal(0.5, 1.0), Laplace(0.05, 0.25)])
def test_an_l1_part_goes_with_a_prior_of_the_intercept(intercept_at: str, prior: Prior) -> None:
    X, y = DATA["shifted"]
    found = fit(X, y, Priors(Laplace(0.1), intercept=prior, intercept_at=intercept_at))
    beta, stated = coef(found), found.details.prior
    assert found.status is Status.CONVERGED
    best = stated.value(beta) + found.stats.loglik
    rng = np.random.default_rng(9)
    for size in (1e-5, 1e-3, 1e-1):
        for direction in rng.normal(size=(40, beta.size)):
            other = beta + size * direction
            other[1:] = np.where(rng.random(beta.size - 1) < 0.3, beta[1:], other[1:])
            other[0] -= X.mean(axis=0) @ (other - beta)[1:]
            eta = other[0] + X @ other[1:]
            assert stated.value(other) + log_expit(np.where(y == 1, eta, -eta)).sum() <= best + 1e-9


def test_mixed_priors_shrink_their_own_terms_only() -> None:
    X, y = DATA["plain"]
    names = [f"x{j}" for j in range(6)]
    priors = Priors(Flat(), {"x0": Normal(0.05), "x1": Laplace(0.02, 0.5)})
    found = fit(X, y, priors, data={"names": names})
    beta = coef(found)
    assert beta[2] == 0.5
    residual = y - expit(beta[0] + X @ beta[1:])
    np.testing.assert_allclose(X[:, 2:].T @ residual, 0.0, atol=1e-7)
    assert X[:, 0] @ residual == pytest.approx(beta[1] / 0.05**2, rel=1e-6)
    assert abs(X[:, 1] @ residual) < 50.0


def test_constant_columns_and_copies_are_kept_under_a_proper_prior() -> None:
    X, y = DATA["plain"]
    odd = np.column_stack([X, X[:, 0], np.full(y.size, 3.0)])
    found = fit(odd, y, Normal(0.5))
    beta = coef(found)
    assert found.status is Status.CONVERGED
    assert beta[1] == pytest.approx(beta[7], rel=1e-8)
    # Twice the column with half the coefficient each is one column under a prior of twice the variance.
    names = [f"x{j}" for j in range(6)]
    single = fit(X, y, Priors(Normal(0.5), {"x0": Normal(0.5 * np.sqrt(2))}), data={"names": names})
    assert coef(single)[1] == pytest.approx(2 * beta[1], rel=1e-6)
    assert beta[8] == pytest.approx(0.0, abs=1e-8)


def test_several_modes_are_reported_and_the_better_one_is_taken() -> None:
    # Few rows and a narrow Cauchy prior: the spike at 0 and the data each make a mode.
    X = np.array([[-1.0], [-0.5], [0.0], [0.5], [1.0]] * 4)
    y = (X[:, 0] > 0.2).astype(int)
    found = fit(X, y, Cauchy(0.01))
    grid = np.linspace(-2, 60, 20001)
    assert found.details.n_modes == 2
    (finding,) = [f for f in found.findings if f.code == "modes"]
    assert finding.severity == "warning"

    def profile(slope: float) -> float:
        intercept = minimize(
            lambda b: -log_expit(np.where(y == 1, 1, -1) * (b[0] + X[:, 0] * slope)).sum(), [0.0]
        ).fun
        return float(Cauchy(0.01).log_density(np.array([slope]))[0] - intercept)

    coarse = max(profile(slope) for slope in grid[::400])
    assert found.details.penalized_loglik >= coarse - 1e-6


def test_no_intercept_no_special_treatment() -> None:
    X, y = DATA["plain"]
    found = fit(X, y, Normal(0.5), data={"intercept": False})
    theirs = LogisticRegression(C=0.25, fit_intercept=False, tol=1e-12, solver="newton-cholesky").fit(X, y)
    np.testing.assert_allclose(coef(found), theirs.coef_[0], atol=1e-6)
