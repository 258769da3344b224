"""The derivative of a design with respect to a variable of the user's table.

Where the formula uses the variable only as it is, every column is linear in it, and the derivative is exact: the
columns at 1 minus the columns at 0. Elsewhere (splines, logarithms, powers) it is that of the quartic through five
points about the value, a thousandth of the value apart (at most a thousandth, at least a hundred-thousandth of a
quarter of the range), moved inside the range of the training data at its ends. The error is O(step^4), some 1e-10 of
the derivative. The cubic through four of the points says whether there is a derivative at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from problogit.analysis.effects_rows import EffectRows, Moved, Place, Set, Step
from problogit.analysis.effects_variables import Variable
from problogit.core.coefficients import as_dense
from problogit.data.columns import Numbers
from problogit.data.rows import Array
from problogit.errors import InputError, explain

__all__ = ["Derivative", "design_derivative"]

_FIVE = (-2, -1, 0, 1, 2)
_FRACTION = 1e-3
_SMALLEST = 1e-5


@dataclass(frozen=True, eq=False)
class Derivative:
    """dX/dx of a block of rows.

    Attributes
    ----------
    slope : Moved
        The columns that depend on the variable, and their derivative.
    doubt : Moved or None
        Difference to a formula of lower order; None where the derivative is exact.
    """

    slope: Moved
    doubt: Moved | None


def design_derivative(
    rows: EffectRows, block: slice, steps: Sequence[Step], variable: Variable
) -> Derivative:
    """The derivative after these steps."""
    name = variable.name
    names = frozenset([name])
    if rows.linear(name):
        one, zero = (rows.coded(block, names, (*steps, Set(name, value))) for value in (1.0, 0.0))
        return Derivative(Moved(one.columns, one.step - zero.step), None)
    column = rows.column(name).take(block)
    for step in steps:
        if step.name == name:
            column = step.apply(column)
    if not isinstance(column, Numbers):
        raise InputError(
            explain("variables", "must be numbers where kind='slope' asks for derivatives", name)
        )
    nodes, h, t = _stencil(column.floats(), variable)
    coded = [
        as_dense(rows.coded(block, names, (*steps, Place(name, nodes + k * h))).step) / h[:, None]
        for k in _FIVE
    ]
    columns = rows.coded(slice(0, 1), names, ()).columns
    slope = _combined(coded, _weights(t, _FIVE))
    left, right = _weights(t, _FIVE[:4]), _weights(t, _FIVE[1:])
    lower = np.where((t <= 0)[:, None], _combined(coded[:4], left), _combined(coded[1:], right))
    return Derivative(Moved(columns, slope), Moved(columns, slope - lower))


def _stencil(x: Array, variable: Variable) -> tuple[Array, Array, Array]:
    """Middles of the five points of each row, their distance, and where the value lies between them, in distances."""
    low, high = np.minimum(variable.low, x), np.maximum(variable.high, x)
    size = (variable.high - variable.low) / 4
    if not size > 0:
        size = max(1.0, abs(variable.low))
        low, high = x - size, x + size
    h = np.clip(_FRACTION * np.abs(x), _SMALLEST * size, _FRACTION * size)
    middle = np.clip(x, low + 2 * h, high - 2 * h)
    return middle, h, (x - middle) / h


def _combined(coded: Sequence[Array], weights: Array) -> Array:
    return np.asarray(
        sum(weight[:, None] * columns for weight, columns in zip(weights.T, coded, strict=True))
    )


def _weights(t: Array, nodes: Sequence[int]) -> Array:
    """Derivatives at t of the Lagrange polynomials of the nodes, shape (n, n_nodes)."""
    found = np.zeros((t.size, len(nodes)))
    for place, k in enumerate(nodes):
        for m in nodes:
            if m == k:
                continue
            product = np.full(t.size, 1.0 / (k - m))
            for j in nodes:
                if j not in (k, m):
                    product *= (t - j) / (k - j)
            found[:, place] += product
    return found
