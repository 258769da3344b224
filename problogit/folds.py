"""Folds: which units are held out together.

The unit is the row that the user gave; a frequency weight f stands for f units, whose copies are dealt to the folds
one by one, so that weight 2 and two equal rows are treated alike. A row of trials is one unit and is never split. Where
rows belong to clusters, whole clusters are dealt: rows of one cluster are alike, and a refit that has seen some of them
knows more of the others than it would of new ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from problogit.data.rows import Array
from problogit.errors import NotAvailableError
from problogit.problem import Problem
from problogit.validation import check_integer, seed_sequence

__all__ = ["Clusters", "Folds", "clusters_of", "copies_of", "deal_folds", "leave_one_out"]

Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Clusters:
    """Rows that belong together.

    Attributes
    ----------
    name : str
        The column that says so.
    codes : ndarray of int, shape (n_obs,)
        Cluster of each row, 0 to G - 1.
    """

    name: str
    codes: Integers

    @property
    def count(self) -> int:
        """Number of clusters."""
        return int(self.codes.max()) + 1


def clusters_of(problem: Problem, named: tuple[str, ...] = ()) -> Clusters | None:
    """The clusters that a method names, or those of the model; None where there are none to keep together.

    Of two columns the one with fewer clusters; a row without a cluster is one of its own.
    """
    names, groups = named or problem.default_groups, problem.rows.groups
    if groups is None:
        return None
    found = []
    for name in names:
        codes = np.array(groups.codes(name, problem.rows.kept, complete=False))
        alone = codes < 0
        codes[alone] = codes.max() + 1 + np.arange(np.count_nonzero(alone))
        found.append(Clusters(name, np.unique(codes, return_inverse=True)[1].ravel()))
    found = [one for one in found if one.count > 1]
    return min(found, key=lambda one: one.count) if found else None


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
    together : str
        The column whose clusters were kept whole; empty where rows were dealt one by one.
    """

    rows: Integers
    fold: Integers
    units: Array
    n_folds: int
    notes: tuple[str, ...] = ()
    exhaustive: bool = False
    together: str = ""

    @property
    def left_out(self) -> Array:
        """Copies of each entry's row that its refit does not see, shape (n_entries,)."""
        return np.ones(self.units.size) if self.exhaustive else self.units


def deal_folds(
    problem: Problem,
    k: int = 10,
    rng: int | np.random.Generator | None = 0,
    clusters: Clusters | None = None,
) -> Folds:
    """Deal the units of a problem to folds, stratified by outcome.

    Units are put in order of their event rate, shuffled among equals, and dealt in rounds, one to each fold: sizes,
    events and non-events per fold differ by at most one (for counts, event rates are spread evenly).

    Parameters
    ----------
    problem : Problem
    k : int
        Number of folds; reduced to the units of the rarer outcome, so that every fold holds out one of each.
    rng : int, Generator or None
    clusters : Clusters, optional
        Rows that are dealt together: the largest clusters first, each to the fold that has least of what it brings.

    Raises
    ------
    NotAvailableError
        With fewer than two units of either outcome: no fold can be held out.
    """
    check_integer("folds", k, 2)
    if clusters is not None:
        return _deal_clusters(problem, k, seed_sequence(rng), clusters)
    rows = problem.rows
    copies = copies_of(problem)
    n_folds, notes = _possible_folds(*_units_of_each(problem, copies), k, "row")
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
    copies = copies_of(problem)
    _possible_folds(*_units_of_each(problem, copies), 2, "row")
    each = np.arange(rows.n_obs, dtype=np.int64)
    return Folds(each, each, copies.astype(np.float64), rows.n_obs, exhaustive=True)


def copies_of(problem: Problem) -> Integers:
    """Units of each row: its frequency weight, else 1."""
    rows = problem.rows
    if problem.weights_type != "frequency":
        return np.ones(rows.n_obs, dtype=np.int64)
    return np.rint(rows.weights).astype(np.int64)


def _units_of_each(problem: Problem, copies: Integers) -> tuple[int, int]:
    """Units with an event, and units without one."""
    rows = problem.rows
    return int(copies[rows.successes > 0].sum()), int(copies[rows.successes < rows.trials].sum())


def _deal_clusters(problem: Problem, k: int, seeds: np.random.SeedSequence, clusters: Clusters) -> Folds:
    rows, copies = problem.rows, copies_of(problem)
    events = np.bincount(clusters.codes, copies * rows.successes)
    others = np.bincount(clusters.codes, copies * (rows.trials - rows.successes))
    unit = f"cluster of {clusters.name}"
    n_folds, notes = _possible_folds(int(np.count_nonzero(events)), int(np.count_nonzero(others)), k, unit)
    brought = np.column_stack([events / events.sum(), others / others.sum()])
    random = np.random.Generator(np.random.PCG64(seeds))
    fold = np.empty(clusters.count, dtype=np.int64)
    loads = np.zeros((n_folds, 2))
    for cluster in np.lexsort((random.random(clusters.count), -brought.sum(axis=1))):
        fold[cluster] = np.argmin(loads @ brought[cluster])
        loads[fold[cluster]] += brought[cluster]
    fold = np.unique(fold, return_inverse=True)[1].ravel()
    each = np.arange(rows.n_obs, dtype=np.int64)
    units = copies.astype(np.float64)
    return Folds(each, fold[clusters.codes], units, int(fold.max()) + 1, notes, together=clusters.name)


def _possible_folds(with_event: int, without: int, k: int, unit: str) -> tuple[int, tuple[str, ...]]:
    """How many folds the rarer outcome allows, and the sentence that says so."""
    rarer = int(min(with_event, without))
    what = "an event" if with_event <= without else "a non-event"
    if rarer < 2:
        raise NotAvailableError(
            f"Predictions cannot be judged out of sample: {_hold(rarer, unit)} {what}, and two are the least that can "
            'be split. Pass new data as `data=`, or ask for resample="apparent" and read it as such.'
        )
    if rarer >= k:
        return k, ()
    return rarer, (f"{rarer} folds instead of {k}, because only {_hold(rarer, unit)} {what}.",)


def _hold(count: int, unit: str) -> str:
    """``1 row holds``, ``3 clusters of school hold``."""
    noun, of, name = unit.partition(" of ")
    return f"{count} {noun}{'' if count == 1 else 's'}{of}{name} hold{'s' if count == 1 else ''}"
