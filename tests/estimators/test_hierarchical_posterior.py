"""Posteriors with learned scales: the density that is sampled, its readable twin, quadrature, and what a fit holds."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.special import expit
from scipy.stats import halfnorm

import problogit as plg
from problogit.errors import ConvergenceWarning
from problogit.estimators.hierarchical import whiten_hierarchy
from problogit.estimators.hyperparameters import with_extra
from problogit.estimators.posterior_checks import Convergence, check_draws
from problogit.estimators.propriety import check_proper, tail_indices
from problogit.estimators.pymc_model import pymc_model

PRIORS = {
    "normal": plg.Normal(plg.HalfNormal(0.7), autoscale=True),
    "laplace-shifted": plg.Laplace(plg.HalfNormal(1.0), loc=0.3),
    "student-t": plg.StudentT(4, plg.HalfNormal(1.0)),
    "horseshoe": plg.Horseshoe(expected=1.0),
    "by-term": plg.Priors(
        plg.Normal(plg.HalfNormal(1.0), autoscale=True),
        {"a": plg.Horseshoe(expected=0.5), "b": plg.Laplace(0.5)},
        intercept=plg.Normal(2.0),
        intercept_at="mean",
    ),
}
EVERY = pytest.mark.parametrize("prior", PRIORS.values(), ids=PRIORS.keys())


def problem(kind: str = "rows"):
    """60 rows, three columns of unlike means and scales."""
    rng = np.random.default_rng(5)
    n = 60
    X = rng.normal(size=(n, 3)) * [1.0, 6.0, 0.2] + [3.0, 0.0, 0.1]
    y = (rng.random(n) < 0.45).astype(float)
    extra: dict = {}
    if kind == "trials":
        extra["trials"] = rng.integers(1, 6, n)
        y = rng.binomial(extra["trials"], 0.4)
    if kind == "no-intercept":
        extra["intercept"] = False
    columns = sp.csr_array(X) if kind == "sparse" else X
    return plg.LogitModel.from_arrays(columns, y, names=["a", "b", "c"], **extra).problem


def some_points(posterior, count: int) -> np.ndarray:
    return np.random.default_rng(7).normal(size=(count, posterior.size))


def flat_extra(extra: dict[str, np.ndarray]) -> np.ndarray:
    return np.concatenate([np.atleast_1d(value) for value in extra.values()])


def log_volume(posterior, z: np.ndarray) -> float:
    """log |d (beta, hyperparameters) / dz| by central differences."""

    def image(at: np.ndarray) -> np.ndarray:
        return np.concatenate([posterior.to_beta(at), flat_extra(posterior.extra(at))])

    step = 1e-6 * np.eye(z.size)
    jacobian = np.array([(image(z + e) - image(z - e)) / 2e-6 for e in step])
    return float(np.linalg.slogdet(jacobian)[1])


@EVERY
@pytest.mark.parametrize("kind", ["rows", "sparse"])
def test_gradient_matches_finite_differences(prior, kind):
    this = problem(kind)
    if kind == "sparse" and isinstance(prior, plg.Priors):
        prior = plg.Priors(prior.default, {"a": prior.terms["a"]})
    posterior = whiten_hierarchy(this, prior.hierarchy(this))
    for z in some_points(posterior, 3):
        step = 1e-5 * np.eye(posterior.size)
        slopes = [(posterior.evaluate(z + e)[0] - posterior.evaluate(z - e)[0]) / 2e-5 for e in step]
        np.testing.assert_allclose(posterior.evaluate(z)[1], slopes, atol=3e-6)


@EVERY
@pytest.mark.parametrize("kind", ["trials", "no-intercept"])
def test_density_is_likelihood_prior_and_hyperprior_in_original_units(prior, kind):
    this = problem(kind)
    if kind == "no-intercept" and isinstance(prior, plg.Priors):
        prior = plg.Priors(prior.default, prior.terms)
    resolved = prior.hierarchy(this)
    posterior = whiten_hierarchy(this, resolved)
    off = []
    for z in some_points(posterior, 4):
        beta, extra = posterior.to_beta(z), posterior.extra(z)
        direct = this.row_likelihood.value(beta) + float(resolved.batch(beta, extra))
        off.append(posterior.evaluate(z)[0] - direct - log_volume(posterior, z))
    assert np.ptp(off) < 1e-6
    points = some_points(posterior, 3)
    np.testing.assert_allclose(posterior.log_density(points), [posterior.evaluate(z)[0] for z in points])


@pytest.mark.parametrize("name", ["normal", "by-term"])
def test_readable_model_has_the_same_density(name):
    """p(beta, hyper) = p(z, hyper) / prod sigma: the readable model is non-centred."""
    this, prior = problem("trials"), PRIORS[name]
    resolved = prior.hierarchy(this)
    posterior = whiten_hierarchy(this, resolved)
    model = pymc_model(this, prior)
    logp = model.compile_logp(jacobian=False, mode="FAST_COMPILE")
    off = []
    for z in some_points(posterior, 3):
        beta, extra = posterior.to_beta(z), posterior.extra(z)
        logs = resolved.log_scales(resolved.theta(extra))
        readable = float(logp(readable_point(model, resolved, beta, extra)))
        direct = this.row_likelihood.value(beta) + float(resolved.batch(beta, extra)) + logs.sum()
        off.append(readable - direct + slab_jacobian(extra))
    assert np.ptp(off) < 1e-9


def slab_jacobian(extra: dict[str, np.ndarray]) -> float:
    """The readable model has the square of the slab: d c^2 / dc = 2 c."""
    return float(sum(np.log(2 * value) for name, value in extra.items() if "slab" in name))


def readable_point(model, resolved, beta: np.ndarray, extra: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Values of the free variables of the readable model; those of scales are logarithms."""
    sigma = np.zeros(beta.size)
    sigma[resolved.columns] = np.exp(resolved.log_scales(resolved.theta(extra)))
    loc = np.zeros(beta.size)
    for block in resolved.blocks:
        loc[block.index] = block.loc
    place = {}
    for variable in model.value_vars:
        name = variable.name
        if name.startswith("intercept"):
            place[name] = np.asarray(
                beta[0] + (0 if resolved.fixed.anchor is None else resolved.fixed.anchor @ beta)
            )
        elif name.endswith("_log__"):
            own = name.removesuffix("_log__")
            square = own.endswith("_squared")
            value = extra[own.removesuffix("_squared")]
            place[name] = np.log(value**2 if square else value)
        else:
            own = name.removesuffix("_z")
            index = [resolved.terms.index(term) for term in model.coords[f"term_of_{own}"]]
            scale = sigma[index] if name.endswith("_z") else 1.0
            place[name] = (beta[index] - (loc[index] if name.endswith("_z") else 0.0)) / scale
    return place


