"""Out-of-fold predictions: what a method says about rows that it has not seen."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from problogit.core.coefficients import CoefficientDistribution
from problogit.data.rows import Array, Matrix
from problogit.errors import ProblogitError, ProblogitWarning
from problogit.estimate import Estimator, Status
from problogit.folds import Folds, clusters_of, copies_of, deal_folds
from problogit.problem import Problem
from problogit.progress import SILENT, Progress

__all__ = ["OutOfFold", "out_of_fold", "predicted_log_odds"]

Integers = NDArray[np.int64]
_BLOCK_ROWS = 512  # draws of 512 rows by 4 000 draws are 16 MB


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """Predictions for held-out units, each by a refit that did not see them.

    Attributes
    ----------
    log_odds : ndarray, shape (n_entries,)
        Predicted log-odds; +-Inf where a separated refit says 0 or 1, NaN where a refit failed or cannot say.
    rows, fold, units : ndarray, shape (n_entries,)
        As in `Folds`.
    n_folds, n_failed : int
        Refits asked for, and those that gave nothing.
    method : str
        What was refitted.
    notes : tuple of str
        Everything that did not go as asked, with counts, in full sentences.
    together : str
        As in `Folds`.
    """

    log_odds: Array
    rows: Integers
    fold: Integers
    units: Array
    n_folds: int
    n_failed: int
    method: str
    notes: tuple[str, ...] = ()
    together: str = ""

    @property
    def probabilities(self) -> Array:
        """Predicted probabilities of the held-out units."""
        return np.asarray(expit(self.log_odds))

    @property
    def n_missing(self) -> int:
        """Units without a prediction."""
        return round(float(self.units[np.isnan(self.log_odds)].sum()))


def out_of_fold(
    method: Estimator, problem: Problem, folds: Folds | None = None, progress: Progress = SILENT
) -> OutOfFold:
    """Refit on all folds but one, predict that one, for each fold in turn.

    Refits use `method.surrogate()` on `problem.reweighted`, so that the coding, the column statistics and with them
    the scales of priors are those of the full data. A refit that raises is counted and its units stay without a
    prediction (NaN).

    Parameters
    ----------
    method : Estimator
    problem : Problem
    folds : Folds, optional
        By default those of `deal_folds`, clusters kept together.
    progress : Progress
    """
    dealt = deal_folds(problem, clusters=clusters_of(problem, method.columns)) if folds is None else folds
    stand_in = method.surrogate()
    copies = copies_of(problem).astype(np.float64)
    log_odds = np.full(dealt.rows.size, np.nan)
    failures: Counter[str] = Counter()
    statuses: Counter[Status] = Counter()
    progress.start("Cross-validated refits", dealt.n_folds)
    try:
        for fold in range(dealt.n_folds):
            held_out = np.flatnonzero(dealt.fold == fold)
            gone = np.zeros(copies.size)
            gone[dealt.rows[held_out]] = dealt.left_out[held_out]
            try:
                log_odds[held_out], status = _refit_and_predict(
                    stand_in, problem, 1.0 - gone / copies, dealt.rows[held_out]
                )
                statuses[status] += 1
            except ProblogitError as error:
                failures[f"{type(error).__name__}: {str(error).splitlines()[0]}"] += 1
            progress.advance()
    finally:
        progress.finish()
    done = OutOfFold(
        log_odds,
        dealt.rows,
        dealt.fold,
        dealt.units,
        dealt.n_folds,
        sum(failures.values()),
        stand_in.describe(),
        together=dealt.together,
    )
    return replace(done, notes=dealt.notes + _outcome_notes(done, failures, statuses))


def _refit_and_predict(
    method: Estimator, problem: Problem, multiples: Array, held_out: Integers
) -> tuple[Array, Status]:
    with warnings.catch_warnings():
        # What a refit would warn of is in its status, and counted in the notes.
        warnings.simplefilter("ignore", ProblogitWarning)
        refit = method.estimate(problem.reweighted(multiples))
    if (
        refit.status is Status.INTERRUPTED
    ):  # draws so far are for the user who asked for them, not for averages
        raise KeyboardInterrupt
    rows = problem.rows
    return predicted_log_odds(refit.predictor, rows.X[held_out], rows.offset[held_out]), refit.status


def _outcome_notes(done: OutOfFold, failures: Counter[str], statuses: Counter[Status]) -> tuple[str, ...]:
    notes = [f"{count} of {done.n_folds} refits failed ({reason})." for reason, count in failures.items()]
    if statuses[Status.SEPARATED]:
        notes.append(
            f"{statuses[Status.SEPARATED]} of {done.n_folds} refits were separated: they predict exactly 0 or 1, or "
            "nothing, for some rows."
        )
    notes.extend(
        f"{statuses[status]} of {done.n_folds} refits are used as they ended: {status.value}"
        for status in (Status.NOT_CONVERGED, Status.DIAGNOSTICS_FAILED)
        if statuses[status]
    )
    if done.n_missing:
        notes.append(
            f"{done.n_missing} of {round(float(done.units.sum()))} held-out units have no prediction."
        )
    return tuple(notes)


def predicted_log_odds(coefficients: CoefficientDistribution, X: Matrix, offset: Array) -> Array:
    """Log-odds of the predicted probability of each row, shape (n_rows,).

    The prediction is expit(eta) for an estimate and the mean of expit(eta) over the draws of a posterior; event and
    non-event are averaged apart, so that no digits are lost near 0 and 1. Blocks of rows keep draws x rows small.
    """
    out = np.empty(X.shape[0])
    for first in range(0, X.shape[0], _BLOCK_ROWS):
        block = slice(first, first + _BLOCK_ROWS)
        shift = offset[block]
        marginals = coefficients.marginals(X[block])
        event = marginals.point(partial(_shifted, shift=shift, sign=1.0))
        other = marginals.point(partial(_shifted, shift=shift, sign=-1.0))
        exact = (event > 0) & (other > 0)
        logs = np.log(np.where(exact, event, 1.0)) - np.log(np.where(exact, other, 1.0))
        out[block] = np.where(exact, logs, marginals.location + shift)
    return out


def _shifted(eta: Array, shift: Array, sign: float) -> Array:
    return np.asarray(expit(sign * (eta + shift)))
