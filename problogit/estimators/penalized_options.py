"""Options of `Penalized` that do not go together."""

from __future__ import annotations

from problogit.core.priors.base import ResolvablePrior
from problogit.core.priors.flat import Flat
from problogit.core.priors.jeffreys import Jeffreys
from problogit.core.priors.resolved import ResolvedPrior
from problogit.errors import InputError, explain
from problogit.estimators.early_stopping import EarlyStopping
from problogit.estimators.select import Selection

__all__ = ["check_jeffreys", "check_solver", "check_stopped", "describe_penalized"]


def check_jeffreys(select: object, inference: str | None, solver: str) -> None:
    """Refuse what has no meaning under Jeffreys' prior."""
    if select is not None:
        remedy = "Leave it out: Jeffreys() has no strength to choose."
        raise InputError(explain("select", "must be None with Jeffreys()", select, remedy))
    if inference == "debiased":
        rule = "must not be 'debiased' with Jeffreys(), whose estimate is debiased by itself"
        raise InputError(explain("inference", rule, inference, "Leave it out."))
    if solver not in ("auto", "newton"):
        rule = "must be 'auto' or 'newton' with Jeffreys(), whose leverages need the whole information"
        raise InputError(explain("solver", rule, solver))


def check_stopped(
    early_stopping: object, prior: ResolvablePrior, select: object, inference: str | None, solver: str
) -> None:
    """Refuse what does not go with gradient steps that are stopped."""
    if not isinstance(early_stopping, EarlyStopping):
        remedy = "As in Penalized(early_stopping=EarlyStopping(patience=20))."
        raise InputError(explain("early_stopping", "must be an EarlyStopping", early_stopping, remedy))
    remedy = "Leave it out: the steps alone regularise."
    if not isinstance(prior, Flat):
        raise InputError(explain("prior", "must be Flat() with early_stopping", prior, remedy))
    if select is not None:
        raise InputError(
            explain("select", "must be None with early_stopping, which has no strength", select, remedy)
        )
    if inference not in (None, "none", "bootstrap"):
        rule = "must be 'bootstrap' or 'none' with early_stopping, whose estimate is no optimum"
        raise InputError(explain("inference", rule, inference))
    if solver != "auto":
        rule = "must be 'auto' with early_stopping, whose steps are plain gradient steps"
        raise InputError(explain("solver", rule, solver))


def check_solver(prior: ResolvedPrior, solver: str) -> None:
    """Refuse a solver of smooth functions for a prior with an L1 part."""
    if not prior.smooth and solver not in ("auto", "proximal-newton"):
        rule = "must be 'auto' or 'proximal-newton' where the prior has an L1 part"
        raise InputError(explain("solver", rule, solver))


def describe_penalized(
    prior: ResolvablePrior,
    select: Selection | None,
    early_stopping: EarlyStopping | None,
    inference: str | None,
) -> str:
    """One phrase for headers: what is maximised, what was chosen, where intervals come from."""
    how = "" if inference is None else f", {inference} intervals"
    if inference == "none":
        how = ", no intervals"
    if early_stopping is not None:
        return f"maximum likelihood by {early_stopping.describe()}{how}"
    if isinstance(prior, Jeffreys):
        flic = ", probabilities by FLIC" if prior.corrects_predictions else ""
        return f"Firth's penalized likelihood (Jeffreys prior){flic}{how}"
    chosen = "" if select is None else f", strength chosen by {select.describe()}"
    return f"penalized likelihood with prior {prior.describe()}{chosen}{how}"
