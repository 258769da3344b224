"""No infinite or undefined number enters a likelihood: which rows hold one, and how that is said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from problogit.data.columns import Bools, Column, Numbers
from problogit.data.rows import Matrix
from problogit.data.table import show_rows
from problogit.errors import DataError, explain

__all__ = ["RowLabels", "check_finite", "check_infinite", "finite_rows", "spread"]


@dataclass(frozen=True, eq=False)
class RowLabels:
    """Labels of some rows of a table, for messages."""

    index: Any
    rows: Any

    def __getitem__(self, position: int) -> Any:
        return self.index[int(self.rows[position])]

    def show(self, positions: Any) -> str:
        """`show_rows` for positions among these rows, or a mask of them."""
        positions = np.asarray(positions)
        return show_rows(self, np.flatnonzero(positions) if positions.dtype == bool else positions)


def finite_rows(X: Matrix) -> Bools:
    """Rows without infinite or undefined entries."""
    good = np.ones(X.shape[0], dtype=bool)
    stored = X if isinstance(X, np.ndarray) else X.data
    if _all_finite(stored):
        return good
    if isinstance(X, np.ndarray):
        return np.asarray(np.isfinite(X).all(axis=1), dtype=bool)
    bad = np.flatnonzero(~np.isfinite(X.data))
    good[np.searchsorted(X.indptr, bad, side="right") - 1] = False
    return good


def _all_finite(values: Any) -> bool:
    """One pass without a temporary: a finite sum has finite parts (a sum that overflows is looked at again)."""
    with np.errstate(all="ignore"):
        return bool(np.isfinite(values.sum()))


def check_infinite(columns: Mapping[str, Column], show: Callable[[Any], str]) -> None:
    """Refuse infinite values in the user's own columns."""
    for name, column in columns.items():
        if isinstance(column, Numbers) and column.values.dtype.kind == "f" and not _all_finite(column.values):
            bad = np.isinf(column.values)
            if bad.any():
                raise DataError(
                    explain(f"column {name!r} at {show(bad)}", "must be finite", float(column.values[bad][0]))
                )


def check_finite(X: Matrix, terms: Sequence[str], show: Callable[[Any], str]) -> None:
    """Refuse a design with infinite or undefined entries, naming the term and the rows."""
    bad_rows = np.flatnonzero(~finite_rows(X))
    if not bad_rows.size:
        return
    part = X[bad_rows] if isinstance(X, np.ndarray) else X[bad_rows].toarray()
    bad = ~np.isfinite(part)
    column = int(np.flatnonzero(bad.any(axis=0))[0])
    rows = bad_rows[bad[:, column]]
    value = part[bad[:, column], column][0]
    raise DataError(
        f"term {terms[column]!r} is {'not a number' if np.isnan(value) else 'infinite'} at {show(rows)}; "
        "repair these values, or leave the rows out."
    )


def spread(X: Matrix, rows: Any, coded: Bools, n_rows: int) -> Matrix:
    """The matrix of all rows: zeros where a row could not be coded."""
    if len(rows) == n_rows and coded.all():
        return X
    if isinstance(X, np.ndarray):
        out = np.zeros((n_rows, X.shape[1]))
        out[rows[coded]] = X[coded]
        return out
    place = rows[coded]
    spreader = sp.csr_array((np.ones(len(place)), (place, np.arange(len(place)))), shape=(n_rows, len(place)))
    return sp.csr_array(spreader @ X[np.flatnonzero(coded)])