def test_readable_model_is_not_centred_and_names_its_parts():
    model = pymc_model(problem(), PRIORS["by-term"])
    names = {variable.name for variable in model.free_RVs}
    assert {
        "scale",
        "slopes_learned_z",
        "slopes_horseshoe_z",
        "slopes_laplace",
        "intercept_at_means",
    } <= names
    assert {"a_global_scale", "a_local_scale", "a_slab_scale_squared"} <= names
    assert model.named_vars_to_dims["slopes_learned"] == ("term_of_slopes_learned",)
    assert model.named_vars_to_dims["beta"] == ("term",)


def test_coordinates_are_nearly_standard_at_typical_scales():
    """At theta held, the coefficients' coordinates of a Gaussian problem have mean 0 and curvature 1 at any scale."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4000, 3)) @ np.linalg.cholesky(np.full((3, 3), 0.7) + 0.3 * np.eye(3)).T
    y = (rng.random(4000) < expit(X @ [0.3, -0.2, 0.1])).astype(int)
    this = plg.LogitModel.from_arrays(X, y).problem
    posterior = whiten_hierarchy(this, plg.Normal(plg.HalfNormal(1.0)).hierarchy(this))
    for t in (-4.0, 0.0, 3.0):
        z = np.zeros(posterior.size)
        z[-1] = t
        h = 1e-4 * np.eye(posterior.size)[:4]
        gradient = posterior.evaluate(z)[1][:4]
        bend = [(posterior.evaluate(z + e)[1] - posterior.evaluate(z - e)[1])[:4] / 2e-4 for e in h]
        assert np.abs(gradient).max() < 0.2
        np.testing.assert_allclose(bend, -np.eye(4), atol=0.05)


# -- posteriors --------------------------------------------------------------------------------------------------------


def model():
    rng = np.random.default_rng(11)
    x = rng.normal(size=40)
    return plg.LogitModel.from_arrays(
        x[:, None], (rng.random(40) < expit(0.8 * x - 0.3)).astype(int), names=["x"]
    )


@pytest.fixture(scope="module")
def fit():
    return model().fit(plg.Bayes(plg.Normal(plg.HalfNormal(0.6)), rng=3), progress=False)


def test_moments_against_quadrature(fit):
    """Intercept, slope and log scale on a grid: the scale's own mean by its conditional density given the slope."""
    this = model()
    a, b, s = (np.linspace(low, high, 161) for low, high in ((-2.5, 1.5), (-1.5, 3.0), (0.002, 3.0)))
    prior = np.exp(-0.5 * (b[:, None] / s) ** 2) / s * halfnorm(scale=0.6).pdf(s)
    eta = a[:, None, None] + b[:, None] * this.X[:, 1]
    like = np.exp((this.y * eta - np.logaddexp(0, eta)).sum(axis=-1))
    by_slope = like.sum(axis=0)
    joint = by_slope[:, None] * prior
    joint /= joint.sum()
    expected = {
        "x": (joint.sum(axis=1) @ b, np.sqrt(joint.sum(axis=1) @ b**2 - (joint.sum(axis=1) @ b) ** 2)),
        "scale": (joint.sum(axis=0) @ s, np.sqrt(joint.sum(axis=0) @ s**2 - (joint.sum(axis=0) @ s) ** 2)),
    }
    scale = fit.estimate.details.extra["scale"]
    draws = {"x": fit.estimate.coefficients.chains[..., 1], "scale": scale}
    for name, (mean, sd) in expected.items():
        ess = (
            fit.summary().loc["x", "ess_bulk"]
            if name == "x"
            else fit.hyperparameters().loc["scale", "ess_bulk"]
        )
        assert abs(draws[name].mean() - mean) < 4 * sd / np.sqrt(ess)
        assert draws[name].std() == pytest.approx(sd, rel=0.06)


