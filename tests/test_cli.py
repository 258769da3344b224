"""The command line as a user meets it: output, exit codes, one clear line for every mistake."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import problogit as plg
from problogit.cli import main
from problogit.command_helpers import parse_prior
from problogit.errors import InputError


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    hours = rng.uniform(0, 6, 80).round(2)
    passed = np.where(rng.random(80) < 1 / (1 + np.exp(3 - hours)), "yes", "no")
    return pd.DataFrame({"hours": hours, "school": rng.choice(["north", "south"], 80), "passed": passed})


@pytest.fixture
def exam(table, tmp_path):
    path = tmp_path / "exam.csv"
    table.to_csv(path, index=False)
    return str(path)


def run(*arguments: str):
    return CliRunner().invoke(main, [*arguments])


def test_fit_prints_the_summary_and_nothing_on_standard_error(exam):
    result = run("fit", exam, "passed ~ hours")
    assert result.exit_code == 0
    assert "P(passed = 'yes'); 80 rows" in result.stdout
    assert "confidence-wald" in result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize("shape", ["json", "csv", "markdown"])
def test_formats_hold_the_library_s_numbers(exam, table, shape):
    result = run("fit", exam, "passed ~ hours", "--format", shape)
    expected = plg.fit("passed ~ hours", table).coef["hours"]
    if shape == "json":
        found = json.loads(result.stdout)[1]["estimate"]
    elif shape == "csv":
        found = float(result.stdout.splitlines()[2].split(",")[1])
    else:
        found = float(result.stdout.splitlines()[3].split("|")[2])
    assert found == pytest.approx(expected, rel=1e-12 if shape != "markdown" else 1e-3)


def test_the_laplace_sampler_is_chosen_by_name_and_refuses_in_one_line(exam, tmp_path):
    result = run("fit", exam, "passed ~ hours", "--method", "bayes", "--sampler", "laplace", "--seed", "1")
    assert result.exit_code == 0
    assert "Laplace sampler, 4000 draws" in result.stdout
    assert "k-hat" in result.stdout
    wrong = run("fit", exam, "passed ~ hours", "--sampler", "auto")
    assert wrong.exit_code == 2
    assert "--sampler goes with --method bayes" in wrong.stderr
    path = tmp_path / "apart.csv"
    x = np.linspace(-1, 1, 20)
    pd.DataFrame({"x": x, "y": (x > 0).astype(int)}).to_csv(path, index=False)
    options = ("--method", "bayes", "--prior", "cauchy(2.5)", "--sampler", "laplace")
    refused = run("fit", str(path), "y ~ x - 1", *options)
    assert refused.exit_code == 2
    assert refused.stdout == ""
    assert "are not a posterior here" in refused.stderr


def test_penalized_and_prior_go_through(exam, table):
    result = run(
        "fit", exam, "passed ~ hours", "--method", "penalized", "--prior", "laplace(0.5)", "--format", "json"
    )
    expected = plg.fit("passed ~ hours", table, plg.Penalized(plg.Laplace(0.5))).coef["hours"]
    assert json.loads(result.stdout)[1]["estimate"] == pytest.approx(expected, rel=1e-9)


def test_groups_give_cluster_robust_standard_errors(exam, table):
    expected = plg.fit("passed ~ hours", table, plg.MLE("CR2", groups="school")).summary()["std_error"]
    result = run(
        "fit", exam, "passed ~ hours", "--covariance", "CR2", "--groups", "school", "--format", "json"
    )
    found = [line["std_error"] for line in json.loads(result.stdout)]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert "CR1 cluster-robust" in run("fit", exam, "passed ~ hours", "--groups", "school").stdout
    refused = run("fit", exam, "passed ~ hours", "--method", "penalized", "--covariance", "HC3")
    assert refused.exit_code == 2
    assert "--covariance goes with --method mle" in refused.stderr


def test_a_saved_fit_predicts_the_same_from_the_command_line(exam, table, tmp_path):
    fit, new, out = str(tmp_path / "a.fit"), str(tmp_path / "new.csv"), tmp_path / "out.csv"
    table.drop(columns="passed").head(7).to_csv(new, index=False)
    assert run("fit", exam, "passed ~ hours + school", "--save", fit).exit_code == 0
    assert run("predict", fit, new, "-o", str(out)).exit_code == 0
    expected = plg.fit("passed ~ hours + school", table).predict_proba(table.head(7))
    np.testing.assert_allclose(pd.read_csv(out)["probability"], expected, rtol=1e-9)
    printed = run("predict", fit, new)
    assert printed.stdout == out.read_text()


def test_a_report_is_written(exam, tmp_path):
    path = tmp_path / "r.html"
    result = run("fit", exam, "passed ~ hours", "--report", str(path))
    assert result.exit_code == 0
    assert path.read_text().startswith("<!doctype html>")
    assert str(path) in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fit", "nowhere.csv", "y ~ x"], "nowhere.csv"),
        (["fit", "{exam}", "passed ~ houes"], "hours"),
        (["fit", "{exam}", "passed ~ hours +"], "formula"),
        (["fit", "{exam}", "passed ~ (1|school)"], "group-level"),
        (["fit", "{exam}", "passed ~ __import__('os').system('true')"], "formula"),
        (["fit", "{exam}", "passed ~ hours", "--event", "maybe"], "maybe"),
        (["fit", "{exam}", "passed ~ hours", "--prob", "95"], "0.95"),
        (["fit", "{exam}", "passed ~ hours", "--prior", "normal(2.5)"], "--prior"),
        (["fit", "{exam}", "passed ~ hours", "--method", "penalized", "--prior", "normal(-1)"], "scale"),
        (["fit", "{exam}", "passed ~ hours", "--method", "penalized", "--prior", "uniform(1)"], "uniform"),
        (
            ["fit", "{exam}", "passed ~ hours", "--method", "penalized", "--prior", "normal(1) + g(2)"],
            "--prior",
        ),
        (["fit", "{exam}", "passed ~ hours", "--report", "/nowhere/at/all.html"], "--report"),
        (["fit", "{exam}", "passed ~ hours", "--weights", "passed"], "weights"),
        (["predict", "{exam}", "{exam}"], "must be a saved fit"),
        (["predict", "missing.fit", "{exam}"], "missing.fit"),
    ],
)
def test_mistakes_give_one_line_and_exit_code_2(exam, arguments, words):
    result = run(*[argument.replace("{exam}", exam) for argument in arguments])
    assert result.exit_code == 2
    assert result.stdout == ""
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    assert words.lower() in lines[0].lower()
    assert "Traceback" not in result.stderr


def test_strict_exits_with_1_when_the_fit_is_not_to_be_trusted(tmp_path):
    path = tmp_path / "separated.csv"
    pd.DataFrame({"y": [0, 0, 0, 1, 1, 1], "x": range(6)}).to_csv(path, index=False)
    relaxed = run("fit", str(path), "y ~ x")
    strict = run("fit", str(path), "y ~ x", "--strict")
    assert relaxed.exit_code == 0
    # Said once: in the printed fit, or beside a table that has no room for it.
    assert "separated" in relaxed.stdout
    assert "separated" not in relaxed.stderr
    bare = run("fit", str(path), "y ~ x", "--odds-ratios", "--format", "csv")
    assert "separated" in bare.stderr
    assert "P(y = 1); 6 rows, 3 events" in bare.stderr
    assert bare.stdout.startswith("term,odds_ratio")
    assert strict.exit_code == 1


def test_help_names_the_commands():
    text = run("--help").stdout
    for command in ("fit", "compare", "predict", "demo"):
        assert command in text


def test_the_module_runs_as_a_program(exam):
    done = subprocess.run(
        [sys.executable, "-m", "problogit", "fit", exam, "passed ~ hours", "--format", "csv"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("term,estimate")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("normal(2.5)", plg.Normal(2.5)),
        ("Normal(2.5, autoscale=True)", plg.Normal(2.5, autoscale=True)),
        ("student_t(3, 2.5)", plg.StudentT(3, 2.5)),
        ("elastic_net(1, 2)", plg.ElasticNet(1, 2)),
        ("flat", plg.Flat()),
    ],
)
def test_priors_are_read_from_text(text, expected):
    assert parse_prior(text) == expected


@pytest.mark.parametrize(
    "text", ["normal(", "normal(x)", "normal(1, 2, 3, 4, 5)", "normal(__import__('os'))", ""]
)
def test_text_that_is_no_prior_is_refused(text):
    with pytest.raises(InputError, match="--prior"):
        parse_prior(text)
