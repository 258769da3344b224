"""Recalibration by a known share of events: Bayes' rule, without a fit.

Where events, and non-events, are of the same kind in data and population, only their shares r and q differ, and the
log-odds move by log[q (1 - r) / (r (1 - q))] (Prentice & Pyke 1979, Biometrika 66:403, for case-control data).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit, logit

from problogit.analysis.recalibration_maps import LineMap
from problogit.analysis.recalibration_steps import Step
from problogit.errors import InputError, NotAvailableError, explain
from problogit.estimate import Estimate
from problogit.validation import check_positive, check_probability

__all__ = ["shift"]


def shift(
    estimate: Estimate,
    before: tuple[Step, ...],
    new_prevalence: float | None,
    sampling_rates: tuple[float, float] | None,
) -> Step:
    """The shift of the log-odds that another share of events asks for, by Bayes' rule."""
    old = before[-1].prevalence if before else _own_prevalence(estimate)
    if not 0 < old < 1:
        raise NotAvailableError(
            "All outcomes are equal in the data, so that their share has no log-odds to shift."
        )
    if new_prevalence is not None:
        new = check_probability("new_prevalence", new_prevalence)
        moved = float(logit(new) - logit(old))
    else:
        events, others = _rates(sampling_rates)
        moved = float(np.log(others) - np.log(events))
        new = float(expit(logit(old) + moved))
    how = f"share of events {old:.4g} in the data, {new:.4g} in the population (Bayes' rule)"
    note = "Exact where the predictors of events, and of non-events, are distributed alike in data and population."
    return Step(LineMap(moved, 1.0), "prevalence", how, 0, 0, new, (note,))


def _rates(sampling_rates: Any) -> tuple[float, float]:
    if not isinstance(sampling_rates, (tuple, list)) or len(sampling_rates) != 2:
        rule = "must be two numbers, the rates at which events and non-events were sampled"
        raise InputError(explain("sampling_rates", rule, sampling_rates))
    return check_positive("sampling_rates[0]", sampling_rates[0]), check_positive(
        "sampling_rates[1]", sampling_rates[1]
    )


def _own_prevalence(estimate: Estimate) -> float:
    """Weighted share of events in the training rows; from the counts where these were not saved and have no weights."""
    problem = estimate.problem
    if problem.data is None and problem.weights_type == "frequency":
        return problem.sample.n_events / problem.sample.n_trials
    rows = problem.rows
    return float(rows.weights @ rows.successes) / float(rows.weights @ rows.trials)
