"""The section about posteriors: its pictures, its tables, and what it says where something cannot be had."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from analysis_cases import Given
from scipy.special import expit

import problogit as plg
from problogit.core.coefficients import DrawnCoefficients
from problogit.report.checks import posterior_section
from problogit.report.evidence import gather
from problogit.report.parts import FigureRow, Listing, Notice, TableItem


def posterior(formula: str, data: pd.DataFrame, label: str = "Bayes"):
    problem = plg.LogitModel(formula, data).problem
    mode = plg.MLE().estimate(problem).coefficients
    draws = np.random.default_rng(0).multivariate_normal(mode.location, mode.cov, size=(4, 300))
    return Given(DrawnCoefficients(draws), label).estimate(problem)


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    random = np.random.default_rng(1)
    frame = pd.DataFrame({"a": random.normal(size=120), "b": random.normal(size=120)})
    return frame.assign(y=(random.random(120) < expit(frame["a"])).astype(int))


def test_posteriors_are_checked_and_compared(data: pd.DataFrame) -> None:
    fits = {"a": posterior("y ~ a", data), "ab": posterior("y ~ a + b", data)}
    evidence = gather(fits, 0.95)
    section = posterior_section(evidence)
    pictures = [item for item in section.items if isinstance(item, FigureRow)]
    assert len(pictures[0].figures) == 2
    tables = section.tables()
    assert tables[0].caption.startswith("Prior sensitivity of “a”. Flat prior: Intercept.")
    assert [row[0] for row in tables[1].rows] == ["Intercept", "a", "b"]
    elpd = tables[2]
    assert elpd.header[1:] == ("elpd", "below the best by", "stacking weight")
    assert elpd.rows[0][2] == "the best"
    assert sum(float(row[3]) for row in elpd.rows) == pytest.approx(1, abs=0.011)
    assert "less than 4 below" in " ".join(
        text for item in section.items if isinstance(item, Listing) for _, text in item.entries
    )


def test_without_a_posterior_there_is_no_section(data: pd.DataFrame) -> None:
    assert (
        posterior_section(
            gather({"MLE": plg.MLE().estimate(plg.LogitModel("y ~ a", data).problem)}, 0.95)
        ).items
        == ()
    )


def test_what_is_not_known_is_said_and_the_rest_is_shown(
    data: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = posterior("y ~ a", data)
    monkeypatch.setattr(Given, "prior", property(lambda self: plg.Flat()))
    section = posterior_section(gather({"flat": fit}, 0.95))
    notices = [item.text for item in section.items if isinstance(item, Notice)]
    assert notices == ["Every coefficient of this fit has a flat prior: there is no prior to be scaled."]
    assert not [item for item in section.items if isinstance(item, TableItem)]
    assert any(isinstance(item, FigureRow) for item in section.items)
