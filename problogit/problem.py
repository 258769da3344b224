"""A problem: the rows, what they are coded from, and the likelihood they make. It holds no prior and no method."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from problogit.core.likelihood import BinomialLikelihood, log_binomial_constant
from problogit.core.maximum import Maximum, find_maximum
from problogit.core.null import null_value
from problogit.core.scaling import ColumnStats, Scaling, column_stats
from problogit.data.groups import GroupColumns
from problogit.data.patterns import collapse
from problogit.data.rows import Array, DataReport, Design, Response, Rows
from problogit.errors import DataNotSavedError, InputError, explain
from problogit.execution import Executor, Serial, default_executor

__all__ = ["HasProblem", "Problem", "WeightsType", "make_problem"]

WeightsType = Literal["frequency", "importance", "sampling"]


@dataclass(frozen=True)
class SampleSize:
    """How much data stands behind a fit; kept when the data are not.

    Attributes
    ----------
    nobs : int
        Units: rows with positive weight, each frequency weight counted.
    n_events : float
        Events among them (of all trials).
    n_trials : float
        Trials (equal to nobs where the response is binary).
    """

    nobs: int
    n_events: float
    n_trials: float


@dataclass(frozen=True, eq=False)
class Problem:
    """Design + likelihood + scaling of one logistic regression.

    Attributes
    ----------
    design : Design
        The replayable coding.
    response : Response
        What is modelled.
    data : Rows or None
        The rows; None in a fit that was loaded without its data.
    report : DataReport
        What was left out, and why.
    column_stats : ColumnStats
        Moments of the columns on the full data; `subset` keeps them, so that a prior keeps its scale in refits.
    weights_type : str
        ``frequency``, ``importance`` or ``sampling``.
    sample : SampleSize
    executor : Executor
    """

    design: Design
    response: Response
    data: Rows | None
    report: DataReport
    column_stats: ColumnStats
    weights_type: WeightsType
    sample: SampleSize
    executor: Executor = field(default_factory=Serial)

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of the columns."""
        return self.design.terms

    @property
    def n_terms(self) -> int:
        """Number of columns."""
        return len(self.design.terms)

    @property
    def intercept(self) -> int | None:
        """Position of the intercept."""
        return self.design.intercept

    @property
    def nobs(self) -> int:
        """Number of units."""
        return self.sample.nobs

    @property
    def rows(self) -> Rows:
        """The rows, or an error that says that they were not saved."""
        if self.data is None:
            raise DataNotSavedError(
                "This fit was loaded without its data, and this question needs them. "
                "Pass the data as `data=`, or save the fit with `save(path, data=True)`."
            )
        return self.data

    @property
    def weighted(self) -> bool:
        """True where some weight is not 1."""
        return bool(np.any(self.rows.weights != 1.0))

    @cached_property
    def row_likelihood(self) -> BinomialLikelihood:
        """The likelihood with one entry for each row that the user gave."""
        rows = self.rows
        return BinomialLikelihood(
            rows.X, rows.successes, rows.trials, rows.weights, rows.offset, executor=self.executor
        )

    @cached_property
    def likelihood(self) -> BinomialLikelihood:
        """The same function over collapsed covariate patterns: exact, and never more entries than rows."""
        rows = self.rows
        patterns = collapse(rows.X, rows.successes, rows.trials, rows.weights, rows.offset)
        return BinomialLikelihood(
            patterns.X,
            patterns.successes,
            patterns.trials,
            patterns.weights,
            patterns.offset,
            executor=self.executor,
        )

    @cached_property
    def maximum(self) -> Maximum:
        """Where the likelihood is largest, with rank, aliases and separation: known of the data before any method."""
        return find_maximum(self.likelihood, self.column_stats, self.intercept, self.terms)

    @cached_property
    def log_constant(self) -> float:
        """Weighted sum of log C(m, s): log-likelihood = kernel + this."""
        rows = self.rows
        if not self.response.counts:
            return 0.0
        return float(rows.weights @ log_binomial_constant(rows.successes, rows.trials))

    @cached_property
    def null_loglik(self) -> float:
        """Log-likelihood of the null model (intercept and offset)."""
        like = self.likelihood
        events, total = like.weights * like.successes, like.weights * like.trials
        return self.log_constant + null_value(events, total, like.offset, self.intercept is not None)

    @property
    def scaling(self) -> Scaling:
        """Centres and scales for the solver; sparse designs are not centred."""
        sparse = self.data is not None and not isinstance(self.data.X, np.ndarray)
        return self.column_stats.scaling(self.intercept, centre=not sparse)

    @property
    def constant_response(self) -> float | None:
        """1.0 or 0.0 where every outcome is (or is not) the event; None otherwise."""
        rows = self.rows
        events = float(rows.weights @ rows.successes)
        if events == 0:
            return 0.0
        return 1.0 if events == float(rows.weights @ rows.trials) else None

    def subset(self, rows: NDArray[np.int64]) -> Problem:
        """The problem of these rows (repeats allowed), with the coding and the column statistics of this one."""
        taken = self.rows.take(np.asarray(rows, dtype=np.int64))
        return replace(self, data=taken, sample=sample_size(taken, self.weights_type))

    def reweighted(self, multiples: Array) -> Problem:
        """Each row counted `multiples` times more; rows with 0 are left out. Used by resampling."""
        keep = np.flatnonzero(multiples > 0)
        taken = self.rows.take(keep)
        taken = taken.with_weights(taken.weights * multiples[keep])
        return replace(self, data=taken, sample=sample_size(taken, self.weights_type))

    @property
    def default_groups(self) -> tuple[str, ...]:
        """Columns of groups that came with the model."""
        groups = self.rows.groups
        return () if groups is None else groups.default

    def group_codes(self, name: str) -> NDArray[np.int64]:
        """The group of each row by a column of the user's table, 0 to G - 1, shape (n_obs,).

        Raises
        ------
        InputError
            No such column, or rows without a group; the message names them.
        """
        rows = self.rows
        groups = GroupColumns(0, rows.index) if rows.groups is None else rows.groups
        return groups.codes(name, rows.kept)

    def without_data(self) -> Problem:
        """The same problem after its rows were let go."""
        return replace(self, data=None)

    def with_executor(self, executor: Executor) -> Problem:
        """The same problem, summed by another executor."""
        return replace(self, executor=executor)


