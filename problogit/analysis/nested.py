"""The comparison of nested fits."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from problogit.analysis.fits import estimate_of
from problogit.analysis.restricted import Restricted
from problogit.analysis.tests import KINDS, TestResult, kind_notes, made_result, run_test
from problogit.core.coefficients import as_dense
from problogit.core.rank import find_aliases
from problogit.core.scaling import ColumnStats
from problogit.data.rows import Array, Matrix
from problogit.errors import InputError, NotAvailableError, explain
from problogit.estimate import Estimate, HasEstimate
from problogit.problem import Problem
from problogit.validation import check_choice

__all__ = ["anova"]


def anova(
    small: Estimate | HasEstimate,
    big: Estimate | HasEstimate,
    kind: Literal["lr", "wald", "score"] = "lr",
) -> TestResult:
    """Test of a fit within another.

    Parameters
    ----------
    small, big : Fit or Estimate
        Fits by maximum likelihood, or both under Jeffreys' prior, of the same rows and the same event; every column of
        `small` is a linear combination of columns of `big`.
    kind : str
        ``lr`` (likelihood ratio), ``wald`` (in `big`, with its covariance, robust ones included) or ``score`` (at
        `small`; robust where `big` is).

    Raises
    ------
    InputError
        One is no fit, or the fits differ in rows, outcomes, weights or offset, or are not nested.
    NotAvailableError
        The method of one of them has no such test.
    """
    check_choice("kind", kind, KINDS)
    a, b = estimate_of(small, "small"), estimate_of(big, "big")
    for estimate in (a, b):
        refusal = estimate.method.refusal(kind, estimate.problem)
        if refusal:
            raise NotAvailableError(refusal)
    if a.method.prior.joint != b.method.prior.joint:
        raise InputError(
            f"anova needs two fits of one method; received {a.method.describe()} and {b.method.describe()}."
        )
    _check_same_data(a.problem, b.problem)
    restricted = Restricted.within(b, a.problem.maximum, _span(a.problem, b.problem))
    statistic, df = run_test(restricted, kind)
    added = tuple(term for term in b.terms if term not in a.terms)
    label = f"{a.problem.design.formula or 'small'} within {b.problem.design.formula or 'big'}"
    return made_result(label, kind, statistic, df, added, kind_notes(b, kind, df, restricted.df))


def _span(small: Problem, big: Problem) -> Array:
    """The kept columns of `small` as combinations of the kept columns of `big`."""
    ranks = small.maximum.aliases.rank, big.maximum.aliases.rank
    if ranks[0] >= ranks[1]:
        turn = " Give the smaller fit first." if ranks[0] > ranks[1] else " They span the same columns."
        raise InputError(
            f"small and big must be nested, big with the higher rank; received ranks {ranks[0]} and {ranks[1]}.{turn}"
        )
    A, B = big.rows.X, small.rows.X
    dense = isinstance(A, np.ndarray) and isinstance(B, np.ndarray)
    both: Matrix = (
        np.hstack([as_dense(A), as_dense(B)])
        if dense
        else sp.csr_array(sp.hstack([sp.csr_array(A), sp.csr_array(B)]))
    )
    stats = ColumnStats(
        *(
            np.concatenate([getattr(big.column_stats, name), getattr(small.column_stats, name)])
            for name in ("mean", "sd", "minimum", "maximum", "two_valued")
        )
    )
    scaling = stats.scaling(big.intercept, centre=dense)
    likelihood = replace(big.row_likelihood, X=both, center=scaling.center, scale=scaling.scale)
    found = find_aliases(likelihood, scaling)
    stray = [small.terms[j - big.n_terms] for j in found.kept if j >= big.n_terms]
    if stray:
        remedy = "These columns are not in the span of big's."
        raise InputError(explain("small", "must be nested in big", ", ".join(stray), remedy))
    wanted = big.n_terms + small.maximum.aliases.kept
    return found.relation[:, np.searchsorted(found.dropped, wanted)]


def _check_same_data(small: Problem, big: Problem) -> None:
    a, b = small.rows, big.rows
    if small.report.n_input != big.report.n_input:
        raise InputError(
            "anova needs two fits of the same rows; the tables have "
            f"{small.report.n_input} and {big.report.n_input} rows."
        )
    alone = np.setxor1d(a.kept, b.kept)
    if alone.size:
        raise InputError(
            f"anova needs two fits of the same rows; {alone.size} row(s) are in one of them only (missing values in "
            "the columns that the other does not use?). Drop incomplete rows from the table first and fit both again."
        )
    if not np.array_equal(a.kept, b.kept):
        count = int(np.count_nonzero(a.kept != b.kept)) if a.kept.size == b.kept.size else b.kept.size
        raise InputError(
            f"anova needs two fits of the same rows; they differ in {count} (repeated or reordered) rows."
        )
    differ = _differing(a.successes, b.successes) | _differing(a.trials, b.trials)
    if differ.any():
        raise InputError(
            "anova needs two fits of the same event; received "
            f"{small.response.describe()} and {big.response.describe()}, whose outcomes differ in "
            f"{int(differ.sum())} rows."
        )
    for name, first, second in (("weights", a.weights, b.weights), ("offset", a.offset, b.offset)):
        count = int(_differing(first, second).sum())
        if count:
            raise InputError(f"anova needs two fits with the same {name}; they differ in {count} rows.")


def _differing(first: Array, second: Array) -> NDArray[np.bool_]:
    return np.asarray(first != second)
