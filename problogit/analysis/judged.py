"""Predictions set beside what happened, with how they were made: what every score and calibration figure is made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from problogit.analysis.loo import LooResult, is_posterior, loo
from problogit.analysis.training_rows import same_rows
from problogit.data.rows import Array, Rows
from problogit.errors import InputError, NotAvailableError, explain
from problogit.estimate import Estimate
from problogit.folds import Clusters, Folds, clusters_of, deal_folds, leave_one_out
from problogit.problem import WeightsType
from problogit.progress import SILENT, Progress
from problogit.resampling import OutOfFold, out_of_fold, predicted_log_odds
from problogit.validation import check_choice

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LOO_ROWS", "MOST_REFITS", "RESAMPLES", "Judged", "common_clusters", "judge", "refitted_by"]

RESAMPLES = ("auto", "loo", "folds", "apparent")
LOO_ROWS = 200  # up to so many rows "auto" refits without each: a second or two, and no random split
EXACT = "exact leave-one-out refits"
APPARENT = "apparent (the data the model was fitted to)"
MOST_REFITS = 2000  # leave-one-out refits that are made when asked for


@dataclass(frozen=True, eq=False)
class Judged:
    """Predicted log-odds and outcomes, one entry a row (a row whose copies fell into several folds has several).

    Attributes
    ----------
    log_odds : ndarray, shape (n_entries,)
        +-Inf where a probability is exactly 0 or 1, NaN where there is no prediction.
    successes, trials, weights : ndarray, shape (n_entries,)
        For frequency weights `weights` counts copies.
    rows : ndarray of int, shape (n_entries,)
        Position in the user's table.
    fold : ndarray of int, shape (n_entries,)
        Fold that held the entry out; -1 without folds.
    index : object
        Labels of all rows of the table.
    weights_type : str
    kind : str
        ``"psis-loo"``, ``"loo"`` (exact refits), ``"folds"``, ``"apparent"`` or ``"external"``.
    how : str
        The same in words, for headers.
    notes : tuple of str
    loo : LooResult or None
        The leave-one-out result behind it, where there is one.
    """

    log_odds: Array
    successes: Array
    trials: Array
    weights: Array
    rows: NDArray[np.int64]
    fold: NDArray[np.int64]
    index: Any
    weights_type: WeightsType
    kind: str
    how: str
    notes: tuple[str, ...] = ()
    loo: LooResult | None = None

    @property
    def frequency(self) -> bool:
        """True where a weight counts copies."""
        return self.weights_type == "frequency"

    @property
    def units(self) -> Array:
        """Units of each entry: copies, or 1."""
        return self.weights if self.frequency else np.ones(self.weights.size)

    @cached_property
    def usable(self) -> Judged:
        """The entries that have a prediction."""
        return self.take(~np.isnan(self.log_odds))

    def take(self, keep: NDArray[np.bool_]) -> Judged:
        """Some of the entries."""
        return replace(
            self,
            log_odds=self.log_odds[keep],
            successes=self.successes[keep],
            trials=self.trials[keep],
            weights=self.weights[keep],
            rows=self.rows[keep],
            fold=self.fold[keep],
        )

    @property
    def n(self) -> int:
        """Units."""
        return round(float(self.units.sum()))

    @property
    def n_events(self) -> int:
        """Events among their trials (unweighted, but for copies)."""
        return round(float(self.units @ self.successes))

    @property
    def n_trials(self) -> int:
        """Trials (equal to `n` where the response is binary)."""
        return round(float(self.units @ self.trials))

    def frame(self) -> pd.DataFrame:
        """Predictions aligned with the user's table: ``probability, observed, trials, weight, fold``.

        `observed` is the share of events. Rows that were dropped, or have no prediction, hold NaN; a row whose copies
        fell into several folds holds the mean of its predictions and fold -1.
        """
        import pandas as pd

        n_rows = len(self.index)
        share = np.bincount(self.rows, self.weights, n_rows)
        p = np.bincount(self.rows, self.weights * expit(self.log_odds), n_rows)
        out = {name: np.full(n_rows, np.nan) for name in ("probability", "observed", "trials")}
        out["observed"][self.rows] = self.successes / self.trials
        out["trials"][self.rows] = self.trials
        present = share > 0
        out["probability"][present] = p[present] / share[present]
        fold = np.full(n_rows, -1)
        fold[self.rows] = self.fold
        fold[np.bincount(self.rows, minlength=n_rows) > 1] = -1
        return pd.DataFrame({**out, "weight": share, "fold": fold}, index=pd.Index(self.index))


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
        Without `data`: ``"loo"`` (leave-one-out: Pareto-smoothed for a posterior, exact refits otherwise, at most
        2000), ``"folds"`` (cross-validated refits) or ``"apparent"`` (the training rows themselves). ``"auto"`` is
        ``"loo"`` for a posterior and for up to 200 rows, ``"folds"`` for more, and where one fit is itself made of
        many (a chosen strength, early stopping) or rows belong to clusters, which folds keep whole.
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
    if is_posterior(estimate) and resample != "folds":
        return _told_of_clusters(estimate, judge_loo(estimate, progress))
    if resample == "auto":
        resample = refitted_by([estimate])
    if resample == "loo":
        return _told_of_clusters(estimate, judge_refits(estimate, progress))
    clusters = clusters or common_clusters([estimate])
    return judge_folds(estimate, deal_folds(estimate.problem, folds, rng, clusters), progress)


def refitted_by(estimates: Iterable[Estimate]) -> str:
    """The one way in which these fits of the same rows are refitted: ``"loo"`` up to 200 rows, else ``"folds"``.

    Where one of them is costly, or has clusters, all are judged by folds: figures of two ways cannot be compared.
    """
    every = list(estimates)
    small = all(one.problem.rows.n_obs <= LOO_ROWS for one in every)
    if not small or any(one.method.costly for one in every) or common_clusters(every) is not None:
        return "folds"
    return "loo"


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
            'are refitted. Ask for resample="folds", which refits 10 times; a Bayes fit has it without refits.'
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
    return _from_rows(
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
    return _from_rows(
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
    judged = _from_rows(
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
            explain("data", "must have a complete row with positive weight to be scored", "none")
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
    return _from_rows(
        rows, log_odds, problem.weights_type, kind="external", how="the data given", notes=notes
    )


def _from_rows(
    rows: Rows,
    log_odds: Array,
    weights_type: WeightsType,
    *,
    kind: str,
    how: str,
    notes: tuple[str, ...],
    fold: NDArray[np.int64] | None = None,
) -> Judged:
    missing = int(np.isnan(log_odds).sum())
    if missing and kind not in ("folds", "loo"):  # refits say so themselves
        notes = (*notes, f"{missing} of {rows.n_obs} rows have no prediction and are not scored.")
    return Judged(
        log_odds,
        rows.successes,
        rows.trials,
        rows.weights,
        rows.kept,
        np.full(rows.n_obs, -1) if fold is None else fold,
        rows.index,
        weights_type,
        kind,
        how,
        notes,
    )
