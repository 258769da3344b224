"""Cluster-robust covariances of the maximum-likelihood estimate, one-way and two-way.

A (sum_g u_g u_g') A, with A the inverse information and u_g the score of cluster g.

- CR1: u_g is the sum of the rows' scores r_i x_i, r_i = w_i (s_i - m_i p_i); times G / (G - 1) (n - 1) / (n - k), as
  Stata and R's ``sandwich::vcovCL(type = "HC1")``. A frequency weight f counts f units in n.
- CR2 and CR3 undo the leverage of a cluster (Bell & McCaffrey 2002): with the rows of a cluster as V (W^(1/2) X times a
  root of A) and e their Pearson residuals, u_g is V' B^(-1/2) T e for CR2 and V' (I - VV')^(-1) e for CR3, where
  B = T (I - VV') T and T = diag(p (1 - p) / (m w)), the working variance of a proportion (Pustejovsky & Tipton 2018; R
  package clubSandwich, vcovCR.glm). A frequency weight f is f rows.

Two-way: V_1 + V_2 - V_12 with the intersections as third clustering (Cameron, Gelbach & Miller 2011), each with its own
factor. That sum need not be positive semi-definite; its negative eigenvalues, in the metric of the information and so
whatever the units of the columns, are set to zero.

Everything is computed with the columns whitened by a root of A, a block of whole clusters at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import expit

from problogit.core.blocks import Array
from problogit.core.coefficients import as_dense
from problogit.core.likelihood import BinomialLikelihood
from problogit.errors import EstimationError
from problogit.estimators.bell_mccaffrey import ALONE, Cluster, adjusted_score
from problogit.estimators.sandwich import silent_directions
from problogit.execution import Sums

__all__ = ["CR_KINDS", "Clustered", "cluster_covariance", "cluster_meat", "intersection"]

CR_KINDS = ("CR1", "CR2", "CR3")
_BLOCK_ROWS = 8192
_BLOCK_VALUES = 4_000_000

Codes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Clustered:
    """A cluster-robust covariance and what had to be done for it.

    Attributes
    ----------
    covariance : ndarray, shape (n_terms, n_terms)
    repaired : bool
        Whether negative eigenvalues of a two-way covariance were set to zero.
    silent : ndarray, shape (n_terms, m)
        A root of the part of the classical covariance that lies in directions in which no score varies between
        clusters: those that a single cluster identifies, whose scores sum to zero there. Not looked for where there
        are fewer clusters than coefficients, or two ways.
    """

    covariance: Array
    repaired: bool
    silent: Array


def cluster_covariance(
    likelihood: BinomialLikelihood,
    beta: Array,
    inverse: Array,
    groups: tuple[Codes, ...],
    kind: str,
    *,
    frequency: bool,
) -> Clustered:
    """Cluster-robust covariance in the coordinates of `likelihood`.

    Parameters
    ----------
    likelihood : BinomialLikelihood
        One entry per row of the user.
    beta, inverse : ndarray
        Estimate and inverse information.
    groups : tuple of ndarray of int, each of shape (n_rows,)
        Cluster of each row, 0 to G - 1; two arrays for two-way clustering.
    kind : str
        ``CR1``, ``CR2`` or ``CR3``.
    frequency : bool
        True where a weight counts identical units.
    """
    root = np.asarray(np.linalg.cholesky(inverse), dtype=np.float64)
    n_units = float(likelihood.weights.sum()) if frequency else float(likelihood.n_rows)
    if kind == "CR1" and n_units <= beta.size:
        raise EstimationError(
            f"CR1 divides by the rows beyond the coefficients, and there are {n_units:g} rows and {beta.size} "
            "coefficients. Use covariance='CR2' or fewer terms."
        )
    rows = _Rows.of(likelihood, beta, root, frequency=frequency)
    ways = [(codes, 1.0) for codes in groups]
    if len(groups) == 2:
        ways.append((intersection(*groups), -1.0))
    meat = np.zeros_like(inverse)
    for codes, sign in ways:
        n_groups = int(codes.max()) + 1
        part = _meat(rows, codes, kind)
        factor = n_groups / (n_groups - 1) * (n_units - 1) / (n_units - beta.size) if kind == "CR1" else 1.0
        meat += sign * factor * part
    least = min(int(codes.max()) for codes in groups)
    silent = np.empty((beta.size, 0))
    if len(groups) == 1 and least >= beta.size:
        scores = _meat(rows, groups[0], "CR0") if kind == "CR2" else meat
        silent = silent_directions(scores, root)
    meat, repaired = _positive(meat) if len(groups) == 2 else (meat, False)
    covariance = root @ meat @ root.T
    return Clustered((covariance + covariance.T) / 2, repaired, silent)


def cluster_meat(likelihood: BinomialLikelihood, beta: Array, groups: tuple[Codes, ...]) -> Array:
    """Sum of u_g u_g' with plain sums of scores, no factor; two-way where there are two groups. Shape (p, p)."""
    rows = _Rows.of(likelihood, beta, np.eye(beta.size), frequency=True)
    meat = sum((_meat(rows, codes, "CR0") for codes in groups), np.zeros((beta.size, beta.size)))
    if len(groups) == 2:
        meat = meat - _meat(rows, intersection(*groups), "CR0")
    return np.asarray(meat)


