"""`Fit`: one way to read every fit. A facade of one-line methods over `Estimate`; it holds no logic."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any

from problogit import persistence
from problogit.analysis import r_squared
from problogit.errors import InputError, explain
from problogit.estimate import Status
from problogit.estimators import external
from problogit.problem import HasProblem, Problem
from problogit.readings.checks import CheckReadings
from problogit.readings.coefficients import CoefficientReadings
from problogit.readings.posterior import PosteriorReadings
from problogit.readings.probabilities import ProbabilityReadings
from problogit.readings.quality import QualityReadings
from problogit.tables import text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from problogit.core.priors.base import ResolvablePrior

__all__ = ["Fit", "load"]


@dataclass(frozen=True, eq=False)
class Fit(CoefficientReadings, ProbabilityReadings, QualityReadings, PosteriorReadings, CheckReadings):
    """A fitted logistic regression, whatever the method.

    Parameters
    ----------
    estimate : Estimate
        What the engine returned: coefficient distribution, status, findings, provenance.
    """

    @classmethod
    def from_datatree(
        cls,
        model: HasProblem,
        tree: Any,
        *,
        prior: ResolvablePrior | None = None,
        variable: str = "beta",
    ) -> Fit:
        """A posterior that was sampled from the user's own PyMC model, most often an extended `pymc_model()`.

        Parameters
        ----------
        model : LogitModel
            Whose coefficients they are. Terms are matched by name, in any order; outcomes and predictors are compared
            where the tree holds them.
        tree : DataTree, InferenceData or Dataset
            What ``pm.sample()`` returned. ``sample_stats`` and ``log_likelihood`` are used where they are there; other
            variables of the posterior are kept.
        prior : Prior or Priors, optional
            The prior of the coefficients, where it is one of problogit's; nothing is said about it otherwise.
        variable : str
            Name of the coefficients in the tree.

        Raises
        ------
        InputError
            The tree does not belong to the model; the message names what differs.
        """
        if not isinstance(model, HasProblem) or not isinstance(model.problem, Problem):
            raise InputError(explain("model", "must be a LogitModel", model))
        return cls(external.estimate_from_tree(model.problem, tree, prior, variable))

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of the coefficients."""
        return self.estimate.terms

    @property
    def nobs(self) -> int:
        """Number of units."""
        return self.estimate.problem.nobs

    @property
    def loglik(self) -> float:
        """Log-likelihood at the estimate, with log C(m, s)."""
        return self.estimate.stats.loglik

    @property
    def null_loglik(self) -> float:
        """Log-likelihood of the model without predictors."""
        return self.estimate.stats.null_loglik

    @property
    def deviance(self) -> float:
        """Residual deviance, as R's glm defines it."""
        return r_squared.deviance(self.estimate)

    @property
    def df_model(self) -> float:
        """Rank of the design; effective degrees of freedom for penalized fits; NaN for Bayes."""
        return self.estimate.stats.df_model

    @property
    def aic(self) -> float:
        """Akaike's criterion."""
        return self.estimate.stats.aic

    @property
    def bic(self) -> float:
        """Schwarz's criterion."""
        return self.estimate.stats.bic

    @property
    def status(self) -> Status:
        """How the fit ended."""
        return self.estimate.status

    @property
    def converged(self) -> bool:
        """False where the optimiser stopped early or the sampler's diagnostics failed."""
        return self.estimate.status.ended

    @property
    def raw(self) -> Any:
        """The statsmodels result, scipy OptimizeResult or sampler output; None where there is none."""
        return self.estimate.raw

    def to_datatree(self, log_likelihood: bool | None = None, predictive: bool = False) -> Any:
        """An xarray DataTree that ArviZ reads.

        Parameters
        ----------
        log_likelihood : bool, optional
            The pointwise log-likelihood of a posterior; without it where rows times draws are at most 5e7.
        predictive : bool
            Replicated outcomes of a posterior, which predictive checks ask for.
        """
        from problogit import arviz_io

        return arviz_io.to_datatree(self.estimate, log_likelihood, predictive)

    def pymc_model(self) -> Any:
        """The same model and prior as a readable `pymc.Model`, which may be extended."""
        from problogit.estimators import pymc_model

        return pymc_model.pymc_model(self.estimate.problem, self.estimate.method.prior_used(self.estimate))

    def save(self, path: str | PathLike[str], data: bool = False) -> None:
        """Write everything needed to predict and report again; with ``data=True`` also to refit."""
        persistence.save(self.estimate, path, data)

    def __str__(self) -> str:
        """A readable summary."""
        return text.fit_text(self.estimate)

    def __repr__(self) -> str:
        """The same summary, so that a notebook or console shows it."""
        return text.fit_text(self.estimate)


def load(path: str | PathLike[str], context: Mapping[str, Callable[..., Any]] | None = None) -> Fit:
    """Read a fit that `Fit.save` wrote; nothing in the file is executed.

    Parameters
    ----------
    path : path
    context : mapping, optional
        The functions that the formula uses beyond the built-in ones.
    """
    return Fit(persistence.load(path, context))
