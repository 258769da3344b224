"""Outcomes in order of their fitted probability: what a separation plot shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

from problogit.estimate import Estimate
from problogit.resampling import predicted_log_odds

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["separation_frame"]

_MOST_STRIPES = 400


def separation_frame(estimate: Estimate, stripes: int = _MOST_STRIPES) -> pd.DataFrame:
    """Rows in order of the fitted probability, joined to at most `stripes` neighbours each.

    Returns
    -------
    DataFrame
        ``start, end`` (trials, weighted, counted from the lowest probability), ``probability``, ``observed`` (share of
        events). ``attrs``: ``n, events, expected_events, modelled``.
    """
    import pandas as pd

    rows = estimate.problem.rows
    p = expit(predicted_log_odds(estimate.predictor, rows.X, rows.offset))
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    mass, events = (rows.weights * rows.trials)[order], (rows.weights * rows.successes)[order]
    first = np.unique(np.linspace(0, order.size, min(stripes, order.size), endpoint=False).astype(np.int64))
    total = np.add.reduceat(mass, first)
    ends = np.cumsum(total)
    frame = pd.DataFrame(
        {
            "start": ends - total,
            "end": ends,
            "probability": np.add.reduceat(mass * p[order], first) / total,
            "observed": np.add.reduceat(events, first) / total,
        }
    )
    frame.attrs.update(
        n=float(mass.sum()),
        events=float(events.sum()),
        expected_events=float(mass @ p[order]),
        modelled=estimate.problem.response.describe(),
    )
    return frame
