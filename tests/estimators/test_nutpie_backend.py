"""NUTS by nutpie's loop: the same posterior as PyMC's, the same seed the same draws, interrupts and failures."""

from __future__ import annotations

import _thread
import builtins
import threading

import numpy as np
import pytest

import problogit as plg
from problogit.core.priors.used import use_prior
from problogit.errors import EstimationError, MissingDependencyError
from problogit.estimators import nuts
from problogit.estimators.nutpie_op import run_nutpie
from problogit.estimators.nuts import choose_backend
from problogit.estimators.nuts_watch import NutsSettings
from problogit.progress import SILENT

SHORT = {"draws": 500, "chains": 4, "backend": "nutpie"}


@pytest.fixture(scope="module")
def model() -> plg.LogitModel:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(200, 3)) * (1.0, 20.0, 0.1)
    y = rng.random(200) < 1 / (1 + np.exp(-(X @ (0.8, -0.03, 4.0) - 0.4)))
    return plg.LogitModel.from_arrays(X, y.astype(int))


@pytest.mark.slow
def test_same_posterior_as_pymc_within_monte_carlo_error(model):
    ours, theirs = (
        model.fit(plg.Bayes(plg.Laplace(1.0, autoscale=True), backend=backend, rng=1), progress=False)
        for backend in ("nutpie", "pymc")
    )
    assert ours.converged
    error = np.hypot(ours.estimate.details.mcse_mean, theirs.estimate.details.mcse_mean)
    assert np.max(np.abs(np.asarray(ours.coef - theirs.coef)) / error) < 4.5
    ratio = ours.summary()["std_error"] / theirs.summary()["std_error"]
    assert np.all((ratio > 0.9) & (ratio < 1.1))
    assert "nutpie" in ours.estimate.provenance.engine
    assert "nutpie" in ours.estimate.provenance.versions
    assert "PyMC" in theirs.estimate.provenance.engine


def test_the_same_seed_gives_the_same_draws_on_any_number_of_cores(model):
    one, two = (
        model.fit(plg.Bayes(**SHORT, cores=cores, rng=5), progress=False).estimate.coefficients.chains
        for cores in (1, 2)
    )
    np.testing.assert_array_equal(one, two)
    assert one.shape == (4, 500, 4)


class _Slow:
    """A standard normal whose evaluation ends the program, or fails, after some calls."""

    size = 2

    def __init__(self, after: int, *, fails: bool) -> None:
        self.after, self.fails, self.calls = after, fails, 0
        self.lock = threading.Lock()

    def evaluate(self, z):
        with self.lock:
            self.calls += 1
            if self.calls == self.after:
                if self.fails:
                    raise ZeroDivisionError("a failure of the density")
                _thread.interrupt_main()
        return -0.5 * float(z @ z), -z


@pytest.mark.usefixtures("ctrl_c")
def test_an_interrupt_returns_the_draws_so_far():
    # One chain after the other, each of some 6 000 evaluations: the interrupt comes in the third or fourth.
    run = run_nutpie(
        _Slow(18_000, fails=False), np.ones((6, 2)), NutsSettings(2000, 100, 6, 2, 0.8), 1, SILENT
    )
    assert run.interrupted
    chains, draws = run.z.shape[:2]
    assert 2 <= chains < 6
    assert 50 <= draws <= 2000
    assert np.isfinite(run.z).all()
    assert run.statistics["energy"].shape == (chains, draws)


@pytest.mark.usefixtures("ctrl_c")
def test_an_interrupt_before_there_are_draws_returns_nothing():
    with pytest.raises(KeyboardInterrupt, match="nothing to return"):
        run_nutpie(_Slow(50, fails=False), np.ones((2, 2)), NutsSettings(1000, 200_000, 2, 2, 0.8), 1, SILENT)


def test_a_failing_density_is_an_error_with_its_reason():
    with pytest.raises(EstimationError, match="a failure of the density"):
        run_nutpie(_Slow(500, fails=True), np.ones((2, 2)), NutsSettings(500, 100, 2, 2, 0.8), 1, SILENT)


def test_without_nutpie_the_install_command_is_given(model, monkeypatch):
    original = builtins.__import__

    def refuse(name, *rest):
        if name.split(".")[0] == "nutpie":
            raise ImportError(name)
        return original(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingDependencyError, match=r"pip install 'problogit\[nutpie\]'"):
        model.fit(plg.Bayes(**SHORT), progress=False)


def test_auto_takes_nutpie_for_small_designs_where_it_is_installed(monkeypatch):
    small, large = np.zeros((1000, 39)), np.zeros((1000, 41))
    small[:, 0] = large[:, 0] = np.arange(1000)
    y = np.arange(1000) % 2
    problems = [plg.LogitModel.from_arrays(X, y, intercept=False).problem for X in (small, large)]
    light, heavy = (use_prior(prior, problems[0]) for prior in (plg.Normal(1.0), plg.Cauchy(1.0)))
    assert [choose_backend("auto", problem, light, 300) for problem in problems] == ["nutpie", "pymc"]
    assert choose_backend("auto", problems[0], heavy, 300) == "pymc"
    assert choose_backend("pymc", problems[0], light, 300) == "pymc"
    assert choose_backend("nutpie", problems[1], heavy, 300) == "nutpie"
    assert choose_backend("auto", problems[0], light, 0) == "pymc"
    monkeypatch.setattr(nuts, "nutpie_installed", lambda: False)
    assert choose_backend("auto", problems[0], light, 300) == "pymc"


def test_nutpie_is_not_asked_to_go_without_tuning():
    with pytest.raises(ValueError, match=r"tune must be at least 1 for backend='nutpie'"):
        plg.Bayes(backend="nutpie", tune=0)
    with pytest.raises(EstimationError, match="sampler failed"):  # a panic, if it were
        run_nutpie(_Slow(10**9, fails=False), np.ones((1, 2)), NutsSettings(5, 0, 1, 1, 0.8), 1, SILENT)


def test_an_unknown_backend_is_refused():
    with pytest.raises(ValueError, match="backend"):
        plg.Bayes(backend="stan")
