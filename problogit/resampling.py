"""Folds and out-of-fold predictions: what a method says about rows that it has not seen.

The unit is the row that the user gave; a frequency weight f stands for f units, whose copies are dealt to the folds
one by one, so that weight 2 and two equal rows are treated alike. A row of trials is one unit and is never split.
"""

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
from problogit.errors import NotAvailableError, ProblogitError, ProblogitWarning
from problogit.estimate import Estimator, Status
from problogit.problem import Problem
from problogit.progress import SILENT, Progress
from problogit.validation import check_integer, seed_sequence

__all__ = ["Folds", "OutOfFold", "deal_folds", "leave_one_out", "out_of_fold", "predicted_log_odds"]

Integers = NDArray[np.int64]
_BLOCK_ROWS = 512  # draws of 512 rows by 4 000 draws are 16 MB


@dataclass(frozen=True, eq=False)
class Folds:
    """Units dealt to folds.

    Attributes
    ----------
    rows, fold : ndarray of int, shape (n_entries,)
        Row of the problem and the fold in which `units` of its copies are held out; one entry a row unless frequency
        weights split it.
    units : ndarray, shape (n_entries,)
        Copies of the row in that fold.
    n_folds : int
    notes : tuple of str
        Why there are fewer folds than asked for.
    exhaustive : bool
        True where every fold leaves out one unit, which stands for all copies of its row.
    """

    rows: Integers
    fold: Integers
    units: Array
    n_folds: int
    notes: tuple[str, ...] = ()
    exhaustive: bool = False

    @property
    def left_out(self) -> Array:
        """Copies of each entry's row that its refit does not see, shape (n_entries,)."""
        return np.ones(self.units.size) if self.exhaustive else self.units


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
    """

    log_odds: Array
    rows: Integers
    fold: Integers
    units: Array
    n_folds: int
    n_failed: int
    method: str
    notes: tuple[str, ...] = ()

    @property
    def probabilities(self) -> Array:
        """Predicted probabilities of the held-out units."""
        return np.asarray(expit(self.log_odds))

    @property
    def n_missing(self) -> int:
        """Units without a prediction."""
        return round(float(self.units[np.isnan(self.log_odds)].sum()))


def deal_folds(problem: Problem, k: int = 10, rng: int | np.random.Generator | None = 0) -> Folds:
    """Deal the units of a problem to folds, stratified by outcome.

    Units are put in order of their event rate, shuffled among equals, and dealt in rounds, one to each fold: sizes,
    events and non-events per fold differ by at most one (for counts, event rates are spread evenly).

    Parameters
    ----------
    problem : Problem
    k : int
        Number of folds; reduced to the units of the rarer outcome, so that every fold holds out one of each.
    rng : int, Generator or None

    Raises
    ------
    NotAvailableError
        With fewer than two units of either outcome: no fold can be held out.
    """
    check_integer("folds", k, 2)
    rows = problem.rows
    copies = _copies(problem)
    n_folds, notes = _possible_folds(rows.successes, rows.trials, copies, k)
    random = np.random.Generator(np.random.PCG64(seed_sequence(rng)))
    rate = rows.successes / rows.trials
    order = np.lexsort((random.random(rows.n_obs), rate))
    # Every fold gets floor(f / k) copies of a row; only the rest is dealt, at most k - 1 copies a row.
    whole, rest = np.divmod(copies, n_folds)
    dealt = np.repeat(order, rest[order])
    rounds = np.tile(np.arange(n_folds), (-(-dealt.size // n_folds), 1))
    if problem.response.counts:  # rates rise within a round, so that the folds must take turns in being first
        rounds = random.permuted(rounds, axis=1)
    places = rounds.ravel()[: dealt.size]
    counts = np.bincount(dealt * n_folds + places, minlength=rows.n_obs * n_folds)
    counts = counts + np.repeat(whole, n_folds)
    entries = np.flatnonzero(counts)
    return Folds(entries // n_folds, entries % n_folds, counts[entries].astype(np.float64), n_folds, notes)


def leave_one_out(problem: Problem) -> Folds:
    """One fold a row, which leaves out one unit: the row, or one copy of a row with a frequency weight.

    The copies of a row share the refit without one of them, so that weight 2 and two equal rows are treated alike.

    Parameters
    ----------
    problem : Problem

    Raises
    ------
    NotAvailableError
        With fewer than two units of either outcome.
    """
    rows = problem.rows
    copies = _copies(problem)
    _possible_folds(rows.successes, rows.trials, copies, 2)
    each = np.arange(rows.n_obs, dtype=np.int64)
    return Folds(each, each, copies.astype(np.float64), rows.n_obs, exhaustive=True)


def _copies(problem: Problem) -> Integers:
    """Units of each row: its frequency weight, else 1."""
    rows = problem.rows
    if problem.weights_type != "frequency":
        return np.ones(rows.n_obs, dtype=np.int64)
    return np.rint(rows.weights).astype(np.int64)


def _possible_folds(successes: Array, trials: Array, copies: Integers, k: int) -> tuple[int, tuple[str, ...]]:
    """How many folds the rarer outcome allows, and the sentence that says so."""
    with_event, without = int(copies[successes > 0].sum()), int(copies[successes < trials].sum())
    rarer = min(with_event, without)
    what = "an event" if with_event <= without else "a non-event"
    if rarer < 2:
        raise NotAvailableError(
            f"Predictions cannot be judged out of sample: {rarer} row(s) hold {what}, and two are the least that can "
            'be split. Pass new data as `data=`, or ask for resample="apparent" and read it as such.'
        )
    if rarer >= k:
        return k, ()
    return rarer, (f"{rarer} folds instead of {k}, because only {rarer} rows hold {what}.",)


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
        By default `deal_folds(problem)`.
    progress : Progress
    """
    dealt = deal_folds(problem) if folds is None else folds
    stand_in = method.surrogate()
    copies = _copies(problem).astype(np.float64)
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
