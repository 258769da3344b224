"""The normal approximation and the coordinates that follow it: the equations that define them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

import problogit as plg
from problogit.core.priors.used import use_prior
from problogit.estimators.hierarchical_average import average_from
from problogit.estimators.hierarchical_passage import ParabolaPassage, TracedPassage
from problogit.estimators.hierarchical_view import view_at

PRIOR = plg.Priors(plg.Normal(plg.HalfNormal(1.0)), intercept=plg.Normal(2.0))


def separated(n: int = 12, p: int = 20):
    rng = np.random.default_rng(1)
    return plg.LogitModel.from_arrays(rng.normal(size=(n, p)), rng.permutation(np.arange(n) % 2)).problem


def test_normal_approximation_solves_its_equations():
    # E_q[gradient] = 0 and precision = E_q[minus the Hessian], the averages taken over 400 000 draws of q.
    problem = separated()
    view = view_at(problem, use_prior(PRIOR, problem), np.full(20, np.log(0.6)))
    found = average_from(view, None)
    bend = view.tame.hessian(found.mean)
    rng = np.random.default_rng(2)
    root = np.linalg.cholesky(np.linalg.inv(found.information + bend))
    draws = found.mean + rng.normal(size=(400_000, found.mean.size)) @ root.T
    X = view.likelihood.local(slice(0, 12))
    p = expit(draws @ X.T + view.likelihood.offset)
    score = X.T @ (view.likelihood.successes - p.mean(axis=0)) + view.tame.gradient(found.mean)
    assert np.abs(score).max() < 0.01  # Monte Carlo error 0.001
    information = X.T @ ((p * (1 - p)).mean(axis=0)[:, None] * X)
    np.testing.assert_allclose(
        found.information, information, rtol=0.05, atol=0.03
    )  # stops 0.01 short of the bound
    # The mass lies beyond the mode.
    assert np.linalg.norm(found.mean[1:]) > 1.2 * np.linalg.norm(view.mode[1:])


def test_normal_approximation_of_many_rows_is_mode_and_curvature():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(4000, 3))
    y = rng.random(4000) < expit(X @ [0.5, -0.4, 0.0])
    problem = plg.LogitModel.from_arrays(X, y.astype(int)).problem
    view = view_at(problem, use_prior(PRIOR, problem), np.zeros(3))
    found = average_from(view, None)
    np.testing.assert_allclose(found.mean, view.mode, atol=2e-3)
    np.testing.assert_allclose(
        found.information, view.likelihood.information(view.mode)[2], rtol=5e-3, atol=1.0
    )


def passages():
    rng = np.random.default_rng(4)
    unit = rng.normal(size=3)
    logs = np.linspace(-3.0, 1.0, 6)
    modes, precisions = rng.normal(size=(6, 3)), rng.uniform(0.5, 4.0, (6, 3))
    yield TracedPassage.through(unit, logs, modes, precisions), unit
    yield ParabolaPassage(rng.uniform(0, 3, 3), rng.normal(size=3), unit), unit


@pytest.mark.parametrize("t", [-5.0, -3.0, -1.37, 0.2, 1.0, 2.5])
@pytest.mark.parametrize(("passage", "unit"), list(passages()), ids=["traced", "parabola"])
def test_slopes_match_finite_differences(passage, unit, t):
    here = passage.at(unit + t)
    up, down = passage.at(unit + t + 1e-6), passage.at(unit + t - 1e-6)
    np.testing.assert_allclose(here.mean_slope, (up.mean - down.mean) / 2e-6, rtol=1e-4, atol=1e-5)
    log_widths = np.log(up.width) - np.log(down.width)
    np.testing.assert_allclose(here.log_width_slope, log_widths / 2e-6, rtol=1e-4, atol=1e-5)


def test_trace_goes_through_what_was_found_and_takes_batches():
    passage, unit = next(passages())
    logs = np.linspace(-3.0, 1.0, 6)
    many = passage.at(unit + logs[:, None])
    for i, t in enumerate(logs):
        one = passage.at(unit + t)
        np.testing.assert_allclose(many.mean[i], one.mean, rtol=1e-12)
        np.testing.assert_allclose(many.width[i], one.width, rtol=1e-12)
    rng = np.random.default_rng(4)
    rng.normal(size=3)
    modes = rng.normal(size=(6, 3))
    np.testing.assert_allclose(many.mean, modes, rtol=1e-9, atol=1e-12)
