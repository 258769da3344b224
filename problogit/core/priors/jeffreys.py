"""Jeffreys' prior: Firth's penalty."""

from __future__ import annotations

from dataclasses import dataclass

from problogit.core.priors.base import ResolvablePrior, check_flag
from problogit.core.priors.columns import Columns
from problogit.core.priors.resolved import ResolvedPrior
from problogit.errors import NotAvailableError

__all__ = ["Jeffreys"]


@dataclass(frozen=True)
class Jeffreys(ResolvablePrior):
    """Jeffreys' prior of all coefficients together: log p(beta) = 0.5 log det I(beta), I the Fisher information.

    ``Penalized(Jeffreys())`` is Firth's penalized likelihood: estimates that are finite under separation and for a
    constant response, nearly free of the bias of maximum likelihood in small samples, and the same whatever the units
    of the columns. ``Bayes(Jeffreys())`` samples the posterior whose mode that is. The information is that of all
    columns, the intercept included, so that this prior is always the whole prior: it cannot be one of several in
    `Priors`.

    Parameters
    ----------
    flic : bool, optional
        Predict with the intercept that maximises the likelihood given the slopes, so that the mean of the predicted
        probabilities is the observed share of events, which Firth's intercept pulls towards one half. It changes
        predictions, never coefficients (Puhr et al. 2017, Statist. Med. 36:2302). By default `Penalized` does so;
        ``Bayes(Jeffreys())`` has no such correction, and refuses True.

    References
    ----------
    Firth (1993), Biometrika 80:27; Heinze & Schemper (2002), Statistics in Medicine 21:2409.
    """

    flic: bool | None = None

    def __post_init__(self) -> None:
        if self.flic is not None:
            check_flag(self, "flic", self.flic)

    @property
    def corrects_predictions(self) -> bool:
        """Whether `Penalized` predicts with the intercept of FLIC."""
        return self.flic is not False

    @property
    def joint(self) -> bool:
        """True: a function of all coefficients and of the data."""
        return True

    @property
    def log_concave(self) -> bool:
        """False: the log-determinant of the information need not be concave."""
        return False

    def resolve(self, problem: Columns) -> ResolvedPrior:
        """Refused: the prior has no numbers by column.

        Raises
        ------
        NotAvailableError
            Always; it names what fits the prior.
        """
        raise NotAvailableError(
            "Jeffreys() is a prior of all coefficients together, made from the data's information, and has no form by "
            "column. Penalized(Jeffreys()) and Bayes(Jeffreys()) fit it."
        )

    def describe(self) -> str:
        """``"Jeffreys()"``."""
        return "Jeffreys()" if self.corrects_predictions else "Jeffreys(flic=False)"
