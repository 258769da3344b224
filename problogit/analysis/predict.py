"""Probabilities of the event, and their intervals.

A probability is expit(x'beta + offset), with beta of `Estimate.predictor`; for a posterior it is the mean of that over
the draws, E[expit(eta) | y].
Intervals are made on the log-odds and then transformed, so that they stay within [0, 1]. Rows are worked through in
blocks: draws x rows is never held at once.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from problogit.analysis.frames import Output, check_output, labelled
from problogit.analysis.intervals import bounds
from problogit.core.coefficients import DrawnCoefficients, as_dense, check_kind
from problogit.core.infinite import AliasedCoefficients
from problogit.data.rows import Array, Matrix, Unseen
from problogit.data.table import show_rows
from problogit.errors import AliasingWarning, SeparationWarning
from problogit.estimate import Estimate
from problogit.validation import check_choice, check_probability

__all__ = ["Coded", "coded_rows", "predict", "predict_proba", "probabilities", "row_blocks", "say_gaps"]

_VALUES = 20_000_000
_ROWS = 16_384
_UNSEEN = ("error", "nan", "average")


@dataclass(frozen=True, eq=False)
class Coded:
    """The rows that can be predicted, and where they stand in the user's table.

    Attributes
    ----------
    X : ndarray or csr_array, shape (n_rows, n_terms)
    offset : ndarray, shape (n_rows,)
    position : ndarray of int, shape (n_rows,)
        Position of each row in the table.
    index : object
        Labels of all rows of the table.
    notes : tuple of str
        Why the other rows are missing.
    """

    X: Matrix
    offset: Array
    position: NDArray[np.int64]
    index: Any
    notes: tuple[str, ...] = ()

    @property
    def n_table(self) -> int:
        """Number of rows of the table."""
        return len(self.index)

    def spread(self, values: Array) -> Array:
        """Values of the coded rows at their places in the table, NaN elsewhere."""
        out = np.full(self.n_table, np.nan)
        out[self.position] = values
        return out


def coded_rows(estimate: Estimate, data: Any, unseen: Unseen = "error") -> Coded:
    """Code new data, or take the training rows where there are none."""
    check_choice("unseen", unseen, _UNSEEN)
    if data is None:
        rows = estimate.problem.rows
        return Coded(rows.X, rows.offset, rows.kept, rows.index)
    replay = estimate.problem.design.replay(data, unseen)
    position = np.flatnonzero(replay.complete)
    if position.size == replay.offset.size:
        return Coded(replay.X, replay.offset, position, replay.index, replay.notes)
    return Coded(replay.X[position], replay.offset[position], position, replay.index, replay.notes)


def row_blocks(estimate: Estimate, n_rows: int) -> Iterator[slice]:
    """Slices of rows so small that all draws of a block fit into memory."""
    coefficients = estimate.coefficients
    step = _ROWS
    if isinstance(coefficients, DrawnCoefficients):
        step = max(1, min(step, _VALUES // coefficients.flat.shape[0]))
    for start in range(0, n_rows, step):
        yield slice(start, min(start + step, n_rows))


def shifted_expit(offset: Array) -> Callable[[Array], Array]:
    """expit(value + offset), for arrays whose last axis runs over the rows."""
    return lambda values: np.asarray(expit(values + offset))


def probabilities(estimate: Estimate, X: Matrix, offset: Array) -> Array:
    """P(event) of each row of a design, shape (n_rows,)."""
    out = np.empty(offset.size)
    for block in row_blocks(estimate, offset.size):
        marginals = estimate.predictor.marginals(X[block])
        out[block] = marginals.point(shifted_expit(offset[block]))
    return out


def predict(
    estimate: Estimate,
    data: Any = None,
    prob: float = 0.95,
    interval: str | None = None,
    unseen: Unseen = "error",
    output: Output | None = None,
) -> Any:
    """Probabilities of the event with intervals, aligned with the rows of `data`.

    Parameters
    ----------
    estimate : Estimate
    data : table, optional
        New data, matched by column name; the training rows without it.
    prob : float
        Probability of the intervals.
    interval : str, optional
        As in `summary`. Rows whose probability is exactly 0 or 1 (separated data) have no Wald bounds; ask for
        ``"profile"`` to see one-sided ones.
    unseen : str
        A level that training did not have: ``error``, ``nan`` (no prediction) or ``average`` (over the levels).
    output : str, optional
        ``"pandas"`` or ``"polars"``; by default as the data, pandas for anything that is not polars.

    Returns
    -------
    DataFrame
        ``probability, lower, upper, interval``, one row for each row of the table; NaN where a predictor is missing.
    """
    prob = check_probability("prob", prob)
    kind = check_output(output, data)
    _check_interval(estimate, interval)
    coded = coded_rows(estimate, data, unseen)
    n = coded.offset.size
    point, lower, upper, kinds = np.empty(n), np.empty(n), np.empty(n), np.empty(n, dtype=object)
    for block in row_blocks(estimate, n):
        X, transform = coded.X[block], shifted_expit(coded.offset[block])
        marginals = estimate.predictor.marginals(X)
        point[block] = marginals.point(transform)
        found = bounds(estimate, X, prob, interval, transform, marginals=marginals, open_ends=False)
        lower[block], upper[block], kinds[block] = found.lower, found.upper, found.kinds
    every_kind = np.full(coded.n_table, "none", dtype=object)
    every_kind[coded.position] = kinds
    columns = {
        "probability": coded.spread(point),
        "lower": coded.spread(lower),
        "upper": coded.spread(upper),
        "interval": every_kind,
    }
    notes = coded.notes + say_gaps(estimate, coded, point)
    attrs = {"prob": prob, "event": estimate.problem.response.describe(), "notes": notes}
    return labelled(columns, coded.index, kind, attrs)


def _check_interval(estimate: Estimate, interval: str | None) -> None:
    # A table without rows would not notice a kind that does not exist.
    if interval not in ("profile", "confidence-profile"):
        check_kind(interval, estimate.coefficients.kinds)


def say_gaps(estimate: Estimate, coded: Coded, p: Array) -> tuple[str, ...]:
    """Warn of complete rows without a probability, and say why."""
    gaps = np.flatnonzero(np.isnan(p))
    notes: list[str] = []
    coefficients = estimate.coefficients
    if gaps.size and isinstance(coefficients, AliasedCoefficients):
        outside = coefficients.aliases.outside(as_dense(coded.X[gaps]))
        if outside.any():
            where = show_rows(coded.index, coded.position[gaps[outside]])
            equations = coefficients.aliases.equations(estimate.terms)
            notes.append(
                f"No prediction for {where}: training could not tell columns apart ({equations}), and these rows "
                "break that relation."
            )
            warnings.warn(notes[-1], AliasingWarning, stacklevel=4)
        gaps = gaps[~outside]
    if gaps.size:
        where = show_rows(coded.index, coded.position[gaps])
        notes.append(
            f"No prediction for {where}: the data are separated, and the infinite coefficients pull these rows both "
            "ways. A proper prior gives a probability."
        )
        warnings.warn(notes[-1], SeparationWarning, stacklevel=4)
    return tuple(notes)


def predict_proba(estimate: Estimate, data: Any = None, unseen: Unseen = "error") -> Array:
    """P(event) of every row of `data` (the training table without), shape (n_rows,); NaN where there is none."""
    coded = coded_rows(estimate, data, unseen)
    p = probabilities(estimate, coded.X, coded.offset)
    say_gaps(estimate, coded, p)
    return coded.spread(p)
