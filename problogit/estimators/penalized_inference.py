"""What may be said of the uncertainty of a penalized estimate, and how many parameters it is worth.

With H = X'WX at the optimum and L minus the Hessian of the log prior, the curvature covariance is (H + L)^-1: the
Gaussian approximation of the posterior under the prior. The sandwich (H + L)^-1 H (H + L)^-1 is the sampling covariance
of the shrunken estimate about its own mean (Gray 1992, JASA 87:942); it ignores the bias of shrinkage. The effective
degrees of freedom are trace((H + L)^-1 H), over the coefficients that are not at a kink.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.linalg import cho_factor, cho_solve, lapack
from scipy.special import expit

from problogit.core.coefficients import (
    CoefficientDistribution,
    NormalCoefficients,
    PointCoefficients,
    as_dense,
)
from problogit.core.maximum import inverse_information
from problogit.core.priors.resolved import ResolvedPrior
from problogit.data.rows import Array
from problogit.errors import InputError, explain
from problogit.estimators.penalized_optimum import PenalizedLikelihood, is_positive_definite
from problogit.estimators.penalized_problem import ScaledProblem
from problogit.estimators.sandwich import sandwich
from problogit.problem import Problem

__all__ = ["choose_inference", "data_information", "distribution", "effective_df"]

_MATRIX_UP_TO = (
    4000  # columns (or rows) for which a square matrix is formed and inverted without being asked for
)
_RANK_UP_TO = 1000  # coefficients under an L1 penalty alone whose linear dependence is looked into
_KINK = (
    "An estimate with exact zeros (an L1 part in the prior) has no curvature to make a standard error or an interval "
    "from. Use Penalized(..., inference='debiased') for confidence intervals about another centre, "
    "inference='bootstrap' to resample it, or Bayes with the same prior."
)


def choose_inference(asked: str | None, prior: ResolvedPrior, problem: Problem) -> str:
    """The kind of inference: as asked, or the default of this prior and these weights."""
    if asked in ("curvature", "sandwich") and not prior.smooth:
        remedy = "Use inference='debiased', 'bootstrap' or 'none', or Bayes with the same prior."
        raise InputError(
            explain("inference", "must not be a curvature where the prior has an L1 part", asked, remedy)
        )
    if asked == "curvature" and problem.weights_type == "sampling":
        remedy = "Use inference='sandwich', the default for these weights."
        raise InputError(
            explain("inference", "must not take sampling weights for a sample size", asked, remedy)
        )
    if asked is not None:
        return asked
    if not prior.smooth or problem.n_terms > _MATRIX_UP_TO:
        return "none"
    return "sandwich" if problem.weights_type == "sampling" else "curvature"


def distribution(
    kind: str, problem: Problem, scaled: ScaledProblem, gamma: Array, beta: Array, data: Array | None
) -> CoefficientDistribution:
    """The approximate distribution of the coefficients, original units.

    Parameters
    ----------
    kind : {"curvature", "sandwich", "none"}
    problem : Problem
    scaled : ScaledProblem
    gamma, beta : ndarray, shape (n_terms,)
        The optimum in scaled and in original units.
    data : ndarray of shape (n_terms, n_terms), or None
        X'WX at the optimum, scaled units, where it is known already.
    """
    if kind == "none":
        return PointCoefficients(beta, _why_none(problem, scaled.objective.prior))
    if data is None:
        _, _, data = scaled.objective.likelihood.information(gamma)
    total = data + scaled.objective.prior.hessian(gamma)
    if not is_positive_definite(total):
        return PointCoefficients(
            beta,
            "The penalized likelihood is not curved downwards in every direction at its optimum, so there is no "
            "covariance. Use inference='bootstrap', or Bayes with the same prior.",
        )
    inverse = inverse_information(total)
    if kind == "sandwich" and problem.weights_type == "sampling":
        bread = scaled.scaling.covariance_to_original(inverse)
        robust = sandwich(problem.row_likelihood, beta, bread, "HC0", frequency=False)
        return NormalCoefficients(beta, robust, ("sandwich",))
    covariance = inverse @ data @ inverse if kind == "sandwich" else inverse
    return NormalCoefficients(beta, scaled.scaling.covariance_to_original(covariance), (kind,))


def _why_none(problem: Problem, prior: ResolvedPrior) -> str:
    if not prior.smooth:
        return _KINK
    if problem.n_terms > _MATRIX_UP_TO:
        gigabytes = 8 * problem.n_terms**2 / 1e9
        return (
            f"With {problem.n_terms} columns the covariance takes {gigabytes:.1f} GB, so it was not made. Ask for it "
            "by inference='curvature', or for inference='bootstrap'."
        )
    return "This fit was asked for with inference='none'. Fit again with inference='curvature'."


def data_information(kind: str, objective: PenalizedLikelihood, gamma: Array) -> Array | None:
    """X'WX over all columns where both the covariance and the degrees of freedom need it, else None."""
    if kind == "none":
        return None
    return objective.likelihood.information(gamma)[2]


