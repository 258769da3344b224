"""Predictions set beside what happened, with how they were made: what every score and calibration figure is made of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from problogit.analysis.loo import LooResult, is_posterior, loo
from problogit.data.rows import Array, Rows
from problogit.errors import InputError, explain
from problogit.estimate import Estimate
from problogit.problem import WeightsType
from problogit.progress import SILENT, Progress
from problogit.resampling import Folds, OutOfFold, deal_folds, out_of_fold, predicted_log_odds
from problogit.validation import check_choice

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["RESAMPLES", "Judged", "judge"]

RESAMPLES = ("auto", "loo", "folds", "apparent")


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
        ``"psis-loo"``, ``"folds"``, ``"apparent"`` or ``"external"``.
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
    progress: Progress = SILENT,
) -> Judged:
    """Predict rows in a way that may be scored.

    Parameters
    ----------
    estimate : Estimate
    data : table, optional
        New data with predictors and response; they are predicted as they are.
    resample : str
        Without `data`: ``"loo"`` (Pareto-smoothed leave-one-out, posteriors only), ``"folds"`` (cross-validated
        refits) or ``"apparent"`` (the training rows themselves); ``"auto"`` is ``"loo"`` for a posterior and
        ``"folds"`` for everything else.
    folds : int
        Number of folds.
    rng : int, Generator or None
        Deals the folds.
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
    if resample == "loo" or (resample == "auto" and is_posterior(estimate)):
        return judge_loo(estimate, progress)
    dealt = deal_folds(estimate.problem, folds, rng)
    return judge_folds(estimate, dealt, progress)


def judge_folds(estimate: Estimate, folds: Folds, progress: Progress = SILENT) -> Judged:
    """Out-of-fold predictions of refits."""
    done = out_of_fold(estimate.method, estimate.problem, folds, progress)
    return from_folds(estimate, done)


def from_folds(estimate: Estimate, done: OutOfFold) -> Judged:
    """Set out-of-fold predictions beside the outcomes."""
    problem = estimate.problem
    taken = problem.rows.take(done.rows)
    if problem.weights_type == "frequency":
        taken = taken.with_weights(done.units)
    stand_in = "" if done.method == estimate.method.describe() else f" of its stand-in ({done.method})"
    how = f"{done.n_folds}-fold cross-validated refits{stand_in}"
    return _from_rows(
        taken, done.log_odds, problem.weights_type, kind="folds", how=how, notes=done.notes, fold=done.fold
    )


def judge_apparent(estimate: Estimate) -> Judged:
    """Predictions for the rows that the model was fitted to."""
    rows = estimate.problem.rows
    log_odds = predicted_log_odds(estimate.predictor, rows.X, rows.offset)
    notes = ("Apparent: the model is judged on the rows that it was fitted to, which flatters it.",)
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
        how="apparent (training rows)",
        notes=notes,
    )


def judge_loo(estimate: Estimate, progress: Progress = SILENT) -> Judged:
    """Leave-one-out predictions of a posterior."""
    result = loo(estimate, progress)
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
    """Predictions for new data."""
    problem = estimate.problem
    rows = problem.design.observe(data)
    if rows.n_obs == 0:
        raise InputError(
            explain("data", "must have a complete row with positive weight to be scored", "none")
        )
    if problem.weights_type == "sampling":
        rows = rows.with_weights(rows.weights * (rows.n_obs / rows.weights.sum()))
    log_odds = predicted_log_odds(estimate.predictor, rows.X, rows.offset)
    dropped = len(rows.index) - rows.n_obs
    notes = (
        (f"{dropped} of {len(rows.index)} rows were left out (missing values or zero weight).",)
        if dropped
        else ()
    )
    return _from_rows(rows, log_odds, problem.weights_type, kind="external", how="external data", notes=notes)


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
    if missing and kind != "folds":  # folds say so themselves
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
