"""Reading a DataTree or InferenceData of the user's own model: what must match, and what is kept beside it.

Everything is matched by name. What differs is an error that names it; nothing is taken by position.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from problogit.arviz_io import as_datatree, pointwise_log_likelihood
from problogit.core.blocks import Array
from problogit.errors import InputError, explain, listed
from problogit.problem import Problem
from problogit.validation import nearest

if TYPE_CHECKING:
    from xarray import DataArray, Dataset, DataTree

__all__ = ["ReadTree", "read_tree"]

SAMPLE_DIMS = ("chain", "draw")
_LEAST_DRAWS = 4
_LOOKED_AT = 5  # draws whose log-likelihood is compared
# Names of the same statistic in PyMC's own sampler and in nutpie.
_STATISTICS = {
    "diverging": ("diverging",),
    "energy": ("energy",),
    "lp": ("lp", "logp"),
    "n_steps": ("n_steps",),
    "tree_depth": ("tree_depth", "depth"),
    "reached_max_treedepth": ("reached_max_treedepth", "maxdepth_reached"),
    "step_size": ("step_size",),
    "acceptance_rate": ("acceptance_rate", "mean_tree_accept"),
}


@dataclass(frozen=True, eq=False)
class ReadTree:
    """What a tree held, in the order of the model's terms; fields as in `ExternalDetails`."""

    chains: Array
    statistics: dict[str, NDArray[Any]]
    extra: dict[str, NDArray[Any]]
    extra_dims: dict[str, tuple[str, ...]]
    extra_coords: dict[str, tuple[Any, ...]]
    likelihood: str


def read_tree(tree: Any, problem: Problem, variable: str = "beta") -> ReadTree:
    """Read draws of the coefficients of `problem`.

    Parameters
    ----------
    tree : DataTree, InferenceData or Dataset
        With the group ``posterior``; ``sample_stats``, ``observed_data``, ``constant_data`` and ``log_likelihood`` are
        used where they are there.
    problem : Problem
    variable : str
        Name of the coefficients, which have dimensions ``chain``, ``draw`` and one whose labels are the terms.

    Raises
    ------
    InputError
        The tree does not belong to this model; the message names what differs.
    """
    groups = _groups(tree)
    posterior = groups.get("posterior")
    if posterior is None:
        rule = f"must hold the group 'posterior'; it holds {_named(groups)}"
        raise InputError(explain("tree", rule, type(tree).__name__, "Hand over what pm.sample() returned."))
    chains = _coefficients(posterior, problem.terms, variable)
    _check_data(groups, problem)
    extra, dims, coords = _rest(posterior, variable)
    return ReadTree(
        chains,
        _statistics(groups.get("sample_stats"), chains.shape[:2]),
        extra,
        dims,
        coords,
        _likelihood(groups.get("log_likelihood"), problem, chains),
    )


def _groups(tree: Any) -> dict[str, Dataset]:
    found: DataTree | None = as_datatree(tree)
    if found is None:
        rule = "must be a DataTree, an InferenceData or the Dataset of a posterior"
        raise InputError(explain("tree", rule, tree, "Hand over what pm.sample() returned."))
    return {str(name): node.to_dataset() for name, node in found.children.items()}


def _named(names: Iterable[Any]) -> str:
    return listed([repr(str(name)) for name in names]) or "nothing"


def _coefficients(posterior: Dataset, terms: tuple[str, ...], variable: str) -> Array:
    """Draws of the coefficients, shape (n_chains, n_draws, n_terms)."""
    if variable not in posterior.data_vars:
        close = nearest(variable, map(str, posterior.data_vars))
        remedy = f"Did you mean variable={close!r}? " if close and close != variable else ""
        remedy += "pymc_model() names the coefficients 'beta'; keep it in the model, or say variable=."
        rule = f"must hold the variable {variable!r} in its posterior"
        raise InputError(explain("tree", rule, sorted(map(str, posterior.data_vars)), remedy))
    values = posterior[variable]
    others = [str(dim) for dim in values.dims if dim not in SAMPLE_DIMS]
    if not set(SAMPLE_DIMS) <= set(values.dims) or len(others) != 1:
        rule = f"must give {variable!r} the dimensions chain, draw and one for the terms"
        remedy = "Do not combine chains before handing them over."
        raise InputError(explain("tree", rule, tuple(map(str, values.dims)), remedy))
    values = values.transpose(*SAMPLE_DIMS, others[0])
    _check_labels(values, others[0], terms, variable)
    draws = np.ascontiguousarray(values.sel({others[0]: list(terms)}).values, dtype=np.float64)
    if draws.shape[0] < 1 or draws.shape[1] < _LEAST_DRAWS:
        rule = f"must hold at least {_LEAST_DRAWS} draws of a chain, below which r-hat cannot be computed"
        raise InputError(explain("tree", rule, f"{draws.shape[0]} chains of {draws.shape[1]} draws"))
    bad = ~np.isfinite(draws)
    if bad.any():
        names = [terms[j] for j in np.flatnonzero(bad.any(axis=(0, 1)))]
        where = [str(chain) for chain in np.flatnonzero(bad.any(axis=(1, 2)))]
        rule = f"must hold finite draws of {variable!r}"
        received = f"{int(bad.any(axis=2).sum())} draws with NaN or infinity"
        remedy = f"They concern {listed(names)} in chain(s) {', '.join(where)}: a chain that was cut short, or failed."
        raise InputError(explain("tree", rule, received, remedy))
    return draws


