"""The loop of every bootstrap: what is drawn, and refits whose failures are counted."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from problogit.core.blocks import Array
from problogit.errors import ProblogitError, ProblogitWarning
from problogit.problem import Problem
from problogit.progress import Progress

__all__ = ["Draw", "draw_groups", "draw_rows", "refits"]

Draw = Callable[[np.random.Generator], Array]
T = TypeVar("T")


def draw_rows(problem: Problem) -> Draw:
    """Pairs: units drawn with replacement, as how many times each row is counted, shape (n_obs,).

    The unit is the row that the user gave, a frequency weight f standing for f units.
    """
    weights = problem.rows.weights
    n_rows = weights.size
    if problem.weights_type == "frequency":
        n_units, share = round(float(weights.sum())), weights / weights.sum()
        return lambda rng: rng.multinomial(n_units, share) / weights
    return lambda rng: rng.multinomial(n_rows, np.full(n_rows, 1.0 / n_rows)).astype(np.float64)


def draw_groups(codes: NDArray[np.int64]) -> Draw:
    """Whole clusters drawn with replacement; `codes` are the cluster of each row, 0 to G - 1."""
    n_groups = int(codes.max()) + 1
    equal = np.full(n_groups, 1.0 / n_groups)
    return lambda rng: rng.multinomial(n_groups, equal).astype(np.float64)[codes]


def refits(
    refit: Callable[[Array], T], draw: Draw, resamples: int, seeds: np.random.SeedSequence, progress: Progress
) -> tuple[list[T], Counter[str]]:
    """Refit `resamples` draws; refit i uses child i of `seeds`.

    Parameters
    ----------
    refit : callable
        What is kept of a resample, given how many times each row is counted.
    draw : callable
        Counts of the rows from a Generator.
    resamples : int
    seeds : SeedSequence
    progress : Progress

    Returns
    -------
    list
        Of the refits that did not raise, in order.
    Counter
        First lines of the errors of the others.
    """
    done: list[T] = []
    failures: Counter[str] = Counter()
    progress.start("Bootstrap", resamples)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ProblogitWarning)
            for child in seeds.spawn(resamples):
                try:
                    done.append(refit(draw(np.random.default_rng(child))))
                except ProblogitError as error:
                    failures[str(error).splitlines()[0]] += 1
                progress.advance()
    finally:
        progress.finish()
    return done, failures
