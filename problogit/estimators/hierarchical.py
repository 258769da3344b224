"""A posterior with random prior scales, in coordinates in which it is nearly a standard normal whatever the scales.

Non-centred coordinates (beta_j = sigma_j w_j) suit coefficients about which the data say little, centred ones those
that the data determine; each makes a funnel of the other. Here every coefficient has coordinates of its own that pass
from one to the other as its scale moves. With -a v^2 / 2 + q v what the data say of a coefficient v (its location taken
off), and d = 1/sigma^2 the precision of its prior,

    v = (q + sqrt(a + d) z) / (a + d):

the conditional mean and standard deviation of v given the scale, with z nearly standard normal for every scale. a = 0
is the non-centred form, which this is wherever the prior outweighs the data (Papaspiliopoulos, Roberts & Skoeld 2007,
Statistical Science 22:59; Gorinova, Moore & Hoffman 2020). Columns that share one scale are first turned to the
directions in which likelihood and prior are both diagonal, and follow the modes and curvatures found at several values
of it (`hierarchical_passage`); columns with fixed priors follow the others linearly. The density is exact in any
coordinates; these decide the sampler's speed and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from problogit.core.blocks import Array
from problogit.core.density import DenseDensity
from problogit.core.likelihood import BinomialLikelihood
from problogit.core.priors.hierarchy import ResolvedHierarchy, ScaledBlock
from problogit.core.scaling import Scaling
from problogit.errors import InputError, explain
from problogit.estimators.hierarchical_passage import Conditional
from problogit.estimators.hierarchical_shape import Shape, find_shape
from problogit.estimators.whitened import log_prior, multiplied, worth_multiplying
from problogit.problem import Problem

__all__ = ["HierarchicalPosterior", "whiten_hierarchy"]

_MOST_COLUMNS = 2000  # columns: a square matrix of them is factored
_FARTHEST = 300.0  # logarithms of scales beyond which exponentials would overflow


@dataclass(frozen=True, eq=False)
class HierarchicalPosterior:
    """The posterior of z = (coefficients with random scales, other coefficients, hyperparameters).

    Attributes
    ----------
    likelihood : BinomialLikelihood or DenseDensity
        As a function of u = (v, r) where `direct`, else of gamma = shape.center + shape.root u.
    prior : ResolvedHierarchy
        In gamma.
    scaling : Scaling
        From gamma to beta.
    shape : Shape
        The coordinates.
    direct : bool
        True where the design was multiplied by `shape.root` once and for all.
    """

    likelihood: BinomialLikelihood | DenseDensity
    prior: ResolvedHierarchy
    scaling: Scaling
    shape: Shape
    direct: bool

    @property
    def size(self) -> int:
        """Coefficients and hyperparameters."""
        return int(self.shape.center.size + self.prior.size)

    @property
    def exact_mode(self) -> bool:
        """False: z = 0 is a typical point, not the mode."""
        return False

    @cached_property
    def _blocks(self) -> list[tuple[ScaledBlock, slice, slice]]:
        """Each block with the places of its coefficients in v and of its hyperparameters in theta."""
        out, v, t = [], 0, 0
        for block in self.prior.blocks:
            k, m = block.index.size, block.mixture.size
            out.append((block, slice(v, v + k), slice(t, t + m)))
            v, t = v + k, t + m
        return out

    @cached_property
    def _n_scaled(self) -> int:
        return int(self.prior.columns.size)

    def _theta(self, z: Array) -> Array:
        return self.shape.theta + self.shape.theta_width * z[..., self.shape.center.size :]

    def _log_scales(self, theta: Array) -> Array:
        """log sigma of the columns with random scales, (..., k)."""
        parts = [block.mixture.log_scales(theta[..., own]) for block, _, own in self._blocks]
        logs = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)
        return np.clip(logs, -_FARTHEST, _FARTHEST)

    def _to_u(self, z: Array) -> Array:
        """u from z."""
        k, p = self._n_scaled, self.shape.center.size
        given = self._given(self._log_scales(self._theta(z)))
        return np.concatenate([given.mean + given.width * z[..., :k], z[..., k:p]], axis=-1)

    def _given(self, logs: Array) -> Conditional:
        """What v is about, given log sigma (..., k)."""
        passages = self.shape.passages
        parts = [
            passage.at(logs[..., place])
            for passage, (_, place, _) in zip(passages, self._blocks, strict=True)
        ]
        if len(parts) == 1:
            return parts[0]
        return Conditional(
            np.concatenate([part.mean for part in parts], axis=-1),
            np.concatenate([part.width for part in parts], axis=-1),
            np.concatenate([part.mean_slope for part in parts], axis=-1),
            np.concatenate([part.log_width_slope for part in parts], axis=-1),
        )

    def evaluate(self, z: Array) -> tuple[float, Array]:
        """Log density (kernel of the likelihood, prior of coefficients and hyperparameters, Jacobian) and gradient."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            shape, k, p = self.shape, self._n_scaled, self.shape.center.size
            theta = self._theta(z)
            logs = self._log_scales(theta)
            given = self._given(logs)
            moved = given.width * z[:k]
            u = np.concatenate([given.mean + moved, z[k:p]])
            gamma = shape.center + shape.root @ u
            value, slope, by_theta, by_scale = self._log_prior(gamma, theta, logs)
            loglik, gradient = self.likelihood.gradient(u if self.direct else gamma)
            if self.direct:
                gradient = gradient + slope @ shape.root
            else:
                gradient = (gradient + slope) @ shape.root
            # The derivatives of v and of log(width) by log sigma.
            slope_v = given.mean_slope + given.log_width_slope * moved
            by_scale += gradient[:k] * slope_v + given.log_width_slope
            for block, place, own in self._blocks:
                by_theta[own] += block.mixture.pull(theta[own], by_scale[place])
            value += loglik + float(np.log(given.width).sum())
            return value, np.concatenate(
                [gradient[:k] * given.width, gradient[k:], by_theta * shape.theta_width]
            )

    def _log_prior(self, gamma: Array, theta: Array, logs: Array) -> tuple[float, Array, Array, Array]:
        """Log prior, and its gradients by gamma, theta (scales held) and log sigma (k,)."""
        value, slope = log_prior(self.prior.fixed, gamma)
        by_theta, by_scale = np.empty_like(theta), np.empty_like(logs)
        inverse = np.exp(-logs)
        value -= float(logs.sum())
        for block, place, own in self._blocks:
            w = (gamma[block.index] - block.loc) * inverse[place]
            part = block.unit.gradient(w)
            if not block.unit.smooth:
                part = part - block.unit.l1_strength * np.sign(w)
            value += float(block.unit.log_density(w).sum()) + float(block.mixture.log_density(theta[own]))
            slope[block.index] += part * inverse[place]
            by_theta[own] = block.mixture.gradient(theta[own])
            by_scale[place] = -1.0 - w * part
        return value, slope, by_theta, by_scale

    def log_density(self, z: Array) -> Array:
        """The log density of many points, (n_points, size) -> (n_points,)."""
        return np.array([self.evaluate(point)[0] for point in z])

    def with_fast_gradients(self) -> HierarchicalPosterior:
        """Itself."""
        return self

    def to_beta(self, z: Array) -> Array:
        """Coefficients in original units from z, (..., size) -> (..., n_terms)."""
        return self.scaling.to_original(self.shape.center + self._to_u(z) @ self.shape.root.T)

    def extra(self, z: Array) -> dict[str, Array]:
        """Hyperparameters by name, (..., size) -> arrays (...) or (..., k)."""
        return self.prior.named(self._theta(z))


def whiten_hierarchy(problem: Problem, prior: ResolvedHierarchy) -> HierarchicalPosterior:
    """Find the coordinates.

    Parameters
    ----------
    problem : Problem
    prior : ResolvedHierarchy
        In original units.

    Raises
    ------
    InputError
        More columns than a square matrix of them can be factored for.
    """
    if problem.n_terms > _MOST_COLUMNS:
        rule = f"must have fixed scales with more than {_MOST_COLUMNS} columns"
        raise InputError(explain("prior", rule, f"{problem.n_terms} columns with learned scales"))
    found = find_shape(problem, prior)
    likelihood, shape = found.likelihood, found.shape
    direct = worth_multiplying(likelihood)
    return HierarchicalPosterior(
        DenseDensity.of(multiplied(likelihood, shape.center, shape.root)) if direct else likelihood,
        prior.scaled(found.scaling),
        found.scaling,
        shape,
        direct,
    )
