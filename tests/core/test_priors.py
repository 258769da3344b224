"""The families of priors, each number against scipy.stats, finite differences or the definition of a prox."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import integrate, stats

from problogit.core.priors import Cauchy, ElasticNet, Flat, Laplace, Normal, Prior, StudentT
from problogit.core.priors.elastic_net import _draw
from problogit.errors import InputError

GRID = np.array([-40.0, -3.0, -0.7, -1e-3, 0.2, 1.0, 4.5, 60.0])
PROPER = [
    Normal(2.5, 0.3),
    Laplace(0.7, -1.0),
    ElasticNet(0.8, 0.3, 0.5),
    ElasticNet(2.0, 0.0),
    ElasticNet(0.0, 0.4),
    StudentT(3.0, 1.5, 0.4),
    StudentT(0.5, 2.0),
    Cauchy(2.5, 0.2),
]
NAMES = [prior.describe() for prior in PROPER]
positive = st.floats(0.01, 100.0)
anywhere = st.floats(-200.0, 200.0)


def families(scale: float, other: float, loc: float) -> list[Prior]:
    """One prior of every family with the same numbers."""
    return [
        Flat(),
        Normal(scale, loc),
        Laplace(scale, loc),
        ElasticNet(1 / scale, other, loc),
        StudentT(other, scale, loc),
        Cauchy(scale, loc),
    ]


@pytest.mark.parametrize(
    ("prior", "reference"),
    [
        (Normal(2.5, 0.3), stats.norm(0.3, 2.5)),
        (Laplace(0.7, -1.0), stats.laplace(-1.0, 0.7)),
        (StudentT(3.0, 1.5, 0.4), stats.t(3.0, 0.4, 1.5)),
        (StudentT(0.5, 2.0), stats.t(0.5, 0.0, 2.0)),
        (Cauchy(2.5, 0.2), stats.cauchy(0.2, 2.5)),
        (ElasticNet(2.0, 0.0, 1.0), stats.laplace(1.0, 0.5)),
        (ElasticNet(0.0, 0.25, 1.0), stats.norm(1.0, 2.0)),
    ],
)
def test_log_density_against_scipy_stats(prior: Prior, reference: stats.rv_continuous) -> None:
    np.testing.assert_allclose(prior.log_density(GRID), reference.logpdf(GRID), rtol=1e-13)


@pytest.mark.parametrize("l1", [1e-6, 0.5, 30.0])
@pytest.mark.parametrize("l2", [1e-3, 2.0])
def test_elastic_net_density_integrates_to_one(l1: float, l2: float) -> None:
    prior = ElasticNet(l1, l2, 0.5)
    width = min(1 / l1, 1 / math.sqrt(l2))
    half, _ = integrate.quad(lambda u: math.exp(prior.log_density(np.array(0.5 + u * width))) * width, 0, 60)
    assert half == pytest.approx(0.5, abs=1e-9)


@pytest.mark.parametrize("l2", [1e-300, 1e-30, 1e-16, 1e-12, 1e-8])
def test_elastic_net_normaliser_goes_over_to_laplace_without_a_jump(l2: float) -> None:
    np.testing.assert_allclose(
        ElasticNet(3.0, l2).log_density(GRID[2:6]), Laplace(1 / 3).log_density(GRID[2:6]), rtol=1e-7
    )


def test_elastic_net_normaliser_does_not_overflow() -> None:
    # exp(l1^2 / (2 l2)) alone is exp(5e7)
    assert ElasticNet(1e4, 1.0).log_density(np.zeros(1))[0] == pytest.approx(math.log(1e4 / 2), rel=1e-8)


@pytest.mark.parametrize("prior", PROPER, ids=NAMES)
def test_gradient_and_curvature_match_finite_differences(prior: Prior) -> None:
    smooth = prior.log_density(GRID) + prior.l1_strength * np.abs(GRID - prior.location)

    def at(points: np.ndarray) -> np.ndarray:
        return prior.log_density(points) + prior.l1_strength * np.abs(points - prior.location)

    h = 1e-4
    np.testing.assert_allclose(
        prior.log_density(GRID), smooth - prior.l1_strength * np.abs(GRID - prior.location)
    )
    np.testing.assert_allclose(prior.gradient(GRID), (at(GRID + h) - at(GRID - h)) / (2 * h), atol=1e-7)
    slopes = (prior.gradient(GRID + h) - prior.gradient(GRID - h)) / (2 * h)
    np.testing.assert_allclose(prior.curvature(GRID), -slopes, atol=1e-7)


@pytest.mark.parametrize("prior", [*PROPER, Flat()], ids=[*NAMES, "Flat"])
def test_everything_is_finite_far_out(prior: Prior) -> None:
    far = np.array([-1e150, 1e150])
    assert np.isfinite(prior.gradient(far)).all()
    assert np.isfinite(prior.curvature(far)).all()


@example(scale=1.0, other=1.0, loc=1.7e-190, v=0.0, step=1.0)
@given(scale=positive, other=positive, loc=anywhere, v=anywhere, step=positive)
def test_prox_is_the_minimum_of_its_definition(
    scale: float, other: float, loc: float, v: float, step: float
) -> None:
    for prior in families(scale, other, loc):
        x = float(prior.prox(np.array([v]), np.array([step]))[0])

        def cost(points: np.ndarray, prior: Prior = prior) -> np.ndarray:
            return (points - v) ** 2 / (2 * step) - prior.log_density(points)

        centre = float(np.asarray(prior.location))
        around = [x + d * w for w in (1e-3, 1.0, scale) for d in np.linspace(-1, 1, 21)]
        rivals = np.array([*around, *np.linspace(min(v, centre), max(v, centre), 201), v, centre])
        best = float(cost(np.array([x]))[0])
        assert best <= cost(rivals).min() + 1e-10 * max(1.0, abs(best))


@given(scale=positive, other=positive, loc=anywhere, at=anywhere, beta=anywhere)
def test_majorant_is_a_parabola_above_the_penalty(
    scale: float, other: float, loc: float, at: float, beta: float
) -> None:
    point, other_point = np.array([at]), np.array([beta])
    for prior in families(scale, other, loc):
        step = other_point - point
        model = prior.log_density(point) + prior.l1_strength * np.abs(point - prior.location)
        linear, bend = prior.gradient(point) * step, prior.majorant(point) * step**2 / 2
        model = model + linear - bend
        truth = prior.log_density(other_point) + prior.l1_strength * np.abs(other_point - prior.location)
        assert prior.majorant(point) >= 0
        assert model <= truth + 1e-9 * (1 + abs(truth) + abs(linear) + bend)


@given(scale=positive, loc=anywhere, step=positive, inside=st.floats(-0.999, 0.999))
def test_prox_gives_exact_zeros_where_the_prior_has_an_l1_part(
    scale: float, loc: float, step: float, inside: float
) -> None:
    v = np.array([loc + inside * step / scale])
    assert Laplace(scale, loc).prox(v, step)[0] == pytest.approx(loc, abs=1e-13 * abs(loc))
    assert ElasticNet(1 / scale, 2.0).prox(v - loc, step)[0] == pytest.approx(0.0, abs=1e-12 * abs(loc))
    assert Laplace(scale).prox(np.array([inside * step / scale * 0.999]), step)[0] == 0.0


@given(scale=positive, other=positive, loc=anywhere, c=positive, beta=anywhere)
def test_rescale_is_the_density_of_the_multiple(
    scale: float, other: float, loc: float, c: float, beta: float
) -> None:
    point = np.array([beta])
    for prior in families(scale, other, loc)[1:]:
        for factor in (c, -c):
            moved = prior.rescale(factor).log_density(factor * point)
            np.testing.assert_allclose(moved, prior.log_density(point) - math.log(c), rtol=1e-9, atol=1e-9)


@given(l1=positive, l2=positive, loc=anywhere, beta=anywhere)
def test_elastic_net_has_the_normal_and_laplace_priors_at_its_ends(
    l1: float, l2: float, loc: float, beta: float
) -> None:
    point = np.array([beta])
    np.testing.assert_allclose(
        ElasticNet(l1, 0.0, loc).log_density(point), Laplace(1 / l1, loc).log_density(point), rtol=1e-12
    )
    np.testing.assert_allclose(
        ElasticNet(0.0, l2, loc).log_density(point),
        Normal(1 / math.sqrt(l2), loc).log_density(point),
        rtol=1e-12,
    )


def test_elastic_net_draws_have_the_moments_of_their_density() -> None:
    l1, l2, loc = np.array([0.0, 1.0, 2.0]), np.array([4.0, 0.0, 1.5]), np.array([0.0, -1.0, 0.3])
    draws = _draw(l1, l2, loc, np.random.default_rng(5), (20_000, 3))
    grid = np.linspace(-30, 30, 600_001)
    for j in range(3):
        density = np.exp(ElasticNet(l1[j], l2[j]).log_density(grid))
        variance = float(np.sum(density * grid**2) * (grid[1] - grid[0]))
        assert draws[:, j].mean() == pytest.approx(loc[j], abs=5 * np.sqrt(variance / 20_000))
        assert draws[:, j].var() == pytest.approx(variance, rel=0.08)


def test_cauchy_is_student_t_with_one_degree_of_freedom() -> None:
    for name in ("log_density", "gradient", "curvature"):
        np.testing.assert_allclose(
            getattr(Cauchy(2.5, 0.1), name)(GRID), getattr(StudentT(1.0, 2.5, 0.1), name)(GRID), rtol=1e-13
        )


@pytest.mark.parametrize(
    ("prior", "variance"),
    [
        (Normal(2.0, 1.0), 4.0),
        (Laplace(2.0, 1.0), 8.0),
        (ElasticNet(0.5, 0.0, 1.0), 8.0),
        (ElasticNet(0.0, 0.25, 1.0), 4.0),
    ],
)
def test_stand_in_has_the_variance_of_the_prior(prior: Prior, variance: float) -> None:
    stand_in = prior.stand_in()
    assert stand_in.smooth
    assert stand_in.log_concave
    assert float(np.asarray(stand_in.spread)) ** 2 == pytest.approx(variance)
    assert stand_in.location == 1.0


def test_converters_keep_the_penalty() -> None:
    beta = np.array([0.7, -2.0])

    def penalty(prior: Prior) -> np.ndarray:
        return prior.log_density(np.zeros(2)) - prior.log_density(beta)

    np.testing.assert_allclose(penalty(Normal.from_l2(0.3)), 0.15 * beta**2)
    np.testing.assert_allclose(penalty(Normal.from_sklearn(4.0)), beta**2 / 2 / 4.0)
    np.testing.assert_allclose(penalty(Laplace.from_l1(0.3)), 0.3 * np.abs(beta))
    np.testing.assert_allclose(penalty(Laplace.from_sklearn(4.0)), np.abs(beta) / 4.0)
    glmnet = 200 * 0.01 * (0.4 * np.abs(beta) + 0.6 / 2 * beta**2)
    np.testing.assert_allclose(penalty(ElasticNet.from_glmnet(0.01, 0.4, 200)), glmnet)
    assert ElasticNet.from_glmnet(0.01, 1.0, 200).l2 == 0.0


BAD = [
    (lambda: Normal(0.0), "Normal: scale must be positive and finite; received 0.0. For no penalty use Flat"),
    (lambda: Normal(-1.0), "Normal: scale must be positive"),
    (lambda: Normal(math.inf), "Normal: scale must be positive and finite"),
    (lambda: Normal(math.nan), "Normal: scale"),
    (lambda: Normal("wide"), "Normal: scale"),
    (lambda: Normal(True), "Normal: scale"),
    (lambda: Normal(object()), "Normal: scale"),
    (lambda: Normal(1.0, math.inf), "Normal: loc must be finite"),
    (lambda: Normal(1.0, 0.0, "yes"), "Normal: autoscale must be True or False"),
    (lambda: Laplace(0.0), "Laplace: scale must be positive"),
    (lambda: Laplace(1.0, math.nan), "Laplace: loc must be finite"),
    (lambda: ElasticNet(-1.0, 1.0), "ElasticNet: l1 must not be negative"),
    (lambda: ElasticNet(1.0, math.inf), "ElasticNet: l2 must not be negative and finite"),
    (lambda: ElasticNet(0.0, 0.0), "ElasticNet: l1, l2 must not both be 0"),
    (lambda: StudentT(0.0, 1.0), "StudentT: df must be positive"),
    (lambda: StudentT(math.inf, 1.0), "StudentT: df must be positive and finite.*use Normal"),
    (lambda: StudentT(3.0, -2.0), "StudentT: scale must be positive"),
    (lambda: Cauchy(0.0), "Cauchy: scale must be positive"),
    (lambda: Normal.from_l2(0.0), "strength must be positive"),
    (lambda: Normal.from_sklearn(-1.0), "C must be positive"),
    (lambda: Laplace.from_l1(math.nan), "strength must be a finite number"),
    (lambda: ElasticNet.from_glmnet(0.1, 1.5, 10), "alpha must lie between 0"),
    (lambda: ElasticNet.from_glmnet(0.1, 0.5, 0), "n must be positive"),
]


@pytest.mark.parametrize(("make", "message"), BAD)
def test_bad_parameters_are_named(make, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()


def test_an_unknown_option_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="sd"):
        Normal(sd=1.0)  # type: ignore[call-arg]


@pytest.mark.parametrize("prior", [*PROPER, Flat()], ids=[*NAMES, "Flat"])
def test_priors_are_values(prior: Prior) -> None:
    copy = pickle.loads(pickle.dumps(prior))  # noqa: S301  # our own bytes
    assert copy == prior
    assert hash(copy) == hash(prior)
    assert prior != Normal(99.0)
    assert prior != 3


def test_array_parameters_are_values_too() -> None:
    one = Normal(np.array([1.0, 2.0]), np.zeros(2))
    assert one == Normal(np.array([1.0, 2.0]), np.zeros(2))
    assert one != Normal(np.array([1.0, 3.0]), np.zeros(2))
    assert one.take(1) == Normal(2.0, 0.0)
    assert one.take(np.array([1, 0])) == Normal(np.array([2.0, 1.0]), np.zeros(2))


def test_priors_say_themselves() -> None:
    assert [prior.describe() for prior in families(2.5, 3.0, 0.0)] == [
        "Flat()",
        "Normal(0, 2.5)",
        "Laplace(0, 2.5)",
        "ElasticNet(l1=0.4, l2=3)",
        "StudentT(3, 0, 2.5)",
        "Cauchy(0, 2.5)",
    ]
    assert Normal(2.5, autoscale=True).describe() == "Normal(0, 2.5), autoscaled"
    assert Normal(np.array([1.0, 3.0])).describe() == "Normal(0, 1..3)"
