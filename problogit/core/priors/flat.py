"""The flat prior: no penalty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from problogit.core.priors.base import Prior
from problogit.core.priors.columns import Array, Real
from problogit.errors import InputError, explain

__all__ = ["Flat"]


@dataclass(frozen=True, eq=False)
class Flat(Prior):
    """No prior: the coefficient is not penalized. ``Penalized(Flat())`` is maximum likelihood.

    The density is constant and does not integrate to one. Its log is set to 0.
    """

    @property
    def smooth(self) -> bool:
        """True: a constant is smooth."""
        return True

    @property
    def proper(self) -> bool:
        """False."""
        return False

    @property
    def quadratic(self) -> bool:
        """True."""
        return True

    @property
    def location(self) -> Real:
        """0, by convention."""
        return 0.0

    @property
    def spread(self) -> Real:
        """Infinity."""
        return np.inf

    @property
    def variance(self) -> Real:
        """Infinity."""
        return np.inf

    def draw(self, rng: np.random.Generator, n: int) -> Array:
        """Refused: the density does not integrate to one."""
        raise InputError(
            explain(
                "prior",
                "must be proper to be drawn from",
                self.describe(),
                "Give it a scale, as in Normal(2.5).",
            )
        )

    def log_density(self, beta: Array) -> Array:
        """Zeros."""
        return np.zeros(np.shape(beta))

    def gradient(self, beta: Array) -> Array:
        """Zeros."""
        return np.zeros(np.shape(beta))

    def curvature(self, beta: Array) -> Array:
        """Zeros."""
        return np.zeros(np.shape(beta))

    def prox(self, v: Array, step: Real) -> Array:
        """`v` itself."""
        return np.array(v, dtype=np.float64)

    def rescale(self, c: Real) -> Flat:
        """Flat stays flat."""
        return self

    def strengthened(self, factor: float) -> Flat:
        """Flat stays flat."""
        return self

    def on_columns(self, unit: Array) -> Flat:
        """Flat has no parameters."""
        return self

    def stand_in(self) -> Flat:
        """Flat stays flat."""
        return self

    def describe(self) -> str:
        """``"Flat()"``."""
        return "Flat()"

    def pymc(
        self, pm: Any, name: str, *, dims: str | tuple[str, ...] | None = None, shape: Any = None
    ) -> Any:
        """`pymc.Flat`."""
        return pm.Flat(name, dims=dims, shape=shape)
