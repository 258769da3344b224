"""Scales that are themselves random: what a hierarchical prior adds to a family of fixed scales.

A coefficient is beta_j = loc_j + sigma_j w_j, with w_j from a family of scale one and sigma_j a function of the
hyperparameters. These are given as theta on the whole line, where a sampler moves.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import expit

from problogit.core.priors.columns import Array

__all__ = [
    "ScaleMixture",
    "effective_scale",
    "grid_moments",
    "log_evidence",
    "log_softplus",
    "softplus_elasticity",
    "softplus_inverse",
]


_LOW = -40.0  # where log(1 + e^y) is e^y


class ScaleMixture(ABC):
    """Scales of k coefficients as functions of hyperparameters theta, and the density of theta.

    Attributes
    ----------
    factor : ndarray, shape (k,)
        What the scale of each coefficient is multiplied by whatever the hyperparameters.
    """

    factor: Array

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of hyperparameters."""

    @property
    def n_coefficients(self) -> int:
        """Number of coefficients k."""
        return int(self.factor.size)

    @property
    @abstractmethod
    def kind(self) -> str:
        """One word for names of variables."""

    @property
    @abstractmethod
    def shared(self) -> bool:
        """Whether there is one hyperparameter, for a scale that all coefficients share but for their factors."""

    @abstractmethod
    def approximate(self, theta: Array, data: Array, pull: Array) -> tuple[Array, Array, Array]:
        """About where the posterior of theta lies, and how wide it is (size,); and scales of v (k,) that do for it.

        The scales shrink v as much as the random ones do on average: 1 / (1 + data scale^2) is its posterior mean.

        Parameters
        ----------
        theta : ndarray, shape (size,)
            A guess.
        data, pull : ndarray, shape (k,)
            The log-likelihood as if the coefficients were independent: pull_j v_j - data_j v_j^2 / 2, with v_j of scale
            sigma_j (where the scale is shared, of that scale without factors).
        """

    def loosened(self, theta: Array, width: Array) -> Array:
        """theta at which coefficients that may be large are: where the data are asked what they say of those."""
        return theta

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

    @property
    @abstractmethod
    def names(self) -> Mapping[str, bool]:
        """Names of the hyperparameters; True where there is one for each coefficient."""

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


def grid_moments(grid: Array, log_density: Array) -> tuple[Array, Array]:
    """Mean and standard deviation of densities on a grid, over the first axis; not below a tenth."""
    weight = np.exp(log_density - log_density.max(axis=0))
    weight /= weight.sum(axis=0)
    points = grid.reshape(-1, *([1] * (weight.ndim - 1)))
    mean = (weight * points).sum(axis=0)
    variance = (weight * (points - mean) ** 2).sum(axis=0)
    return mean, np.maximum(np.sqrt(variance), 0.1)


def effective_scale(log_density: Array, data: Array, log_scale: Array) -> Array:
    """The scale whose shrinkage 1 / (1 + data scale^2) is the mean of that over a grid (the first axis)."""
    weight = np.exp(log_density - log_density.max(axis=0))
    weight /= weight.sum(axis=0)
    floor = np.maximum(
        data, 1e-8
    )  # without data all shrinkages are one, and the ratio below is that of the variances
    kept = (weight / (1.0 + floor * np.exp(2.0 * log_scale))).sum(axis=0)
    return np.asarray(np.sqrt(np.maximum(1.0 / kept - 1.0, 1e-300) / floor))


def log_evidence(data: Array, pull: Array, log_scale: Array) -> Array:
    """log of the integral of exp(pull v - data v^2 / 2) over v from a normal of that scale."""
    variance = np.exp(2.0 * log_scale)
    kept = 1.0 + data * variance
    return np.asarray(0.5 * pull**2 * variance / kept - 0.5 * np.log(kept))


def log_softplus(y: Array) -> Array:
    """log log(1 + e^y)."""
    return np.where(y < _LOW, y, np.log(np.logaddexp(0.0, np.maximum(y, _LOW))))


def softplus_elasticity(y: Array) -> Array:
    """Derivative of `log_softplus`."""
    high = np.maximum(y, _LOW)
    return np.where(y < _LOW, 1.0, expit(high) / np.logaddexp(0.0, high))


def softplus_inverse(s: Array) -> Array:
    """y with log(1 + e^y) = s."""
    return np.asarray(s + np.log(-np.expm1(-s)))
