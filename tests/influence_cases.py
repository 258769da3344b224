"""Reads R's figures of influence, residuals and collinearity (tests/reference/influence) and fits the same models."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from reference_cases import REFERENCE, options, table

import problogit as plg
from problogit.problem import Problem


@cache
def influence_cases() -> dict[str, dict[str, Any]]:
    found = json.loads((REFERENCE / "influence" / "influence.json").read_text())
    return {case["name"]: case for case in found["cases"]}


NAMES = tuple(influence_cases())


@cache
def fit_of(name: str) -> plg.Fit:
    case = influence_cases()[name]
    fit = plg.LogitModel(case["formula"], table(case), **options(case)).fit()
    assert list(fit.terms) == case["terms"]
    return fit


def shown(name: str, frame: Any) -> Any:
    """The rows of a frame or series that R's figures are about, in their order (labels are row numbers)."""
    return frame.loc[influence_cases()[name]["rows"]["position"]]


def without_unit(problem: Problem, row: int) -> Problem:
    """The problem without one unit of a row: one copy of a frequency weight, else the row."""
    weights = problem.rows.weights
    multiples = np.ones(weights.size)
    multiples[row] = (weights[row] - 1) / weights[row] if problem.weights_type == "frequency" else 0.0
    return problem.reweighted(multiples)


def simulated(n: int = 150, seed: int = 2) -> pd.DataFrame:
    """A number, a factor and an outcome with words for labels; rows have labels of their own."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"x": rng.normal(size=n), "z": rng.normal(3, 2, n), "g": rng.choice(["a", "b", "c"], n)},
        index=[f"case {i}" for i in range(n)],
    )
    eta = -0.5 + 0.8 * frame["x"] + 0.2 * frame["z"] - 0.7 * (frame["g"] == "b")
    frame["y"] = np.where(rng.random(n) < 1 / (1 + np.exp(-eta)), "yes", "no")
    return frame
