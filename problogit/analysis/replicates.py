"""Outcomes drawn again for the rows in use: coefficients from a fit's distribution, outcomes from the model."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from problogit.analysis.loo import is_posterior
from problogit.core.blocks import Array
from problogit.core.coefficients import DrawnCoefficients, as_dense
from problogit.core.infinite import AliasedCoefficients
from problogit.errors import InputError, NotAvailableError, explain
from problogit.estimate import Estimate
from problogit.validation import check_integer, seed_sequence

__all__ = [
    "coefficient_draws",
    "distribution_label",
    "drawn_events",
    "posterior_predictive",
    "replicated_blocks",
    "unit_trials",
]

_BLOCK_VALUES = 1_000_000
_MOST_VALUES = 1_000_000_000  # of one array: 1 GB for 0/1 outcomes
_EASY_VALUES = 100_000_000


def posterior_predictive(
    estimate: Estimate, draws: int | None = None, rng: int | np.random.Generator | None = None
) -> NDArray[np.signedinteger]:
    """Outcomes of the rows in use, drawn from the posterior predictive distribution.

    Parameters
    ----------
    estimate : Estimate
        A posterior.
    draws : int, optional
        Number of data sets; one for each posterior draw without it, or as many as make 1e8 values.
    rng : int, Generator or None

    Returns
    -------
    ndarray of int, shape (draws, n_rows)
        Numbers of events, in the smallest integer type that holds them. A row of frequency weight f stands for f
        units, and its events are those of all of them.

    Raises
    ------
    NotAvailableError
        The fit is no posterior.
    InputError
        The array would have more than 1e9 values.
    """
    if not is_posterior(estimate):
        raise NotAvailableError(
            f"posterior_predictive() needs a posterior; this fit is {estimate.method.describe()}. Fit with Bayes(), or "
            "ask predictive_check(), which replicates from the sampling distribution of the estimate and says so."
        )
    n_rows = estimate.problem.rows.n_obs
    coefficients = estimate.coefficients
    if draws is None:
        most = max(1, _EASY_VALUES // n_rows)
        draws = min(most, coefficients.flat.shape[0]) if isinstance(coefficients, DrawnCoefficients) else most
    check_integer("draws", draws, 1)
    if draws * n_rows > _MOST_VALUES:
        rule = f"must be at most {_MOST_VALUES // n_rows} for {n_rows} rows (1e9 values)"
        raise InputError(explain("draws", rule, draws, "predictive_check() needs no such array."))
    random = np.random.Generator(np.random.PCG64(seed_sequence(rng)))
    betas = coefficient_draws(estimate, draws, random)
    kind = np.min_scalar_type(-int(unit_trials(estimate).max(initial=1)) - 1)
    out = np.empty((draws, n_rows), dtype=kind)
    for block, events, _ in replicated_blocks(estimate, betas, random):
        out[:, block] = events.T
    return out


def coefficient_draws(estimate: Estimate, n: int, random: np.random.Generator) -> Array:
    """Draws of the coefficients that predict, shape (n, n_terms); aliased ones are 0, infinite draws left out.

    Raises
    ------
    NotAvailableError
        The estimate has no distribution, or one whose draws are mostly infinite; the message names the remedy.
    """
    if estimate.details.row_refusal:
        raise NotAvailableError(estimate.details.row_refusal)
    betas = estimate.predictor.draws(n, random)
    if isinstance(estimate.predictor, AliasedCoefficients):
        betas = np.nan_to_num(betas)
    finite = np.isfinite(betas).all(axis=1)
    if finite.all():
        return betas
    if 2 * np.count_nonzero(finite) < n:
        raise NotAvailableError(
            f"{n - np.count_nonzero(finite)} of {n} draws of the coefficients are infinite (separated resamples): no "
            "outcomes can be drawn from them. Fit a proper prior."
        )
    return np.asarray(betas[finite])


def distribution_label(estimate: Estimate) -> str:
    """What draws of the coefficients come from."""
    if is_posterior(estimate):
        return "posterior"
    return f"sampling distribution ({estimate.predictor.kinds[0]}), not a posterior"


def unit_trials(estimate: Estimate) -> Array:
    """Trials of each row, those of all the units that a frequency weight stands for."""
    rows = estimate.problem.rows
    return rows.trials * rows.weights if estimate.problem.weights_type == "frequency" else rows.trials


def replicated_blocks(
    estimate: Estimate, betas: Array, random: np.random.Generator
) -> Iterator[tuple[slice, NDArray[np.int64], Array]]:
    """Blocks of rows with their events under each draw and the probabilities, (n_block, n_draws) each."""
    rows, trials = estimate.problem.rows, np.rint(unit_trials(estimate)).astype(np.int64)
    step = max(1, _BLOCK_VALUES // betas.shape[0])
    for start in range(0, rows.n_obs, step):
        block = slice(start, min(start + step, rows.n_obs))
        p = expit(as_dense(rows.X[block] @ betas.T) + rows.offset[block, None])
        yield block, drawn_events(trials[block], p, random), p


def drawn_events(trials: NDArray[np.int64], p: Array, random: np.random.Generator) -> NDArray[np.int64]:
    """Binomial random numbers, trials (n_rows,) and probabilities (n_rows, n_draws) -> (n_rows, n_draws)."""
    if np.all(trials == 1):  # many times faster
        return (random.random(p.shape) < p).astype(np.int64)
    return np.asarray(random.binomial(trials[:, None], p), dtype=np.int64)
