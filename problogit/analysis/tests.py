"""Tests that coefficients are zero: likelihood ratio, Wald and score; and the comparison of nested fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from problogit.analysis.chi_squared import log_survival
from problogit.analysis.fits import estimate_of
from problogit.core.coefficients import as_dense
from problogit.core.likelihood import kernel
from problogit.core.maximum import Maximum, find_maximum
from problogit.core.newton import newton_step
from problogit.core.rank import find_aliases
from problogit.core.scaling import ColumnStats
from problogit.data.rows import Array, Matrix, Rows
from problogit.errors import InputError, NotAvailableError, explain
from problogit.estimate import Estimate, HasEstimate
from problogit.problem import Problem
from problogit.validation import check_choice, nearest

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TestResult", "anova", "test"]

Columns = NDArray[np.int64]
_NAMES = {"lr": "Likelihood-ratio test", "wald": "Wald test", "score": "Score test"}


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
        line = f"{_NAMES[self.kind]} of {self.hypothesis}: chi2({self.df}) = {self.statistic:.4f}, {p}"
        return "\n".join([line, *self.notes])


def _result(
    hypothesis: str, kind: str, statistic: float, df: int, terms: tuple[str, ...], notes: tuple[str, ...] = ()
) -> TestResult:
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
        A maximum-likelihood fit.
    term : str or sequence of str
        A term of the formula, ``"C(school)"``, with all its columns; or a column; or several, tested together.
    kind : str
        ``lr`` refits without the columns and compares log-likelihoods; it is right under separation too. ``wald``
        uses the fit's own covariance (robust ones included). ``score`` uses the fit without the columns only.

    Returns
    -------
    TestResult

    Notes
    -----
    Other terms that contain this one (its interactions) stay in the model.
    """
    check_choice("kind", kind, tuple(_NAMES))
    refusal = estimate.method.refusal(kind, estimate.problem)
    if refusal:
        raise NotAvailableError(refusal)
    columns = _columns(estimate.problem, term)
    names = tuple(estimate.terms[j] for j in columns)
    label = term if isinstance(term, str) else " = ".join(term)
    if kind == "wald":
        statistic, df = _wald(estimate, columns)
        return _result(f"{label} = 0", kind, statistic, df, names)
    restricted = Restricted.of(estimate.problem, columns)
    if restricted.df == 0:
        raise InputError(
            explain(
                "term", "must change the fit", label, "Its columns are linear combinations of the others."
            )
        )
    statistic = restricted.likelihood_ratio() if kind == "lr" else restricted.score()
    return _result(f"{label} = 0", kind, statistic, restricted.df, names, _robust_note(estimate, kind))


def _robust_note(estimate: Estimate, kind: str) -> tuple[str, ...]:
    if kind != "lr" or not estimate.method.refusal("profile", estimate.problem):
        return ()
    return (
        "The fit's covariance is robust, this test is not: it takes the model as true (kind='wald' does not).",
    )


def _columns(problem: Problem, term: str | Sequence[str]) -> Columns:
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


def _wald(estimate: Estimate, columns: Columns) -> tuple[float, int]:
    """b' C^-1 b over the coefficients that are identified; the rank of C is the df."""
    location = estimate.coefficients.location[columns]
    if np.isinf(location).any() or (np.isnan(location).any() and estimate.problem.maximum.separation):
        raise NotAvailableError(
            "A Wald test has no meaning where a coefficient is infinite (separated data). Use kind='lr', which does."
        )
    usable = columns[~np.isnan(location)]
    if usable.size == 0:
        raise InputError(explain("term", "must have an estimate", [estimate.terms[j] for j in columns]))
    joint = estimate.coefficients.linear(np.eye(len(estimate.terms))[usable])
    scale = np.sqrt(np.diag(joint.cov))
    values, vectors = np.linalg.eigh(joint.cov / np.outer(scale, scale))
    keep = values > 1e-10 * values.max()
    projected = vectors[:, keep].T @ (joint.location / scale)
    return float(np.sum(projected**2 / values[keep])), int(keep.sum())


