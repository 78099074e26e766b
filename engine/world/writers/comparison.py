"""Comparison products as NetCDF, a file for each year, a day at a time."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Self

import h5netcdf
import numpy as np
from pydantic import BaseModel, ConfigDict

from engine.world.operators.comparison import known_errors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from engine.world.operators.observation import Observation


class MapLayout(BaseModel):
    """How a comparison product's files are laid out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    """Name, with ``{year}``."""
    variable: str
    units: str
    scale: float
    states_scale: bool
    """Whether the file gives its scale as an attribute."""
    fill: int
    title: str


class ComparisonWriter:
    """Appends days to the files of a folder; keeps a product's file of the year open.

    Parameters
    ----------
    mark
        Text that says that the data are synthetic.
    """

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self._open: dict[str, tuple[Path, h5netcdf.File]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *reason: object) -> None:
        for _, file in self._open.values():
            file.close()
        self._open.clear()

    def write(self, observation: Observation, folder: Path) -> Path:
        """Append one day to the file of its product and year; return its path."""
        layout = layouts()[observation.product]
        path = folder / layout.file.format(year=observation.time.year)
        file = self._file(path, observation, layout)
        values = observation.fields["soil_moisture"] / layout.scale
        stored = np.where(np.isfinite(values), np.rint(values), layout.fill).astype(np.int16)
        day = file.dimensions["time"].size
        file.resize_dimension("time", day + 1)
        file.variables[layout.variable][day] = stored
        file.variables["time"][day] = (observation.time - _new_year(observation.time)).days
        return path

    def _file(self, path: Path, observation: Observation, layout: MapLayout) -> h5netcdf.File:
        product = observation.product
        opened = self._open.get(product)
        if opened is None or opened[0] != path:
            if opened is not None:
                opened[1].close()
            path.parent.mkdir(parents=True, exist_ok=True)
            self._open[product] = path, _create(path, observation, layout, self._mark)
        return self._open[product][1]


def _create(path: Path, observation: Observation, layout: MapLayout, mark: str) -> h5netcdf.File:
    geobox = observation.geobox
    a, (height, width) = geobox.affine, (geobox.shape.y, geobox.shape.x)
    file = h5netcdf.File(path, "w")
    file.attrs["title"] = layout.title
    file.attrs["synthetic"] = mark
    file.attrs["known_errors"] = known_errors()[observation.product].text()
    file.dimensions = {"time": None, "lat": height, "lon": width}
    axes = {
        "lat": (a.f + a.e * (np.arange(height) + 0.5), "degrees_north"),
        "lon": (a.c + a.a * (np.arange(width) + 0.5), "degrees_east"),
    }
    for name, (values, units) in axes.items():
        file.create_variable(name, (name,), "f8", data=values).attrs["units"] = units
    time = file.create_variable("time", ("time",), "i4")
    time.attrs["units"] = f"days since {_new_year(observation.time):%Y-%m-%d}"
    time.attrs["calendar"] = "standard"
    variable = file.create_variable(
        layout.variable,
        ("time", "lat", "lon"),
        "i2",
        fillvalue=np.int16(layout.fill),
        chunks=(1, height, width),
        compression="gzip",
        compression_opts=1,
    )
    variable.attrs["units"] = layout.units
    if layout.states_scale:
        variable.attrs["scale_factor"] = layout.scale
    return file


def _new_year(time: datetime) -> datetime:
    return time.replace(month=1, day=1)


@cache
def layouts() -> Mapping[str, MapLayout]:
    """Return the layouts that ship with the package, by product."""
    text = resources.files("engine.world.writers").joinpath("comparison.toml").read_text("utf-8")
    return {name: MapLayout.model_validate(row) for name, row in tomllib.loads(text).items()}
