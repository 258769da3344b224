"""The version of problogit, in one place: the build, ``problogit.__version__`` and the reports read it."""

from __future__ import annotations

__version__ = "0.1.0"
