"""Sections to one self-contained HTML page."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from problogit._version import __version__
from problogit.analysis.compare import label_estimates
from problogit.errors import InputError, explain
from problogit.estimate import HasEstimate
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
    target = Path(path)
    check_target(target)
    estimates = label_estimates(fits)
    if not estimates:
        raise InputError(explain("fits", "must hold at least one fit", fits))
    problem = next(iter(estimates.values())).problem
    heading = title or f"Logistic regression: {problem.response.describe()}"
    page = render(report_sections(estimates, prob), heading)
    write_whole(target, page)
    return target


def check_target(target: Path) -> None:
    """Refuse a path that cannot be written, before any work."""
    folder = target.parent
    if target.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise InputError(
            explain("path", "must be a file in a folder that exists and can be written", str(target))
        )


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


def write_whole(target: Path, text: str) -> None:
    """Write beside the target, then move into place."""
    try:
        handle, temporary = tempfile.mkstemp(prefix=target.name + ".", suffix=".part", dir=target.parent)
    except OSError as error:
        raise InputError(explain("path", "must be a file that can be written", str(target))) from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        Path(temporary).replace(target)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise InputError(explain("path", "must be a file that can be written", str(target))) from error
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
