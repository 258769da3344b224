"""What the commands share: reading a prior from text, choosing a method."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from problogit.errors import InputError, explain

if TYPE_CHECKING:
    from problogit.core.priors.base import ResolvablePrior
    from problogit.estimate import Estimator

__all__ = ["chosen_method", "parse_prior", "parse_value"]

_CALL = re.compile(r"\s*([A-Za-z_]+)\s*(?:\((.*)\))?\s*")


def parse_value(text: str) -> Any:
    """A number or truth value where the text is one, else the text itself."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    return value if isinstance(value, (bool, int, float)) else text


def parse_prior(text: str) -> ResolvablePrior:
    """Read ``normal(2.5)``, ``laplace(0.5)``, ``student_t(3, 2.5)``, ``normal(2.5, autoscale=True)``...

    Raises
    ------
    InputError
        The text is no known prior, or its numbers break the prior's rules.
    """
    from problogit.core.priors.elastic_net import ElasticNet
    from problogit.core.priors.flat import Flat
    from problogit.core.priors.horseshoe import Horseshoe
    from problogit.core.priors.jeffreys import Jeffreys
    from problogit.core.priors.laplace import Laplace
    from problogit.core.priors.normal import Normal
    from problogit.core.priors.student_t import Cauchy, StudentT

    families = {
        "normal": Normal,
        "laplace": Laplace,
        "studentt": StudentT,
        "cauchy": Cauchy,
        "elasticnet": ElasticNet,
        "flat": Flat,
        "jeffreys": Jeffreys,
        "horseshoe": Horseshoe,
    }
    remedy = 'Write e.g. "normal(2.5)", "laplace(0.5)", "student_t(3, 2.5)" or "normal(2.5, autoscale=True)".'
    found = _CALL.fullmatch(text)
    name = found.group(1).lower().replace("_", "") if found else ""
    if found is None or name not in families:
        raise InputError(explain("--prior", "must name one of " + ", ".join(families), text, remedy))
    try:
        positional, named = _arguments(found.group(2) or "")
        prior: ResolvablePrior = families[name](*positional, **named)
        return prior
    except (SyntaxError, ValueError, TypeError) as error:
        if isinstance(error, InputError):
            raise InputError(f"--prior {text}: {error}") from error
        raise InputError(explain("--prior", "must be a prior with plain numbers", text, remedy)) from error


def _arguments(text: str) -> tuple[list[Any], dict[str, Any]]:
    """Positional and named arguments, literals only."""
    call = ast.parse(f"f({text})", mode="eval").body
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        raise ValueError("not one call")
    named = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
    return [ast.literal_eval(argument) for argument in call.args], named


def chosen_method(
    method: str,
    prior: str | None,
    seed: int | None,
    covariance: str | None = None,
    sampler: str | None = None,
) -> Estimator:
    """The method object that the options describe."""
    from problogit.estimators.bayes import Bayes
    from problogit.estimators.mle import MLE
    from problogit.estimators.penalized import Penalized

    chosen = None if prior is None else parse_prior(prior)
    if sampler is not None and method != "bayes":
        raise InputError(explain("--sampler", "goes with --method bayes", sampler))
    if method == "mle":
        if chosen is not None:
            raise InputError(
                explain(
                    "--prior", "goes with --method penalized or bayes; maximum likelihood has none", prior
                )
            )
        return MLE() if covariance is None else MLE(covariance, rng=seed)  # type: ignore[arg-type]
    if covariance is not None:
        raise InputError(explain("--covariance", "goes with --method mle", covariance))
    if method == "penalized":
        return Penalized() if chosen is None else Penalized(chosen)
    bayes = Bayes(rng=seed) if chosen is None else Bayes(chosen, rng=seed)
    return bayes if sampler is None else replace(bayes, sampler=sampler)
