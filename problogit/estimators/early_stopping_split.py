"""Rows held out to decide where gradient steps stop."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from problogit.data.rows import Array
from problogit.errors import EstimationError
from problogit.problem import Problem

__all__ = ["hold_out", "split_rng"]

Integers = NDArray[np.int64]


def split_rng(seeds: np.random.SeedSequence, problem: Problem) -> np.random.Generator:
    """A Generator of `seeds` and of which rows there are, so that every resample is split in its own way."""
    rows = problem.rows
    sample = zlib.crc32(rows.weights.tobytes(), zlib.crc32(np.ascontiguousarray(rows.kept).tobytes()))
    return np.random.default_rng(np.random.SeedSequence([int(str(seeds.entropy)), sample]))


def hold_out(problem: Problem, fraction: float, rng: np.random.Generator, *, whole_rows: bool) -> Array:
    """Share of each row that is held out, stratified by outcome, shape (n_obs,).

    The unit is the row that the user gave; the copies of a frequency weight are dealt one by one, unless `whole_rows`
    says that they are copies of one unit. At least one unit of each outcome is held out and at least one stays.
    Responses that count events are taken at even distances in the order of their event rate.

    Raises
    ------
    EstimationError
        With fewer than two units of either outcome, or where counts cannot be split into two parts with both.
    """
    rows = problem.rows
    copies: Integers = np.ones(rows.n_obs, dtype=np.int64)
    if problem.weights_type == "frequency" and not whole_rows:
        copies = np.rint(rows.weights).astype(np.int64)
    if problem.response.counts:
        held = _evenly(rows.successes / rows.trials, copies, fraction, rng)
        _check_counts(problem, held, copies)
    else:
        held = np.zeros(rows.n_obs, dtype=np.int64)
        for outcome in (True, False):
            stratum = np.flatnonzero((rows.successes > 0) == outcome)
            held[stratum] = _some(copies[stratum], fraction, rng, problem, outcome=outcome)
    return np.asarray(held / copies)


def _some(
    copies: Integers, fraction: float, rng: np.random.Generator, problem: Problem, *, outcome: bool
) -> Integers:
    total = int(copies.sum())
    if total < 2:
        raise EstimationError(_too_few(problem, total, "the event" if outcome else "no event"))
    number = min(max(round(fraction * total), 1), total - 1)
    if int(copies.max()) == 1:
        held = np.zeros(copies.size, dtype=np.int64)
        held[rng.choice(copies.size, number, replace=False)] = 1
        return held
    return np.asarray(rng.multivariate_hypergeometric(copies, number), dtype=np.int64)


def _too_few(problem: Problem, count: int, what: str) -> str:
    return (
        f"Early stopping holds rows out, one with and one without the event at least, and of the {problem.rows.n_obs} "
        f"rows {count} {'has' if count == 1 else 'have'} {what}. Give the number of steps, as in "
        "EarlyStopping(steps=20), or a prior instead: Penalized(Normal(2.5, autoscale=True))."
    )


def _evenly(rate: Array, copies: Integers, fraction: float, rng: np.random.Generator) -> Integers:
    order = np.lexsort((rng.random(rate.size), rate))
    dealt = np.repeat(order, copies[order])
    number = min(max(round(fraction * dealt.size), 1), max(dealt.size - 1, 0))
    places = ((np.arange(number) + rng.random()) * dealt.size / max(number, 1)).astype(np.int64)
    return np.bincount(dealt[places], minlength=rate.size)


def _check_counts(problem: Problem, held: Integers, copies: Integers) -> None:
    rows = problem.rows
    failures = rows.trials - rows.successes
    parts = [float(part @ what) for part in (held, copies - held) for what in (rows.successes, failures)]
    if min(parts) > 0:
        return
    raise EstimationError(
        f"Early stopping holds rows out, and the {rows.n_obs} rows of counts could not be split so that both parts "
        "hold events and non-events. Give the number of steps, as in EarlyStopping(steps=20), or a prior instead: "
        "Penalized(Normal(2.5, autoscale=True))."
    )
