"""Tables that the code itself tells: ``<!-- table: settings -->`` in a page becomes one of them."""

from __future__ import annotations

import ast
import inspect
import re
import tomllib
from importlib import resources
from itertools import pairwise
from typing import TYPE_CHECKING

from engine.features import SIF_PREDICTORS, preset
from processes.definitions import PROCESSES
from processes.settings import PREFIX, Settings
from stac.products import product

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_MARK = re.compile(r"<!-- table: ([\w-]+)(?: ([\w-]+))? -->")


def on_page_markdown(markdown: str, **_: object) -> str:
    """Put tables where a page asks for them."""
    return _MARK.sub(lambda found: TABLES[found[1]](*filter(None, [found[2]])), markdown)


def settings() -> str:
    """Return all settings, with their defaults and what they mean."""
    told = _docstrings(Settings)
    rows = [
        (f"`{PREFIX}{name.upper()}`", _default(field.default), told[name])
        for name, field in Settings.model_fields.items()
    ]
    return _table(("setting", "default", "meaning"), rows)


def inputs(process: str) -> str:
    """Return the inputs of a process."""
    schema = PROCESSES[process].inputs.model_json_schema()
    required = schema.get("required", ())
    rows = [
        (f"`{name}`", "required" if name in required else "", one.get("description", ""))
        for name, one in schema["properties"].items()
    ]
    return _table(("input", "", "meaning"), rows)


def layers(name: str) -> str:
    """Return the layers of a product."""
    rows = [
        (f"`{key}`", layer.units, layer.description) for key, layer in product(name).layers.items()
    ]
    return _table(("asset", "unit", "what it is"), rows)


def quality() -> str:
    """Return the bits of the quality layer."""
    rows = [
        ("–".join(map(str, sorted(set(flag["bits"])))), f"`{flag['name']}`", flag["meaning"])
        for flag in _toml("quality.toml")["flags"]
    ]
    return _table(("bits", "flag", "meaning"), rows)


def predictors() -> str:
    """Return the features, where they come from, and in which sets they are."""
    sets = {name: preset(name) for name in ("core", "standard", "paper")}
    rows = [
        (
            f"`{name}`",
            one["long_name"],
            one["units"],
            one["product"],
            ", ".join(label for label, members in sets.items() if name in members),
        )
        for name, one in _toml("features.toml")["features"].items()
    ]
    return _table(("feature", "what", "unit", "from", "in the sets"), rows)


def fluorescence() -> str:
    """Return what the model of fluorescence sees."""
    return ", ".join(f"`{name}`" for name in SIF_PREDICTORS)


TABLES: dict[str, Callable[..., str]] = {
    one.__name__: one for one in (settings, inputs, layers, quality, predictors, fluorescence)
}
"""By the names that pages know them by."""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("``", "`").replace("|", "\\|")


def _default(value: object) -> str:
    return "" if value in (None, "") else f"`{value}`"


def _toml(name: str) -> dict[str, list[dict]]:
    return tomllib.loads(resources.files("engine").joinpath(name).read_text("utf-8"))


def _docstrings(owner: type) -> dict[str, str]:
    """Return what stands below each attribute of a class and of those above it."""
    told: dict[str, str] = {}
    for one in reversed(owner.__mro__):
        if one.__module__.partition(".")[0] != "processes":
            continue
        body = ast.parse(inspect.getsource(one)).body[0].body
        for field, text in pairwise(body):
            if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
                told[field.target.id] = inspect.cleandoc(text.value.value)
    return told
