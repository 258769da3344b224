"""The diagnostics policy end to end: a planted fault of the sampler is in status, summary, report and exit code."""

from __future__ import annotations

import re
import warnings
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import problogit as plg
from problogit import cli
from problogit.analysis.diagnostics import SAMPLER_LIMITS
from problogit.errors import ConvergenceWarning
from problogit.estimate import Status
from problogit.estimators import nuts
from problogit.estimators.nuts_op import NutsRun
from problogit.estimators.posterior_checks import LARGEST_R_HAT, LEAST_ESS

DRAWS = 800


def healthy(size: int) -> NutsRun:
    """Independent standard normal draws in the whitened coordinates."""
    rng = np.random.default_rng(8)
    none = np.zeros((4, DRAWS), dtype=bool)
    statistics = {
        "diverging": none,
        "energy": rng.normal(size=(4, DRAWS)),
        "lp": rng.normal(size=(4, DRAWS)),
        "n_steps": np.full((4, DRAWS), 3),
        "tree_depth": np.full((4, DRAWS), 2),
        "reached_max_treedepth": none,
        "step_size": np.ones((4, DRAWS)),
        "acceptance_rate": np.full((4, DRAWS), 0.9),
    }
    return NutsRun(rng.normal(size=(4, DRAWS, size)), statistics, 9000, 1, 0.1, None)


def with_statistic(run: NutsRun, name: str, values: np.ndarray) -> NutsRun:
    return replace(run, statistics={**run.statistics, name: values})


def slow(run: NutsRun) -> NutsRun:
    z = run.z.copy()
    for t in range(1, DRAWS):
        z[:, t] = 0.9 * z[:, t - 1] + np.sqrt(1 - 0.81) * z[:, t]
    return replace(run, z=z)


def apart(run: NutsRun) -> NutsRun:
    z = run.z.copy()
    z[0] += 2.0
    return replace(run, z=z)


def short(run: NutsRun) -> NutsRun:
    part = {name: values[:2, :600] for name, values in run.statistics.items()}
    return replace(run, z=run.z[:2, :600], statistics=part, interrupted=True)


def one_chain(run: NutsRun) -> NutsRun:
    return replace(run, z=run.z[:1], statistics={name: v[:1] for name, v in run.statistics.items()})


FIRST = np.arange(4 * DRAWS).reshape(4, DRAWS) == 0
# The fault, its code, and what the remedy names.
FAULTS = {
    "divergences": (lambda run: with_statistic(run, "diverging", FIRST), "target_accept=0.95"),
    "r-hat": (apart, "tune=2000"),
    "ess": (slow, "draws=4000"),
    "energy": (
        lambda run: with_statistic(run, "energy", np.cumsum(run.statistics["energy"], axis=1)),
        "lighter tails",
    ),
    "tree-depth": (lambda run: with_statistic(run, "reached_max_treedepth", FIRST), "Draw more"),
    "single-chain": (one_chain, "chains=4"),
    "interrupted": (short, "let it finish"),
}


@pytest.fixture
def sampler(monkeypatch):
    """Replaces NUTS by a run with this fault (none for an empty name)."""

    def plant(fault: str) -> None:
        def run(target, start, settings, seed, progress):
            made = healthy(target.size)
            return FAULTS[fault][0](made) if fault else made

        packages = ("pymc",)
        monkeypatch.setattr(
            nuts, "_LOOPS", MappingProxyType({"pymc": (run, packages), "nutpie": (run, packages)})
        )

    return plant


def table() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    x = rng.normal(size=60)
    return pd.DataFrame({"x": x, "y": (rng.random(60) < 0.5 + 0.2 * (x > 0)).astype(int)})


@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_fault_is_in_warning_status_findings_and_summary(sampler, fault):
    sampler(fault)
    with pytest.warns(ConvergenceWarning) as caught:
        fit = plg.fit("y ~ x", table(), plg.Bayes(plg.Normal(1.0), rng=1))
    assert len([w for w in caught if issubclass(w.category, ConvergenceWarning)]) == 1
    expected = Status.INTERRUPTED if fault == "interrupted" else Status.DIAGNOSTICS_FAILED
    assert fit.status is expected
    assert not fit.status.trusted
    assert not fit.converged
    found = fit.diagnostics()
    assert not found.trusted
    (finding,) = [f for f in found.findings if f.code == fault]
    assert FAULTS[fault][1] in finding.remedy
    text = " ".join(str(fit).split())
    assert fit.status.value in text
    assert " ".join(finding.message.split()) in text
    assert " ".join(finding.remedy.split()) in text
    assert "Checked: convergence: no" in str(found)


@pytest.mark.parametrize("fault", ["", "divergences", "interrupted"])
def test_report_and_exit_code_under_strict(sampler, fault, tmp_path):
    sampler(fault)
    table().to_csv(tmp_path / "data.csv", index=False)
    command = ["fit", str(tmp_path / "data.csv"), "y ~ x", "--method", "bayes", "--seed", "1", "--quiet"]
    relaxed = CliRunner().invoke(cli.main, [*command, "--report", str(tmp_path / "r.html")])
    assert relaxed.exit_code == 0, relaxed.output
    strict = CliRunner().invoke(cli.main, [*command, "--strict"])
    assert strict.exit_code == (1 if fault else 0)
    page = " ".join((tmp_path / "r.html").read_text().split())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit = plg.fit("y ~ x", table(), plg.Bayes(rng=1))
    for finding in fit.diagnostics().findings:
        if finding.code == fault:
            assert finding.message in relaxed.output.replace("\n", " ")
            assert finding.message in page.replace("&#39;", "'").replace("&#x27;", "'")
            assert finding.remedy in page
    if fault:
        assert fit.status.value in strict.stderr


def test_a_sound_run_is_trusted(sampler):
    sampler("")
    fit = plg.fit("y ~ x", table(), plg.Bayes(plg.Normal(1.0), rng=1))
    assert fit.status is Status.CONVERGED
    assert fit.diagnostics().trusted
    text = str(fit.diagnostics())
    assert re.search(
        r"Checked: convergence: yes; largest r-hat 1\.0\d\d, smallest effective sample size \d{4}", text
    )


def test_the_limits_in_words_are_those_of_the_policy():
    assert f"r-hat {LARGEST_R_HAT}, effective sample size {LEAST_ESS} " in SAMPLER_LIMITS["r_hat"]
    assert f"effective sample size {LEAST_ESS} " in SAMPLER_LIMITS["k_hat"]
