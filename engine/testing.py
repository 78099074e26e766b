"""What the tests of all three packages share."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from pyhdf.SD import SD, SDC
from rasterio.transform import from_origin

from engine.grids import COARSE_PIXEL, SINUSOIDAL_TILE, covering_window, sinusoidal_tile
from engine.models.candidates import RandomForest
from engine.models.card import CardRegion, CardTarget
from engine.models.table import Table, Variable
from engine.models.training import Task
from engine.months import Month, month_range
from engine.world import World, build_world
from engine.world.operators.observation import Observation
from engine.world.writers.modis_hdf4 import packed_products
from engine.world.writers.modis_hdf4 import write_modis as write_granule

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from numpy.typing import NDArray

    from engine.models.candidates import AnyCandidate


def shared_path(*parts: str) -> Path:
    """Return a path below the folder of shared reference material, or skip the calling test.

    The folder is named by ``VADOSE_SHARED`` and is ``../shared`` beside the project by default.
    """
    root = Path(os.environ.get("VADOSE_SHARED", Path(__file__).parents[2] / "shared"))
    path = root.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"reference material {'/'.join(parts)} is not at VADOSE_SHARED")
    return path


# Worlds


def tiny_world_in(folder: Path) -> World:
    """Build the ``tiny`` world with seed 7 below a folder (some seconds) and return it.

    Tests take it from the session fixture ``tiny_world`` and never write into it.
    """
    return build_world("tiny", 7, folder / "tiny-world")


# Grids


def lattice_over(area: GeoBox, pixel: float, pad: int = 4) -> GeoBox:
    """Return the part of a global longitude-latitude lattice that covers an area.

    Parameters
    ----------
    area
        What to cover.
    pixel
        Pixel size in degrees; divides 180.
    pad
        Pixels beyond the area on every side.
    """
    shape = (round(180 / pixel), round(360 / pixel))
    whole = GeoBox(shape, Affine(pixel, 0, -180, 0, -pixel, 90), "EPSG:4326")
    window = covering_window(whole, area, pad)
    if window is None:
        raise ValueError("the area lies on no globe")
    return whole[window]


def write_even_modis(
    product: str,
    tile: str,
    day: date,
    archive: Path,
    values: Mapping[str, float],
    *,
    area: GeoBox,
    pad: int = 2,
) -> Path:
    """Write one date of a MODIS tile, cropped to an area, each field the same everywhere.

    Fields are named as in the file, in physical units; those not given are 0.
    """
    packed = packed_products()[product]
    whole = sinusoidal_tile(tile, packed.tile_pixels)
    window = covering_window(whole, area, pad)
    if window is None:
        raise ValueError(f"{tile} does not touch the area")
    geobox = whole[window]
    fields = {name: np.full(tuple(geobox.shape), values.get(name, 0)) for name in packed.fields}
    time = datetime(day.year, day.month, day.day, tzinfo=UTC)
    seen = Observation(product=product, time=time, geobox=geobox, tile=tile, fields=fields)
    return write_granule(seen, archive / product / tile, "test")


# Models


def toy_table(*, cells: int = 64, months: int = 2, hidden: float = 0.005) -> Table:
    """Return rows whose soil moisture follows four features and a hidden trait of each cell.

    Parameters
    ----------
    cells
        Coarse cells, on a square.
    months
        Months from January 2020.
    hidden
        Standard deviation of what no feature knows about a cell, m3 m-3.
    """
    generator = np.random.default_rng(5)
    side = round(cells**0.5)
    rows = side * side * months
    values = generator.normal(size=(rows, 4)).astype(np.float32)
    truth = 0.25 + values @ np.array([0.02, -0.01, 0.02, 0.0])
    truth += np.tile(hidden * generator.normal(size=side * side), months)
    values[generator.random(values.shape) < 0.03] = np.nan
    y, x = np.indices((side, side)) * COARSE_PIXEL
    last = Month(2020 + (months - 1) // 12, (months - 1) % 12 + 1)
    days = [str(month) for month in month_range(Month(2020, 1), last)]
    units = {"ndvi": "1", "lst_day": "K", "precipitation": "mm day-1", "elevation": "m"}
    return Table.of(
        features=tuple(Variable(name=name, units=unit) for name, unit in units.items()),
        target=Variable(name="soil_moisture", units="m3 m-3"),
        values=values,
        truth=truth,
        x=np.tile(x.ravel(), months),
        y=np.tile(y.ravel(), months),
        time=np.repeat(days, side * side),
    )


def toy_task(
    table: Table, *, seed: int = 20, trees: int = 20, settings: AnyCandidate | None = None
) -> Task:
    """Return a task to learn a toy table, with a small forest unless told otherwise."""
    forest = RandomForest(trees=trees, trees_in_folds=trees, seed=seed)
    return Task(
        kind="soil-moisture",
        settings=settings or forest,
        features=table.features,
        target=CardTarget(name="soil_moisture", units="m3 m-3", description="a toy"),
        region=CardRegion(name="toy", bbox=(0, 0, 1, 1), synthetic=True),
        months=(Month(2020, 1), Month(2020, 2)),
        inputs="none",
        omissions={},
    )


# Granules, each the smallest file with the genuine layout


def write_smap(
    path: Path,
    values: NDArray[Any],
    window: GeoBox,
    *,
    name: str = "Geophysical_Data/sm_surface",
    units: str = "m3 m-3",
    pixel: float = COARSE_PIXEL,
    upside_down: bool = False,
) -> Path:
    """Write ``(y, x)`` soil moisture on some M09 cells as a cut-out SMAP L4 file.

    ``pixel`` other than the true one makes the mistake of 9000 m; ``upside_down`` lets ``y``
    ascend.
    """
    height, width = values.shape
    x = window.affine.c + (np.arange(width) + 0.5) * pixel
    y = window.affine.f - (np.arange(height) + 0.5) * pixel
    with h5py.File(path, "w") as file:
        data = file.create_dataset(name, data=values[::-1] if upside_down else values)
        data.attrs["_FillValue"] = np.float32(-9999)
        data.attrs["units"] = np.bytes_(units)
        file["x"], file["y"] = x, y[::-1] if upside_down else y
    return path


def write_modis(
    path: Path,
    layers: Mapping[str, tuple[NDArray[Any], Mapping[str, Any]]],
    *,
    grid: str,
    tile_pixels: int,
    corner: tuple[float, float],
) -> Path:
    """Write layers with attributes as HDF4 with the StructMetadata of a MODIS grid.

    ``corner`` is column and row of the upper left pixel, counted from longitude 0 eastwards and
    from the equator southwards. Coordinates are rounded as in genuine files.
    """
    types = {"uint8": SDC.UINT8, "int16": SDC.INT16, "uint16": SDC.UINT16}
    pixel = (SINUSOIDAL_TILE - 1e-4) / tile_pixels
    height, width = next(iter(layers.values()))[0].shape
    left, top = corner[0] * pixel, -corner[1] * pixel
    file = SD(str(path), SDC.WRITE | SDC.CREATE | SDC.TRUNC)
    file.attr("StructMetadata.0").set(
        SDC.CHAR,
        "GROUP=GridStructure\n\tGROUP=GRID_1\n"
        f'\t\tGridName="{grid}"\n\t\tXDim={width}\n\t\tYDim={height}\n'
        f"\t\tUpperLeftPointMtrs=({left:.6f},{top:.6f})\n"
        f"\t\tLowerRightMtrs=({left + width * pixel:.6f},{top - height * pixel:.6f})\n"
        "\t\tProjection=GCTP_SNSOID\n\tEND_GROUP=GRID_1\nEND_GROUP=GridStructure\nEND\n",
    )
    for name, (values, attributes) in layers.items():
        data = file.create(name, types[values.dtype.name], values.shape)
        data.setcompress(SDC.COMP_DEFLATE, 1)
        data[:] = values
        for key, value in attributes.items():
            setattr(data, key, value)
        data.endaccess()
    file.end()
    return path


def write_geotiff(
    path: Path,
    values: NDArray[Any],
    corner: tuple[float, float],
    pixel: float,
    *,
    crs: str | None = "EPSG:4326",
    **profile: Any,
) -> Path:
    """Write ``(y, x)`` numbers as GeoTIFF, ``corner`` being the upper left one in the CRS."""
    height, width = values.shape
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=height,
        width=width,
        count=1,
        dtype=values.dtype,
        crs=crs,
        transform=from_origin(*corner, pixel, pixel),
        **profile,
    ) as file:
        file.write(values, 1)
    return path
