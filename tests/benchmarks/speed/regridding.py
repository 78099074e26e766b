"""From MODIS' sinusoidal grid at 500 m to the fine grid, date after date."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from exactextract import exact_extract  # type: ignore[import-untyped]
from exactextract.raster import NumPyRasterSource  # type: ignore[import-untyped]
from pairing import Ratio, compared, cpu_seconds, turns
from rasterio.warp import Resampling, reproject
from scipy.ndimage import gaussian_filter
from shapely.geometry import Polygon

from engine.grids import BBox, coarse_window, covering_window, fine_of, sinusoidal_tile, transformer
from engine.regrid import area_weights

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

HENAN = BBox(110.35, 31.38, 116.65, 36.37)

_MILLI = 1e3
_ASKED = np.s_[250:275, 300:325]
"""Fine cells that exactextract is asked about."""
_EDGE_POINTS = 17


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is done."""

    dates: int
    rounds: int


FULL, QUICK = Size(dates=8, rounds=5), Size(dates=8, rounds=3)


def regrid_ratios(size: Size) -> Iterator[Ratio]:
    """Compare our exact means with GDAL's, in time and in what they say."""
    area = fine_of(coarse_window(HENAN))
    tile = sinusoidal_tile("h27v05", 2400)
    window = covering_window(tile, area, pad=2)
    if window is None:
        raise ValueError("the tile does not touch the area")
    source = tile[window]
    dates = _dates(source, size.dates)
    weights = area_weights(source, area)
    maps: dict[str, NDArray[np.float32]] = {}

    def ours() -> None:
        maps["ours"], _ = weights.apply(dates)

    def theirs() -> None:
        maps["theirs"] = np.stack([averaged(date, source, area) for date in dates])

    seconds = turns({"ours": ours, "theirs": theirs}, size.rounds)
    work = f"{size.dates} dates of 500 m sinusoidal to 1 km, {area.shape.y} × {area.shape.x} cells"
    yield compared(
        "regrid_vs_rasterio",
        *seconds.values(),
        work=work,
        against="rasterio average",
        unit="ms a date",
        scale=_MILLI / size.dates,
        goal=10,
    )
    exact, spent = exact_means(dates[0], source, area[_ASKED])
    for name, made in (("regrid_error", "ours"), ("rasterio_error", "theirs")):
        error = maps[made][0][_ASKED] - exact
        yield compared(
            name,
            [float(exact.std())],
            [float(np.sqrt(np.mean(error**2)))],
            work="standard deviation, and rmse against exactextract",
            against="exactextract",
            unit="of the field",
            goal=5e-4 if made == "ours" else None,
            below=True,
        )
    per_cell = float(np.median(seconds["ours"])) / size.dates / (area.shape.x * area.shape.y)
    yield compared(
        "regrid_vs_exactextract",
        [per_cell],
        [spent / exact.size],
        work=work,
        against="exactextract",
        unit="µs a cell",
        scale=1e6,
    )


def averaged(values: NDArray[np.float32], source: GeoBox, target: GeoBox) -> NDArray[np.float32]:
    """Regrid as one does with rasterio."""
    means = np.full(tuple(target.shape), np.nan, np.float32)
    reproject(
        values,
        means,
        src_transform=source.affine,
        src_crs=str(source.crs),
        dst_transform=target.affine,
        dst_crs=str(target.crs),
        src_nodata=np.nan,
        dst_nodata=np.nan,
        resampling=Resampling.average,
    )
    return means


def exact_means(
    values: NDArray[np.float32], source: GeoBox, target: GeoBox
) -> tuple[NDArray[np.float64], float]:
    """Return means by exactextract, whose cells are polygons, and the CPU seconds they took."""
    bounds = source.boundingbox
    raster = NumPyRasterSource(
        values.astype(np.float64),
        xmin=bounds.left,
        ymin=bounds.bottom,
        xmax=bounds.right,
        ymax=bounds.top,
        nodata=np.nan,
    )
    cells = [
        {
            "type": "Feature",
            "properties": {},
            "geometry": _outline(target[row, column], source).__geo_interface__,
        }
        for row in range(target.shape.y)
        for column in range(target.shape.x)
    ]
    found: list[float] = []
    spent = cpu_seconds(
        lambda: found.extend(
            one["properties"]["mean"] for one in exact_extract(raster, cells, "mean")
        )
    )
    return np.array(found, dtype=np.float64).reshape(tuple(target.shape)), spent


def _outline(cell: GeoBox, source: GeoBox) -> Polygon:
    """Return a cell in the source's projection, its edges in many points."""
    bounds = cell.boundingbox
    along = np.linspace(0, 1, _EDGE_POINTS)[:-1]
    unit = np.concatenate(
        [
            np.stack([along, 0 * along], axis=1),
            np.stack([0 * along + 1, along], axis=1),
            np.stack([1 - along, 0 * along + 1], axis=1),
            np.stack([0 * along, 1 - along], axis=1),
        ]
    )
    x = bounds.left + unit[:, 0] * (bounds.right - bounds.left)
    y = bounds.bottom + unit[:, 1] * (bounds.top - bounds.bottom)
    return Polygon(zip(*transformer(str(cell.crs), str(source.crs)).transform(x, y), strict=True))


def _dates(source: GeoBox, count: int) -> NDArray[np.float32]:
    """Return fields as rough as vegetation, without and with gaps."""
    generator = np.random.default_rng(0)
    shape = tuple(source.shape)
    fields = [gaussian_filter(generator.normal(size=shape), 1.5) for _ in range(count)]
    dates = np.stack(fields).astype(np.float32)
    dates[1:][generator.random(dates[1:].shape) < 0.1] = np.nan
    return dates
