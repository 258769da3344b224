"""Progress is injected: engines talk to a small protocol, and the terminal bar is one implementation of it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from problogit.errors import InputError, explain

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

__all__ = ["SILENT", "Progress", "Silent", "TerminalProgress", "resolve_progress"]


@runtime_checkable
class Progress(Protocol):
    """What an engine may say about long work. All calls are cheap; none writes to standard output."""

    def start(self, label: str, total: int) -> None:
        """Begin a piece of work of `total` units."""

    def advance(self, amount: int = 1, note: str = "") -> None:
        """Say that `amount` more units are done; `note` replaces the remark at the end of the line."""

    def finish(self) -> None:
        """End the piece of work; called in a ``finally``."""


@dataclass(frozen=True)
class Silent:
    """Says nothing."""

    def start(self, label: str, total: int) -> None:
        """Ignore."""

    def advance(self, amount: int = 1, note: str = "") -> None:
        """Ignore."""

    def finish(self) -> None:
        """Ignore."""


SILENT = Silent()


class TerminalProgress:
    """A progress bar on standard error, drawn by rich."""

    def __init__(self) -> None:
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None

    def start(self, label: str, total: int) -> None:
        """Show a bar of `total` units."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self._bar = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=Console(file=sys.stderr),
            transient=True,
        )
        self._task = self._bar.add_task(label, total=total, note="")
        self._bar.start()

    def advance(self, amount: int = 1, note: str = "") -> None:
        """Move the bar."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, advance=amount, note=note)

    def finish(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
        self._bar = None
        self._task = None


def resolve_progress(progress: bool | Progress | None) -> Progress:
    """Turn the user's `progress` argument into a `Progress`: None shows a bar when standard error is a terminal."""
    if progress is None:
        progress = sys.stderr.isatty()
    if isinstance(progress, bool):
        return TerminalProgress() if progress else SILENT
    if not isinstance(progress, Progress):
        raise InputError(explain("progress", "must be True, False, None or a Progress object", progress))
    return progress
