"""The STAC extensions in use; their schemas are packaged below ``stac/schemas``."""

from __future__ import annotations

import json
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_BASE = "https://stac-extensions.github.io/"


class Extension(StrEnum):
    """Address of an extension's schema, at the version that vadose writes."""

    PROJECTION = f"{_BASE}projection/v2.0.0/schema.json"
    RASTER = f"{_BASE}raster/v2.0.0/schema.json"
    FILE = f"{_BASE}file/v2.1.0/schema.json"
    PROCESSING = f"{_BASE}processing/v1.2.0/schema.json"
    SCIENTIFIC = f"{_BASE}scientific/v1.0.0/schema.json"
    VERSION = f"{_BASE}version/v1.2.0/schema.json"
    TIMESTAMPS = f"{_BASE}timestamps/v1.1.0/schema.json"


@cache
def schemas() -> Mapping[str, dict[str, Any]]:
    """Return every packaged schema by its address."""
    return {str(extension): _schema(extension) for extension in Extension}


def _schema(extension: Extension) -> dict[str, Any]:
    parts = extension.removeprefix(_BASE).split("/")
    text = files("stac").joinpath("schemas", *parts).read_text(encoding="utf-8")
    return dict(json.loads(text))
