"""Pictures of a map: a thumbnail that covers its extent, and a sheet with legend and ticks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image, ImageDraw, ImageFont
from pyproj import Transformer

from engine.cog import geobox_of
from engine.errors import UnitsError
from engine.files import atomic_path

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.colorbar import Colorbar
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

    from engine.colours import Palette

THUMBNAIL_SIDE = 512
"""Longest side of a thumbnail in pixels; STAC wants less than 600."""

_DOTS_PER_INCH = 150
_MAP_SIDE = 7.0
_MARGIN = {"left": 0.85, "right": 1.55, "bottom": 0.75, "top": 0.95}
_LEAST_MAP = 3.2
_LEGEND = (4.0, 0.9)
"""Width and height of a legend that stands alone, inches."""
_NO_DATA = "#e4e4e4"
_INK, _SOFT, _WARNING = "#222222", "#666666", "#b3261e"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """What is written around a picture."""

    title: str
    """Product and region."""
    month: str
    """The month in words or as ``YYYY-MM``."""
    source: str
    """One line that says how it was made, written small at the foot."""
    synthetic: bool
    """Whether the values are no observation; said on the picture."""


def thumbnail(
    path: Path, layer: xr.DataArray, palette: Palette, *, synthetic: bool
) -> tuple[int, int]:
    """Write a PNG of the map alone; it covers the layer's extent exactly.

    Parameters
    ----------
    path
        Where to write it, whole or not at all.
    layer
        ``(y, x)`` in the palette's units; missing cells are transparent.
    palette
        Colours and range.
    synthetic
        Whether to write ``synthetic`` into a corner.

    Returns
    -------
    tuple of int
        Height and width in pixels.
    """
    _check_units(layer, palette)
    picture = _resized(Image.fromarray(palette.rgba(layer.values)))
    if synthetic:
        _stamp(picture, "synthetic")
    with atomic_path(path) as temporary:
        picture.save(temporary, format="PNG")
    return picture.height, picture.width


def overview(
    path: Path, layer: xr.DataArray, palette: Palette, caption: Caption
) -> tuple[int, int]:
    """Write a PNG sheet: map, longitude and latitude, colour bar with units, title, origin.

    Parameters
    ----------
    path
        Where to write it, whole or not at all.
    layer
        ``(y, x)`` in the palette's units, with ``y`` and ``x`` in metres.
    palette
        Colours and range.
    caption
        What is written around the map.

    Returns
    -------
    tuple of int
        Height and width in pixels.
    """
    _check_units(layer, palette)
    grid = geobox_of(layer)
    figure, axes, bar = _sheet(grid)
    _draw_map(axes, layer, grid, palette)
    _draw_degrees(axes, grid)
    _draw_bar(figure, bar, palette)
    _draw_caption(figure, axes, caption, gaps=not bool(np.isfinite(layer.values).all()))
    canvas = FigureCanvasAgg(figure)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})
    width, height = canvas.get_width_height()
    return height, width


def legend(path: Path, palette: Palette) -> tuple[int, int]:
    """Write a PNG of a palette alone: its colours, the values they stand for, and their unit.

    Parameters
    ----------
    path
        Where to write it, whole or not at all.
    palette
        Colours and range.

    Returns
    -------
    tuple of int
        Height and width in pixels.
    """
    width, height = _LEGEND
    figure = Figure(figsize=_LEGEND, dpi=_DOTS_PER_INCH, facecolor="white")
    bar = figure.add_axes((0.35 / width, 0.62 / height, 1 - 0.7 / width, 0.2 / height))
    _draw_bar(figure, bar, palette, orientation="horizontal")
    canvas = FigureCanvasAgg(figure)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})
    columns, rows = canvas.get_width_height()
    return rows, columns


def _check_units(layer: xr.DataArray, palette: Palette) -> None:
    if layer.attrs.get("units") != palette.units:
        raise UnitsError(str(layer.name), palette.units, layer.attrs.get("units"))


def _resized(picture: Image.Image) -> Image.Image:
    """Shrink by averages, or enlarge by whole cells, to the thumbnail's side."""
    longest = max(picture.size)
    if longest > THUMBNAIL_SIDE:
        scale = THUMBNAIL_SIDE / longest
        size = tuple(max(1, round(side * scale)) for side in picture.size)
        return picture.resize((size[0], size[1]), Image.Resampling.BOX)
    times = THUMBNAIL_SIDE // longest
    return picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)