def intersection(first: Codes, second: Codes) -> Codes:
    """The clusters of rows that share both groups, 0 to G - 1."""
    pairs = first * (int(second.max()) + 1) + second
    return np.asarray(np.unique(pairs, return_inverse=True)[1], dtype=np.int64).ravel()


def _positive(meat: Array) -> tuple[Array, bool]:
    values, vectors = np.linalg.eigh((meat + meat.T) / 2)
    if values[0] >= -1e-12 * max(values[-1], 0.0):
        return meat, False
    return np.asarray((vectors * np.maximum(values, 0.0)) @ vectors.T), True


@dataclass(frozen=True, eq=False)
class _Rows:
    """What a cluster's score is made of, row by row."""

    likelihood: BinomialLikelihood
    root: Array
    residual: Array  # w (s - m p)
    working: Array  # w m p (1 - p)
    variance: Array  # p (1 - p) / (m w) of one unit

    @classmethod
    def of(cls, likelihood: BinomialLikelihood, beta: Array, root: Array, *, frequency: bool) -> _Rows:
        eta = likelihood.eta(beta)
        spread = expit(eta) * expit(-eta)
        unit = likelihood.trials if frequency else likelihood.trials * likelihood.weights
        return cls(
            likelihood,
            root,
            likelihood.residuals(beta),
            likelihood.weights * likelihood.trials * spread,
            spread / unit,
        )


def _meat(rows: _Rows, codes: Codes, kind: str) -> Array:
    """Sum of u_g u_g' in whitened columns."""
    order = np.argsort(codes, kind="stable")
    bounds = np.r_[0, np.cumsum(np.bincount(codes))]

    def block_sum(block: slice) -> Sums:
        chosen = order[bounds[block.start] : bounds[block.stop]]
        starts = bounds[block.start : block.stop + 1] - bounds[block.start]
        scores = _scores(rows, chosen, starts, kind)
        return (scores.T @ scores,)

    (meat,) = rows.likelihood.executor.total(block_sum, _blocks(bounds, rows.root.shape[0]))
    return meat


def _blocks(bounds: Codes, n_terms: int) -> list[slice]:
    """Slices of whole clusters that hold about as many rows as memory likes."""
    size = max(256, min(_BLOCK_ROWS, _BLOCK_VALUES // (n_terms * n_terms + 1)))
    cuts = np.unique(np.searchsorted(bounds, np.arange(0, bounds[-1], size), side="left"))
    cuts = np.unique(np.r_[0, cuts, bounds.size - 1])
    return [slice(int(a), int(b)) for a, b in pairwise(cuts)]


def _scores(rows: _Rows, chosen: Codes, starts: Codes, kind: str) -> Array:
    """Scores of consecutive clusters in whitened columns, shape (n_clusters, k)."""
    part = rows.likelihood.take(chosen)
    Z = part.local(slice(0, chosen.size))
    residual = rows.residual[chosen]
    gather = sp.csr_array((residual, np.arange(chosen.size), starts), shape=(starts.size - 1, chosen.size))
    sums = gather @ Z
    plain = np.asarray((sums.toarray() if sp.issparse(sums) else np.asarray(sums)) @ rows.root)
    if kind in ("CR0", "CR1"):
        return plain
    whitened = np.asarray(as_dense(Z @ rows.root))
    working = rows.working[chosen]
    if kind == "CR3":
        return _jackknifed(whitened * np.sqrt(working)[:, None], plain, starts)
    variance = rows.variance[chosen]
    scores = np.empty_like(plain)
    for g, (a, b) in enumerate(pairwise(starts)):
        cluster = Cluster(whitened[a:b], residual[a:b], working[a:b], variance[a:b])
        scores[g] = adjusted_score(cluster)
    return scores


def _jackknifed(V: Array, plain: Array, starts: Codes) -> Array:
    """(I - V'V)^-1 u for each cluster, which is V'(I - VV')^-1 e; directions of one cluster alone are left out."""
    grams = np.stack([V[a:b].T @ V[a:b] for a, b in pairwise(starts)])
    values, vectors = np.linalg.eigh(grams)
    shared = values < 1 - ALONE
    inverse = np.where(shared, 1 / np.where(shared, 1 - values, 1.0), 0.0)
    turned = np.einsum("gab,ga->gb", vectors, plain) * inverse
    return np.asarray(np.einsum("gab,gb->ga", vectors, turned))
