"""The inputs of ``export-maps``."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from engine.errors import InputError
from processes.inputs import Box, Polygon
from processes.map_choice import ProductChoice


class ExportMapsInputs(ProductChoice):
    """Inputs of ``export-maps``."""

    crs: Annotated[
        str,
        Field(
            title="Projection",
            pattern=r"^(utm|EPSG:(4326|6933|32[67](0[1-9]|[1-5][0-9]|60)))$",
            description="EPSG:4326 (longitude and latitude, 30 arc-seconds), utm (1 km in the zone "
            "of the area's middle), a zone such as EPSG:32649, or EPSG:6933, the maps' own cells.",
        ),
    ] = "EPSG:4326"
    bbox: Annotated[
        Box | None,
        Field(
            title="Bounding box",
            description="What is wanted of the maps: west, south, east, north in degrees, WGS 84. "
            "By default all.",
        ),
    ] = None
    geometry: Annotated[
        Polygon | None,
        Field(
            title="Polygon",
            description="GeoJSON polygon, instead of a bounding box; cells whose centre lies "
            "outside are empty.",
        ),
    ] = None

    @model_validator(mode="after")
    def _check_area(self) -> Self:
        if self.bbox is not None and self.geometry is not None:
            raise InputError("geometry", "a bbox is given as well", "one of bbox and geometry")
        return self
