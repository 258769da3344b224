"""Collinearity: how far columns repeat one another, what it costs each coefficient, and which columns are to blame.

Everything follows from the information X'WX at the fit, W = diag(w m p (1 - p)), so that it is about the standard
errors that are reported (Weissfeld & Sereika 1991, Commun. Statist. A 20:1183). The prior is left out.

- Generalised variance inflation of a term (Fox & Monette 1992, JASA 87:178; `car::vif`): GVIF = det R11 det R22 / det
  R, R the correlation matrix of the estimates without the intercept. For one column it is 1 / (1 - R^2) of that column
  on the others. GVIF^(1 / (2 df)) is the factor of the standard error per dimension.
- Condition indices and variance proportions (Belsley, Kuh & Welsch 1980): with the columns of W^1/2 X at unit length
  and singular values d_1 >= ... >= d_p with right vectors v_k, the index of dimension k is d_1 / d_k, and the share of
  it in the variance of coefficient j is (v_jk / d_k)^2 / sum_l (v_jl / d_l)^2. A dimension of a high index in which two
  or more coefficients have over half of their variance is a near-dependency of those columns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from problogit.core.blocks import Array
from problogit.core.condition import Spectrum, spectrum
from problogit.core.likelihood import BinomialLikelihood
from problogit.errors import NotAvailableError, listed
from problogit.estimate import Estimate
from problogit.problem import Problem

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["HIGH_INDEX", "HIGH_VIF", "Collinearity", "Dependency", "collinearity"]

HIGH_INDEX = 30.0  # Belsley, Kuh & Welsch (1980): from about 30 on, dependencies do harm
HIGH_VIF = 10.0  # the usual rule; O'Brien (2007) on why it is no verdict
_SHARE = 0.5
_MOST_COLUMNS = 2000
_NEAR_ONE = 0.9999
_EXACT = 1e-10  # of a column's square in exact dependencies


@dataclass(frozen=True)
class Dependency:
    """Columns that nearly repeat one another.

    Attributes
    ----------
    index : float
        Condition index; infinite where they repeat one another exactly.
    columns : tuple of str
        Those with more than half of their variance in this dimension (at least the two with the largest shares).
    shares : tuple of float
        Proportion of each one's variance.
    correlation : float
        Between the two, where there are two; NaN otherwise.
    """

    index: float
    columns: tuple[str, ...]
    shares: tuple[float, ...]
    correlation: float

    def __str__(self) -> str:
        """``x1 and x2 (correlation 0.9999)``."""
        named = " and ".join(self.columns) if len(self.columns) == 2 else listed(self.columns)
        if np.isnan(self.correlation):
            return named
        near = abs(self.correlation) > _NEAR_ONE
        shown = f"beyond {_NEAR_ONE * np.sign(self.correlation):g}" if near else f"{self.correlation:.4g}"
        return f"{named} (correlation {shown})"


@dataclass(frozen=True, eq=False)
class Collinearity:
    """How far the columns repeat one another at the fit.

    Attributes
    ----------
    terms : tuple of str
        Terms of the formula, without the intercept.
    gvif : ndarray, shape (n_terms,)
        Generalised variance inflation of each; infinite where other columns repeat it exactly.
    df : ndarray of int, shape (n_terms,)
        Its columns.
    columns : tuple of str
        Columns of the design that were compared.
    indices : ndarray, shape (n_columns,)
        Condition indices, the largest last.
    shares : ndarray, shape (n_columns, n_columns)
        Variance proportions: dimensions by columns; each column sums to 1.
    dependencies : tuple of Dependency
        Dimensions whose index reaches 30, the worst first.
    closest : Dependency
        The worst, whatever its index.
    centred : bool
        Whether the intercept was taken out first.
    notes : tuple of str
    """

    terms: tuple[str, ...]
    gvif: Array
    df: NDArray[np.int64]
    columns: tuple[str, ...]
    indices: Array
    shares: Array
    dependencies: tuple[Dependency, ...]
    closest: Dependency
    centred: bool
    notes: tuple[str, ...]

    @property
    def condition_number(self) -> float:
        """Largest over smallest singular value of the columns at unit length."""
        return float(self.indices[-1]) if self.indices.size else 1.0

    @property
    def vif(self) -> pd.DataFrame:
        """By term: ``gvif, df, se_factor``, the last GVIF^(1 / (2 df)), by which standard errors are longer."""
        import pandas as pd

        columns = {"gvif": self.gvif, "df": self.df, "se_factor": self.gvif ** (0.5 / self.df)}
        return pd.DataFrame(columns, index=pd.Index(self.terms, name="term"))

    @property
    def proportions(self) -> pd.DataFrame:
        """One row a dimension: ``condition_index``, then the variance proportion of each column."""
        import pandas as pd

        frame = pd.DataFrame(self.shares, columns=list(self.columns))
        frame.insert(0, "condition_index", self.indices)
        return frame

    def __str__(self) -> str:
        """The condition number with its cause, then the table of variance inflation."""
        lines = [f"Condition number {self.condition_number:.4g} (harmful from about {HIGH_INDEX:g} on)."]
        lines += [f"index {one.index:.4g}: {one}" for one in self.dependencies]
        return "\n".join([*lines, self.vif.to_string(float_format="{:.4g}".format), *self.notes])


def collinearity(estimate: Estimate, centred: bool = True) -> Collinearity:
    """Variance inflation of the terms, and condition indices of the columns with their variance proportions.

    Parameters
    ----------
    estimate : Estimate
        Of any method; W is taken at its estimate.
    centred : bool
        Take the intercept out before condition indices are computed, so that a column far from zero, a year, is not
        called collinear with it. False: Belsley's own, with the intercept among the columns.

    Raises
    ------
    NotAvailableError
        More columns than a square matrix of them can be decomposed in reasonable time.
    """
    problem = estimate.problem
    kept, notes = _compared(estimate)
    if kept.size > _MOST_COLUMNS:
        raise NotAvailableError(
            f"Collinearity needs the eigenvalues of a square matrix of the columns; {kept.size} are more than "
            f"{_MOST_COLUMNS}. Fit the terms in question alone."
        )
    place = np.flatnonzero(kept == problem.intercept)
    intercept = int(place[0]) if place.size else None
    like, point, more = _at_the_fit(estimate, kept)
    slopes = kept if intercept is None else np.delete(kept, intercept)
    if slopes.size == 0:
        raise NotAvailableError("Collinearity needs a column beside the intercept, and this model has none.")
    found = spectrum(like, point, intercept)
    terms, gvif, df = _inflation(problem, slopes, found)
    shown = slopes
    if intercept is not None and not centred:
        scaling = problem.scaling.columns(kept)
        found, shown = spectrum(like.in_coordinates(None, None), scaling.to_original(point)), kept
    names = tuple(problem.terms[j] for j in shown)
    every = _dependencies(found, names)
    harmful = tuple(one for one in every if one.index >= HIGH_INDEX)
    without = intercept is not None and centred
    return Collinearity(
        terms,
        gvif,
        df,
        names,
        found.indices,
        found.shares,
        harmful,
        every[0],
        without,
        (*notes, *more),
    )


def _compared(estimate: Estimate) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Columns with an estimate that are not constant, and the intercept."""
    problem = estimate.problem
    kept = ~problem.column_stats.constant
    if problem.intercept is not None:
        kept[problem.intercept] = True
    if not estimate.method.refusal("wald", problem):
        aliased = problem.maximum.aliases.dropped
        kept[aliased] = False
    left_out = [problem.terms[j] for j in np.flatnonzero(~kept)]
    if not left_out:
        return np.flatnonzero(kept), ()
    return np.flatnonzero(kept), (f"Without columns that are constant or repeat others: {listed(left_out)}.",)


