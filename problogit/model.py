"""`LogitModel`: formula and data, apart from the method; and `fit`, the short road."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from problogit.analysis.prior_predictive import prior_predictive
from problogit.core.priors.base import ResolvablePrior
from problogit.data.array_design import build_from_arrays
from problogit.data.design import build_from_formula
from problogit.data.rows import Array, Matrix
from problogit.errors import InputError, explain
from problogit.estimate import Estimator
from problogit.estimators.bayes import Bayes
from problogit.estimators.mle import MLE
from problogit.estimators.path import open_path
from problogit.estimators.path_recording import compute_path
from problogit.estimators.penalized import Penalized
from problogit.estimators.select import checked_grid
from problogit.execution import Executor
from problogit.fit import Fit
from problogit.problem import Problem, WeightsType, make_problem
from problogit.progress import Progress, resolve_progress
from problogit.results import PenaltyPath, PriorPredictive
from problogit.validation import check_choice

__all__ = ["LogitModel", "fit"]

_METHODS: Mapping[str, Callable[[], Estimator]] = {"mle": MLE, "penalized": Penalized, "bayes": Bayes}
_WEIGHTS = ("frequency", "importance", "sampling")


@dataclass(frozen=True, eq=False, init=False)
class LogitModel:
    """One logistic regression: what is modelled, from which data. Immutable; fit it as often as you like.

    Parameters
    ----------
    formula : str
        Wilkinson notation, e.g. ``"passed ~ hours + C(school) + hours:prep"``.
    data : DataFrame, Table, mapping or path
        pandas or polars DataFrame, pyarrow Table, mapping of names to arrays, or a path (file, folder or glob) to
        CSV or Parquet.
    event : object, optional
        The value of the response that counts as 1.
    trials, weights, offset : str or array, optional
        Column name or array of length n_rows; `trials` may be one number for all rows. With `trials` the response
        counts events.
    weights_type : str
        ``frequency`` (2 = the row twice), ``importance`` (multiplies the log-likelihood) or ``sampling``
        (rescaled to sum to n, sandwich standard errors).
    missing : str
        ``drop`` rows with missing values (counted and said) or ``error``.
    context : mapping, optional
        Your own functions for the formula: ``{"f": f}``.
    groups : str, sequence of str, array or mapping, optional
        Clusters of rows, by column name or as ids of each row: left out of ``.``, and used by methods that need them
        and name none themselves, e.g. ``MLE(covariance="cluster")``.

    Raises
    ------
    InputError
        (a ValueError) for anything in the arguments or the data that breaks a rule, naming it.
    """

    problem: Problem

    def __init__(
        self,
        formula: str,
        data: Any,
        *,
        event: Any = None,
        trials: Any = None,
        weights: Any = None,
        weights_type: WeightsType = "frequency",
        offset: Any = None,
        missing: str = "drop",
        context: Mapping[str, Callable[..., Any]] | None = None,
        groups: Any = None,
    ) -> None:
        check_choice("weights_type", weights_type, _WEIGHTS)
        built = build_from_formula(
            formula,
            data,
            event=event,
            trials=trials,
            weights=weights,
            weights_type=weights_type,
            offset=offset,
            missing=missing,
            context=context,
            groups=groups,
        )
        problem = make_problem(built.design, built.response, built.rows, built.report, weights_type)
        object.__setattr__(self, "problem", problem)

    @classmethod
    def from_arrays(
        cls,
        X: Any,
        y: Any,
        *,
        names: Sequence[str] | None = None,
        intercept: bool = True,
        event: Any = None,
        trials: Any = None,
        weights: Any = None,
        weights_type: WeightsType = "frequency",
        offset: Any = None,
        missing: str = "drop",
        groups: Any = None,
    ) -> LogitModel:
        """A model of ready-made columns: NumPy array, DataFrame or scipy.sparse matrix.

        Parameters
        ----------
        X : array, DataFrame or sparse matrix, shape (n_rows, n_columns)
        y : array, shape (n_rows,)
        names : sequence of str, optional
            Names of the columns; a DataFrame's own, or ``x0, x1, ...``.
        intercept : bool
            Add the column ``Intercept``.
        groups : array or mapping, optional
            Ids of the clusters of the rows, shape (n_rows,), or up to two such arrays by name.
        """
        check_choice("weights_type", weights_type, _WEIGHTS)
        built = build_from_arrays(
            X,
            y,
            names=names,
            intercept=intercept,
            event=event,
            trials=trials,
            weights=weights,
            weights_type=weights_type,
            offset=offset,
            missing=missing,
            groups=groups,
        )
        model = cls.__new__(cls)
        problem = make_problem(built.design, built.response, built.rows, built.report, weights_type)
        object.__setattr__(model, "problem", problem)
        return model

    @property
    def formula(self) -> str | None:
        """The formula as given; None for arrays."""
        return self.problem.design.formula

    @property
    def response(self) -> str:
        """What is modelled, e.g. ``P(passed = 'yes')``."""
        return self.problem.response.describe()

    @property
    def event(self) -> Any:
        """The value of the response that counts as 1."""
        return self.problem.response.event

    @property
    def terms(self) -> list[str]:
        """Names of the columns, ``"Intercept"`` first."""
        return list(self.problem.terms)

    @property
    def nobs(self) -> int:
        """Number of units: rows, each frequency weight counted."""
        return self.problem.nobs

    @property
    def n_events(self) -> float:
        """Number of events."""
        return self.problem.sample.n_events

    @property
    def n_dropped(self) -> int:
        """Rows that were left out."""
        return self.problem.report.n_dropped

    @property
    def X(self) -> Matrix:
        """The coded design, shape (n_rows, n_terms)."""
        return self.problem.rows.X

    @property
    def y(self) -> Array:
        """Events of each row, shape (n_rows,)."""
        return self.problem.rows.successes

    def fit(
        self,
        method: Estimator | str | None = None,
        *,
        progress: bool | Progress | None = None,
        execution: Executor | None = None,
    ) -> Fit:
        """Estimate this model.

        Parameters
        ----------
        method : MLE, Penalized or Bayes, or str
            How; maximum likelihood by default. ``"mle"``, ``"penalized"`` and ``"bayes"`` are the methods as they come.
        progress : bool or Progress, optional
            A bar on standard error for long work; by default where that is a terminal.
        execution : Executor, optional
            Who adds up the blocks of rows; threads by default.
        """
        method = _resolved(method)
        if execution is not None and not isinstance(execution, Executor):
            raise InputError(explain("execution", "must be an executor such as Threads(2)", execution))
        problem = self.problem if execution is None else self.problem.with_executor(execution)
        return Fit(method.estimate(problem, resolve_progress(progress)))

    def path(
        self,
        prior: ResolvablePrior,
        *,
        n_values: int = 100,
        ratio: float | None = None,
        values: Sequence[float] | None = None,
        progress: bool | Progress | None = None,
    ) -> PenaltyPath:
        """Penalized fits at falling strengths, without choosing one.

        Parameters
        ----------
        prior : Prior or Priors
            Its penalties are multiplied by one common factor.
        n_values, ratio, values
            The grid of factors, as in `CrossValidation`.
        progress : bool or Progress, optional
        """
        if not isinstance(prior, ResolvablePrior):
            raise InputError(explain("prior", "must be a prior", prior, "As in model.path(Laplace(1.0))."))
        if prior.joint:
            raise InputError(explain("prior", "must have a strength, and Jeffreys() has none", prior))
        grid = checked_grid(n_values, ratio, values)
        path = open_path(self.problem, prior.resolve(self.problem))
        record, _ = compute_path(path, grid, resolve_progress(progress))
        return PenaltyPath(record, self.problem.terms)

    def prior_predictive(
        self, prior: ResolvablePrior, draws: int = 1000, rng: int | np.random.Generator | None = None
    ) -> PriorPredictive:
        """What the prior says before the outcomes are seen: event rates and probabilities drawn from it.

        Parameters
        ----------
        prior : Prior or Priors
            Proper for every term and the intercept.
        draws : int
            Number of simulated data sets.
        rng : int, Generator or None
        """
        return PriorPredictive(prior_predictive(self.problem, prior, draws, rng))

    def __str__(self) -> str:
        """One line about the model and its data."""
        size = self.problem.sample
        events = np.format_float_positional(size.n_events, trim="-")
        return f"LogitModel({self.formula or 'arrays'}): {self.response}, {size.nobs} rows, {events} events"

    __repr__ = __str__


def _resolved(method: Estimator | str | None) -> Estimator:
    """The method object that a word stands for."""
    if method is None:
        return MLE()
    if isinstance(method, str):
        return _METHODS[check_choice("method", method, tuple(_METHODS))]()
    if not isinstance(method, Estimator):
        raise InputError(explain("method", "must be an MLE(), Penalized() or Bayes() object", method))
    return method


def fit(
    formula: str,
    data: Any,
    method: str | Estimator = "mle",
    *,
    event: Any = None,
    trials: Any = None,
    weights: Any = None,
    weights_type: WeightsType = "frequency",
    offset: Any = None,
    missing: str = "drop",
    context: Mapping[str, Callable[..., Any]] | None = None,
    groups: Any = None,
    progress: bool | Progress | None = None,
) -> Fit:
    """Model and fit in one call.

    Parameters
    ----------
    formula, data, event, trials, weights, weights_type, offset, missing, context, groups
        As in `LogitModel`.
    method : str or method object
        ``"mle"``, ``"penalized"``, ``"bayes"``, or an object such as ``Penalized(Laplace(0.5))``.
    progress : bool or Progress, optional
    """
    chosen = _resolved(method)
    model = LogitModel(
        formula,
        data,
        event=event,
        trials=trials,
        weights=weights,
        weights_type=weights_type,
        offset=offset,
        missing=missing,
        context=context,
        groups=groups if groups is not None else chosen.columns or None,
    )
    return model.fit(chosen, progress=progress)
