"""The Laplace sampler: agreement with NUTS and quadrature, what its draws are worth, and when it refuses."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from posterior_cases import error_of_sd
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import chi2

import problogit as plg
from problogit.core.importance import keep, multivariate_t
from problogit.errors import ApproximationError, ConvergenceWarning, EstimationError, InputError
from problogit.estimate import Status
from problogit.estimators.importance import sample_by_importance
from problogit.estimators.whitened import at_mode
from problogit.progress import SILENT


def weighed(prior=None, **options):
    return plg.Bayes(*([] if prior is None else [prior]), sampler="laplace", **({"rng": 5} | options))


def model(n: int = 150, p: int = 3, seed: int = 3, **keywords):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) * np.geomspace(1, 30, p)
    eta = -0.5 + X @ (rng.normal(size=p) * 0.8 / np.geomspace(1, 30, p))
    y = (rng.random(n) < expit(eta)).astype(int)
    return plg.LogitModel.from_arrays(X, y, names=[f"x{j}" for j in range(p)], **keywords)


def apart():
    x = np.linspace(-1, 1, 20)
    return plg.LogitModel.from_arrays(x[:, None], (x > 0).astype(int), names=["x"])


HEAVY = plg.Priors(plg.Cauchy(2.5), intercept=plg.Normal(5.0))
PRIORS = {
    "normal": plg.Normal(1.0),
    "default": plg.Bayes().prior,
    "laplace": plg.Laplace(0.5, autoscale=True),
    "student": plg.StudentT(4, 1.0, autoscale=True),
    "cauchy": plg.Cauchy(1.0, autoscale=True),
    "flat": plg.Flat(),
}


# -- the posterior is right --------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("prior", PRIORS.values(), ids=PRIORS.keys())
def test_means_sds_and_tails_agree_with_nuts(prior):
    this = model()
    one = this.fit(weighed(prior, draws=4000))
    other = this.fit(plg.Bayes(prior, draws=2000, tune=500, rng=6))
    a, b = one.summary(), other.summary()
    assert one.converged
    assert (a["k_hat"] < 0.7).all()
    error = np.sqrt(a["std_error"] ** 2 / a["ess"] + b["std_error"] ** 2 / b["ess_bulk"])
    assert np.all(np.abs(a["estimate"] - b["estimate"]) < 4 * error)
    error = np.hypot(*(error_of_sd(fit.estimate.coefficients.chains) for fit in (one, other)))
    assert np.all(np.abs(a["std_error"] - b["std_error"]) < 4 * error)
    for share in (0.05, 0.95):
        # P(below NUTS' point) by the weighted draws.
        point = np.quantile(other.draws(), share, axis=0)
        below = (one.draws() <= point).mean(axis=0)
        error = np.sqrt(share * (1 - share) * (1 / a["ess"] + 1 / b["ess_tail"]))
        assert np.all(np.abs(below - share) < 4 * error)


def test_an_intercept_agrees_with_quadrature():
    y = np.r_[np.ones(3), np.zeros(17)].astype(int)
    this = plg.LogitModel.from_arrays(np.empty((20, 0)), y)
    fit = this.fit(weighed(plg.Priors(plg.Normal(1.0), intercept=plg.Normal(1.5)), draws=4000))

    def density(b):
        return np.exp(3 * b - 20 * np.logaddexp(0, b) - 0.5 * (b / 1.5) ** 2)

    total, mean, square = (quad(lambda b, k=k: b**k * density(b), -15, 10)[0] for k in range(3))
    mean, sd = mean / total, np.sqrt(square / total - (mean / total) ** 2)
    table = fit.summary()
    assert abs(table["estimate"].iloc[0] - mean) < 4 * sd / np.sqrt(table["ess"].iloc[0])
    assert table["std_error"].iloc[0] == pytest.approx(sd, rel=4 / np.sqrt(2 * table["ess"].iloc[0]))


@pytest.mark.parametrize("kind", ["offset", "sparse", "trials", "frequency", "importance"])
def test_the_batch_density_is_the_sampler_s_density(kind):
    rng = np.random.default_rng(8)
    X, m = rng.normal(size=(60, 3)), rng.integers(1, 5, 60)
    X[rng.random(X.shape) < 0.3] = 0.0
    keywords = {}
    y = rng.integers(0, 2, 60)
    if kind == "offset":
        keywords["offset"] = rng.normal(size=60)
    elif kind == "trials":
        y, keywords["trials"] = rng.binomial(m, 0.4), m
    elif kind == "sparse":
        import scipy.sparse as sp

        X = sp.csr_array(X)
    else:
        keywords = {"weights": m if kind == "frequency" else m / 3, "weights_type": kind}
    problem = plg.LogitModel.from_arrays(X, y, **keywords).problem
    for prior in (
        plg.Laplace(0.4),
        HEAVY,
        plg.Priors(plg.Normal(1.0), intercept=plg.Normal(2), intercept_at="mean"),
    ):
        target = at_mode(problem, prior.resolve(problem))
        z = rng.standard_normal((7, target.size)) * np.array([0.1, 1, 2, 5, 20, 100, 1000])[:, None]
        slow = [target.with_fast_gradients().evaluate(point)[0] for point in z]
        np.testing.assert_allclose(target.log_density(z), slow, rtol=1e-11, atol=1e-9)


# -- what the draws are worth ------------------------------------------------------------------------------------------


def test_proposals_are_a_multivariate_t():
    z, log_density = multivariate_t(20_000, 3, np.random.default_rng(1))
    assert np.allclose(z.var(axis=0), 7 / 5, rtol=0.1)
    from scipy.stats import multivariate_t as reference

    np.testing.assert_allclose(log_density[:50], reference(np.zeros(3), np.eye(3), 7).logpdf(z[:50]))


def test_resampling_keeps_each_draw_as_often_as_its_weight_says():
    rng = np.random.default_rng(2)
    weights = rng.dirichlet(np.full(50, 0.5))
    copies = np.bincount(keep(weights, 200, rng).index, minlength=50)
    assert np.all(np.abs(copies - 200 * weights) < 1)
    equal = keep(np.full(300, 1 / 300), 300, rng)
    np.testing.assert_array_equal(equal.index, np.arange(300))


def test_the_stated_effective_sample_size_is_that_of_replications():
    """The variance of the posterior mean and of a tail probability over 300 runs, against what one run says of it."""
    problem = model(n=40).problem
    target = at_mode(problem, plg.Laplace(0.3, autoscale=True).resolve(problem))
    runs, n = 300, 400
    means, stated, worth = np.empty((runs, 4)), np.empty((runs, 4)), []
    for run in range(runs):
        sample = sample_by_importance(target, n, 40, np.random.default_rng([run, 9]), SILENT)
        values = target.to_beta(sample.z)
        of_mean, least = sample.kept.effective_sizes(values)
        draws = values[sample.kept.index]
        means[run], stated[run] = draws.mean(axis=0), draws.var(axis=0) / of_mean
        worth.append((least <= of_mean).all())
    assert all(worth)
    ratio = means.var(axis=0, ddof=1) / stated.mean(axis=0)
    low, high = chi2.ppf([0.0005, 0.9995], runs - 1) / (runs - 1)
    assert np.all((ratio > low) & (ratio < high)), ratio


def test_arviz_sees_what_the_draws_are_worth():
    """Copies stand side by side, so that their autocorrelation tells; the two sizes agree within their noise."""
    from problogit.arviz_io import effective_sizes

    fit = model(n=40).fit(weighed(plg.Laplace(0.3, autoscale=True)))
    bulk, _ = effective_sizes(fit.estimate.coefficients.chains)
    assert np.all(bulk < 0.95 * fit.draws().shape[0])
    details = fit.estimate.details
    of_mean = (fit.summary()["std_error"] / details.mcse_mean) ** 2
    assert np.all(np.abs(np.log(bulk / of_mean)) < 0.5)


# -- policy ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_heavy_tails_under_separation_are_refused(seed):
    with pytest.raises(
        ApproximationError, match=r"not a posterior.*heavy tails.*Vehtari et al. 2024.*sampler='nuts'"
    ):
        apart().fit(weighed(HEAVY, rng=seed))


@pytest.mark.parametrize("scale", [1.0, 10.0])
def test_k_hat_exceeds_its_limit_under_separation_with_cauchy_tails(scale):
    """(7 - 1)/7 = 0.86 in theory, from proposals of 7 and a posterior of 1 degree of freedom."""
    problem = apart().problem
    target = at_mode(problem, plg.Priors(plg.Cauchy(scale), intercept=plg.Normal(5)).resolve(problem))
    found = [sample_by_importance(target, 4000, 20, np.random.default_rng(i), SILENT) for i in range(10)]
    assert all(sample.k_hat > 0.7 for sample in found)
    assert all("k-hat" in sample.shortcoming for sample in found)


def test_k_hat_alone_refuses_too():
    """Tails of three degrees of freedom: mean and sd exist, and weights of draws of seven do not settle."""
    prior = plg.Priors(plg.StudentT(3, 2.5), intercept=plg.Normal(5.0))
    words = r"Pareto k-hat of the importance ratios is \d\.\d\d, not below 0.70"
    with pytest.raises(ApproximationError, match=words):
        apart().fit(weighed(prior))


def test_light_tails_under_separation_are_a_posterior():
    fit = apart().fit(weighed(plg.Normal(2.5)))
    assert fit.summary()["k_hat"].iloc[0] < 0.7
    assert fit.coef["x"] > 3
    assert "separation" in [finding.code for finding in fit.diagnostics().findings]


def test_auto_takes_the_laplace_sampler_where_it_will_do():
    fit = model().fit(plg.Bayes(sampler="auto", rng=5))
    np.testing.assert_array_equal(fit.draws(), model().fit(weighed()).draws())
    (finding,) = [found for found in fit.diagnostics().findings if found.code == "sampler"]
    assert "chose the Laplace sampler: Pareto k-hat" in finding.message
    assert "Laplace sampler, 4000 draws" in str(fit)
    assert fit.estimate.provenance.engine.endswith("chosen by sampler='auto'")
    assert fit.converged


def test_auto_goes_to_nuts_where_it_must_and_says_why():
    options = {"draws": 60, "tune": 60, "chains": 2, "rng": 5, "cores": 1}
    with pytest.warns(ConvergenceWarning):  # Cauchy tails are hard for every sampler
        fit = apart().fit(plg.Bayes(HEAVY, sampler="auto", **options))
    with pytest.warns(ConvergenceWarning):
        plain = apart().fit(plg.Bayes(HEAVY, **options))
    np.testing.assert_array_equal(fit.draws(), plain.draws())
    (finding,) = [found for found in fit.diagnostics().findings if found.code == "sampler"]
    assert "chose NUTS" in finding.message
    assert "heavy tails" in finding.message
    assert "NUTS 2 x 60 draws" in str(fit)
    assert "r_hat" in fit.summary()


def test_few_draws_are_said_to_be_few():
    with pytest.warns(
        ConvergenceWarning, match=r"80 draws that were kept are worth \d+ independent ones, fewer than 400"
    ):
        fit = model().fit(weighed(draws=20))
    assert fit.status is Status.DIAGNOSTICS_FAILED
    assert fit.draws().shape == (80, 4)


def test_improper_posteriors_and_sampling_weights_are_refused_first():
    for sampler in ("laplace", "auto"):
        with pytest.raises(EstimationError, match="posterior does not exist") as caught:
            apart().fit(plg.Bayes(plg.Flat(), sampler=sampler))
        assert not isinstance(caught.value, ApproximationError)
        weights = np.random.default_rng(2).uniform(0.5, 2, 150)
        with pytest.raises(InputError, match="weights_type"):
            model(weights=weights, weights_type="sampling").fit(plg.Bayes(sampler=sampler))


# -- what a fit holds --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fit():
    return model().fit(weighed())


def test_summary_columns(fit):
    table = fit.summary()
    assert list(table.columns[5:]) == ["k_hat", "ess", "prob_positive"]
    assert table["k_hat"].nunique() == 1
    assert (table["ess"] > 1500).all()
    text = str(fit)
    assert "k-hat" in text
    assert "r-hat" not in text


def test_the_tree_does_not_pretend_to_be_chains(fit):
    tree = fit.to_datatree()
    assert dict(tree["posterior"].sizes) == {"chain": 1, "draw": 4000, "term": 4}
    assert set(tree["sample_stats"].data_vars) == {"lp", "proposal"}
    assert tree.attrs["inference_library"] == "problogit"
    assert tree.attrs["k_hat"] == fit.summary()["k_hat"].iloc[0]
    estimate = fit.estimate
    direct = estimate.problem.likelihood.batch(fit.draws()) + estimate.details.prior.batch(fit.draws())
    away = tree["sample_stats"]["lp"].to_numpy()[0] - direct
    np.testing.assert_allclose(away, away[0], atol=1e-8)
    assert "log_likelihood" in tree.children


def test_everything_downstream_takes_it(fit, tmp_path):
    assert fit.raw.k_hat == fit.summary()["k_hat"].iloc[0]
    assert fit.scores().query("score == 'elpd'")["value"].iloc[0] < 0
    assert "PSIS-LOO" in str(fit.calibration(resamples=2))
    assert fit.predict().notna().all(axis=None)
    ratios = fit.odds_ratios()
    np.testing.assert_allclose(ratios["odds_ratio"], np.exp(np.median(fit.draws()[:, 1:], axis=0)))
    fit.save(tmp_path / "fit.plg", data=True)
    back = plg.load(tmp_path / "fit.plg")
    assert back.summary().equals(fit.summary())
    assert back.raw is None
    assert str(back) == str(fit)
    text = plg.report({"MLE": model().fit(), "Bayes": fit}, tmp_path / "report.html").read_text(
        encoding="utf-8"
    )
    assert "Laplace sampler" in text


def test_the_same_seed_gives_the_same_draws():
    again = model().fit(weighed())
    np.testing.assert_array_equal(again.draws(), model().fit(weighed()).draws())
    assert not np.array_equal(again.draws(), model().fit(weighed(rng=6)).draws())


def test_fewer_draws_are_kept_of_more_rows_and_it_is_said():
    problem = model().problem
    target = at_mode(problem, plg.Normal(1.0).resolve(problem))
    sample = sample_by_importance(target, 4000, 1_000_000, np.random.default_rng(1), SILENT)
    assert sample.n_proposals == sample.kept.index.size == 1000
    assert not sample.shortcoming


def test_a_surrogate_weighs_draws_and_falls_back_to_the_mode():
    stand_in = plg.Bayes(plg.Normal(1.0), rng=1).surrogate()
    assert "Laplace sampler" in stand_in.describe()
    found = stand_in.estimate(model().problem)
    assert found.coefficients.chains.shape == (1, 2000, 4)
    fallen = plg.Bayes(HEAVY, rng=1).surrogate().estimate(apart().problem)
    mode = plg.Penalized(HEAVY).estimate(apart().problem)
    np.testing.assert_array_equal(fallen.coefficients.location, mode.coefficients.location)
    assert "surrogate" in [finding.code for finding in fallen.findings]
    judged = model().fit(plg.Bayes(plg.Normal(1.0), sampler="laplace", rng=1)).calibration(resample="folds")
    assert "stand-in" in str(judged)
    assert "Laplace sampler, 2000 draws (the mode where its k-hat fails)" in str(judged)


def test_neither_pymc_nor_arviz_is_imported():
    code = (
        "import sys, numpy as np, problogit as plg\n"
        "x = np.random.default_rng(0).normal(size=(200, 3)); y = (x[:, 0] > x[:, 2]).astype(int)\n"
        "fit = plg.LogitModel.from_arrays(x[:, :2], y).fit(plg.Bayes(sampler='laplace', rng=1), progress=False)\n"
        "str(fit); fit.predict(); fit.odds_ratios()\n"
        "print([name for name in ('pymc', 'pytensor', 'arviz', 'arviz_stats') if name in sys.modules])\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_many_rows_give_the_same_density_in_one_pass():
    """Points within the radius by the expansion, those beyond it row by row."""
    problem = model(n=25_000).problem
    target = at_mode(problem, plg.Normal(1.0).resolve(problem))
    assert target.expansion is not None
    assert 0 < target.rows_per_point < 0.2 * 25_000
    z = np.random.default_rng(1).standard_normal((20, 4)) * np.geomspace(0.3, 30, 20)[:, None]
    assert 0 < target.expansion.near(z).sum() < 20
    slow = [target.evaluate(point)[0] for point in z]
    np.testing.assert_allclose(target.log_density(z), slow, atol=0.01)
