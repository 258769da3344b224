"""A prior with random scales, resolved to the columns of one design."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from problogit.core.priors.columns import Array, Coordinates, Indices, Real
from problogit.core.priors.elementwise import Elementwise
from problogit.core.priors.mixture import ScaleMixture
from problogit.core.priors.resolved import ResolvedPrior

__all__ = ["ResolvedHierarchy", "ScaledBlock"]


@dataclass(frozen=True, eq=False)
class ScaledBlock:
    """Some columns whose coefficients are loc_j + sigma_j w_j, sigma from the hyperparameters, w from `unit`.

    Attributes
    ----------
    index : ndarray of int, shape (k,)
        The columns.
    unit : Elementwise
        The family at scale one and location zero, k times.
    loc : ndarray, shape (k,)
        Locations.
    mixture : ScaleMixture
        The scales.
    tail_df : float or ndarray, shape (k,)
        Degrees of freedom of a t with the tails of the coefficients, scales integrated out; infinite for lighter ones.
    """

    index: Indices
    unit: Elementwise
    loc: Array
    mixture: ScaleMixture
    tail_df: Real

    def at(self, log_scales: Array) -> Elementwise:
        """The prior of the coefficients given their scales."""
        changes: dict[str, Any] = {"loc": self.loc}
        return replace(self.unit.rescale(np.exp(log_scales)), **changes)  # type: ignore[type-var]  # a dataclass

    def rescale(self, c: Array) -> ScaledBlock:
        """The block of c * beta."""
        return replace(self, loc=self.loc * c, mixture=self.mixture.rescale(c))


@dataclass(frozen=True, eq=False)
class ResolvedHierarchy:
    """The joint density of coefficients and hyperparameters.

    Attributes
    ----------
    fixed : ResolvedPrior
        The priors of the other columns; flat at those of `blocks`.
    blocks : tuple of ScaledBlock
    """

    fixed: ResolvedPrior
    blocks: tuple[ScaledBlock, ...]

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of the columns."""
        return self.fixed.terms

    @property
    def log_concave(self) -> bool:
        """False."""
        return False

    @property
    def local(self) -> bool:
        """Whether some coefficients have scales of their own."""
        return not all(block.mixture.shared for block in self.blocks)

    @property
    def size(self) -> int:
        """Number of hyperparameters."""
        return sum(block.mixture.size for block in self.blocks)

    @property
    def columns(self) -> Indices:
        """The columns with random scales, block by block."""
        return np.concatenate([block.index for block in self.blocks])

    @property
    def centre(self) -> Array:
        """Typical hyperparameters theta, shape (size,)."""
        return np.concatenate([block.mixture.centre for block in self.blocks])

    def split(self, theta: Array) -> list[Array]:
        """theta of each block, (..., size) -> arrays (..., size of the block)."""
        ends = np.cumsum([block.mixture.size for block in self.blocks])
        return np.split(theta, ends[:-1], axis=-1)

    def log_scales(self, theta: Array) -> Array:
        """log sigma of the columns of `columns`, (..., size) -> (..., k)."""
        parts = zip(self.blocks, self.split(theta), strict=True)
        return np.concatenate([block.mixture.log_scales(part) for block, part in parts], axis=-1)

    def at(self, theta: Array) -> ResolvedPrior:
        """The prior of the coefficients given the hyperparameters."""
        return self.given(self.log_scales(theta))

    def given(self, log_scales: Array) -> ResolvedPrior:
        """The prior of the coefficients given the scales of the columns of `columns`, (k,)."""
        ends = np.cumsum([block.index.size for block in self.blocks])
        parts = zip(self.blocks, np.split(log_scales, ends[:-1]), strict=True)
        return replace(
            self.fixed, blocks=(*self.fixed.blocks, *((block.index, block.at(logs)) for block, logs in parts))
        )

    def scaled(self, scaling: Coordinates) -> ResolvedHierarchy:
        """The prior in centred and scaled columns; see `ResolvedPrior.scaled`."""
        blocks = tuple(block.rescale(scaling.scale[block.index]) for block in self.blocks)
        return ResolvedHierarchy(self.fixed.scaled(scaling), blocks)

    def named(self, theta: Array) -> dict[str, Array]:
        """Hyperparameters by name, on their own scales, (..., size) -> arrays (..., ) or (..., k)."""
        out: dict[str, Array] = {}
        for block, part in zip(self.blocks, self.split(theta), strict=True):
            out |= block.mixture.named(part)
        return out

    def theta(self, named: Mapping[str, Array]) -> Array:
        """The way back from `named`."""
        return np.concatenate([block.mixture.theta(named) for block in self.blocks], axis=-1)

    def log_hyperprior(self, named: Mapping[str, Array]) -> Array:
        """Log density of the hyperparameters themselves, shape (...)."""
        total: Any = 0.0
        for block in self.blocks:
            theta = block.mixture.theta(named)
            total = total + block.mixture.log_density(theta) - block.mixture.log_jacobian(theta)
        return np.asarray(total)

    def batch(self, betas: Array, named: Mapping[str, Array]) -> Array:
        """Log density of coefficients (..., n_terms) and hyperparameters together, shape (...)."""
        total = self.fixed.batch(betas) + self.log_hyperprior(named)
        for block in self.blocks:
            logs = block.mixture.log_scales(block.mixture.theta(named))
            w = (betas[..., block.index] - block.loc) * np.exp(-logs)
            total = total + (block.unit.log_density(w) - logs).sum(axis=-1)
        return np.asarray(total)

    def draw_scales(self, rng: np.random.Generator, n: int) -> tuple[Array, dict[str, Array]]:
        """Draws from the prior: the scales of the columns of `columns`, (n, k), and the hyperparameters by name."""
        parts = [block.mixture.draw(rng, n) for block in self.blocks]
        logs = [block.mixture.log_scales(part) for block, part in zip(self.blocks, parts, strict=True)]
        return np.exp(np.concatenate(logs, axis=-1)), self.named(np.concatenate(parts, axis=-1))

    def draw(self, rng: np.random.Generator, n: int) -> Array:
        """Draws of the coefficients from the prior, hyperparameters and all, shape (n, n_terms).

        Raises
        ------
        InputError
            Some column is flat.
        """
        out = replace(self.at(self.centre), anchor=None).draw(rng, n)
        scales, _ = self.draw_scales(rng, n)
        w = np.concatenate([block.unit.draw(rng, n) for block in self.blocks], axis=-1)
        out[:, self.columns] = np.concatenate([block.loc for block in self.blocks]) + scales * w
        if self.fixed.anchor is not None:
            out[:, self.fixed.intercept] -= out @ self.fixed.anchor
        return out

    def table(self) -> list[dict[str, str | float]]:
        """As `ResolvedPrior.table`; a random scale is NaN, and `text` says what it is made of."""
        rows = self.fixed.table()
        for block in self.blocks:
            for i, j in enumerate(block.index):
                text = f"{block.unit.family}({float(block.loc[i]):.4g}, {block.mixture.describe(i)})"
                rows[j] |= {"family": block.unit.family, "loc": float(block.loc[i]), "scale": np.nan}
                rows[j] |= {"text": text}
        return rows
