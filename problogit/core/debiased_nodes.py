"""An approximate inverse of an information matrix that may be singular: a lasso of each column on the others.

Row j of the inverse is (1, -g_j) / t_j with g_j the lasso of column j on the others and t_j what it leaves: its product
with the information is 1 at j, and at most the strength of the lasso elsewhere (Meinshausen and Buhlmann 2006; van de
Geer et al. 2014, section 2.1.1). The strength is in proportion to the noise of each regression, which is estimated with
it (the scaled lasso: Sun and Zhang 2012, Biometrika 99:879).
"""

from __future__ import annotations

import numpy as np

from problogit.core.blocks import Array

__all__ = ["approximate_inverse"]

_SWEEPS = 300
_CLOSE = 1e-3  # of a standardised coefficient: standard errors are then right to 0.5%
_NOTHING = 1e-6  # of its variance: what is left of a column that others repeat


def approximate_inverse(information: Array, strength: float) -> Array:
    """Rows that nearly invert a positive semidefinite matrix, shape (p, p); not symmetric.

    Parameters
    ----------
    information : ndarray, shape (p, p)
        With a positive diagonal.
    strength : float
        Of the lasso for a column of unit variance with unit noise, per row: about sqrt(log(p) / n) / 2.

    Notes
    -----
    All regressions go through coordinate descent together: each sweep changes one predictor of all of them at a time,
    and only where its coefficient changes.
    """
    root = np.sqrt(np.diag(information))
    R = information / np.outer(root, root)
    p = R.shape[0]
    g = np.zeros((p, p))  # row j: coefficients of the regression of column j
    left = R.copy()  # row j: correlations with what the regression leaves
    np.fill_diagonal(left, 0.0)
    noise = np.ones(p)
    everyone = np.ones(p, dtype=bool)
    for _ in range(_SWEEPS):
        largest = 0.0
        for k in range(p):
            pull = left[:, k] + g[:, k]
            moved = np.sign(pull) * np.maximum(np.abs(pull) - strength * noise, 0.0)
            everyone[k] = False
            step = np.where(everyone, moved - g[:, k], 0.0)
            everyone[k] = True
            changed = np.flatnonzero(step)
            if changed.size:
                g[changed, k] += step[changed]
                left[changed] -= step[changed, None] * R[k]
                largest = max(largest, float(np.abs(step[changed]).max()))
        explained = np.einsum("ij,ij->i", R, g)
        rest = np.einsum("ij,ij->i", left, g)
        noise = np.sqrt(np.maximum(1.0 - explained - rest, _NOTHING))
        if largest < _CLOSE:
            break
    remaining = np.maximum(1.0 - np.einsum("ij,ij->i", R, g), _NOTHING)
    inverse = (np.eye(p) - g) / remaining[:, None]
    return np.asarray(inverse / np.outer(root, root))
