"""The model of a path: its inverse is that of its Hessian, whatever was appended or dropped."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from problogit.core.likelihood import BinomialLikelihood
from problogit.core.path_columns import ScaledColumns, WorkingColumns
from problogit.core.path_model import QuadraticModel


def columns(*, sparse: bool = False, seed: int = 0) -> tuple[ScaledColumns, np.ndarray]:
    """A design of 60 x 12, its transformed columns written out."""
    rng = np.random.default_rng(seed)
    X = np.where(rng.random((60, 12)) < 0.4, rng.normal(size=(60, 12)) + 2.0, 0.0)
    scale, center = X.std(axis=0), np.zeros(12) if sparse else X.mean(axis=0)
    ones = np.ones(60)
    like = BinomialLikelihood(sp.csr_array(X) if sparse else X, ones, ones, ones, np.zeros(60))
    return ScaledColumns(like.in_coordinates(None if sparse else center, scale)), (X - center) / scale


@pytest.mark.parametrize("sparse", [False, True])
def test_columns_and_products_are_those_of_the_transformed_design(sparse: bool) -> None:
    found, Z = columns(sparse=sparse)
    r = np.random.default_rng(1).normal(size=60)
    np.testing.assert_allclose(found.products(r), Z.T @ r, atol=1e-12)
    picked = found.take(np.array([7, 2]))
    np.testing.assert_allclose(picked.todense() if sparse else picked, Z[:, [7, 2]], atol=1e-14)


def test_products_keep_their_digits_where_means_are_large() -> None:
    rng = np.random.default_rng(2)
    X = rng.normal(size=(100, 3)) + 1e9
    Z = X - X.mean(axis=0)
    ones = np.ones(100)
    like = BinomialLikelihood(X, ones, ones, ones, np.zeros(100)).in_coordinates(X.mean(axis=0), ones[:3])
    r = rng.normal(size=100)
    np.testing.assert_allclose(ScaledColumns(like).products(r), Z.T @ r, rtol=1e-9)


@pytest.mark.parametrize("sparse", [False, True])
def test_working_columns_grow_and_shrink(sparse: bool) -> None:
    found, Z = columns(sparse=sparse)
    working = WorkingColumns(found.take(np.arange(2)))
    for k in range(2, 12, 3):
        working.append(found.take(np.arange(k, min(k + 3, 12))))
    working.keep(np.array([0, 3, 11]))
    working.append(found.take(np.array([5])))
    got = working.matrix
    np.testing.assert_allclose(got.todense() if sparse else got, Z[:, [0, 3, 11, 5]], atol=1e-14)


@pytest.mark.parametrize("sparse", [False, True])
def test_the_inverse_belongs_to_the_hessian_after_every_change(sparse: bool) -> None:
    found, Z = columns(sparse=sparse)
    rng = np.random.default_rng(3)
    w = rng.uniform(0.1, 0.3, 60)
    model = QuadraticModel(found, np.array([0, 4]), w, np.array([0.0, 0.5]))

    def hessian() -> np.ndarray:
        return np.column_stack([model.apply(e) for e in np.eye(model.size)])

    def check() -> None:
        np.testing.assert_allclose(hessian() @ model.inverse(), np.eye(model.size), atol=1e-8)

    model.append(np.array([7, 2, 9]), np.array([1.0, 0.0, 2.0]))
    part = Z[:, [0, 4, 7, 2, 9]]
    expected = part.T @ (w[:, None] * part) + np.diag([0.0, 0.5, 1.0, 0.0, 2.0])
    np.testing.assert_allclose(hessian(), expected, rtol=1e-6)
    check()
    check()
    model.follow(2 * w, np.full(5, 3.0))
    np.testing.assert_allclose(model.hessian, 2 * part.T @ (w[:, None] * part) + 3 * np.eye(5), rtol=1e-6)
    check()
    model.follow(3 * w, np.zeros(5))
    check()
    model.restart(np.array([1, 2, 4]), w)
    assert model.positions.tolist() == [4, 7, 9]
    check()


def test_a_model_may_begin_without_columns(capfd: pytest.CaptureFixture[str]) -> None:
    for sparse in (False, True):
        found, Z = columns(sparse=sparse)
        model = QuadraticModel(found, np.empty(0, dtype=np.intp), np.full(60, 0.2), np.empty(0))
        model.append(np.array([3, 1]), np.zeros(2))
        np.testing.assert_allclose(model.hessian, 0.2 * Z[:, [3, 1]].T @ Z[:, [3, 1]], rtol=1e-6)
    assert capfd.readouterr() == ("", "")  # LAPACK complains there of what it is given


def test_repeated_columns_leave_the_model_usable() -> None:
    X = np.random.default_rng(4).normal(size=(40, 3))[:, [0, 1, 2, 1, 1]]
    ones = np.ones(40)
    found = ScaledColumns(BinomialLikelihood(X, ones, ones, ones, np.zeros(40)))
    model = QuadraticModel(found, np.array([0, 1]), ones / 4, np.zeros(2))
    model.append(np.array([2, 3, 4]), np.zeros(3))
    assert model.usable
    assert np.isfinite(model.inverse()).all()
