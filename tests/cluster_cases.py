"""Reads R's cluster-robust figures (tests/reference/cluster) with their data."""

from __future__ import annotations

import json

import pandas as pd
from reference_cases import REFERENCE

FOUND = json.loads((REFERENCE / "cluster" / "cluster.json").read_text())
CASES = {case["name"]: case for case in FOUND["cases"]}
TESTS = FOUND["tests"]


def pupils() -> pd.DataFrame:
    return pd.read_csv(REFERENCE / "data" / "pupils.csv")
