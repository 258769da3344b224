"""The rules that arguments must keep, each checked in one place."""

from __future__ import annotations

import difflib
import math
import numbers
from collections.abc import Iterable, Sequence

import numpy as np

from problogit.errors import InputError, explain

__all__ = [
    "check_choice",
    "check_integer",
    "check_number",
    "check_positive",
    "check_probability",
    "nearest",
    "seed_sequence",
]


def check_number(name: str, value: object) -> float:
    """Return `value` as a finite float, or raise `InputError`."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real) or not math.isfinite(value):
        raise InputError(explain(name, "must be a finite number", value))
    return float(value)


def check_positive(name: str, value: object) -> float:
    """Return `value` as a positive finite float, or raise `InputError`."""
    number = check_number(name, value)
    if number <= 0:
        raise InputError(explain(name, "must be positive", value))
    return number


def check_probability(name: str, value: object) -> float:
    """Return `value` as a float strictly between 0 and 1, or raise `InputError`."""
    number = check_number(name, value)
    if not 0 < number < 1:
        remedy = f"For {number:g}% write {number / 100:g}." if 1 < number < 100 else ""
        raise InputError(explain(name, "must lie strictly between 0 and 1", value, remedy))
    return number


def check_integer(name: str, value: object, minimum: int) -> int:
    """Return `value` as an int not below `minimum`, or raise `InputError`."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Integral) or value < minimum:
        raise InputError(explain(name, f"must be an integer of at least {minimum}", value))
    return int(value)


def check_choice(name: str, value: object, choices: Sequence[str]) -> str:
    """Return `value` if it is one of `choices`, else raise `InputError` naming the nearest."""
    if isinstance(value, str) and value in choices:
        return value
    close = nearest(value, choices) if isinstance(value, str) else None
    remedy = f"Did you mean {close!r}?" if close else ""
    listed = ", ".join(repr(choice) for choice in choices)
    raise InputError(explain(name, f"must be one of {listed}", value, remedy))


def nearest(name: object, candidates: Iterable[object]) -> str | None:
    """The candidate most like `name`, or None when nothing is near."""
    pool = {str(candidate).lower(): str(candidate) for candidate in candidates}
    found = difflib.get_close_matches(str(name).lower(), list(pool), n=1, cutoff=0.6)
    return pool[found[0]] if found else None


def seed_sequence(rng: int | np.random.Generator | None) -> np.random.SeedSequence:
    """Turn the one seed argument of problogit into a `numpy.random.SeedSequence`.

    An int gives the same sequence each time; a Generator is advanced by one draw; None takes fresh entropy. The
    entropy (``.entropy``) is stored in the provenance, so that every fit can be repeated. Child i of a resampled
    fit uses ``.spawn`` number i (SPEC 7 of scientific-python.org for the argument's name).
    """
    if rng is None:
        return np.random.SeedSequence()
    if isinstance(rng, np.random.Generator):
        return np.random.SeedSequence(int(rng.integers(2**63)))
    if isinstance(rng, numbers.Integral) and not isinstance(rng, bool) and rng >= 0:
        return np.random.SeedSequence(int(rng))
    raise InputError(explain("rng", "must be a non-negative int, a numpy.random.Generator or None", rng))
