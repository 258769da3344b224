"""Sections to one self-contained HTML page."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from problogit._version import __version__
from problogit.analysis.compare import label_estimates
from problogit.estimate import HasEstimate
from problogit.output_files import as_path, check_writable, write_whole
from problogit.report.parts import Section
from problogit.report.sections import report_sections

__all__ = ["report"]


def report(
    fits: HasEstimate | Mapping[str, HasEstimate] | Sequence[HasEstimate],
    path: str | os.PathLike[str],
    title: str | None = None,
    prob: float = 0.95,
) -> Path:
    """Write one self-contained HTML file about one or many fits of the same rows.

    Parameters
    ----------
    fits : Fit, mapping of label to Fit, or sequence of Fit
    path : path
        Written whole or not at all. The page needs no network and no script.
    title : str, optional
    prob : float
        Probability of the intervals.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        The path cannot be written (checked before the work begins), or the fits are not of the same rows.
    """
    target = as_path(path)
    check_writable(target)
    estimates = label_estimates(fits)
    sections = report_sections(estimates, prob)
    problem = next(iter(estimates.values())).problem
    page = render(sections, title or f"Logistic regression: {problem.response.describe()}")
    write_whole(target, page.encode())
    return target


def render(sections: Sequence[Section], title: str) -> str:
    """The page as text."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("problogit.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("report.html.j2")
    written = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return template.render(title=title, sections=sections, version=__version__, written=written)
