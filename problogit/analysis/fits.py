"""Whatever stands for a fit in an argument, as its `Estimate`."""

from __future__ import annotations

from problogit.errors import InputError, explain
from problogit.estimate import Estimate

__all__ = ["estimate_of"]


def estimate_of(fit: object, label: str) -> Estimate:
    """The estimate that a fit carries; an `Estimate` as it is.

    Parameters
    ----------
    fit : Fit or Estimate
    label : str
        What the message calls it, e.g. ``"small"`` or ``"fits['ridge']"``.

    Raises
    ------
    InputError
        It is no fit: most often a model whose `fit` was not called.
    """
    carried = fit if isinstance(fit, Estimate) else getattr(fit, "estimate", None)
    if isinstance(carried, Estimate):
        return carried
    remedy = (
        f"A {type(fit).__name__} is not fitted: pass what its method fit() returns, e.g. model.fit(MLE())."
    )
    if not callable(getattr(fit, "fit", None)):
        remedy = "Pass what model.fit() returns."
    raise InputError(explain(label, "must be a fit", fit, remedy))
