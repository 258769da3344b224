"""What to look at before a fit is reported: diagnostics, influence, residuals, collinearity, paths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from problogit.analysis import (
    binned,
    diagnostics,
    link,
)
from problogit.analysis import collinearity as collinear
from problogit.analysis import influence as influences
from problogit.analysis import path as paths
from problogit.analysis import residuals as remainders
from problogit.readings.base import Reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd


__all__ = ["CheckReadings"]


class CheckReadings(Reading):
    """What to look at before a fit is reported: diagnostics, influence, residuals, collinearity, paths."""

    def diagnostics(self, full: bool | None = None) -> diagnostics.Diagnostics:
        """What was checked, what was found, what to do; the gravest first.

        Parameters
        ----------
        full : bool, optional
            True: also what takes several passes over the rows (influence, outliers, link test, dispersion of counts)
            and, for a posterior, leave-one-out; False: none of it. Without it what takes a fraction of a second.
        """
        return diagnostics.diagnostics(self.estimate, full)

    def influence(
        self,
        terms: str | Sequence[str] | None = None,
        dfbetas: Literal["one-step", "r"] = "one-step",
    ) -> pd.DataFrame:
        """Leverage, Cook's distance, standardised residual and DFBETAS of the rows in use.

        Parameters
        ----------
        terms : str or sequence of str, optional
            Whose DFBETAS; all without it, none for ``()``.
        dfbetas : str
            ``one-step`` (Pregibon 1981), or ``r`` for the figures of `stats::dfbetas`.

        Returns
        -------
        DataFrame
            By the user's row labels: ``leverage, cooks_distance, std_residual`` and one column ``dfbetas[<term>]`` for
            each term, in standard errors. NaN for separated rows.
        """
        return influences.influence(self.estimate, terms, dfbetas)

    def residuals(
        self,
        kind: remainders.Kind = "deviance",
        standardized: bool = False,
        rng: int | np.random.Generator | None = None,
    ) -> pd.Series[float]:
        """Residuals of the rows: ``deviance``, ``pearson``, ``response`` or (randomised by `rng`) ``quantile``."""
        return remainders.residuals(self.estimate, kind, standardized, rng)

    def binned_residuals(self, by: Any = None, bins: int | None = None, prob: float = 0.95) -> pd.DataFrame:
        """Mean residuals in bins of the fitted probability, or of `by`, with the band in which they should lie."""
        return binned.binned_residuals(self.estimate, by, bins, prob)

    def collinearity(self, centred: bool = True) -> collinear.Collinearity:
        """Variance inflation of the terms, the condition number, and the columns that cause it."""
        return collinear.collinearity(self.estimate, centred)

    def link_test(self) -> link.LinkTest:
        """Whether the square of the linear predictor adds to it (Pregibon 1980)."""
        return link.link_test(self.estimate)

    @property
    def path(self) -> pd.DataFrame:
        """Tidy frame of the path: ``factor, term, estimate`` by strength, or ``step, ...`` of early stopping."""
        return paths.path(self.estimate)

    @property
    def path_values(self) -> pd.DataFrame:
        """One row for each strength (or step) of the path: degrees of freedom, fit, score, which was chosen."""
        return paths.path_values(self.estimate)
