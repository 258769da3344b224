"""Early stopping: gradient steps from the null model, ended before they reach the maximum of the likelihood."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
from scipy.optimize import OptimizeResult

from problogit.core.coefficients import PointCoefficients
from problogit.core.early_stopping import State, ridge_strength, spectrum, stopped_df
from problogit.core.early_stopping_record import Trajectory
from problogit.core.priors.normal import Normal
from problogit.core.scaling import Scaling
from problogit.data.rows import Array
from problogit.errors import EstimationError, InputError, explain
from problogit.estimate import Details, Estimate, Estimator, Finding, FitStats, Provenance, Status
from problogit.estimators.early_stopping_course import Course, Slope, follow, keep_path
from problogit.estimators.early_stopping_split import hold_out, split_rng
from problogit.estimators.penalized_bootstrap import resample
from problogit.estimators.penalized_optimum import optimize_result
from problogit.folds import clusters_of
from problogit.problem import Problem
from problogit.progress import SILENT, Progress
from problogit.validation import check_choice, check_integer, check_positive, check_probability

__all__ = ["EarlyStopping", "EarlyStoppingDetails", "fit_stopped"]

_KEPT = 2e7  # coefficients that a record holds
_MOST_SPLITS = 10
_FINE = 20  # steps: where fewer are best, they are too long to stop between them
_FEW = 10  # held-out units of the rarer outcome
_NO_INTERVAL = (
    "Where the steps end depends on the data in a way that no formula for a standard error takes into account. Use "
    "Penalized(early_stopping=..., inference='bootstrap'), which splits the rows and stops anew in every resample."
)


@dataclass(frozen=True)
class EarlyStopping:
    """Regularise by ending gradient steps early, with no penalty.

    The steps climb the likelihood from the null model (the intercept that fits best given the offset; it is solved for
    after every step and never shrunk) in columns divided by their standard deviation, or by their range where they have
    two values, as `autoscale` has it.

    Parameters
    ----------
    steps : int, optional
        How many. Without it parts of the rows are held out in turn, and the steps end where the deviance of the rows
        held out is lowest; as many steps, at the same rate, are then taken on all rows.
    learning_rate : "auto" or float
        Multiplies the gradient of the summed log-likelihood. ``"auto"`` is 1 / L, L the largest eigenvalue of Z'DZ / 4
        over the centred and scaled columns, D the weights times trials: each step then climbs. Where fewer than 20 such
        steps would be best, the search is repeated with a fraction of it, so that it can stop in between.
    fraction : float, default 0.2
        Share of the rows in a part, of each outcome.
    splits : int, optional
        Parts held out, each by a run of its own that does not see it; no row is in two of them. By default as many as
        there are, at most 10: five fifths. One part costs least and decides least surely.
    patience : int, default 10
        Steps in a row without a lower held-out deviance that end the search.
    max_steps : int, default 10000
        Where the search ends at the latest.

    Notes
    -----
    With `steps` given, `fraction`, `splits`, `patience` and `max_steps` play no part. ``Penalized(rng=...)`` splits the
    rows.
    """

    steps: int | None = None
    learning_rate: float | Literal["auto"] = "auto"
    fraction: float = 0.2
    splits: int | None = None
    patience: int = 10
    max_steps: int = 10_000

    def __post_init__(self) -> None:
        if self.steps is not None:
            check_integer("steps", self.steps, 1)
        if isinstance(self.learning_rate, str):
            check_choice("learning_rate", self.learning_rate, ("auto",))
        else:
            check_positive("learning_rate", self.learning_rate)
        check_probability("fraction", self.fraction)
        most = self._most_splits()
        if self.splits is not None and check_integer("splits", self.splits, 1) > most:
            rule = f"must not exceed {most} with fraction={self.fraction:g}: parts have no row in common"
            raise InputError(explain("splits", rule, self.splits))
        check_integer("patience", self.patience, 1)
        check_integer("max_steps", self.max_steps, 1)

    @property
    def n_splits(self) -> int:
        """Parts that are held out where the rows allow it."""
        return min(self._most_splits(), _MOST_SPLITS) if self.splits is None else self.splits

    def _most_splits(self) -> int:
        return int(1.0 / self.fraction + 1e-9)

    def describe(self) -> str:
        """``"gradient steps stopped by held-out rows"`` or ``"20 gradient steps"``."""
        if self.steps is None:
            return "gradient steps stopped by held-out rows"
        return f"{self.steps} gradient step{'' if self.steps == 1 else 's'}"


@dataclass(frozen=True, eq=False)
class EarlyStoppingDetails(Details):
    """What early stopping knows beside the coefficients.

    Attributes
    ----------
    raw : OptimizeResult or None
        ``x`` the coefficients of the scaled columns, ``fun`` minus the log-likelihood, ``nit`` the steps. None after
        `load`.
    trajectory : Trajectory
    scaling : Scaling
        Centres and scales of the columns.
    learning_rate : float
    largest_curvature : float
        L.
    equivalent_l2 : float
        Strength, on the scaled columns, of the ridge that it resembles: the one with the same effective degrees of
        freedom, or 1 / (learning_rate * steps) where those are not known.
    inference : str
        ``bootstrap`` or ``none``.
    """

    raw: OptimizeResult | None
    trajectory: Trajectory
    scaling: Scaling
    learning_rate: float
    largest_curvature: float
    equivalent_l2: float
    inference: str

    @property
    def equivalent_prior(self) -> Normal | None:
        """The prior of that ridge, for ``Penalized``; None after no step at all, or where nothing is shrunk."""
        if not 0 < self.equivalent_l2 < np.inf:
            return None
        return Normal(float(self.equivalent_l2**-0.5), autoscale=True)


@dataclass(frozen=True, eq=False)
class _Run:
    """One choice of a number of steps.

    Attributes
    ----------
    course : Course or None
        None where the steps were given.
    parts : tuple of ndarray, each of shape (n_obs,)
        Shares of each row that were held out.
    """

    slope: Slope
    steps: int
    course: Course | None
    parts: tuple[Array, ...]

    @property
    def held_out(self) -> tuple[float, float, float]:
        """Units held out, events and non-events among them."""
        rows = self.slope.problem.rows
        frequency = self.slope.problem.weights_type == "frequency"
        gone = np.sum(self.parts, axis=0) * (rows.weights if frequency else 1.0)
        events = float(gone @ rows.successes)
        return float(gone.sum()), events, float(gone @ rows.trials) - events


def fit_stopped(
    method: Estimator,
    options: EarlyStopping,
    problem: Problem,
    *,
    resamples: int | None,
    seeds: np.random.SeedSequence,
    progress: Progress = SILENT,
    whole_rows: bool = False,
) -> Estimate:
    """Fit by gradient steps.

    Parameters
    ----------
    method : Estimator
        In whose name.
    options : EarlyStopping
    problem : Problem
    resamples : int or None
        Of the bootstrap; None for no intervals.
    seeds : SeedSequence
        Splits the rows and draws resamples.
    progress : Progress
    whole_rows : bool
        Hold the copies of a frequency weight out together: they are one unit that was drawn several times.

    Raises
    ------
    EstimationError
        The response is constant, or rows cannot be held out.
    InputError
        The learning rate is too large for these columns.
    """
    started = time.perf_counter()
    run = _decide(problem, options, seeds, progress, whole_rows=whole_rows)
    states, passed = keep_path(run.slope, run.steps, progress)
    end = states[-1]
    values = spectrum(run.slope.likelihood, problem.intercept, end.gamma)
    trajectory = _trajectory(run, states, passed, values)
    beta = run.slope.scaling.to_original(end.gamma)
    l2 = float(trajectory.l2[-1])
    details = EarlyStoppingDetails(
        raw=_raw(end),
        trajectory=trajectory,
        scaling=run.slope.scaling,
        learning_rate=run.slope.rate,
        largest_curvature=run.slope.limit,
        equivalent_l2=l2 if np.isfinite(l2) or run.steps == 0 else 1.0 / (run.slope.rate * run.steps),
        inference="none" if resamples is None else "bootstrap",
    )
    random = run.course is not None or resamples is not None
    engine = _engine(run, details)
    loglik = end.kernel + problem.log_constant
    fit = Estimate(
        problem=problem,
        method=method,
        coefficients=PointCoefficients(beta, _NO_INTERVAL),
        status=Status.STOPPED,
        findings=_findings(run, details, float(trajectory.df[-1])),
        stats=FitStats.of(loglik, float(trajectory.df[-1]), problem),
        provenance=Provenance.of(engine, started, seed=int(str(seeds.entropy)) if random else None),
        details=details,
    )
    if resamples is None:
        return fit
    refit = partial(_coefficients, options=options, seeds=seeds)
    draws, findings = resample(refit, fit, resamples, seeds, progress)
    provenance = Provenance.of(
        f"{engine}; {resamples} bootstrap refits", started, seed=int(str(seeds.entropy))
    )
    return replace(fit, coefficients=draws, findings=fit.findings + findings, provenance=provenance)


def _coefficients(problem: Problem, options: EarlyStopping, seeds: np.random.SeedSequence) -> Array:
    """The estimate alone, of a resample: the rows are split and the steps stopped anew."""
    run = _decide(problem, options, seeds, SILENT, whole_rows=True)
    return run.slope.scaling.to_original(run.slope.after(run.steps).gamma)


def _decide(
    problem: Problem,
    options: EarlyStopping,
    seeds: np.random.SeedSequence,
    progress: Progress,
    *,
    whole_rows: bool,
) -> _Run:
    if problem.intercept is not None and problem.constant_response is not None:
        raise EstimationError(
            f"The response {problem.response.name} is constant: every outcome is the same, so that the intercept is "
            "infinite before the first step. Check the event and the rows that were selected."
        )
    slope = Slope.of(problem, options.learning_rate)
    if options.steps is not None:
        return _Run(slope, options.steps, None, ())
    rng = split_rng(seeds, problem)
    parts = hold_out(problem, options.fraction, options.n_splits, rng, whole_rows=whole_rows)
    course = follow(slope, parts, options.patience, options.max_steps, progress)
    if options.learning_rate == "auto" and course.chosen < _FINE:
        slope = replace(slope, rate=slope.rate / math.ceil(_FINE / (course.chosen + 1)))
        course = follow(slope, parts, options.patience, options.max_steps, progress)
    return _Run(slope, course.chosen, course, parts)


def _trajectory(run: _Run, states: list[State], passed: Array, values: Array | None) -> Trajectory:
    slope, course = run.slope, run.course
    kept = np.array([state.step for state in states], dtype=np.int64)
    gammas = None
    if kept.size * slope.problem.n_terms <= _KEPT:
        gammas = np.array([slope.scaling.to_original(state.gamma) for state in states])
    nothing = np.full(kept.size, np.nan)
    df, l2 = nothing, nothing.copy()
    if values is not None:
        free = float(slope.problem.intercept is not None)
        df = np.array([free + stopped_df(values, slope.rate, int(step)) for step in kept])
        l2 = np.array([ridge_strength(values, slope.rate, int(step)) for step in kept])
    return Trajectory(
        train_deviance=passed if course is None else course.train_deviance,
        heldout_deviance=np.full(passed.size, np.nan) if course is None else course.heldout_deviance,
        kept=kept,
        coefficients=gammas,
        loglik=np.array([state.kernel for state in states]) + slope.problem.log_constant,
        df=df,
        l2=l2,
        chosen=run.steps,
        reason="steps" if course is None else course.reason,
    )


def _raw(end: State) -> OptimizeResult:
    return optimize_result(
        x=end.gamma,
        fun=-end.kernel,
        nit=end.step,
        success=True,
        status=0,
        message="Stopped early, as asked.",
    )


def _engine(run: _Run, details: EarlyStoppingDetails) -> str:
    how = "" if run.course is None else f", stopped by {run.held_out[0]:g} held-out rows"
    prior = details.equivalent_prior
    ridge = "" if prior is None else f"; like ridge with prior Normal({prior.scale:.3g}, autoscale=True)"
    return f"gradient steps: {run.steps} of learning rate {details.learning_rate:.3g}{how}{ridge}"


def _findings(run: _Run, details: EarlyStoppingDetails, df: float) -> tuple[Finding, ...]:
    found = [Finding("early-stopping", "info", f"{_what_stopped(run)} {_worth(details, df)}")]
    course = run.course
    if course is None:
        return tuple(found)
    if course.reason == "max-steps":
        message = (
            f"The held-out deviance may still fall after {course.train_deviance.size - 1} steps (max_steps)."
        )
        remedy = "Raise max_steps; if that changes little, the maximum of the likelihood is near: fit MLE()."
        found.append(Finding("max-steps", "warning", message, remedy))
    if run.steps == 0:
        message = "No step lowers the deviance of the held-out rows: the fit is the null model."
        remedy = "Another split may say otherwise: see how the answer moves with rng, or fit Penalized(select='cv')."
        found.append(Finding("no-steps", "warning", message, remedy))
    few = min(run.held_out[1:])
    if few < _FEW:
        message = (
            f"Only {few:g} held-out outcome{'' if few == 1 else 's'} of the rarer kind decide where to stop."
        )
        remedy = "See how the answer moves with rng, or choose by cross-validation: Penalized(select='cv')."
        found.append(Finding("few-held-out", "warning", message, remedy))
    return tuple(found)


def _what_stopped(run: _Run) -> str:
    step = f"{run.steps} gradient step{'' if run.steps == 1 else 's'}"
    if run.course is None:
        return f"Stopped after {step}, as asked."
    units, events, _ = run.held_out
    parts = len(run.parts)
    clusters = clusters_of(run.slope.problem)
    whole = "" if clusters is None else f" of whole clusters of {clusters.name}"
    how = f"{whole}," if whole else ""
    if parts > 1:
        how = f" in {parts} parts{whole}, each of a run that did not see it,"
    reason = {
        "held-out": "after which it rose",
        "levelled": "after which it did not change: the maximum of the likelihood is all but reached",
        "max-steps": "the largest number tried",
    }[run.course.reason]
    return (
        f"Stopped after {step}: the deviance of {units:g} held-out rows ({events:g} events){how} was lowest there, "
        f"{reason}. As many steps at the same rate were then taken on all rows."
    )


def _worth(details: EarlyStoppingDetails, df: float) -> str:
    prior = details.equivalent_prior
    worth = "" if np.isnan(df) else f"They are worth {df:.3g} effective degrees of freedom. "
    if prior is None:
        return worth.strip()
    return (
        f"{worth}The ridge that it resembles has L2 strength {details.equivalent_l2:.3g} on the scaled columns: "
        f"Penalized(Normal({prior.scale:.3g}, autoscale=True))."
    )
