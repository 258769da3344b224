"""A formula's design: learned on training rows, replayed on any table by column name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from problogit.data.coding import UNSEEN, Categorical, Factor, Values, learn_factor
from problogit.data.columns import Bools, Column, Labels, Numbers
from problogit.data.expression import Expression, Names
from problogit.data.formula import FactorText, Formula, read_left
from problogit.data.matrix import Layout, assemble, wants_sparse
from problogit.data.response import ResponseCoding, evaluate_left
from problogit.data.rows import Array, Design, Matrix, Replay, Rows, Unseen
from problogit.data.selection import Roles, select_rows
from problogit.data.sources import Table, open_source, show_rows, unknown_column
from problogit.data.state import pack
from problogit.data.structure import plan_products
from problogit.errors import DataError, explain
from problogit.validation import check_choice

__all__ = ["FormulaDesign", "check_finite", "learn_design"]

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

    def replay(self, data: Any, unseen: Unseen = "error") -> Replay:
        """Code new data by column name.

        Parameters
        ----------
        data : table or path
            Holds the columns of the predictors, and the offset's where the model has one.
        unseen : str
            ``error``, ``nan`` (the row is not complete) or ``average`` (the factor's columns take their training average).

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
        X, complete, notes = self._code(table, unseen)
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
        left = read_left(self.left, Names(source.names, tuple(self.functions), source.origin))
        table = source.read((*self.variables, *left.columns, *self.roles.columns.values()))
        parts = self.roles.for_new_data(table, self.roles.given)
        states = {text: dict(state) for text, state in self.states.items()}
        outcome = self.coding.encode(evaluate_left(left, table, self.functions, states), table.index)
        X, complete, _ = self._code(table, unseen)
        picked = select_rows(
            outcome,
            {"a predictor": ~complete},
            parts,
            weights_type=self.roles.weights_type,
            name=self.coding.name,
            fitting=False,
        )
        return Rows(
            X[picked.kept],
            picked.successes,
            picked.trials,
            picked.weights,
            picked.offset,
            picked.kept,
            table.index,
        )

    def _code(self, table: Table, unseen: Unseen) -> tuple[Matrix, Bools, tuple[str, ...]]:
        """The matrix of all rows of a table, which of them are complete, and why the others are not."""
        check_choice("unseen", unseen, _UNSEEN)
        gaps = {name: table.columns[name].is_missing() for name in self.variables}
        notes = _missing_note(gaps)
        complete = ~np.any([np.zeros(table.n_rows, dtype=bool), *gaps.values()], axis=0)
        rows = np.flatnonzero(complete)
        columns = _matching(table.take(rows), self.kinds)
        labels = _Labels(table.index, rows)
        states = {text: dict(state) for text, state in self.states.items()}
        values: list[Values] = []
        coded = np.ones(len(rows), dtype=bool)
        for expression, part in zip(self.expressions, self.parts, strict=True):
            value = expression.evaluate(columns, len(rows), self.functions, states, labels.show)
            encoded = part.encode(value, labels.show)
            if isinstance(part, Categorical) and unseen != "average" and (encoded == UNSEEN).any():
                if unseen == "error":
                    raise part.unseen(value, encoded, labels)
                notes += (
                    f"{part.column!r} holds levels without training rows at {labels.show(encoded == UNSEEN)}.",
                )
                coded &= encoded != UNSEEN
            values.append(encoded)
        X = assemble(self.layout, self.parts, values, len(rows), sparse=self.sparse)
        finite = _finite_rows(X)
        if not finite.all():
            check_infinite(columns, labels.show)
            notes += (f"The formula gives no number at {labels.show(~finite)}.",)
            coded &= finite
        complete[rows] = coded
        return _spread(X, rows, coded, table.n_rows), complete, notes

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


@dataclass(frozen=True, eq=False)
class _Labels:
    """Labels of some rows of a table, for messages."""

    index: Any
    rows: Any

    def __getitem__(self, position: int) -> Any:
        return self.index[int(self.rows[position])]

    def show(self, positions: Any) -> str:
        positions = np.asarray(positions)
        return show_rows(self, np.flatnonzero(positions) if positions.dtype == bool else positions)


def _read(data: Any, wanted: Sequence[str]) -> Table:
    source = open_source(data)
    for name in wanted:
        if name not in source.names:
            raise unknown_column(name, source.names, "the new data")
    return source.read(wanted)


def _missing_note(gaps: Mapping[str, Bools]) -> tuple[str, ...]:
    counts = [f"{name} ({int(mask.sum())})" for name, mask in gaps.items() if mask.any()]
    return (f"Missing values in {', '.join(counts)}.",) if counts else ()


def _kind(column: Column) -> str:
    return "labels" if isinstance(column, Labels) else "numbers" if isinstance(column, Numbers) else "opaque"


def _matching(columns: Mapping[str, Column], kinds: Mapping[str, str]) -> dict[str, Column]:
    """The columns, checked to be of the kind that was learned; numbers may stand for labels that are numbers."""
    out: dict[str, Column] = {}
    for name, kind in kinds.items():
        column = columns[name]
        if kind == "labels" and isinstance(column, Numbers):
            levels, codes = np.unique(column.values, return_inverse=True)
            column = Labels(codes.astype(np.int64).reshape(-1), tuple(levels.tolist()))
        if _kind(column) != kind and len(column):
            raise DataError(
                explain(f"column {name!r}", f"must hold {kind}, as when the model was fitted", _kind(column))
            )
        out[name] = column if len(column) else _empty(kind)
    return out


def _empty(kind: str) -> Column:
    return Labels(np.empty(0, dtype=np.int64), ()) if kind == "labels" else Numbers(np.empty(0))


def _finite_rows(X: Matrix) -> Bools:
    if isinstance(X, np.ndarray):
        with np.errstate(all="ignore"):
            sums = X.sum(axis=1)
        good = np.isfinite(sums)
        if not good.all():  # a sum of finite numbers may overflow
            good[~good] = np.isfinite(X[~good]).all(axis=1)
        return np.asarray(good, dtype=bool)
    good = np.ones(X.shape[0], dtype=bool)
    bad = ~np.isfinite(X.data)
    if bad.any():
        good[np.searchsorted(X.indptr, np.flatnonzero(bad), side="right") - 1] = False
    return good


def check_infinite(columns: Mapping[str, Column], show: Callable[[Any], str]) -> None:
    """Refuse infinite values in the user's own columns."""
    for name, column in columns.items():
        if isinstance(column, Numbers) and column.values.dtype.kind == "f":
            bad = np.isinf(column.values)
            if bad.any():
                raise DataError(
                    explain(f"column {name!r} at {show(bad)}", "must be finite", float(column.values[bad][0]))
                )


def check_finite(X: Matrix, terms: Sequence[str], show: Callable[[Any], str]) -> None:
    """Refuse a design with infinite or undefined entries, naming the term and the rows."""
    bad_rows = np.flatnonzero(~_finite_rows(X))
    if not bad_rows.size:
        return
    part = X[bad_rows] if isinstance(X, np.ndarray) else X[bad_rows].toarray()
    bad = ~np.isfinite(part)
    column = int(np.flatnonzero(bad.any(axis=0))[0])
    rows = bad_rows[bad[:, column]]
    value = part[bad[:, column], column][0]
    raise DataError(
        f"term {terms[column]!r} is {'not a number' if np.isnan(value) else 'infinite'} at {show(rows)}; repair these values, or "
        "leave the rows out."
    )


def _spread(X: Matrix, rows: Any, coded: Bools, n_rows: int) -> Matrix:
    """The matrix of all rows: zeros where a row could not be coded."""
    if len(rows) == n_rows and coded.all():
        return X
    if isinstance(X, np.ndarray):
        out = np.zeros((n_rows, X.shape[1]))
        out[rows[coded]] = X[coded]
        return out
    import scipy.sparse as sp

    place = rows[coded]
    spreader = sp.csr_array((np.ones(len(place)), (place, np.arange(len(place)))), shape=(n_rows, len(place)))
    return sp.csr_array(spreader @ X[np.flatnonzero(coded)])


def learn_design(
    formula: Formula,
    coding: ResponseCoding,
    roles: Roles,
    table: Table,
    rows: Any,
    mass: Array,
    functions: Functions,
    states: dict[str, dict[str, Any]],
) -> tuple[FormulaDesign, Matrix, tuple[str, ...]]:
    """Learn levels, knots and moments from the rows of a table, and code them.

    Parameters
    ----------
    formula : Formula
    coding, roles
        Kept for replay.
    table : Table
    rows : ndarray of int
        Complete rows with weight; nothing else is looked at.
    mass : ndarray, shape (n_rows,)
        Trials x weight of these rows.
    functions : mapping
    states : dict
        What transforms on the left side learned; those of the right side are added.

    Returns
    -------
    design, X, notes
    """
    texts = tuple(dict.fromkeys(factor for term in formula.terms for factor in term.factors))
    names = Names(tuple(table.columns), tuple(functions), table.origin)
    expressions = tuple(text.read(names) for text in texts)
    variables = tuple(dict.fromkeys(name for expression in expressions for name in expression.columns))
    columns = {name: table.columns[name].take(rows) for name in variables}
    labels = _Labels(table.index, rows)
    check_infinite(columns, labels.show)
    parts, values, notes = [], [], []
    for text, expression in zip(texts, expressions, strict=True):
        value = expression.evaluate(columns, len(rows), functions, states, labels.show)
        column = expression.columns[0] if len(expression.columns) == 1 else text.text
        part, encoded, said = learn_factor(text.text, column, value, mass)
        parts.append(part)
        values.append(encoded)
        notes.extend(said)
    place = {text: i for i, text in enumerate(texts)}
    plans = plan_products(
        [[place[factor] for factor in term.factors] for term in formula.terms],
        [part.spans_intercept for part in parts],
    )
    notes.extend(_one_level_notes(parts, plans))
    layout = Layout.make([term.label for term in formula.terms], plans, parts)
    _check_names(layout.terms)
    sparse = wants_sparse(layout, parts, len(rows))
    X = assemble(layout, parts, values, len(rows), sparse=sparse)
    check_finite(X, layout.terms, labels.show)
    design = FormulaDesign(
        text=formula.text,
        left=formula.left,
        coding=coding,
        roles=roles,
        factors_text=texts,
        expressions=expressions,
        parts=tuple(parts),
        layout=layout,
        states={text: state for text, state in states.items() if state},
        kinds={name: _kind(table.columns[name]) for name in variables},
        sparse=sparse,
        functions=dict(functions),
    )
    return design, X, tuple(dict.fromkeys(notes))


def _one_level_notes(parts: Sequence[Factor], plans: Sequence[Any]) -> list[str]:
    left_out = {i for plan in plans for product in plan for i, reduced in product if reduced}
    return [
        f"The factor {part.column!r} has the one level {part.levels[0]!r} among the rows used and was left out."
        for i, part in enumerate(parts)
        if isinstance(part, Categorical) and len(part.levels) == 1 and i in left_out
    ]


def _check_names(terms: Sequence[str]) -> None:
    if not terms:
        raise DataError("the formula gives no column: every factor has one level only.")
    seen: set[str] = set()
    for term in terms:
        if term in seen:
            raise DataError(
                f"the formula gives two columns the name {term!r}; rename a column or a level of the data."
            )
        seen.add(term)
