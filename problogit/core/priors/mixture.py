"""Scales that are themselves random: what a hierarchical prior adds to a family of fixed scales.

A coefficient is beta_j = loc_j + sigma_j w_j, with w_j from a family of scale one and sigma_j a function of the
hyperparameters. These are given as theta, logarithms on the whole line, because that is where a sampler moves.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np

from problogit.core.priors.columns import Array

__all__ = ["ScaleMixture"]


class ScaleMixture(ABC):
    """Scales of k coefficients as functions of hyperparameters theta, and the density of theta."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of hyperparameters."""

    @property
    @abstractmethod
    def n_coefficients(self) -> int:
        """Number of coefficients k."""

    @abstractmethod
    def log_scales(self, theta: Array) -> Array:
        """log sigma, (..., size) -> (..., k)."""

    @abstractmethod
    def pull(self, theta: Array, slope: Array) -> Array:
        """The gradient by theta of a function whose gradient by log sigma is `slope` (k,), shape (size,)."""

    @abstractmethod
    def log_density(self, theta: Array) -> Array:
        """Log density of theta (the Jacobian of the logarithms included), (..., size) -> (...)."""

    @abstractmethod
    def gradient(self, theta: Array) -> Array:
        """Gradient of `log_density` at one theta, shape (size,)."""

    @property
    @abstractmethod
    def centre(self) -> Array:
        """A typical theta: the prior medians, or near them, shape (size,)."""

    @abstractmethod
    def named(self, theta: Array) -> Mapping[str, Array]:
        """Hyperparameters on their own scales by name, (..., size) -> arrays (...) or (..., k)."""

    @abstractmethod
    def theta(self, named: Mapping[str, Array]) -> Array:
        """The way back: theta from what `named` returns."""

    @abstractmethod
    def log_jacobian(self, theta: Array) -> Array:
        """Log determinant of the derivative of the hyperparameters by theta, (..., size) -> (...)."""

    @abstractmethod
    def draw(self, rng: np.random.Generator, n: int) -> Array:
        """Draws of theta from its prior, shape (n, size)."""

    @abstractmethod
    def rescale(self, c: Array) -> ScaleMixture:
        """Scales multiplied by |c| (k,): those of c * beta."""

    @abstractmethod
    def describe(self, position: int) -> str:
        """The scale of one coefficient in words, as in ``"s / 1.3, s ~ HalfNormal(1)"``."""

    @abstractmethod
    def pymc(self, pm: Any, dims: str) -> Any:
        """The vector of scales as a PyMC variable, made of named hyperparameters in the model that is open."""
