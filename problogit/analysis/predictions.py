"""Predictions set beside what happened, with how they were made: what every score and calibration figure is made of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from problogit.analysis.loo import LooResult
from problogit.data.rows import Array, Rows
from problogit.problem import WeightsType

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Judged", "predictions_of"]


@dataclass(frozen=True, eq=False)
class Judged:
    """Predicted log-odds and outcomes, one entry a row (a row whose copies fell into several folds has several).

    Attributes
    ----------
    log_odds : ndarray, shape (n_entries,)
        +-Inf where a probability is exactly 0 or 1, NaN where there is no prediction.
    successes, trials, weights : ndarray, shape (n_entries,)
        For frequency weights `weights` counts copies.
    rows : ndarray of int, shape (n_entries,)
        Position in the user's table.
    fold : ndarray of int, shape (n_entries,)
        Fold that held the entry out; -1 without folds.
    index : object
        Labels of all rows of the table.
    weights_type : str
    kind : str
        ``"psis-loo"``, ``"alo"`` (approximate leave-one-out), ``"loo"`` (exact refits), ``"folds"``, ``"apparent"``
        or ``"external"``.
    how : str
        The same in words, for headers.
    notes : tuple of str
    loo : LooResult or None
        The leave-one-out result behind it, where there is one.
    """

    log_odds: Array
    successes: Array
    trials: Array
    weights: Array
    rows: NDArray[np.int64]
    fold: NDArray[np.int64]
    index: Any
    weights_type: WeightsType
    kind: str
    how: str
    notes: tuple[str, ...] = ()
    loo: LooResult | None = None

    @property
    def frequency(self) -> bool:
        """True where a weight counts copies."""
        return self.weights_type == "frequency"

    @property
    def units(self) -> Array:
        """Units of each entry: copies, or 1."""
        return self.weights if self.frequency else np.ones(self.weights.size)

    @cached_property
    def usable(self) -> Judged:
        """The entries that have a prediction."""
        return self.take(~np.isnan(self.log_odds))

    def take(self, keep: NDArray[np.bool_] | NDArray[np.int64]) -> Judged:
        """Some of the entries, by a mask or by their places."""
        return replace(
            self,
            log_odds=self.log_odds[keep],
            successes=self.successes[keep],
            trials=self.trials[keep],
            weights=self.weights[keep],
            rows=self.rows[keep],
            fold=self.fold[keep],
        )

    @property
    def n(self) -> int:
        """Units."""
        return round(float(self.units.sum()))

    @property
    def n_events(self) -> int:
        """Events among their trials (unweighted, but for copies)."""
        return round(float(self.units @ self.successes))

    @property
    def n_trials(self) -> int:
        """Trials (equal to `n` where the response is binary)."""
        return round(float(self.units @ self.trials))

    def frame(self) -> pd.DataFrame:
        """Predictions aligned with the user's table: ``probability, observed, trials, weight, fold``.

        `observed` is the share of events. Rows that were dropped, or have no prediction, hold NaN; a row whose copies
        fell into several folds holds the mean of its predictions and fold -1.
        """
        import pandas as pd

        n_rows = len(self.index)
        share = np.bincount(self.rows, self.weights, n_rows)
        p = np.bincount(self.rows, self.weights * expit(self.log_odds), n_rows)
        out = {name: np.full(n_rows, np.nan) for name in ("probability", "observed", "trials")}
        out["observed"][self.rows] = self.successes / self.trials
        out["trials"][self.rows] = self.trials
        present = share > 0
        out["probability"][present] = p[present] / share[present]
        fold = np.full(n_rows, -1)
        fold[self.rows] = self.fold
        fold[np.bincount(self.rows, minlength=n_rows) > 1] = -1
        return pd.DataFrame({**out, "weight": share, "fold": fold}, index=pd.Index(self.index))


def predictions_of(
    rows: Rows,
    log_odds: Array,
    weights_type: WeightsType,
    *,
    kind: str,
    how: str,
    notes: tuple[str, ...],
    fold: NDArray[np.int64] | None = None,
) -> Judged:
    """Predicted log-odds of rows beside their outcomes, with a note on those that have none.

    Parameters
    ----------
    rows : Rows
    log_odds : ndarray, shape (n_rows,)
    weights_type, kind, how, notes
        As in `Judged`.
    fold : ndarray of int, optional
        -1 for every row without it.
    """
    missing = int(np.isnan(log_odds).sum())
    if missing and kind not in ("folds", "loo"):  # refits say so themselves
        notes = (*notes, f"{missing} of {rows.n_obs} rows have no prediction and are not scored.")
    return Judged(
        log_odds,
        rows.successes,
        rows.trials,
        rows.weights,
        rows.kept,
        np.full(rows.n_obs, -1) if fold is None else fold,
        rows.index,
        weights_type,
        kind,
        how,
        notes,
    )
