"""Matrices as users give them: NumPy arrays, tables of numbers, scipy.sparse in any format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from problogit.data.columns import Bools, Numbers
from problogit.data.conversion import as_column, unmasked
from problogit.data.rows import Array, Matrix
from problogit.data.sources import is_frame, open_source
from problogit.data.table import Table, show_rows
from problogit.errors import DataError, explain

__all__ = [
    "any_missing",
    "check_infinite_entries",
    "missing_entries",
    "read_frame",
    "read_matrix",
    "with_intercept",
    "zeroed",
]


def read_matrix(X: Any) -> tuple[Matrix, tuple[str, ...] | None, Any]:
    """The columns as float64, their own names, and the labels of the rows."""
    if sp.issparse(X):
        matrix = _read_sparse(X)
        return matrix, None, np.arange(matrix.shape[0])
    if is_frame(X) or isinstance(X, Mapping):
        source = open_source(X)
        return read_frame(source.read(source.names))
    array = unmasked(X) if isinstance(X, np.ma.MaskedArray) else np.asarray(X)
    if array.ndim != 2:
        remedy = "Use X.reshape(-1, 1) for a single column." if array.ndim == 1 else ""
        raise DataError(explain("X", "must have two dimensions (rows, columns)", f"{array.ndim}", remedy))
    if array.dtype.kind == "O":  # Python numbers, perhaps with None
        columns = {f"x{j}": as_column(f"x{j}", array[:, j]) for j in range(array.shape[1])}
        return read_frame(Table(columns, array.shape[0], None, "X"))[0], None, np.arange(array.shape[0])
    if array.dtype.kind not in "biuf":
        raise DataError(
            explain("X", "must hold real numbers", str(array.dtype), "Use a formula for text and categories.")
        )
    return np.ascontiguousarray(array, dtype=np.float64), None, np.arange(array.shape[0])


def _read_sparse(X: Any) -> sp.csr_array:
    if X.dtype.kind not in "biuf":
        raise DataError(explain("X", "must hold real numbers", str(X.dtype)))
    matrix = sp.csr_array(X, dtype=np.float64)
    if not matrix.has_canonical_format:
        matrix = matrix.copy()
        matrix.sum_duplicates()
    return matrix


def read_frame(table: Table) -> tuple[Matrix, tuple[str, ...], Any]:
    """The columns of a table of numbers, as `read_matrix` gives them."""
    out = np.empty((table.n_rows, len(table.columns)))
    for i, (name, column) in enumerate(table.columns.items()):
        if not isinstance(column, Numbers):
            raise DataError(
                explain(
                    f"column {name!r}",
                    "must hold numbers",
                    "labels",
                    "Use a formula for text and categories.",
                )
            )
        out[:, i] = column.floats()
    return out, tuple(table.columns), table.index


def missing_entries(matrix: Matrix, names: Sequence[str]) -> dict[str, Bools]:
    """Where each column is NaN; columns without NaN are left out."""
    if not isinstance(matrix, np.ndarray):
        bad = np.isnan(matrix.data)
        if not bad.any():
            return {}
        rows = np.searchsorted(matrix.indptr, np.flatnonzero(bad), side="right") - 1
        columns = matrix.indices[bad]
        found = {int(j): np.zeros(matrix.shape[0], dtype=bool) for j in np.unique(columns)}
        for row, j in zip(rows, columns, strict=True):
            found[int(j)][row] = True
        return {names[j]: mask for j, mask in found.items()}
    with np.errstate(all="ignore"):
        suspects = np.flatnonzero(np.isnan(matrix.sum(axis=0)))
    masks = {names[int(j)]: np.isnan(matrix[:, j]) for j in suspects}
    return {name: mask for name, mask in masks.items() if mask.any()}


def any_missing(gaps: Mapping[str, Bools], n_rows: int) -> Bools:
    """Rows in which some column is missing."""
    out = np.zeros(n_rows, dtype=bool)
    for mask in gaps.values():
        out |= mask
    return out


def check_infinite_entries(matrix: Matrix, names: Sequence[str], index: Any) -> None:
    """Refuse infinite entries of new data, naming column and rows."""
    if isinstance(matrix, np.ndarray):
        with np.errstate(all="ignore"):
            suspects = np.flatnonzero(~np.isfinite(matrix.sum(axis=0)))
        columns = [(int(j), np.isinf(matrix[:, j])) for j in suspects]
    else:
        entries = sp.coo_array(matrix)
        rows, places = entries.row, entries.col
        infinite = np.isinf(entries.data)
        columns = [
            (int(j), np.isin(np.arange(matrix.shape[0]), rows[infinite & (places == j)]))
            for j in set(places[infinite])
        ]
    for j, bad in columns:
        if bad.any():
            raise DataError(
                explain(f"column {names[j]!r} at {show_rows(index, bad)}", "must be finite", "inf")
            )


def zeroed(matrix: Matrix, complete: Bools) -> Matrix:
    """The matrix with zeros in the rows that are not complete."""
    if complete.all():
        return matrix
    if isinstance(matrix, np.ndarray):
        return np.where(complete[:, None], matrix, 0.0)
    kept = matrix.copy()
    kept.data[np.repeat(~complete, np.diff(kept.indptr))] = 0.0
    kept.eliminate_zeros()
    return kept


def with_intercept(matrix: Matrix, *, intercept: bool) -> Matrix:
    """The columns after a column of ones, where `intercept`."""
    n_rows = matrix.shape[0]
    if not isinstance(matrix, np.ndarray):
        return (
            sp.csr_array(sp.hstack([sp.csr_array(np.ones((n_rows, 1))), matrix], format="csr"))
            if intercept
            else matrix.copy()  # the user's own numbers may change; the model's may not
        )
    if not intercept:
        view: Array = matrix.view()
        view.flags.writeable = False  # it may be the user's own array
        return view
    out = np.empty((n_rows, matrix.shape[1] + 1))
    out[:, 0] = 1.0
    out[:, 1:] = matrix
    return out
