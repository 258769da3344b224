"""Simulation-based calibration (Talts, Betancourt, Simpson, Vehtari & Gelman 2018; Modrak et al. 2025).

Coefficients are drawn from the prior, outcomes from the model, draws from the posterior of those outcomes: the rank of
the true value among the draws is then uniform, for every coefficient, for the slopes' sum of squares and for the
log-likelihood, which depends on data and coefficients together. Because that holds for each set of outcomes, leaving
out those that a sampler refuses changes nothing.

Uniformity is judged by simultaneous bands for the empirical distribution function (Saeilynoja, Buerkner & Vehtari 2022,
Statistics and Computing 32:32): the smallest pointwise binomial probability over all ranks, against its distribution
under uniform ranks, simulated. The chance of a false alarm is therefore the stated one, whatever the correlation
between the points.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit
from scipy.stats import binom

import problogit as plg
from problogit.errors import ApproximationError, ConvergenceWarning

DRAWS = 99  # ranks 0 to 99
QUANTITIES = ("Intercept", "x0", "x1", "x2", "size", "loglik")
FAMILIES = {"normal": plg.Normal, "laplace": plg.Laplace}


@dataclass(frozen=True)
class Ranks:
    """Ranks of the true values, shape (n_replicates, 6), and how many data sets the sampler refused."""

    values: np.ndarray
    refused: int


def prior(family: str, scale: float) -> plg.Priors:
    return plg.Priors(FAMILIES[family](scale), intercept=plg.Normal(1.5))


def true_values(family: str, scale: float, rng: np.random.Generator) -> np.ndarray:
    slopes = rng.normal(0, scale, 3) if family == "normal" else rng.laplace(0, scale, 3)
    return np.concatenate([rng.normal(0, 1.5, 1), slopes])


def design(n: int, rng: np.random.Generator) -> np.ndarray:
    """Correlated, of unequal scales, one column binary."""
    X = rng.normal(size=(n, 3)) @ np.array([[1.0, 0.6, 0.0], [0.0, 0.8, 0.0], [0.0, 0.0, 1.0]])
    X[:, 1] *= 2.0
    X[:, 2] = X[:, 2] > 0.3
    return X


def ranks(method: plg.Bayes, family: str, scale: float, replicates: int, n: int, seed: int) -> Ranks:
    """Ranks of coefficients from `family` with `scale` among the draws of `method`, which may have another prior."""
    rng = np.random.default_rng(seed)
    X, values, refused = design(n, rng), [], 0
    while len(values) < replicates:
        beta = true_values(family, scale, rng)
        y = (rng.random(n) < expit(beta[0] + X @ beta[1:])).astype(int)
        model = plg.LogitModel.from_arrays(X, y, event=1)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # one short chain
                fit = model.fit(replace(method, rng=len(values) + refused), progress=False)
        except ApproximationError:
            refused += 1
            continue
        draws = thinned(fit.draws())
        both = np.vstack([beta, draws])
        size, loglik = np.square(both[:, 1:]).sum(axis=1), fit.estimate.problem.likelihood.batch(both)
        quantities = np.column_stack([both, size, loglik])
        values.append((quantities[1:] < quantities[0]).sum(axis=0))
    return Ranks(np.array(values), refused)


def thinned(draws: np.ndarray) -> np.ndarray:
    """99 draws, evenly spaced: each has nearly forgotten the one before."""
    return draws[np.linspace(0, draws.shape[0] - 1, DRAWS).astype(int)]


def least_probability(counts: np.ndarray) -> np.ndarray:
    """The smallest two-sided pointwise probability of the distribution function, (..., 100) -> (...)."""
    below = np.cumsum(counts, axis=-1)[..., :-1]
    n, share = counts.sum(axis=-1, keepdims=True), np.arange(1, DRAWS + 1) / (DRAWS + 1)
    lower, upper = binom.cdf(below, n, share), binom.sf(below - 1, n, share)
    return 2 * np.minimum(lower, upper).min(axis=-1)


def p_values(found: Ranks, simulations: int = 20_000) -> dict[str, float]:
    """Of uniformity of each quantity's ranks."""
    n, cells = found.values.shape[0], np.full(DRAWS + 1, 1 / (DRAWS + 1))
    simulated = least_probability(np.random.default_rng(0).multinomial(n, cells, simulations))
    out = {}
    for name, column in zip(QUANTITIES, found.values.T, strict=False):
        observed = least_probability(np.bincount(column, minlength=DRAWS + 1))
        out[name] = float((1 + np.count_nonzero(simulated <= observed)) / (1 + simulations))
    return out
