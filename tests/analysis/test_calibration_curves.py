"""Calibration tests, curves and their distances from the diagonal against R: rms, lowess, loess, glm, isoreg."""

from __future__ import annotations

import json

import numpy as np
import pytest
from judged_cases import predictions
from reference_cases import REFERENCE

from problogit.analysis.calibration import calibration_of
from problogit.analysis.calibration_errors import ERRORS
from problogit.analysis.calibration_figures import Smoothing, figures
from problogit.analysis.cells import cells_of
from problogit.analysis.corp import corp

CASES = {
    case["name"]: case
    for case in json.loads((REFERENCE / "calibration" / "curves.json").read_text())["cases"]
}


@pytest.fixture(scope="module", params=sorted(CASES))
def case(request):
    return CASES[request.param]


def of(case, kind, knots=None):
    cells = cells_of(predictions(case["eta"], case["y"]))
    curve = Smoothing(kind, case["spline"]["knots"] if knots is None else knots).over(cells)
    events = cells.events[None, :]
    found = figures(cells, events, curve.curves(events))
    return {name: float(value[0]) for name, value in found.values.items()}, cells, curve


def test_u_test_and_spiegelhalter_against_r_and_rms_val_prob(case):
    result = calibration_of(predictions(case["eta"], case["y"]), modelled="P(y)", method="MLE")
    assert result.figures["u_test"] == pytest.approx(case["u"]["statistic"], rel=1e-8)
    assert result.p_values["u_test"] == pytest.approx(case["u"]["p_value"], rel=1e-8)
    assert result.figures["spiegelhalter_z"] == pytest.approx(case["z"]["statistic"], rel=1e-9)
    assert result.p_values["spiegelhalter_z"] == pytest.approx(case["z"]["p_value"], rel=1e-8)
    rms = case["val_prob"]
    assert result.figures["u_test"] == pytest.approx(rms["u"], rel=1e-6)
    assert result.p_values["spiegelhalter_z"] == pytest.approx(rms["z_p"], rel=1e-8)
    assert result.brier == pytest.approx(rms["brier"], rel=1e-9)
    assert result.slope == pytest.approx(rms["slope"], rel=1e-6)
    assert result.figures["slope"] == pytest.approx(result.slope, rel=1e-8)
    assert result.frame.loc["u_test", "p_value"] == result.p_values["u_test"]


@pytest.mark.parametrize("kind", ["lowess", "loess"])
def test_distances_of_local_regression_against_r(case, kind):
    found = of(case, kind)[0]
    for name in ERRORS:
        assert found[name] == pytest.approx(case[kind][name], rel=1e-6), name


def test_lowess_distances_against_rms_val_prob(case):
    found = of(case, "lowess")[
        0
    ]  # val.prob skips points nearer than 1% of the range, and draws lines between the rest
    for ours, theirs in (("ici", "eavg"), ("e90", "e90"), ("emax", "emax")):
        if case["lowess_leaves"] and theirs != "e90":  # [0, 1], which val.prob does not mind
            assert found[ours] < case["val_prob"][theirs]
        else:
            assert found[ours] == pytest.approx(case["val_prob"][theirs], abs=2e-4)


def test_loess_distances_against_r_loess_as_it_comes(case):
    found = of(case, "loess")[0]  # which interpolates between the vertices of a tree
    assert found["ici"] == pytest.approx(case["loess_default"]["ici"], abs=2e-3)
    assert found["emax"] == pytest.approx(case["loess_default"]["emax"], abs=3e-3)


def test_spline_curve_and_its_band_against_glm_on_rms_rcspline(case):
    found, cells, curve = of(case, "spline")
    where = np.searchsorted(cells.log_odds, np.array(case["eta"]) - 1e-9)
    for ours, name in zip(curve.limits(cells.events, 0.95), ("curve", "lower", "upper"), strict=True):
        np.testing.assert_allclose(ours[where], case["spline"][name], rtol=1e-6)
    for name in ERRORS:
        assert found[name] == pytest.approx(case["spline"]["distances"][name], rel=1e-6)
    assert curve.fit(cells.events[None, :]).gain[0] == pytest.approx(case["spline"]["lr"], rel=1e-7)
    assert f"{case['spline']['knots']} knots" in curve.how


def test_corp_decompositions_against_r_isoreg_after_pooling(case):
    eta, y = np.array(case["eta"]), np.array(case["y"], dtype=float)
    found = corp(eta, y, np.ones(y.size), np.ones(y.size))
    for ours, theirs in ((found.brier, case["corp"]["brier"]), (found.log_score, case["corp"]["log_score"])):
        for part in ("score", "mcb", "dsc", "unc"):
            assert getattr(ours, part) == pytest.approx(theirs[part], abs=1e-12)
    p = 1 / (1 + np.exp(-eta))
    block = np.searchsorted(found.x_max, p - 1e-9)
    np.testing.assert_allclose(found.y[block], case["corp"]["recalibrated"], atol=1e-12)
