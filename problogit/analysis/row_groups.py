"""The rows in use divided into groups: by a factor, a column, or labels that the user has."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from problogit.analysis.binned import bin_starts
from problogit.core.coefficients import as_dense
from problogit.data.columns import Column, Labels
from problogit.data.rows import Array
from problogit.errors import InputError, explain
from problogit.estimate import Estimate
from problogit.validation import nearest

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["column_labels", "groups_of", "labels_in", "row_groups"]

_FEW_VALUES = 12
_BINS = 5
_MOST_GROUPS = 200
_EXACT = 1e15  # whole numbers up to here are written in full


def row_groups(estimate: Estimate, by: Any) -> tuple[NDArray[np.int64], list[str], str]:
    """The group of each row in use, the groups' labels, and the name of what divides them.

    Parameters
    ----------
    estimate : Estimate
    by : str or array
        A column of the user's table, whether the model has it or not; a factor or column of the design; or one label
        or number for each row in use (or for each row of the table). Numbers of more than 12 values are cut into
        fifths.
    """
    import pandas as pd

    rows = estimate.problem.rows
    if isinstance(by, str) and rows.groups is not None and by in rows.groups.names:
        return (*groups_of(column_labels(rows.groups.column(by, rows.kept))), by)
    if isinstance(by, str):
        return (*_of_design(estimate, by), by)
    name = str(by.name) if isinstance(by, pd.Series) else "values"
    labels = labels_in(by)
    if labels is not None and len(labels) != rows.n_obs and len(labels) == len(rows.index):
        labels = labels.iloc[rows.kept].reset_index(drop=True)
    if labels is None or len(labels) != rows.n_obs:
        rule = f"must be the name of a column or factor, or {rows.n_obs} labels, one for each row in use"
        raise InputError(explain("by", rule, by))
    return (*groups_of(labels), name)


def column_labels(column: Column) -> pd.Series[Any]:
    """The values of a column as labels, missing where they are."""
    import pandas as pd

    values: Any = pd.Series(column.text() if isinstance(column, Labels) else column.values)
    return cast("pd.Series[Any]", values.mask(column.is_missing()))


def labels_in(by: Any) -> pd.Series[Any] | None:
    """The labels of a Series, a list or an array of one dimension; None where it is something else."""
    import pandas as pd

    if isinstance(by, str) or not isinstance(by, (pd.Series, pd.Categorical, np.ndarray, Sequence)):
        return None
    if isinstance(by, np.ndarray) and by.ndim != 1:
        return None
    labels = pd.Series(by).reset_index(drop=True)
    plain = labels.dtype != object or all(isinstance(label, Hashable) for label in labels)
    return labels if plain else None


def groups_of(values: pd.Series[Any]) -> tuple[NDArray[np.int64], list[str]]:
    """The group of each value and the groups' labels, all different; numbers of more than 12 values make fifths."""
    import pandas as pd

    if values.isna().any():
        raise InputError(
            explain("by", "must have a label for every row", f"{int(values.isna().sum())} missing")
        )
    long = values.dtype.kind in "iu" and len(values) and max(-int(values.min()), int(values.max())) >= _EXACT
    if values.dtype.kind in "iuf" and not long:  # long whole numbers are names: two of them may be one float
        return _of_numbers(values.to_numpy(dtype=float))
    codes, labels = pd.factorize(values, sort=True)
    if len(labels) > _MOST_GROUPS:
        raise InputError(explain("by", f"must make at most {_MOST_GROUPS} groups", f"{len(labels)} labels"))
    texts = [str(label) for label in labels]
    if len(set(texts)) < len(texts):  # 1 and "1"
        texts = [repr(label) for label in labels]
    return codes.astype(np.int64), texts


def _of_design(estimate: Estimate, by: str) -> tuple[NDArray[np.int64], list[str]]:
    """The levels of a factor by its dummies, or the values of one column."""
    problem = estimate.problem
    columns = dict(problem.design.factors).get(by)
    if columns is None and by in problem.terms:
        columns = (problem.terms.index(by),)
    if columns is None:
        groups = problem.rows.groups
        known = [*dict(problem.design.factors), *problem.terms, *(() if groups is None else groups.names)]
        close = nearest(by, known)
        hint = (
            f"Did you mean {close!r}?"
            if close
            else "For another variable pass its values for the rows in use."
        )
        raise InputError(
            explain("by", "must be a column of the data, or a factor or column of the model", by, hint)
        )
    block = as_dense(problem.rows.X[:, list(columns)])
    if len(columns) == 1:
        return _of_numbers(block[:, 0])
    if not (np.isin(block, (0.0, 1.0)).all() and (block.sum(axis=1) <= 1).all()):
        remedy = "Pass the values of its variable for the rows in use."
        raise InputError(explain("by", "must be a factor with one column a level", by, remedy))
    codes = np.where(block.any(axis=1), block.argmax(axis=1) + 1, 0)
    labels = ["reference", *(problem.terms[j] for j in columns)]
    used, codes = np.unique(codes, return_inverse=True)
    return codes.astype(np.int64), [labels[k] for k in used]


def _of_numbers(values: Array) -> tuple[NDArray[np.int64], list[str]]:
    values = values + 0.0  # no minus zero
    found, codes = np.unique(values, return_inverse=True)
    if found.size <= _FEW_VALUES:
        return codes.astype(np.int64), _texts(found, 6)
    order = np.argsort(values, kind="stable")
    starts = bin_starts(values[order], np.ones(values.size), _BINS)
    place = np.searchsorted(starts, np.arange(values.size), side="right") - 1
    groups = np.empty(values.size, dtype=np.int64)
    groups[order] = place
    ends = np.append(starts[1:], values.size) - 1
    texts = _texts(values[order][np.concatenate([starts, ends])], 4)
    pairs = zip(texts[: starts.size], texts[starts.size :], strict=True)
    return groups, [low if low == high else f"{low} to {high}" for low, high in pairs]


def _texts(values: Array, digits: int) -> list[str]:
    """Whole numbers as they are, others with so many digits, or as many more as tell them apart."""
    if (np.abs(values) < _EXACT).all() and (values == np.round(values)).all():
        return [f"{value:.0f}" for value in values]
    n_values = np.unique(values).size
    every = ([f"{value:.{n}g}" for value in values] for n in range(digits, 18))
    return next(texts for texts in every if len(set(texts)) == n_values)
