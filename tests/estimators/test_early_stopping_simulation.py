"""Early stopping against tuned ridge where maximum likelihood overfits: out-of-sample log score by simulation."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from penalized_cases import problem
from scipy.special import expit

from problogit.core.priors import Normal
from problogit.errors import ProblogitWarning
from problogit.estimate import Estimate
from problogit.estimators.early_stopping import EarlyStopping
from problogit.estimators.mle import MLE
from problogit.estimators.penalized import Penalized
from problogit.estimators.select import CrossValidation

ROWS, COLUMNS, REPLICATES = 200, 40, 50


def scores(rng: np.random.Generator) -> list[float]:
    """Expected negative log score on 4 000 new rows, their outcomes integrated out, of three methods."""
    beta = rng.normal(size=COLUMNS) * 1.2 / np.sqrt(COLUMNS)
    X, new = rng.normal(size=(ROWS, COLUMNS)), rng.normal(size=(4000, COLUMNS))
    y = (rng.random(ROWS) < expit(X @ beta - 0.5)).astype(int)
    truth = expit(new @ beta - 0.5)
    made = problem(X, y)

    def score(found: Estimate) -> float:
        b = found.coefficients.location
        eta = b[0] + new @ b[1:]
        return float(np.mean(truth * np.logaddexp(0, -eta) + (1 - truth) * np.logaddexp(0, eta)))

    ridge = Penalized(Normal(1.0), select=CrossValidation(folds=5, n_values=40), inference="none", rng=1)
    return [
        score(Penalized(early_stopping=EarlyStopping(), rng=1).estimate(made)),
        score(ridge.estimate(made)),
        score(MLE().estimate(made)),
    ]


@pytest.mark.slow
def test_its_log_score_is_within_monte_carlo_error_of_tuned_ridge() -> None:
    rng = np.random.default_rng(2026)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ProblogitWarning)
        table = np.array([scores(rng) for _ in range(REPLICATES)])
    stopped, ridge, mle = table.mean(axis=0)
    difference = table[:, 0] - table[:, 1]
    error = difference.std(ddof=1) / np.sqrt(REPLICATES)  # about 0.001
    assert mle - ridge > 0.1
    assert error < 0.0015
    assert abs(stopped - ridge) < 3 * error
    assert stopped - ridge < 0.03 * (mle - ridge)
