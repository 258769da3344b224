"""A formula's design: learned on training rows, replayed on any table by column name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from problogit.data.coding import UNSEEN, Categorical, Factor, Values
from problogit.data.columns import Bools, Column, Labels, Numbers
from problogit.data.expression import Expression
from problogit.data.finite import RowLabels, check_infinite, finite_rows, spread
from problogit.data.formula import FactorText, read_left
from problogit.data.matrix import Layout, assemble
from problogit.data.reader import Names
from problogit.data.response import ResponseCoding, evaluate_left
from problogit.data.roles import Roles
from problogit.data.rows import Design, Matrix, Replay, Rows, Unseen
from problogit.data.selection import select_rows
from problogit.data.sources import open_source
from problogit.data.state import pack
from problogit.data.table import Table, unknown_column
from problogit.errors import DataError, explain
from problogit.validation import check_choice

__all__ = ["FormulaDesign", "Functions", "kind_of"]

Functions = Mapping[str, Callable[..., Any]]
_UNSEEN = ("error", "nan", "average")


@dataclass(frozen=True, eq=False)
class FormulaDesign(Design):
    """The coding of a formula.

    Attributes
    ----------
    text, left : str
        The formula as given, and its left side.
    coding : ResponseCoding
    roles : Roles
        Where trials, weights and offset come from.
    factors_text : tuple of FactorText
        The factors, as text.
    expressions : tuple of Expression
        The same, checked and ready to evaluate.
    parts : tuple of Factor
        What was learned of each.
    layout : Layout
        What stands in which column.
    states : mapping
        What the transforms learned, by the text of their call.
    kinds : mapping of str to str
        ``numbers``, ``labels`` or ``opaque`` for each column of the predictors.
    sparse : bool
    functions : mapping
        The user's own, from ``context=``.
    """

    text: str
    left: str
    coding: ResponseCoding
    roles: Roles
    factors_text: tuple[FactorText, ...]
    expressions: tuple[Expression, ...]
    parts: tuple[Factor, ...]
    layout: Layout
    states: Mapping[str, Mapping[str, Any]]
    kinds: Mapping[str, str]
    sparse: bool
    functions: Functions

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of the columns."""
        return self.layout.terms

    @property
    def intercept(self) -> int | None:
        """Position of the intercept."""
        return self.layout.intercept

    @property
    def formula(self) -> str:
        """The formula as given."""
        return self.text

    @property
    def variables(self) -> tuple[str, ...]:
        """Columns that the predictors are made of."""
        return tuple(self.kinds)

    @property
    def factors(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """Terms of the formula with their columns."""
        return self.layout.columns()

    @property
    def offset_column(self) -> str | None:
        """Column that new data must bring as the offset."""
        return self.roles.columns.get("offset")

    @property
    def trials_column(self) -> str | None:
        """Column that held the trials."""
        return self.roles.columns.get("trials")

    @property
    def fixed_trials(self) -> float | None:
        """Trials of every row, where they were given as one number."""
        return self.roles.constants.get("trials")

    @property
    def column_variables(self) -> tuple[frozenset[str], ...]:
        """Columns of the user's table behind each column of the design, those of an interaction together."""
        behind = {
            term: frozenset(
                name for product in products for i, _ in product for name in self.expressions[i].columns
            )
            for names, products in zip(self.layout.names, self.layout.products, strict=True)
            for term in names
        }
        return tuple(behind[term] for term in self.terms)

    def replay(self, data: Any, unseen: Unseen = "error") -> Replay:
        """Code new data by column name.

        Parameters
        ----------
        data : table or path
            Holds the columns of the predictors, and the offset's where the model has one.
        unseen : str
            ``error``, ``nan`` (the row is not complete) or ``average`` (the factor's columns take their average in
            the training data, each trial counted).

        Raises
        ------
        UnseenLevelError
            A level without training rows, under ``unseen="error"``.
        DataError
            A column is not there, or holds another kind of value than in training.
        """
        offset_column = self.roles.columns.get("offset")
        wanted = (*self.variables, *([offset_column] if offset_column is not None else []))
        table = _read(data, wanted)
        parts = self.roles.for_new_data(table, ("offset",))
        X, complete, notes = self.code(table, unseen)
        offset = np.zeros(table.n_rows)
        if parts.offset is not None:
            gaps = parts.offset.is_missing()
            offset = np.where(gaps, 0.0, parts.offset.floats())
            if not np.isfinite(offset).all():
                raise DataError(explain("offset", "must be finite", "inf"))
            notes += _missing_note({"the offset": gaps})
            complete &= ~gaps
        return Replay(X, offset, complete, table.index, notes)

    def observe(self, data: Any, unseen: Unseen = "error") -> Rows:
        """Code new data together with their response, trials, weights and offset; incomplete rows are left out.

        Raises
        ------
        DataError
            As in `replay`; also for a response that is neither the event nor its opposite.
        """
        source = open_source(data)
        left = read_left(self.left, Names(dict.fromkeys(source.names), tuple(self.functions), source.origin))
        table = source.read((*self.variables, *left.columns, *self.roles.columns.values()))
        parts = self.roles.for_new_data(table, self.roles.given)
        states = {text: dict(state) for text, state in self.states.items()}
        outcome = self.coding.encode(evaluate_left(left, table, self.functions, states), table.index)
        X, complete, _ = self.code(table, unseen)
        picked = select_rows(
            outcome,
            {"a predictor": ~complete},
            parts,
            weights_type=self.roles.weights_type,
            name=self.coding.name,
            fitting=False,
        )
        return picked.rows(X[picked.kept], table.index)

    def code(self, table: Table, unseen: Unseen = "error") -> tuple[Matrix, Bools, tuple[str, ...]]:
        """The matrix of all rows of a table, which of them are complete, and why the others are not."""
        check_choice("unseen", unseen, _UNSEEN)
        gaps = {name: table.columns[name].is_missing() for name in self.variables}
        notes = _missing_note(gaps)
        complete = ~np.any([np.zeros(table.n_rows, dtype=bool), *gaps.values()], axis=0)
        rows = np.flatnonzero(complete)
        columns = _matching(table.take(rows), self.kinds)
        labels = RowLabels(table.index, rows)
        states = {text: dict(state) for text, state in self.states.items()}
        values: list[Values] = []
        coded = np.ones(len(rows), dtype=bool)
        for expression, part in zip(self.expressions, self.parts, strict=True):
            value = expression.evaluate(columns, len(rows), self.functions, states, labels.show)
            encoded = part.encode(value, labels.show)
            if isinstance(part, Categorical) and unseen != "average" and (encoded == UNSEEN).any():
                if unseen == "error":
                    raise part.unseen(value, encoded == UNSEEN, labels)
                notes += (
                    f"{part.column!r} holds levels without training rows at {labels.show(encoded == UNSEEN)}.",
                )
                coded &= encoded != UNSEEN
            values.append(encoded)
        X = assemble(self.layout, self.parts, values, len(rows), sparse=self.sparse)
        finite = finite_rows(X)
        if not finite.all():
            check_infinite(columns, labels.show)
            notes += (f"The formula gives no number at {labels.show(~finite)}.",)
            coded &= finite
        complete[rows] = coded
        return spread(X, rows, coded, table.n_rows), complete, notes

    def to_state(self) -> dict[str, Any]:
        """Everything needed to rebuild this design, as plain JSON-able values."""
        return {
            "kind": "formula",
            "version": 1,
            "formula": self.text,
            "left": self.left,
            "response": self.coding.to_state(),
            "roles": self.roles.to_state(),
            "columns": dict(self.kinds),
            "factors": [
                {"text": text.text, "is_column": text.is_column, **part.to_state()}
                for text, part in zip(self.factors_text, self.parts, strict=True)
            ],
            "terms": [
                {
                    "label": label,
                    "products": [[[i, reduced] for i, reduced in product] for product in products],
                }
                for label, products in zip(self.layout.labels, self.layout.products, strict=True)
            ],
            "transforms": [[text, pack(dict(state))] for text, state in self.states.items()],
            "functions": sorted({name for expression in self.expressions for name in expression.functions}),
            "sparse": self.sparse,
        }


def _read(data: Any, wanted: Sequence[str]) -> Table:
    source = open_source(data)
    present = set(source.names)
    for name in wanted:
        if name not in present:
            raise unknown_column(name, source.names, "the new data", taken=wanted)
    return source.read(wanted)


def _missing_note(gaps: Mapping[str, Bools]) -> tuple[str, ...]:
    counts = [f"{name} ({int(mask.sum())})" for name, mask in gaps.items() if mask.any()]
    return (f"Missing values in {', '.join(counts)}.",) if counts else ()


def kind_of(column: Column) -> str:
    """How the state of a design calls the kind of a column."""
    return "labels" if isinstance(column, Labels) else "numbers" if isinstance(column, Numbers) else "opaque"


def _matching(columns: Mapping[str, Column], kinds: Mapping[str, str]) -> dict[str, Column]:
    """The columns, checked to be of the kind that was learned; numbers may stand for labels that are numbers."""
    out: dict[str, Column] = {}
    for name, kind in kinds.items():
        column = columns[name]
        if kind == "labels" and isinstance(column, Numbers):
            levels, codes = np.unique(column.values, return_inverse=True)
            column = Labels(codes.astype(np.int64).reshape(-1), tuple(levels.tolist()))
        if kind_of(column) != kind and len(column):
            raise DataError(
                explain(
                    f"column {name!r}", f"must hold {kind}, as when the model was fitted", kind_of(column)
                )
            )
        out[name] = column if len(column) else _empty(kind)
    return out


def _empty(kind: str) -> Column:
    return Labels(np.empty(0, dtype=np.int64), ()) if kind == "labels" else Numbers(np.empty(0))
