"""What is kept of a penalty path: strengths, coefficients, fit and, where one was chosen, how."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from problogit.core.blocks import Array

__all__ = ["PathRecord", "SelectionRecord"]


@dataclass(frozen=True, eq=False)
class SelectionRecord:
    """How one value of a path was chosen.

    Attributes
    ----------
    criterion : str
        ``cv``, ``aic``, ``bic`` or ``evidence``.
    rule : str
        ``min``, ``1se`` or, for the evidence, ``max``.
    score : ndarray, shape (n_values,)
        Mean log score of held-out units (lower is better), AIC, BIC, or the log marginal likelihood (higher is better).
    std_error : ndarray, shape (n_values,)
        Of a cross-validated score; NaN for the others.
    chosen : int
        Position in the path.
    n_folds : int
        0 without cross-validation.
    text : str
        The choice in one phrase.
    """

    criterion: str
    rule: str
    score: Array
    std_error: Array
    chosen: int
    n_folds: int
    text: str


@dataclass(frozen=True, eq=False)
class PathRecord:
    """Penalized fits at falling strengths.

    Attributes
    ----------
    factors : ndarray, shape (n_values,)
        What multiplies the penalty of every term, falling.
    coefficients : csr_array of shape (n_values, n_terms), or None
        Original units; None where they would fill more memory than a result should.
    locations : ndarray, shape (n_terms,)
        Where a penalty is smallest: a coefficient there counts as zero.
    loglik, deviance, df : ndarray, shape (n_values,)
        `df` is NaN where it was not computed.
    explained : ndarray, shape (n_values,)
        Share of the null deviance.
    n_nonzero : ndarray of int, shape (n_values,)
        Penalized coefficients away from their location.
    l1, l2 : ndarray, shape (n_values,)
        The strengths on the scale of the summed log-likelihood, where all penalized terms share them in original units;
        else NaN. 0: no such part.
    ended : str
        Why the path stopped before its last value; empty where it did not.
    n_unconverged : int
        Values at which the optimiser stopped before it converged.
    selection : SelectionRecord or None
    """

    factors: Array
    coefficients: sp.csr_array | None
    locations: Array
    loglik: Array
    deviance: Array
    explained: Array
    df: Array
    n_nonzero: NDArray[np.int64]
    l1: Array
    l2: Array
    ended: str
    n_unconverged: int = 0
    selection: SelectionRecord | None = None

    @property
    def n_values(self) -> int:
        """Number of strengths."""
        return int(self.factors.size)
