"""Diagnostics: what every method must say about the data, in order of gravity, each with what to do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from analysis_cases import posterior, problem_of, rare_level, simulated

from problogit.analysis.diagnostics import diagnostics, events_per_slope
from problogit.errors import AliasingWarning, SeparationWarning
from problogit.estimate import Finding, Status
from problogit.estimators.mle import MLE


def codes(found):
    return [finding.code for finding in found.findings]


def plenty():
    """Rows enough to have nothing to say about their number."""
    return simulated(600)


def test_a_plain_fit_has_nothing_to_say():
    found = diagnostics(MLE().estimate(problem_of(*plenty())))
    assert found.findings == ()
    assert found.trusted
    assert str(found).startswith("The fit converged.\nChecked: convergence: yes\nChecked: separation: none\n")
    assert found.frame.empty


def test_separation_is_named_under_every_method():
    problem = problem_of(*rare_level())
    with pytest.warns(SeparationWarning):
        mle = diagnostics(MLE().estimate(problem))
    bayes = diagnostics(posterior(problem, [0.0, 0.7, 3.0]))
    for found in (mle, bayes):
        (separation,) = [finding for finding in found.findings if finding.code == "separation"]
        assert separation.terms == ("rare",)
        assert "rare (+Inf)" in separation.message
        assert separation.remedy
    assert not mle.trusted
    assert bayes.trusted
    assert "depends on its scale" in str(bayes)


def test_repeated_columns_are_named_with_their_equation():
    frame, y = plenty()
    frame["sum"] = frame["x"] + frame["d"]
    problem = problem_of(frame, y)
    with pytest.warns(AliasingWarning):
        mle = diagnostics(MLE().estimate(problem))
    bayes = diagnostics(posterior(problem, [0.0, 0.7, 0.3, 0.1, 0.0]))
    for found in (mle, bayes):
        assert codes(found)[0] == "aliased"
        assert "sum = x + d" in found.findings[0].message
    assert codes(mle) == ["aliased"]
    assert codes(bayes) == ["aliased", "collinear"]


def test_dropped_rows_are_counted_with_their_reasons():
    frame, y = plenty()
    frame.iloc[:30, 0] = np.nan
    found = diagnostics(MLE().estimate(problem_of(frame, y)))
    assert codes(found) == ["rows-dropped"]
    assert "30 of 600 rows (5%) were left out (missing: 30)" in str(found)


def test_few_events_for_the_terms_are_said():
    frame, y = simulated(40)
    found = diagnostics(MLE().estimate(problem_of(frame, y)), full=False)
    assert codes(found) == ["events-per-parameter"]
    assert found.findings[0].severity == "info"
    assert "rule of thumb" in found.findings[0].message
    assert found.trusted


def test_a_constant_response_is_said_where_a_prior_made_the_fit_possible():
    frame, _ = simulated()
    found = diagnostics(posterior(problem_of(frame, np.ones(120)), [3.0, 0.0, 0.0, 0.0]))
    assert "constant-response" in codes(found)
    assert "Every outcome is 'yes'" in str(found)


def test_the_gravest_finding_comes_first_and_takes_the_trust():
    frame, y = simulated(40)
    estimate = MLE().estimate(problem_of(frame, y))
    more = (
        Finding("r-hat", "error", "r-hat of x is 1.3.", "Sample longer."),
        Finding("note", "warning", "Mind this."),
    )
    found = diagnostics(replace(estimate, findings=more), full=False)
    assert [finding.severity for finding in found.findings] == ["error", "warning", "info"]
    assert not found.trusted
    assert list(found.frame.columns) == ["severity", "code", "message", "remedy", "terms"]


def test_a_fit_that_stopped_early_is_an_error():
    estimate = replace(MLE().estimate(problem_of(*simulated())), status=Status.NOT_CONVERGED)
    found = diagnostics(estimate)
    assert codes(found) == ["convergence", "overfitting"]
    assert found.checks[0].result == "no"
    assert not found.trusted


def test_a_fit_without_its_data_still_answers():
    estimate = posterior(problem_of(*simulated()), [0.2, 0.8, 0.4, -0.1])
    found = diagnostics(replace(estimate, problem=estimate.problem.without_data()))
    assert found.trusted


def test_a_design_too_large_to_search_says_that_it_was_not_searched(monkeypatch):
    monkeypatch.setattr("problogit.analysis.diagnostics._WORK", 10.0)
    found = diagnostics(posterior(problem_of(*simulated()), [0.2, 0.8, 0.4, -0.1]))
    assert codes(found) == ["separation-unchecked"]


def test_data_notes_are_passed_on():
    problem = problem_of(*simulated())
    noted = replace(
        problem, report=replace(problem.report, notes=("The factor site has one level and was dropped.",))
    )
    assert "The factor site has one level" in str(diagnostics(MLE().estimate(noted)))


def test_more_columns_than_rows_do_not_stop_the_diagnostics_of_a_prior():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(8, 12)), columns=[f"x{j}" for j in range(12)])
    problem = problem_of(frame, np.tile([0.0, 1.0], 4))
    found = diagnostics(posterior(problem, np.zeros(13)))
    assert "separation" in codes(found)
    assert "aliased" in codes(found)


def test_a_fit_that_stopped_early_is_said_once():
    own = Finding("convergence", "error", "The optimiser stopped after 3 iterations.", "Rescale.")
    estimate = MLE().estimate(problem_of(*plenty()))
    found = diagnostics(replace(estimate, status=Status.NOT_CONVERGED, findings=(own,)))
    assert found.findings == (own,)


@pytest.mark.parametrize(
    ("columns", "said"),
    [(["x"], "3 outcomes of the rarer kind for 1 slope."), (["x", "d"], "for 2 slopes (1.5 each).")],
)
def test_few_events_are_counted_in_the_singular_and_the_plural(columns, said):
    frame, _ = simulated(40)
    outcome = np.zeros(40)
    outcome[[1, 12, 30]] = 1
    found = diagnostics(posterior(problem_of(frame[columns], outcome), np.zeros(1 + len(columns))))
    (finding,) = [finding for finding in found.findings if finding.code == "events-per-parameter"]
    assert said in finding.message


def test_an_intercept_alone_has_events_enough():
    frame, outcome = simulated(40)
    assert events_per_slope(problem_of(frame[[]], outcome)) == np.inf


def test_without_data_it_says_that_separation_was_not_looked_for():
    estimate = posterior(problem_of(*rare_level()), [0.0, 0.7, 3.0])
    found = diagnostics(replace(estimate, problem=estimate.problem.without_data()))
    (finding,) = [finding for finding in found.findings if finding.code == "separation-unchecked"]
    assert finding.severity == "info"
    assert "loaded without its data" in finding.message
    assert "save(path, data=True)" in finding.remedy


def test_without_data_it_says_that_the_one_sided_interval_is_lost():
    with pytest.warns(SeparationWarning):
        estimate = MLE().estimate(problem_of(*rare_level()))
    assert "one-sided-unavailable" not in codes(diagnostics(estimate))
    bare = replace(estimate, problem=estimate.problem.without_data())
    (finding,) = [f for f in diagnostics(bare).findings if f.code == "one-sided-unavailable"]
    assert finding.terms == ("rare",)
    assert "save(path, data=True)" in finding.remedy
    assert "separation-unchecked" not in codes(diagnostics(bare))
