"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from problogit.errors import InputError, explain

__all__ = ["as_path", "check_writable", "write_whole"]


def as_path(path: object, argument: str = "path") -> Path:
    """The path, or an error that names what came instead."""
    if not isinstance(path, (str, os.PathLike)) or not str(path):
        raise InputError(explain(argument, "must be the path of a file", path))
    return Path(path)


def check_writable(target: Path, argument: str = "path") -> None:
    """Refuse a path that cannot be written, before any work: a file is made beside it and taken away."""
    try:
        taken = target.is_dir() or (target.exists() and not os.access(target, os.W_OK))
        if taken or not target.parent.is_dir():
            raise _unwritable(target, argument)
        with contextlib.suppress(FileNotFoundError):
            target.lstat()  # too long a name, or one that no system can hold, is another error
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except (OSError, ValueError) as error:
        raise error if isinstance(error, InputError) else _unwritable(target, argument, str(error)) from error


def write_whole(target: Path, content: bytes) -> None:
    """Write beside the target, then move into place; with the permissions that any new file gets."""
    temporary = target.parent / f".problogit-{secrets.token_hex(8)}.part"
    try:
        with temporary.open("xb") as stream:
            stream.write(content)
        temporary.replace(target)
    except (OSError, ValueError) as error:
        raise _unwritable(target, "path", str(error)) from error
    finally:
        with contextlib.suppress(OSError, ValueError):
            temporary.unlink(missing_ok=True)


def _unwritable(target: Path, argument: str, why: str = "") -> InputError:
    rule = "must be a file in a folder that exists and can be written"
    return InputError(explain(argument, rule, str(target), f"The system says: {why}." if why else ""))
