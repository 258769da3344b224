"""Learning a formula's design from training rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from problogit.data.coding import Categorical, Factor
from problogit.data.factor_learning import learn_factor
from problogit.data.finite import RowLabels, check_finite, check_infinite
from problogit.data.formula import Formula
from problogit.data.formula_design import FormulaDesign, Functions, kind_of
from problogit.data.matrix import Layout, assemble, wants_sparse
from problogit.data.reader import Names
from problogit.data.response import ResponseCoding
from problogit.data.roles import Roles
from problogit.data.rows import Array, Matrix
from problogit.data.structure import plan_products
from problogit.data.table import Table
from problogit.errors import DataError

__all__ = ["learn_design"]


def learn_design(
    formula: Formula,
    coding: ResponseCoding,
    roles: Roles,
    table: Table,
    *,
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
    names = Names(table.columns, tuple(functions), table.origin)
    expressions = tuple(text.read(names) for text in texts)
    columns = table.take(rows, formula.columns)
    labels = RowLabels(table.index, rows)
    check_infinite(columns, labels.show)
    values = [
        expression.evaluate(columns, len(rows), functions, states, labels.show) for expression in expressions
    ]
    called = [e.columns[0] if len(e.columns) == 1 else e.text for e in expressions]
    learned = [
        learn_factor(text.text, name, value, mass)
        for text, name, value in zip(texts, called, values, strict=True)
    ]
    parts = [part for part, _, _ in learned]
    place = {text: i for i, text in enumerate(texts)}
    plans = plan_products(
        [[place[factor] for factor in term.factors] for term in formula.terms],
        [part.spans_intercept for part in parts],
    )
    layout = Layout.make([term.label for term in formula.terms], plans, parts)
    _check_names(layout.terms)
    sparse = wants_sparse(layout, parts, len(rows))
    X = assemble(layout, parts, [encoded for _, encoded, _ in learned], len(rows), sparse=sparse)
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
        kinds={name: kind_of(table.columns[name]) for name in formula.columns},
        sparse=sparse,
        functions=dict(functions),
    )
    notes = [note for _, _, said in learned for note in said] + _one_level_notes(parts, plans)
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
