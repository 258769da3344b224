"""The bootstrap of maximum likelihood: rows or whole clusters drawn with replacement, each resample fitted again.

A resample is the likelihood of the identified coefficients with the rows counted anew, so that coding, scaling and the
columns that are aliased or separated in the full data stay what they are. Rows are collapsed to covariate patterns
once and resamples only count them. A resample that is separated, or in which a column vanishes, keeps its infinite or
unknown coefficients (`problogit.core.resampled`); so does one with a constant response, which says nothing of any
coefficient.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from problogit.core.blocks import Array, Matrix
from problogit.core.coefficients import CoefficientDistribution, DrawnCoefficients, NormalCoefficients
from problogit.core.likelihood import BinomialLikelihood
from problogit.core.maximum import Maximum, find_maximum
from problogit.core.resampled import ResampledCoefficients
from problogit.core.scaling import ColumnStats
from problogit.data.patterns import collapse
from problogit.errors import EstimationError, InputError, explain
from problogit.estimate import Finding
from problogit.estimators.bootstrap import draw_groups, draw_rows, refits
from problogit.estimators.mle_covariance import FEW_CLUSTERS, Groups, read_groups, separated_rows
from problogit.execution import Executor
from problogit.problem import Problem
from problogit.progress import Progress

__all__ = ["bootstrapped", "drawn_groups", "size_findings"]

_NAMED = 12


def bootstrapped(
    problem: Problem,
    maximum: Maximum,
    groups: Groups | None,
    resamples: int,
    seeds: np.random.SeedSequence,
    progress: Progress,
) -> tuple[CoefficientDistribution, tuple[Finding, ...]]:
    """Percentile bootstrap of the coefficients that the data identify.

    Parameters
    ----------
    problem : Problem
    maximum : Maximum
        Of its likelihood.
    groups : Groups or None
        Clusters to draw whole; rows are drawn without them.
    resamples : int
    seeds : SeedSequence
        Refit i uses child i.
    progress : Progress

    Returns
    -------
    CoefficientDistribution
        Over all columns; intervals of kind ``bootstrap``.
    tuple of Finding
        The resamples that were no ordinary fits, with how they count.
    """
    sampled = _Resampled.of(problem, maximum)
    draw = draw_rows(problem) if groups is None else draw_groups(groups.codes[0])
    fits, failures = refits(sampled.refit, draw, resamples, seeds, progress)
    regular = [fit.mean for fit in fits if isinstance(fit, NormalCoefficients)]
    irregular = tuple(fit for fit in fits if not isinstance(fit, NormalCoefficients))
    found = size_findings(groups, "Compare with covariance='CR3', which errs on the long side.")
    if not irregular and not failures:
        inner: CoefficientDistribution = DrawnCoefficients(
            np.array(regular)[None], ("bootstrap",), maximum.beta
        )
        return maximum.over_all_columns(inner), found
    table = np.array(regular).reshape(len(regular), maximum.beta.size)
    inner = ResampledCoefficients(maximum.beta, table, irregular, sum(failures.values()))
    return maximum.over_all_columns(inner), (
        *found,
        _irregular_finding(inner, failures, sampled.terms, resamples),
    )


@dataclass(frozen=True, eq=False)
class _Resampled:
    """The likelihood of the identified coefficients over covariate patterns, ready to be counted anew.

    Attributes
    ----------
    X : ndarray or csr_array, shape (n_patterns, r)
        Patterns of the rows that are not separated.
    offset : ndarray, shape (n_patterns,)
    pattern, rows : ndarray of int
        Pattern of each of those rows, and their positions in the problem.
    events, total : ndarray
        Weighted events and trials of those rows.
    stats : ColumnStats
    intercept : int or None
    terms : tuple of str
    executor : Executor
    """

    X: Matrix
    offset: Array
    pattern: NDArray[np.int64]
    rows: NDArray[np.int64]
    events: Array
    total: Array
    stats: ColumnStats
    intercept: int | None
    terms: tuple[str, ...]
    executor: Executor

    @classmethod
    def of(cls, problem: Problem, maximum: Maximum) -> _Resampled:
        columns = maximum.aliases.kept
        like = problem.row_likelihood.columns(columns)
        rows = np.arange(like.n_rows)
        if maximum.separation is not None:
            rows = np.flatnonzero(~separated_rows(like, maximum.separation))
            like = like.take(rows).columns(maximum.separation.identified)
            columns = columns[maximum.separation.identified]
        patterns = collapse(like.X, like.successes, like.trials, like.weights, like.offset)
        place = np.flatnonzero(columns == problem.intercept)
        return cls(
            patterns.X,
            patterns.offset,
            patterns.index,
            rows,
            like.weights * like.successes,
            like.weights * like.trials,
            problem.column_stats.columns(columns),
            int(place[0]) if place.size else None,
            tuple(problem.terms[j] for j in columns),
            problem.executor,
        )

    def refit(self, counts: Array) -> CoefficientDistribution:
        """Maximum likelihood with row i counted `counts[i]` times: normal where it is an ordinary point."""
        times = counts[self.rows]
        n = self.offset.size
        events: Array = np.bincount(self.pattern, times * self.events, n).astype(np.float64)
        total: Array = np.bincount(self.pattern, times * self.total, n).astype(np.float64)
        some = np.flatnonzero(total > 0)
        if some.size == 0 or events.sum() <= 0 or events.sum() >= total.sum() * (1 - 1e-12):
            raise EstimationError("the response is constant in the resample")
        like = BinomialLikelihood(
            self.X[some],
            events[some],
            total[some],
            np.ones(some.size),
            self.offset[some],
            executor=self.executor,
        )
        found = find_maximum(like, self.stats, self.intercept, self.terms)
        if not found.newton.converged:
            raise EstimationError("Newton's method did not converge in the resample")
        return found.distribution(found.inverse)


def drawn_groups(problem: Problem, names: tuple[str, ...]) -> Groups | None:
    """The clusters that a bootstrap draws whole: of the column named, or of the model; None where there are none.

    Raises
    ------
    InputError
        There are two columns, rows are without a group, or all are in one.
    """
    names = names or problem.default_groups
    if len(names) > 1:
        rule = "must be one column for the bootstrap"
        raise InputError(
            explain("groups", rule, names, "Make the model with one of them, or name it in MLE(...).")
        )
    return read_groups(problem, names, "bootstrap") if names else None


def size_findings(groups: Groups | None, remedy: str) -> tuple[Finding, ...]:
    """How many clusters were drawn; with `remedy` where they are few."""
    if groups is None:
        return ()
    count, name = groups.counts[0], groups.names[0]
    text = f"The bootstrap draws {count} whole clusters of {name}"
    if count >= FEW_CLUSTERS:
        return (Finding("clusters", "info", f"{text}."),)
    text += f": fewer than about {FEW_CLUSTERS}, and too few for its intervals to be long enough (Cameron, Gelbach & "
    text += "Miller 2008)."
    return (Finding("clusters", "warning", text, remedy),)


def _irregular_finding(
    draws: ResampledCoefficients, failures: Counter[str], terms: tuple[str, ...], resamples: int
) -> Finding:
    """How many resamples were no ordinary fits, which terms they concern, and how they enter the intervals."""
    values = draws.marginals().values
    infinite, unknown = np.isinf(values).sum(axis=0), np.isnan(values).sum(axis=0)
    named = [j for j in np.argsort(-(infinite + unknown), kind="stable") if infinite[j] + unknown[j]]
    parts = [f"{terms[j]} ({_counted(int(infinite[j]), int(unknown[j]))})" for j in named[:_NAMED]]
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    failed = "".join(f" In {count}, {reason}." for reason, count in failures.items())
    text = (
        f"{len(draws.irregular) + draws.n_unknown} of {resamples} bootstrap resamples are separated or lose a column, "
        f"and have no ordinary estimate of {', '.join(parts)}{more}.{failed} They stay in the intervals, infinite "
        "draws at their end and unknown ones at both; these terms have no bootstrap standard error."
    )
    remedy = (
        "A 95% interval has an infinite end where more than 2.5% of its draws lie there. Profile likelihood, MLE() "
        "with interval='profile', or a proper prior says more."
    )
    return Finding("bootstrap", "warning", text, remedy, tuple(terms[j] for j in named))


def _counted(infinite: int, unknown: int) -> str:
    parts = ([f"infinite in {infinite}"] if infinite else []) + ([f"unknown in {unknown}"] if unknown else [])
    return ", ".join(parts)
