"""The bootstrap of pairs: rows drawn with replacement, each sample fitted again."""

from __future__ import annotations

import warnings
from collections import Counter

import numpy as np

from problogit.core.coefficients import DrawnCoefficients
from problogit.data.rows import Array
from problogit.errors import EstimationError, ProblogitError, ProblogitWarning
from problogit.estimate import Estimate, Estimator, Finding, Status
from problogit.problem import Problem
from problogit.progress import Progress

__all__ = ["resample"]


def resample(
    method: Estimator, fit: Estimate, resamples: int, seeds: np.random.SeedSequence, progress: Progress
) -> tuple[DrawnCoefficients, tuple[Finding, ...]]:
    """Refit `resamples` samples of rows; refit i uses child i of `seeds`.

    The unit is the row that the user gave, a frequency weight f standing for f units. Coding, column statistics and
    prior scales are those of the full data. Refits that fail or do not converge are left out and counted.

    Returns
    -------
    DrawnCoefficients
        The estimates, of kind ``bootstrap``, about the estimate of `fit`.
    tuple of Finding
    """
    estimates: list[Array] = []
    failures: Counter[str] = Counter()
    progress.start("Bootstrap", resamples)
    try:
        for child in seeds.spawn(resamples):
            try:
                estimates.append(_refit(method, fit.problem, np.random.default_rng(child)))
            except ProblogitError as error:
                failures[str(error).splitlines()[0]] += 1
            progress.advance()
    finally:
        progress.finish()
    if len(estimates) < 2:
        reason = failures.most_common(1)[0][0]
        raise EstimationError(
            f"The bootstrap failed: {sum(failures.values())} of {resamples} refits gave nothing. {reason}"
        )
    draws = DrawnCoefficients(np.array(estimates)[None], ("bootstrap",), fit.coefficients.location)
    return draws, tuple(
        Finding("bootstrap", "warning", f"{count} of {resamples} bootstrap refits are left out: {reason}")
        for reason, count in failures.items()
    )


def _refit(method: Estimator, problem: Problem, rng: np.random.Generator) -> Array:
    weights = problem.rows.weights
    if problem.weights_type == "frequency":
        drawn = rng.multinomial(round(float(weights.sum())), weights / weights.sum()) / weights
    else:
        drawn = rng.multinomial(weights.size, np.full(weights.size, 1.0 / weights.size)).astype(np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ProblogitWarning)
        again = method.estimate(problem.reweighted(drawn))
    if again.status is not Status.CONVERGED:
        raise EstimationError(again.status.value)
    return again.coefficients.location
