"""Whether rows are those that a model was fitted to: judging a fit on them flatters it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from problogit.data.rows import Array, Rows
from problogit.problem import Problem

__all__ = ["same_rows"]

_CLOSE = 1e-9  # replaying a spline may differ from fitting it in the last digits


def same_rows(problem: Problem, rows: Rows) -> bool:
    """True where `rows` are those of `problem`, in any order: predictors, outcomes, trials, weights and offsets.

    Each row of the design, in units of the columns' largest values, is projected on one fixed direction; rows that are
    equal have equal projections, and sorted tables can be compared entry by entry. False where the fit was loaded
    without its rows.
    """
    if problem.data is None or problem.data.X.shape != rows.X.shape:
        return False
    stats = problem.column_stats
    size = np.maximum(np.abs(stats.minimum), np.abs(stats.maximum))
    direction = np.random.default_rng(20_261).uniform(1.0, 2.0, size.size) / np.where(size > 0, size, 1.0)
    here, there = _facts(problem.data, direction), _facts(rows, direction)
    return bool(np.allclose(here[_order(here)], there[_order(there)], rtol=_CLOSE, atol=_CLOSE))


def _facts(rows: Rows, direction: Array) -> Array:
    """Outcomes, trials, weights (of single precision: rescaled ones are rounded), offsets, projections."""
    projected = np.asarray(rows.X @ direction, dtype=np.float64).ravel()
    weights = rows.weights.astype(np.float32).astype(np.float64)
    return np.column_stack([rows.successes, rows.trials, weights, rows.offset, projected])


def _order(facts: Array) -> NDArray[np.intp]:
    return np.lexsort(facts.T[::-1])
