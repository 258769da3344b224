"""Words for what the frames name in snake_case: kinds of interval, figures, methods as they were called."""

from __future__ import annotations

import dataclasses
from typing import Any

__all__ = ["KINDS", "call_text", "kind_words"]

# Kind of interval: its name in a heading, and what it means.
KINDS = {
    "confidence-wald": (
        "Wald confidence",
        "Estimate ∓ z × standard error on the log-odds scale. In repeated samples such intervals hold the true value "
        "with the stated probability, roughly, when the sample is large.",
    ),
    "confidence-profile": (
        "profile confidence",
        "All values that a likelihood-ratio test does not reject. Better than Wald in small samples, and one-sided "
        "where the estimate is infinite.",
    ),
    "curvature": (
        "curvature",
        "The normal approximation at the mode of likelihood × prior. It reads as an approximate posterior interval; it "
        "is not a confidence interval.",
    ),
    "credible-eti": (
        "credible, equal tails",
        "Given model, prior and data, the coefficient lies inside with the stated probability, and beyond either end "
        "with equal probability.",
    ),
    "credible-hdi": (
        "credible, highest density",
        "The shortest interval with the stated posterior probability.",
    ),
    "bootstrap": (
        "bootstrap",
        "The spread of the estimate over resampled data sets (percentiles). It shows the sampling variability of a "
        "shrunken estimate and does not correct its bias.",
    ),
    "sandwich": (
        "sandwich",
        "Sampling variability of the penalized estimate if the model is right; it ignores shrinkage bias. Under "
        "sampling weights it is robust: the model need not be right.",
    ),
    "debiased": (
        "debiased confidence",
        "Confidence intervals centred not on the penalized estimate but on one that has taken a step without the "
        "penalty, so that shrinkage leaves no bias to first order. They may lie beside the estimate.",
    ),
    "none": ("no interval", "This estimate has no standard error that would mean what it says."),
}


def kind_words(kind: str) -> str:
    """The name of a kind of interval in words; a kind unknown here as it is."""
    return KINDS[kind][0] if kind in KINDS else kind.replace("-", " ")


def call_text(method: Any) -> str:
    """A method as one would write it: its name, and the options that are not the default."""
    if not dataclasses.is_dataclass(method) or isinstance(method, type):
        return repr(method)
    written = []
    positional = True
    for field in dataclasses.fields(method):
        value = getattr(method, field.name)
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        default = field.default_factory() if callable(field.default_factory) else field.default
        if not required and _same(value, default):
            positional = False
        elif field.init:
            text = call_text(value)
            written.append(text if positional else f"{field.name}={text}")
    return f"{type(method).__name__}({', '.join(written)})"


def _same(value: Any, default: Any) -> bool:
    """Equality that cannot fail: of two texts where values do not compare."""
    return value is default or repr(value) == repr(default)
