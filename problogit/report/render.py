"""Sections to one self-contained HTML page."""

from __future__ import annotations

import contextlib
import os
import secrets
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
    sections = report_sections(estimates, prob)
    problem = next(iter(estimates.values())).problem
    write_whole(target, render(sections, title or f"Logistic regression: {problem.response.describe()}"))
    return target


def check_target(target: Path) -> None:
    """Refuse a path that cannot be written, before any work: a file is made beside it and taken away."""
    try:
        taken = target.is_dir() or (target.exists() and not os.access(target, os.W_OK))
        if taken or not target.parent.is_dir():
            raise _unwritable(target)
        with contextlib.suppress(FileNotFoundError):
            target.lstat()  # too long a name, or one that no system can hold, is another error
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except (OSError, ValueError) as error:
        raise error if isinstance(error, InputError) else _unwritable(target, str(error)) from error


def _unwritable(target: Path, why: str = "") -> InputError:
    rule = "must be a file in a folder that exists and can be written"
    return InputError(explain("path", rule, str(target), f"The system says: {why}." if why else ""))


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
    """Write beside the target, then move into place; with the permissions that any new file gets."""
    temporary = target.parent / f".problogit-{secrets.token_hex(8)}.part"
    try:
        with temporary.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        temporary.replace(target)
    except OSError as error:
        raise _unwritable(target, str(error)) from error
    finally:
        temporary.unlink(missing_ok=True)
