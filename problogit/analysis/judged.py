"""Ways to predict rows so that the predictions may be scored: leave-one-out, refitted folds, new data, apparent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from problogit.analysis.approximate_loo import approximate_loo, approximate_refusal
from problogit.analysis.loo import LooResult, is_posterior, loo
from problogit.analysis.predictions import Judged, predictions_of
from problogit.analysis.training_rows import same_rows
from problogit.data.rows import Rows
from problogit.errors import DataNotSavedError, InputError, NotAvailableError, explain
from problogit.estimate import Estimate
from problogit.folds import Clusters, Folds, clusters_of, deal_folds, leave_one_out
from problogit.progress import SILENT, Progress
from problogit.resampling import OutOfFold, out_of_fold, predicted_log_odds
from problogit.validation import check_choice

__all__ = ["LOO_ROWS", "MOST_REFITS", "RESAMPLES", "Judged", "common_clusters", "judge", "refitted_by"]

RESAMPLES = ("auto", "loo", "exact", "folds", "apparent")
LOO_ROWS = (
    200  # up to so many rows "auto" refits without each: a fraction of a second, and nothing approximate
)
EXACT = "exact leave-one-out refits"
APPROXIMATE = "approximate leave-one-out (from the leverages)"
APPARENT = "apparent (the data the model was fitted to)"
MOST_REFITS = 2000  # leave-one-out refits that are made when asked for


def judge(
    estimate: Estimate,
    data: Any = None,
    resample: str = "auto",
    *,
    folds: int = 10,
    rng: int | np.random.Generator | None = 0,
    clusters: Clusters | None = None,
    progress: Progress = SILENT,
) -> Judged:
    """Predict rows in a way that may be scored.

    Parameters
    ----------
    estimate : Estimate
    data : table, optional
        New data with predictors and response; they are predicted as they are. The rows that the model was fitted to,
        in any order, are recognised where the fit has them, and called apparent.
    resample : str
        Without `data`:

        - ``"loo"``: leave-one-out without refits but for influential rows: Pareto-smoothed for a posterior, from the
          leverages for maximum likelihood and smooth penalties. Fits that have neither (L1, a chosen strength) are
          refitted as by ``"exact"``.
        - ``"exact"``: one refit a row, at most 2000; of a posterior its stand-in is refitted.
        - ``"folds"``: cross-validated refits, with everything that a fit chooses chosen again.
        - ``"apparent"``: the training rows themselves.
        - ``"auto"``: ``"loo"`` for a posterior; otherwise ``"exact"`` up to 200 rows and ``"loo"`` beyond; but
          ``"folds"`` where the leverages do not give it, where one fit is itself made of many (a chosen strength,
          early stopping), or where rows belong to clusters, which folds keep whole.
    folds : int
        Number of folds.
    rng : int, Generator or None
        Deals the folds.
    clusters : Clusters, optional
        What folds keep together; without it the clusters that the method names, or those of the model.
    progress : Progress
    """
    check_choice("resample", resample, RESAMPLES)
    if data is not None:
        if resample != "auto":
            rule = 'must be "auto" where data is given: new data are predicted as they are'
            raise InputError(explain("resample", rule, resample))
        return judge_external(estimate, data)
    if resample == "apparent":
        return judge_apparent(estimate)
    if is_posterior(estimate) and resample in ("auto", "loo"):
        return _told_of_clusters(estimate, judge_loo(estimate, progress))
    if resample == "auto":
        return _judge_best(estimate, folds, rng, clusters, progress)
    if resample == "loo":
        return _told_of_clusters(estimate, _judge_left_out(estimate, progress))
    if resample == "exact":
        return _told_of_clusters(estimate, judge_refits(estimate, progress))
    clusters = clusters or common_clusters([estimate])
    return judge_folds(estimate, deal_folds(estimate.problem, folds, rng, clusters), progress)


def _judge_best(
    estimate: Estimate,
    folds: int,
    rng: int | np.random.Generator | None,
    clusters: Clusters | None,
    progress: Progress,
) -> Judged:
    """What ``"auto"`` is for a fit that is no posterior."""
    resample = _way_of([estimate], clusters)
    notes: tuple[str, ...] = ()
    if resample == "exact":
        return judge_refits(estimate, progress)
    if resample == "loo":
        try:
            return judge_approximately(estimate, progress)
        except NotAvailableError as error:
            if isinstance(error, DataNotSavedError):
                raise
            notes = (f"Judged by folds: {error}",)
    clusters = clusters or common_clusters([estimate])
    judged = judge_folds(estimate, deal_folds(estimate.problem, folds, rng, clusters), progress)
    return replace(judged, notes=(*judged.notes, *notes))


def refitted_by(estimates: Iterable[Estimate]) -> str:
    """How these fits of the same rows are judged, all in one way: ``"exact"`` up to 200 rows, ``"loo"`` or ``"folds"``.

    Where one of them is costly, has clusters, or has no approximate leave-one-out, all are judged by folds: figures of
    two ways cannot be compared.
    """
    every = list(estimates)
    resample = _way_of(every, None)
    if resample == "loo" and any(approximate_refusal(one) for one in every):
        return "folds"
    return resample


def _way_of(estimates: list[Estimate], clusters: Clusters | None) -> str:
    """The same as far as size, cost and clusters decide it."""
    if any(one.method.costly for one in estimates) or clusters or common_clusters(estimates) is not None:
        return "folds"
    small = all(one.problem.rows.n_obs <= LOO_ROWS for one in estimates)
    return "exact" if small else "loo"


def common_clusters(estimates: Iterable[Estimate]) -> Clusters | None:
    """The clusters of the first of these fits of the same rows that has some; None where none has."""
    found = (clusters_of(one.problem, one.method.columns) for one in estimates)
    return next((clusters for clusters in found if clusters is not None), None)


def _told_of_clusters(estimate: Estimate, judged: Judged) -> Judged:
    """Leave-one-out of a fit with clusters, with what that means."""
    clusters = common_clusters([estimate])
    if clusters is None:
        return judged
    note = (
        f"Each row is predicted from all others, those of its own cluster of {clusters.name} among them, which "
        'flatters predictions of new clusters: resample="folds" keeps clusters whole.'
    )
    return replace(judged, notes=(*judged.notes, note))


def judge_approximately(estimate: Estimate, progress: Progress = SILENT) -> Judged:
    """Leave-one-out predictions from the leverages, with exact refits for influential rows.

    Raises
    ------
    NotAvailableError
        As in `problogit.analysis.approximate_loo.approximate_loo`.
    """
    found = approximate_loo(estimate, progress)
    problem = estimate.problem
    return predictions_of(
        problem.rows, found.log_odds, problem.weights_type, kind="alo", how=APPROXIMATE, notes=found.notes
    )


def _judge_left_out(estimate: Estimate, progress: Progress) -> Judged:
    """Approximately where the fit has it, else by as many refits as there are rows, where these are few."""
    try:
        return judge_approximately(estimate, progress)
    except DataNotSavedError:
        raise
    except NotAvailableError:
        if estimate.problem.rows.n_obs > MOST_REFITS:
            raise
    return judge_refits(estimate, progress)


def judge_refits(estimate: Estimate, progress: Progress = SILENT) -> Judged:
    """Exact leave-one-out predictions: one refit a row.

    Raises
    ------
    NotAvailableError
        More than 2000 rows.
    """
    n = estimate.problem.rows.n_obs
    if n > MOST_REFITS:
        raise NotAvailableError(
            f"Exact leave-one-out refits the model once for each row: {n} rows are more than the {MOST_REFITS} that "
            'are refitted. Ask for resample="folds", which refits 10 times, or "loo", which most fits have without.'
        )
    return judge_folds(estimate, leave_one_out(estimate.problem), progress)


def judge_folds(estimate: Estimate, folds: Folds, progress: Progress = SILENT) -> Judged:
    """Out-of-fold predictions of refits."""
    done = out_of_fold(estimate.method, estimate.problem, folds, progress)
    return from_folds(estimate, done, exhaustive=folds.exhaustive)


def from_folds(estimate: Estimate, done: OutOfFold, *, exhaustive: bool = False) -> Judged:
    """Set out-of-fold predictions beside the outcomes."""
    problem = estimate.problem
    taken = problem.rows.take(done.rows)
    if problem.weights_type == "frequency":
        taken = taken.with_weights(done.units)
    stand_in = "" if done.method == estimate.method.describe() else f" of its stand-in ({done.method})"
    kind, refits = ("loo", EXACT) if exhaustive else ("folds", f"{done.n_folds}-fold cross-validated refits")
    whole = f" of whole clusters of {done.together}" if done.together else ""
    how = f"{refits}{whole}{stand_in}"
    return predictions_of(
        taken, done.log_odds, problem.weights_type, kind=kind, how=how, notes=done.notes, fold=done.fold
    )


def judge_apparent(estimate: Estimate) -> Judged:
    """Predictions for the rows that the model was fitted to."""
    return _apparent(estimate, estimate.problem.rows)


def _apparent(estimate: Estimate, rows: Rows) -> Judged:
    log_odds = predicted_log_odds(estimate.predictor, rows.X, rows.offset)
    notes: tuple[str, ...] = (
        "Apparent: the model is judged on the rows that it was fitted to, which flatters it.",
    )
    if estimate.method.name == "MLE":
        notes = (
            "Apparent calibration of a maximum-likelihood fit is a tautology: intercept 0 and slope 1 hold by "
            "construction, whatever the data.",
        )
    return predictions_of(
        rows,
        log_odds,
        estimate.problem.weights_type,
        kind="apparent",
        how=APPARENT,
        notes=notes,
    )


def judge_loo(estimate: Estimate, progress: Progress = SILENT) -> Judged:
    """Leave-one-out predictions of a posterior."""
    return from_loo(estimate, loo(estimate, progress=progress))


def from_loo(estimate: Estimate, result: LooResult) -> Judged:
    """The same of a result that was computed before."""
    judged = predictions_of(
        estimate.problem.rows,
        result.log_odds,
        estimate.problem.weights_type,
        kind="psis-loo",
        how="PSIS-LOO (Pareto-smoothed leave-one-out)",
        notes=result.notes,
    )
    return replace(judged, loo=result)


def judge_external(estimate: Estimate, data: Any) -> Judged:
    """Predictions for the data given; apparent ones where these are the rows that the model was fitted to."""
    problem = estimate.problem
    rows = problem.design.observe(data)
    if rows.n_obs == 0:
        raise InputError(
            explain(
                "data",
                "must have a complete row with positive weight to be scored",
                f"{len(rows.index)} rows, none of them complete",
            )
        )
    if problem.weights_type == "sampling":
        rows = rows.with_weights(rows.weights * (rows.n_obs / rows.weights.sum()))
    if same_rows(problem, rows):
        return _apparent(estimate, rows)
    log_odds = predicted_log_odds(estimate.predictor, rows.X, rows.offset)
    dropped = len(rows.index) - rows.n_obs
    notes = (
        (f"{dropped} of {len(rows.index)} rows were left out (missing values or zero weight).",)
        if dropped
        else ()
    )
    return predictions_of(
        rows, log_odds, problem.weights_type, kind="external", how="the data given", notes=notes
    )
