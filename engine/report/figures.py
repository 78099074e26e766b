"""One style for all figures, and how a figure becomes a part of a page.

A figure is a function that draws into an empty matplotlib figure. It is drawn as SVG without a
time or a random name in it, so equal data give equal bytes. Text stays text: it takes the page's
font, can be selected, searched and read aloud.
"""

from __future__ import annotations

import io
import re
from html import escape
from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib import style
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.colors import Colormap

    from engine.colours import Palette

INK, SOFT, LINE, GROUND = "#26231e", "#665f54", "#ded8cb", "#d6d1c6"
"""Text, quiet text, lines, and the ground of what is missing."""
ACCENT, EARTH, WATER, WARNING = "#0f6a63", "#b4622d", "#2766a5", "#a5301f"
"""Colours of the first series, of what it is compared with, of SMAP, and of what is amiss."""
FOLDS = ("#4a8ba6", "#dbb06c", "#86a38c", "#8a6fae", "#b4622d", "#1d3f86", "#7d8a2e", "#665f54")
"""Colours of what has no order; taken again from the first where there are more."""

_PADDING = 0.06
"""Inches around every part of a figure, and share of the width between two."""
_ID = re.compile(r'(?<=\bid=")|(?<=\bhref="#)|(?<=url\(#)')
_PROLOGUE = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_FOR_FILES = re.compile(r"\s*<metadata>.*?</metadata>|\s*<defs>\s*<style.*?</defs>", re.DOTALL)
_FONT = re.compile(r"font-family: [^;\"]*;? ?")
_PICTURE_ID = re.compile(r'(?<= )id="image\w+" ')
"""Of pictures, to which nothing refers; those that are equal would share it."""
_OPENING = re.compile(r'(?P<start><svg\b[^>]*?) width="(?P<width>[\d.]+)pt" height="[\d.]+pt"')


def drawn(
    name: str, draw: Callable[[Figure], None], *, size: tuple[float, float], description: str
) -> str:
    """Draw a figure, and return it as an inline ``<svg>``.

    Parameters
    ----------
    name
        Letters, digits and hyphens; no other figure of the page may have it.
    draw
        Draws into an empty figure.
    size
        Width and height in inches; on the page it keeps this shape and is never wider than its
        place.
    description
        What the figure shows, for who cannot see it.
    """
    with style.context("engine.report.vadose"), mpl.rc_context({"svg.hashsalt": name}):
        layout = ConstrainedLayoutEngine(w_pad=_PADDING, h_pad=_PADDING, wspace=_PADDING)
        figure = Figure(figsize=size, layout=layout)
        draw(figure)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return _inline(buffer.getvalue(), name, description)


def colormap(palette: Palette) -> Colormap:
    """Return a product's colours as matplotlib wants them."""
    return ListedColormap(palette.table(), name=palette.name)


def _inline(svg: str, name: str, description: str) -> str:
    """Make a file of SVG a part of a page: names of its own, the page's font and width."""
    text = _FONT.sub("", _FOR_FILES.sub("", _PROLOGUE.sub("", svg)))
    text = _ID.sub(f"{name}-", _PICTURE_ID.sub("", text))
    label = escape(description)

    def opening(found: re.Match[str]) -> str:
        start, width = found["start"], found["width"]
        return f'{start} class="figure" style="width: {width}pt" role="img" aria-label="{label}"'

    return _OPENING.sub(opening, text, count=1).strip()
