"""Whether there are events enough for the coefficients, and what overfitting is to be expected.

Events per parameter is the old rule: 10 to 20 of the rarer outcome for each coefficient (Peduzzi et al. 1996, J. Clin.
Epidemiol. 49:1373). It has little ground: bias and coverage depend as much on the strength of the predictors and on
separation (van Smeden et al. 2016, BMC Med. Res. Methodol. 16:163). What new data will show is nearer to the expected
shrinkage (LR - df) / LR (van Houwelingen & Le Cessie 1990, Statist. Med. 9:1303), which Riley et al. (2019, Statist.
Med. 38:1276) ask to be at least 0.9 when a study is planned.
"""

from __future__ import annotations

import numpy as np

from problogit.analysis.checked import Check, Checked
from problogit.core.priors.flat import Flat
from problogit.estimate import Estimate, Finding
from problogit.problem import Problem

__all__ = ["FEW_EVENTS", "check_sample_size", "events_per_slope", "expected_shrinkage"]

FEW_EVENTS = 10  # of the rarer outcome per slope
_LEAST_SHRINKAGE = 0.9


def events_per_slope(problem: Problem) -> float:
    """Outcomes of the rarer kind for each coefficient beside the intercept; infinite where there is none."""
    slopes = _slopes(problem)
    return _rarer(problem) / slopes if slopes else float("inf")


def expected_shrinkage(estimate: Estimate) -> float:
    """(LR - df) / LR of all slopes together: about the calibration slope that a maximum-likelihood fit has in new data.

    NaN where the fit is not of maximum likelihood, has no slopes, is separated, or is weighted so that the likelihood
    is not that of a sample. Negative where the slopes explain less than noise would.
    """
    problem, stats = estimate.problem, estimate.stats
    flat = isinstance(estimate.method.prior, Flat) and not estimate.method.refusal("lr", problem)
    if not flat or problem.weights_type != "frequency":
        return float("nan")
    df = stats.df_model - (problem.intercept is not None)
    statistic = 2 * (stats.loglik - stats.null_loglik)
    finite = np.isfinite(estimate.coefficients.location) | np.isnan(estimate.coefficients.location)
    if df < 1 or not statistic > 0 or not finite.all():
        return float("nan")
    return float(1 - df / statistic)


def check_sample_size(estimate: Estimate) -> Checked:
    """Events per slope and, for maximum likelihood, the expected shrinkage."""
    problem = estimate.problem
    each, shrinkage = events_per_slope(problem), expected_shrinkage(estimate)
    result = "no slopes" if np.isinf(each) else f"{each:.3g}"
    if np.isfinite(shrinkage):
        result += f", expected shrinkage {max(shrinkage, 0.0):.2f}"
    limit = "10 to 20 by the old rule; shrinkage 0.9 (Riley et al. 2019)"
    flat = isinstance(estimate.method.prior, Flat)
    findings = [*_few_events(problem, each, shrinkage, flat=flat), *_overfitted(each, shrinkage)]
    return Checked(Check("events per parameter", result, limit), tuple(findings))


def _few_events(problem: Problem, each: float, shrinkage: float, *, flat: bool) -> list[Finding]:
    if each >= FEW_EVENTS:
        return []
    rarer, slopes = _rarer(problem), _slopes(problem)
    message = (
        f"There {'is' if rarer == 1 else 'are'} {np.format_float_positional(rarer, trim='-')} "
        f"outcome{'' if rarer == 1 else 's'} of the rarer kind for {slopes} slope{'' if slopes == 1 else 's'}"
        f"{'' if slopes == 1 else f' ({each:.1f} each)'}. Fewer than 10 to 20 each is no more than a rule of thumb "
        "(van Smeden et al. 2016): how many are enough depends on how strong the predictors are."
    )
    if np.isfinite(shrinkage):
        message += f" {_expectation(shrinkage)}"
    remedy = (
        "Coefficients of maximum likelihood are then biased away from zero: prefer a prior, or fewer terms."
        if flat
        else "With so few the prior decides much: report it, and see how the coefficients move when it changes."
    )
    return [Finding("events-per-parameter", "info", message, remedy)]


def _overfitted(each: float, shrinkage: float) -> list[Finding]:
    """Said by itself where events are many and the predictors weak."""
    if each < FEW_EVENTS or not shrinkage < _LEAST_SHRINKAGE:
        return []
    remedy = "Shrink them by a prior, or use fewer terms; calibration() shows the slope out of sample."
    return [Finding("overfitting", "info", _expectation(shrinkage), remedy)]


def _expectation(shrinkage: float) -> str:
    if shrinkage <= 0:
        return "All slopes together explain no more than as many columns of noise would."
    return (
        f"In new data the predictions will be too extreme, with a calibration slope of about {shrinkage:.2f} "
        f"(aim: {_LEAST_SHRINKAGE}; Riley et al. 2019)."
    )


def _rarer(problem: Problem) -> float:
    return min(problem.sample.n_events, problem.sample.n_trials - problem.sample.n_events)


def _slopes(problem: Problem) -> int:
    return problem.n_terms - (problem.intercept is not None)
