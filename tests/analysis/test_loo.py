"""PSIS-LOO against exact leave-one-out by quadrature, against arviz-stats, and by the weight invariants."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse
from scipy.special import expit, gammaln, logsumexp

import problogit as plg
from problogit import arviz_io
from problogit.analysis.calibration import calibration
from problogit.analysis.judged import judge
from problogit.analysis.loo import is_posterior, loo
from problogit.analysis.scores import scores
from problogit.core.coefficients import DrawnCoefficients
from problogit.errors import NotAvailableError
from problogit.estimate import Details, Estimate, FitStats, Provenance, Status

SCALE = 1.5


def posterior(problem, beta, n_chains=4, **options):
    """An estimate that holds these posterior draws."""
    chains = beta.reshape(n_chains, -1, beta.shape[1])
    return Estimate(
        problem=problem,
        method=plg.Bayes(plg.Priors(plg.Normal(SCALE), intercept=plg.Normal(SCALE)), rng=1, **options),
        coefficients=DrawnCoefficients(chains),
        status=Status.CONVERGED,
        findings=(),
        stats=FitStats.of(-1.0, np.nan, problem),
        provenance=Provenance("drawn in a test", None, 0.0, {}),
        details=Details(),
    )


class Quadrature:
    """Exact posterior of intercept and slope under Normal(0, 1.5) priors, on a grid; s of m, each row w times."""

    def __init__(self, x, s, m, w):
        axis = np.linspace(-6, 6, 241)
        self.b = np.stack([a.ravel() for a in np.meshgrid(axis, axis, indexing="ij")], axis=1)
        eta = self.b[:, :1] + self.b[:, 1:] * x
        self.p = expit(eta)
        constant = gammaln(m + 1) - gammaln(s + 1) - gammaln(m - s + 1)
        self.rows = -s * np.logaddexp(0, -eta) - (m - s) * np.logaddexp(0, eta) + constant
        self.w = w
        self.prior = -(self.b**2).sum(axis=1) / (2 * SCALE**2)
        self.step = axis[1] - axis[0]

    def log_posterior(self, weights):
        density = self.prior + self.rows @ weights
        return density - logsumexp(density)

    def leave_one_out(self):
        """Log density and probability of every row with one copy of it left out."""
        elpd, p = np.empty(self.w.size), np.empty(self.w.size)
        for i in range(self.w.size):
            left = self.w.astype(float).copy()
            left[i] -= 1
            rest = self.log_posterior(left)
            elpd[i], p[i] = logsumexp(rest + self.rows[:, i]), np.exp(rest) @ self.p[:, i]
        return elpd, p

    def draws(self, n, seed=0):
        random = np.random.default_rng(seed)
        cells = random.choice(self.b.shape[0], n, p=np.exp(self.log_posterior(self.w)))
        return self.b[cells] + random.uniform(-self.step / 2, self.step / 2, (n, 2))


def small(n=30, seed=11):
    random = np.random.default_rng(seed)
    x = random.normal(size=n)
    return x, (random.random(n) < expit(0.3 + x)).astype(float), random


@pytest.fixture(scope="module")
def binary():
    x, y, _ = small()
    exact = Quadrature(x, y, np.ones(30), np.ones(30))
    problem = plg.LogitModel.from_arrays(x[:, None], y.astype(int)).problem
    return exact, posterior(problem, exact.draws(8_000))


def test_leave_one_out_matches_exact_refits_by_quadrature(binary):
    exact, estimate = binary
    elpd, p = exact.leave_one_out()
    found = loo(estimate)
    assert found.n_bad == 0
    np.testing.assert_allclose(found.elpd_i, elpd, atol=0.02)
    np.testing.assert_allclose(found.probabilities, p, atol=0.01)
    assert found.elpd == pytest.approx(elpd.sum(), abs=0.05)
    assert found.n == 30


def test_leave_one_out_of_trials_matches_exact_refits_by_quadrature():
    x, _, random = small(15)
    m = random.integers(2, 9, 15)
    s = random.binomial(m, expit(0.3 + x))
    exact = Quadrature(x, s, m, np.ones(15))
    problem = plg.LogitModel.from_arrays(x[:, None], s, trials=m).problem
    found = loo(posterior(problem, exact.draws(8_000)))
    elpd, p = exact.leave_one_out()
    np.testing.assert_allclose(found.elpd_i, elpd, atol=0.06)
    np.testing.assert_allclose(found.probabilities, p, atol=0.012)


def test_a_frequency_weight_drops_one_copy_as_quadrature_does():
    x, y, random = small(20)
    w = random.integers(1, 6, 20)
    exact = Quadrature(x, y, np.ones(20), w)
    problem = plg.LogitModel.from_arrays(x[:, None], y.astype(int), weights=w).problem
    found = loo(posterior(problem, exact.draws(8_000)))
    elpd, p = exact.leave_one_out()
    np.testing.assert_allclose(found.elpd_i, elpd, atol=0.02)
    np.testing.assert_allclose(found.probabilities, p, atol=0.008)
    assert found.elpd == pytest.approx(w @ elpd, abs=0.1)
    assert found.n == w.sum()


def test_values_equal_those_of_arviz_stats_loo(binary):
    from arviz_stats import loo as arviz_loo

    _, estimate = binary
    tree = arviz_io.to_datatree(estimate, log_likelihood=True)
    theirs, ours = arviz_loo(tree, pointwise=True, var_name="y"), loo(estimate)
    np.testing.assert_allclose(ours.elpd_i, np.asarray(theirs.elpd_i), rtol=1e-9)
    np.testing.assert_allclose(ours.pareto_k, np.asarray(theirs.pareto_k), rtol=1e-7, atol=1e-9)
    assert ours.elpd == pytest.approx(float(theirs.elpd), rel=1e-10)
    assert ours.p_loo == pytest.approx(float(theirs.p), rel=1e-8)
    assert ours.se == pytest.approx(float(theirs.se), rel=1 / 50)  # divisor n (0.8) or n - 1 (1.3, ours)
    assert ours.good_k == pytest.approx(float(theirs.good_k))


def test_the_density_of_a_binary_row_is_its_probability(binary):
    _, estimate = binary
    found = loo(estimate)
    y = estimate.problem.rows.successes
    np.testing.assert_allclose(
        np.exp(found.elpd_i), np.where(y == 1, found.probabilities, 1 - found.probabilities)
    )


def test_weight_two_is_the_row_twice(binary):
    exact, _ = binary
    draws = exact.draws(4000)
    x, y, _ = small()
    weighted = plg.LogitModel.from_arrays(x[:, None], y.astype(int), weights=np.full(30, 2)).problem
    twice = plg.LogitModel.from_arrays(np.tile(x, 2)[:, None], np.tile(y, 2).astype(int)).problem
    one, other = loo(posterior(weighted, draws)), loo(posterior(twice, draws))
    np.testing.assert_allclose(np.tile(one.elpd_i, 2), other.elpd_i, rtol=1e-12)
    np.testing.assert_allclose(np.tile(one.log_odds, 2), other.log_odds, rtol=1e-10)
    assert (one.n, one.n_bad) == (other.n, other.n_bad)
    np.testing.assert_allclose([one.elpd, one.se, one.p_loo], [other.elpd, other.se, other.p_loo], rtol=1e-11)


def test_importance_weights_drop_the_whole_row():
    x, y, _ = small()
    weights = np.linspace(0.2, 1.8, 30)
    problem = plg.LogitModel.from_arrays(
        x[:, None], y.astype(int), weights=weights, weights_type="importance"
    ).problem
    exact = Quadrature(x, y, np.ones(30), weights)
    found = loo(posterior(problem, exact.draws(8_000)))
    left = np.where(np.arange(30) == 4, 0.0, weights)
    expected = logsumexp(exact.log_posterior(left) + exact.rows[:, 4])
    assert found.elpd_i[4] == pytest.approx(expected, abs=0.02)
    assert found.elpd == pytest.approx(weights @ found.elpd_i)


def test_influential_rows_are_counted_and_said():
    x = np.append(np.linspace(-1, 1, 29), 40.0)
    y = np.append((np.linspace(-1, 1, 29) > 0.1).astype(float), 0.0)
    exact = Quadrature(x, y, np.ones(30), np.ones(30))
    estimate = posterior(plg.LogitModel.from_arrays(x[:, None], y.astype(int)).problem, exact.draws(4000))
    found = loo(estimate, refit="none")
    assert found.pareto_k[-1] > found.good_k
    assert found.n_bad >= 1
    assert f"{found.n_bad} of 30 leave-one-out values are unreliable" in found.notes[0]
    assert list(found.to_frame().columns) == ["elpd", "pareto_k", "refitted", "probability", "weight"]


def influential(n=35):
    """Rows far out, some against the trend: their importance weights fail."""
    random = np.random.default_rng(5)
    x = random.standard_t(1.5, size=n)
    y = (random.random(n) < expit(0.3 + x)).astype(float)
    far = np.argsort(-np.abs(x))[[0, 2, 4]]
    y[far] = 1 - y[far]
    exact = Quadrature(x, y, np.ones(n), np.ones(n))
    problem = plg.LogitModel.from_arrays(x[:, None], y.astype(int)).problem
    return exact, posterior(problem, exact.draws(4000), draws=1000, tune=300, chains=2, cores=1)


def test_exact_refits_match_brute_force_leave_one_out_by_quadrature(monkeypatch):
    exact, estimate = influential()
    elpd, p = exact.leave_one_out()
    monkeypatch.setattr("problogit.analysis.loo.good_k", lambda n: 0.3)  # so that more rows are refitted
    plain, found = loo(estimate, refit="none"), loo(estimate, refit="all")
    assert plain.n_bad >= 3
    assert (found.n_bad, found.n_refitted) == (0, plain.n_bad)
    flagged = found.refitted
    np.testing.assert_array_equal(flagged, plain.pareto_k > plain.good_k)
    # 1000 or 2000 draws: the log of a mean of densities has a relative error of a few hundredths.
    np.testing.assert_allclose(found.elpd_i[flagged], elpd[flagged], atol=0.15)
    np.testing.assert_allclose(found.probabilities[flagged], p[flagged], atol=0.02)
    worst = np.argmax(plain.pareto_k)
    assert abs(found.elpd_i[worst] - elpd[worst]) < abs(plain.elpd_i[worst] - elpd[worst])
    assert found.elpd == pytest.approx(elpd.sum(), abs=0.2)
    np.testing.assert_array_equal(found.elpd_i[~flagged], plain.elpd_i[~flagged])
    assert f"{found.n_refitted} of 35 leave-one-out values are exact" in found.notes[0]
    assert found.notes[0] in str(found)


def test_a_refit_that_fails_is_said_and_the_rest_is_kept(monkeypatch):
    _, estimate = influential()
    monkeypatch.setattr("problogit.analysis.loo.good_k", lambda n: 0.3)
    monkeypatch.setattr("problogit.analysis.loo_refits.MOST_REFITS", 1)
    found = loo(estimate)
    assert found.n_refitted == 1
    assert found.refitted[np.argmax(found.pareto_k)]
    assert "further rows were not refitted: more than 1" in found.notes[1]
    # Seeds come from the fit and the row, whatever the method's own.
    unseeded = replace(estimate, method=replace(estimate.method, rng=None))
    np.testing.assert_array_equal(loo(unseeded).elpd_i, found.elpd_i)


def test_transforms_of_right_predictions_are_uniform():
    from scipy.stats import kstest

    random = np.random.default_rng(3)
    x, m = random.normal(size=400), random.integers(2, 12, 400)
    beta = np.array([0.3, 0.7])
    s = random.binomial(m, expit(beta[0] + beta[1] * x))
    problem = plg.LogitModel.from_arrays(x[:, None], s, trials=m).problem
    found = loo(posterior(problem, random.normal(beta, 0.03, size=(1000, 2))), refit="none")
    assert kstest(found.pit(rng=0), "uniform").pvalue > 0.01
    wrong = loo(
        posterior(problem, random.normal(beta + np.array([0.5, 0.0]), 0.03, size=(1000, 2))), refit="none"
    )
    assert kstest(wrong.pit(rng=0), "uniform").pvalue < 1e-6
    np.testing.assert_array_equal(found.pit(rng=0), found.pit(rng=0))


def test_transforms_lie_between_the_leave_one_out_probabilities(binary):
    exact, estimate = binary
    found = loo(estimate)
    y, (_, p) = estimate.problem.rows.successes, exact.leave_one_out()
    np.testing.assert_allclose(found.below, np.where(y == 1, 1 - p, 0), atol=0.01)
    pit = found.pit(rng=1)
    assert ((pit >= found.below) & (pit <= np.where(y == 1, 1, 1 - found.probabilities))).all()


def test_rows_that_are_the_same_under_every_draw_are_left_alone():
    # Without an intercept x = 0 is always one half; x = 2000 is certain under every draw, to the last bit.
    X = np.array([[0.0], [2000.0], [1.0], [-1.0], [0.5], [-0.3]])
    problem = plg.LogitModel.from_arrays(X, [1, 1, 1, 0, 0, 1], intercept=False).problem
    draws = np.random.default_rng(0).normal(2, 0.2, size=(1000, 1))
    found = loo(posterior(problem, draws))
    np.testing.assert_allclose(found.elpd_i[:2], [np.log(0.5), 0], atol=1e-12)
    np.testing.assert_array_equal(found.pareto_k[:2], 0)
    assert found.probabilities[:2].tolist() == [0.5, 1.0]
    assert np.isfinite(found.pareto_k).all()


def test_too_few_draws_are_refused(binary):
    exact, estimate = binary
    with pytest.raises(NotAvailableError, match="at least 100 draws; this posterior has 40"):
        loo(posterior(estimate.problem, exact.draws(40)))


def test_progress_counts_the_rows(binary):
    class Recorder:
        def __init__(self):
            self.total = self.done = self.ended = 0

        def start(self, label, total):
            self.total = total

        def advance(self, amount=1, note=""):
            self.done += amount

        def finish(self):
            self.ended += 1

    progress = Recorder()
    loo(binary[1], progress=progress)
    assert (progress.total, progress.done, progress.ended) == (30, 30, 1)


def test_calibration_and_scores_of_a_posterior_use_psis_loo(binary):
    exact, estimate = binary
    result = calibration(estimate)
    assert result.method == "PSIS-LOO (Pareto-smoothed leave-one-out)"
    assert result.kind == "psis-loo"
    _, p = exact.leave_one_out()
    np.testing.assert_allclose(result.predictions["probability"], p, atol=0.01)
    y = estimate.problem.rows.successes
    assert result.brier == pytest.approx(((y - p) ** 2).mean(), abs=0.003)
    assert "corrected for optimism" in result.slope_label
    table = scores(estimate).set_index("score")
    assert table.loc["elpd", "value"] == loo(estimate).elpd
    assert table.loc["log_score", "value"] == pytest.approx(-table.loc["elpd", "value"] / 30)


def test_a_posterior_can_be_judged_by_refits_of_its_stand_in(binary):
    judged = judge(binary[1], resample="folds")
    assert judged.kind == "folds"
    assert "stand-in (Bayesian posterior" in judged.how


def test_only_a_posterior_has_leave_one_out():
    problem = plg.LogitModel.from_arrays(small()[0][:, None], small()[1].astype(int)).problem
    estimate = plg.MLE().estimate(problem)
    assert not is_posterior(estimate)
    with pytest.raises(NotAvailableError, match="needs posterior draws, and MLE has none"):
        loo(estimate)


def test_blocks_sparse_designs_and_copies_change_nothing(binary, monkeypatch):
    _, estimate = binary
    x, y, _ = small()
    found = loo(estimate)
    monkeypatch.setattr("problogit.analysis.left_out._BLOCK_VALUES", 1)
    np.testing.assert_allclose(loo(estimate).elpd_i, found.elpd_i, rtol=1e-12)
    sparse = plg.LogitModel.from_arrays(scipy.sparse.csr_array(x[:, None]), y.astype(int)).problem
    other = loo(posterior(sparse, estimate.coefficients.flat))
    np.testing.assert_allclose(other.elpd_i, found.elpd_i, rtol=1e-10)
    np.testing.assert_allclose(other.pareto_k, found.pareto_k, rtol=1e-8, atol=1e-10)


def test_under_jeffreys_prior_flagged_rows_are_not_refitted(monkeypatch):
    _, estimate = influential()
    estimate = replace(estimate, method=plg.Bayes(plg.Jeffreys()))
    found = loo(estimate)
    assert found.n_refitted == 0
    assert "Jeffreys' prior is made of all rows" in found.notes[0]


@pytest.mark.slow
def test_leave_one_out_of_nuts_draws_matches_exact_refits_by_quadrature(binary):
    exact, estimate = binary
    method = plg.Bayes(plg.Priors(plg.Normal(SCALE), intercept=plg.Normal(SCALE)), rng=1, cores=1)
    elpd, p = exact.leave_one_out()
    found = loo(method.estimate(estimate.problem))
    np.testing.assert_allclose(found.elpd_i, elpd, atol=0.05)
    np.testing.assert_allclose(found.probabilities, p, atol=0.02)