def _stamp(picture: Image.Image, text: str) -> None:
    """Write a word on a light plate into the lower left corner."""
    font = ImageFont.load_default(size=max(12, THUMBNAIL_SIDE // 24))
    draw = ImageDraw.Draw(picture)
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    height = bottom - top + 10
    corner = (0, picture.height - height, right - left + 12, picture.height)
    draw.rectangle(corner, fill=(255, 255, 255, 235))
    draw.text((6 - left, corner[1] + 5 - top), text, font=font, fill=_WARNING)


def _sheet(grid: GeoBox) -> tuple[Figure, Axes, Axes]:
    """Lay out a figure whose map keeps the grid's shape, and a slim axis for the legend."""
    height, width = grid.shape
    scale = _MAP_SIDE / max(height, width)
    map_width, map_height = (max(_LEAST_MAP, side * scale) for side in (width, height))
    total_width = _MARGIN["left"] + map_width + _MARGIN["right"]
    total_height = _MARGIN["bottom"] + map_height + _MARGIN["top"]
    figure = Figure(figsize=(total_width, total_height), dpi=_DOTS_PER_INCH, facecolor="white")
    left, bottom = _MARGIN["left"] / total_width, _MARGIN["bottom"] / total_height
    wide, high = map_width / total_width, map_height / total_height
    axes = figure.add_axes((left, bottom, wide, high))
    bar = figure.add_axes((left + wide + 0.2 / total_width, bottom, 0.22 / total_width, high))
    return figure, axes, bar


def _draw_map(axes: Axes, layer: xr.DataArray, grid: GeoBox, palette: Palette) -> None:
    box = grid.boundingbox
    axes.set_facecolor(_NO_DATA)
    axes.imshow(
        palette.rgba(layer.values),
        extent=(box.left, box.right, box.bottom, box.top),
        interpolation="nearest" if max(grid.shape) < 1000 else "antialiased",
    )


def _draw_degrees(axes: Axes, grid: GeoBox) -> None:
    """Tick longitude and latitude; both run along the axes of a cylindrical projection."""
    box = grid.boundingbox
    to_degrees = Transformer.from_crs(str(grid.crs), "EPSG:4326", always_xy=True)
    west, south, east, north = to_degrees.transform_bounds(*box.bbox)
    longitudes, latitudes = _nice(west, east), _nice(south, north)
    x, _ = to_degrees.transform(
        longitudes, np.full(longitudes.size, (south + north) / 2), direction="INVERSE"
    )
    _, y = to_degrees.transform(
        np.full(latitudes.size, (west + east) / 2), latitudes, direction="INVERSE"
    )
    axes.set_xticks(x, [_degrees(value, "E", "W") for value in longitudes])
    axes.set_yticks(y, [_degrees(value, "N", "S") for value in latitudes])
    axes.grid(visible=True, color="white", alpha=0.35, linewidth=0.5)
    axes.tick_params(labelsize=8, colors=_INK, length=3)
    axes.spines[:].set(color=_SOFT, linewidth=0.6)


def _nice(low: float, high: float) -> NDArray[np.float64]:
    """Return round numbers within a range, about five of them."""
    ticks = np.asarray(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high))
    return ticks[(ticks >= low) & (ticks <= high)]


def _degrees(value: float, positive: str, negative: str) -> str:
    """Write a longitude or a latitude.

    >>> _degrees(-34.5, "N", "S")
    '34.5°S'
    """
    side = positive if value > 0 else negative if value < 0 else ""
    return f"{abs(round(value, 4)):g}°{side}"


def _draw_bar(
    figure: Figure,
    axes: Axes,
    palette: Palette,
    orientation: Literal["vertical", "horizontal"] = "vertical",
) -> None:
    low, high = palette.range
    colours = ScalarMappable(Normalize(low, high), ListedColormap(palette.table()))
    bar: Colorbar = figure.colorbar(
        colours,
        cax=axes,
        extend="max" if math.isclose(low, 0) else "both",
        orientation=orientation,
    )
    bar.set_label(f"{palette.label} ({palette.units_label})", size=9, color=_INK)
    bar.ax.tick_params(labelsize=8, colors=_INK, length=3)
    bar.outline.set(edgecolor=_SOFT, linewidth=0.6)


def _draw_caption(figure: Figure, axes: Axes, caption: Caption, *, gaps: bool) -> None:
    width, height = figure.get_size_inches()
    left = _MARGIN["left"] / width
    foot = caption.source + (" · grey: no value" if gaps else "")
    figure.text(left, 1 - 0.47 / height, caption.title, size=13, weight="bold", color=_INK)
    figure.text(left, 1 - 0.72 / height, caption.month, size=10, color=_INK)
    figure.text(left, 0.2 / height, foot, size=7, color=_SOFT)
    if caption.synthetic:
        plate = {"facecolor": "white", "edgecolor": "none", "alpha": 0.92, "pad": 3}
        note = axes.text(0.015, 0.025, "synthetic: not an observation", bbox=plate)
        note.set(transform=axes.transAxes, size=9, weight="bold", color=_WARNING)