def test_a_fit_holds_its_hyperparameters(fit, tmp_path):
    assert fit.converged
    assert not fit.estimate.details.statistics["diverging"].any()
    assert fit.estimate.details.extra["scale"].shape == (4, 1000)
    table = fit.hyperparameters(prob=0.9)
    assert list(table.index) == ["scale"]
    assert list(table.columns) == ["median", "lower", "upper", "interval", "r_hat", "ess_bulk", "ess_tail"]
    ends = np.quantile(fit.estimate.details.extra["scale"], [0.5, 0.05, 0.95])
    np.testing.assert_allclose(table.loc["scale", ["median", "lower", "upper"]].astype(float), ends)
    assert "prior scale" in str(fit)
    assert fit.estimate.method.mode_finder() is None
    tree = fit.to_datatree()
    np.testing.assert_array_equal(tree["posterior"]["scale"].values, fit.estimate.details.extra["scale"])
    fit.save(tmp_path / "fit.zip", data=True)
    again = plg.load(tmp_path / "fit.zip")
    assert again.hyperparameters().equals(fit.hyperparameters())
    assert again.summary().equals(fit.summary())
    assert again.prior_ranges().equals(fit.prior_ranges())
    assert again.estimate.method == fit.estimate.method
    assert again.to_datatree()["posterior"]["scale"].dims == ("chain", "draw")


@pytest.mark.filterwarnings("ignore::problogit.errors.ConvergenceWarning")  # too short to be judged well
def test_local_scales_of_a_horseshoe_carry_their_terms(tmp_path):
    prior = plg.Horseshoe(expected=1)
    fit = plg.Bayes(prior, draws=60, tune=100, chains=2, rng=1).estimate(problem())
    whole = plg.Fit(fit)
    assert list(whole.hyperparameters().index) == ["global_scale", "slab_scale"]
    everything = whole.hyperparameters(local=True)
    assert list(everything.index[2:]) == ["local_scale[a]", "local_scale[b]", "local_scale[c]"]
    tree = whole.to_datatree()
    assert tree["posterior"]["local_scale"].dims == ("chain", "draw", "local_scale_term")
    assert list(tree["posterior"]["local_scale_term"].values) == ["a", "b", "c"]
    whole.save(tmp_path / "fit.zip")
    assert plg.load(tmp_path / "fit.zip").hyperparameters(local=True).equals(everything)


@pytest.mark.filterwarnings("ignore::problogit.errors.ConvergenceWarning")  # too short to be judged well
@pytest.mark.parametrize(
    ("prior", "asked", "used"),
    [(PRIORS["horseshoe"], None, "0.9"), (PRIORS["horseshoe"], 0.7, "0.7"), (PRIORS["normal"], None, "0.8")],
)
def test_steps_are_finer_under_a_horseshoe_unless_told_otherwise(prior, asked, used):
    found = plg.Bayes(prior, draws=10, tune=10, chains=2, rng=1, target_accept=asked).estimate(problem())
    assert found.provenance.engine.endswith(f"target acceptance {used}")


