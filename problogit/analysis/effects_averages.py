"""Probabilities and derivatives averaged over rows, with what their uncertainty is made of.

An average is sum w_i p_i / sum w_i over the rows of a group, p_i = expit(x_i'b + offset_i) at the changed variables,
or of the derivative p_i (1 - p_i) (dx_i/dz)'b. For a normal distribution of the coefficients its gradient in b is kept,
for draws its value at every draw. Rows are worked through in blocks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.special import expit

from problogit.analysis.effects_rows import EffectRows, Moved, Step
from problogit.analysis.effects_slopes import Derivative, design_derivative
from problogit.analysis.effects_sources import Groups
from problogit.analysis.effects_variables import Variable
from problogit.core.coefficients import CoefficientDistribution, DrawnCoefficients
from problogit.core.debiased import DebiasedCoefficients
from problogit.core.resampled import ResampledCoefficients
from problogit.data.rows import Array, Matrix

__all__ = ["Cell", "Lens", "Scene", "Shares", "View", "average", "view_of"]

_ROUNDING = 1e-12
_ROUGH = 0.05  # of the derivative; a step in the formula makes it about 1


@dataclass(frozen=True)
class Scene:
    """Changed variables, and the variable whose derivative is averaged (None: the probability itself)."""

    steps: tuple[Step, ...] = ()
    slope: Variable | None = None


@dataclass(frozen=True, eq=False)
class Cell:
    """An average in one scene, for each of the groups.

    Attributes
    ----------
    point : ndarray, shape (n_groups,)
        At the estimate; for a posterior the mean over the draws.
    values : ndarray, shape (n_groups, n_draws)
        At the centre of the interval (one column), or at every draw.
    gradient : ndarray of shape (n_groups, n_terms), or None
        Of `values` where there is one column.
    certain : ndarray of bool, shape (n_groups,)
        Rows with a probability of exactly 0 or 1, by infinite coefficients, are among them.
    rough : bool
        There is no derivative: the formula has a step in this variable.
    """

    point: Array
    values: Array
    gradient: Array | None
    certain: Array
    rough: bool = False


class Lens(ABC):
    """Linear predictors of rows under one or many coefficient vectors."""

    @property
    @abstractmethod
    def width(self) -> int:
        """How many vectors."""

    @abstractmethod
    def log_odds(self, X: Matrix, moved: Moved) -> Array:
        """Of the rows after the move, without the offset, shape (n_block, width)."""

    @abstractmethod
    def change(self, moved: Moved, n_terms: int) -> Array:
        """Of the move alone, shape (n_block, width)."""


@dataclass(frozen=True, eq=False)
class Vectors(Lens):
    """Ordinary vectors, shape (width, n_terms)."""

    vectors: Array

    @property
    def width(self) -> int:
        """How many vectors."""
        return int(self.vectors.shape[0])

    def log_odds(self, X: Matrix, moved: Moved) -> Array:
        """X b plus the move."""
        return np.asarray(X @ self.vectors.T) + self.change(moved, X.shape[1])

    def change(self, moved: Moved, n_terms: int) -> Array:
        """The move times b."""
        return np.asarray(moved.step @ self.vectors[:, moved.columns].T)


@dataclass(frozen=True, eq=False)
class Infinite(Lens):
    """An estimate of which some combinations are infinite or unknown."""

    coefficients: CoefficientDistribution

    @property
    def width(self) -> int:
        """One."""
        return 1

    def log_odds(self, X: Matrix, moved: Moved) -> Array:
        """What the distribution says of each row."""
        return np.asarray(self.coefficients.marginals(moved.onto(X)).location)[:, None]

    def change(self, moved: Moved, n_terms: int) -> Array:
        """What it says of the move."""
        return np.asarray(self.coefficients.marginals(moved.wide(n_terms)).location)[:, None]


@dataclass(frozen=True, eq=False)
class Resampled(Lens):
    """Bootstrap estimates of which some are infinite."""

    coefficients: ResampledCoefficients

    @property
    def width(self) -> int:
        """All resamples."""
        known = self.coefficients.regular.shape[0] + len(self.coefficients.irregular)
        return int(known + self.coefficients.n_unknown)

    def log_odds(self, X: Matrix, moved: Moved) -> Array:
        """At every resample; infinite and NaN where it is."""
        return self.coefficients.marginals(moved.onto(X)).values.T

    def change(self, moved: Moved, n_terms: int) -> Array:
        """At every resample."""
        return self.coefficients.marginals(moved.wide(n_terms)).values.T


@dataclass(frozen=True, eq=False)
class View:
    """How a coefficient distribution is looked at.

    Attributes
    ----------
    spread : Lens
        What the interval is made of.
    point : Lens or None
        What the estimate is made of, where that is something else.
    look : ndarray, shape (n_terms,)
        A finite vector, to judge derivatives by.
    drawn : bool
        The spread is of draws.
    thinned : int
        Every how manieth draw is used.
    """

    spread: Lens
    point: Lens | None
    look: Array
    drawn: bool
    thinned: int = 1


def view_of(coefficients: CoefficientDistribution, most: int) -> View:
    """The view of a distribution; at most about `most` draws of a posterior or bootstrap are used."""
    location = coefficients.location
    look = np.where(np.isfinite(location), location, 0.0)
    if isinstance(coefficients, DrawnCoefficients):
        flat = coefficients.flat
        thin = -(-flat.shape[0] // most)
        point = None if coefficients.estimate is None else Vectors(coefficients.estimate[None])
        return View(Vectors(np.ascontiguousarray(flat[::thin])), point, look, drawn=True, thinned=thin)
    if isinstance(coefficients, ResampledCoefficients):
        return View(Resampled(coefficients), Vectors(coefficients.estimate[None]), look, drawn=True)
    if isinstance(coefficients, DebiasedCoefficients):
        centre = np.where(np.isfinite(coefficients.centre), coefficients.centre, location)
        return View(Vectors(centre[None]), Vectors(location[None]), look, drawn=False)
    lens = Vectors(location[None]) if np.isfinite(location).all() else Infinite(coefficients)
    return View(lens, None, look, drawn=False)


@dataclass(frozen=True, eq=False)
class Shares:
    """What each row counts in the average of its group."""

    share: Array
    groups: Groups

    @staticmethod
    def of(rows: EffectRows, groups: Groups) -> Shares:
        """Weight x trials over their sum in the group."""
        total = np.bincount(groups.codes, weights=rows.mass, minlength=len(groups.labels))
        return Shares(rows.mass / total[groups.codes], groups)

    def sums(self, block: slice, weights: Array, X: Matrix) -> Array:
        """Sums over the block's rows of share x weights x X by group, shape (n_groups, n_columns)."""
        scaled = self.share[block] * weights
        if len(self.groups.labels) == 1:
            return np.asarray(scaled @ X)[None]
        codes = self.groups.codes[block]
        shape = (len(self.groups.labels), codes.size)
        summing = sp.csr_array((scaled, (codes, np.arange(codes.size))), shape=shape)
        product = summing @ X
        return np.asarray(product.todense() if sp.issparse(product) else product)


