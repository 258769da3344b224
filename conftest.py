"""Examples that are run: Python blocks of README.md and of the pages in docs, and the doctests of the package.

`make docs` collects them (``pytest docs README.md problogit``). The blocks of one page share their names, as in its
reader's session, and run in an empty folder, so that a page may write ``report.html``.
"""

from __future__ import annotations

import doctest
import os
import tempfile
from pathlib import Path
from typing import Any

from sybil import Sybil
from sybil.document import PythonDocStringDocument
from sybil.parsers.doctest import DocTestParser
from sybil.parsers.myst import PythonCodeBlockParser

ROOT = Path(__file__).parent


def enter_empty_folder(names: dict[str, Any]) -> None:
    """Start a page."""
    names["_folder"] = tempfile.TemporaryDirectory()
    os.chdir(names["_folder"].name)


def leave_folder(names: dict[str, Any]) -> None:
    """Leave nothing of a page behind."""
    os.chdir(ROOT)
    names["_folder"].cleanup()


pages = Sybil(
    parsers=[PythonCodeBlockParser(doctest_optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)],
    path=str(ROOT),
    patterns=["README.md", "docs/*.md"],
    setup=enter_empty_folder,
    teardown=leave_folder,
)
docstrings = Sybil(
    parsers=[DocTestParser(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)],
    path=str(ROOT / "problogit"),
    pattern="*.py",
    document_types={".py": PythonDocStringDocument},
    setup=enter_empty_folder,
    teardown=leave_folder,
)

pytest_collect_file = (pages + docstrings).pytest()
