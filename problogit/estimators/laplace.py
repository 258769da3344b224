"""The Laplace engine: weighted draws about the mode -> a posterior, or the reason why they are none."""

from __future__ import annotations

import time
from typing import cast

import numpy as np

from problogit.core.blocks import Array
from problogit.core.coefficients import DrawnCoefficients
from problogit.core.priors.used import UsedPrior
from problogit.errors import listed
from problogit.estimate import Estimate, Estimator, Finding, Provenance, Status
from problogit.estimators.importance import ImportanceSample, sample_by_importance
from problogit.estimators.laplace_details import LaplaceDetails
from problogit.estimators.posterior import posterior_stats
from problogit.estimators.posterior_checks import LEAST_ESS
from problogit.estimators.target import Target
from problogit.estimators.whitened import WhitenedPosterior
from problogit.problem import Problem
from problogit.progress import Progress

__all__ = ["laplace_estimate", "laplace_sample"]

_CHILD = 2  # of the seed; NUTS takes the first two


def laplace_sample(
    problem: Problem, target: Target, n_draws: int, seeds: np.random.SeedSequence, progress: Progress
) -> ImportanceSample:
    """Weigh draws about the mode of `target`, the posterior of `problem`."""
    child = np.random.SeedSequence(seeds.entropy, spawn_key=(*seeds.spawn_key, _CHILD))
    if isinstance(target, WhitenedPosterior):
        rows = target.rows_per_point
    else:  # Jeffreys' prior: the determinant of a matrix of all columns
        rows = float(problem.likelihood.n_rows) * target.size
    return sample_by_importance(target, n_draws, rows, np.random.default_rng(child), progress)


def laplace_estimate(
    problem: Problem,
    method: Estimator,
    target: Target,
    sample: ImportanceSample,
    *,
    prior: UsedPrior,
    seeds: np.random.SeedSequence,
) -> Estimate:
    """The posterior that a sample without shortcoming is.

    Its draws are one chain: they are independent of one another but for copies, which stand side by side.
    """
    started = time.perf_counter()
    proposals = target.to_beta(sample.z)
    kept = sample.kept
    draws = proposals[kept.index]
    ess_mean, ess = kept.effective_sizes(proposals)
    judged = _check_size(ess, draws.shape[0], problem.terms)
    coefficients = DrawnCoefficients(draws[None])
    return Estimate(
        problem=problem,
        method=method,
        coefficients=coefficients,
        status=Status.DIAGNOSTICS_FAILED if judged else Status.CONVERGED,
        findings=judged,
        stats=posterior_stats(problem, coefficients.location),
        provenance=Provenance.of(_describe(sample, ess, target), started, (), cast(int, seeds.entropy)),
        details=LaplaceDetails(
            prior=prior,
            k_hat=sample.k_hat,
            ess=ess,
            ess_weights=kept.overall,
            mcse_mean=draws.std(axis=0, ddof=1) / np.sqrt(ess_mean),
            n_proposals=sample.n_proposals,
            log_posterior=sample.log_density[kept.index],
            proposal=kept.index,
            mode=target.to_beta(np.zeros(target.size)),
            mode_is_exact=target.exact_mode,
            raw=sample,
        ),
    )


def _check_size(ess: Array, n_draws: int, terms: tuple[str, ...]) -> tuple[Finding, ...]:
    bad = ~(ess >= LEAST_ESS)
    if not bad.any():
        return ()
    short = tuple(term for term, is_bad in zip(terms, bad, strict=True) if is_bad)
    return (
        Finding(
            "ess",
            "warning",
            f"The {n_draws} draws that were kept are worth {np.nan_to_num(ess).min():.0f} independent ones, fewer than "
            f"{LEAST_ESS}, for {listed(short, 5)}: means and interval ends are noisy.",
            "Keep more: Bayes(sampler='laplace', draws=4000).",
            short,
        ),
    )


def _describe(sample: ImportanceSample, ess: Array, target: Target) -> str:
    where = "the mode" if target.exact_mode else "the mode under Gaussian stand-ins of the priors"
    return (
        f"Laplace sampler: {sample.n_proposals} draws of a t at {where}, Pareto-smoothed weights with k-hat "
        f"{sample.k_hat:.2f}, {sample.kept.index.size} draws kept, worth at least {np.nan_to_num(ess).min():.0f}"
    )
