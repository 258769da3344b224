"""What is known of a posterior that was sampled elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from problogit.core.blocks import Array
from problogit.estimate import Details

__all__ = ["ExternalDetails"]


@dataclass(frozen=True, eq=False)
class ExternalDetails(Details):
    """Draws of the rest of the user's model, and what could be checked.

    Attributes
    ----------
    statistics : mapping of str to ndarray, shape (n_chains, n_draws)
        Statistics of the sampler under PyMC's names, as far as the tree held them.
    extra : mapping of str to ndarray, shape (n_chains, n_draws, ...)
        Draws of everything in the posterior but the coefficients, by name.
    extra_dims : mapping of str to tuple of str
        Names of the further dimensions of each of `extra`.
    extra_coords : mapping of str to tuple
        Labels along those dimensions.
    r_hat, ess_bulk, ess_tail, mcse_mean : ndarray, shape (n_terms,)
        Computed from the draws.
    likelihood : str
        ``same``: the tree's pointwise log-likelihood is that of this logistic regression at every draw that was looked
        at; ``other``: it is not; ``unknown``: the tree has none.
    raw : object
        What was handed over; None after loading.
    """

    statistics: Mapping[str, NDArray[Any]]
    extra: Mapping[str, NDArray[Any]]
    extra_dims: Mapping[str, tuple[str, ...]]
    extra_coords: Mapping[str, tuple[Any, ...]]
    r_hat: Array
    ess_bulk: Array
    ess_tail: Array
    mcse_mean: Array
    likelihood: str = "unknown"
    raw: Any = None

    @property
    def effective_sizes(self) -> tuple[Array, Array]:
        """`ess_bulk` and `ess_tail`."""
        return self.ess_bulk, self.ess_tail

    @property
    def row_refusal(self) -> str:
        """Why rows cannot be left out by this likelihood, where the draws are known to be of another."""
        if self.likelihood != "other":
            return ""
        return (
            "The likelihood of the PyMC model that was sampled is not that of the formula alone, so that leaving rows "
            "out by the formula's likelihood would say nothing about that model. Compute it from your own tree, whose "
            "log_likelihood is the right one: arviz_stats.loo(tree); or judge on new data: scores(data), "
            'calibration(data); or ask for resample="apparent".'
        )
