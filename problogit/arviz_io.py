"""The way to ArviZ: convergence figures, Pareto-smoothed weights and the DataTree of an estimate.

The only importer of arviz-base and arviz-stats. Both have the same names and arrays under ArviZ 0.23 (PyMC 5) and
ArviZ 1 (PyMC 6); every probability and kind is passed explicitly, because their defaults differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from problogit._version import __version__
from problogit.core.blocks import Array
from problogit.core.coefficients import DrawnCoefficients
from problogit.core.likelihood import log_binomial_constant
from problogit.core.priors.used import hyperparameter_terms
from problogit.errors import NotAvailableError
from problogit.estimate import Details, Estimate
from problogit.estimators.external_details import ExternalDetails
from problogit.estimators.laplace_details import LaplaceDetails
from problogit.estimators.posterior import BayesDetails
from problogit.prior_density import log_prior_density
from problogit.problem import Problem

if TYPE_CHECKING:
    from xarray import DataTree

__all__ = [
    "as_datatree",
    "effective_sizes",
    "monte_carlo_error",
    "pointwise_log_likelihood",
    "r_hat",
    "relative_ess",
    "tail_efficiency",
    "to_datatree",
]

_LARGEST_LOG_LIKELIHOOD = 5e7
_SAMPLING_DRAWS = 4000
_PREDICTIVE_STREAM = 71  # beside the seed, so that outcomes do not repeat the numbers behind the draws


def r_hat(chains: Array) -> Array:
    """Rank-normalised split r-hat, (n_chains, n_draws, k) -> (k,)."""
    from arviz_stats.base import array_stats

    with np.errstate(invalid="ignore", divide="ignore"):  # a chain that never moved: NaN
        return np.asarray(array_stats.rhat(chains, chain_axis=0, draw_axis=1, method="rank"))


def effective_sizes(chains: Array) -> tuple[Array, Array]:
    """Bulk and tail effective sample size, (n_chains, n_draws, k) -> two arrays (k,)."""
    from arviz_stats.base import array_stats

    bulk = array_stats.ess(chains, chain_axis=0, draw_axis=1, method="bulk")
    tail = array_stats.ess(chains, chain_axis=0, draw_axis=1, method="tail", prob=(0.05, 0.95))
    return np.asarray(bulk), np.asarray(tail)


def monte_carlo_error(chains: Array) -> Array:
    """Monte-Carlo standard error of the mean, (n_chains, n_draws, k) -> (k,)."""
    from arviz_stats.base import array_stats

    return np.asarray(array_stats.mcse(chains, chain_axis=0, draw_axis=1, method="mean"))


def relative_ess(chains: Array) -> float:
    """Effective sample size of the mean over the number of draws, averaged over the coefficients."""
    from arviz_stats.base import array_stats

    sizes = array_stats.ess(chains, chain_axis=0, draw_axis=1, method="mean")
    return float(np.mean(sizes) / (chains.shape[0] * chains.shape[1]))


def tail_efficiency(chains: Array) -> float:
    """Effective sample size of the 5% and 95% points of one quantity over the number of draws.

    `chains` has shape (n_chains, n_draws, 1).
    """
    from arviz_stats.base import array_stats

    size = array_stats.ess(chains, chain_axis=0, draw_axis=1, method="tail", prob=(0.05, 0.95))
    return float(np.ravel(size)[0] / (chains.shape[0] * chains.shape[1]))


def as_datatree(tree: Any) -> DataTree | None:
    """A DataTree, a posterior's Dataset or an InferenceData as a DataTree; None for anything else."""
    from arviz_base import convert_to_datatree
    from xarray import Dataset, DataTree

    if isinstance(tree, DataTree):
        return tree
    # By name, as arviz-base itself does: importing ArviZ 0.x only to know its class takes seconds.
    if isinstance(tree, Dataset) or type(tree).__name__ == "InferenceData":
        converted: DataTree = convert_to_datatree(tree)
        return converted
    return None


