"""One style for all figures."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from engine.report.figures import drawn

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _draw(figure: Figure) -> None:
    axes = figure.subplots()
    axes.plot([0, 1, 2], [1, 3, -2], marker="o", label="a series")
    axes.imshow([[0, 1], [2, 3]])
    axes.legend()


def test_equal_data_are_equal_bytes() -> None:
    """A figure has no time and no random name in it."""
    one, other = (drawn("one", _draw, size=(3, 2), description="a line") for _ in range(2))
    assert one == other


def test_figures_of_a_page_do_not_share_names() -> None:
    """What a figure refers to is its own, though two of them are drawn alike."""
    names = []
    for name in ("one", "other"):
        svg = drawn(name, _draw, size=(3, 2), description="a line")
        found = set(re.findall(r'\bid="([^"]+)"', svg))
        assert set(re.findall(r'(?:url\(|xlink:href=")#([^")]+)', svg)) <= found
        names.append(found)
    assert not names[0] & names[1]


def test_text_stays_text_in_the_font_of_the_page() -> None:
    """A figure can be read aloud, names no font, and loads nothing."""
    svg = drawn("one", _draw, size=(3, 2), description='5 < 6 & "so" \\1')
    root = ET.fromstring(svg)  # noqa: S314  (our own)
    assert root.get("aria-label") == '5 < 6 & "so" \\1'
    assert "a series" in "".join(root.itertext())
    assert "font-family" not in svg
    assert "http" not in re.sub(r'xmlns(:xlink)?="[^"]+"', "", svg)
    assert "<style" not in svg
