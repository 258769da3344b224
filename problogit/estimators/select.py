"""How the strength of a penalty is chosen: the options of `Penalized(select=...)`.

The strengths of all priors that are not flat are multiplied by one common factor; 1 is the prior as it was given. A
grid of factors falls from the smallest at which all coefficients with an L1 penalty are zero (without an L1 part: one
that leaves each coefficient a thousandth of what the data say) by `ratio`, in equal steps of its logarithm.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from problogit.errors import InputError, explain
from problogit.validation import check_choice, check_integer, check_number, check_probability, seed_sequence

__all__ = [
    "SELECTIONS",
    "CrossValidation",
    "Evidence",
    "Grid",
    "InformationCriterion",
    "Selection",
    "checked_grid",
    "selection_of",
]

SELECTIONS = ("cv", "aic", "bic", "evidence")


@dataclass(frozen=True)
class Grid:
    """Which factors are tried; fields as in `CrossValidation`."""

    n_values: int
    ratio: float | None
    values: tuple[float, ...] | None


def checked_grid(n_values: object, ratio: object, values: object) -> Grid:
    """Check the options of a grid.

    Raises
    ------
    InputError
        An option is no number in its range, or `values` holds fewer than two distinct positive numbers.
    """
    count = check_integer("n_values", n_values, 2)
    smallest = None if ratio is None else check_probability("ratio", ratio)
    if values is None:
        return Grid(count, smallest, None)
    if isinstance(values, (str, bytes)) or not isinstance(values, (Sequence, np.ndarray)):
        remedy = "As in values=(100, 10, 1, 0.1)."
        raise InputError(explain("values", "must be a sequence of positive numbers", values, remedy))
    numbers = sorted({check_number("values", value) for value in values}, reverse=True)
    if len(numbers) < 2 or numbers[-1] <= 0:
        remedy = "For a single strength fit Penalized(prior) without select."
        raise InputError(
            explain("values", "must hold at least two distinct positive numbers", values, remedy)
        )
    return Grid(len(numbers), None, tuple(numbers))


class Selection(ABC):
    """A way to choose the common factor of all penalties."""

    @property
    @abstractmethod
    def grid(self) -> Grid:
        """Which factors are tried."""

    @property
    @abstractmethod
    def kind(self) -> str:
        """``cv``, ``aic``, ``bic`` or ``evidence``."""

    @abstractmethod
    def describe(self) -> str:
        """One phrase, as in ``"10-fold cross-validation"``."""


@dataclass(frozen=True)
class CrossValidation(Selection):
    """Choose by the log score of held-out units.

    Parameters
    ----------
    folds : int, default 10
        Dealt by outcome; fewer where an outcome has fewer units, and said so.
    rule : {"min", "1se"}
        The value of the smallest mean log score, or the largest strength whose score is within one standard error of
        it (over folds, as glmnet's).
    n_values : int, default 100
        Values of the grid.
    ratio : float, optional
        Smallest value over largest. By default 1e-4, and 1e-2 with fewer rows than columns, where the prior has an L1
        part (glmnet's convention); else down to a strength of 1e-4 (1e-3) of the information on a typical coefficient.
    values : sequence of float, optional
        The grid itself, as factors of the prior as given: with ``Laplace(1)`` they are L1 strengths, with ``Normal(1)``
        L2 strengths.
    rng : int, Generator or None
        Deals the folds; None leaves it to `Penalized(rng=...)`.

    Notes
    -----
    A prior is not data: the strength on the scale of the *summed* log-likelihood is the same in every training set and
    in the fit of all rows. (glmnet holds lambda fixed, strength over number of rows.)
    """

    folds: int = 10
    rule: Literal["min", "1se"] = "min"
    n_values: int = 100
    ratio: float | None = None
    values: Sequence[float] | None = None
    rng: int | np.random.Generator | None = None

    def __post_init__(self) -> None:
        check_integer("folds", self.folds, 2)
        check_choice("rule", self.rule, ("min", "1se"))
        _keep_values(self, checked_grid(self.n_values, self.ratio, self.values))
        seed_sequence(self.rng if not isinstance(self.rng, np.random.Generator) else None)

    @property
    def grid(self) -> Grid:
        """Which factors are tried."""
        return checked_grid(self.n_values, self.ratio, self.values)

    @property
    def kind(self) -> str:
        """``cv``."""
        return "cv"

    def describe(self) -> str:
        """``"10-fold cross-validation"``, with the rule where it is not the minimum."""
        rule = ", one-standard-error rule" if self.rule == "1se" else ""
        return f"{self.folds}-fold cross-validation{rule}"


@dataclass(frozen=True)
class InformationCriterion(Selection):
    """Choose by AIC or BIC with effective degrees of freedom.

    -2 loglik + 2 df and -2 loglik + log(n) df, n the number of units. df counts the coefficients that are not zero
    under an L1 penalty (Zou, Hastie and Tibshirani 2007, Ann. Statist. 35:2173) and is trace((H + L)^-1 H) elsewhere.

    Parameters
    ----------
    criterion : {"aic", "bic"}
    n_values, ratio, values
        As in `CrossValidation`.
    """

    criterion: Literal["aic", "bic"] = "aic"
    n_values: int = 100
    ratio: float | None = None
    values: Sequence[float] | None = None

    def __post_init__(self) -> None:
        check_choice("criterion", self.criterion, ("aic", "bic"))
        _keep_values(self, checked_grid(self.n_values, self.ratio, self.values))

    @property
    def grid(self) -> Grid:
        """Which factors are tried."""
        return checked_grid(self.n_values, self.ratio, self.values)

    @property
    def kind(self) -> str:
        """``aic`` or ``bic``."""
        return self.criterion

    def describe(self) -> str:
        """``"AIC"`` or ``"BIC"``."""
        return self.criterion.upper()


@dataclass(frozen=True)
class Evidence(Selection):
    """Choose by the Laplace approximation of the marginal likelihood: empirical Bayes.

    log p(y) ~ loglik + log prior + p/2 log(2 pi) - 1/2 log det(H + L) at the mode, the largest over the common factor:
    first over the grid, then between its values. For smooth priors only. Coefficients with a flat prior are integrated
    over the improper density 1.

    Parameters
    ----------
    n_values, ratio, values
        As in `CrossValidation`. With `values`, only these are tried.

    References
    ----------
    MacKay (1992), Neural Computation 4:415; Rasmussen and Williams (2006), Gaussian Processes for Machine Learning,
    section 3.4.
    """

    n_values: int = 100
    ratio: float | None = None
    values: Sequence[float] | None = None

    def __post_init__(self) -> None:
        _keep_values(self, checked_grid(self.n_values, self.ratio, self.values))

    @property
    def grid(self) -> Grid:
        """Which factors are tried."""
        return checked_grid(self.n_values, self.ratio, self.values)

    @property
    def kind(self) -> str:
        """``evidence``."""
        return "evidence"

    def describe(self) -> str:
        """``"the marginal likelihood"``."""
        return "the marginal likelihood"


def _keep_values(selection: CrossValidation | InformationCriterion | Evidence, grid: Grid) -> None:
    """Numbers in place of an array, so that equal options are equal and a fit can be saved."""
    object.__setattr__(selection, "values", grid.values)


def selection_of(select: object) -> Selection:
    """What ``select=`` stands for.

    Raises
    ------
    InputError
        It is neither a `Selection` nor one of `SELECTIONS`.
    """
    if isinstance(select, Selection):
        return select
    remedy = "Or give options, as in CrossValidation(folds=5, rule='1se')."
    if not isinstance(select, str):
        rule = f"must be one of {', '.join(map(repr, SELECTIONS))} or an object such as CrossValidation()"
        raise InputError(explain("select", rule, select, remedy))
    name = check_choice("select", select, SELECTIONS)
    if name == "cv":
        return CrossValidation()
    return Evidence() if name == "evidence" else InformationCriterion("bic" if name == "bic" else "aic")
