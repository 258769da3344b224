"""Rows held out to decide where gradient steps stop."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from problogit.data.rows import Array
from problogit.errors import EstimationError, NotAvailableError
from problogit.folds import Clusters, clusters_of, deal_folds
from problogit.problem import Problem

__all__ = ["hold_out", "split_rng"]

Integers = NDArray[np.int64]
_CELL = 20  # rows of neighbouring event rates among which parts of counts are dealt


def split_rng(seeds: np.random.SeedSequence, problem: Problem) -> np.random.Generator:
    """A Generator of `seeds` and of which rows there are, so that every resample is split in its own way."""
    rows = problem.rows
    sample = zlib.crc32(rows.weights.tobytes(), zlib.crc32(np.ascontiguousarray(rows.kept).tobytes()))
    return np.random.default_rng(np.random.SeedSequence([int(str(seeds.entropy)), sample]))


def hold_out(
    problem: Problem, fraction: float, splits: int, rng: np.random.Generator, *, whole_rows: bool
) -> tuple[Array, ...]:
    """Shares of each row that are held out in turn, stratified by outcome, each of shape (n_obs,).

    The unit is the row that the user gave; the copies of a frequency weight are dealt one by one, unless `whole_rows`
    says that they are copies of one unit. Parts have no unit in common, and hold one of each outcome at least: there
    are fewer parts where units of an outcome are few. Responses that count events are dealt among rows of similar event
    rate. Clusters of the model are held out whole.

    Parameters
    ----------
    problem : Problem
    fraction : float
        Share of a part.
    splits : int
        Number of parts; ``splits * fraction`` is at most 1.
    rng : Generator
    whole_rows : bool

    Raises
    ------
    EstimationError
        With fewer than two units (or clusters) of either outcome, or where counts cannot be split into parts with both.
    """
    clusters = clusters_of(problem)
    if clusters is not None:
        return _dealt_whole(problem, fraction, splits, rng, clusters)
    rows = problem.rows
    copies: Integers = np.ones(rows.n_obs, dtype=np.int64)
    if problem.weights_type == "frequency" and not whole_rows:
        copies = np.rint(rows.weights).astype(np.int64)
    if problem.response.counts:
        held = _dealt_evenly(rows.successes / rows.trials, copies, fraction, splits, rng)
        _check_counts(problem, held, copies)
    else:
        held = _dealt_by_outcome(problem, copies, fraction, splits, rng)
    return tuple(held / copies)


def _dealt_whole(
    problem: Problem, fraction: float, splits: int, rng: np.random.Generator, clusters: Clusters
) -> tuple[Array, ...]:
    try:
        folds = deal_folds(problem, max(2, round(1 / fraction)), rng, clusters)
    except NotAvailableError as error:
        raise EstimationError(
            f"Early stopping holds clusters of {clusters.name} out, and needs two with an event and two without. Give "
            "the number of steps, as in EarlyStopping(steps=20), or a prior instead: "
            "Penalized(Normal(2.5, autoscale=True))."
        ) from error
    return tuple((folds.fold == part).astype(np.float64) for part in range(min(splits, folds.n_folds)))


def _dealt_by_outcome(
    problem: Problem, copies: Integers, fraction: float, splits: int, rng: np.random.Generator
) -> Integers:
    event = problem.rows.successes > 0
    totals = {outcome: int(copies[event == outcome].sum()) for outcome in (True, False)}
    for outcome, total in totals.items():
        if total < 2:
            raise EstimationError(_too_few(problem, total, "the event" if outcome else "no event"))
    splits = min(splits, *totals.values())
    held = np.zeros((splits, copies.size), dtype=np.int64)
    for outcome, total in totals.items():
        stratum = np.flatnonzero(event == outcome)
        left = copies[stratum].copy()
        ends = np.rint(np.arange(splits + 1) * fraction * total).astype(np.int64)
        sizes = np.maximum(np.diff(ends), 1)
        while int(sizes.sum()) > total or (splits == 1 and int(sizes[0]) == total):
            sizes[int(np.argmax(sizes))] -= 1
        for part, size in enumerate(sizes):
            taken = _some(left, int(size), rng)
            held[part, stratum] = taken
            left -= taken
    return held


def _some(copies: Integers, size: int, rng: np.random.Generator) -> Integers:
    """`size` units without replacement, as copies of each row."""
    if int(copies.max()) > 1:
        return np.asarray(rng.multivariate_hypergeometric(copies, size, method="marginals"), dtype=np.int64)
    taken = np.zeros_like(copies)
    taken[rng.choice(np.flatnonzero(copies), size, replace=False)] = 1
    return taken


def _too_few(problem: Problem, count: int, what: str) -> str:
    return (
        f"Early stopping holds rows out, one with and one without the event at least, and of the {problem.rows.n_obs} "
        f"rows {count} {'has' if count == 1 else 'have'} {what}. Give the number of steps, as in "
        "EarlyStopping(steps=20), or a prior instead: Penalized(Normal(2.5, autoscale=True))."
    )


def _dealt_evenly(
    rate: Array, copies: Integers, fraction: float, splits: int, rng: np.random.Generator
) -> Integers:
    order = np.lexsort((rng.random(rate.size), rate))
    dealt = np.repeat(order, copies[order])
    cells = np.tile(np.arange(_CELL), (-(-dealt.size // _CELL), 1))
    places = rng.permuted(cells, axis=1).ravel()[: dealt.size]
    ends = np.rint(np.arange(splits + 1) * fraction * _CELL)
    part = np.searchsorted(ends, places, side="right") - 1
    return np.array([np.bincount(dealt[part == k], minlength=rate.size) for k in range(splits)])


def _check_counts(problem: Problem, held: Integers, copies: Integers) -> None:
    rows = problem.rows
    failures = rows.trials - rows.successes
    pieces = [piece for part in held for piece in (part, copies - part)]
    if min(float(piece @ what) for piece in pieces for what in (rows.successes, failures)) > 0:
        return
    raise EstimationError(
        f"Early stopping holds rows out, and the {rows.n_obs} rows of counts could not be split so that all parts "
        "hold events and non-events. Give the number of steps, as in EarlyStopping(steps=20), or a prior instead: "
        "Penalized(Normal(2.5, autoscale=True))."
    )
