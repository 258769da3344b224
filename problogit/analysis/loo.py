"""Leave-one-out predictions of a posterior by Pareto-smoothed importance sampling (Vehtari, Gelman & Gabry 2017).

The unit is the row that the user gave. A row with frequency weight f is f units, and leaving one out drops *one* copy;
its value counts f times in the sum. A row of trials is one unit, its density includes log C(m, s). Importance and
sampling weights multiply the log-likelihood, so leaving such a row out drops all of its weight.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logsumexp

from problogit.core.coefficients import DrawnCoefficients
from problogit.core.likelihood import BinomialLikelihood, log_binomial_constant
from problogit.data.rows import Array
from problogit.errors import NotAvailableError
from problogit.estimate import Estimate
from problogit.progress import SILENT, Progress

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LooResult", "is_posterior", "loo"]

_BLOCK_VALUES = 2_000_000  # draws x rows held at a time: 16 MB an array
_SAME = 1e-8  # a log density that moves less over the draws has no tail to smooth
_LEAST_DRAWS = 100


@dataclass(frozen=True, eq=False)
class LooResult:
    """Leave-one-out values, one entry for each row of the problem.

    Attributes
    ----------
    elpd, se : float
        Expected log pointwise predictive density, summed over units, and its standard error.
    p_loo : float
        Effective number of parameters.
    elpd_i : ndarray, shape (n_rows,)
        Log predictive density of one unit of each row.
    pareto_k : ndarray, shape (n_rows,)
        Reliability of each value; above `good_k` it is not to be trusted.
    log_odds : ndarray, shape (n_rows,)
        Log-odds of the leave-one-out probability.
    weights : ndarray, shape (n_rows,)
        What multiplies each value in the sums.
    good_k : float
        min(1 - 1 / log10(draws), 0.7).
    n : int
        Units.
    n_bad : int
        Units whose `pareto_k` exceeds `good_k`.
    n_draws : int
    notes : tuple of str
    """

    elpd: float
    se: float
    p_loo: float
    elpd_i: Array
    pareto_k: Array
    log_odds: Array
    weights: Array
    good_k: float
    n: int
    n_bad: int
    n_draws: int
    notes: tuple[str, ...] = ()

    @property
    def probabilities(self) -> Array:
        """Leave-one-out probability of each row: E[p_i | data without one unit of row i]."""
        return np.asarray(expit(self.log_odds))

    def to_frame(self) -> pd.DataFrame:
        """One row for each row of the problem: ``elpd, pareto_k, probability, weight``."""
        import pandas as pd

        return pd.DataFrame(
            {
                "elpd": self.elpd_i,
                "pareto_k": self.pareto_k,
                "probability": self.probabilities,
                "weight": self.weights,
            }
        )


def is_posterior(estimate: Estimate) -> bool:
    """True where the coefficients are posterior draws; bootstrap draws of an estimate are not."""
    coefficients = estimate.coefficients
    return isinstance(coefficients, DrawnCoefficients) and coefficients.estimate is None


def posterior_draws(estimate: Estimate) -> DrawnCoefficients:
    """The posterior's draws, or an error: leave-one-out of sampling draws is not an elpd."""
    coefficients = estimate.coefficients
    if not isinstance(coefficients, DrawnCoefficients) or coefficients.estimate is not None:
        raise NotAvailableError(
            f"Leave-one-out by importance sampling needs posterior draws, and {estimate.method.name} has none. "
            'Ask for resample="folds", which refits.'
        )
    if coefficients.flat.shape[0] < _LEAST_DRAWS:
        raise NotAvailableError(
            f"Leave-one-out by importance sampling needs at least {_LEAST_DRAWS} draws; this posterior has "
            f"{coefficients.flat.shape[0]}. Sample more: Bayes(draws=1000)."
        )
    return coefficients


