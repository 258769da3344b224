"""Frames of penalty paths: tidy, aligned with the record, and honest about what is left out."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from penalized_cases import simulated

import problogit as plg
from problogit.analysis.path import coefficient_frame
from problogit.errors import NotAvailableError


@pytest.fixture(scope="module")
def lasso() -> plg.Fit:
    X, y = simulated(150, 12, 1)
    X[:, 7] = 0.0
    return plg.LogitModel.from_arrays(X, y).fit(plg.Penalized(plg.Laplace(1.0), select="bic"))


def test_the_tidy_frame_holds_every_strength_and_term(lasso: plg.Fit) -> None:
    frame, record = lasso.path, lasso.estimate.details.path
    assert list(frame.columns) == ["factor", "term", "estimate"]
    table = frame.pivot_table(index="factor", columns="term", values="estimate", observed=True).sort_index(
        ascending=False
    )
    shown = [lasso.terms.index(term) for term in table.columns]
    np.testing.assert_array_equal(table.to_numpy(), record.coefficients.toarray()[:, shown])
    assert "x7" not in set(frame["term"])
    assert frame.attrs["n_terms_always_zero"] == 13 - table.shape[1] >= 1
    assert len(frame) == record.n_values * table.shape[1]


def test_the_frame_of_values(lasso: plg.Fit) -> None:
    values = lasso.path_values
    assert values["factor"].is_monotonic_decreasing
    assert values["chosen"].sum() == 1
    assert values.loc[values["chosen"], "score"].item() == values["score"].min() == values.attrs["score"]
    counted = (
        lasso.path[lasso.path["term"] != "Intercept"].groupby("factor")["estimate"].apply(np.count_nonzero)
    )
    np.testing.assert_array_equal(counted.sort_index(ascending=False), values["n_nonzero"])


def test_a_path_without_a_choice() -> None:
    X, y = simulated(150, 4, 1)
    path = plg.LogitModel.from_arrays(X, y).path(plg.Laplace(1.0), n_values=20, ratio=0.01)
    assert isinstance(path, plg.PenaltyPath)
    assert "score" not in path.values
    assert "criterion" not in path.values.attrs
    assert str(path).startswith("Penalty path of 20 values, factors ")
    assert path.coefficients["factor"].nunique() == 20


def test_coefficients_that_were_not_kept_are_said(lasso: plg.Fit) -> None:
    record = dataclasses.replace(lasso.estimate.details.path, coefficients=None)
    with pytest.raises(NotAvailableError, match="too many to be kept.*path_values"):
        coefficient_frame(record, lasso.terms)
