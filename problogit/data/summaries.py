"""Summaries of the predictors' own columns: what stands in for them where a curve varies one and holds the others."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from problogit.data.columns import Column, Labels, Numbers
from problogit.data.rows import Array, VariableSummary

__all__ = ["summarise"]


def summarise(
    columns: Mapping[str, Column], mass: Array, as_labels: Collection[str] = ()
) -> tuple[VariableSummary, ...]:
    """Summaries of columns of complete rows, each row counted with its mass (trials x weight).

    Numbers that the formula uses as labels, as in ``C(school)``, are summarised as labels. Columns that are neither
    numbers nor labels (dates and the like) are left out.
    """
    found = []
    for name, column in columns.items():
        if isinstance(column, Labels):
            found.append(_of_labels(name, column, mass))
        elif isinstance(column, Numbers):
            found.append((_of_codes if name in as_labels else _of_numbers)(name, column, mass))
    return tuple(found)


def _of_labels(name: str, column: Labels, mass: Array) -> VariableSummary:
    total = np.bincount(column.codes, weights=mass, minlength=len(column.levels))
    present = tuple(level for level, weight in zip(column.levels, total, strict=True) if weight > 0)
    return VariableSummary(name, column.levels[int(np.argmax(total))], np.nan, np.nan, present)


def _of_codes(name: str, column: Numbers, mass: Array) -> VariableSummary:
    levels, codes = np.unique(column.values, return_inverse=True)
    listed = tuple(levels.tolist())
    total = np.bincount(codes, weights=mass, minlength=len(listed))
    return VariableSummary(name, listed[int(np.argmax(total))], np.nan, np.nan, listed)


def _of_numbers(name: str, column: Numbers, mass: Array) -> VariableSummary:
    if column.values.dtype == np.bool_:
        typical = bool(mass @ column.values * 2 >= mass.sum())
        return VariableSummary(name, typical, 0.0, 1.0, tuple(bool(v) for v in np.unique(column.values)))
    values = column.floats()
    return VariableSummary(name, float(mass @ values / mass.sum()), float(values.min()), float(values.max()))
