"""The bootstrap of pairs: rows or whole clusters drawn with replacement, each sample fitted again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np

from problogit.core.coefficients import DrawnCoefficients
from problogit.data.rows import Array
from problogit.errors import EstimationError
from problogit.estimate import Estimate, Finding
from problogit.estimators.bootstrap import draw_groups, draw_rows, refits
from problogit.estimators.mle_bootstrap import drawn_groups, size_findings
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

    The unit is the row that the user gave, a frequency weight f standing for f units; or a whole cluster, where the
    model has groups. Coding, column statistics and prior scales are those of the full data. Refits that raise are left
    out and counted.

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
    problem = fit.problem
    groups = drawn_groups(problem, fit.method.columns)
    draw = draw_rows(problem) if groups is None else draw_groups(groups.codes[0])
    estimates, failures = refits(
        lambda counts: refit(problem.reweighted(counts)), draw, resamples, seeds, progress
    )
    findings = (*size_findings(groups, ""), *_failed(failures, resamples))
    if len(estimates) < 2:
        raise EstimationError(f"The bootstrap has no result: {findings[-1].message}")
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
