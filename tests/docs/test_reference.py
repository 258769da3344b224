"""The reference pages leave no public name out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import problogit as plg
from problogit import plots

PAGE = Path(__file__).parents[2] / "docs" / "reference.md"


def documented(module: str) -> set[str]:
    """Names listed under ``.. currentmodule:: module`` on the page."""
    blocks = re.findall(
        r"\.\. currentmodule:: (\S+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL
    )
    return {
        name
        for where, text in blocks
        if where == module
        for name in re.findall(r"^ {3}(\w+)$", text, flags=re.MULTILINE)
    }


@pytest.mark.parametrize("module", [plg, plots], ids=lambda module: module.__name__)
def test_every_public_name_has_its_page(module: object) -> None:
    listed = documented(module.__name__)
    public = {name for name in module.__all__ if not name.startswith("__")}
    if module is plg:
        public -= {"plots"}  # a module, with its own heading
    assert listed == public
