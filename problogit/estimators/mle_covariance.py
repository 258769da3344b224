"""The sampling covariance of a maximum-likelihood estimate: which one, over which rows, with what to keep in mind."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr

from problogit.core.blocks import Array
from problogit.core.coefficients import as_dense
from problogit.core.likelihood import BinomialLikelihood
from problogit.core.maximum import Maximum, inverse_information
from problogit.core.separation import Separation
from problogit.errors import InputError, explain, listed
from problogit.estimate import Finding
from problogit.estimators.cluster import CR_KINDS, cluster_covariance
from problogit.estimators.sandwich import HC_KINDS, sandwich, score_meat, silent_directions
from problogit.problem import Problem

__all__ = [
    "COVARIANCES",
    "FEW_CLUSTERS",
    "Groups",
    "SamplingCovariance",
    "dot_findings",
    "identified_rows",
    "read_groups",
    "sampling_covariance",
    "separated_rows",
]

COVARIANCES = ("classical", *HC_KINDS, *CR_KINDS, "bootstrap")
FEW_CLUSTERS = 40  # Cameron & Miller (2015): "few" ends somewhere between 20 and 50
_NAMED = 12
_DOT = re.compile(r"(?<![\w.)`])\.(?![\w(.])")

Codes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Groups:
    """The clusters of the rows.

    Attributes
    ----------
    names : tuple of str
        One or two columns.
    codes : tuple of ndarray of int, each of shape (n_obs,)
        Cluster of each row of the problem, 0 to G - 1.
    """

    names: tuple[str, ...]
    codes: tuple[Codes, ...]

    @property
    def counts(self) -> tuple[int, ...]:
        """Number of clusters of each column."""
        return tuple(int(codes.max()) + 1 for codes in self.codes)

    def take(self, rows: Codes) -> Groups:
        """The clusters of these rows, numbered anew."""
        found = tuple(np.unique(codes[rows], return_inverse=True)[1].ravel() for codes in self.codes)
        return Groups(self.names, found)


@dataclass(frozen=True, eq=False)
class SamplingCovariance:
    """Covariance of the identified coefficients, original units, with the clusters behind it and what was found."""

    covariance: Array
    clusters: tuple[int, ...] = ()
    findings: tuple[Finding, ...] = ()


def read_groups(problem: Problem, groups: tuple[str, ...] | None, covariance: str) -> Groups:
    """The clusters that a method names, or those of the model.

    Raises
    ------
    InputError
        Neither names any, there is no such column, rows are without a group, or all are in one.
    """
    names = problem.default_groups if groups is None else groups
    if not names:
        remedy = f"As in MLE(covariance={covariance!r}, groups='school')."
        raise InputError(
            explain("groups", f"must name the clusters for covariance={covariance!r}", groups or None, remedy)
        )
    found = Groups(names, tuple(problem.group_codes(name) for name in names))
    _check_several(found, problem.rows.n_obs, "rows in use")
    return found


def _check_several(groups: Groups, n_rows: int, which: str) -> None:
    for name, count in zip(groups.names, groups.counts, strict=True):
        if count < 2:
            raise InputError(
                f"groups: column {name!r} has one value in all {n_rows} {which}, and a covariance between clusters "
                f"needs at least two (about {FEW_CLUSTERS} to be relied on). Name another column, or use "
                "covariance='HC3'."
            )


def sampling_covariance(
    problem: Problem, maximum: Maximum, kind: str, groups: Groups | None = None
) -> SamplingCovariance:
    """The covariance of the coefficients that the data identify (all but aliased and infinite ones).

    Parameters
    ----------
    problem : Problem
    maximum : Maximum
    kind : str
        ``classical``, ``HC0`` to ``HC3``, ``CR1`` to ``CR3``.
    groups : Groups, optional
        For the last three.
    """
    if kind == "classical" or maximum.beta.size == 0:
        return SamplingCovariance(maximum.inverse, () if groups is None else groups.counts)
    rows = identified_rows(problem, maximum)
    inverse = inverse_information(rows.likelihood.information(rows.beta)[2])
    frequency = problem.weights_type == "frequency"
    if groups is None:
        covariance = sandwich(rows.likelihood, rows.beta, inverse, kind, frequency=frequency)
        findings = []
        if problem.response.counts:  # a single outcome that stood alone would be separated
            root = np.asarray(np.linalg.cholesky(inverse), dtype=np.float64)
            meat = root.T @ score_meat(rows.likelihood, rows.beta, frequency=frequency) @ root
            findings = _lone_finding(rows.back @ silent_directions(meat, root), maximum, problem, None)
        return SamplingCovariance(rows.to_original(covariance), findings=tuple(findings))
    within = groups if rows.chosen is None else groups.take(rows.chosen)
    _check_several(within, rows.likelihood.n_rows, "rows that are not separated")
    found = cluster_covariance(rows.likelihood, rows.beta, inverse, within.codes, kind, frequency=frequency)
    findings = [_size_finding(within, kind), *_repair_finding(found.repaired, within)]
    findings += _lone_finding(rows.back @ found.silent, maximum, problem, within)
    return SamplingCovariance(rows.to_original(found.covariance), within.counts, tuple(findings))


# -- the rows that a sandwich sums over ------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class IdentifiedRows:
    """The likelihood of the identified coefficients, one entry per row of the user, in columns of comparable size.

    Attributes
    ----------
    likelihood : BinomialLikelihood
    beta : ndarray, shape (r,)
        The maximum in its coordinates.
    back : ndarray, shape (r, r)
        Coefficients in original units = back @ those.
    chosen : ndarray of int, or None
        Rows of the problem that are in it; None where all are. Separated rows are not.
    """

    likelihood: BinomialLikelihood
    beta: Array
    back: Array
    chosen: Codes | None

    def to_original(self, covariance: Array) -> Array:
        """A covariance in original units."""
        moved = self.back @ covariance @ self.back.T
        return np.asarray((moved + moved.T) / 2)


def identified_rows(problem: Problem, maximum: Maximum) -> IdentifiedRows:
    """Set up sums of row scores at the maximum: on scaled columns, or on orthonormal ones under separation."""
    rows = problem.row_likelihood.columns(maximum.aliases.kept)
    if maximum.separation is None or maximum.basis is None:
        scaling = problem.scaling.columns(maximum.aliases.kept)
        scaled = rows.in_coordinates(scaling.center, scaling.scale)
        return IdentifiedRows(scaled, scaling.to_scaled(maximum.beta), scaling.matrix(), None)
    chosen = np.flatnonzero(~separated_rows(rows, maximum.separation))
    rest = rows.take(chosen).mapped(maximum.basis)
    orthogonal, triangle = qr(as_dense(rest.X), mode="economic")
    size = np.sqrt(orthogonal.shape[0])
    likelihood = replace(rest, X=np.ascontiguousarray(orthogonal * size))
    back = np.asarray(np.linalg.inv(triangle) * size)
    return IdentifiedRows(likelihood, np.asarray(triangle @ maximum.beta / size), back, chosen)


def separated_rows(likelihood: BinomialLikelihood, separation: Separation) -> NDArray[np.bool_]:
    """Rows of the user that are predicted perfectly; `separation` speaks of collapsed patterns."""
    verdict = separation.classify(likelihood.X)
    return np.asarray(verdict != "finite")


# -- what to say -----------------------------------------------------------------------------------------------------


def cluster_words(groups: Groups) -> str:
    """``40 clusters of school``, ``12 of firm and 30 of year``."""
    parts = [f"{count} clusters of {name}" for name, count in zip(groups.names, groups.counts, strict=True)]
    return " and ".join(parts)


def dot_findings(problem: Problem, groups: Groups | None) -> list[Finding]:
    """Clusters that ``.`` took for predictors."""
    formula = problem.design.formula
    if groups is None or formula is None or not _DOT.search(formula.partition("~")[2]):
        return []
    taken = [name for name in groups.names if name in problem.design.variables]
    if not taken:
        return []
    listed = " and ".join(taken)
    text = f"{listed} holds the clusters and is a predictor too, because `.` takes every column that is left."
    remedy = (
        f"Write `. - {' - '.join(taken)}` if that is not meant, or name the groups when the model is made."
    )
    return [Finding("clusters-in-formula", "warning", text, remedy)]


def _size_finding(groups: Groups, kind: str) -> Finding:
    text = f"Standard errors are {kind}, over {cluster_words(groups)}"
    if min(groups.counts) >= FEW_CLUSTERS:
        return Finding("clusters", "info", f"{text}.")
    text += (
        f": fewer than about {FEW_CLUSTERS}, which makes Wald intervals too short and p-values too small (Cameron & "
        "Miller 2015)."
    )
    if kind == "CR1":
        return Finding(
            "clusters", "warning", text, "Use covariance='CR2', or 'CR3', which errs on the long side."
        )
    least = min(groups.counts)
    remedy = (
        f"The {kind} correction takes off most of the bias; against t with {least - 1} degrees of freedom (G - 1) "
        "instead of the normal, Wald statistics are safer still."
    )
    return Finding("clusters", "warning", text, remedy)


def _repair_finding(repaired: bool, groups: Groups) -> list[Finding]:
    if not repaired:
        return []
    text = (
        f"The two-way covariance over {' and '.join(groups.names)} was not positive semi-definite: negative "
        "eigenvalues (in the metric of the information matrix) were set to zero."
    )
    remedy = "Compare with clustering by either column alone."
    return [Finding("two-way", "warning", text, remedy)]


def _lone_finding(silent: Array, maximum: Maximum, problem: Problem, groups: Groups | None) -> list[Finding]:
    """Terms that one cluster or row alone speaks of: its scores add up to zero there, and nothing is left to measure.

    `silent` is a root of the part of the classical covariance that no score speaks of.
    """
    lone = np.sum(silent**2, axis=1) > 0.5 * np.diag(maximum.inverse)
    if not lone.any():
        return []
    kept = maximum.aliases.kept
    if maximum.separation is not None:
        kept = kept[maximum.separation.identified]
    terms = tuple(problem.terms[j] for j in kept[lone])
    unit, whose = ("row", "") if groups is None else ("cluster", f" of {groups.names[0]}")
    text = (
        f"A single {unit}{whose} identifies {listed(terms, _NAMED)}: with one {unit} there is no variation between "
        f"{unit}s to measure, and a standard error over {unit}s is far too small."
    )
    other = "classical" if groups is None else "HC3"
    remedy = f"Read such coefficients as fixed, or take their standard error from MLE(covariance={other!r})."
    return [Finding(f"lone-{unit}", "warning", text, remedy, terms)]
