"""A posterior in coordinates in which it is nearly a standard normal: what the sampler sees.

With gamma the coefficients of the centred and scaled columns, m the posterior mode and H = L L' the posterior precision
there, the coordinates are z with gamma = m + L^-T z. The log density is exact in any coordinates; only the sampler's
speed depends on them. Where the prior has a kink or the precision is not positive definite, m and H are those of the
posterior under the priors' Gaussian stand-ins.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.linalg import LinAlgError, cholesky, solve_triangular

from problogit.core.blocks import Array
from problogit.core.coefficients import as_dense
from problogit.core.density import DenseDensity
from problogit.core.expansion import Expansion, expand
from problogit.core.importance import far_share
from problogit.core.likelihood import BinomialLikelihood
from problogit.core.priors.normal import Normal
from problogit.core.priors.resolved import ResolvedPrior
from problogit.core.scaling import Scaling
from problogit.errors import EstimationError
from problogit.estimators.penalized_optimum import Optimum, PenalizedLikelihood, choose_solver
from problogit.estimators.penalized_problem import ScaledProblem, scaled_problem, search
from problogit.problem import Problem

__all__ = [
    "NO_CURVATURE",
    "WhitenedPosterior",
    "at_mode",
    "find_mode",
    "inverse_root",
    "log_prior",
    "multiplied",
    "whiten",
    "worth_multiplying",
]

_WHITENED_VALUES = 25_000_000  # 200 MB: above this the design is not copied into the new columns
_ROUNDS, _SETTLED = (
    8,
    0.1,
)  # of widths of stand-ins: most rounds, and the change of a log square that ends them
_EXPANDED_FROM, _EXPANDED_UP_TO = 1000, 23  # rows, columns: where sums of fourth powers pay
_COSTLY_COLUMNS = 50  # whose product with a point costs as much as an exponential
_DENSE_UP_TO = 2000  # columns: above, each coordinate is only divided by its own width
NO_CURVATURE = (
    "The posterior has no curvature in some direction at its mode, so that it cannot be sampled: the data say next to "
    "nothing about some coefficient, and neither does its prior. Give every term, and the intercept, a proper prior, "
    "e.g. Priors(Normal(2.5, autoscale=True), intercept=Normal(5))."
)


@dataclass(frozen=True, eq=False)
class WhitenedPosterior:
    """The posterior of z, where beta = scaling.to_original(center + root z).

    Attributes
    ----------
    likelihood : BinomialLikelihood or DenseDensity
        As a function of z where `direct`, else of gamma.
    prior : ResolvedPrior
        In gamma.
    scaling : Scaling
        From gamma to beta.
    center : ndarray, shape (n_terms,)
        gamma at z = 0.
    root : ndarray, shape (n_terms, n_terms) or (n_terms,)
        L^-T; with very many columns the inverse roots of the diagonal of H.
    direct : bool
        True where the design was multiplied by `root` once and for all.
    exact_mode : bool
        True where `center` is the posterior mode, False where it is that of the Gaussian stand-in.
    source : BinomialLikelihood
        Always as a function of gamma, for sums over blocks of rows.
    parabola : Parabola or None
        The log prior as a function of z where it is one.
    """

    likelihood: BinomialLikelihood | DenseDensity
    prior: ResolvedPrior
    scaling: Scaling
    center: Array
    root: Array
    direct: bool
    exact_mode: bool
    source: BinomialLikelihood
    parabola: Parabola | None = None

    @property
    def size(self) -> int:
        """Number of coefficients."""
        return int(self.center.size)

    def evaluate(self, z: Array) -> tuple[float, Array]:
        """Log density (the kernel of the likelihood plus the log prior) and its gradient at z."""
        # Far out on a divergent path numbers overflow; the sampler rejects the point.
        with np.errstate(over="ignore", invalid="ignore"):
            if self.direct and self.parabola is not None:
                value, gradient = self.likelihood.gradient(z)
                prior_value, slope = self.parabola.evaluate(z)
                return value + prior_value, gradient + slope
            gamma = self.center + (self.root @ z if self.root.ndim == 2 else self.root * z)
            prior_value, slope = log_prior(self.prior, gamma)
            if self.direct:
                value, gradient = self.likelihood.gradient(z)
                return value + prior_value, gradient + self._back(slope)
            value, gradient = self.likelihood.gradient(gamma)
            return value + prior_value, self._back(gradient + slope)

    def log_density(self, z: Array) -> Array:
        """The log density of many points, (n_points, size) -> (n_points,): one pass over the rows for all of them."""
        gamma = self._to_gamma(z)
        prior = self.prior.batch(gamma)
        if self.expansion is None:
            return self.source.batch(gamma) + prior
        near = self.expansion.near(z)
        out = prior
        out[near] += self.expansion.values(z[near])
        if not near.all():
            out[~near] += self.source.batch(gamma[~near])
        return out

    @cached_property
    def expansion(self) -> Expansion | None:
        """The likelihood as a polynomial in z where rows are many and columns few: exact to within a stated bound."""
        dense = isinstance(self.source.X, np.ndarray)
        if dense and self.source.n_rows >= _EXPANDED_FROM and self.size <= _EXPANDED_UP_TO:
            return expand(self.source, self.center, self.root)
        return None

    @property
    def rows_per_point(self) -> float:
        """How many rows of few columns `log_density` might read for one of many points, on average over proposals."""
        rows = self.source.n_rows * (1 + self.size / _COSTLY_COLUMNS)
        return rows if self.expansion is None else rows * far_share(self.expansion.radius, self.size)

    def with_fast_gradients(self) -> WhitenedPosterior:
        """The same density, whose design is multiplied by `root` once and for all where memory allows."""
        if self.direct or not worth_multiplying(self.source):
            return self
        fast = DenseDensity.of(multiplied(self.source, self.center, self.root))
        return replace(self, likelihood=fast, direct=True)

    def _back(self, slope: Array) -> Array:
        """A gradient with respect to gamma as one with respect to z."""
        return np.asarray(slope @ self.root if self.root.ndim == 2 else slope * self.root)

    def to_beta(self, z: Array) -> Array:
        """Coefficients in original units from z, shape (..., n_terms)."""
        return self.scaling.to_original(self._to_gamma(z))

    def _to_gamma(self, z: Array) -> Array:
        return self.center + (z @ self.root.T if self.root.ndim == 2 else z * self.root)

    def extra(self, z: Array) -> dict[str, Array]:
        """Nothing: there are no hyperparameters."""
        return {}

    def to_z(self, beta: Array) -> Array:
        """z of one coefficient vector in original units."""
        away = self.scaling.to_scaled(beta) - self.center
        return np.asarray(np.linalg.solve(self.root, away) if self.root.ndim == 2 else away / self.root)


def log_prior(prior: ResolvedPrior, gamma: Array) -> tuple[float, Array]:
    """Log prior and gradient, kinks included (at a kink, the slope between its sides)."""
    points = prior.own_points(gamma)
    value = 0.0
    slope = np.zeros(gamma.size)
    for index, family in prior.blocks:
        at = points[index]
        value += float(family.log_density(at).sum())
        part = family.gradient(at)
        slope[index] = part if family.smooth else part - family.l1_strength * np.sign(at - family.location)
    if prior.anchor is not None:
        slope = slope + slope[prior.intercept] * prior.anchor
    return value, slope


@dataclass(frozen=True, eq=False)
class Parabola:
    """value + slope'z - z'bend z / 2."""

    value: float
    slope: Array
    bend: Array

    @classmethod
    def of(cls, prior: ResolvedPrior, center: Array, root: Array) -> Parabola | None:
        """A Gaussian log prior of gamma = center + root z; None for every other, and where `root` is a diagonal."""
        if root.ndim == 1 or not (prior.smooth and prior.quadratic):
            return None
        return cls(prior.value(center), prior.gradient(center) @ root, root.T @ prior.hessian(center) @ root)

    def evaluate(self, z: Array) -> tuple[float, Array]:
        """Value and gradient."""
        bent = self.bend @ z
        return self.value + float((self.slope - 0.5 * bent) @ z), self.slope - bent


def at_mode(problem: Problem, prior: ResolvedPrior) -> WhitenedPosterior:
    """Find the mode and the curvature there, and change coordinates.

    Parameters
    ----------
    problem : Problem
    prior : ResolvedPrior
        In original units.
    """
    scaled, gamma, root, exact = _gaussian_shape(problem, prior)
    likelihood = scaled.objective.likelihood
    moved = prior.scaled(scaled.scaling)
    return WhitenedPosterior(
        likelihood,
        moved,
        scaled.scaling,
        gamma,
        root,
        direct=False,
        exact_mode=exact,
        source=likelihood,
        parabola=Parabola.of(moved, gamma, root),
    )


def whiten(problem: Problem, prior: ResolvedPrior) -> WhitenedPosterior:
    """`at_mode`, made ready for thousands of gradients."""
    return at_mode(problem, prior).with_fast_gradients()


def _gaussian_shape(problem: Problem, prior: ResolvedPrior) -> tuple[ScaledProblem, Array, Array, bool]:
    """A centre and a root of the covariance there, and whether the centre is the posterior mode itself."""
    if prior.smooth:
        scaled, best = find_mode(problem, prior)
        if best.converged:
            try:
                return scaled, best.gamma, _root_at(scaled.objective, best.gamma), True
            except EstimationError:
                if prior.log_concave:
                    raise
    return *_stand_in_shape(problem, prior), False


def _stand_in_shape(problem: Problem, prior: ResolvedPrior) -> tuple[ScaledProblem, Array, Array]:
    """The mode and the root under Gaussian stand-ins of the priors.

    A stand-in for a prior with a kink has the prior's own width at first, and then the width that suits the posterior:
    the precision l2 + l1 / (sqrt(2) m), with m the root mean square of the coefficient under the stand-in posterior.
    But for the root of two this is the Laplace density as a mixture of normals, its mixing variable at its mean (the
    variational Bayesian lasso); with it the width is the prior's own where the data say nothing.
    """
    stand_in, before = prior.stand_in(), None
    for _ in range(_ROUNDS):
        tame, best = find_mode(problem, stand_in)
        root = _root_at(tame.objective, best.gamma)
        if prior.smooth or root.ndim == 1:
            break
        square = _mean_square(prior, tame.scaling, best.gamma, root)
        if before is not None and np.abs(np.log(square / before)).max() < _SETTLED:
            break
        stand_in, before = _narrowed(prior, square), square
    return tame, best.gamma, root


def _mean_square(prior: ResolvedPrior, scaling: Scaling, gamma: Array, root: Array) -> Array:
    """Mean square about its prior's location of each coefficient under a normal posterior of gamma."""
    center = prior.own_points(scaling.to_original(gamma)) - prior.loc
    return np.asarray(center**2 + np.square(prior.own_points(scaling.to_original(root.T))).sum(axis=0))


