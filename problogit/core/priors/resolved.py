"""A prior resolved to the columns of one design: one number per parameter and column, and their sum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from problogit.core.priors.columns import Array, Coordinates, Indices
from problogit.core.priors.elementwise import Elementwise
from problogit.errors import InputError, explain, listed

__all__ = ["ResolvedPrior"]


@dataclass(frozen=True, eq=False)
class ResolvedPrior:
    """The log prior density of all coefficients of one design.

    log p(beta) = sum over blocks, sum over j in the block, of log p_j(beta_j), with one exception: the prior of the
    intercept may stand at another point than predictors = 0 (``intercept_at="mean"``, or centred coordinates). It then
    acts on ``beta_0 + anchor' beta``, the log-odds at the predictors' values `anchor`.

    Attributes
    ----------
    blocks : tuple of (indices, prior)
        Priors whose parameters are arrays, one entry per index. A column is in one block at most; columns in none are
        flat.
    terms : tuple of str
        Names of the columns.
    intercept : int or None
        Position of the intercept.
    anchor : ndarray, shape (n_terms,), or None
        Where the prior of the intercept stands; None where that prior is on the coefficient itself (or flat).
    given : tuple of str
        The prior of each column as the user wrote it.
    intercept_at : str
        ``"zero"`` or ``"mean"``, as the user asked.
    """

    blocks: tuple[tuple[Indices, Elementwise], ...]
    terms: tuple[str, ...]
    intercept: int | None
    anchor: Array | None
    given: tuple[str, ...]
    intercept_at: str = "zero"

    @property
    def n_terms(self) -> int:
        """Number of columns."""
        return len(self.terms)

    @property
    def smooth(self) -> bool:
        """Whether no column has an L1 part."""
        return all(prior.smooth for _, prior in self.blocks)

    @property
    def log_concave(self) -> bool:
        """Whether the log prior has at most one mode on every line, so that the penalized optimum is unique."""
        return all(prior.log_concave for _, prior in self.blocks)

    @property
    def quadratic(self) -> bool:
        """Whether the penalty is an elastic net, column by column: an L1 part and a parabola."""
        return all(prior.quadratic for _, prior in self.blocks)

    @property
    def separable(self) -> bool:
        """Whether the log prior is a sum of functions of single coefficients in these coordinates."""
        return self.anchor is None

    @property
    def flat(self) -> NDArray[np.bool_]:
        """Which columns have no prior, shape (n_terms,)."""
        mask = np.ones(self.n_terms, dtype=np.bool_)
        for index, _ in self.blocks:
            mask[index] = False
        return mask

    @property
    def proper(self) -> NDArray[np.bool_]:
        """Which columns have a prior that integrates to one, shape (n_terms,)."""
        return ~self.flat

    @property
    def l1(self) -> Array:
        """Strength of the L1 part of each column's penalty, shape (n_terms,); 0 where it is smooth."""
        return self._gather(lambda prior: prior.l1_strength, 0.0)

    @property
    def loc(self) -> Array:
        """Location of each column's prior, shape (n_terms,); 0 where it is flat."""
        return self._gather(lambda prior: prior.location, 0.0)

    @property
    def spread(self) -> Array:
        """Scale of each column's prior, shape (n_terms,); inf where it is flat, NaN where the family has none."""
        return self._gather(lambda prior: prior.spread, np.inf)

    @property
    def variance(self) -> Array:
        """Variance of each column's prior, shape (n_terms,); inf where flat or heavy-tailed, NaN without a mean."""
        return self._gather(lambda prior: prior.variance, np.inf)

    def draw(self, rng: np.random.Generator, n: int) -> Array:
        """Draws of the coefficients from the prior, shape (n, n_terms).

        Raises
        ------
        InputError
            Some column is flat.
        """
        if self.flat.any():
            named = listed([term for term, flat in zip(self.terms, self.flat, strict=True) if flat])
            remedy = "Give every term, and the intercept, a proper prior."
            raise InputError(explain("prior", "must be proper to be drawn from", f"flat for {named}", remedy))
        out = np.empty((n, self.n_terms))
        for index, prior in self.blocks:
            out[:, index] = prior.draw(rng, n)
        if self.anchor is not None:
            out[:, self.intercept] -= out @ self.anchor
        return out

    def _gather(self, read: Callable[[Elementwise], Any], flat: float) -> Array:
        out = np.full(self.n_terms, flat)
        for index, prior in self.blocks:
            out[index] = read(prior)
        return out

    def _elementwise(self, function: Callable[[Elementwise, Array], Array], points: Array) -> Array:
        out = np.zeros(self.n_terms)
        for index, prior in self.blocks:
            out[index] = function(prior, points[index])
        return out

    def own_points(self, beta: Array) -> Array:
        """Where each column's prior is evaluated: `beta`, with the intercept moved to its anchor. (..., n_terms)."""
        if self.anchor is None:
            return beta
        points = np.array(beta, dtype=np.float64)
        points[..., self.intercept] += beta @ self.anchor
        return points

    def value(self, beta: Array) -> float:
        """Log prior density at `beta` (n_terms,); columns with a flat prior add nothing."""
        return float(self.batch(beta))

    def batch(self, betas: Array) -> Array:
        """Log prior density of every row of `betas`, (n_draws, n_terms) -> (n_draws,)."""
        points = self.own_points(np.asarray(betas, dtype=np.float64))
        total = np.zeros(points.shape[:-1])
        for index, prior in self.blocks:
            total += prior.log_density(points[..., index]).sum(axis=-1)
        return total

    def below_peak(self, beta: Array) -> float:
        """Log prior density at `beta` less that at the priors' locations: minus the penalty as the field writes it.

        Differences are taken before the sum, so that normalising constants cost no digits.
        """
        points = self.own_points(np.asarray(beta, dtype=np.float64))
        total = 0.0
        for index, prior in self.blocks:
            peak = prior.log_density(np.broadcast_to(prior.location, index.shape).astype(np.float64))
            total += float((prior.log_density(points[index]) - peak).sum())
        return total

    def gradient(self, beta: Array) -> Array:
        """Gradient of the smooth part of the log prior density, shape (n_terms,)."""
        slope = self._elementwise(lambda prior, points: prior.gradient(points), self.own_points(beta))
        if self.anchor is None:
            return slope
        return slope + slope[self.intercept] * self.anchor

    def _own_curvature(self, beta: Array, majorant: bool = False) -> Array:
        def bend(prior: Elementwise, points: Array) -> Array:
            return prior.majorant(points) if majorant else prior.curvature(points)

        return self._elementwise(bend, self.own_points(beta))

    def curvature(self, beta: Array, majorant: bool = False) -> Array:
        """Diagonal of `hessian`, shape (n_terms,)."""
        bend = self._own_curvature(beta, majorant)
        if self.anchor is None:
            return bend
        return bend + bend[self.intercept] * self.anchor**2

    def hessian(self, beta: Array, majorant: bool = False) -> Array:
        """Minus the Hessian of the smooth part, shape (n_terms, n_terms); diagonal where the prior is separable.

        With `majorant`, the never negative curvatures of `Elementwise.majorant` take the place of the true ones.
        """
        bend = self._own_curvature(beta, majorant)
        matrix = np.diag(bend)
        if self.anchor is None:
            return matrix
        row = self._anchor_row()
        weight = bend[self.intercept]
        matrix[self.intercept, self.intercept] -= weight
        return matrix + weight * np.outer(row, row)

    def hessian_vector(self, beta: Array, majorant: bool = False) -> Callable[[Array], Array]:
        """The map v -> (minus the Hessian of the smooth part) v, without a matrix; `majorant` as in `hessian`."""
        bend = self._own_curvature(beta, majorant)
        if self.anchor is None:
            return lambda v: bend * v
        row = self._anchor_row()
        weight = float(bend[self.intercept])
        bend = bend.copy()
        bend[self.intercept] -= weight
        return lambda v: bend * v + (weight * (row @ v)) * row

    def _anchor_row(self) -> Array:
        row = np.zeros(self.n_terms) if self.anchor is None else self.anchor.copy()
        row[self.intercept] = 1.0
        return row

    def prox(self, v: Array, step: Array) -> Array:
        """The x that minimises sum_j (x_j - v_j)^2 / (2 step_j) - log p(x); only where the prior is separable."""
        out = np.array(v, dtype=np.float64)
        for index, prior in self.blocks:
            out[index] = prior.prox(v[index], step[index])
        return out

    def scaled(self, scaling: Coordinates) -> ResolvedPrior:
        """The prior of gamma, the coefficients of the columns (x - center) / scale.

        gamma_j = scale_j beta_j, and gamma_0 = beta_0 + center' beta for the intercept (whose own centre is 0 and
        scale 1). The meaning of every prior stays the same: a prior of the intercept that is not flat keeps the point
        at which it stands, through `anchor`.

        Parameters
        ----------
        scaling : object with `center` and `scale`, each of shape (n_terms,)
        """
        blocks = tuple((index, prior.rescale(scaling.scale[index])) for index, prior in self.blocks)
        return self._with(blocks, self._moved_anchor(scaling))

    def strengthened(self, factor: float) -> ResolvedPrior:
        """The penalty of every column times `factor`; see `Elementwise.strengthened`."""
        blocks = tuple((index, prior.strengthened(factor)) for index, prior in self.blocks)
        return self._with(blocks, self.anchor)

    def anchored_at(self, point: Array) -> ResolvedPrior:
        """The same priors, with that of the intercept on the log-odds at predictors = `point` (n_terms,)."""
        return self._with(self.blocks, self._anchor(point))

    def _moved_anchor(self, scaling: Coordinates) -> Array | None:
        old = np.zeros(self.n_terms) if self.anchor is None else self.anchor
        return self._anchor((old - scaling.center) / scaling.scale)

    def _anchor(self, point: Array) -> Array | None:
        if self.intercept is None or self.flat[self.intercept]:
            return None
        anchor = np.array(point, dtype=np.float64)
        anchor[self.intercept] = 0.0
        return anchor if anchor.any() else None

    def stand_in(self) -> ResolvedPrior:
        """The Gaussian stand-in of every column: smooth and log-concave everywhere (for whitening and for starts)."""
        blocks = tuple((index, prior.stand_in()) for index, prior in self.blocks)
        return self._with(blocks, self.anchor)

    def _with(self, blocks: tuple[tuple[Indices, Elementwise], ...], anchor: Array | None) -> ResolvedPrior:
        return ResolvedPrior(blocks, self.terms, self.intercept, anchor, self.given, self.intercept_at)

    def take(self, columns: Indices) -> ResolvedPrior:
        """The prior of some of the columns, in the order of `columns`; the other coefficients are held at 0.

        An anchored prior of the intercept keeps the part of its anchor that belongs to `columns`.
        """
        position = np.full(self.n_terms, -1, dtype=np.intp)
        position[columns] = np.arange(len(columns))
        blocks = []
        for index, prior in self.blocks:
            kept = np.flatnonzero(position[index] >= 0)
            if kept.size:
                blocks.append((position[index[kept]], prior.take(kept)))
        intercept = None if self.intercept is None else int(position[self.intercept])
        kept_anchor = None if self.anchor is None else self.anchor[columns]
        return ResolvedPrior(
            tuple(blocks),
            tuple(self.terms[j] for j in columns),
            None if intercept == -1 else intercept,
            kept_anchor,
            tuple(self.given[j] for j in columns),
            self.intercept_at,
        )

    def table(self) -> list[dict[str, str | float]]:
        """The prior that was used for every term, and the one that was asked for.

        Returns
        -------
        list of dict
            Keys ``term, family, loc, scale, text, given``: `scale` is inf for a flat prior and NaN for an elastic
            net, `text` reads ``"Normal(0, 1.25)"``, `given` reads ``"Normal(0, 2.5), autoscaled"``.
        """
        nothing: dict[str, str | float] = {"family": "Flat", "loc": np.nan, "scale": np.inf, "text": "Flat()"}
        rows = [
            {"term": term} | nothing | {"given": given}
            for term, given in zip(self.terms, self.given, strict=True)
        ]
        for index, priors in self.blocks:
            for i, j in enumerate(index):
                prior = priors.take(i)
                where = (
                    " at the predictors' means" if j == self.intercept and self.intercept_at == "mean" else ""
                )
                rows[j] |= {
                    "family": prior.family,
                    "loc": float(prior.location),
                    "scale": float(prior.spread),
                }
                rows[j] |= {"text": prior.describe() + where}
        return rows
