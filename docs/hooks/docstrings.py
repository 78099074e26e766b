"""What docstrings of this house need before they are Markdown."""

from __future__ import annotations

import re
from typing import Any

import griffe

_EXAMPLE = re.compile(r"^( *)>>> .*(?:\n\1\S.*)*", re.MULTILINE)
"""A doctest, from its prompt to the next empty line."""


class Docstrings(griffe.Extension):
    """Fences doctests, whose brackets would else be read as links."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Look at one docstring."""
        if obj.docstring is not None:
            obj.docstring.value = fenced(obj.docstring.value)


def fenced(text: str) -> str:
    """Put doctests into code blocks."""
    return _EXAMPLE.sub(lambda found: f"{found[1]}```pycon\n{found[0]}\n{found[1]}```", text)