def check_spread(stats: ColumnStats, terms: tuple[str, ...]) -> None:
    """Refuse columns whose squared spread is not a normal number: every sum of squares would be lost."""
    with np.errstate(over="ignore", under="ignore"):
        extent = np.maximum(np.abs(stats.minimum), np.abs(stats.maximum))
    bad = ~stats.constant & ((extent > 1e140) | (stats.sd < 1e-140) | ~np.isfinite(stats.sd))
    if bad.any():
        j = int(np.flatnonzero(bad)[0])
        rule = "must have values whose squares a float can hold, between about 1e-140 and 1e140"
        received = f"values from {stats.minimum[j]:.3g} to {stats.maximum[j]:.3g}"
        raise InputError(explain(f"column {terms[j]}", rule, received, "Change its units."))


def sample_size(rows: Rows, weights_type: WeightsType) -> SampleSize:
    """Count units, events and trials: a frequency weight f counts f units, every other row counts once."""
    counts = rows.weights if weights_type == "frequency" else np.ones(rows.n_obs)
    return SampleSize(
        nobs=round(float(counts.sum())),
        n_events=float(counts @ rows.successes),
        n_trials=float(counts @ rows.trials),
    )


def make_problem(
    design: Design,
    response: Response,
    rows: Rows,
    report: DataReport,
    weights_type: WeightsType = "frequency",
    executor: Executor | None = None,
) -> Problem:
    """Put a problem together: rescale sampling weights to sum to n, and measure the columns."""
    if rows.n_obs == 0:
        raise InputError(
            explain("data", "must have at least one complete row with positive weight", "none left")
        )
    if weights_type == "sampling":
        rows = rows.with_weights(rows.weights * (rows.n_obs / rows.weights.sum()))
    runner = default_executor() if executor is None else executor
    stats = column_stats(rows.X, rows.weights * rows.trials, runner)
    check_spread(stats, design.terms)
    size = sample_size(rows, weights_type)
    return Problem(design, response, rows, report, stats, weights_type, size, runner)


@runtime_checkable
class HasProblem(Protocol):
    """Anything that carries a problem: a model."""

    @property
    def problem(self) -> Problem:
        """The problem."""
