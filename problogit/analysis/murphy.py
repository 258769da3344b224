"""Murphy's decomposition of the Brier score over bins of the prediction, for those who must report it.

With n_k trials, mean prediction p_k and share of events o_k in bin k, r the event rate and n trials in all,

    reliability = sum n_k (p_k - o_k)^2 / n,   resolution = sum n_k (o_k - r)^2 / n,   uncertainty = r (1 - r),

and Brier = reliability - resolution + uncertainty + within, where `within` is what the spread of predictions inside the
bins adds (Murphy 1973; Stephenson, Coelho & Jolliffe 2008). The parts depend on the bins; CORP's do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.special import expit

from problogit.analysis.corp import brier_losses
from problogit.analysis.judged import Judged
from problogit.validation import check_choice, check_integer

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Murphy", "murphy"]


@dataclass(frozen=True, eq=False)
class Murphy:
    """The parts, and the bins behind them.

    Attributes
    ----------
    score, reliability, resolution, uncertainty, within : float
    bins : DataFrame
        One row a bin that is not empty: ``low, high`` (of the predictions in it), ``predicted, observed, weight``.
    """

    score: float
    reliability: float
    resolution: float
    uncertainty: float
    within: float
    bins: pd.DataFrame


def murphy(judged: Judged, bins: int = 10, kind: Literal["width", "size"] = "width") -> Murphy:
    """Decompose the Brier score of predictions, all of which must exist.

    Parameters
    ----------
    judged : Judged
    bins : int
    kind : str
        ``width``: bins of equal width on [0, 1], as usual. ``size``: about equal numbers of trials; equal predictions
        are never parted.
    """
    import pandas as pd

    check_integer("bins", bins, 1)
    check_choice("kind", kind, ("width", "size"))
    p = expit(judged.log_odds)
    events, total = judged.weights * judged.successes, judged.weights * judged.trials
    whole = float(total.sum())
    if kind == "width":
        place = np.minimum((p * bins).astype(np.int64), bins - 1)
    else:
        _, same = np.unique(p, return_inverse=True)
        share = np.bincount(same, total)
        middle = (np.cumsum(share) - share / 2) / whole
        place = np.minimum((middle * bins).astype(np.int64), bins - 1)[same]
    used, place = np.unique(place, return_inverse=True)
    weight = np.bincount(place, total)
    predicted, observed = np.bincount(place, total * p) / weight, np.bincount(place, events) / weight
    rate = float(events.sum()) / whole
    score = float(brier_losses(judged.log_odds, events, total).sum()) / whole
    reliability = float(weight @ (predicted - observed) ** 2) / whole
    resolution = float(weight @ (observed - rate) ** 2) / whole
    uncertainty = rate * (1 - rate)
    low, high = np.full(used.size, np.inf), np.full(used.size, -np.inf)
    np.minimum.at(low, place, p)
    np.maximum.at(high, place, p)
    table = pd.DataFrame(
        {"low": low, "high": high, "predicted": predicted, "observed": observed, "weight": weight}
    )
    within = score - (reliability - resolution + uncertainty)
    return Murphy(score, reliability, resolution, uncertainty, within, table)
