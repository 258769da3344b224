"""Which rows enter the likelihood: complete ones, with trials and with weight. What is left out is counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from problogit.data.columns import Bools
from problogit.data.response import Outcome
from problogit.data.roles import RowParts
from problogit.data.rows import Array, DataReport, Matrix, Rows
from problogit.data.table import show_rows
from problogit.errors import DataError, explain

__all__ = ["Selection", "select_rows"]


@dataclass(frozen=True, eq=False)
class Selection:
    """The rows that enter the likelihood, and what they say apart from the predictors.

    Attributes
    ----------
    kept : ndarray of int, shape (n_obs,)
    successes, trials, weights, offset : ndarray, shape (n_obs,)
    report : DataReport
    """

    kept: NDArray[np.int64]
    successes: Array
    trials: Array
    weights: Array
    offset: Array
    report: DataReport

    def rows(self, X: Matrix, index: Any) -> Rows:
        """These rows with their design, whose rows were picked already."""
        return Rows(X, self.successes, self.trials, self.weights, self.offset, self.kept, index)


def select_rows(
    outcome: Outcome,
    predictors: Mapping[str, Bools],
    parts: RowParts,
    *,
    weights_type: str,
    missing: str = "drop",
    name: str = "response",
    fitting: bool = True,
) -> Selection:
    """Check trials, weights and offset, and keep the rows that can be used.

    Parameters
    ----------
    outcome : Outcome
    predictors : mapping of str to ndarray of bool
        Where each predictor's column is missing.
    parts : RowParts
    weights_type : str
    missing : str
        ``drop`` or ``error``.
    name : str
        The response, for messages.
    fitting : bool
        Whether to insist on at least one row, and on both outcomes keeping some weight.

    Raises
    ------
    DataError
        Every rule on weights, trials and offset of design.md 6.
    """
    n_rows = parts.n_rows
    weights = _check_weights(parts, weights_type)
    trials, trials_missing = _check_trials(parts)
    offset, offset_missing = _check_offset(parts)
    gaps = {key: mask for key, mask in predictors.items() if mask.any()}
    for key, mask in ((name, outcome.missing), ("trials", trials_missing), ("offset", offset_missing)):
        if mask.any():
            gaps[key] = gaps[key] | mask if key in gaps else mask
    incomplete = np.zeros(n_rows, dtype=bool)
    for mask in gaps.values():
        incomplete |= mask
    _check_missing(missing, gaps, incomplete & (weights > 0), parts.index)
    _check_counts(name, outcome, trials, incomplete, parts)
    absent = {"zero weight": weights == 0, "zero trials": (trials == 0) & ~trials_missing}
    keep = ~incomplete & (weights > 0) & (trials > 0)
    dropped = {f"missing {key}": int(mask.sum()) for key, mask in gaps.items()}
    dropped |= {reason: int(mask.sum()) for reason, mask in absent.items() if mask.any()}
    if fitting:
        _check_left(keep, dropped, n_rows)
        _check_classes(name, outcome.events, trials, ~incomplete & (trials > 0), weights)
    kept = np.flatnonzero(keep)
    report = DataReport(n_rows, n_rows - len(kept), dropped)
    return Selection(kept, outcome.events[kept], trials[kept], weights[kept], offset[kept], report)


def _check_weights(parts: RowParts, weights_type: str) -> Array:
    if parts.weights is None:
        return np.ones(parts.n_rows)
    values = parts.weights.floats()
    rules = (
        (np.isnan(values), "must not be missing"),
        (~np.isfinite(values), "must be finite"),
        (values < 0, "must not be negative"),
    )
    for bad, rule in rules:
        if bad.any():
            raise DataError(explain(f"weights at {show_rows(parts.index, bad)}", rule, float(values[bad][0])))
    if values.size and not values.any():
        raise DataError("weights must not all be zero.")
    if weights_type == "frequency":
        bad = values != np.floor(values)
        if bad.any():
            raise DataError(
                explain(
                    f"weights at {show_rows(parts.index, bad)}",
                    "must be whole numbers, as weights_type='frequency' counts copies of a row",
                    float(values[bad][0]),
                    "Say weights_type='importance' to multiply the log-likelihood, or 'sampling' for survey weights.",
                )
            )
    return values


def _check_trials(parts: RowParts) -> tuple[Array, Bools]:
    if parts.trials is None:
        return np.ones(parts.n_rows), np.zeros(parts.n_rows, dtype=bool)
    gaps = parts.trials.is_missing()
    values = np.where(gaps, 1.0, parts.trials.floats())
    bad = ~np.isfinite(values) | (values < 0) | (values != np.floor(values))
    if bad.any():
        where = f"trials at {show_rows(parts.index, bad)}"
        raise DataError(explain(where, "must be whole numbers >= 0", float(values[bad][0])))
    return values, gaps


def _check_offset(parts: RowParts) -> tuple[Array, Bools]:
    if parts.offset is None:
        return np.zeros(parts.n_rows), np.zeros(parts.n_rows, dtype=bool)
    gaps = parts.offset.is_missing()
    values = np.where(gaps, 0.0, parts.offset.floats())
    bad = ~np.isfinite(values)
    if bad.any():
        raise DataError(
            explain(f"offset at {show_rows(parts.index, bad)}", "must be finite", float(values[bad][0]))
        )
    return values, gaps


def _check_missing(missing: str, gaps: Mapping[str, Bools], incomplete: Bools, index: Any) -> None:
    if missing == "error" and incomplete.any():
        counts = ", ".join(f"{name} ({int(mask.sum())})" for name, mask in gaps.items())
        raise DataError(
            f"the data have missing values in {counts}, first at {show_rows(index, incomplete)}; fill them, or leave "
            "such rows out by missing='drop'."
        )


def _check_counts(name: str, outcome: Outcome, trials: Array, incomplete: Bools, parts: RowParts) -> None:
    if parts.trials is None:
        return
    bad = (outcome.events > trials) & ~incomplete
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        raise DataError(
            f"response {name!r} must not exceed the trials; it has {outcome.events[first]:g} events in "
            f"{trials[first]:g} trials at {show_rows(parts.index, bad)}."
        )


def _check_left(keep: Bools, dropped: Mapping[str, int], n_rows: int) -> None:
    if not keep.any():
        reasons = ", ".join(f"{reason} ({count})" for reason, count in dropped.items())
        raise DataError(f"no row is left of {n_rows}: {reasons}.")


def _check_classes(name: str, successes: Array, trials: Array, complete: Bools, weights: Array) -> None:
    """Both outcomes that the data hold must keep some weight."""
    for what, count in (("event", successes), ("non-event", trials - successes)):
        has = complete & (count > 0)
        if has.any() and not (has & (weights > 0)).any():
            raise DataError(
                f"weights leave no {what} of the response {name!r}: every row with one ({int(has.sum())}) has weight "
                "0. Give weight to some of them, or take these rows out of the data."
            )
