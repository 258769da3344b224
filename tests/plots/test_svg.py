"""Drawings as elements of a page: their own ids, the page's colours, no one else's style."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import matplotlib as mpl
from matplotlib.axes import Axes

from problogit.plots.axes import COLOURS
from problogit.plots.svg import svg_element


def draw(axes: Axes) -> None:
    axes.plot([0, 1], [0, 1], color=COLOURS[0], label="<b> & $1")
    axes.set_title("#0072B2 and #000000")
    axes.legend()


def test_the_element_is_well_formed_and_named_for_those_who_cannot_see_it() -> None:
    root = ET.fromstring(svg_element(draw, "one", 'a "line" <b>').replace("xlink:href", "href"))
    assert root.tag.endswith("svg")
    assert (root.get("role"), root.get("aria-label")) == ("img", 'a "line" <b>')
    assert "<b> & $1" in "".join(root.itertext())


def test_two_drawings_share_no_id_and_refer_to_their_own() -> None:
    found = []
    for key in ("one", "two"):
        text = svg_element(draw, key, "line")
        ids = set(re.findall(r'\bid="([^"]+)"', text))
        assert set(re.findall(r"url\(#([^)]+)\)", text)) | set(re.findall(r'href="#([^"]+)"', text)) <= ids
        found.append(ids)
    assert found[0].isdisjoint(found[1])


def test_colours_are_the_page_s_and_text_is_left_alone() -> None:
    text = svg_element(draw, "one", "line")
    assert "stroke: var(--series-1, #0072b2)" in text
    assert "currentColor" in text
    assert "#0072B2 and #000000" in text


def test_the_reader_s_own_style_is_left_out_and_left_alone() -> None:
    plain = svg_element(draw, "one", "line")
    with mpl.rc_context({"axes.facecolor": "red", "axes.grid": True, "font.size": 30.0}):
        styled = svg_element(draw, "one", "line")
        assert mpl.rcParams["font.size"] == 30.0
    assert styled == plain


def test_it_says_nothing_about_when_and_with_what_it_was_made() -> None:
    text = svg_element(draw, "one", "line")
    assert text.startswith("<svg ")
    assert "metadata" not in text
    assert "Matplotlib v" not in text
    assert "DOCTYPE" not in text
