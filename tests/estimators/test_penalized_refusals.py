"""What `Penalized` refuses, and in which words; what it does where maximum likelihood fails."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from penalized_cases import coef, fit, simulated
from scipy.special import expit

from problogit.core.priors import Cauchy, ElasticNet, Flat, Laplace, Normal, Priors, StudentT
from problogit.errors import ConvergenceWarning, EstimationError, InputError, SeparationWarning
from problogit.estimate import Status
from problogit.estimators import penalized_optimum
from problogit.estimators.penalized import Penalized

X, Y = simulated(120, 4, seed=2)
NAMES = {"names": ["a", "b", "c", "d"]}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Penalized(1.0), r"prior must be a prior; received 1.0. As in Penalized\(Normal\(1.0\)\)"),
        (lambda: Penalized("l2"), "prior must be a prior"),
        (lambda: Penalized(Normal(-1.0)), "Normal: scale must be positive"),
        (lambda: Penalized(solver="newtn"), "Did you mean 'newton'"),
        (lambda: Penalized(inference="bootsrap"), "Did you mean 'bootstrap'"),
        (lambda: Penalized(inference="profile"), "inference must be one of 'curvature'"),
        (lambda: Penalized(resamples=1), "resamples must be an integer of at least 2"),
        (lambda: Penalized(rng=-1), "rng must be a non-negative int"),
        (lambda: Penalized(rng="seed"), "rng must be a non-negative int"),
    ],
)
def test_bad_options_are_named(make, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()


def test_an_unknown_option_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="penalty"):
        Penalized(penalty=1.0)  # type: ignore[call-arg]


@pytest.mark.parametrize("inference", ["curvature", "sandwich"])
@pytest.mark.parametrize(
    "prior", [Laplace(1.0), ElasticNet(1.0, 1.0), Priors(Normal(1.0), {"b": Laplace(1.0)})]
)
def test_curvature_of_an_l1_part_is_refused_with_the_remedy(inference: str, prior) -> None:
    with pytest.raises(InputError, match="inference must not be a curvature.*L1 part.*'bootstrap' or 'none'"):
        fit(X, Y, prior, inference=inference, data=NAMES)


def test_curvature_under_sampling_weights_is_refused() -> None:
    data = {"weights": np.linspace(0.5, 2, 120), "weights_type": "sampling"}
    with pytest.raises(InputError, match="sampling weights.*inference='sandwich'"):
        fit(X, Y, Normal(1.0), inference="curvature", data=data)


@pytest.mark.parametrize("solver", ["newton", "lbfgs", "newton-cg"])
def test_roads_that_cannot_take_a_kink_are_refused(solver: str) -> None:
    with pytest.raises(
        InputError, match="solver must be 'auto' or 'proximal-newton' where the prior has an L1"
    ):
        fit(X, Y, Laplace(1.0), solver=solver)


def test_the_bootstrap_of_a_flat_prior_is_refused() -> None:
    with pytest.raises(InputError, match="bootstrap under a flat prior.*HC3"):
        fit(X, Y, Flat(), inference="bootstrap")


@pytest.mark.parametrize("y", [np.zeros(120, dtype=int), np.ones(120, dtype=int)])
@pytest.mark.parametrize("prior", [Normal(1.0), Laplace(1.0), Flat(), Priors(Cauchy(1.0), {"a": Flat()})])
def test_a_constant_response_with_a_flat_intercept_is_refused(y: np.ndarray, prior) -> None:
    with pytest.raises(EstimationError, match=r"y is constant: all 120 rows are.*intercept=Normal\(2.5\)"):
        fit(X, y, prior, data={**NAMES, "event": 1})


@pytest.mark.parametrize("slopes", [Normal(1.0), Laplace(1.0), Cauchy(1.0)])
@pytest.mark.parametrize("intercept_at", ["zero", "mean"])
def test_a_constant_response_with_a_proper_intercept_has_an_estimate(slopes, intercept_at: str) -> None:
    priors = Priors(slopes, intercept=Normal(2.0), intercept_at=intercept_at)
    found = fit(X, np.ones(120, dtype=int), priors, data={**NAMES, "event": 1})
    assert found.status is Status.CONVERGED
    beta = coef(found)
    if intercept_at == "zero":
        Z = np.column_stack([np.ones(120), X])
        assert np.sum(1 - expit(Z @ beta)) == pytest.approx(beta[0] / 4.0, rel=1e-6)
    assert 1 < beta[0] < 12


def test_a_constant_response_without_intercept_has_an_estimate() -> None:
    found = fit(X, np.ones(120, dtype=int), Normal(1.0), data={"intercept": False, "event": 1})
    np.testing.assert_allclose(X.T @ (1 - expit(X @ coef(found))), coef(found), atol=1e-8)


@pytest.mark.parametrize(
    "prior", [Normal(2.5, autoscale=True), Laplace(1.0), StudentT(2.0, 1.0), Cauchy(2.5)]
)
def test_separated_data_have_a_finite_estimate_under_a_proper_prior(prior) -> None:
    y = (X[:, 0] > 0).astype(int)
    found = fit(X, y, prior)
    assert found.status is Status.CONVERGED
    assert np.isfinite(coef(found)).all()


def test_a_flat_prior_on_a_separating_term_is_refused_by_name() -> None:
    y = (X[:, 0] > 0).astype(int)
    with pytest.raises(
        EstimationError, match=r"no maximum: columns with a flat prior separate.*Normal.*to a\b"
    ):
        fit(X, y, Priors(Normal(1.0), {"a": Flat()}), data=NAMES)
    fine = fit(X, y, Priors(Normal(1.0), {"b": Flat()}), data=NAMES)
    assert fine.status is Status.CONVERGED
    rare = np.column_stack([X, np.r_[1.0, 1.0, np.zeros(118)]])
    y = np.r_[1, 1, Y[2:]]
    with pytest.raises(EstimationError, match=r"rare \(\+Inf\)"):
        fit(rare, y, Priors(Normal(1.0), {"rare": Flat()}), data={"names": ["a", "b", "c", "d", "rare"]})


def test_flat_priors_on_collinear_columns_are_refused_by_name() -> None:
    twice = np.column_stack([X, 2 * X[:, 1] + 1])
    names = {"names": ["a", "b", "c", "d", "e"]}
    with pytest.raises(EstimationError, match=r"linear combinations.*e = .*b.*proper prior to e"):
        fit(twice, Y, Priors(Normal(1.0), {"b": Flat(), "e": Flat()}), data=names)
    assert fit(twice, Y, Priors(Normal(1.0), {"b": Flat()}), data=names).status is Status.CONVERGED


def test_flat_on_everything_reports_separation_as_mle_does() -> None:
    y = (X[:, 0] > 0).astype(int)
    with pytest.warns(SeparationWarning, match="separated"):
        found = fit(X, y, Flat())
    assert found.status is Status.SEPARATED
    assert found.findings[0].code == "separation"
    assert found.method.name == "Penalized"


def test_more_columns_than_rows_need_a_proper_prior_only() -> None:
    wide, y = simulated(30, 60, seed=4)
    assert fit(wide, y, Normal(1.0)).status is Status.CONVERGED
    with pytest.raises(EstimationError, match="30 rows and 61 columns"):
        fit(wide, y, Flat())


def test_an_unknown_term_in_priors_is_named() -> None:
    with pytest.raises(InputError, match="received 'aa'. Did you mean 'a'"):
        fit(X, Y, Priors(Normal(1.0), {"aa": Flat()}), data=NAMES)


def test_an_intercept_prior_at_the_means_with_l1_on_a_sparse_design_is_refused() -> None:
    priors = Priors(Laplace(1.0), intercept=Normal(1.0), intercept_at="mean")
    with pytest.raises(InputError, match="intercept_at='mean'.*sparse"):
        fit(sp.csr_array(X), Y, priors)


def test_an_optimiser_that_gives_up_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def tired(objective, start: np.ndarray):
        found = penalized_optimum._run(
            objective, start, method="Newton-CG", options={"maxiter": 1}, hessp=None
        )
        return penalized_optimum.optimize_result(**{**found, "x": start + 1.0, "success": False})

    monkeypatch.setattr(penalized_optimum, "_lbfgs", tired)
    with pytest.warns(ConvergenceWarning, match="stopped before it converged"):
        found = fit(X, Y, Normal(1.0), solver="lbfgs")
    assert found.status is Status.NOT_CONVERGED
    assert found.findings[-1].code == "convergence"
