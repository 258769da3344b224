"""Small fits that the tests of plots, tables and reports read."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

import problogit as plg
from problogit.errors import SeparationWarning


def exam(n: int = 90, seed: int = 5) -> pd.DataFrame:
    """Two numbers, a factor, an outcome in words; two rows have a missing value."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "hours": rng.normal(2, 1, n).round(2),
            "age": rng.integers(15, 40, n).astype(float),
            "school": rng.choice(["east", "north", "west"], n),
        }
    )
    p = 1 / (1 + np.exp(-(-2.2 + frame["hours"] + 0.02 * frame["age"])))
    frame["passed"] = np.where(rng.random(n) < p, "yes", "no")
    frame.loc[[3, 7], "age"] = np.nan
    return frame


def exam_model() -> plg.LogitModel:
    """The model of `exam`."""
    return plg.LogitModel("passed ~ hours + age + school", exam(), event="yes")


def fits() -> dict[str, plg.Fit]:
    """Maximum likelihood, L2 and L1 of the same rows."""
    model = exam_model()
    return {
        "MLE": model.fit(plg.MLE()),
        "L2": model.fit(plg.Penalized(plg.Normal(1.0))),
        "L1": model.fit(plg.Penalized(plg.Laplace(0.2))),
    }


def separated() -> plg.Fit:
    """Maximum likelihood where everybody of one school passed: infinite coefficients."""
    frame = exam()
    frame.loc[frame["school"] == "north", "passed"] = "yes"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SeparationWarning)
        return plg.fit("passed ~ hours + school", frame, plg.MLE(), event="yes")


def counted() -> plg.Fit:
    """Events in trials, with frequency weights and an offset column."""
    rng = np.random.default_rng(8)
    n = 40
    frame = pd.DataFrame(
        {
            "dose": np.repeat(np.arange(8.0), 5),
            "size": rng.integers(2, 9, n),
            "times": rng.integers(1, 4, n),
            "known": rng.normal(0, 0.1, n),
        }
    )
    p = 1 / (1 + np.exp(2 - 0.5 * frame["dose"]))
    frame["died"] = rng.binomial(frame["size"], p)
    return plg.fit("died ~ dose", frame, plg.MLE(), trials="size", weights="times", offset="known")
