"""The response's own labels for rows: the event where its probability reaches a threshold."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from problogit.analysis.decisions import Costs, called, threshold_of
from problogit.analysis.predict import predict, predict_proba
from problogit.data.rows import Array, Response, Unseen
from problogit.errors import InputError, NotAvailableError, explain
from problogit.estimate import Estimate

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["UNCERTAIN", "classify", "labels_of"]

UNCERTAIN = "uncertain"


def classify(
    estimate: Estimate,
    data: Any = None,
    threshold: float | Costs = 0.5,
    unseen: Unseen = "error",
    *,
    uncertain: bool = False,
    prob: float = 0.95,
) -> NDArray[Any]:
    """The response's own label for every row: the event where its probability reaches the threshold.

    Parameters
    ----------
    estimate : Estimate
    data : table, optional
        The training table without it.
    threshold : float or Costs
        Strictly between 0 and 1; `Costs` gives C_FP / (C_FP + C_FN).
    unseen : str
        As in `predict`.
    uncertain : bool
        Label ``"uncertain"`` the rows whose interval of the probability, as `predict` gives it, lies on both sides of
        the threshold, and those whose probability has no interval (exactly 0 or 1 in separated data).
    prob : float
        Probability of those intervals.

    Returns
    -------
    ndarray, shape (n_rows,)
        Labels in their own type; an object array with None in rows that cannot be predicted, where there are any. With
        ``uncertain=True`` an array of strings where the labels are strings, else always an object array of the labels
        and ``"uncertain"``.

    Raises
    ------
    NotAvailableError
        The response counts events, so that a row has no label; or `uncertain` is asked of a fit without intervals.
    InputError
        A label of the response is itself ``"uncertain"``, and `uncertain` is asked for.
    """
    return labels_of(
        estimate,
        threshold,
        lambda: predict_proba(estimate, data, unseen),
        lambda: predict(estimate, data, prob, None, unseen, "pandas"),
        uncertain=uncertain,
    )


def labels_of(
    estimate: Estimate,
    threshold: float | Costs,
    probability: Callable[[], Array],
    bounds: Callable[[], pd.DataFrame],
    *,
    uncertain: bool,
) -> NDArray[Any]:
    """The same of probabilities that are given: `bounds` is called where the rows that are not sure are asked for.

    Parameters
    ----------
    estimate : Estimate
        Whose response it is.
    threshold : float or Costs
    probability : callable
        Gives the probability of every row.
    bounds : callable
        Gives a frame ``probability, lower, upper``.
    uncertain : bool
    """
    response = estimate.problem.response
    if response.counts:
        raise NotAvailableError(
            f"{response.name} counts events in trials, so a row has no label to predict. Use predict() for the "
            "probability of an event, or expected_total() for a number of events."
        )
    cut = threshold_of(threshold)
    if not isinstance(uncertain, bool):
        raise InputError(explain("uncertain", "must be True or False", uncertain))
    if not uncertain:
        return _labels(response, _choices(probability(), cut))
    if UNCERTAIN in (response.event, response.non_event):
        remedy = "Rename it in the data, or read the bounds of predict() against the threshold."
        raise InputError(
            explain("uncertain", f"needs a response without a label {UNCERTAIN!r}", response.name, remedy)
        )
    table = bounds()
    if estimate.coefficients.kinds[0] == "none":
        raise NotAvailableError(
            "uncertain=True compares intervals with the threshold, and the probabilities of this fit have none. "
            "Fit with inference='bootstrap' for that, or leave it out."
        )
    choice = _choices(table["probability"].to_numpy(), cut)
    low, high = (_choices(table[end].to_numpy(), cut) for end in ("lower", "upper"))
    choice[(choice != _NO_PREDICTION) & ((low != choice) | (high != choice))] = _NOT_SURE
    return _labels(response, choice, (UNCERTAIN,))


_NO_PREDICTION, _NOT_SURE = 2, 3


def _choices(p: Array, cut: float) -> NDArray[np.int64]:
    """0, 1, or 2 where there is no probability."""
    with np.errstate(invalid="ignore"):
        chosen = called(logit(p), cut).astype(np.int64)
    return np.where(np.isnan(p), _NO_PREDICTION, chosen)


def _labels(response: Response, choice: NDArray[np.int64], more: tuple[str, ...] = ()) -> NDArray[Any]:
    """Labels in an array of their common type; of objects where there is none, or where a row has no label."""
    known = [response.non_event, response.event]
    given: NDArray[Any] = np.array([*known, None, *more], dtype=object)[choice]
    every = [*known, *more]
    if (choice == _NO_PREDICTION).any() or len({type(label) for label in every}) > 1:
        return given
    return given.astype(np.array(every).dtype)
