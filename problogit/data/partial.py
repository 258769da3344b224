"""The part of a formula's design that depends on some columns of the table: what changes when they do."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from problogit.data.formula_design import FormulaDesign
from problogit.data.matrix import Layout
from problogit.data.nodes import ColumnRef
from problogit.data.structure import Product

__all__ = ["is_linear", "part_of"]


def part_of(design: FormulaDesign, names: Collection[str]) -> tuple[FormulaDesign, NDArray[np.int64]]:
    """The design of the columns made of any of these variables, and where they stand in the whole, shape (k,).

    It reads the variables that stand in interactions with them too, and leaves every other one alone.
    """
    wanted = set(names)
    touched = {i for i, expression in enumerate(design.expressions) if wanted & set(expression.columns)}
    kept: list[tuple[str, list[Product], list[str]]] = []
    positions: list[int] = []
    place = 0
    layout = design.layout
    for label, products, columns in zip(layout.labels, layout.products, layout.names, strict=True):
        start = 0
        chosen: tuple[str, list[Product], list[str]] = (label, [], [])
        for product in products:
            width = _width(design, product)
            if touched & {i for i, _ in product}:
                chosen[1].append(product)
                chosen[2].extend(columns[start : start + width])
                positions.extend(range(place + start, place + start + width))
            start += width
        place += start
        if chosen[1]:
            kept.append(chosen)
    used = sorted({i for _, products, _ in kept for product in products for i, _ in product})
    renumbered = {i: k for k, i in enumerate(used)}
    read = {name for i in used for name in design.expressions[i].columns}
    part = replace(
        design,
        factors_text=tuple(design.factors_text[i] for i in used),
        expressions=tuple(design.expressions[i] for i in used),
        parts=tuple(design.parts[i] for i in used),
        layout=Layout(
            tuple(label for label, _, _ in kept),
            tuple(
                tuple(tuple((renumbered[i], reduced) for i, reduced in product) for product in products)
                for _, products, _ in kept
            ),
            tuple(tuple(columns) for _, _, columns in kept),
        ),
        kinds={name: kind for name, kind in design.kinds.items() if name in read},
    )
    return part, np.array(positions, dtype=np.int64)


def _width(design: FormulaDesign, product: Product) -> int:
    return math.prod(len(design.parts[i].coding(reduced=reduced).names) for i, reduced in product)


def is_linear(design: FormulaDesign, name: str) -> bool:
    """Whether every column is linear in this variable: it stands in the formula only as itself."""
    return all(
        isinstance(expression.node, ColumnRef)
        for expression in design.expressions
        if name in expression.columns
    )
