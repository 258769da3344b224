"""Which rows enter the likelihood: complete ones, with trials and with weight. What is left out is counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from problogit.data.columns import Bools, Column, Labels, Numbers, Opaque, as_column
from problogit.data.response import Outcome
from problogit.data.rows import Array, DataReport
from problogit.data.sources import Source, Table, show_rows
from problogit.errors import DataError, InputError, explain

__all__ = ["Roles", "RowParts", "Selection", "check_index", "read_roles", "select_rows"]

_ROLES = ("trials", "weights", "offset")


@dataclass(frozen=True)
class Roles:
    """Where trials, weights and offset come from.

    Attributes
    ----------
    columns : mapping of str to str
        Role to column name, for those given by name.
    arrays : tuple of str
        Roles that were given as arrays; new data cannot supply these.
    weights_type : str
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    arrays: tuple[str, ...] = ()
    weights_type: str = "frequency"

    @property
    def given(self) -> tuple[str, ...]:
        """Roles that are in use."""
        return (*self.columns, *self.arrays)

    def to_state(self) -> dict[str, Any]:
        """The roles as plain JSON-able values."""
        return {"columns": dict(self.columns), "arrays": list(self.arrays), "weights_type": self.weights_type}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Roles:
        """The roles that `to_state` wrote."""
        columns = {str(role): str(name) for role, name in state["columns"].items()}
        arrays = tuple(str(role) for role in state["arrays"])
        if not {*columns, *arrays} <= set(_ROLES):
            raise ValueError("a role is unknown")
        return cls(columns, arrays, str(state["weights_type"]))

    def for_new_data(self, table: Table, wanted: tuple[str, ...]) -> RowParts:
        """The wanted roles of a new table.

        Raises
        ------
        DataError
            A role was an array when the model was fitted.
        """
        for role in wanted:
            if role in self.arrays:
                raise DataError(
                    f"{role} was given as an array when the model was fitted, so that new data cannot supply it; put it "
                    f"into the table and fit by formula with {role}='its column'."
                )
        found = {
            role: _numbers(role, table.columns[self.columns[role]]) for role in wanted if role in self.columns
        }
        return RowParts(table.n_rows, table.index, **found)


@dataclass(frozen=True, eq=False)
class RowParts:
    """Trials, weights and offset of all rows of a table, as given."""

    n_rows: int
    index: Any
    trials: Numbers | None = None
    weights: Numbers | None = None
    offset: Numbers | None = None


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


def _numbers(role: str, column: Column) -> Numbers:
    if isinstance(column, Numbers):
        return column
    what = (
        column.what
        if isinstance(column, Opaque)
        else "text or categories"
        if isinstance(column, Labels)
        else ""
    )
    raise DataError(explain(role, "must hold numbers", what))


def read_roles(
    given: Mapping[str, Any], weights_type: str, table: Table, source: Source | None
) -> tuple[Roles, RowParts]:
    """Find trials, weights and offset: a string names a column of `source`, anything else is an array.

    Parameters
    ----------
    given : mapping
        ``trials``, ``weights`` and ``offset`` as the user gave them.
    weights_type : str
    table : Table
        Holds the columns that were named.
    source : Source or None
        None where there is no table (arrays); then a name is an error.
    """
    columns: dict[str, str] = {}
    arrays: list[str] = []
    found: dict[str, Numbers] = {}
    for role in _ROLES:
        value = given.get(role)
        if value is None:
            continue
        if isinstance(value, str):
            if source is None:
                raise InputError(explain(role, "must be an array where the model is made from arrays", value))
            columns[role] = value
            found[role] = _numbers(role, table.columns[value])
        else:
            arrays.append(role)
            found[role] = _array(role, value, table)
    return Roles(columns, tuple(arrays), weights_type), RowParts(table.n_rows, table.index, **found)


def _array(role: str, value: Any, table: Table) -> Numbers:
    if np.ndim(value) == 0:
        raise InputError(explain(role, "must be a column name or an array", value))
    column = _numbers(role, as_column(role, value))
    if len(column) != table.n_rows:
        raise InputError(
            explain(role, f"must have one value for each of the {table.n_rows} rows", f"{len(column)} values")
        )
    check_index(role, value, table)
    return column


def check_index(role: str, value: Any, table: Table) -> None:
    """A Series in another row order than the table would be paired wrongly; say so."""
    import pandas as pd

    if (
        isinstance(value, pd.Series)
        and isinstance(table.index, pd.Index)
        and not value.index.equals(table.index)
    ):
        raise InputError(
            f"{role} is a Series with other row labels than the data; reindex it, or pass {role}.to_numpy() to pair by position."
        )


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
        _check_classes(name, outcome.values, trials, ~incomplete & (trials > 0), weights)
    kept = np.flatnonzero(keep)
    report = DataReport(n_rows, n_rows - len(kept), dropped)
    return Selection(kept, outcome.values[kept], trials[kept], weights[kept], offset[kept], report)


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
            f"the data have missing values in {counts}, first at {show_rows(index, incomplete)}; fill them, or leave such rows "
            "out by missing='drop'."
        )


def _check_counts(name: str, outcome: Outcome, trials: Array, incomplete: Bools, parts: RowParts) -> None:
    if parts.trials is None:
        return
    bad = (outcome.values > trials) & ~incomplete
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        raise DataError(
            f"response {name!r} must not exceed the trials; it has {outcome.values[first]:g} events in {trials[first]:g} trials at "
            f"{show_rows(parts.index, bad)}."
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
                f"weights leave no {what} of the response {name!r}: every row with one ({int(has.sum())}) has weight 0. Give "
                "weight to some of them, or take these rows out of the data."
            )
