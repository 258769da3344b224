"""Penalty paths against glmnet, against single fits, and where they begin and end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from path_cases import path_data, path_figures
from penalized_cases import coef, fit, problem, simulated

import problogit as plg
from problogit.core.priors.base import ResolvablePrior
from problogit.errors import EstimationError, InputError
from problogit.estimators.path import Path, open_path
from problogit.estimators.path_grid import plan_course
from problogit.estimators.path_recording import compute_path
from problogit.estimators.select import Grid

FIGURES = path_figures()


def path_of(X: Any, y: Any, prior: ResolvablePrior, **keywords: Any) -> Path:
    made = problem(X, y, **keywords)
    return open_path(made, prior.resolve(made))


def walked(path: Path, factors: Any) -> list:
    return list(path.walk(plan_course(path.scaled, Grid(len(factors), None, tuple(factors)))))


@pytest.mark.parametrize("name", FIGURES)
def test_objective_and_support_at_every_strength_against_glmnet(name: str) -> None:
    case = FIGURES[name]
    X, y = path_data(case["data"])
    strength, alpha = np.array(case["strength"]), case["alpha"]
    prior = plg.Laplace(1.0) if alpha == 1 else plg.ElasticNet(alpha, 1 - alpha)
    found = plg.LogitModel.from_arrays(X, y).path(prior, values=strength).record
    slopes = found.coefficients.toarray()[:, 1:]
    squares = (slopes**2).sum(axis=1)
    ours = -found.loglik + strength * (alpha * np.abs(slopes).sum(axis=1) + (1 - alpha) / 2 * squares)
    assert np.all(ours <= np.array(case["objective"]) * (1 + 1e-7))
    np.testing.assert_allclose(ours, case["objective"], rtol=1e-7)
    residuals = _residuals(X, y, found.coefficients.toarray())
    for k, theirs in enumerate(case.get("support", [])):
        gradient = np.abs(X.T @ residuals[k]) - alpha * strength[k]
        for j in set(np.flatnonzero(slopes[k])) ^ set(theirs):  # ties: about to enter, or hardly in
            assert abs(gradient[j] - (1 - alpha) * strength[k] * abs(slopes[k, j])) < 1e-3 * strength[k]
            assert abs(slopes[k, j]) < 1e-3


def _residuals(X: Any, y: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    eta = coefficients[:, :1] + (X @ coefficients[:, 1:].T).T
    return y - 1 / (1 + np.exp(-eta))


PRIORS = {
    "lasso": plg.Laplace(1.0),
    "lasso-autoscaled": plg.Laplace(1.0, autoscale=True),
    "net": plg.ElasticNet(1.0, 0.7),
    "ridge": plg.Normal(1.0),
    "by-term": plg.Priors(
        plg.Laplace(1.0), {"x1": plg.Normal(1.0), "x2": plg.Flat(), "x3": plg.Laplace(0.2)}
    ),
    "located": plg.Laplace(1.0, loc=0.2),
    "intercept": plg.Priors(plg.Laplace(1.0), intercept=plg.Normal(2.0)),
    "intercept-at-mean": plg.Priors(plg.Normal(1.0), intercept=plg.Normal(2.0), intercept_at="mean"),
    "heavy": plg.StudentT(4.0, 1.0),
}


# A sparse design is not centred, so that no prior can be put on the intercept at the means.
LAYOUTS = [(name, False) for name in PRIORS] + [
    (name, True) for name in PRIORS if name != "intercept-at-mean"
]


@pytest.mark.parametrize(("name", "sparse"), LAYOUTS)
def test_every_value_is_the_fit_at_that_strength(name: str, sparse: bool) -> None:
    X, y = simulated(n=200, p=6, seed=1, shift=0.0 if sparse else 3.0)
    X = sp.csr_array(np.where(np.abs(X) < 0.5, 0.0, X)) if sparse else X
    path = path_of(X, y, PRIORS[name])
    record, _ = compute_path(path, Grid(8, None, None))
    for k in range(0, record.n_values, 3):
        factor = float(record.factors[k])
        single = fit(X, y, _Fixed(PRIORS[name], factor))
        found = record.coefficients[[k]].toarray()[0]
        np.testing.assert_allclose(found, coef(single), atol=2e-3 * (1 + np.abs(coef(single)).max()))
        assert record.loglik[k] == pytest.approx(single.stats.loglik, abs=1e-2)
        value = path.prior.strengthened(factor)
        best = single.stats.loglik + value.below_peak(coef(single))
        assert record.loglik[k] + value.below_peak(found) == pytest.approx(best, abs=1e-5)


class _Fixed(ResolvablePrior):
    """A prior at a factor, without the class under test."""

    def __init__(self, prior: ResolvablePrior, factor: float) -> None:
        self.prior, self.factor = prior, factor

    def resolve(self, problem: Any) -> Any:
        return self.prior.resolve(problem).strengthened(self.factor)

    def describe(self) -> str:
        return "fixed"


@pytest.mark.parametrize("name", ["lasso", "net", "by-term", "located", "intercept"])
def test_the_path_begins_at_the_smallest_factor_that_leaves_all_zero(name: str) -> None:
    X, y = simulated(n=150, p=6, seed=2)
    path = path_of(X, y, PRIORS[name])
    course = plan_course(path.scaled, Grid(5, None, None))
    kinked = path.prior.l1 > 0
    above, below = walked(path, [course.largest * 1.001, course.largest * 0.999])
    assert np.all(above.beta[kinked] == path.prior.loc[kinked])
    assert np.any(below.beta[kinked] != path.prior.loc[kinked])
    assert course.factors[0] == pytest.approx(course.largest)
    assert course.factors[-1] == pytest.approx(1e-4 * course.largest)
    ratios = course.factors[1:] / course.factors[:-1]
    np.testing.assert_allclose(ratios, ratios[0])


def test_the_largest_factor_against_the_gradient_of_the_null_model() -> None:
    X, y = simulated(n=150, p=6, seed=2)
    record, _ = compute_path(path_of(X, y, plg.Laplace(1.0)), Grid(3, None, None))
    assert record.factors[0] == pytest.approx(np.abs(X.T @ (y - y.mean())).max(), rel=1e-9)
    assert record.n_nonzero[0] == 0
    assert record.deviance[0] == pytest.approx(-2 * record.loglik[0])
    assert record.explained[0] == pytest.approx(0.0, abs=1e-9)
    np.testing.assert_array_equal(record.df, record.n_nonzero + 1)
    np.testing.assert_allclose(record.l1, record.factors)
    assert not record.l2.any()


def test_fewer_rows_than_columns_end_at_a_hundredth() -> None:
    X, y = simulated(n=40, p=60, seed=3)
    course = plan_course(path_of(X, y, plg.Laplace(1.0)).scaled, Grid(10, None, None))
    assert course.factors[-1] == pytest.approx(1e-2 * course.largest)


def test_a_grid_that_begins_in_the_middle_is_led_up_to() -> None:
    X, y = simulated(n=150, p=6, seed=2)
    path = path_of(X, y, plg.Laplace(1.0))
    whole = walked(path, [50.0, 20.0, 5.0, 1.0, 0.5])
    late = walked(path, [1.0, 0.5])
    np.testing.assert_allclose(late[0].beta, whole[3].beta, atol=1e-3)
    assert plan_course(path.scaled, Grid(2, None, (1.0, 0.5))).approach.size > 3


def test_a_path_ends_when_nothing_is_left_to_explain() -> None:
    X, y = simulated(n=60, p=80, seed=4, strength=3.0)
    record, _ = compute_path(path_of(X, y, plg.Laplace(1.0)), Grid(200, 1e-6, None))
    assert record.n_values < 200
    assert record.explained[-1] > 0.999
    assert "99.9%" in record.ended
    X, y = simulated(n=500, p=3, seed=5)
    record, _ = compute_path(path_of(X, y, plg.Laplace(1.0)), Grid(100, 1e-8, None))
    assert record.n_values < 100
    assert "grows by less" in record.ended


def test_a_path_goes_on_while_rare_levels_wait_behind_a_strong_term() -> None:
    rng = np.random.default_rng(6)
    n, levels = 4000, 800
    x, level = rng.normal(size=n), rng.integers(0, levels, n)
    dummies = sp.csr_array((np.ones(n), (np.arange(n), level)), shape=(n, levels))
    y = (rng.random(n) < 1 / (1 + np.exp(-2 * x - 2 * rng.normal(size=levels)[level]))).astype(int)
    X = sp.csr_array(sp.hstack([sp.csr_array(30 * x[:, None]), dummies]))
    record, _ = compute_path(path_of(X, y, plg.Laplace(1.0)), Grid(60, 1e-5, None))
    still = np.flatnonzero(record.n_nonzero == 1)
    gains = np.diff(record.explained)[still[still < record.n_values - 1]]
    assert (gains < 2e-5).any()  # glmnet's rule alone would have ended here
    assert record.n_nonzero[-1] > 100


def test_ridge_with_more_columns_than_rows_is_the_same_by_both_roads() -> None:
    X, y = simulated(n=50, p=90, seed=7)
    path = path_of(X, y, plg.Normal(1.0, loc=0.1))
    for stop in walked(path, [30.0, 1.0, 0.1]):
        direct = fit(X, y, plg.Normal(1 / np.sqrt(stop.factor), loc=0.1))
        np.testing.assert_allclose(stop.beta, coef(direct), atol=1e-4)


def test_trials_weights_and_offset_along_the_path() -> None:
    rng = np.random.default_rng(8)
    X, _ = simulated(n=80, p=5, seed=8)
    trials, weights, offset = rng.integers(1, 6, 80), rng.integers(1, 4, 80), rng.normal(size=80)
    y = rng.binomial(trials, 0.4)
    keywords = {"trials": trials, "weights": weights, "offset": offset}
    record, _ = compute_path(path_of(X, y, plg.Laplace(1.0), **keywords), Grid(10, None, None))
    rows = np.repeat(np.arange(80), weights)
    repeated = {"trials": trials[rows], "offset": offset[rows]}
    again, _ = compute_path(path_of(X[rows], y[rows], plg.Laplace(1.0), **repeated), Grid(10, None, None))
    np.testing.assert_allclose(record.factors, again.factors, rtol=1e-8)
    np.testing.assert_allclose(record.coefficients.toarray(), again.coefficients.toarray(), atol=1e-3)
    np.testing.assert_allclose(record.loglik, again.loglik, rtol=1e-7)
    np.testing.assert_allclose(record.deviance, again.deviance, rtol=1e-6)
    fitted = fit(X, y, plg.Laplace(1 / record.factors[-1]), data=keywords)
    assert plg.Fit(fitted).deviance == pytest.approx(record.deviance[-1], rel=1e-6)


def test_effective_degrees_of_freedom_along_the_path() -> None:
    X, y = simulated(n=150, p=6, seed=9)
    for prior in (plg.Normal(1.0), plg.ElasticNet(1.0, 1.0)):
        record, _ = compute_path(path_of(X, y, prior), Grid(8, None, None))
        for k in (2, 5):
            assert record.df[k] == pytest.approx(
                fit(X, y, _Fixed(prior, record.factors[k])).stats.df_model, rel=1e-3
            )
    assert 1.0 <= record.df[0] < record.df[-1] <= 7.0


def test_repeated_columns_count_once_in_the_degrees_of_freedom() -> None:
    X, y = simulated(n=150, p=4, seed=9)
    once, _ = compute_path(path_of(X, y, plg.Laplace(1.0)), Grid(8, None, None))
    twice, _ = compute_path(path_of(np.column_stack([X, X]), y, plg.Laplace(1.0)), Grid(8, None, None))
    np.testing.assert_allclose(twice.df, once.df, atol=1e-6)
    np.testing.assert_allclose(twice.loglik, once.loglik, rtol=1e-7)


@pytest.mark.parametrize("sparse", [False, True])
def test_a_path_without_an_intercept(sparse: bool, capfd: pytest.CaptureFixture[str]) -> None:
    X, y = simulated(n=150, p=4, seed=9)
    design = sp.csr_array(X) if sparse else X
    path = plg.LogitModel.from_arrays(design, y, intercept=False).path(plg.Laplace(1.0), n_values=8).record
    assert path.factors[0] == pytest.approx(np.abs(X.T @ (y - 0.5)).max(), rel=1e-9)
    single = fit(design, y, plg.Laplace(1 / path.factors[4]), data={"intercept": False})
    np.testing.assert_allclose(path.coefficients[[4]].toarray()[0], coef(single), atol=1e-4)
    assert capfd.readouterr() == ("", "")


def test_what_has_no_path_is_refused() -> None:
    X, y = simulated(n=60, p=3)
    model = plg.LogitModel.from_arrays(X, y)
    with pytest.raises(InputError, match="prior must have a strength that can be scaled.*flat priors only"):
        model.path(plg.Flat())
    with pytest.raises(InputError, match="prior must be a prior.*model.path"):
        model.path("lasso")
    with pytest.raises(InputError, match=r"Jeffreys\(\) has none"):
        model.path(plg.Jeffreys())
    with pytest.raises(InputError, match="strength that can be scaled"):
        model.fit(plg.Penalized(plg.Flat(), select="cv"))
    separated = plg.LogitModel.from_arrays(np.column_stack([y * 2.0 - 1, X]), y)
    with pytest.raises(EstimationError, match="flat prior separate"):
        separated.path(plg.Priors(plg.Laplace(1.0), {"x0": plg.Flat()}))
    constant = plg.LogitModel.from_arrays(X, np.ones(60), event=1)
    with pytest.raises(EstimationError, match="constant"):
        constant.path(plg.Laplace(1.0))
