"""What the data layer hands on: rows of numbers, what the response means, and what was left out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from problogit.data.groups import GroupColumns

__all__ = [
    "Array",
    "DataReport",
    "Design",
    "Matrix",
    "Replay",
    "Response",
    "Rows",
    "Unseen",
    "VariableSummary",
]

Array = NDArray[np.float64]
Matrix = Array | sp.csr_array
Unseen = Literal["error", "nan", "average"]


@dataclass(frozen=True, eq=False)
class Rows:
    """Complete rows with positive weight, in the order in which the user gave them.

    Attributes
    ----------
    X : ndarray or scipy.sparse.csr_array, shape (n_obs, n_terms)
        Coded design, C-ordered float64; the intercept is a column of ones.
    successes, trials : ndarray, shape (n_obs,)
        Events and trials of each row (0/1 and 1 where the response is binary).
    weights : ndarray, shape (n_obs,)
        Weights as the user gave them (1 where there are none); sampling weights are rescaled by `Problem`, not here.
    offset : ndarray, shape (n_obs,)
        Known part of the log-odds.
    kept : ndarray of int, shape (n_obs,)
        Position of each row in the user's table.
    index : object
        Labels of ALL rows of the user's table: a pandas Index, or an integer array where the table has none.
    groups : GroupColumns or None
        Where the columns are that say which rows belong together.
    """

    X: Matrix
    successes: Array
    trials: Array
    weights: Array
    offset: Array
    kept: NDArray[np.int64]
    index: Any
    groups: GroupColumns | None = None

    @property
    def n_obs(self) -> int:
        """Number of rows."""
        return int(self.successes.shape[0])

    def take(self, rows: NDArray[np.int64]) -> Rows:
        """The rows at these positions (repeats allowed), with the same table behind them."""
        return Rows(
            X=self.X[rows],
            successes=self.successes[rows],
            trials=self.trials[rows],
            weights=self.weights[rows],
            offset=self.offset[rows],
            kept=self.kept[rows],
            index=self.index,
            groups=self.groups,
        )

    def with_weights(self, weights: Array) -> Rows:
        """The same rows under other weights."""
        return replace(self, weights=weights)


@dataclass(frozen=True)
class Response:
    """What is modelled.

    Attributes
    ----------
    name : str
        Left side of the formula, or the name of the array.
    event, non_event : object
        The user's own labels of outcome 1 and 0 (``"yes"``, True, 1...).
    counts : bool
        True where the response counts events in `trials`.
    """

    name: str
    event: Any
    non_event: Any
    counts: bool = False

    def describe(self) -> str:
        """The probability that is modelled, e.g. ``P(passed = 'yes')``."""
        if self.counts:
            return f"P(event), {self.name} counted in trials"
        return f"P({self.name} = {self.event!r})"


@dataclass(frozen=True)
class VariableSummary:
    """What one column of the user's table looked like in the rows used; kept when the rows are not.

    Attributes
    ----------
    name : str
    typical : float, str, int or bool
        The mean of numbers (each trial and weight counted); the most common of labels and truth values.
    low, high : float
        Range of numbers; NaN for labels.
    levels : tuple
        Labels and truth values in use; empty for numbers.
    """

    name: str
    typical: Any
    low: float
    high: float
    levels: tuple[Any, ...] = ()


@dataclass(frozen=True)
class DataReport:
    """What happened between the user's table and the rows.

    Attributes
    ----------
    n_input, n_dropped : int
        Rows in the table; rows that were left out.
    dropped_by : mapping of str to int
        Rows left out by reason, e.g. ``{"missing age": 3, "zero weight": 1}``; a row may count under several.
    notes : tuple of str
        Full sentences, e.g. about a one-level factor that was dropped.
    variables : tuple of VariableSummary
        Summaries of the predictors' columns; empty for ready-made arrays, whose columns are the design's own.
    """

    n_input: int
    n_dropped: int
    dropped_by: Mapping[str, int]
    notes: tuple[str, ...] = ()
    variables: tuple[VariableSummary, ...] = ()


@dataclass(frozen=True, eq=False)
class Replay:
    """The design of new data, one row for each row of the input.

    Attributes
    ----------
    X : ndarray or csr_array, shape (n_input, n_terms)
        Rows that cannot be coded hold zeros and are marked in `complete`.
    offset : ndarray, shape (n_input,)
    complete : ndarray of bool, shape (n_input,)
        False where a predictor (or the offset) is missing, or a level is unseen under ``unseen="nan"``.
    index : object
        Labels of the rows of the input.
    notes : tuple of str
        Why rows are not complete, in full sentences.
    """

    X: Matrix
    offset: Array
    complete: NDArray[np.bool_]
    index: Any
    notes: tuple[str, ...] = ()


class Design(ABC):
    """A replayable coding of tables into columns; immutable, holds no rows."""

    @property
    @abstractmethod
    def terms(self) -> tuple[str, ...]:
        """Names of the columns, ``"Intercept"`` first where there is one."""

    @property
    @abstractmethod
    def intercept(self) -> int | None:
        """Position of the intercept's column."""

    @property
    @abstractmethod
    def formula(self) -> str | None:
        """The formula as given; None for arrays."""

    @property
    @abstractmethod
    def variables(self) -> tuple[str, ...]:
        """Columns of the user's table that the predictors are made of."""

    @property
    @abstractmethod
    def factors(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """Terms of the formula with their columns, e.g. ``("C(school)", (1, 2))``; one per column for arrays."""

    @property
    @abstractmethod
    def offset_column(self) -> str | None:
        """Column of the user's table that new data must bring as the offset."""

    @property
    def trials_column(self) -> str | None:
        """Column of the user's table that held the trials."""
        return None

    @property
    def fixed_trials(self) -> float | None:
        """Trials of every row, where they were given as one number."""
        return None

    @property
    def column_variables(self) -> tuple[frozenset[str], ...]:
        """Columns of the user's table behind each column of the design; its own name where nothing was coded."""
        return tuple(frozenset() if j == self.intercept else frozenset([t]) for j, t in enumerate(self.terms))

    @abstractmethod
    def replay(self, data: Any, unseen: Unseen = "error") -> Replay:
        """Code new data by column name."""

    @abstractmethod
    def observe(self, data: Any, unseen: Unseen = "error") -> Rows:
        """Code new data together with their response, trials, weights and offset, for scoring."""

    @abstractmethod
    def to_state(self) -> dict[str, Any]:
        """Everything needed to rebuild this design, as plain JSON-able values."""
