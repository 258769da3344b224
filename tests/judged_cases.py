"""Predictions with outcomes, made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from problogit.analysis.judged import Judged


def predictions(
    log_odds: Any,
    successes: Any,
    trials: Any = None,
    weights: Any = None,
    weights_type: str = "frequency",
    kind: str = "external",
) -> Judged:
    """One entry a row, judged on external data unless `kind` says otherwise."""
    n = len(log_odds)
    ones = np.ones(n)
    return Judged(
        np.asarray(log_odds, dtype=float),
        np.asarray(successes, dtype=float),
        ones if trials is None else np.asarray(trials, dtype=float),
        ones if weights is None else np.asarray(weights, dtype=float),
        np.arange(n),
        np.full(n, -1),
        np.arange(n),
        weights_type,
        kind,
        "external data",
    )
