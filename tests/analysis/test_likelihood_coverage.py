"""Coverage of likelihood intervals, by the simulation whose figures the documentation quotes.

Oracle: the truth that made the data. The bound is one point, for what a 95% interval of a finite sample may honestly
miss, plus three Monte Carlo standard errors.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::problogit.errors.SeparationWarning"),
]

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "coverage_likelihood.py"
NOMINAL, HONEST = 0.95, 0.01


@pytest.fixture(scope="module")
def studies():
    spec = importlib.util.spec_from_file_location("coverage_likelihood", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for their own names
    spec.loader.exec_module(module)
    yield module.STUDIES
    del sys.modules[spec.name]


def allowed(table: pd.DataFrame) -> np.ndarray:
    return HONEST + 3 * np.sqrt(NOMINAL * (1 - NOMINAL) / table["replicates"].to_numpy())


def test_wald_and_profile_cover_at_100_rows(studies):
    table = studies["moderate"](1000, 0)
    assert np.all(np.abs(table["coverage"] - NOMINAL) < allowed(table))


def test_firth_profile_intervals_cover_in_small_samples(studies):
    table = studies["small"](400, 0)
    firth = table.loc["Firth, profile"]
    # A predictor with 8 ones makes the distribution coarse: coverage a little above the nominal level is its price.
    assert np.all(firth["coverage"] > NOMINAL - allowed(firth))
    assert np.all(firth["coverage"] < NOMINAL + 0.02 + allowed(firth))
    assert (firth["one_sided"] == 0).all()


def test_cluster_robust_intervals_cover_where_classical_ones_do_not(studies):
    table = studies["clusters"](300, 0)
    robust = table.loc[["CR2", "CR3"]]
    # 30 clusters: CR2 with normal quantiles is known to be a little short (Cameron & Miller 2015), never long.
    assert np.all(robust["coverage"] > NOMINAL - 0.03 - allowed(robust))
    assert np.all(table.loc["CR3", "coverage"] < NOMINAL + allowed(table.loc["CR3"]))
    for naive in ("classical", "HC1"):
        assert table.loc[(naive, "Intercept"), "coverage"] < 0.85
        assert table.loc[(naive, "w"), "coverage"] < 0.9
