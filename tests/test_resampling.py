"""Refits without a fold: against statsmodels, by counting, and by the weight invariant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import statsmodels.api as sm
from scipy.special import expit

import problogit as plg
from problogit.core.coefficients import DrawnCoefficients, NormalCoefficients
from problogit.errors import EstimationError
from problogit.estimate import Estimator
from problogit.folds import Folds, deal_folds
from problogit.resampling import out_of_fold, predicted_log_odds


def make(n=150, p=2, seed=0, **options):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, p))
    y = (random.random(n) < expit(X.sum(axis=1) - 0.5)).astype(int)
    return plg.LogitModel.from_arrays(X, y, **options).problem, X, y


@dataclass(frozen=True)
class Flaky(Estimator):
    """Maximum likelihood that refuses one size of training set."""

    refuses: int

    name = "Flaky"
    prior = plg.MLE().prior

    def estimate(self, problem, progress=None):
        if problem.nobs == self.refuses:
            raise EstimationError("it did not want to.\nSecond line.")
        return plg.MLE().estimate(problem)

    def summary_columns(self, estimate):
        return {}

    def raw(self, estimate):
        return None

    def surrogate(self):
        return self

    def describe(self):
        return "Flaky"


class Recorder:
    def __init__(self):
        self.said = []

    def start(self, label, total):
        self.said.append(("start", total))

    def advance(self, amount=1, note=""):
        self.said.append(("advance", amount))

    def finish(self):
        self.said.append(("finish", 0))


def test_out_of_fold_predictions_match_statsmodels_refits():
    problem, X, y = make()
    folds = deal_folds(problem, 10)
    done = out_of_fold(plg.MLE(), problem, folds)
    design = sm.add_constant(X)
    for fold in range(10):
        held_out = folds.rows[folds.fold == fold]
        train = np.setdiff1d(np.arange(y.size), held_out)
        fit = sm.Logit(y[train], design[train]).fit(disp=0, tol=1e-12)
        np.testing.assert_allclose(
            done.probabilities[folds.fold == fold], fit.predict(design[held_out]), rtol=1e-8
        )
    assert (done.n_failed, done.n_missing, done.notes) == (0, 0, ())


def test_weight_two_is_the_row_twice():
    problem, X, y = make(80)
    weighted = plg.LogitModel.from_arrays(X, y, weights=np.full(80, 2)).problem
    twice = plg.LogitModel.from_arrays(np.vstack([X, X]), np.concatenate([y, y])).problem
    # One copy of every row in each of two folds, and the same with two rows.
    rows = np.tile(np.arange(80), 2)
    fold = np.repeat([0, 1], 80)
    split = Folds(rows, fold, np.ones(160), 2)
    one = out_of_fold(plg.MLE(), weighted, split)
    other = out_of_fold(plg.MLE(), twice, Folds(np.arange(160), fold, np.ones(160), 2))
    plain = plg.MLE().estimate(problem)
    np.testing.assert_allclose(one.log_odds, other.log_odds, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(
        one.log_odds[:80],
        predicted_log_odds(plain.coefficients, problem.rows.X, problem.rows.offset),
        rtol=1e-9,
        atol=1e-11,
    )


def test_failures_are_counted_and_leave_gaps():
    problem, _, _ = make(155)  # five folds of 15 rows, five of 16
    done = out_of_fold(Flaky(140), problem, deal_folds(problem, 10))
    assert done.n_failed == 5
    assert done.n_missing == 75
    assert np.isnan(done.probabilities).sum() == 75
    assert done.notes == (
        "5 of 10 refits failed (EstimationError: it did not want to.).",
        "75 of 155 held-out units have no prediction.",
    )


def test_progress_is_told_and_ends_even_when_refits_fail():
    problem, _, _ = make(155)
    for method in (plg.MLE(), Flaky(140)):
        progress = Recorder()
        out_of_fold(method, problem, deal_folds(problem, 10), progress)
        assert progress.said == [("start", 10), *[("advance", 1)] * 10, ("finish", 0)]


def test_separated_refits_predict_certainties_and_are_counted():
    x = np.concatenate([np.linspace(-2, -1, 20), np.linspace(1, 2, 20)])
    problem = plg.LogitModel.from_arrays(x[:, None], (x > 0).astype(int)).problem
    done = out_of_fold(plg.MLE(), problem, deal_folds(problem, 5))
    assert set(done.probabilities[~np.isnan(done.probabilities)]) <= {0.0, 1.0}
    assert "5 of 5 refits were separated" in done.notes[0]


def test_priors_keep_the_scale_of_the_full_data():
    problem, X, _ = make(60)
    method = plg.Penalized(plg.Normal(1.0, autoscale=True))
    done = out_of_fold(method, problem, deal_folds(problem, 6))
    fixed = plg.Penalized(
        plg.Priors(plg.Flat(), terms={f"x{j}": plg.Normal(1 / X[:, j].std()) for j in range(2)})
    )
    other = out_of_fold(fixed, problem, deal_folds(problem, 6))
    np.testing.assert_allclose(done.log_odds, other.log_odds, rtol=1e-7)


def test_predicted_log_odds_keep_their_digits_far_out():
    X = np.array([[1.0], [-1.0], [0.03]])
    sure = NormalCoefficients(np.array([800.0]), np.eye(1))
    np.testing.assert_allclose(predicted_log_odds(sure, X, np.zeros(3)), [800, -800, 24], rtol=1e-13)


def test_predicted_log_odds_of_a_posterior_are_those_of_the_mean_probability():
    random = np.random.default_rng(3)
    draws = random.normal(size=(2, 500, 2))
    X, offset = random.normal(size=(1100, 2)), random.normal(size=1100)
    mean = expit(draws.reshape(-1, 2) @ X.T + offset).mean(axis=0)
    log_odds = predicted_log_odds(DrawnCoefficients(draws), X, offset)
    np.testing.assert_allclose(expit(log_odds), mean, rtol=1e-12)
