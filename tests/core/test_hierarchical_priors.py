"""Priors with random scales: densities against SciPy and quadrature, gradients against finite differences, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

import problogit as plg
from problogit.core.priors.hierarchy import ResolvedHierarchy
from problogit.core.priors.learned_scale import LearnedScale
from problogit.core.priors.mixture import ScaleMixture
from problogit.errors import InputError, NotAvailableError

X = np.random.default_rng(0).normal(size=(60, 4)) * [1.0, 6.0, 0.2, 1.0] + [3.0, 0.0, 0.1, 0.0]
Y = (np.random.default_rng(1).random(60) < 0.45).astype(int)
PROBLEM = plg.LogitModel.from_arrays(X, Y, names=["a", "b", "c", "d"]).problem
PRIORS = {
    "learned": plg.Normal(plg.HalfNormal(0.7), autoscale=True),
    "horseshoe": plg.Horseshoe(expected=1.0, global_df=3.0, slab_scale=1.5, slab_df=6.0),
    "by-term": plg.Priors(
        plg.Laplace(plg.HalfNormal(2.0), loc=0.3),
        {"a": plg.Normal(plg.HalfNormal(1.0)), "b": plg.Normal(0.5)},
        intercept=plg.Normal(2.0),
    ),
}
EVERY = pytest.mark.parametrize("prior", PRIORS.values(), ids=PRIORS.keys())


def mixtures(prior) -> list[ScaleMixture]:
    return [block.mixture for block in prior.hierarchy(PROBLEM).blocks]


def slopes(function, at: np.ndarray) -> np.ndarray:
    step = 1e-6
    return np.array([(function(at + e) - function(at - e)) / (2 * step) for e in step * np.eye(at.size)])


@EVERY
def test_gradients_of_scales_and_hyperpriors_match_finite_differences(prior):
    rng = np.random.default_rng(3)
    for mixture in mixtures(prior):
        for theta in mixture.draw(rng, 4):
            direction = rng.normal(size=mixture.n_coefficients)
            expected = slopes(lambda t, m=mixture: float(m.log_density(t)), theta)
            np.testing.assert_allclose(mixture.gradient(theta), expected, atol=2e-7)
            expected = slopes(lambda t, m=mixture, d=direction: float(d @ m.log_scales(t)), theta)
            np.testing.assert_allclose(mixture.pull(theta, direction), expected, atol=2e-7)


@EVERY
def test_names_and_back(prior):
    for mixture in mixtures(prior):
        theta = mixture.draw(np.random.default_rng(4), 5)
        named = mixture.named(theta)
        assert set(named) == set(mixture.names)
        np.testing.assert_allclose(mixture.theta(named), theta, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("y", [-60.0, -3.0, 0.0, 2.0, 9.0])
def test_softplus_coordinates_keep_the_density_of_the_scale(y):
    """Density of theta = density of s by scipy, times ds/dtheta."""
    (mixture,) = mixtures(PRIORS["learned"])
    theta = np.array([y])
    s = float(mixture.named(theta)["scale"])
    expected = stats.halfnorm(scale=0.7).logpdf(s) + float(mixture.log_jacobian(theta))
    assert float(mixture.log_density(theta)) == pytest.approx(expected, rel=1e-12)
    assert float(np.exp(mixture.log_jacobian(theta))) == pytest.approx(0.7 / (1 + np.exp(-y)), rel=1e-12)


def test_horseshoe_density_against_scipy():
    """Half-t for tau and lambda, inverse gamma for the square of the slab, and their Jacobians."""
    prior = PRIORS["horseshoe"]
    (mixture,) = mixtures(prior)
    theta = mixture.draw(np.random.default_rng(6), 1)[0]
    named = mixture.named(theta)
    tau, c, local = (np.asarray(named[name]) for name in ("global_scale", "slab_scale", "local_scale"))
    expected = np.log(2) + stats.t(3, scale=mixture.tau0).logpdf(tau)
    expected += stats.invgamma(3.0, scale=3.0 * 1.5**2).logpdf(c**2) + np.log(2 * c)
    expected += (np.log(2) + stats.t(1).logpdf(local)).sum() + float(mixture.log_jacobian(theta))
    assert float(mixture.log_density(theta)) == pytest.approx(float(expected), rel=1e-10)
    sigma = np.sqrt(c**2 * local**2 / (c**2 + tau**2 * local**2)) * tau * mixture.factor
    np.testing.assert_allclose(np.exp(mixture.log_scales(theta)), sigma, rtol=1e-10)


def along(mixture: ScaleMixture, at: int):
    """The density over one coordinate of theta, the others at their centres: the parts are independent."""
    typical = mixture.centre

    def density(value: float) -> float:
        theta = typical.copy()
        theta[at] = value
        return float(np.exp(mixture.log_density(theta) - mixture.log_density(typical)))

    return density


@EVERY
def test_draws_of_hyperparameters_have_the_median_of_their_density(prior):
    for mixture in mixtures(prior):
        draws = mixture.draw(np.random.default_rng(5), 40_000)
        for at in range(min(mixture.size, 3)):
            density, centre = along(mixture, at), float(mixture.centre[at])
            mass = quad(density, -60, 60, points=[centre], limit=400)[0]
            below = quad(density, -60, np.median(draws[:, at]), limit=400)[0] / mass
            assert below == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(40_000))


def test_joint_density_is_conditional_times_hyperprior():
    prior = PRIORS["by-term"].hierarchy(PROBLEM)
    rng = np.random.default_rng(8)
    betas, theta = (
        rng.normal(size=(3, 5)),
        np.concatenate([m.draw(rng, 3) for m in mixtures(PRIORS["by-term"])], 1),
    )
    named = prior.named(theta)
    direct = [prior.at(t).value(b) for t, b in zip(theta, betas, strict=True)]
    hyper = stats.halfnorm(scale=2.0).logpdf(named["scale"]) + stats.halfnorm(scale=1.0).logpdf(
        named["a_scale"]
    )
    np.testing.assert_allclose(prior.batch(betas, named), direct + hyper, rtol=1e-10)
    np.testing.assert_allclose(prior.log_hyperprior(named), hyper, rtol=1e-10)


def test_draws_from_the_prior_have_its_quantiles():
    """|beta| / sd unit of Normal(HalfNormal(0.7)): by quadrature over the scale."""
    prior = plg.Priors(PRIORS["learned"], intercept=plg.Normal(3.0))
    draws = prior.hierarchy(PROBLEM).draw(np.random.default_rng(2), 40_000)
    size = np.abs(draws[:, 1]) * PROBLEM.column_stats.sd[1]
    for bound in (0.05, 0.4, 1.5):
        inside = quad(
            lambda s, b=bound: stats.halfnorm(scale=0.7).pdf(s) * (2 * stats.norm.cdf(b / s) - 1), 0, 9
        )[0]
        assert np.mean(size < bound) == pytest.approx(inside, abs=4 * 0.5 / np.sqrt(40_000))
    assert draws[:, 0].std() == pytest.approx(3.0, rel=0.03)
    with pytest.raises(InputError, match="flat for Intercept"):
        PRIORS["learned"].hierarchy(PROBLEM).draw(np.random.default_rng(2), 2)


def test_each_entry_learns_its_own_scale_even_from_one_object():
    prior = plg.Normal(plg.HalfNormal(1.0), autoscale=True)
    resolved = plg.Priors(prior, {"a": prior, "c": plg.Horseshoe(expected=0.5)}).hierarchy(PROBLEM)
    assert isinstance(resolved, ResolvedHierarchy)
    columns = {tuple(block.mixture.names): block.index.tolist() for block in resolved.blocks}
    assert columns == {
        ("scale",): [2, 4],
        ("a_scale",): [1],
        ("c_global_scale", "c_slab_scale", "c_local_scale"): [3],
    }
    assert all(row["given"] == "Normal(0, HalfNormal(1)), autoscaled" for row in resolved.table()[1:3])
    assert "s ~ HalfNormal(1)" in str(resolved.table()[1]["text"])


def test_autoscaling_divides_the_learned_scale_by_the_unit_of_the_column():
    (mixture,) = mixtures(PRIORS["learned"])
    assert isinstance(mixture, LearnedScale)
    np.testing.assert_allclose(mixture.factor, 1 / PROBLEM.column_stats.sd[1:])
    (plain,) = mixtures(plg.Normal(plg.HalfNormal(0.7)))
    np.testing.assert_array_equal(plain.factor, np.ones(4))


def test_global_scale_of_a_horseshoe_is_that_of_the_paper():
    """Piironen & Vehtari (2017): p0 / (p - p0) sigma / sqrt(n), sigma = 2."""
    (mixture,) = mixtures(plg.Horseshoe(expected=3))
    assert mixture.tau0 == pytest.approx(3 / (4 - 3) * 2 / np.sqrt(60))
    (default,) = mixtures(plg.Horseshoe())
    assert default.tau0 == pytest.approx(1 / 3 * 2 / np.sqrt(60))
    (given,) = mixtures(plg.Horseshoe(global_scale=0.02))
    assert given.tau0 == 0.02
    with pytest.raises(
        InputError, match=r"Horseshoe: expected.*must be less than the number of columns.*\(4\)"
    ):
        plg.Horseshoe(expected=4).hierarchy(PROBLEM)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: plg.HalfNormal(-1), "HalfNormal: scale.*positive.*-1"),
        (lambda: plg.HalfNormal(np.inf), "HalfNormal: scale.*positive"),
        (lambda: plg.HalfNormal(True), "HalfNormal: scale.*positive"),
        (lambda: plg.Normal(plg.Normal(1)), r"Normal: scale.*positive.*HalfNormal\(1\)"),
        (lambda: plg.ElasticNet(plg.HalfNormal(1), 1), "ElasticNet: l1.*must not be negative"),
        (lambda: plg.Horseshoe(expected=0), "Horseshoe: expected.*positive"),
        (lambda: plg.Horseshoe(slab_df=0), "Horseshoe: slab_df.*positive"),
        (lambda: plg.Horseshoe(slab_scale=-2), "Horseshoe: slab_scale.*positive"),
        (lambda: plg.Horseshoe(expected=2, global_scale=0.1), "Horseshoe: global_scale.*must be None"),
        (lambda: plg.Horseshoe(autoscale=1), "Horseshoe: autoscale.*True or False"),
        (lambda: plg.Priors(plg.HalfNormal(1)), r"Priors: default.*not of a scale.*Normal\(scale="),
        (
            lambda: plg.Priors(plg.Normal(1), intercept=plg.Normal(plg.HalfNormal(1))),
            "Priors: intercept.*fixed scale",
        ),
        (lambda: plg.Priors(plg.Normal(1), intercept=plg.Horseshoe()), "Priors: intercept.*must be a prior"),
        (
            lambda: plg.Penalized(plg.Normal(plg.HalfNormal(1))),
            "fixed scales in Penalized.*select='evidence'",
        ),
        (lambda: plg.Penalized(plg.Horseshoe()), "fixed scales in Penalized.*select='evidence'"),
        (
            lambda: plg.Penalized(plg.Priors(plg.Normal(1), {"a": plg.Laplace(plg.HalfNormal(1))})),
            "fixed scales in Penalized",
        ),
        (
            lambda: plg.Bayes(plg.Horseshoe(), sampler="laplace"),
            "sampler.*'nuts' or 'auto'.*scales are learned",
        ),
        (lambda: plg.Bayes(plg.Jeffreys(flic=True)), "flic.*must not be True in Bayes"),
        (lambda: plg.Bayes(plg.HalfNormal(1)), "prior.*must be a prior"),
    ],
)
def test_impossible_priors_are_refused_with_the_rule(make, words):
    with pytest.raises(InputError, match=words):
        make()


def test_unknown_terms_are_named():
    with pytest.raises(InputError, match="Priors: terms.*'aa'.*Did you mean 'a'"):
        plg.Priors(plg.Normal(1), {"aa": plg.Normal(plg.HalfNormal(1))}).hierarchy(PROBLEM)


def test_a_learned_scale_has_no_numbers_by_column():
    with pytest.raises(NotAvailableError, match=r"learned from the data.*Bayes\(prior\)"):
        PRIORS["learned"].resolve(PROBLEM)
    with pytest.raises(NotAvailableError, match="learned"):
        PRIORS["learned"].log_density(np.zeros(3))


def test_priors_with_learned_scales_are_values():
    assert plg.Normal(plg.HalfNormal(1)) == plg.Normal(plg.HalfNormal(1.0))
    assert plg.Normal(plg.HalfNormal(1)) != plg.Normal(plg.HalfNormal(2))
    assert plg.Normal(plg.HalfNormal(1)) != plg.Normal(1)
    assert len({PRIORS["learned"], plg.Normal(plg.HalfNormal(0.7), autoscale=True)}) == 1


def test_twins_have_fixed_scales():
    assert PRIORS["learned"].twin == plg.Normal(0.7, autoscale=True)
    assert plg.Horseshoe().twin == plg.Laplace(1.0, autoscale=True)
    twin = PRIORS["by-term"].twin
    assert not twin.hierarchical
    assert twin.terms["a"] == plg.Normal(1.0)
    assert twin.terms["b"] == plg.Normal(0.5)
