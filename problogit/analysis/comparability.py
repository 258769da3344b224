"""Whether estimates are of the same rows, response and event: only then may they stand side by side."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from problogit.data.rows import Matrix, Rows
from problogit.errors import InputError
from problogit.estimate import Estimate
from problogit.problem import Problem

__all__ = ["offset_notes", "require_same_rows", "same_offset"]


def require_same_rows(estimates: Mapping[str, Estimate]) -> None:
    """Raise `InputError`, naming what differs, unless all estimates are of the same rows, response and event.

    Of fits that were loaded without their data only counts and names are compared.
    """
    (first, reference), *others = estimates.items()
    for label, estimate in others:
        difference = _difference(reference.problem, estimate.problem)
        if difference:
            raise InputError(
                f"fits must be of the same rows, response and event to be compared; {first!r} and {label!r} differ in "
                f"{difference}. Fit them to the same data, or compare them through predictions for new data."
            )


def offset_notes(estimates: Mapping[str, Estimate]) -> tuple[str, ...]:
    """A sentence for the labels whose offset is not that of the first; none where all have the same.

    Of fits without their data only the columns' names are known.
    """
    (first, reference), *others = estimates.items()
    unlike = [label for label, estimate in others if not same_offset(reference.problem, estimate.problem)]
    if not unlike:
        return ()
    listed = ", ".join(map(repr, unlike))
    return (
        f"The offset of {listed} is not that of {first!r}: their coefficients, the intercept above all, are relative "
        "to different known log-odds, and do not mean the same.",
    )


def same_offset(one: Problem, other: Problem) -> bool:
    """Whether both have the same offset; of fits without their data, the same column."""
    if one is other:
        return True
    if one.data is None or other.data is None:
        return one.design.offset_column == other.design.offset_column
    return np.array_equal(one.data.offset, other.data.offset)


def _difference(one: Problem, other: Problem) -> str:
    """What differs first, or an empty string."""
    if one is other:
        return ""
    pairs = (
        ("the response", one.response.name, other.response.name),
        ("the modelled event", one.response.describe(), other.response.describe()),
        ("the kind of weights", one.weights_type, other.weights_type),
        ("the number of observations", one.nobs, other.nobs),
        ("the number of events", one.sample.n_events, other.sample.n_events),
    )
    for what, here, there in pairs:
        if here != there:
            return f"{what} ({here} against {there})"
    if one.data is None or other.data is None:
        return ""
    return _row_difference(one.data, other.data) or _coding_difference(one, other)


def _row_difference(one: Rows, other: Rows) -> str:
    if one.n_obs != other.n_obs:
        return f"the number of rows ({one.n_obs} against {other.n_obs})"
    for what, here, there in (
        ("outcomes", one.successes, other.successes),
        ("trials", one.trials, other.trials),
        ("weights", one.weights, other.weights),
        ("rows of the table that were kept", one.kept, other.kept),
    ):
        unequal = int(np.count_nonzero(here != there))
        if unequal:
            return f"their {what} ({unequal} of {one.n_obs} rows)"
    return ""


def _coding_difference(one: Problem, other: Problem) -> str:
    """A term that both have and that does not mean the same columns."""
    where = {term: j for j, term in enumerate(other.terms)}
    for j, term in enumerate(one.terms):
        if term in where and not np.array_equal(_column(one.rows.X, j), _column(other.rows.X, where[term])):
            return f"the coding of the term {term!r}"
    return ""


def _column(X: Matrix, j: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return X[:, j] if isinstance(X, np.ndarray) else np.asarray(X[:, [j]].todense()).ravel()
