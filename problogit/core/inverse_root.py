"""x^(-1/2) as a short sum of shifted inverses, for matrices that are diagonal but for a few columns.

A^(-1/2) = (2 / pi) int_0^inf (A + s^2 I)^(-1) ds. Hale, Higham & Trefethen (2008, SIAM J. Numer. Anal. 46:2505, method
3) substitute s = sqrt(m) sc(u | 1 - r), r = m / M, and take the midpoint rule in u: with the eigenvalues of A between m
and M, N nodes leave a relative error of exp(-2 pi^2 N / (log(M / m) + 3)). The Jacobi function is computed from theta
functions of the nome of r, which keep all digits however small r is.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ellipk, ellipkm1

from problogit.core.blocks import Array

__all__ = ["inverse_root_nodes"]

_DIGITS = 36.0  # exp(-36) is machine precision
_TERMS = 8  # of the theta series: the nome is at most exp(-pi)


def inverse_root_nodes(lowest: float, highest: float) -> tuple[Array, Array]:
    """Shifts t_j and weights w_j with x^(-1/2) = sum_j w_j / (x + t_j) for x in [lowest, highest].

    Parameters
    ----------
    lowest, highest : float
        Bounds of the eigenvalues, 0 < lowest <= highest.

    Returns
    -------
    ndarray, ndarray
        Each of shape (N,); N grows with log(highest / lowest): 19 for a ratio of 1e3, 40 for 1e8. All are positive.
    """
    ratio = min(lowest / highest, 0.5)
    n_nodes = math.ceil((math.log(1 / ratio) + 3) * _DIGITS / (2 * math.pi**2))
    quarter, other = float(ellipk(ratio)), float(ellipkm1(ratio))
    z = (np.arange(n_nodes) + 0.5) / n_nodes * math.pi * other / (2 * quarter)
    sc = _sc(z, -math.pi * other / quarter)
    weight = 2 * other * math.sqrt(ratio) / (math.pi * n_nodes) * np.sqrt((1 + sc**2) * (1 + ratio * sc**2))
    return highest * ratio * sc**2, math.sqrt(highest) * weight


def _sc(z: Array, log_nome: float) -> Array:
    """sc = sn / cn by theta functions at imaginary argument: (theta3 / theta2) theta1(iz) / (i theta4(iz))."""
    n = np.arange(_TERMS)[:, None]
    sign = (-1.0) ** n
    odd, even = 2 * n + 1, 2 * n[1:]
    theta1 = (sign * np.exp((n + 0.5) ** 2 * log_nome + odd * z) * -np.expm1(-2 * odd * z)).sum(axis=0)
    theta4 = 1 + (sign[1:] * np.exp(n[1:] ** 2 * log_nome + even * z) * (1 + np.exp(-2 * even * z))).sum(
        axis=0
    )
    theta3 = 1 + 2 * np.exp(n[1:] ** 2 * log_nome).sum()
    theta2 = 2 * np.exp((n + 0.5) ** 2 * log_nome).sum()
    return np.asarray(theta3 / theta2 * theta1 / theta4)
