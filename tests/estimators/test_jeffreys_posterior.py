"""Bayes(Jeffreys()): its density, its mode, its readable model, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import trapezoid

import problogit as plg
from problogit.errors import EstimationError
from problogit.estimators.jeffreys_posterior import whiten_jeffreys
from problogit.estimators.pymc_model import pymc_model

DATA = Path(__file__).resolve().parents[1] / "reference" / "data"
JEFFREYS = plg.Jeffreys()


def model(kind: str = "rows"):
    rng = np.random.default_rng(5)
    n = 50
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
    if kind == "constant":
        y, extra["event"] = np.ones(n, dtype=int), 1
    if kind == "separated":
        y = (X[:, 0] > 3).astype(float)
    return plg.LogitModel.from_arrays(X, y, names=["a", "b", "c"], **extra)


KINDS = pytest.mark.parametrize("kind", ["rows", "trials", "weights", "offset", "constant", "separated"])


def half_log_det(this, beta: np.ndarray) -> float:
    return 0.5 * float(np.linalg.slogdet(this.row_likelihood.information(beta)[2])[1])


def some_points(posterior) -> np.ndarray:
    return np.random.default_rng(7).normal(size=(4, posterior.size))


@KINDS
def test_density_is_likelihood_plus_half_the_log_determinant(kind):
    this = model(kind).problem
    posterior = whiten_jeffreys(this)
    z = some_points(posterior)
    sampled = np.array([posterior.evaluate(one)[0] for one in z])
    direct = [this.row_likelihood.value(b) + half_log_det(this, b) for b in posterior.to_beta(z)]
    assert np.ptp(sampled - direct) < 1e-8
    np.testing.assert_allclose(posterior.log_density(z), sampled, rtol=1e-10)
    for one in z[:2]:
        step = 1e-5 * np.eye(posterior.size)
        slopes = [(posterior.evaluate(one + e)[0] - posterior.evaluate(one - e)[0]) / 2e-5 for e in step]
        np.testing.assert_allclose(posterior.evaluate(one)[1], slopes, atol=2e-6)


@KINDS
def test_the_copy_for_many_gradients_is_the_same_density(kind):
    posterior = whiten_jeffreys(model(kind).problem)
    fast = posterior.with_fast_gradients()
    assert fast.fast is not None
    for z in (*some_points(posterior), np.full(posterior.size, 300.0)):
        value, gradient = posterior.evaluate(z)
        assert fast.evaluate(z)[0] == pytest.approx(value, rel=1e-12)
        np.testing.assert_allclose(fast.evaluate(z)[1], gradient, atol=1e-9)


@KINDS
def test_mode_is_firths_estimate_with_unit_curvature(kind):
    """Separated data and a constant response too: the posterior is proper wherever the columns have full rank."""
    this = model(kind)
    posterior = whiten_jeffreys(this.problem)
    center = np.zeros(posterior.size)
    firth = this.fit(plg.Penalized(plg.Jeffreys(flic=False))).coef
    np.testing.assert_allclose(posterior.to_beta(center), firth, rtol=1e-6, atol=1e-8)
    assert np.abs(posterior.evaluate(center)[1]).max() < 1e-6
    h = 1e-4 * np.eye(posterior.size)
    hessian = [(posterior.evaluate(e)[1] - posterior.evaluate(-e)[1]) / 2e-4 for e in h]
    np.testing.assert_allclose(hessian, -np.eye(posterior.size), atol=1e-4)


@pytest.mark.parametrize("kind", ["rows", "weights"])
def test_readable_model_has_the_same_density_and_mode(kind):
    this = model(kind)
    posterior = whiten_jeffreys(this.problem)
    readable = pymc_model(this.problem, JEFFREYS)
    logp, dlogp = readable.compile_logp(mode="FAST_COMPILE"), readable.compile_dlogp(mode="FAST_COMPILE")

    def place(beta: np.ndarray) -> dict[str, np.ndarray]:
        return {"slopes": beta[1:], "intercept": np.asarray(beta[0])}

    z = some_points(posterior)
    off = [float(logp(place(posterior.to_beta(one)))) - posterior.evaluate(one)[0] for one in z]
    assert np.ptp(off) < 1e-8
    mode = posterior.to_beta(np.zeros(posterior.size))
    spread = np.sqrt(np.diag(np.linalg.inv(this.problem.row_likelihood.information(mode)[2])))
    assert np.abs(dlogp(place(mode)) * spread[[1, 2, 3, 0]]).max() < 1e-5
    assert {variable.name for variable in readable.potentials} >= {"jeffreys_prior"}


def test_units_of_the_columns_do_not_matter():
    this = model()
    other = plg.LogitModel.from_arrays(this.X[:, 1:] * [1e6, 1e-6, 3.0], this.y, names=["a", "b", "c"])
    one, two = whiten_jeffreys(this.problem), whiten_jeffreys(other.problem)
    beta = one.to_beta(some_points(one))
    moved = beta / [1, 1e6, 1e-6, 3.0]
    values = [
        np.array([t.evaluate(z)[0] for z in points])
        for t, points in (
            (one, [np.linalg.solve(one.matrix @ one.root, b - one.to_beta(np.zeros(4))) for b in beta]),
            (two, [np.linalg.solve(two.matrix @ two.root, b - two.to_beta(np.zeros(4))) for b in moved]),
        )
    ]
    assert np.ptp(values[0] - values[1]) < 1e-6


def test_moments_against_quadrature():
    """One column beside the intercept, quasi-separated: group b has events only."""
    table = pd.DataFrame({"g": ["a"] * 12 + ["b"] * 3, "y": [0, 1, 0, 0] * 3 + [1, 1, 1]})
    this = plg.LogitModel("y ~ g", table)
    fit = this.fit(plg.Bayes(JEFFREYS, draws=600, tune=300, rng=4), progress=False)
    assert fit.converged
    # Two groups: Jeffreys' prior is Beta(1/2, 1/2) of each probability, up to the Jacobian of the log-odds.
    eta = np.linspace(-12, 40, 20001)

    def posterior(events: int, trials: int) -> tuple[float, float]:
        log_density = (events + 0.5) * eta - (trials + 1) * np.logaddexp(0, eta)
        weight = np.exp(log_density - log_density.max())
        mean = trapezoid(eta * weight, eta) / trapezoid(weight, eta)
        return mean, trapezoid((eta - mean) ** 2 * weight, eta) / trapezoid(weight, eta)

    (low, low_var), (high, high_var) = posterior(3, 12), posterior(3, 3)
    expected, sd = [low, high - low], np.sqrt([low_var, low_var + high_var])
    error = sd / np.sqrt(fit.summary()["ess_bulk"])
    assert np.all(np.abs(fit.coef - expected) < 4 * error)
    np.testing.assert_allclose(fit.summary()["std_error"], sd, rtol=0.15)
    assert not fit.estimate.details.statistics["diverging"].any()


def test_laplace_sampler_takes_jeffreys_prior():
    this = model("trials")
    fit = this.fit(plg.Bayes(JEFFREYS, sampler="laplace", rng=1), progress=False)
    firth = this.fit(plg.Penalized(JEFFREYS))
    spread = fit.summary()["std_error"]
    assert np.all(np.abs(fit.coef - firth.coef) < 0.5 * spread)
    np.testing.assert_allclose(fit.estimate.details.mode, firth.coef, rtol=1e-6)


def test_columns_that_repeat_one_another_are_refused():
    x = np.random.default_rng(1).normal(size=40)
    y = (np.random.default_rng(2).random(40) < 0.5).astype(int)
    both = plg.LogitModel.from_arrays(np.column_stack([x, 2 * x]), y, names=["x", "twice"])
    with pytest.raises(EstimationError, match="does not exist.*twice = 2 x.*information is singular"):
        both.fit(plg.Bayes(JEFFREYS))


def test_more_columns_than_rows_are_refused():
    X = np.random.default_rng(1).normal(size=(10, 15))
    wide = plg.LogitModel.from_arrays(X, np.arange(10) % 2)
    with pytest.raises(EstimationError, match="does not exist"):
        wide.fit(plg.Bayes(JEFFREYS))


@pytest.mark.filterwarnings("ignore::problogit.errors.ConvergenceWarning")  # too short to be judged well
def test_a_fit_is_saved_and_read_again(tmp_path):
    fit = model().fit(plg.Bayes(JEFFREYS, draws=60, tune=60, chains=2, rng=1), progress=False)
    fit.save(tmp_path / "fit.zip")
    again = plg.load(tmp_path / "fit.zip")
    assert again.summary().equals(fit.summary())
    assert again.estimate.details.prior == JEFFREYS
    assert fit.hyperparameters().empty
    assert "Jeffreys()" in str(again)


@pytest.mark.slow
def test_endometrial_data_sample_without_divergence():
    """Separated by one column (Heinze & Schemper 2002)."""
    table = pd.read_csv(DATA / "endometrial.csv")
    columns = [name for name in table.columns if name != "HG"]
    fit = plg.LogitModel("HG ~ " + " + ".join(columns), table).fit(
        plg.Bayes(JEFFREYS, draws=500, tune=300, rng=2), progress=False
    )
    assert fit.converged
    assert not fit.estimate.details.statistics["diverging"].any()
