"""How sure one probability is: its interval, the sample size that it is worth, and whether it is extrapolated.

The effective sample size of a predicted probability is the number of people like this one whose observed share of
events would be as precise,

    n_effective = p (1 - p) / Var(p-hat)

(Thomassen, le Cessie, van Houwelingen & Steyerberg 2024, Stat. Med. 43(7)). To first order Var(p-hat) = (p (1 - p))^2
Var(eta), so that it is 1 / (p (1 - p) Var(eta)); for a training row of maximum likelihood that is 1 / leverage (per
trial). For a posterior both are taken over the draws: p is their mean and Var(p-hat) their variance on the probability
scale, and what the prior adds counts as sample. Near 0 and 1 it is large even where little is known, because shares of
rare events take many people to be of any use: it is to be read beside the interval and `outside`.

Whether a row is like the training rows is a question about predictors alone, the same for every method: the fitted
weights p (1 - p) are left out of it, because they are near 0 just where a model extrapolates. With D the weights and
trials of the training rows, a row lies outside if

    h(x) = x'(X'DX)^-1 x   exceeds   max_i h(x_i),

the smallest such ellipsoid that holds all training rows ("hidden extrapolation" in Montgomery, Peck & Vining,
Introduction to Linear Regression Analysis), if it breaks a linear relation that holds in all of them, or if one of its
columns leaves their range.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from problogit.analysis.frames import Output, check_output, labelled
from problogit.analysis.loo import is_posterior
from problogit.analysis.predict import Coded, coded_rows, predict, row_blocks, shifted_expit
from problogit.core.blocks import quadratic_rows
from problogit.core.blocks import row_blocks as scaled_rows
from problogit.core.coefficients import PointCoefficients, as_dense
from problogit.data.rows import Array, Matrix, Unseen
from problogit.estimate import Estimate
from problogit.problem import Problem

__all__ = ["individual_risk"]

_MOST_COLUMNS = 1000  # an eigendecomposition of as many takes a fraction of a second
_SAME = 1e-13  # share of the largest moment below which a combination of columns is the same in all rows
_OFF = 1e-6  # of a row's length: a broken relation
_SLACK = 1e-9
_WHAT = (
    "Bounds and n_effective are the uncertainty of the probability, not of the outcome: even a probability that is "
    "known exactly leaves open whether the event happens."
)


def individual_risk(
    estimate: Estimate,
    data: Any = None,
    prob: float = 0.95,
    interval: str | None = None,
    unseen: Unseen = "error",
    output: Output | None = None,
) -> Any:
    """Probabilities with their uncertainty, aligned with the rows of `data`.

    Parameters
    ----------
    estimate, data, prob, interval, unseen, output
        As in `problogit.analysis.predict.predict`.

    Returns
    -------
    DataFrame
        ``probability, lower, upper, interval`` of `predict`; ``n_effective``, the effective sample size
        p (1 - p) / Var(p-hat), NaN where the fit has no distribution; ``outside``, True where the row lies outside
        the training data; ``beyond``, the columns of the design that leave their range there, ``"combination"``
        where each is within it but no training row is as far out in all of them together, or empty.
        ``attrs["notes"]`` says what is missing and why.

    References
    ----------
    Thomassen et al. (2024), Stat. Med. 43(7). Riley et al. (2025), BMJ 388:e080749.
    """
    kind = check_output(output, data)
    found = predict(estimate, data, prob, interval, unseen, "pandas")
    coded = coded_rows(estimate, data, unseen)
    n_effective = coded.spread(_effective_sizes(estimate, coded))
    hull = _hull(estimate.problem)
    beyond = np.full(coded.n_table, "", dtype=object)
    for block in row_blocks(estimate, coded.offset.size):
        beyond[coded.position[block]] = hull.beyond(coded.X[block])
    columns = {
        **{str(name): found[name].to_numpy() for name in found.columns},
        "n_effective": n_effective,
        "outside": beyond.astype(str) != "",
        "beyond": beyond,
    }
    notes = (_WHAT, *found.attrs["notes"], *_gaps(estimate, found["probability"].to_numpy()), *hull.notes)
    return labelled(columns, coded.index, kind, {**found.attrs, "notes": notes})


def _effective_sizes(estimate: Estimate, coded: Coded) -> Array:
    out = np.empty(coded.offset.size)
    drawn = is_posterior(estimate)
    for block in row_blocks(estimate, coded.offset.size):
        marginals, shift = estimate.predictor.marginals(coded.X[block]), coded.offset[block]
        p, q = (marginals.point(_signed(shift, sign)) for sign in (1.0, -1.0))
        with np.errstate(divide="ignore", invalid="ignore"):
            variance = marginals.point(_squared(shift, p)) if drawn else (p * q * marginals.sd) ** 2
            out[block] = np.where(variance > 0, p * q / variance, np.nan)
    return out


def _signed(shift: Array, sign: float) -> Any:
    """expit(eta + shift), or one minus it without loss of digits."""
    return lambda eta: np.asarray(expit(sign * (eta + shift)))


def _squared(shift: Array, p: Array) -> Any:
    transform = shifted_expit(shift)
    return lambda eta: (transform(eta) - p) ** 2


def _gaps(estimate: Estimate, p: Array) -> tuple[str, ...]:
    """Why there is no uncertainty to speak of."""
    coefficients = estimate.predictor
    if isinstance(coefficients, PointCoefficients):
        return (f"No bounds and no n_effective: {coefficients.reason}",)
    certain = int(np.count_nonzero((p == 0) | (p == 1)))
    if certain:
        return (
            f"{certain} probabilities are exactly 0 or 1, because the data are separated: they have no standard error. "
            'interval="profile" gives one-sided bounds.',
        )
    return ()


# -- the training data's hull ----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Hull:
    """Range of each column, and the ellipsoid of their moments that holds all training rows.

    Attributes
    ----------
    problem : Problem
    inverse : ndarray of shape (n_terms, n_terms), or None
        (Z'DZ)^-1 of the scaled columns over the directions in which they vary; None where it is not made.
    relations : ndarray, shape (n_terms, n_relations)
        Unit vectors v with z'v = 0 in all training rows.
    largest : float
        max z_i'(Z'DZ)^-1 z_i.
    notes : tuple of str
    """

    problem: Problem
    inverse: Array | None
    relations: Array
    largest: float
    notes: tuple[str, ...] = ()

    def beyond(self, X: Matrix) -> NDArray[np.object_]:
        """Where rows leave the training data, in words; empty for those that do not."""
        stats, rows = self.problem.column_stats, as_dense(X)
        slack = _SLACK * (np.abs(stats.minimum) + np.abs(stats.maximum))
        out_of_range = (rows < stats.minimum - slack) | (rows > stats.maximum + slack)
        found = np.full(rows.shape[0], "", dtype=object)
        if self.inverse is not None:
            found[self._far(X)] = "combination"
        for i in np.flatnonzero(out_of_range.any(axis=1)):
            found[i] = ", ".join(self.problem.terms[j] for j in np.flatnonzero(out_of_range[i]))
        return found

    def _far(self, X: Matrix) -> NDArray[np.bool_]:
        assert self.inverse is not None  # asked before
        scaling = self.problem.scaling
        Z = scaled_rows(X, scaling.center, scaling.scale).local(slice(0, X.shape[0]))
        far = quadratic_rows(Z, self.inverse) > self.largest * (1 + _SLACK)
        if not self.relations.size:
            return np.asarray(far)
        length = np.maximum(1.0, np.sqrt(quadratic_rows(Z, np.eye(Z.shape[1]))))
        return np.asarray(far | (np.abs(Z @ self.relations) > _OFF * length[:, None]).any(axis=1))


def _hull(problem: Problem) -> _Hull:
    nothing = np.empty((problem.n_terms, 0))
    if problem.data is None or problem.n_terms > _MOST_COLUMNS:
        why = (
            "the fit was loaded without its data"
            if problem.data is None
            else f"there are more than {_MOST_COLUMNS} columns"
        )
        note = (
            f"`outside` compares each column with its range, but no combinations of columns, because {why}."
        )
        return _Hull(problem, None, nothing, np.inf, (note,))
    like, scaling = problem.row_likelihood, problem.scaling
    plain = replace(like, offset=np.zeros(like.n_rows)).in_coordinates(scaling.center, scaling.scale)
    # At log-odds 0 the information is the moment matrix times 1/4.
    values, vectors = np.linalg.eigh(4.0 * plain.information(np.zeros(like.n_terms))[2])
    varies = values > _SAME * values[-1]
    root = vectors[:, varies] / np.sqrt(values[varies])
    inverse = root @ root.T
    return _Hull(problem, inverse, vectors[:, ~varies], plain.largest_norm(inverse) ** 2)
