"""Contrasts: every way of writing weights, against the covariance by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from analysis_cases import posterior, problem_of, rare_level, simulated

from problogit.analysis import coefficients
from problogit.analysis.contrasts import contrast
from problogit.core.coefficients import highest_density
from problogit.errors import InputError, SeparationWarning
from problogit.estimators.mle import MLE


@pytest.fixture(scope="module")
def mle():
    return MLE().estimate(problem_of(*simulated()))


WEIGHTS = {"x": 1, "d": -2}
ROW = np.array([0.0, 1.0, -2.0, 0.0])


@pytest.mark.parametrize(
    "weights",
    [
        WEIGHTS,
        pd.Series(WEIGHTS),
        ROW,
        ROW[None],
        ROW.tolist(),
        {"x against d": WEIGHTS},
        pd.DataFrame([WEIGHTS], index=["x against d"]),
    ],
    ids=["dict", "series", "array", "row", "list", "named", "frame"],
)
def test_all_ways_to_write_a_contrast_agree_with_the_covariance_by_hand(mle, weights):
    table = contrast(mle, weights)
    found = table.iloc[0]
    b, C = coefficients.coef(mle).to_numpy(), coefficients.cov(mle).to_numpy()
    sd = np.sqrt(ROW @ C @ ROW)
    assert table.shape[0] == 1
    assert found["estimate"] == pytest.approx(ROW @ b, rel=1e-12)
    assert found["std_error"] == pytest.approx(sd, rel=1e-12)
    assert found["upper"] == pytest.approx(ROW @ b + 1.959963984540054 * sd, rel=1e-12)
    assert found["odds_ratio_lower"] == pytest.approx(np.exp(found["lower"]), rel=1e-12)
    assert found["interval"] == "confidence-wald"


def test_contrasts_are_named_by_their_labels_or_by_what_they_are(mle):
    assert list(contrast(mle, {"first": {"x": 1}, "second": {"d": 1}}).index) == ["first", "second"]
    assert list(contrast(mle, {"x": 1, "d": -1, "z": 0.5}).index) == ["x - d + 0.5 z"]
    assert list(contrast(mle, {"x": -2}).index) == ["-2 x"]


def test_a_unit_contrast_is_the_row_of_the_summary(mle):
    table = contrast(mle, {"z": 1}, prob=0.8, interval="profile")
    row = coefficients.summary(mle, prob=0.8, interval="profile").loc["z"]
    for name in ("estimate", "std_error", "lower", "upper"):
        assert table.iloc[0][name] == pytest.approx(row[name], rel=1e-9)


def test_posterior_contrast_uses_the_joint_draws():
    estimate = posterior(problem_of(*simulated()), [0.2, 0.8, 0.4, -0.1])
    draws = coefficients.draws(estimate) @ ROW
    found = contrast(estimate, WEIGHTS, prob=0.9, interval="hdi").iloc[0]
    assert found["estimate"] == pytest.approx(draws.mean(), rel=1e-10)
    assert found["odds_ratio"] == pytest.approx(np.median(np.exp(draws)), rel=1e-10)
    lower, upper = highest_density(np.exp(draws), 0.9)
    assert (found["odds_ratio_lower"], found["odds_ratio_upper"]) == pytest.approx((lower, upper), rel=1e-10)


def test_a_contrast_along_an_infinite_coefficient_is_one_sided():
    with pytest.warns(SeparationWarning):
        estimate = MLE().estimate(problem_of(*rare_level()))
    found = contrast(estimate, {"rare": -1, "x": 1}).iloc[0]
    assert found["estimate"] == -np.inf
    assert found["lower"] == -np.inf
    assert np.isfinite(found["upper"])
    assert (found["odds_ratio"], found["odds_ratio_lower"]) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"xx": 1}, r"received 'xx'\. Did you mean 'x'\?"),
        ({}, r"weights must name at least one term"),
        ({"x": None}, r"weights\['x'\] must be a finite number"),
        ([1.0, 2.0], r"n_terms = 4"),
        (3.5, r"weights must be text, weights by term"),
        ("q", r"weights must name terms of this fit; received 'q'"),
        ([np.nan, 0, 0, 1], r"weights must be finite"),
    ],
)
def test_bad_weights_are_named(mle, weights, message):
    with pytest.raises(InputError, match=message):
        contrast(mle, weights)
