"""Probabilities: predictions, their uncertainty, labels, totals, effects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from numpy.typing import NDArray

from problogit.analysis import classify as classification
from problogit.analysis import effects as marginal
from problogit.analysis import group_totals as by_group
from problogit.analysis import (
    individual_risk,
    predict,
    totals,
)
from problogit.analysis.decisions import Costs
from problogit.data.rows import Array, Unseen
from problogit.readings.base import Reading

if TYPE_CHECKING:
    import pandas as pd


__all__ = ["ProbabilityReadings"]


class ProbabilityReadings(Reading):
    """Probabilities: predictions, their uncertainty, labels, totals, effects."""

    def predict(
        self,
        data: Any = None,
        prob: float = 0.95,
        interval: str | None = None,
        unseen: Unseen = "error",
        output: Literal["pandas", "polars"] | None = None,
    ) -> Any:
        """Probabilities of the event with intervals, aligned with the rows of `data` (the training rows without).

        Returns
        -------
        DataFrame
            ``probability, lower, upper, interval``; NaN where a predictor is missing.
        """
        return predict.predict(self.estimate, data, prob, interval, unseen, output)

    def individual_risk(
        self,
        data: Any = None,
        prob: float = 0.95,
        interval: str | None = None,
        unseen: Unseen = "error",
        output: Literal["pandas", "polars"] | None = None,
    ) -> Any:
        """How sure each probability is: bounds, effective sample size, and whether the row is extrapolated.

        Returns
        -------
        DataFrame
            Of `predict`, and ``n_effective`` (people like this one whose share of events would be as precise),
            ``outside`` (the row lies outside the training data) and ``beyond`` (where).
        """
        return individual_risk.individual_risk(self.estimate, data, prob, interval, unseen, output)

    def predict_proba(self, data: Any = None, unseen: Unseen = "error") -> Array:
        """P(event) of every row, shape (n_rows,)."""
        return predict.predict_proba(self.estimate, data, unseen)

    def classify(
        self,
        data: Any = None,
        threshold: float | Costs = 0.5,
        unseen: Unseen = "error",
        *,
        uncertain: bool = False,
        prob: float = 0.95,
    ) -> NDArray[Any]:
        """The response's own label for every row: the event where its probability reaches `threshold`.

        Parameters
        ----------
        data : table, optional
        threshold : float or Costs
        unseen : str
            As in `predict`.
        uncertain : bool
            Label ``"uncertain"`` the rows whose interval of the probability lies on both sides of the threshold. The
            array is then one of strings where the labels are, else of objects.
        prob : float
            Probability of those intervals.
        """
        return classification.classify(self.estimate, data, threshold, unseen, uncertain=uncertain, prob=prob)

    def expected_total(
        self, data: Any = None, value: Any = 1.0, prob: float = 0.95, trials: Any = None
    ) -> totals.ExpectedTotal:
        """Expected sum of `value` over the events among the rows, with an interval."""
        return totals.expected_total(self.estimate, data, value, prob, trials)

    def expected_totals(
        self, by: Any, data: Any = None, value: Any = 1.0, prob: float = 0.95, trials: Any = None
    ) -> by_group.GroupTotals:
        """Expected sums of `value` over the events of each group of rows, and of all rows, with intervals.

        Parameters
        ----------
        by : str or array
            A column of the table, or one label for each of its rows.
        data, value, prob, trials
            As in `expected_total`.
        """
        return by_group.group_totals(self.estimate, by, data, value, prob, trials)

    def effects(
        self,
        variables: Any = None,
        kind: marginal.EffectKind = "difference",
        at: Any = None,
        by: Any = None,
        prob: float = 0.95,
        *,
        interval: str | None = None,
        data: Any = None,
        extrapolate: bool = False,
    ) -> pd.DataFrame:
        """Effects on the probability scale, averaged over the rows: risk differences, ratios, marginal effects.

        Parameters
        ----------
        variables : str, sequence of str or mapping, optional
            Variables of the table; all of them without it. A mapping says how each is changed: a factor ``"reference"``
            (each level against it), ``"pairwise"``, ``"sequential"`` or ``("from", "to")``; a number ``10`` (is added),
            ``(30, 50)``, ``"sd"``, ``"iqr"`` or ``"minmax"``. By default factors go from the reference to each level,
            numbers with two values from one to the other, other numbers up by 1.
        kind : str
            ``difference`` of average probabilities, ``ratio``, ``lift`` (ratio - 1), ``odds_ratio`` (marginal),
            ``number_needed`` (1 / difference), ``slope`` (average derivative of the probability; differences for
            factors and two-valued numbers), or ``probability`` itself at each level (or quartile).
        at : mapping or str, optional
            Other variables set to these values in every row, e.g. ``{"age": [30, 50]}``; or one row instead of the
            observed ones: ``"mean"`` (most common labels), ``"typical"`` (medians), ``"reference"`` (reference levels).
        by : str or array, optional
            A column of the table by which the rows are grouped; numbers of more than 12 values into fifths.
        prob : float
            Probability of the intervals.
        interval : str, optional
            ``"eti"`` or ``"hdi"`` of a posterior; the method's default without it.
        data : table, optional
            Other rows to average over; the training rows without it.
        extrapolate : bool
            Allow values of numbers outside the training data.

        Returns
        -------
        DataFrame
            ``variable, contrast``, columns of `at` and `by`, ``estimate, std_error, lower, upper, interval, n``.
        """
        return marginal.effects(
            self.estimate,
            variables,
            kind,
            at,
            by,
            prob,
            interval=interval,
            data=data,
            extrapolate=extrapolate,
        )
