"""Coverage of intervals after a penalty, by the simulation whose figures the documentation quotes.

Oracle: the truth that made the data. Bounds are three Monte Carlo standard errors, and for what is claimed to cover
three points besides: what a first-order 95% interval of 200 rows may honestly miss for a single slope.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::problogit.errors.ProblogitWarning")]

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "coverage_penalized.py"
NOMINAL, HONEST = 0.95, 0.03


@pytest.fixture(scope="module")
def simulation() -> Any:
    spec = importlib.util.spec_from_file_location("coverage_penalized", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def allowed(table: pd.DataFrame) -> np.ndarray:
    return HONEST + 3 * np.sqrt(NOMINAL * (1 - NOMINAL) / table["replicates"].to_numpy())


def test_debiased_intervals_cover_after_l1_where_the_bootstrap_does_not(simulation: Any) -> None:
    table = simulation.tabulate(simulation.lasso(simulation.Replicates(50), resamples=100))
    debiased, bootstrap = table.loc["debiased"], table.loc["bootstrap"]
    assert np.all(debiased["coverage"] > NOMINAL - allowed(debiased))
    # Documented: percentiles of a shrunken estimate stand about its bias.
    slopes = bootstrap.loc[["1", "-0.7", "0.5"]]
    assert slopes["coverage"].mean() < 0.85
    assert bootstrap.loc["zeros", "coverage"] > 0.97


def test_debiased_intervals_cover_at_all_but_the_strongest_penalties(simulation: Any) -> None:
    table = simulation.tabulate(simulation.strengths(simulation.Replicates(120)))
    for method in (
        "debiased, L1 1",
        "debiased, L1 2.5",
        "debiased, L1 5",
        "debiased, L1 10",
        "debiased, L2 5",
    ):
        found = table.loc[method]
        assert np.all(np.abs(found["coverage"] - NOMINAL) < allowed(found)), method
        assert found.loc["zeros", "coverage"] == pytest.approx(NOMINAL, abs=0.02)
    assert (
        table.loc[("debiased, L1 20", "1"), "coverage"] < 0.93
    )  # documented: one step falls short, and is said to


def test_with_few_rows_for_each_column_they_need_a_penalty_of_ordinary_strength(simulation: Any) -> None:
    table = simulation.tabulate(simulation.columns(simulation.Replicates(80)))
    for method in ("debiased, 40 predictors, L1 6", "debiased, 100 predictors, L1 10"):
        found = table.loc[method]
        assert np.all(found["coverage"] > NOMINAL - 0.02 - allowed(found)), method
        assert found.loc["zeros", "coverage"] > 0.94
    weak = table.loc["debiased, 40 predictors, L1 2"]
    assert weak.loc["1", "coverage"] < 0.92  # documented
