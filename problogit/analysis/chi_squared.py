"""The upper tail of chi-squared on the log scale, without underflow."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import log_ndtr

__all__ = ["log_survival"]


def log_survival(x: float, df: int) -> float:
    """Log P(chi-squared with `df` degrees of freedom > x).

    With y = x / 2 the tail is Q(df / 2, y), and Q(a + 1, y) = Q(a, y) + y^a exp(-y) / Gamma(a + 1) starts from
    Q(1/2, y) = 2 Phi(-sqrt(x)) or Q(1, y) = exp(-y); every part is positive, so nothing cancels.
    """
    if x <= 0:
        return 0.0
    y = x / 2
    a, total = (0.5, math.log(2) + float(log_ndtr(-math.sqrt(x)))) if df % 2 else (1.0, -y)
    while a < df / 2:
        total = float(np.logaddexp(total, a * math.log(y) - y - math.lgamma(a + 1)))
        a += 1
    return min(total, 0.0)
