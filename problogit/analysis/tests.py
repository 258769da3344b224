"""Tests that coefficients are zero: likelihood ratio, Wald and score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from problogit.analysis.chi_squared import log_survival
from problogit.analysis.restricted import Restricted
from problogit.errors import InputError, NotAvailableError, explain
from problogit.estimate import Estimate
from problogit.likelihood_inference import TEST_NAMES
from problogit.problem import Problem
from problogit.validation import check_choice, nearest

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["KINDS", "TestResult", "kind_notes", "made_result", "run_test", "term_columns", "test"]

Columns = NDArray[np.int64]
KINDS = tuple(TEST_NAMES)


@dataclass(frozen=True)
class TestResult:
    """A chi-squared test.

    Attributes
    ----------
    hypothesis : str
        What is tested, e.g. ``"C(school) = 0"``.
    kind : str
        ``"lr"``, ``"wald"`` or ``"score"``.
    statistic : float
    df : int
        Difference of the ranks.
    p_value : float
        From the upper tail of chi-squared; at least the smallest positive float.
    log_p : float
        Natural logarithm of the p-value, exact where `p_value` underflows.
    terms : tuple of str
        Coefficients that are set to zero.
    notes : tuple of str
        What to keep in mind.
    """

    hypothesis: str
    kind: str
    statistic: float
    df: int
    p_value: float
    log_p: float
    terms: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def frame(self) -> pd.DataFrame:
        """One row: ``hypothesis, kind, statistic, df, p_value, log_p``."""
        import pandas as pd

        names = ("hypothesis", "kind", "statistic", "df", "p_value", "log_p")
        return pd.DataFrame([{name: getattr(self, name) for name in names}])

    def __str__(self) -> str:
        """One line."""
        p = f"p = {self.p_value:.4g}" if self.log_p > -700 else f"p = 10^{self.log_p / np.log(10):.1f}"
        line = f"{TEST_NAMES[self.kind]} of {self.hypothesis}: chi2({self.df}) = {self.statistic:.4f}, {p}"
        return "\n".join([line, *self.notes])


def made_result(
    hypothesis: str, kind: str, statistic: float, df: int, terms: tuple[str, ...], notes: tuple[str, ...] = ()
) -> TestResult:
    """A result with its p-value from the upper tail of chi-squared, never 0 by underflow."""
    value = max(statistic, 0.0)
    log_p = log_survival(value, df)
    p = max(float(np.exp(log_p)), float(np.nextafter(0, 1)))
    return TestResult(hypothesis, kind, value, df, p, log_p, terms, notes)


def test(
    estimate: Estimate,
    term: str | Sequence[str],
    kind: Literal["lr", "wald", "score"] = "lr",  # noqa: PT028  (a statistical test, not one of pytest's)
) -> TestResult:
    """Test that all coefficients of a term are zero.

    Parameters
    ----------
    estimate : Estimate
        A fit by maximum likelihood, or under Jeffreys' prior.
    term : str or sequence of str
        A term of the formula, ``"C(school)"``, with all its columns; or a column; or several, tested together.
    kind : str
        ``lr`` refits without the columns and compares log-likelihoods; it is right under separation too. ``wald``
        uses the fit's own covariance (robust ones included). ``score`` uses the fit without the columns only; where the
        fit's covariance is a sandwich over rows or clusters, so is that of the score.

    Returns
    -------
    TestResult

    Notes
    -----
    Other terms that contain this one (its interactions) stay in the model.
    """
    check_choice("kind", kind, KINDS)
    refusal = estimate.method.refusal(kind, estimate.problem)
    if refusal:
        raise NotAvailableError(refusal)
    columns = term_columns(estimate.problem, term)
    label = f"{term if isinstance(term, str) else ' = '.join(term)} = 0"
    restricted = Restricted.without(estimate, columns)
    if restricted.df == 0:
        remedy = "Its columns are linear combinations of the others."
        raise InputError(explain("term", "must change the fit", term, remedy))
    statistic, df = run_test(restricted, kind)
    names = tuple(estimate.terms[j] for j in columns)
    return made_result(label, kind, statistic, df, names, kind_notes(estimate, kind, df, restricted.df))


def run_test(restricted: Restricted, kind: str) -> tuple[float, int]:
    """Statistic and degrees of freedom."""
    if kind == "wald":
        return restricted.wald()
    return restricted.score() if kind == "score" else (restricted.likelihood_ratio(), restricted.df)


def kind_notes(estimate: Estimate, kind: str, df: int, wanted: int) -> tuple[str, ...]:
    """What to keep in mind of a test of a fit whose covariance is not the classical one."""
    if kind == "lr" and estimate.method.prior.joint:
        return (
            "Of the penalized likelihood: the columns are held at zero, under the penalty of the full design.",
        )
    if not estimate.method.refusal("profile", estimate.problem):
        return ()
    if kind == "lr":
        return (
            "The fit's covariance is robust, this test is not: it takes the model as true (kind='wald' does not).",
        )
    notes = [f.message for f in estimate.findings if f.code == "clusters"]
    if kind == "score":
        notes.append("Robust score test: sums of squared scores without a small-sample factor.")
    if df < wanted:
        notes.append(
            f"The covariance has rank {df} in these {wanted} directions, so the test has {df} degrees of freedom."
        )
    return tuple(notes)


def term_columns(problem: Problem, term: str | Sequence[str]) -> Columns:
    """Positions of the columns of a term of the formula, of a column, or of several of either; `InputError` if none."""
    factors = dict(problem.design.factors)
    known = dict.fromkeys([*factors, *problem.terms])
    listed = f"There are {', '.join(known)}."
    wanted = (term,) if isinstance(term, str) else tuple(term) if isinstance(term, Sequence) else ()
    if not wanted or not all(isinstance(name, str) for name in wanted):
        raise InputError(explain("term", "must be the name of a term, or a sequence of names", term, listed))
    found: list[int] = []
    for name in wanted:
        if name in factors:
            found.extend(factors[name])
        elif name in problem.terms:
            found.append(problem.terms.index(name))
        else:
            close = nearest(name, known)
            remedy = f"Did you mean {close!r}?" if close else listed
            raise InputError(explain("term", "must be a term of the formula or a column", name, remedy))
    return np.unique(np.array(found, dtype=np.int64))
