"""Sphinx settings. Everything is built without the network, and `make docs` turns every warning into an error."""

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

autosummary_generate = True
autodoc_typehints = "none"  # numpydoc's sections say the types, with their shapes
autodoc_member_order = "bysource"
numpydoc_show_class_members = False  # the class template lists them
numpydoc_xref_param_type = False

html_theme = "furo"
html_title = f"problogit {__version__}"
html_show_sourcelink = False
