"""Learning one factor from its training values: levels, contrasts, the columns of a basis."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from problogit.data.coding import UNSEEN, Categorical, Coding, Factor, Numeric, Values, as_labels
from problogit.data.columns import Labels, plain
from problogit.data.formulaic_parts import contrast_table, read_contrast
from problogit.data.rows import Array
from problogit.data.values import Basis, Marked
from problogit.errors import DataError, FormulaError, listed
from problogit.validation import nearest

__all__ = ["learn_factor"]

_FEW_LEVELS = 5
_MANY_LEVELS = 50


def learn_factor(name: str, column: str, value: Any, mass: Array) -> tuple[Factor, Values, tuple[str, ...]]:
    """Learn a factor from its training values.

    Parameters
    ----------
    name : str
        The factor as the formula writes it.
    column : str
        What messages call it.
    value : array, Labels, Marked or Basis
        Values of the training rows, nothing missing.
    mass : ndarray, shape (n,)
        Trials x weight of each row, for the average level.

    Returns
    -------
    factor, values, notes
        The factor, the training values as it holds them, and what the user should know.
    """
    if isinstance(value, Labels):
        value = Marked(value)
    if isinstance(value, Marked):
        return _learn_categorical(name, column, value, mass)
    if isinstance(value, Basis):
        width = value.matrix.shape[1]
        names = tuple(f"{name}[{label}]" for label in value.fields)
        kept = tuple(i for i in range(width) if i != value.drop)
        full = Coding(names, picks=tuple(range(width)))
        reduced = Coding(tuple(names[i] for i in kept), picks=kept)
        factor = Numeric(name, full, reduced, spans_intercept=value.drop is not None)
        return factor, value.matrix, ()
    if isinstance(value, np.ndarray):
        coding = Coding((name,), picks=(0,))
        return Numeric(name, coding, coding), value.astype(np.float64, copy=False)[:, None], ()
    raise FormulaError(f"{name!r} in the formula gives neither numbers nor a factor.")


def _learn_categorical(
    name: str, column: str, marked: Marked, mass: Array
) -> tuple[Factor, Values, tuple[str, ...]]:
    labels = as_labels(marked.values)
    if labels is None:
        raise FormulaError(f"{name!r} in the formula must give one value a row.")
    labels = _declared(name, labels, marked)
    counts = np.bincount(labels.codes, minlength=len(labels.levels))
    contrast, custom = read_contrast(marked.contrasts)
    notes: list[str] = []
    empty = [level for level, count in zip(labels.levels, counts, strict=True) if not count]
    if empty and not custom:
        labels = _drop_levels(labels, counts)
        if labels.declared or marked.levels is not None:
            notes.append(_note_on_empty(column, empty))
    notes += _notes_on_text(column, labels)
    shares = np.bincount(labels.codes, weights=mass, minlength=len(labels.levels))
    factor = Categorical(
        name=name,
        column=column,
        levels=labels.levels,
        shares=shares / max(float(shares.sum()), np.finfo(np.float64).tiny),
        full=_coding(name, contrast, labels.levels, reduced=False),
        reduced=_coding(name, contrast, labels.levels, reduced=True),
        spans_intercept=marked.spans_intercept,
    )
    return factor, labels.codes, tuple(notes)


def _notes_on_text(column: str, labels: Labels) -> list[str]:
    """Say of a text column that it was perhaps meant as numbers, or that it has a level for nearly every row."""
    levels = labels.levels
    if labels.declared or len(levels) < _FEW_LEVELS or not all(isinstance(level, str) for level in levels):
        return []
    odd = [level for level in levels if not _is_number(level)]
    if 0 < len(odd) <= len(levels) // 3:
        return [
            f"{column!r} is text with {len(levels)} levels, and a factor for that reason, but only "
            f"{listed([repr(level) for level in odd], 3)} of them {'are' if len(odd) > 1 else 'is'} not a number: "
            "if it was meant as a number, mark these values as missing."
        ]
    if len(levels) > _MANY_LEVELS and len(levels) > labels.codes.size / 10:
        return [
            f"{column!r} is text with {len(levels)} levels in {labels.codes.size} rows, and a factor for that reason: "
            "a date or an identifier is seldom meant so."
        ]
    return []


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _note_on_empty(column: str, empty: list[Any]) -> str:
    shown = listed([repr(level) for level in empty])
    plural = len(empty) > 1
    return (
        f"The level{'s' if plural else ''} {shown} of {column!r} {'have' if plural else 'has'} no rows and "
        f"{'were' if plural else 'was'} left out."
    )


def _declared(name: str, labels: Labels, marked: Marked) -> Labels:
    """The labels under the levels that ``C(x, levels=[...])`` names."""
    if marked.levels is None:
        return labels
    if len(set(marked.levels)) != len(marked.levels):
        raise FormulaError(f"{name}: levels= must name each level once.")
    place = {level: i for i, level in enumerate(marked.levels)}
    used = {labels.levels[code] for code in np.unique(labels.codes)}
    stray = sorted((level for level in used if level not in place), key=str)
    if stray:
        raise DataError(
            f"{name}: the data hold {', '.join(map(repr, stray[:8]))}, which levels= does not name."
        )
    lookup = np.array([place.get(level, UNSEEN) for level in labels.levels], dtype=np.int64)
    return Labels(lookup[labels.codes], marked.levels, declared=True)


def _drop_levels(labels: Labels, counts: NDArray[Any]) -> Labels:
    kept = np.flatnonzero(counts)
    place = np.full(len(labels.levels), UNSEEN, dtype=np.int64)
    place[kept] = np.arange(len(kept))
    return Labels(place[labels.codes], tuple(labels.levels[i] for i in kept), labels.declared)


def _coding(name: str, contrast: Any, levels: tuple[Any, ...], *, reduced: bool) -> Coding:
    listed = list(levels)
    if len(listed) == 1 and reduced:
        return Coding((), table=sp.csr_array((1, 0), dtype=np.float64))
    base = getattr(contrast, "base", None)
    if isinstance(base, (str, int, float)) and plain(base) not in levels:
        close = nearest(base, levels)
        hint = f"did you mean {close!r}?" if close else f"levels are {', '.join(map(repr, levels[:8]))}."
        raise DataError(f"{name}: the reference level {base!r} has no rows; {hint}")
    try:
        table, names = contrast_table(contrast, name, listed, reduced=reduced)
    except (ValueError, TypeError, IndexError) as error:
        raise FormulaError(f"{name}: the contrasts do not fit the levels: {error}") from error
    if table.shape[0] != len(listed):
        raise FormulaError(f"{name}: the contrasts have {table.shape[0]} rows for {len(listed)} levels.")
    return Coding(names, table=table)
