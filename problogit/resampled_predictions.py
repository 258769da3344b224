"""Refits to bootstrap resamples, and what each of them predicts for all rows of the data."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from problogit.data.rows import Array
from problogit.errors import NotAvailableError, ProblogitError, ProblogitWarning
from problogit.estimate import Estimator, Status
from problogit.folds import clusters_of, copies_of
from problogit.problem import Problem
from problogit.resampling import predicted_log_odds

__all__ = ["Drawn", "Tally", "draw_resamples", "resampled_log_odds"]

Counts = Callable[[np.random.Generator], Array]
Drawn = Iterator[
    tuple[Array, np.random.Generator]
]  # how many times more each row counts; numbers for the refit

_CHUNK_VALUES = 2_000_000  # counts of rows in the resamples that are refitted at once: 16 MB
_CHUNK = 50


def draw_resamples(problem: Problem, method: Estimator, *, stratify: bool = True) -> Counts:
    """A function that draws a resample: how many times more each row counts, shape (n_obs,)."""
    if problem.constant_response is not None:
        raise NotAvailableError(
            "There is no optimism bootstrap of a constant response: all outcomes are equal. Pass new data as `data=`."
        )
    rows = problem.rows
    clusters = clusters_of(problem, method.columns)
    if clusters is not None:
        equal = np.full(clusters.count, 1.0 / clusters.count)
        return lambda rng: rng.multinomial(clusters.count, equal).astype(np.float64)[clusters.codes]
    copies = copies_of(problem)
    strata = [np.arange(rows.n_obs)]
    if stratify and not problem.response.counts:
        strata = [np.flatnonzero(rows.successes > 0), np.flatnonzero(rows.successes == 0)]
    units = [int(copies[part].sum()) for part in strata]
    shares = [copies[part] / total for part, total in zip(strata, units, strict=True)]

    def draw(rng: np.random.Generator) -> Array:
        counts = np.empty(rows.n_obs)
        for part, total, share in zip(strata, units, shares, strict=True):
            counts[part] = rng.multinomial(total, share)
        return counts / copies

    return draw


@dataclass(frozen=True, eq=False)
class Tally:
    """What happened to refits, counted as they are made.

    Attributes
    ----------
    failures : Counter
        First lines of the errors of those that raised.
    statuses : Counter
        How the others ended.
    incomplete : Counter
        Under ``"rows"``, how many have no prediction for some rows.
    """

    failures: Counter[str] = field(default_factory=Counter)
    statuses: Counter[Status] = field(default_factory=Counter)
    incomplete: Counter[str] = field(default_factory=Counter)

    @property
    def n_failed(self) -> int:
        """Refits that raised."""
        return sum(self.failures.values())

    def notes(self, resamples: int) -> tuple[str, ...]:
        """What did not go as it should, in full sentences."""
        notes = [
            f"{count} of {resamples} bootstrap refits failed and are left out ({reason})."
            for reason, count in self.failures.items()
        ]
        if self.statuses[Status.SEPARATED]:
            notes.append(
                f"{self.statuses[Status.SEPARATED]} of {resamples} bootstrap refits were separated: they stay, and "
                "predict exactly 0 or 1, or nothing, for some rows."
            )
        if self.incomplete["rows"]:
            notes.append(
                f"{self.incomplete['rows']} of {resamples} bootstrap refits have no prediction for some rows, which "
                "are left out of their figures."
            )
        notes.extend(
            f"{self.statuses[status]} of {resamples} bootstrap refits are used as they ended: {status.value}"
            for status in (Status.NOT_CONVERGED, Status.DIAGNOSTICS_FAILED)
            if self.statuses[status]
        )
        return tuple(notes)


def resampled_log_odds(
    method: Estimator,
    problem: Problem,
    drawn: Drawn,
    tally: Tally,
) -> Iterator[tuple[Array, Array | None]]:
    """Each resample with the log-odds that its refit predicts for all rows, shape (n_obs,), None where it raised.

    Parameters
    ----------
    method : Estimator
        Fit for hundreds of refits: a `surrogate`.
    problem : Problem
    drawn : iterator of (ndarray of shape (n_obs,), Generator)
    tally : Tally
        Counts what happens.
    """
    rows = problem.rows
    size = int(np.clip(_CHUNK_VALUES // rows.n_obs, 1, _CHUNK))
    for chunk in _chunks(drawn, size):
        every = np.array([multiples for multiples, _ in chunk])
        found = method.refit_batch(problem, every)
        for i, (multiples, random) in enumerate(chunk):
            if found is not None and np.isfinite(found[i]).all():
                tally.statuses[Status.CONVERGED] += 1
                yield multiples, np.asarray(rows.X @ found[i]) + rows.offset
            else:
                predicted = _refit_one(method, problem, multiples, random, tally)
                tally.incomplete["rows"] += predicted is not None and bool(np.isnan(predicted).any())
                yield multiples, predicted


def _chunks(drawn: Drawn, size: int) -> Iterator[list[tuple[Array, np.random.Generator]]]:
    chunk = []
    for one in drawn:
        chunk.append(one)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _refit_one(
    method: Estimator, problem: Problem, multiples: Array, random: np.random.Generator, tally: Tally
) -> Array | None:
    try:
        with warnings.catch_warnings():
            # What a refit would warn of is in its status, and counted in the notes.
            warnings.simplefilter("ignore", ProblogitWarning)
            fit = method.refit(problem, multiples, random)
            if fit.status is Status.INTERRUPTED:
                raise KeyboardInterrupt
            predicted = predicted_log_odds(fit.predictor, problem.rows.X, problem.rows.offset)
    except ProblogitError as error:
        tally.failures[str(error).splitlines()[0]] += 1
        return None
    tally.statuses[fit.status] += 1
    return predicted
