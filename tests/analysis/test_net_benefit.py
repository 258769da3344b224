"""Net benefit against its definition row by row, its draws against the Dirichlet distribution of the four cells."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logit
from scipy.stats import beta as beta_distribution

from problogit.analysis.net_benefit import Calls, Outcomes, calls_of, drawn_calls, net_benefit

CUTS = np.array([0.05, 0.2, 0.25, 0.5, 0.75, 0.9])


def rows(n: int = 200, seed: int = 0):
    """Predictions, a fifth of them tied with a threshold, two of them sure; events in trials; weights."""
    rng = np.random.default_rng(seed)
    p = rng.random(n)
    p[::5] = rng.choice(CUTS, p[::5].size)
    p[:2] = [0.0, 1.0]
    trials = rng.integers(1, 4, n).astype(float)
    successes = rng.binomial(trials.astype(int), np.clip(p, 0.1, 0.9)).astype(float)
    return p, successes, trials, rng.integers(1, 4, n).astype(float)


def test_net_benefit_matches_its_definition_with_ties_called():
    p, s, m, w = rows()
    found = calls_of(logit(p), s, m, w, CUTS)
    assert float(found.prevalence) == pytest.approx((w * s).sum() / (w * m).sum())
    for k, t in enumerate(CUTS):
        tp = sum(w[i] * s[i] for i in range(p.size) if p[i] >= t) / (w * m).sum()
        fp = sum(w[i] * (m[i] - s[i]) for i in range(p.size) if p[i] >= t) / (w * m).sum()
        assert found.true_positives[k] == pytest.approx(tp)
        assert found.false_positives[k] == pytest.approx(fp)
        value = net_benefit(found.true_positives, found.false_positives, CUTS, 0.01)[k]
        assert value == pytest.approx(tp - fp * t / (1 - t) - 0.01)


def test_a_known_prevalence_keeps_the_rates_among_events_and_among_non_events():
    p, s, m, w = rows()
    found = calls_of(logit(p), s, m, w, CUTS)
    moved = found.at_prevalence(0.03)
    rate = found.prevalence
    np.testing.assert_allclose(moved.true_positives / 0.03, found.true_positives / rate)
    np.testing.assert_allclose(moved.false_positives / 0.97, found.false_positives / (1 - rate))
    # The same by weights that bring the sample to that prevalence.
    events, others = 0.03 / rate, 0.97 / (1 - rate)
    both = np.concatenate([p, p])
    weighed = calls_of(
        logit(both), np.r_[s, 0 * s], np.r_[s, m - s] + 0.0, np.r_[w * events, w * others], CUTS
    )
    np.testing.assert_allclose(weighed.true_positives, moved.true_positives)
    np.testing.assert_allclose(weighed.false_positives, moved.false_positives)


def binary(n: int = 80):
    rng = np.random.default_rng(3)
    p = rng.random(n)
    return logit(p), (rng.random(n) < p).astype(float), np.ones(n)


def test_draws_of_one_threshold_are_dirichlet():
    log_odds, y, one = binary()
    drawn = drawn_calls(
        log_odds[None], Outcomes(y, one, one, one), np.array([0.4]), 20_000, np.random.default_rng(1)
    )
    called = log_odds >= logit(0.4)
    for values, count in (
        (drawn.true_positives, (called & (y == 1)).sum()),
        (drawn.false_positives, (called & (y == 0)).sum()),
        (drawn.prevalence, y.sum()),
    ):
        exact = beta_distribution(count, y.size - count)
        assert values.mean() == pytest.approx(exact.mean(), abs=4 * exact.std() / np.sqrt(20_000))
        np.testing.assert_allclose(
            np.quantile(values, [0.025, 0.5, 0.975]), exact.ppf([0.025, 0.5, 0.975]), atol=0.003
        )


def test_draws_of_copies_are_those_of_rows_repeated_and_fits_are_paired():
    log_odds, y, one = binary(40)
    f = np.random.default_rng(5).integers(1, 4, 40).astype(float)
    both = np.vstack([log_odds, -log_odds])
    copies = np.repeat(np.arange(40), f.astype(int))
    single = np.ones(copies.size)
    counted = drawn_calls(both, Outcomes(y, one, f, f), CUTS, 50, np.random.default_rng(2))
    repeated = drawn_calls(
        both[:, copies], Outcomes(y[copies], single, single, single), CUTS, 50, np.random.default_rng(2)
    )
    np.testing.assert_allclose(counted.true_positives, repeated.true_positives)
    np.testing.assert_allclose(counted.false_positives, repeated.false_positives)
    twice = drawn_calls(
        np.vstack([log_odds] * 2), Outcomes(y, one, one, one), CUTS, 50, np.random.default_rng(2)
    )
    np.testing.assert_array_equal(*twice.true_positives)


def test_whole_clusters_are_drawn():
    log_odds, y, one = binary(30)
    many = np.repeat(np.arange(30), 4)
    wide = Outcomes(y[many], one[many], one[many], one[many], clusters=many)
    alone = Outcomes(y, one, one, one)
    clustered, single = (
        drawn_calls(values[None], outcomes, CUTS, 8000, np.random.default_rng(4)).true_positives[0]
        for values, outcomes in ((log_odds[many], wide), (log_odds, alone))
    )
    np.testing.assert_allclose(clustered.mean(axis=0), single.mean(axis=0), atol=0.004)
    np.testing.assert_allclose(clustered.std(axis=0), single.std(axis=0), rtol=0.05, atol=1e-3)


def test_optimism_is_taken_off_every_draw():
    calls = Calls(np.full((2, 3, 4), 0.5), np.full((2, 3, 4), 0.2), np.full(3, 0.5))
    less = calls.less(np.full((2, 2, 1, 4), 0.01) * np.array([1.0, 2.0])[None, :, None, None])
    np.testing.assert_allclose(less.true_positives, 0.49)
    np.testing.assert_allclose(less.false_positives, 0.18)
