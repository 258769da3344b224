"""What a prior needs to know about a model, as protocols: the priors import no problem."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Array",
    "Columns",
    "Coordinates",
    "CountedColumns",
    "Indices",
    "Real",
    "Statistics",
    "autoscale_units",
]

Array = NDArray[np.float64]
Indices = NDArray[np.intp]
Real = float | Array
"""A parameter of a prior: one number as the user writes it, an array (k,) once it is resolved to k columns."""


class Statistics(Protocol):
    """Weighted statistics of the columns of a design, each of shape (n_terms,)."""

    @property
    def mean(self) -> Array:
        """Weighted means."""

    @property
    def sd(self) -> Array:
        """Weighted standard deviations, divisor n."""

    @property
    def minimum(self) -> Array:
        """Smallest values."""

    @property
    def maximum(self) -> Array:
        """Largest values."""

    @property
    def two_valued(self) -> NDArray[np.bool_]:
        """Which columns have exactly two values."""


class Columns(Protocol):
    """The part of a problem that a prior is resolved against."""

    @property
    def terms(self) -> Sequence[str]:
        """Names of the columns."""

    @property
    def intercept(self) -> int | None:
        """Position of the intercept, None where there is none."""

    @property
    def column_stats(self) -> Statistics:
        """Statistics of the columns."""


class Counts(Protocol):
    """How much data there is."""

    @property
    def n_trials(self) -> float:
        """Number of binary outcomes."""


class CountedColumns(Columns, Protocol):
    """What a prior needs whose scale depends on the number of outcomes."""

    @property
    def sample(self) -> Counts:
        """The size of the data."""


class Coordinates(Protocol):
    """Centred and scaled columns, (x - center) / scale; the intercept's own centre is 0 and its scale 1."""

    @property
    def center(self) -> Array:
        """Centres, shape (n_terms,)."""

    @property
    def scale(self) -> Array:
        """Scales, shape (n_terms,)."""


def autoscale_units(stats: Statistics) -> Array:
    """What `autoscale` divides the scale of each column's prior by, shape (n_terms,).

    The standard deviation (weighted, divisor n) where a column has more than two values, the range (1 for a dummy)
    where it has two, 1 where it is constant.
    """
    spread = np.asarray(stats.maximum - stats.minimum, dtype=np.float64)
    unit = np.where(stats.two_valued, spread, stats.sd)
    return np.where((spread > 0) & (unit > 0), unit, 1.0)
