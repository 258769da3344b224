"""When draws may be trusted: the diagnostics policy, each finding with what to do.

Thresholds follow Vehtari, Gelman, Simpson, Carpenter & Buerkner (2021, Bayesian Analysis 16:667): rank-normalised
r-hat at most 1.01, bulk and tail effective sample sizes at least 400; and Betancourt (2016, arXiv:1604.00695): energy
fraction (E-BFMI) at least 0.3. A single divergence after tuning is a finding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from problogit.arviz_io import effective_sizes, monte_carlo_error, r_hat
from problogit.core.blocks import Array
from problogit.errors import listed
from problogit.estimate import Finding

__all__ = ["LARGEST_R_HAT", "LEAST_ENERGY_FRACTION", "LEAST_ESS", "Convergence", "check_draws", "measure"]

LARGEST_R_HAT = 1.01
LEAST_ESS = 400
LEAST_ENERGY_FRACTION = 0.3


@dataclass(frozen=True, eq=False)
class Convergence:
    """Convergence figures of every coefficient, each of shape (n_terms,).

    r-hat is NaN with a single chain: nothing can be compared.
    """

    r_hat: Array
    ess_bulk: Array
    ess_tail: Array
    mcse_mean: Array
    n_chains: int = 2


def measure(chains: Array) -> Convergence:
    """Compute r-hat, effective sample sizes and Monte-Carlo error of draws of shape (n_chains, n_draws, n_terms)."""
    single = chains.shape[0] < 2
    bulk, tail = effective_sizes(chains)
    return Convergence(
        r_hat=np.full(chains.shape[2], np.nan) if single else r_hat(chains),
        ess_bulk=bulk,
        ess_tail=tail,
        mcse_mean=monte_carlo_error(chains),
        n_chains=chains.shape[0],
    )


def check_draws(
    convergence: Convergence, statistics: Mapping[str, NDArray[Any]], terms: tuple[str, ...]
) -> tuple[Finding, ...]:
    """Judge one run of the sampler.

    Parameters
    ----------
    convergence : Convergence
    statistics : mapping of str to ndarray, shape (n_chains, n_draws)
        Of which ``diverging``, ``energy`` and ``reached_max_treedepth`` are read, where they are there.
    terms : tuple of str

    Returns
    -------
    tuple of Finding
        Empty when nothing is wrong.
    """
    diverging, energy = statistics.get("diverging"), statistics.get("energy")
    deepest = statistics.get("reached_max_treedepth")
    findings = [
        None if diverging is None else _divergences(diverging),
        _single_chain() if convergence.n_chains < 2 else _mixing(convergence.r_hat, terms),
        _effective_size(convergence, terms),
        None if energy is None else _energy(energy),
        None if deepest is None else _tree_depth(deepest),
    ]
    return tuple(finding for finding in findings if finding is not None)


def _divergences(diverging: NDArray[Any]) -> Finding | None:
    count = int(diverging.sum())
    if not count:
        return None
    return Finding(
        "divergences",
        "error",
        f"{count} of {diverging.size} draws ended in a divergence: the sampler may have missed part of the posterior.",
        "Raise target_accept, e.g. Bayes(target_accept=0.95); if divergences stay, use a prior with lighter tails.",
    )


def _single_chain() -> Finding:
    return Finding(
        "single-chain",
        "warning",
        "One chain was sampled, so that r-hat cannot be computed and nothing shows whether chains agree.",
        "Sample at least 4 chains: Bayes(chains=4).",
    )


def _mixing(values: Array, terms: tuple[str, ...]) -> Finding | None:
    bad = ~(values <= LARGEST_R_HAT)  # NaN (a chain that never moved) counts as bad
    if not bad.any():
        return None
    return Finding(
        "r-hat",
        "error",
        f"r-hat reaches {_largest(values):.3f}, above {LARGEST_R_HAT} (Vehtari et al. 2021), for {_named(bad, terms)}: "
        "the chains have not mixed.",
        "Sample longer: Bayes(tune=2000, draws=2000).",
        tuple(term for term, is_bad in zip(terms, bad, strict=True) if is_bad),
    )


def _largest(values: Array) -> float:
    return float("nan") if np.isnan(values).any() else float(values.max())


def _effective_size(convergence: Convergence, terms: tuple[str, ...]) -> Finding | None:
    smallest = np.minimum(convergence.ess_bulk, convergence.ess_tail)
    bad = ~(smallest >= LEAST_ESS)
    if not bad.any():
        return None
    return Finding(
        "ess",
        "warning",
        f"The effective sample size falls to {np.nan_to_num(smallest).min():.0f}, below {LEAST_ESS} (bulk or tail; "
        f"Vehtari et al. 2021), for {_named(bad, terms)}: means and interval ends are noisy.",
        "Draw more: Bayes(draws=4000).",
        tuple(term for term, is_bad in zip(terms, bad, strict=True) if is_bad),
    )


def energy_fraction(energy: NDArray[Any]) -> Array:
    """E-BFMI of each chain: mean squared change of the energy over its variance; (n_chains, n_draws) -> (n_chains,)."""
    steps = np.square(np.diff(energy, axis=1)).mean(axis=1)
    return np.asarray(steps / np.var(energy, axis=1, ddof=1))


def _energy(energy: NDArray[Any]) -> Finding | None:
    least = float(np.min(energy_fraction(energy)))
    if least >= LEAST_ENERGY_FRACTION:
        return None
    return Finding(
        "energy",
        "warning",
        f"The energy fraction (E-BFMI) of a chain is {least:.2f}, below {LEAST_ENERGY_FRACTION} (Betancourt 2016): the "
        "sampler moves slowly through the tails.",
        "Use a prior with lighter tails, or sample longer: Bayes(tune=2000, draws=4000).",
    )


def _tree_depth(reached: NDArray[Any]) -> Finding | None:
    count = int(reached.sum())
    if not count:
        return None
    return Finding(
        "tree-depth",
        "warning",
        f"{count} of {reached.size} draws used the longest path allowed (tree depth 10): sampling is slow, not wrong.",
        "Draw more if effective sample sizes are small; a prior with lighter tails shortens the paths.",
    )


def _named(bad: NDArray[np.bool_], terms: tuple[str, ...]) -> str:
    names = [term for term, is_bad in zip(terms, bad, strict=True) if is_bad]
    return listed(names, 5)
