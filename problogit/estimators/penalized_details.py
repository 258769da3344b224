"""What a penalized fit knows beside its coefficients, and what it says of itself."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import OptimizeResult

from problogit.core.path_record import PathRecord
from problogit.core.priors.resolved import ResolvedPrior
from problogit.core.scaling import Scaling
from problogit.data.rows import Array
from problogit.estimate import Details, Estimate, Finding
from problogit.estimators.path_selection import ChosenStrength
from problogit.estimators.penalized_optimum import Optimum
from problogit.estimators.penalized_problem import ScaledProblem
from problogit.problem import Problem

__all__ = [
    "ROADS",
    "PenalizedDetails",
    "convergence_findings",
    "kink_findings",
    "original_units",
    "with_choice",
]

_NAMED = 100  # terms that a finding names

ROADS = {
    "newton": "Newton's method",
    "proximal-newton": "proximal Newton",
    "lbfgs": "L-BFGS-B",
    "newton-cg": "Newton-CG",
}


@dataclass(frozen=True, eq=False)
class PenalizedDetails(Details):
    """What penalized likelihood knows beside the coefficients.

    Attributes
    ----------
    raw : OptimizeResult or None
        What `scipy.optimize.minimize` returned. ``raw.x`` are the coefficients of the centred and scaled columns
        (`scaling` leads back), ``raw.fun`` is minus the penalized log-likelihood in those coordinates. None after
        `load`.
    prior : ResolvedPrior
        The prior that was used, one number per parameter and column, original units.
    scaling : Scaling
        Centres and scales of the columns.
    solver : str
        The road that was taken.
    violation : float
        Largest violation of the optimality (KKT) conditions: in units of the gradient of the scaled problem, or of
        the L1 strength there where that is larger than 1.
    penalized_loglik : float
        Log-likelihood plus log prior density, original units.
    n_modes : int
        Distinct optima that were found.
    inference : str
        What the intervals are: ``curvature``, ``sandwich``, ``bootstrap``, ``debiased`` or ``none``.
    path : PathRecord or None
        The path on which the strength was chosen.
    """

    raw: OptimizeResult | None
    prior: ResolvedPrior
    scaling: Scaling
    solver: str
    violation: float
    penalized_loglik: float
    n_modes: int
    inference: str
    path: PathRecord | None = None


def with_choice(fit: Estimate, chosen: ChosenStrength, seeds: np.random.SeedSequence) -> Estimate:
    """The path and the choice beside what was estimated at it."""
    selection = chosen.record.selection
    text = "" if selection is None else f"; {selection.text}"
    drawn = selection is not None and selection.criterion == "cv"
    provenance = replace(
        fit.provenance,
        engine=fit.provenance.engine + text,
        seed=int(str(seeds.entropy)) if drawn else fit.provenance.seed,
    )
    details = fit.details
    if isinstance(details, PenalizedDetails):
        details = replace(details, path=chosen.record)
    return replace(fit, findings=chosen.findings + fit.findings, provenance=provenance, details=details)


def original_units(scaled: ScaledProblem, gamma: Array, prior: ResolvedPrior) -> Array:
    """Coefficients in original units; those at a kink are put exactly there."""
    beta = scaled.scaling.to_original(gamma)
    inner = scaled.objective.prior
    at_kink = (inner.l1 > 0) & (gamma == inner.loc)
    return np.asarray(np.where(at_kink, prior.loc, beta))


def kink_findings(prior: ResolvedPrior, beta: Array, problem: Problem) -> list[Finding]:
    """Say how many coefficients an L1 part holds exactly at its kink."""
    kinked = prior.l1 > 0
    still = np.flatnonzero(kinked & (beta == prior.loc))
    if still.size == 0:
        return []
    terms = problem.terms
    where = "0" if not np.any(prior.loc[kinked]) else "the location of their prior"
    return [
        Finding(
            "zeros",
            "info",
            f"{still.size} of {int(kinked.sum())} coefficients with an L1 penalty are exactly {where}.",
            "",
            tuple(terms[j] for j in still[:_NAMED]),
        )
    ]


def convergence_findings(best: Optimum) -> list[Finding]:
    """Say that the optimiser stopped early, and how far from the optimality conditions."""
    if best.converged:
        return []
    return [
        Finding(
            "convergence",
            "error",
            f"The optimiser ({ROADS[best.solver]}) stopped before it converged; the optimality conditions are broken "
            f"by {best.violation:.2g}. {best.raw.message}",
            "Try another solver, or look for columns of extreme size.",
        )
    ]
