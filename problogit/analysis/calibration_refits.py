"""The reference of predictions that were left out of their own data: a parametric bootstrap with refits.

A fit that is judged on its own rows, even by leaving each out, is not judged on new data: the calibration slope is
below 1 because the fit follows chance, and pooled leave-one-out adds to it, although the model is right. What a right
model gives is found by going through it all again: outcomes are drawn from the fitted probabilities, the method is
refitted, every row predicted without itself in the same way, and all figures computed. What the data show beyond that
speaks of the form of the model: curvature, interactions, a wrong link.
"""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import replace

import numpy as np
from scipy.special import expit

from problogit.analysis.approximate_loo import approximate_loo, approximate_refusal
from problogit.analysis.calibration_figures import Figures, Smoothing, figures
from problogit.analysis.calibration_null import Reference, collected
from problogit.analysis.cells import cells_of
from problogit.analysis.judged import Judged, common_clusters, judge
from problogit.analysis.predictions import predictions_of
from problogit.data.rows import Array
from problogit.errors import NotAvailableError, ProblogitError, ProblogitWarning
from problogit.estimate import Estimate, Estimator
from problogit.folds import copies_of
from problogit.problem import Problem, sample_size
from problogit.progress import SILENT, Progress
from problogit.resampling import predicted_log_odds
from problogit.validation import seed_sequence

__all__ = ["affordable", "refitted_reference", "stand_in_of", "with_outcomes"]

RESAMPLES = 200  # where nothing else was asked for
VALUES = 5_000_000  # rows x columns x refits up to which they are made unasked: seconds
_LEFT_OUT = ("loo", "alo", "psis-loo")  # ways of judging that cost one refit a simulated data set


def affordable(estimate: Estimate, judged: Judged, resamples: int | None) -> int:
    """How many refits are made: what was asked for; else 200 where that is quick, and 0 where it is not."""
    if judged.kind in ("external", "apparent"):
        return 0
    if resamples is not None:
        return resamples
    try:
        method = stand_in_of(estimate)
    except NotAvailableError:  # nothing stands in for a model that is not known
        return 0
    cost = RESAMPLES * estimate.problem.n_terms * estimate.problem.nobs
    quick = method.prior.smooth and not method.costly  # one refit and its leverages judge all rows
    return RESAMPLES if quick and judged.kind in _LEFT_OUT and cost <= VALUES else 0


def stand_in_of(estimate: Estimate) -> Estimator:
    """What is refitted: the mode of a posterior, which takes milliseconds; the method itself otherwise."""
    method = estimate.method
    return method.mode_finder() or method.surrogate()


def with_outcomes(problem: Problem, successes: Array) -> Problem:
    """The same rows with other outcomes."""
    rows = replace(problem.rows, successes=successes)
    return replace(problem, data=rows, sample=sample_size(rows, problem.weights_type))


def one_unit_a_row(problem: Problem) -> Problem:
    """Rows repeated as often as their frequency weight says, because each copy has an outcome of its own."""
    copies = copies_of(problem)
    if copies.max() == 1:
        return problem
    repeated = problem.subset(np.repeat(np.arange(copies.size), copies))
    return repeated.reweighted(1.0 / repeated.rows.weights)


def refitted_reference(
    estimate: Estimate,
    judged: Judged,
    x: Array,
    smoothing: Smoothing,
    resamples: int,
    *,
    rng: int | np.random.Generator | None = 0,
    progress: Progress = SILENT,
) -> Reference | None:
    """Simulate, refit, judge in the same way; None where the fitted model has no outcomes to draw or no refit worked.

    Parameters
    ----------
    estimate : Estimate
    judged : Judged
        How the observed outcomes were judged.
    x : ndarray, shape (k,)
        Predictions at which curves are recorded.
    smoothing : Smoothing
        As of the observed outcomes.
    resamples : int
    rng : int, Generator or None
        Data set i uses child i.
    progress : Progress
    """
    problem = one_unit_a_row(estimate.problem)
    rows = problem.rows
    p = expit(predicted_log_odds(estimate.predictor, rows.X, rows.offset))
    if np.isnan(p).any():
        return None
    trials, method = np.rint(rows.trials).astype(np.int64), stand_in_of(estimate)
    found: list[Figures] = []
    curves: list[tuple[Array, Array]] = []
    failures: Counter[str] = Counter()
    progress.start("Refits to simulated outcomes", resamples)
    try:
        for child in seed_sequence(rng).spawn(resamples):
            successes = np.random.default_rng(child).binomial(trials, p).astype(np.float64)
            try:
                again = _judged_again(method, with_outcomes(problem, successes), judged)
                one, drawn = _figures_of(again, x, smoothing)
                found.append(one)
                curves.append(drawn)
            except ProblogitError as error:
                failures[str(error).splitlines()[0]] += 1
            progress.advance()
    finally:
        progress.finish()
    if len(found) < resamples / 2:
        return None
    what = "" if method is estimate.method else f" of {method.describe()}"
    how = f"{len(found)} data sets drawn from the fitted probabilities, refits{what} to each, judged in the same way"
    notes = [
        f"{n} of {resamples} simulated data sets could not be judged ({why})." for why, n in failures.items()
    ]
    clusters = common_clusters([estimate])
    if clusters is not None:
        notes.append(
            f"Simulated outcomes are independent; where those of one cluster of {clusters.name} are not, p-values are "
            "too small."
        )
    return collected(found, curves, x, how, tuple(notes))


def _judged_again(method: Estimator, problem: Problem, judged: Judged) -> Judged:
    """The same left-out predictions of simulated outcomes; those of influential rows without a refit of their own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ProblogitWarning)
        refit = method.estimate(problem)
        if judged.kind not in _LEFT_OUT:
            return judge(refit, resample="folds")
        refused = approximate_refusal(refit)
        if refused and method.prior.smooth:  # separated: n refits for one data set would be too many
            raise NotAvailableError(refused)
        if refused:
            return judge(refit, resample="exact")
        log_odds = approximate_loo(refit, refit=False).log_odds
    return predictions_of(problem.rows, log_odds, problem.weights_type, kind="alo", how="", notes=())


def _figures_of(judged: Judged, x: Array, smoothing: Smoothing) -> tuple[Figures, tuple[Array, Array]]:
    cells = cells_of(judged.usable)
    events = cells.events[None, :]
    found = figures(cells, events, smoothing.over(cells).curves(events))
    known = ~np.isnan(found.smooth[0])
    smooth = np.interp(x, cells.p[known], found.smooth[0][known]) if known.any() else np.full(x.size, np.nan)
    return found, (np.interp(x, cells.p, found.corp[0]), smooth)