def average(view: View, rows: EffectRows, shares: Shares, scene: Scene) -> Cell:
    """The average in a scene.

    Parameters
    ----------
    view : View
    rows : EffectRows
    shares : Shares
    scene : Scene
    """
    n_groups, n_terms = len(shares.groups.labels), rows.X.shape[1]
    lens = view.spread
    values = np.zeros((n_groups, lens.width))
    point, certain = np.zeros((n_groups, 1)), np.zeros(n_groups, dtype=bool)
    gradient = None if view.drawn else np.zeros((n_groups, n_terms))
    doubt = np.zeros(2)
    names = [step.name for step in scene.steps] + ([scene.slope.name] if scene.slope else [])
    for block in rows.blocks(max(lens.width, n_terms if lens.width == 1 else 0, rows.touched(names))):
        part = _Block.of(rows, shares, scene, block)
        eta = part.log_odds(lens)
        found = part.values(lens, eta)
        values += found
        point += found[:, :1] if view.point is None else part.values(view.point, part.log_odds(view.point))
        if gradient is not None:
            gradient += part.gradient(lens, eta[:, 0])
            certain[shares.groups.codes[block][np.isinf(eta[:, 0])]] = True
        doubt += part.doubt(view.look)
    if scene.slope is None and certain.any():  # shares add up to 1 but for rounding, and odds would tell
        for sums in (values, point):
            sums[certain[:, None] & (sums > 1 - _ROUNDING)] = 1.0
    rough = bool(doubt[0] > _ROUGH * doubt[1])
    estimate = values.mean(axis=1) if view.drawn and view.point is None else point[:, 0]
    return Cell(estimate, values, gradient, certain, rough)


@dataclass(frozen=True, eq=False)
class _Block:
    """One block of rows in one scene."""

    X: Matrix
    offset: Array
    moved: Moved
    derivative: Derivative | None
    shares: Shares
    block: slice

    @staticmethod
    def of(rows: EffectRows, shares: Shares, scene: Scene, block: slice) -> _Block:
        derivative = None if scene.slope is None else design_derivative(rows, block, scene.steps, scene.slope)
        moved = rows.moved(block, scene.steps)
        return _Block(rows.X[block], rows.offset[block], moved, derivative, shares, block)

    def log_odds(self, lens: Lens) -> Array:
        """Shape (n_block, width)."""
        return lens.log_odds(self.X, self.moved) + self.offset[:, None]

    def values(self, lens: Lens, eta: Array) -> Array:
        """Sums of the probability, or of its derivative, by group and vector."""
        ones = np.ones(self.offset.size)
        if self.derivative is None:
            return self.shares.sums(self.block, ones, np.asarray(expit(eta)))
        spread = expit(eta) * expit(-eta)
        change = lens.change(self.derivative.slope, self.X.shape[1])
        # a probability of exactly 0 or 1 stays where it is
        return self.shares.sums(self.block, ones, spread * np.where(spread == 0, 0.0, change))

    def gradient(self, lens: Lens, eta: Array) -> Array:
        """The gradient of `values` in the coefficients; rows that are infinite or unknown have none."""
        p, q = expit(eta), expit(-eta)
        outer = spread = np.nan_to_num(p * q)
        if self.derivative is not None:
            change = lens.change(self.derivative.slope, self.X.shape[1])[:, 0]
            outer = spread * np.where(spread == 0, 0.0, (q - p) * change)
        out = self.shares.sums(self.block, outer, self.X)
        if self.moved.columns.size:
            out[:, self.moved.columns] += self.shares.sums(self.block, outer, self.moved.step)
        if self.derivative is not None:
            slope = self.derivative.slope
            out[:, slope.columns] += self.shares.sums(self.block, spread, slope.step)
        return out

    def doubt(self, look: Array) -> Array:
        """Doubt about the derivative, and its size, in log-odds."""
        if self.derivative is None or self.derivative.doubt is None:
            return np.zeros(2)
        lens, n_terms = Vectors(look[None]), self.X.shape[1]
        sizes = [
            np.abs(lens.change(part, n_terms)[:, 0])
            for part in (self.derivative.doubt, self.derivative.slope)
        ]
        return np.array([float(self.shares.share[self.block] @ size) for size in sizes])
