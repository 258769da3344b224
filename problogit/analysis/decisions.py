"""Costs of wrong decisions, and the threshold that they imply."""

from __future__ import annotations

from dataclasses import dataclass

from problogit.validation import check_positive

__all__ = ["Costs"]


@dataclass(frozen=True)
class Costs:
    """What a wrong decision costs; only the ratio matters.

    Calling an event costs (1 - p) C_FP on average, not calling it p C_FN, so that the event is called where
    p >= C_FP / (C_FP + C_FN) (Elkan 2001).

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
        """Check that both are positive."""
        check_positive("false_positive", self.false_positive)
        check_positive("false_negative", self.false_negative)

    @property
    def threshold(self) -> float:
        """C_FP / (C_FP + C_FN)."""
        return float(self.false_positive / (self.false_positive + self.false_negative))
