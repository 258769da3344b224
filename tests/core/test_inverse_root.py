"""x^(-1/2) as a sum of shifted inverses, against the square root itself and a dense eigendecomposition."""

from __future__ import annotations

import numpy as np
import pytest

from problogit.core.inverse_root import inverse_root_nodes


@pytest.mark.parametrize("ratio", [1.0, 0.9, 0.5, 1e-3, 1e-8, 1e-16, 1e-30])
@pytest.mark.parametrize("top", [1.0, 1e6, 1e-9])
def test_the_sum_is_the_inverse_root_to_machine_precision(ratio, top):
    shifts, weights = inverse_root_nodes(ratio * top, top)
    x = top * np.geomspace(ratio, 1.0, 300)
    found = (weights / (x[:, None] + shifts)).sum(axis=1)
    np.testing.assert_allclose(found * np.sqrt(x), 1.0, rtol=1e-14)
    assert np.all(shifts > 0)
    assert np.all(weights > 0)


def test_a_matrix_by_its_shifted_inverses_against_eigh():
    rng = np.random.default_rng(0)
    half = rng.normal(size=(20, 20))
    A = half @ half.T + 0.01 * np.eye(20)
    values, vectors = np.linalg.eigh(A)
    shifts, weights = inverse_root_nodes(values[0] * 0.9, values[-1] * 1.1)
    found = sum(w * np.linalg.inv(A + t * np.eye(20)) for t, w in zip(shifts, weights, strict=True))
    np.testing.assert_allclose(found, (vectors / np.sqrt(values)) @ vectors.T, rtol=1e-9, atol=1e-12)