def to_datatree(estimate: Estimate, log_likelihood: bool | None = None, predictive: bool = False) -> DataTree:
    """An estimate as ArviZ reads it.

    Parameters
    ----------
    estimate : Estimate
    log_likelihood : bool, optional
        Add the pointwise log-likelihood. By default only where rows times draws are at most 5e7.
    predictive : bool
        Add replicated outcomes, one of every row for each draw, which `plot_loo_pit`, `plot_ppc_pava` and other
        predictive checks ask for.

    Returns
    -------
    xarray.DataTree
        Groups ``posterior`` (``beta`` with dimension ``term``), ``observed_data``, ``constant_data``, and for a
        posterior ``sample_stats``, ``log_prior`` (where the density of the prior is known), ``log_likelihood`` (of one
        unit of each row where frequency weights say that it is several) and ``posterior_predictive``. Draws of the
        Laplace sampler are one chain, with copies of a proposal side by side; their ``sample_stats`` hold the log
        density ``lp`` and the number of the ``proposal``, their attributes ``k_hat`` and ``ess``. The attribute
        ``distribution`` says whether the draws are a posterior or come from the sampling distribution of an estimate.

    Raises
    ------
    NotAvailableError
        If the log-likelihood or replicated outcomes of something that is not a posterior are asked for, or there is
        nothing to draw from.
    """
    from arviz_base import from_dict

    posterior = _is_posterior(estimate)
    _check_asked(estimate, "log_likelihood", asked=bool(log_likelihood))
    _check_asked(estimate, "predictive", asked=predictive)
    chains = _chains(estimate)
    groups: dict[str, dict[str, Any]] = {"posterior": {"beta": chains}}
    coords: dict[str, Any] = {"term": list(estimate.terms)}
    dims: dict[str, list[str]] = {"beta": ["term"]}
    _add_details(estimate.details, groups, coords, dims)
    if estimate.problem.data is not None:
        coords["obs"] = _labels(estimate)
        groups |= _data_groups(estimate)
        dims |= {name: ["obs"] for name in ("y", "trials", "weights", "offset")}
        wanted = log_likelihood
        if wanted is None:
            small = chains.shape[0] * chains.shape[1] * len(coords["obs"]) <= _LARGEST_LOG_LIKELIHOOD
            wanted = small and not estimate.details.row_refusal
        if posterior:
            groups |= _prior_groups(estimate, chains)
        if posterior and wanted:
            groups["log_likelihood"] = {"y": pointwise_log_likelihood(estimate.problem, chains)}
        if predictive:
            groups["posterior_predictive"] = {"y": _replicates(estimate, chains)}
    elif log_likelihood or predictive:
        _ = estimate.problem.rows  # raises: the data were not saved
    tree: DataTree = from_dict(groups, coords=coords, dims=dims)
    return _labelled(tree, _attributes(estimate, posterior))


def _is_posterior(estimate: Estimate) -> bool:
    coefficients = estimate.coefficients
    return isinstance(coefficients, DrawnCoefficients) and coefficients.estimate is None


def _check_asked(estimate: Estimate, what: str, *, asked: bool) -> None:
    if not asked:
        return
    if not _is_posterior(estimate):
        why = {
            "log_likelihood": "A leave-one-out score of draws from a sampling distribution is not an elpd.",
            "predictive": "Outcomes drawn from a sampling distribution are not a posterior predictive.",
        }
        raise NotAvailableError(
            f"{what}=True needs a posterior; this fit is {estimate.method.describe()}. {why[what]} Fit with Bayes(), "
            "or use `fit.scores()`."
        )
    if estimate.details.row_refusal:
        raise NotAvailableError(estimate.details.row_refusal)


def _add_details(
    details: Details,
    groups: dict[str, dict[str, Any]],
    coords: dict[str, Any],
    dims: dict[str, list[str]],
) -> None:
    """What the engine knows of its draws, in place."""
    if isinstance(details, BayesDetails):
        groups["posterior"] |= dict(details.extra)
        for name in details.extra:
            own = hyperparameter_terms(details.prior, name)
            if own:
                dims[name] = [f"{name}_term"]
                coords[f"{name}_term"] = list(own)
        groups["sample_stats"] = dict(details.statistics)
    elif isinstance(details, LaplaceDetails):
        groups["sample_stats"] = {"lp": details.log_posterior[None], "proposal": details.proposal[None]}
    elif isinstance(details, ExternalDetails):
        groups["posterior"] |= dict(details.extra)
        dims |= {name: list(own) for name, own in details.extra_dims.items()}
        coords |= {dim: list(labels) for dim, labels in details.extra_coords.items() if dim not in coords}
        if details.statistics:
            groups["sample_stats"] = dict(details.statistics)


