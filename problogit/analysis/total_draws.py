"""The distribution of a total still to be seen: a mixture, over draws of the coefficients, of sums of outcomes.

Given the coefficients the total is a weighted sum of independent Bernoulli outcomes. What the coefficients leave open
is carried through the log-odds draw by draw, so that a total of rare events is as skew as the probabilities are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import expit, ndtri

from problogit.analysis.poisson_binomial import poisson_binomial, shift_error, shifted_binomial
from problogit.core.blocks import Array, Matrix
from problogit.core.coefficients import (
    CoefficientDistribution,
    DrawnCoefficients,
    NormalCoefficients,
    as_dense,
)
from problogit.core.debiased import DebiasedCoefficients
from problogit.core.infinite import AliasedCoefficients, MaskedCoefficients, SeparatedCoefficients
from problogit.core.resampled import ResampledCoefficients

__all__ = ["Total", "WeightedRows", "drawn_log_odds", "group_sums", "total_distribution"]

_SEED = 20_111  # of the draws from a normal distribution and of simulated totals: the same call, the same interval
_DRAWS = (200, 2000)  # from a normal distribution: fewer where rows are many
_CELLS = 40_000_000  # rows x draws of a normal distribution, about
_BLOCK = 1_000_000
_MOVED = 20_000  # rows that show how far a draw moves the total, where there are many more
_EXACT = 200  # trials whose number of events always has its exact distribution
_OFF = 1e-3  # error of the distribution function of more of them, from which on it has it too,
_EXACT_VALUES = 4_000_000  # up to so many draws x trials: seconds
_SIMULATED = 500  # rows of differing values whose total is simulated
_REPLICATES = 20_000
_GRID = 200


@dataclass(frozen=True, eq=False)
class WeightedRows:
    """Rows with the value and the trials of each."""

    X: Matrix
    offset: Array
    value: Array
    trials: Array

    def take(self, chosen: slice | NDArray[np.int64]) -> WeightedRows:
        """Some of the rows."""
        return WeightedRows(self.X[chosen], self.offset[chosen], self.value[chosen], self.trials[chosen])

    @property
    def whole_trials(self) -> bool:
        """True where every row has a whole number of trials."""
        return bool((self.trials == np.floor(self.trials)).all())

    @property
    def unit(self) -> float:
        """The value of every event where they have one in common, else NaN."""
        first = float(self.value[0]) if self.value.size else math.nan
        return first if (self.value == first).all() else math.nan

    def possible(self) -> tuple[float, float]:
        """The smallest and the largest total that these rows can give."""
        full = self.value * self.trials
        return float(np.minimum(full, 0).sum()), float(np.maximum(full, 0).sum())


@dataclass(frozen=True, eq=False)
class Total:
    """Spread and quantiles of a total.

    Attributes
    ----------
    parameter_sd : float
        Of the expected total over the coefficients.
    outcome_sd : float
        Root of the mean variance of the outcomes over the coefficients.
    lower, upper : float
        Quantiles (1 - prob)/2 and (1 + prob)/2: the smallest totals that reach them.
    """

    parameter_sd: float
    outcome_sd: float
    lower: float
    upper: float


def total_distribution(coefficients: CoefficientDistribution, rows: WeightedRows, prob: float) -> Total:
    """Spread and equal-tailed interval of sum v K, K ~ Binomial(m, expit(x'beta + offset)), beta drawn.

    Parameters
    ----------
    coefficients : CoefficientDistribution
        Posterior and bootstrap draws are taken as they are. A normal distribution is drawn from with a fixed seed, the
        draws stratified along the gradient of the total, in which direction nearly all of its uncertainty lies.
    rows : WeightedRows
        With finite log-odds.
    prob : float

    Returns
    -------
    Total
        NaN throughout where draws are infinite or unknown.

    Notes
    -----
    Where every event has one value and trials are whole numbers, the distribution of their number given beta is
    Poisson-binomial: exact up to 200 trials. Beyond, it is the shifted binomial with the same three cumulants where
    that is off by less than 0.001 (nearly always, see `problogit.analysis.poisson_binomial`), and exact up to some
    thousands of trials where it is not. Totals of differing values are simulated 20 000 times up to 500 rows, and are
    mixtures of skewness-corrected normal distributions beyond. Of more than 40 000 rows, 20 000 show how far a draw
    moves the total.
    """
    rows = rows.take(np.flatnonzero((rows.value != 0) & (rows.trials != 0)))
    if rows.value.size == 0:
        return Total(0.0, 0.0, 0.0, 0.0)
    log_odds, count, centre = _log_odds(coefficients, rows)
    moments = _moments(rows, log_odds, count, centre)
    if not np.isfinite(moments).all():
        return Total(math.nan, math.nan, math.nan, math.nan)
    tails = ((1 - prob) / 2, (1 + prob) / 2)
    counted = rows.whole_trials
    if counted and not math.isnan(rows.unit):
        ends = _count_ends(rows, moments, log_odds, tails)
    elif counted and rows.value.size <= _SIMULATED:
        ends = _simulated_ends(expit(log_odds(rows.X) + rows.offset), rows, tails)
    else:
        ends = _normal_ends(moments, tails)
    outcome = math.sqrt(float(moments[1].mean()))
    return Total(float(moments[0].std(ddof=1)) if count > 1 else 0.0, outcome, *ends)


def group_sums(
    coefficients: CoefficientDistribution, rows: WeightedRows, codes: NDArray[np.int64], n_groups: int
) -> Array:
    """Expected total of each group of rows in every draw of the coefficients, shape (n_draws, n_groups).

    The draws are common to the groups, so that what the coefficients leave open moves them together.
    """
    log_odds, count, _ = _log_odds(coefficients, rows)
    step, out = max(1, _BLOCK // count), np.zeros((count, n_groups))
    for start in range(0, rows.value.size, step):
        block = slice(start, start + step)
        part = rows.take(block)
        worth = sp.csr_array(
            (part.value * part.trials, (np.arange(part.value.size), codes[block])),
            shape=(part.value.size, n_groups),
        )
        out += np.asarray(expit(log_odds(part.X) + part.offset) @ worth)
    return out


def drawn_log_odds(coefficients: CoefficientDistribution, rows: WeightedRows) -> Callable[[slice], Array]:
    """Log-odds of the rows in every draw of the coefficients, shape (n_draws, n_rows), for slices of them."""
    log_odds, _, _ = _log_odds(coefficients, rows)
    return lambda block: np.asarray(log_odds(rows.X[block]) + rows.offset[block])


def _moments(
    rows: WeightedRows,
    log_odds: Callable[[Matrix], Array],
    count: int,
    centre: Callable[[Matrix], Array],
) -> Array:
    """Mean, variance, third and fourth cumulant of the total for every draw, shape (4, n_draws).

    Where rows are very many, how far a draw moves them is taken from some of the rows, evenly spaced in the order of
    their probability, and added to what they are at the estimate.
    """
    if rows.value.size <= 2 * _MOVED:
        return _cumulants(rows, log_odds, count)
    n = rows.value.size
    order = np.argsort(np.concatenate([centre(part.X)[0] + part.offset for part in _blocks(rows, 1)]))
    some = rows.take(np.sort(order[((np.arange(_MOVED) + 0.5) * (n / _MOVED)).astype(np.int64)]))
    moved = _cumulants(some, log_odds, count) - _cumulants(some, centre, 1)
    found = _cumulants(rows, centre, 1) + moved * (n / _MOVED)
    found[1] = np.where(found[1] < 0, 0.0, found[1])
    return np.asarray(found)


def _cumulants(rows: WeightedRows, log_odds: Callable[[Matrix], Array], count: int) -> Array:
    moments = np.zeros((4, count))
    for part in _blocks(rows, count):
        p = expit(log_odds(part.X) + part.offset)
        spread = p * (1 - p)
        moments[0] += p @ (part.value * part.trials)
        moments[1] += spread @ (part.value**2 * part.trials)
        moments[2] += (spread * (1 - 2 * p)) @ (part.value**3 * part.trials)
        moments[3] += (spread * (1 - 6 * spread)) @ (part.value**4 * part.trials)
    return moments


def _log_odds(
    coefficients: CoefficientDistribution, rows: WeightedRows
) -> tuple[Callable[[Matrix], Array], int, Callable[[Matrix], Array]]:
    """x'beta for every draw, shape (n_draws, n_rows), as a function of rows; how many; and the same at the estimate."""
    reduce, inner = _regular(coefficients)
    location = inner.location

    def centre(X: Matrix) -> Array:
        return np.asarray(reduce(X) @ location)[None]

    if isinstance(inner, ResampledCoefficients):
        n = inner.regular.shape[0] + len(inner.irregular) + inner.n_unknown
        return lambda X: inner.marginals(reduce(X)).values, n, centre
    drawn = inner.flat if isinstance(inner, DrawnCoefficients) else _stratified(inner, reduce(rows.X), rows)
    return lambda X: np.asarray((reduce(X) @ drawn.T).T), drawn.shape[0], centre


def _regular(
    coefficients: CoefficientDistribution,
) -> tuple[Callable[[Matrix], Matrix], CoefficientDistribution]:
    """The part of the coefficients that is finite, and the map of rows on which it predicts."""
    if isinstance(coefficients, DebiasedCoefficients):
        known = np.isfinite(coefficients.centre)
        cov = np.where(np.outer(known, known), coefficients.covariance, 0.0)
        centre = np.where(known, coefficients.centre, 0.0)
        return lambda X: X, NormalCoefficients(centre, cov, coefficients.kinds)
    if isinstance(coefficients, AliasedCoefficients):
        kept = coefficients.aliases.kept
        after, inner = _regular(coefficients.inner)
        return lambda X: after(X[:, kept]), inner
    if isinstance(coefficients, SeparatedCoefficients):
        basis = coefficients.basis
        after, inner = _regular(coefficients.identified)
        return lambda X: after(np.asarray(as_dense(X) @ basis)), inner
    if isinstance(coefficients, MaskedCoefficients):
        finite = np.flatnonzero(coefficients.finite)
        after, inner = _regular(coefficients.inner)
        return lambda X: after(X[:, finite]), inner
    return lambda X: X, coefficients


def _stratified(normal: CoefficientDistribution, X: Matrix, rows: WeightedRows) -> Array:
    """Draws whose component along the gradient g of the total takes normal quantiles instead of chance.

    beta - C g (g'beta - g'b) / g'C g is independent of g'beta, so that the one may be replaced without the other.
    """
    n = int(np.clip(_CELLS // max(1, rows.value.size), *_DRAWS))
    drawn = normal.draws(n, np.random.default_rng(_SEED))
    p = expit(np.asarray(X @ normal.location) + rows.offset)
    gradient = np.asarray(X.T @ (rows.value * rows.trials * p * (1 - p))).ravel()
    gradient /= max(float(np.abs(gradient).max(initial=0.0)), 1e-300)
    along = normal.cov @ gradient
    variance = float(gradient @ along)
    if not variance > 0:
        return drawn
    z = ndtri((np.arange(n) + 0.5) / n)
    z *= math.sqrt(variance) / z.std()
    return np.asarray(drawn + np.outer(z - (drawn - normal.location) @ gradient, along / variance))


def _blocks(rows: WeightedRows, n_draws: int) -> Iterator[WeightedRows]:
    step = max(1, _BLOCK // n_draws)
    for start in range(0, rows.value.size, step):
        yield rows.take(slice(start, start + step))


def _count_ends(
    rows: WeightedRows, moments: Array, log_odds: Callable[[Matrix], Array], tails: tuple[float, float]
) -> tuple[float, float]:
    """Quantiles of the number of events, times what each is worth."""
    most, unit = int(rows.trials.sum()), rows.unit
    mean, variance, third, fourth = (moments[k] / unit ** (k + 1) for k in range(4))
    few = most * mean.size <= _EXACT_VALUES
    if most <= _EXACT or (few and shift_error(variance, third, fourth) > _OFF):
        cdf = np.cumsum(poisson_binomial(expit(log_odds(rows.X) + rows.offset), rows.trials))
        found = [int(np.searchsorted(cdf, tail - 1e-12)) for tail in tails]
    else:

        def reached(k: int) -> float:
            return float(shifted_binomial(float(k), mean, variance, third).mean())

        found = [_smallest(lambda k, q=tail: reached(k) >= q, most) for tail in tails]  # type: ignore[misc]
    ends = sorted(unit * min(k, most) for k in found)
    return ends[0], ends[1]


def _smallest(holds: Callable[[int], bool], most: int) -> int:
    """The smallest of 0..most for which a rising condition holds (`most` where none does)."""
    low, high = 0, most
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _simulated_ends(p: Array, rows: WeightedRows, tails: tuple[float, float]) -> tuple[float, float]:
    rng = np.random.default_rng(_SEED)
    chosen = np.arange(_REPLICATES) % p.shape[0]
    seen = rng.binomial(rows.trials.astype(np.int64), p[chosen])
    lower, upper = np.quantile(seen @ rows.value, tails, method="inverted_cdf")
    return float(lower), float(upper)


def _normal_ends(moments: Array, tails: tuple[float, float]) -> tuple[float, float]:
    """A mixture of normal totals, corrected for skewness (Cornish and Fisher), on a grid of quantiles."""
    totals, variance, third, _ = moments
    sd = np.sqrt(variance)
    skew = np.divide(third, variance * sd, out=np.zeros_like(sd), where=sd > 0)
    z = ndtri((np.arange(_GRID) + 0.5) / _GRID)
    mixture = totals[:, None] + sd[:, None] * (z + skew[:, None] * (z**2 - 1) / 6)
    lower, upper = np.quantile(mixture, tails)
    return float(lower), float(upper)
