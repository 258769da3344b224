"""What a prior needs to know about a model, and what the model needs to know about a prior, as protocols.

Both sides are written against these: the priors import no problem, `ResolvedPrior` imports no family.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Columns", "Elementwise", "Indices", "Real", "Statistics", "autoscale_units"]

Array = NDArray[np.float64]
Indices = NDArray[np.intp]
Real = float | Array
"""A parameter of a prior: one number as the user writes it, an array (k,) once it is resolved to k columns."""


class Statistics(Protocol):
    """Weighted statistics of the columns of a design, each of shape (n_terms,)."""

    @property
    def mean(self) -> Array: ...
    @property
    def sd(self) -> Array: ...
    @property
    def minimum(self) -> Array: ...
    @property
    def maximum(self) -> Array: ...
    @property
    def two_valued(self) -> NDArray[np.bool_]: ...


class Columns(Protocol):
    """The part of a problem that a prior is resolved against."""

    @property
    def terms(self) -> Sequence[str]: ...
    @property
    def intercept(self) -> int | None: ...
    @property
    def column_stats(self) -> Statistics: ...


class Elementwise(Protocol):
    """The numerics of independent priors on k coefficients; the families of this package are its implementations."""

    @property
    def smooth(self) -> bool: ...
    @property
    def log_concave(self) -> bool: ...
    @property
    def proper(self) -> bool: ...
    @property
    def l1(self) -> Real: ...
    @property
    def location(self) -> Real: ...
    @property
    def spread(self) -> Real: ...
    @property
    def family(self) -> str: ...
    def log_density(self, beta: Array) -> Array: ...
    def gradient(self, beta: Array) -> Array: ...
    def curvature(self, beta: Array) -> Array: ...
    def prox(self, v: Array, step: Real) -> Array: ...
    def rescale(self, c: Real) -> Elementwise: ...
    def stand_in(self) -> Elementwise: ...
    def take(self, positions: Any) -> Elementwise: ...
    def describe(self) -> str: ...
    def pymc(
        self, pm: Any, name: str, *, dims: str | tuple[str, ...] | None = None, shape: Any = None
    ) -> Any: ...


def autoscale_units(stats: Statistics) -> Array:
    """What `autoscale` divides the scale of each column's prior by, shape (n_terms,).

    The standard deviation (weighted, divisor n) where a column has more than two values, the range (1 for a dummy)
    where it has two, 1 where it is constant.
    """
    spread = np.asarray(stats.maximum - stats.minimum, dtype=np.float64)
    unit = np.where(stats.two_valued, spread, stats.sd)
    return np.where((spread > 0) & (unit > 0), unit, 1.0)
