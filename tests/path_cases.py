"""Designs for penalty paths, regenerated from a seed: what glmnet saw is what the tests fit.

`numpy.random.RandomState` and not a Generator: its streams are frozen for good.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import scipy.sparse as sp

PATHS = Path(__file__).parent / "reference" / "glmnet" / "paths.json"

SHAPES = {
    "dense_50": (1000, 50),
    "sparse_50": (1000, 50),
    "dense_5000": (500, 5000),
    "sparse_5000": (500, 5000),
}


def path_data(name: str) -> tuple[np.ndarray | sp.csr_array, np.ndarray]:
    """X and y of a case; X is sparse where its name says so."""
    n, p = SHAPES[name]
    random = np.random.RandomState(sorted(SHAPES).index(name))
    if name.startswith("dense"):
        X = random.standard_normal((n, p))
        for j in range(1, p):  # neighbours correlate with 0.5
            X[:, j] = 0.5 * X[:, j - 1] + np.sqrt(0.75) * X[:, j]
    else:
        X = np.where(
            random.random_sample((n, p)) < 0.08, np.round(random.standard_normal((n, p)), 3) + 1.0, 0.0
        )
    beta = np.where(random.random_sample(p) < min(0.3, 20 / p), random.standard_normal(p), 0.0)
    eta = X @ beta
    eta -= eta.mean() + 0.4
    y = (random.random_sample(n) < 1 / (1 + np.exp(-eta))).astype(float)
    return (sp.csr_array(X) if name.startswith("sparse") else X), y


def path_figures() -> dict[str, dict]:
    """The figures of glmnet by name of the case."""
    return {case["name"]: case for case in json.loads(PATHS.read_text())["cases"]}
