"""What the data layer says of text columns that were perhaps meant as something else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import problogit as plg
from problogit.errors import DataError


def table(n: int = 120) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame({"y": rng.integers(0, 2, n), "x": np.round(rng.normal(size=n), 1)})


def notes(data: pd.DataFrame, term: str) -> str:
    return " ".join(plg.LogitModel(f"y ~ {term}", data).problem.report.notes)


def test_a_stray_mark_among_numbers_is_named():
    data = table().assign(x=lambda d: d["x"].astype(str))
    data.loc[4, "x"] = "."
    assert "only '.' of them is not a number" in notes(data, "x")


def test_a_level_for_nearly_every_row_is_said():
    data = table().assign(day=[f"2024-01-{i:03d}" for i in range(120)])
    assert "'day' is text with 120 levels in 120 rows" in notes(data, "day")


def test_an_ordinary_factor_says_nothing():
    data = table().assign(site=list("abcdef") * 20)
    assert notes(data, "site") == ""


def test_a_file_with_semicolons_is_recognised(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("y;x\n1;2\n0;3\n")
    with pytest.raises(DataError, match="separated by semicolons"):
        plg.LogitModel("y ~ x", path)


def test_a_missing_column_is_not_guessed_from_the_columns_in_use():
    fit = plg.fit("y ~ stage + age", table().assign(stage=lambda d: d["x"], age=lambda d: d["x"] ** 2))
    with pytest.raises(DataError, match="'age' is not in the new data; it has stage") as caught:
        fit.predict(pd.DataFrame({"stage": [1.0]}))
    assert "did you mean" not in str(caught.value)