def _narrowed(prior: ResolvedPrior, square: Array) -> ResolvedPrior:
    """Stand-ins of the width that suits these mean squares."""
    blocks = []
    for index, family in prior.blocks:
        if family.smooth:
            blocks.append((index, family.stand_in()))
            continue
        location = np.broadcast_to(family.location, index.shape).astype(np.float64)
        precision = family.curvature(location) + family.l1_strength / np.sqrt(2 * square[index])
        blocks.append((index, Normal(1.0 / np.sqrt(precision), location)))
    return replace(prior, blocks=tuple(blocks))


def find_mode(problem: Problem, prior: ResolvedPrior) -> tuple[ScaledProblem, Optimum]:
    """The mode under a smooth prior, by the engine of `Penalized`."""
    solver = choose_solver("auto", prior)
    scaled = scaled_problem(problem, prior, solver)
    return scaled, search(scaled, solver).best


def _root_at(objective: PenalizedLikelihood, gamma: Array) -> Array:
    if gamma.size <= _DENSE_UP_TO:
        data = objective.likelihood.information(gamma)[2]
        return inverse_root(data + objective.prior.hessian(gamma))
    bend = objective.likelihood.information_diagonal(gamma) + objective.prior.curvature(gamma)
    if not np.all(bend > 0):
        raise EstimationError(NO_CURVATURE)
    return np.asarray(1.0 / np.sqrt(bend))


def inverse_root(precision: Array) -> Array:
    """R with R R' = the inverse of a positive definite matrix, after equilibration of its rows."""
    size = np.sqrt(np.maximum(np.diag(precision), np.finfo(float).tiny))
    try:
        lower = cholesky(precision / np.outer(size, size), lower=True)
        inverse = solve_triangular(lower, np.eye(size.size), lower=True).T
    except (LinAlgError, ValueError) as error:
        raise EstimationError(NO_CURVATURE) from error
    return np.asarray(inverse / size[:, None])


def worth_multiplying(likelihood: BinomialLikelihood) -> bool:
    """Whether memory allows a copy of the design in the sampler's coordinates."""
    return isinstance(likelihood.X, np.ndarray) and likelihood.X.size <= _WHITENED_VALUES


def multiplied(likelihood: BinomialLikelihood, center: Array, root: Array) -> BinomialLikelihood:
    """The likelihood as a function of z: design times root, and eta at the centre as the offset."""
    X = np.empty(likelihood.X.shape)
    for block in likelihood.blocks():
        rows = as_dense(likelihood.local(block))
        X[block] = rows @ root if root.ndim == 2 else rows * root
    return replace(likelihood, X=X, offset=likelihood.eta(center), center=None, scale=None)
