"""The optimism bootstrap: how much better a fit looks on its own rows than on others, and figures without it.

A figure about a fit (calibration slope, AUC, Brier score...) is too good on the rows that the fit was made from. The
bootstrap repeats the making: a resample stands for the data, the data for the population. With S(b; rows) the figure
of the fit b on rows, and b_k the fit to resample k,

    optimism = mean_k [ S(b_k; resample k) - S(b_k; data) ],   corrected = S(b; data) - optimism

(Efron 1983, JASA 78:316; Harrell, Lee & Mark 1996, Stat Med 15:361). Everything that the method does is done again in
each resample: choosing a strength, stopping early. Limits of the corrected figure are Harrell's approximate ones
(ABCLOC, rms 8.1): with d_k = S(b_k; resample k) - 1.25 S(b_k; data) and the standard deviations of the d_k above and
below their mean,

    lower = corrected - z sd(above),   upper = corrected + z sd(below).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from problogit.data.rows import Array
from problogit.errors import NotAvailableError, ProblogitWarning
from problogit.estimate import Estimator, Status
from problogit.problem import Problem
from problogit.progress import SILENT, Progress
from problogit.resampled_predictions import Drawn, Tally, draw_resamples, resampled_log_odds
from problogit.resampling import predicted_log_odds
from problogit.validation import check_integer, check_probability, seed_sequence

__all__ = ["INTERVAL", "Optimism", "Statistic", "dual_sd", "optimism_bootstrap", "optimism_of"]

INTERVAL = "bootstrap-abcloc"
_TEST_SHARE = 1.25  # of Harrell's approximation, found by simulation
_FEW = 10  # values below which one standard deviation serves both sides


class Statistic(Protocol):
    """Figures about predictions."""

    def __call__(self, log_odds: Array, successes: Array, trials: Array, weights: Array) -> Array:
        """The figures, shape (k,), of rows of shape (n_rows,). Log-odds may be +-Inf, never NaN; figures may be NaN."""


@dataclass(frozen=True, eq=False)
class Optimism:
    """Figures about a fit, with what they owe to being made from the rows that they are judged on.

    Attributes
    ----------
    apparent : ndarray, shape (k,)
        Of the fit on its own rows.
    training, test : ndarray, shape (n_resamples - n_failed, k)
        Figures of each refit on its resample and on the original rows; NaN where there is none.
    n_resamples, n_failed, n_separated : int
        Asked for; gave nothing and are left out; have infinite coefficients and are kept.
    method : str
        What was refitted.
    notes : tuple of str
        What did not go as it should, with counts, in full sentences.
    """

    apparent: Array
    training: Array
    test: Array
    n_resamples: int
    n_failed: int
    n_separated: int
    method: str
    notes: tuple[str, ...] = ()

    @property
    def optimism(self) -> Array:
        """Mean over resamples of what the apparent figures are too good by, shape (k,)."""
        return _mean(self.training - self.test)

    @property
    def corrected(self) -> Array:
        """Apparent less optimism, shape (k,)."""
        return self.apparent - self.optimism

    @property
    def lower(self) -> Array:
        """Lower 95% limits of `corrected`, shape (k,)."""
        return self.limits(0.95)[0]

    @property
    def upper(self) -> Array:
        """Upper 95% limits of `corrected`, shape (k,)."""
        return self.limits(0.95)[1]

    @property
    def std_error(self) -> Array:
        """Standard deviation of training - 1.25 test over the resamples, shape (k,)."""
        return np.array([dual_sd(column)[2] for column in self._spread.T])

    @property
    def _spread(self) -> Array:
        return self.training - _TEST_SHARE * self.test

    def limits(self, prob: float) -> tuple[Array, Array]:
        """Limits of `corrected` of kind ``bootstrap-abcloc``, shape (k,); NaN where resamples gave infinite figures."""
        z = float(ndtri((1 + check_probability("prob", prob)) / 2))
        below, above, _ = np.array([dual_sd(column) for column in self._spread.T]).reshape(-1, 3).T
        return self.corrected - z * above, self.corrected + z * below

    @property
    def n_used(self) -> NDArray[np.int64]:
        """Resamples in which each figure exists, shape (k,)."""
        return np.asarray((~np.isnan(self.training - self.test)).sum(axis=0))


def optimism_bootstrap(
    method: Estimator,
    problem: Problem,
    statistic: Statistic,
    *,
    resamples: int = 300,
    rng: int | np.random.Generator | None = 0,
    progress: Progress = SILENT,
    stratify: bool = True,
    log_odds: Array | None = None,
) -> Optimism:
    """Correct figures about a fit for optimism.

    The unit that is drawn is the row that the user gave, a frequency weight f standing for f units; or a whole cluster,
    where method or model have clusters. Coding, column statistics and prior scales are those of the full data.

    Parameters
    ----------
    method : Estimator
        Refitted by `method.surrogate()`.
    problem : Problem
    statistic : callable
        ``(log_odds, successes, trials, weights) -> figures (k,)``. In a resample `weights` hold how often each row was
        drawn. Separated refits predict +-Inf; rows for which a refit has no prediction (NaN) are not handed over.
    resamples : int
    rng : int, Generator or None
        Resample and refit i use child i: the same answer on any number of processors.
    progress : Progress
    stratify : bool
        Draw events and non-events in the numbers that the data hold; clusters and rows of trials are not stratified.
    log_odds : ndarray, shape (n_obs,), optional
        What the fit itself predicts for its rows, where that is known; a fit is made for it otherwise.

    Raises
    ------
    NotAvailableError
        The response is constant, or fewer than two refits gave anything.
    """
    check_integer("resamples", resamples, 2)
    seeds = seed_sequence(rng)
    draw = draw_resamples(problem, method, stratify=stratify)
    generators = [np.random.default_rng(child) for child in seeds.spawn(resamples)]
    drawn = ((draw(random), random) for random in generators)
    return optimism_of(method, problem, statistic, drawn, resamples, progress=progress, log_odds=log_odds)


def optimism_of(
    method: Estimator,
    problem: Problem,
    statistic: Statistic,
    drawn: Drawn,
    resamples: int,
    *,
    progress: Progress = SILENT,
    log_odds: Array | None = None,
) -> Optimism:
    """`optimism_bootstrap` of resamples that are given.

    Parameters
    ----------
    drawn : iterator of (ndarray of shape (n_obs,), Generator)
        How many times more each row counts, and the random numbers of the refit.
    resamples : int
        How many there are.
    method, problem, statistic, progress, log_odds
        As in `optimism_bootstrap`.
    """
    stand_in = method.surrogate()
    own = _own_log_odds(stand_in, problem) if log_odds is None else log_odds
    apparent = np.atleast_1d(_on_rows(statistic, problem, own, np.ones(own.size)))
    tally = Tally()
    pairs: list[tuple[Array, Array]] = []
    progress.start("Bootstrap of optimism", resamples)
    try:
        for multiples, predicted in resampled_log_odds(stand_in, problem, drawn, tally):
            if predicted is not None:
                training = _on_rows(statistic, problem, predicted, multiples)
                pairs.append((training, _on_rows(statistic, problem, predicted, np.ones(multiples.size))))
            progress.advance()
    finally:
        progress.finish()
    if len(pairs) < 2:
        reason = next(iter(tally.failures), "none was made")
        raise NotAvailableError(
            f"The optimism bootstrap has no result: {len(pairs)} of {resamples} refits gave an estimate ({reason}). "
            "Pass new data as `data=`."
        )
    training, test = (np.array([pair[side] for pair in pairs]).reshape(len(pairs), -1) for side in (0, 1))
    return Optimism(
        apparent,
        training,
        test,
        resamples,
        tally.n_failed,
        tally.statuses[Status.SEPARATED],
        stand_in.describe(),
        tally.notes(resamples),
    )


def _own_log_odds(method: Estimator, problem: Problem) -> Array:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ProblogitWarning)
        fit = method.refit(problem, np.ones(problem.rows.n_obs), np.random.default_rng(0))
    return predicted_log_odds(fit.predictor, problem.rows.X, problem.rows.offset)


def _on_rows(statistic: Statistic, problem: Problem, log_odds: Array, multiples: Array) -> Array:
    """The figures on the rows that count and have a prediction."""
    rows = problem.rows
    keep = (multiples > 0) & ~np.isnan(log_odds)
    return np.asarray(
        statistic(
            log_odds[keep], rows.successes[keep], rows.trials[keep], rows.weights[keep] * multiples[keep]
        ),
        dtype=np.float64,
    )


def _mean(values: Array) -> Array:
    """Mean over the resamples in which a figure exists; infinite where one is infinite, NaN where none exists."""
    known = ~np.isnan(values)
    counts = known.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(known, values, 0.0).sum(axis=0) / counts)


def dual_sd(values: Array) -> tuple[float, float, float]:
    """Standard deviations about the mean: of the values below it, of those above it, and of all.

    Of fewer than 10 values the ordinary one stands for all three; NaN where a value is infinite.
    """
    known = values[~np.isnan(values)]
    if known.size < 2 or not np.isfinite(known).all():
        return np.nan, np.nan, np.nan
    whole, mean = float(known.std(ddof=1)), float(known.mean())
    if known.size < _FEW:
        return whole, whole, whole
    return _about(known[known <= mean], mean), _about(known[known >= mean], mean), whole


def _about(values: Array, centre: float) -> float:
    return float(np.sqrt(((values - centre) ** 2).sum() / max(values.size - 1, 1)))
