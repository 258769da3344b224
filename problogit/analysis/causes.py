"""Why two fits of the same model differ on a term: by their priors, or because one reports a mean and one a mode.

The split is arithmetic: (estimate - reference) = (mode - mode of the reference) + (estimate - mode), where the estimate
of maximum likelihood or of a penalized fit is its mode. The first part is the work of the priors, the second is the
skewness of the posterior.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from problogit.analysis.coefficients import terms_without_moments
from problogit.analysis.comparability import same_offset
from problogit.analysis.loo import is_posterior
from problogit.data.rows import Array
from problogit.errors import ProblogitError, ProblogitWarning
from problogit.estimate import Estimate, Status

__all__ = ["OTHER", "Cause", "Side", "cause_of", "skewness_sentences"]

MOVED, NARROWED, MEAN, BOTH, OTHER = (
    "prior moved this", "prior narrowed this", "mean against mode", "prior, and mean against mode", "differs",
)  # fmt: skip


@dataclass(frozen=True)
class Cause:
    """What a flagged difference comes from.

    Attributes
    ----------
    flag : str
        ``prior moved this``, ``prior narrowed this``, ``mean against mode``, ``prior, and mean against mode``, or
        ``differs`` for anything else.
    text : str
        The same in words, with its parts in log-odds.
    prior_part, skewness_part : float
        Their sum is the difference; NaN where the parts are not known.
    """

    flag: str
    text: str
    prior_part: float = np.nan
    skewness_part: float = np.nan


@dataclass(frozen=True, eq=False)
class Side:
    """One of the two fits that are compared."""

    label: str
    estimate: Estimate

    @property
    def is_mean(self) -> bool:
        """Whether it reports the mean (median) of a posterior."""
        return is_posterior(self.estimate)

    @property
    def stopped(self) -> bool:
        """Whether it is no optimum by intent."""
        return self.estimate.status is Status.STOPPED

    @cached_property
    def priors(self) -> tuple[object, ...]:
        """The prior of each column; equal entries are equal priors, and ``"Flat()"`` is none."""
        used = self.estimate.method.prior_used(self.estimate)
        if used.joint or used.hierarchical:
            return (used.describe(),) * self.estimate.problem.n_terms
        resolved = used.resolve(self.estimate.problem)
        numbers = zip(resolved.table(), resolved.flat, resolved.l1, strict=True)
        return tuple(
            "Flat()" if flat else (line["text"], repr(line["loc"]), repr(line["scale"]), float(l1))
            for line, flat, l1 in numbers
        )

    def flat(self, j: int) -> bool:
        """Whether a column has no prior of its own."""
        return self.priors[j] == "Flat()"

    @cached_property
    def mode(self) -> Array | None:
        """Where likelihood times prior is largest: the estimate itself, or what the method that looks for it finds."""
        if not self.is_mean:
            return None if self.stopped else self.estimate.coefficients.location
        known = self.estimate.details.posterior_mode
        return self._found_mode() if known is None else known

    def _found_mode(self) -> Array | None:
        finder = self.estimate.method.mode_finder()
        if finder is None or self.estimate.problem.data is None:
            return None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ProblogitWarning)
                found = finder.estimate(self.estimate.problem)
        except ProblogitError:
            return None
        usable = found.status is Status.CONVERGED and not is_posterior(found)
        return found.coefficients.location if usable else None


def cause_of(own: Side, base: Side, j: int, line: Mapping[str, float], limit: float, kinds: str) -> Cause:
    """What a flagged difference on column `j` comes from.

    Parameters
    ----------
    own, base : Side
        The fit and the reference.
    j : int
        Column of `own`.
    line : mapping
        ``estimate, reference_estimate, shift`` of the difference.
    limit : float
        Log-odds from which a part is worth naming on its own.
    kinds : str
        How the intervals differ in kind; empty where they do not.
    """
    here, there = line["estimate"], line["reference_estimate"]
    one, other = own.estimate.problem, base.estimate.problem
    if one.terms != other.terms:
        return Cause(OTHER, f"the model of “{own.label}” has other terms than that of “{base.label}”")
    if not same_offset(one, other):
        return Cause(OTHER, "the offsets differ")
    if own.stopped or base.stopped:
        which = own.label if own.stopped else base.label
        return Cause(OTHER, f"“{which}” was stopped before the maximum of the likelihood")
    if not np.isfinite([here, there]).all():
        return _one_is_infinite(own, base, j)
    if abs(here - there) <= limit:
        return _narrower(own, base, j, kinds)
    return _split(own, base, j, here, there, limit)


def _one_is_infinite(own: Side, base: Side, j: int) -> Cause:
    if own.priors == base.priors:
        return Cause(OTHER, "only one of the two is finite")
    return Cause(MOVED, f"only {_whose(own, base, j)} makes it finite")


def _narrower(own: Side, base: Side, j: int, kinds: str) -> Cause:
    if own.priors == base.priors:
        return Cause(OTHER, kinds or "the spread differs under the same prior")
    text = f"{_whose(own, base, j)} makes the interval narrower"
    return Cause(OTHER if kinds else NARROWED, f"{text}; {kinds}" if kinds else text)


def _split(own: Side, base: Side, j: int, here: float, there: float, limit: float) -> Cause:
    total = here - there
    if own.priors == base.priors:
        return _same_prior(own, base, j, total)
    if not (own.is_mean or base.is_mean):
        return Cause(MOVED, f"{_whose(own, base, j)}: {total:+.3g}", total, 0.0)
    if own.mode is None or base.mode is None or not np.isfinite([own.mode[j], base.mode[j]]).all():
        text = (
            "its priors and the skewness of its posterior, which cannot be told apart: the mode is not known"
        )
        return Cause(OTHER, text)
    by_prior = float(own.mode[j] - base.mode[j])
    by_skewness = total - by_prior
    if min(abs(by_prior), abs(by_skewness)) > limit:
        flag = BOTH
    else:
        flag = MOVED if abs(by_prior) >= abs(by_skewness) else MEAN
    mean = _average(own if own.is_mean else base, j)
    text = (
        f"{_whose(own, base, j)}: {by_prior:+.3g} (its mode less that of “{base.label}”); {mean} against mode, the "
        f"skewness of the posterior: {by_skewness:+.3g}"
    )
    return Cause(flag, text, by_prior, by_skewness)


def _same_prior(own: Side, base: Side, j: int, total: float) -> Cause:
    if own.is_mean == base.is_mean:
        why = "Monte Carlo error" if own.is_mean else "one of the two has not reached the optimum"
        return Cause(OTHER, f"the priors are the same: {why}")
    mean = _average(own if own.is_mean else base, j)
    shared = (
        "neither has a prior" if all(own.flat(k) for k in range(len(own.priors))) else "the prior is the same"
    )
    return Cause(
        MEAN, f"{shared}: {mean} against mode, the skewness of the posterior: {total:+.3g}", 0.0, total
    )


def _average(side: Side, j: int) -> str:
    return "median" if side.estimate.terms[j] in terms_without_moments(side.estimate) else "mean"


def _whose(own: Side, base: Side, j: int) -> str:
    """Which prior is at work: the term's own, those of the other terms, or both fits'."""
    if own.priors[j] == base.priors[j]:
        return "the prior of the other terms"
    if own.flat(j) or base.flat(j):
        return "the prior" if base.flat(j) else f"the prior of “{base.label}”"
    return "the other prior"


def skewness_sentences(sides: Collection[Side]) -> tuple[str, ...]:
    """For each posterior whose mode is known: how far its means are from its mode, and which fits report that mode."""
    said = []
    for side in (one for one in sides if one.is_mean):
        mode, spread = side.mode, side.estimate.coefficients.std_error
        if mode is None:
            continue
        mean = side.estimate.coefficients.location
        away = np.abs(mean - mode) / np.where(spread > 0, spread, np.inf)
        if not np.isfinite(away).any():
            continue
        j = int(np.nanargmax(away))
        alike = [
            f"“{one.label}”"
            for one in sides
            if not one.is_mean and not one.stopped and one.estimate.terms == side.estimate.terms
            and same_offset(one.estimate.problem, side.estimate.problem) and one.priors == side.priors
        ]  # fmt: skip
        reported = (
            f", which is what {' and '.join(alike)} report{'s' if len(alike) == 1 else ''}" if alike else ""
        )
        said.append(
            f"“{side.label}” reports posterior means. They differ from the posterior's mode{reported}, by at most "
            f"{away[j]:.2f} posterior standard deviations: {side.estimate.terms[j]} has mean {mean[j]:.3g} and mode "
            f"{mode[j]:.3g}. Where that is much, the posterior is skewed."
        )
    return tuple(said)
