"""How well predictions do in groups of rows: figures of each group with its own intervals and event counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from problogit.analysis.corp import brier_losses, log_losses
from problogit.analysis.judged import Judged
from problogit.analysis.row_groups import column_labels, groups_of, labels_in, row_groups
from problogit.analysis.scores import Measure, auc, calibration_intercept, calibration_slope, mean_loss
from problogit.data.sources import open_source
from problogit.errors import InputError, explain
from problogit.estimate import Estimate

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["group_measures", "table_groups"]


def table_groups(
    estimate: Estimate, data: Any, by: Any, n_table: int
) -> tuple[NDArray[np.int64], list[str], str]:
    """The group of each row of the table (-1 where it has none), the groups' labels, and the name of what divides them.

    Parameters
    ----------
    estimate : Estimate
    data : table or None
        New data; None for the rows that the model was fitted to.
    by : str or array
        A column of the data; or one label or number for each row of the table.
    n_table : int
        Rows of the table.
    """
    if data is None:
        codes, labels, name = row_groups(estimate, by)
        rows = estimate.problem.rows
        every = np.full(len(rows.index), -1, dtype=np.int64)
        every[rows.kept] = codes
        return every, labels, name
    name = by if isinstance(by, str) else str(getattr(by, "name", None) or "values")
    found = column_labels(open_source(data).read([by]).columns[by]) if isinstance(by, str) else labels_in(by)
    if found is None or len(found) != n_table:
        rule = f"must be a column of the data, or {n_table} labels, one for each row of them"
        raise InputError(explain("by", rule, by))
    values: Any = found
    known = values.notna().to_numpy()
    codes, labels = groups_of(values[known].reset_index(drop=True))
    every = np.full(len(values), -1, dtype=np.int64)
    every[known] = codes
    return every, labels, name


def group_measures(
    judged: Judged, codes: NDArray[np.int64], labels: list[str], prob: float
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Figures of each group, tidy; and the groups without some of them, with the reason.

    Parameters
    ----------
    judged : Judged
        Predictions that exist, of rows that did not make them.
    codes : ndarray of int, shape (n_table,)
        Group of each row of the table.
    labels : list of str
    prob : float

    Returns
    -------
    DataFrame
        One row a group and figure: ``group, n, n_events, quantity, value, std_error, lower, upper, interval, target,
        note``; figures ``observed, expected`` (events), ``intercept, slope, brier, log_score, auc``.
    tuple of str
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    notes: list[str] = []
    place = codes[judged.rows]
    for code, label in enumerate(labels):
        part = judged.take(place == code)
        size = {"group": label, "n": part.n, "n_events": part.n_events}
        rows.extend({**size, **_line(found)} for found in _figures(part, prob))
        notes += _said(part, label)
    lost = int((place < 0).sum())
    if lost:
        notes.append(f"{lost} rows have no group and are in none of them.")
    return pd.DataFrame(rows), tuple(notes)


def _line(found: Measure) -> dict[str, Any]:
    columns = ("value", "std_error", "lower", "upper", "interval", "target", "note")
    return {"quantity": found.name} | {column: getattr(found, column) for column in columns}


def _figures(part: Judged, prob: float) -> tuple[Measure, ...]:
    names = ("observed", "expected", "intercept", "slope", "brier", "log_score", "auc")
    if part.log_odds.size == 0:
        return tuple(Measure(name, np.nan, note="No rows with a prediction.") for name in names)
    counts = part.weights * part.trials
    return (
        Measure("observed", float(part.weights @ part.successes)),
        Measure("expected", float(counts @ expit(part.log_odds))),
        *(_known(measure) for measure in (calibration_intercept(part, prob), calibration_slope(part, prob))),
        mean_loss("brier", brier_losses, part, prob),
        mean_loss("log_score", log_losses, part, prob),
        auc(part, prob),
    )


def _known(found: Measure) -> Measure:
    """A figure without a finite estimate is NaN in a group; its note says why."""
    if np.isfinite(found.value):
        return found
    return Measure(found.name, np.nan, target=found.target, note=found.note)


def _said(part: Judged, label: str) -> list[str]:
    if part.log_odds.size == 0:
        return [f"Group {label}: no rows with a prediction."]
    events, others = part.n_events, part.n_trials - part.n_events
    if min(events, others) > 0:
        return []
    which = "no events" if events == 0 else "events only"
    return [f"Group {label}: {which} among {part.n_trials}, so no intercept, slope or AUC."]
