"""What is kept of gradient steps that were stopped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from problogit.core.blocks import Array

__all__ = ["Trajectory"]


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Deviances at every step, and coefficients at some of them.

    Attributes
    ----------
    train_deviance, heldout_deviance : ndarray, shape (n_steps + 1,)
        Mean deviance of a unit at steps 0, 1, ... of the run that chose where to stop: of the rows that it learned from
        and of those held out. Where the number of steps was given, `train_deviance` is of all rows, and
        `heldout_deviance` NaN.
    kept : ndarray of int, shape (n_kept,)
        Steps whose coefficients are kept: all of the first, then fewer and fewer, and the last.
    coefficients : ndarray of shape (n_kept, n_terms), or None
        Original units, of the fit of all rows, up to `chosen`; None where they would fill more memory than a result
        should.
    loglik : ndarray, shape (n_kept,)
        Of all rows, at the steps kept.
    df, l2 : ndarray, shape (n_kept,)
        Effective degrees of freedom, and the L2 strength on the scaled columns with the same; NaN where there are too
        many rows and columns for the eigenvalues.
    chosen : int
        The number of steps of the fit.
    reason : str
        ``held-out``, ``levelled``, ``steps`` or ``max-steps``: what stopped it.
    """

    train_deviance: Array
    heldout_deviance: Array
    kept: NDArray[np.int64]
    coefficients: Array | None
    loglik: Array
    df: Array
    l2: Array
    chosen: int
    reason: str

    @property
    def n_steps(self) -> int:
        """Steps that were looked at; at least `chosen`."""
        return int(self.train_deviance.size) - 1