def effective_df(objective: PenalizedLikelihood, gamma: Array, data: Array | None = None) -> float:
    """trace((H + L)^-1 H) over the coefficients that are not at a kink of their prior.

    For an L1 penalty alone this is the number of non-zero coefficients (Zou, Hastie and Tibshirani 2007), less what is
    linearly dependent among them where they are few. NaN where both rows and columns are too many for a square matrix,
    or H + L is indefinite. `data` is X'WX where it is known.
    """
    prior = objective.prior
    active = np.flatnonzero((prior.l1 == 0) | (gamma != prior.loc))
    bent = bool(prior.curvature(gamma)[active].any())
    if active.size == 0 or (active.size > _RANK_UP_TO and not bent):
        return float(active.size)
    if data is None and (active.size > _MATRIX_UP_TO or active.size > 2 * objective.likelihood.n_rows):
        from_rows = _df_by_rows(objective, gamma)
        if np.isfinite(from_rows) or active.size > _MATRIX_UP_TO:
            return from_rows
    part = objective.restricted(active, gamma)
    if data is None:
        _, _, data = part.likelihood.information(gamma[active])
    if not bent:
        return _rank(data)
    total = data + part.prior.hessian(gamma[active])
    if is_positive_definite(total):
        return float(np.einsum("ij,ji->", inverse_information(total), data))
    return float("nan")


def _rank(gram: Array) -> float:
    """Rank of a Gram matrix by Cholesky with pivots, after equilibration."""
    root = np.sqrt(np.maximum(np.diag(gram), np.finfo(float).tiny))
    _, _, rank, _ = lapack.dpstrf(gram / np.outer(root, root), lower=1)
    return float(rank)


def _df_by_rows(objective: PenalizedLikelihood, gamma: Array) -> float:
    """The same trace from an n x n matrix: with V = I + A A', A = W^1/2 Z L^-1/2 and U the flat columns of W^1/2 Z.

    trace of the hat matrix = n - tr(V^-1) + tr((U'V^-1 U)^-1 U'V^-2 U).
    """
    prior, likelihood = objective.prior, objective.likelihood
    n, bend = likelihood.n_rows, prior.curvature(gamma)
    flat = np.flatnonzero(prior.flat)
    if n > _MATRIX_UP_TO or not prior.smooth or not prior.separable or not np.all(bend[~prior.flat] > 0):
        return float("nan")
    eta = likelihood.eta(gamma)
    root = np.sqrt(likelihood.weights * likelihood.trials * expit(eta) * expit(-eta))
    Z = likelihood.local(slice(0, n))
    shrunk = np.flatnonzero(~prior.flat)
    half = Z[:, shrunk] * (1.0 / np.sqrt(bend[shrunk]))
    gram = as_dense(sp.csr_array(half @ half.T) if sp.issparse(half) else half @ half.T) * np.outer(
        root, root
    )
    gram[np.diag_indices(n)] += 1.0
    factor = cho_factor(gram, lower=True)
    inverse = cho_solve(factor, np.eye(n))
    U = root[:, None] * as_dense(Z[:, flat])
    VU = inverse @ U
    return float(n - np.trace(inverse) + np.trace(np.linalg.solve(U.T @ VU, VU.T @ VU)))
