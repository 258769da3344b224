"""Plots of penalty paths: the drawing is the frame."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from matplotlib import pyplot as plt
from penalized_cases import simulated

import problogit as plg
from problogit.errors import InputError, NotAvailableError


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def lasso() -> plg.Fit:
    X, y = simulated(150, 12, 1)
    return plg.LogitModel.from_arrays(X, y).fit(
        plg.Penalized(plg.Laplace(1.0), select=plg.CrossValidation(5, rng=0))
    )


def test_coefficients_against_strength(lasso: plg.Fit) -> None:
    axes = plg.plots.path(lasso, terms=["x0", "x2"])
    frame = lasso.path
    drawn = {line.get_label(): line for line in axes.get_lines()}
    expected = frame[frame["term"] == "x2"]
    np.testing.assert_array_equal(drawn["x2"].get_xdata(), expected["factor"])
    np.testing.assert_array_equal(drawn["x2"].get_ydata(), expected["estimate"])
    assert axes.get_xscale() == "log"
    assert axes.xaxis_inverted()
    assert "Intercept" not in drawn
    at = [line for line in axes.get_lines() if list(line.get_xdata()) == [frame.attrs["factor"]] * 2]
    assert len(at) == 1


def test_the_largest_are_named_unless_told_otherwise(lasso: plg.Fit) -> None:
    named = [text.get_text() for text in plg.plots.path(lasso).get_legend().get_texts()]
    last = lasso.path[lasso.path["factor"] == lasso.path["factor"].min()].set_index("term")["estimate"]
    assert named == list(last.drop("Intercept").abs().sort_values(ascending=False).index[:7])


def test_scores_with_their_standard_errors(lasso: plg.Fit) -> None:
    axes = plg.plots.path_scores(lasso)
    np.testing.assert_array_equal(axes.get_lines()[0].get_ydata(), lasso.path_values["score"])
    assert len(axes.collections) == 1
    assert axes.get_ylabel() == "Log score of held-out units"


def test_the_choice_stands_below_the_axis_and_not_on_the_curves(lasso: plg.Fit) -> None:
    for axes in (plg.plots.path(lasso), plg.plots.path_scores(lasso)):
        assert not axes.texts
        assert "\ndashed: " in axes.get_xlabel()


def test_a_path_without_a_choice_is_drawn_too() -> None:
    X, y = simulated(150, 4, 1)
    path = plg.LogitModel.from_arrays(X, y).path(plg.Normal(1.0), n_values=10)
    assert path.plot().get_xlabel().startswith("Factor")
    with pytest.raises(NotAvailableError, match="no scores"):
        plg.plots.draw_scores(path.values)


def test_what_cannot_be_drawn_is_said(lasso: plg.Fit) -> None:
    with pytest.raises(InputError, match="terms must name terms of the path.*'age'"):
        plg.plots.path(lasso, terms=["age"])
    with pytest.raises(NotAvailableError, match="select='cv'"):
        plg.plots.path(plg.LogitModel.from_arrays(*simulated()).fit(plg.Penalized()))
