"""Ready-made columns: NumPy arrays, DataFrames of numbers, scipy.sparse matrices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from problogit.data.arrays import (
    any_missing,
    check_infinite_entries,
    missing_entries,
    read_frame,
    read_matrix,
    with_intercept,
    zeroed,
)
from problogit.data.conversion import as_column
from problogit.data.finite import check_finite
from problogit.data.groups import read_groups
from problogit.data.response import ResponseCoding, learn_response
from problogit.data.roles import Roles, check_index, read_roles
from problogit.data.rows import DataReport, Design, Matrix, Replay, Response, Rows, Unseen
from problogit.data.selection import select_rows
from problogit.data.sources import is_frame, open_source
from problogit.data.table import Table, show_rows, unknown_column
from problogit.errors import DataError, InputError, explain
from problogit.validation import check_choice

__all__ = ["ArrayDesign", "Built", "build_from_arrays"]

INTERCEPT = "Intercept"


@dataclass(frozen=True, eq=False)
class Built:
    """A model's data: the design, what is modelled, the rows, and what was left out."""

    design: Design
    response: Response
    rows: Rows
    report: DataReport


@dataclass(frozen=True, eq=False)
class ArrayDesign(Design):
    """Columns that are used as they are.

    Attributes
    ----------
    names : tuple of str
        Names of the user's columns.
    has_intercept : bool
        Whether a column of ones comes first.
    named : bool
        True where the names are the user's, so that new tables are matched by name.
    sparse : bool
    coding : ResponseCoding
    roles : Roles
    """

    names: tuple[str, ...]
    has_intercept: bool
    named: bool
    sparse: bool
    coding: ResponseCoding
    roles: Roles

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of the columns."""
        return (INTERCEPT, *self.names) if self.has_intercept else self.names

    @property
    def intercept(self) -> int | None:
        """Position of the intercept."""
        return 0 if self.has_intercept else None

    @property
    def formula(self) -> None:
        """There is none."""
        return

    @property
    def variables(self) -> tuple[str, ...]:
        """The columns."""
        return self.names

    @property
    def factors(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """Each column by itself."""
        return tuple((term, (i,)) for i, term in enumerate(self.terms))

    @property
    def offset_column(self) -> str | None:
        """Column that new data must bring as the offset."""
        return self.roles.columns.get("offset")

    @property
    def fixed_trials(self) -> float | None:
        """Trials of every row, where they were given as one number."""
        return self.roles.constants.get("trials")

    def replay(self, data: Any, unseen: Unseen = "error") -> Replay:
        """Arrange new data: a table by column name (others are ignored), an array by position.

        Parameters
        ----------
        data : array, DataFrame or sparse matrix
        unseen : str
            Without effect: ready-made columns have no levels.

        Raises
        ------
        DataError
            A column is not there, or the number of columns differs.
        """
        check_choice("unseen", unseen, ("error", "nan", "average"))
        if "offset" in self.roles.arrays:
            raise DataError(
                "offset was given as an array when the model was fitted, so that new data cannot supply it; "
                "put it into a table and fit by formula with offset='its column'."
            )
        matrix, index = self._arrange(data)
        gaps = missing_entries(matrix, self.names)
        check_infinite_entries(matrix, self.names, index)
        complete = ~any_missing(gaps, matrix.shape[0])
        counts = ", ".join(f"{name} ({int(mask.sum())})" for name, mask in gaps.items())
        X = with_intercept(zeroed(matrix, complete), intercept=self.has_intercept)
        notes = (f"Missing values in {counts}.",) if counts else ()
        return Replay(X, np.zeros(matrix.shape[0]), complete, index, notes)

    def observe(self, data: Any, unseen: Unseen = "error") -> Rows:
        """Arrange new data given as a pair ``(X, y)``; incomplete rows are left out."""
        if not isinstance(data, tuple) or len(data) != 2:
            raise InputError(
                explain("data", "must be a pair (X, y) for a model made from arrays", type(data).__name__)
            )
        lost = (*self.roles.columns, *self.roles.arrays)
        if lost:
            listed = " and ".join(lost)
            raise DataError(
                f"{listed} came as arrays when the model was fitted, so that new data cannot supply them; "
                "put them into a table and fit by formula."
            )
        replayed = self.replay(data[0], unseen)
        n_rows = replayed.X.shape[0]
        table = Table({}, n_rows, replayed.index, "the new data")
        outcome = self.coding.encode(_response_column(data[1], table), table.index)
        known = {role: int(number) for role, number in self.roles.constants.items()}
        parts = read_roles(known, self.roles.weights_type, table, named=False)[1]
        picked = select_rows(
            outcome,
            {"a predictor": ~replayed.complete},
            parts,
            weights_type=self.roles.weights_type,
            name=self.coding.name,
            fitting=False,
        )
        return picked.rows(replayed.X[picked.kept], table.index)

    def _arrange(self, data: Any) -> tuple[Matrix, Any]:
        if is_frame(data) or isinstance(data, Mapping):
            source = open_source(data)
            present = set(source.names)
            if self.named or present >= set(self.names):
                for name in self.names:
                    if name not in present:
                        raise unknown_column(name, source.names, "the new data", taken=self.names)
                matrix, _, index = read_frame(source.read(self.names))
                return self._as_fitted(matrix), index
        matrix, _, index = read_matrix(data)
        if matrix.shape[1] != len(self.names):
            raise DataError(
                explain("new data", f"must have {len(self.names)} columns", f"{matrix.shape[1]} columns")
            )
        return self._as_fitted(matrix), index

    def _as_fitted(self, matrix: Matrix) -> Matrix:
        if self.sparse:
            return sp.csr_array(matrix)
        return matrix if isinstance(matrix, np.ndarray) else matrix.toarray()

    def to_state(self) -> dict[str, Any]:
        """Everything needed to rebuild this design, as plain JSON-able values."""
        return {
            "kind": "arrays",
            "version": 1,
            "names": list(self.names),
            "intercept": self.has_intercept,
            "named": self.named,
            "sparse": self.sparse,
            "response": self.coding.to_state(),
            "roles": self.roles.to_state(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> ArrayDesign:
        """The design that `to_state` wrote; raises KeyError, TypeError or ValueError for anything else."""
        return cls(
            names=tuple(str(name) for name in state["names"]),
            has_intercept=bool(state["intercept"]),
            named=bool(state["named"]),
            sparse=bool(state["sparse"]),
            coding=ResponseCoding.from_state(state["response"]),
            roles=Roles.from_state(state["roles"]),
        )


def build_from_arrays(  # noqa: PLR0913 - the keywords of a model are a contract
    X: Any,
    y: Any,
    *,
    names: Sequence[str] | None = None,
    intercept: bool = True,
    event: Any = None,
    trials: Any = None,
    weights: Any = None,
    weights_type: str = "frequency",
    offset: Any = None,
    missing: str = "drop",
    groups: Any = None,
) -> Built:
    """Design, response and rows of ready-made columns; the keywords are those of `LogitModel.from_arrays`.

    Raises
    ------
    InputError
        Every rule on shapes, names, the response, trials, weights, offset and groups.
    """
    check_choice("missing", missing, ("drop", "error"))
    matrix, own, index = read_matrix(X)
    if matrix.shape[0] == 0:
        raise DataError("X has no rows.")
    listed = _names(own, names, matrix.shape[1], intercept)
    table = Table({}, matrix.shape[0], index, "the data")
    name = str(getattr(y, "name", None) or "y")
    column = _response_column(y, table)
    given = {"trials": trials, "weights": weights, "offset": offset}
    roles, parts = read_roles(given, weights_type, table, named=False)
    clusters = read_groups(groups, table, None)
    coding = learn_response(name, column, event, counts=trials is not None)
    picked = select_rows(
        coding.encode(column, index),
        missing_entries(matrix, listed),
        parts,
        weights_type=weights_type,
        missing="drop" if missing == "drop" else "error",
        name=name,
    )
    taken = matrix if len(picked.kept) == matrix.shape[0] else matrix[picked.kept]
    check_finite(taken, listed, lambda bad: show_rows(index, picked.kept[np.asarray(bad)]))
    design = ArrayDesign(
        names=listed,
        has_intercept=bool(intercept),
        named=own is not None or names is not None,
        sparse=not isinstance(matrix, np.ndarray),
        coding=coding,
        roles=roles,
    )
    rows = replace(picked.rows(with_intercept(taken, intercept=intercept), index), groups=clusters)
    return Built(design, coding.response, rows, picked.report)


def _response_column(y: Any, table: Table) -> Any:
    column = as_column("y", y)
    if len(column) != table.n_rows:
        raise DataError(
            explain(
                "y", f"must have one value for each of the {table.n_rows} rows of X", f"{len(column)} values"
            )
        )
    check_index("y", y, table)
    return column


def _names(
    own: tuple[str, ...] | None, given: Sequence[str] | None, n_columns: int, intercept: bool
) -> tuple[str, ...]:
    if isinstance(given, str):
        raise InputError(explain("names", "must be a sequence of column names", given))
    names = own if given is None else tuple(str(name) for name in given)
    if names is None:
        names = tuple(f"x{i}" for i in range(n_columns))
    if len(names) != n_columns:
        raise InputError(
            explain("names", f"must name each of the {n_columns} columns", f"{len(names)} names")
        )
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise InputError(explain("names", "must be unique", ", ".join(twice)))
    if intercept and INTERCEPT in names:
        raise InputError(
            explain("names", "must not hold 'Intercept' where intercept=True adds it", INTERCEPT)
        )
    if not names and not intercept:
        raise InputError(explain("X", "must have at least one column where intercept=False", "none"))
    return names
