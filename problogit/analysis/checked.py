"""What a check gives: a line that says what was looked at, and findings where there is something to say."""

from __future__ import annotations

from dataclasses import dataclass

from problogit.estimate import Finding

__all__ = ["Check", "Checked"]


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes
    ----------
    name : str
        E.g. ``"condition number"``.
    result : str
        What was seen, ``"2.1"``; why it was not looked at, where `done` is False.
    limit : str
        From where on it matters, and by whom.
    done : bool
    """

    name: str
    result: str
    limit: str = ""
    done: bool = True


@dataclass(frozen=True)
class Checked:
    """The line of a check and its findings."""

    check: Check
    findings: tuple[Finding, ...] = ()