def _at_the_fit(
    estimate: Estimate, kept: NDArray[np.int64]
) -> tuple[BinomialLikelihood, Array, tuple[str, ...]]:
    """The likelihood of these columns, and where W is taken: at the estimate, or where all probabilities are 1/2."""
    problem = estimate.problem
    scaling = problem.scaling.columns(kept)
    center = scaling.center if scaling.centred else None
    like = problem.likelihood.columns(kept).in_coordinates(center, scaling.scale)
    beta = estimate.coefficients.location
    rest = np.delete(beta, kept)
    if np.isfinite(beta[kept]).all():
        # A constant column left out under a prior adds to the offset; an aliased one has no estimate and adds nothing.
        held = np.zeros_like(beta)
        held[np.setdiff1d(np.arange(beta.size), kept)] = np.where(np.isfinite(rest), rest, 0.0)
        if held.any():
            like = replace(like, offset=problem.likelihood.eta(held))
        return like, scaling.to_scaled(beta[kept]), ()
    note = (
        "Coefficients are infinite (separated data): all rows count alike here, whatever their probability."
    )
    return replace(like, offset=np.zeros(like.n_rows)), np.zeros(kept.size), (note,)


def _inflation(
    problem: Problem, slopes: NDArray[np.int64], found: Spectrum
) -> tuple[tuple[str, ...], Array, NDArray[np.int64]]:
    """GVIF of each term: det of its correlations times det of their part of the inverse."""
    correlation, inverse, exact = found.correlation, found.inverse_correlation, found.exact
    names, values, sizes = [], [], []
    for name, columns in problem.design.factors:
        place = np.flatnonzero(np.isin(slopes, columns))
        if place.size == 0:
            continue
        own = np.ix_(place, place)
        _, of_columns = np.linalg.slogdet(correlation[own])
        _, of_inverse = np.linalg.slogdet(inverse[own])
        infinite = bool((exact[place] > _EXACT).any())
        names.append(name)
        values.append(np.inf if infinite else max(float(np.exp(of_columns + of_inverse)), 1.0))
        sizes.append(place.size)
    return tuple(names), np.array(values), np.array(sizes, dtype=np.int64)


def _dependencies(found: Spectrum, names: tuple[str, ...]) -> tuple[Dependency, ...]:
    """All dimensions, the worst first; exact ones as one, because their directions are not unique."""
    indices, shares, exact = found.indices, found.shares, found.exact
    made = []
    if np.isinf(indices).any():
        made.append(_dependency(found, names, np.inf, exact, np.flatnonzero(exact > _EXACT)))
    for k in np.flatnonzero(np.isfinite(indices))[::-1]:
        worst = np.argsort(-shares[k])[: max(2, int((shares[k] > _SHARE).sum()))]
        made.append(_dependency(found, names, float(indices[k]), shares[k], np.sort(worst)))
    return tuple(made)


def _dependency(
    found: Spectrum, names: tuple[str, ...], index: float, shares: Array, chosen: NDArray[np.int64]
) -> Dependency:
    correlation = float(found.correlation[chosen[0], chosen[1]]) if chosen.size == 2 else float("nan")
    columns, parts = tuple(names[j] for j in chosen), tuple(float(shares[j]) for j in chosen)
    return Dependency(index, columns, parts, correlation)
