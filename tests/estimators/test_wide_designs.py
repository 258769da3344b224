"""A factor with ten thousand levels crossed with another, from formula to path, without a dense copy."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from scipy.special import expit

import problogit as plg

N, LEVELS = 30_000, 10_000
DENSE = 8 * N * 3 * LEVELS  # bytes that a dense copy of the design would take


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    site, arm, x = rng.integers(0, LEVELS, N), rng.integers(0, 3, N), rng.normal(size=N)
    site[:LEVELS] = np.arange(LEVELS)
    eta = rng.normal(scale=0.8, size=LEVELS)[site] + 0.3 * arm + 0.5 * x - 1.0
    y = (rng.random(N) < expit(eta)).astype(int)
    return pd.DataFrame({"y": y, "site": site.astype(str), "arm": arm.astype(str), "x": x})


@pytest.fixture(scope="module")
def model(table: pd.DataFrame) -> plg.LogitModel:
    return plg.LogitModel("y ~ C(site) * C(arm) + x", table)


@pytest.fixture(autouse=True)
def _untraced() -> Iterator[None]:
    yield
    tracemalloc.stop()


def peak_of(work: Callable[[], object]) -> tuple[object, float]:
    """What `work` returns, and the most memory that it held, in bytes."""
    tracemalloc.start()
    done = work()
    return done, float(tracemalloc.get_traced_memory()[1])


def test_the_design_stays_sparse_from_the_formula_on(table: pd.DataFrame) -> None:
    made, peak = peak_of(lambda: plg.LogitModel("y ~ C(site) * C(arm) + x", table))
    assert isinstance(made.X, sp.csr_array)
    assert made.X.shape == (N, 3 * LEVELS + 1)
    assert peak < DENSE / 50


@pytest.mark.parametrize("prior", [plg.Normal(1.0), plg.Laplace(1.0)])
def test_penalized_fits_without_a_dense_copy(model: plg.LogitModel, prior: plg.Normal) -> None:
    fit, peak = peak_of(lambda: model.fit(plg.Penalized(prior)))
    assert peak < DENSE / 20
    assert fit.converged
    beta = fit.coef.to_numpy()
    resolved = fit.estimate.details.prior
    slope = model.X.T @ (model.y - expit(model.X @ beta)) + resolved.gradient(beta)
    at_zero = beta == 0
    excess = np.where(
        at_zero, np.maximum(np.abs(slope) - resolved.l1, 0), np.abs(slope - resolved.l1 * np.sign(beta))
    )
    assert excess.max() < 1e-6
    assert np.isfinite(fit.predict_proba()).all()
    assert str(fit.diagnostics())


def test_the_path_ends_with_more_columns_than_any_square_matrix(model: plg.LogitModel) -> None:
    path, peak = peak_of(lambda: model.path(plg.Laplace(1.0), values=np.geomspace(100, 0.7, 6)))
    assert peak < DENSE / 20
    record = path.record
    assert record.n_nonzero[0] < 10
    assert record.n_nonzero[-1] > 4000
    last = model.fit(plg.Penalized(plg.Laplace.from_l1(record.factors[-1])))
    assert record.loglik[-1] == pytest.approx(last.loglik, abs=0.05)
    assert record.n_nonzero[-1] == pytest.approx(np.count_nonzero(last.coef.iloc[1:]), rel=0.01)


def test_a_strength_is_chosen_without_a_dense_copy(model: plg.LogitModel) -> None:
    for prior, values in ((plg.Laplace(1.0), (100.0, 5.0, 2.5)), (plg.Normal(1.0), (100.0, 5.0, 1.0))):
        select = plg.CrossValidation(3, values=values, rng=0)
        fit, peak = peak_of(lambda prior=prior, select=select: model.fit(plg.Penalized(prior, select=select)))
        assert peak < DENSE / 20
        assert fit.path.attrs["criterion"] == "cv"
        assert fit.path_values["score"].is_monotonic_decreasing or fit.path.attrs["factor"] in values
