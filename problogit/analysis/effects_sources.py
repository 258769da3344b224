"""Where the rows of effects come from: the table that the model was fitted to, or new data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from problogit.analysis.effects_rows import EffectRows, FormulaRows, MatrixRows
from problogit.analysis.predict import coded_rows
from problogit.analysis.row_groups import column_labels, groups_of, row_groups
from problogit.core.coefficients import as_dense
from problogit.data.formula_design import FormulaDesign
from problogit.data.rows import Array
from problogit.data.sources import open_source
from problogit.data.table import Source, unknown_column
from problogit.errors import DataError, DataNotSavedError, InputError, explain
from problogit.estimate import Estimate

__all__ = ["Groups", "open_groups", "open_rows", "uncounted_roles"]


def open_rows(estimate: Estimate, data: Any) -> EffectRows:
    """The rows to average over.

    Raises
    ------
    DataNotSavedError
        The fit holds no table (it was loaded from a file), and none is given.
    DataError
        The table is no longer the one that was fitted, or has no complete row.
    """
    design = estimate.problem.design
    if not isinstance(design, FormulaDesign):
        return _matrix_rows(estimate, data)
    if data is None:
        return _training_rows(estimate, design)
    return _new_rows(design, data)


def _matrix_rows(estimate: Estimate, data: Any) -> MatrixRows:
    problem = estimate.problem
    if data is None:
        rows = problem.rows
        mass, copies = _weights(estimate)
        labels = rows.index[rows.kept]
        return MatrixRows(rows.X, rows.offset, mass, copies, labels, rows.kept, 0, problem.terms)
    coded = coded_rows(estimate, data)
    _check_any(coded.position.size)
    ones = np.ones(coded.position.size)
    labels = coded.index[coded.position]
    n_missing = coded.n_table - coded.position.size
    return MatrixRows(coded.X, coded.offset, ones, ones, labels, coded.position, n_missing, problem.terms)


def _weights(estimate: Estimate) -> tuple[Array, Array]:
    rows = estimate.problem.rows
    frequency = estimate.problem.weights_type == "frequency"
    return rows.weights * rows.trials, rows.weights if frequency else np.ones(rows.n_obs)


def _training_rows(estimate: Estimate, design: FormulaDesign) -> FormulaRows:
    rows = estimate.problem.rows
    groups = rows.groups
    if groups is None or groups.source is None:
        raise DataNotSavedError(
            "Effects change the variables of the table, and this fit holds only its coded rows, because it was loaded "
            "from a file. Pass the table as data=."
        )
    table = groups.source.read(design.variables)
    changed = DataError(
        f"{table.origin} is no longer the table that the model was fitted to, so that its variables cannot be changed "
        "row by row. Pass a table as data=, or make the model again."
    )
    if table.n_rows != groups.n_rows:
        raise changed
    columns = {name: column.take(rows.kept) for name, column in table.columns.items()}
    mass, copies = _weights(estimate)
    labels = rows.index[rows.kept]
    found = FormulaRows(rows.X, rows.offset, mass, copies, labels, rows.kept, 0, design, columns)
    if not _as_fitted(found):
        raise changed
    return found


def _as_fitted(rows: FormulaRows) -> bool:
    """Whether the table still gives the coded rows: a frame may have been changed in place."""
    names = frozenset(rows.columns)
    for block in rows.blocks(rows.X.shape[1]):
        again = rows.coded(block, names, ())
        here = as_dense(rows.X[block][:, again.columns])
        if not np.allclose(as_dense(again.step), here, rtol=1e-9, atol=1e-12):
            return False
    return True


def _new_rows(design: FormulaDesign, data: Any) -> FormulaRows:
    source = open_source(data)
    roles = {role: name for role, name in design.roles.columns.items() if role != "offset"}
    counted = {role: name for role, name in roles.items() if name in source.names}
    offset = design.roles.columns.get("offset")
    table = _read(source, (*design.variables, *counted.values(), *([offset] if offset else ())))
    X, complete, _ = design.code(table)
    parts = design.roles.for_new_data(table, ("offset",))
    counts = design.roles.for_new_data(table, tuple(counted))
    shift = np.zeros(table.n_rows) if parts.offset is None else parts.offset.floats()
    weights, trials = (
        np.ones(table.n_rows) if part is None else part.floats() for part in (counts.weights, counts.trials)
    )
    usable = complete & np.isfinite(shift) & np.isfinite(weights) & np.isfinite(trials)
    kept = np.flatnonzero(usable & (weights > 0) & (trials > 0))
    _check_any(kept.size)
    frequency = design.roles.weights_type == "frequency"
    return FormulaRows(
        X[kept],
        shift[kept],
        (weights * trials)[kept],
        weights[kept] if frequency else np.ones(kept.size),
        table.index[kept],
        kept,
        table.n_rows - kept.size,
        design,
        {name: table.columns[name].take(kept) for name in design.variables},
    )


def uncounted_roles(estimate: Estimate, data: Any) -> tuple[str, ...]:
    """Of trials and weights those that the fit has and new data do not give: there every row counts once."""
    design = estimate.problem.design
    if data is None or not isinstance(design, FormulaDesign):
        return ()
    names, roles = open_source(data).names, design.roles
    named = [role for role in roles.given if role != "offset" and role not in roles.constants]
    return tuple(role for role in named if roles.columns.get(role) not in names)


def _read(source: Source, wanted: tuple[str, ...]) -> Any:
    for name in wanted:
        if name not in source.names:
            raise unknown_column(name, source.names, "the new data", taken=wanted)
    return source.read(wanted)


def _check_any(n_rows: int) -> None:
    if n_rows == 0:
        raise DataError("data has no complete row to average over.")


@dataclass(frozen=True, eq=False)
class Groups:
    """The rows divided.

    Attributes
    ----------
    codes : ndarray of int, shape (n_rows,)
    labels : tuple
    name : str
        Of what divides them; empty for one group of all rows.
    """

    codes: NDArray[np.int64]
    labels: tuple[Any, ...]
    name: str


def open_groups(estimate: Estimate, rows: EffectRows, data: Any, by: Any) -> Groups:
    """The groups of the rows by a column of the table or an array of labels; one group without `by`."""
    if by is None:
        return Groups(np.zeros(rows.n_rows, dtype=np.int64), ("",), "")
    if data is None:
        codes, labels, name = row_groups(estimate, by)
        return Groups(codes, tuple(labels), name)
    if not isinstance(by, str):
        remedy = "Put the labels into the table as a column."
        raise InputError(explain("by", "must be the name of a column where data are given", by, remedy))
    return _of_column(rows, data, by)


def _of_column(rows: EffectRows, data: Any, by: str) -> Groups:
    values = column_labels(open_source(data).read((by,)).columns[by])
    codes, labels = groups_of(values.iloc[rows.kept].reset_index(drop=True))
    return Groups(codes, tuple(labels), by)
