"""Reads the reference figures made by R (tests/reference/glm) together with their data."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

REFERENCE = Path(__file__).parent / "reference"


def glm_cases() -> dict[str, dict]:
    found = json.loads((REFERENCE / "glm" / "glm.json").read_text())
    cases = found["cases"] if isinstance(found, dict) else found
    return {case["name"]: case for case in (cases.values() if isinstance(cases, dict) else cases)}


def table(case: dict) -> pd.DataFrame:
    name = case["data"]
    if name.startswith("statsmodels:"):
        import statsmodels.api as sm

        return getattr(sm.datasets, name.partition(":")[2]).load_pandas().data
    return pd.read_csv(REFERENCE / "data" / f"{name}.csv")


def options(case: dict) -> dict:
    chosen = {key: case[key] for key in ("event", "trials", "weights", "offset") if case[key] is not None}
    if case["weights_type"]:
        chosen["weights_type"] = case["weights_type"]
    return chosen
