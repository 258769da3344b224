"""Expected totals of groups of rows, and of all of them: what the coefficients leave open is common to the groups."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from problogit.analysis.predict import Coded
from problogit.analysis.row_groups import column_labels, groups_of, labels_in, row_groups
from problogit.analysis.total_draws import WeightedRows, group_sums
from problogit.analysis.totals import ExpectedTotal, total_of, totalled_rows
from problogit.data.rows import Array
from problogit.data.sources import open_source
from problogit.errors import InputError, explain
from problogit.estimate import Estimate
from problogit.validation import check_probability, nearest

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["GroupTotals", "group_totals"]


@dataclass(frozen=True, eq=False)
class GroupTotals:
    """Expected totals by group.

    Attributes
    ----------
    by : str
        What divides the rows.
    groups : mapping of str to ExpectedTotal
        By the groups' labels. Each interval is that of the group's own total.
    whole : ExpectedTotal
        All rows together. Its standard deviation is more than the root of the groups' summed squares where the
        coefficients move all of them one way.
    covariance : DataFrame
        Groups x groups, of the totals that will be seen: covariance of the expected totals over the coefficients, and
        on the diagonal the outcomes' variance as well. NaN where totals have no interval.
    """

    by: str
    groups: Mapping[str, ExpectedTotal]
    whole: ExpectedTotal
    covariance: pd.DataFrame

    @property
    def frame(self) -> pd.DataFrame:
        """One row a group, the last of all rows: the columns of `ExpectedTotal.frame` and ``n_missing``."""
        import pandas as pd

        parts = [*self.groups.values(), self.whole]
        frame = pd.concat([part.frame for part in parts], ignore_index=True)
        frame["n_missing"] = [part.n_missing for part in parts]
        frame.index = pd.Index([*self.groups, "all"], name=self.by)
        frame.attrs.update(prob=self.whole.prob)
        return frame

    def difference(self, one: str, other: str) -> tuple[float, float]:
        """Mean and standard deviation of the difference between the totals of two groups.

        Raises
        ------
        InputError
            There is no such group.
        """
        for label in (one, other):
            if label not in self.groups:
                close = nearest(label, self.groups)
                remedy = f"Did you mean {close!r}?" if close else ""
                raise InputError(explain("group", f"must be a group of {self.by}", label, remedy))
        mean = self.groups[one].mean - self.groups[other].mean
        cov = self.covariance.loc[[one, other], [one, other]].to_numpy()
        return mean, math.sqrt(float(cov[0, 0] + cov[1, 1] - 2 * cov[0, 1]))

    def __str__(self) -> str:
        """One line a group."""
        width = max(len(label) for label in (*self.groups, "all"))
        lines = [f"{label:{width}}  {total}" for label, total in (*self.groups.items(), ("all", self.whole))]
        return "\n".join([f"By {self.by}:", *lines])


def group_totals(
    estimate: Estimate,
    by: Any,
    data: Any = None,
    value: Any = 1.0,
    prob: float = 0.95,
    trials: Any = None,
) -> GroupTotals:
    """Expected totals of groups of rows, with intervals, and of all rows together.

    Parameters
    ----------
    estimate : Estimate
    by : str or array
        A column of `data` (without it of the table that was fitted, or a factor of the model), or one label for each
        row of the table. Numbers of more than 12 values are cut into fifths.
    data, value, prob, trials
        As in `expected_total`.

    Returns
    -------
    GroupTotals
        The groups' totals depend on one another, because the coefficients are the same; `covariance` says how.
    """
    prob = check_probability("prob", prob)
    coded, rows = totalled_rows(estimate, data, value, trials)
    codes, missing, labels, name = _groups(estimate, by, data, coded)
    groups = {
        label: total_of(estimate, rows.take(np.flatnonzero(codes == k)), prob, int(missing[k]))
        for k, label in enumerate(labels)
    }
    whole = total_of(estimate, rows, prob, coded.n_table - rows.value.size)
    return GroupTotals(name, groups, whole, _covariance(estimate, rows, codes, groups))


def _groups(
    estimate: Estimate, by: Any, data: Any, coded: Coded
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[str], str]:
    """The group of each coded row, rows of each group that cannot be predicted, the labels, and what divides them."""
    import pandas as pd

    if data is None:
        codes, labels, name = row_groups(estimate, by)
        return codes, np.zeros(len(labels), dtype=np.int64), labels, name
    if isinstance(by, str):
        source = open_source(data)
        if by not in source.names:
            close = nearest(by, source.names)
            remedy = f"Did you mean {close!r}?" if close else ""
            raise InputError(explain("by", "must be a column of the data", by, remedy))
        values, name = column_labels(source.read([by]).columns[by]), by
    else:
        given = labels_in(by)
        if given is None or len(given) != coded.n_table:
            rule = f"must be the name of a column, or one label for each of the {coded.n_table} rows of the table"
            raise InputError(explain("by", rule, by))
        values, name = given, str(by.name) if isinstance(by, pd.Series) else "group"
    codes, labels = groups_of(values)
    gone = np.delete(codes, coded.position)
    return codes[coded.position], np.bincount(gone, minlength=len(labels)), labels, name


def _covariance(
    estimate: Estimate,
    rows: WeightedRows,
    codes: NDArray[np.int64],
    groups: Mapping[str, ExpectedTotal],
) -> pd.DataFrame:
    """Correlations of the expected totals over common draws, on the scale of the groups' own standard deviations."""
    import pandas as pd

    labels = list(groups)
    spread = np.array([total.parameter_sd for total in groups.values()])
    found = np.full((len(labels), len(labels)), np.nan)
    if not np.isnan(spread).any():
        sums = group_sums(estimate.predictor, rows, codes, len(labels))
        found = _correlation(sums) * np.outer(spread, spread)
        found += np.diag([total.bernoulli_sd**2 for total in groups.values()])
    return pd.DataFrame(found, index=labels, columns=labels)


def _correlation(values: Array) -> Array:
    """Of the columns; 0 with a column that does not move, 1 on the diagonal."""
    away = values - values.mean(axis=0)
    size = np.sqrt((away**2).sum(axis=0))
    unit = np.divide(away, size, out=np.zeros_like(away), where=size > 0)
    found = unit.T @ unit
    np.fill_diagonal(found, 1.0)
    return np.asarray(found)
