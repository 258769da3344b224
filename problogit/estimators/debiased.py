"""Intervals after a penalty: the estimate freed of its shrinkage, by one step of the unpenalized likelihood.

With fewer columns than rows the step is Newton's, with the inverse information at the penalized estimate (Xia, Nan and
Li 2021); after a smooth penalty rows must be many for each coefficient, because a lightly shrunken estimate has the
bias of maximum likelihood. With about as many columns as rows, or more, there is no inverse: a lasso of each column on
the others takes its place, after a penalty with an L1 part only (van de Geer, Buhlmann, Ritov and Dezeure 2014).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from problogit.core.blocks import Array
from problogit.core.debiased import DebiasedCoefficients
from problogit.core.debiased_nodes import approximate_inverse
from problogit.core.likelihood import BinomialLikelihood
from problogit.core.maximum import inverse_information
from problogit.core.rank import find_aliases
from problogit.core.scaling import Scaling
from problogit.errors import EstimationError, InputError, explain, listed
from problogit.estimate import Finding
from problogit.estimators.penalized_problem import ScaledProblem
from problogit.estimators.sandwich import score_meat
from problogit.problem import Problem

__all__ = ["debias"]

_INVERTED_FROM = 1.1  # trials for each column, after an L1 penalty on every slope
_SMOOTH_FROM = 5.0  # trials for each column, after any other
_CONDITION = 1e10  # of the equilibrated information
_NODES_UP_TO = 1000  # columns
_STRENGTH = 0.5  # of sqrt(log(p) / n): less leaves less bias and takes longer (by simulation)
_COMFORTABLE = 10  # trials for each column
_FAR = 1.0  # standard errors that a second step may move by
_NAMED = 8


def debias(
    problem: Problem, scaled: ScaledProblem, gamma: Array, beta: Array
) -> tuple[DebiasedCoefficients, tuple[Finding, ...]]:
    """The distribution of a penalized estimate with debiased intervals, and what they assume.

    Parameters
    ----------
    problem : Problem
    scaled : ScaledProblem
        The objective, whose optimum is `gamma`.
    gamma, beta : ndarray, shape (n_terms,)
        The penalized estimate in scaled and in original units.

    Raises
    ------
    InputError
        Columns are too many for a prior without an L1 part, or for any.
    EstimationError
        With many rows, columns are linear combinations of one another.
    """
    likelihood = scaled.objective.likelihood
    least = _INVERTED_FROM if _all_l1(problem, scaled) else _SMOOTH_FROM
    if problem.sample.n_trials >= least * problem.n_terms:
        return _with_inverse(problem, scaled, likelihood, gamma, beta)
    _check_nodes(problem, scaled)
    return _with_nodes(problem, scaled, likelihood, gamma, beta)


def _all_l1(problem: Problem, scaled: ScaledProblem) -> bool:
    slopes = np.arange(problem.n_terms) != (-1 if problem.intercept is None else problem.intercept)
    return bool(np.all(scaled.objective.prior.l1[slopes] > 0))


def _with_inverse(
    problem: Problem, scaled: ScaledProblem, likelihood: BinomialLikelihood, gamma: Array, beta: Array
) -> tuple[DebiasedCoefficients, tuple[Finding, ...]]:
    _, score, information = likelihood.information(gamma)
    if not _well_conditioned(information):
        raise EstimationError(_collinear(problem, likelihood, scaled.scaling))
    inverse = inverse_information(information)
    centre = gamma + inverse @ score
    covariance = inverse
    if problem.weights_type == "sampling":
        covariance = inverse @ _meat(problem, scaled.scaling, gamma) @ inverse
    made = DebiasedCoefficients(
        beta, scaled.scaling.to_original(centre), scaled.scaling.covariance_to_original(covariance)
    )
    each = problem.sample.n_trials / problem.n_terms
    found = [_assumptions(each)]
    if each >= _COMFORTABLE:
        found += _second_step(problem, likelihood, centre, np.sqrt(np.diag(covariance)))
    return made, tuple(found)


def _well_conditioned(information: Array) -> bool:
    diagonal = np.diag(information)
    if not np.all(diagonal > 0):
        return False
    root = np.sqrt(diagonal)
    values = np.linalg.eigvalsh(information / np.outer(root, root))
    return bool(values[0] * _CONDITION > values[-1])


def _collinear(problem: Problem, likelihood: BinomialLikelihood, scaling: Scaling) -> str:
    aliases = find_aliases(likelihood, scaling)
    what = "columns are nearly linear combinations of one another"
    if aliases.dropped.size:
        what = f"columns are linear combinations of one another ({aliases.equations(problem.terms)})"
    return (
        f"inference='debiased' takes a step of the likelihood without its penalty, and {what}, which only the penalty "
        "tells apart. Leave some out, or use inference='bootstrap'."
    )


def _meat(problem: Problem, scaling: Scaling, gamma: Array) -> Array:
    center = scaling.center if scaling.centred else None
    rows = problem.row_likelihood.in_coordinates(center, scaling.scale)
    return score_meat(rows, gamma, frequency=False)


def _assumptions(each: float) -> Finding:
    message = (
        "Intervals are debiased: centred on one Newton step without the penalty from the estimate (column `debiased`). "
        "They hold their level if the model is right, rows are many for each coefficient "
        f"({each:.3g} here) and the penalty is not so strong that one step falls short."
    )
    if each >= _COMFORTABLE:
        return Finding("debiased", "info", message)
    message += (
        " With so few rows they need a penalty about as strong as cross-validation chooses: after a weak one they have "
        "the bias of maximum likelihood."
    )
    return Finding("debiased", "warning", message, "Compare inference='debiased' with select='cv'.")


def _second_step(
    problem: Problem, likelihood: BinomialLikelihood, centre: Array, std_error: Array
) -> list[Finding]:
    """A warning where the likelihood is still far from its maximum after one step."""
    _, score, information = likelihood.information(centre)
    if not _well_conditioned(information):
        return []
    more = np.abs(inverse_information(information) @ score) / std_error
    if problem.intercept is not None:
        more[problem.intercept] = 0.0
    far = np.flatnonzero(more > _FAR)
    if not far.size:
        return []
    terms = tuple(problem.terms[j] for j in far[np.argsort(-more[far])])
    message = (
        f"after the step that they are centred on, a second would move {listed(terms, _NAMED)} by up to "
        f"{more.max():.2g} standard errors. Their intervals hold the true value too seldom."
    )
    if problem.maximum.separation is None:
        message = f"The penalty is too strong for debiased intervals: {message}"
        remedy = "Weaken the penalty, or fit MLE(), whose Wald intervals go all the way."
    else:
        message = f"The likelihood has no maximum (separated data) for debiased intervals to step towards: {message}"
        remedy = "Use Penalized(Jeffreys()), or MLE() with its one-sided profile intervals."
    return [Finding("debiased-step", "warning", message, remedy, terms)]


# -- about as many columns as rows, or more ------------------------------------------------------------------------


def _check_nodes(problem: Problem, scaled: ScaledProblem) -> None:
    prior = scaled.objective.prior
    size = f"{problem.n_terms} columns and {problem.sample.n_trials:g} rows"
    if not _all_l1(problem, scaled):
        rule = f"must not be 'debiased' with {size} unless every slope has an L1 penalty"
        remedy = (
            f"With fewer than {_SMOOTH_FROM:g} rows for each column the bias of a smooth penalty cannot be taken away: "
            "use inference='curvature' or 'bootstrap', or a Laplace or ElasticNet prior."
        )
        raise InputError(explain("inference", rule, "debiased", remedy))
    if problem.n_terms > _NODES_UP_TO:
        rule = f"must not be 'debiased' with {size}: each column is regressed on the others, up to {_NODES_UP_TO}"
        raise InputError(explain("inference", rule, "debiased", "Use inference='bootstrap'."))
    if problem.intercept is not None and not prior.flat[problem.intercept]:
        rule = f"must not be 'debiased' with {size} and a prior of the intercept"
        raise InputError(explain("inference", rule, "debiased", "Leave the intercept flat."))


@dataclass(frozen=True, eq=False)
class _Profiled:
    """The slopes once the intercept has been solved for.

    Attributes
    ----------
    slopes : ndarray of int
    away : ndarray, shape (n_slopes, n_terms)
        Takes the weighted mean off every column: scores of centred columns are ``away @ score``.
    information : ndarray, shape (n_slopes, n_slopes)
    """

    slopes: NDArray[np.intp]
    away: Array
    information: Array

    @classmethod
    def of(cls, information: Array, intercept: int | None) -> _Profiled:
        p = information.shape[0]
        slopes = np.flatnonzero(np.arange(p) != (-1 if intercept is None else intercept))
        away = np.eye(p)[slopes]
        if intercept is not None:
            away[:, intercept] = -information[slopes, intercept] / information[intercept, intercept]
        return cls(slopes, away, away @ information @ away.T)


def _with_nodes(
    problem: Problem, scaled: ScaledProblem, likelihood: BinomialLikelihood, gamma: Array, beta: Array
) -> tuple[DebiasedCoefficients, tuple[Finding, ...]]:
    _, score, information = likelihood.information(gamma)
    profiled = _Profiled.of(information, problem.intercept)
    varies = np.diag(profiled.information) > 1e-10 * np.diag(information)[profiled.slopes]
    kept = profiled.slopes[varies]
    inner = profiled.information[np.ix_(varies, varies)]
    strength = _STRENGTH * float(np.sqrt(np.log(max(kept.size, 2)) / problem.sample.n_trials))
    step = approximate_inverse(inner, strength) @ profiled.away[varies]
    middle = information
    if problem.weights_type == "sampling":
        middle = _meat(problem, scaled.scaling, gamma)
    centre, covariance = np.full(beta.size, np.nan), np.zeros((beta.size, beta.size))
    scale = scaled.scaling.scale[kept]
    centre[kept] = beta[kept] + step @ score / scale
    covariance[np.ix_(kept, kept)] = step @ middle @ step.T / np.outer(scale, scale)
    made = DebiasedCoefficients(beta, centre, covariance, sparse_only=True)
    return made, (_sparse_assumptions(problem),)


def _sparse_assumptions(problem: Problem) -> Finding:
    message = (
        "Intervals are debiased (column `debiased`), with a lasso of each column on the others in place of an inverse "
        f"that {problem.n_terms} columns and {problem.sample.n_trials:g} rows do not have. They hold their level for "
        "coefficients that are zero or small, if few are not zero and few columns are needed to predict each; for "
        "large coefficients they hold the true value less often than they say. The intercept, predictions and "
        "combinations of more than ten coefficients have none."
    )
    return Finding("debiased", "warning", message, "See the coverage by simulation in the documentation.")
