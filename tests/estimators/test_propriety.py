"""Which posteriors exist under separation, by quadrature of what is integrated."""

from __future__ import annotations

import numpy as np
import pytest

import problogit as plg
from problogit.core.priors.used import use_prior
from problogit.errors import EstimationError
from problogit.estimators.propriety import check_proper

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(2, 40))
TOGETHER = (A + B > 0.1).astype(int)  # neither predictor separates without the other
ALONE = 2.0 * TOGETHER + RNG.uniform(size=40)


def checked(X, y, prior):
    problem = plg.LogitModel.from_arrays(np.column_stack(X), y).problem
    check_proper(problem, use_prior(prior, problem))


def marginal_likelihood(x, y, slope):
    """The likelihood with its intercept integrated out; eta runs about the middle of the data."""
    shift = np.arange(-40 - 5 * abs(slope), 40 + 5 * abs(slope), 0.05)
    eta = shift[:, None] + slope * x
    return np.exp((y * eta - np.logaddexp(0, eta)).sum(axis=1)).sum() * 0.05


@pytest.mark.parametrize(("gap", "grows"), [(0.0, False), (1.0, True)])
def test_cauchy_needs_room_for_the_flat_intercept_to_be_improper(gap, grows):
    """At a point with both outcomes the intercept cannot move for a given slope, and one more tail is to spare."""
    x = np.array([-2.0, -1.0, 0.0, gap, 1.0 + gap, 2.0 + gap])
    y = np.array([0, 0, 0, 1, 1, 1])
    ratio = marginal_likelihood(x, y, 40.0) / marginal_likelihood(x, y, 20.0)
    assert bool(ratio > 1.5) is grows  # of the marginal likelihood of the slope when that doubles
    if not grows:
        checked([x], y, plg.Cauchy(2.5))
        return
    with pytest.raises(EstimationError, match=r"does not exist.*df > 1 for x0"):
        checked([x], y, plg.Cauchy(2.5))
    checked([x], y, plg.StudentT(1.1, 2.5))


def test_predictors_that_separate_together_have_the_product_of_their_tails():
    """Ghosh, Li & Mitra (2018): what a Cauchy cannot hold are solitary separators."""
    checked([A, B], TOGETHER, plg.Cauchy(2.5))
    with pytest.raises(EstimationError, match=r"does not exist.*for x2 \(a Cauchy"):
        checked([A, B, ALONE], TOGETHER, plg.Cauchy(2.5))
    with pytest.raises(EstimationError, match=r"does not exist.*for x1 \(a Cauchy"):
        checked([A, ALONE], TOGETHER, plg.Priors(plg.Cauchy(2.5), terms={"x0": plg.Normal(1.0)}))


def test_a_solitary_separator_among_more_columns_than_rows_is_found():
    """The rank leaves out the last columns, which the prior keeps."""
    noise = np.random.default_rng(1).normal(size=(50, 40))
    with pytest.raises(EstimationError, match=r"does not exist.*for x50 \(a Cauchy"):
        checked([*noise, ALONE], TOGETHER, plg.Cauchy(2.5))
    checked([*noise, A], TOGETHER, plg.Cauchy(2.5))
    late = plg.Priors(plg.Cauchy(2.5), terms={"x50": plg.Flat()}, intercept=plg.Normal(5.0))
    with pytest.raises(EstimationError, match=r"does not exist.*for x49 \(a Cauchy"):
        checked([*noise[:49], ALONE - 1.5, A], TOGETHER, late)  # about zero: no intercept is needed


def test_tails_too_heavy_even_together_are_refused():
    with pytest.raises(EstimationError, match=r"need not exist.*for x0, x1 "):
        checked([A, B], TOGETHER, plg.StudentT(0.4, 2.5))
