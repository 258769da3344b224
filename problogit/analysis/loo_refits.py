"""Exact leave-one-out values of single rows: the model is fitted again without each of them.

The method's surrogate (for a posterior: importance sampling at its own mode) refits in milliseconds; where its own
diagnostics fail, the method itself samples again.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from problogit.analysis.left_out import new_rows
from problogit.core.blocks import Array
from problogit.core.coefficients import DrawnCoefficients
from problogit.errors import ProblogitError, ProblogitWarning
from problogit.estimate import Estimate, Estimator, Status
from problogit.problem import Problem
from problogit.progress import SILENT, Progress

__all__ = ["MOST_REFITS", "MOST_SAMPLED", "NO_REFITS", "Refits", "refit_without"]

MOST_REFITS = 100  # by importance sampling: a few seconds
MOST_SAMPLED = 5  # by the sampler itself: some ten seconds


@dataclass(frozen=True, eq=False)
class Refits:
    """Values of the rows that were refitted, one entry each.

    Attributes
    ----------
    rows : ndarray of int
        Which rows.
    elpd, log_odds, below : ndarray
        As in `LeftOutRows`.
    n_sampled : int
        How many of them the sampler itself refitted; the others were refitted by importance sampling.
    failures : tuple of str
        One sentence for each row whose refit failed, or was not made for its cost.
    """

    rows: NDArray[np.int64]
    elpd: Array
    log_odds: Array
    below: Array
    n_sampled: int = 0
    failures: tuple[str, ...] = field(default=())


_NONE = np.empty(0)
NO_REFITS = Refits(np.empty(0, dtype=np.int64), _NONE, _NONE, _NONE)


def refit_without(
    estimate: Estimate, rows: NDArray[np.int64], *, limited: bool = True, progress: Progress = SILENT
) -> Refits:
    """Refit without one unit of each of these rows, the given order first.

    Parameters
    ----------
    estimate : Estimate
        A posterior whose method can fit again.
    rows : ndarray of int
        Positions among the rows in use.
    limited : bool
        Stop after 100 refits, of which 5 by the sampler itself.
    progress : Progress

    Notes
    -----
    The refit without a row takes its random numbers from the seed of the fit and the row's position, so that the same
    fit gives the same values again.
    """
    problem = estimate.problem
    done: list[tuple[int, float, float, float]] = []
    failures: list[str] = []
    sampled = 0
    chosen = rows[:MOST_REFITS] if limited else rows
    if chosen.size < rows.size:
        failures.append(f"{rows.size - chosen.size} further rows were not refitted: more than {MOST_REFITS}")
    progress.start("Exact leave-one-out refits", int(chosen.size))
    try:
        for i in chosen:
            rest, method = _without(problem, int(i)), _seeded(estimate, int(i))
            try:
                draws = _posterior(method.surrogate(), rest)
                if draws is None and limited and sampled >= MOST_SAMPLED:
                    failures.append(f"the sampler was run for {MOST_SAMPLED} rows and no more")
                    continue
                if draws is None:
                    sampled += 1
                    draws = _posterior(method, rest)
            except ProblogitError as error:
                failures.append(str(error).splitlines()[0])
                continue
            finally:
                progress.advance()
            if draws is None:
                failures.append("the sampler's diagnostics failed")
                continue
            held_out = problem.row_likelihood.take(np.array([i]))
            elpd, log_odds, below = new_rows(held_out, draws, counts=problem.response.counts)
            done.append((int(i), float(elpd[0]), float(log_odds[0]), float(below[0])))
    finally:
        progress.finish()
    table = np.array(done, dtype=np.float64).reshape(-1, 4)
    return Refits(
        table[:, 0].astype(np.int64), table[:, 1], table[:, 2], table[:, 3], sampled, tuple(failures)
    )


def _seeded(estimate: Estimate, row: int) -> Estimator:
    """The method with random numbers of its own for this row."""
    seeds = np.random.SeedSequence(estimate.provenance.seed or 0, spawn_key=(row,))
    return estimate.method.seeded(int(seeds.generate_state(1)[0]))


def _without(problem: Problem, row: int) -> Problem:
    """The problem without one unit of a row: one copy of a frequency weight, else all of it."""
    multiples = np.ones(problem.rows.n_obs)
    copies = problem.rows.weights[row] if problem.weights_type == "frequency" else 1.0
    multiples[row] = 1.0 - 1.0 / copies
    return problem.reweighted(multiples)


def _posterior(method: Estimator, problem: Problem) -> Array | None:
    """Draws of the posterior, or None where the method gives none that may be trusted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ProblogitWarning)  # what a refit would warn of is in its status
        refit = method.estimate(problem)
    if refit.status is Status.INTERRUPTED:  # Ctrl-C means the whole of it
        raise KeyboardInterrupt
    coefficients = refit.coefficients
    if not isinstance(coefficients, DrawnCoefficients) or coefficients.estimate is not None:
        return None
    return coefficients.flat if refit.status.trusted else None
