"""A month's map as one writes it at first, with common tools and nothing of vadose.

Granules are read whole by pyhdf, scaled and masked by numpy, put together and brought to the
target grid by rioxarray (`Resampling.average`), date after date; the dates' mean gives the
indices, scikit-learn predicts the stack, rioxarray writes the COG. Each granule is opened once,
all numbers are float32.

Run as a program it maps one month and prints the memory that it took.
"""

from __future__ import annotations

import json
import pickle
import re
import sys
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypedDict

import numpy as np
import rioxarray
import xarray as xr
from affine import Affine
from pairing import most_memory
from pyhdf.SD import SD
from rasterio.warp import Resampling
from rioxarray.merge import merge_datasets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray
    from sklearn.ensemble import RandomForestRegressor

    type Bands = Mapping[str, NDArray[np.float32]]

SINUSOIDAL: Final = "+proj=sinu +lon_0=0 +R=6371007.181 +units=m +no_defs"
BANDS: Final = {"red": 1, "nir": 2, "blue": 3, "swir_1240": 5, "swir1": 6, "swir2": 7}
_MARGIN: Final = 0.2
"""Degrees around the area that are kept of a global map."""


class Place(TypedDict):
    """A grid in plain numbers."""

    shape: tuple[int, int]
    """Rows and columns."""
    transform: tuple[float, float, float, float, float, float]
    """Of pixels to coordinates, in the order of `Affine`."""
    crs: str
    """Its projection."""


def grid(shape: tuple[int, int], transform: Sequence[float], crs: str) -> xr.DataArray:
    """Return an empty map, for others to match; see `Place`."""
    rows, columns = shape
    affine = Affine(*transform)
    x = affine.c + affine.a * (np.arange(columns) + 0.5)
    y = affine.f + affine.e * (np.arange(rows) + 0.5)
    empty = xr.DataArray(np.zeros((rows, columns), np.float32), {"y": y, "x": x}, ("y", "x"))
    placed: xr.DataArray = empty.rio.write_crs(crs)
    return placed


def write_map(
    made: xr.Dataset, target: xr.DataArray, forest: RandomForestRegressor, path: Path
) -> None:
    """Map features by a forest whose columns they are, in the same order."""
    stack = np.stack([layer.to_numpy().ravel() for layer in made.data_vars.values()], axis=1)
    seen = np.isfinite(stack).all(axis=1)
    values = np.full(len(stack), np.nan, np.float32)
    values[seen] = forest.predict(stack[seen])
    moisture = target.copy(data=values.reshape(target.shape)).rio.write_nodata(np.nan)
    moisture.rio.to_raster(path, driver="COG")


def features(archive: Path, month: date, target: xr.DataArray) -> xr.Dataset:
    """Return the features of a month, whose first day is given, on the target's grid."""
    bands = of_modis(archive, "MCD43A4", month, target, reflectance)
    temperature = of_modis(archive, "MOD11A2", month, target, surface_temperature)
    water = of_modis(archive, "MOD16A2GF", month, target, evapotranspiration)
    leaves = of_modis(archive, "MOD15A2H", month, target, leaf_area)
    rain = precipitation(archive, month, target)
    return xr.merge([indices(bands), temperature, water, leaves, rain], compat="override")


def of_modis(
    archive: Path,
    product: str,
    month: date,
    target: xr.DataArray,
    read: Callable[[SD], Bands],
) -> xr.Dataset:
    """Return the mean of a product's dates."""
    dates = []
    for files in files_by_date(archive, product, month):
        tiles = [tile(path, read) for path in files]
        whole = merge_datasets(tiles) if len(tiles) > 1 else tiles[0]
        dates.append(whole.rio.reproject_match(target, resampling=Resampling.average))
    mean: xr.Dataset = xr.concat(dates, "time").mean("time")
    return mean


def files_by_date(archive: Path, product: str, month: date) -> Iterator[list[Path]]:
    """Yield the tiles of each date of a month."""
    found: dict[date, list[Path]] = defaultdict(list)
    for path in sorted(archive.rglob(f"{product}.A*.hdf")):
        year, day = int(path.name.split(".")[1][1:5]), int(path.name.split(".")[1][5:])
        found[date(year, 1, 1) + timedelta(day - 1)].append(path)
    for day_of, files in sorted(found.items()):
        if (day_of.year, day_of.month) == (month.year, month.month):
            yield files


