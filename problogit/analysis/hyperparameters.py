"""What the data say of learned prior scales: a table of the hyperparameters of a posterior."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from problogit.estimate import Estimate
from problogit.validation import check_probability

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["hyperparameters"]

_COLUMNS = ("median", "lower", "upper", "interval", "r_hat", "ess_bulk", "ess_tail")


def hyperparameters(estimate: Estimate, prob: float = 0.95, local: bool = False) -> pd.DataFrame:
    """Posterior of the scales that are learned, one row each.

    Parameters
    ----------
    estimate : Estimate
    prob : float
    local : bool
        Also the scales of single coefficients (of a horseshoe), named ``local_scale[term]``.

    Returns
    -------
    DataFrame
        Index `hyperparameter`; ``median, lower, upper, interval, r_hat, ess_bulk, ess_tail``. Empty where the prior has
        none.
    """
    import pandas as pd

    check_probability("prob", prob)
    rows: dict[str, tuple[float | str, ...]] = {}
    for name, (terms, draws, judged) in estimate.details.learned.items():
        if terms and not local:
            continue
        flat = draws.reshape(draws.shape[0] * draws.shape[1], -1)
        ends = np.quantile(flat, [0.5, (1 - prob) / 2, (1 + prob) / 2], axis=0)
        figures = judged.reshape(-1, 3)
        labels = [f"{name}[{term}]" for term in terms] or [name]
        for j, label in enumerate(labels):
            rows[label] = (*ends[:, j].tolist(), "credible-eti", *figures[j].tolist())
    index = pd.Index(list(rows), name="hyperparameter", dtype=object)
    table = pd.DataFrame(list(rows.values()), index=index, columns=list(_COLUMNS))
    table.attrs["prob"] = prob
    return table
