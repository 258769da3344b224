"""Recalibration: predictions moved to where the outcomes are, the fit itself left as it is.

Three occasions, three sources. The same data: shrinkage by the bootstrap slope (`recalibration_shrink`), or a map
fitted to predictions of training rows left out, never to apparent ones. A new population with outcomes: a map fitted to
those. A known share of events: Bayes' rule, without a fit.

The map is applied to the log-odds of the predicted probability, for a posterior of E[p | y]: that is what was
calibrated. Recalibrations compose: each step takes what the one before gives.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from problogit.analysis.judged import RESAMPLES, judge, judge_external
from problogit.analysis.predictions import Judged
from problogit.analysis.recalibration_choice import closed_test
from problogit.analysis.recalibration_fits import FITTED, fit_map
from problogit.analysis.recalibration_maps import LineMap, RecalibrationMap
from problogit.analysis.recalibration_shift import shift
from problogit.analysis.recalibration_shrink import shrink
from problogit.analysis.recalibration_steps import Step, coupling, moved, parameter_frame
from problogit.analysis.scores import require_predictions
from problogit.errors import CalibrationWarning, InputError, NotAvailableError, explain
from problogit.estimate import Estimate
from problogit.progress import SILENT, Progress
from problogit.validation import check_choice, check_integer, check_probability

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["METHODS", "Options", "Recalibration", "recalibrate"]

METHODS = ("shrink", *FITTED, "auto")
_INDEPENDENT = (
    "The same rows made the fit and its recalibration; their errors are treated as independent of each other."
)
_APART = (
    "Errors of the coefficients and of the recalibration are treated as independent of each other; as the one makes up "
    "for some of the other, bounds are too wide rather than too narrow."
)


@dataclass(frozen=True, eq=False)
class Recalibration:
    """A fit with the maps that its predictions go through.

    Attributes
    ----------
    estimate : Estimate
        Untouched.
    steps : tuple of Step
        Applied one after the other.
    prob : float
        Level of the bounds in `parameters`.
    """

    estimate: Estimate
    steps: tuple[Step, ...]
    prob: float = 0.95

    @property
    def last(self) -> Step:
        """The latest step."""
        return self.steps[-1]

    @property
    def maps(self) -> tuple[RecalibrationMap, ...]:
        """The maps, in the order in which they are applied."""
        return tuple(step.map for step in self.steps)

    @property
    def method(self) -> str:
        """Names of the methods, e.g. ``"shrink, then prevalence"``."""
        return ", then ".join(step.method for step in self.steps)

    @property
    def notes(self) -> tuple[str, ...]:
        """What to keep in mind, of every step."""
        return tuple(dict.fromkeys(note for step in self.steps for note in step.notes))

    @property
    def parameters(self) -> pd.DataFrame:
        """Parameters of the maps with their uncertainty."""
        return parameter_frame(self.steps, self.prob)

    @property
    def line(self) -> tuple[float, float] | None:
        """Intercept and slope of all steps together; None where one of them is no line."""
        intercept, slope = 0.0, 1.0
        for one in self.maps:
            if not isinstance(one, LineMap):
                return None
            intercept, slope = one.intercept + one.slope * intercept, one.slope * slope
        return intercept, slope

    def __str__(self) -> str:
        """What was done to what, the parameters, the notes."""
        table = self.parameters.to_string(float_format=lambda value: f"{value:.4f}", na_rep="-")
        done = [f"{step.how}{_behind(step)}." for step in self.steps]
        head = f"{self.estimate.problem.response.describe()}, recalibrated: {self.method}."
        return "\n".join([head, *(one[0].upper() + one[1:] for one in done), table, *self.notes])


def _behind(step: Step) -> str:
    return f"; {step.n_events} events in {step.n} rows" if step.n else ""


@dataclass(frozen=True)
class Options:
    """How a map is estimated from the training rows, and by what random numbers."""

    resample: str = "auto"
    resamples: int = 300
    rng: int | np.random.Generator | None = 0
    progress: Progress = SILENT


def recalibrate(
    estimate: Estimate,
    method: str | None = None,
    data: Any = None,
    new_prevalence: float | None = None,
    sampling_rates: tuple[float, float] | None = None,
    *,
    before: tuple[Step, ...] = (),
    options: Options | None = None,
    prob: float = 0.95,
) -> Recalibration:
    """Recalibrate the predictions of a fit.

    Parameters
    ----------
    estimate : Estimate
    method : str, optional
        One of `METHODS`; ``"shrink"`` without it, ``"logistic"`` where data are given.
    data : table, optional
        New data with predictors and response.
    new_prevalence : float, optional
        Share of events in the population to predict for: the log-odds move by log[q (1 - r) / (r (1 - q))], r being
        the share in the data that the predictions stand for.
    sampling_rates : pair of float, optional
        Of case-control data: which share of the events and of the non-events of the population are in the training
        data (or numbers in that ratio).
    before : tuple of Step
        What the predictions went through already.
    options : Options, optional
    prob : float

    Returns
    -------
    Recalibration
    """
    options = Options() if options is None else options
    check_probability("prob", prob)
    check_integer("resamples", options.resamples, 2)
    if new_prevalence is not None or sampling_rates is not None:
        if method is not None or data is not None or None not in (new_prevalence, sampling_rates):
            raise InputError(
                "new_prevalence and sampling_rates each go alone, without method or data; received several. "
                "Recalibrate twice: fit.recalibrate(data=...).recalibrate(new_prevalence=...)."
            )
        step = shift(estimate, before, new_prevalence, sampling_rates)
        return Recalibration(estimate, (*before, step), prob)
    chosen = check_choice("method", method or ("shrink" if data is None else "logistic"), METHODS)
    if data is not None:
        return Recalibration(estimate, (*before, _external(estimate, before, chosen, data, options)), prob)
    if before:
        raise NotAvailableError(
            "These predictions are recalibrated already, and the training rows cannot be asked twice. Pass new data, "
            "or new_prevalence; another method starts from the original fit."
        )
    if chosen == "auto":
        raise InputError(explain("method", 'may be "auto" only where data are given', chosen))
    step = (
        shrink(estimate, options.resamples, options.rng, options.progress)
        if chosen == "shrink"
        else _left_out(estimate, chosen, options)
    )
    return Recalibration(estimate, (step,), prob)


def _left_out(estimate: Estimate, method: str, options: Options) -> Step:
    """A map fitted to predictions of training rows left out."""
    if check_choice("resample", options.resample, RESAMPLES) == "apparent":
        remedy = "Use 'auto', 'loo', 'exact' or 'folds'."
        raise InputError(
            explain("resample", "must leave rows out: apparent predictions flatter", "apparent", remedy)
        )
    judged = judge(estimate, None, options.resample, rng=options.rng, progress=options.progress)
    usable = require_predictions(judged)
    found = fit_map(method, usable, "the training rows", options.rng)
    return _step(found, method, usable, f"{method} map of {judged.how}", (*judged.notes, _INDEPENDENT))


def _external(estimate: Estimate, before: tuple[Step, ...], method: str, data: Any, options: Options) -> Step:
    """A map fitted to new data."""
    if method == "shrink":
        remedy = "Use 'intercept', 'logistic', 'beta', 'isotonic' or 'auto'."
        raise InputError(
            explain("method", "is made from the training rows and takes no data", method, remedy)
        )
    judged = judge_external(estimate, data)
    if judged.kind == "apparent":
        raise InputError(
            explain(
                "data",
                "must not be the rows that the model was fitted to, whose predictions flatter",
                f"{judged.n} such rows",
                "Leave it out: rows are then left out of refits.",
            )
        )
    usable = require_predictions(judged)
    usable = replace(usable, log_odds=moved(before, usable.log_odds))
    rows = estimate.problem.design.observe(data)
    how, choice = f"{method} map of the data given", None
    if method == "auto":
        fit_map("intercept", usable, "data", 0)  # one outcome only, or nothing that moves
        choice = closed_test(estimate.problem, rows, usable)
        method = str(choice.index[choice["chosen"].to_numpy()][0])
        how = f"closed testing on the data given, which chose {method!r}"
    notes = judged.notes
    if method == "refit":
        method, more = "logistic", _refit_preferred(choice)
        notes = (*notes, more)
    found = LineMap(0.0, 1.0) if method == "none" else fit_map(method, usable, "data", options.rng)
    step = _step(found, method, usable, how, notes)
    return replace(step, rows=rows, choice=choice, coupling=coupling(found, before, rows, judged.log_odds))


def _refit_preferred(choice: pd.DataFrame | None) -> str:
    p_value = np.nan if choice is None else float(choice["p_value"].to_numpy()[2])
    message = (
        f"The data prefer a refit to any line of recalibration (likelihood ratio, p = {p_value:.2g}): fit the model to "
        "them, or to both data sets together. Until then the logistic map is used."
    )
    warnings.warn(message, CalibrationWarning, stacklevel=5)
    return message


def _step(found: RecalibrationMap, method: str, judged: Judged, how: str, notes: tuple[str, ...]) -> Step:
    prevalence = float(judged.weights @ judged.successes) / float(judged.weights @ judged.trials)
    certain = int(np.isinf(judged.log_odds).sum()) if method != "isotonic" else 0
    if certain:
        notes = (*notes, f"{certain} predictions of exactly 0 or 1 took no part, and stay what they are.")
    if method == "isotonic":
        notes = (*notes, *_isotonic_notes(found))
    return Step(found, method, how, judged.n, judged.n_events, prevalence, notes)


def _isotonic_notes(found: RecalibrationMap) -> tuple[str, ...]:
    notes = [
        f"Isotonic recalibration has {found.values.size} levels: rows within one are ranked no more. Its bounds rest "
        "on resampled regressions, which are approximate."
    ]
    if np.isin(found.values, (0.0, 1.0)).any():
        notes.append(
            "Some recalibrated probabilities are exactly 0 or 1, as the outcomes at that end all were."
        )
    return tuple(notes)
