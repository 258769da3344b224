"""Reports: what is said (`sections`) and how it looks (`render` and its template) are kept apart."""

from __future__ import annotations

from problogit.report.render import report

__all__ = ["report"]
