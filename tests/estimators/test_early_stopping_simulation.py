"""Early stopping against tuned ridge where maximum likelihood overfits, by the simulation that the docs quote.

Oracle: the truth that made the data, which scores new rows with their outcomes integrated out.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "early_stopping.py"


@pytest.fixture(scope="module")
def simulation() -> Any:
    spec = importlib.util.spec_from_file_location("early_stopping_simulation", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::problogit.errors.ProblogitWarning")
def test_its_log_score_is_within_monte_carlo_error_of_tuned_ridge(simulation: Any) -> None:
    table = simulation.study(50, 2026, 0.0)
    difference = table["early stopping"] - table["ridge"]
    error = difference.std() / np.sqrt(len(table))  # about 0.001
    gain = (table["maximum likelihood"] - table["ridge"]).mean()
    assert gain > 0.1
    assert error < 0.0015
    assert abs(difference.mean()) < 3 * error
    assert difference.mean() < 0.03 * gain
