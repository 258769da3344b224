"""The statsmodels result at our optimum: the only importer of statsmodels in the package.

statsmodels is not asked to optimise: its result object is built around our coefficients and our covariance, so that
``raw.summary()``, ``raw.predict()`` and the rest work while ``raw.bse`` equals `std_error` whatever the covariance.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from problogit.data.rows import Array
from problogit.problem import Problem

__all__ = ["statsmodels_result"]


def statsmodels_result(problem: Problem, beta: Array, covariance: Array, covariance_kind: str) -> Any:
    """`LogitResults` where the response is binary and unweighted, else `GLMResults`.

    Parameters
    ----------
    problem : Problem
        With its rows.
    beta, covariance : ndarray
        Estimate and covariance, original units.
    covariance_kind : str
        ``classical``, ``HC0``...; shown in the summary.
    """
    rows = problem.rows
    design = np.asarray(rows.X if isinstance(rows.X, np.ndarray) else rows.X.todense())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # statsmodels remarks on its own start values, which are not used
        binary = not problem.response.counts and not problem.weighted and not np.any(rows.offset)
        made = _logit if binary else _glm
        result, wrapper = made(problem, design, beta, covariance)
    # Before it is wrapped: the summary asks the result itself.
    result.cov_type = "nonrobust" if covariance_kind == "classical" else covariance_kind
    result.cov_kwds = {"description": f"Covariance computed by problogit: {covariance_kind}."}
    return wrapper(result)


def _logit(problem: Problem, design: Array, beta: Array, covariance: Array) -> tuple[Any, Any]:
    from statsmodels.base.model import LikelihoodModelResults
    from statsmodels.discrete.discrete_model import BinaryResultsWrapper, Logit, LogitResults

    model = Logit(problem.rows.successes, design)
    model.data.xnames = list(problem.terms)
    model.data.ynames = problem.response.name
    core = LikelihoodModelResults(model, beta, normalized_cov_params=covariance, scale=1.0)
    core.mle_retvals = {"converged": True, "iterations": 0}
    core.mle_settings = {"optimizer": "problogit"}
    return LogitResults(model, core), BinaryResultsWrapper


def _glm(problem: Problem, design: Array, beta: Array, covariance: Array) -> tuple[Any, Any]:
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.generalized_linear_model import GLM, GLMResults, GLMResultsWrapper

    rows = problem.rows
    failures = rows.trials - rows.successes
    response = np.column_stack([rows.successes, failures]) if problem.response.counts else rows.successes
    model = GLM(response, design, family=Binomial(), freq_weights=rows.weights, offset=rows.offset)
    model.data.xnames = list(problem.terms)
    model.data.ynames = problem.response.name
    model.mu = model.family.link.inverse(design @ beta + rows.offset)
    model.scaletype = None
    result = GLMResults(model, beta, covariance, 1.0)
    result.method = "problogit"
    result.fit_history = {"iteration": 0}
    result.converged = True
    return result, GLMResultsWrapper
