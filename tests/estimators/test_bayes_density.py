"""The density that is sampled: against the readable PyMC model, finite differences and the penalized estimate."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

import problogit as plg
from problogit.estimators.pymc_model import pymc_model
from problogit.estimators.whitened import whiten

PRIORS = {
    "normal": plg.Normal(1.5),
    "autoscaled": plg.Normal(2.5, autoscale=True),
    "shifted": plg.Normal(0.7, loc=0.4),
    "laplace": plg.Laplace(0.3),
    "elastic-net": plg.ElasticNet(2.0, 1.5),
    "student-t": plg.StudentT(4, 0.8),
    "cauchy": plg.Cauchy(0.5),
    "by-term": plg.Priors(
        plg.Normal(1.0),
        {"b": plg.Laplace(0.5), "c": plg.Flat()},
        intercept=plg.Normal(2.0),
        intercept_at="mean",
    ),
    "by-term-at-zero": plg.Priors(
        plg.StudentT(3, 1.0), {"c": plg.Normal(0.2)}, intercept=plg.Normal(3.0, loc=-1)
    ),
}
DATA = ("rows", "trials", "weights", "offset", "sparse", "no-intercept")
EVERY_PRIOR = pytest.mark.parametrize("prior", PRIORS.values(), ids=PRIORS.keys())


def problem(kind: str = "rows"):
    """60 rows, three columns of unlike means and scales."""
    rng = np.random.default_rng(5)
    n = 60
    X = rng.normal(size=(n, 3)) * [1.0, 6.0, 0.2] + [3.0, 0.0, 0.1]
    y = (rng.random(n) < 0.45).astype(float)
    extra: dict = {}
    if kind == "trials":
        extra["trials"] = rng.integers(1, 6, n)
        y = rng.binomial(extra["trials"], 0.4)
    if kind == "weights":
        extra["weights"] = rng.integers(1, 4, n)
    if kind == "offset":
        extra["offset"] = rng.normal(size=n)
    if kind == "no-intercept":
        extra["intercept"] = False
    columns = sp.csr_array(X) if kind == "sparse" else X
    return plg.LogitModel.from_arrays(columns, y, names=["a", "b", "c"], **extra).problem


def point(model, problem, resolved, beta: np.ndarray) -> dict[str, np.ndarray]:
    """The free variables of the readable model at coefficients `beta`."""
    place = {}
    for variable in model.value_vars:
        name = variable.name
        if name.startswith("intercept"):
            shift = 0.0 if resolved.anchor is None else resolved.anchor @ beta
            place[name] = np.asarray(beta[problem.intercept] + shift)
        else:
            terms = model.coords[f"term_of_{name}"]
            place[name] = beta[[problem.terms.index(term) for term in terms]]
    return place


def some_points(posterior, count: int) -> np.ndarray:
    return np.random.default_rng(7).normal(size=(count, posterior.size)) * 1.5


@EVERY_PRIOR
def test_gradient_matches_finite_differences(prior):
    this = problem("weights")
    posterior = whiten(this, prior.resolve(this))
    for z in some_points(posterior, 3):
        step = 1e-5 * np.eye(posterior.size)
        slopes = [(posterior.evaluate(z + e)[0] - posterior.evaluate(z - e)[0]) / 2e-5 for e in step]
        np.testing.assert_allclose(posterior.evaluate(z)[1], slopes, atol=2e-6)


@EVERY_PRIOR
def test_density_is_likelihood_plus_prior_in_original_units(prior):
    this = problem("trials")
    resolved = prior.resolve(this)
    posterior = whiten(this, resolved)
    z = some_points(posterior, 4)
    beta = posterior.to_beta(z)
    sampled = [posterior.evaluate(one)[0] for one in z]
    direct = this.row_likelihood.batch(beta) + resolved.batch(beta)
    assert np.ptp(sampled - direct) < 1e-9
    np.testing.assert_allclose(posterior.to_z(beta[0]), z[0], atol=1e-9)


@EVERY_PRIOR
def test_density_equals_the_readable_model_up_to_a_constant(prior):
    this = problem()
    resolved = prior.resolve(this)
    assert_same_density(this, prior, resolved)


@pytest.mark.parametrize("kind", DATA[1:])
def test_density_equals_the_readable_model_for_every_shape_of_data(kind):
    this = problem(kind)
    prior = PRIORS["autoscaled" if kind == "no-intercept" else "by-term"]
    assert_same_density(this, prior, prior.resolve(this))


def assert_same_density(this, prior, resolved) -> None:
    posterior = whiten(this, resolved)
    model = pymc_model(this, prior)
    logp = model.compile_logp(mode="FAST_COMPILE")
    z = some_points(posterior, 4)
    readable = [float(logp(point(model, this, resolved, beta))) for beta in posterior.to_beta(z)]
    sampled = [posterior.evaluate(one)[0] for one in z]
    assert np.ptp(np.array(readable) - sampled) < 1e-9


@EVERY_PRIOR
def test_mode_of_the_readable_model_is_the_penalized_estimate(prior):
    this = problem()
    resolved = prior.resolve(this)
    model = pymc_model(this, prior)
    beta = plg.Penalized(prior, inference="none").estimate(this).coefficients.location
    gradient = model.compile_dlogp(mode="FAST_COMPILE")
    place = point(model, this, resolved, beta)
    slopes = dict(zip([v.name for v in model.value_vars], split(gradient(place), place), strict=True))
    width = curvature_width(this, resolved, beta)
    kinked = resolved.l1 > 0
    for name, slope in slopes.items():
        terms = ["Intercept"] if name.startswith("intercept") else model.coords[f"term_of_{name}"]
        for term, value in zip(terms, np.atleast_1d(slope), strict=True):
            j = this.terms.index(term)
            if kinked[j] and beta[j] == resolved.loc[j]:
                continue
            # The gradient of a coefficient in units of its own standard error: 1e-5 is 1e-5 standard errors off.
            assert abs(value) * width[j] < 1e-5, term
    assert_subgradient(this, resolved, beta)


def split(flat: np.ndarray, place: dict[str, np.ndarray]) -> list[np.ndarray]:
    sizes = np.cumsum([np.size(value) for value in place.values()])
    return np.split(flat, sizes[:-1])


def curvature_width(this, resolved, beta: np.ndarray) -> np.ndarray:
    """Conditional standard errors, from the curvature of likelihood plus smooth prior."""
    bend = np.diag(this.row_likelihood.information(beta)[2]) + resolved.curvature(beta)
    return 1.0 / np.sqrt(bend)


def assert_subgradient(this, resolved, beta: np.ndarray) -> None:
    """At a kink the likelihood's slope is no steeper than the prior's: |d loglik / d beta_j| <= l1."""
    slope = this.row_likelihood.gradient(beta)[1] + resolved.gradient(beta)
    at_kink = (resolved.l1 > 0) & (beta == resolved.loc)
    assert np.all(np.abs(slope[at_kink]) <= resolved.l1[at_kink] * (1 + 1e-9))


def test_a_strong_laplace_prior_puts_coefficients_at_the_kink():
    this = problem()
    prior = plg.Laplace(0.05)
    beta = plg.Penalized(prior).estimate(this).coefficients.location
    assert np.count_nonzero(beta[1:] == 0) >= 2
    assert_subgradient(this, prior.resolve(this), beta)


@pytest.mark.parametrize(
    "prior",
    [plg.Normal(1.0), plg.StudentT(4, 0.8), plg.Priors(plg.Normal(1.0), intercept=plg.Normal(2.0))],
    ids=["normal", "student-t", "with-intercept"],
)
def test_whitened_coordinates_are_centred_at_the_mode_with_unit_curvature(prior):
    this = problem()
    posterior = whiten(this, prior.resolve(this))
    assert posterior.exact_mode
    center = np.zeros(posterior.size)
    penalized = plg.Penalized(prior).estimate(this).coefficients.location
    np.testing.assert_allclose(posterior.to_beta(center), penalized, rtol=1e-6, atol=1e-8)
    assert np.abs(posterior.evaluate(center)[1]).max() < 1e-6
    h = 1e-4
    hessian = [
        (posterior.evaluate(h * e)[1] - posterior.evaluate(-h * e)[1]) / (2 * h)
        for e in np.eye(posterior.size)
    ]
    np.testing.assert_allclose(hessian, -np.eye(posterior.size), atol=1e-5)


def test_far_points_have_a_density_and_raise_no_warning():
    this = problem()
    posterior = whiten(this, plg.Normal(1.0).resolve(this))
    value, gradient = posterior.evaluate(np.full(posterior.size, 1e8))
    assert value < -1e6
    assert np.isfinite(gradient).all()
    posterior.evaluate(np.full(posterior.size, np.inf))


def test_readable_model_has_named_dimensions():
    this = problem("trials")
    model = pymc_model(this, PRIORS["by-term"])
    assert list(model.coords["term"]) == ["Intercept", "a", "b", "c"]
    assert model.named_vars_to_dims["beta"] == ("term",)
    assert model.named_vars_to_dims["X"] == ("obs", "term")
    assert {v.name for v in model.free_RVs} == {
        "slopes_normal",
        "slopes_laplace",
        "slopes_flat",
        "intercept_at_means",
    }
    assert [v.name for v in model.observed_RVs] == ["y"]


def test_many_columns_are_whitened_one_by_one(monkeypatch):
    from problogit.estimators import whitened

    monkeypatch.setattr(whitened, "_DENSE_UP_TO", 2)
    this = problem("sparse")
    resolved = PRIORS["normal"].resolve(this)
    posterior = whiten(this, resolved)
    assert posterior.root.shape == (4,)
    z = some_points(posterior, 3)
    beta = posterior.to_beta(z)
    direct = this.row_likelihood.batch(beta) + resolved.batch(beta)
    assert np.ptp([posterior.evaluate(one)[0] for one in z] - direct) < 1e-9
    step = 1e-5 * np.eye(4)
    slopes = [(posterior.evaluate(z[0] + e)[0] - posterior.evaluate(z[0] - e)[0]) / 2e-5 for e in step]
    np.testing.assert_allclose(posterior.evaluate(z[0])[1], slopes, atol=2e-6)
