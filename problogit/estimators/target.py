"""What a sampler knows of a posterior."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, Self

from problogit.core.blocks import Array

__all__ = ["Target"]


class Target(Protocol):
    """A log density on R^size that is nearly a standard normal, and the way from there to the coefficients."""

    @property
    def size(self) -> int:
        """Dimension."""

    @property
    def exact_mode(self) -> bool:
        """True where z = 0 is the posterior mode, False where it is that of a Gaussian stand-in."""

    def evaluate(self, z: Array) -> tuple[float, Array]:
        """Log density and gradient at z, shape (size,)."""

    def log_density(self, z: Array) -> Array:
        """Log density of many points, up to the same constant, (n_points, size) -> (n_points,)."""

    def to_beta(self, z: Array) -> Array:
        """Coefficients in original units from z, shape (..., size) -> (..., n_terms)."""

    def with_fast_gradients(self) -> Self:
        """The same density, made ready for thousands of gradients."""

    def extra(self, z: Array) -> Mapping[str, Array]:
        """Hyperparameters by name, (..., size) -> arrays (...) or (..., k); empty where there are none."""
