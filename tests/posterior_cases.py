"""What tests of posteriors share."""

from __future__ import annotations

import numpy as np
from arviz_stats.base import array_stats


def error_of_sd(chains: np.ndarray) -> np.ndarray:
    """Monte Carlo standard error of the sd of each term, by the delta method on the mean of squared deviations.

    arviz_stats 0.8 puts the effective sample size of the draws where that of their squares belongs. NUTS draws of
    near-normal posteriors are antithetic, so that the first is several times the second, and its error far too small.
    """
    squares = (chains - chains.mean(axis=(0, 1))) ** 2
    error = array_stats.mcse(squares, chain_axis=0, draw_axis=1, method="mean")
    return error / (2 * np.sqrt(squares.mean(axis=(0, 1))))