def test_hyperparameters_count_in_the_diagnostics():
    this = problem()
    prior = PRIORS["horseshoe"].hierarchy(this)
    good = np.ones(4)
    figures = {
        "global_scale": np.array([1.05, 300.0, 900.0]),
        "local_scale": np.tile([1.0, 900.0, 900.0], (3, 1)),
    }
    names, both = with_extra(this.terms, Convergence(good, 900 * good, 900 * good, good), figures, prior)
    assert names == (*this.terms, "global_scale", "local_scale[a]", "local_scale[b]", "local_scale[c]")
    calm = np.random.default_rng(0).normal(size=(4, 500))
    none = np.zeros((4, 500), dtype=bool)
    found = check_draws(both, {"diverging": none, "energy": calm, "reached_max_treedepth": none}, names)
    assert [(finding.code, finding.terms) for finding in found] == [
        ("r-hat", ("global_scale",)),
        ("ess", ("global_scale",)),
    ]


def test_surrogate_of_learned_scales_chooses_one_strength():
    normal = plg.Bayes(plg.Normal(plg.HalfNormal(2.0))).surrogate()
    assert normal == plg.Penalized(plg.Normal(2.0), select="evidence")
    assert plg.Bayes(plg.Horseshoe()).surrogate() == plg.Penalized(
        plg.Laplace(1.0, autoscale=True), select="cv"
    )


def test_auto_samples_learned_scales_by_nuts_and_says_why():
    with pytest.warns(ConvergenceWarning):
        found = plg.Bayes(PRIORS["normal"], sampler="auto", draws=40, tune=60, rng=1).estimate(problem())
    assert any("scales are learned" in finding.message for finding in found.findings)


def test_separated_data_need_a_proper_intercept_or_a_light_slab():
    x = np.linspace(-1, 1, 20)
    this = plg.LogitModel.from_arrays(x[:, None], (x > 0).astype(int), names=["x"]).problem
    light = plg.Horseshoe(expected=0.5).hierarchy(this)
    check_proper(this, light)
    np.testing.assert_array_equal(tail_indices(light), [0.0, 4.0])
    np.testing.assert_array_equal(tail_indices(PRIORS["normal"].hierarchy(this)), [0.0, np.inf])
    heavy = plg.Horseshoe(expected=0.5, slab_df=0.8)
    with pytest.raises(plg.errors.EstimationError, match=r"df > 1 for x.*Give Intercept a proper prior"):
        check_proper(this, heavy.hierarchy(this))


def test_ranges_of_learned_scales_are_those_of_the_marginal_prior(fit):
    """|beta| < w with probability 0.95 under Normal(0, s), s ~ HalfNormal(0.6): w by quadrature of the mixture."""
    from scipy.integrate import quad
    from scipy.optimize import brentq
    from scipy.stats import norm

    def inside(w: float) -> float:
        return quad(lambda s: halfnorm(scale=0.6).pdf(s) * (2 * norm.cdf(w / s) - 1), 0, 6)[0]

    w = brentq(lambda w: inside(w) - 0.95, 0.1, 5)
    table = fit.prior_ranges()
    assert np.log(table.loc["x", "upper"]) == pytest.approx(w, rel=0.02)
    assert table.loc["x", "asked_for"] == "Normal(0, HalfNormal(0.6))"
    assert table.loc["x", "in_words"].startswith("odds ratio per sd of x: 95% between 0.")


@pytest.mark.parametrize(
    "prior",
    [
        plg.Horseshoe(),
        plg.Priors(plg.Normal(plg.HalfNormal(1.0)), terms={"x": plg.Normal(1.0)}, intercept=plg.Normal(2.0)),
    ],
    ids=["intercept alone", "every slope named"],
)
def test_where_no_column_is_left_for_a_learned_scale_there_is_none(prior):
    x, y = np.arange(8.0)[:, None], np.array([0, 1, 0, 1, 0, 1, 1, 1])
    columns = x if isinstance(prior, plg.Priors) else x[:, :0]
    this = plg.LogitModel.from_arrays(columns, y, names=["x"][: columns.shape[1]])
    method = plg.Bayes(prior, draws=50, tune=50, chains=2, rng=1, cores=1)
    with pytest.warns(plg.errors.ConvergenceWarning):  # so few draws
        found = method.estimate(this.problem)
    assert not found.details.hyperparameters
    assert np.isfinite(found.coefficients.flat).all()


@pytest.mark.parametrize("unit", [1e3, 1e6])
def test_separated_data_in_large_units_have_coordinates(unit):
    """Nothing settles at any scale: the likelihood has no curvature left where the mass lies."""
    X = np.random.default_rng(0).normal(size=(40, 2)) * unit
    this = plg.LogitModel.from_arrays(X, (X[:, 0] > 0).astype(int)).problem
    target = whiten_hierarchy(this, plg.Normal(plg.HalfNormal(1.0)).hierarchy(this))
    value, gradient = target.evaluate(np.zeros(target.size))
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
