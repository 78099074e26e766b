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
    CLASSIFICATION = f"{_BASE}classification/v1.1.0/schema.json"
    RENDER = f"{_BASE}render/v2.0.0/schema.json"
    DATACUBE = f"{_BASE}datacube/v2.3.0/schema.json"
    THEMES = f"{_BASE}themes/v1.0.0/schema.json"
    WEB_MAP_LINKS = f"{_BASE}web-map-links/v1.2.0/schema.json"
    MLM = f"{_BASE}mlm/v1.5.2/schema.json"


_REFERENCED = (f"{_BASE}raster/v1.1.0/schema.json", f"{_BASE}processing/v1.1.0/schema.json")
"""Schemas that those above take definitions from."""

_PROJJSON = "https://proj.org/schemas/v0.7/projjson.schema.json"
"""Schema of a way to write reference systems that vadose does not use."""
_NOTHING = {"$schema": "http://json-schema.org/draft-07/schema#", "$id": _PROJJSON, "not": {}}


@cache
def schemas() -> Mapping[str, dict[str, Any]]:
    """Return every packaged schema by its address, with those that they refer to."""
    found = {address: _schema(address) for address in (*map(str, Extension), *_REFERENCED)}
    return {**found, _PROJJSON: _NOTHING}


def _schema(address: str) -> dict[str, Any]:
    parts = address.removeprefix(_BASE).split("/")
    text = files("stac").joinpath("schemas", *parts).read_text(encoding="utf-8")
    return dict(json.loads(text))
