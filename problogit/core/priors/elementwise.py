"""The numerics of independent priors on k coefficients: what every family implements.

Conventions, stated once for all families of this package:

- A prior is a density on the coefficient that is reported: log-odds per original unit of the predictor.
- Everything is on the *sum* scale: penalized estimation maximises sum_i log-likelihood_i + log p(beta), so that the
  penalty is -log p(beta), the L2 strength is 1/scale^2 and the L1 strength is 1/scale.
- Coefficients are independent a priori. A family's methods take `beta` of shape (..., k) and parameters that are
  numbers or arrays (k,), and return one value per coefficient.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np

from problogit.core.priors.columns import Array, Real
from problogit.errors import InputError

__all__ = ["Elementwise"]


class Elementwise(ABC):
    """Independent priors of one family on k coefficients.

    Concrete families are frozen dataclasses. Fields are numbers as the user writes them, arrays once resolved. Two
    priors are equal when family and parameters are.
    """

    @property
    @abstractmethod
    def smooth(self) -> bool:
        """Whether the log density is twice differentiable everywhere (no L1 part)."""

    @property
    def log_concave(self) -> bool:
        """Whether the log density is concave."""
        return True

    @property
    def quadratic(self) -> bool:
        """Whether the smooth part of the log density is a parabola (or nothing)."""
        return False

    @property
    def proper(self) -> bool:
        """Whether the density integrates to one; only a flat prior does not."""
        return True

    @property
    def l1_strength(self) -> Real:
        """Strength of the L1 part of the penalty, which has its kink at `location`; 0 where the prior is smooth."""
        return 0.0

    @property
    @abstractmethod
    def location(self) -> Real:
        """Centre of the density."""

    @property
    @abstractmethod
    def spread(self) -> Real:
        """The parameter `scale`; inf for a flat prior, NaN where a family has none."""

    @property
    def family(self) -> str:
        """Name of the family."""
        return type(self).__name__

    @property
    def tail_df(self) -> Real:
        """Degrees of freedom of a t with tails as heavy; infinite for lighter ones, as of a normal or a Laplace.

        Under separation a posterior inherits the tails of its prior: whether it exists is judged by this.
        """
        return np.inf

    @property
    @abstractmethod
    def variance(self) -> Real:
        """Variance of the density: inf for a flat prior and where it diverges, NaN where there is no mean either."""

    @abstractmethod
    def draw(self, rng: np.random.Generator, n: int) -> Array:
        """Random coefficients, shape (n, k) for parameters of shape (k,); a flat prior has none."""

    @abstractmethod
    def log_density(self, beta: Array) -> Array:
        """Log density, normalised where proper; shape of `beta`."""

    @abstractmethod
    def gradient(self, beta: Array) -> Array:
        """First derivative, d log density / d beta of the smooth part; shape of `beta`."""

    @abstractmethod
    def curvature(self, beta: Array) -> Array:
        """-d2 log density / d beta2 of the smooth part; shape of `beta`."""

    def majorant(self, beta: Array) -> Array:
        """Curvature of a parabola that touches minus the smooth part of the log density at `beta` from above.

        -gradient/(beta - location), never negative; for priors that are not log-concave, where `curvature` is
        negative in the tails (Hunter and Lange, 2004).
        """
        distance = np.asarray(beta - self.location)
        at_centre = distance == 0
        slope = -self.gradient(beta) / np.where(at_centre, 1.0, distance)
        return np.where(at_centre, self.curvature(beta), slope)

    @abstractmethod
    def prox(self, v: Array, step: Real) -> Array:
        """The point x that minimises (x - v)^2 / (2 step) - log density(x), elementwise."""

    @abstractmethod
    def rescale(self, c: Real) -> Self:
        """The prior of c * beta when beta has this one; `c` is not zero."""

    def strengthened(self, factor: float) -> Self:
        """The prior whose penalty, -log density, is `factor` times this one's up to a constant.

        L1 and L2 strengths are multiplied by `factor`. A family with heavy tails has none: there the scale is divided
        by sqrt(factor), which multiplies the curvature of the penalty at its centre.
        """
        raise InputError(f"{self.family} has no strength that could be scaled.")

    @abstractmethod
    def on_columns(self, unit: Array) -> Self:
        """The prior with arrays (k,) for parameters; an autoscaled one is first divided in scale by `unit` (k,)."""

    @abstractmethod
    def stand_in(self) -> Elementwise:
        """A Gaussian of the same width: smooth and log-concave, for whitening and for starts. Flat stays flat."""

    @abstractmethod
    def describe(self) -> str:
        """One line, as in ``"Normal(0, 2.5), autoscaled"``."""

    @abstractmethod
    def pymc(
        self, pm: Any, name: str, *, dims: str | tuple[str, ...] | None = None, shape: Any = None
    ) -> Any:
        """The PyMC variable `name` with this prior, made in the model that is open.

        Parameters
        ----------
        pm : module
            `pymc`, passed in; this package never imports it.
        name : str
            Name of the variable.
        dims, shape
            As in every PyMC distribution.
        """

    def parameters(self) -> dict[str, Real]:
        """The numbers of this prior by field name, ``autoscale`` left out."""
        fields = dataclasses.fields(self)  # type: ignore[arg-type]  # every concrete family is a dataclass
        return {field.name: getattr(self, field.name) for field in fields if field.name != "autoscale"}

    def take(self, positions: Any) -> Self:
        """The priors at some positions of the parameter arrays; a single position gives numbers again."""
        arrays = {k: v for k, v in self.parameters().items() if isinstance(v, np.ndarray)}
        single = np.ndim(positions) == 0
        taken = {k: float(v[positions]) if single else v[positions] for k, v in arrays.items()}
        return dataclasses.replace(self, **taken)  # type: ignore[type-var]  # as above

    def _key(self) -> tuple[Any, ...]:
        fields = dataclasses.fields(self)  # type: ignore[arg-type]  # as above
        return (type(self), *(_comparable(getattr(self, field.name)) for field in fields))

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Elementwise) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())


def _comparable(value: Any) -> Any:
    """A parameter by its value; what is not a number (the prior of a scale) by itself."""
    array = np.asarray(value)
    if array.dtype == object:
        return value
    array = array.astype(np.float64) + 0.0  # no -0.0
    return array.shape, array.tobytes()