@dataclass(frozen=True, eq=False)
class Restricted:
    """A problem beside itself without some columns.

    Attributes
    ----------
    problem : Problem
    kept : ndarray of int
        Columns that stay.
    maximum : Maximum or None
        Of the likelihood over them; None where nothing stays.
    """

    problem: Problem
    kept: Columns
    maximum: Maximum | None

    @classmethod
    def of(cls, problem: Problem, columns: Columns) -> Restricted:
        """Maximise without `columns`."""
        kept = np.setdiff1d(np.arange(problem.n_terms), columns)
        if kept.size == 0:
            return cls(problem, kept, None)
        place = np.flatnonzero(kept == problem.intercept)
        intercept = int(place[0]) if place.size else None
        terms = tuple(problem.terms[j] for j in kept)
        stats = _some_columns(problem.column_stats, kept)
        return cls(problem, kept, find_maximum(problem.likelihood.columns(kept), stats, intercept, terms))

    @property
    def df(self) -> int:
        """Difference of the ranks."""
        return self.problem.maximum.aliases.rank - (0 if self.maximum is None else self.maximum.aliases.rank)

    def likelihood_ratio(self) -> float:
        """Twice the difference of the log-likelihoods (suprema under separation)."""
        return 2 * (self.problem.maximum.kernel - self._kernel())

    def _kernel(self) -> float:
        if self.maximum is not None:
            return self.maximum.kernel
        like = self.problem.likelihood
        return float(like.weights @ kernel(like.offset, like.successes, like.trials))

    def score(self) -> float:
        """g' H^-1 g of the whole likelihood at the restricted estimate."""
        beta = np.zeros(self.problem.n_terms)
        if self.maximum is not None:
            if self.maximum.separation is not None:
                raise NotAvailableError(
                    "Without the term the data are separated, so a score test has nowhere to stand. Use kind='lr'."
                )
            beta[self.kept[self.maximum.aliases.kept]] = self.maximum.beta
        scaling, like = self.problem.scaling, self.problem.likelihood
        scaled = like.in_coordinates(scaling.center, scaling.scale)
        _, gradient, information = scaled.information(scaling.to_scaled(beta))
        kept = self.problem.maximum.aliases.kept
        return newton_step(information[np.ix_(kept, kept)], gradient[kept])[1] ** 2


def _some_columns(stats: ColumnStats, kept: Columns) -> ColumnStats:
    return ColumnStats(
        stats.mean[kept], stats.sd[kept], stats.minimum[kept], stats.maximum[kept], stats.two_valued[kept]
    )


# -- nested fits ---------------------------------------------------------------------------------------------------


def anova(
    small: Estimate | HasEstimate, big: Estimate | HasEstimate, kind: Literal["lr"] = "lr"
) -> TestResult:
    """Likelihood-ratio test of a fit within another.

    Parameters
    ----------
    small, big : Fit or Estimate
        Maximum-likelihood fits of the same rows and the same event; every column of `small` is a linear combination
        of columns of `big`.
    kind : str
        ``"lr"``.

    Raises
    ------
    InputError
        One is no fit, or the fits differ in rows, outcomes, weights or offset, or are not nested.
    NotAvailableError
        One of them is not a maximum-likelihood fit, or has sampling weights.
    """
    check_choice("kind", kind, ("lr",))
    a, b = estimate_of(small, "small"), estimate_of(big, "big")
    for estimate in (a, b):
        refusal = estimate.method.refusal("lr", estimate.problem)
        if refusal:
            raise NotAvailableError(refusal)
    return _compared(a, b, kind)


def _compared(small: Estimate, big: Estimate, kind: str) -> TestResult:
    _check_same_data(small.problem, big.problem)
    df = big.problem.maximum.aliases.rank - small.problem.maximum.aliases.rank
    if df <= 0:
        turn = " Give the smaller fit first." if df < 0 else " They span the same columns."
        raise InputError(
            f"small and big must be nested, big with the higher rank; received ranks "
            f"{small.problem.maximum.aliases.rank} and {big.problem.maximum.aliases.rank}.{turn}"
        )
    stray = _outside(small.problem, big.problem)
    if stray:
        raise InputError(
            explain(
                "small",
                "must be nested in big",
                ", ".join(stray),
                "These columns are not in the span of big's.",
            )
        )
    statistic = 2 * (big.problem.maximum.kernel - small.problem.maximum.kernel)
    added = tuple(term for term in big.terms if term not in small.terms)
    label = f"{small.problem.design.formula or 'small'} within {big.problem.design.formula or 'big'}"
    return _result(label, kind, statistic, df, added, _robust_note(big, kind))


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
    if not np.array_equal(a.successes, b.successes) or not np.array_equal(a.trials, b.trials):
        raise InputError(
            "anova needs two fits of the same event; received "
            f"{small.response.describe()} and {big.response.describe()}, whose outcomes differ in "
            f"{int(np.count_nonzero(a.successes != b.successes))} rows."
        )
    for name in ("weights", "offset"):
        if not np.array_equal(_values(a, name), _values(b, name)):
            raise InputError(f"anova needs two fits with the same {name}; they differ.")


def _values(rows: Rows, name: str) -> Array:
    return rows.weights if name == "weights" else rows.offset


def _outside(small: Problem, big: Problem) -> list[str]:
    """Columns of `small` that are not in the span of the columns of `big`."""
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
    kept = find_aliases(likelihood, scaling).kept
    return [small.terms[j - big.n_terms] for j in kept if j >= big.n_terms]
