"""Power-scaling against arviz-stats on the same log densities and R's definition; contraction against conjugacy."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import halfnorm, norm

import problogit as plg
from problogit.analysis.sensitivity import (
    CONFLICT,
    STRONG_PRIOR,
    cumulative_distance,
    power_scaled,
    prior_sensitivity,
)
from problogit.core.coefficients import DrawnCoefficients
from problogit.errors import ConvergenceWarning, DataNotSavedError, InputError, NotAvailableError
from problogit.estimate import Details, Estimate, FitStats, Provenance, Status


def posterior(prior, X, y, draws, **options):
    """An estimate with these draws, as if `prior` had made them."""
    problem = plg.LogitModel.from_arrays(X, y, **options).problem
    return Estimate(
        problem=problem,
        method=plg.Bayes(prior),
        coefficients=DrawnCoefficients(draws),
        status=Status.CONVERGED,
        findings=(),
        stats=FitStats.of(-1.0, np.nan, problem),
        provenance=Provenance("drawn in a test", None, 0.0, {}),
        details=Details(),
    )


def data(n=60, seed=0):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, 2))
    return X, (random.random(n) < expit(0.5 + X[:, 0])).astype(int)


def gaussian(prior, X, y, seed=1, n=1000):
    """Draws from the normal approximation at the mode: near enough for the algebra that is tested."""
    mode = plg.LogitModel.from_arrays(X, y).fit(plg.Penalized(prior))
    random = np.random.default_rng(seed)
    return random.multivariate_normal(mode.coef.to_numpy(), mode.cov.to_numpy(), size=(4, n))


def test_sensitivities_equal_those_of_arviz_stats():
    import arviz_stats as azs
    from arviz_base import from_dict

    X, y = data()
    prior = plg.Priors(plg.Normal(0.5), terms={"x1": plg.StudentT(3.0, 0.2)}, intercept=plg.Normal(0.3))
    estimate = posterior(prior, X, y, gaussian(prior, X, y))
    ours = prior_sensitivity(estimate)
    draws = estimate.coefficients.chains
    problem = estimate.problem
    eta = np.einsum("cdp,np->cdn", draws, problem.rows.X)
    log_like = np.where(problem.rows.successes == 1, -np.logaddexp(0, -eta), -np.logaddexp(0, eta))
    log_prior = prior.resolve(problem).batch(draws)
    tree = from_dict(
        {"posterior": {"b": draws}, "log_likelihood": {"y": log_like}, "log_prior": {"b": log_prior}}
    )
    theirs = azs.psense_summary(tree, round_to=12)
    np.testing.assert_allclose(ours["prior"], theirs["prior"], atol=1e-10)
    np.testing.assert_allclose(ours["likelihood"], theirs["likelihood"], atol=1e-10)
    conflict = theirs["diagnosis"].str.contains("conflict").to_numpy()
    strong = theirs["diagnosis"].str.contains("strong").to_numpy()
    assert ((ours["verdict"] == CONFLICT) == conflict).all()
    assert ((ours["verdict"] == STRONG_PRIOR) == strong).all()


def test_the_distance_is_that_of_the_definition():
    """sqrt of the symmetrised divergence of the distribution functions over its bound; figures by a plain loop."""
    random = np.random.default_rng(4)
    x, w = random.normal(size=30), random.dirichlet(np.ones(30))

    def one_way(x, w):
        order = np.argsort(x)
        x, w = x[order], w[order]
        forward = backward = bound = 0.0
        for i in range(len(x) - 1):
            p, q, width = (i + 1) / len(x), w[: i + 1].sum(), x[i + 1] - x[i]
            forward += width * (p * np.log2(p / (0.5 * (p + q))) + 0.5 / np.log(2) * (q - p))
            backward += width * (q * np.log2(q / (0.5 * (p + q))) + 0.5 / np.log(2) * (p - q))
            bound += width * (p + q)
        return np.sqrt((forward + backward) / bound)

    expected = max(one_way(x, w), one_way(-x, w))
    assert cumulative_distance(x[None], w)[0] == pytest.approx(expected, rel=1e-12)
    assert cumulative_distance(x[None], np.full(30, 1 / 30))[0] == pytest.approx(0.0, abs=1e-7)


def test_a_quantity_that_does_not_move_has_no_sensitivity():
    random = np.random.default_rng(5)
    assert power_scaled(random.normal(size=(2, 500)), np.zeros(500)).tolist() == [0.0, 0.0]
    assert power_scaled(np.zeros((1, 500)), random.normal(size=500)).tolist() == [0.0]


def test_verdicts_tell_conflict_strong_prior_and_nothing():
    random = np.random.default_rng(6)
    X = random.normal(size=(400, 3))
    X[:, 2] *= 0.01  # the data say nothing about its coefficient
    y = (random.random(400) < expit(2.0 * X[:, 0] + 0.5 * X[:, 1])).astype(int)
    prior = plg.Priors(plg.Normal(1.0), terms={"x0": plg.Normal(0.3), "x1": plg.Normal(5.0)})
    found = prior_sensitivity(posterior(prior, X, y, gaussian(prior, X, y)))
    assert found.loc["x0", "verdict"] == CONFLICT
    assert found.loc["x2", "verdict"] == STRONG_PRIOR
    assert found.loc["x1", "contraction"] > 0.95
    assert found.loc["x2", "contraction"] < 0.1
    assert abs(found.loc["x0", "z_score"]) > 2
    assert np.isnan(found.loc["Intercept", ["contraction", "z_score"]].to_numpy(float)).all()
    assert "Flat prior: Intercept" in found.attrs["notes"][0]
    assert list(found.columns) == ["prior", "likelihood", "verdict", "contraction", "z_score"]


def test_contraction_and_z_score_are_those_of_normal_algebra():
    X, y = data()
    random = np.random.default_rng(7)
    draws = random.normal([0.2, 1.0, -0.5], [0.3, 0.6, 0.9], size=(4, 5000, 3))
    prior = plg.Priors(plg.Normal(2.0), terms={"x1": plg.Cauchy(1.0)}, intercept=plg.Normal(1.0, loc=0.5))
    found = prior_sensitivity(posterior(prior, X, y, draws))
    np.testing.assert_allclose(found["contraction"].iloc[:2], [1 - 0.09, 1 - 0.36 / 4], atol=0.01)
    np.testing.assert_allclose(
        found["z_score"].iloc[:2], [-0.3 / np.sqrt(1 - 0.09), 1.0 / np.sqrt(4 - 0.36)], atol=0.02
    )
    assert found.loc["x1", ["contraction", "z_score"]].isna().all()


def test_an_intercept_prior_at_the_means_is_judged_there():
    X, y = data()
    X = X + 30.0
    prior = plg.Priors(plg.Normal(1.0), intercept=plg.Normal(1.5), intercept_at="mean")
    found = prior_sensitivity(posterior(prior, X, y, gaussian(prior, X, y)))
    assert 0.7 < found.loc["Intercept", "contraction"] < 1.0


def test_what_has_no_prior_or_no_posterior_is_refused():
    X, y = data()
    draws = np.random.default_rng(8).normal(size=(4, 200, 3))
    with pytest.raises(NotAvailableError, match="there is no prior to be scaled"):
        prior_sensitivity(posterior(plg.Flat(), X, y, draws))
    with pytest.raises(NotAvailableError, match="needs posterior draws"):
        prior_sensitivity(plg.MLE().estimate(plg.LogitModel.from_arrays(X, y).problem))
    with pytest.raises(InputError, match="threshold must be positive"):
        prior_sensitivity(posterior(plg.Normal(1.0), X, y, draws), threshold=0.0)


def test_of_learned_scales_the_hyperprior_is_scaled():
    """The log density that is raised is that of the scale: checked against arviz-stats' on the same numbers."""
    X, y = data()
    prior = plg.Priors(plg.Normal(scale=plg.HalfNormal(1.0)), intercept=plg.Normal(1.5))
    method = plg.Bayes(prior, draws=400, tune=300, chains=2, cores=1, rng=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # so short a run may fail its checks
        fit = plg.LogitModel.from_arrays(X, y).fit(method)
    found = fit.prior_sensitivity()
    assert "The scales of this prior are learned" in found.attrs["notes"][0]
    assert found["contraction"].notna().tolist() == [True, False, False]
    (scale,) = fit.estimate.details.hyperparameters.values()
    flat = fit.draws()
    log_prior = halfnorm.logpdf(scale.ravel()) + norm(0, 1.5).logpdf(flat[:, 0])
    expected = power_scaled(np.ascontiguousarray(flat.T), log_prior)
    np.testing.assert_allclose(found["prior"], expected, atol=1e-9)


def test_jeffreys_prior_is_scaled_as_the_root_of_the_determinant():
    X, y = data(n=25)
    X = X + 100.0  # far from zero, where the information of raw columns is nearly singular
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit = plg.LogitModel.from_arrays(X, y).fit(plg.Bayes(plg.Jeffreys(), sampler="laplace", rng=1))
    found, draws = fit.prior_sensitivity(), fit.draws()
    centred = np.column_stack([np.ones(25), X - 100.0])
    shifted = draws.copy()
    shifted[:, 0] += draws[:, 1:].sum(axis=1) * 100.0
    p = expit(shifted @ centred.T)
    information = np.einsum("kn,ni,nj->kij", p * (1 - p), centred, centred)
    expected = power_scaled(np.ascontiguousarray(draws.T), 0.5 * np.linalg.slogdet(information)[1])
    np.testing.assert_allclose(found["prior"], expected, atol=1e-7)
    assert found[["contraction", "z_score"]].isna().all(axis=None)


@pytest.mark.slow
def test_z_scores_are_standard_normal_over_data_from_the_prior():
    """300 data sets: mean 0 within 4 / sqrt(300) = 0.23, mean square 1 within 4 sqrt(2 / 300) = 0.33."""
    random = np.random.default_rng(9)
    prior = plg.Priors(plg.Normal(0.8), intercept=plg.Normal(0.8))
    X = random.normal(size=(40, 2))
    scores = []
    while len(scores) < 300:
        y = (random.random(40) < expit(np.column_stack([np.ones(40), X]) @ random.normal(0, 0.8, 3))).astype(
            int
        )
        if 0 < y.sum() < 40:
            method = plg.Bayes(prior, sampler="auto", rng=len(scores))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                scores.append(plg.LogitModel.from_arrays(X, y).fit(method).prior_sensitivity()["z_score"])
    z = np.array(scores)[:, 1:]
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=0.23)
    np.testing.assert_allclose((z**2).mean(axis=0), 1, atol=0.33)


def test_a_saved_fit_answers_the_same(tmp_path):
    X, y = data(n=30)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit = plg.LogitModel.from_arrays(X, y).fit(plg.Bayes(plg.Normal(1.0), sampler="laplace", rng=1))
    fit.save(tmp_path / "whole.fit", data=True)
    again = plg.load(tmp_path / "whole.fit")
    pd.testing.assert_frame_equal(again.prior_sensitivity(), fit.prior_sensitivity())
    pd.testing.assert_frame_equal(
        again.predictive_check(rng=1).statistics, fit.predictive_check(rng=1).statistics
    )
    assert again.loo("none").elpd == fit.loo("none").elpd
    fit.save(tmp_path / "bare.fit")
    with pytest.raises(DataNotSavedError):
        plg.load(tmp_path / "bare.fit").prior_sensitivity()
