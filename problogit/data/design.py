"""From formula and table to a model's data, and from a saved state back to a design."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from problogit.data.array_design import ArrayDesign, Built
from problogit.data.coding import Categorical, factor_from_state
from problogit.data.expression import Expression
from problogit.data.formula import FactorText, Formula, read_formula, read_left
from problogit.data.formula_design import FormulaDesign
from problogit.data.formula_learning import learn_design
from problogit.data.groups import read_groups
from problogit.data.matrix import Layout
from problogit.data.reader import Names
from problogit.data.response import ResponseCoding, evaluate_left, learn_response
from problogit.data.roles import Roles, read_roles
from problogit.data.rows import Design
from problogit.data.selection import select_rows
from problogit.data.sources import open_source
from problogit.data.state import unpack
from problogit.data.summaries import summarise
from problogit.data.table import Source, Table
from problogit.errors import DataError, InputError, SavedFitError, explain
from problogit.validation import check_choice

__all__ = ["Built", "build_from_formula", "design_from_state"]

Functions = Mapping[str, Callable[..., Any]]


def build_from_formula(  # noqa: PLR0913 - the keywords of a model are a contract
    formula: str,
    data: Any,
    *,
    event: Any = None,
    trials: Any = None,
    weights: Any = None,
    weights_type: str = "frequency",
    offset: Any = None,
    missing: str = "drop",
    context: Functions | None = None,
    groups: Any = None,
) -> Built:
    """Design, response and rows of a formula; the keywords are those of `LogitModel`.

    Raises
    ------
    FormulaError, DataError, InputError
        Every rule on the formula, the table, the response, trials, weights, offset and groups.
    """
    check_choice("missing", missing, ("drop", "error"))
    functions = _functions(context)
    given = {"trials": trials, "weights": weights, "offset": offset}
    by_name = [value for value in given.values() if isinstance(value, str)]
    source = open_source(data)
    read, left, table = _read(formula, source, by_name, _group_columns(groups, source), functions)
    clusters = read_groups(groups, table, source)
    states: dict[str, dict[str, Any]] = {}
    column = evaluate_left(left, table, functions, states)
    coding = learn_response(left.text, column, event, counts=trials is not None)
    roles, parts = read_roles(given, weights_type, table, named=True)
    picked = select_rows(
        coding.encode(column, table.index),
        {name: table.columns[name].is_missing() for name in read.columns},
        parts,
        weights_type=weights_type,
        missing="drop" if missing == "drop" else "error",
        name=left.text,
    )
    mass = picked.weights * picked.trials
    design, X, notes = learn_design(
        read, coding, roles, table, rows=picked.kept, mass=mass, functions=functions, states=states
    )
    report = replace(
        picked.report,
        notes=notes,
        variables=summarise(
            table.take(picked.kept, design.variables),
            mass,
            as_labels=[part.column for part in design.parts if isinstance(part, Categorical)],
        ),
    )
    rows = replace(picked.rows(X, table.index), groups=clusters)
    return Built(design, coding.response, rows, report)


def _group_columns(groups: Any, source: Source) -> list[str]:
    """Columns of the table among the groups, which ``.`` leaves out."""
    listed = (
        [groups] if isinstance(groups, str) else list(groups) if isinstance(groups, (tuple, list)) else []
    )
    return [name for name in listed[:2] if isinstance(name, str) and name in source.names]


def _read(
    formula: str, source: Source, by_name: list[str], groups: list[str], functions: Functions
) -> tuple[Formula, Expression, Table]:
    """The formula, its left side, and the columns of the table that are needed."""
    names = Names(dict.fromkeys(source.names), tuple(functions), source.origin)
    read = read_formula(formula, names, reserved=(*by_name, *groups))
    left = read_left(read.left, names)
    table = source.read((*read.columns, *left.columns, *by_name))
    if table.n_rows == 0:
        raise DataError(f"{source.origin} has no rows.")
    return read, left, table


def _functions(context: Functions | None) -> dict[str, Callable[..., Any]]:
    if context is None:
        return {}
    if not isinstance(context, Mapping):
        raise InputError(explain("context", "must be a mapping of names to functions", context))
    for name, function in context.items():
        if not isinstance(name, str) or not name.isidentifier() or not callable(function):
            raise InputError(
                explain("context", "must map names to functions, as in {'f': f}", {name: function})
            )
    return dict(context)


def design_from_state(state: Mapping[str, Any], context: Functions | None = None) -> Design:
    """Rebuild the design that `Design.to_state` wrote; the text of its formula is checked again.

    Parameters
    ----------
    state : mapping
    context : mapping, optional
        The user's own functions that the formula calls.

    Raises
    ------
    SavedFitError
        The state is damaged, foreign, or holds text that could run code.
    InputError
        A function of the user's is not in `context`.
    """
    functions = _functions(context)
    try:
        wanted = [str(name) for name in state["functions"]] if state["kind"] == "formula" else []
        absent = [name for name in wanted if name not in functions]
        if not absent:
            return _rebuild(state, {name: functions[name] for name in wanted})
    except SavedFitError:
        raise
    except (
        InputError,
        KeyError,
        TypeError,
        ValueError,
        IndexError,
        AttributeError,
        RecursionError,
        OverflowError,
    ) as error:
        raise SavedFitError(f"the saved design is damaged: {error}") from error
    shown = ", ".join(f"{name!r}: {name}" for name in absent)
    raise InputError(f"the formula calls functions of your own; load it with context={{{shown}}}.")


def _rebuild(state: Mapping[str, Any], functions: Functions) -> Design:
    if state["version"] != 1 or state["kind"] not in {"formula", "arrays"}:
        raise SavedFitError("the design was saved by a version of problogit that this one cannot read.")
    return ArrayDesign.from_state(state) if state["kind"] == "arrays" else _formula_design(state, functions)


def _formula_design(state: Mapping[str, Any], functions: Functions) -> FormulaDesign:
    kinds = {str(name): str(kind) for name, kind in state["columns"].items()}
    if not set(kinds.values()) <= {"numbers", "labels", "opaque"}:
        raise ValueError("a column is of an unknown kind")
    names = Names(kinds, tuple(functions), "the saved design")
    texts = tuple(FactorText(str(factor["text"]), bool(factor["is_column"])) for factor in state["factors"])
    parts = tuple(
        factor_from_state(text.text, factor) for text, factor in zip(texts, state["factors"], strict=True)
    )
    products = [
        tuple(
            tuple((_position(i, len(parts)), bool(reduced)) for i, reduced in product)
            for product in term["products"]
        )
        for term in state["terms"]
    ]
    return FormulaDesign(
        text=str(state["formula"]),
        left=str(state["left"]),
        coding=ResponseCoding.from_state(state["response"]),
        roles=Roles.from_state(state["roles"]),
        factors_text=texts,
        expressions=tuple(text.read(names) for text in texts),
        parts=parts,
        layout=Layout.make([str(term["label"]) for term in state["terms"]], products, parts),
        states={str(text): dict(unpack(learned)) for text, learned in state["transforms"]},
        kinds=kinds,
        sparse=bool(state["sparse"]),
        functions=dict(functions),
    )


def _position(value: Any, limit: int) -> int:
    if not isinstance(value, int) or not 0 <= value < limit:
        raise ValueError("a term names a factor that does not exist")
    return value
