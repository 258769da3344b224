"""Costs of wrong decisions, the threshold that they imply, and what reaching a threshold means."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from problogit.data.rows import Array
from problogit.errors import InputError, explain
from problogit.validation import check_positive, check_probability

__all__ = ["Costs", "called", "cut_points", "threshold_of"]

_TIE = 1e-10  # as in corp: the order of summation moves log-odds by rounding, and a tie with the threshold is a call


@dataclass(frozen=True)
class Costs:
    """What a wrong decision costs, beyond what the right one would have; only the ratio decides.

    Calling an event costs (1 - p) C_FP on average, not calling it p C_FN, so that the event is called where
    p >= C_FP / (C_FP + C_FN) (Elkan 2001, IJCAI 17:973). What a right decision costs or brings is taken off: C_FP is
    the cost of a needless call minus that of rightly not calling, C_FN that of a missed event minus that of a right
    call.

    Parameters
    ----------
    false_positive, false_negative : float
        Positive, in any one unit.

    Examples
    --------
    >>> Costs(false_positive=1, false_negative=4).threshold
    0.2
    """

    false_positive: float
    false_negative: float

    def __post_init__(self) -> None:
        """Check that both are positive and that neither drowns the other."""
        check_positive("false_positive", self.false_positive)
        check_positive("false_negative", self.false_negative)
        if not 0 < self.threshold < 1:
            received = (self.false_positive, self.false_negative)
            rule = "must have costs of which neither is nothing beside the other"
            raise InputError(explain("Costs", rule, received, "Otherwise every row, or none, is called."))

    @property
    def threshold(self) -> float:
        """C_FP / (C_FP + C_FN)."""
        total = self.false_positive + self.false_negative
        if math.isinf(total):
            return float(self.false_positive / 2 / (self.false_positive / 2 + self.false_negative / 2))
        return float(self.false_positive / total)


def threshold_of(threshold: float | Costs, name: str = "threshold") -> float:
    """The probability from which on an event is called, strictly between 0 and 1."""
    return threshold.threshold if isinstance(threshold, Costs) else check_probability(name, threshold)


def cut_points(thresholds: Array | float) -> Array:
    """The log-odds from which on an event is called."""
    return np.asarray(logit(thresholds) - _TIE)


def called(log_odds: Array, threshold: float) -> NDArray[np.bool_]:
    """Where the probability reaches the threshold; False where there is none (NaN)."""
    return np.asarray(log_odds >= cut_points(threshold))
