"""The bootstrap of pairs: rows drawn with replacement, each sample fitted again."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable

import numpy as np

from problogit.core.coefficients import DrawnCoefficients
from problogit.data.rows import Array
from problogit.errors import EstimationError, ProblogitError, ProblogitWarning
from problogit.estimate import Estimate, Finding
from problogit.problem import Problem
from problogit.progress import Progress

__all__ = ["resample"]


def resample(
    refit: Callable[[Problem], Array],
    fit: Estimate,
    resamples: int,
    seeds: np.random.SeedSequence,
    progress: Progress,
) -> tuple[DrawnCoefficients, tuple[Finding, ...]]:
    """Refit `resamples` samples of rows; refit i uses child i of `seeds`.

    The unit is the row that the user gave, a frequency weight f standing for f units. Coding, column statistics and
    prior scales are those of the full data. Refits that raise are left out and counted.

    Parameters
    ----------
    refit : callable
        Coefficients of a problem, shape (n_terms,).
    fit : Estimate
        Of the full data.
    resamples : int
    seeds : SeedSequence
    progress : Progress

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
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ProblogitWarning)
            for child in seeds.spawn(resamples):
                try:
                    estimates.append(refit(_sample(fit.problem, np.random.default_rng(child))))
                except ProblogitError as error:
                    failures[str(error).splitlines()[0]] += 1
                progress.advance()
    finally:
        progress.finish()
    findings = _failed(failures, resamples)
    if len(estimates) < 2:
        raise EstimationError(f"The bootstrap has no result: {findings[0].message}")
    draws = np.array(estimates)[None]
    return DrawnCoefficients(draws, ("bootstrap",), fit.coefficients.location), findings


def _failed(failures: Counter[str], resamples: int) -> tuple[Finding, ...]:
    count = sum(failures.values())
    if count == 0:
        return ()
    text = (
        f"{count} of {resamples} bootstrap refits are left out; for example: {failures.most_common(1)[0][0]}"
    )
    return (Finding("bootstrap", "warning", text),)


def _sample(problem: Problem, rng: np.random.Generator) -> Problem:
    weights = problem.rows.weights
    if problem.weights_type == "frequency":
        drawn = rng.multinomial(round(float(weights.sum())), weights / weights.sum()) / weights
    else:
        drawn = rng.multinomial(weights.size, np.full(weights.size, 1.0 / weights.size)).astype(np.float64)
    return problem.reweighted(drawn)
