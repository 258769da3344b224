"""Size and power of the tests of calibration and coverage of its bands, by simulation with stated Monte Carlo error."""

from __future__ import annotations

import numpy as np
import pytest
from judged_cases import predictions
from scipy.special import chdtrc, expit, ndtr

import problogit as plg
from problogit.analysis.calibration_bands import smooth_frame
from problogit.analysis.calibration_figures import Smoothing, figures
from problogit.analysis.calibration_null import fixed_reference, shown
from problogit.analysis.calibration_refits import refitted_reference
from problogit.analysis.cells import cells_of
from problogit.analysis.judged import judge
from problogit.analysis.smooth_curve import knots_for

pytestmark = pytest.mark.slow


def external(n, level, seed, truth=None, replicates=2000):
    """p-values of replicates with predictions held fixed: U, z, any miscalibration, ICI."""
    random = np.random.default_rng(seed)
    log_odds = np.sort(random.normal(level, 1.2, n))
    cells = cells_of(predictions(log_odds, expit(log_odds) > 0.5))
    p = cells.p if truth is None else expit(truth(log_odds))
    smoothing = Smoothing("spline", knots_for(min(p.sum(), n - p.sum())))
    reference = fixed_reference(cells, smoothing, seed)
    events = cells.draw(p, replicates, random)
    found = figures(cells, events, smoothing.over(cells).curves(events)).values
    both = [{name: found[name][i] for name in ("u_test", "brier_mcb")} for i in range(replicates)]
    return {
        "u": chdtrc(2, found["u_test"]),
        "z": 2 * ndtr(-np.abs(found["spiegelhalter_z"])),
        "any": np.array([reference.joint_p_value(one) for one in both]),
        "ici": np.array([reference.p_value("ici", value) for value in found["ici"]]),
    }, reference.n_simulations


@pytest.mark.parametrize(("n", "level"), [(150, 0.0), (300, -1.0), (2500, -2.0)])
def test_size_on_new_data_is_five_percent(n, level):
    """2000 replicates: standard error 0.005, and for figures by simulation that of its 5% point beside it."""
    p_values, simulations = external(n, level, seed=n)
    for name, values in p_values.items():
        known = 0.05 * 0.95 * (1 / 2000 + (0 if name in "uz" else 1 / simulations))
        assert np.mean(values <= 0.05) == pytest.approx(0.05, abs=0.01 + 3 * np.sqrt(known)), name


def test_power_on_new_data():
    """Predictions too extreme (true slope 0.6), 300 rows with 80 events; standard error 0.015."""
    p_values, _ = external(300, -1.0, 1, lambda eta: 0.6 * eta - 0.4, 1000)
    assert np.mean(p_values["u"] <= 0.05) > 0.7
    assert np.mean(p_values["any"] <= 0.05) > 0.65
    assert np.mean(p_values["ici"] <= 0.05) > 0.5


def internal(method, n, curvature, replicates, resamples=39, seed=0):
    """p-values of any miscalibration of left-out predictions, by refits to simulated outcomes."""
    random = np.random.default_rng(seed)
    out = []
    for i in range(replicates):
        X = random.normal(size=(n, 4))
        eta = X @ np.array([0.8, 0.5, 0.0, -0.4]) - 0.5 + curvature * (X[:, 0] + X[:, 1]) ** 2
        y = (random.random(n) < expit(eta)).astype(int)
        estimate = plg.LogitModel.from_arrays(X, y, event=1).fit(method).estimate
        judged = judge(estimate, resample="loo").usable
        cells = cells_of(judged)
        smoothing = Smoothing("spline", knots_for(min(judged.n_events, n - judged.n_events)))
        reference = refitted_reference(
            estimate, judged, cells.p[shown(cells, 4)], smoothing, resamples, rng=i
        )
        assert reference is not None
        events = cells.events[None, :]
        found = figures(cells, events, smoothing.over(cells).curves(events)).values
        out.append(reference.joint_p_value({name: float(value[0]) for name, value in found.items()}))
    return np.array(out)


@pytest.mark.parametrize("method", [plg.MLE(), plg.Penalized(plg.Normal(0.5))], ids=["mle", "ridge"])
def test_size_by_refits_is_five_percent(method):
    """60 fits of 120 rows, each beside 39 refits: standard error 0.028, and 0.065 at one half."""
    p_values = internal(method, 120, 0.0, 60)
    assert np.mean(p_values <= 0.05) <= 0.05 + 3 * 0.028
    assert np.mean(p_values <= 0.5) == pytest.approx(0.5, abs=3 * 0.065)


def test_power_by_refits_against_a_square_that_the_model_lacks():
    """0.48 of 40 fits of 250 rows; standard error 0.08. A curve over p sees a square of two predictors only in part."""
    p_values = internal(plg.MLE(), 250, 0.5, 40)
    assert np.mean(p_values <= 0.05) > 0.25


@pytest.mark.parametrize(
    "truth", [lambda eta: 0.6 * eta + 0.3, lambda eta: eta - 0.25 * eta**2 + 0.4], ids=["line", "curved"]
)
def test_coverage_of_the_confidence_band(truth):
    """400 replicates of 400 rows: standard error 0.011 at each of five predictions."""
    random = np.random.default_rng(5)
    log_odds = np.sort(random.normal(-0.5, 1.2, 400))
    p = expit(truth(log_odds))
    at = np.array([20, 100, 200, 300, 380])
    hits = np.zeros(at.size)
    for _ in range(400):
        y = random.random(400) < p
        cells = cells_of(predictions(log_odds, y))
        frame = smooth_frame(
            cells, Smoothing("spline", knots_for(min(y.sum(), 400 - y.sum()))).over(cells), 0.95
        )
        lower, upper = frame["lower"].to_numpy()[at], frame["upper"].to_numpy()[at]
        hits += (lower <= p[at]) & (p[at] <= upper)
    assert (np.abs(hits / 400 - 0.95) < 0.015 + 3 * 0.011).all(), hits / 400


def test_coverage_of_the_consistency_bands():
    """1000 replicates and 500 simulations: standard error 0.012; isotonic curves take few values: more is covered."""
    random = np.random.default_rng(8)
    log_odds = np.sort(random.normal(-0.5, 1.2, 300))
    cells, smoothing = cells_of(predictions(log_odds, log_odds > 0)), Smoothing("spline", 4)
    reference = fixed_reference(cells, smoothing)
    at = np.searchsorted(cells.p, reference.x)
    events = cells.draw(cells.p, 1000, random)
    found = figures(cells, events, smoothing.over(cells).curves(events))
    for drawn, simulated in ((found.corp, reference.corp), (found.smooth, reference.smooth)):
        lower, upper = np.quantile(simulated, [0.025, 0.975], axis=0)
        inside = ((drawn[:, at] >= lower) & (drawn[:, at] <= upper)).mean(axis=0)
        assert inside.min() > 0.95 - 4 * 0.012
        assert inside.mean() < 0.985