def loo(estimate: Estimate, progress: Progress = SILENT) -> LooResult:
    """Leave-one-out density and probability of every row.

    Rows that are equal in everything share one computation.

    Parameters
    ----------
    estimate : Estimate
        A posterior.
    progress : Progress

    Raises
    ------
    NotAvailableError
        For a fit that is not a posterior.
    """
    from problogit.arviz_io import relative_ess

    draws, problem, rows = posterior_draws(estimate), estimate.problem, estimate.problem.rows
    frequency = problem.weights_type == "frequency"
    power = np.ones(rows.n_obs) if frequency else rows.weights
    first, same = _distinct(problem.row_likelihood, power)
    constant = np.zeros(rows.n_obs)
    if problem.response.counts:
        constant = log_binomial_constant(rows.successes, rows.trials)
    r_eff = relative_ess(draws.chains)
    progress.start("Leave-one-out", first.size)
    try:
        like = problem.row_likelihood.take(first)
        values = _pointwise(like, power[first], constant[first], draws, r_eff, progress)
    finally:
        progress.finish()
    density, lppd, k, log_odds = (column[same] for column in values)
    n_draws = draws.flat.shape[0]
    good_k = min(1 - 1 / np.log10(n_draws), 0.7)
    units = rows.weights if frequency else np.ones(rows.n_obs)
    n_bad = round(float(units[~(k <= good_k)].sum()))
    return LooResult(
        elpd=float(rows.weights @ density),
        se=_standard_error(density, rows.weights, frequency=frequency),
        p_loo=float(rows.weights @ (lppd - density)),
        elpd_i=density,
        pareto_k=k,
        log_odds=log_odds,
        weights=rows.weights,
        good_k=float(good_k),
        n=problem.nobs,
        n_bad=n_bad,
        n_draws=n_draws,
        notes=_notes(n_bad, problem.nobs, float(np.max(k)), float(good_k)),
    )


def _notes(n_bad: int, n: int, worst: float, good_k: float) -> tuple[str, ...]:
    if n_bad == 0:
        return ()
    return (
        f"{n_bad} of {n} leave-one-out values are unreliable: Pareto k-hat up to {worst:.2f}, above {good_k:.2f}. "
        "Those rows are influential; refitting without them would be exact.",
    )


def _distinct(like: BinomialLikelihood, power: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First row of each group of equal rows, and every row's group; sparse designs are not searched."""
    if not isinstance(like.X, np.ndarray):
        everything = np.arange(like.n_rows)
        return everything, everything
    table = np.column_stack([like.X, like.offset, like.successes, like.trials, power])
    _, first, same = np.unique(table, axis=0, return_index=True, return_inverse=True)
    return first, same.ravel()


def _pointwise(
    like: BinomialLikelihood,
    power: Array,
    constant: Array,
    draws: DrawnCoefficients,
    r_eff: float,
    progress: Progress,
) -> tuple[Array, Array, Array, Array]:
    """Log density, log mean density over the full posterior, k-hat and log-odds, each of shape (n_rows,)."""
    betas = draws.flat
    n_draws, step = betas.shape[0], max(1, _BLOCK_VALUES // betas.shape[0])
    out = np.empty((4, like.n_rows))
    for start in range(0, like.n_rows, step):
        block = slice(start, min(start + step, like.n_rows))
        log_density = like.rows_batch(betas, block) + constant[block]
        log_weights, k = _left_out_weights(power[block] * log_density, r_eff)
        weights = np.exp(log_weights)
        eta = np.asarray(like.local(block) @ betas.T).T + like.offset[block]
        event, other = (weights * expit(eta)).sum(axis=0), (weights * expit(-eta)).sum(axis=0)
        with np.errstate(divide="ignore"):
            log_odds = np.log(event) - np.log(other)
        out[:, block] = (
            logsumexp(log_weights + log_density, axis=0),
            logsumexp(log_density, axis=0) - np.log(n_draws),
            k,
            log_odds,
        )
        progress.advance(block.stop - block.start)
    return out[0], out[1], out[2], out[3]


def _left_out_weights(log_density: Array, r_eff: float) -> tuple[Array, Array]:
    """Smoothed weights and k-hat of each row; a row that is the same under every draw has equal weights and k-hat 0."""
    from problogit.arviz_io import psis_weights

    n_draws, n_rows = log_density.shape
    varies = np.ptp(log_density, axis=0) > _SAME
    log_weights, k = np.full((n_draws, n_rows), -np.log(n_draws)), np.zeros(n_rows)
    if varies.any():
        log_weights[:, varies], k[varies] = psis_weights(log_density[:, varies], r_eff)
    return log_weights, k


def _standard_error(values: Array, weights: Array, *, frequency: bool) -> float:
    """sqrt(n var) of the units' contributions."""
    if frequency:
        n = weights.sum()
        centred = values - weights @ values / n
        return float(np.sqrt(n / (n - 1) * (weights @ centred**2))) if n > 1 else np.nan
    return float(np.sqrt(values.size * np.var(weights * values, ddof=1))) if values.size > 1 else np.nan
