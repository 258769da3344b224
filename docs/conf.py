"""Sphinx settings. Everything is built without the network, and `make docs` turns every warning into an error."""

from __future__ import annotations

import re
from typing import Any

from problogit._version import __version__

project = "problogit"
author = "problogit developers"
project_copyright = "2026, problogit developers"
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

default_role = "code"  # `name` in a docstring is code
autosummary_generate = True
autodoc_typehints = "none"  # numpydoc's sections say the types, with their shapes
autodoc_member_order = "bysource"
numpydoc_show_class_members = False  # the class template lists them
numpydoc_xref_param_type = False

html_theme = "furo"
html_title = f"problogit {__version__}"
html_show_sourcelink = False


def keep_bars(_app: Any, _what: str, _name: str, _obj: Any, _options: Any, lines: list[str]) -> None:
    """Let |x| in a docstring be an absolute value, as everywhere in the field, not a substitution."""
    lines[:] = [re.sub(r"(``.*?``)|\|", lambda found: found[1] or r"\|", line) for line in lines]


def setup(app: Any) -> None:
    """Register the above."""
    app.connect("autodoc-process-docstring", keep_bars)
