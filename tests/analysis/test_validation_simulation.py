"""Slope and AUC corrected for optimism against the truth, by the simulation whose figures the documentation quotes.

Oracle: slope and AUC of each fit against the true probabilities of 20 000 other rows (4 000 for posteriors). The mean
over replicates is the same for few resamples as for many. The bounds are the bias that Efron's bootstrap may have in
samples of 150 rows (0.04 of a slope, 0.01 of an AUC: Steyerberg et al. 2001, J. Clin. Epidemiol. 54:774, find it
"nearly" unbiased) and three Monte Carlo standard errors.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "validation_optimism.py"
KNOWN = {"slope": 0.04, "auc": 0.01}


@pytest.fixture(scope="module")
def study():
    spec = importlib.util.spec_from_file_location("validation_optimism", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module.study
    del sys.modules[spec.name]


@pytest.mark.parametrize(
    ("method", "replicates", "resamples"), [("mle", 500, 20), ("ridge", 500, 20), ("bayes", 100, 6)]
)
def test_corrected_slope_and_auc_are_nearly_unbiased_and_pooled_left_out_ones_are_not(
    study, method, replicates, resamples
):
    table = study(method, replicates, resamples, 1, left_out=60)
    for figure, known in KNOWN.items():
        line = table.loc[figure]
        assert abs(line["bootstrap_bias"]) < known + 3 * line["bootstrap_mcse"], figure
        assert line["apparent"] - line["truth"] > 0.02
    slope = table.loc["slope"]
    assert slope["left_out_bias"] < min(0.0, slope["bootstrap_bias"] - 0.05)