def _check_labels(values: DataArray, dim: str, terms: tuple[str, ...], variable: str) -> None:
    """The labels of the coefficients are the terms, in any order."""
    if dim not in values.coords or values.coords[dim].dtype.kind in "iuf":
        rule = f"must label {variable!r} by the names of the terms"
        remedy = "Give it dims='term', as pymc_model() does; by position nothing could be checked."
        raise InputError(explain("tree", rule, f"dimension {dim!r} without names", remedy))
    labels = [str(label) for label in values.coords[dim].values]
    lacking = [term for term in terms if term not in labels]
    foreign = [label for label in labels if label not in terms]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if lacking or foreign or twice:
        parts = [("lacks", lacking), ("has besides", foreign), ("has twice", twice)]
        differs = "; ".join(f"it {what} {_named(names)}" for what, names in parts if names)
        rule = f"must hold draws of the model's terms: {differs}"
        raise InputError(explain("tree", rule, labels, f"The terms are {_named(terms)}."))


def _check_data(groups: dict[str, Dataset], problem: Problem) -> None:
    """What was observed, and the design, are those of the model where the tree says what they were."""
    if problem.data is None:
        return
    rows = problem.rows
    observed = groups.get("observed_data")
    given = groups.get("constant_data")
    _check_same("observed_data", "y", observed, rows.successes, "outcomes")
    _check_same("constant_data", "trials", given, rows.trials, "numbers of trials")
    _check_same("constant_data", "offset", given, rows.offset, "offsets")
    if given is not None and "X" in given and isinstance(rows.X, np.ndarray):
        labelled = given["X"]
        if "term" in labelled.coords and set(map(str, labelled.coords["term"].values)) == set(problem.terms):
            labelled = labelled.sel(term=list(problem.terms))
        _check_same("constant_data", "X", labelled.to_dataset(name="X"), rows.X, "predictors")


def _check_same(group: str, name: str, found: Dataset | None, expected: Array, what: str) -> None:
    if found is None or name not in found:
        return
    values = np.asarray(found[name].values)
    rule = f"must come from the model's own data, and its {group} holds other {what} ({name!r})"
    remedy = "Sample the model that pymc_model() of this fit returned, or pass the model of the data that you sampled."
    if values.shape != expected.shape:
        raise InputError(explain("tree", rule, f"shape {values.shape} instead of {expected.shape}", remedy))
    same = np.isclose(values.astype(np.float64), expected, rtol=1e-6, atol=1e-9)
    if not same.all():
        differing = int((~same).reshape(len(same), -1).any(axis=1).sum())
        raise InputError(explain("tree", rule, f"{differing} of {len(same)} rows differ", remedy))


def _rest(
    posterior: Dataset, variable: str
) -> tuple[dict[str, NDArray[Any]], dict[str, tuple[str, ...]], dict[str, tuple[Any, ...]]]:
    """Draws of everything else that is a number, with the names and labels of its dimensions."""
    extra: dict[str, NDArray[Any]] = {}
    dims: dict[str, tuple[str, ...]] = {}
    coords: dict[str, tuple[Any, ...]] = {}
    for name, values in posterior.data_vars.items():
        if name == variable or not set(SAMPLE_DIMS) <= set(values.dims) or values.dtype.kind not in "biuf":
            continue
        own = tuple(str(dim) for dim in values.dims if dim not in SAMPLE_DIMS)
        extra[str(name)] = np.asarray(values.transpose(*SAMPLE_DIMS, *own).values)
        dims[str(name)] = own
        for dim in own:
            if dim in values.coords and values.coords[dim].dtype.kind in "biufUO":
                coords[dim] = tuple(_plain(label) for label in values.coords[dim].values)
    return extra, dims, coords


def _plain(label: Any) -> Any:
    """A label as a number, a truth value or text."""
    value = label.item() if isinstance(label, np.generic) else label
    return value if isinstance(value, (bool, int, float, str)) else str(value)


def _statistics(found: Dataset | None, shape: tuple[int, ...]) -> dict[str, NDArray[Any]]:
    """The sampler's statistics under one name each, as far as they are there."""
    statistics: dict[str, NDArray[Any]] = {}
    for name, spellings in _STATISTICS.items():
        for spelling in spellings:
            if found is None or spelling not in found or not set(SAMPLE_DIMS) <= set(found[spelling].dims):
                continue
            values = np.asarray(found[spelling].transpose(*SAMPLE_DIMS, ...).values)
            if values.shape == shape and values.dtype.kind in "biuf":
                statistics.setdefault(name, values)
    return statistics


def _likelihood(found: Dataset | None, problem: Problem, chains: Array) -> str:
    """Whether the tree's pointwise log-likelihood is that of the problem: ``same``, ``other`` or ``unknown``."""
    if found is None or problem.data is None or len(found.data_vars) != 1:
        return "unknown"
    values = found[next(iter(found.data_vars))]
    others = [dim for dim in values.dims if dim not in SAMPLE_DIMS]
    if len(others) != 1 or not set(SAMPLE_DIMS) <= set(values.dims):
        return "unknown"
    theirs = np.asarray(values.transpose(*SAMPLE_DIMS, others[0]).values)
    if theirs.shape != (*chains.shape[:2], problem.rows.n_obs):
        return "unknown"
    at = np.unique(np.linspace(0, chains.shape[1] - 1, _LOOKED_AT).astype(int))
    ours = pointwise_log_likelihood(problem, chains[:, at])
    return "same" if np.allclose(ours, theirs[:, at], rtol=1e-5, atol=1e-6) else "other"
