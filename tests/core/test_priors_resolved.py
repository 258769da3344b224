"""Priors on the columns of a design: who gets which, autoscaling, the intercept, changes of coordinates."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field

import numpy as np
import pytest

from problogit.core.priors import Cauchy, ElasticNet, Flat, Laplace, Normal, Priors, StudentT
from problogit.core.scaling import ColumnStats, Scaling, column_stats
from problogit.errors import InputError
from problogit.execution import Serial

RNG = np.random.default_rng(20)
N = 400
X = np.column_stack(
    [
        np.ones(N),
        RNG.normal(20.0, 3.0, N),
        RNG.integers(0, 2, N),
        RNG.choice([2.0, 7.0], N),
        RNG.normal(0.0, 1e-4, N),
        np.full(N, 4.0),
    ]
)
TERMS = ("Intercept", "age", "race[T.black]", "race[T.other]", "dose", "constant")
WEIGHTS = RNG.integers(1, 4, N).astype(float)
MIXED = Priors(
    StudentT(4.0, 2.0, 0.3),
    {"age": Normal(1.0, 0.2), "race": Cauchy(1.5), "dose": Flat()},
    intercept=Normal(3.0, 0.5),
)


@dataclass(frozen=True)
class Model:
    """As much of a problem as a prior looks at."""

    terms: tuple[str, ...] = TERMS
    intercept: int | None = 0
    column_stats: ColumnStats = field(default_factory=lambda: column_stats(X, WEIGHTS, Serial()))


MODEL = Model()
BETA = np.array([0.4, -0.3, 1.2, 0.7, 2.0, -0.9])


def numeric_gradient(function, point: np.ndarray, h: float = 1e-5) -> np.ndarray:
    steps = np.eye(point.size) * h
    return np.array([(function(point + d) - function(point - d)) / (2 * h) for d in steps])


def scale_of(prior, model=MODEL) -> np.ndarray:
    return prior.resolve(model).spread


def test_the_intercept_is_flat_unless_told_otherwise() -> None:
    assert Normal(1.0).resolve(MODEL).flat.tolist() == [True, False, False, False, False, False]
    assert Priors(Normal(1.0)).resolve(MODEL).flat[0]
    assert not Priors(Normal(1.0), intercept=Normal(2.0)).resolve(MODEL).flat[0]
    assert not Normal(1.0).resolve(Model(intercept=None)).flat.any()
    assert Flat().resolve(MODEL).flat.all()


def test_autoscale_divides_by_weighted_sd_or_by_the_range_of_two_values() -> None:
    sd = np.sqrt(np.average((X - np.average(X, axis=0, weights=WEIGHTS)) ** 2, axis=0, weights=WEIGHTS))
    expected = [np.inf, 2.5 / sd[1], 2.5, 2.5 / 5.0, 2.5 / sd[4], 2.5]
    np.testing.assert_allclose(scale_of(Normal(2.5, autoscale=True)), expected, rtol=1e-10)
    np.testing.assert_allclose(scale_of(Cauchy(2.5, autoscale=True)), expected, rtol=1e-10)
    np.testing.assert_allclose(scale_of(Laplace(2.5, autoscale=True)), expected, rtol=1e-10)
    np.testing.assert_allclose(scale_of(StudentT(3, 2.5, autoscale=True)), expected, rtol=1e-10)
    np.testing.assert_allclose(scale_of(Normal(2.5)), [np.inf, *[2.5] * 5])


def test_autoscaled_elastic_net_keeps_its_ends() -> None:
    net = ElasticNet(0.5, 0.0, autoscale=True).resolve(MODEL)
    np.testing.assert_allclose(net.l1[1:], 1 / scale_of(Laplace(2.0, autoscale=True))[1:])
    ridge = ElasticNet(0.0, 0.25, autoscale=True).resolve(MODEL)
    np.testing.assert_allclose(ridge.curvature(BETA)[1:], scale_of(Normal(2.0, autoscale=True))[1:] ** -2.0)


@pytest.mark.parametrize("c", [1e-8, 1e-3, 1e8])
def test_autoscaled_prior_of_a_multiplied_column_has_the_scale_divided(c: float) -> None:
    moved = Model(column_stats=column_stats(X * np.where(np.arange(6) == 0, 1.0, c), WEIGHTS, Serial()))
    before, after = scale_of(Normal(2.5, autoscale=True)), scale_of(Normal(2.5, autoscale=True), moved)
    np.testing.assert_allclose(after[1:5] * c, before[1:5], rtol=1e-9)


def test_terms_get_their_own_priors_by_coefficient_or_by_term() -> None:
    priors = Priors(
        Normal(1.0),
        {"race": Laplace(2.0), "race[T.other]": Normal(9.0), "age": Flat()},
        intercept=Cauchy(10.0),
    )
    resolved = priors.resolve(MODEL)
    np.testing.assert_array_equal(resolved.spread, [10.0, np.inf, 2.0, 9.0, 1.0, 1.0])
    np.testing.assert_array_equal(resolved.l1, [0, 0, 0.5, 0, 0, 0])
    assert not resolved.smooth
    assert not resolved.log_concave
    assert [row["family"] for row in resolved.table()] == [
        "Cauchy",
        "Flat",
        "Laplace",
        "Normal",
        "Normal",
        "Normal",
    ]


def test_the_table_shows_the_scale_that_was_used_and_what_was_asked() -> None:
    row = Normal(2.5, autoscale=True).resolve(MODEL).table()[3]
    assert row == {
        "term": "race[T.other]",
        "family": "Normal",
        "loc": 0.0,
        "scale": pytest.approx(0.5),
        "text": "Normal(0, 0.5)",
        "given": "Normal(0, 2.5), autoscaled",
    }
    first = Priors(Normal(1.0), intercept=Normal(2.0), intercept_at="mean").resolve(MODEL).table()[0]
    assert first["text"] == "Normal(0, 2) at the predictors' means"
    flat = Flat().resolve(MODEL).table()[0]
    assert (flat["text"], flat["scale"]) == ("Flat()", np.inf)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Priors(Normal(1.0), {"agee": Flat()}).resolve(MODEL), "received 'agee'. Did you mean 'age'"),
        (lambda: Priors(Normal(1.0), {"zzz": Flat()}).resolve(MODEL), r"The model has age, race\[T.black\]"),
        (lambda: Priors(Normal(1.0), {"Intercept": Flat()}).resolve(MODEL), "by intercept="),
        (
            lambda: Priors(Normal(1.0), intercept=Normal(1.0)).resolve(Model(intercept=None)),
            "needs a model with",
        ),
        (lambda: Priors(2.5), "Priors: default must be a prior; received 2.5"),
        (lambda: Priors(Normal(1.0), {"age": 1.0}), r"Priors: terms\['age'\] must be a prior"),
        (lambda: Priors(Normal(1.0), [("age", Flat())]), "Priors: terms must map names"),
        (lambda: Priors(Normal(1.0), intercept="flat"), "Priors: intercept must be a prior"),
        (lambda: Priors(Normal(1.0), intercept_at="means"), "Did you mean 'mean'"),
    ],
)
def test_bad_priors_are_named(make, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()


def test_priors_are_values_and_cannot_be_changed_from_outside() -> None:
    terms = {"age": Normal(1.0)}
    priors = Priors(Normal(2.0), terms)
    terms["age"] = Flat()
    assert priors.terms["age"] == Normal(1.0)
    assert priors == Priors(Normal(2.0), {"age": Normal(1.0)})
    assert hash(priors) == hash(Priors(Normal(2.0), {"age": Normal(1.0)}))
    assert pickle.loads(pickle.dumps(priors)) == priors  # noqa: S301  # our own bytes
    assert priors.describe() == "Normal(0, 2); age: Normal(0, 1)"
    with_intercept = Priors(Normal(2.0), intercept=Normal(9.0), intercept_at="mean")
    assert with_intercept.describe() == "Normal(0, 2); Intercept: Normal(0, 9) at the predictors' means"


def test_value_is_the_sum_of_the_columns() -> None:
    resolved = MIXED.resolve(MODEL)
    parts = [
        Normal(3.0, 0.5).log_density(BETA[:1]),
        Normal(1.0, 0.2).log_density(BETA[1:2]),
        Cauchy(1.5).log_density(BETA[2:4]),
        StudentT(4.0, 2.0, 0.3).log_density(BETA[5:]),
    ]
    assert resolved.value(BETA) == pytest.approx(sum(float(part.sum()) for part in parts), rel=1e-14)
    peak = np.where(resolved.flat, BETA, resolved.loc)
    assert resolved.below_peak(BETA) == pytest.approx(resolved.value(BETA) - resolved.value(peak), rel=1e-12)
    batch = resolved.batch(np.stack([BETA, 2 * BETA]))
    np.testing.assert_allclose(batch, [resolved.value(BETA), resolved.value(2 * BETA)], rtol=1e-14)


@pytest.mark.parametrize("intercept_at", ["zero", "mean"])
def test_derivatives_of_the_sum_match_finite_differences(intercept_at: str) -> None:
    priors = Priors(MIXED.default, MIXED.terms, MIXED.intercept, intercept_at)
    for resolved in (priors.resolve(MODEL), priors.resolve(MODEL).scaled(MODEL.column_stats.scaling(0))):
        np.testing.assert_allclose(
            resolved.gradient(BETA), numeric_gradient(resolved.value, BETA), rtol=1e-6, atol=1e-6
        )
        hessian = -numeric_gradient(resolved.gradient, BETA)
        np.testing.assert_allclose(resolved.hessian(BETA), hessian, rtol=1e-6, atol=1e-5)
        np.testing.assert_allclose(resolved.curvature(BETA), np.diag(hessian), rtol=1e-6, atol=1e-5)
        v = np.arange(6.0)
        np.testing.assert_allclose(resolved.hessian_vector(BETA)(v), resolved.hessian(BETA) @ v, rtol=1e-12)


@pytest.mark.parametrize("intercept_at", ["zero", "mean"])
@pytest.mark.parametrize("centre", [True, False])
def test_changing_coordinates_never_changes_the_meaning_of_a_prior(intercept_at: str, centre: bool) -> None:
    priors = Priors(MIXED.default, MIXED.terms, MIXED.intercept, intercept_at)
    resolved = priors.resolve(MODEL)
    scaling = MODEL.column_stats.scaling(0, centre=centre)
    moved = resolved.scaled(scaling)
    points = RNG.normal(size=(5, 6))
    difference = resolved.batch(points) - moved.batch(scaling.to_scaled(points))
    expected = np.log(scaling.scale[~resolved.flat]).sum()  # the Jacobian of the change of units
    np.testing.assert_allclose(difference, expected, rtol=1e-9)


def test_a_prior_at_the_means_is_separable_in_centred_coordinates() -> None:
    at_mean = Priors(Normal(1.0), intercept=Normal(2.0), intercept_at="mean").resolve(MODEL)
    assert not at_mean.separable
    stats = MODEL.column_stats
    center = np.where(np.arange(6) == 0, 0.0, stats.mean)
    assert at_mean.scaled(Scaling(center, np.ones(6), 0)).separable
    at_zero = Priors(Normal(1.0), intercept=Normal(2.0)).resolve(MODEL)
    assert at_zero.scaled(stats.scaling(0, centre=False)).separable
    assert not at_zero.scaled(stats.scaling(0)).separable
    assert Normal(1.0).resolve(MODEL).scaled(stats.scaling(0)).separable


def test_a_prior_at_the_means_is_on_the_log_odds_there() -> None:
    at_mean = Priors(Flat(), intercept=Normal(2.0, 0.5), intercept_at="mean").resolve(MODEL)
    log_odds = BETA[0] + MODEL.column_stats.mean[1:] @ BETA[1:]
    assert at_mean.value(BETA) == pytest.approx(float(Normal(2.0, 0.5).log_density(np.array(log_odds))))


def test_taking_columns_keeps_their_priors() -> None:
    resolved = MIXED.resolve(MODEL)
    columns = np.array([5, 0, 3, 4])
    taken = resolved.take(columns)
    assert taken.terms == ("constant", "Intercept", "race[T.other]", "dose")
    assert taken.intercept == 1
    np.testing.assert_array_equal(taken.spread, resolved.spread[columns])
    np.testing.assert_allclose(taken.gradient(BETA[columns]), resolved.gradient(BETA)[columns])
    assert resolved.take(np.array([1, 2])).intercept is None


def test_prox_and_stand_in_act_column_by_column() -> None:
    resolved = Priors(Laplace(0.5), {"dose": Flat(), "race": Normal(1.0)}).resolve(MODEL)
    step = np.full(6, 0.5)
    np.testing.assert_allclose(resolved.prox(np.full(6, 2.0), step), [2.0, 1.0, 2 / 1.5, 2 / 1.5, 2.0, 1.0])
    stand_in = resolved.stand_in()
    assert stand_in.smooth
    np.testing.assert_allclose(
        stand_in.spread, [np.inf, 0.5 * np.sqrt(2), 1.0, 1.0, np.inf, 0.5 * np.sqrt(2)]
    )