def _chains(estimate: Estimate) -> Array:
    coefficients = estimate.coefficients
    if isinstance(coefficients, DrawnCoefficients):
        return coefficients.chains
    seed = estimate.provenance.seed or 0
    return coefficients.draws(_SAMPLING_DRAWS, np.random.default_rng(seed))[None]


def _prior_groups(estimate: Estimate, chains: Array) -> dict[str, dict[str, Any]]:
    """The log prior of every draw, where it is known: what `arviz_stats.psense` scales."""
    try:
        values = log_prior_density(estimate, chains.reshape(-1, chains.shape[-1]))
    except NotAvailableError:
        return {}
    return {"log_prior": {"prior": values.reshape(chains.shape[:2])}}


def _labels(estimate: Estimate) -> Any:
    """Labels of the rows in the user's table; positions where labels are not plain numbers or strings."""
    rows = estimate.problem.rows
    labels = np.asarray(rows.index)[rows.kept]
    if labels.dtype == object and all(isinstance(label, str) for label in labels):
        return labels.astype(str)
    return labels if labels.dtype.kind in "iufU" else rows.kept


def _data_groups(estimate: Estimate) -> dict[str, dict[str, Any]]:
    """What was observed, and what the likelihood took as given where it is not trivial."""
    rows = estimate.problem.rows
    given: dict[str, Any] = {}
    if estimate.problem.response.counts:
        given["trials"] = rows.trials
    if estimate.problem.weighted:
        given["weights"] = rows.weights
    if rows.offset.any():
        given["offset"] = rows.offset
    # Integers, by which plots know that outcomes are counts.
    groups: dict[str, dict[str, Any]] = {"observed_data": {"y": rows.successes.astype(np.int64)}}
    return groups | ({"constant_data": given} if given else {})


def pointwise_log_likelihood(problem: Problem, chains: Array) -> Array:
    """Log density of one unit of every row under every draw, shape (n_chains, n_draws, n_rows).

    With frequency weights a row is several units of the same density; other weights multiply it.
    """
    likelihood, rows = problem.row_likelihood, problem.rows
    betas = chains.reshape(-1, chains.shape[-1])
    out = np.empty((betas.shape[0], rows.n_obs))
    for block in likelihood.blocks(values_per_row=betas.shape[0]):
        out[:, block] = likelihood.rows_batch(betas, block)
    if problem.response.counts:
        out += log_binomial_constant(rows.successes, rows.trials)
    if problem.weights_type != "frequency":
        out *= rows.weights
    return out.reshape(*chains.shape[:2], rows.n_obs)


def _replicates(estimate: Estimate, chains: Array) -> NDArray[np.int64]:
    """Outcomes of one unit of every row under every draw, shape (n_chains, n_draws, n_rows)."""
    likelihood, rows = estimate.problem.row_likelihood, estimate.problem.rows
    random = np.random.default_rng((estimate.provenance.seed or 0, _PREDICTIVE_STREAM))
    trials = rows.trials.astype(np.int64)
    betas = chains.reshape(-1, chains.shape[-1])
    out = np.empty((betas.shape[0], rows.n_obs), dtype=np.int64)
    for block in likelihood.blocks(values_per_row=betas.shape[0]):
        eta = np.asarray(likelihood.local(block) @ betas.T).T + rows.offset[block]
        out[:, block] = random.binomial(trials[block], expit(eta))
    return out.reshape(*chains.shape[:2], rows.n_obs)


def _attributes(estimate: Estimate, posterior: bool) -> dict[str, Any]:
    details = estimate.details
    sampling = f"sampling distribution ({estimate.coefficients.kinds[0]}), not a posterior"
    return {
        "distribution": "posterior" if posterior else sampling,
        "method": estimate.method.describe_fit(estimate),
        "modelled": estimate.problem.response.describe(),
        "formula": estimate.problem.design.formula or "",
        "creation_library": "problogit",
        "creation_library_version": __version__,
        "inference_library": "pymc" if isinstance(details, (BayesDetails, ExternalDetails)) else "problogit",
        **_quality(details),
    }


def _quality(details: Details) -> dict[str, Any]:
    """What the whole of a weighted sample is worth; of chains every quantity has its own figures."""
    if not isinstance(details, LaplaceDetails):
        return {}
    return {"k_hat": details.k_hat, "ess": float(details.ess.min())}


def _labelled(tree: DataTree, attributes: dict[str, Any]) -> DataTree:
    tree.attrs.update(attributes)
    tree["posterior"].attrs.update(attributes)
    return tree
