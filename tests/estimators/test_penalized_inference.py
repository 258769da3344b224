"""Covariance, effective degrees of freedom, sandwich and bootstrap of penalized fits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from penalized_cases import coef, fit, problem, simulated
from scipy.special import expit

import problogit as plg
from problogit.core.priors import Cauchy, ElasticNet, Flat, Laplace, Normal, Priors, StudentT
from problogit.errors import InputError, NotAvailableError
from problogit.estimate import Estimate
from problogit.estimators import penalized_inference
from problogit.estimators.mle import MLE
from problogit.estimators.penalized import Penalized
from problogit.progress import Silent

X, Y = simulated(250, 5, seed=7, shift=8.0)
NAMES = {"names": [f"x{j}" for j in range(5)]}
Z = np.column_stack([np.ones(Y.size), X])


def information(beta: np.ndarray) -> np.ndarray:
    p = expit(Z @ beta)
    return Z.T @ (Z * (p * (1 - p))[:, None])


def numeric_hessian(found: Estimate) -> np.ndarray:
    """Minus the Hessian of log-likelihood + log prior by differences, in original units."""
    prior = found.details.prior

    def gradient(beta: np.ndarray) -> np.ndarray:
        return Z.T @ (Y - expit(Z @ beta)) + prior.gradient(beta)

    h = 1e-5
    return -np.array(
        [(gradient(coef(found) + d) - gradient(coef(found) - d)) / (2 * h) for d in np.eye(6) * h]
    )


@pytest.mark.parametrize(
    "prior",
    [
        Normal(0.5),
        Normal(2.5, autoscale=True),
        StudentT(4.0, 0.6),
        Cauchy(1.0),
        ElasticNet(0.0, 3.0),
        Priors(Normal(0.5), {"x1": Flat(), "x2": Cauchy(0.2)}),
        Priors(Normal(0.5), intercept=Normal(2.0)),
        Priors(Normal(0.5), intercept=StudentT(3.0, 1.0, 0.5), intercept_at="mean"),
    ],
    ids=lambda prior: prior.describe(),
)
def test_curvature_covariance_matches_finite_differences_in_original_units(prior: Any) -> None:
    found = fit(X, Y, prior, data=NAMES)
    assert found.coefficients.kinds == ("curvature",)
    np.testing.assert_allclose(found.coefficients.cov @ numeric_hessian(found), np.eye(6), atol=1e-4)
    np.testing.assert_allclose(found.coefficients.std_error, np.sqrt(np.diag(found.coefficients.cov)))
    assert found.details.inference == "curvature"


@pytest.mark.parametrize("solver", ["newton", "lbfgs", "newton-cg", "proximal-newton"])
def test_the_road_does_not_change_the_covariance(solver: str) -> None:
    found, newton = fit(X, Y, Normal(0.5), solver=solver), fit(X, Y, Normal(0.5), solver="newton")
    np.testing.assert_allclose(found.coefficients.cov, newton.coefficients.cov, rtol=1e-6)
    assert found.stats.df_model == pytest.approx(newton.stats.df_model, rel=1e-7)


def test_sandwich_is_the_model_based_one_of_gray() -> None:
    found = fit(X, Y, Normal(0.3), inference="sandwich")
    H = information(coef(found))
    inverse = np.linalg.inv(H + np.diag([0, *[0.3**-2.0] * 5]))
    np.testing.assert_allclose(found.coefficients.cov, inverse @ H @ inverse, rtol=1e-7)
    assert found.coefficients.kinds == ("sandwich",)
    curvature = fit(X, Y, Normal(0.3))
    assert np.all(found.coefficients.std_error < curvature.coefficients.std_error)


def test_sampling_weights_force_the_robust_sandwich() -> None:
    w = np.random.default_rng(3).uniform(0.5, 3.0, Y.size)
    found = fit(X, Y, Normal(0.3), data={"weights": w, "weights_type": "sampling"})
    w = w * Y.size / w.sum()
    p = expit(Z @ coef(found))
    bread = np.linalg.inv((Z * (w * p * (1 - p))[:, None]).T @ Z + np.diag([0, *[0.3**-2.0] * 5]))
    meat = (Z * (w * (Y - p))[:, None]).T @ (Z * (w * (Y - p))[:, None])
    np.testing.assert_allclose(found.coefficients.cov, bread @ meat @ bread, rtol=1e-7)
    assert found.coefficients.kinds == ("sandwich",)


def test_effective_degrees_of_freedom_are_the_trace() -> None:
    for scale in (0.01, 0.3, 3.0, 1e4):
        found = fit(X, Y, Normal(scale))
        H = information(coef(found))
        trace = np.trace(np.linalg.solve(H + np.diag([0, *[scale**-2.0] * 5]), H))
        assert found.stats.df_model == pytest.approx(trace, rel=1e-8)
        assert found.stats.aic == pytest.approx(-2 * found.stats.loglik + 2 * trace)
        assert found.stats.bic == pytest.approx(-2 * found.stats.loglik + np.log(250) * trace)
    assert fit(X, Y, Normal(1e6)).stats.df_model == pytest.approx(6.0)


def test_effective_degrees_of_freedom_of_a_lasso_count_the_coefficients_that_are_not_zero() -> None:
    found = fit(X, Y, Laplace(0.05))
    assert found.stats.df_model == pytest.approx(np.count_nonzero(coef(found)))
    assert found.stats.df_model < 6
    net = fit(X, Y, ElasticNet(12.0, 5.0))
    on = np.flatnonzero(coef(net))
    H = information(coef(net))[np.ix_(on, on)]
    ridge = np.diag(np.where(on == 0, 0.0, 5.0))
    assert net.stats.df_model == pytest.approx(np.trace(np.linalg.solve(H + ridge, H)), rel=1e-7)
    strong = fit(X, Y, Laplace(1e-6), data={"intercept": False})
    assert strong.stats.df_model == 0.0


def row_side(function: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    def call(objective: Any, gamma: np.ndarray) -> float:
        monkeypatch.setattr(penalized_inference, "_MATRIX_UP_TO", 4000)
        return function(objective, gamma)

    return call


@pytest.mark.parametrize("prior", [Normal(0.5), Priors(Normal(0.5), {"x1": Flat(), "x2": Normal(0.1)})])
@pytest.mark.parametrize("make", [np.asarray, sp.csr_array])
def test_the_row_side_of_the_trace_is_the_same_number(
    prior: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = fit(make(X[:, :5] - 8.0), Y, prior, data=NAMES, inference="none").stats.df_model
    monkeypatch.setattr(penalized_inference, "_MATRIX_UP_TO", 0)
    monkeypatch.setattr(
        penalized_inference, "_df_by_rows", row_side(penalized_inference._df_by_rows, monkeypatch)
    )
    assert fit(make(X[:, :5] - 8.0), Y, prior, data=NAMES, inference="none").stats.df_model == pytest.approx(
        usual, rel=1e-9
    )


def test_log_likelihood_and_penalized_log_likelihood_add_up() -> None:
    rng = np.random.default_rng(5)
    trials = rng.integers(1, 6, 100)
    events = rng.binomial(trials, 0.4)
    found = fit(X[:100], events, Normal(0.5), data={"trials": trials})
    from scipy.stats import binom

    p = expit(Z[:100] @ coef(found))
    assert found.stats.loglik == pytest.approx(binom.logpmf(events, trials, p).sum(), rel=1e-12)
    prior = Normal(0.5).log_density(coef(found)[1:]).sum()
    assert found.details.penalized_loglik == pytest.approx(found.stats.loglik + prior, rel=1e-12)


@pytest.mark.parametrize(
    "prior", [Laplace(0.3), ElasticNet(1.0, 1.0), Priors(Normal(1.0), {"x1": Laplace(1.0)})]
)
def test_an_l1_part_gives_points_without_intervals_and_names_the_remedy(prior: Any) -> None:
    found = fit(X, Y, prior, data=NAMES)
    assert found.coefficients.kinds == ("none",)
    assert found.details.inference == "none"
    assert np.isnan(found.coefficients.cov).all()
    assert np.isnan(found.coefficients.std_error).all()
    with pytest.raises(NotAvailableError, match=r"inference='bootstrap'.*Bayes"):
        found.coefficients.draws(10, np.random.default_rng(0))


def test_none_asked_for_is_none() -> None:
    found = fit(X, Y, Normal(1.0), inference="none")
    assert found.coefficients.kinds == ("none",)
    with pytest.raises(NotAvailableError, match="inference='curvature'"):
        found.coefficients.draws(10, np.random.default_rng(0))
    flat = fit(X, Y, Flat(), inference="none")
    assert flat.coefficients.kinds == ("none",)
    np.testing.assert_allclose(coef(flat), coef(MLE().estimate(problem(X, Y))))


def test_zeros_are_a_finding_with_their_names() -> None:
    found = fit(X, Y, Laplace(0.05), data=NAMES)
    (finding,) = found.findings
    zero = [name for name, b in zip(["Intercept", *NAMES["names"]], coef(found), strict=True) if b == 0]
    assert finding.code == "zeros"
    assert finding.terms == tuple(zero)
    assert f"{len(zero)} of 5 coefficients" in finding.message


def test_no_p_values_for_shrunken_estimates() -> None:
    found = fit(X, Y, Normal(1.0))
    assert found.method.summary_columns(found) == {}


# -- bootstrap -------------------------------------------------------------------------------------------------


class Counting(Silent):
    def __init__(self) -> None:
        object.__setattr__(self, "units", 0)

    def advance(self, amount: int = 1, note: str = "") -> None:
        object.__setattr__(self, "units", self.units + amount)


def test_bootstrap_spread_is_near_the_robust_sandwich_of_the_lightly_penalized_fit() -> None:
    rng = np.random.default_rng(21)
    x = rng.normal(size=(300, 2))
    y = (rng.random(300) < expit(x[:, 0] - 0.5)).astype(int)
    found = fit(x, y, Normal(20.0), inference="bootstrap", resamples=300, rng=11)
    assert found.coefficients.kinds == ("bootstrap",)
    np.testing.assert_array_equal(coef(found), coef(fit(x, y, Normal(20.0))))
    hc = MLE(covariance="HC0").estimate(problem(x, y)).coefficients.std_error
    np.testing.assert_allclose(found.coefficients.std_error, hc, rtol=0.15)
    assert found.provenance.seed == 11


def test_bootstrap_of_a_lasso_keeps_exact_zeros_among_its_draws() -> None:
    progress = Counting()
    method = Penalized(Laplace(0.05), inference="bootstrap", resamples=60, rng=3)
    found = method.estimate(problem(X, Y), progress)
    draws = found.coefficients.draws(None, np.random.default_rng(0))
    assert draws.shape == (60, 6)
    assert 0 < np.mean(draws[:, 1:] == 0) < 1
    assert progress.units == 60
    again = method.estimate(problem(X, Y))
    np.testing.assert_array_equal(again.coefficients.draws(None, np.random.default_rng(0)), draws)
    other = Penalized(Laplace(0.05), inference="bootstrap", resamples=60, rng=4).estimate(problem(X, Y))
    assert not np.array_equal(other.coefficients.draws(None, np.random.default_rng(0)), draws)


def test_bootstrap_treats_a_frequency_weight_as_that_many_rows() -> None:
    w = np.tile([1.0, 3.0], Y.size // 2)
    kept = np.repeat(np.arange(Y.size), w.astype(int))
    options = {"inference": "bootstrap", "resamples": 150, "rng": 5}
    weighted = fit(X, Y, Normal(1.0), data={"weights": w}, **options)
    repeated = fit(X[kept], Y[kept], Normal(1.0), **options)
    np.testing.assert_allclose(weighted.coefficients.std_error, repeated.coefficients.std_error, rtol=0.3)


def test_bootstrap_counts_the_refits_that_fail() -> None:
    x, y = X[:20, :1], np.r_[1, np.zeros(19)].astype(int)
    found = fit(x, y, Normal(1.0), inference="bootstrap", resamples=50, rng=1)
    (finding,) = [f for f in found.findings if f.code == "bootstrap"]
    n_draws = found.coefficients.draws(None, np.random.default_rng(0)).shape[0]
    assert 0 < n_draws < 50
    assert f"{50 - n_draws} of 50 bootstrap refits are left out" in finding.message
    assert "constant" in finding.message


def test_a_bootstrap_is_not_run_inside_other_resampling() -> None:
    method = Penalized(Laplace(0.5), inference="bootstrap")
    assert method.surrogate() == Penalized(Laplace(0.5), inference="none")
    assert Penalized(Normal(1.0)).surrogate() == Penalized(Normal(1.0))


@pytest.mark.parametrize("prior", [plg.Normal(0.5), plg.Jeffreys()], ids=["Normal", "Jeffreys"])
def test_the_bootstrap_draws_the_clusters_of_the_model_whole(prior: Any) -> None:
    rng = np.random.default_rng(8)
    school = np.repeat(np.arange(20), 15)
    x = rng.normal(size=20)[school]  # varies between schools only, as luck does
    y = (rng.random(300) < expit(rng.normal(size=20)[school])).astype(int)
    method = plg.Penalized(prior, inference="bootstrap", resamples=60, rng=0)
    rows = plg.LogitModel.from_arrays(x[:, None], y).fit(method)
    whole = plg.LogitModel.from_arrays(x[:, None], y, groups=school).fit(method)
    assert whole.summary()["std_error"]["x0"] > 1.4 * rows.summary()["std_error"]["x0"]
    (finding,) = [f for f in whole.estimate.findings if f.code == "clusters"]
    assert "draws 20 whole clusters of groups" in finding.message
    two = plg.LogitModel.from_arrays(x[:, None], y, groups={"school": school, "year": np.arange(300) % 7})
    with pytest.raises(InputError, match="must be one column for the bootstrap"):
        two.fit(method)
