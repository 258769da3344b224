"""What an estimate does when one row is left out, to first order: leverage and the one-step deletion.

At its optimum a logistic fit is a weighted least-squares problem. With B = (X'WX + L)^-1, W_i = w_i m_i p_i (1 - p_i)
and L minus the Hessian of the log prior (0 for maximum likelihood), one Newton step from the estimate without row i is

    b - b_(i) = B x_i e_i / (1 - h_i),   e_i = w_i (s_i - m_i p_i),   h_i = W_i x_i' B x_i,

exactly (Pregibon 1981, Ann. Statist. 9:705). h_i is the leverage; sum h_i is the number of coefficients, or the
effective number under a penalty. A row that stands for several identical units (a frequency weight) loses one of them.

That step takes the curvature of the rest as it is at the full estimate. To second order it changes along the way: with
u = B x_i / (1 - h_i) the row's own log-odds moves by a further

    -1/2 e_i^2 sum_{j != i} W_j (1 - 2 p_j) (x_j'u)^3,

the third derivative of the likelihood of the other rows along the step (`Linearised.second_order`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from problogit.core.blocks import Array
from problogit.core.likelihood import BinomialLikelihood
from problogit.execution import Sums

__all__ = ["Linearised", "OneStep"]

_SATURATED = (
    1e-9  # 1 - leverage below which a row has a coefficient to itself, and nothing remains of it to leave out
)


@dataclass(frozen=True, eq=False)
class OneStep:
    """What `Linearised.one_step` finds, one entry for each of its rows.

    Attributes
    ----------
    leverage : ndarray, shape (n_rows,)
        Of one unit.
    distance : ndarray, shape (n_rows,)
        (b - b_(i))' B^-1 (b - b_(i)): Cook's distance times the number of coefficients. NaN where the leverage is 1.
    shifts : ndarray, shape (n_rows, k)
        b - b_(i) for the columns asked for, in original units. NaN where the leverage is 1.
    form : ndarray, shape (n_rows,)
        x_i'B x_i: the variance of the row's log-odds under B.
    step : ndarray, shape (n_rows,)
        e_i / (1 - h_i) of one unit. NaN where the leverage is 1.
    """

    leverage: Array
    distance: Array
    shifts: Array
    form: Array
    step: Array

    @property
    def own(self) -> Array:
        """x_i'(b - b_(i)), what the row's own log-odds owe to it, shape (n_rows,)."""
        return self.step * self.form


@dataclass(frozen=True, eq=False)
class Linearised:
    """A fit as a weighted least-squares problem at its optimum.

    Attributes
    ----------
    likelihood : BinomialLikelihood
        One entry for each row that takes part, in the solver's coordinates.
    point : ndarray, shape (r,)
        The optimum in them.
    bread : ndarray, shape (r, r)
        B = (X'WX + L)^-1.
    back : ndarray, shape (k, r)
        Changes of the coefficients `columns`, original units = back @ changes of `point`.
    columns : ndarray of int, shape (k,)
        Terms that have a finite estimate of their own.
    rows : ndarray of int, or None
        Positions in the problem of the rows that take part; None where all do.
    residual : ndarray of shape (n_rows,), or None
        Coefficient of x_i in the score of row i, where it is not w_i (s_i - m_i p_i).
    notes : tuple of str
        What was held fixed, in full sentences.
    """

    likelihood: BinomialLikelihood
    point: Array
    bread: Array
    back: Array
    columns: NDArray[np.int64]
    rows: NDArray[np.int64] | None = None
    residual: Array | None = None
    notes: tuple[str, ...] = ()

    @cached_property
    def std_error(self) -> Array:
        """Root of the diagonal of B for `columns`, original units, shape (k,)."""
        variance = ((self.back @ self.bread) * self.back).sum(axis=1)
        return np.asarray(np.sqrt(np.maximum(variance, 0.0)))

    def take(self, rows: NDArray[np.int64]) -> Linearised:
        """The same problem, asked about these of its rows alone."""
        return replace(
            self,
            likelihood=self.likelihood.take(rows),
            rows=rows if self.rows is None else self.rows[rows],
            residual=None if self.residual is None else self.residual[rows],
        )

    def one_step(self, copies: Array, chosen: NDArray[np.int64] | None = None) -> OneStep:
        """Leave one unit of each row out, in one pass over row blocks.

        Parameters
        ----------
        copies : ndarray, shape (n_rows,)
            Identical units that each row stands for; 1 where it is one unit, whatever its weight.
        chosen : ndarray of int, optional
            Positions in `columns` whose shifts are wanted; none without it.
        """
        like = self.likelihood
        back = self.back[np.empty(0, dtype=np.int64) if chosen is None else chosen]
        leverage, steps, forms = (np.empty(like.n_rows) for _ in range(3))
        shifts = np.empty((like.n_rows, back.shape[0]))
        events, total = like.weights * like.successes, like.weights * like.trials

        def task(block: slice) -> None:
            Z = like.local(block)
            eta = Z @ self.point + like.offset[block]
            p, q = expit(eta), expit(-eta)
            # Not s - m p, whose digits cancel where p is near 1.
            score = events[block] * q - (total[block] - events[block]) * p
            if self.residual is not None:
                score = self.residual[block]
            score = score / copies[block]
            mapped = np.asarray(Z @ self.bread)
            form = _row_products(Z, mapped)
            h = total[block] * p * q / copies[block] * form
            rest = np.where(1.0 - h > _SATURATED, 1.0 - h, np.nan)
            step = score / rest
            leverage[block], steps[block], forms[block] = h, step, form
            if back.size:
                shifts[block] = (mapped @ back.T) * step[:, None]

        like.executor.each(task, like.blocks(values_per_row=self.point.size))
        return OneStep(leverage, steps**2 * forms, shifts, forms, steps)

    def second_order(self, found: OneStep, copies: Array, rows: NDArray[np.int64]) -> Array:
        """What the second order adds to the log-odds of these rows without themselves, shape (len(rows),).

        One pass over all rows, n_rows x len(rows) x r multiplications. The third derivative of a penalty that is not
        quadratic is left out.

        Parameters
        ----------
        found : OneStep
            Of this fit and these copies.
        copies : ndarray, shape (n_rows,)
        rows : ndarray of int
            Positions among the rows that take part; their leverage is not 1.
        """
        like, rest = self.likelihood, 1.0 - found.leverage[rows]
        own = like.take(rows)
        far = np.asarray(own.local(slice(0, rows.size)) @ self.bread) / rest[:, None]
        eta, total = like.eta(self.point), like.weights * like.trials
        p = expit(eta)
        bend = total * p * expit(-eta) * (1.0 - 2.0 * p)

        def block_sum(block: slice) -> Sums:
            along = np.asarray(like.local(block) @ far.T)
            cubes = along * along
            cubes *= along
            return (np.asarray(bend[block] @ cubes),)

        (sums,) = like.executor.total(block_sum, like.blocks(values_per_row=max(1, rows.size)))
        sums = sums - bend[rows] / copies[rows] * (found.form[rows] / rest) ** 3
        return np.asarray(-0.5 * (found.step[rows] * rest) ** 2 * sums)


def _row_products(Z: object, mapped: Array) -> Array:
    """z_i' m_i for every row."""
    if isinstance(Z, np.ndarray):
        return np.asarray(np.einsum("ij,ij->i", Z, mapped))
    sparse: Any = Z
    return np.asarray(sparse.multiply(mapped).sum(axis=1), dtype=np.float64).ravel()
