"""What filters may name, as a JSON Schema."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml


@cache
def _table() -> dict[str, Any]:
    text = files("processes.search").joinpath("queryables.yaml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text))


def queryables(address: str) -> dict[str, Any]:
    """Return the schema of all that filters may name; further properties may be named, too.

    Parameters
    ----------
    address
        Where the schema itself is.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": address,
        "type": "object",
        "title": "What filters may name",
        "properties": _table(),
        "additionalProperties": True,
    }
