"""Early stopping against tuned ridge where maximum likelihood overfits: log score of new rows, by simulation.

    python benchmarks/early_stopping.py [--replicates 100] [--seed 0]

200 rows, 40 normal predictors (independent, or with correlation 0.7^|j - k|), slopes drawn anew in each replicate.
Scores are mean negative log-likelihoods of 4 000 new rows, their outcomes integrated out. Ridge is tuned by 5-fold
cross-validation over 40 strengths; early stopping holds each fifth of the rows out in turn, or one fifth only.
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np
import pandas as pd
from scipy.special import expit

import problogit as plg

ROWS, COLUMNS, NEW = 200, 40, 4000


def methods() -> dict[str, plg.MLE | plg.Penalized]:
    """What is compared."""
    folds = plg.CrossValidation(folds=5, n_values=40)
    return {
        "early stopping": plg.Penalized(early_stopping=plg.EarlyStopping(), rng=1),
        "early stopping, one split": plg.Penalized(early_stopping=plg.EarlyStopping(splits=1), rng=1),
        "ridge": plg.Penalized(plg.Normal(1.0), select=folds, inference="none", rng=1),
        "maximum likelihood": plg.MLE(),
    }


def scores(rng: np.random.Generator, correlation: float) -> dict[str, float]:
    """Expected log score on new rows by method, and that of the truth."""
    apart = np.abs(np.subtract.outer(np.arange(COLUMNS), np.arange(COLUMNS)))
    root = np.linalg.cholesky(correlation**apart) if correlation else np.eye(COLUMNS)
    beta = rng.normal(size=COLUMNS) * 1.2 / np.sqrt(COLUMNS)
    X, new = rng.normal(size=(ROWS, COLUMNS)) @ root.T, rng.normal(size=(NEW, COLUMNS)) @ root.T
    y = (rng.random(ROWS) < expit(X @ beta - 0.5)).astype(int)
    model = plg.LogitModel.from_arrays(X, y)
    truth = new @ beta - 0.5
    p = expit(truth)

    def score(eta: np.ndarray) -> float:
        return float(np.mean(p * np.logaddexp(0, -eta) + (1 - p) * np.logaddexp(0, eta)))

    found = {name: model.fit(method, progress=False).coef.to_numpy() for name, method in methods().items()}
    return {name: score(b[0] + new @ b[1:]) for name, b in found.items()} | {"truth": score(truth)}


def study(replicates: int, seed: int, correlation: float) -> pd.DataFrame:
    """Scores by replicate and method."""
    generators = np.random.default_rng(seed).spawn(replicates)
    return pd.DataFrame([scores(rng, correlation) for rng in generators])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    for correlation in (0.0, 0.7):
        table = study(chosen.replicates, chosen.seed, correlation)
        against = table.sub(table["ridge"], axis=0)
        print(f"\ncorrelation {correlation:g}, {chosen.replicates} replicates, seed {chosen.seed}")
        columns = {"score": table.mean(), "above_ridge": against.mean(), "mc_error": against.sem()}
        print(pd.DataFrame(columns).round(4).to_string(), flush=True)


if __name__ == "__main__":
    main()
