"""The certificate of existence: never on separated data, at no coefficients; nearly always on regular data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import expit

from problogit.core import maximum
from problogit.core.likelihood import BinomialLikelihood
from problogit.core.maximum import inverse_information
from problogit.core.newton import maximise, newton_step
from problogit.core.scaling import column_stats
from problogit.core.separation import certificate, find_separation
from problogit.execution import Serial


def likelihood_of(X: Any, successes: Any, trials: Any) -> BinomialLikelihood:
    n = len(X)
    return BinomialLikelihood(np.ascontiguousarray(X), successes, trials, np.ones(n), np.zeros(n))


def certified(likelihood: BinomialLikelihood, beta: Any) -> bool:
    """The certificate at any coefficients, computed as `find_maximum` does."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        _, gradient, information = likelihood.information(beta)
        _, decrement = newton_step(information, gradient)
        inverse = inverse_information(information)
        if not np.isfinite(inverse).all():
            return False
        return certificate(decrement, likelihood.largest_norm(inverse), float(likelihood.trials.sum()))


def random_problem(rng: np.random.Generator) -> tuple[Any, Any, Any]:
    """A small design near the edge of separation: a threshold rule with a few exceptions, some rows with trials."""
    n, p = int(rng.integers(4, 40)), int(rng.integers(1, 5))
    X = np.column_stack(
        [np.ones(n), rng.normal(size=(n, p)) if rng.random() < 0.5 else rng.integers(0, 3, (n, p))]
    )
    noise = rng.choice([0.0, 0.0, 0.1, 0.5]) * rng.logistic(size=n)
    trials = rng.integers(1, 4, size=n).astype(float)
    successes = np.where(X @ rng.normal(size=p + 1) + noise > 0, trials, 0.0)
    mixed = rng.random(n) < rng.choice([0.0, 0.1])
    successes[mixed] = np.floor(trials[mixed] / 2)
    return X, successes, trials


def problems(seed: int, number: int, separated: bool) -> list[BinomialLikelihood]:
    rng = np.random.default_rng(seed)
    found: list[BinomialLikelihood] = []
    while len(found) < number:
        X, successes, trials = random_problem(rng)
        if np.linalg.matrix_rank(X) < X.shape[1]:
            continue
        names = [str(j) for j in range(X.shape[1])]
        if find_separation(X, successes, trials, names).exists == separated:
            found.append(likelihood_of(X, successes, trials))
    return found


def test_never_true_on_separated_data_at_any_newton_iterate() -> None:
    for likelihood in problems(1, 25, separated=True):
        start = np.zeros(likelihood.n_terms)
        for iterations in (1, 2, 4, 8, 14, 20, 28, 36, 60):
            stopped = maximise(likelihood, start, tolerance=0.0, max_iterations=iterations)
            assert not certified(likelihood, stopped.x)


def test_never_true_on_separated_data_at_random_or_extreme_coefficients() -> None:
    rng = np.random.default_rng(2)
    for likelihood in problems(3, 25, separated=True):
        names = [str(j) for j in range(likelihood.n_terms)]
        away = find_separation(likelihood.X, likelihood.successes, likelihood.trials, names).direction
        for size in (0.1, 1.0, 5.0, 15.0, 25.0, 36.0, 40.0, 100.0, 800.0):
            assert not certified(likelihood, size * rng.normal(size=likelihood.n_terms))
            assert not certified(likelihood, size * away)


def test_always_true_at_the_optimum_of_regular_data() -> None:
    rng = np.random.default_rng(4)
    for _ in range(20):
        n, p = int(rng.integers(100, 400)), int(rng.integers(1, 6))
        X = np.column_stack([np.ones(n), rng.normal(size=(n, p))])
        y = (rng.random(n) < expit(X @ rng.normal(size=p + 1))).astype(float)
        likelihood = likelihood_of(X, y, np.ones(n))
        assert not find_separation(X, y, np.ones(n), [str(j) for j in range(p + 1)]).exists
        assert certified(likelihood, maximise(likelihood, np.zeros(p + 1)).x)


def test_nearly_always_true_at_the_optimum_where_data_come_close_to_separation() -> None:
    edge = problems(5, 40, separated=False)
    settled = [certified(lik, maximise(lik, np.zeros(lik.n_terms)).x) for lik in edge]
    assert np.mean(settled) > 0.95


def test_does_not_depend_on_the_units_of_the_columns() -> None:
    rng = np.random.default_rng(6)
    X = np.column_stack([np.ones(300), rng.normal(size=(300, 2))])
    y = (rng.random(300) < expit(X.sum(axis=1))).astype(float)
    units = np.array([1.0, 1e-7, 1e6])
    likelihood = likelihood_of(X, y, np.ones(300))
    beta = maximise(likelihood, np.zeros(3)).x
    assert certified(likelihood, beta)
    assert certified(likelihood_of(X * units, y, np.ones(300)), beta / units)


@pytest.mark.parametrize(
    "values", [(np.nan, 1.0), (1e-9, np.inf), (np.inf, 1.0), (0.0, 1e8), (1.0, 1.0), (0.0, 0.0)]
)
def test_numbers_that_prove_nothing(values: tuple[float, float]) -> None:
    assert not certificate(*values)


def test_a_small_product_is_enough() -> None:
    assert certificate(1e-6, 2.0)
    assert not certificate(0.3, 2.0)


def test_an_information_that_is_singular_to_the_last_bit_is_no_failure() -> None:
    assert np.isnan(inverse_information(np.ones((2, 2)))).all()
    assert np.isnan(inverse_information(np.zeros((2, 2)))).all()
    np.testing.assert_allclose(inverse_information(np.diag([4.0, 0.5])), np.diag([0.25, 2.0]))


@pytest.mark.parametrize("separated", [True, False])
def test_without_an_inverse_the_programs_decide(separated: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    likelihood = problems(7, 1, separated)[0]
    stats = column_stats(likelihood.X, likelihood.trials, Serial())
    names = [str(j) for j in range(likelihood.n_terms)]
    monkeypatch.setattr(maximum, "inverse_information", lambda information: np.full_like(information, np.nan))
    found = maximum.find_maximum(likelihood, stats, 0, names)
    assert not found.certified
    assert (found.separation is not None) == separated
