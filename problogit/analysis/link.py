"""The link test: whether the square of the linear predictor says anything that the linear predictor does not.

Pregibon (1980, Applied Statistics 29:15): where link and predictors are right, eta is all that matters. The outcome is
fitted to (1, eta) and to (1, eta, eta^2); a coefficient of eta^2 points to a curved predictor, a missing interaction,
or another link. As `linktest` in Stata, with the likelihood ratio.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from problogit.analysis.fitted import FittedRows, fitted_rows
from problogit.analysis.tests import TestResult, made_result
from problogit.core.blocks import weighted_gram
from problogit.core.likelihood import BinomialLikelihood
from problogit.core.maximum import Maximum, find_maximum
from problogit.core.scaling import column_stats
from problogit.data.rows import Array
from problogit.errors import NotAvailableError
from problogit.estimate import Estimate

__all__ = ["LinkTest", "link_test"]

_SAME = 1e-8  # relative distance below which two linear predictors are one


@dataclass(frozen=True)
class LinkTest:
    """What the squared linear predictor adds.

    Attributes
    ----------
    result : TestResult
        Likelihood ratio, one degree of freedom; a robust Wald test where the fit's covariance is robust.
    coefficient, std_error : float
        Of (eta - mean)^2 beside eta. Positive: the probabilities of both ends are too low; negative: too high.
    """

    result: TestResult
    coefficient: float
    std_error: float

    @property
    def p_value(self) -> float:
        """Of `result`."""
        return self.result.p_value

    def __str__(self) -> str:
        """The test, then the coefficient."""
        return f"{self.result}\ncoefficient of the square {self.coefficient:.4g} (SE {self.std_error:.2g})"


def link_test(estimate: Estimate) -> LinkTest:
    """Fit the outcome to (1, eta) and (1, eta, eta^2), eta the fitted log-odds with its offset.

    Parameters
    ----------
    estimate : Estimate
        Of any method: eta is that of the fitted probability. Under a penalty or a prior eta is shrunken, which the
        slope of eta takes up, so that the test remains, approximately, one of the square.

    Raises
    ------
    NotAvailableError
        The linear predictor takes fewer than three values, or every row is separated.
    """
    fitted = fitted_rows(estimate)
    usable = np.isfinite(fitted.log_odds)
    eta = fitted.log_odds[usable]
    _check_varied(eta)
    weights = (fitted.prior_weights * fitted.copies)[usable]
    trials = weights * fitted.trials[usable]
    centre = float(trials @ eta / trials.sum())
    X = np.column_stack([np.ones(eta.size), eta - centre, (eta - centre) ** 2])
    like = _likelihood(X, fitted, usable, weights, estimate)
    big, small = _fit(like, 3), _fit(like, 2)
    if big.separation is not None:
        raise NotAvailableError(
            "The outcome is separated along the linear predictor and its square, so there is no link test. Look at the "
            "binned residuals."
        )
    notes = [f"Without {int((~usable).sum())} rows that are predicted perfectly."] if not usable.all() else []
    error, robust = _error(estimate, like, big, whole=bool(usable.all()))
    statistic = 2 * (big.kernel - small.kernel)
    if robust:
        statistic = float((big.beta[2] / error) ** 2)
    hypothesis = "square of the linear predictor = 0"
    result = made_result(hypothesis, "wald" if robust else "lr", statistic, 1, ("eta^2",), tuple(notes))
    return LinkTest(result, float(big.beta[2]), error)


def _check_varied(eta: Array) -> None:
    spread = float(np.ptp(eta)) if eta.size else 0.0
    sample = np.sort(eta)
    distinct = 1 + int(np.count_nonzero(np.diff(sample) > _SAME * spread)) if eta.size else 0
    if spread <= _SAME * (1 + float(np.abs(eta).max(initial=0.0))):
        distinct = min(distinct, 1)
    if distinct < 3:
        raise NotAvailableError(
            f"A link test needs at least three different finite values of the linear predictor; there are {distinct}. "
            "A curve through so few always fits."
        )


def _likelihood(
    X: Array, fitted: FittedRows, usable: Array, weights: Array, estimate: Estimate
) -> BinomialLikelihood:
    return BinomialLikelihood(
        X,
        fitted.successes[usable],
        fitted.trials[usable],
        weights,
        np.zeros(weights.size),
        executor=estimate.problem.executor,
    )


def _fit(like: BinomialLikelihood, n_columns: int) -> Maximum:
    part = like.columns(np.arange(n_columns))
    stats = column_stats(part.X, part.weights * part.trials, part.executor)
    return find_maximum(part, stats, 0, ("Intercept", "eta", "eta^2")[:n_columns])


def _error(estimate: Estimate, like: BinomialLikelihood, big: Maximum, *, whole: bool) -> tuple[float, bool]:
    """Standard error of the square's coefficient, and whether it is robust."""
    meat = estimate.method.score_meat(estimate.problem, like, big.beta) if whole else None
    if meat is None and estimate.problem.weights_type == "sampling":
        meat = weighted_gram(like.X, like.residuals(big.beta) ** 2)
    covariance = big.inverse if meat is None else big.inverse @ meat @ big.inverse
    return float(np.sqrt(covariance[2, 2])), meat is not None
