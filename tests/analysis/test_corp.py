"""The CORP curve against scikit-learn's isotonic regression, and its decomposition by properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression

from problogit.analysis.corp import brier_losses, corp, log_losses

PREDICTIONS = st.sampled_from([0.02, 0.1, 0.1, 0.25, 0.4, 0.5, 0.73, 0.9, 0.999])


@st.composite
def judged(draw):
    n = draw(st.integers(2, 40))
    p = np.array(draw(st.lists(PREDICTIONS, min_size=n, max_size=n)))
    trials = np.array(draw(st.lists(st.integers(1, 4), min_size=n, max_size=n)), dtype=float)
    successes = np.array([draw(st.integers(0, int(m))) for m in trials], dtype=float)
    weights = np.array(draw(st.lists(st.sampled_from([0.5, 1.0, 2.0]), min_size=n, max_size=n)))
    return logit(p), successes, trials, weights


def evaluate(curve, p):
    """The recalibrated probability at predictions that were judged."""
    block = np.searchsorted(curve.x_max, p - 1e-12)
    return curve.y[block]


@given(judged())
def test_curve_matches_sklearn_isotonic_regression_on_pooled_ties(case):
    log_odds, successes, trials, weights = case
    p = expit(log_odds)
    curve = corp(*case)
    fit = IsotonicRegression().fit(p, successes / trials, sample_weight=weights * trials)
    np.testing.assert_allclose(evaluate(curve, p), fit.predict(p), atol=1e-12)


@given(judged())
def test_score_is_mcb_minus_dsc_plus_unc_and_the_parts_are_not_negative(case):
    log_odds, successes, trials, weights = case
    p, total = expit(log_odds), (weights * trials).sum()
    curve = corp(*case)
    brier = weights @ (successes * (1 - p) ** 2 + (trials - successes) * p**2) / total
    log = -weights @ (successes * np.log(p) + (trials - successes) * np.log1p(-p)) / total
    for parts, direct in ((curve.brier, brier), (curve.log_score, log)):
        assert parts.score == pytest.approx(direct, rel=1e-12)
        assert parts.mcb - parts.dsc + parts.unc == pytest.approx(parts.score, abs=1e-14)
        assert parts.mcb >= -1e-14
        assert parts.dsc >= -1e-14
    rate = weights @ successes / total
    assert curve.brier.unc == pytest.approx(rate * (1 - rate), abs=1e-14)


@given(judged(), st.randoms(use_true_random=False))
def test_row_order_does_not_matter(case, random):
    order = list(range(case[0].size))
    random.shuffle(order)
    one, other = corp(*case), corp(*(column[order] for column in case))
    for name in ("x", "x_min", "x_max", "y", "weight", "n"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-13)


@given(judged())
def test_weight_two_is_the_row_twice_and_trials_are_rows(case):
    log_odds, successes, trials, _ = case
    twos = corp(log_odds, successes, trials, np.full(trials.size, 2.0))
    twice = corp(*(np.concatenate([c, c]) for c in (log_odds, successes, trials)), np.ones(2 * trials.size))
    single = np.repeat(np.arange(trials.size), trials.astype(int))
    outcome = np.concatenate([np.arange(m) < s for s, m in zip(successes, trials, strict=True)]).astype(float)
    rows = corp(log_odds[single], outcome, np.ones(single.size), np.full(single.size, 2.0))
    for other in (twice, rows):
        np.testing.assert_allclose(twos.y, other.y, rtol=1e-13)
        assert twos.brier.mcb == pytest.approx(other.brier.mcb, abs=1e-14)
        assert twos.log_score.dsc == pytest.approx(other.log_score.dsc, abs=1e-13)


def test_ties_are_pooled_where_arviz_stats_isotonic_fit_does_not():
    log_odds, y, one = logit(np.full(4, 0.25)), np.array([0.0, 0.0, 0.0, 1.0]), np.ones(4)
    curve = corp(log_odds, y, one, one)
    np.testing.assert_allclose(curve.y, [0.25])
    assert curve.n.tolist() == [4]
    assert curve.brier.mcb == pytest.approx(0.0, abs=1e-15)


def test_predictions_that_differ_by_rounding_are_ties():
    log_odds = np.array([0.3, 0.3 + 1e-15, 0.3 - 1e-15, 0.3])
    one = np.ones(4)
    flat = corp(log_odds, np.array([0.0, 1.0, 1.0, 0.0]), one, one)
    np.testing.assert_allclose(flat.y, [0.5])


def test_certain_and_wrong_keeps_the_log_score_infinite():
    log_odds = np.array([-np.inf, -1.0, 0.5, np.inf])
    one = np.ones(4)
    right = corp(log_odds, np.array([0.0, 0.0, 1.0, 1.0]), one, one)
    assert np.isfinite(right.log_score.score)
    wrong = corp(log_odds, np.array([1.0, 0.0, 1.0, 1.0]), one, one)
    assert wrong.log_score.score == np.inf
    assert wrong.log_score.mcb == np.inf
    assert np.isfinite([wrong.log_score.dsc, wrong.log_score.unc, wrong.brier.score]).all()


def test_certain_predictions_are_two_groups():
    log_odds = np.array([-np.inf, np.inf, -np.inf, np.inf, np.inf])
    curve = corp(log_odds, np.array([0.0, 1.0, 0.0, 1.0, 1.0]), np.ones(5), np.ones(5))
    assert curve.x.tolist() == curve.y.tolist() == [0, 1]
    assert curve.n.tolist() == [2, 3]
    assert curve.brier.mcb == curve.brier.score == curve.log_score.score == 0


def test_losses_keep_their_digits_far_out():
    far = np.array([800.0, -800.0])
    np.testing.assert_allclose(log_losses(far, np.array([0.0, 1.0]), np.ones(2)), 800.0)
    np.testing.assert_allclose(brier_losses(np.array([40.0]), np.ones(1), np.ones(1)), expit(-40.0) ** 2)