def tile(path: Path, read: Callable[[SD], Bands]) -> xr.Dataset:
    """Read a tile, and place it where its file says."""
    file = SD(str(path))
    corners = [
        [float(number) for number in pair]
        for pair in re.findall(
            r"(?:UpperLeftPoint|LowerRight)Mtrs=\((.+),(.+)\)",
            file.attributes()["StructMetadata.0"],
        )
    ]
    bands = read(file)
    file.end()
    (left, top), (right, bottom) = corners
    rows, columns = next(iter(bands.values())).shape
    x = left + (right - left) / columns * (np.arange(columns) + 0.5)
    y = top - (top - bottom) / rows * (np.arange(rows) + 0.5)
    data = xr.Dataset({name: (("y", "x"), band) for name, band in bands.items()}, {"y": y, "x": x})
    for band in data.data_vars.values():
        band.rio.write_nodata(np.nan, inplace=True)
    placed: xr.Dataset = data.rio.write_crs(SINUSOIDAL)
    return placed


def reflectance(file: SD) -> Bands:
    """Read the bands where the inversion is full or by magnitude."""
    bands = {}
    for name, number in BANDS.items():
        stored = file.select(f"Nadir_Reflectance_Band{number}")[:]
        quality = file.select(f"BRDF_Albedo_Band_Mandatory_Quality_Band{number}")[:]
        good = (stored != 32767) & (quality <= 1)
        bands[name] = masked(stored, 0.0001, good)
    return bands


def surface_temperature(file: SD) -> Bands:
    """Read temperatures that were made, with an error of at most 2 K."""
    bands = {}
    for time in ("Day", "Night"):
        stored = file.select(f"LST_{time}_1km")[:]
        quality = file.select(f"QC_{time}")[:]
        good = (stored >= 7500) & (quality & 3 <= 1) & (quality >> 6 <= 1)
        bands[f"lst_{time.lower()}"] = masked(stored, 0.02, good)
    return bands


def evapotranspiration(file: SD) -> Bands:
    """Read amounts of eight days, a day."""
    stored = file.select("ET_500m")[:]
    return {"et": masked(stored, 0.1 / 8, stored <= 32700)}


def leaf_area(file: SD) -> Bands:
    """Read leaf area of clear pixels, living detectors and either algorithm."""
    stored, quality = file.select("Lai_500m")[:], file.select("FparLai_QC")[:]
    cloud = quality >> 3 & 3
    good = (stored <= 100) & (quality >> 2 & 1 == 0) & ((cloud == 0) | (cloud == 3))
    return {"lai": masked(stored, 0.1, good & (quality >> 5 <= 3))}


def masked(
    stored: NDArray[np.integer], scale: float, good: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return physical numbers, NaN where they are not good."""
    return np.where(good, stored * np.float32(scale), np.float32(np.nan))


def indices(bands: xr.Dataset) -> xr.Dataset:
    """Return spectral indices."""
    ndvi = (bands.nir - bands.red) / (bands.nir + bands.red)
    return xr.Dataset(
        {
            "ndvi": ndvi,
            "evi": 2.5
            * (bands.nir - bands.red)
            / (bands.nir + 6 * bands.red - 7.5 * bands.blue + 1),
            "nirv": ndvi * bands.nir,
            "ndwi_gao": (bands.nir - bands.swir_1240) / (bands.nir + bands.swir_1240),
            "nsdsi": (bands.swir1 - bands.swir2) / (bands.swir1 + bands.swir2),
        }
    )


def precipitation(archive: Path, month: date, target: xr.DataArray) -> xr.Dataset:
    """Return the days' mean."""
    west, south, east, north = target.rio.transform_bounds("EPSG:4326")
    days = []
    for path in sorted(archive.rglob(f"chirps-v2.0.{month:%Y.%m}.*.tif")):
        with rioxarray.open_rasterio(path, masked=True) as day:  # type: ignore[union-attr]
            near = day.rio.clip_box(
                west - _MARGIN, south - _MARGIN, east + _MARGIN, north + _MARGIN
            )
            days.append(near.squeeze("band", drop=True).load())
    mean = xr.concat(days, "time").mean("time").rio.write_crs("EPSG:4326")
    matched: xr.DataArray = mean.rio.reproject_match(target, resampling=Resampling.bilinear)
    return matched.to_dataset(name="precipitation")


def _run(archive: str, month: str, place: str, forest: str, path: str) -> None:
    target = grid(**json.loads(place))
    trees = pickle.loads(Path(forest).read_bytes())  # noqa: S301 - our own
    before = most_memory()
    made = features(Path(archive), date.fromisoformat(month), target)
    write_map(made, target, trees, Path(path))
    print(json.dumps({"before": before, "peak": most_memory()}))  # noqa: T201


if __name__ == "__main__":
    _run(*sys.argv[1:])
