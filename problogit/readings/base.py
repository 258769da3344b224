"""What every reading of a fit starts from."""

from __future__ import annotations

from dataclasses import dataclass

from problogit.estimate import Estimate

__all__ = ["Reading"]


@dataclass(frozen=True, eq=False)
class Reading:
    """One-line methods over an estimate; no logic.

    Attributes
    ----------
    estimate : Estimate
        What the engine returned: coefficient distribution, status, findings, provenance.
    """

    estimate: Estimate
