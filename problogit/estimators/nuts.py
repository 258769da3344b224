"""The NUTS engine: a target in whitened coordinates -> draws, judged."""

from __future__ import annotations

import time
from typing import cast

import numpy as np

from problogit.core.coefficients import DrawnCoefficients
from problogit.core.priors.used import UsedPrior
from problogit.estimate import Estimate, Estimator, Finding, Provenance, Status
from problogit.estimators.hyperparameters import measure_extra, with_extra
from problogit.estimators.nutpie_op import nutpie_installed, run_nutpie
from problogit.estimators.nuts_op import NutsRun, NutsSettings, run_nuts
from problogit.estimators.posterior import BayesDetails, posterior_stats
from problogit.estimators.posterior_checks import check_draws, measure
from problogit.estimators.target import Target
from problogit.problem import Problem
from problogit.progress import Progress

__all__ = ["choose_backend", "sample_by_nuts"]

_LOOPS = {"pymc": (run_nuts, ("pymc", "pytensor")), "nutpie": (run_nutpie, ("nutpie",))}
_START = 2.0  # chains start uniformly in (-2, 2)^p of the whitened coordinates: wider than the posterior
# Entries of the design up to which nutpie's loop, on one core, was never slower than PyMC's on several: there the loop
# costs more than the density does. See "From a call to a posterior" in benchmarks/README.md.
_FEW_ENTRIES = 40_000


def choose_backend(asked: str, problem: Problem, prior: UsedPrior, tune: int) -> str:
    """``pymc`` or ``nutpie``: the one that was asked for; under ``auto`` the faster of those that are installed.

    Heavy tails and learned scales are PyMC's: the longer steps that nutpie's adaptation settles on went into the tails
    of a Cauchy posterior a quarter as often. nutpie cannot go without steps that adapt it.
    """
    if asked != "auto":
        return asked
    X = problem.likelihood.X
    entries = X.size if isinstance(X, np.ndarray) else X.nnz
    suits = prior.log_concave and tune > 0 and entries <= _FEW_ENTRIES
    return "nutpie" if suits and nutpie_installed() else "pymc"


def sample_by_nuts(
    problem: Problem,
    method: Estimator,
    target: Target,
    *,
    prior: UsedPrior,
    settings: NutsSettings,
    seeds: np.random.SeedSequence,
    progress: Progress,
) -> Estimate:
    """Sample `target` by the No-U-Turn sampler of PyMC, or that of nutpie.

    Parameters
    ----------
    problem : Problem
    method : Estimator
        Whose estimate it is.
    target : Target
        The posterior of `problem` under `prior`.
    prior : UsedPrior
    settings : NutsSettings
    seeds : SeedSequence
    progress : Progress

    Returns
    -------
    Estimate
        Its findings are those of the sampler's diagnostics.
    """
    started = time.perf_counter()
    first, second = seeds.spawn(2)
    start = np.random.default_rng(first).uniform(-_START, _START, (settings.chains, target.size))
    loop, packages = _LOOPS[settings.backend]
    run = loop(target, start, settings, int(second.generate_state(1)[0]), progress)
    coefficients = DrawnCoefficients(target.to_beta(run.z))
    extra = dict(target.extra(run.z))
    convergence, figures = measure(coefficients.chains), measure_extra(extra)
    names, everything = with_extra(problem.terms, convergence, figures, prior)
    judged = check_draws(everything, run.statistics, names)
    ended = Status.DIAGNOSTICS_FAILED if judged else Status.CONVERGED
    if run.interrupted:
        ended, judged = Status.INTERRUPTED, (_interruption(run, settings), *judged)
    return Estimate(
        problem=problem,
        method=method,
        coefficients=coefficients,
        status=ended,
        findings=judged,
        stats=posterior_stats(problem, coefficients.location),
        provenance=Provenance.of(
            _describe_run(run, settings),
            started,
            (*packages, "arviz-stats"),
            cast(int, seeds.entropy),
        ),
        details=BayesDetails(
            prior=prior,
            statistics=run.statistics,
            extra=extra,
            extra_figures=figures,
            r_hat=convergence.r_hat,
            ess_bulk=convergence.ess_bulk,
            ess_tail=convergence.ess_tail,
            mcse_mean=convergence.mcse_mean,
            mode=target.to_beta(np.zeros(target.size)),
            mode_is_exact=target.exact_mode,
            gradients=run.gradients,
            processes=run.processes,
            raw=run.raw,
        ),
    )


def _interruption(run: NutsRun, settings: NutsSettings) -> Finding:
    chains, draws = run.z.shape[:2]
    return Finding(
        "interrupted",
        "error",
        f"Sampling was interrupted: {chains} of {settings.chains} chains are kept, each with {draws} of "
        f"{settings.draws} draws.",
        "Use these numbers for a first look only. Fit again and let it finish, or ask for less: Bayes(draws=500).",
    )


def _describe_run(run: NutsRun, settings: NutsSettings) -> str:
    where = f"{run.processes} processes" if run.processes > 1 else "one process"
    chains, draws = run.z.shape[:2]
    ended = " (interrupted)" if run.interrupted else ""
    return (
        f"{run.engine} in whitened coordinates, {chains} chains of {settings.tune} + {draws} steps{ended} in {where}, "
        f"{run.gradients} gradient evaluations, target acceptance {settings.target_accept:g}"
    )
