"""How much of a posterior is prior: power-scaling, contraction, and the distance between prior and data.

Power-scaling (Kallioinen, Paananen, Bürkner & Vehtari 2024, Statistics and Computing 34:57) raises the prior, or the
likelihood, to a power alpha near 1 and measures how far each coefficient's posterior moves, by importance weights on
the draws that are there. The distance is the cumulative Jensen-Shannon distance of the two distribution functions, over
its upper bound; the sensitivity is its derivative by log2(alpha), as a difference from alpha = 0.99 to 1.01.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from problogit.analysis.loo import posterior_draws
from problogit.core.blocks import Array
from problogit.core.pareto import smooth_weights, tail_length
from problogit.core.priors.jeffreys import Jeffreys
from problogit.core.priors.resolved import ResolvedPrior
from problogit.core.priors.used import use_prior
from problogit.errors import listed
from problogit.estimate import Estimate
from problogit.prior_density import log_prior_density
from problogit.validation import check_positive

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CONFLICT", "STRONG_PRIOR", "cumulative_distance", "power_scaled", "prior_sensitivity"]

THRESHOLD = 0.05
CONFLICT = "possible conflict of prior and data"
STRONG_PRIOR = "strong prior or weak likelihood"
_ALPHAS = (0.99, 1.01)


def prior_sensitivity(estimate: Estimate, threshold: float = THRESHOLD) -> pd.DataFrame:
    """Sensitivity of every coefficient to the prior and to the likelihood, with a verdict.

    Parameters
    ----------
    estimate : Estimate
        A posterior.
    threshold : float
        A sensitivity from which the posterior is called sensitive; 0.05 is that of Kallioinen et al. (2024).

    Returns
    -------
    DataFrame
        Index `term`; ``prior, likelihood`` (sensitivities), ``verdict``, ``contraction`` and ``z_score``.

        - Both sensitivities from the threshold: ``"possible conflict of prior and data"``. Prior alone: ``"strong prior
          or weak likelihood"``. Else empty: the data decide. With few rows a prior that only shrinks is enough for the
          first; a conflict in earnest moves `z_score` too.
        - `contraction` is 1 - posterior variance / prior variance: near 1 the data have said nearly all, near 0
          nothing.
        - `z_score` is (posterior mean - prior mean) / sqrt(prior variance - posterior variance). By the law of total
          variance it has variance 1 over data that the prior itself would generate, so that beyond -2 or 2 the data lie
          where the prior did not expect them (Evans & Moshonov 2006, Bayesian Analysis 1:893).

        Both are NaN where the prior is flat or has no variance, and are those of the log-odds at the predictors' means
        for an intercept whose prior stands there. ``attrs["threshold"]``, ``attrs["notes"]``.

    Raises
    ------
    NotAvailableError
        No posterior, or a prior of which no coefficient has a proper part: there is nothing to scale.
    """
    import pandas as pd

    check_positive("threshold", threshold)
    draws = posterior_draws(estimate)
    log_prior = log_prior_density(estimate, draws.flat)
    own_scale, notes = _by_column(estimate)
    log_like = estimate.problem.likelihood.batch(draws.flat)
    values = np.ascontiguousarray(draws.flat.T)
    prior, likelihood = (power_scaled(values, component) for component in (log_prior, log_like))
    contraction, z_score = _contraction(draws.flat, own_scale)
    table = pd.DataFrame(
        {
            "prior": prior,
            "likelihood": likelihood,
            "verdict": [_verdict(p, q, threshold) for p, q in zip(prior, likelihood, strict=True)],
            "contraction": contraction,
            "z_score": z_score,
        },
        index=pd.Index(estimate.terms, name="term"),
    )
    table.attrs.update(threshold=threshold, notes=notes)
    return table


def _verdict(prior: float, likelihood: float, threshold: float) -> str:
    if prior < threshold:
        return ""
    return CONFLICT if likelihood >= threshold else STRONG_PRIOR


def _by_column(estimate: Estimate) -> tuple[ResolvedPrior | None, tuple[str, ...]]:
    """The prior by column, None where it is of all together; and what to know of it."""
    prior = estimate.method.prior_used(estimate)
    used = use_prior(prior, estimate.problem)
    if isinstance(used, ResolvedPrior):
        return used, _flat_notes(used.flat, estimate.terms)
    if isinstance(used, Jeffreys):
        return None, ()
    note = (
        "The scales of this prior are learned. What was raised to a power is the prior of the scales, and that of "
        "coefficients with a fixed scale; contraction is given for the latter alone."
    )
    learned = np.isin(np.arange(estimate.problem.n_terms), used.columns)
    return used.fixed, (note, *_flat_notes(used.fixed.flat & ~learned, estimate.terms))


def _flat_notes(flat: NDArray[np.bool_], terms: tuple[str, ...]) -> tuple[str, ...]:
    named = [term for term, is_flat in zip(terms, flat, strict=True) if is_flat]
    if not named:
        return ()
    return (f"Flat prior: {listed(named)}. What moves there goes with coefficients that have one.",)


def _contraction(betas: Array, prior: ResolvedPrior | None) -> tuple[Array, Array]:
    """1 - posterior / prior variance, and the standardised shift of the mean, each of shape (n_terms,)."""
    nothing = np.full(betas.shape[1], np.nan)
    if prior is None:
        return nothing, nothing
    points, spread = prior.own_points(betas), prior.variance
    after = points.var(axis=0, ddof=1)
    known = np.isfinite(spread)
    contraction, z_score = nothing.copy(), nothing.copy()
    contraction[known] = 1.0 - after[known] / spread[known]
    learned = known & (contraction > 0)
    shift = points.mean(axis=0) - prior.loc
    z_score[learned] = shift[learned] / np.sqrt(spread[learned] - after[learned])
    return contraction, z_score


def power_scaled(values: Array, log_component: Array) -> Array:
    """Derivative of the distance by log2(alpha) when one factor of the posterior is raised to alpha.

    Parameters
    ----------
    values : ndarray, shape (k, n_draws)
        Draws of k quantities.
    log_component : ndarray, shape (n_draws,)
        Logarithm of the factor: log prior or log likelihood.

    Returns
    -------
    ndarray, shape (k,)
    """
    from problogit.arviz_io import tail_efficiency

    n_draws = log_component.size
    if np.ptp(log_component) == 0:
        return np.zeros(values.shape[0])
    efficiency = tail_efficiency(log_component[None, :, None])
    n_tail = min(max(5, tail_length(n_draws, efficiency)), n_draws // 2)
    ratios = np.array([(alpha - 1.0) * log_component for alpha in _ALPHAS])
    log_weights, _ = smooth_weights(ratios, n_tail)
    total = np.zeros(values.shape[0])
    for alpha, weights in zip(_ALPHAS, np.exp(log_weights), strict=True):
        total += cumulative_distance(values, weights) / abs(np.log2(alpha))
    return total / 2


def cumulative_distance(values: Array, weights: Array) -> Array:
    """Cumulative Jensen-Shannon distance of weighted draws from the same draws unweighted, over its upper bound.

    The larger one of the distances of x and of -x, as in priorsense.

    Parameters
    ----------
    values : ndarray, shape (k, n_draws)
    weights : ndarray, shape (n_draws,)
        Normalised.
    """
    order = np.argsort(values, axis=1)
    steps = np.diff(np.take_along_axis(values, order, axis=1), axis=1)
    weighted = weights[order]
    forwards = _one_sided(steps, weighted)
    backwards = _one_sided(steps[:, ::-1], weighted[:, ::-1])
    return np.asarray(np.maximum(forwards, backwards))


def _one_sided(steps: Array, weights: Array) -> Array:
    """sqrt((CJS(P, Q) + CJS(Q, P)) / integral of (P + Q)), P the plain and Q the weighted distribution function."""
    n = weights.shape[1]
    plain = np.arange(1, n) / n
    other = np.cumsum(weights, axis=1)[:, :-1]
    middle = np.log2(0.5 * (plain + other))
    total = np.zeros(steps.shape[0])
    areas = [steps @ plain, np.einsum("ij,ij->i", steps, other)]
    for one, area, rest in ((plain, areas[0], areas[1]), (other, areas[1], areas[0])):
        inner = one * (np.log2(one) - middle)
        part = np.einsum("ij,ij->i", steps, np.broadcast_to(inner, steps.shape))
        total += np.maximum(part + 0.5 / np.log(2) * (rest - area), 0.0)
    bound = areas[0] + areas[1]
    return np.asarray(np.sqrt(np.divide(total, bound, out=np.zeros_like(total), where=bound > 0)))
