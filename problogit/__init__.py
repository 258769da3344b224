"""problogit: one logistic regression, three ways to fit it, one way to read it."""

from __future__ import annotations

from problogit._version import __version__

__all__ = ["__version__"]
