"""Bootstrap draws that are infinite or unknown: how they enter quantiles, covariances and linear maps."""

from __future__ import annotations

import numpy as np
import pytest

from problogit.core.coefficients import DrawnCoefficients, NormalCoefficients
from problogit.core.infinite import AliasedCoefficients, SeparatedCoefficients
from problogit.core.rank import Aliases
from problogit.core.resampled import ResampledCoefficients, extended_quantile
from problogit.core.separation import find_separation
from problogit.errors import NotAvailableError

INF = np.inf


def separated(sign=1.0):
    """Coefficient 1 runs to +-Inf, coefficient 0 is 0.3."""
    X = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    events = np.array([1.0, 0.0, 1.0 if sign > 0 else 0.0])
    found = find_separation(X, events, np.ones(3), ("a", "b"))
    return SeparatedCoefficients(NormalCoefficients(np.array([0.3]), np.eye(1)), found.reduced_basis(), found)


def aliased():
    """Coefficient 1 is not identified."""
    aliases = Aliases(np.array([0]), np.array([1]), np.zeros((1, 1)))
    return AliasedCoefficients(NormalCoefficients(np.array([0.4]), np.eye(1)), aliases)


REGULAR = np.random.default_rng(0).normal(size=(95, 2))
MIXED = ResampledCoefficients(
    np.array([0.1, 0.2]), REGULAR, (separated(), separated(), separated(-1.0), aliased()), n_unknown=1
)


@pytest.mark.parametrize("prob", [0.0, 0.1, 0.5, 0.77, 1.0])
def test_finite_quantiles_against_numpy(prob):
    values = np.random.default_rng(1).normal(size=(37, 3))
    for towards in (-1.0, 1.0):
        np.testing.assert_allclose(
            extended_quantile(values, prob, towards), np.quantile(values, prob, axis=0)
        )


def test_between_a_finite_and_an_infinite_value_an_end_goes_outwards():
    values = np.array([[-INF], [0.0], [1.0], [INF]])
    assert extended_quantile(values, 0.1, -1.0) == -INF
    assert extended_quantile(values, 0.9, 1.0) == INF
    assert extended_quantile(values, 1 / 3, -1.0) == pytest.approx(0.0)
    assert extended_quantile(np.array([[-INF], [INF]]), 0.5, 1.0) == INF


def test_infinite_draws_are_infinite_and_unknown_ones_stand_at_both_ends():
    found = MIXED.marginals()
    assert found.values.shape == (100, 2)
    assert np.isposinf(found.values[:, 1]).sum() == 2
    assert np.isneginf(found.values[:, 1]).sum() == 1
    assert np.isnan(found.values[:, 1]).sum() == 2
    interval = found.interval(0.9)
    low, high = found.values[:, 1].copy(), found.values[:, 1].copy()
    low[np.isnan(low)], high[np.isnan(high)] = -1e9, 1e9
    low[np.isinf(low)], high[np.isinf(high)] = (
        np.sign(low[np.isinf(low)]) * 1e9,
        1e9 * np.sign(high[np.isinf(high)]),
    )
    assert interval.lower[1] == pytest.approx(np.quantile(low, 0.05))
    assert interval.upper[1] == pytest.approx(np.quantile(high, 0.95))
    assert found.interval(0.99).lower[1] == -INF
    assert found.interval(0.99).upper[1] == INF
    assert interval.kind == "bootstrap"


def test_a_transform_sees_the_ends_of_unknown_draws():
    found = MIXED.marginals().interval(0.99, transform=lambda v: 1 / (1 + np.exp(-v)))
    assert found.lower[1] == 0
    assert found.upper[1] == 1


def test_standard_errors_exist_where_all_draws_do():
    part = ResampledCoefficients(np.zeros(2), REGULAR, (separated(), separated()))
    assert np.isnan(part.std_error[1])
    values = np.r_[REGULAR[:, 0], 0.3, 0.3]
    assert part.std_error[0] == pytest.approx(values.std(ddof=1))
    assert part.cov[0, 0] == pytest.approx(values.var(ddof=1))
    assert np.isnan(part.cov[1]).all()


def test_without_irregular_draws_it_is_the_ordinary_bootstrap():
    ours = ResampledCoefficients(np.array([0.1, 0.2]), REGULAR, ())
    plain = DrawnCoefficients(REGULAR[None], ("bootstrap",), np.array([0.1, 0.2]))
    L = np.array([[1.0, -1.0], [0.5, 2.0], [1.0, 0.0]])
    for a, b in (
        (ours.marginals(L), plain.marginals(L)),
        (ours.linear(L).marginals(), plain.linear(L).marginals()),
    ):
        np.testing.assert_allclose(a.interval(0.9).lower, b.interval(0.9).lower)
        np.testing.assert_allclose(a.interval(0.9).upper, b.interval(0.9).upper)
        np.testing.assert_allclose(a.sd, b.sd)
    np.testing.assert_allclose(ours.cov, plain.cov)
    np.testing.assert_allclose(ours.linear(L).cov, plain.linear(L).cov)


def test_a_map_of_a_map_is_the_map_of_the_product():
    A, B = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 2.0]]), np.array([[1.0, 0, 0], [0.0, 1.0, 0]])
    twice, once = MIXED.linear(A).linear(B).marginals(), MIXED.linear(B @ A).marginals()
    np.testing.assert_allclose(twice.interval(0.9).lower[0], once.interval(0.9).lower[0])
    np.testing.assert_allclose(twice.location, once.location)


def test_draws_are_refused_with_the_remedy():
    with pytest.raises(NotAvailableError, match="5 of 100 bootstrap resamples.*proper prior"):
        MIXED.draws(None, np.random.default_rng(0))
