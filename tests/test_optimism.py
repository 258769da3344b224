"""The optimism bootstrap: against rms and R per resample, by its own definition, and where refits go wrong."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

import problogit as plg
from problogit.analysis.performance import INDEXES, performance
from problogit.errors import EstimationError, NotAvailableError, ProblogitWarning
from problogit.estimate import Estimator, Status
from problogit.optimism import dual_sd, optimism_bootstrap, optimism_of
from problogit.resampled_predictions import draw_resamples

REFERENCE = Path(__file__).parent / "reference"
CASES = json.loads((REFERENCE / "validation" / "validation.json").read_text())["cases"]["validate"]
NAMES = [index.name for index in INDEXES]


def brier(log_odds, successes, trials, weights):
    p = expit(log_odds)
    loss = successes * (1 - p) ** 2 + (trials - successes) * p**2
    return np.array([weights @ loss / (weights @ trials)])


def reference_case(case):
    table = pd.read_csv(REFERENCE / "data" / f"{case['data']}.csv").head(case["rows"])
    problem = plg.LogitModel(case["formula"], table).problem
    method = plg.Penalized(plg.Normal.from_l2(case["l2"])) if case["l2"] else plg.MLE()
    rng = np.random.default_rng(0)
    drawn = ((np.array(counts, float), rng) for counts in case["counts"])
    return optimism_of(method, problem, performance, drawn, len(case["counts"]))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_figures_per_resample_match_r(case):
    found, exact = reference_case(case), case["exact"]
    assert exact["names"] == NAMES
    for name in ("apparent", "optimism", "corrected", "lower", "upper"):
        np.testing.assert_allclose(getattr(found, name), exact[name], atol=1e-8, err_msg=name)
    np.testing.assert_allclose(found.training.mean(axis=0), exact["training"], atol=1e-8)
    np.testing.assert_allclose(found.test.mean(axis=0), exact["test"], atol=1e-8)
    np.testing.assert_allclose(found.test[:, NAMES.index("slope")], exact["slope_test"], atol=1e-8)


@pytest.mark.parametrize("case", [c for c in CASES if "rms" in c], ids=lambda case: case["name"])
def test_corrected_figures_match_rms_validate(case):
    found, rms = reference_case(case), case["rms"]
    table = pd.DataFrame(rms["values"], index=rms["rows"], columns=rms["columns"])
    ours = pd.DataFrame(
        {
            "index.orig": found.apparent,
            "training": found.training.mean(axis=0),
            "test": found.test.mean(axis=0),
            "optimism": found.optimism,
            "index.corrected": found.corrected,
        },
        index=NAMES,
    )
    same = {
        "joint_intercept": "Intercept",
        "slope": "Slope",
        "discrimination": "D",
        "unreliability": "U",
        "quality": "Q",
        "brier": "B",
    }
    for name, theirs in same.items():
        np.testing.assert_allclose(ours.loc[name], table.loc[theirs], atol=1e-7, err_msg=name)
    dxy = 2 * (ours.loc["auc"] - [0.5, 0.5, 0.5, 0.0, 0.5])
    np.testing.assert_allclose(dxy, table.loc["Dxy"], atol=1e-12)


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 3))
    y = (rng.random(100) < expit(X @ [1.0, 0.5, 0.0] - 0.7)).astype(int)
    return plg.LogitModel.from_arrays(X, y).problem


def test_stratified_resamples_hold_the_event_count_and_others_do_not(problem):
    y, rng = problem.rows.successes, np.random.default_rng(0)
    held, free = (draw_resamples(problem, plg.MLE(), stratify=on) for on in (True, False))
    assert {float(held(rng) @ y) for _ in range(20)} == {float(y.sum())}
    counts = [free(rng) for _ in range(20)]
    assert len({float(one @ y) for one in counts}) > 3
    assert {float(one.sum()) for one in counts} == {100.0}


def test_frequency_weights_draw_units(problem):
    weights = np.random.default_rng(1).integers(1, 5, 100)
    rows = problem.rows
    weighted = plg.LogitModel.from_arrays(
        np.asarray(rows.X)[:, 1:], rows.successes.astype(int), weights=weights
    ).problem
    draw, rng = draw_resamples(weighted, plg.MLE()), np.random.default_rng(0)
    units = np.array([draw(rng) * weights for _ in range(400)])
    np.testing.assert_allclose(units, np.rint(units), atol=1e-9)
    assert set(np.rint(units.sum(axis=1))) == {weights.sum()}
    # Monte Carlo error of a mean count: sqrt(f / 400) < 0.1
    np.testing.assert_allclose(units.mean(axis=0), weights, atol=0.5)


def test_whole_clusters_are_drawn(problem):
    rows, groups = problem.rows, np.repeat(np.arange(20), 5)
    clustered = plg.LogitModel.from_arrays(
        np.asarray(rows.X)[:, 1:], rows.successes.astype(int), groups=groups
    ).problem
    draw, rng = draw_resamples(clustered, plg.MLE()), np.random.default_rng(0)
    counts = np.array([draw(rng) for _ in range(10)]).reshape(10, 20, 5)
    assert (counts == counts[:, :, :1]).all()
    assert (counts[:, :, 0].sum(axis=1) == 20).all()


def test_one_resample_by_the_definition(problem):
    found = optimism_bootstrap(plg.MLE(), problem, brier, resamples=3, rng=4)
    rows = problem.rows
    for i, child in enumerate(np.random.SeedSequence(4).spawn(3)):
        counts = draw_resamples(problem, plg.MLE())(np.random.default_rng(child))
        fit = plg.MLE().estimate(problem.reweighted(counts))
        eta = np.asarray(rows.X) @ fit.coefficients.location
        np.testing.assert_allclose(
            found.training[i], brier(eta, rows.successes, rows.trials, counts), atol=1e-9
        )
        np.testing.assert_allclose(
            found.test[i], brier(eta, rows.successes, rows.trials, rows.weights), atol=1e-9
        )
    np.testing.assert_allclose(found.optimism, (found.training - found.test).mean(axis=0))


def test_the_same_seed_gives_the_same_answer_and_refit_i_uses_child_i(problem):
    few = optimism_bootstrap(plg.MLE(), problem, brier, resamples=5, rng=7)
    more = optimism_bootstrap(plg.MLE(), problem, brier, resamples=60, rng=7)
    np.testing.assert_allclose(more.training[:5], few.training, atol=1e-12)
    other = optimism_bootstrap(plg.MLE(), problem, brier, resamples=5, rng=8)
    assert not np.allclose(other.training, few.training)


def test_predictions_of_the_fit_itself_are_taken_where_given(problem):
    own = np.full(100, 0.3)
    found = optimism_bootstrap(plg.MLE(), problem, brier, resamples=3, log_odds=own)
    rows = problem.rows
    np.testing.assert_allclose(found.apparent, brier(own, rows.successes, rows.trials, rows.weights))


def test_dual_sd_by_its_definition():
    x = np.random.default_rng(0).exponential(size=50)
    below, above, whole = dual_sd(x)
    low, high = x[x <= x.mean()], x[x >= x.mean()]
    assert below == pytest.approx(np.sqrt(((low - x.mean()) ** 2).sum() / (low.size - 1)))
    assert above == pytest.approx(np.sqrt(((high - x.mean()) ** 2).sum() / (high.size - 1)))
    assert whole == pytest.approx(x.std(ddof=1))
    assert dual_sd(x[:9])[0] == dual_sd(x[:9])[1] == pytest.approx(x[:9].std(ddof=1))
    assert np.isnan(dual_sd(np.array([1.0, np.inf]))).all()


def test_wider_limits_at_a_higher_level(problem):
    found = optimism_bootstrap(plg.MLE(), problem, brier, resamples=20)
    lower, upper = found.limits(0.99)
    assert lower < found.lower < found.corrected < found.upper < upper


@dataclass(frozen=True)
class Flaky(Estimator):
    """Maximum likelihood that refuses resamples in which row 0 was drawn twice or more."""

    name = "Flaky"
    prior = plg.MLE().prior

    def estimate(self, problem, progress=None):
        if problem.rows.weights[problem.rows.kept == 0].sum() > 1:
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
        self.total = self.done = 0
        self.finished = False

    def start(self, label, total):
        self.total = total

    def advance(self, amount=1, note=""):
        self.done += amount

    def finish(self):
        self.finished = True


def test_failures_are_counted_and_said_and_progress_counts_them_too(problem):
    bar = Recorder()
    found = optimism_bootstrap(Flaky(), problem, brier, resamples=30, progress=bar)
    draw = draw_resamples(problem, plg.MLE())
    refused = sum(draw(np.random.default_rng(child))[0] > 1 for child in np.random.SeedSequence(0).spawn(30))
    assert found.n_failed == refused > 0
    assert found.training.shape == (30 - refused, 1)
    assert found.notes == (
        f"{refused} of 30 bootstrap refits failed and are left out (it did not want to.).",
    )
    assert (bar.total, bar.done, bar.finished) == (30, 30, True)


def test_all_failed_is_an_error_with_the_reason(problem):
    @dataclass(frozen=True)
    class Never(Flaky):
        def refit(self, problem, multiples, rng):
            raise EstimationError("never.")

    own = np.zeros(100)
    with pytest.raises(NotAvailableError, match=r"0 of 3 refits gave an estimate \(never\.\)"):
        optimism_bootstrap(Never(), problem, brier, resamples=3, log_odds=own)


def test_a_constant_response_cannot_be_resampled(problem):
    rows = problem.rows
    constant = replace(problem, data=replace(rows, successes=np.ones(100)))
    with pytest.raises(NotAvailableError, match="constant response"):
        optimism_bootstrap(plg.MLE(), constant, brier)


def test_separated_resamples_stay_and_are_counted():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(40, 2))
    y = (rng.random(40) < expit(3 * X[:, 0] - 2)).astype(int)
    problem = plg.LogitModel.from_arrays(X, y).problem
    with warnings.catch_warnings():
        warnings.simplefilter("error", ProblogitWarning)  # a refit's warnings stay inside
        found = optimism_bootstrap(plg.MLE(), problem, performance, resamples=40)
    draw = draw_resamples(problem, plg.MLE())
    separated = 0
    for child in np.random.SeedSequence(0).spawn(40):
        resample = problem.reweighted(draw(np.random.default_rng(child)))
        separated += resample.maximum.separation is not None
    assert found.n_separated == separated > 0
    assert found.training.shape[0] == 40
    assert f"{separated} of 40 bootstrap refits were separated" in found.notes[0]
    assert np.isfinite(found.corrected[NAMES.index("brier")])
    test_log_score = found.test[:, NAMES.index("log_score")]
    assert np.isinf(test_log_score).any()
    assert found.corrected[NAMES.index("log_score")] == np.inf
    assert np.isnan(found.upper[NAMES.index("log_score")])


def test_a_posterior_is_refitted_by_its_stand_in(problem):
    found = optimism_bootstrap(plg.Bayes(plg.Normal(1.0), draws=50), problem, brier, resamples=3)
    again = optimism_bootstrap(plg.Bayes(plg.Normal(1.0), draws=50), problem, brier, resamples=3)
    assert "Laplace sampler" in found.method
    assert found.optimism < 0
    np.testing.assert_array_equal(found.training, again.training)


def test_statuses_of_batches_are_those_of_single_refits(problem):
    counts = draw_resamples(problem, plg.MLE())(np.random.default_rng(0))
    assert plg.MLE().refit(problem, counts, np.random.default_rng(0)).status is Status.CONVERGED
