"""Problems for the tests of `Penalized`, made from arrays without the rest of the library."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit

from problogit.data.array_design import build_from_arrays
from problogit.estimate import Estimate
from problogit.estimators.penalized import Penalized
from problogit.problem import Problem, make_problem


def problem(X: Any, y: Any, **keywords: Any) -> Problem:
    built = build_from_arrays(X, y, **keywords)
    weights_type = keywords.get("weights_type", "frequency")
    return make_problem(built.design, built.response, built.rows, built.report, weights_type)


def fit(X: Any, y: Any, prior: Any, *, data: dict[str, Any] | None = None, **options: Any) -> Estimate:
    return Penalized(prior, **options).estimate(problem(X, y, **(data or {})))


def coef(estimate: Estimate) -> np.ndarray:
    return estimate.coefficients.location


def simulated(
    n: int = 300, p: int = 6, seed: int = 0, shift: float = 0.0, strength: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Correlated columns about `shift`; half of the coefficients are zero."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) @ (np.eye(p) + 0.4 * rng.normal(size=(p, p)))
    beta = strength * np.where(np.arange(p) % 2 == 0, rng.normal(size=p), 0.0)
    y = (rng.random(n) < expit(X @ beta - 0.4)).astype(int)
    return X + shift, y
