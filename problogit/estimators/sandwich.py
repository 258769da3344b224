"""Heteroskedasticity-consistent covariances of the maximum-likelihood estimate, with the row as the unit.

A (meat) A with A the inverse information. Row i has score r_i x_i, r_i = s_i - m_i p_i. A frequency weight f is f
units, so its share of the meat is f r^2 x x'; an importance or sampling weight w multiplies the score, so its
share is w^2 r^2 x x'. HC1 multiplies by n / (n - k); HC2 and HC3 divide r^2 by (1 - h) and (1 - h)^2, h being the
leverage of one unit (MacKinnon & White 1985; R package sandwich, vcovHC). A unit of leverage 1 has residual 0 and adds
nothing.
"""

from __future__ import annotations

import numpy as np

from problogit.core.blocks import Array, weighted_gram
from problogit.core.likelihood import BinomialLikelihood
from problogit.errors import EstimationError
from problogit.execution import Sums

__all__ = ["HC_KINDS", "sandwich", "score_meat", "silent_directions"]

HC_KINDS = ("HC0", "HC1", "HC2", "HC3")
_ALONE = 1e-10


def sandwich(
    likelihood: BinomialLikelihood, beta: Array, inverse: Array, kind: str, *, frequency: bool
) -> Array:
    """Sandwich covariance, shape (n_terms, n_terms).

    Parameters
    ----------
    likelihood : BinomialLikelihood
        One entry per row of the user, original units.
    beta, inverse : ndarray
        Estimate and inverse information.
    kind : str
        ``HC0`` to ``HC3``.
    frequency : bool
        True where a weight counts identical units.
    """
    weights = likelihood.weights
    units = float(weights.sum()) if frequency else float(likelihood.n_rows)
    if kind == "HC1" and units <= beta.size:
        raise EstimationError(
            f"HC1 divides by the rows beyond the coefficients, and there are {units:g} rows and {beta.size} "
            "coefficients. Use covariance='HC2' or fewer terms."
        )
    residual = likelihood.residuals(beta) / weights
    share = np.sqrt(weights) if frequency else weights
    root_meat = np.abs(residual) * share
    if kind in ("HC2", "HC3"):
        leverage = likelihood.leverages(beta, inverse)
        unit = leverage / weights if frequency else leverage
        remaining = np.where(1.0 - unit > _ALONE, 1.0 - unit, np.inf)  # else 0 / 0: the unit fits itself
        root_meat = root_meat / (np.sqrt(remaining) if kind == "HC2" else remaining)

    def meat_sum(block: slice) -> Sums:
        return (weighted_gram(likelihood.local(block), root_meat[block] ** 2),)

    (meat,) = likelihood.executor.total(meat_sum, likelihood.blocks())
    covariance = inverse @ meat @ inverse
    if kind == "HC1":
        covariance *= units / (units - beta.size)
    return np.asarray((covariance + covariance.T) / 2)


def silent_directions(meat: Array, root: Array) -> Array:
    """A root of the part of the classical covariance in which no score varies, shape (n_terms, m).

    Those are the combinations that a single unit or cluster identifies: at the maximum its scores sum to zero there.
    `meat` is in columns whitened by `root`, a root of the inverse information.
    """
    values, vectors = np.linalg.eigh(meat)
    return np.asarray(root @ vectors[:, values < 1e-10 * values[-1]])


def score_meat(likelihood: BinomialLikelihood, beta: Array, *, frequency: bool) -> Array:
    """Sum of s_i s_i' over the rows' scores at any coefficients (the meat of HC0), shape (n_terms, n_terms)."""
    identity = np.eye(beta.size)
    return sandwich(likelihood, beta, identity, "HC0", frequency=frequency)
