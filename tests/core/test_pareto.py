"""Pareto smoothing of many rows at once against arviz-stats, row by row, and R's loo."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from problogit.core.pareto import good_k, smooth_weights, tail_length

REFERENCE = Path(__file__).parents[1] / "reference" / "psis" / "psis.json"


@pytest.mark.parametrize(
    ("n_draws", "efficiency"), [(4000, 1.0), (1000, 0.4), (4000, 0.3), (400, 1.0), (120, 1.0), (2000, 1.7)]
)
def test_weights_and_k_hat_equal_those_of_arviz_stats_psislw(n_draws, efficiency):
    from arviz_stats.base import array_stats

    random = np.random.default_rng(n_draws)
    heaviness = np.abs(random.normal(size=(60, 1)))
    log_density = heaviness * random.standard_t(5, size=(60, n_draws))
    theirs, k = array_stats.psislw(log_density, r_eff=efficiency, axis=-1)
    ours, own_k = smooth_weights(-log_density, tail_length(n_draws, efficiency))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-10)
    np.testing.assert_allclose(own_k, k, rtol=0, atol=1e-10)
    assert own_k.min() < 0.3 < 0.9 < own_k.max()


def test_weights_and_k_hat_equal_those_of_r_loo():
    figures = json.loads(REFERENCE.read_text())
    log_ratios = np.array(figures["log_ratios"])
    n_draws = log_ratios.shape[1]
    n_tail = int(np.ceil(min(0.2 * n_draws, 3 * np.sqrt(n_draws / figures["r_eff"]))))  # R's: rounded up
    ours, k = smooth_weights(log_ratios, n_tail)
    np.testing.assert_allclose(ours, np.array(figures["log_weights"]), rtol=0, atol=1e-9)
    np.testing.assert_allclose(k, np.array(figures["k"]), rtol=0, atol=1e-9)


def test_the_size_of_a_block_changes_nothing(monkeypatch):
    random = np.random.default_rng(0)
    ratios = random.normal(size=(40, 500))
    whole, k = smooth_weights(ratios, tail_length(500))
    monkeypatch.setattr("problogit.core.pareto._FIT_VALUES", 1)
    one_by_one, own_k = smooth_weights(ratios, tail_length(500))
    np.testing.assert_allclose(one_by_one, whole, atol=1e-13)
    np.testing.assert_allclose(own_k, k, atol=1e-13)


def test_equal_ratios_have_no_tail_and_few_draws_are_not_smoothed():
    flat = np.zeros((2, 200))
    flat[1, 0] = -50.0
    weights, k = smooth_weights(flat, tail_length(200))
    np.testing.assert_allclose(np.exp(weights).sum(axis=1), 1.0)
    assert k.tolist() == [0.0, 0.0]
    ratios = np.random.default_rng(1).normal(size=(1, 20))
    weights, k = smooth_weights(ratios, tail_length(20))
    np.testing.assert_allclose(weights, ratios - np.log(np.exp(ratios).sum()))
    assert np.isinf(k).all()


def test_tied_ratios_leave_finite_weights():
    # Draws that were resampled repeat themselves: the tail's lower quarter may lie on the cut itself.
    random = np.random.default_rng(2)
    ratios = np.repeat(random.normal(size=(5, 20)), 50, axis=1)
    weights, _ = smooth_weights(ratios, tail_length(1000))
    assert np.isfinite(weights).all()
    np.testing.assert_allclose(np.exp(weights).sum(axis=1), 1.0)


def test_the_limit_of_k_hat_is_that_of_the_paper():
    assert good_k(100) == pytest.approx(0.5)
    assert good_k(4000) == 0.7


def test_weights_favour_draws_under_which_the_left_out_row_is_unlikely():
    """Weights exp(0.15 z^2) of a standard normal z have a Pareto tail of index 2 x 0.15 = 0.3."""
    density = -0.15 * np.random.default_rng(0).normal(size=(1, 4000)) ** 2
    log_weights, k = smooth_weights(-density, tail_length(4000))
    assert np.corrcoef(log_weights[0], density[0])[0, 1] < -0.9
    assert abs(k[0] - 0.3) < 0.25
